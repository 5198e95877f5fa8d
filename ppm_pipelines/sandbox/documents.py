"""Purchase orders and the documents that follow them, and how a document becomes general-ledger lines.

Belongs here: the shape of a document and the lines it posts. Does not belong here: when it happens (``life.py``),
where it is kept (``tenant.py``), what it means for a project (``books.py``).
Amounts are ``int`` in minor units; times are ``int`` milliseconds since 1970, days ``int`` days since 1970, UTC.
A million order lines are kept as these objects, hence the slots, and lines are made when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from .company import Company, Vendor, Wbs, convert, divide

DAY_MS = 86_400_000
WHOLE = 1000  # quantities are in thousandths


@dataclass(slots=True, eq=False)
class Order:
    number: int
    company: Company
    vendor: Vendor
    currency: str
    rate: int
    created: int
    changed: int | None
    user: str
    status: str = "02"
    released: bool = True
    code: str = ""
    items: list[Item] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)
    vanished: bool = False
    doubled: bool = False

    @property
    def day(self) -> int:
        return self.created // DAY_MS


@dataclass(slots=True, eq=False)
class Item:
    """An order line. ``net`` is unsigned; a returns item is negative by its flag only, as SAP shows it."""

    order: Order
    number: int
    text: str
    quantity: int
    unit: str
    price: int
    per: int
    net: int
    group: str
    delivery: int
    requester: str
    category: str = "0"
    product_type: str = "1"
    code: str = ""
    receipt: bool = True
    non_valuated: bool = False
    complete: bool = False
    final: bool = False
    returns: bool = False
    free: bool = False
    statistical: bool = False
    hidden_net: bool = False
    broken: str | None = None
    assignments: list[Assignment] = field(default_factory=list)
    received: int = 0
    invoiced: int = 0
    mishaps: int = 0
    done: bool = False

    @property
    def sign(self) -> int:
        return -1 if self.returns else 1

    @property
    def by_receipt(self) -> bool:
        """Whether a valuated receipt relieves the line (DOMAIN "What relieves a commitment")."""
        return self.receipt and not self.non_valuated

    @property
    def limit(self) -> bool:
        return self.category == "A"

    @property
    def live(self) -> list[Assignment]:
        return [one for one in self.assignments if not one.deleted]


@dataclass(slots=True, eq=False)
class Assignment:
    item: Item
    number: int
    wbs: Wbs | None
    cost_centre: str
    account: str
    percent: int
    net: int
    quantity: int
    deleted: bool = False


Share = tuple[Assignment, int]


class Entry(NamedTuple):
    """A line of a posting that has no order."""

    wbs: Wbs | None
    cost_centre: str
    account: str
    amount: int


@dataclass(slots=True, eq=False)
class Document:
    """A posting; with ``invoice`` it is a supplier invoice too. ``number`` is 0 while it is only parked.

    ``shares`` are signed amounts per assignment at order price, ``extras`` price differences beside them.
    """

    company: Company
    type: str
    stamp: int
    changed: int
    currency: str
    rate: int
    vendor: Vendor | None = None
    order: Order | None = None
    item: Item | None = None
    shares: tuple[Share, ...] = ()
    extras: tuple[int, ...] = ()
    entries: tuple[Entry, ...] = ()
    quantity: int = 0
    freight: int = 0
    tax: int = 0
    number: int = 0
    invoice: int = 0
    reference: str = ""
    credit: bool = False
    subsequent: bool = False
    final: bool = False
    parked: bool = False
    reverses: Document | None = None
    reversed_by: Document | None = None
    cleared: int | None = None
    text: str = ""

    @property
    def day(self) -> int:
        return self.stamp // DAY_MS

    @property
    def net(self) -> int:
        """Value of the shares with their price differences, signed."""
        return sum(amount for _, amount in self.shares) + sum(self.extras)

    @property
    def gross(self) -> int:
        return self.net + self.freight + self.tax


class Line(NamedTuple):
    """One general-ledger line; ``assignment`` where it belongs to an order line."""

    number: int
    account: str
    kind: str
    wbs: Wbs | None
    cost_centre: str
    assignment: Assignment | None
    amount: int
    company_amount: int
    quantity: int


CLEARING, PAYABLE, TAX, FREIGHT, BANK, VARIANCE = (
    "0021120000",
    "0021100000",
    "0012600000",
    "0065301000",
    "0011001010",
    "0052580000",
)
Raw = tuple[str, str, Wbs | None, str, Assignment | None, int, int]


@lru_cache(maxsize=60_000)  # a posting does not change; sums over the ledger look at all of them
def lines(document: Document) -> tuple[Line, ...]:
    """The document's lines; they add up to zero in both currencies. The first is the balancing line."""
    found = [raw for raw in _debits(document) if raw[5]]
    home, rate, currency = document.company.currency, document.rate, document.currency
    converted = [convert(raw[5], rate, currency, home) for raw in found]
    account, kind = _balancing(document)
    made = [Line(1, account, kind, None, "", None, -sum(raw[5] for raw in found), -sum(converted), 0)]
    for number, (raw, local) in enumerate(zip(found, converted, strict=True), 2):
        account, kind, wbs, cost_centre, assignment, amount, quantity = raw
        made.append(Line(number, account, kind, wbs, cost_centre, assignment, amount, local, quantity))
    return tuple(made)


def _balancing(document: Document) -> tuple[str, str]:
    if document.type == "WE":
        return CLEARING, "S"
    if document.type == "KZ":
        return BANK, "S"
    if document.entries:
        return ("0094301000", "S") if document.type == "CO" else ("0021999000", "S")
    return PAYABLE, "K"


def _debits(document: Document) -> Iterator[Raw]:
    """Everything but the balancing line."""
    if document.entries:
        for entry in document.entries:
            kind = "K" if entry.account == PAYABLE else "S"
            yield entry.account, kind, entry.wbs, entry.cost_centre, None, entry.amount, 0
    elif document.type == "WE" or (document.item and not document.item.by_receipt):
        yield from _costs(document)
        yield from _around(document)
    else:
        yield CLEARING, "S", None, "", document.shares[0][0], sum(amount for _, amount in document.shares), 0
        for (one, _), amount in zip(document.shares, document.extras, strict=False):
            yield VARIANCE, "S", one.wbs, one.cost_centre, one, amount, 0
        yield from _around(document)


def _costs(document: Document) -> Iterator[Raw]:
    whole = sum(amount for _, amount in document.shares)
    extras = document.extras or (0,) * len(document.shares)
    for (one, amount), extra in zip(document.shares, extras, strict=True):
        quantity = divide(document.quantity * abs(amount), abs(whole) or 1)
        yield one.account, "S", one.wbs, one.cost_centre, one, amount + extra, quantity


def _around(document: Document) -> Iterator[Raw]:
    """Delivery costs and tax of an invoice."""
    if document.freight:
        one = document.shares[0][0]
        yield FREIGHT, "S", one.wbs, one.cost_centre, one, document.freight, 0
    if document.tax:
        yield TAX, "S", None, "", None, document.tax, 0


def portion(item: Item, before: int, after: int) -> tuple[Share, ...]:
    """What the quantity from ``before`` to ``after`` is worth per assignment; all portions add up to the line."""
    whole, sign = item.quantity, item.sign
    return tuple((one, sign * (divide(one.net * after, whole) - divide(one.net * before, whole))) for one in item.live)
