"""What there is in the simulated Dynamics: orders, invoices, postings, and the clock.

Belongs here: documents and how they are kept. Does not belong here: what happens to them (``life.py``), how a product
shows them (``finance_operations.py``). Money is an ``int`` in minor units, signed; a return has a negative quantity.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from ppm_pipelines.sandbox.company import Company, Project, Vendor, masters

DAY_MS = 86_400_000


@dataclass(slots=True, eq=False)
class Line:
    order: Order
    number: int
    project: Project | None
    activity: str
    category: str
    text: str
    quantity: int
    amount: int
    lot: str
    account: str
    cost_centre: str
    delivery: int
    confirmed: bool = False
    received: int = 0
    cancelled: bool = False
    deleted: bool = False
    modified: int = 0
    invoices: list[InvoiceLine] = field(default_factory=list)
    broken: str | None = None
    named: str = ""  # the project that the line names, where nobody knows it

    @property
    def invoiced(self) -> int:
        return sum(one.quantity for one in self.invoices)

    @property
    def ended(self) -> bool:
        return self.cancelled or self.deleted

    @property
    def in_full(self) -> bool:
        return abs(self.invoiced) >= abs(self.quantity)


@dataclass(slots=True, eq=False)
class Order:
    company: Company
    number: str
    vendor: Vendor
    currency: str
    rate: int
    day: int
    requester: str
    approval: str = "Confirmed"
    header_project: Project | None = None
    lines: list[Line] = field(default_factory=list)
    modified: int = 0


@dataclass(slots=True, eq=False)
class InvoiceLine:
    invoice: Invoice
    line: Line
    quantity: int
    amount: int
    stamp: int


@dataclass(slots=True, eq=False)
class Invoice:
    """A posted invoice or, with negative amounts, a credit note; ``number`` is the vendor's."""

    company: Company
    order: Order
    number: str
    voucher: str
    day: int
    due: int
    stamp: int
    lines: list[InvoiceLine] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Posting:
    """One row of the project ledger, in company currency."""

    company: Company
    entry: int
    transaction: str
    voucher: str
    project: Project | None
    activity: str
    category: str
    amount: int
    quantity: int
    kind: str
    origin: str
    posting_type: str
    side: str
    day: int
    stamp: int
    account: str
    cost_centre: str
    lot: str = ""
    adjusts: str = ""
    paid: bool = False
    named: str = ""


def calendar(day: int) -> date:
    return datetime.fromtimestamp(day * DAY_MS / 1000, UTC).date()


def moment(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp / 1000, UTC)


class World:
    """Everything there is. ``version`` rises with every change; ``gone`` holds what was removed without a trace."""

    def __init__(self, seed: int, anchor: int) -> None:
        self.seed, self.anchor = seed, anchor
        self.masters = masters(seed, 1)
        self.orders: list[Order] = []
        self.gone: list[Line] = []
        self.invoices: list[Invoice] = []
        self.postings: list[Posting] = []
        self.version = self.steps = self.clock = 0
        self._numbers: dict[str, int] = {}

    def tick(self, stamp: int | None = None) -> int:
        """A new stamp, later than all before: now, or the given moment."""
        wanted = int(time.time() * 1000) if stamp is None else stamp
        self.clock = max(self.clock + 1, wanted)
        self.version += 1
        return self.clock

    def next(self, series: str) -> int:
        """The next number of a series; every company has series of its own, so numbers repeat between them."""
        self._numbers[series] = self._numbers.get(series, 0) + 1
        return self._numbers[series]

    def lines(self) -> list[Line]:
        return [line for order in self.orders for line in order.lines]

    def post(self, posting: Posting) -> Posting:
        self.postings.append(posting)
        self.version += 1
        return posting

    def remove(self, line: Line) -> None:
        line.order.lines.remove(line)
        self.gone.append(line)
        if not line.order.lines:
            self.orders.remove(line.order)
        self.version += 1
