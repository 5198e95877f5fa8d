"""The NetSuite adapter and the loader against the simulated account, in a real PostgreSQL, to the cent of its books.

Belongs here: whole reads, incremental ones, and bad input as it arrives. Does not belong here: single rules
(``test_adapter_netsuite``). Adapter and account are written independently of each other.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx
import jwt
import pytest
import uvicorn

from ppm_pipelines import database, load, planning, runs, sandbox_profile
from ppm_pipelines.adapters.base import Check, Credentials, Misconfigured, SourceError, Unavailable
from ppm_pipelines.adapters.http import Limits
from ppm_pipelines.adapters.netsuite import NetSuite
from ppm_pipelines.adapters.netsuite_auth import Token, authorization
from ppm_pipelines.adapters.netsuite_settings import Settings
from ppm_pipelines.records import Deleted, Page, Raw, Rejection
from ppm_pipelines.sandbox.app import create
from ppm_pipelines.sandbox.netsuite import auth

pytestmark = pytest.mark.usefixtures("database_url")

Row = dict[str, Any]
FIGURES = {
    "commitments": {"ordered": "ordered_amount", "relieved": "relieved_amount", "open": "open_amount"},
    "actuals": {"amount": "amount", "company_amount": "company_amount"},
}
ENDED = {"commitments": "closed_reason", "actuals": "removed_reason"}
GONE = ("cancelled", "deleted", "vanished", "out_of_scope")
TBA = {
    "auth": "tba",
    "consumer_key": auth.CONSUMER_KEY,
    "consumer_secret": auth.CONSUMER_SECRET,
    "token_id": auth.TOKEN_ID,
    "token_secret": auth.TOKEN_SECRET,
}


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create(seed=7, orders=10, pace=0), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@dataclass
class Account:
    """The account of one test: its control, adapters that read it, loads into the database of the test."""

    url: str
    control: httpx.Client
    made: list[NetSuite] = field(default_factory=list)

    def adapter(self, *, timeout_seconds: float = 60, limits: Limits | None = None, **settings: Any) -> NetSuite:
        values = sandbox_profile.SETTINGS["netsuite"](self.url) | settings
        self.made.append(
            NetSuite(
                Settings.model_validate(values),
                allowed_hosts=self.url,
                timeout_seconds=timeout_seconds,
                limits=limits or Limits(backoff=0.001),
            )
        )
        return self.made[-1]

    def post(self, what: str, **body: Any) -> Any:
        answer = self.control.post(f"/_sandbox/netsuite/{what}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def advance(self, steps: int, hours: int | None = None) -> None:
        self.post("advance", steps=steps, **({"hours": hours} if hours else {}))

    def fault(self, kind: str, times: int = 1) -> list[Row]:
        rows: list[Row] = self.post("fault", kind=kind, times=times).get("made") or []
        return rows

    def state(self) -> Row:
        told: Row = self.control.get("/_sandbox/netsuite").json()
        return told

    def books(self) -> dict[str, Any]:
        told: dict[str, Any] = self.control.get("/_sandbox/netsuite/books").json()
        return told


@pytest.fixture
def account(served: str) -> Iterator[Account]:
    """The account at its beginning."""
    with httpx.Client(base_url=served, timeout=60, trust_env=False) as control:
        made = Account(served, control)
        made.post("reset")
        yield made
        for adapter in made.made:
            adapter.close()


def sync(adapter: NetSuite, state: Row | None = None, entity: str = "costs", **scope: Any) -> load.SyncResult:
    mode: Any = "full" if state is None else "incremental"
    request = runs.RunRequest("default", "netsuite", entity, mode, scope=scope or None)
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
            final_postings=adapter.final_postings,
        )


def rows(query: str) -> list[Row]:
    with database.direct() as connection:
        found = connection.execute(query)
        names = [column.name for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def current(entity: str) -> dict[str, Row]:
    """Rows that did not end because they are gone from the source."""
    found = rows(f"select * from ppm.{entity} where system = 'netsuite'")
    return {row["source_key"]: row for row in found if row[ENDED[entity]] not in GONE}


def assert_as_in_the_books(account: Account) -> None:
    """Every row, and every total per project and currency; nothing that is gone counts in what is open or spent."""
    books = account.books()
    totals: dict[tuple[str, str], Row] = {}
    for entity, figures in FIGURES.items():
        ours, told = current(entity), {row["source_key"]: row for row in books[entity]}
        assert ours.keys() == told.keys()
        for key, one in told.items():
            row = ours[key]
            assert {name: row[column] for name, column in figures.items()} == {n: Decimal(one[n]) for n in figures}, key
            place = ("project_nr", "currency", "counts")
            assert [row[name] for name in place] == [one[name] for name in place], key
            if row["counts"]:
                sums = totals.setdefault((row["project_nr"], row["currency"]), {})
                for name, column in figures.items():
                    sums[name] = sums.get(name, Decimal(0)) + row[column]
    for one in books["totals"]:
        sums = totals.get((one["project_nr"], one["currency"]), {})
        found = {
            name: sums.get("amount" if name == "actual" else name, 0) for name in one if name in "ordered open actual"
        }
        assert found == {name: Decimal(one[name]) for name in found}, one
    gone = rows(
        "select source_key from ppm.commitments where closed_reason in ('cancelled', 'vanished') and open_amount <> 0"
    )
    assert not gone


# Reading


def test_a_first_load_agrees_with_the_account_s_books_to_the_cent(account: Account) -> None:
    adapter = account.adapter()
    result = sync(adapter)
    assert_as_in_the_books(account)
    assert result.rejected == 0
    assert result.total == result.inserted + result.skipped
    assert adapter.complete == {"projects", "commitments", "actuals"}
    assert len(rows("select 1 from ppm.projects where system = 'netsuite'")) == 40
    assert result.reconciliation is not None
    assert result.reconciliation["ok"], result.reconciliation


def test_the_account_s_budgets_belong_to_its_projects(account: Account) -> None:
    sync(account.adapter(), None, "projects")
    told = account.control.get("/_sandbox/netsuite/budgets").json()
    with database.scoped("default") as connection:
        planning.load_budgets(connection, "default", "netsuite", told)
    assert len(rows("select 1 from ppm.budgets")) == len(told) > 20


def test_an_unchanged_account_changes_nothing(account: Account) -> None:
    first = account.adapter()
    sync(first)
    for state in (first.state(), None):
        again = sync(account.adapter(), state)
        assert (again.inserted, again.updated, again.closed, again.rejected) == (0, 0, 0, 0)
    assert_as_in_the_books(account)


def test_incremental_reads_follow_the_books_over_weeks(account: Account) -> None:
    """Orders that bills touched without a stamp, edited documents, deleted documents and lines (netsuite.md, 4)."""
    before = account.adapter()
    sync(before)
    for steps, hours in ((3, 30), (40, 200), (1, 1), (80, 400)):
        account.advance(steps, hours)
        after = account.adapter()
        result = sync(after, before.state())
        assert_as_in_the_books(account)
        assert after.complete == {"projects"}
        assert result.reconciliation is not None
        assert result.reconciliation["ok"], result.reconciliation
        before = after
    assert set(before.state()["open_orders"]) == {
        row["source_key"].partition("/")[0] for row in current("commitments").values() if row["open_amount"]
    }
    reasons = {row["closed_reason"] for row in rows("select distinct closed_reason from ppm.commitments")}
    assert "cancelled" in reasons
    assert rows("select 1 from ppm.actuals where removed_reason = 'deleted' and removed_at is not null")


@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_of_full_and_incremental_reads_comes_to_the_same_truth(account: Account, seed: int) -> None:
    rng = random.Random(seed)
    before = account.adapter()
    sync(before)
    for _ in range(4):
        account.advance(rng.randint(1, 40), rng.randint(1, 90))
        after = account.adapter()
        sync(after, None if rng.random() < 0.3 else before.state())
        before = after if rng.random() < 0.7 else before  # a read whose state was lost is read once more
    sync(account.adapter(), before.state())
    assert_as_in_the_books(account)


def test_pages_go_by_key_past_the_cap_on_rows(account: Account) -> None:
    """netsuite.md, trap 4: a query ends at 100,000 rows; here at 300."""
    account.fault("few_rows")
    sync(account.adapter())
    assert_as_in_the_books(account)


def test_rows_that_come_and_go_between_pages_lose_nothing(account: Account) -> None:
    account.fault("small_pages")
    adapter = account.adapter()

    class Busy(NetSuite):
        def read(self, entity: str, state: Row | None) -> Iterator[Page]:
            for number, page in enumerate(super().read(entity, state)):
                if number % 7 == 3:
                    account.advance(1)
                yield page

    busy = Busy(adapter._settings, allowed_hosts=account.url, limits=Limits(backoff=0.001))
    account.made.append(busy)
    sync(busy)
    after = account.adapter()
    sync(after, busy.state())
    assert_as_in_the_books(account)


def test_a_bill_that_comes_during_a_read_is_left_to_the_next_one(account: Account) -> None:
    """DOMAIN R15: neither open and actual at once, nor neither."""
    adapter = account.adapter()
    latest = account.state()["transactions"]
    pages = adapter.read("costs", None)
    seen = [next(pages)]
    for page in pages:
        if page.entity == "commitments" and seen[-1].entity == "projects":
            account.advance(20)
        seen.append(page)
    cut = int(adapter._reader.cut or 0)
    assert account.state()["transactions"] > latest
    keys = [one.key for page in seen for one in page.raws if page.entity != "projects"]
    assert max(int(key.partition("/")[0]) for key in keys) <= cut
    bills = [bill for page in seen for raw in page.raws for bill in raw.record.get("bills", ())]
    assert max(int(bill["bill_id"]) for bill in bills) <= cut


def test_one_request_at_a_time(account: Account) -> None:
    sync(account.adapter())
    assert account.state()["most_at_once"] == 1


def test_column_names_in_capitals_are_the_same_columns(account: Account) -> None:
    account.fault("upper_case")
    sync(account.adapter())
    assert_as_in_the_books(account)


def test_texts_arrive_as_people_wrote_them(account: Account) -> None:
    sync(account.adapter())
    texts = {row["item_text"] for row in rows("select distinct item_text from ppm.actuals")}
    assert {"Stahlträger HEB 300", "Beratung “Go-Live” 🚀", "O'Brien's crane", 'Montage "Nord"'} <= texts
    assert "Zeile 1\nZeile 2" in texts


# Signing in


@pytest.mark.parametrize("settings", [{}, TBA], ids=["oauth2", "tba"])
def test_every_kind_of_sign_in_reads_everything(account: Account, settings: Row) -> None:
    sync(account.adapter(**settings))
    assert_as_in_the_books(account)
    assert account.state()["tokens"] > 0 or settings


def test_a_token_that_expires_in_the_middle_is_asked_for_again(account: Account) -> None:
    account.fault("small_pages")
    adapter = account.adapter()
    for number, _ in enumerate(adapter.read("costs", None)):
        if number == 5:
            account.fault("expired")
    assert adapter.complete == {"projects", "commitments", "actuals"}
    assert not account.state()["faults"].get("expired")


@pytest.mark.parametrize(
    "settings",
    [
        {"client_id": "somebody"},
        {"certificate_id": "custcertificate_old"},
        TBA | {"consumer_secret": "wrong"},
        TBA | {"token_secret": "wrong"},
        TBA | {"account_id": "other"},
    ],
)
def test_wrong_credentials_are_told_and_change_nothing(account: Account, settings: Row) -> None:
    sync(account.adapter())
    with pytest.raises(Credentials) as told:
        sync(account.adapter(**settings), None, "projects")
    assert "wrong" not in str(told.value)
    assert_as_in_the_books(account)


# Faults of answers


@pytest.mark.parametrize(
    "kind",
    ["http_429", "http_429_seconds", "http_429_date", "http_503", "truncated_json"],
)
def test_passing_faults_are_waited_out(account: Account, kind: str) -> None:
    """netsuite.md, section 6: a full account answers 429 with JSON that is none, with or without Retry-After."""
    account.fault(kind)
    sync(account.adapter())
    assert_as_in_the_books(account)
    assert not account.state()["faults"]


def test_throttling_that_does_not_end_is_told_as_such(account: Account) -> None:
    account.fault("http_429", 100)
    with pytest.raises(Unavailable, match="Concurrent request limit exceeded"):
        sync(account.adapter())


def test_an_answer_that_holds_less_than_it_counts_changes_nothing(account: Account) -> None:
    first = account.adapter()
    sync(first)
    account.advance(5)
    account.fault("short_page")
    with pytest.raises(Unavailable, match="counted"):
        sync(account.adapter())
    account.fault("none")
    sync(account.adapter(), first.state())
    assert_as_in_the_books(account)


def test_a_fault_of_netsuite_tells_its_error_number(account: Account) -> None:
    account.fault("http_500", 10)
    with pytest.raises(SourceError, match="jrgbpyylphhishmmlxyt"):
        sync(account.adapter())


# Faults of records


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("unknown_project", "unknown_project"),
        ("posting_unknown_project", "unknown_project"),
        ("unknown_currency", "unknown_currency"),
        ("bad_amount", "bad_amount"),
        ("bad_date", "bad_date"),
    ],
)
def test_what_no_one_can_use_waits_in_quarantine(account: Account, kind: str, code: str) -> None:
    first = account.adapter()
    sync(first)
    made = account.fault(kind, 2)
    for state in (first.state(), None):
        result = sync(account.adapter(), state)
        assert result.rejected == 2
        assert {error["key"] for error in result.errors} == {row["key"] for row in made}
    found = rows("select source_key, code, raw_key, amount from ppm.rejections where system = 'netsuite'")
    assert {row["code"] for row in found} == {code}
    assert all(row["raw_key"] == row["source_key"] for row in found)
    assert_as_in_the_books(account)


def test_a_line_that_became_unusable_keeps_its_last_figures_while_it_waits(account: Account) -> None:
    first = account.adapter()
    sync(first)
    key, known = next((key, row) for key, row in current("commitments").items() if row["open_amount"] > 0)
    request = runs.RunRequest("default", "netsuite", "commitments", "incremental")
    with database.owner() as connection:
        run_id = runs.claim(connection, request).run_id
    gone, bad = Deleted(key.partition("/")[0], whole=True), Rejection(key, "bad_amount", "foreignamount", "No.", {})
    with database.direct() as own:
        result = load.load(own, request, run_id, [Page("commitments", [gone, bad])], complete=set, state=dict)
    assert result.rejected == 1
    assert current("commitments")[key]["open_amount"] == known["open_amount"]


def test_lines_in_quarantine_are_no_difference_and_go_with_their_document(account: Account) -> None:
    account.fault("posting_unknown_project", 3)
    result = sync(account.adapter())
    assert result.rejected == 3
    assert result.reconciliation is not None
    assert result.reconciliation["ok"], result.reconciliation
    key = rows("select source_key from ppm.rejections order by source_key limit 1")[0]["source_key"]
    request = runs.RunRequest("default", "netsuite", "actuals", "incremental")
    with database.owner() as connection:
        run_id = runs.claim(connection, request).run_id
    gone = Page("actuals", [Deleted(key.partition("/")[0], whole=True)])
    with database.direct() as own:
        load.load(own, request, run_id, [gone], complete=set, state=dict)
    assert len(rows("select 1 from ppm.rejections")) == 2


def test_lines_of_plain_customers_or_of_nothing_are_skipped_with_their_amount(account: Account) -> None:
    """DOMAIN "What counts": a NetSuite line whose project column holds a plain customer has no project."""
    result = sync(account.adapter())
    assert result.skipped > 50
    assert result.skipped_amounts
    kept = rows("select record from ppm.raw_records where stream = 'orders' and record ->> 'customer_id' <> ''")
    assert kept


def test_without_the_right_to_see_customers_their_lines_wait_instead_of_passing_for_no_project(
    account: Account,
) -> None:
    account.fault("no_customers")
    result = sync(account.adapter())
    assert result.rejected > 10
    assert {row["code"] for row in rows("select code from ppm.rejections")} == {"unknown_project"}
    assert_as_in_the_books(account)


# What is gone


def test_a_deleted_order_is_cancelled_and_a_deleted_posting_leaves_the_sums(account: Account) -> None:
    first = account.adapter()
    sync(first)
    before = {name: set(current(name)) for name in FIGURES}
    account.advance(60, 30)
    result = sync(account.adapter(), first.state())
    lost = {name: before[name] - set(current(name)) for name in FIGURES}
    assert all(lost.values())
    assert result.closed >= sum(map(len, lost.values()))
    assert_as_in_the_books(account)


def test_what_is_gone_without_a_trace_is_found_by_a_full_read(account: Account) -> None:
    first = account.adapter()
    sync(first)
    gone = {row["key"] for row in account.fault("vanish", 3)}
    sync(account.adapter(), first.state())
    alive = {key for key, row in current("commitments").items() if row["closed_at"] is None}
    assert gone <= set(current("commitments"))
    result = sync(account.adapter())
    assert result.closed == len(gone & alive) > 0
    assert_as_in_the_books(account)


def test_when_most_of_it_is_gone_at_once_nothing_is_closed(account: Account) -> None:
    sync(account.adapter())
    known = current("commitments")
    account.fault("vanish", 200)
    with pytest.raises(load.MassDisappearance):
        sync(account.adapter())
    assert current("commitments") == known


def test_without_the_right_to_see_deletions_a_full_read_finds_them(account: Account) -> None:
    account.fault("no_deletions")
    first = account.adapter()
    sync(first)
    account.advance(40, 40)
    sync(account.adapter(), first.state())
    sync(account.adapter())
    assert_as_in_the_books(account)


# What an account does not have


@pytest.mark.parametrize("kind", ["no_expected_receipts", "no_departments"])
def test_columns_that_an_account_lacks_are_left_out(account: Account, kind: str) -> None:
    account.fault(kind)
    first = account.adapter()
    sync(first)
    assert_as_in_the_books(account)
    account.advance(10)
    sync(account.adapter(), first.state())
    assert_as_in_the_books(account)


def test_an_account_that_gets_a_column_is_read_as_a_whole_again(account: Account) -> None:
    account.fault("no_expected_receipts")
    first = account.adapter()
    sync(first)
    account.fault("none")
    second = account.adapter()
    sync(second, first.state())
    assert second.complete == {"projects", "commitments", "actuals"}


def test_subsidiaries_without_their_currencies_are_refused(account: Account) -> None:
    account.fault("no_subsidiaries")
    with pytest.raises(Credentials, match="subsidiaries"):
        sync(account.adapter())


def test_an_account_with_one_currency_takes_it_from_the_settings(account: Account) -> None:
    account.fault("one_currency")
    account.fault("no_one_world")
    with pytest.raises(Misconfigured, match="Enter it in the settings"):
        sync(account.adapter())
    sync(account.adapter(currency="EUR"))
    for entity in FIGURES:
        told = rows(f"select distinct currency, company_currency, company_code from ppm.{entity}")
        assert told == [{"currency": "EUR", "company_currency": "EUR", "company_code": ""}]


def test_another_accounting_book_has_other_amounts(account: Account) -> None:
    sync(account.adapter())
    primary = current("actuals")
    sync(account.adapter(accounting_book="2"), None, "actuals", accept_disappearance=True)
    other = current("actuals")
    assert {key.rpartition("/")[0] for key in other} == {key.rpartition("/")[0] for key in primary}
    assert {key.rpartition("/")[2] for key in other} == {"2"}
    for key, row in other.items():
        assert row["company_amount"] == 3 * primary[key.rpartition("/")[0] + "/1"]["company_amount"]


def test_account_types_decide_what_is_cost(account: Account) -> None:
    sync(account.adapter())
    before = set(current("actuals"))
    sync(account.adapter(cost_account_types=["Expense", "OthExpense", "COGS", "FixedAsset"]))
    assert set(current("actuals")) > before
    assert {row["accttype"] for row in rows("select custom_fields ->> 'accttype' as accttype from ppm.actuals")} == {
        "Expense", "OthExpense", "COGS", "FixedAsset",
    }  # fmt: skip


# Connection test, replay


def checks(adapter: NetSuite) -> dict[str, Check]:
    return {check.name: check for check in adapter.test()}


def test_a_connection_test_tells_right_by_right(account: Account) -> None:
    told = checks(account.adapter())
    assert list(told) == ["address", "sign_in", "projects", "commitments", "links", "actuals", "deletions"]
    assert all(check.ok for check in told.values()), told
    assert "scheduledenddate" not in told["commitments"].detail


@pytest.mark.parametrize(
    ("kind", "check", "said"),
    [
        ("no_deletions", "deletions", "Deleted Records"),
        ("no_projects", "projects", "job"),
        ("no_subsidiaries", "commitments", "subsidiaries"),
    ],
)
def test_a_connection_test_names_the_right_that_is_missing(account: Account, kind: str, check: str, said: str) -> None:
    account.fault(kind)
    told = checks(account.adapter())
    assert not told[check].ok
    assert said in told[check].detail


def test_a_connection_test_names_what_is_left_out_and_a_book_without_cost(account: Account) -> None:
    account.fault("no_expected_receipts")
    told = checks(account.adapter(accounting_book="9"))
    assert "expectedreceiptdate" in told["commitments"].detail
    assert not told["actuals"].ok


def test_a_connection_test_stops_at_a_refused_sign_in(account: Account) -> None:
    told = checks(account.adapter(certificate_id="custcertificate_old"))
    assert [(check.name, check.ok) for check in told.values()] == [("address", True), ("sign_in", False)]


def test_what_the_database_kept_makes_the_same_records_again(account: Account) -> None:
    account.fault("unknown_project")
    sync(account.adapter())
    for entity, stream in (("commitments", "orders"), ("actuals", "ledger")):
        kept = rows(f"select stream, source_key, record from ppm.raw_records where stream = '{stream}'")
        raws = [Raw(row["stream"], row["source_key"], row["record"]) for row in kept]
        made = [
            one for page in account.adapter().replay(entity, raws) if page.entity == entity for one in page.outcomes
        ]
        request = runs.RunRequest("default", "netsuite", entity, "incremental")
        with database.owner() as connection:
            run_id = runs.claim(connection, request).run_id
        page: Page = Page(entity, made)  # type: ignore[arg-type]
        with database.direct() as own:
            again = load.load(own, request, run_id, [page], complete=set, state=dict)
        assert (again.inserted, again.updated, again.closed) == (0, 0, 0)
        assert again.unchanged == len(current(entity))


# The account itself: it judges for itself, and refuses what NetSuite refuses


def asked(account: Account, query: str, params: list[str] | None = None, **url: Any) -> httpx.Response:
    """A query with a token of its own."""
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": auth.ASSERTION_TYPE,
        "client_assertion": assertion(account.url),
    }
    root = f"{account.url}/netsuite/services/rest"
    token = account.control.post(f"{root}/auth/oauth2/v1/token", data=form).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Prefer": "transient"}
    body = {"q": query, "params": params or []}
    return account.control.post(f"{root}/query/v1/suiteql", params=url, json=body, headers=headers)


def assertion(url: str, **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": auth.CLIENT_ID,
        "scope": "rest_webservices",
        "aud": f"{url}/netsuite/services/rest/auth/oauth2/v1/token",
        "iat": now,
        "exp": now + 60,
    }
    return jwt.encode(claims | changes, auth.private_key(), "ES256", {"kid": auth.CERTIFICATE_ID})


@pytest.mark.parametrize(
    "changes", [{"aud": "https://elsewhere"}, {"iss": "x"}, {"scope": "restlets"}, {"exp": 1}, {"iat": 0}]
)
def test_the_account_refuses_assertions_that_are_not_for_it(account: Account, changes: Row) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": auth.ASSERTION_TYPE,
        "client_assertion": assertion(account.url, **changes),
    }
    address = f"{account.url}/netsuite/services/rest/auth/oauth2/v1/token"
    assert account.control.post(address, data=form).status_code == 401


def test_the_account_refuses_signatures_that_leave_something_out_or_come_twice(account: Account) -> None:
    token = Token(auth.REALM, auth.CONSUMER_KEY, auth.CONSUMER_SECRET, auth.TOKEN_ID, auth.TOKEN_SECRET)
    root = f"{account.url}/netsuite/services/rest/query/v1/suiteql"
    now = str(int(time.time()))

    def status(signed: str, sent: str, nonce: str, stamp: str = now) -> int:
        headers = {"Authorization": authorization(token, "POST", signed, nonce, stamp), "Prefer": "transient"}
        return account.control.post(sent, json={"q": "SELECT t.id FROM transaction t"}, headers=headers).status_code

    whole = f"{root}?limit=10&offset=0"
    assert status(whole, whole, "one") == 200
    assert status(whole, whole, "one") == 401  # a nonce counts once
    assert status(root, whole, "two") == 401  # the parameters of the query are signed
    assert status(whole, whole, "three", str(int(now) - 3600)) == 401


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT t.id FROM transaction t LIMIT 5", "LIMIT"),
        ("SELECT t.id FROM transaction t FETCH FIRST 5 ROWS ONLY", "FETCH"),
        ("SELECT t.id FROM transaction t, transactionline tl WHERE t.id = tl.transaction (+)", "(+)"),
        ("SELECT t.nothing FROM transaction t", "nothing"),
        ("SELECT t.id FROM nothing t", "nothing"),
        ("DELETE FROM transaction", "SELECT"),
        ("SELECT sqlite_version() AS v FROM dual", "sqlite_version"),
        ("SELECT t.id FROM transaction t; DROP TABLE job", "Unexpected"),
    ],
)
def test_the_account_refuses_what_netsuite_does_not_know(account: Account, query: str, said: str) -> None:
    answer = asked(account, query)
    assert answer.status_code == 400
    assert said in answer.json()["o:errorDetails"][0]["detail"]


def test_the_account_answers_as_netsuite_does(account: Account) -> None:
    """netsuite.md, 3 and 5: texts, nothing for null, an order only when asked for, odd dates without a mask."""
    every = "SELECT t.id, t.trandate, t.reversal FROM transaction t"
    first = asked(account, f"{every} WHERE t.id > ? ORDER BY t.id", ["1100"], limit=2, offset=2).json()
    assert (first["count"], first["offset"], first["hasMore"]) == (2, 2, True)
    assert int(first["items"][0]["id"]) > 1100
    assert first["items"][0]["links"] == []
    assert "reversal" not in first["items"][0]
    assert "/" in first["items"][0]["trandate"]
    unsorted = [[row["id"] for row in asked(account, every, limit=1000).json()["items"]] for _ in range(2)]
    assert unsorted[0] != unsorted[1]
    assert sorted(unsorted[0]) == sorted(unsorted[1])
    assert asked(account, every, limit=1001).status_code == 400
    assert asked(account, every, limit=10, offset=5).status_code == 400
    sums = asked(account, "SELECT SUM(tl.foreignamount) AS s FROM transactionline tl WHERE tl.id > 0").json()
    assert Decimal(sums["items"][0]["s"])
