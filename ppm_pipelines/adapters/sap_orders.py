"""An order line with all that belongs to it becomes commitments: DOMAIN's decisions on ordered, relieved and open.

Belongs here: raw records of order lines and what their fields mean, in V4 and V2. Does not belong here: reading
(``sap``), projects (``sap_rows``). Pure functions; amounts are in the document currency named beside them; company
amounts are SAP's own, else by the order's rate.

V2 differs from V4 in the names of a few fields, and lacks the item's net value, ``IsStatisticalItem``,
``ItemIsRejectedBySupplier``, the open quantity of a schedule line and non-deductible tax: what is missing is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from ppm_pipelines.adapters.base import Row
from ppm_pipelines.adapters.fields import Unreadable, Unusable, currency, number, rejected, text
from ppm_pipelines.adapters.odata import nested
from ppm_pipelines.adapters.sap_rows import SAP, Directory, Place, custom, delivered, flag, padded, short
from ppm_pipelines.records import (
    MINOR_UNITS,
    ZERO,
    Commitment,
    Outcome,
    Raw,
    Rejection,
    Skipped,
    known_currency,
    rounded,
)

STREAM = "orders"
ONE = Decimal(1)
POSTED = "5"
# What a navigation or a field is called in V4 and in V2.
ITEMS = ("_PurchaseOrderItem", "to_PurchaseOrderItem")
ASSIGNMENTS = ("_PurOrdAccountAssignment", "to_AccountAssignment")
SCHEDULES = ("_PurchaseOrderScheduleLineTP", "to_ScheduleLine")
_DELETION = ("PurchaseOrderDeletionCode", "PurchasingDocumentDeletionCode")
_DELETED = ("L", "X")
_ELSEWHERE = ("OrderID", "MasterFixedAsset", "SalesOrder")
# GLAccountType: balance sheet and cash; the rest is cost or revenue of the period.
BALANCE_SHEET = ("X", "C")
_GR_IR = "WRX"

ItemKey = tuple[str, str]


# Raw records


@dataclass(slots=True)
class Relief:
    """Receipt lines and invoice lines of a page of orders, by order and item; invoices carry their header."""

    receipts: dict[ItemKey, list[Row]] = field(default_factory=dict)
    invoices: dict[ItemKey, list[tuple[Row, Row]]] = field(default_factory=dict)


def item_key(order: Any, item: Any) -> ItemKey:
    return short(order), short(item)


def items(order: Row) -> Sequence[Row]:
    return _either(order, ITEMS)


def _either(row: Row, names: tuple[str, str]) -> Sequence[Row]:
    """The expanded rows under the name they have in V4 or in V2."""
    return nested(row, names[0]) or nested(row, names[1])


def by_receipt(item: Row) -> bool:
    """Valuated goods receipts relieve the line (DOMAIN R2); otherwise posted invoices do."""
    return flag(item.get("GoodsReceiptIsExpected")) and not flag(item.get("GoodsReceiptIsNonValuated"))


def raws(order: Row, relief: Relief, companies: Mapping[str, str]) -> Iterator[Raw]:
    """One raw record per line: all that its commitments are made from, in an order of its own.

    ``companies`` tells the currency of a company code, which the order does not.
    """
    header = delivered({name: value for name, value in order.items() if name not in ITEMS})
    code = text(order.get("CompanyCode"))
    company = {"CompanyCode": code, "CompanyCodeCurrency": companies[code]} if code in companies else None
    for item in items(order):
        key = item_key(order.get("PurchaseOrder"), item.get("PurchaseOrderItem"))
        received = by_receipt(item)
        receipts = relief.receipts.get(key, []) if received else []
        invoices = [] if received else relief.invoices.get(key, [])
        record = {
            "order": header,
            "item": delivered(item),
            "receipts": sorted(map(delivered, receipts), key=_posting_order),
            "invoices": [[delivered(row), delivered(head)] for row, head in sorted(invoices, key=_invoice_order)],
            "company": company,
        }
        yield Raw(STREAM, line_key(order, item), record)


def _posting_order(row: Row) -> tuple[str, ...]:
    return tuple(text(row.get(n)) for n in ("CompanyCode", "FiscalYear", "AccountingDocument", "LedgerGLLineItem"))


def _invoice_order(pair: Sequence[Row]) -> tuple[str, ...]:
    row = pair[0]
    return (
        text(row.get("FiscalYear")),
        text(row.get("SupplierInvoice")),
        padded(row.get("SupplierInvoiceItem"), 6),
    )


def line_key(order: Row, item: Row) -> str:
    """``4500000001/00010``"""
    return f"{text(order.get('PurchaseOrder'))}/{padded(item.get('PurchaseOrderItem'), 5)}"


# Lines


@dataclass(slots=True)
class Line:
    """An order line with what its assignments share, made from its raw record."""

    raw: Raw
    directory: Directory
    order: Row = field(init=False)
    row: Row = field(init=False)
    assignments: Sequence[Row] = field(init=False)

    def __post_init__(self) -> None:
        self.order, self.row = self.raw.record["order"], self.raw.record["item"]
        self.assignments = _either(self.row, ASSIGNMENTS)

    @property
    def receipts(self) -> Sequence[Row]:
        found: Sequence[Row] = self.raw.record.get("receipts") or ()
        return found

    @property
    def invoices(self) -> Sequence[Sequence[Row]]:
        """Pairs of an invoice's line and its header."""
        found: Sequence[Sequence[Row]] = self.raw.record.get("invoices") or ()
        return found

    @property
    def company_currency(self) -> str | None:
        company = self.raw.record.get("company") or {}
        return text(company.get("CompanyCodeCurrency")) or None

    @property
    def currency(self) -> str:
        return text(self.order.get("DocumentCurrency"))

    @property
    def company_code(self) -> str:
        return text(self.order.get("CompanyCode"))

    @property
    def by_receipt(self) -> bool:
        return by_receipt(self.row)

    @property
    def sign(self) -> int:
        return -1 if flag(self.row.get("IsReturnsItem")) else 1

    @property
    def codes(self) -> tuple[str, ...]:
        """Deletion codes of order and item: L and X are deleted, S is blocked (sap.md, section 4)."""
        header = next((text(self.order[name]) for name in _DELETION if name in self.order), "")
        return header, text(self.row.get("PurchasingDocumentDeletionCode"))

    @property
    def free(self) -> bool:
        return flag(self.row.get("PurchasingItemIsFreeOfCharge"))

    def signed(self, amount: Decimal) -> Decimal:
        """Returns are negative, whichever sign their amounts come with."""
        return -abs(amount) if self.sign < 0 else amount

    def cancelled(self, assignment: Row) -> bool:
        return any(code in _DELETED for code in self.codes) or flag(assignment.get("IsDeleted"))

    def completed(self, assignment: Row) -> bool:
        final = flag(self.row.get("IsFinallyInvoiced")) or flag(assignment.get("IsFinallyInvoiced"))
        return final or (self.by_receipt and flag(self.row.get("IsCompletelyDelivered")))

    def closed_reason(self, assignment: Row) -> str | None:
        if self.cancelled(assignment):
            return "cancelled"
        return "completed" if self.completed(assignment) else None

    def not_counted(self, statistical_wbs: bool) -> str | None:
        status = text(self.order.get("PurchasingProcessingStatus"))
        reasons = {
            "rejected": status == "08" or flag(self.row.get("ItemIsRejectedBySupplier")),
            "unreleased": status == "03" or flag(self.order.get("ReleaseIsNotCompleted")),
            "statistical": flag(self.row.get("IsStatisticalItem")),
            "statistical_wbs": statistical_wbs,
            "free_of_charge": self.free,
        }
        return next((reason for reason, holds in reasons.items() if holds), None)


