"""Supplier invoices with their order items and account assignments; amounts are unsigned, as SAP shows them.

Belongs here: names, types and values as in the service metadata. Does not belong here: what an invoice posts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from .documents import DAY_MS, Assignment, Document
from .finding import (
    CURRENCY,
    MONEY,
    QUANTITY,
    TEXT1,
    TEXT2,
    TEXT3,
    TEXT4,
    TEXT10,
    TEXT12,
    TEXT24,
    V2_ROOT,
    amount_of,
    intervals,
    link,
    lowest,
    money,
)
from .model import (
    BOOLEAN,
    DATE,
    FLAG,
    YEAR,
    EntityType,
    Hints,
    Interval,
    Property,
    Service,
    constant,
    decimal,
    filled_text,
    numeric_text,
    table,
    text,
)
from .tenant import Tenant, calendar, moment


class InvoiceItem(NamedTuple):
    """Item 1 is the order line's value, item 2 its delivery costs."""

    document: Document
    number: int

    @property
    def amount(self) -> int:
        return abs(self.document.net if self.number == 1 else self.document.freight)


class InvoicePart(NamedTuple):
    """An account assignment of an invoice item; amounts are unsigned, the sign is the debit/credit code."""

    item: InvoiceItem
    ordinal: int
    assignment: Assignment
    amount: int


def invoice_items(document: Document) -> list[InvoiceItem]:
    return [InvoiceItem(document, 1)] + ([InvoiceItem(document, 2)] if document.freight else [])


def invoice_parts(item: InvoiceItem) -> list[InvoicePart]:
    document = item.document
    if item.number == 2:
        return [InvoicePart(item, 1, document.shares[0][0], abs(document.freight))]
    extras = document.extras or (0,) * len(document.shares)
    pairs = enumerate(zip(document.shares, extras, strict=True), 1)
    return [InvoicePart(item, place, one, abs(amount + extra)) for place, ((one, amount), extra) in pairs]


def _gross(document: Document) -> Decimal:
    return money(abs(document.gross), document.currency)


def _change_text(document: Document) -> str:
    return f"{moment(document.changed):%Y%m%d%H%M%S}{document.changed % 1000:03d}0000"


def _counterpart(document: Document) -> Document | None:
    return document.reverses or document.reversed_by


def _invoice() -> dict[str, Property]:
    made = table(
        ("SupplierInvoice", filled_text(10), lambda d: d.invoice),
        ("FiscalYear", YEAR, lambda d: calendar(d.day).year),
        ("CompanyCode", TEXT4, lambda d: d.company.code),
        *((name, DATE, lambda d: d.day) for name in ("DocumentDate", "PostingDate", "CreationDate")),
        ("SuplrInvcLstChgDteTmeTxt", text(23), _change_text),
        ("SupplierInvoiceIDByInvcgParty", text(16), lambda d: d.reference),
        ("InvoicingParty", TEXT10, lambda d: d.vendor.number),
        ("DocumentCurrency", CURRENCY, lambda d: d.currency),
        ("InvoiceGrossAmount", MONEY, _gross),
        ("UnplannedDeliveryCost", MONEY, lambda d: money(0, d.currency)),
        ("AccountingDocumentType", TEXT2, lambda d: d.type),
        ("SupplierInvoiceStatus", TEXT1, lambda d: "A" if d.parked else "5"),
        ("SupplierInvoiceIsCreditMemo", FLAG, lambda d: "X" if d.credit else ""),
        ("DirectQuotedExchangeRate", decimal(9, 5), lambda d: Decimal(d.rate).scaleb(-5)),
        *constant(Decimal(0), decimal(9, 5), "IndirectQuotedExchangeRate"),
        ("ReverseDocument", filled_text(10), lambda d: o.invoice if (o := _counterpart(d)) else 0),
        ("ReverseDocumentFiscalYear", YEAR, lambda d: calendar(o.day).year if (o := _counterpart(d)) else 0),
        ("IsReversal", BOOLEAN, lambda d: d.reverses is not None),
        ("IsReversed", BOOLEAN, lambda d: d.reversed_by is not None),
        ("DueCalculationBaseDate", DATE, lambda d: d.day),
        *constant("", text(25), "DocumentHeaderText"),
        *constant("", TEXT10, "InvoiceReference"),
        *constant(0, YEAR, "InvoiceReferenceFiscalYear"),
        *constant("0004", TEXT4, "PaymentTerms"),
        *constant("", TEXT1, "PaymentBlockingReason PaymentMethod"),
        *constant(True, BOOLEAN, "TaxIsCalculatedAutomatically"),
        *constant("Calc. only for 1 row", text(20), "SupplierInvoicePaymentStatus"),
    )
    for name in ("IsReversal", "IsReversed"):
        made[name] = Property(name, BOOLEAN, made[name].get, filterable=False)
    return made


