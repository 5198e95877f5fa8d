"""What SAP alone does: control totals, one cut, older services, rights that hide rows.

Belongs here: reads of the simulated tenant, most of them without a database. Does not belong here: what every system
does (``test_contract``), single rules (``test_adapter_sap``).
"""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ppm_pipelines import database
from ppm_pipelines.adapters.base import Check, Credentials, Misconfigured, SourceError
from ppm_pipelines.adapters.http import Client, Limits
from ppm_pipelines.adapters.sap import Sap
from ppm_pipelines.adapters.sap_settings import Settings
from ppm_pipelines.records import Actual, Commitment, Raw, Rejection, Skipped
from ppm_pipelines.sandbox import own_fields
from ppm_pipelines.sandbox.app import create
from ppm_pipelines_tests.serving import serving
from ppm_pipelines_tests.simulated import World, begun, named

Row = dict[str, Any]
FIGURES = {
    "commitments": {"ordered": "ordered_amount", "relieved": "relieved_amount", "open": "open_amount"},
    "actuals": {"amount": "amount", "company_amount": "company_amount"},
}
PLACES = ("company_code", "project_nr", "wbs_element", "currency", "company_currency", "counts", "closed_reason")


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with serving(create(seed=7, orders=400, pace=0, size=0.1)) as url:
        yield url


class Tenant(World):
    """A tenant that is read without a database, too."""

    def adapter(self, **settings: Any) -> Sap:
        signs_in: Row = {"auth": "api_key", "api_key": "sandbox-key"}
        made = super().adapter(**(signs_in | settings))
        assert isinstance(made, Sap)
        return made

    def by_key(self) -> dict[str, dict[str, Row]]:
        told = self.books()
        return {name: {row["source_key"]: row for row in told[name]} for name in FIGURES}


@pytest.fixture
def tenant(served: str) -> Iterator[Tenant]:
    """The tenant at its beginning."""
    with begun(Tenant, named("sap-v4"), served) as made:
        yield made


@dataclass
class Read:
    """What a read brought, by key (the last counts), as the loader would merge it."""

    kept: dict[str, dict[str, Any]] = field(default_factory=lambda: {"commitments": {}, "actuals": {}, "projects": {}})
    rejected: list[Rejection] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def take(self, adapter: Sap, entity: str = "costs", state: Row | None = None) -> Read:
        for page in adapter.read(entity, state):
            for outcome in page.outcomes:
                if isinstance(outcome, Rejection):
                    self.rejected.append(outcome)
                elif isinstance(outcome, Skipped):
                    self.skipped.append(outcome)
                else:
                    self.keys.append(outcome.source_key)
                    self.kept.setdefault(page.entity, {})[outcome.source_key] = outcome
        return self


def assert_as_in_the_books(read: Read, tenant: Tenant) -> None:
    books = tenant.by_key()
    for entity, figures in FIGURES.items():
        assert read.kept[entity].keys() == books[entity].keys()
        for key, told in books[entity].items():
            ours = read.kept[entity][key]
            assert {name: getattr(ours, ours_name) for name, ours_name in figures.items()} == {
                name: Decimal(told[name]) for name in figures
            }, key
            assert {n: getattr(ours, n) for n in PLACES if n in told} == {n: told[n] for n in PLACES if n in told}, key


def test_no_key_comes_twice_in_one_read(tenant: Tenant) -> None:
    first = tenant.adapter()
    read = Read().take(first)
    tenant.advance(20)
    changes = Read().take(tenant.adapter(), state=first.state())
    assert Counter(read.keys).most_common(1)[0][1] == 1
    assert Counter(changes.keys).most_common(1)[0][1] == 1


def test_a_communication_user_signs_in_too(tenant: Tenant) -> None:
    adapter = tenant.adapter(auth="basic", username="PPM_READER", password="sandbox-password")
    assert len(Read().take(adapter, "projects").kept["projects"]) == 40
    assert adapter.complete == {"projects", "wbs_elements"}


def test_company_codes_restrict_what_is_read(tenant: Tenant) -> None:
    """DOMAIN R16, and R6: document numbers repeat between company codes."""
    read = Read().take(tenant.adapter(company_codes=["1010"]))
    books = tenant.by_key()
    for entity in FIGURES:
        own = {key for key, row in books[entity].items() if row["company_code"] == "1010"}
        assert own
        assert read.kept[entity].keys() == own


