"""Figures over HTTP: as of a time, compared, from every side, signed; and a line's whole story."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from ppm_pipelines_tests.product import Product, database_url
from ppm_pipelines_tests.test_api_syncs import sync

PROJECTS = "/api/costbook/projects"


@pytest.fixture(autouse=True)
def connected(product: Product) -> Iterator[None]:
    product.sandbox().post("/_sandbox/sap/reset")
    product.connected()
    sync(product, mode="full")
    yield
    product.sandbox().post("/_sandbox/sap/reset")


def get(product: Product, path: str, **parameters: Any) -> Any:
    answer = product.api("viewer").get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def advanced(product: Product, steps: int = 5) -> dict[str, Any]:
    told: dict[str, Any] = product.sandbox().post("/_sandbox/sap/advance", json={"steps": steps}).json()
    return told


def portfolio(product: Product, **parameters: Any) -> list[dict[str, Any]]:
    items = get(product, PROJECTS, limit=500, **parameters)["items"]
    return [{name: value for name, value in one.items() if name != "as_of"} for one in items]


def test_the_costbook_of_a_past_time_is_the_one_that_was_shown(product: Product) -> None:
    moment, shown = datetime.now(UTC), portfolio(product)
    advanced(product)
    sync(product)
    assert portfolio(product) != shown
    assert portfolio(product, as_of=moment.isoformat()) == shown
    assert portfolio(product, as_of=(moment - timedelta(days=400)).date().isoformat()) == []
    assert product.api("viewer").get(PROJECTS, params={"as_of": "yesterday"}).status_code == 422


def test_lines_of_a_past_time_and_the_differences_since(product: Product) -> None:
    moment = datetime.now(UTC)
    advanced(product)
    told = sync(product).json()["by_entity"]["commitments"]
    moved = [
        (one, get(product, f"{PROJECTS}/{one['project_id']}/compare", **{"from": moment.isoformat()}))
        for one in portfolio(product)
    ]
    kinds = [kind for _, compared in moved for kind in compared["changes"]["commitments"].items()]
    assert sum(kind["rows"] for name, kind in kinds if name == "new") == told["inserted"]
    touched = told["inserted"] + told["updated"] + told["closed"]
    assert sum(kind["rows"] for _, kind in kinds) == touched > 0
    for one, compared in moved:
        path = f"{PROJECTS}/{one['project_id']}/commitments"
        then, now = get(product, path, as_of=moment.isoformat(), limit=1), get(product, path, limit=1)
        new = compared["changes"]["commitments"].get("new", {"rows": 0})["rows"]
        assert now["total"] - then["total"] == new
        figure = compared["figures"]["committed"]
        assert Decimal(figure["to"]) - Decimal(figure["from"]) == Decimal(figure["delta"])
        assert figure["to"] == one["committed"]


def test_every_side_of_a_project_adds_up_to_its_figures(product: Product) -> None:
    for one in portfolio(product)[:10]:
        for by in ("wbs_element", "vendor", "period"):
            parts = get(product, f"{PROJECTS}/{one['project_id']}/breakdown", by=by)["items"]
            for name in ("committed", "actual", "open"):
                own = sum(Decimal(part[name]) for part in parts if part["currency"] == one["currency"])
                assert own == Decimal(one[name]), (one["project_nr"], by, name)


def test_from_a_line_to_what_sap_delivered(product: Product) -> None:
    [line] = get(product, f"{PROJECTS}/{portfolio(product)[0]['project_id']}/commitments", limit=1)["items"]
    told = get(product, f"{PROJECTS}/{line['project_id']}/commitments/{line['id']}")
    [raw] = told["raw"]
    assert raw["stream"] == "orders"
    assert raw["record"]["order"]["PurchaseOrder"] == line["po_number"]
    assert told["line"]["ordered_amount"] == line["ordered_amount"]
    assert told["runs"][0]["run_id"] == line["run_id"]
    assert product.api("viewer").get(f"{PROJECTS}/{line['project_id']}/commitments/0").status_code == 404


def test_a_posting_leads_to_its_journal_line(product: Product) -> None:
    [line] = get(product, f"{PROJECTS}/{portfolio(product)[0]['project_id']}/actuals", limit=1)["items"]
    [raw] = get(product, f"{PROJECTS}/{line['project_id']}/actuals/{line['id']}")["raw"]
    assert raw["source_key"] == line["source_key"]


def test_a_period_is_closed_once_and_keeps_its_figures(product: Product) -> None:
    last = datetime.now(UTC).date().replace(day=1) - timedelta(days=1)
    path = f"/api/costbook/periods/{last.year}/{last.month}"
    shown = portfolio(product)
    closed = product.api("controller").post(f"{path}/close")
    assert closed.status_code == 200, closed.text
    assert {one["project_nr"]: one["committed"] for one in closed.json()["projects"]} == {
        one["project_nr"]: one["committed"] for one in shown
    }
    advanced(product)
    sync(product)
    assert product.api("controller").post(f"{path}/close").json() == closed.json() == get(product, path)
    assert [one["fiscal_period"] for one in get(product, "/api/costbook/periods")] == [f"{last.month:03d}"]
    soon = product.api("controller").post(f"/api/costbook/periods/{last.year + 2}/1/close")
    assert (soon.status_code, soon.json()["type"]) == (409, "/problems/period-not-over")
    assert product.api("controller").post(f"/api/costbook/periods/{last.year}/17/close").status_code == 422
    product.rows("delete from ppm.closed_periods returning 1")
    product.rows("delete from ppm.period_figures returning 1")


def test_a_sync_tells_how_it_compares_with_sap_and_the_list_of_connectors_too(product: Product) -> None:
    advanced(product)
    told = sync(product).json()["reconciliation"]
    assert (told["ok"], told["differences"], told["detail"]) == (True, [], "")
    assert set(told["rows_by_entity"]) == {"commitments", "actuals"}
    [row] = [one for one in product.api("admin").get("/api/integrations/config").json() if one["system"] == "sap"]
    assert row["reconciliation"] == told
    assert row["quarantined"] == 0


def _waits_for_a_lock(watching: psycopg.Connection) -> bool:
    query = "select from pg_stat_activity where wait_event_type = 'Lock' and query like '%max(ppm.sync_runs.ended_at)%'"
    return bool(watching.execute(query).fetchall())


def test_a_page_of_lines_and_when_it_was_true_are_of_one_moment(product: Product) -> None:
    path = f"{PROJECTS}/{portfolio(product)[0]['project_id']}/commitments"
    before, later = get(product, path, limit=1), "update ppm.sync_runs set ended_at = ended_at + interval '%s hours'"
    url, deadline = database_url(product.environment), time.monotonic() + 30
    with (
        ThreadPoolExecutor(1) as reader,
        psycopg.connect(url, autocommit=True) as watching,
        psycopg.connect(url) as merging,
    ):
        merging.execute("lock table ppm.sync_runs in access exclusive mode")
        read = reader.submit(get, product, path, limit=1)
        while not _waits_for_a_lock(watching):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        merging.execute(later % 1)
        merging.commit()
        assert read.result() == before
        try:
            assert get(product, path, limit=1)["as_of"] > before["as_of"]
        finally:
            merging.execute(later % -1)
