"""Rows of Finance & Operations become projects, commitments and actuals.

Belongs here: raw records and what their fields mean. Does not belong here: reading (``dynamics_fo``), what the
products share (``dynamics_rows``). Pure functions. Amounts of an order are in the currency of its header, of a
posting in the accounting currency of its company.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ppm_pipelines.adapters.base import Row
from ppm_pipelines.adapters.dynamics_rows import DYNAMICS, Directory, Figures, custom, delivered, figures, yes
from ppm_pipelines.adapters.fields import Sparse, Unusable, rejected, text
from ppm_pipelines.adapters.fields import currency as known
from ppm_pipelines.records import ZERO, Actual, Commitment, Outcome, Project, Raw, Rejection, Skipped, rounded

ORDERS, ACTUALS, PROJECTS = "fo_order_lines", "fo_actuals", "fo_projects"
FINAL = ("Invoiced", "Canceled")
ONE = Decimal(1)
_UNRELEASED = {"Draft": "unreleased", "InReview": "unreleased", "Rejected": "rejected"}
_FACTORS = {"One": 1, "Ten": 10, "Hundred": 100, "Thousand": 1_000, "TenThousand": 10_000}
NO_COST = ("Revenue", "OnAccount", "WIP", "Retainage")
PAYROLL = "ProjPayrollAllocation"
HOUR = "Hour"
_COST_CENTERS = ("costcenter", "costcentre", "kostenstelle")
_PART = re.compile(r"((?:\\.|[^\\-])*)(?:-|$)", re.DOTALL)


# Keys


def company(row: Row) -> str:
    """The legal entity; other entities write it in capitals."""
    return text(row.get("dataAreaId")).lower()


def order_key(row: Row) -> tuple[str, str]:
    """Company and number: numbers repeat between companies (dynamics.md, trap 9)."""
    return company(row), text(row.get("PurchaseOrderNumber"))


def line_key(row: Row) -> str:
    """``usmf/PO-000123/2``"""
    return "/".join((*order_key(row), text(row.get("LineNumber"))))


def actual_key(row: Row) -> str:
    """Several postings may share a transaction, so its voucher, posting type and account belong to the key."""
    names = ("TransId", "Voucher", "PostingType", "LedgerDimensionDisplayValue")
    return "/".join((company(row), *(text(row.get(name)) for name in names)))


def project_key(row: Row) -> str:
    return f"{company(row)}/{text(row.get('ProjectId'))}"


# Dimensions


@lru_cache(maxsize=8192)  # a few thousand combinations, on every line and posting
def parts(display_value: str) -> tuple[str, ...]:
    """The parts of a dimension's display value; a delimiter inside a part is escaped (``DAT\\-0000000002``)."""
    if not display_value:
        return ()
    found = tuple(re.sub(r"\\(.)", r"\1", match[1]) for match in _PART.finditer(display_value))
    # The pattern finds one empty part more at the very end, unless the value itself ends with a delimiter.
    return found if display_value.endswith("-") and not display_value.endswith("\\-") else found[:-1]


def dimensions(display_value: str, segments: Sequence[str], *, account: bool) -> dict[str, str]:
    """The parts by the names that are configured; a default dimension has no main account in front."""
    names = segments if account else _without_account(segments)
    return {name: part for name, part in zip(names, parts(display_value), strict=False) if part}


def _without_account(segments: Sequence[str]) -> list[str]:
    return [name for name in segments if _plain(name) != "mainaccount"]


def main_account(display_value: str, named: Mapping[str, str]) -> str | None:
    """By its name; the first part where no dimension has one, which is the standard's order."""
    found = next((part for name, part in named.items() if _plain(name) == "mainaccount"), None)
    first = next(iter(parts(display_value)), None)
    return (found if named else first) or None


def cost_center(named: Mapping[str, str]) -> str | None:
    return next((part for name, part in named.items() if _plain(name) in _COST_CENTERS), None)


@lru_cache(maxsize=1024)  # the names that are configured
def _plain(name: str) -> str:
    return re.sub(r"[\s_]", "", name).lower()


# Which part of a raw record has dimensions, by entity.
DIMENSIONED = {"commitments": "line", "actuals": "posting"}


