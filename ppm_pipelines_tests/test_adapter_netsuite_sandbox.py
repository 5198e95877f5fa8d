"""What NetSuite alone does, through the loader into a real PostgreSQL, and what its simulated account refuses.

Belongs here: rights and columns that an account lacks, deletions, accounting books, queries and signatures. Does not
belong here: what every system does (``test_contract``), single rules (``test_adapter_netsuite``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import jwt
import pytest

from ppm_pipelines import database, load, planning, runs
from ppm_pipelines.adapters.base import Adapter, Check, Credentials, Misconfigured, SourceError, Unavailable
from ppm_pipelines.adapters.netsuite_auth import Token, authorization
from ppm_pipelines.records import Deleted, Page, Rejection
from ppm_pipelines.sandbox.app import create
from ppm_pipelines.sandbox.netsuite import auth
from ppm_pipelines_tests.serving import serving
from ppm_pipelines_tests.simulated import World, assert_as_in_the_books, named, standing

pytestmark = pytest.mark.usefixtures("database_url")

Row = dict[str, Any]
GONE = {"commitments": "closed_reason", "actuals": "removed_reason"}
TBA = {
    "auth": "tba",
    "consumer_key": auth.CONSUMER_KEY,
    "consumer_secret": auth.CONSUMER_SECRET,
    "token_id": auth.TOKEN_ID,
    "token_secret": auth.TOKEN_SECRET,
}


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with serving(create(seed=7, orders=10, pace=0, size=0.5)) as url:
        yield url


@pytest.fixture
def account(served: str) -> Iterator[World]:
    """The account at its beginning."""
    with standing(named("netsuite-oauth2"), served) as made:
        yield made


def dicts(query: str) -> list[Row]:
    with database.direct() as connection:
        found = connection.execute(query)
        names = [column.name for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def current(entity: str) -> dict[str, Row]:
    """Rows that did not end because they are gone from the source."""
    left_out = named("netsuite-oauth2").unlisted
    found = dicts(f"select * from ppm.{entity} where system = 'netsuite'")
    return {row["source_key"]: row for row in found if row[GONE[entity]] not in left_out}


# Reading


def test_the_account_s_budgets_belong_to_its_projects(account: World) -> None:
    account.sync("full", entity="projects")
    told = account.control.get("/_sandbox/netsuite/budgets").json()
    with database.scoped("default") as connection:
        planning.load_budgets(connection, "default", "netsuite", told)
    assert len(dicts("select 1 from ppm.budgets")) == len(told) > 20


def test_incremental_reads_follow_the_books_over_weeks(account: World) -> None:
    """Orders that bills touched without a stamp, edited documents, deleted documents and lines (netsuite.md, 4)."""
    account.sync("full")
    for steps, hours in ((3, 30), (40, 200), (1, 1), (80, 400)):
        account.advance(steps, hours=hours)
        after = account.adapter()
        result = account.sync(adapter=after)
        assert_as_in_the_books(account)
        assert after.complete == {"projects"}
        assert result.reconciliation is not None
        assert result.reconciliation["ok"], result.reconciliation
    assert set(after.state()["open_orders"]) == {
        row["source_key"].partition("/")[0] for row in current("commitments").values() if row["open_amount"]
    }
    reasons = {row["closed_reason"] for row in dicts("select distinct closed_reason from ppm.commitments")}
    assert "cancelled" in reasons
    assert dicts("select 1 from ppm.actuals where removed_reason = 'deleted' and removed_at is not null")


def test_pages_go_by_key_past_the_cap_on_rows(account: World) -> None:
    """netsuite.md, trap 4: a query ends at 100,000 rows; here at 300."""
    account.fault("few_rows")
    account.sync("full")
    assert_as_in_the_books(account)


def test_a_bill_that_comes_during_a_read_is_left_to_the_next_one(account: World) -> None:
    """DOMAIN R15: neither open and actual at once, nor neither."""
    adapter: Any = account.adapter()
    latest = account.told()["transactions"]
    pages = adapter.read("costs", None)
    seen = [next(pages)]
    for page in pages:
        if page.entity == "commitments" and seen[-1].entity == "projects":
            account.advance(20)
        seen.append(page)
    cut = int(adapter._reader.cut or 0)
    assert account.told()["transactions"] > latest
    keys = [one.key for page in seen for one in page.raws if page.entity != "projects"]
    assert max(int(key.partition("/")[0]) for key in keys) <= cut
    bills = [bill for page in seen for raw in page.raws for bill in raw.record.get("bills", ())]
    assert max(int(bill["bill_id"]) for bill in bills) <= cut


def test_column_names_in_capitals_are_the_same_columns(account: World) -> None:
    account.fault("upper_case")
    account.sync("full")
    assert_as_in_the_books(account)


# Signing in


@pytest.mark.parametrize(
    "settings",
    [
        {"client_id": "somebody"},
        TBA | {"consumer_secret": "wrong"},
        TBA | {"account_id": "other"},
    ],
)
def test_wrong_credentials_are_told_and_change_nothing(account: World, settings: Row) -> None:
    account.sync("full")
    with pytest.raises(Credentials) as told:
        account.sync("full", adapter=account.adapter(**settings), entity="projects")
    assert "wrong" not in str(told.value)
    assert_as_in_the_books(account)


# Faults of answers


def test_throttling_that_does_not_end_is_told_as_such(account: World) -> None:
    account.fault("http_429_bare", 100)
    with pytest.raises(Unavailable, match="Concurrent request limit exceeded"):
        account.sync("full")


def test_a_fault_of_netsuite_tells_its_error_number(account: World) -> None:
    account.fault("http_500", 10)
    with pytest.raises(SourceError, match="jrgbpyylphhishmmlxyt"):
        account.sync("full")


# Faults of records


def test_a_line_that_became_unusable_keeps_its_last_figures_while_it_waits(account: World) -> None:
    account.sync("full")
    key, known = next((key, row) for key, row in current("commitments").items() if row["open_amount"] > 0)
    request = runs.RunRequest("default", "netsuite", "commitments", "incremental")
    with database.owner() as connection:
        run_id = runs.claim(connection, request).run_id
    gone, bad = Deleted(key.partition("/")[0], whole=True), Rejection(key, "bad_amount", "foreignamount", "No.", {})
    with database.direct() as own:
        result = load.load(own, request, run_id, [Page("commitments", [gone, bad])], complete=set, state=dict)
    assert result.rejected == 1
    assert current("commitments")[key]["open_amount"] == known["open_amount"]


def test_lines_in_quarantine_are_no_difference_and_go_with_their_document(account: World) -> None:
    account.fault("posting_unknown_project", 3)
    result = account.sync("full")
    assert result.rejected == 3
    assert result.reconciliation is not None
    assert result.reconciliation["ok"], result.reconciliation
    key = dicts("select source_key from ppm.rejections order by source_key limit 1")[0]["source_key"]
    request = runs.RunRequest("default", "netsuite", "actuals", "incremental")
    with database.owner() as connection:
        run_id = runs.claim(connection, request).run_id
    gone = Page("actuals", [Deleted(key.partition("/")[0], whole=True)])
    with database.direct() as own:
        load.load(own, request, run_id, [gone], complete=set, state=dict)
    assert len(dicts("select 1 from ppm.rejections")) == 2


def test_lines_of_plain_customers_or_of_nothing_are_skipped_with_their_amount(account: World) -> None:
    """DOMAIN "What counts": a NetSuite line whose project column holds a plain customer has no project."""
    result = account.sync("full")
    assert result.skipped > 50
    assert result.skipped_amounts
    kept = dicts("select record from ppm.raw_records where stream = 'orders' and record ->> 'customer_id' <> ''")
    assert kept


def test_without_the_right_to_see_customers_their_lines_wait_instead_of_passing_for_no_project(
    account: World,
) -> None:
    account.fault("no_customers")
    result = account.sync("full")
    assert result.rejected > 10
    assert {row["code"] for row in dicts("select code from ppm.rejections")} == {"unknown_project"}
    assert_as_in_the_books(account)


# What is gone


def test_a_deleted_order_is_cancelled_and_a_deleted_posting_leaves_the_sums(account: World) -> None:
    account.sync("full")
    before = {name: set(current(name)) for name in GONE}
    account.advance(60, hours=30)
    result = account.sync()
    lost = {name: before[name] - set(current(name)) for name in GONE}
    assert all(lost.values())
    assert result.closed >= sum(map(len, lost.values()))
    assert_as_in_the_books(account)


def test_without_the_right_to_see_deletions_a_full_read_finds_them(account: World) -> None:
    account.fault("no_deletions")
    account.sync("full")
    account.advance(40, hours=40)
    account.sync()
    account.sync("full")
    assert_as_in_the_books(account)


# What an account does not have


@pytest.mark.parametrize("kind", ["no_expected_receipts", "no_departments"])
def test_columns_that_an_account_lacks_are_left_out(account: World, kind: str) -> None:
    account.fault(kind)
    account.sync("full")
    assert_as_in_the_books(account)
    account.advance(10)
    account.sync()
    assert_as_in_the_books(account)


def test_an_account_that_gets_a_column_is_read_as_a_whole_again(account: World) -> None:
    account.fault("no_expected_receipts")
    account.sync("full")
    account.fault("none")
    second = account.adapter()
    account.sync(adapter=second)
    assert second.complete == {"projects", "commitments", "actuals"}


def test_subsidiaries_without_their_currencies_are_refused(account: World) -> None:
    account.fault("no_subsidiaries")
    with pytest.raises(Credentials, match="subsidiaries"):
        account.sync("full")


def test_an_account_with_one_currency_takes_it_from_the_settings(account: World) -> None:
    account.fault("one_currency")
    account.fault("no_one_world")
    with pytest.raises(Misconfigured, match="Enter it in the settings"):
        account.sync("full")
    account.sync("full", adapter=account.adapter(currency="EUR"))
    for entity in GONE:
        told = dicts(f"select distinct currency, company_currency, company_code from ppm.{entity}")
        assert told == [{"currency": "EUR", "company_currency": "EUR", "company_code": ""}]


def test_another_accounting_book_has_other_amounts(account: World) -> None:
    account.sync("full")
    primary = current("actuals")
    account.sync("full", adapter=account.adapter(accounting_book="2"), entity="actuals", accepted=True)
    other = current("actuals")
    assert {key.rpartition("/")[0] for key in other} == {key.rpartition("/")[0] for key in primary}
    assert {key.rpartition("/")[2] for key in other} == {"2"}
    for key, row in other.items():
        assert row["company_amount"] == 3 * primary[key.rpartition("/")[0] + "/1"]["company_amount"]


def test_account_types_decide_what_is_cost(account: World) -> None:
    account.sync("full")
    before = set(current("actuals"))
    account.sync("full", adapter=account.adapter(cost_account_types=["Expense", "OthExpense", "COGS", "FixedAsset"]))
    assert set(current("actuals")) > before
    assert {row["accttype"] for row in dicts("select custom_fields ->> 'accttype' as accttype from ppm.actuals")} == {
        "Expense", "OthExpense", "COGS", "FixedAsset",
    }  # fmt: skip


# Connection test, replay


def checks(adapter: Adapter) -> dict[str, Check]:
    return {check.name: check for check in adapter.test()}


def test_a_connection_test_tells_right_by_right(account: World) -> None:
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
def test_a_connection_test_names_the_right_that_is_missing(account: World, kind: str, check: str, said: str) -> None:
    account.fault(kind)
    told = checks(account.adapter())
    assert not told[check].ok
    assert said in told[check].detail


def test_a_connection_test_names_what_is_left_out_and_a_book_without_cost(account: World) -> None:
    account.fault("no_expected_receipts")
    told = checks(account.adapter(accounting_book="9"))
    assert "expectedreceiptdate" in told["commitments"].detail
    assert not told["actuals"].ok


# The account itself: it judges for itself, and refuses what NetSuite refuses


def asked(account: World, query: str, params: list[str] | None = None, **url: Any) -> httpx.Response:
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
def test_the_account_refuses_assertions_that_are_not_for_it(account: World, changes: Row) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": auth.ASSERTION_TYPE,
        "client_assertion": assertion(account.url, **changes),
    }
    address = f"{account.url}/netsuite/services/rest/auth/oauth2/v1/token"
    assert account.control.post(address, data=form).status_code == 401


def test_the_account_refuses_signatures_that_leave_something_out_or_come_twice(account: World) -> None:
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
def test_the_account_refuses_what_netsuite_does_not_know(account: World, query: str, said: str) -> None:
    answer = asked(account, query)
    assert answer.status_code == 400
    assert said in answer.json()["o:errorDetails"][0]["detail"]


def test_the_account_answers_as_netsuite_does(account: World) -> None:
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
