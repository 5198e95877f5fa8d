"""What rows of Dynamics mean, with plain dicts: every rule of the fact sheet and every trap has a test that names it.

Belongs here: pure functions and settings. Does not belong here: whole syncs (``test_adapter_dynamics_sandbox``).
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from ppm_pipelines.adapters import dynamics_bc_rows as bc
from ppm_pipelines.adapters import dynamics_checks, odata
from ppm_pipelines.adapters import dynamics_dataverse_rows as dataverse
from ppm_pipelines.adapters import dynamics_fo_rows as fo
from ppm_pipelines.adapters.base import Refused, SourceError, Stream, Unavailable
from ppm_pipelines.adapters.dynamics import Dynamics
from ppm_pipelines.adapters.dynamics_bc import meaning
from ppm_pipelines.adapters.dynamics_fo_streams import POSTINGS
from ppm_pipelines.adapters.dynamics_rows import DYNAMICS, Directory, Figures, rate_on, towards_zero
from ppm_pipelines.adapters.dynamics_settings import Settings
from ppm_pipelines.adapters.fields import Unusable
from ppm_pipelines.adapters.odata_metadata import Metadata
from ppm_pipelines.records import Actual, Commitment, Outcome, Project, Raw, Rejection, Skipped
from ppm_pipelines_tests.test_adapter_http import Answering, answer, scripted

Row = dict[str, Any]
KNOWN = Directory({("usmf", "P-1"), ("demf", "P-2")})
LEDGER = {"LegalEntityId": "USMF", "AccountingCurrency": "USD", "ExchangeRateType": "Default"}
FO_DAYS = "StartDate", "EndDate"
SETTINGS = {"header_project": False, "dimension_segments": ["MainAccount", "BusinessUnit", "CostCenter"]}


def line(**changes: Any) -> Row:
    return {
        "@odata.etag": 'W/"x"',
        "dataAreaId": "usmf",
        "PurchaseOrderNumber": "PO-000123",
        "LineNumber": 2,
        "ProjectId": "P-1",
        "ProjectActivityNumber": "A-7",
        "ProjectCategoryId": "STEEL",
        "LineAmount": Decimal("1000.00"),
        "OrderedPurchaseQuantity": 10,
        "LineDescription": "Träger „HEB“\n🏗️ O'Brien",
        "ProcurementProductCategoryName": "Steel",
        "PurchaseOrderLineStatus": "Backorder",
        "IsDeleted": "No",
        "RequestedDeliveryDate": "2026-06-26T12:00:00Z",
        "ConfirmedDeliveryDate": "1900-01-01T12:00:00Z",
        "DefaultLedgerDimensionDisplayValue": "001-CC\\-10",
        "InventoryLotId": "LOT-1",
    } | changes


def order(**changes: Any) -> Row:
    return {
        "dataAreaId": "usmf",
        "PurchaseOrderNumber": "PO-000123",
        "PurchaseOrderStatus": "Backorder",
        "DocumentApprovalStatus": "Confirmed",
        "OrderVendorAccountNumber": "US-101",
        "PurchaseOrderName": "Müller GmbH",
        "CurrencyCode": "USD",
        "ProjectId": "",
        "OrdererPersonnelNumber": "000042",
        "AccountingDate": "2026-05-04T12:00:00Z",
    } | changes


def remaining(quantity: Any, **changes: Any) -> Row:
    return {
        "dataAreaId": "usmf",
        "InventTransId": "LOT-1",
        "PurchQty": 10,
        "RemainPurchFinancial": quantity,
        "IsFinalized": "No",
        "IsDeleted": "No",
        "SysModifiedDateTime": "2026-06-01T08:15:00Z",
    } | changes


def invoice(amount: str, quantity: int, key: int = 1) -> Row:
    return {"SourceKey": key, "InventTransId": "LOT-1", "LineAmount": Decimal(amount), "Qty": quantity}


def outcome(
    bi: Row | None = None,
    invoices: list[Row] | None = None,
    *,
    of_line: Row | None = None,
    of_order: Row | None = None,
    rate: Row | None = None,
    **settings: Any,
) -> Outcome:
    raw = fo.raw_line(
        line(**(of_line or {})), order(**(of_order or {})), bi, invoices, LEDGER, rate, SETTINGS | settings
    )
    [made] = fo.commitment(raw, KNOWN)
    return made


def commitment(*args: Any, **kwargs: Any) -> Commitment:
    made = outcome(*args, **kwargs)
    assert isinstance(made, Commitment), made
    return made


def figures(made: Commitment) -> tuple[str, ...]:
    return tuple(f"{one:.2f}" for one in (made.ordered_amount, made.relieved_amount, made.open_amount))


# Order lines of Finance & Operations ---------------------------------------------------------------------------------


def test_a_line_becomes_one_commitment_with_the_header_s_facts() -> None:
    made = commitment(remaining(4))
    assert made.source_key == "usmf/PO-000123/2"
    assert (made.company_code, made.project_nr, made.wbs_element) == ("usmf", "P-1", "A-7")
    assert (made.po_number, made.po_line_nr, made.assignment_nr) == ("PO-000123", "2", "1")
    assert (made.vendor, made.vendor_description, made.requester) == ("US-101", "Müller GmbH", "000042")
    assert made.po_line_text == "Träger „HEB“\n🏗️ O'Brien"
    assert (made.po_status, made.relieved_by) == ("Backorder Confirmed", "invoice")
    assert made.changed_at == datetime(2026, 6, 1, 8, 15, tzinfo=UTC)
    assert made.cost_center == "CC-10"
    assert made.custom_fields == {"dimensions": {"BusinessUnit": "001", "CostCenter": "CC-10"}}


def test_what_remains_uninvoiced_is_open_at_the_line_s_price() -> None:
    """DOMAIN: remaining quantity × price, relieved = ordered − open; a receipt relieves nothing."""
    assert figures(commitment(remaining(10, RemainPurchPhysical=0))) == ("1000.00", "0.00", "1000.00")
    assert figures(commitment(remaining(4))) == ("1000.00", "600.00", "400.00")
    assert figures(commitment(remaining(0))) == ("1000.00", "1000.00", "0.00")


def test_what_is_open_is_rounded_half_up() -> None:
    made = commitment(remaining(1, PurchQty=8), of_line={"LineAmount": Decimal("0.36")})
    assert figures(made) == ("0.36", "0.31", "0.05")  # 0.045


def test_open_never_passes_zero_to_the_other_side() -> None:
    assert figures(commitment(remaining(-2))) == ("1000.00", "1200.00", "0.00")
    assert towards_zero(Decimal(-5), Decimal(-5)) == -5
    assert towards_zero(Decimal(5), Decimal(-5)) == 0


def test_a_return_is_negative_and_open_towards_zero() -> None:
    made = commitment(remaining(-4, PurchQty=-10), of_line={"LineAmount": -1000, "OrderedPurchaseQuantity": -10})
    assert figures(made) == ("-1000.00", "-600.00", "-400.00")


def test_without_remaining_quantities_posted_invoices_tell_what_is_open() -> None:
    """Trap 2: V2 lines have no remaining quantity. A credit note is taken off."""
    made = commitment(None, [invoice("660.00", 6), invoice("-110.00", -1, 2)])
    assert figures(made) == ("1000.00", "550.00", "450.00")


@pytest.mark.parametrize(
    ("status", "invoices"), [("Invoiced", [invoice("900.00", 9)]), ("Received", [invoice("900.00", 10)])]
)
def test_invoiced_in_full_leaves_nothing_open_whatever_the_price(status: str, invoices: list[Row]) -> None:
    made = commitment(None, invoices, of_line={"PurchaseOrderLineStatus": status})
    assert figures(made) == ("1000.00", "900.00", "0.00")
    assert made.closed_reason is None


def test_a_line_without_quantity_is_open_by_its_invoices() -> None:
    made = commitment(remaining(0, PurchQty=0), [invoice("250.00", 0)])
    assert figures(made) == ("1000.00", "250.00", "750.00")


def test_what_can_t_be_told_is_not_guessed() -> None:
    made = outcome(None, None)
    assert isinstance(made, Rejection)
    assert (made.code, made.field, made.amount, made.open_amount) == (
        "missing_field", "RemainPurchFinancial", Decimal("1000.00"), None,
    )  # fmt: skip


def test_what_a_cancelled_line_had_invoiced_is_not_taken_for_nothing() -> None:
    """DOMAIN: what was relieved stays. Without invoices the cost posted on the line tells it, or the line's status."""
    made = outcome(remaining(0), None, of_line={"PurchaseOrderLineStatus": "Canceled"})
    assert isinstance(made, Rejection)
    assert (made.code, made.field, made.amount, made.open_amount) == (
        "missing_field",
        "LineAmount",
        Decimal(0),
        Decimal(0),
    )
    cancelled = line(PurchaseOrderLineStatus="Canceled")

    def posted(*amounts: str, currency: str = "USD") -> Outcome:
        given = [{"dataAreaId": "usmf", "TransId": str(n), "AmountMst": Decimal(one)} for n, one in enumerate(amounts)]
        raw = fo.raw_line(
            cancelled, order(CurrencyCode=currency), remaining(0), None, LEDGER, None, SETTINGS, postings=given
        )
        [made] = fo.commitment(raw, KNOWN)
        return made

    for made, figure in ((posted(), "0.00"), (posted("330.00", "-30.00"), "300.00")):
        assert isinstance(made, Commitment)
        assert (figures(made), made.closed_reason) == (("0.00", figure, "0.00"), "cancelled")
    assert isinstance(posted("330.00", currency="EUR"), Rejection)
    invoiced = {"of_line": {"PurchaseOrderLineStatus": "Invoiced"}, "of_order": {"PurchaseOrderStatus": "Canceled"}}
    made = commitment(remaining(0), None, **invoiced)
    assert (figures(made), made.closed_reason) == (("0.00", "1000.00", "0.00"), "cancelled")