@dataclass(frozen=True, slots=True)
class Rate:
    """The order's rate to company currency; SAP writes an indirect quotation as a negative number."""

    factor: Decimal

    def to_company(self, amount: Decimal) -> Decimal:
        return amount * self.factor if self.factor > 0 else amount / -self.factor

    def from_company(self, amount: Decimal) -> Decimal:
        return amount / self.factor if self.factor > 0 else amount * -self.factor


@dataclass(slots=True)
class Money:
    """An amount in document currency and the same in company currency (None: by the order's rate)."""

    amount: Decimal = ZERO
    company: Decimal | None = None

    def add(self, amount: Decimal, company: Decimal | None) -> None:
        self.company = None if company is None else (self.company or ZERO) + company
        self.amount += amount


@dataclass(slots=True)
class Figures:
    """What is known of a line's money, per assignment; ``problem`` is why it can't be used."""

    ordered: dict[str, Decimal] = field(default_factory=dict)
    relieved: dict[str, Money] = field(default_factory=dict)
    in_full: bool = False
    problem: Unusable | None = None

    def open(self, line: Line, assignment: Row) -> Decimal | None:
        """What is still open; None where that can't be told."""
        nr = assignment_nr(assignment)
        if line.closed_reason(assignment) or self.in_full:
            return ZERO
        if self.problem is not None or nr not in self.ordered:
            return None
        return open_amount(self.ordered[nr], self.relieved.get(nr, Money()).amount)


