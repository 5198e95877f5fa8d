"""What Dynamics alone does: its products, through the loader into a real PostgreSQL, compared with their own books.

Belongs here: what an environment lacks, companies, how orders end. Does not belong here: what every system does
(``test_contract``), single rules (``test_adapter_dynamics``).
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from api.integrations import FAILED
from ppm_pipelines.adapters.base import Misconfigured, NotOffered, Refused, SourceError
from ppm_pipelines.records import Commitment, Raw
from ppm_pipelines.sandbox.app import create
from ppm_pipelines_tests.serving import serving
from ppm_pipelines_tests.simulated import World, assert_as_in_the_books, named, rows, standing

pytestmark = pytest.mark.usefixtures("database_url")


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with serving(create(seed=7, orders=20, pace=0, size=0.5)) as url:
        yield url


@pytest.fixture
def environment(served: str) -> Iterator[World]:
    with standing(named("dynamics-finance_operations"), served) as made:
        yield made


@pytest.fixture
def central(served: str) -> Iterator[World]:
    with standing(named("dynamics-business_central"), served) as made:
        yield made


@pytest.fixture
def dataverse(served: str) -> Iterator[World]:
    with standing(named("dynamics-dataverse"), served) as made:
        yield made


# Finance & Operations ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("switch", ["", "no_bi", "no_invoice_entities", "old_release"])
def test_an_incremental_read_finds_what_happened(environment: World, switch: str) -> None:
    """With remaining quantities, by invoices alone, without invoices, and on a release without a field."""
    if switch:
        environment.fault(switch)
    environment.sync("full")
    for steps in (1, 30, 90):
        environment.post("advance", steps=steps)
        environment.sync()
        assert_as_in_the_books(environment)


def test_what_is_open_is_told_by_invoices_where_no_quantity_is(environment: World) -> None:
    """The documented fallback: the two disagree where an invoice has another price than the order."""
    by_quantity = environment.books()
    environment.fault("no_bi")
    assert environment.books()["totals"] != by_quantity["totals"]
    result = environment.sync("full")
    assert_as_in_the_books(environment)
    assert result.reconciliation is not None
    assert result.reconciliation["ok"], result.reconciliation


def test_without_any_entity_that_tells_what_is_open_nothing_is_taken(environment: World) -> None:
    environment.fault("no_bi")
    environment.fault("no_invoice_entities")
    with pytest.raises(Refused, match="Neither the purchase lines") as refused:
        environment.sync("full")
    assert refused.value.code == "entity_missing"
    assert rows("select 1 from ppm.commitments") == []
    environment.sync("full", entity="actuals")  # they need none of it
    assert environment.stored("actuals")


def test_only_the_chosen_companies_are_read(environment: World) -> None:
    """Trap 1: without cross-company the answer is the default company's alone, with status 200."""
    environment.sync("full", adapter=environment.adapter(companies=["no20", "no11"]))
    assert {row["company_code"] for row in environment.stored("commitments").values()} == {"no20", "no11"}
    wanted = {r["source_key"] for r in environment.books()["actuals"] if r["company_code"] in ("no20", "no11")}
    assert environment.stored("actuals").keys() == wanted


def test_an_invoice_during_the_read_is_not_open_and_actual_at_once(environment: World) -> None:
    """DOMAIN R15: what business touched meanwhile is read once more at the end."""
    environment.fault("page_size", 40)
    adapter: Any = environment.adapter()
    actuals = adapter._product.actuals

    def late(*args: Any) -> Iterator[Any]:
        environment.post("advance", steps=40)  # the orders are read, the postings are not
        yield from actuals(*args)

    adapter._product.actuals = late
    result = environment.sync("full", adapter=adapter)
    assert result.rejected == 0
    books = {row["source_key"]: row for row in environment.books()["commitments"]}
    for key, row in environment.stored("commitments").items():
        amounts = {name: Decimal(books[key][name]) for name in ("ordered", "relieved", "open")}
        approved = row["closed_reason"] == books[key]["closed_reason"]  # a header alone tells no change
        assert not approved or {name: row[name] for name in amounts} == amounts, key
    bought = {row["source_key"] for row in environment.books()["actuals"] if "/APIN" in row["source_key"]}
    assert bought <= environment.stored("actuals").keys()


def test_a_linked_number_is_no_unknown_project(environment: World) -> None:
    [made] = environment.fault("unknown_project")
    adapter = environment.adapter()
    adapter.linked = frozenset({"Z-9999"})
    keys = {one.source_key for page in adapter.read("commitments", None) for one in page.outcomes}
    kept = [raw for page in environment.adapter().read("commitments", None) for raw in page.raws]
    again = environment.adapter()
    again.linked = frozenset({"Z-9999"})
    chosen = [Raw(raw.stream, raw.key, raw.record) for raw in kept if raw.key == made["key"]]
    [commitment] = [
        one for page in again.replay("commitments", chosen) if page.entity == "commitments" for one in page.outcomes
    ]
    assert made["key"] in keys
    assert isinstance(commitment, Commitment)
    assert (commitment.source_key, commitment.project_nr) == (made["key"], "Z-9999")


def test_actuals_name_their_order_and_their_invoice(environment: World) -> None:
    """Actuals without an order are forecast differently, so the lot of a posting is followed to its order."""
    environment.sync("full", entity="actuals")
    [(bought, with_order, with_invoice)] = rows(
        "select count(*), count(po_no), count(vendor_invoice_no) from ppm.actuals"
        " where document_type like 'PurchaseOrder%'"
    )
    assert bought == with_order == with_invoice > 0
    assert rows("select 1 from ppm.actuals a where po_no is not null and document_type like 'Timesheet%'") == []


