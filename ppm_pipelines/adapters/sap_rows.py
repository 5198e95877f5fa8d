"""SAP rows to records: pure functions, tested with plain dicts.

Belongs here: what SAP's fields mean, DOMAIN's decisions on ordered, relieved and open, what is rejected or skipped.
Does not belong here: reading (``sap``), protocol values (``odata``).
Amounts are in the document currency named beside them; company amounts are SAP's own, else by the order's rate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from ppm_pipelines.adapters.base import Row
from ppm_pipelines.adapters.odata import Unreadable, day, flag, moment, nested, number, padded, short, text
from ppm_pipelines.records import (
    MINOR_UNITS,
    ZERO,
    Actual,
    Commitment,
    Outcome,
    Project,
    Rejection,
    Skipped,
    WbsElement,
    known_currency,
    rounded,
)

ONE = Decimal(1)
POSTED = "5"
_DELETED = ("L", "X")
_PROJECT_STATUS = {"00": "created", "10": "released", "20": "completed", "30": "locked", "40": "closed"}
# GLAccountType: balance sheet and cash; the rest is cost or revenue of the period.
_BALANCE_SHEET = ("X", "C")
_GR_IR = "WRX"

ItemKey = tuple[str, str]


class Unusable(Exception):
    """A row that can't become a record: a stable code, the field, a sentence."""

    def __init__(self, code: str, field: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.field, self.reason = code, field, reason


@dataclass(slots=True)
class Directory:
    """What rows are judged by: projects, WBS elements by both of their names, companies' currencies, settings."""

    cost_centers: Mapping[str, str] = field(default_factory=dict)
    projects: dict[str, str] = field(default_factory=dict)  # ProjectUUID -> number
    elements: dict[str, str] = field(default_factory=dict)  # ProjectElementUUID -> WBS number
    by_internal: dict[str, WbsElement] = field(default_factory=dict)
    by_external: dict[str, WbsElement] = field(default_factory=dict)
    numbers: set[str] = field(default_factory=set)
    company_currency: dict[str, str] = field(default_factory=dict)

    def add(self, element: WbsElement) -> None:
        self.by_external[element.wbs_element] = element
        if element.internal_id:
            self.by_internal[element.internal_id] = element

    def element(self, external: str, internal: str) -> WbsElement:
        found = self.by_external.get(external) or self.by_internal.get(internal)
        if found is None:
            raise Unusable(
                "unknown_wbs",
                "WBSElementExternalID" if external else "WBSElementInternalID",
                f"The WBS element {external or internal} is not among SAP's projects. Check it there, and the "
                "account's right to read projects.",
            )
        return found

    def of_cost_center(self, center: str) -> str | None:
        """The project configured for a cost centre; None where none is. Raises Unusable for an unknown project."""
        project = self.cost_centers.get(center) or self.cost_centers.get(short(center))
        if project and project not in self.numbers:
            raise Unusable(
                "unknown_project",
                "CostCenter",
                f"The cost centre {center} is configured to the project {project}, which SAP does not know.",
            )
        return project


@dataclass(slots=True)
class Relief:
    """Receipt lines and invoice lines of a page of orders, by order and item; invoices carry their header."""

    receipts: dict[ItemKey, list[Row]] = field(default_factory=dict)
    invoices: dict[ItemKey, list[tuple[Row, Row]]] = field(default_factory=dict)


def item_key(order: Any, item: Any) -> ItemKey:
    return short(order), short(item)


# Projects


def project(row: Row, directory: Directory) -> Iterator[Outcome]:
    key, nr = text(row.get("ProjectUUID")), text(row.get("Project"))
    if not nr:
        yield Rejection(key, "missing_field", "Project", "A project without a number.", row)
        return
    directory.projects[key] = nr
    directory.numbers.add(nr)
    try:
        start, end = _day(row, "ProjectStartDate"), _day(row, "ProjectEndDate")
    except Unusable as error:
        yield Rejection(key, error.code, error.field, error.reason, row, project_nr=nr)
        return
    status = text(row.get("ProcessingStatus"))
    yield Project(
        source_key=key,
        project_nr=nr,
        name=text(row.get("ProjectDescription")),
        status=_PROJECT_STATUS.get(status, status),
        start_date=start,
        end_date=end,
        currency=text(row.get("ProjectCurrency")) or None,
        company_code=text(row.get("CompanyCode")),
    )


def wbs_element(row: Row, directory: Directory) -> Iterator[Outcome]:
    """Needs the projects; parents are named by ``parented`` when all elements are known."""
    key, number_ = text(row.get("ProjectElementUUID")), text(row.get("ProjectElement"))
    project_nr = directory.projects.get(text(row.get("ProjectUUID")))
    if project_nr is None:
        reason = f"The WBS element {number_} belongs to a project that SAP does not list."
        yield Rejection(key, "unknown_project", "ProjectUUID", reason, row)
        return
    element = WbsElement(
        source_key=key,
        project_nr=project_nr,
        wbs_element=number_,
        internal_id=short(row.get("WBSElementInternalID")),
        name=text(row.get("ProjectElementDescription")),
        parent=text(row.get("ParentObjectUUID")) or None,
        statistical=flag(row.get("WBSIsStatisticalWBSElement")),
        company_code=text(row.get("CompanyCode")),
    )
    directory.elements[key] = number_
    directory.add(element)
    yield element


def parented(outcomes: Iterable[Outcome], directory: Directory) -> Iterator[Outcome]:
    """The same outcomes with the parent's WBS number for its id; a parent that is the project itself is none."""
    for outcome in outcomes:
        if isinstance(outcome, WbsElement) and outcome.parent:
            outcome.parent = directory.elements.get(outcome.parent)
        yield outcome


# Commitments


@dataclass(slots=True)
class Line:
    """An order line with what its assignments share; ``row`` and ``order`` as SAP delivered them."""

    order: Row
    row: Row
    assignments: Sequence[Row]
    directory: Directory

    @property
    def key(self) -> ItemKey:
        return item_key(self.order.get("PurchaseOrder"), self.row.get("PurchaseOrderItem"))

    @property
    def currency(self) -> str:
        return text(self.order.get("DocumentCurrency"))

    @property
    def company_code(self) -> str:
        return text(self.order.get("CompanyCode"))

    @property
    def by_receipt(self) -> bool:
        """Valuated goods receipts relieve the line (DOMAIN R2); otherwise posted invoices do."""
        return flag(self.row.get("GoodsReceiptIsExpected")) and not flag(self.row.get("GoodsReceiptIsNonValuated"))

    @property
    def sign(self) -> int:
        return -1 if flag(self.row.get("IsReturnsItem")) else 1

    def cancelled(self, assignment: Row) -> bool:
        codes = (self.order.get("PurchaseOrderDeletionCode"), self.row.get("PurchasingDocumentDeletionCode"))
        return any(text(code) in _DELETED for code in codes) or flag(assignment.get("IsDeleted"))

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
            "free_of_charge": flag(self.row.get("PurchasingItemIsFreeOfCharge")),
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


def commitments(order: Row, relief: Relief, directory: Directory) -> Iterator[Outcome]:
    """Every account assignment of a V4 order with its items expanded."""
    for item in nested(order, "_PurchaseOrderItem"):
        assignments = sorted(
            nested(item, "_PurOrdAccountAssignment"), key=lambda a: padded(a.get("AccountAssignmentNumber"), 4)
        )
        line = Line(order, item, assignments, directory)
        if assignments:
            yield from _assigned(line, relief)
        else:
            yield _unassigned(line)


def _unassigned(line: Line) -> Outcome:
    """A line without any assignment: stock belongs to no project; a line that should have one is an error."""
    key = source_key(line, {"AccountAssignmentNumber": "1"})
    amount = amount_or_none(line.row.get("NetAmount"))
    if not text(line.row.get("AccountAssignmentCategory")):
        return Skipped(key, "stock line, no account assignment", amount, line.currency)
    return _rejected(line, {}, key, _without_project(), amount)


def _assigned(line: Line, relief: Relief) -> Iterator[Outcome]:
    ordered, problem = _ordered_or_problem(line)
    relieved: dict[str, Money] = {}
    if problem is None:
        try:
            relieved = relieved_by(line, ordered, relief)
        except (Unusable, Unreadable) as error:
            problem = error if isinstance(error, Unusable) else Unusable("bad_amount", "Relief", _sentence(error))
    full = problem is None and not line.by_receipt and _invoiced_in_full(line, relief)
    for assignment in line.assignments:
        nr = assignment_nr(assignment)
        key = source_key(line, assignment)
        net = ordered.get(nr, amount_or_none(assignment.get("PurgDocNetAmount")))
        try:
            place = _place(line, assignment)
            if place is None:
                yield Skipped(key, "cost centre without a project", net, line.currency)
                continue
            if problem is not None:
                raise problem
            yield _commitment(line, assignment, place, ordered[nr], relieved.get(nr, Money()), full)
        except Unusable as error:
            yield _rejected(line, assignment, key, error, net)


@dataclass(slots=True)
class Money:
    """An amount in document currency and the same in company currency (None: by the order's rate)."""

    amount: Decimal = ZERO
    company: Decimal | None = None

    def add(self, amount: Decimal, company: Decimal | None) -> None:
        self.company = None if company is None else (self.company or ZERO) + company
        self.amount += amount


@dataclass(frozen=True, slots=True)
class Place:
    project_nr: str
    wbs: WbsElement | None


def _place(line: Line, assignment: Row) -> Place | None:
    """Where the assignment belongs; None for a cost centre that no project is configured for. Raises Unusable."""
    external, internal = text(assignment.get("WBSElementExternalID")), short(assignment.get("WBSElementInternalID"))
    if external or internal:
        element = line.directory.element(external, internal)
        return Place(element.project_nr, element)
    center = text(assignment.get("CostCenter"))
    if not center:
        raise _without_project()
    project_nr = line.directory.of_cost_center(center)
    return Place(project_nr, None) if project_nr else None


def _without_project() -> Unusable:
    return Unusable(
        "no_project",
        "WBSElementExternalID",
        "Order line without project: it has neither a WBS element nor a cost centre. Assign one in SAP.",
    )


def _ordered_or_problem(line: Line) -> tuple[dict[str, Decimal], Unusable | None]:
    try:
        if not known_currency(line.currency):
            raise Unusable("unknown_currency", "DocumentCurrency", f"“{line.currency}” is no active ISO 4217 currency.")
        return ordered_by(line), None
    except Unreadable as error:
        return {}, Unusable("bad_amount", "PurgDocNetAmount", _sentence(error))
    except Unusable as error:
        return {}, error


def ordered_by(line: Line) -> dict[str, Decimal]:
    """Ordered per assignment, signed; SAP's own net value per assignment, else a share of the item's.

    Cancelled and free lines have 0. Raises Unreadable for an amount that is no number.
    """
    own = {assignment_nr(a): number(a.get("PurgDocNetAmount")) or ZERO for a in line.assignments}
    alive = [a for a in line.assignments if not line.cancelled(a)]
    amounts = dict.fromkeys(own, ZERO)
    if not alive or flag(line.row.get("PurchasingItemIsFreeOfCharge")):
        return amounts
    if any(own[assignment_nr(a)] for a in alive):
        found = {assignment_nr(a): own[assignment_nr(a)] for a in alive}
        found = _adding_up(found, number(line.row.get("NetAmount")), line.currency)
    else:
        found = split(_item_net(line), _weights(alive), line.currency)
    for nr, amount in found.items():
        amounts[nr] = rounded(line.sign * abs(amount) if line.sign < 0 else amount, line.currency)
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


def relieved_by(line: Line, ordered: Mapping[str, Decimal], relief: Relief) -> dict[str, Money]:
    """Relieved per assignment: receipts at order price, or posted invoices at their value (DOMAIN R2)."""
    if line.by_receipt:
        return _received(line, ordered, relief.receipts.get(line.key, []))
    return _invoiced(line, ordered, relief.invoices.get(line.key, []))


def _received(line: Line, ordered: Mapping[str, Decimal], rows: Iterable[Row]) -> dict[str, Money]:
    found: dict[str, Money] = {}
    for row in rows:
        if text(row.get("TransactionTypeDetermination")) == _GR_IR or not _is_cost(row):
            continue
        amount, company = _in_order_currency(line, row)
        nr = _assignment_of(line, row)
        parts = {nr: amount} if nr else split(amount, _shares(ordered), line.currency)
        for part, share in parts.items():
            own = company if nr else None
            found.setdefault(part, Money(company=ZERO)).add(share, own)
    return found


def _is_cost(row: Row) -> bool:
    """The side of a receipt that carries the cost; its counterpart is the GR/IR account."""
    if text(row.get("GLAccountType")) in _BALANCE_SHEET:
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
        if text(a.get("WBSElementExternalID")) == element.wbs_element
        or (element.internal_id and short(a.get("WBSElementInternalID")) == element.internal_id)
    ]
    return same[0] if len(same) == 1 else None