def segments(entity: str, configured: Sequence[str]) -> Sequence[str]:
    """The names of the dimensions that records of the entity have."""
    return configured if entity == "actuals" else _without_account(configured)


def with_dimensions(record: Row) -> Row:
    """The raw record with the dimensions of its line or posting by their names; one without a value is empty. Our own
    settings, which are kept with it, are no part of the source."""
    configured = record["settings"]["dimension_segments"]
    record = {name: value for name, value in record.items() if name != "settings"}
    if line := record.get("line"):
        named = dimensions(text(line.get("DefaultLedgerDimensionDisplayValue")), configured, account=False)
        return {**record, "line": {**line, "dimensions": Sparse(named)}}
    posting = record["posting"]
    named = dimensions(text(posting.get("LedgerDimensionDisplayValue")), configured, account=True)
    return {**record, "posting": {**posting, "dimensions": Sparse(named)}}


# Projects


def project(row: Row, currencies: Mapping[str, str], directory: Directory) -> Iterator[Outcome]:
    key, number, code = project_key(row), text(row.get("ProjectId")), company(row)
    raw = Raw(PROJECTS, key, row)
    if not number:
        yield rejected(raw, Unusable("missing_field", "ProjectId", "A project without a number."), None, "", code)
        return
    directory.projects.add((code, number))
    try:
        start = DYNAMICS.day(row, "ActualStartDate") or DYNAMICS.day(row, "ProjectedStartDate")
        end = DYNAMICS.day(row, "ActualEndDate") or DYNAMICS.day(row, "ProjectedEndDate")
    except Unusable as error:
        yield rejected(raw, error, None, "", code, number)
        return
    parent = text(row.get("ParentProjectId"))
    yield Project(
        source_key=key,
        project_nr=number,
        name=text(row.get("ProjectName")),
        status=text(row.get("ProjectStage")),
        start_date=start,
        end_date=end,
        currency=currencies.get(code) or None,
        company_code=code,
        custom_fields={**custom(row), **({"parent_project": parent} if parent else {})},
    )


# Order lines


def raw_line(
    line: Row,
    order: Row,
    bi: Row | None,
    invoices: Iterable[Row] | None,
    ledger: Row | None,
    rate: Row | None,
    settings: Mapping[str, Any],
    postings: Iterable[Row] | None = None,
) -> Raw:
    """The line with all that its commitment is made from; ``invoices`` and ``postings`` None: they were not read."""
    lines = None if invoices is None else sorted(map(delivered, invoices), key=lambda row: text(row.get("SourceKey")))
    record = {
        "line": delivered(line),
        "order": delivered(order),
        "bi": delivered(bi) if bi else None,
        "invoices": lines,
        "ledger": delivered(ledger) if ledger else None,
        "rate": delivered(rate) if rate else None,
        "settings": dict(settings),
    }
    if postings is not None:
        record["postings"] = sorted(map(delivered, postings), key=actual_key)
    return Raw(ORDERS, line_key(line), record)


def commitment(raw: Raw, directory: Directory) -> Iterator[Outcome]:
    record = raw.record
    line, order, code = record["line"], record["order"], company(record["line"])
    cancelled = closed_reason(line, order, record["bi"]) == "cancelled"
    amount = ZERO if cancelled else DYNAMICS.amount_or_none(line.get("LineAmount"))
    currency = text(order.get("CurrencyCode"))
    number = project_of(line, order, record["settings"])
    if not number:
        yield Skipped(raw.key, "no project", amount, currency)
        return
    try:
        yield _commitment(raw, directory.project(code, number, "ProjectId"))
    except Unusable as error:
        yield rejected(raw, error, amount, currency, code, number, _open_or_none(record))


def project_of(line: Row, order: Row, settings: Mapping[str, Any]) -> str:
    """The line's project, and the header's where that is configured (dynamics.md: trust the line)."""
    return text(line.get("ProjectId")) or (text(order.get("ProjectId")) if settings.get("header_project") else "")