@pytest.mark.parametrize("where", ["line", "header"])
def test_a_cancelled_line_orders_nothing_and_keeps_what_relieved_it(where: str) -> None:
    status = {"of_line": {"PurchaseOrderLineStatus": "Canceled"}, "of_order": {}}
    if where == "header":
        status = {"of_line": {}, "of_order": {"PurchaseOrderStatus": "Canceled"}}
    made = commitment(remaining(0), [invoice("300.00", 3)], **status)
    assert (figures(made), made.closed_reason) == (("0.00", "300.00", "0.00"), "cancelled")


def test_a_line_that_is_marked_as_deleted_is_cancelled() -> None:
    made = commitment(remaining(7), of_line={"IsDeleted": "Yes"})
    assert (figures(made), made.closed_reason) == (("0.00", "300.00", "0.00"), "cancelled")
    assert commitment(remaining(7, IsDeleted="Yes")).closed_reason == "cancelled"


def test_a_cancelled_line_that_is_rejected_misses_nothing() -> None:
    made = outcome(remaining(0), [], of_line={"PurchaseOrderLineStatus": "Canceled", "ProjectId": "P-9"})
    assert isinstance(made, Rejection)
    assert (made.code, made.amount, made.open_amount) == ("unknown_project", Decimal(0), Decimal(0))


def test_a_finalized_order_opens_nothing_more() -> None:
    """DOMAIN R3: what will never come is released; what was ordered stays."""
    for made in (
        commitment(remaining(4, IsFinalized="Yes")),
        commitment(remaining(4), of_order={"DocumentApprovalStatus": "Finalized"}),
    ):
        assert (figures(made), made.closed_reason) == (("1000.00", "600.00", "0.00"), "completed")


def test_complete_forbids_part_deliveries_and_completes_nothing() -> None:
    assert commitment(remaining(4, Complete="Yes")).closed_reason is None


def test_a_stopped_line_is_only_blocked() -> None:
    assert commitment(remaining(10), of_line={"IsLineStopped": "Yes"}).open_amount == 1000


