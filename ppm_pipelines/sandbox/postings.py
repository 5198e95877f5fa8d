"""General-ledger lines (per ledger, an aggregate) and operational journal items of the posted documents.

Belongs here: names, types and values as in the service metadata, and finding documents by key, order or stamp.
Does not belong here: which lines a document has (``documents.py``), grouping (``query.py``).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, NamedTuple

from . import own_fields
from .documents import BANK, CLEARING, DAY_MS, Document, Line, lines
from .finding import (
    CURRENCY,
    TEXT1,
    TEXT2,
    TEXT3,
    TEXT4,
    TEXT10,
    TEXT12,
    TEXT24,
    V2_ROOT,
    intervals,
    lowest,
    money,
)
from .model import (
    BOOLEAN,
    DATE,
    STAMP,
    YEAR,
    EntityType,
    Growth,
    Hints,
    Interval,
    Kind,
    Property,
    Service,
    constant,
    decimal,
    filled_text,
    numeric_text,
    table,
    text,
)
from .tenant import DocumentKey, Tenant, calendar, key_of, posted_at

LEDGERS = ("0L", "2L")


class Posted(NamedTuple):
    """A line of a document in one ledger."""

    document: Document
    line: Line
    ledger: str


def _document_candidates(tenant: Tenant, hints: Hints) -> Iterable[Document] | None:
    """Documents by order or by change stamp, in key order; None where the filter allows neither."""
    wanted = [one for one in intervals(hints, "PurchasingDocument") if one[0] is not None]
    if wanted and len(wanted) == len(intervals(hints, "PurchasingDocument")):
        return tenant.recall(("by order", tuple(wanted)), lambda: sorted(_of_orders(tenant, wanted), key=key_of))
    since = lowest(hints, "LastChangeDateTime", "CreationDateTime")
    for name in ("CreationDate", "LastChangeDate", "ClearingDate", "AccountingDocumentCreationDate"):
        day = lowest(hints, name)
        since = day * DAY_MS if since is None and day is not None else since
    if since is None:
        return None
    return tenant.recall(("documents", since), lambda: sorted(tenant.document_log.between(since, None), key=key_of))


def _of_orders(tenant: Tenant, wanted: list[Interval]) -> Iterator[Document]:
    """Posted documents of the orders in the ranges, archived orders too."""
    for low, high in wanted:
        gone = (o for o in tenant.gone if low <= o.number and (high is None or o.number <= high))
        for order in (*tenant.orders_from(low, high), *gone):
            yield from (one for one in order.documents if not one.parked)


def _documents(tenant: Tenant, hints: Hints, first: DocumentKey | None) -> Iterator[Document]:
    """Candidates in key order from ``first`` on."""
    found = _document_candidates(tenant, hints)
    if found is not None:
        kept = found if isinstance(found, list) else list(found)
        yield from kept[bisect_left(kept, first, key=key_of) :] if first else kept
        return
    if _one(hints, "CompanyCode") and _one(hints, "FiscalYear") and "AccountingDocument" in hints:
        yield from _by_number(tenant, hints, first)
        return
    for low, high in intervals(hints, "CompanyCode"):
        years = intervals(hints, "FiscalYear")
        start: DocumentKey = (low or "", years[0][0] or 0 if low and low == high else 0, 0)
        year = years[-1][1] if high and low == high else None
        end = None if high is None else (high, 9999 if year is None else year, 10**10)
        if end is None or first is None or first <= end:
            yield from tenant.documents_from(max(start, first) if first else start, end)


def _one(hints: Hints, name: str) -> bool:
    """Whether the filter allows one value only."""
    return len(hints.get(name, [])) == 1 and hints[name][0][0] is not None and hints[name][0][0] == hints[name][0][1]


def _by_number(tenant: Tenant, hints: Hints, first: DocumentKey | None) -> Iterator[Document]:
    """Documents of one company code and year by ranges of their number."""
    company, year = hints["CompanyCode"][0][0], hints["FiscalYear"][0][0]
    for low, high in intervals(hints, "AccountingDocument"):
        start: DocumentKey = (company, year, low or 0)
        end: DocumentKey = (company, year, 10**10 if high is None else high)
        if first is None or first <= end:
            yield from tenant.documents_from(max(start, first) if first else start, end)


def _ledger_changed(document: Document) -> int:
    """When the ledger says that the line changed: a reversal shows there, the clearing of the vendor item does not."""
    return max(document.stamp, document.reversed_by.stamp) if document.reversed_by else document.stamp


def _ledger_stamp(document: Document) -> int | None:
    """To the second; some lines tell no change until there is one."""
    if document.number % 5 == 0 and not document.reversed_by:
        return None
    return _ledger_changed(document) // 1000 * 1000


def posted_lines(tenant: Tenant, hints: Hints, after: Any, *, ledgers: bool) -> Iterator[Posted]:
    """Lines of the candidates. After (company, year, number, …) starts at that document, inclusive."""
    first: DocumentKey | None = (after[0], after[1], after[2]) if after else None
    asked = {low for low, high in hints.get("Ledger", []) if low == high and low is not None}
    shown = [one for one in LEDGERS if not asked or one in asked] if ledgers else LEDGERS[:1]
    for document in _documents(tenant, hints, first):
        if not ledgers and document.type == "CO":
            continue  # postings of controlling have no operational document
        for ledger in shown:
            yield from _posted(document, ledger)


@lru_cache(maxsize=60_000)  # as the lines themselves
def _posted(document: Document, ledger: str) -> tuple[Posted, ...]:
    return tuple([Posted(document, line, ledger) for line in lines(document)])


def _local(posted: Posted) -> Decimal:
    return money(posted.line.company_amount, posted.document.company.currency)


def _foreign(posted: Posted) -> Decimal:
    return money(posted.line.amount, posted.document.currency)


def _number(document: Document | None) -> int:
    return document.number if document else 0


def _reference(document: Document) -> str:
    if document.invoice:
        return str(document.invoice)
    return f"{document.number:010d}"


def _invoice_year(document: Document) -> str:
    return str(calendar(document.day).year) if document.invoice else ""


def _posting_number(posted: Posted) -> int:
    line = posted.line
    return line.assignment.number if line.assignment and line.account != CLEARING else 0


def _transaction_key(account: str, document_type: str) -> str:
    if account == CLEARING:
        return "WRX"
    return "KBS" if document_type == "WE" else ""


@cache
def _account_type(account: str) -> str:
    """Balance sheet, cash, or primary costs."""
    return {"001": "X", "002": "X"}.get(account[:3], "P") if account != BANK else "C"


REFERENCE_TYPES = {"WE": "MKPF", "RE": "RMRP", "KG": "RMRP", "CO": "COBK"}
COMMON_POSTING: list[tuple[str, Kind, Any]] = [
    ("CompanyCode", TEXT4, lambda p: p.document.company.code),
    ("FiscalYear", YEAR, lambda p: calendar(p.document.day).year),
    ("AccountingDocument", filled_text(10), lambda p: p.document.number),
    ("LedgerGLLineItem", text(6), lambda p: f"{p.line.number:06d}"),
    ("AccountingDocumentItem", numeric_text(3), lambda p: p.line.number),
    ("AccountingDocumentType", TEXT2, lambda p: p.document.type),
    ("PostingDate", DATE, lambda p: p.document.day),
    ("DocumentDate", DATE, lambda p: p.document.day),
    ("FiscalPeriod", numeric_text(3), lambda p: calendar(p.document.day).month),
    ("GLAccount", TEXT10, lambda p: p.line.account.lstrip("0")),
    ("ChartOfAccounts", TEXT4, lambda _: "YCOA"),
    ("ControllingArea", TEXT4, lambda _: "A000"),
    ("CostCenter", TEXT10, lambda p: p.line.cost_centre),
    ("WBSElementInternalID", numeric_text(8), lambda p: p.line.wbs.internal if p.line.wbs else 0),
    ("PurchasingDocument", filled_text(10), lambda p: p.document.order.number if p.document.order else 0),
    ("PurchasingDocumentItem", numeric_text(5), lambda p: p.document.item.number if p.document.item else 0),
    ("AccountAssignmentNumber", numeric_text(2), _posting_number),
    ("Supplier", TEXT10, lambda p: p.document.vendor.number if p.document.vendor else ""),
    ("PersonnelNumber", numeric_text(8), lambda p: 90001 if p.document.type == "CO" else 0),
    (
        "DocumentItemText",
        text(50),
        lambda p: p.document.text or (p.document.item.text[:50] if p.document.item else ""),
    ),
    ("DebitCreditCode", TEXT1, lambda p: "S" if p.line.amount >= 0 else "H"),
    ("FinancialAccountType", TEXT1, lambda p: p.line.kind),
    ("TransactionTypeDetermination", TEXT3, lambda p: _transaction_key(p.line.account, p.document.type)),
    ("TransactionCurrency", CURRENCY, lambda p: p.document.currency),
    ("CompanyCodeCurrency", CURRENCY, lambda p: p.document.company.currency),
    ("BaseUnit", TEXT3, lambda p: p.document.item.unit if p.document.item and p.line.quantity else ""),
    ("IsReversal", BOOLEAN, lambda p: p.document.reverses is not None),
    ("IsReversed", BOOLEAN, lambda p: p.document.reversed_by is not None),
    (
        "ClearingDate",
        DATE,
        lambda p: p.document.cleared // DAY_MS if p.document.cleared and p.line.kind == "K" else None,
    ),
    *constant("", TEXT12, "OrderID MasterFixedAsset CostObject ProjectNetwork"),
    *constant("", TEXT10, "ProfitCenter Customer"),
    *constant("", TEXT2, "TaxCode"),
]


def _measured(properties: dict[str, Property], names: str) -> dict[str, Property]:
    for name in names.split():
        old = properties[name]
        properties[name] = Property(name, old.kind, old.get, measure=True, filterable=False)
    return properties


def _ledger_line() -> dict[str, Property]:
    """General-ledger lines; times are shown to the second."""
    names = [
        *COMMON_POSTING,
        ("ID", text(512), lambda _: ""),
        ("SourceLedger", TEXT2, lambda _: "0L"),
        ("GLAccountType", TEXT1, lambda p: _account_type(p.line.account)),
        ("Ledger", TEXT2, lambda p: p.ledger),
        ("LedgerFiscalYear", YEAR, lambda p: calendar(p.document.day).year),
        ("FiscalYearPeriod", numeric_text(7), lambda p: _year_period(p.document.day)),
        ("ProjectInternalID", numeric_text(8), lambda p: p.line.wbs.project.internal if p.line.wbs else 0),
        ("ReferenceDocumentType", text(5), lambda p: REFERENCE_TYPES.get(p.document.type, "BKPF")),
        ("ReferenceDocument", TEXT10, lambda p: _reference(p.document)),
        ("ReferenceDocumentContext", TEXT10, lambda p: _invoice_year(p.document)),
        ("ReversalReferenceDocument", filled_text(10), lambda p: _number(p.document.reverses)),
        ("PartnerCostCtrActivityType", text(6), lambda p: "LABOUR" if p.document.type == "CO" else ""),
        *constant("", text(6), "CostCtrActivityType OriginCostCtrActivityType"),
        *constant(False, BOOLEAN, "IsCommitment IsSettlement IsSettled"),
        ("CreationDateTime", STAMP, lambda p: p.document.stamp // 1000 * 1000),
        ("LastChangeDateTime", STAMP, lambda p: _ledger_stamp(p.document)),
        ("CreationDate", DATE, lambda p: p.document.day),
        ("AmountInTransactionCurrency", decimal(23, 3), _foreign),
        ("AmountInCompanyCodeCurrency", decimal(23, 3), _local),
        ("Quantity", decimal(23, 3), lambda p: Decimal(p.line.quantity).scaleb(-3)),
        *own_fields.of_postings(),
    ]
    made = table(*names)
    made["ID"] = Property("ID", text(512), lambda _: "", filterable=False, nullable=False)
    return _measured(made, "AmountInTransactionCurrency AmountInCompanyCodeCurrency Quantity")


# Of a posted line; when the ledger says that it changed, and whether it is reversed, may come later.
FIXED = frozenset(
    "CompanyCode FiscalYear FiscalPeriod FiscalYearPeriod AccountingDocument AccountingDocumentType LedgerGLLineItem "
    "GLAccount GLAccountType TransactionTypeDetermination CostCenter WBSElementInternalID ProjectInternalID "
    "PurchasingDocument TransactionCurrency CompanyCodeCurrency PostingDate CreationDate CreationDateTime "
    "Ledger".split()
)


def _year_period(day: int) -> int:
    date = calendar(day)
    return date.year * 1000 + date.month


def _growth(tenant: Tenant) -> Growth:
    def place(until: int | None) -> int:
        """Times are shown and compared to the second: a posting is later than what it shows by less than one."""
        if until is None:
            return len(tenant.posted)
        return bisect_left(tenant.posted, -(-until // 1000) * 1000, key=posted_at)

    def rows(first: int, last: int) -> Iterator[Posted]:
        return (one for n in range(first, last) for ledger in LEDGERS for one in _posted(tenant.posted[n], ledger))

    return Growth("CreationDateTime", FIXED, frozenset({"PurchasingDocument", "CreationDate"}), place, rows)


def ledger_lines(tenant: Tenant) -> Service:
    entity = EntityType(
        "GLAccountLineItemType", "GLAccountLineItem", ("ID",), _ledger_line(),
        lambda hints, after: posted_lines(tenant, hints, after, ledgers=True),
        lambda p: key_of(p.document), aggregate=True, growth=_growth(tenant),
    )  # fmt: skip
    return Service(f"{V2_ROOT}/API_GLACCOUNTLINEITEM", "cds_api_glaccountlineitem", {entity.set_name: entity})


def _other(posted: Posted) -> Document | None:
    return posted.document.reverses or posted.document.reversed_by


def _operational() -> dict[str, Property]:
    return table(
        *COMMON_POSTING,
        ("CompanyCodeName", text(25), lambda p: p.document.company.name[:25]),
        ("Project", TEXT24, lambda p: p.line.wbs.project.number if p.line.wbs else ""),
        ("SupplierName", text(80), lambda p: p.document.vendor.name if p.document.vendor else ""),
        ("DocumentReferenceID", text(16), lambda p: p.document.reference),
        ("NetDueDate", DATE, lambda p: p.document.day + 30 if p.document.invoice else None),
        ("IsCleared", BOOLEAN, lambda p: bool(p.document.cleared) and p.line.kind == "K"),
        ("ReverseDocument", filled_text(10), lambda p: _number(_other(p))),
        ("ReverseDocumentFiscalYear", YEAR, lambda p: calendar(o.day).year if (o := _other(p)) else 0),
        ("LastChangeDate", DATE, lambda p: p.document.changed // DAY_MS),
        ("AccountingDocumentCreationDate", DATE, lambda p: p.document.day),
        ("AmountInTransactionCurrency", decimal(24, 3), _foreign),
        ("AmountInCompanyCodeCurrency", decimal(24, 3), _local),
        ("Quantity", decimal(23, 3), lambda p: Decimal(p.line.quantity).scaleb(-3)),
        ("Ledger", TEXT2, lambda _: ""),
        *constant(False, BOOLEAN, "IsNegativePosting IsAutomaticallyCreated"),
        *constant("", TEXT10, "InvoiceReference"),
        *constant(0, YEAR, "InvoiceReferenceFiscalYear"),
    )


def operational_items(tenant: Tenant) -> Service:
    def position(posted: Posted) -> tuple[Any, ...]:
        return (*key_of(posted.document), posted.line.number)

    def source(hints: Hints, after: Any) -> Iterator[Posted]:
        found = posted_lines(tenant, hints, after, ledgers=False)
        return (one for one in found if after is None or position(one) > tuple(after))

    name = "API_OPLACCTGDOCITEMCUBE_SRV"
    keys = ("CompanyCode", "FiscalYear", "AccountingDocument", "AccountingDocumentItem")
    entity = EntityType(
        "A_OperationalAcctgDocItemCubeType", "A_OperationalAcctgDocItemCube", keys, _operational(), source, position
    )
    return Service(f"{V2_ROOT}/{name}", name, {entity.set_name: entity})
