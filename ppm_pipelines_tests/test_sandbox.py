"""The simulated SAP tenant over real HTTP: protocol, books, faults, and an independent client that reads it.

Belongs here: that the tenant behaves as SAP documents it. Does not belong here: the adapter that reads it.
"""

from __future__ import annotations

import contextlib
import json
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pyodata
import pytest
import requests

from ppm_pipelines.sandbox.app import create
from ppm_pipelines_tests.serving import serving

V2 = "/sap/sap/opu/odata/sap"
V4 = "/sap/sap/opu/odata4/sap/api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001"
PURCHASING = f"{V2}/API_PURCHASEORDER_PROCESS_SRV"
LEDGER = f"{V2}/API_GLACCOUNTLINEITEM/GLAccountLineItem"
INVOICES = f"{V2}/API_SUPPLIERINVOICE_PROCESS_SRV"
PROJECTS = f"{V2}/API_ENTERPRISE_PROJECT_SRV;v=0002"
OPERATIONAL = f"{V2}/API_OPLACCTGDOCITEMCUBE_SRV/A_OperationalAcctgDocItemCube"
LINE = (
    "CompanyCode,FiscalYear,AccountingDocument,LedgerGLLineItem,SourceLedger,Ledger,TransactionCurrency,"
    "CompanyCodeCurrency,AmountInTransactionCurrency,AmountInCompanyCodeCurrency,WBSElementInternalID,"
    "AccountingDocumentType,PurchasingDocument,PurchasingDocumentItem,AccountAssignmentNumber"
)
COSTS = "Ledger eq '0L' and WBSElementInternalID ne '00000000'"
ANCHOR = 1_790_000_000_000
KEY = {"APIKey": "sandbox-key"}
Row = dict[str, Any]