def _invoice_item() -> dict[str, Property]:
    return table(
        ("SupplierInvoice", filled_text(10), lambda i: i.document.invoice),
        ("FiscalYear", YEAR, lambda i: calendar(i.document.day).year),
        ("SupplierInvoiceItem", numeric_text(6), lambda i: i.number),
        ("PurchaseOrder", filled_text(10), lambda i: i.document.order.number),
        ("PurchaseOrderItem", numeric_text(5), lambda i: i.document.item.number),
        ("Plant", TEXT4, lambda i: i.document.company.code),
        ("IsSubsequentDebitCredit", FLAG, lambda i: "X" if i.document.subsequent else ""),
        ("TaxCode", TEXT2, lambda _: "V1"),
        ("DocumentCurrency", CURRENCY, lambda i: i.document.currency),
        ("SupplierInvoiceItemAmount", MONEY, lambda i: money(i.amount, i.document.currency)),
        ("PurchaseOrderQuantityUnit", TEXT3, lambda i: i.document.item.unit),
        ("QuantityInPurchaseOrderUnit", QUANTITY, _invoiced_quantity),
        ("SuplrInvcDeliveryCostCndnType", TEXT4, lambda i: "FRB1" if i.number == 2 else ""),
        ("SupplierInvoiceItemText", text(50), lambda i: i.document.item.text[:50]),
        ("IsFinallyInvoiced", BOOLEAN, lambda i: i.document.final),
        *constant("", TEXT10, "ReferenceDocument"),
        *constant(0, YEAR, "ReferenceDocumentFiscalYear"),
        *constant(0, numeric_text(4), "ReferenceDocumentItem"),
        *constant(Decimal("0.00"), MONEY, "RetentionAmountInDocCurrency"),
    )


def _invoiced_quantity(item: InvoiceItem) -> Decimal:
    line = item.document.item
    if item.number == 2 or line is None or line.limit:
        return Decimal(0)
    return amount_of(abs(item.document.quantity))


def _invoice_part() -> dict[str, Property]:
    return table(
        ("SupplierInvoice", filled_text(10), lambda a: a.item.document.invoice),
        ("FiscalYear", YEAR, lambda a: calendar(a.item.document.day).year),
        ("SupplierInvoiceItem", numeric_text(6), lambda a: a.item.number),
        ("OrdinalNumber", numeric_text(4), lambda a: a.ordinal),
        ("AccountAssignmentNumber", numeric_text(2), lambda a: a.assignment.number),
        ("WBSElement", TEXT24, lambda a: a.assignment.wbs.element if a.assignment.wbs else ""),
        ("CostCenter", TEXT10, lambda a: a.assignment.cost_centre),
        ("GLAccount", TEXT10, lambda a: a.assignment.account.lstrip("0")),
        ("ControllingArea", TEXT4, lambda _: "A000"),
        ("CompanyCode", TEXT4, lambda a: a.item.document.company.code),
        ("DocumentCurrency", CURRENCY, lambda a: a.item.document.currency),
        ("SuplrInvcAcctAssignmentAmount", MONEY, lambda a: money(a.amount, a.item.document.currency)),
        ("DebitCreditCode", TEXT1, lambda a: "H" if a.item.document.credit else "S"),
        ("PurchaseOrderQuantityUnit", TEXT3, lambda a: a.assignment.item.unit),
        ("TaxCode", TEXT2, lambda _: "V1"),
        *constant(False, BOOLEAN, "AccountAssignmentIsUnplanned"),
        *constant("", TEXT12, "InternalOrder ProjectNetwork MasterFixedAsset"),
    )