def _shares(ordered: Mapping[str, Decimal]) -> dict[str, Decimal]:
    weights = {nr: abs(amount) for nr, amount in ordered.items()}
    return weights if any(weights.values()) else dict.fromkeys(ordered, ONE)


def _invoiced(line: Line, ordered: Mapping[str, Decimal], rows: Iterable[tuple[Row, Row]]) -> dict[str, Money]:
    found: dict[str, Money] = {}
    for row, header in _relieving(rows):
        to_order = _invoice_factor(line, row, header)
        for nr, amount in _invoice_parts(line, ordered, row, header):
            found.setdefault(nr, Money()).add(rounded(amount * to_order, line.currency), None)
    return found


def _relieving(rows: Iterable[tuple[Row, Row]]) -> Iterator[tuple[Row, Row]]:
    """Lines of posted invoices without delivery costs."""
    for row, header in rows:
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
    if currency == line.directory.company_currency.get(line.company_code):
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


def _invoiced_in_full(line: Line, relief: Relief) -> bool:
    """A line with a quantity whose whole quantity is invoiced has open 0, whatever the price was."""
    whole = number(line.row.get("OrderQuantity")) or ZERO
    if whole <= 0 or number(line.row.get("ExpectedOverallLimitAmount")):
        return False
    invoiced = ZERO
    for row, header in _relieving(relief.invoices.get(line.key, [])):
        if flag(row.get("IsSubsequentDebitCredit")):
            continue
        quantity = abs(number(row.get("QuantityInPurchaseOrderUnit")) or ZERO)
        invoiced += -quantity if flag(header.get("SupplierInvoiceIsCreditMemo")) else quantity
    return invoiced * line.sign >= whole