def test_lines_of_cost_centres_are_skipped_or_belong_to_the_configured_project(tenant: Tenant) -> None:
    """DOMAIN "What counts": nothing disappears without a number."""
    before = Read().take(tenant.adapter())
    assert before.skipped
    assert all(one.amount is not None and one.currency for one in before.skipped)
    project = next(iter(before.kept["projects"].values())).project_nr
    centers = {code + str(n): project for code in ("1010", "1110", "1710") for n in range(100, 180)}
    after = Read().take(tenant.adapter(cost_centers=centers))
    moved = [c for c in after.kept["commitments"].values() if c.wbs_element is None]
    assert moved
    assert len(after.skipped) + len(moved) == len(before.skipped)
    assert {c.project_nr for c in moved} == {project}


# Control totals: what the loader would compare (rows that did not vanish, and what waits in quarantine)

Sums = dict[tuple[str, ...], Decimal]  # project, currency, period, figure
CONTROLLED = {"commitments": {"relieved:receipt", "rows"}, "actuals": {"amount", "company", "rows"}}


def ours(read: Read, entity: str) -> tuple[int, Sums]:
    """Rows and money as the loader has them after merging; of commitments what receipts relieved."""
    sums: Sums = {}
    for one in read.kept[entity].values():
        found: list[tuple[tuple[str, ...], Decimal]] = []
        if isinstance(one, Actual):
            period = f"{one.fiscal_year}/{one.fiscal_period}"
            found.append(((one.project_nr, one.currency, period, "amount"), one.amount))
            found.append(((one.project_nr, one.company_currency, period, "company"), one.company_amount))
        elif one.relieved_by == "receipt":
            found.append(((one.project_nr, one.currency, "", "relieved:receipt"), one.relieved_amount))
        for place, amount in found:
            sums[place] = sums.get(place, Decimal(0)) + amount
    stream = {"commitments": "orders", "actuals": "journal"}[entity]
    waiting = {one.source_key for one in read.rejected if one.raw_stream == stream and one.code != "no_project"}
    return len(read.kept[entity].keys() | waiting), {place: amount for place, amount in sums.items() if amount}


def source(adapter: Sap, entity: str) -> tuple[int, Sums]:
    told = adapter.control(entity)
    sums: Sums = {(t.project_nr, t.currency, t.period, t.figure): t.amount for t in told if t.amount}
    assert {t.figure for t in told} <= CONTROLLED[entity]
    assert [t.rows for t in told if t.rows] == [t.rows for t in told if t.figure == "rows"]
    return sum(t.rows for t in told), sums


def assert_controlled(read: Read, adapter: Sap) -> None:
    for entity in FIGURES:
        assert source(adapter, entity) == ours(read, entity), entity


@pytest.mark.parametrize("version", ["v4", "v2"])
def test_sap_s_own_counts_and_sums_agree_after_full_and_incremental_reads(tenant: Tenant, version: str) -> None:
    """DOMAIN "Control": rows and money per project, currency and period, for the same cut."""
    if version == "v2":
        tenant.fault("no_v4")
    tenant.fault("unknown_wbs", 1)
    tenant.fault("unknown_project", 1)
    tenant.fault("order_without_project", 1)
    tenant.fault("posting_unknown_wbs", 2)
    before = tenant.adapter()
    read = Read().take(before)
    assert_controlled(read, before)
    for steps in (1, 30, 200):
        tenant.advance(steps)
        after = tenant.adapter()
        read.take(after, state=before.state())
        assert after.complete == {"projects", "wbs_elements"}
        assert_controlled(read, after)
        before = after
    assert len(ours(read, "commitments")[1]) > 30


