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

from ppm_pipelines.adapters import (
    ADAPTERS,
    odata,
    sap_control,
    sap_journal,
    sap_orders,
    sap_reader,
    sap_rows,
    sap_streams,
)
from ppm_pipelines.adapters.base import Refused, Stream
from ppm_pipelines.adapters.odata_metadata import Metadata
from ppm_pipelines.adapters.sap_control import Numbers
from ppm_pipelines.adapters.sap_orders import Relief
from ppm_pipelines.adapters.sap_reader import Reader
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
BASIC: Row = {"api_url": "https://sap.example.com", "username": "PPM", "password": "x"}


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
    """sap.md trap 2: the internal number is never stored as the WBS number."""
    assert one(order(assignment(WBSElementExternalID=""))).wbs_element == "P-1.01"


def test_an_unknown_wbs_element_is_rejected_with_its_amount() -> None:
    """DOMAIN R17: an exception list, never a guess."""
    (found,) = read(order(assignment(WBSElementExternalID="Z-9", WBSElementInternalID="99999999")))
    assert isinstance(found, Rejection)
    assert (found.code, found.field) == ("unknown_wbs", "WBSElementExternalID")
    assert (found.amount, found.currency) == (D(1000), "EUR")
    assert "Z-9" in found.reason
    assert found.raw["order"]["PurchaseOrder"] == "4500000001"


UNKNOWN: Row = {"WBSElementExternalID": "Z-9", "WBSElementInternalID": "99999999"}
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
    """DOMAIN R6, sap.md trap 13: a split line is not the whole line as often as it has assignments."""
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
    """sap.md trap 3: the price per 100 is the factor most often forgotten."""
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
    """DOMAIN R2: without a valuated receipt posted invoices relieve, at invoice value."""
    found = one(order(), invoices=[invoice("250.00"), invoice("100.00", SupplierInvoiceStatus="A")])
    assert amounts(found) == (1000, 250, 750)


def test_receipts_relieve_a_line_with_valuated_receipt_and_invoices_do_not() -> None:
    """DOMAIN R2, sap.md trap 4: received and not yet invoiced is actual cost already, and no longer open."""
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
    """sap.md trap 6: invoice amounts are unsigned."""
    memo = invoice("50.00", parts=[part("50.00", side="H")], SupplierInvoiceIsCreditMemo="X")
    bare = invoice("30.00", SupplierInvoiceIsCreditMemo="X")
    assert amounts(one(order(), invoices=[invoice("250.00"), memo, bare])) == (1000, 170, 830)


def test_delivery_costs_relieve_nothing() -> None:
    """DOMAIN "What relieves a commitment": delivery costs are left out."""
    assert amounts(one(order(), invoices=[invoice("80.00", delivery="FRA1")])) == (1000, 0, 1000)


def test_an_invoice_relieves_the_assignments_it_names() -> None:
    made = order(assignment(1, "600"), assignment(2, "400"))
    found = read(made, invoices=[invoice("100", parts=[part("10.00", 1), part("90.00", 2)])])
    assert [c.relieved_amount for c in found] == [10, 90]


def test_an_invoice_in_another_currency_is_converted() -> None:
    """DOMAIN R9: at the rate of the document, never at today's."""
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
    """DOMAIN R3: a partial delivery of 87 % with the flag set has open 0."""
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
    """DOMAIN "What counts", sap.md trap 12: an order that is not released is no commitment."""
    found = one(order(item=item, **header))
    assert (found.counts, found.not_counted_reason) == (False, reason)


def test_a_statistical_wbs_element_is_not_counted() -> None:
    """DOMAIN R16: statistical elements carry values for information only."""
    assert one(order(assignment(9))).not_counted_reason == "statistical_wbs"