def order_rate(line: Line) -> Rate:
    """From order to company currency; raises Unusable where SAP tells no rate for different currencies."""
    company = line.directory.company_currency.get(line.company_code)
    factor = number(line.order.get("ExchangeRate")) or ZERO
    if company == line.currency or (company is None and factor in (ZERO, ONE)):
        return Rate(ONE)
    if company is None or not factor:
        missing = "company currency" if company is None else "exchange rate"
        raise Unusable("missing_field", "ExchangeRate", f"The order is in {line.currency}, and SAP tells no {missing}.")
    return Rate(factor)


def source_key(line: Line, assignment: Row) -> str:
    """``4500000001/00010/01``"""
    order, item = text(line.order.get("PurchaseOrder")), padded(line.row.get("PurchaseOrderItem"), 5)
    return f"{order}/{item}/{padded(assignment_nr(assignment), 2)}"


def assignment_nr(assignment: Row) -> str:
    return short(assignment.get("AccountAssignmentNumber")) or "1"


def open_amount(ordered: Decimal, relieved: Decimal) -> Decimal:
    """Never across zero: over-receipt is an anomaly, not a negative commitment; returns run towards zero from below."""
    rest = ordered - relieved
    return ZERO if not ordered or (rest < 0) != (ordered < 0) else rest