@pytest.mark.parametrize("version", ["v4", "v2"])
@pytest.mark.usefixtures("database_url")
def test_every_load_agrees_with_what_sap_reports(tenant: Tenant, version: str) -> None:
    """DOMAIN "Control", with records in quarantine and an order that comes twice."""
    if version == "v2":
        tenant.fault("no_v4")
    for kind in ("unknown_wbs", "unknown_project", "order_without_project", "posting_unknown_wbs", "bad_date"):
        tenant.fault(kind)
    tenant.fault("duplicate_key")
    for steps in (0, 1, 40, 120):
        if steps:
            tenant.advance(steps)
        told = tenant.sync().reconciliation
        assert told is not None
        assert told["ok"], told


@pytest.mark.usefixtures("database_url")
def test_a_difference_is_told_with_its_project(tenant: Tenant) -> None:
    tenant.sync()
    with database.direct() as connection:
        connection.execute(
            "update ppm.commitments set relieved_amount = relieved_amount + 1 where source_key = (select source_key"
            " from ppm.commitments where relieved_by = 'receipt' and relieved_amount > 0 and closed_reason is null"
            " order by po_date limit 1)"
        )
    told = tenant.sync().reconciliation
    assert told is not None
    [difference] = told["differences"]
    assert (difference["figure"], difference["delta"].lstrip("-")[:1]) == ("relieved:receipt", "1")


def test_control_totals_hold_with_company_codes_and_cost_centres_too(tenant: Tenant) -> None:
    project = next(iter(Read().take(tenant.adapter(), "projects").kept["projects"].values())).project_nr
    centers = {f"{code}{110 + 10 * n + place}": project for place, code in enumerate(("1010", "1710")) for n in (0, 3)}
    settings: Row = {"company_codes": ["1010", "1710"], "cost_centers": centers}
    first = tenant.adapter(**settings)
    read = Read().take(first)
    assert any(one.wbs_element is None for one in read.kept["commitments"].values())
    assert_controlled(read, first)
    tenant.advance(40)
    second = tenant.adapter(**settings)
    assert_controlled(read.take(second, state=first.state()), second)


def test_orders_that_are_archived_are_no_difference_after_the_next_full_read(tenant: Tenant) -> None:
    """DOMAIN R7: an order that vanished keeps its postings; SAP's ledger goes on telling its receipts."""
    first = tenant.adapter()
    Read().take(first)
    tenant.fault("vanish", 5)
    full = tenant.adapter()
    read = Read().take(full)
    assert_controlled(read, full)
    tenant.advance(20)
    later = tenant.adapter()
    assert_controlled(read.take(later, state=full.state()), later)


def test_a_count_that_moved_during_the_read_is_not_compared(tenant: Tenant) -> None:
    adapter = tenant.adapter()
    for page in adapter.read("costs", None):
        if page.entity == "commitments" and adapter.control("commitments") == []:
            tenant.advance(1)
    assert adapter.control("commitments") == []
    assert adapter.control("actuals")


def test_control_totals_take_a_handful_of_requests(tenant: Tenant) -> None:
    adapter = tenant.adapter()
    Read().take(adapter)
    asked = adapter._reader.client.requests
    for entity in FIGURES:
        adapter.control(entity)
    assert adapter._reader.client.requests == asked
    assert 0 < adapter._beside.client.requests <= 6


def test_receipts_of_orders_that_the_service_does_not_show_are_not_taken_for_commitments(tenant: Tenant) -> None:
    """sap.md trap 10: order types that a service does not support are invisible, their postings are not."""
    whole = Read().take(tenant.adapter())
    gone = {row["purchase_order"] for row in tenant.fault("vanish", 4)}
    adapter = tenant.adapter()
    read = Read().take(adapter)
    assert {one.po_no for one in read.kept["actuals"].values()} & gone
    assert read.kept["actuals"].keys() == whole.kept["actuals"].keys()
    assert adapter.state()["unseen_receipts"] or not any(
        one.relieved_amount for one in whole.kept["commitments"].values() if one.po_number in gone
    )