def closed_reason(line: Row, order: Row, bi: Row | None) -> str | None:
    deleted = yes(line.get("IsDeleted")) or (bi is not None and yes(bi.get("IsDeleted")))
    if deleted or emptied(line, order):
        return "cancelled"
    finalized = text(order.get("DocumentApprovalStatus")) == "Finalized"
    return "completed" if finalized or (bi is not None and yes(bi.get("IsFinalized"))) else None


def emptied(line: Row, order: Row) -> bool:
    """Cancelled: nothing remains then, so what remains does not tell what was invoiced before."""
    return "Canceled" in (text(line.get("PurchaseOrderLineStatus")), text(order.get("PurchaseOrderStatus")))


def line_figures(record: Mapping[str, Any], currency: str) -> Figures:
    """Ordered, relieved and open by DOMAIN: the remaining quantity at the line's price, else by posted invoices."""
    line, bi, invoices = record["line"], record["bi"], record["invoices"]
    reason = closed_reason(line, record["order"], bi)
    amount = rounded(DYNAMICS.amount(line, "LineAmount"), currency)
    by_quantity = None if emptied(line, record["order"]) else _open_by_quantity(bi, amount, currency)
    if by_quantity is not None:
        return figures(amount, by_quantity, amount - by_quantity, reason)
    if invoices is not None:
        invoiced = rounded(sum((DYNAMICS.amount(one, "LineAmount") for one in invoices), ZERO), currency)
        rest = ZERO if _in_full(line, invoices) else amount - invoiced
        return figures(amount, rest, invoiced, reason)
    if text(line.get("PurchaseOrderLineStatus")) == "Invoiced":
        return figures(amount, ZERO, amount, reason)
    if reason == "cancelled":
        return Figures(relieved=_posted(record, currency))
    raise Unusable(
        "missing_field",
        "RemainPurchFinancial",
        "What is still open of this line can't be told: neither its remaining quantity nor its invoices are readable. "
        "Make the purchase line or the vendor invoice line entity public in Dynamics.",
    )


def _posted(record: Mapping[str, Any], currency: str) -> Decimal:
    """What was relieved of a cancelled line whose invoices nobody can read: the cost that was posted on it."""
    postings = record.get("postings")
    if postings is None or (postings and currency != text((record["ledger"] or {}).get("AccountingCurrency"))):
        raise Unusable(
            "missing_field",
            "LineAmount",
            "What was invoiced of this line before it was cancelled can't be told: its invoices are not readable. Make "
            "the vendor invoice line entity public in Dynamics.",
        )
    return rounded(sum((DYNAMICS.amount(one, "AmountMst") for one in postings), ZERO), currency)


def _open_by_quantity(bi: Row | None, amount: Decimal, currency: str) -> Decimal | None:
    """Not yet invoiced, at the line's price; None where the environment does not tell it, or a line has no quantity."""
    if bi is None or not tells_open(bi):
        return None
    remaining, quantity = DYNAMICS.amount(bi, "RemainPurchFinancial"), DYNAMICS.amount(bi, "PurchQty")
    return rounded(amount * remaining / quantity, currency)


def tells_open(bi: Row | None) -> bool:
    """Whether the remaining quantity says what is open; a line without a quantity has none. Raises nothing."""
    remaining, quantity = ((bi or {}).get(name) for name in ("RemainPurchFinancial", "PurchQty"))
    return remaining is not None and text(quantity).strip("0.") != ""


def _in_full(line: Row, invoices: Sequence[Row]) -> bool:
    """Invoiced in full by status or by quantity, whatever the price was (DOMAIN "What relieves a commitment")."""
    ordered = DYNAMICS.number(line, "OrderedPurchaseQuantity") or ZERO
    invoiced = sum((DYNAMICS.number(one, "Qty") or ZERO for one in invoices), ZERO)
    by_quantity = bool(ordered) and invoiced * ordered > 0 and abs(invoiced) >= abs(ordered)
    return by_quantity or text(line.get("PurchaseOrderLineStatus")) == "Invoiced"


def _open_or_none(record: Mapping[str, Any]) -> Decimal | None:
    """What is open as far as it can be told where something of the line can't be used; what ended is not open."""
    if closed_reason(record["line"], record["order"], record["bi"]):
        return ZERO
    try:
        return line_figures(record, known(text(record["order"].get("CurrencyCode")), "CurrencyCode")).open
    except Unusable:
        return None