def _commitment(
    line: Line, assignment: Row, place: Place, ordered: Decimal, relieved: Money, in_full: bool
) -> Commitment:
    order, row, rate = line.order, line.row, order_rate(line)
    company_currency = line.directory.company_currency.get(line.company_code, line.currency)
    if not known_currency(company_currency):
        raise Unusable("unknown_currency", "CompanyCodeCurrency", f"“{company_currency}” is no active currency.")
    closed = line.closed_reason(assignment)
    still_open = ZERO if closed or in_full else open_amount(ordered, relieved.amount)
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
        po_date=_day(order, "PurchaseOrderDate"),
        po_line_text=text(row.get("PurchaseOrderItemText")),
        delivery_date=_delivery_date(row),
        cost_center=text(assignment.get("CostCenter")) or None,
        wbs_element=place.wbs.wbs_element if place.wbs else None,
        gl_account=short(assignment.get("GLAccount")) or None,
        contract_number=text(row.get("PurchaseContract")) or text(order.get("PurchaseContract")) or None,
        purchase_requisition=text(row.get("PurchaseRequisition")) or None,
        tax_amount=_number(assignment, "NonDeductibleInputTaxAmount"),
        exchange_rate=rate.factor if company_currency != line.currency else None,
        counts=not_counted is None,
        not_counted_reason=not_counted,
        changed_at=_moment(order, "LastChangeDateTime"),
        closed_reason=closed,
        custom_fields=_custom(order) | _custom(row),
    )