@pytest.mark.parametrize(
    ("approval", "reason"),
    [
        ("Draft", "unreleased"),
        ("InReview", "unreleased"),
        ("Rejected", "rejected"),
        ("Approved", None),
        ("InExternalReview", None),
        ("Confirmed", None),
    ],
)
def test_unreleased_and_rejected_orders_are_kept_and_not_counted(approval: str, reason: str | None) -> None:
    made = commitment(remaining(10), of_order={"DocumentApprovalStatus": approval})
    assert (made.counts, made.not_counted_reason) == (reason is None, reason)
    assert made.open_amount == 1000


def test_the_line_s_project_counts_and_the_header_s_where_that_is_configured() -> None:
    """9 of 27 headers and 10 of 29 lines carried a project: they differ, trust the line."""
    header = {"ProjectId": "P-9"}
    assert commitment(remaining(10), of_order=header).project_nr == "P-1"
    skipped = outcome(remaining(10), of_line={"ProjectId": ""}, of_order={"ProjectId": "P-1"})
    assert isinstance(skipped, Skipped)
    assert (skipped.reason, skipped.amount, skipped.currency) == ("no project", Decimal("1000.00"), "USD")
    made = commitment(remaining(10), of_line={"ProjectId": ""}, of_order={"ProjectId": "P-1"}, header_project=True)
    assert made.project_nr == "P-1"


def test_a_project_of_another_company_is_unknown() -> None:
    """Trap 9: numbers repeat between companies."""
    made = outcome(remaining(3), of_line={"ProjectId": "P-2"})
    assert isinstance(made, Rejection)
    assert (made.code, made.project_nr, made.company_code) == ("unknown_project", "P-2", "usmf")
    assert (made.amount, made.open_amount, made.currency) == (Decimal("1000.00"), Decimal("300.00"), "USD")
    linked = Directory(set(), frozenset({"P-2"}))
    raw = fo.raw_line(line(ProjectId="P-2"), order(), remaining(3), None, LEDGER, None, SETTINGS)
    assert isinstance(next(fo.commitment(raw, linked)), Commitment)


@pytest.mark.parametrize(
    ("of_line", "of_order", "code", "field"),
    [
        ({"LineAmount": "zwölf"}, {}, "bad_amount", "LineAmount"),
        ({"LineAmount": None}, {}, "bad_amount", "LineAmount"),
        ({"LineAmount": "NaN"}, {}, "bad_amount", "LineAmount"),
        ({"RequestedDeliveryDate": "2026-13-45T12:00:00Z"}, {}, "bad_date", "RequestedDeliveryDate"),
        ({}, {"CurrencyCode": "XXQ"}, "unknown_currency", "CurrencyCode"),
        ({}, {"CurrencyCode": ""}, "unknown_currency", "CurrencyCode"),
        ({}, {"CurrencyCode": "EUR"}, "missing_field", "CurrencyCode"),
    ],
)
def test_an_unusable_line_is_rejected_with_its_field(of_line: Row, of_order: Row, code: str, field: str) -> None:
    made = outcome(remaining(10), of_line=of_line, of_order=of_order)
    assert isinstance(made, Rejection)
    assert (made.code, made.field, made.project_nr) == (code, field, "P-1")
    assert made.reason.endswith(".")
    assert made.raw["line"]["PurchaseOrderNumber"] == "PO-000123"


def test_money_of_a_foreign_order_is_told_in_company_currency() -> None:
    rate = {"FromCurrency": "EUR", "ToCurrency": "USD", "StartDate": "2026-01-01T12:00:00Z"}
    per_hundred = rate | {"Rate": Decimal("110.5"), "ConversionFactor": "Hundred"}
    made = commitment(remaining(3), of_order={"CurrencyCode": "EUR"}, rate=per_hundred)
    assert (made.company_currency, made.exchange_rate) == ("USD", Decimal("1.105"))
    assert (made.company_ordered_amount, made.company_relieved_amount, made.company_open_amount) == (
        Decimal("1105.00"), Decimal("773.50"), Decimal("331.50"),
    )  # fmt: skip
    assert made.exchange_rate_date == date(2026, 1, 1)
    other_side = {"FromCurrency": "USD", "ToCurrency": "EUR", "Rate": 80, "ConversionFactor": "Hundred"}
    made = commitment(remaining(3), of_order={"CurrencyCode": "EUR"}, rate=other_side)
    assert made.company_ordered_amount == Decimal("1250.00")


def test_parts_make_up_the_whole_in_company_currency_too() -> None:
    told = Figures(Decimal("0.03"), Decimal("0.02"), Decimal("0.01")).to("USD", Decimal("1.5"))
    assert told.relieved + told.open == told.ordered == Decimal("0.05")


# Values --------------------------------------------------------------------------------------------------------------


def test_noon_is_a_day_and_1900_is_none() -> None:
    """Trap 3: noon UTC is a day, no zone shifts it; 1900 and year one stand for no day."""
    row = {
        "noon": "2026-06-26T12:00:00Z",
        "none": "1900-01-01T12:00:00Z",
        "bc": "0001-01-01",
        "zero": "",
        "day": "2026-06-26",
    }
    assert DYNAMICS.day(row, "noon") == DYNAMICS.day(row, "day") == date(2026, 6, 26)
    assert DYNAMICS.day(row, "none") is DYNAMICS.day(row, "bc") is DYNAMICS.day(row, "zero") is None
    made = commitment(remaining(10))
    assert (made.delivery_date, made.po_date) == (date(2026, 6, 26), date(2026, 5, 4))
    confirmed = commitment(remaining(10), of_line={"ConfirmedDeliveryDate": "2026-07-01T12:00:00Z"})
    assert confirmed.delivery_date == date(2026, 7, 1)


@pytest.mark.parametrize("told", ["2026-07-17T18:49:03Z", "2026-07-17T18:49:03.5Z", "2026-07-17T18:49:03.097Z"])
def test_stamps_have_up_to_three_digits_of_a_second(told: str) -> None:
    found = DYNAMICS.moment({"at": told}, "at")
    assert found is not None
    assert found.replace(microsecond=0) == datetime(2026, 7, 17, 18, 49, 3, tzinfo=UTC)