def commitments(raw: Raw, directory: Directory) -> Iterator[Outcome]:
    """Every account assignment of an order line."""
    line = Line(raw, directory)
    if not line.assignments:
        yield _unassigned(line)
        return
    figures = _figures(line)
    for assignment in line.assignments:
        yield _outcome(line, assignment, figures)


def _unassigned(line: Line) -> Outcome:
    """A line without any assignment: stock belongs to no project; a line that should have one is an error."""
    assignment = {"AccountAssignmentNumber": "1"}
    amount = _net_or_none(line)
    if not text(line.row.get("AccountAssignmentCategory")):
        return Skipped(source_key(line, assignment), "stock line, no account assignment", amount, line.currency)
    return _rejected(line, assignment, _without_project(), amount)


def _figures(line: Line) -> Figures:
    found = Figures()
    try:
        currency(line.currency, "DocumentCurrency")
        found.ordered = ordered_by(line)
        found.relieved = relieved_by(line, found.ordered)
        found.in_full = not line.by_receipt and _invoiced_in_full(line)
    except Unreadable as error:
        where = "Relief" if found.ordered else "PurgDocNetAmount"
        found.problem = SAP.unusable("bad_amount", where, error)
    except Unusable as error:
        found.problem = error
    return found


def _outcome(line: Line, assignment: Row, figures: Figures) -> Outcome:
    nr = assignment_nr(assignment)
    net = figures.ordered[nr] if nr in figures.ordered else _ordered_or_none(line, assignment)
    place: Place | None = None
    try:
        found = _place(line, assignment)
        if isinstance(found, str):
            return Skipped(source_key(line, assignment), found, net, line.currency)
        place = found
        if figures.problem is not None:
            raise figures.problem
        still_open = figures.open(line, assignment) or ZERO
        relieved = figures.relieved.get(nr, Money())
        return _commitment(line, assignment, place, figures.ordered[nr], relieved, still_open)
    except Unusable as error:
        project_nr = place.project_nr if place else None
        return _rejected(line, assignment, error, net, figures.open(line, assignment), project_nr)


def _place(line: Line, assignment: Row) -> Place | str:
    """Where the assignment belongs, or why it is out of scope. Raises Unusable."""
    external, internal = _wbs_names(assignment)
    if external or internal:
        element = line.directory.element(external, internal)
        return Place(element.project_nr, element)
    center = text(assignment.get("CostCenter"))
    project_nr = line.directory.of_cost_center(center) if center else None
    if project_nr:
        return Place(project_nr, None)
    if center:
        return "cost centre without a project"
    if text(assignment.get("ProjectNetwork")).strip("0"):
        raise Unusable(
            "no_project",
            "ProjectNetwork",
            "The order line is assigned to a network, and SAP's services do not tell the project of a network. Assign "
            "a WBS element in SAP.",
        )
    if any(text(assignment.get(name)).strip("0") for name in _ELSEWHERE):
        return "internal order, asset or sales order without a project"
    raise _without_project()