def _po_status(line: Line, closed: str | None, not_counted: str | None) -> str:
    if closed == "cancelled":
        return "deleted"
    if not_counted in ("rejected", "unreleased"):
        return not_counted
    if "S" in (text(line.row.get("PurchasingDocumentDeletionCode")), text(line.order.get("PurchaseOrderDeletionCode"))):
        return "blocked"
    return closed or "active"


def _vendor_name(order: Row) -> str:
    return next((text(a.get("OrganizationName1")) for a in nested(order, "_SupplierAddress")), "")


def _delivery_date(item: Row) -> date | None:
    """The next open schedule line, else the latest."""
    lines = nested(item, "_PurchaseOrderScheduleLineTP")
    dated = [(found, one) for one in lines if (found := _day(one, "ScheduleLineDeliveryDate"))]
    still_open = [found for found, one in dated if (_number(one, "OpenPurchaseOrderQuantity") or ZERO) > 0]
    return min(still_open) if still_open else max((found for found, _ in dated), default=None)


def _custom(row: Row) -> dict[str, Any]:
    """The customer's own fields, without their helpers (``…F`` control, ``…T`` text)."""
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in row.items()
        if name.startswith("YY1_") and name.endswith(("_PDH", "_PDI")) and value not in (None, "")
    }


def _rejected(line: Line, assignment: Row, key: str, error: Unusable, amount: Decimal | None) -> Rejection:
    order = {name: value for name, value in line.order.items() if name != "_PurchaseOrderItem"}
    item = {name: value for name, value in line.row.items() if name != "_PurOrdAccountAssignment"}
    raw = {"order": order, "item": item, "assignment": dict(assignment)}
    return Rejection(key, error.code, error.field, error.reason, raw, amount, line.currency or None)


# Actuals


def actual(row: Row, directory: Directory) -> Iterator[Outcome]:
    """A journal line of the ledger; amounts are signed by SAP already, debit positive."""
    key = actual_key(row)
    currency = text(row.get("TransactionCurrency"))
    amount = amount_or_none(row.get("AmountInTransactionCurrency"))
    reason = out_of_scope(row)
    if reason:
        yield Skipped(key, reason, amount, currency)
        return
    try:
        internal, center = short(row.get("WBSElementInternalID")), text(row.get("CostCenter"))
        wbs = directory.element("", internal) if internal else None
        project_nr = wbs.project_nr if wbs else directory.of_cost_center(center)
        if project_nr is None:
            yield Skipped(key, "no project", amount, currency)
            return
        yield _actual(row, key, Place(project_nr, wbs))
    except Unusable as error:
        yield Rejection(key, error.code, error.field, error.reason, dict(row), amount, currency or None)


