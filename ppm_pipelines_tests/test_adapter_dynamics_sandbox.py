"""The Dynamics adapter, the loader and a real PostgreSQL against the simulated company, compared with its own books.

Belongs here: whole syncs, and bad input as it arrives. Does not belong here: single rules (``test_adapter_dynamics``).
Adapter and simulation are written independently of each other.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import pytest
import uvicorn

from api.integrations import FAILED
from ppm_pipelines import database, load, runs
from ppm_pipelines.adapters.base import Credentials, Misconfigured, NotOffered, Refused, SourceError, Unavailable
from ppm_pipelines.adapters.dynamics import Dynamics
from ppm_pipelines.adapters.dynamics_settings import Settings
from ppm_pipelines.adapters.http import Limits
from ppm_pipelines.records import Commitment, Raw
from ppm_pipelines.sandbox.app import create

pytestmark = pytest.mark.usefixtures("database_url")
Row = dict[str, Any]
FIGURES = {
    "commitments": {"ordered": "ordered_amount", "relieved": "relieved_amount", "open": "open_amount"},
    "actuals": {"amount": "amount", "company_amount": "company_amount"},
}
TEXTS = {"commitments": "po_line_text", "actuals": "item_text"}
PLACES = ("company_code", "project_nr", "wbs_element", "currency", "company_currency", "counts", "closed_reason")


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """The simulation on a free port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create(seed=7, orders=20, pace=0), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@dataclass
class Environment:
    """The simulation in one test: control, adapters that read it, and syncs into the test's own database."""

    url: str
    control: httpx.Client
    made: list[Dynamics] = field(default_factory=list)

    def adapter(self, *, timeout_seconds: float = 60, limits: Limits | None = None, **settings: Any) -> Dynamics:
        values = {
            "product": "finance_operations",
            "base_url": f"{self.url}/dynamics",
            "tenant_id": "sandbox-tenant",
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            "token_url": f"{self.url}/dynamics/sandbox-tenant/oauth2/v2.0/token",
        }
        self.made.append(
            Dynamics(
                Settings.model_validate(values | settings),
                allowed_hosts=self.url,
                timeout_seconds=timeout_seconds,
                limits=limits or Limits(backoff=0.001),
            )
        )
        return self.made[-1]

    def central(self, **settings: Any) -> Dynamics:
        """An adapter of Business Central."""
        own: Row = {"base_url": f"{self.url}/dynamics-bc", "environment": "production", "project_dimension": "PROJECT"}
        return self.adapter(**{"product": "business_central", **own, **settings})

    def dataverse(self, **settings: Any) -> Dynamics:
        return self.adapter(**{"product": "dataverse", "base_url": f"{self.url}/dynamics-dataverse", **settings})

    def post(self, what: str, **body: Any) -> Any:
        answer = self.control.post(f"/_sandbox/dynamics/{what}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def fault(self, kind: str, times: int = 1, **more: Any) -> list[Row]:
        made: list[Row] = self.post("fault", kind=kind, times=times, **more).get("made") or []
        return made

    def books(self, product: str = "finance_operations") -> Row:
        told: Row = self.control.get("/_sandbox/dynamics/books", params={"product": product}).json()
        return told


@pytest.fixture
def environment(served: str) -> Iterator[Environment]:
    """The simulation at its beginning."""
    with httpx.Client(base_url=served, timeout=60, trust_env=False) as control:
        made = Environment(served, control)
        made.post("reset")
        yield made
        for adapter in made.made:
            adapter.close()


def sync(adapter: Dynamics, state: Row | None = None, entity: str = "costs") -> load.SyncResult:
    request = runs.RunRequest("default", "dynamics", entity, "full" if state is None else "incremental")
    with database.owner() as connection:
        run_id = runs.claim(connection, request).run_id
    try:
        with database.direct() as own:
            return load.load(
                own,
                request,
                run_id,
                adapter.read(entity, state),
                complete=lambda: adapter.complete,
                state=adapter.state,
                control=adapter.control,
                final_postings=adapter.final_postings,
                companies=lambda: adapter.companies,
                ended=adapter.ended,
                open_listed=lambda: adapter.open_listed,
            )
    except Exception as error:
        with database.owner() as connection:
            runs.settle(connection, run_id, "failed", reason=str(error), problem="internal")
        raise


def rows(query: str) -> list[tuple[Any, ...]]:
    with database.direct() as connection:
        return connection.execute(query).fetchall()


def stored(entity: str) -> dict[str, Row]:
    names = ["source_key", *FIGURES[entity].values(), *PLACES, TEXTS[entity]]
    names = [name for name in names if not (entity == "actuals" and name == "closed_reason")]
    found = rows(f"select {', '.join(names)} from ppm.{entity} where system = 'dynamics'")
    return {row[0]: dict(zip(names, row, strict=True)) for row in found}


def assert_as_in_the_books(environment: Environment) -> None:
    """Every row and every total per project and currency, to the cent."""
    books = environment.books()
    for entity, figures in FIGURES.items():
        ours, told = stored(entity), {row["source_key"]: row for row in books[entity]}
        assert ours.keys() == told.keys()
        for key, row in told.items():
            wanted = {name: Decimal(row[said]) for said, name in figures.items()}
            assert {name: ours[key][name] for name in wanted} == wanted, key
            assert ours[key][TEXTS[entity]] == row.get("text", ours[key][TEXTS[entity]]), key
            places = [name for name in PLACES if name in row and name in ours[key]]
            assert {name: ours[key][name] for name in places} == {name: row[name] for name in places}, key
    assert totals() == {
        (row["project_nr"], row["currency"]): tuple(Decimal(row[n]) for n in ("ordered", "relieved", "open", "actual"))
        for row in books["totals"]
    }


def totals() -> dict[tuple[str, str], tuple[Decimal, ...]]:
    found = rows(
        "select project_nr, currency, sum(o), sum(r), sum(p), sum(a) from (select project_nr, currency,"
        " ordered_amount o, relieved_amount r, open_amount p, 0 a from ppm.commitments where counts union all"
        " select project_nr, currency, 0, 0, 0, amount from ppm.actuals where counts and removed_at is null) f"
        " group by 1, 2"
    )
    return {(project, currency): tuple(amounts) for project, currency, *amounts in found}


# Finance & Operations ------------------------------------------------------------------------------------------------


def test_a_first_load_agrees_with_the_books_to_the_cent(environment: Environment) -> None:
    adapter = environment.adapter()
    result = sync(adapter)
    assert_as_in_the_books(environment)
    assert (result.rejected, result.updated) == (0, 0)
    assert result.skipped > 0  # lines without a project, payroll allocations, work in progress
    assert adapter.complete == {"projects", "wbs_elements", "commitments", "actuals"}
    assert result.reconciliation is not None
    assert result.reconciliation["ok"], result.reconciliation
    assert len(rows("select 1 from ppm.projects")) == 40


def test_nothing_changes_when_nothing_changed(environment: Environment) -> None:
    first = environment.adapter()
    sync(first)
    for state in (None, first.state()):
        result = sync(environment.adapter(), state)
        assert (result.inserted, result.updated, result.closed, result.rejected) == (0, 0, 0, 0)
        assert result.unchanged > 0
    assert_as_in_the_books(environment)


@pytest.mark.parametrize("switch", ["", "no_bi", "no_invoice_entities", "old_release"])
def test_an_incremental_read_finds_what_happened(environment: Environment, switch: str) -> None:
    """With remaining quantities, by invoices alone, without invoices, and on a release without a field."""
    if switch:
        environment.fault(switch)
    before = environment.adapter()
    sync(before)
    for steps in (1, 30, 90):
        environment.post("advance", steps=steps)
        after = environment.adapter()
        sync(after, before.state())
        assert_as_in_the_books(environment)
        before = after


def test_an_incremental_read_reads_less(environment: Environment) -> None:
    first = environment.adapter()
    whole = sync(first)
    environment.post("advance", steps=3)
    assert sync(environment.adapter(), first.state()).total < whole.total


def test_what_is_open_is_told_by_invoices_where_no_quantity_is(environment: Environment) -> None:
    """The documented fallback: the two disagree where an invoice has another price than the order."""
    by_quantity = environment.books()
    environment.fault("no_bi")
    assert environment.books()["totals"] != by_quantity["totals"]
    result = sync(environment.adapter())
    assert_as_in_the_books(environment)
    assert result.reconciliation is not None
    assert result.reconciliation["ok"], result.reconciliation


def test_without_any_entity_that_tells_what_is_open_nothing_is_taken(environment: Environment) -> None:
    environment.fault("no_bi")
    environment.fault("no_invoice_entities")
    with pytest.raises(Refused, match="Neither the purchase lines") as refused:
        sync(environment.adapter())
    assert refused.value.code == "entity_missing"
    assert rows("select 1 from ppm.commitments") == []
    sync(environment.adapter(), entity="actuals")  # they need none of it
    assert stored("actuals")


def test_a_field_that_the_environment_lacks_is_not_asked_for(environment: Environment) -> None:
    """Trap 2: asking for a field that is not there fails the whole call."""
    environment.fault("old_release")
    sync(environment.adapter())
    assert_as_in_the_books(environment)


def test_only_the_chosen_companies_are_read(environment: Environment) -> None:
    """Trap 1: without cross-company the answer is the default company's alone, with status 200."""
    sync(environment.adapter(companies=["no20", "no11"]))
    assert {row["company_code"] for row in stored("commitments").values()} == {"no20", "no11"}
    wanted = {r["source_key"] for r in environment.books()["actuals"] if r["company_code"] in ("no20", "no11")}
    assert stored("actuals").keys() == wanted


def test_numbers_repeat_between_companies(environment: Environment) -> None:
    """Trap 9: the company belongs to the key."""
    sync(environment.adapter())
    repeated = rows("select po_number from ppm.commitments group by 1 having count(distinct company_code) > 1")
    assert repeated
    assert_as_in_the_books(environment)


@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_what_vanished_is_closed(environment: Environment, mode: str) -> None:
    """An incremental read lists every open order, so it sees too what was deleted for good (DOMAIN "What counts")."""
    first = environment.adapter()
    sync(first)
    environment.fault("vanish", 3)
    result = sync(environment.adapter(), None if mode == "full" else first.state())
    assert result.closed == 3
    assert_as_in_the_books(environment)


def test_a_mass_disappearance_closes_nothing(environment: Environment) -> None:
    sync(environment.adapter())
    before = stored("commitments")
    environment.fault("vanish_all")
    with pytest.raises(load.MassDisappearance):
        sync(environment.adapter())
    assert stored("commitments") == before


def test_a_full_read_finds_what_the_incremental_missed(environment: Environment) -> None:
    """A posting that is dated before the window of the incremental read."""
    first = environment.adapter()
    sync(first)
    [posting] = environment.fault("backdated")
    sync(environment.adapter(), first.state())
    assert posting["key"] not in stored("actuals")
    sync(environment.adapter())
    assert_as_in_the_books(environment)


def test_rows_come_and_go_while_pages_are_read(environment: Environment) -> None:
    environment.fault("page_size", 11)
    adapter = environment.adapter()
    sync(disturbed(adapter, environment))
    environment.fault("none")
    sync(environment.adapter(), adapter.state())
    assert_as_in_the_books(environment)


def test_an_invoice_during_the_read_is_not_open_and_actual_at_once(environment: Environment) -> None:
    """DOMAIN R15: what business touched meanwhile is read once more at the end."""
    environment.fault("page_size", 40)
    adapter = environment.adapter()
    actuals = adapter._product.actuals

    def late(*args: Any) -> Iterator[Any]:
        environment.post("advance", steps=40)  # the orders are read, the postings are not
        yield from actuals(*args)

    adapter._product.actuals = late  # type: ignore[method-assign, assignment]
    result = sync(adapter)
    assert result.rejected == 0
    books = {row["source_key"]: row for row in environment.books()["commitments"]}
    for key, row in stored("commitments").items():
        amounts = {FIGURES["commitments"][name]: Decimal(books[key][name]) for name in FIGURES["commitments"]}
        approved = row["closed_reason"] == books[key]["closed_reason"]  # a header alone tells no change
        assert not approved or {name: row[name] for name in amounts} == amounts, key
    bought = {row["source_key"] for row in environment.books()["actuals"] if "/APIN" in row["source_key"]}
    assert bought <= stored("actuals").keys()


def disturbed(adapter: Dynamics, environment: Environment, fault: str = "") -> Dynamics:
    """The adapter, during whose read business goes on, or something fails, after every fifth page."""
    whole = adapter.read

    def read(entity: str, state: Row | None) -> Iterator[Any]:
        for number, page in enumerate(whole(entity, state)):
            yield page
            if number % 5 == 0 and fault:
                environment.fault(fault)
            elif number % 5 == 0:
                environment.post("advance", steps=2)

    adapter.read = read  # type: ignore[method-assign]
    adapter.control = lambda entity: []  # type: ignore[method-assign]  # noqa: ARG005
    return adapter


@pytest.mark.parametrize("kind", ["token_expired", "truncated_json", "http_503"])
def test_a_read_goes_on_after_what_passes(environment: Environment, kind: str) -> None:
    """A token that expires in the middle is renewed once; a broken or missing answer is asked for again."""
    environment.fault("page_size", 60)
    sync(disturbed(environment.adapter(), environment, kind))
    environment.fault("none")
    assert_as_in_the_books(environment)


@pytest.mark.parametrize("kind", ["http_429", "http_429_date"])
def test_throttling_is_waited_for(environment: Environment, kind: str) -> None:
    """Retry-After as seconds and as a date."""
    environment.fault(kind, 2)
    adapter = environment.adapter(limits=Limits(backoff=60))  # only Retry-After is short enough
    sync(adapter)
    assert_as_in_the_books(environment)


@pytest.mark.parametrize(
    ("kind", "times", "error", "code"),
    [
        ("http_503", 50, Unavailable, "http_503"),
        ("truncated_json", 50, Unavailable, "broken_json"),
        ("foreign_next_link", 1, Refused, "foreign_next_link"),
        ("forbidden", 1, Credentials, "forbidden"),
        ("html_login", 1, Credentials, "sign_in_page"),
        ("token_expired", 50, Credentials, "sign_in"),
    ],
)
def test_a_source_that_fails_changes_nothing(
    environment: Environment, kind: str, times: int, error: type[SourceError], code: str
) -> None:
    sync(environment.adapter())
    before = stored("commitments"), stored("actuals")
    environment.post("advance", steps=10)
    environment.fault(kind, times)
    with pytest.raises(error) as failed:
        sync(environment.adapter())
    assert failed.value.code == code
    assert "sandbox-secret" not in str(failed.value)
    assert (stored("commitments"), stored("actuals")) == before


def test_a_slow_answer_ends_at_the_deadline(environment: Environment) -> None:
    environment.fault("slow", 5, seconds=20.0)
    with pytest.raises(Unavailable, match="within 2 seconds") as late:
        sync(environment.adapter(timeout_seconds=2))
    assert late.value.code == "deadline"


@pytest.mark.parametrize("wrong", [{"client_secret": "other"}, {"client_id": "other"}])
def test_wrong_credentials_are_told_as_such(environment: Environment, wrong: Row) -> None:
    with pytest.raises(Credentials) as refused:
        sync(environment.adapter(**wrong))
    assert refused.value.code == "token_refused"


def test_unusable_records_wait_with_their_amount(environment: Environment) -> None:
    wanted = {}
    for kind, code in (
        ("unknown_project", "unknown_project"),
        ("unknown_currency", "unknown_currency"),
        ("bad_amount", "bad_amount"),
        ("bad_date", "bad_date"),
        ("posting_unknown_project", "unknown_project"),
        ("duplicate_key", "contradiction"),
    ):
        [made] = environment.fault(kind)
        wanted[made["key"]] = code, None if kind in ("bad_amount", "duplicate_key") else Decimal(made["amount"])
    result = sync(environment.adapter())
    assert result.rejected == len(wanted)
    found = {key: (code, amount) for key, code, amount in rows("select source_key, code, amount from ppm.rejections")}
    assert {key: code for key, (code, _) in found.items()} == {key: code for key, (code, _) in wanted.items()}
    assert all(amount in (None, found[key][1]) for key, (_, amount) in wanted.items())
    assert_as_in_the_books(environment)


def test_a_linked_number_is_no_unknown_project(environment: Environment) -> None:
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


def test_what_the_database_kept_makes_the_same_records_again(environment: Environment) -> None:
    sync(environment.adapter())
    for entity, stream in (("commitments", "fo_order_lines"), ("actuals", "fo_actuals")):
        kept = rows(f"select stream, source_key, record from ppm.raw_records where stream = '{stream}'")
        pages = environment.adapter().replay(entity, [Raw(*row) for row in kept])
        made = {one.source_key: one for page in pages if page.entity == entity for one in page.outcomes}
        known = stored(entity)
        assert known
        for key, row in known.items():
            assert {name: getattr(made[key], name) for name in FIGURES[entity].values()} == {
                name: row[name] for name in FIGURES[entity].values()
            }


def test_actuals_name_their_order_and_their_invoice(environment: Environment) -> None:
    """Actuals without an order are forecast differently, so the lot of a posting is followed to its order."""
    sync(environment.adapter(), entity="actuals")
    [(bought, with_order, with_invoice)] = rows(
        "select count(*), count(po_no), count(vendor_invoice_no) from ppm.actuals"
        " where document_type like 'PurchaseOrder%'"
    )
    assert bought == with_order == with_invoice > 0
    assert rows("select 1 from ppm.actuals a where po_no is not null and document_type like 'Timesheet%'") == []


def test_a_connection_is_tested_right_by_right(environment: Environment) -> None:
    checks = {check.name: check for check in environment.adapter().test()}
    assert list(checks) == ["address", "sign_in", "projects", "commitments", "invoices", "actuals"]
    assert all(check.ok for check in checks.values()), checks


def test_a_connection_test_names_what_is_hidden(environment: Environment) -> None:
    """Trap 12: roles hide rows without an error."""
    environment.fault("hidden_company")
    checks = {check.name: check for check in environment.adapter(companies=["no10", "no17"]).test()}
    assert "None of company no17" in checks["commitments"].detail
    environment.fault("no_bi")
    environment.fault("no_invoice_entities")
    checks = {check.name: check for check in environment.adapter(companies=["no99"]).test()}
    assert not checks["invoices"].ok
    assert not checks["projects"].ok


def test_a_connection_test_stops_where_nothing_after_it_can_work(environment: Environment) -> None:
    checks = list(environment.adapter(client_secret="other").test())
    assert [(check.name, check.ok) for check in checks] == [("address", True), ("sign_in", False)]
    environment.fault("token_expired", 50)
    checks = list(environment.adapter().test())
    assert "register it in the product" in checks[-1].detail


# Business Central ----------------------------------------------------------------------------------------------------


def assert_as_in_the_books_of_business_central(environment: Environment) -> None:
    """Every row that is there, to the cent; of what is gone its end. What never was looked at nobody can know."""
    books = environment.books("business_central")
    ours, told = stored("commitments"), {row["source_key"]: row for row in books["commitments"]}
    assert ours.keys() <= told.keys()
    assert {key for key, row in told.items() if not row["gone"]} <= ours.keys()
    for key, row in ours.items():
        wanted = told[key]
        if wanted["gone"]:
            assert row["open_amount"] == 0, key
            assert row["closed_reason"] in wanted["closed_reasons"], key
            continue
        amounts = {FIGURES["commitments"][name]: Decimal(wanted[name]) for name in FIGURES["commitments"]}
        assert {name: row[name] for name in amounts} == amounts, key
        places = ("company_code", "project_nr", "currency", "counts")
        assert {name: row[name] for name in places} == {name: wanted[name] for name in places}, key
        assert row["closed_reason"] is None, key
        assert row["po_line_text"] == wanted["text"].strip()
    posted = {row["source_key"]: row for row in books["actuals"]}
    assert {key: str(row["amount"]) for key, row in stored("actuals").items()} == {
        key: str(Decimal(row["amount"]) + Decimal("0.00000")) for key, row in posted.items()
    }
    money = {place: (amounts[2], amounts[3]) for place, amounts in totals().items()}
    assert {place: both for place, both in money.items() if any(both)} == {
        (row["project_nr"], row["currency"]): (Decimal(row["open"]), Decimal(row["actual"]))
        for row in books["totals"]
        if Decimal(row["open"]) or Decimal(row["actual"])
    }


def test_business_central_agrees_with_its_books(environment: Environment) -> None:
    result = sync(environment.central())
    assert_as_in_the_books_of_business_central(environment)
    assert result.rejected == 0
    assert len(rows("select 1 from ppm.projects")) == 40
    again = sync(environment.central())
    assert (again.inserted, again.updated, again.closed, again.rejected) == (0, 0, 0, 0)


def test_invoiced_orders_of_business_central_are_closed_as_invoiced_and_not_cancelled(environment: Environment) -> None:
    """Trap 5: the order is deleted when it is invoiced in full; ordered and relieved stay. An incremental read is
    enough, because it lists every order there is (DOMAIN "What counts")."""
    before = environment.central()
    sync(before)
    for steps in (40, 1, 60):
        environment.post("advance", steps=steps)
        environment.fault("vanish")
        after = environment.central()
        result = sync(after, before.state())
        assert result.status == "success"
        assert "commitments" in after.complete
        assert_as_in_the_books_of_business_central(environment)
        before = after
    query = "select closed_reason, count(*) from ppm.commitments where closed_at is not null group by 1"
    ended = dict(rows(query))
    assert ended["invoiced"] > 10
    assert ended["vanished"] > 0  # deleted by hand
    assert rows("select 1 from ppm.commitments where closed_reason = 'invoiced' and ordered_amount = 0") == []
    sync(environment.central())  # and what is closed stays closed as it was
    assert dict(rows(query)) == ended


def test_companies_of_business_central_are_chosen_by_name_or_by_id(environment: Environment) -> None:
    name = "Nordlicht Schweiz AG"
    sync(environment.central(companies=[name]))
    assert {row["company_code"] for row in stored("commitments").values()} == {name}
    by_id = environment.central()._product.companies()  # type: ignore[attr-defined]
    [wanted] = [one.id for one in by_id if one.name == name]
    result = sync(environment.central(companies=[wanted.upper()]))
    assert (result.inserted, result.updated, result.closed) == (0, 0, 0)
    [chosen] = [one for one in environment.central().test() if one.name == "projects"]
    assert "in 6 companies" in chosen.detail
    sync(environment.central())
    sync(environment.central(companies=[wanted]))
    ended = "select distinct closed_reason from ppm.commitments where company_code <> %s and closed_at is not null"
    reasons = {reason for (reason,) in rows(ended.replace("%s", f"'{name}'"))}
    assert "vanished" not in reasons, "who is not read any more is out of scope"
    assert "out_of_scope" in reasons
    with pytest.raises(Misconfigured) as unknown:
        sync(environment.central(companies=["Contoso"]))
    assert unknown.value.code == "unknown_company"


def test_an_unknown_dimension_is_told(environment: Environment) -> None:
    """Trap 7: standard lines have no project; which dimension is meant is decided at setup."""
    with pytest.raises(Misconfigured) as unknown:
        sync(environment.central(project_dimension="JOB"))
    assert unknown.value.code == "unknown_dimension"


@pytest.mark.parametrize("kind", ["token_expired", "truncated_json", "http_503", "deadlock", "busy", "http_429_date"])
def test_business_central_goes_on_after_what_passes(environment: Environment, kind: str) -> None:
    """A deadlock (409) and a busy server (400) pass by themselves."""
    environment.fault("page_size", 100)
    environment.fault(kind, 2 if kind != "token_expired" else 1)
    sync(environment.central())
    assert_as_in_the_books_of_business_central(environment)


def test_unusable_rows_of_business_central_wait_with_their_amount(environment: Environment) -> None:
    codes = ("unknown_project", "unknown_currency", "bad_amount", "bad_date")
    for code in codes:
        environment.fault(code)
    environment.fault("posting_unknown_project")
    result = sync(environment.central())
    found = rows("select code, amount is not null from ppm.rejections")
    assert sorted(code for code, _ in found) == sorted((*codes, "unknown_project"))
    assert {code for code, told in found if not told} == {"bad_amount"}
    assert result.rejected == 5
    assert_as_in_the_books_of_business_central(environment)


def test_business_central_lines_need_their_order(environment: Environment) -> None:
    """Trap 6: the lines alone are refused, so they are expanded."""
    adapter = environment.central()
    [company, *_] = adapter._product.companies()  # type: ignore[attr-defined]
    with pytest.raises(Misconfigured, match="You must specify an Id or a Document Id"):
        adapter._product.reader.client.get(f"companies({company.id})/purchaseOrderLines")


def test_a_connection_to_business_central_is_tested(environment: Environment) -> None:
    checks = {check.name: check for check in environment.central().test()}
    assert list(checks) == ["address", "sign_in", "projects", "commitments", "invoices", "actuals"]
    assert all(check.ok for check in checks.values()), checks


def test_a_token_for_another_product_is_not_enough(environment: Environment) -> None:
    adapter = environment.adapter(product="business_central", project_dimension="PROJECT")
    with pytest.raises(SourceError):
        sync(adapter)


# Dataverse -----------------------------------------------------------------------------------------------------------


def assert_as_in_the_books_of_dataverse(environment: Environment) -> None:
    books = environment.books("dataverse")
    ours, told = stored("actuals"), {row["source_key"]: row for row in books["actuals"]}
    assert ours.keys() == told.keys()
    for key, row in told.items():
        assert (ours[key]["amount"], ours[key]["company_amount"]) == (
            Decimal(row["amount"]), Decimal(row["company_amount"]),
        ), key  # fmt: skip
        places = ("project_nr", "currency", "company_currency", "counts")
        assert {name: ours[key][name] for name in places} == {name: row[name] for name in places}, key
    assert {place: amounts[3] for place, amounts in totals().items()} == {
        (row["project_nr"], row["currency"]): Decimal(row["actual"]) for row in books["totals"]
    }


def test_dataverse_brings_costs_with_their_reversals_and_no_sales(environment: Environment) -> None:
    """Trap 8: a transaction makes a cost and a sales row; reversals are rows of their own and are netted."""
    before = environment.dataverse()
    sync(before)
    assert_as_in_the_books_of_dataverse(environment)
    assert before.complete == {"projects", "wbs_elements", "actuals"}
    for steps in (1, 60):
        environment.post("advance", steps=steps)
        after = environment.dataverse()
        sync(after, before.state())
        assert_as_in_the_books_of_dataverse(environment)
        before = after
    states = dict(rows("select status, count(*) from ppm.actuals group by 1"))
    assert states["reversed"] > 0
    assert states["reversal"] > 0
    budgets = rows("select count(*) from ppm.projects where budget > 0")
    assert budgets[0][0] > 20


def test_commitments_of_dataverse_are_refused_with_where_to_take_them_from(environment: Environment) -> None:
    with pytest.raises(NotOffered, match="Take the commitments from Finance & Operations") as refused:
        sync(environment.dataverse(), entity="commitments")
    assert refused.value.code == "no_commitments"
    assert FAILED[refused.value.problem].status == 422


@pytest.mark.parametrize("kind", ["token_expired", "truncated_json", "http_429"])
def test_dataverse_goes_on_after_what_passes(environment: Environment, kind: str) -> None:
    environment.fault("page_size", 40)
    environment.fault(kind)
    sync(environment.dataverse())
    assert_as_in_the_books_of_dataverse(environment)


def test_a_connection_to_dataverse_is_tested(environment: Environment) -> None:
    checks = {check.name: check for check in environment.dataverse().test()}
    assert list(checks) == ["address", "sign_in", "projects", "actuals"]
    assert all(check.ok for check in checks.values()), checks