def _wbs_names(assignment: Row) -> tuple[str, str]:
    external = text(assignment.get("WBSElementExternalID")) or text(assignment.get("WBSElement"))
    return external, short(assignment.get("WBSElementInternalID"))


def _without_project() -> Unusable:
    return Unusable(
        "no_project",
        "WBSElementExternalID",
        "Order line without project: it has neither a WBS element nor a cost centre. Assign one in SAP.",
    )


# Ordered


def ordered_by(line: Line) -> dict[str, Decimal]:
    """Ordered per assignment, signed; SAP's own net value per assignment, else a share of the item's.

    Cancelled and free lines have 0. Raises Unreadable for an amount that is no number.
    """
    own = {assignment_nr(a): number(a.get("PurgDocNetAmount")) or ZERO for a in line.assignments}
    alive = [a for a in line.assignments if not line.cancelled(a)]
    amounts = dict.fromkeys(own, ZERO)
    if not alive or line.free:
        return amounts
    if any(own[assignment_nr(a)] for a in alive):
        found = {assignment_nr(a): own[assignment_nr(a)] for a in alive}
        found = _adding_up(found, number(line.row.get("NetAmount")), line.currency)
    else:
        found = split(_item_net(line), _weights(alive), line.currency)
    for nr, amount in found.items():
        amounts[nr] = rounded(line.signed(amount), line.currency)
    return amounts


def _adding_up(amounts: dict[str, Decimal], net: Decimal | None, currency: str) -> dict[str, Decimal]:
    """The last assignment takes a rounding remainder; a real difference stays as SAP shows it (never repaired)."""
    rest = (net or ZERO) - sum(amounts.values())
    if not net or not rest or abs(rest) > _cent(currency) * len(amounts):
        return amounts
    last = next(reversed(amounts))
    return amounts | {last: amounts[last] + rest}


def _item_net(line: Line) -> Decimal:
    """The item's net value: SAP's own, the expected limit, else quantity x price / price unit."""
    row = line.row
    limit = number(row.get("ExpectedOverallLimitAmount"))
    net = number(row.get("NetAmount"))
    if net or limit:
        return net or limit or ZERO
    per = (number(row.get("NetPriceQuantity")) or ONE) * (number(row.get("OrdPriceUnitToOrderUnitDnmntr")) or ONE)
    quantity = (number(row.get("OrderQuantity")) or ZERO) * (number(row.get("OrderPriceUnitToOrderUnitNmrtr")) or ONE)
    return quantity * (number(row.get("NetPriceAmount")) or ZERO) / per


def _ordered_or_none(line: Line, assignment: Row) -> Decimal | None:
    """What is ordered as far as it can be told where something of the line can't be used; None where it can't."""
    if line.free or line.cancelled(assignment):
        return ZERO
    amount = SAP.amount_or_none(assignment.get("PurgDocNetAmount"))
    return None if amount is None else line.signed(amount)


def _net_or_none(line: Line) -> Decimal | None:
    """The same of a line without assignments."""
    if line.free or line.cancelled({}):
        return ZERO
    try:
        net = line.signed(_item_net(line))
    except Unreadable:
        return None
    return rounded(net, line.currency) if known_currency(line.currency) else net


def _weights(assignments: Iterable[Row]) -> dict[str, Decimal]:
    rows = list(assignments)
    for name in ("MultipleAcctAssgmtDistrPercent", "Quantity"):
        found = {assignment_nr(a): number(a.get(name)) or ZERO for a in rows}
        if any(found.values()):
            return found
    return {assignment_nr(a): ONE for a in rows}


def split(total: Decimal, weights: Mapping[str, Decimal], currency: str) -> dict[str, Decimal]:
    """The total shared by weight, rounded half up; the last takes the remainder, so that the parts add up."""
    whole = sum(weights.values()) or ONE
    parts = {name: rounded(total * weight / whole, currency) for name, weight in weights.items()}
    last = next(reversed(parts))
    parts[last] += rounded(total, currency) - sum(parts.values())
    return parts