def test_a_day_that_is_none_names_its_field() -> None:
    with pytest.raises(Unusable) as wrong:
        DYNAMICS.day({"DueDate": "soon"}, "DueDate")
    assert (wrong.value.code, wrong.value.field) == ("bad_date", "DueDate")


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ("", []),
        ("605100", ["605100"]),
        ("605100-001-CC10", ["605100", "001", "CC10"]),
        ("DAT\\-0000000002", ["DAT-0000000002"]),
        ("605100--CC\\-10", ["605100", "", "CC-10"]),
        ("a\\\\b-c", ["a\\b", "c"]),
        ("605100-", ["605100", ""]),
    ],
)
def test_a_delimiter_inside_a_dimension_is_escaped(told: str, found: list[str]) -> None:
    assert list(fo.parts(told)) == found


def test_segments_name_the_parts_of_a_dimension() -> None:
    segments = ["BusinessUnit", "MainAccount", "Cost Center"]
    named = fo.dimensions("001-605100-CC10", segments, account=True)
    assert fo.main_account("001-605100-CC10", named) == "605100"
    assert fo.main_account("605100-001", {}) == "605100"
    assert fo.main_account("", {}) is None
    assert fo.cost_center(named) == "CC10"
    assert fo.cost_center(fo.dimensions("001-CC10", segments, account=False)) == "CC10"


# Postings of Finance & Operations ------------------------------------------------------------------------------------


def posting(**changes: Any) -> Row:
    return {
        "dataAreaId": "usmf",
        "TransId": "T-000001",
        "ProjId": "P-1",
        "ActivityNumber": "A-7",
        "CategoryId": "STEEL",
        "AmountMst": Decimal("-12.345"),
        "Qty": Decimal("1.5"),
        "costSales": "Cost",
        "ProjTransType": "Item",
        "TransactionOrigin": "PurchaseOrder",
        "PostingType": "ProjCost",
        "ProjTransDate": "2026-03-30T12:00:00Z",
        "LedgerTransDate": "2026-03-31T12:00:00Z",
        "Voucher": "APIN0000001",
        "InventTransId": "LOT-1",
        "ProjAdjustRefId": "",
        "PaymentStatus": "NoPayment",
        "LedgerDimensionDisplayValue": "605100-001-CC\\-10",
    } | changes


def of_posting(**changes: Any) -> Outcome:
    bought = {"PurchaseOrderNumber": "PO-000123", "LineNumber": 2}
    invoiced = {"InvoiceId": "RE-4711", "InvoiceAccount": "US-101", "DueDate": "2026-04-30T12:00:00Z"}
    raw = fo.raw_actual(posting(**changes), bought, invoiced, LEDGER, SETTINGS["dimension_segments"])  # type: ignore[arg-type]
    [made] = fo.actual(raw, KNOWN)
    return made


def test_a_posting_is_a_signed_cost_in_company_currency() -> None:
    made = of_posting()
    assert isinstance(made, Actual)
    assert made.source_key == "usmf/T-000001/APIN0000001/ProjCost/605100-001-CC\\-10"
    assert (made.amount, made.currency) == (Decimal("-12.35"), "USD")  # half up, away from zero
    assert (made.company_amount, made.company_currency) == (made.amount, "USD")
    assert (made.fi_doc_no, made.fi_doc_line, made.document_type) == ("APIN0000001", "T-000001", "PurchaseOrder Item")
    assert (made.posting_date, made.document_date) == (date(2026, 3, 31), date(2026, 3, 30))
    assert (made.fiscal_year, made.fiscal_period) == ("2026", "003")
    assert (made.gl_account, made.cost_center, made.wbs_element) == ("605100", "CC-10", "A-7")
    assert (made.po_no, made.po_line_no) == ("PO-000123", "2")
    assert (made.vendor, made.vendor_invoice_no, made.net_due_date) == ("US-101", "RE-4711", date(2026, 4, 30))
    assert made.quantity == Decimal("1.5")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"costSales": "Sales"}, "no cost"),
        ({"costSales": "None"}, "no cost"),
        ({"ProjTransType": "Revenue"}, "no cost"),
        ({"ProjTransType": "OnAccount"}, "no cost"),
        ({"ProjTransType": "WIP"}, "no cost"),
        ({"PostingType": "ProjPayrollAllocation"}, "payroll allocation"),
        ({"ProjId": ""}, "no project"),
    ],
)
def test_cost_only(changes: Row, reason: str) -> None:
    made = of_posting(**changes)
    assert isinstance(made, Skipped)
    assert (made.reason, made.amount, made.currency) == (reason, Decimal("-12.345"), "USD")


def test_hours_are_labour_unless_they_were_bought() -> None:
    """DOMAIN R19: the same hours may be in Jira, bought ones are an order's."""
    hours = fo.raw_actual(posting(ProjTransType="Hour"), None, None, LEDGER, SETTINGS["dimension_segments"])  # type: ignore[arg-type]
    made = [*fo.actual(hours, KNOWN), of_posting(ProjTransType="Hour"), of_posting()]
    assert [one.labour for one in made if isinstance(one, Actual)] == [True, False, False]


def test_a_reversal_names_what_it_takes_back() -> None:
    made = of_posting(ProjAdjustRefId="T-000000", PaymentStatus="Paid")
    assert isinstance(made, Actual)
    assert (made.reversal_of, made.status) == ("T-000000", "cleared")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ProjId": "P-9"}, "unknown_project"),
        ({"AmountMst": "x"}, "bad_amount"),
        ({"LedgerTransDate": "x"}, "bad_date"),
        ({"LedgerTransDate": "1900-01-01T12:00:00Z", "ProjTransDate": ""}, "missing_field"),
    ],
)
def test_an_unusable_posting_is_rejected(changes: Row, code: str) -> None:
    made = of_posting(**changes)
    assert isinstance(made, Rejection)
    assert made.code == code


