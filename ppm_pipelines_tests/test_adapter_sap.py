"""SAP rows to records with plain dicts, SAP's settings, and which requests a read makes.

Belongs here: DOMAIN's decisions on ordered, relieved and open. Does not belong here: HTTP (``test_adapter_http``), a
whole tenant (``test_adapter_sap_sandbox``).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ppm_pipelines.adapters import ADAPTERS, odata, sap_journal, sap_orders, sap_reader, sap_rows
from ppm_pipelines.adapters.sap_orders import Relief
from ppm_pipelines.adapters.sap_rows import Directory
from ppm_pipelines.adapters.sap_settings import Settings
from ppm_pipelines.records import Actual, Commitment, Project, Rejection, Skipped, WbsElement, rounded

Row = dict[str, Any]
D = Decimal


def directory(**cost_centers: str) -> Directory:
    """Project P-1 with elements P-1.01 (10000001), P-1.02 (10000002) and the statistical P-1.09 (10000009)."""
    made = Directory({center.removeprefix("cc"): project for center, project in cost_centers.items()})
    list(sap_rows.project({"ProjectUUID": "u1", "Project": "P-1", "CompanyCode": "1010"}, made))
    for nr in (1, 2, 9):
        row = {
            "ProjectElementUUID": f"e{nr}",
            "ProjectUUID": "u1",
            "ProjectElement": f"P-1.0{nr}",
            "WBSElementInternalID": f"1000000{nr}",
            "WBSIsStatisticalWBSElement": nr == 9,
            "ParentObjectUUID": "e1" if nr == 2 else "u1",
        }
        list(sap_rows.wbs_element(row, made))
    return made


def assignment(nr: int = 1, net: str | None = "1000.00", **changes: Any) -> Row:
    row = {
        "AccountAssignmentNumber": f"{nr:02}",
        "PurgDocNetAmount": None if net is None else D(net),
        "WBSElementExternalID": f"P-1.0{nr}",
        "WBSElementInternalID": f"1000000{nr}",
        "IsDeleted": False,
    }
    return row | changes


def order(*assignments: Row, item: Row | None = None, **header: Any) -> Row:
    line = {
        "PurchaseOrderItem": "00010",
        "OrderQuantity": D(10),
        "GoodsReceiptIsExpected": False,
        "AccountAssignmentCategory": "P",
        "_PurOrdAccountAssignment": list(assignments) or [assignment()],
    }
    head = {
        "PurchaseOrder": "4500000001",
        "CompanyCode": "1010",
        "DocumentCurrency": "EUR",
        "ExchangeRate": D(1),
        "PurchaseOrderDate": "2026-03-01",
        "PurchasingProcessingStatus": "05",
        "LastChangeDateTime": "2026-03-02T10:00:00.1234567Z",
        "_PurchaseOrderItem": [line | (item or {})],
    }
    return head | header


def invoice(amount: str, quantity: str = "1", parts: list[Row] | None = None, **header: Any) -> tuple[Row, Row]:
    row = {
        "DocumentCurrency": header.get("DocumentCurrency", "EUR"),
        "SupplierInvoiceItemAmount": amount,
        "QuantityInPurchaseOrderUnit": quantity,
        "SuplrInvcDeliveryCostCndnType": header.pop("delivery", ""),
        "IsSubsequentDebitCredit": header.pop("subsequent", ""),
        "to_SupplierInvoiceItmAcctAssgmt": {"results": parts or []},
    }
    return row, {"SupplierInvoiceStatus": "5", "SupplierInvoiceIsCreditMemo": ""} | header


def part(amount: str, nr: int = 1, side: str = "S") -> Row:
    return {"AccountAssignmentNumber": str(nr), "SuplrInvcAcctAssignmentAmount": amount, "DebitCreditCode": side}


def receipt(amount: str, nr: str = "1", **changes: Any) -> Row:
    row = {
        "WBSElementInternalID": "10000001",
        "AccountAssignmentNumber": nr,
        "TransactionCurrency": "EUR",
        "AmountInTransactionCurrency": amount,
        "CompanyCodeCurrency": "EUR",
        "AmountInCompanyCodeCurrency": amount,
    }
    return row | changes


BY_RECEIPT = {"GoodsReceiptIsExpected": True, "GoodsReceiptIsNonValuated": False}
KEY = ("4500000001", "10")


COMPANIES = {"1010": "EUR"}


def read(made: Row, *, invoices: Any = (), receipts: Any = (), known: Directory | None = None) -> list[Any]:
    relief = Relief({KEY: list(receipts)}, {KEY: list(invoices)})
    raws = sap_orders.raws(made, relief, COMPANIES)
    return [one for raw in raws for one in sap_orders.commitments(raw, known or directory())]


def one(made: Row, **more: Any) -> Commitment:
    (found,) = read(made, **more)
    assert isinstance(found, Commitment)
    return found


def amounts(found: Commitment) -> tuple[Any, Any, Any]:
    return found.ordered_amount, found.relieved_amount, found.open_amount


# Commitments: where they belong


def test_a_line_tells_its_key_and_its_place() -> None:
    found = one(order())
    assert found.source_key == "4500000001/00010/01"
    assert (found.po_number, found.po_line_nr, found.assignment_nr) == ("4500000001", "10", "1")
    assert (found.project_nr, found.wbs_element, found.company_code) == ("P-1", "P-1.01", "1010")
    assert found.po_date == date(2026, 3, 1)
    assert found.changed_at == datetime(2026, 3, 2, 10, 0, 0, 123456, UTC)


def test_a_wbs_element_is_found_by_its_internal_number_too() -> None:
    assert one(order(assignment(WBSElementExternalID=""))).wbs_element == "P-1.01"


def test_an_unknown_wbs_element_is_rejected_with_its_amount() -> None:
    (found,) = read(order(assignment(WBSElementExternalID="Z-9", WBSElementInternalID="99999999")))
    assert isinstance(found, Rejection)
    assert (found.code, found.field) == ("unknown_wbs", "WBSElementExternalID")
    assert (found.amount, found.currency) == (D(1000), "EUR")
    assert "Z-9" in found.reason
    assert found.raw["order"]["PurchaseOrder"] == "4500000001"


NO_WBS: Row = {"WBSElementExternalID": "", "WBSElementInternalID": "00000000"}


def test_a_line_of_a_cost_centre_alone_is_skipped_with_its_amount() -> None:
    (found,) = read(order(assignment(CostCenter="10101301", **NO_WBS)))
    assert isinstance(found, Skipped)
    assert (found.amount, found.currency) == (D(1000), "EUR")


def test_a_cost_centre_that_is_configured_belongs_to_its_project() -> None:
    found = one(order(assignment(CostCenter="10101301", **NO_WBS)), known=directory(cc10101301="P-1"))
    assert (found.project_nr, found.wbs_element, found.cost_center) == ("P-1", None, "10101301")


def test_a_cost_centre_configured_to_a_project_that_does_not_exist_is_rejected() -> None:
    (found,) = read(order(assignment(CostCenter="10101301", **NO_WBS)), known=directory(cc10101301="P-404"))
    assert isinstance(found, Rejection)
    assert found.code == "unknown_project"


def test_an_order_line_without_project_is_rejected() -> None:
    (found,) = read(order(assignment(**NO_WBS)))
    assert isinstance(found, Rejection)
    assert found.code == "no_project"
    assert "Order line without project" in found.reason


def test_a_stock_line_belongs_to_no_project() -> None:
    item = {"AccountAssignmentCategory": "", "_PurOrdAccountAssignment": [], "NetAmount": D(50)}
    (found,) = read(order(item=item))
    assert isinstance(found, Skipped)
    assert found.amount == 50


def test_an_unknown_currency_is_rejected_with_its_amount() -> None:
    (found,) = read(order(DocumentCurrency="XXQ"))
    assert isinstance(found, Rejection)
    assert (found.code, found.amount, found.currency) == ("unknown_currency", D(1000), "XXQ")


@pytest.mark.parametrize("amount", ["12,50", "NaN", "Infinity", "abc", True])
def test_an_amount_that_is_no_number_is_rejected(amount: Any) -> None:
    (found,) = read(order(assignment(PurgDocNetAmount=amount)))
    assert isinstance(found, Rejection)
    assert (found.code, found.amount) == ("bad_amount", None)


def test_a_date_that_is_none_is_rejected() -> None:
    (found,) = read(order(PurchaseOrderDate="2026-13-01"))
    assert isinstance(found, Rejection)
    assert (found.code, found.field) == ("bad_date", "PurchaseOrderDate")


# Commitments: ordered


def test_assignments_keep_their_own_amounts() -> None:
    found = read(order(assignment(1, "333.33"), assignment(2, "666.67")))
    assert [c.ordered_amount for c in found] == [D("333.33"), D("666.67")]


def test_a_rounding_remainder_goes_to_the_last_assignment() -> None:
    item = {"NetAmount": D("100.00")}
    found = read(order(assignment(1, "33.33"), assignment(2, "66.66"), item=item))
    assert [c.ordered_amount for c in found] == [D("33.33"), D("66.67")]


def test_a_real_difference_is_shown_as_sap_tells_it() -> None:
    found = read(order(assignment(1, "30.00"), assignment(2, "60.00"), item={"NetAmount": D("100.00")}))
    assert [c.ordered_amount for c in found] == [D("30.00"), D("60.00")]


def test_without_amounts_the_line_is_split_by_percent_and_adds_up() -> None:
    thirds = [assignment(nr, None, MultipleAcctAssgmtDistrPercent=D("33.3")) for nr in (1, 2, 9)]
    found = read(order(*thirds, item={"NetAmount": D("100.00")}))
    assert [c.ordered_amount for c in found] == [D("33.33"), D("33.33"), D("33.34")]


def test_without_a_net_amount_price_unit_and_quantity_decide() -> None:
    item = {"OrderQuantity": D(500), "NetPriceAmount": D("12.50"), "NetPriceQuantity": D(100)}
    assert one(order(assignment(net=None), item=item)).ordered_amount == D("62.50")


def test_a_limit_item_counts_its_expected_limit() -> None:
    item = {"OrderQuantity": D(0), "ExpectedOverallLimitAmount": D(7000)}
    assert one(order(assignment(net="0"), item=item)).ordered_amount == 7000


def test_a_return_is_a_negative_order_that_runs_towards_zero() -> None:
    made = order(item={"IsReturnsItem": True})
    assert amounts(one(made)) == (-1000, 0, -1000)
    memo = invoice("400.00", SupplierInvoiceIsCreditMemo="X")
    assert amounts(one(made, invoices=[memo])) == (-1000, -400, -600)


def test_yen_have_no_decimals_and_dinars_three() -> None:
    yen = one(order(assignment(net="1000.5"), DocumentCurrency="JPY", ExchangeRate=D("0.006")))
    dinars = one(order(assignment(net="1.2345"), DocumentCurrency="KWD", ExchangeRate=D(3)))
    assert [str(found.ordered_amount) for found in (yen, dinars)] == ["1001", "1.235"]


def test_company_amounts_follow_the_order_s_rate() -> None:
    found = one(order(DocumentCurrency="USD", ExchangeRate=D("0.90000")))
    assert (found.company_currency, found.company_ordered_amount, found.exchange_rate) == ("EUR", D(900), D("0.90000"))


def test_an_indirect_rate_is_a_negative_number() -> None:
    assert one(order(DocumentCurrency="USD", ExchangeRate=D("-1.25000"))).company_ordered_amount == 800


def test_a_foreign_order_without_rate_is_rejected() -> None:
    (found,) = read(order(DocumentCurrency="USD", ExchangeRate=D(0)))
    assert isinstance(found, Rejection)
    assert found.field == "ExchangeRate"


# Commitments: relieved and open


def test_posted_invoices_relieve_a_line_without_valuated_receipt() -> None:
    found = one(order(), invoices=[invoice("250.00"), invoice("100.00", SupplierInvoiceStatus="A")])
    assert amounts(found) == (1000, 250, 750)


def test_receipts_relieve_a_line_with_valuated_receipt_and_invoices_do_not() -> None:
    made = order(item=BY_RECEIPT)
    assert amounts(one(made, receipts=[receipt("300.00")], invoices=[invoice("999.00")])) == (1000, 300, 700)


def test_a_non_valuated_receipt_relieves_nothing() -> None:
    made = order(item=BY_RECEIPT | {"GoodsReceiptIsNonValuated": True})
    assert amounts(one(made, receipts=[receipt("300.00")], invoices=[invoice("200.00")])) == (1000, 200, 800)


def test_a_cancelled_receipt_gives_the_commitment_back() -> None:
    receipts = [receipt("300.00"), receipt("-300.00")]
    assert amounts(one(order(item=BY_RECEIPT), receipts=receipts)) == (1000, 0, 1000)


def test_the_gr_ir_side_of_a_receipt_is_not_counted() -> None:
    other = receipt("-300.00", WBSElementInternalID="00000000", CostCenter="")
    wrx = receipt("-300.00", TransactionTypeDetermination="WRX")
    assert amounts(one(order(item=BY_RECEIPT), receipts=[receipt("300.00"), other, wrx])) == (1000, 300, 700)


def test_a_receipt_without_assignment_number_is_found_by_its_wbs_element() -> None:
    made = order(assignment(1, "600"), assignment(2, "400"), item=BY_RECEIPT)
    found = read(made, receipts=[receipt("100.00", nr="0", WBSElementInternalID="10000002")])
    assert [c.relieved_amount for c in found] == [0, 100]


def test_a_receipt_of_nobody_in_particular_is_shared_by_ordered_value() -> None:
    made = order(assignment(1, "600"), assignment(2, "400"), item=BY_RECEIPT)
    found = read(made, receipts=[receipt("100.01", nr="0", WBSElementInternalID="", CostCenter="4711")])
    assert [c.relieved_amount for c in found] == [D("60.01"), D("40.00")]


def test_a_receipt_in_company_currency_is_converted_at_the_order_s_rate() -> None:
    made = order(item=BY_RECEIPT, DocumentCurrency="USD", ExchangeRate=D("0.9"))
    found = one(made, receipts=[receipt("90.00")])
    assert [found.relieved_amount, found.company_relieved_amount, found.open_amount] == [100, 90, 900]


def test_credit_memos_and_reversals_are_taken_off() -> None:
    memo = invoice("50.00", parts=[part("50.00", side="H")], SupplierInvoiceIsCreditMemo="X")
    bare = invoice("30.00", SupplierInvoiceIsCreditMemo="X")
    assert amounts(one(order(), invoices=[invoice("250.00"), memo, bare])) == (1000, 170, 830)


def test_delivery_costs_relieve_nothing() -> None:
    assert amounts(one(order(), invoices=[invoice("80.00", delivery="FRA1")])) == (1000, 0, 1000)


def test_an_invoice_relieves_the_assignments_it_names() -> None:
    made = order(assignment(1, "600"), assignment(2, "400"))
    found = read(made, invoices=[invoice("100", parts=[part("10.00", 1), part("90.00", 2)])])
    assert [c.relieved_amount for c in found] == [10, 90]


def test_an_invoice_in_another_currency_is_converted() -> None:
    made = order(DocumentCurrency="USD", ExchangeRate=D("0.8"))
    in_euro = invoice("80.00", DocumentCurrency="EUR")
    in_francs = invoice("10.00", DocumentCurrency="CHF", DirectQuotedExchangeRate="1.04000")
    assert one(made, invoices=[in_euro]).relieved_amount == 100
    assert one(made, invoices=[in_francs]).relieved_amount == 13


def test_open_never_passes_zero() -> None:
    assert amounts(one(order(), invoices=[invoice("1200.00")])) == (1000, 1200, 0)


def test_a_quantity_invoiced_in_full_leaves_nothing_open_whatever_the_price() -> None:
    found = one(order(), invoices=[invoice("400.00", quantity="4"), invoice("500.00", quantity="6")])
    assert amounts(found) == (1000, 900, 0)
    assert found.closed_reason is None


def test_a_subsequent_debit_has_no_quantity() -> None:
    invoices = [invoice("500.00", quantity="5"), invoice("20.00", quantity="5", subsequent="X")]
    assert amounts(one(order(), invoices=invoices)) == (1000, 520, 480)


@pytest.mark.parametrize("where", ["item", "assignment"])
def test_a_final_invoice_closes_the_line(where: str) -> None:
    final: Row = {"IsFinallyInvoiced": True}
    made = order(item=final) if where == "item" else order(assignment(**final))
    found = one(made, invoices=[invoice("900.00")])
    assert (*amounts(found), found.closed_reason) == (1000, 900, 0, "completed")


def test_delivery_completed_closes_receipt_based_lines_only() -> None:
    flag = {"IsCompletelyDelivered": True}
    assert one(order(item=flag)).closed_reason is None
    found = one(order(item=BY_RECEIPT | flag), receipts=[receipt("870.00")])
    assert (*amounts(found), found.closed_reason) == (1000, 870, 0, "completed")


@pytest.mark.parametrize("code", ["L", "X"])
@pytest.mark.parametrize("where", ["header", "item", "assignment"])
def test_what_is_deleted_has_nothing_ordered_and_keeps_what_was_relieved(where: str, code: str) -> None:
    made = order(
        assignment(IsDeleted=where == "assignment"),
        item={"PurchasingDocumentDeletionCode": code if where == "item" else ""},
        PurchaseOrderDeletionCode=code if where == "header" else "",
    )
    found = one(made, invoices=[invoice("250.00")])
    assert (*amounts(found), found.closed_reason) == (0, 250, 0, "cancelled")
    assert found.po_status == "deleted"


def test_a_blocked_line_keeps_its_amount() -> None:
    found = one(order(item={"PurchasingDocumentDeletionCode": "S"}))
    assert (*amounts(found), found.po_status) == (1000, 0, 1000, "blocked")


@pytest.mark.parametrize(
    ("header", "item", "reason"),
    [
        ({"ReleaseIsNotCompleted": True}, {}, "unreleased"),
        ({"PurchasingProcessingStatus": "03"}, {}, "unreleased"),
        ({"PurchasingProcessingStatus": "08"}, {}, "rejected"),
        ({}, {"IsStatisticalItem": True}, "statistical"),
        ({}, {"PurchasingItemIsFreeOfCharge": True}, "free_of_charge"),
    ],
)
def test_what_is_no_firm_commitment_is_stored_and_not_counted(header: Row, item: Row, reason: str) -> None:
    found = one(order(item=item, **header))
    assert (found.counts, found.not_counted_reason) == (False, reason)


def test_a_statistical_wbs_element_is_not_counted() -> None:
    assert one(order(assignment(9))).not_counted_reason == "statistical_wbs"


@given(
    st.decimals(min_value="0.01", max_value="99999999", places=2),
    st.lists(st.integers(min_value=0, max_value=1000), min_size=1, max_size=9).filter(any),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_a_split_adds_up_to_the_line(total: Decimal, weights: list[int], currency: str) -> None:
    parts = sap_orders.split(total, {str(nr): D(weight) for nr, weight in enumerate(weights)}, currency)
    assert sum(parts.values()) == rounded(total, currency)


@given(st.decimals("-1000", "1000", places=2), st.decimals("-3000", "3000", places=2))
def test_open_lies_between_zero_and_what_was_ordered_or_given_back(ordered: Decimal, relieved: Decimal) -> None:
    found = sap_orders.open_amount(ordered, relieved)
    assert found * ordered >= 0


def test_the_next_open_schedule_line_is_the_delivery_date_else_the_latest() -> None:
    def schedule(*lines: tuple[str, int]) -> Row:
        rows = [{"ScheduleLineDeliveryDate": day, "OpenPurchaseOrderQuantity": D(left)} for day, left in lines]
        return order(item={"_PurchaseOrderScheduleLineTP": rows})

    assert one(schedule(("2026-05-01", 0), ("2026-07-01", 3), ("2026-06-01", 2))).delivery_date == date(2026, 6, 1)
    assert one(schedule(("2026-05-01", 0), ("2026-07-01", 0))).delivery_date == date(2026, 7, 1)


def test_custom_fields_are_kept_without_their_helpers() -> None:
    own = {"YY1_Lot_PDI": "7", "YY1_Lot_PDIF": 3, "YY1_Lot_PDIT": "seven"}
    assert one(order(item=own, YY1_Head_PDH="x")).custom_fields == {"YY1_Lot_PDI": "7", "YY1_Head_PDH": "x"}


# Actuals


def journal(**changes: Any) -> Row:
    row = {
        "Ledger": "0L",
        "CompanyCode": "1010",
        "FiscalYear": "2026",
        "FiscalPeriod": "3",
        "AccountingDocument": "100000012",
        "LedgerGLLineItem": "3",
        "PostingDate": "/Date(1772323200000)/",
        "WBSElementInternalID": "10000001",
        "TransactionCurrency": "EUR",
        "AmountInTransactionCurrency": "-12.50",
        "CompanyCodeCurrency": "EUR",
        "AmountInCompanyCodeCurrency": "-12.50",
        "PurchasingDocument": "4500000001",
        "PurchasingDocumentItem": "00010",
        "IsSettlement": False,
    }
    return row | changes


def posted(known: Directory | None = None, **changes: Any) -> Any:
    (found,) = sap_journal.actual(sap_journal.raw(journal(**changes)), known or directory())
    return found


def test_a_journal_line_becomes_a_signed_actual() -> None:
    found = posted()
    assert isinstance(found, Actual)
    assert found.source_key == "1010/2026/0100000012/000003"
    assert (found.fi_doc_no, found.fi_doc_line, found.fiscal_period) == ("100000012", "3", "003")
    assert (found.po_no, found.po_line_no) == ("4500000001", "10")
    assert (found.amount, found.company_amount, found.posting_date) == (D("-12.50"), D("-12.50"), date(2026, 3, 1))
    assert (found.project_nr, found.wbs_element, found.status) == ("P-1", "P-1.01", "posted")


@pytest.mark.parametrize(
    ("row", "status"),
    [
        ({"IsReversed": True}, "reversed"),
        ({"IsReversal": True, "ReversalReferenceDocument": "0100000011"}, "reversal"),
        ({"ClearingDate": "/Date(1772323200000)/"}, "cleared"),
    ],
)
def test_reversals_and_clearing_show_in_the_status(row: Row, status: str) -> None:
    found = posted(**row)
    assert found.status == status
    assert found.reversal_of == ("100000011" if status == "reversal" else None)


def test_postings_to_statistical_elements_are_not_counted() -> None:
    assert (posted(WBSElementInternalID="10000009").counts, posted().counts) == (False, True)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"WBSElementInternalID": "99999999"}, "unknown_wbs"),
        ({"TransactionCurrency": "XXQ"}, "unknown_currency"),
        ({"AmountInTransactionCurrency": "1.2.3"}, "bad_amount"),
        ({"AmountInTransactionCurrency": None}, "bad_amount"),
        ({"PostingDate": "soon"}, "bad_date"),
        ({"PostingDate": None}, "missing_field"),
    ],
)
def test_a_journal_line_that_can_t_be_used_is_rejected(row: Row, code: str) -> None:
    found = posted(**row)
    assert isinstance(found, Rejection)
    assert found.code == code
    assert found.raw["AccountingDocument"] == "100000012"


@pytest.mark.parametrize("row", [{"IsSettlement": True}, {"GLAccountType": "X"}, {"WBSElementInternalID": "0"}])
def test_lines_that_are_no_cost_of_a_project_are_skipped_with_their_amount(row: Row) -> None:
    found = posted(**row)
    assert isinstance(found, Skipped)
    assert found.amount == D("-12.50")


def test_a_posting_on_a_configured_cost_centre_belongs_to_its_project() -> None:
    found = posted(directory(cc4711="P-1"), WBSElementInternalID="", CostCenter="4711")
    assert (found.project_nr, found.wbs_element) == ("P-1", None)


# Projects


def test_projects_and_their_elements_are_read() -> None:
    known = Directory()
    row = {"ProjectUUID": "u", "Project": "P-7", "ProjectDescription": "Plant", "ProcessingStatus": "10"}
    (project,) = sap_rows.project(row | {"ProjectStartDate": "/Date(0)/"}, known)
    assert isinstance(project, Project)
    assert (project.project_nr, project.status, project.start_date) == ("P-7", "released", date(1970, 1, 1))


def test_an_element_names_its_parent_by_number() -> None:
    known = directory()
    child = known.by_external["P-1.02"]
    top = known.by_external["P-1.01"]
    assert [e.parent for e in sap_rows.parented([child, top], known) if isinstance(e, WbsElement)] == ["P-1.01", None]


def test_an_element_of_an_unlisted_project_is_rejected() -> None:
    (found,) = sap_rows.wbs_element({"ProjectElementUUID": "e", "ProjectUUID": "?"}, directory())
    assert isinstance(found, Rejection)


# Values


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/Date(1470268800000)/", date(2016, 8, 4)),
        ("/Date(-86400000)/", date(1969, 12, 31)),
        ("/Date(1470268800000+0000)/", date(2016, 8, 4)),
        ("2016-08-04", date(2016, 8, 4)),
        ("2016-08-04T23:59:59.9999999Z", date(2016, 8, 4)),
        (None, None),
        ("", None),
    ],
)
def test_dates_are_the_utc_day(value: Any, expected: date | None) -> None:
    assert odata.day(value) == expected


@pytest.mark.parametrize(("value", "expected"), [("00010", "10"), ("0", ""), ("000", ""), ("A01", "A01"), (None, "")])
def test_numbers_as_text_lose_their_zeros(value: Any, expected: str) -> None:
    assert odata.short(value) == expected


def test_quotes_in_a_filter_are_doubled() -> None:
    assert odata.any_of("Name", ["O'Neil"]) == "(Name eq 'O''Neil')"


def test_invoice_numbers_that_lie_close_become_ranges() -> None:
    assert sap_reader.ranges({"5100000001", "5100000005", "5100000099", "A1"}) == [
        ("5100000001", "5100000005"),
        ("5100000099", "5100000099"),
        ("A1", "A1"),
    ]


# Settings

BASIC: Row = {"api_url": "https://sap.example.com", "username": "PPM", "password": "x"}


def test_only_the_fields_of_the_chosen_sign_in_are_required() -> None:
    Settings(**BASIC)
    Settings.model_validate({"api_url": "https://sap.example.com", "auth": "api_key", "api_key": "k"})
    with pytest.raises(ValidationError, match="Token URL, Client secret"):
        Settings(api_url="https://sap.example.com", auth="oauth2", client_id="c")


def test_a_pasted_service_path_is_cut_off() -> None:
    pasted = BASIC | {"api_url": " https://sap.example.com/sap/opu/odata/sap/API_X/ "}
    assert Settings(**pasted).api_url == "https://sap.example.com"
    assert Settings(**BASIC | {"api_url": "http://127.0.0.1:8090/sap/"}).api_url == "http://127.0.0.1:8090/sap"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"api_url": "sap.example.com"}, "https://"),
        ({"api_url": "https://sap.example.com?sap-client=100"}, "without"),
        ({"client": "1"}, "three digits"),
        ({"ledger": "leading"}, "two characters"),
        ({"company_codes": ["10 10"]}, "no company code"),
        ({"cost_centers": {"4711": ""}}, "has no project"),
        ({"colour": "blue"}, "Extra inputs"),
    ],
)
def test_wrong_settings_get_a_sentence(change: Row, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings(**BASIC | change)


def test_every_field_of_the_form_is_explained_in_both_languages() -> None:
    properties = Settings.model_json_schema()["properties"]
    for name, field in properties.items():
        assert field["title"], name
        assert field["description"], name
        assert field["examples"], name
        assert field["x-labels"]["de"]["title"], name
        assert field["x-labels"]["de"]["description"], name
    assert [name for name, field in properties.items() if field.get("writeOnly")] == [
        "api_key",
        "password",
        "client_secret",
    ]
    assert properties["password"]["x-show-when"] == {"auth": "basic"}


def test_secrets_never_show_in_the_settings() -> None:
    assert "canary" not in repr(Settings(**BASIC | {"password": "canary"}))


def test_secrets_are_named_for_every_address_and_account_they_belong_to() -> None:
    hosts = ADAPTERS["sap"].HOSTS
    assert set(hosts["api_url"]) == {"api_key", "password", "client_secret"}
    assert hosts["username"] == ("password",)
    assert set(hosts["token_url"]) == set(hosts["client_id"]) == {"client_secret"}