def _commitment(raw: Raw, project_nr: str) -> Commitment:
    record = raw.record
    line, order, bi = record["line"], record["order"], record["bi"] or {}
    currency = known(text(order.get("CurrencyCode")), "CurrencyCode")
    money = line_figures(record, currency)
    company_currency, rate = _rate(record, currency)
    mine = money.to(company_currency, rate)
    named = dimensions(
        text(line.get("DefaultLedgerDimensionDisplayValue")), record["settings"]["dimension_segments"], account=False
    )
    status = text(line.get("PurchaseOrderLineStatus"))
    approval = text(order.get("DocumentApprovalStatus"))
    not_counted = _UNRELEASED.get(approval)
    return Commitment(
        source_key=raw.key,
        company_code=company(line),
        project_nr=project_nr,
        po_number=text(line.get("PurchaseOrderNumber")),
        po_line_nr=text(line.get("LineNumber")),
        currency=currency,
        ordered_amount=money.ordered,
        relieved_amount=money.relieved,
        open_amount=money.open,
        company_currency=company_currency,
        company_ordered_amount=mine.ordered,
        company_relieved_amount=mine.relieved,
        company_open_amount=mine.open,
        po_status=" ".join(filter(None, (status, approval))),
        vendor=text(order.get("OrderVendorAccountNumber")),
        vendor_description=text(order.get("PurchaseOrderName")),
        requester=_first(line, order, "RequesterPersonnelNumber") or text(order.get("OrdererPersonnelNumber")),
        po_date=DYNAMICS.day(order, "AccountingDate"),
        po_line_text=text(line.get("LineDescription")) or text(line.get("ProcurementProductCategoryName")),
        delivery_date=DYNAMICS.day(line, "ConfirmedDeliveryDate") or DYNAMICS.day(line, "RequestedDeliveryDate"),
        cost_center=cost_center(named),
        wbs_element=text(line.get("ProjectActivityNumber")) or None,
        gl_account=text(line.get("MainAccountIdDisplayValue")) or None,
        account_group_level1=text(line.get("ProjectCategoryId")) or None,
        purchase_requisition=text(line.get("PurchaseRequisitionId")) or None,
        exchange_rate=None if currency == company_currency else rate,
        exchange_rate_date=DYNAMICS.day(record["rate"], "StartDate") if record["rate"] else None,
        relieved_by="invoice",
        counts=not_counted is None,
        not_counted_reason=not_counted,
        changed_at=DYNAMICS.moment(bi, "SysModifiedDateTime"),
        closed_reason=closed_reason(line, order, record["bi"]),
        custom_fields={**custom(order), **custom(line), **({"dimensions": named} if named else {})},
        raw_stream=raw.stream,
        raw_key=raw.key,
    )


def _first(line: Row, order: Row, name: str) -> str:
    return text(line.get(name)) or text(order.get(name))


def _rate(record: Mapping[str, Any], currency: str) -> tuple[str, Decimal]:
    """The company's currency and what one of the order's is worth in it. Raises Unusable."""
    own = text((record["ledger"] or {}).get("AccountingCurrency"))
    if not own:
        raise Unusable(
            "missing_field", "AccountingCurrency", "Dynamics does not tell the accounting currency of the company."
        )
    known(own, "AccountingCurrency")
    if own == currency:
        return own, ONE
    quoted = record["rate"]
    if quoted is None:
        reason = f"The order is in {currency}, and Dynamics tells no exchange rate to {own} for its day."
        raise Unusable("missing_field", "CurrencyCode", reason)
    value, factor = DYNAMICS.amount(quoted, "Rate"), _FACTORS.get(text(quoted.get("ConversionFactor")))
    if factor is None:
        reason = "The exchange rate of the order does not say for how many units it is."
        raise Unusable("bad_amount", "ConversionFactor", reason)
    if value <= 0:
        raise Unusable("bad_amount", "Rate", "The exchange rate of the order is not above zero.")
    direct = text(quoted.get("FromCurrency")) == currency
    return own, value / factor if direct else factor / value