def test_several_postings_of_a_transaction_have_keys_of_their_own() -> None:
    """One transaction may be posted to several accounts; the entity's own key would hide all but one."""
    keys = {
        fo.actual_key(posting(**changes))
        for changes in ({}, {"Voucher": "V2"}, {"PostingType": "ProjNoLedger"}, {"LedgerDimensionDisplayValue": "1"})
    }
    assert len(keys) == 4


# Projects ------------------------------------------------------------------------------------------------------------


def test_a_project_is_known_by_company_and_number() -> None:
    directory = Directory()
    row = {
        "dataAreaId": "USMF",
        "ProjectId": "P-1",
        "ProjectName": "Werk Süd",
        "ProjectStage": "InProcess",
        "ProjectedStartDate": "2026-01-01T12:00:00Z",
        "ActualStartDate": "1900-01-01T12:00:00Z",
        "ParentProjectId": "P-0",
    }
    [made] = fo.project(row, {"usmf": "USD"}, directory)
    assert isinstance(made, Project)
    assert (made.source_key, made.currency, made.start_date) == ("usmf/P-1", "USD", date(2026, 1, 1))
    assert made.custom_fields == {"parent_project": "P-0"}
    assert directory.projects == {("usmf", "P-1")}
    [bad] = fo.project(row | {"ProjectId": ""}, {}, directory)
    assert isinstance(bad, Rejection)


# Business Central ----------------------------------------------------------------------------------------------------

HOME = Directory({("CRONUS US", "P-1")})


def dimensions(**values: str) -> list[Row]:
    """A dimension's id is the same in every document: its key is the parent and the code."""
    return [{"id": code, "code": code, "valueCode": value} for code, value in values.items()]


def bc_line(**changes: Any) -> Row:
    return {
        "id": "l",
        "sequence": 10000,
        "lineType": "Item",
        "lineObjectNumber": "1996-S",
        "description": "Whiteboard „groß“",
        "quantity": 12,
        "netAmount": Decimal("1000.00"),
        "expectedReceiptDate": "0001-01-01",
        "receivedQuantity": 12,
        "invoicedQuantity": 3,
        "dimensionSetLines": dimensions(PROJECT="P-1", COSTCENTER="CC1"),
    } | changes


def bc_order(**changes: Any) -> Row:
    return {
        "number": "108001",
        "orderDate": "2026-01-05",
        "vendorNumber": "20000",
        "vendorName": "First Up Consultants",
        "currencyCode": "USD",
        "purchaser": "RB",
        "requestedReceiptDate": "2026-02-01",
        "fullyReceived": True,
        "status": "Open",
        "lastModifiedDateTime": "2026-01-05T10:00:00.5Z",
    } | changes


def bc_outcome(of_line: Row | None = None, of_order: Row | None = None, rate: Row | None = None) -> Outcome:
    order = bc_order(**(of_order or {})) | {"purchaseOrderLines": [bc_line(**(of_line or {}))]}
    [raw] = bc.raw_lines("CRONUS US", "USD", rate, "project", order)
    [made] = bc.commitment(raw, HOME)
    return made


def test_a_business_central_line_is_open_by_quantity() -> None:
    made = bc_outcome()
    assert isinstance(made, Commitment)
    assert made.source_key == "CRONUS US/108001/10000"
    assert figures(made) == ("1000.00", "250.00", "750.00")
    assert (made.project_nr, made.company_code, made.po_line_nr) == ("P-1", "CRONUS US", "10000")
    assert (made.po_status, made.delivery_date) == ("Open received", date(2026, 2, 1))  # year one is no day
    assert made.custom_fields == {"dimensions": {"COSTCENTER": "CC1", "PROJECT": "P-1"}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"invoicedQuantity": 12}, ("1000.00", "1000.00", "0.00")),
        ({"invoicedQuantity": 15}, ("1000.00", "1250.00", "0.00")),
        ({"quantity": 0, "invoicedQuantity": 0}, ("1000.00", "1000.00", "0.00")),
        ({"quantity": -12, "invoicedQuantity": -3, "netAmount": -1000}, ("-1000.00", "-250.00", "-750.00")),
        ({"netAmount": Decimal("0.10"), "quantity": 3, "invoicedQuantity": 1}, ("0.10", "0.03", "0.07")),
    ],
)
def test_open_in_business_central_follows_the_invoiced_quantity(changes: Row, told: tuple[str, ...]) -> None:
    made = bc_outcome(changes)
    assert isinstance(made, Commitment)
    assert figures(made) == told


def test_comments_have_no_amount_and_lines_without_the_dimension_no_project() -> None:
    comment, other = bc_outcome({"lineType": "Comment"}), bc_outcome({"dimensionSetLines": dimensions(COSTCENTER="1")})
    assert isinstance(comment, Skipped)
    assert isinstance(other, Skipped)
    assert (comment.reason, comment.amount) == ("comment", None)
    assert (other.reason, other.amount, other.currency) == ("no project", Decimal("1000.00"), "USD")


@pytest.mark.parametrize("status", ["Draft", "In Review", "In_x0020_Review"])
def test_unreleased_orders_of_business_central_are_kept_and_not_counted(status: str) -> None:
    made = bc_outcome(None, {"status": status})
    assert isinstance(made, Commitment)
    assert (made.counts, made.not_counted_reason) == (False, "unreleased")


@pytest.mark.parametrize(
    ("of_line", "of_order", "code"),
    [
        ({"dimensionSetLines": dimensions(PROJECT="P-9")}, {}, "unknown_project"),
        ({"netAmount": "x"}, {}, "bad_amount"),
        ({"expectedReceiptDate": "soon"}, {}, "bad_date"),
        ({}, {"currencyCode": "XXQ"}, "unknown_currency"),
        ({}, {"currencyCode": "EUR"}, "missing_field"),
    ],
)
def test_an_unusable_business_central_line_is_rejected(of_line: Row, of_order: Row, code: str) -> None:
    made = bc_outcome(of_line, of_order)
    assert isinstance(made, Rejection)
    assert made.code == code