@given(
    st.decimals(min_value="0.01", max_value="99999999", places=2),
    st.lists(st.integers(min_value=0, max_value=1000), min_size=1, max_size=9).filter(any),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_a_split_adds_up_to_the_line(total: Decimal, weights: list[int], currency: str) -> None:
    """DOMAIN "Facts and figures": splits of one line add up, the last takes the remainder."""
    parts = sap_orders.split(total, {str(nr): D(weight) for nr, weight in enumerate(weights)}, currency)
    assert sum(parts.values()) == rounded(total, currency)


@given(st.decimals("-1000", "1000", places=2), st.decimals("-3000", "3000", places=2))
def test_open_lies_between_zero_and_what_was_ordered_or_given_back(ordered: Decimal, relieved: Decimal) -> None:
    found = sap_orders.open_amount(ordered, relieved)
    assert found * ordered >= 0


def test_the_next_open_schedule_line_is_the_delivery_date_else_the_latest() -> None:
    """DOMAIN R8: SAP dates a commitment by its expected delivery."""

    def schedule(*lines: tuple[str, int]) -> Row:
        rows = [{"ScheduleLineDeliveryDate": day, "OpenPurchaseOrderQuantity": D(left)} for day, left in lines]
        return order(item={"_PurchaseOrderScheduleLineTP": rows})

    assert one(schedule(("2026-05-01", 0), ("2026-07-01", 3), ("2026-06-01", 2))).delivery_date == date(2026, 6, 1)
    assert one(schedule(("2026-05-01", 0), ("2026-07-01", 0))).delivery_date == date(2026, 7, 1)


def test_custom_fields_are_kept_without_their_helpers() -> None:
    """sap.md trap 7: …F and …T are helpers, no data."""
    own = {"YY1_Lot_PDI": "7", "YY1_Lot_PDIF": 3, "YY1_Lot_PDIT": "seven"}
    assert one(order(item=own, YY1_Head_PDH="x")).custom_fields == {"YY1_Lot_PDI": "7", "YY1_Head_PDH": "x"}


# Older service


def in_v2(made: Row) -> Row:
    """The same order as the older service delivers it: other names, texts for numbers, no net value of the item."""
    head = {name: value for name, value in made.items() if not name.startswith("_")}
    head["PurchasingDocumentDeletionCode"] = head.pop("PurchaseOrderDeletionCode", "")
    head["AddressName"] = "Müller Stahlbau GmbH"
    items = [item_in_v2(item) for item in made["_PurchaseOrderItem"]]
    return head | {"__metadata": {"uri": "…"}, "to_PurchaseOrderItem": {"results": items}}


def item_in_v2(item: Row) -> Row:
    lacking = ("NetAmount", "IsStatisticalItem", "ItemIsRejectedBySupplier")
    row = {name: value for name, value in item.items() if not name.startswith("_") and name not in lacking}
    parts = [{name: as_text(value) for name, value in one.items()} for one in item["_PurOrdAccountAssignment"]]
    return {name: as_text(value) for name, value in row.items()} | {
        "PurchaseOrderItem": row["PurchaseOrderItem"].lstrip("0"),
        "to_AccountAssignment": {"results": parts},
        "to_ScheduleLine": {"__deferred": {"uri": "…"}},
    }


def as_text(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


@pytest.mark.parametrize(
    "made",
    [
        order(assignment(1, "333.33"), assignment(2, "666.67")),
        order(item={"IsReturnsItem": True}),
        order(item=BY_RECEIPT | {"IsCompletelyDelivered": True}),
        order(item={"PurchasingDocumentDeletionCode": "L"}),
        order(PurchaseOrderDeletionCode="L"),
        order(assignment(net="0"), item={"OrderQuantity": D(0), "ExpectedOverallLimitAmount": D(7000)}),
        order(assignment(IsDeleted=True), assignment(2, "40.00")),
        order(item={"PurchasingItemIsFreeOfCharge": True}),
        order(assignment(9), ReleaseIsNotCompleted=True, DocumentCurrency="USD", ExchangeRate=D("0.9")),
    ],
)
def test_the_older_service_tells_the_same(made: Row) -> None:
    """sap.md trap 3: V2 writes texts and short numbers, and has no net value of the item."""
    new, old = read(made), read(in_v2(made))
    for one_new, one_old in zip(new, old, strict=True):
        assert one_old.vendor_description == "Müller Stahlbau GmbH"
        one_old.vendor_description = ""
        assert one_old == one_new


def test_in_the_older_service_price_per_hundred_and_thirds_make_the_amounts() -> None:
    """sap.md trap 3 and section 1: the percentage of a third has one decimal, so the last takes the rest."""
    thirds = [assignment(nr, None, MultipleAcctAssgmtDistrPercent=D("33.3")) for nr in (1, 2, 9)]
    item = {"OrderQuantity": D(700), "NetPriceAmount": D("33.33"), "NetPriceQuantity": D(100)}
    found = read(in_v2(order(*thirds, item=item)))
    assert [c.ordered_amount for c in found] == [D("77.77"), D("77.77"), D("77.77")]
    item = {"OrderQuantity": D(1), "NetPriceAmount": D("100.00"), "NetPriceQuantity": D(1)}
    found = read(in_v2(order(*thirds, item=item)))
    assert [c.ordered_amount for c in found] == [D("33.33"), D("33.33"), D("33.34")]


def test_a_stock_line_of_the_older_service_is_skipped_with_its_amount_too() -> None:
    """Without a net value of the item, quantity and price tell what is left out."""
    item = {"AccountAssignmentCategory": "", "_PurOrdAccountAssignment": [], "OrderQuantity": D(100)}
    (found,) = read(in_v2(order(item=item | {"NetPriceAmount": D("0.10"), "NetPriceQuantity": D(1)})))
    assert isinstance(found, Skipped)
    assert found.amount == 10


def test_another_order_price_unit_is_a_factor_too() -> None:
    """sap.md section 5: ordered in pieces, priced in kilograms."""
    item: Row = {"OrderQuantity": D(10), "NetPriceAmount": D("2.00")}
    item |= {"OrderPriceUnitToOrderUnitNmrtr": D(15), "OrdPriceUnitToOrderUnitDnmntr": D(4)}
    assert one(in_v2(order(assignment(net=None), item=item))).ordered_amount == 75


def test_the_vendor_s_number_is_the_key_whatever_its_name_is_called() -> None:
    """sap.md trap 9: names depend on the language of the account and on the version of the address."""
    assert one(in_v2(order(Supplier="USSU-VSF01"))).vendor == "USSU-VSF01"
    assert one(in_v2(order(Supplier="0017300001"))).vendor == "17300001"


# Raw records


def raw_of(made: Row, relief: Relief | None = None) -> Any:
    (found,) = sap_orders.raws(made, relief or Relief(), COMPANIES)
    return found


def test_a_raw_record_is_the_line_with_its_header_and_what_relieves_it() -> None:
    relief = Relief(invoices={KEY: [invoice("10.00")]}, receipts={KEY: [receipt("10.00")]})
    found = raw_of(order(), relief)
    assert (found.stream, found.key) == ("orders", "4500000001/00010")
    assert "_PurchaseOrderItem" not in found.record["order"]
    assert found.record["order"]["LastChangeDateTime"] == "2026-03-02T10:00:00.1234567Z"
    assert (len(found.record["invoices"]), found.record["receipts"]) == (1, [])
    assert len(raw_of(order(item=BY_RECEIPT), relief).record["receipts"]) == 1
    assert found.record["company"] == {"CompanyCode": "1010", "CompanyCodeCurrency": "EUR"}


def test_the_order_of_delivery_makes_no_difference_to_a_raw_record() -> None:
    def numbered(row: Row, **number: str) -> Row:
        return row | number

    rows: list[Any] = [
        numbered(receipt("1.00"), AccountingDocument=f"500000000{n}", CompanyCode="1010") for n in (1, 2, 3)
    ]
    pairs = enumerate([invoice("1.00"), invoice("2.00")])
    bills: list[Any] = [(numbered(row, SupplierInvoice=f"51056000{n}"), head) for n, (row, head) in pairs]
    forth = order(assignment(1), assignment(2), item=BY_RECEIPT)
    back = order(assignment(2), assignment(1), item=BY_RECEIPT)
    assert raw_of(forth, Relief({KEY: rows})) == raw_of(back, Relief({KEY: rows[::-1]}))
    assert raw_of(order(), Relief({}, {KEY: bills})) == raw_of(order(), Relief({}, {KEY: bills[::-1]}))


def test_marks_of_the_protocol_are_no_part_of_a_raw_record() -> None:
    made = in_v2(order(assignment(__metadata={"uri": "…"}))) | {"@odata.etag": "W/…", "to_X": {"__deferred": {}}}
    told = str(raw_of(made).record)
    assert "__metadata" not in told
    assert "etag" not in told
    assert "__deferred" not in told


def test_a_rejected_line_tells_what_is_open_and_where_it_belongs() -> None:
    """DOMAIN R17: quarantined with its amount; the project is told where it is known."""
    (stray,) = read(order(assignment(**UNKNOWN)), invoices=[invoice("250.00")])
    assert (stray.code, stray.amount, stray.open_amount, stray.project_nr) == ("unknown_wbs", 1000, 750, "Z-9")
    (undated,) = read(order(PurchaseOrderDate="2026-02-30"), invoices=[invoice("250.00")])
    assert (undated.code, undated.open_amount, undated.project_nr) == ("bad_date", 750, "P-1")
    (broken,) = read(order(assignment(PurgDocNetAmount="n/a")))
    assert (broken.amount, broken.open_amount, broken.company_code) == (None, None, "1010")
    assert {one.raw_key for one in (stray, undated, broken)} == {"4500000001/00010"}


def test_a_rejected_line_has_the_sign_and_the_end_that_it_would_have() -> None:
    """Else the quarantine beside a project would be wrong by twice a return, or by what is long cancelled."""
    bad: Row = {"DocumentCurrency": "XXQ"}
    (back,) = read(order(item={"IsReturnsItem": True}, **bad))
    (gone,) = read(order(item={"PurchasingDocumentDeletionCode": "L"}, **bad))
    (free,) = read(order(item={"PurchasingItemIsFreeOfCharge": True}, **bad))
    (done,) = read(order(item={"IsFinallyInvoiced": True}, **bad))
    assert [one.code for one in (back, gone, free, done)] == ["unknown_currency"] * 4
    assert [one.amount for one in (back, gone, free, done)] == [-1000, 0, 0, 1000]
    assert [one.open_amount for one in (gone, done)] == [0, 0]
    (stock,) = read(order(item={"_PurOrdAccountAssignment": [], "AccountAssignmentCategory": "",
                                "NetAmount": D(70), "IsReturnsItem": True}))  # fmt: skip
    assert (type(stock), stock.amount) == (Skipped, -70)


def test_a_line_of_an_invoice_that_sap_does_not_show_waits() -> None:
    """Whether it is posted decides what is open: a guess in either direction would be wrong by the invoice."""
    row, _ = invoice("250.00")
    (found,) = read(order(), invoices=[(row | {"SupplierInvoice": "5105600001", "FiscalYear": "2026"}, {})])
    assert (found.code, found.field, found.amount, found.open_amount) == (
        "missing_field", "SupplierInvoiceStatus", 1000, None,
    )  # fmt: skip
    assert "5105600001/2026" in found.reason


def test_a_line_of_an_internal_order_or_an_asset_is_out_of_scope_and_one_of_a_network_waits() -> None:
    """DOMAIN R16: forgetting networks under-counts a project, so they are told, not skipped."""
    for name in ("OrderID", "MasterFixedAsset", "SalesOrder"):
        (found,) = read(order(assignment() | NO_WBS | {name: "4711"}))
        assert isinstance(found, Skipped)
        assert found.amount == 1000
    (found,) = read(order(assignment(**NO_WBS, ProjectNetwork="000004000001")))
    assert (found.code, found.field) == ("no_project", "ProjectNetwork")


# The vendors' own examples


def two_lines(relief: Relief, *, goods: Row | None = None) -> list[Commitment]:
    """3 pieces at 1,500 received with valuation, and 150 freight that only an invoice relieves."""
    made = order(assignment(1, "4500.00"), item=BY_RECEIPT | {"OrderQuantity": D(3)} | (goods or {}))
    freight = made["_PurchaseOrderItem"][0] | {
        "PurchaseOrderItem": "00020",
        "OrderQuantity": D(1),
        "GoodsReceiptIsExpected": False,
        "IsFinallyInvoiced": False,
        "_PurOrdAccountAssignment": [assignment(1, "150.00")],
    }
    made["_PurchaseOrderItem"].append(freight)
    raws = sap_orders.raws(made, relief, COMPANIES)
    found = [one for raw in raws for one in sap_orders.commitments(raw, directory())]
    assert all(isinstance(one, Commitment) for one in found)
    return found  # type: ignore[return-value]


FREIGHT = (KEY[0], "20")


def test_sap_s_example_of_three_pieces_and_their_freight_runs_through_its_states() -> None:
    """DOMAIN R2 [S4]: 3 PCs x 1,500 and freight 150; the dearer invoice and the dearer freight are actual cost only."""
    relief = Relief()

    def state() -> Any:
        found = two_lines(relief)
        return [one.relieved_amount for one in found], [one.open_amount for one in found]

    assert state() == ([0, 0], [4500, 150])
    relief.receipts[KEY] = [receipt("3000.00")]  # goods receipt for two, at order price
    assert state() == ([3000, 0], [1500, 150])
    relief.invoices[KEY] = [invoice("4000.00", quantity="2")]  # at 2,000 instead of 1,500: +1,000 actual
    assert state() == ([3000, 0], [1500, 150])
    relief.receipts[KEY].append(receipt("1500.00"))  # goods receipt for the third: the goods commitment is zero
    assert state() == ([4500, 0], [0, 150])
    relief.invoices[FREIGHT] = [invoice("180.00", quantity="1")]  # 180 instead of 150: +30 actual
    assert state() == ([4500, 180], [0, 0])


def test_the_final_invoice_zeroes_the_goods_line_and_leaves_the_freight_line_open() -> None:
    """DOMAIN R2 [S9], R3: 7,500 ordered, 6,554 received, 946 open; then 0; the freight needs its own clearing."""
    relief = Relief({KEY: [receipt("6554.00")]})
    goods = {"_PurOrdAccountAssignment": [assignment(1, "7500.00")]}
    assert [one.open_amount for one in two_lines(relief, goods=goods)] == [946, 150]
    line, freight = two_lines(relief, goods=goods | {"IsFinallyInvoiced": True})
    assert (*amounts(line), line.closed_reason) == (7500, 6554, 0, "completed")
    assert (*amounts(freight), freight.closed_reason) == (150, 0, 150, None)


@given(st.lists(st.integers(min_value=1, max_value=50), min_size=1, max_size=8), st.booleans())
def test_open_and_what_relieved_are_constant_while_a_line_runs_at_order_price(parts: list[int], goods: bool) -> None:
    """DOMAIN R1: for an order that runs to full invoicing at order price, open + actual is constant at every step."""
    whole = sum(parts)
    item = {"OrderQuantity": D(whole)} | (BY_RECEIPT if goods else {})
    made = order(assignment(net=f"{whole * 7}.00"), item=item)
    rows: list[Any] = []
    for part_ in parts:
        amount = f"{part_ * 7}.00"
        rows.append(receipt(amount) if goods else invoice(amount, quantity=str(part_)))
        found = one(made, receipts=rows if goods else (), invoices=() if goods else rows)
        assert found.open_amount + found.relieved_amount == found.ordered_amount
    assert found.open_amount == 0


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
    """sap.md section 5: the ledger is signed already, DebitCreditCode is not applied again."""
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


@pytest.mark.parametrize("field", ["CostCtrActivityType", "PartnerCostCtrActivityType", "OriginCostCtrActivityType"])
def test_an_allocated_activity_is_labour_unless_it_was_bought(field: str) -> None:
    """DOMAIN R19: time sheets reach the ledger as allocations of an activity type."""
    told = [posted(PurchasingDocument=order, **dict[str, Any]({field: kind})) for kind, order in
            (("LABOUR", ""), ("LABOUR", "0000000000"), ("LABOUR", "4500000001"), ("", ""))]  # fmt: skip
    assert [one.labour for one in told] == [True, True, False, False]


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


def vendor_item(**changes: Any) -> Row:
    row = {
        "AccountingDocumentItem": "1",
        "SupplierName": "Müller Stahlbau GmbH",
        "Supplier": "17300001",
        "DocumentReferenceID": "000471",
        "NetDueDate": "/Date(1774915200000)/",
        "ClearingDate": None,
    }
    return row | changes


def enriched(*items: Row, **changes: Any) -> Actual:
    (found,) = sap_journal.actual(sap_journal.raw(journal(**changes), items), directory())
    assert isinstance(found, Actual)
    return found


def test_the_vendor_s_item_tells_invoice_number_due_date_and_name() -> None:
    found = enriched(vendor_item())
    assert (found.vendor_invoice_no, found.net_due_date) == ("000471", date(2026, 3, 31))
    assert (found.vendor, found.vendor_description, found.status) == ("17300001", "Müller Stahlbau GmbH", "posted")


def test_a_document_is_cleared_when_every_vendor_item_is() -> None:
    paid = vendor_item(AccountingDocumentItem="2", ClearingDate="/Date(1774915200000)/")
    assert enriched(vendor_item(), paid).status == "posted"
    assert enriched(paid).status == "cleared"
    assert enriched(paid, IsReversed=True).status == "reversed"


def test_of_several_due_dates_the_first_counts() -> None:
    later = vendor_item(AccountingDocumentItem="2", NetDueDate="/Date(1777507200000)/")
    assert enriched(later, vendor_item()).net_due_date == date(2026, 3, 31)


def test_a_reversal_names_the_document_that_it_takes_back() -> None:
    """sap.md section 1: the ledger names a reference, which need not be an accounting document."""
    item = vendor_item(ReverseDocument="5100000012")
    assert enriched(item, IsReversal=True, ReversalReferenceDocument="5105600001").reversal_of == "5100000012"
    assert enriched(item, IsReversed=True).reversal_of is None


def test_a_raw_journal_line_is_the_row_with_the_vendor_s_items_beside_it() -> None:
    items = [vendor_item(AccountingDocumentItem="2"), vendor_item()]
    found = sap_journal.raw(journal(__metadata={}), items)
    assert found == sap_journal.raw(journal(), items[::-1])
    assert (found.stream, found.key) == ("journal", "1010/2026/0100000012/000003")
    assert found.record["vendor_items"][0]["AccountingDocumentItem"] == "1"


def test_the_same_number_in_two_company_codes_or_years_is_two_documents() -> None:
    """DOMAIN R6: company code and fiscal year belong to the key."""
    keys = {
        posted(CompanyCode=code, FiscalYear=year).source_key for code in ("1010", "1710") for year in ("2025", "2026")
    }
    assert len(keys) == 4


# What is asked


def test_the_whole_key_of_a_line_and_its_ledger_are_always_asked_for() -> None:
    """sap.md trap 1: without them the ledger answers with sums, or with every posting once per ledger."""
    whole = {"SourceLedger", "Ledger", "CompanyCode", "FiscalYear", "AccountingDocument", "LedgerGLLineItem"}
    for stream in (sap_streams.JOURNAL, sap_streams.RECEIPTS):
        assert whole | {"TransactionCurrency", "CompanyCodeCurrency"} <= set(stream.fields)
    reader = Reader(Settings(**BASIC), None, 10, None)
    for filter_ in (reader.journal(), reader.receipts()):
        assert "Ledger eq '0L'" in filter_
        assert "IsCommitment eq false" in filter_


STREAMS = [one for one in vars(sap_streams).values() if isinstance(one, Stream)]
STREAMS += [service.orders for service in (sap_streams.ORDERS_V4, sap_streams.ORDERS_V2)]


def test_what_sap_calculates_for_one_row_only_is_never_asked_for() -> None:
    """sap.md trap 8: the payment status of an invoice is “Calc. only for 1 row” in lists."""
    assert not any("SupplierInvoicePaymentStatus" in path for stream in STREAMS for path in stream.fields)


def test_fields_that_a_release_lacks_are_left_out_and_the_customer_s_own_are_added() -> None:
    stream = sap_streams.ORDERS_V4.orders
    known = {name: frozenset(p.rpartition("/")[2] for p in stream.fields if p.rpartition("/")[0] == above)
             for above, name in stream.types.items()}  # fmt: skip
    known["PurchaseOrderItem_Type"] -= {"ItemIsRejectedBySupplier"}
    known["PurchaseOrderItem_Type"] |= {"YY1_Lot_PDI", "YY1_Lot_PDIF", "YY1_Lot_PDIT"}
    found = sap_reader.available(stream, known)
    assert set(found) ^ set(stream.fields) == {
        "_PurchaseOrderItem/ItemIsRejectedBySupplier",
        "_PurchaseOrderItem/YY1_Lot_PDI",
    }


def test_a_field_that_may_not_be_missing_refuses_the_read() -> None:
    stream = sap_streams.ORDERS_V4.orders
    with pytest.raises(Refused, match="without it they would be misread"):
        sap_reader.available(stream, {"PurchaseOrder_Type": frozenset({"PurchaseOrder"})})


def test_metadata_of_both_protocols_is_understood() -> None:
    told = """<Schema><EntityType Name="A_PurchaseOrderType" sap:content-version="1"><Key><PropertyRef Name="X"/></Key>
      <Property Name="PurchaseOrder" Type="Edm.String"/><NavigationProperty Name="to_Item"/></EntityType>
      <EntityType Name="Other_Type">
        <Property MaxLength="3"
            Name="Second" Type="Edm.String"/></EntityType></Schema>"""
    assert Metadata(told) == {"A_PurchaseOrderType": {"PurchaseOrder"}, "Other_Type": {"Second"}}


def test_a_selection_is_written_as_each_protocol_wants_it() -> None:
    fields = ("A", "_B/C", "_B/_D/E", "_F/G")
    assert odata.V4.selection(fields) == {
        "$select": "A",
        "$expand": "_B($select=C;$expand=_D($select=E)),_F($select=G)",
    }
    assert odata.V2.selection(fields) == {"$select": "A,_B/C,_B/_D/E,_F/G", "$expand": "_B,_B/_D,_F"}
    assert odata.V2.selection(("A",)) == {"$select": "A"}


def test_documents_are_asked_for_per_company_code_and_year_with_ever_wider_gaps() -> None:
    """DOMAIN R6: numbers repeat, so a range of them belongs to one company code and year."""
    close = {("1010", "2026", f"510000000{n}") for n in range(5)} | {("1710", "2026", "5100000001")}
    assert [one.count("AccountingDocument ge") for one in sap_reader.document_filters(close)] == [1, 1]
    sparse = {("1010", "2026", f"{5_100_000_000 + n * 977}") for n in range(400)}
    (found,) = sap_reader.document_filters(sparse)
    assert found.count("AccountingDocument ge") <= sap_reader.RANGES_PER_REQUEST


def test_order_numbers_are_remembered_without_their_weight() -> None:
    seen = Numbers()
    seen.add({"4500000001", "NB00000001", ""})
    seen.add({"4500000003"})
    assert "4500000001" in seen
    assert "NB00000001" in seen
    assert "4500000002" not in seen
    assert "" not in seen


@pytest.mark.parametrize(
    "change", [{"project_nr": "P-2"}, {"internal_id": "99"}, {"statistical": True}, {"wbs_element": "P-1.9"}], ids=str
)
def test_what_a_record_depends_on_beside_its_rows_is_told(change: Row) -> None:
    def decides(**other: Any) -> object:
        known = Directory(numbers={"P-1"})
        known.add(
            WbsElement(**({"source_key": "W", "project_nr": "P-1", "wbs_element": "P-1.1", "internal_id": "7"} | other))
        )
        return known.decides()

    assert decides() == decides()
    assert decides(**change) != decides()
    assert Directory(linked=frozenset({"P-1"})).decides() != Directory().decides()


def test_control_sums_survive_the_state_and_a_damaged_state_is_none() -> None:
    sums = {("P-1", "EUR"): D("12.50"), ("P-2", "JPY"): D(1000)}
    assert sap_control.from_json(sap_control.to_json(sums)) == sums
    assert sap_control.from_json("nonsense") == {}
    assert sap_control.from_json([["P-1"], "x"]) == {}


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
    assert sap_rows.short(value) == expected


def test_quotes_in_a_filter_are_doubled() -> None:
    assert odata.any_of("Name", ["O'Neil"]) == "(Name eq 'O''Neil')"


def test_invoice_numbers_that_lie_close_become_ranges() -> None:
    assert sap_reader.ranges({"5100000001", "5100000005", "5100000099", "A1"}) == [
        ("5100000001", "5100000005"),
        ("5100000099", "5100000099"),
        ("A1", "A1"),
    ]


# Settings


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
        ({"receipt_document_type": "WE1"}, "two characters"),
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
