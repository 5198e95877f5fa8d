"""The SAP adapter, the loader and a real PostgreSQL together: what is loaded agrees with SAP's own counts and sums.

Belongs here: reconciliation and raw records end to end, without Dagster. Does not belong here: either of the two alone.
"""

from __future__ import annotations

from typing import Any

import pytest

from ppm_pipelines import database, load, runs
from ppm_pipelines.adapters.sap import Sap
from ppm_pipelines.records import Page, Raw
from ppm_pipelines_tests.test_adapter_sap_sandbox import Tenant
from ppm_pipelines_tests.test_adapter_sap_sandbox import served as served
from ppm_pipelines_tests.test_adapter_sap_sandbox import tenant as tenant

pytestmark = pytest.mark.usefixtures("database_url")


def sync(adapter: Sap, state: dict[str, Any] | None = None, entity: str = "costs") -> load.SyncResult:
    request = runs.RunRequest("default", "sap", entity, "full" if state is None else "incremental")
    with database.owner() as connection:
        run_id = runs.claim(connection, request).run_id
    with database.direct() as own:
        return load.load(
            own,
            request,
            run_id,
            adapter.read(entity, state),
            complete=lambda: adapter.complete,
            state=adapter.state,
            control=adapter.control,
        )


def rows(query: str) -> list[tuple[Any, ...]]:
    with database.direct() as connection:
        return connection.execute(query).fetchall()


@pytest.mark.parametrize("version", ["v4", "v2"])
def test_every_load_agrees_with_what_sap_reports(tenant: Tenant, version: str) -> None:
    """DOMAIN "Control", with records in quarantine and an order that comes twice."""
    if version == "v2":
        tenant.fault("no_v4")
    for kind in ("unknown_wbs", "unknown_project", "order_without_project", "posting_unknown_wbs", "bad_date"):
        tenant.fault(kind)
    tenant.fault("duplicate_key")
    before = tenant.adapter()
    assert sync(before).reconciliation["ok"]  # type: ignore[index]
    for steps in (1, 40, 120):
        tenant.post("advance", steps=steps)
        after = tenant.adapter()
        result = sync(after, before.state())
        assert result.reconciliation is not None
        assert result.reconciliation["ok"], result.reconciliation
        before = after


def test_a_difference_is_told_with_its_project(tenant: Tenant) -> None:
    first = tenant.adapter()
    sync(first)
    with database.direct() as connection:
        connection.execute(
            "update ppm.commitments set relieved_amount = relieved_amount + 1 where source_key = (select source_key"
            " from ppm.commitments where relieved_by = 'receipt' and relieved_amount > 0 and closed_reason is null"
            " order by po_date limit 1)"
        )
    result = sync(tenant.adapter(), first.state())
    assert result.reconciliation is not None
    (difference,) = result.reconciliation["differences"]
    assert (difference["figure"], difference["delta"].lstrip("-")[:1]) == ("relieved:receipt", "1")


def test_what_the_database_kept_makes_the_same_records_again(tenant: Tenant) -> None:
    tenant.fault("unknown_wbs")
    sync(tenant.adapter())
    for entity, stream in (("commitments", "orders"), ("actuals", "journal")):
        kept = rows(f"select stream, source_key, record from ppm.raw_records where stream = '{stream}'")
        made = [
            one
            for page in tenant.adapter().replay(entity, [Raw(*row) for row in kept])
            if page.entity == entity
            for one in page.outcomes
        ]
        stored = rows(f"select source_key from ppm.{entity}")
        keys = {one.source_key for one in made}
        assert keys >= {key for (key,) in stored}
        again = sync_pages(entity, made)
        assert (again.inserted, again.updated, again.closed) == (0, 0, 0)


def sync_pages(entity: Any, outcomes: list[Any]) -> load.SyncResult:
    """Loads outcomes as they are; what they are made from is held already."""
    request = runs.RunRequest("default", "sap", entity, "incremental")
    with database.owner() as connection:
        run_id = runs.claim(connection, request).run_id
    page = Page(entity, outcomes)
    with database.direct() as own:
        return load.load(own, request, run_id, [page], complete=set, state=dict)