def test_a_foreign_order_of_business_central_has_its_worth_in_local_currency() -> None:
    rate = {"startingDate": "2026-01-01", "exchangeRateAmount": 100, "relationalExchangeRateAmount": Decimal("110.5")}
    made = bc_outcome(None, {"currencyCode": "EUR"}, rate)
    assert isinstance(made, Commitment)
    assert (made.company_ordered_amount, made.company_open_amount) == (Decimal("1105.00"), Decimal("828.75"))
    older = {**rate, "startingDate": "2015-01-01"}
    later = {**rate, "startingDate": "2027-01-01"}
    assert rate_on(date(2026, 5, 5), [older, rate, later], "startingDate") is rate


def test_a_rate_that_business_central_quotes_in_a_third_currency_is_never_taken_for_the_own() -> None:
    """100 USD = 90 EUR says nothing of DKK."""
    rate = {"startingDate": "2026-01-01", "exchangeRateAmount": 100, "relationalExchangeRateAmount": 90}
    made = bc_outcome(None, {"currencyCode": "EUR"}, rate | {"relationalCurrencyCode": "GBP"})
    assert isinstance(made, Rejection)
    assert (made.code, made.field) == ("bad_amount", "relationalCurrencyCode")
    assert isinstance(bc_outcome(None, {"currencyCode": "EUR"}, rate | {"relationalCurrencyCode": "USD"}), Commitment)


def test_without_a_day_no_quotation_is_chosen() -> None:
    rate = {"startingDate": "2026-01-01", "exchangeRateAmount": 100, "relationalExchangeRateAmount": 90}
    assert rate_on(None, [rate], "startingDate") is None
    assert rate_on(None, [{"StartDate": "2026-01-01T12:00:00Z"}], *FO_DAYS) is None


def test_a_quotation_of_finance_and_operations_ends_with_its_last_day() -> None:
    lapsed = {"StartDate": "2019-01-01T12:00:00Z", "EndDate": "2019-12-31T12:00:00Z"}
    endless = {"StartDate": "2018-01-01T12:00:00Z", "EndDate": "2154-12-31T12:00:00Z"}
    assert rate_on(date(2019, 12, 31), [endless, lapsed], *FO_DAYS) is lapsed
    assert rate_on(date(2026, 5, 4), [endless, lapsed], *FO_DAYS) is endless
    assert rate_on(date(2026, 5, 4), [lapsed], *FO_DAYS) is None
    assert rate_on(date(2026, 5, 4), [endless, endless | {"EndDate": "soon"}], *FO_DAYS) is endless


def test_a_rate_for_an_unknown_number_of_units_is_rejected() -> None:
    quoted = {"FromCurrency": "EUR", "ToCurrency": "USD", "Rate": 150, "ConversionFactor": ""}
    made = outcome(remaining(3), of_order={"CurrencyCode": "EUR"}, rate=quoted)
    assert isinstance(made, Rejection)
    assert (made.code, made.field) == ("bad_amount", "ConversionFactor")


@pytest.mark.parametrize(
    ("bi", "told"),
    [
        (None, False),
        ({"RemainPurchFinancial": 3, "PurchQty": 0}, False),
        ({"RemainPurchFinancial": 3, "PurchQty": Decimal("0.00")}, False),
        ({"RemainPurchFinancial": None, "PurchQty": 3}, False),
        ({"RemainPurchFinancial": 0, "PurchQty": Decimal("0.5")}, True),
    ],
)
def test_invoices_are_asked_for_where_the_remaining_quantity_tells_nothing(bi: Row | None, told: bool) -> None:
    """Else a line without a quantity would wait for invoices that nobody reads."""
    assert fo.tells_open(bi) is told


def test_a_further_page_of_an_expansion_is_never_passed_over() -> None:
    with pytest.raises(Refused) as partial:
        odata.nested({"purchaseOrderLines": [{}], "purchaseOrderLines@odata.nextLink": "…"}, "purchaseOrderLines")
    assert partial.value.code == "partial_expansion"


def bc_entry(category: str | None = "Expense", **changes: Any) -> Outcome:
    entry = {
        "entryNumber": 5607,
        "postingDate": "2026-03-31",
        "documentNumber": "PS-INV103001",
        "documentType": "_x0020_",
        "accountNumber": "60100",
        "description": "Direct Cost",
        "debitAmount": Decimal("128.4"),
        "creditAmount": 0,
        "dimensionSetLines": dimensions(PROJECT="P-1"),
    } | changes
    invoice = {"number": "PS-INV103001", "orderNumber": "108001", "vendorInvoiceNumber": "R-1", "status": "Paid"}
    [made] = bc.actual(bc.raw_entry("CRONUS US", "USD", category, "PROJECT", entry, invoice), HOME)
    return made


def test_a_ledger_entry_is_debit_less_credit_in_local_currency() -> None:
    made = bc_entry()
    assert isinstance(made, Actual)
    assert (made.source_key, made.amount, made.currency) == ("CRONUS US/5607", Decimal("128.40"), "USD")
    assert (made.document_type, made.po_no, made.vendor_invoice_no, made.status) == ("", "108001", "R-1", "cleared")
    credit = bc_entry("Cost_x0020_of_x0020_Goods_x0020_Sold", debitAmount=0, creditAmount=Decimal("7.5"))
    assert isinstance(credit, Actual)
    assert credit.amount == Decimal("-7.50")


@pytest.mark.parametrize("category", ["Income", "Assets", "Liabilities", "Equity"])
def test_the_account_s_category_says_what_is_cost(category: str) -> None:
    made = bc_entry(category)
    assert isinstance(made, Skipped)
    assert made.reason == "no cost"


def test_an_account_without_category_is_never_guessed() -> None:
    for blank in (None, " ", "_x0020_"):
        made = bc_entry(blank)
        assert isinstance(made, Rejection)
        assert (made.code, made.field, made.amount) == ("missing_field", "accountNumber", Decimal("128.4"))


@pytest.mark.parametrize(
    ("told", "meant"), [("_x0020_", ""), (" ", ""), ("In_x0020_Progress", "In Progress"), ("Open", "Open"), (None, "")]
)
def test_enumerations_may_be_encoded_for_xml(told: str | None, meant: str) -> None:
    assert bc.told(told) == meant