def test_filters_name_keys_dates_and_codes_only(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """sap.md trap 14: amounts and quantities accept no ranges, and nulls of V4 no comparison."""
    asked: list[str] = []
    get = Client.get

    def listening(self: Client, path: str, params: Any = None, headers: Any = None) -> Any:
        asked.append((params or {}).get("$filter", ""))
        return get(self, path, params, headers)

    monkeypatch.setattr(Client, "get", listening)
    first = tenant.adapter()
    Read().take(first)
    tenant.advance(20)
    second = tenant.adapter(cost_centers={"1010110": "P-1000"})
    Read().take(second, state=first.state())
    tried(second)
    assert len(asked) > 30
    assert not [one for one in asked if "Amount" in one or "Quantity" in one or "Price" in one]


# One cut


def test_what_is_posted_during_a_read_is_left_to_the_next_one(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A posting between the reading of orders and of actuals must not be open and actual at once, nor neither."""
    monkeypatch.setattr("ppm_pipelines.adapters.sap_reader.ORDERS_PER_PAGE", 50)
    before = tenant.by_key()
    adapter, read = tenant.adapter(), Read()
    for page in adapter.read("costs", None):
        if page.entity == "commitments" and not read.kept["commitments"]:
            time.sleep(1.1)  # stamps of postings tell whole seconds
            tenant.advance(80)
        found = {one.source_key: one for one in page.outcomes if isinstance(one, Commitment | Actual)}
        read.kept.setdefault(page.entity, {}).update(found)
    after = tenant.by_key()
    moved = [k for k, row in before["commitments"].items() if row["relieved"] != after["commitments"][k]["relieved"]]
    assert moved
    for key, told in before["commitments"].items():
        assert read.kept["commitments"][key].relieved_amount == Decimal(told["relieved"]), key
    assert read.kept["actuals"].keys() == before["actuals"].keys()
    read.take(tenant.adapter(), state=adapter.state())
    assert_as_in_the_books(read, tenant)


# Older releases, and what the ledger does not tell


def differing(left: dict[str, Any], right: dict[str, Any]) -> set[str]:
    """The names of the fields in which two sets of records differ."""
    assert left.keys() == right.keys()
    pairs = [(left[key], right[key]) for key in left]
    names = pairs[0][0].__struct_fields__
    return {name for name in names if any(getattr(a, name) != getattr(b, name) for a, b in pairs)}


def test_v2_and_v4_give_the_same_commitments_but_for_what_v2_does_not_tell(tenant: Tenant) -> None:
    """sap.md trap 3: no item net value, price units, limit items; open schedule lines and statistical items lack."""
    tenant.advance(30)
    new = Read().take(tenant.adapter())
    tenant.fault("no_v4")
    old = Read().take(tenant.adapter())
    statistical = {k for k, one in new.kept["commitments"].items() if one.not_counted_reason == "statistical"}
    assert {old.kept["commitments"][key].counts for key in statistical} <= {True, False}
    assert differing(
        {k: one for k, one in new.kept["commitments"].items() if k not in statistical},
        {k: one for k, one in old.kept["commitments"].items() if k not in statistical},
    ) == {"delivery_date", "tax_amount"}
    assert [(one.source_key, one.amount) for one in new.skipped] == [
        (one.source_key, one.amount) for one in old.skipped
    ]
    assert not new.rejected
    assert not old.rejected


@pytest.mark.parametrize("kind", ["bad_amount", "bad_date", "unknown_project", "unknown_currency"])
def test_v2_and_v4_reject_the_same_lines_with_the_same_money(tenant: Tenant, kind: str) -> None:
    tenant.fault(kind, 2)
    new = Read().take(tenant.adapter()).rejected
    tenant.fault("no_v4")
    old = Read().take(tenant.adapter()).rejected
    assert [told(one) for one in new] == [told(one) for one in old]
    assert any(one.raw_stream == "orders" for one in new)


def told(one: Rejection) -> tuple[Any, ...]:
    return one.source_key, one.code, one.field, one.amount, one.currency, one.project_nr, one.open_amount


def test_more_orders_than_one_page_of_v2_are_all_read(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """sap.md trap 5: the cap of 1,000 or 5,000 rows is not the full set; each page is asked for by key."""
    monkeypatch.setattr("ppm_pipelines.adapters.sap_reader.ORDERS_PER_PAGE", 7)
    tenant.fault("no_v4")
    adapter = tenant.adapter()
    read = Read().take(adapter)
    assert read.kept["commitments"].keys() == tenant.by_key()["commitments"].keys()
    assert Counter(read.keys).most_common(1)[0][1] == 1


def test_an_older_release_lacks_fields_and_is_read_all_the_same(tenant: Tenant) -> None:
    tenant.fault("old_release")
    read = Read().take(tenant.adapter())
    assert_as_in_the_books(read, tenant)
    assert not any("YY1_Approval_PDH" in one.custom_fields for one in read.kept["commitments"].values())


@pytest.mark.parametrize("version", ["v4", "v2"])
def test_custom_fields_come_without_their_helpers(tenant: Tenant, version: str) -> None:
    """sap.md trap 7: ``YY1_…F`` and ``YY1_…T`` are helpers, no data."""
    if version == "v2":
        tenant.fault("no_v4")
    found = [one.custom_fields for one in Read().take(tenant.adapter()).kept["commitments"].values()]
    own = {name for name in own_fields.LABELS if name.endswith(("_PDH", "_PDI"))}
    assert {name for one in found for name in one} == own
    assert any("YY1_Lot_PDI" not in one for one in found)
    assert {type(value) for one in found for value in one.values()} == {str, bool}


def test_invoices_bring_their_number_their_due_date_their_vendor_and_whether_they_are_paid(tenant: Tenant) -> None:
    actuals = Read().take(tenant.adapter()).kept["actuals"].values()
    invoices = [one for one in actuals if one.document_type in ("RE", "KG")]
    assert invoices
    assert all(one.vendor_invoice_no and one.net_due_date and one.vendor_description for one in invoices)
    assert {one.status for one in invoices} >= {"posted", "cleared", "reversal", "reversed"}
    others = [one for one in actuals if one.document_type in ("WE", "CO")]
    assert not any(one.vendor_invoice_no or one.net_due_date or one.status == "cleared" for one in others)
    reversals = [one for one in actuals if one.status == "reversal"]
    numbers = {(one.company_code, one.fi_doc_no) for one in actuals if one.status == "reversed"}
    assert all((one.company_code, one.reversal_of) in numbers for one in reversals)


def test_a_payment_shows_on_old_lines_although_the_ledger_s_stamp_does_not_tell_it(tenant: Tenant) -> None:
    """sap.md section 4: clearing changes the old line later; the operational items tell the day."""
    first = tenant.adapter()
    read = Read().take(first)
    before = {key for key, one in read.kept["actuals"].items() if one.status == "cleared"}
    tenant.advance(150)
    read.take(tenant.adapter(), state=first.state())
    whole = Read().take(tenant.adapter())
    paid = {key for key, one in whole.kept["actuals"].items() if one.status == "cleared"} - before
    assert paid & {key for key, one in read.kept["actuals"].items()}
    assert differing(read.kept["actuals"], whole.kept["actuals"]) == set()
    assert differing(read.kept["commitments"], whole.kept["commitments"]) == set()


def test_without_the_operational_items_the_costs_are_the_same_and_the_rest_stays_empty(tenant: Tenant) -> None:
    whole = Read().take(tenant.adapter()).kept["actuals"]
    tenant.fault("no_operational_items")
    adapter = tenant.adapter()
    bare = Read().take(adapter).kept["actuals"]
    assert differing(whole, bare) <= {"vendor_invoice_no", "net_due_date", "vendor_description", "status"}
    check = tried(adapter)["vendor_items"]
    assert (check.ok, "clearing" in check.detail) == (False, True)


# What an incremental read may rely on


@pytest.mark.parametrize(
    "change",
    [
        {"company_codes": ["1010"]},
        {"cost_centers": {"1010110": "P-1000"}},
        {"ledger": "2L"},
        {"receipt_document_type": "WX"},
        {"client": ""},
    ],
    ids=lambda change: next(iter(change)),
)
def test_other_settings_make_an_incremental_read_a_full_one(tenant: Tenant, change: Row) -> None:
    first = tenant.adapter()
    Read().take(first)
    same, other = tenant.adapter(), tenant.adapter(**change)
    assert len(Read().take(same, state=first.state()).keys) < len(Read().take(other, state=first.state()).keys)
    assert "commitments" not in same.complete
    assert other.complete >= {"commitments", "actuals"}


def test_a_tenant_that_gets_the_newer_service_is_read_anew(tenant: Tenant) -> None:
    tenant.fault("no_v4")
    first = tenant.adapter()
    Read().take(first)
    tenant.fault("none")
    second = tenant.adapter()
    Read().take(second, state=first.state())
    assert "commitments" in second.complete


def changed(tenant: Tenant) -> tuple[Read, Sap]:
    """What an incremental read brings of a tenant in which much has happened since the full one."""
    first = tenant.adapter()
    Read().take(first)
    tenant.advance(150)
    second = tenant.adapter()
    return Read().take(second, state=first.state()), second


def test_what_the_last_read_took_of_the_hour_is_not_read_again(tenant: Tenant) -> None:
    brought, before = changed(tenant)
    assert brought.kept["commitments"]
    assert brought.kept["actuals"]
    after = tenant.adapter()
    again = Read().take(after, state=before.state())
    assert (again.kept["commitments"], again.kept["actuals"]) == ({}, {})
    assert after.state()["window"] == before.state()["window"]
    assert_controlled(Read().take(full := tenant.adapter()), full)


@pytest.mark.parametrize("kind", ["order", "touching", "invoice", "line", "settled"])
def test_what_the_last_read_of_the_hour_did_not_see_is_read_by_the_next(tenant: Tenant, kind: str) -> None:
    """A stamp is set when something is saved and seen when it is committed, later than a read that came in between."""
    brought, before = changed(tenant)
    state = before.state()
    things = state["window"]["things"]
    seen = {key: things.pop(key) for key in [key for key in things if key.startswith(f"{kind}/")][-9:]}
    assert seen
    again = Read().take(tenant.adapter(), state=state)
    entity, other = ("actuals", "commitments") if kind in ("line", "settled") else ("commitments", "actuals")
    assert again.kept[entity]
    assert again.kept[other] == {}
    for key, one in again.kept[entity].items():
        assert brought.kept[entity].get(key) in (one, None)
    if kind == "order":
        assert {key.split("/")[0] for key in again.kept[entity]} <= {key.split("/")[1] for key in seen}
    if kind == "line":
        assert {f"line/{key}" for key in again.kept[entity]} <= seen.keys()


@pytest.mark.parametrize("moment", ["_latest_posting", "_touched"])
def test_what_is_posted_while_a_read_has_begun_is_whole_after_the_next(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """DOMAIN R15: postings and invoices behind the cut are seen by this read, and taken by the next one."""
    first = tenant.adapter()
    read = Read().take(first)
    second = tenant.adapter()
    before = getattr(second, moment)

    def and_then_much_is_posted(*asked: Any) -> Any:
        found = before(*asked)
        tenant.advance(150)
        return found

    monkeypatch.setattr(second, moment, and_then_much_is_posted)
    read.take(second, state=first.state())
    late = {f"invoice/{number}/{year}" for number, year in second._late_invoices()}
    assert late
    assert late.isdisjoint(second.state()["window"]["things"])
    third = tenant.adapter()
    read.take(third, state=second.state())
    assert_as_in_the_books(read, tenant)
    assert_controlled(read, third)


def test_of_a_document_with_a_changed_vendor_item_all_lines_are_read(tenant: Tenant) -> None:
    """Though one of its lines changed in the ledger too, and the others are known."""
    _, before = changed(tenant)
    state = before.state()
    things = state["window"]["things"]
    documents = Counter(key.rpartition("/")[0] for key in things if key.startswith("line/"))
    settled = {key.rpartition("/")[0]: key for key in things if key.startswith("settled/")}
    document = next(
        one for one, lines in documents.items() if lines > 1 and one.replace("line/", "settled/") in settled
    )
    lines = sorted(key for key in things if key.startswith(f"{document}/"))
    del things[lines[0]]
    things[settled[document.replace("line/", "settled/")]] = "as it was before"
    again = Read().take(tenant.adapter(), state=state)
    assert sorted(again.kept["actuals"]) == [line.removeprefix("line/") for line in lines]


def test_under_other_projects_the_hour_is_read_anew(tenant: Tenant) -> None:
    """An element may have come to another project: what lies on it is another record now."""
    brought, before = changed(tenant)
    state = before.state()
    state["window"]["under"] = "another"
    again = Read().take(tenant.adapter(), state=state)
    assert again.kept["commitments"].keys() >= brought.kept["commitments"].keys()
    assert again.kept["actuals"].keys() >= brought.kept["actuals"].keys()


def test_a_state_without_the_mark_of_its_settings_is_as_good_as_none(tenant: Tenant) -> None:
    first = tenant.adapter()
    Read().take(first, "actuals")
    second = tenant.adapter()
    Read().take(second, "actuals", {"watermark": first.state()["watermark"]})
    assert "actuals" in second.complete


def test_orders_without_a_change_stamp_are_read_and_found_again_when_a_posting_touches_them(tenant: Tenant) -> None:
    """sap.md trap 5: ``ge`` never returns a row whose stamp is null."""
    old = {row["key"] for row in tenant.fault("unstamped", 40)}
    first = tenant.adapter()
    read = Read().take(first)
    unstamped = {key for key, one in read.kept["commitments"].items() if one.changed_at is None}
    assert unstamped >= old & read.kept["commitments"].keys()
    new = {row["key"] for row in tenant.fault("new_unstamped", 2)}
    tenant.advance(150)
    changes = Read().take(tenant.adapter(), state=first.state())
    assert changes.kept["commitments"].keys() >= new
    assert unstamped & changes.kept["commitments"].keys() < unstamped
    for entity in FIGURES:
        read.kept[entity] |= changes.kept[entity]
    assert_as_in_the_books(read, tenant)


# Raw records


def encoded(raw: Raw, decimals: str) -> Raw:
    """The raw record as it comes back from the database: through JSON, decimals as numbers or as texts."""
    text = msgspec.json.Encoder(decimal_format=decimals).encode(raw.record)  # type: ignore[arg-type]
    return Raw(raw.stream, raw.key, msgspec.json.Decoder(float_hook=Decimal).decode(text))


@pytest.mark.parametrize("decimals", ["number", "string"])
def test_raw_records_make_the_same_records_again_without_asking_the_source(tenant: Tenant, decimals: str) -> None:
    tenant.fault("unknown_wbs", 1)
    raws: dict[str, list[Raw]] = {"commitments": [], "actuals": []}
    outcomes: dict[str, list[Any]] = {"commitments": [], "actuals": []}
    for page in tenant.adapter().read("costs", None):
        if page.entity in raws:
            raws[page.entity] += page.raws
            outcomes[page.entity] += page.outcomes
    for entity, found in raws.items():
        again = tenant.adapter()
        pages = list(again.replay(entity, [encoded(raw, decimals) for raw in found]))
        made = [one for page in pages if page.entity == entity for one in page.outcomes]
        assert [without_raw(one) for one in made] == [without_raw(one) for one in outcomes[entity]]
        assert sum(len(page.outcomes) for page in pages if page.entity == "projects") == 40
        assert again.complete == {"projects", "wbs_elements"}


def without_raw(outcome: Any) -> Any:
    return msgspec.structs.replace(outcome, raw={}) if isinstance(outcome, Rejection) else outcome


def test_every_outcome_names_its_raw_record_and_an_unchanged_source_gives_the_same_ones(tenant: Tenant) -> None:
    tenant.fault("order_without_project", 1)
    first: dict[tuple[str, str], Row] = {}
    second: dict[tuple[str, str], Row] = {}
    for kept in (first, second):
        for page in tenant.adapter().read("costs", None):
            kept |= {(raw.stream, raw.key): dict(raw.record) for raw in page.raws}
            for outcome in page.outcomes:
                if isinstance(outcome, Commitment | Actual | Rejection):
                    assert (outcome.raw_stream, outcome.raw_key) in kept
    assert first == second
    assert {stream for stream, _ in first} == {"orders", "journal", "projects", "wbs_elements"}
    assert all(key.count("/") == 1 for stream, key in first if stream == "orders")


# Bad input in the data


def test_an_element_of_a_project_that_is_not_listed_takes_its_orders_into_quarantine(tenant: Tenant) -> None:
    (made,) = tenant.fault("unknown_project", 1)
    read = Read().take(tenant.adapter())
    element, line = read.rejected
    assert [element.raw_stream, line.raw_stream] == ["wbs_elements", "orders"]
    assert [element.code, line.code] == ["unknown_project", "unknown_project"]
    assert (line.source_key, line.amount, line.open_amount) == (made["key"], Decimal(made["amount"]), line.amount)
    assert_as_in_the_books(read, tenant)


def test_a_key_delivered_twice_is_passed_on_twice(tenant: Tenant) -> None:
    """DOMAIN R15: rows move while somebody pages; the loader keeps the last."""
    tenant.fault("duplicate_key", 1)
    assert Counter(Read().take(tenant.adapter()).keys).most_common(1)[0][1] == 2


# Bad input in the answers


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"api_key": "wrong"}, Credentials),
        ({"client": "999"}, (Credentials, Misconfigured)),
        ({"path": "/nothing"}, Misconfigured),
        ({"auth": "basic", "username": "PPM_READER", "password": "canary-77"}, Credentials),
    ],
)
def test_wrong_settings_are_told_apart(tenant: Tenant, settings: Row, error: type[SourceError]) -> None:
    path = settings.pop("path", None) if "path" in settings else None
    changes = settings | ({"api_url": tenant.url + path} if path else {})
    with pytest.raises(error) as raised:
        Read().take(tenant.adapter(**changes))
    assert "canary-77" not in str(raised.value)
    if settings.get("client"):
        assert "999" in str(raised.value)


# Testing the connection


def tried(adapter: Sap) -> dict[str, Check]:
    return {check.name: check for check in adapter.test()}


@pytest.mark.parametrize(
    ("account", "wrong"),
    [
        ("PPM_READER", {}),
        ("PPM_NARROW", {"commitments": "2010", "invoices": "2010"}),
        ("PPM_LOCAL", {"actuals": "2010"}),
        ("PPM_BLIND", {"projects": "the account projects", "wbs_elements": "WBS elements", "commitments": "1010"}),
    ],
)
def test_what_an_account_silently_does_not_see_is_told(tenant: Tenant, account: str, wrong: dict[str, str]) -> None:
    """sap.md section 2: fewer rows, no error; what one service shows is held against another."""
    checks = tried(tenant.adapter(auth="basic", username=account, password="sandbox-password"))
    failed = {name: check.detail for name, check in checks.items() if not check.ok}
    assert failed.keys() == wrong.keys()
    assert all(said in failed[name] for name, said in wrong.items())
    assert all("hides what" in detail or "grant the account" in detail for detail in failed.values())


def test_a_configured_company_code_without_a_single_line_is_told(tenant: Tenant) -> None:
    checks = tried(tenant.adapter(company_codes=["1010", "9999"]))
    assert [name for name, check in checks.items() if not check.ok] == ["actuals"]
    assert "company code 9999" in checks["actuals"].detail


def test_the_older_service_is_named(tenant: Tenant) -> None:
    tenant.fault("no_v4")
    checks = tried(tenant.adapter())
    assert all(check.ok for check in checks.values())
    assert "V2" in checks["commitments"].detail


def test_a_working_connection_counts_what_it_may_read(tenant: Tenant) -> None:
    checks = tried(tenant.adapter())
    services = ["projects", "wbs_elements", "commitments", "invoices", "actuals", "vendor_items"]
    assert list(checks) == ["address", "sign_in", *services]
    assert all(check.ok for check in checks.values())
    assert checks["projects"].detail == "40 projects readable."
    orders = len({key.partition("/")[0] for key in tenant.by_key()["commitments"]})
    assert int(checks["commitments"].detail.split()[0].replace(",", "")) >= orders


def test_a_dead_address_stops_the_test_at_once() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}"
        values = {"api_url": dead, "auth": "api_key", "api_key": "k"}
        with Sap(Settings.model_validate(values), allowed_hosts=dead, limits=Limits(backoff=0.001)) as adapter:
            checks = tried(adapter)
    assert list(checks) == ["address"]
    assert not checks["address"].ok
    assert "accepts no connection" in checks["address"].detail


def test_a_host_that_is_not_allowed_is_never_called(tenant: Tenant) -> None:
    values = {"api_url": f"{tenant.url}/sap", "auth": "api_key", "api_key": "k"}
    with pytest.raises(Misconfigured, match="https"):
        Sap(Settings.model_validate(values))