def actual_key(row: Row) -> str:
    """``1010/2026/0100000012/000003``"""
    document, line = padded(row.get("AccountingDocument"), 10), padded(row.get("LedgerGLLineItem"), 6)
    return f"{text(row.get('CompanyCode'))}/{text(row.get('FiscalYear'))}/{document}/{line}"


def out_of_scope(row: Row) -> str | None:
    """Cost only: settlements move cost on, balance-sheet lines are none (DOMAIN "What counts")."""
    if flag(row.get("IsSettlement")):
        return "settlement"
    return "balance-sheet line" if text(row.get("GLAccountType")) in _BALANCE_SHEET else None


def _actual(row: Row, key: str, place: Place) -> Actual:
    currency, amount = _money(row, "TransactionCurrency", "AmountInTransactionCurrency")
    company_currency, company_amount = _money(row, "CompanyCodeCurrency", "AmountInCompanyCodeCurrency")
    posted = _day(row, "PostingDate")
    if posted is None:
        raise Unusable("missing_field", "PostingDate", "A journal line without a posting date.")
    statistical = place.wbs is not None and place.wbs.statistical
    return Actual(
        source_key=key,
        company_code=text(row.get("CompanyCode")),
        project_nr=place.project_nr,
        fi_doc_no=short(row.get("AccountingDocument")),
        fi_doc_line=short(row.get("LedgerGLLineItem")),
        posting_date=posted,
        currency=currency,
        amount=amount,
        company_currency=company_currency,
        company_amount=company_amount,
        fiscal_year=text(row.get("FiscalYear")),
        fiscal_period=padded(row.get("FiscalPeriod"), 3),
        ledger=text(row.get("Ledger")),
        document_type=text(row.get("AccountingDocumentType")),
        po_no=short(row.get("PurchasingDocument")) or None,
        po_line_no=short(row.get("PurchasingDocumentItem")) or None,
        vendor=short(row.get("Supplier")),
        document_date=_day(row, "DocumentDate"),
        gl_account=short(row.get("GLAccount")) or None,
        cost_center=text(row.get("CostCenter")) or None,
        wbs_element=place.wbs.wbs_element if place.wbs else None,
        item_text=text(row.get("DocumentItemText")),
        quantity=_number(row, "Quantity"),
        unit=text(row.get("BaseUnit")) or None,
        status=_actual_status(row),
        reversal_of=short(row.get("ReversalReferenceDocument")) or None,
        counts=not statistical,
        not_counted_reason="statistical_wbs" if statistical else None,
    )


def _actual_status(row: Row) -> str:
    if flag(row.get("IsReversal")):
        return "reversal"
    if flag(row.get("IsReversed")):
        return "reversed"
    return "cleared" if text(row.get("ClearingDate")) else "posted"


def _money(row: Row, currency_field: str, amount_field: str) -> tuple[str, Decimal]:
    currency, amount = text(row.get(currency_field)), _number(row, amount_field)
    if not known_currency(currency):
        raise Unusable("unknown_currency", currency_field, f"“{currency}” is no active ISO 4217 currency.")
    if amount is None:
        raise Unusable("bad_amount", amount_field, "A journal line without an amount.")
    return currency, rounded(amount, currency)


# Fields that name themselves when they are unreadable


def _number(row: Row, name: str) -> Decimal | None:
    try:
        return number(row.get(name))
    except Unreadable as error:
        raise Unusable("bad_amount", name, _sentence(error)) from None


def _day(row: Row, name: str) -> date | None:
    try:
        return day(row.get(name))
    except Unreadable as error:
        raise Unusable("bad_date", name, _sentence(error)) from None


def _moment(row: Row, name: str) -> Any:
    try:
        return moment(row.get(name))
    except Unreadable as error:
        raise Unusable("bad_date", name, _sentence(error)) from None


def amount_or_none(value: Any) -> Decimal | None:
    try:
        return number(value)
    except Unreadable:
        return None


def _sentence(error: Unreadable) -> str:
    return f"{error}. Correct it in SAP."


def _cent(currency: str) -> Decimal:
    """One minor unit."""
    return ONE.scaleb(-MINOR_UNITS[currency])