@contextlib.contextmanager
def tenant(**settings: Any) -> Iterator[httpx.Client]:
    """A client with the API key, of an application of its own."""
    with (
        serving(create(**settings)) as url,
        httpx.Client(base_url=url, headers=KEY, timeout=60, trust_env=False) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def sap() -> Iterator[httpx.Client]:
    """A tenant that no test changes."""
    with tenant(orders=2500, anchor=ANCHOR) as client:
        yield client


@pytest.fixture
def living(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A small tenant of the test's own."""
    with tenant(orders=300, **getattr(request, "param", {})) as client:
        yield client


def v2(client: httpx.Client, path: str, **options: str) -> list[Row]:
    """All rows, following the next links."""
    parameters = {f"${name}": value for name, value in options.items()}
    document = _ok(client.get(path, params=parameters)).json()["d"]
    rows: list[Row] = document["results"]
    while "__next" in document:
        document = _ok(client.get(document["__next"])).json()["d"]
        rows += document["results"]
    return rows


def v4(client: httpx.Client, entity: str, size: int = 5000, **options: str) -> list[Row]:
    """All rows with exact numbers, following the next links."""
    headers = {"Prefer": f"odata.maxpagesize={size}", "Accept": "application/json;IEEE754Compatible=true"}
    parameters: dict[str, str] | None = {f"${name}": value for name, value in options.items()}
    rows: list[Row] = []
    path: str | None = entity
    while path:
        document = _ok(client.get(f"{V4}/{path}", params=parameters, headers=headers)).json()
        rows += document["value"]
        path, parameters = document.get("@odata.nextLink"), None
    return rows


def _ok(answer: httpx.Response) -> httpx.Response:
    assert answer.status_code == 200, answer.text
    return answer


def told(client: httpx.Client) -> dict[str, list[Row]]:
    books: dict[str, list[Row]] = client.get("/_sandbox/sap/books").json()
    return books


def control(client: httpx.Client, action: str, **body: Any) -> Row:
    answer: Row = _ok(client.post(f"/_sandbox/sap/{action}", json=body)).json()
    return answer


def line_key(row: Row) -> str:
    """The key of an account assignment, from the ledger, V2 or invoices."""
    order = row.get("PurchasingDocument") or row["PurchaseOrder"]
    item = row.get("PurchasingDocumentItem") or row["PurchaseOrderItem"]
    return f"{order}/{item.zfill(5)}/{row['AccountAssignmentNumber'].zfill(2)}"


class TestWhoMayRead:
    def test_a_key_a_user_and_a_token_open_it(self, sap: httpx.Client) -> None:
        url = f"{sap.base_url}{PURCHASING}/A_PurchaseOrder/$count"
        form = {"grant_type": "client_credentials"}
        token_url = f"{sap.base_url}/sap/oauth/token"
        with httpx.Client(trust_env=False) as anybody:
            as_basic = anybody.post(token_url, data=form, auth=("sandbox-client", "sandbox-secret")).json()
            in_form = form | {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
            bearer = anybody.post(token_url, data=in_form).json()
            assert as_basic["token_type"] == "Bearer"
            assert bearer["expires_in"] == 600
            header = {"Authorization": f"Bearer {bearer['access_token']}"}
            assert anybody.get(url, headers=KEY).status_code == 200
            assert anybody.get(url, auth=("PPM_READER", "sandbox-password")).status_code == 200
            assert anybody.get(url, headers=header).status_code == 200

    @pytest.mark.parametrize(
        "headers", [{}, {"APIKey": "wrong"}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer x"}], ids=str
    )
    def test_anything_else_is_401(self, sap: httpx.Client, headers: dict[str, str]) -> None:
        with httpx.Client(trust_env=False) as anybody:
            assert anybody.get(f"{sap.base_url}{PURCHASING}/A_PurchaseOrder", headers=headers).status_code == 401

    def test_wrong_client_credentials_give_no_token(self, sap: httpx.Client) -> None:
        form = {"grant_type": "client_credentials", "client_id": "sandbox-client", "client_secret": "no"}
        assert sap.post("/sap/oauth/token", data=form).json()["error"] == "invalid_client"

    def test_an_unknown_sap_client_is_named_and_the_default_is_100(self, sap: httpx.Client) -> None:
        path = f"{PURCHASING}/A_PurchaseOrder/$count"
        refused = sap.get(path, params={"sap-client": "200"})
        assert (refused.status_code, "200" in refused.text) == (401, True)
        assert sap.get(path, params={"sap-client": "100"}).text == sap.get(path).text


class TestPages:
    def test_v4_gives_100_unless_asked_for_more_and_says_what_it_applied(self, sap: httpx.Client) -> None:
        plain = sap.get(f"{V4}/PurchaseOrder").json()
        assert len(plain["value"]) == 100
        assert "@odata.nextLink" in plain
        asked = sap.get(f"{V4}/PurchaseOrder", headers={"Prefer": "odata.maxpagesize=250"})
        assert len(asked.json()["value"]) == 250
        assert asked.headers["preference-applied"] == "odata.maxpagesize=250"

    def test_v2_gives_1000_without_top_and_at_most_5000_with_it(self, sap: httpx.Client) -> None:
        plain = sap.get(f"{PURCHASING}/A_PurchaseOrderItem").json()["d"]
        assert (len(plain["results"]), "$skiptoken" in plain["__next"]) == (1000, True)
        asked = sap.get(f"{PURCHASING}/A_PurchaseOrderItem", params={"$top": "1200"}).json()["d"]
        assert (len(asked["results"]), "__next" in asked) == (1200, False)
        document = sap.get(LEDGER, params={"$select": LINE, "$top": "6000"}).json()["d"]
        assert (len(document["results"]), "__next" in document) == (5000, True)
        assert len(sap.get(document["__next"]).json()["d"]["results"]) == 1000

    @pytest.mark.parametrize("size", [7, 100, 999])
    def test_every_row_comes_once_whatever_the_page_size(self, sap: httpx.Client, size: int) -> None:
        rows = v4(sap, "PurchaseOrder", size, select="PurchaseOrder")
        numbers = [row["PurchaseOrder"] for row in rows]
        assert numbers == sorted(set(numbers))
        assert len(numbers) == int(sap.get(f"{V4}/PurchaseOrder/$count").text)

    @pytest.mark.parametrize(
        ("path", "select", "where"),
        [
            (f"{PURCHASING}/A_PurOrdAccountAssignment", "PurchaseOrder,PurchaseOrderItem,AccountAssignmentNumber", ""),
            (LEDGER, LINE, COSTS),
            (f"{INVOICES}/A_SuplrInvcItemAcctAssgmt", "SupplierInvoice,SupplierInvoiceItem,OrdinalNumber", ""),
            (f"{PROJECTS}/A_EnterpriseProjectElement", "ProjectElement", "CompanyCode ne '1010'"),
            (OPERATIONAL, "CompanyCode,FiscalYear,AccountingDocument,AccountingDocumentItem", "FiscalPeriod eq '03'"),
        ],
        ids=lambda value: value.rsplit("/", 1)[-1][:30],
    )
    def test_top_and_skip_give_the_rows_of_the_next_links(
        self, sap: httpx.Client, path: str, select: str, where: str
    ) -> None:
        options = {"$select": select} | ({"$filter": where} if where else {})
        whole = v2(sap, path, **{name[1:]: value for name, value in options.items()})
        pieces: list[Row] = []
        window = {**options, "$top": "700"}
        while page := sap.get(path, params={**window, "$skip": str(len(pieces))}).json()["d"]["results"]:
            pieces += page
        assert pieces == whole
        counted = sap.get(path, params={**options, "$top": "1", "$inlinecount": "allpages"}).json()["d"]["__count"]
        assert counted == str(len(whole))
        keys = [tuple(row[name] for name in select.split(",")) for row in whole]
        assert len(keys) == len(set(keys))

    def test_another_order_is_kept_over_the_pages(self, sap: httpx.Client) -> None:
        rows = v4(sap, "PurchaseOrder", 50, orderby="CompanyCode,PurchaseOrder desc", select="CompanyCode")
        found = [(row["CompanyCode"], -int(row["PurchaseOrder"])) for row in rows]
        assert found == sorted(found)


class TestFormats:
    def test_v2_and_v4_show_the_same_assignments_each_in_its_way(self, sap: httpx.Client) -> None:
        names = "PurchaseOrder,PurchaseOrderItem,AccountAssignmentNumber,PurgDocNetAmount,WBSElementExternalID"
        old = v2(sap, f"{PURCHASING}/A_PurOrdAccountAssignment", select=names)
        new = v4(sap, "PurchaseOrderAccountAssignment", select=names)
        assert old[0]["PurchaseOrderItem"] == "10"
        assert new[0]["PurchaseOrderItem"] == "00010"
        for row in old:
            del row["__metadata"]
            row["PurchaseOrderItem"] = row["PurchaseOrderItem"].zfill(5)
            row["AccountAssignmentNumber"] = row["AccountAssignmentNumber"].zfill(2)
        assert old == new

    def test_decimals_follow_the_currency_and_are_numbers_in_v4(self, sap: httpx.Client) -> None:
        for currency, digits in (("JPY", 0), ("EUR", 2), ("KWD", 3)):
            options = {"$filter": f"DocumentCurrency eq '{currency}'", "$top": "1"}
            [row] = sap.get(f"{PURCHASING}/A_PurOrdAccountAssignment", params=options).json()["d"]["results"]
            assert -Decimal(row["PurgDocNetAmount"]).as_tuple().exponent == digits  # type: ignore[operator]
        plain = sap.get(f"{V4}/PurchaseOrderItem", params={"$top": "1"}).json()["value"][0]
        assert isinstance(plain["NetAmount"], int | float)

    def test_expansions_nest_and_their_selections_hold(self, sap: httpx.Client) -> None:
        inner = "$select=PurgDocNetAmount,IsDeleted"
        items = f"_PurchaseOrderItem($select=NetAmount;$expand=_PurOrdAccountAssignment({inner}))"
        rows = v4(sap, "PurchaseOrder", select="CompanyCode", expand=f"{items},_SupplierAddress")
        assert set(rows[0]) == {"PurchaseOrder", "CompanyCode", "_PurchaseOrderItem", "_SupplierAddress"}
        assert any("ü" in row["_SupplierAddress"]["OrganizationName1"] for row in rows)
        for item in (item for row in rows for item in row["_PurchaseOrderItem"]):
            live = [one for one in item["_PurOrdAccountAssignment"] if not one["IsDeleted"]]
            assert sum(Decimal(one["PurgDocNetAmount"]) for one in live) == Decimal(item["NetAmount"])

    def test_a_single_entity_and_its_navigation_are_found_by_key(self, sap: httpx.Client) -> None:
        one = sap.get(f"{PURCHASING}/A_PurchaseOrder('4500000001')").json()["d"]
        items = sap.get(one["to_PurchaseOrderItem"]["__deferred"]["uri"]).json()["d"]["results"]
        assert {item["PurchaseOrder"] for item in items} == {"4500000001"}
        assert sap.get(f"{V4}/PurchaseOrder('4500000001')").json()["CompanyCode"] == one["CompanyCode"]
        assert sap.get(f"{PURCHASING}/A_PurchaseOrder('4599999999')").status_code == 404


class TestErrors:
    @pytest.mark.parametrize(
        ("path", "options"),
        [
            (f"{PURCHASING}/A_PurchaseOrder", {"$select": "PurchaseOrder,Nonsense"}),
            (f"{PURCHASING}/A_PurchaseOrder", {"$filter": "PurchaseOrder eq"}),
            (f"{PURCHASING}/A_PurchaseOrder", {"$filter": "CreationDate ge '2024-01-01'"}),
            (f"{PURCHASING}/A_PurchaseOrder", {"$top": "many"}),
            (f"{PURCHASING}/A_PurchaseOrder", {"$expand": "to_Nothing"}),
            (LEDGER, {"$filter": "AmountInTransactionCurrency gt 100"}),
            (f"{INVOICES}/A_SupplierInvoice", {"$filter": "IsReversal eq true"}),
        ],
        ids=str,
    )
    def test_v2_says_what_it_cannot_do(self, sap: httpx.Client, path: str, options: dict[str, str]) -> None:
        answer = sap.get(path, params=options)
        assert answer.status_code == 400
        assert answer.json()["error"]["message"]["value"].endswith(".")
        assert answer.json()["error"]["innererror"]["transactionid"]

    def test_v4_has_its_own_shape_of_errors(self, sap: httpx.Client) -> None:
        answer = sap.get(f"{V4}/PurchaseOrder", params={"$select": "Nonsense"})
        assert (answer.status_code, type(answer.json()["error"]["message"])) == (400, str)

    def test_a_service_that_is_not_activated_is_404(self, sap: httpx.Client) -> None:
        assert sap.get(f"{V2}/API_NOTHING/A_Thing").json()["error"]["code"] == "/IWFND/MED/170"
        assert sap.get(f"{PURCHASING}/A_Nothing").status_code == 404


class TestTheLedger:
    def test_without_a_ledger_filter_cost_is_doubled(self, sap: httpx.Client) -> None:
        select = "CompanyCode,CompanyCodeCurrency,AmountInCompanyCodeCurrency"
        where = "WBSElementInternalID ne '0'"
        both = v2(sap, LEDGER, select=select, filter=where)
        leading = v2(sap, LEDGER, select=select, filter=f"{where} and Ledger eq '0L'")
        amounts = [[Decimal(row["AmountInCompanyCodeCurrency"]) for row in rows] for rows in (both, leading)]
        assert len(leading) == 6
        assert amounts[0] == [2 * amount for amount in amounts[1]]

    def test_rows_are_sums_over_what_is_not_selected(self, sap: httpx.Client) -> None:
        lines = v2(sap, LEDGER, select=LINE, filter=COSTS)
        totals: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
        for row in lines:
            key = (row["WBSElementInternalID"], row["TransactionCurrency"])
            totals[key] += Decimal(row["AmountInTransactionCurrency"])
        select = "WBSElementInternalID,TransactionCurrency,AmountInTransactionCurrency"
        grouped = v2(sap, LEDGER, select=select, filter=COSTS)
        assert len(grouped) == len(totals) < len(lines)
        for row in grouped:
            assert totals[row["WBSElementInternalID"], row["TransactionCurrency"]] == Decimal(
                row["AmountInTransactionCurrency"]
            )

    def test_every_document_adds_up_to_zero(self, sap: httpx.Client) -> None:
        sums: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
        for row in v2(sap, LEDGER, select=LINE, filter="Ledger eq '0L'"):
            key = (row["CompanyCode"], row["FiscalYear"], row["AccountingDocument"])
            sums[(*key, "company")] += Decimal(row["AmountInCompanyCodeCurrency"])
            sums[(*key, "document")] += Decimal(row["AmountInTransactionCurrency"])
        assert len(sums) > 10_000
        assert not any(sums.values())

    def test_the_same_document_number_exists_in_two_company_codes(self, sap: httpx.Client) -> None:
        rows = v2(sap, LEDGER, select="CompanyCode,FiscalYear,AccountingDocument")
        companies = Counter((row["FiscalYear"], row["AccountingDocument"]) for row in rows)
        assert companies.most_common(1)[0][1] > 1

    def test_operational_items_know_the_vendor_invoice_but_not_the_time_sheets(self, sap: httpx.Client) -> None:
        rows = v2(sap, OPERATIONAL, filter="AccountingDocumentType eq 'RE' and FinancialAccountType eq 'K'")
        assert all(row["DocumentReferenceID"] and row["NetDueDate"] for row in rows)
        assert any(row["ClearingDate"] for row in rows)
        assert v2(sap, OPERATIONAL, filter="AccountingDocumentType eq 'CO'") == []
        assert v2(sap, LEDGER, select=LINE, filter="AccountingDocumentType eq 'CO'")


class TestItsOwnBooks:
    def test_a_seed_makes_one_company_whenever_it_is_started(self) -> None:
        found = []
        for settings in ({"seed": 3}, {"seed": 3, "anchor": ANCHOR}, {"seed": 4}):
            with tenant(orders=200, **settings) as client:
                control(client, "advance", steps=5)
                found.append(told(client)["commitments"])
        assert found[0] == found[1] != found[2]

    def test_reset_is_the_beginning_again(self, living: httpx.Client) -> None:
        before = told(living)
        control(living, "advance", steps=10)
        control(living, "fault", kind="vanish", times=3)
        assert told(living) != before
        control(living, "reset")
        assert told(living) == before

    def test_actuals_are_the_cost_lines_of_the_leading_ledger(self, sap: httpx.Client) -> None:
        served = {
            f"{row['CompanyCode']}/{row['FiscalYear']}/{row['AccountingDocument']}/{row['LedgerGLLineItem']}": (
                row["AmountInTransactionCurrency"],
                row["AmountInCompanyCodeCurrency"],
            )
            for row in v2(sap, LEDGER, select=LINE, filter=COSTS)
        }
        assert served == {row["source_key"]: (row["amount"], row["company_amount"]) for row in told(sap)["actuals"]}

    def test_totals_are_the_sums_of_what_counts(self, sap: httpx.Client) -> None:
        books = told(sap)
        sums: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for row in books["commitments"]:
            for name in ("ordered", "relieved", "open"):
                sums[row["project_nr"], row["currency"]][name] += Decimal(row[name]) * row["counts"]
        for row in books["actuals"]:
            sums[row["project_nr"], row["currency"]]["actual"] += Decimal(row["amount"]) * row["counts"]
        for row in books["totals"]:
            own = sums[row["project_nr"], row["currency"]]
            assert {name: Decimal(row[name]) for name in ("ordered", "relieved", "open", "actual")} == {
                name: own[name] for name in ("ordered", "relieved", "open", "actual")
            }

    def test_what_is_relieved_can_be_found_in_receipts_and_invoices(self, sap: httpx.Client) -> None:
        received: dict[str, Decimal] = defaultdict(Decimal)
        for row in v2(sap, LEDGER, select=LINE, filter=f"{COSTS} and AccountingDocumentType eq 'WE'"):
            received[line_key(row)] += Decimal(row["AmountInTransactionCurrency"])
        invoiced = invoiced_by_assignment(sap)
        valuated = {
            f"{row['PurchaseOrder']}/{row['PurchaseOrderItem'].zfill(5)}"
            for row in v2(sap, f"{PURCHASING}/A_PurchaseOrderItem")
            if row["GoodsReceiptIsExpected"] and not row["GoodsReceiptIsNonValuated"]
        }
        for row in told(sap)["commitments"]:
            key = row["source_key"]
            expected = received if key[:-3] in valuated else invoiced
            assert Decimal(row["relieved"]) == expected[key], key

    def test_open_and_actual_together_stay_the_order_value_of_lines_bought_at_order_price(
        self, sap: httpx.Client
    ) -> None:
        books = told(sap)
        posted: dict[str, list[Row]] = defaultdict(list)
        select = f"{LINE},GLAccount"
        for row in v2(sap, LEDGER, select=select, filter=f"{COSTS} and PurchasingDocument ne ''"):
            posted[line_key(row)].append(row)
        seen = 0
        for row in books["commitments"]:
            lines = posted[row["source_key"]]
            # Receipts only: delivery costs and price differences are cost beyond the order by their nature.
            if row["closed_reason"] or any(line["AccountingDocumentType"] != "WE" for line in lines) or not lines:
                continue
            seen += 1
            actual = sum(Decimal(line["AmountInTransactionCurrency"]) for line in lines)
            assert Decimal(row["open"]) + actual == Decimal(row["ordered"])
        assert seen > 300

    def test_it_holds_every_case_the_rules_name(self, sap: httpx.Client) -> None:
        commitments = told(sap)["commitments"]
        assert {row["currency"] for row in commitments} >= {"EUR", "USD", "CHF", "GBP", "JPY", "KWD"}
        assert {row["closed_reason"] for row in commitments} == {None, "cancelled", "completed"}
        assert {row["counts"] for row in commitments} == {True, False}
        items = v4(sap, "PurchaseOrderItem")
        for flag in ("IsReturnsItem", "PurchasingItemIsFreeOfCharge", "IsStatisticalItem", "IsFinallyInvoiced"):
            assert {item[flag] for item in items} == {True, False}, flag
        assert {item["PurchasingDocumentDeletionCode"] for item in items} == {"", "L", "S", "X"}
        assert {item["NetPriceQuantity"] for item in items} == {"1", "100"}
        assert {order["LastChangeDateTime"] is None for order in v4(sap, "PurchaseOrder")} == {True, False}
        assert {order["PurchasingProcessingStatus"] for order in v4(sap, "PurchaseOrder")} == {"02", "03", "05", "08"}
        invoices = v2(sap, f"{INVOICES}/A_SupplierInvoice")
        assert {one["SupplierInvoiceStatus"] for one in invoices} == {"5", "A"}
        assert {one["IsReversal"] for one in invoices} == {True, False}


def invoiced_by_assignment(client: httpx.Client) -> dict[str, Decimal]:
    """Posted supplier invoices per account assignment, credit memos negative, without delivery costs."""
    inner = "to_SuplrInvcItemPurOrdRef"
    expand = f"{inner}/to_SupplierInvoiceItmAcctAssgmt"
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for invoice in v2(client, f"{INVOICES}/A_SupplierInvoice", expand=expand):
        sign = -1 if invoice["SupplierInvoiceIsCreditMemo"] == "X" else 1
        for item in invoice[inner]["results"]:
            if item["SuplrInvcDeliveryCostCndnType"] or invoice["SupplierInvoiceStatus"] != "5":
                continue
            for part in item["to_SupplierInvoiceItmAcctAssgmt"]["results"]:
                key = line_key(item | {"AccountAssignmentNumber": part["AccountAssignmentNumber"]})
                sums[key] += sign * Decimal(part["SuplrInvcAcctAssignmentAmount"])
    return sums


class TestPeculiarities:
    def test_customers_own_fields_have_helpers_in_v2_only(self, sap: httpx.Client) -> None:
        old = sap.get(f"{PURCHASING}/A_PurchaseOrder('4500000005')").json()["d"]
        new = sap.get(f"{V4}/PurchaseOrder('4500000005')").json()
        assert old["YY1_Approval_PDH"] == new["YY1_Approval_PDH"] != ""
        assert (old["YY1_Approval_PDHF"], old["YY1_Approval_PDHT"]) == (3, f"Text of {old['YY1_Approval_PDH']}")
        assert "YY1_Approval_PDHF" not in new

    def test_document_numbers_repeat_between_company_codes(self, sap: httpx.Client) -> None:
        rows = v2(sap, LEDGER, select="CompanyCode,FiscalYear,AccountingDocument", filter="Ledger eq '0L'")
        companies = Counter((row["FiscalYear"], row["AccountingDocument"]) for row in rows)
        assert max(companies.values()) >= 2


class TestItLives:
    def test_clearing_shows_in_the_operational_items_and_not_in_the_ledger_s_stamp(self, living: httpx.Client) -> None:
        since = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())}Z"
        control(living, "advance", steps=60)
        where = f"ClearingDate ge datetime'{since[:10]}T00:00:00' and FinancialAccountType eq 'K'"
        paid = v2(living, OPERATIONAL, filter=where, select="CompanyCode,FiscalYear,AccountingDocument,LastChangeDate")
        key = ("CompanyCode", "FiscalYear", "AccountingDocument")
        changed = v2(living, LEDGER, select=",".join(key), filter=f"LastChangeDateTime ge datetimeoffset'{since}'")
        seen = {tuple(row[name] for name in key) for row in changed}
        assert any(tuple(row[name] for name in key) not in seen for row in paid)
        assert all(int(row["LastChangeDate"][6:-2]) // 86_400_000 == int(time.time()) // 86_400 for row in paid)

    def test_every_step_brings_a_new_commitment_and_says_so(self, living: httpx.Client) -> None:
        before = {row["source_key"] for row in told(living)["commitments"]}
        for _ in range(5):
            answer = control(living, "advance", steps=1)
            after = {row["source_key"] for row in told(living)["commitments"] if row["counts"]}
            assert set(answer["new_commitment_keys"]) == after - before
            assert answer["new_commitments"] == len(after - before) > 0
            before |= after

    def test_a_read_by_change_stamp_finds_what_is_new_and_little_else(self, living: httpx.Client) -> None:
        since = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime())}Z"
        answer = control(living, "advance", steps=4)
        found = v4(living, "PurchaseOrder", filter=f"LastChangeDateTime ge {since}")
        numbers = {row["PurchaseOrder"] for row in found}
        assert numbers >= set(answer["new_orders"])
        assert len(numbers) < 40
        old = v2(living, f"{PURCHASING}/A_PurchaseOrder", filter=f"LastChangeDateTime ge datetimeoffset'{since}'")
        assert {row["PurchaseOrder"] for row in old} == numbers
        changed, created = (f"{name} ge datetimeoffset'{since}'" for name in ("LastChangeDateTime", "CreationDateTime"))
        where = f"Ledger eq '0L' and ({changed} or {created} and LastChangeDateTime eq null)"
        documents = v2(living, LEDGER, select="CompanyCode,FiscalYear,AccountingDocument", filter=where)
        assert len(documents) >= answer["new_documents"] > 0

    def test_receipts_and_invoices_leave_the_stamp_of_the_order_alone(self, living: httpx.Client) -> None:
        stamps = {row["PurchaseOrder"]: row["LastChangeDateTime"] for row in v4(living, "PurchaseOrder")}
        moved = [one.split("/") for one in control(living, "advance", steps=40)["changed"]]
        by_order: dict[str, set[str]] = defaultdict(set)
        for order, move in moved:
            by_order[order].add(move.split(":")[1])
        # An invoice may carry the final-invoice flag, which does set the stamp: receipts are the clean case.
        quiet = {order for order, moves in by_order.items() if moves == {"receive"} and order in stamps}
        after = {row["PurchaseOrder"]: row["LastChangeDateTime"] for row in v4(living, "PurchaseOrder")}
        assert quiet
        assert all(after[order] == stamps[order] for order in quiet)
        loud = {o for o, moves in by_order.items() if moves & {"final", "cancel", "complete"} and o in stamps}
        assert loud
        assert all(after[order] != stamps[order] for order in loud)

    def test_the_pace_does_the_steps_that_are_due(self) -> None:
        begun = int(time.time() * 1000) - 100_500
        with tenant(orders=100, pace=10, anchor=begun) as client:
            v4(client, "PurchaseOrder", top="1")
            assert client.get("/_sandbox/sap").json()["steps"] == 10

    def test_budgets_are_told_beside_the_services(self, sap: httpx.Client) -> None:
        rows = sap.get("/_sandbox/sap/budgets").json()
        assert {row["wbs_element"] is None for row in rows} == {True, False}
        assert all(Decimal(row["amount"]) > 0 for row in rows)


class TestFaults:
    @pytest.mark.parametrize(
        ("kind", "status"), [("html_login", 200), ("http_503", 503), ("http_429", 429), ("unauthorized", 401)]
    )
    def test_the_answer_is_something_else_as_often_as_asked(self, living: httpx.Client, kind: str, status: int) -> None:
        control(living, "fault", kind=kind, times=2)
        path = f"{PURCHASING}/A_PurchaseOrder"
        spoiled = [living.get(path) for _ in range(2)]
        assert [answer.status_code for answer in spoiled] == [status, status]
        assert not any("json" in answer.headers["content-type"] and "d" in answer.json() for answer in spoiled)
        assert (kind != "http_429") or spoiled[0].headers["retry-after"] == "1"
        assert living.get(path).json()["d"]["results"]

    def test_json_is_cut_short_and_links_lead_elsewhere(self, living: httpx.Client) -> None:
        control(living, "fault", kind="truncated_json", times=1)
        with pytest.raises(json.JSONDecodeError):
            living.get(f"{PURCHASING}/A_PurchaseOrder").json()
        control(living, "fault", kind="foreign_next_link", times=2)
        assert living.get(f"{V4}/PurchaseOrder").json()["@odata.nextLink"].startswith("http://169.254.169.254/")
        assert living.get(f"{PROJECTS}/A_EnterpriseProject").json()["d"]["__next"].startswith("http://169.254.")

    def test_a_slow_answer_is_whole(self, living: httpx.Client) -> None:
        plain = living.get(f"{V4}/PurchaseOrder").json()
        control(living, "fault", kind="slow", times=1, seconds=0.2)
        assert living.get(f"{V4}/PurchaseOrder").json() == plain

    @pytest.mark.parametrize(
        "kind",
        ["order_without_project", "unknown_wbs", "unknown_project", "unknown_currency", "bad_amount", "bad_date"],
    )
    def test_orders_that_cannot_be_used_are_shown_and_not_in_the_books(self, living: httpx.Client, kind: str) -> None:
        before = told(living)
        [made] = control(living, "fault", kind=kind, times=1)["made"]
        assert told(living) == before
        where = f"PurchaseOrder eq '{made['purchase_order']}'"
        [row] = v2(living, f"{PURCHASING}/A_PurOrdAccountAssignment", filter=where)
        assert line_key(row) == made["key"]
        spoiled = {
            "order_without_project": row["WBSElementExternalID"] == row["CostCenter"] == "",
            "unknown_wbs": row["WBSElementExternalID"] == "Z-9999.01",
            "unknown_currency": row["DocumentCurrency"] == "XXQ",
            "bad_amount": row["PurgDocNetAmount"] == "n/a",
            "unknown_project": row["WBSElementExternalID"].startswith("Z-8"),
            "bad_date": v4(living, "PurchaseOrder", filter=where)[0]["PurchaseOrderDate"] == "2026-02-30",
        }
        assert [name for name, wrong in spoiled.items() if wrong] == [kind]

    def test_an_element_may_be_listed_without_its_project(self, living: httpx.Client) -> None:
        [made] = control(living, "fault", kind="unknown_project", times=1)["made"]
        rows = v2(living, f"{PROJECTS}/A_EnterpriseProjectElement")
        [element] = [row for row in rows if row["ProjectElement"] == made["wbs_element"]]
        assert element["ProjectUUID"] not in {
            row["ProjectUUID"] for row in v2(living, f"{PROJECTS}/A_EnterpriseProject")
        }

    def test_a_posting_to_an_unknown_element_is_in_the_ledger_and_not_in_the_books(self, living: httpx.Client) -> None:
        before = told(living)
        [made] = control(living, "fault", kind="posting_unknown_wbs", times=1)["made"]
        assert told(living) == before
        rows = v2(living, LEDGER, select=LINE, filter=f"{COSTS} and WBSElementInternalID eq '99999999'")
        names = ("CompanyCode", "FiscalYear", "AccountingDocument", "LedgerGLLineItem")
        assert ["/".join(row[name] for name in names) for row in rows] == [made["key"]]

    def test_orders_lose_their_stamp_or_never_had_one(self, living: httpx.Client) -> None:
        made = control(living, "fault", kind="unstamped", times=3)["made"]
        made += control(living, "fault", kind="new_unstamped", times=2)["made"]
        numbers = {row["PurchaseOrder"] for row in v4(living, "PurchaseOrder", filter="LastChangeDateTime eq null")}
        assert numbers >= {row["purchase_order"] for row in made}

    def test_the_tenant_lacks_what_a_switch_takes_away_until_it_ends(self, living: httpx.Client) -> None:
        for kind, path in (("no_v4", f"{V4}/$metadata"), ("no_operational_items", OPERATIONAL)):
            control(living, "fault", kind=kind)
            assert living.get(path).status_code == 404
            control(living, "fault", kind="none")
            assert living.get(path).status_code == 200
        control(living, "fault", kind="old_release")
        asked = {"$select": "PurchaseOrder,YY1_Approval_PDH"}
        assert living.get(f"{V4}/PurchaseOrder", params=asked).status_code == 400
        assert "YY1_Approval_PDH" not in living.get(f"{V4}/$metadata").text

    @pytest.mark.parametrize("living", [{"switches": ["no_v4"]}], indirect=True)
    def test_a_tenant_may_be_without_the_newer_service_from_the_start(self, living: httpx.Client) -> None:
        control(living, "fault", kind="none")
        assert living.get(f"{V4}/PurchaseOrder").status_code == 404
        assert living.get(f"{PURCHASING}/A_PurchaseOrder").status_code == 200

    def test_an_account_may_see_less_and_is_told_nothing(self, living: httpx.Client) -> None:
        with httpx.Client(base_url=living.base_url, trust_env=False, auth=("PPM_NARROW", "sandbox-password")) as narrow:
            seen = {row["CompanyCode"] for row in v2(narrow, f"{PURCHASING}/A_PurchaseOrder")}
            items = {row["Plant"] for row in v2(narrow, f"{PURCHASING}/A_PurchaseOrderItem")}
            ledger = {row["CompanyCode"] for row in v2(narrow, LEDGER, select="CompanyCode")}
        assert seen == items == {"1010", "1710"}
        assert len(ledger) == 6
        assert len({row["CompanyCode"] for row in v2(living, f"{PURCHASING}/A_PurchaseOrder")}) == 6

    def test_an_order_comes_twice_and_others_vanish(self, living: httpx.Client) -> None:
        doubled = control(living, "fault", kind="duplicate_key", times=1)["made"][0]["purchase_order"]
        numbers = Counter(row["PurchaseOrder"] for row in v4(living, "PurchaseOrder"))
        assert [number for number, times in numbers.items() if times > 1] == [doubled]
        gone = {row["purchase_order"] for row in control(living, "fault", kind="vanish", times=5)["made"]}
        assert len(gone) == 5
        assert not gone & {row["PurchaseOrder"] for row in v2(living, f"{PURCHASING}/A_PurchaseOrder")}
        vanished = [row for row in told(living)["commitments"] if row["closed_reason"] == "vanished"]
        assert vanished
        assert all(Decimal(row["open"]) == 0 for row in vanished)

    def test_an_unknown_fault_is_told_so(self, living: httpx.Client) -> None:
        assert living.post("/_sandbox/sap/fault", json={"kind": "earthquake"}).status_code == 422
        assert living.post("/_sandbox/sap/advance", json={"steps": 0}).status_code == 422


def independent(client: httpx.Client, path: str) -> Any:
    """pyodata's client of the service, which knows nothing of ours."""
    session = requests.Session()
    session.trust_env = False
    session.headers.update(KEY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pyodata.Client(f"{client.base_url}{path}", session)


class TestAnIndependentClient:
    @pytest.mark.parametrize(
        ("path", "entity", "names"),
        [
            (PURCHASING, "A_PurchaseOrder", ["PurchaseOrder", "CompanyCode", "AddressName", "DocumentCurrency"]),
            (PURCHASING, "A_PurchaseOrderItem", ["PurchaseOrder", "PurchaseOrderItem", "IsFinallyInvoiced"]),
            (PURCHASING, "A_PurOrdAccountAssignment", ["PurchaseOrder", "WBSElementExternalID", "CostCenter"]),
            (INVOICES, "A_SuplrInvcItemPurOrdRef", ["SupplierInvoice", "PurchaseOrder", "PurchaseOrderItem"]),
            (PROJECTS, "A_EnterpriseProject", ["Project", "ProjectDescription", "CompanyCode"]),
            (PROJECTS, "A_EnterpriseProjectElement", ["ProjectElement", "WBSElementInternalID"]),
            (LEDGER.rpartition("/")[0], "GLAccountLineItem", LINE.split(",")[:6]),
        ],
    )
    def test_reads_the_same_rows(self, sap: httpx.Client, path: str, entity: str, names: list[str]) -> None:
        found = getattr(independent(sap, path).entity_sets, entity).get_entities().select(",".join(names))
        rows = [tuple(getattr(row, name) for name in names) for row in found.top(3000).execute()]
        raw = v2(sap, f"{path}/{entity}", select=",".join(names), top="3000")
        assert rows == [tuple(row[name] for name in names) for row in raw]
        assert rows

    def test_reads_amounts_and_expansions_as_v4_shows_them(self, sap: httpx.Client) -> None:
        orders = independent(sap, PURCHASING).entity_sets.A_PurchaseOrder.get_entities()
        found = orders.expand("to_PurchaseOrderItem/to_AccountAssignment").top(50).execute()
        amounts = [
            (order.PurchaseOrder, item.PurchaseOrderItem.zfill(5), Decimal(part.PurgDocNetAmount))
            for order in found
            for item in order.to_PurchaseOrderItem
            for part in item.to_AccountAssignment
        ]
        expand = "_PurchaseOrderItem($expand=_PurOrdAccountAssignment)"
        expected = [
            (order["PurchaseOrder"], item["PurchaseOrderItem"], Decimal(part["PurgDocNetAmount"]))
            for order in v4(sap, "PurchaseOrder", expand=expand, top="50")
            for item in order["_PurchaseOrderItem"]
            for part in item["_PurOrdAccountAssignment"]
        ]
        assert amounts == expected

    def test_finds_an_order_by_key_and_filters_by_currency(self, sap: httpx.Client) -> None:
        sets = independent(sap, PURCHASING).entity_sets
        order = sets.A_PurchaseOrder.get_entity("4500000002").execute()
        assert order.PurchaseOrder == "4500000002"
        found = sets.A_PurchaseOrder.get_entities().filter("DocumentCurrency eq 'JPY'").count(inline=True).execute()
        assert found.total_count == len(v4(sap, "PurchaseOrder", filter="DocumentCurrency eq 'JPY'")) > 0


# Sums that are carried on


SUMMED = "FiscalYear,FiscalPeriod,WBSElementInternalID,TransactionCurrency"


def _until(row: Row) -> str:
    """A moment just after the row's creation, as a filter."""
    stamp = int(row["CreationDateTime"][6:-7]) // 1000 + 1
    return f"CreationDateTime lt datetimeoffset'{datetime.fromtimestamp(stamp, UTC):%Y-%m-%dT%H:%M:%SZ}'"


def _sums(client: httpx.Client, until: str, by: str = SUMMED) -> dict[tuple[Any, ...], Decimal]:
    rows = v2(client, LEDGER, filter=f"{COSTS} and {until}", select=f"{by},AmountInTransactionCurrency")
    made = {tuple(row[name] for name in by.split(",")): Decimal(row["AmountInTransactionCurrency"]) for row in rows}
    assert len(made) == len(rows)
    return made


def _added_up(client: httpx.Client, until: str, by: str = SUMMED) -> tuple[dict[tuple[Any, ...], Decimal], int]:
    """The same from single lines, and how many there are."""
    select = f"CompanyCode,AccountingDocument,LedgerGLLineItem,{by},AmountInTransactionCurrency"
    rows = v2(client, LEDGER, filter=f"{COSTS} and {until}", select=select)
    made: dict[tuple[Any, ...], Decimal] = defaultdict(Decimal)
    for row in rows:
        made[tuple(row[name] for name in by.split(","))] += Decimal(row["AmountInTransactionCurrency"])
    return dict(made), len(rows)


def _counted(client: httpx.Client, until: str) -> int:
    select = "CompanyCode,FiscalYear,AccountingDocument,LedgerGLLineItem"
    options = {"$filter": f"{COSTS} and {until}", "$select": select, "$top": "1", "$inlinecount": "allpages"}
    return int(_ok(client.get(LEDGER, params=options)).json()["d"]["__count"])


def _latest(client: httpx.Client) -> Row:
    select = "CreationDateTime"
    options = {"$filter": "Ledger eq '0L'", "$select": select, "$orderby": "CreationDateTime desc", "$top": "1"}
    row: Row = _ok(client.get(LEDGER, params=options)).json()["d"]["results"][0]
    return row


def test_sums_of_the_ledger_are_those_of_its_lines_however_they_came(living: httpx.Client) -> None:
    """As history, as business goes on, and at an earlier moment again."""
    first = _until(_latest(living))
    before = _sums(living, first)
    assert (before, _counted(living, first)) == _added_up(living, first)
    moved = []
    for _ in range(3):
        control(living, "advance", steps=15)
        until = _until(_latest(living))
        sums = _sums(living, until)
        assert (sums, _counted(living, until)) == _added_up(living, until)
        moved.append(sums)
    assert len({len(before), *map(len, moved)}) > 1
    assert moved[-1] != before
    assert _sums(living, first) == before
    assert _sums(living, until) == moved[-1]


def test_sums_by_what_may_change_later_are_those_of_the_lines_as_they_are_now(living: httpx.Client) -> None:
    by = f"{SUMMED},IsReversed"
    until = _until(_latest(living))
    before = _sums(living, until, by)
    control(living, "advance", steps=200)
    after = _sums(living, until, by)
    assert after == _added_up(living, until, by)[0]
    assert after != before  # something of before is reversed now


def test_sums_of_an_account_are_those_of_its_companies(living: httpx.Client) -> None:
    until = _until(_latest(living))
    everything = _sums(living, until)
    with httpx.Client(base_url=living.base_url, trust_env=False, auth=("PPM_LOCAL", "sandbox-password")) as narrow:
        own = _sums(narrow, until)
        assert (own, _counted(narrow, until)) == _added_up(narrow, until)
    assert own != everything
