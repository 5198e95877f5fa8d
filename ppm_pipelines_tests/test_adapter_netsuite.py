"""NetSuite's rules with plain dicts: what a row means, how a query is written, how a request is signed.

Belongs here: every rule and trap of netsuite.md that a pure function decides. Does not belong here: whole reads
(``test_adapter_netsuite_sandbox``), HTTP faults (``test_adapter_http``).
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from api.sentences import told as in_german
from ppm_pipelines.adapters import netsuite, netsuite_checks, netsuite_rows, netsuite_streams, suiteql
from ppm_pipelines.adapters.base import Credentials, Misconfigured, Unavailable
from ppm_pipelines.adapters.netsuite_auth import KeyRefused, SignedCredentials, Token, signature, signing_key
from ppm_pipelines.adapters.netsuite_reader import Reader
from ppm_pipelines.adapters.netsuite_rows import Directory
from ppm_pipelines.adapters.netsuite_settings import Settings
from ppm_pipelines.adapters.suiteql import Query
from ppm_pipelines.records import Actual, Commitment, Project, Rejection, Skipped
from ppm_pipelines.sandbox.netsuite import auth as judge
from ppm_pipelines_tests.test_adapter_http import Answering, answer, scripted

Row = dict[str, Any]
PACIFIC = ZoneInfo("America/Los_Angeles")


def directory() -> Directory:
    return Directory(PACIFIC, {"7001": "P-1000"})


def order(**changes: Any) -> Row:
    """An order line as SuiteQL answers: texts, and nothing for what is null."""
    row = {
        "uniquekey": "40001", "tran_id": "1234", "line_id": "2", "linesequencenumber": "1", "tranid": "PO77",
        "status": "B", "po_date": "2026-03-01", "due": "2026-04-01", "vendor_id": "5001",
        "vendor_name": "Größl & Söhne", "currency": "1", "currency_symbol": "EUR", "company_currency": "EUR",
        "exchangerate": "1", "project_id": "7001", "memo": "Kabel", "foreignamount": "800", "isclosed": "F",
        "subsidiary": "3",
        "t_mod": "2026-03-01 10:00:00", "l_mod": "2026-03-02 09:30:00", "bills": [],
    }  # fmt: skip
    return {name: value for name, value in (row | changes).items() if value is not None}


def bill(amount: str, posting: str = "T", **changes: Any) -> Row:
    return {"bill_id": "1300", "posting": posting, "currency": "1", "foreignamount": amount} | changes


def posting(**changes: Any) -> Row:
    row = {
        "uniquekey": "41001", "tran_id": "1300", "line_id": "1", "book": "1", "type": "VendBill", "tranid": "RE-1",
        "transactionnumber": "BILL12", "status": "A", "trandate": "2026-03-31", "due": "2026-04-30",
        "vendor_id": "5001", "vendor_name": "Größl", "currency": "1", "currency_symbol": "EUR",
        "company_currency": "EUR", "account_id": "301", "acctnumber": "6100", "accttype": "Expense", "amount": "500",
        "foreignamount": "500", "project_id": "7001", "periodname": "Apr 2026", "period_start": "2026-04-01",
        "orders": [],
    }  # fmt: skip
    return {name: value for name, value in (row | changes).items() if value is not None}


def judged(row: Row) -> Any:
    (found,) = netsuite_rows.commitment(netsuite_rows.raw_order(row, row.get("bills", ()), None), directory())
    return found


def posted(row: Row) -> Any:
    (found,) = netsuite_rows.actual(netsuite_rows.raw_posting(row, row["orders"]), directory())
    return found


def amounts(row: Row) -> Any:
    """Ordered, relieved, open."""
    found = judged(row)
    assert isinstance(found, Commitment), found
    return found.ordered_amount, found.relieved_amount, found.open_amount


# Orders


def test_oracle_s_example_with_its_states_in_between() -> None:
    """DOMAIN R2 [OR2], without the requisition: open and actual together are 800 at every step."""
    ordered = order(foreignamount="800")
    assert amounts(ordered) == (800, 0, 800)
    received = ordered | {"status": "D", "quantityshiprecv": "500"}
    assert amounts(received) == (800, 0, 800)  # delivery changes nothing
    pending = received | {"bills": [bill("500", posting="F")]}
    assert amounts(pending) == (800, 0, 800)  # a bill that waits for approval relieves nothing, and posts nothing
    billed = received | {"bills": [bill("500")]}
    assert amounts(billed) == (800, 500, 300)
    assert posted(posting()).amount + amounts(billed)[2] == 800
    rest = billed | {"status": "G", "bills": [bill("500"), bill("300", bill_id="1400")]}
    assert amounts(rest) == (800, 800, 0)


@pytest.mark.parametrize(
    ("quantity", "billed", "still_open"),
    [
        ("10", "0", "800"),
        ("10", "4", "480"),
        ("10", "10", "0"),
        ("10", "12", "0"),
        ("3", "1", "533.33"),
        ("8", None, "800"),
    ],
)
def test_a_line_with_a_quantity_is_open_by_its_quantity_to_bill(
    quantity: str, billed: str | None, still_open: str
) -> None:
    """Whatever the price of the bill was (DOMAIN "What relieves a commitment")."""
    row = order(quantity=quantity, quantitybilled=billed, bills=[bill("799.99")])
    assert amounts(row)[2] == Decimal(still_open)
    assert amounts(row)[1] == 800 - Decimal(still_open)


def test_a_line_without_a_quantity_is_open_by_its_posted_bills_and_never_past_zero() -> None:
    assert amounts(order(quantity="0", bills=[bill("100.10")])) == (800, Decimal("100.10"), Decimal("699.90"))
    assert amounts(order(bills=[bill("900")])) == (800, 800, 0)
    assert amounts(order(foreignamount="-80", bills=[bill("-30")])) == (-80, -30, -50)
    assert amounts(order(foreignamount="-80", bills=[bill("-90")])) == (-80, -80, 0)
    assert amounts(order(foreignamount="-80", quantity="-4", quantitybilled="-1")) == (-80, -20, -60)


def test_what_was_billed_after_the_cut_is_not_billed_yet() -> None:
    raw = netsuite_rows.raw_order(order(quantity="10", quantitybilled="6"), [], Decimal(2))
    (found,) = netsuite_rows.commitment(raw, directory())
    assert isinstance(found, Commitment)
    assert found.open_amount == 480


def test_an_order_that_a_bill_after_the_cut_made_fully_billed_is_open_as_at_the_cut() -> None:
    """DOMAIN R15: its cost is read the next time, so it must not be gone from what is open already."""
    row = order(status="G", bills=[bill("500")])
    (found,) = netsuite_rows.commitment(netsuite_rows.raw_order(row, row["bills"], Decimal(0)), directory())
    assert isinstance(found, Commitment)
    assert (found.relieved_amount, found.open_amount) == (Decimal(500), Decimal(300))
    assert amounts(row) == (800, 800, 0)


def test_a_voided_bill_relieves_nothing() -> None:
    assert amounts(order(bills=[bill("500", voided="T"), bill("100", voided="F")])) == (800, 100, 700)


@pytest.mark.parametrize(
    ("status", "closed", "still_open", "reason", "counts"),
    [
        ("A", "F", 800, None, False),
        ("B", "F", 800, None, True),
        ("C", "F", 0, None, False),
        ("F", "F", 800, None, True),
        ("G", "F", 0, None, True),
        ("H", "F", 0, "completed", True),
        ("B", "T", 0, "completed", True),
        ("P", "F", 800, None, True),
    ],
)
@pytest.mark.parametrize("form", ["{}", "PurchOrd:{}"])
def test_status_letters_in_both_forms(
    form: str, status: str, closed: str, still_open: int, reason: str | None, counts: bool
) -> None:
    """The wrong form matches nothing and raises no error, so both are understood."""
    found = judged(order(status=form.format(status), isclosed=closed))
    assert (found.open_amount, found.closed_reason, found.counts) == (still_open, reason, counts)
    assert found.ordered_amount == 800
    assert found.not_counted_reason == {"A": "unreleased", "C": "rejected"}.get(status)


def test_the_key_is_the_line_s_number_not_its_place_nor_its_unique_key() -> None:
    """netsuite.md, trap 2."""
    found = judged(order())
    assert (found.source_key, found.po_number, found.po_line_nr) == ("1234/2", "PO77", "2")


def test_fields_of_an_order_line() -> None:
    found = judged(order(department="IT", acctnumber="6100", requester="K. Müller", expectedreceiptdate="2026-05-05"))
    assert (found.vendor, found.vendor_description, found.company_code) == ("5001", "Größl & Söhne", "3")
    assert (found.cost_center, found.gl_account, found.requester) == ("IT", "6100", "K. Müller")
    assert (found.po_date, found.delivery_date) == (date(2026, 3, 1), date(2026, 5, 5))
    assert judged(order()).delivery_date == date(2026, 4, 1)
    assert found.po_status == "pending receipt"


def test_change_stamps_are_read_on_netsuite_s_clock_and_the_later_one_counts() -> None:
    """netsuite.md, trap 5; the day stays the day, whatever the zone."""
    assert judged(order()).changed_at == datetime(2026, 3, 2, 17, 30, tzinfo=UTC)


def test_company_amounts_come_from_the_order_s_rate() -> None:
    found = judged(order(currency_symbol="USD", exchangerate="0.9171", foreignamount="100.01", bills=[bill("50")]))
    assert (found.company_ordered_amount, found.company_open_amount) == (Decimal("91.72"), Decimal("45.86"))
    assert found.company_relieved_amount == Decimal("45.86")
    assert found.exchange_rate == Decimal("0.9171")
    assert judged(order()).exchange_rate is None


@pytest.mark.parametrize(("currency", "amount", "share"), [("JPY", "1000", "333"), ("KWD", "1", "0.333")])
def test_amounts_have_the_digits_of_their_currency(currency: str, amount: str, share: str) -> None:
    row = order(
        currency_symbol=currency, company_currency=currency, foreignamount=amount, quantity="3", quantitybilled="2"
    )
    assert amounts(row)[2] == Decimal(share)


@pytest.mark.parametrize(
    ("changes", "code", "name"),
    [
        ({"project_id": "7999"}, "unknown_project", "entity"),
        ({"foreignamount": "zwölf"}, "bad_amount", "foreignamount"),
        ({"foreignamount": None}, "bad_amount", "foreignamount"),
        ({"foreignamount": "NaN"}, "bad_amount", "foreignamount"),
        ({"quantity": "viel"}, "bad_amount", "quantity"),
        ({"po_date": "1/3/2026"}, "bad_date", "po_date"),
        ({"currency_symbol": "XXQ"}, "unknown_currency", "currency_symbol"),
        ({"company_currency": None}, "unknown_currency", "company_currency"),
        ({"currency_symbol": "USD", "exchangerate": None}, "missing_field", "exchangerate"),
        ({"bills": [bill("1", currency="2")]}, "unknown_currency", "currency"),
    ],
)
def test_what_makes_an_order_line_unusable(changes: Row, code: str, name: str) -> None:
    found = judged(order(**changes))
    assert isinstance(found, Rejection)
    assert (found.code, found.field, found.raw_key) == (code, name, "1234/2")
    assert found.reason.endswith(".")


def test_a_quarantined_line_keeps_its_amounts_and_its_project() -> None:
    found = judged(order(po_date="?", bills=[bill("500")]))
    assert (found.amount, found.open_amount, found.currency, found.project_nr) == (800, 300, "EUR", "P-1000")


# Projects of lines


@pytest.mark.parametrize(
    "changes",
    [
        {"project_id": None},
        {"project_id": "9000", "customer_id": "9000"},
        {"project_id": "5007", "line_vendor_id": "5007"},
        {"project_id": "5001"},  # the vendor of the document itself
    ],
)
def test_a_line_of_a_plain_customer_a_vendor_or_nobody_has_no_project(changes: Row) -> None:
    """DOMAIN "What counts": skipped with its amount."""
    for found in (judged(order(**changes)), posted(posting(**changes))):
        assert isinstance(found, Skipped)
        assert found.reason == "no project"
        assert found.amount
        assert found.currency == "EUR"


def test_a_project_that_the_role_does_not_see_is_not_taken_for_no_project() -> None:
    """netsuite.md, trap 1."""
    for found in (judged(order(project_id="7999")), posted(posting(project_id="7999"))):
        assert isinstance(found, Rejection)
        assert found.project_nr == "7999"


def test_a_project_that_people_linked_is_one() -> None:
    known = Directory(PACIFIC, {}, frozenset({"7999"}))
    (found,) = netsuite_rows.commitment(netsuite_rows.raw_order(order(project_id="7999"), [], Decimal(0)), known)
    assert isinstance(found, Commitment)
    assert found.project_nr == "7999"


def test_projects() -> None:
    known = Directory(PACIFIC)
    row = {
        "id": "7001", "entityid": "P-1000", "companyname": "Werk Süd: Halle 4", "status": "In Progress",
        "startdate": "2025-01-01", "projectedenddate": "2026-12-31", "estimatedcost": "1000.5",
        "company_currency": "EUR", "subsidiary": "1", "isinactive": "F",
    }  # fmt: skip
    (found,) = netsuite_rows.project(netsuite_rows.raw_project(row), known)
    assert isinstance(found, Project)
    assert (found.source_key, found.project_nr, found.company_code) == ("7001", "P-1000", "1")
    assert (found.start_date, found.end_date) == (date(2025, 1, 1), date(2026, 12, 31))
    assert (found.budget, found.currency, found.status) == (Decimal("1000.50"), "EUR", "In Progress")
    assert known.projects == {"7001": "P-1000"}
    (nameless,) = netsuite_rows.project(netsuite_rows.raw_project({"id": "7002"}), known)
    assert isinstance(nameless, Rejection)


# Postings


def test_fields_of_a_posting() -> None:
    found = posted(posting(orders=[{"order_id": "1234", "order_line": "2", "tranid": "PO77"}]))
    assert isinstance(found, Actual)
    assert (found.source_key, found.fi_doc_no, found.fi_doc_line) == ("1300/1/1", "BILL12", "1")
    assert (found.document_type, found.ledger, found.gl_account) == ("VendBill", "1", "6100")
    assert (found.po_no, found.po_line_no) == ("PO77", "2")
    assert (found.posting_date, found.net_due_date) == (date(2026, 3, 31), date(2026, 4, 30))
    assert found.custom_fields["periodname"] == "Apr 2026"


def test_a_posting_belongs_to_its_period_which_need_not_be_that_of_its_date() -> None:
    found = posted(posting())
    assert (found.fiscal_year, found.fiscal_period) == ("2026", "004")
    without = posted(posting(period_start=None, periodname=None))
    assert (without.fiscal_year, without.fiscal_period) == ("2026", "003")


def test_the_number_on_a_bill_is_its_vendor_s_and_no_key() -> None:
    """netsuite.md, trap 3."""
    found = posted(posting())
    assert (found.vendor_invoice_no, found.source_key) == ("RE-1", "1300/1/1")
    assert posted(posting(type="Journal", tranid="JE9")).vendor_invoice_no is None
    assert posted(posting(transactionnumber=None)).fi_doc_no == "1300"


@pytest.mark.parametrize(
    ("company", "document", "wanted"),
    [("500", "550", ("550", "500")), ("-500", "-550", ("-550", "-500")), ("-500", "550", ("-550", "-500")),
     ("500", "-550", ("550", "500")), ("0", "-1", ("-1", "0"))],
)  # fmt: skip
def test_the_ledger_s_debit_and_credit_decide_the_sign(company: str, document: str, wanted: tuple[str, str]) -> None:
    """netsuite.md, section 5: debit - credit."""
    found = posted(posting(amount=company, foreignamount=document, currency_symbol="USD"))
    assert (found.amount, found.company_amount) == tuple(map(Decimal, wanted))


def test_a_voided_document_that_keeps_its_lines_is_no_cost_in_any_currency() -> None:
    found = posted(posting(voided="T", amount="0", foreignamount="550", currency_symbol="USD"))
    assert (found.amount, found.company_amount, found.status) == (0, 0, "reversed")


@pytest.mark.parametrize(
    ("changes", "status", "reversal_of"),
    [
        ({}, "posted", None),
        ({"status": "B"}, "cleared", None),
        ({"status": "VendBill:B"}, "cleared", None),
        ({"type": "Journal", "reversal": "1400", "isreversal": "F"}, "reversed", None),
        ({"type": "Journal", "reversal": "1200", "isreversal": "T"}, "reversal", "1200"),
        ({"voided": "T"}, "reversed", None),
    ],
)
def test_status_of_a_posting(changes: Row, status: str, reversal_of: str | None) -> None:
    found = posted(posting(**changes))
    assert (found.status, found.reversal_of) == (status, reversal_of)


def test_ledger_rows_without_any_amount_are_skipped_and_half_of_one_is_not() -> None:
    assert posted(posting(amount=None, foreignamount=None)).reason == "no amount"
    for name in ("amount", "foreignamount"):
        found = posted(posting(**{name: None}))
        assert (found.code, found.field) == ("bad_amount", name)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"trandate": "31.03.2026"}, "bad_date"),
        ({"trandate": None}, "missing_field"),
        ({"currency_symbol": "XXQ"}, "unknown_currency"),
        ({"amount": "1e999999999"}, "bad_amount"),
    ],
)
def test_what_makes_a_posting_unusable(changes: Row, code: str) -> None:
    found = posted(posting(**changes))
    assert isinstance(found, Rejection)
    assert found.code == code


# Queries

PEOPLE = Query("people", {"id": "p.id", "name": "p.name"}, "person p", ("id",), "p.alive = ?", {"age": "a.years"},
               {"age": "LEFT JOIN ages a ON a.person = p.id"})  # fmt: skip


def test_a_query_is_written_from_its_parts() -> None:
    assert PEOPLE.written(["id", "name"]) == (
        "SELECT p.id AS id, p.name AS name FROM person p WHERE (p.alive = ?) ORDER BY p.id"
    )
    assert PEOPLE.written(["id", "age"], "p.id IN (?)", after=True) == (
        "SELECT p.id AS id, a.years AS age FROM person p LEFT JOIN ages a ON a.person = p.id "
        "WHERE (p.alive = ?) AND (p.id IN (?)) AND (p.id > ?) ORDER BY p.id"
    )


def test_pages_after_a_key_of_several_columns() -> None:
    link = Query("links", {"a": "l.a", "b": "l.b"}, "links l", ("a", "b"))
    assert "((l.a > ?) OR (l.a = ? AND l.b > ?))" in link.written(link.columns, after=True)
    assert suiteql.bound(["1", "2"]) == ["1", "1", "2"]
    assert link.written(link.columns, after=True).count("?") == len(suiteql.bound(["1", "2"]))


QUERIES = [one for one in vars(netsuite_streams).values() if isinstance(one, Query)]


@pytest.mark.parametrize("query", QUERIES, ids=lambda one: one.name)
def test_every_query_is_ordered_by_its_key_and_never_paged_by_offset(query: Query) -> None:
    """netsuite.md, section 3 and traps 4, 8 and 9."""
    written = query.written([*query.columns, *query.optional])
    assert ("ORDER BY" in written) == bool(query.key)
    assert set(query.key) <= query.columns.keys()
    for word in ("LIMIT", "OFFSET", "FETCH", "ROWNUM", "(+)"):
        assert word not in written
    assert "BUILTIN" not in written.partition("WHERE")[2]


def test_dates_are_always_asked_for_with_a_mask() -> None:
    for query in QUERIES:
        for expression in (*query.columns.values(), *query.optional.values()):
            assert "date" not in expression.rpartition(".")[2] or expression.startswith("TO_CHAR("), expression


def test_an_error_is_read_although_it_is_no_json() -> None:
    """netsuite.md, section 6: the documented 429 lacks a comma."""
    body = b'{"status": 429, "o:errorCode": "USER_ERROR" "o:errorDetails": [{"detail": "Too \\u201emany\\u201c"}]}'
    assert suiteql.error_text(body) == "Too „many“"
    assert suiteql.error_text(b"<html>") == ""


def test_flags_and_days() -> None:
    assert suiteql.yes("T")
    assert not suiteql.yes("F")
    assert not suiteql.yes(None)
    assert suiteql.day(None) is None
    assert suiteql.moment("", PACIFIC) is None


@pytest.mark.parametrize(
    ("number", "cut", "after"), [("9", "10", False), ("10", "10", False), ("11", "10", True), ("11", None, False)]
)
def test_the_cut_compares_numbers_not_texts(number: str, cut: str | None, after: bool) -> None:
    assert netsuite._is_after(number, cut) is after


def test_an_incremental_read_looks_back_more_than_a_day() -> None:
    """Stamps, clock and deletions may be in different zones (netsuite.md, trap 5)."""
    assert netsuite._before("2026-03-02 01:00:00", netsuite.OVERLAP) == "2026-02-28 23:00:00"
    assert netsuite._before("yesterday", netsuite.OVERLAP) is None


# Signing in


def pem(key: Any) -> str:
    told: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return told.decode()


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ec.generate_private_key(ec.SECP521R1()), "ES512"),
        (rsa.generate_private_key(65537, 3072), "PS256"),
    ],
    ids=["P-256", "P-384", "P-521", "RSA"],
)
def test_an_assertion_is_signed_as_netsuite_asks(key: Any, algorithm: str) -> None:
    url = "https://1234567.suitetalk.api.netsuite.com/services/rest/auth/oauth2/v1/token"
    told = SignedCredentials(url, "client", "custcert", pem(key)).assertion(int(datetime.now(UTC).timestamp()))
    assert jwt.get_unverified_header(told) == {"alg": algorithm, "kid": "custcert", "typ": "JWT"}
    claims = jwt.decode(told, key.public_key(), [algorithm], audience=url)
    assert (claims["iss"], claims["scope"]) == ("client", ["rest_webservices"])
    assert 0 < claims["exp"] - claims["iat"] < 3600


@pytest.mark.parametrize(
    "key", ["", "-----BEGIN", pem(rsa.generate_private_key(65537, 2048)), pem(ec.generate_private_key(ec.SECP256K1()))]
)
def test_keys_that_netsuite_would_refuse_are_refused(key: str) -> None:
    with pytest.raises(KeyRefused):
        signing_key(key)


@pytest.mark.parametrize("between", ["", " ", "\\n", "\r\n"])
def test_a_key_that_lost_its_line_breaks_is_understood(between: str) -> None:
    """A form field of one line takes them away."""
    told = pem(ec.generate_private_key(ec.SECP256R1())).replace("\n", between)
    assert signing_key(told)[1] == "ES256"


# Oracle's own example of a signature, with its published results (help page 1534941088).
EXAMPLE = Token(
    "123456",
    "ef40afdd8abaac111b13825dd5e5e2ddddb44f86d5a0dd6dcf38c20aae6b67e4",
    "d26ad321a4b2f23b0741c8d38392ce01c3e23e109df6c96eac6d099e9ab9e8b5",
    "2b0ce516420110bcbd36b69e99196d1b7f6de3c6234c5afb799b73d87569f5cc",
    "c29a677df7d5439a458c063654187e3d678d73aca8e3c9d8bea1478a3eb0d295",
)
OAUTH = {
    "oauth_consumer_key": EXAMPLE.consumer_key,
    "oauth_token": EXAMPLE.token_id,
    "oauth_nonce": "fjaLirsIcCGVZWzBX0pg",
    "oauth_timestamp": "1508242306",
    "oauth_signature_method": "HMAC-SHA256",
    "oauth_version": "1.0",
}
HOST = "https://123456.suitetalk.api.netsuite.com"
RESTLET = "https://123456.restlets.api.netsuite.com/app/site/hosting/restlet.nl?script=6&deploy=1"


@pytest.mark.parametrize(
    ("method", "url", "wanted"),
    [
        ("GET", f"{HOST}/services/rest/record/v1/employee/40", "B5OIWznZ2YP0OB7VrJrGkYsTh+8H+5T9Hag+o92q0zY="),
        (
            "POST",
            f"{RESTLET}&customParam=someValue&testParam=someOtherValue",
            "+KK4SKNgz4ZiILGLwOMtfYlgcXSy1eis8ldE9X90azQ=",
        ),
        (
            "POST",
            f"{HOST}/services/rest/query/v1/suiteql?limit=1000&offset=0",
            "K77GAJRnfr1XDIXWkDNFBb1G343XzZc397WHGpnHFF8=",
        ),
    ],
)
def test_signatures_are_the_published_ones_by_two_independent_hands(method: str, url: str, wanted: str) -> None:
    """The parameters of the query are signed too, ``limit`` and ``offset``; the realm and a JSON body are not."""
    assert signature(EXAMPLE, method, url, OAUTH) == wanted
    assert judge.signature(method, url, OAUTH, EXAMPLE.consumer_secret, EXAMPLE.token_secret) == wanted


@pytest.mark.parametrize(
    "url", [f"{HOST}:8443/a%20b/ü?x=ä%26b&x=a+b&leer=&~=*", "http://127.0.0.1:8090/n?limit=1&offset=0"]
)
def test_odd_addresses_are_signed_alike(url: str) -> None:
    sent = str(httpx.URL(url))
    other = judge.signature("POST", sent, OAUTH, EXAMPLE.consumer_secret, EXAMPLE.token_secret)
    assert signature(EXAMPLE, "POST", sent, OAUTH) == other


# Settings


def settings(**changes: Any) -> Settings:
    values = {
        "account_id": "1234567_SB1",
        "client_id": "client",
        "certificate_id": "custcert",
        "private_key": judge.private_key(),
    }
    return Settings.model_validate(values | changes)


def test_the_address_follows_from_the_account() -> None:
    """Lower case and ``-`` in the host, upper case and ``_`` in the realm (netsuite.md, section 2)."""
    for written in ("1234567_SB1", "1234567-sb1"):
        found = settings(account_id=written)
        assert (found.root, found.account_id) == (HOST.replace("123456", "1234567-sb1"), "1234567_SB1")
    assert settings(base_url="https://x.example/services/rest/").root == "https://x.example"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"account_id": "a b"}, "An account ID"),
        ({"base_url": "ftp://x"}, "must begin with https"),
        ({"base_url": "https://x/?a=1"}, "without ? or #"),
        ({"private_key": "no key"}, "no private key"),
        ({"client_id": ""}, "also needs: Client ID"),
        ({"auth": "tba"}, "also needs: Consumer key, Consumer secret, Token ID, Token secret"),
        ({"accounting_book": "primary"}, "internal ID"),
        ({"time_zone": "Mars"}, "no time zone"),
        ({"currency": "XXQ"}, "no active ISO 4217"),
        ({"cost_account_types": ["Expense'--"]}, "no type of account"),
    ],
)
def test_wrong_settings_are_told_in_sentences(changes: Row, said: str) -> None:
    with pytest.raises(ValidationError) as error:
        settings(**changes)
    assert said in str(error.value)
    assert judge.private_key()[40:80] not in str(error.value)


def test_secrets_appear_nowhere() -> None:
    found = settings()
    assert "PRIVATE" not in repr(found)
    schema = Settings.model_json_schema()["properties"]
    secret = {name for name, told in schema.items() if told.get("writeOnly")}
    assert secret == {"private_key", "consumer_key", "consumer_secret", "token_id", "token_secret"}
    assert all(told["x-labels"]["de"]["title"] and told["examples"] for told in schema.values())


# What an account lacks -----------------------------------------------------------------------------------------------


def rows_of(*rows: Row) -> Answering:
    return answer(json.dumps({"items": list(rows), "count": len(rows), "hasMore": False}))


def refused(column: str) -> Answering:
    told = {"title": "Bad Request", "o:errorDetails": [{"detail": f"Unknown identifier '{column}'"}]}
    return answer(json.dumps(told), 400)


def test_a_column_that_no_read_can_do_without_is_named_by_the_connection_test() -> None:
    """netsuite.md, trap 1: a count alone succeeds, and the read would fail in the night."""
    lacks_nothing = rows_of()
    token = answer('{"access_token": "t", "expires_in": 3600}')
    steps = (token, rows_of({"found": "3"}), lacks_nothing, lacks_nothing, refused("quantitybilled"))
    with scripted(*steps) as script:
        reader = Reader(settings(base_url=script.url), script.url, 20, None)
        with pytest.raises(Misconfigured, match="Unknown identifier 'quantitybilled'"):
            netsuite_checks._orders(reader)
        reader.client.close()


def test_what_is_left_out_says_what_that_means_and_whom_to_ask() -> None:
    told = " ".join(netsuite_checks._left_out(["customer_id", "requester", "estimatedcost", "department"]))
    assert told.startswith("Left out, because this account does not have them: customer_id, department, ")
    for said in (
        "wait in quarantine: grant the role customers and vendors",
        "no requester",
        "no budget",
        "no cost cen",
    ):
        assert said in told
    assert not netsuite_checks._left_out([])
    german = in_german(told, "de")
    assert "keinen Anforderer" in german
    assert "warten in der Quarantäne" in german
    assert "haben kein Budget" in german


def test_columns_of_features_that_an_account_may_lack_are_optional() -> None:
    """Without multiple currencies there is neither a currency nor a rate; without advanced receiving no receipts."""
    for name in ("currency", "exchangerate", "quantityshiprecv"):
        assert name in netsuite_streams.ORDERS.optional
    assert amounts(order(currency=None, exchangerate=None, bills=[bill("500", currency=None)])) == (800, 500, 300)


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [(401, "sign_in", "Login Audit Trail"), (403, "forbidden", "SuiteAnalytics Workbook")],
)
def test_a_refused_role_is_told_what_it_lacks_in_netsuite_s_words(status: int, code: str, said: str) -> None:
    token = answer('{"access_token": "t", "expires_in": 3600}')
    with scripted(token, answer("{}", status)) as script:
        reader = Reader(settings(base_url=script.url), script.url, 20, None)
        with pytest.raises(Credentials, match=said) as raised:
            reader.clock()
        reader.client.close()
    assert raised.value.code == code
    assert "password" not in str(raised.value)


def test_a_source_without_a_clock_is_not_read() -> None:
    token = answer('{"access_token": "t", "expires_in": 3600}')
    with scripted(token, rows_of()) as script:
        reader = Reader(settings(base_url=script.url), script.url, 20, None)
        with pytest.raises(Unavailable, match="does not tell its time"):
            reader.clock()
        reader.client.close()
