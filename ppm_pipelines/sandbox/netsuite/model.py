"""Documents of the simulated account: purchase orders, bills, credits, receipts, journals, and their lines.

Belongs here: what a document is, and the figures that follow from it alone. Does not belong here: what happens to
documents (``life``), how queries see them (``tables``). Money is an ``int`` in minor units, as in ``company``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ppm_pipelines.sandbox.company import Company, Project, Vendor, convert, divide

PENDING, APPROVED, REJECTED, CLOSED = "A", "B", "C", "H"


@dataclass(slots=True, eq=False)
class Account:
    id: int
    number: str
    name: str
    type: str


ACCOUNTS = (
    Account(201, "2000", "Accounts Payable", "AcctPay"),
    Account(202, "2100", "Accrued Purchases", "OthCurrLiab"),
    Account(203, "1190", "Input Tax", "OthCurrAsset"),
    Account(204, "1700", "Assets under Construction", "FixedAsset"),
    Account(301, "6100", "Fremdleistungen", "Expense"),
    Account(302, "6200", "Material", "COGS"),
    Account(303, "6300", "Reisekosten", "Expense"),
    Account(304, "6900", "Sonstiges", "OthExpense"),
    Account(401, "4000", "Sales", "Income"),
)
PAYABLE, ACCRUED, INPUT_TAX, ASSET, SERVICES, MATERIAL, TRAVEL, OTHER, SALES = ACCOUNTS
COST = {"Expense", "OthExpense", "COGS"}


@dataclass(slots=True, eq=False)
class Line:
    """A line; ``amount`` is signed, debit positive, in the document's currency. ``billed`` is the posted quantity."""

    document: Document
    id: int
    unique: int
    account: Account
    amount: int
    project: Project | None = None
    customer: int | None = None
    quantity: int | None = None
    memo: str = ""
    department: int | None = None
    order_line: Line | None = None
    main: bool = False
    tax: bool = False
    closed: bool = False
    received: int = 0
    accrued: bool = False
    modified: int = 0
    spoiled: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.document.id}/{self.id}"

    @property
    def company_amount(self) -> int:
        document = self.document
        return convert(self.amount, document.rate, document.currency, document.company.currency)


@dataclass(slots=True, eq=False)
class Document:
    id: int
    type: str
    tranid: str
    number: str
    company: Company
    currency: str
    rate: int
    day: int
    created: int
    modified: int
    vendor: Vendor | None = None
    state: str = APPROVED
    posting: bool = False
    lines: list[Line] = field(default_factory=list)
    bills: list[Document] = field(default_factory=list)
    reversal: Document | None = None
    reverses: bool = False
    reversed_sequence: bool = False
    spoiled: dict[str, str] = field(default_factory=dict)


def billed_amount(line: Line) -> int:
    """What posted bills took from an order line."""
    return sum(
        one.amount for bill in line.document.bills if bill.posting for one in bill.lines if one.order_line is line
    )


def billed_quantity(line: Line) -> int:
    return sum(
        one.quantity or 0
        for bill in line.document.bills
        if bill.posting
        for one in bill.lines
        if one.order_line is line
    )


def taken(line: Line) -> int:
    """The quantity on all bills, those that wait for approval too: what cannot be billed once more."""
    return sum(one.quantity or 0 for bill in line.document.bills for one in bill.lines if one.order_line is line)


def requested(line: Line) -> int:
    return sum(one.amount for bill in line.document.bills for one in bill.lines if one.order_line is line)


def fully_billed(line: Line) -> bool:
    if line.quantity:
        return billed_quantity(line) >= line.quantity
    return abs(billed_amount(line)) >= abs(line.amount)


def status(document: Document) -> str:
    """The letter that NetSuite shows for an order."""
    if document.state != APPROVED or document.type != "PurchOrd":
        return document.state
    lines = [line for line in document.lines if not line.main and not line.tax]
    if lines and all(fully_billed(line) for line in lines):
        return "G"
    received = [line.received >= (line.quantity or 0) for line in lines]
    some_received = any(line.received for line in lines)
    some_billed = any(billed_amount(line) for line in lines)
    if lines and all(received):
        return "F"
    return "E" if some_received and some_billed else "D" if some_received else "B"


def still_open(line: Line) -> int:
    """By billed quantity, else by posted bills; nothing where the line or its order is closed, billed or rejected."""
    if line.closed or status(line.document) in (REJECTED, "G", CLOSED):
        return 0
    if line.quantity:
        rest = max(0, line.quantity - billed_quantity(line)) if line.quantity > 0 else line.quantity
        return divide(line.amount * rest, line.quantity)
    rest = line.amount - billed_amount(line)
    return rest if rest * line.amount > 0 else 0