def _cent(currency: str) -> Decimal:
    """One minor unit."""
    return ONE.scaleb(-MINOR_UNITS[currency])


# Relieved


def relieved_by(line: Line, ordered: Mapping[str, Decimal]) -> dict[str, Money]:
    """Relieved per assignment: receipts at order price, or posted invoices at their value (DOMAIN R2)."""
    return _received(line, ordered) if line.by_receipt else _invoiced(line, ordered)


def _received(line: Line, ordered: Mapping[str, Decimal]) -> dict[str, Money]:
    found: dict[str, Money] = {}
    for row in line.receipts:
        if not is_cost_of_receipt(row):
            continue
        amount, company = _in_order_currency(line, row)
        nr = _assignment_of(line, row)
        parts = {nr: amount} if nr else split(amount, _shares(ordered), line.currency)
        for part, share in parts.items():
            own = company if nr else None
            found.setdefault(part, Money(company=ZERO)).add(share, own)
    return found


def is_cost_of_receipt(row: Row) -> bool:
    """The side of a receipt that carries the cost; its counterpart is the GR/IR account."""
    if text(row.get("TransactionTypeDetermination")) == _GR_IR or text(row.get("GLAccountType")) in BALANCE_SHEET:
        return False
    return bool(short(row.get("WBSElementInternalID")) or text(row.get("CostCenter")))


def _in_order_currency(line: Line, row: Row) -> tuple[Decimal, Decimal | None]:
    company = number(row.get("AmountInCompanyCodeCurrency"))
    if text(row.get("TransactionCurrency")) == line.currency:
        return number(row.get("AmountInTransactionCurrency")) or ZERO, company
    if company is None:
        raise Unusable(
            "missing_field", "AmountInCompanyCodeCurrency", "A receipt without an amount in company currency."
        )
    if text(row.get("CompanyCodeCurrency")) == line.currency:
        return company, company
    return rounded(order_rate(line).from_company(company), line.currency), company


def _assignment_of(line: Line, row: Row) -> str | None:
    """Which assignment a posting belongs to: by its number, by its WBS element, or the only one there is."""
    numbers = [assignment_nr(a) for a in line.assignments]
    nr = short(row.get("AccountAssignmentNumber"))
    if nr in numbers:
        return nr
    if len(numbers) == 1:
        return numbers[0]
    internal, external = short(row.get("WBSElementInternalID")), text(row.get("WBSElement"))
    element = line.directory.by_internal.get(internal) or line.directory.by_external.get(external)
    if element is None:
        return None
    same = [
        assignment_nr(a)
        for a in line.assignments
        if _wbs_names(a)[0] == element.wbs_element
        or (element.internal_id and short(a.get("WBSElementInternalID")) == element.internal_id)
    ]
    return same[0] if len(same) == 1 else None


def _shares(ordered: Mapping[str, Decimal]) -> dict[str, Decimal]:
    weights = {nr: abs(amount) for nr, amount in ordered.items()}
    return weights if any(weights.values()) else dict.fromkeys(ordered, ONE)


def _invoiced(line: Line, ordered: Mapping[str, Decimal]) -> dict[str, Money]:
    found: dict[str, Money] = {}
    for row, header in _relieving(line.invoices):
        to_order = _invoice_factor(line, row, header)
        for nr, amount in _invoice_parts(line, ordered, row, header):
            found.setdefault(nr, Money()).add(rounded(amount * to_order, line.currency), None)
    return found


def _relieving(rows: Iterable[Sequence[Row]]) -> Iterator[tuple[Row, Row]]:
    """Lines of posted invoices without delivery costs. Raises Unusable for a line whose invoice SAP does not show:
    nobody can tell whether it is posted, so what is open can't be told either."""
    for row, header in rows:
        if not header:
            number = f"{text(row.get('SupplierInvoice'))}/{text(row.get('FiscalYear'))}"
            raise Unusable(
                "missing_field",
                "SupplierInvoiceStatus",
                f"SAP shows a line of the supplier invoice {number}, but not the invoice itself. Check the "
                "authorisation for supplier invoices, then sync again.",
            )
        if text(header.get("SupplierInvoiceStatus")) == POSTED and not text(row.get("SuplrInvcDeliveryCostCndnType")):
            yield row, header