def test_a_connection_test_names_what_is_hidden(environment: World) -> None:
    """Trap 12: roles hide rows without an error."""
    environment.fault("hidden_company")
    checks = {check.name: check for check in environment.adapter(companies=["no10", "no17"]).test()}
    assert "None of company no17" in checks["commitments"].detail
    environment.fault("no_bi")
    environment.fault("no_invoice_entities")
    checks = {check.name: check for check in environment.adapter(companies=["no99"]).test()}
    assert not checks["invoices"].ok
    assert not checks["projects"].ok


def test_a_connection_test_stops_where_nothing_after_it_can_work(environment: World) -> None:
    checks = list(environment.adapter(client_secret="other").test())
    assert [(check.name, check.ok) for check in checks] == [("address", True), ("sign_in", False)]
    environment.fault("token_expired", 50)
    checks = list(environment.adapter().test())
    assert "register it in the product" in checks[-1].detail


# Business Central ----------------------------------------------------------------------------------------------------


def test_invoiced_orders_of_business_central_are_closed_as_invoiced_and_not_cancelled(central: World) -> None:
    """Trap 5: the order is deleted when it is invoiced in full; ordered and relieved stay. An incremental read is
    enough, because it lists every order there is (DOMAIN "What counts")."""
    central.sync("full")
    for steps in (40, 1, 60):
        central.post("advance", steps=steps)
        central.fault("vanish")
        after = central.adapter()
        result = central.sync(adapter=after)
        assert result.status == "success"
        assert "commitments" in after.complete
        assert_as_in_the_books(central)
    query = "select closed_reason, count(*) from ppm.commitments where closed_at is not null group by 1"
    ended = dict(rows(query))
    assert ended["invoiced"] > 10
    assert ended["vanished"] > 0  # deleted by hand
    assert rows("select 1 from ppm.commitments where closed_reason = 'invoiced' and ordered_amount = 0") == []
    central.sync("full")  # and what is closed stays closed as it was
    assert dict(rows(query)) == ended


def test_companies_of_business_central_are_chosen_by_name_or_by_id(central: World) -> None:
    name = "Nordlicht Schweiz AG"
    central.sync("full", adapter=central.adapter(companies=[name]))
    assert {row["company_code"] for row in central.stored("commitments").values()} == {name}
    by_id = central.adapter()._product.companies()  # type: ignore[attr-defined]
    [wanted] = [one.id for one in by_id if one.name == name]
    result = central.sync("full", adapter=central.adapter(companies=[wanted.upper()]))
    assert (result.inserted, result.updated, result.closed) == (0, 0, 0)
    [chosen] = [one for one in central.adapter().test() if one.name == "projects"]
    assert "in 6 companies" in chosen.detail
    central.sync("full")
    central.sync("full", adapter=central.adapter(companies=[wanted]))
    ended = "select distinct closed_reason from ppm.commitments where company_code <> %s and closed_at is not null"
    reasons = {reason for (reason,) in rows(ended.replace("%s", f"'{name}'"))}
    assert "vanished" not in reasons, "who is not read any more is out of scope"
    assert "out_of_scope" in reasons
    with pytest.raises(Misconfigured) as unknown:
        central.sync("full", adapter=central.adapter(companies=["Contoso"]))
    assert unknown.value.code == "unknown_company"


def test_an_unknown_dimension_is_told(central: World) -> None:
    """Trap 7: standard lines have no project; which dimension is meant is decided at setup."""
    with pytest.raises(Misconfigured) as unknown:
        central.sync("full", adapter=central.adapter(project_dimension="JOB"))
    assert unknown.value.code == "unknown_dimension"


@pytest.mark.parametrize("kind", ["deadlock", "busy"])
def test_business_central_goes_on_after_what_passes(central: World, kind: str) -> None:
    """A deadlock (409) and a busy server (400) pass by themselves."""
    central.fault("page_size", 100)
    central.fault(kind, 2)
    central.sync("full")
    assert_as_in_the_books(central)


def test_business_central_lines_need_their_order(central: World) -> None:
    """Trap 6: the lines alone are refused, so they are expanded."""
    adapter: Any = central.adapter()
    [company, *_] = adapter._product.companies()
    with pytest.raises(Misconfigured, match="You must specify an Id or a Document Id"):
        adapter._product.reader.client.get(f"companies({company.id})/purchaseOrderLines")


def test_a_token_for_another_product_is_not_enough(environment: World) -> None:
    adapter = environment.adapter(product="business_central", project_dimension="PROJECT")
    with pytest.raises(SourceError):
        environment.sync("full", adapter=adapter)


# Dataverse -----------------------------------------------------------------------------------------------------------


def test_dataverse_brings_costs_with_their_reversals_and_no_sales(dataverse: World) -> None:
    """Trap 8: a transaction makes a cost and a sales row; reversals are rows of their own and are netted."""
    before = dataverse.adapter()
    dataverse.sync("full", adapter=before)
    assert_as_in_the_books(dataverse)
    assert before.complete == {"projects", "wbs_elements", "actuals"}
    for steps in (1, 60):
        dataverse.post("advance", steps=steps)
        dataverse.sync()
        assert_as_in_the_books(dataverse)
    states = dict(rows("select status, count(*) from ppm.actuals group by 1"))
    assert states["reversed"] > 0
    assert states["reversal"] > 0
    budgets = rows("select count(*) from ppm.projects where budget > 0")
    assert budgets[0][0] > 20


def test_commitments_of_dataverse_are_refused_with_where_to_take_them_from(dataverse: World) -> None:
    with pytest.raises(NotOffered, match="Take the commitments from Finance & Operations") as refused:
        dataverse.sync("full", entity="commitments")
    assert refused.value.code == "no_commitments"
    assert FAILED[refused.value.problem].status == 422
