"""A line of the general ledger becomes an actual; the vendor's side of its document adds what the ledger lacks.

Belongs here: raw records of journal lines and what their fields mean. Does not belong here: reading (``sap``),
projects (``sap_rows``). Pure functions; amounts are signed by SAP, debit positive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from ppm_pipelines.adapters.base import Row
from ppm_pipelines.adapters.fields import Unusable, currency, rejected, text
from ppm_pipelines.adapters.sap_orders import BALANCE_SHEET
from ppm_pipelines.adapters.sap_rows import SAP, Directory, Place, custom, delivered, flag, padded, short
from ppm_pipelines.records import Actual, Outcome, Raw, Skipped, rounded

STREAM = "journal"

DocumentKey = tuple[str, str, str]


def document_key(row: Row) -> DocumentKey:
    """Company code, fiscal year, number: numbers repeat between companies and years."""
    return text(row.get("CompanyCode")), text(row.get("FiscalYear")), padded(row.get("AccountingDocument"), 10)


def actual_key(row: Row) -> str:
    """``1010/2026/0100000012/000003``"""
    return "/".join((*document_key(row), padded(row.get("LedgerGLLineItem"), 6)))


def raw(row: Row, vendor_items: Iterable[Row] = ()) -> Raw:
    """The line, with the vendor items of its document beside it."""
    items = sorted(map(delivered, vendor_items), key=lambda one: padded(one.get("AccountingDocumentItem"), 3))
    return Raw(STREAM, actual_key(row), delivered(row) | {"vendor_items": items})


def actual(raw: Raw, directory: Directory) -> Iterator[Outcome]:
    row = raw.record
    code = text(row.get("TransactionCurrency"))
    amount = SAP.amount_or_none(row.get("AmountInTransactionCurrency"))
    reason = out_of_scope(row)
    if reason:
        yield Skipped(raw.key, reason, amount, code)
        return
    place: Place | None = None
    try:
        place = place_of(row, directory)
        if place is None:
            yield Skipped(raw.key, "no project", amount, code)
            return
        yield _actual(raw, place)
    except Unusable as error:
        project_nr = place.project_nr if place else None
        yield rejected(raw, error, amount, code, text(row.get("CompanyCode")), project_nr)


def place_of(row: Row, directory: Directory) -> Place | None:
    """Where the line belongs; None where it belongs to no project. Raises Unusable."""
    internal, center = short(row.get("WBSElementInternalID")), text(row.get("CostCenter"))
    if internal:
        element = directory.element("", internal)
        return Place(element.project_nr, element)
    project_nr = directory.of_cost_center(center)
    return Place(project_nr, None) if project_nr else None


def out_of_scope(row: Row) -> str | None:
    """Cost only: settlements move cost on, balance-sheet lines are none (DOMAIN "What counts")."""
    if flag(row.get("IsSettlement")):
        return "settlement"
    return "balance-sheet line" if text(row.get("GLAccountType")) in BALANCE_SHEET else None


def _actual(raw: Raw, place: Place) -> Actual:
    row = raw.record
    code, amount = _money(row, "TransactionCurrency", "AmountInTransactionCurrency")
    company_currency, company_amount = _money(row, "CompanyCodeCurrency", "AmountInCompanyCodeCurrency")
    posted = SAP.day(row, "PostingDate")
    if posted is None:
        raise Unusable("missing_field", "PostingDate", "A journal line without a posting date.")
    statistical = place.wbs is not None and place.wbs.statistical
    vendor_items = _vendor_items(row)
    return Actual(
        source_key=raw.key,
        company_code=text(row.get("CompanyCode")),
        project_nr=place.project_nr,
        fi_doc_no=short(row.get("AccountingDocument")),
        fi_doc_line=short(row.get("LedgerGLLineItem")),
        posting_date=posted,
        currency=code,
        amount=amount,
        company_currency=company_currency,
        company_amount=company_amount,
        fiscal_year=text(row.get("FiscalYear")),
        fiscal_period=padded(row.get("FiscalPeriod"), 3),
        ledger=text(row.get("Ledger")),
        document_type=text(row.get("AccountingDocumentType")),
        po_no=short(row.get("PurchasingDocument")) or None,
        po_line_no=short(row.get("PurchasingDocumentItem")) or None,
        vendor=short(row.get("Supplier")) or short(_first(vendor_items, "Supplier")),
        vendor_description=_first(vendor_items, "SupplierName"),
        vendor_invoice_no=_first(vendor_items, "DocumentReferenceID") or None,
        document_date=SAP.day(row, "DocumentDate"),
        gl_account=short(row.get("GLAccount")) or None,
        cost_center=text(row.get("CostCenter")) or None,
        wbs_element=place.wbs.wbs_element if place.wbs else None,
        item_text=text(row.get("DocumentItemText")),
        quantity=SAP.number(row, "Quantity"),
        unit=text(row.get("BaseUnit")) or None,
        net_due_date=min((due for one in vendor_items if (due := SAP.day(one, "NetDueDate"))), default=None),
        status=_status(row, vendor_items),
        reversal_of=_reversal_of(row, vendor_items),
        counts=not statistical,
        not_counted_reason="statistical_wbs" if statistical else None,
        custom_fields=custom(row),
        labour=_is_labour(row),
        raw_stream=raw.stream,
        raw_key=raw.key,
    )


def _is_labour(row: Row) -> bool:
    """Time sheets and other allocations of activities name the activity type; what was bought has an order instead."""
    kinds = ("CostCtrActivityType", "PartnerCostCtrActivityType", "OriginCostCtrActivityType")
    return any(text(row.get(name)) for name in kinds) and not text(row.get("PurchasingDocument")).strip("0")


def _vendor_items(row: Row) -> Sequence[Row]:
    found: Sequence[Row] = row.get("vendor_items") or ()
    return found


def _first(rows: Iterable[Row], name: str) -> str:
    return next((told for row in rows if (told := text(row.get(name)))), "")


def _status(row: Row, vendor_items: Sequence[Row]) -> str:
    """A document is cleared when every vendor item of it is; a partial payment leaves one open."""
    if flag(row.get("IsReversal")):
        return "reversal"
    if flag(row.get("IsReversed")):
        return "reversed"
    own = bool(text(row.get("ClearingDate")))
    paid = bool(vendor_items) and all(text(one.get("ClearingDate")) for one in vendor_items)
    return "cleared" if own or paid else "posted"


def _reversal_of(row: Row, vendor_items: Sequence[Row]) -> str | None:
    """The document that this one takes back. The ledger names its reference, which need not be an FI document."""
    if not flag(row.get("IsReversal")):
        return None
    told = short(_first(vendor_items, "ReverseDocument"))
    return told or short(row.get("ReversalReferenceDocument")) or None


def _money(row: Row, currency_field: str, amount_field: str) -> tuple[str, Decimal]:
    code, amount = text(row.get(currency_field)), SAP.number(row, amount_field)
    currency(code, currency_field)
    if amount is None:
        raise Unusable("bad_amount", amount_field, "A journal line without an amount.")
    return code, rounded(amount, code)