def _invoice_parts(line: Line, ordered: Mapping[str, Decimal], row: Row, header: Row) -> Iterator[tuple[str, Decimal]]:
    """Signed amounts per assignment in the invoice's currency."""
    credit = flag(header.get("SupplierInvoiceIsCreditMemo"))
    own = nested(row, "to_SupplierInvoiceItmAcctAssgmt")
    for part in own:
        amount = abs(number(part.get("SuplrInvcAcctAssignmentAmount")) or ZERO)
        side = text(part.get("DebitCreditCode")) or ("H" if credit else "S")
        signed = -amount if side == "H" or credit else amount
        nr = _assignment_of(line, part)
        yield from [(nr, signed)] if nr else split(signed, _shares(ordered), line.currency).items()
    if not own:
        amount = number(row.get("SupplierInvoiceItemAmount")) or ZERO
        yield from split(-abs(amount) if credit else amount, _shares(ordered), line.currency).items()


def _invoice_factor(line: Line, row: Row, header: Row) -> Decimal:
    """What an amount in the invoice's currency is multiplied with to be in the order's."""
    currency = text(row.get("DocumentCurrency")) or text(header.get("DocumentCurrency")) or line.currency
    if currency == line.currency:
        return ONE
    if currency == line.company_currency:
        to_company = ONE
    else:
        direct = number(header.get("DirectQuotedExchangeRate")) or ZERO
        indirect = number(header.get("IndirectQuotedExchangeRate")) or ZERO
        if not direct and not indirect:
            raise Unusable(
                "missing_field", "DirectQuotedExchangeRate", f"An invoice in {currency} without an exchange rate."
            )
        to_company = direct or ONE / indirect
    return order_rate(line).from_company(to_company)


def _invoiced_in_full(line: Line) -> bool:
    """A line with a quantity whose whole quantity is invoiced has open 0, whatever the price was."""
    whole = number(line.row.get("OrderQuantity")) or ZERO
    if whole <= 0 or number(line.row.get("ExpectedOverallLimitAmount")):
        return False
    invoiced = ZERO
    for row, header in _relieving(line.invoices):
        if flag(row.get("IsSubsequentDebitCredit")):
            continue
        quantity = abs(number(row.get("QuantityInPurchaseOrderUnit")) or ZERO)
        invoiced += -quantity if flag(header.get("SupplierInvoiceIsCreditMemo")) else quantity
    return invoiced * line.sign >= whole


def order_rate(line: Line) -> Rate:
    """From order to company currency; raises Unusable where SAP tells no rate for different currencies."""
    company = line.company_currency
    factor = number(line.order.get("ExchangeRate")) or ZERO
    if company == line.currency or (company is None and factor in (ZERO, ONE)):
        return Rate(ONE)
    if company is None or not factor:
        missing = "company currency" if company is None else "exchange rate"
        raise Unusable("missing_field", "ExchangeRate", f"The order is in {line.currency}, and SAP tells no {missing}.")
    return Rate(factor)


# Records


def source_key(line: Line, assignment: Row) -> str:
    """``4500000001/00010/01``"""
    return f"{line_key(line.order, line.row)}/{padded(assignment_nr(assignment), 2)}"


def assignment_nr(assignment: Row) -> str:
    return short(assignment.get("AccountAssignmentNumber")) or "1"


def assigned(record: Row, nr: str) -> Row:
    """Of a raw record what one of its commitments was made from: order, item, company and the assignment of that
    number; the only one there is has the number 1 where SAP gives none."""
    own = _either(record["item"], ASSIGNMENTS)
    found = next((one for one in own if assignment_nr(one) == nr), None)
    return {name: record.get(name) for name in ("order", "item", "company")} | {"assignment": found}