def _invoices(tenant: Tenant, hints: Hints, first: int) -> Iterator[Document]:
    """Supplier invoices in the order of their number, from ``first`` on."""
    orders = [one for one in intervals(hints, "PurchaseOrder") if one[0] is not None]
    if orders and "PurchaseOrder" in hints:
        yield from (one for one in _invoices_of(tenant, orders) if one.invoice >= first)
        return
    day = lowest(hints, "PostingDate", "CreationDate")
    if day is not None:
        place = bisect_left(tenant.invoices, day * DAY_MS, key=lambda one: one.stamp)
        if place == len(tenant.invoices):
            return
        first = max(first, tenant.invoices[place].invoice)
    for low, high in intervals(hints, "SupplierInvoice"):
        if high is None or high >= first:
            yield from tenant.invoices_from(first if low is None else max(low, first), high)


def _invoices_of(tenant: Tenant, wanted: list[Interval]) -> list[Document]:
    def make() -> list[Document]:
        found = []
        for low, high in wanted:
            gone = [one for one in tenant.gone if low <= one.number and (high is None or one.number <= high)]
            for order in (*tenant.orders_from(low, high), *gone):
                found += [one for one in order.documents if one.invoice]
        return sorted(found, key=lambda one: one.invoice)

    return tenant.recall(("invoices", tuple(wanted)), make)


def supplier_invoices(tenant: Tenant) -> Service:
    def headers(hints: Hints, after: Any) -> Iterator[Document]:
        return _invoices(tenant, hints, after[0] + 1 if after else 0)

    def items(hints: Hints, after: Any) -> Iterator[InvoiceItem]:
        for document in _invoices(tenant, hints, after[0] if after else 0):
            for item in invoice_items(document):
                if after is None or item_position(item) > tuple(after):
                    yield item

    def parts(hints: Hints, after: Any) -> Iterator[InvoicePart]:
        for item in items(hints, [after[0], 0] if after else None):
            for part in invoice_parts(item):
                if after is None or (*item_position(item), part.ordinal) > tuple(after):
                    yield part

    def item_position(item: InvoiceItem) -> tuple[int, int]:
        return item.document.invoice, item.number

    keys = ("SupplierInvoice", "FiscalYear")
    header = EntityType("A_SupplierInvoiceType", "A_SupplierInvoice", keys, _invoice(), headers, lambda d: (d.invoice,))
    item = EntityType(
        "A_SuplrInvcItemPurOrdRefType", "A_SuplrInvcItemPurOrdRef", (*keys, "SupplierInvoiceItem"), _invoice_item(),
        items, item_position,
    )  # fmt: skip
    part = EntityType(
        "A_SuplrInvcItemAcctAssgmtType", "A_SuplrInvcItemAcctAssgmt", (*item.keys, "OrdinalNumber"), _invoice_part(),
        parts, lambda a: (a.item.document.invoice, a.item.number, a.ordinal),
    )  # fmt: skip
    link(header, "to_SuplrInvcItemPurOrdRef", item.set_name, True, invoice_items)
    link(item, "to_SupplierInvoiceItmAcctAssgmt", part.set_name, True, invoice_parts)
    name = "API_SUPPLIERINVOICE_PROCESS_SRV"
    return Service(f"{V2_ROOT}/{name}", name, {one.set_name: one for one in (header, item, part)})