# Postings


def raw_actual(row: Row, order: Row | None, invoice: Row | None, ledger: Row | None, segments: Sequence[str]) -> Raw:
    """The posting with the order line that its lot is of, the invoice of its voucher and the company's currency."""
    record = {
        "posting": delivered(row),
        "order": delivered(order) if order else None,
        "invoice": delivered(invoice) if invoice else None,
        "ledger": delivered(ledger) if ledger else None,
        "settings": {"dimension_segments": list(segments)},
    }
    return Raw(ACTUALS, actual_key(row), record)


def actual(raw: Raw, directory: Directory) -> Iterator[Outcome]:
    row, code = raw.record["posting"], company(raw.record["posting"])
    currency = text((raw.record["ledger"] or {}).get("AccountingCurrency"))
    amount, number = DYNAMICS.amount_or_none(row.get("AmountMst")), text(row.get("ProjId"))
    if reason := out_of_scope(row):
        yield Skipped(raw.key, reason, amount, currency)
        return
    try:
        yield _actual(raw, directory.project(code, number, "ProjId"), currency)
    except Unusable as error:
        yield rejected(raw, error, amount, currency, code, number)


def out_of_scope(row: Row) -> str | None:
    """Cost only (DOMAIN "What counts"): sales, revenue, work in progress, and the credit beside an hour's cost."""
    kind, side = text(row.get("ProjTransType")), text(row.get("costSales"))
    if side != "Cost" or kind in NO_COST:
        return "no cost"
    if text(row.get("PostingType")) == PAYROLL:
        return "payroll allocation"
    return None if text(row.get("ProjId")) else "no project"


def _actual(raw: Raw, project_nr: str, currency: str) -> Actual:
    row, order, invoice = raw.record["posting"], raw.record["order"] or {}, raw.record["invoice"] or {}
    known(currency, "AccountingCurrency")
    amount = rounded(DYNAMICS.amount(row, "AmountMst"), currency)
    posted = DYNAMICS.day(row, "LedgerTransDate") or DYNAMICS.day(row, "ProjTransDate")
    if posted is None:
        raise Unusable("missing_field", "LedgerTransDate", "A posting without a date.")
    display = text(row.get("LedgerDimensionDisplayValue"))
    named = dimensions(display, raw.record["settings"]["dimension_segments"], account=True)
    kinds = (text(row.get("TransactionOrigin")), text(row.get("ProjTransType")))
    return Actual(
        source_key=raw.key,
        company_code=company(row),
        project_nr=project_nr,
        fi_doc_no=text(row.get("Voucher")),
        fi_doc_line=text(row.get("TransId")),
        posting_date=posted,
        currency=currency,
        amount=amount,
        company_currency=currency,
        company_amount=amount,
        fiscal_year=f"{posted.year:04d}",
        fiscal_period=f"{posted.month:03d}",
        document_type=" ".join(filter(None, kinds)),
        po_no=text(order.get("PurchaseOrderNumber")) or None,
        po_line_no=text(order.get("LineNumber")) or None,
        vendor=text(invoice.get("InvoiceAccount")),
        vendor_invoice_no=text(invoice.get("InvoiceId")) or None,
        document_date=DYNAMICS.day(row, "ProjTransDate"),
        gl_account=main_account(display, named),
        cost_center=cost_center(named),
        wbs_element=text(row.get("ActivityNumber")) or None,
        item_text=text(row.get("CategoryId")),
        quantity=DYNAMICS.number(row, "Qty"),
        net_due_date=DYNAMICS.day(invoice, "DueDate"),
        status="cleared" if text(row.get("PaymentStatus")) == "Paid" else "posted",
        reversal_of=text(row.get("ProjAdjustRefId")) or None,
        custom_fields=custom(row),
        labour=kinds[1] == HOUR and not order,
        raw_stream=raw.stream,
        raw_key=raw.key,
    )


def is_open(outcome: Outcome) -> bool:
    """Whether the next read must look at the line again, whatever its order's status says."""
    return isinstance(outcome, Rejection) or (isinstance(outcome, Commitment) and outcome.open_amount != 0)