def open_amount(ordered: Decimal, relieved: Decimal) -> Decimal:
    """Never across zero: over-receipt is an anomaly, not a negative commitment; returns run towards zero from below."""
    rest = ordered - relieved
    return ZERO if not ordered or (rest < 0) != (ordered < 0) else rest


def _commitment(
    line: Line, assignment: Row, place: Place, ordered: Decimal, relieved: Money, still_open: Decimal
) -> Commitment:
    order, row, rate = line.order, line.row, order_rate(line)
    company_currency = line.company_currency or line.currency
    if not known_currency(company_currency):
        raise Unusable("unknown_currency", "CompanyCodeCurrency", f"“{company_currency}” is no active currency.")
    closed = line.closed_reason(assignment)
    in_company = rate.to_company(relieved.amount) if relieved.company is None else relieved.company
    not_counted = line.not_counted(place.wbs is not None and place.wbs.statistical)
    return Commitment(
        source_key=source_key(line, assignment),
        company_code=line.company_code,
        project_nr=place.project_nr,
        po_number=text(order.get("PurchaseOrder")),
        po_line_nr=short(row.get("PurchaseOrderItem")),
        assignment_nr=assignment_nr(assignment),
        currency=line.currency,
        ordered_amount=ordered,
        relieved_amount=rounded(relieved.amount, line.currency),
        open_amount=still_open,
        company_currency=company_currency,
        company_ordered_amount=rounded(rate.to_company(ordered), company_currency),
        company_relieved_amount=rounded(in_company, company_currency),
        company_open_amount=rounded(rate.to_company(still_open), company_currency),
        po_status=_po_status(line, closed, not_counted),
        vendor=short(order.get("Supplier")),
        vendor_description=_vendor_name(order),
        requester=text(row.get("RequisitionerName")) or text(order.get("CreatedByUser")),
        po_date=SAP.day(order, "PurchaseOrderDate"),
        po_line_text=text(row.get("PurchaseOrderItemText")),
        delivery_date=_delivery_date(row),
        cost_center=text(assignment.get("CostCenter")) or None,
        wbs_element=place.wbs.wbs_element if place.wbs else None,
        gl_account=short(assignment.get("GLAccount")) or None,
        contract_number=text(row.get("PurchaseContract")) or text(order.get("PurchaseContract")) or None,
        purchase_requisition=text(row.get("PurchaseRequisition")) or None,
        tax_amount=SAP.number(assignment, "NonDeductibleInputTaxAmount"),
        exchange_rate=rate.factor if company_currency != line.currency else None,
        relieved_by="receipt" if line.by_receipt else "invoice",
        counts=not_counted is None,
        not_counted_reason=not_counted,
        changed_at=SAP.moment(order, "LastChangeDateTime"),
        closed_reason=closed,
        custom_fields=custom(order) | custom(row),
        raw_stream=line.raw.stream,
        raw_key=line.raw.key,
    )


def _po_status(line: Line, closed: str | None, not_counted: str | None) -> str:
    if closed == "cancelled":
        return "deleted"
    if not_counted in ("rejected", "unreleased"):
        return not_counted
    return "blocked" if "S" in line.codes else closed or "active"


def _vendor_name(order: Row) -> str:
    if own := text(order.get("AddressName")):
        return own
    return next((text(a.get("OrganizationName1")) for a in nested(order, "_SupplierAddress")), "")


def _delivery_date(item: Row) -> date | None:
    """The next open schedule line, else the latest; V2 does not tell what is open."""
    lines = _either(item, SCHEDULES)
    dated = [(found, one) for one in lines if (found := SAP.day(one, "ScheduleLineDeliveryDate"))]
    still_open = [found for found, one in dated if (SAP.number(one, "OpenPurchaseOrderQuantity") or ZERO) > 0]
    return min(still_open) if still_open else max((found for found, _ in dated), default=None)


def _rejected(
    line: Line,
    assignment: Row,
    error: Unusable,
    amount: Decimal | None,
    still_open: Decimal | None = None,
    project_nr: str | None = None,
) -> Rejection:
    key = source_key(line, assignment)
    return rejected(line.raw, error, amount, line.currency, line.company_code, project_nr, still_open, key)