def test_drafts_are_no_posted_invoices() -> None:
    invoices = [
        {"orderNumber": "1", "status": "Draft"},
        {"orderNumber": "2", "status": "In_x0020_Review"},
        {"orderNumber": "3", "status": "Paid"},
        {"orderNumber": "", "status": "Open"},
    ]
    assert bc.invoiced_orders(invoices) == {"3"}


def test_what_passes_by_itself_in_business_central() -> None:
    def means(status: int, message: str) -> SourceError | None:
        return meaning(status, json.dumps({"error": {"message": message}}).encode(), f"Dynamics answered {status}")

    deadlock = means(409, "The request was chosen as a deadlock victim, retry.")
    assert isinstance(deadlock, Unavailable)
    assert (str(deadlock), deadlock.code) == ("Dynamics answered 409. Try again later.", "http_409")
    assert isinstance(means(400, "Please try again later."), Unavailable)
    assert means(400, "Could not find a property named 'x'.") is None
    assert means(409, "The record has been changed.") is None


# Dataverse -----------------------------------------------------------------------------------------------------------

EURO, DOLLAR = "currency-1", "currency-2"
CODES = {EURO: "EUR", DOLLAR: "USD"}


def of_dataverse(**changes: Any) -> Outcome:
    row = {
        "msdyn_actualid": "a-1",
        "_msdyn_project_value": "p-1",
        "_msdyn_task_value": "t-1",
        "_transactioncurrencyid_value": DOLLAR,
        "msdyn_amount": Decimal("-100.005"),
        "msdyn_amount_base": Decimal("-91.5"),
        "msdyn_quantity": -2,
        "msdyn_accountingdate": "2026-03-31T00:00:00Z",
        "msdyn_documentdate": "2026-03-30",
        "msdyn_transactiontypecode": 192350000,
        "msdyn_transactionclassification": 192350001,
        "msdyn_adjustmentstatus": 192350002,
        "msdyn_externalreferenceid": "R-1",
        "msdyn_description": "Fahrt",
        "cr1a2_cost_reason": "Umbau",
    } | changes
    [made] = dataverse.actual(dataverse.raw_actual(row, CODES, "EUR"), Directory({("", "p-1")}))
    return made


def test_a_cost_of_dataverse_is_signed_in_its_own_and_in_base_currency() -> None:
    made = of_dataverse()
    assert isinstance(made, Actual)
    assert (made.source_key, made.project_nr, made.wbs_element) == ("a-1", "p-1", "t-1")
    assert (made.amount, made.currency) == (Decimal("-100.01"), "USD")
    assert (made.company_amount, made.company_currency) == (Decimal("-91.50"), "EUR")
    assert (made.document_type, made.status, made.vendor_invoice_no) == ("Expense", "reversal", "R-1")
    assert made.custom_fields == {"cr1a2_cost_reason": "Umbau"}


def test_reversed_costs_and_their_reversals_both_count() -> None:
    """Trap 8: reversals are rows with the opposite sign; the sum over all is right, whatever the adjustment."""
    taken = of_dataverse(msdyn_adjustmentstatus=192350001, msdyn_amount=Decimal("100.005"), msdyn_amount_base=1)
    assert isinstance(taken, Actual)
    assert (taken.status, taken.counts, taken.amount) == ("reversed", True, Decimal("100.01"))


def test_time_of_dataverse_is_labour_and_expense_is_none() -> None:
    made = (of_dataverse(msdyn_transactionclassification=kind) for kind in (192350000, 192350001))
    assert [one.labour for one in made if isinstance(one, Actual)] == [True, False]


@pytest.mark.parametrize("kind", [192350004, 192350005, 192350006, 192350007, 192350008])
def test_sales_of_dataverse_are_no_cost(kind: int) -> None:
    made = of_dataverse(msdyn_transactiontypecode=kind)
    assert isinstance(made, Skipped)
    assert made.reason == "no cost"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"_msdyn_project_value": "p-9"}, "unknown_project"),
        ({"_transactioncurrencyid_value": "?"}, "unknown_currency"),
        ({"msdyn_amount": None}, "bad_amount"),
        ({"msdyn_accountingdate": None, "msdyn_documentdate": None}, "missing_field"),
    ],
)
def test_an_unusable_row_of_dataverse_is_rejected(changes: Row, code: str) -> None:
    made = of_dataverse(**changes)
    assert isinstance(made, Rejection)
    assert made.code == code
    assert isinstance(of_dataverse(_msdyn_project_value=None), Skipped)


def test_a_project_of_dataverse_is_known_by_its_id_and_has_its_planned_cost() -> None:
    directory = Directory()
    row = {
        "msdyn_projectid": "p-1",
        "msdyn_subject": "Halle 4",
        "statecode": 0,
        "msdyn_scheduledstart": "2026-01-01T00:00:00Z",
        "msdyn_totalplannedcost": Decimal("1000.5"),
        "_transactioncurrencyid_value": EURO,
    }
    [made] = dataverse.project(dataverse.raw_project(row, CODES), directory)
    assert isinstance(made, Project)
    assert (made.project_nr, made.name, made.status) == ("p-1", "Halle 4", "active")
    assert (made.budget, made.currency) == (Decimal("1000.50"), "EUR")
    [bad] = dataverse.project(dataverse.raw_project(row | {"msdyn_totalplannedcost": "x"}, CODES), directory)
    assert isinstance(bad, Rejection)


# What an environment has ---------------------------------------------------------------------------------------------


def test_entity_sets_are_found_by_their_own_name() -> None:
    told = (
        '<EntityType Name="PurchaseOrderLineV2"><Key><PropertyRef Name="A" /></Key><Property Name="LineAmount" '
        'Type="Edm.Decimal" /><Property Name="Hall_Custom" Type="Edm.String" /></EntityType>'
        '<EntitySet Name="PurchaseOrderLinesV2" EntityType="Microsoft.Dynamics.DataEntities.PurchaseOrderLineV2">'
    )
    assert Metadata(told).of_set("PurchaseOrderLinesV2") == {"LineAmount", "Hall_Custom"}
    assert Metadata(told).of_set("PurchaseOrderLineV2") == frozenset()


# Settings ------------------------------------------------------------------------------------------------------------

GIVEN = {
    "base_url": "https://contoso.operations.dynamics.com/",
    "tenant_id": "contoso.onmicrosoft.com",
    "client_id": "app",
    "client_secret": "s3cret-value",
}


@pytest.mark.parametrize(
    ("product", "address", "root", "scope"),
    [
        (
            "finance_operations",
            "https://c.operations.dynamics.com/",
            None,
            "https://c.operations.dynamics.com/.default",
        ),
        ("finance_operations", "https://c.dynamics.com/data/PurchaseOrderHeadersV2", "https://c.dynamics.com", None),
        ("finance_operations", "http://127.0.0.1:8090/dynamics/data", "http://127.0.0.1:8090/dynamics", None),
        (
            "business_central",
            "https://api.businesscentral.dynamics.com/v2.0/tenant/production/api/v2.0",
            "https://api.businesscentral.dynamics.com",
            "https://api.businesscentral.dynamics.com/.default",
        ),
        ("dataverse", "https://c.crm4.dynamics.com/api/data/v9.2/", "https://c.crm4.dynamics.com", None),
    ],
)
def test_the_root_of_the_host_is_kept(product: str, address: str, root: str | None, scope: str | None) -> None:
    """Trap 10: hosts differ by environment and region, so the whole address is a setting; a known path is cut off."""
    made = Settings.model_validate(GIVEN | {"product": product, "base_url": address, "project_dimension": "PROJECT"})
    assert made.base_url == (root or address.rstrip("/"))
    assert made.scope == (scope or f"{made.base_url}/.default")


def test_the_token_comes_from_the_tenant_unless_another_address_is_given() -> None:
    made = Settings.model_validate(GIVEN)
    assert made.token_address == "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
    other = Settings.model_validate(GIVEN | {"token_url": "https://login.example/token"})
    assert other.token_address == "https://login.example/token"
    assert "s3cret" not in repr(made)


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "contoso.operations.dynamics.com"},
        {"base_url": "https://contoso.operations.dynamics.com?x=1"},
        {"tenant_id": ""},
        {"client_secret": ""},
        {"product": "business_central"},
        {"product": "gp"},
        {"unknown": 1},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: Row) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(GIVEN | wrong)


def test_companies_are_listed_as_the_product_writes_them() -> None:
    assert Settings.model_validate(GIVEN | {"companies": "USMF; demf, usmf"}).companies == ["usmf", "demf"]
    central = GIVEN | {"product": "business_central", "project_dimension": "PROJECT", "companies": ["CRONUS US"]}
    assert Settings.model_validate(central).companies == ["CRONUS US"]
    assert Settings.model_validate(GIVEN | {"product": "dataverse", "companies": ["usmf"]}).companies == []


def test_settings_decide_what_is_read() -> None:
    """A state of other settings is as good as none."""
    prints = set()
    for more in ({}, {"companies": ["usmf"]}, {"header_project": True}, {"dimension_segments": ["MainAccount"]}):
        with Dynamics(Settings.model_validate(GIVEN | more)) as adapter:
            prints.add(adapter._fingerprint())
    assert len(prints) == 4


def test_every_field_is_explained_in_both_languages() -> None:
    for name, field in Settings.model_json_schema()["properties"].items():
        assert field["title"], name
        assert field["description"], name
        assert field["examples"], name
        assert field["x-labels"]["de"]["title"], name


def test_raw_records_hold_no_marks_of_the_protocol() -> None:
    raw = fo.raw_line(line(), order(), remaining(1), [], LEDGER, None, SETTINGS)
    assert isinstance(raw, Raw)
    assert not [name for part in (raw.record["line"], raw.record["order"]) for name in part if "@" in name]


@pytest.mark.parametrize(
    ("product", "own"),
    [
        ("finance_operations", {"companies", "dimension_segments", "header_project"}),
        ("business_central", {"companies", "environment", "project_dimension"}),
        ("dataverse", set()),
    ],
)
def test_the_form_shows_what_belongs_to_the_chosen_product_alone(product: str, own: set[str]) -> None:
    """The schema says it per field: ``x-show-when``."""
    fields = Settings.model_json_schema()["properties"]
    shown = {
        name for name, one in fields.items() if product in one.get("x-show-when", {"product": [product]})["product"]
    }
    assert shown - own == {"product", "base_url", "tenant_id", "client_id", "client_secret", "token_url"}
    assert own <= shown


# What a connection test says -----------------------------------------------------------------------------------------


def described(stream: Stream, *without: str) -> Answering:
    """A service's description of one entity, without some of its fields."""
    fields = "".join(f'<Property Name="{name}" Type="Edm.String"/>' for name in stream.fields if name not in without)
    there = f'<EntityType Name="One">{fields}</EntityType><EntitySet Name="{stream.name}" EntityType="x.One"/>'
    return answer(f"<edmx>{there}</edmx>", kind="application/xml")


def test_a_connection_test_names_fields_that_are_left_out_and_refuses_without_a_needed_one() -> None:
    token = answer('{"access_token": "t", "expires_in": 3600}')
    for missing, told in (("", []), ("Qty", ["Left out, because this environment does not have them: "
                                                          "PSAActuals.Qty."])):  # fmt: skip
        with scripted(token, described(POSTINGS, missing)) as script, connected(script.url) as adapter:
            assert dynamics_checks.left_out(adapter._product.reader, POSTINGS) == told
    with scripted(token, described(POSTINGS, "AmountMst")) as script, connected(script.url) as adapter:
        with pytest.raises(Refused, match="has no field AmountMst here"):
            dynamics_checks.left_out(adapter._product.reader, POSTINGS)


def connected(url: str) -> Dynamics:
    given = GIVEN | {"base_url": url, "token_url": f"{url}/token"}
    return Dynamics(Settings.model_validate(given), allowed_hosts=url)
