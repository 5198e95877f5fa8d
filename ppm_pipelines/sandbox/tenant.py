"""The tenant: everything that exists, in the order of its key and of its change stamp, and the clock.

Belongs here: keeping documents, numbering them, finding them by key or stamp without looking at all of them.
Does not belong here: what happens next to an order (``life.py``) or how it is shown (``services.py``).
"""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from .company import Masters, Wbs, masters
from .documents import DAY_MS, Document, Item, Order

EPOCH = date(1970, 1, 1)
FIRST_ORDER, FIRST_INVOICE = 4_500_000_001, 5_105_600_001
RANGES = {
    "WE": 5_000_000_001,
    "RE": 5_100_000_001,
    "KG": 1_700_000_001,
    "SA": 100_000_001,
    "CO": 900_000_001,
    "KZ": 1_500_000_001,
}
DocumentKey = tuple[str, int, int]


@lru_cache(maxsize=4096)
def calendar(day: int) -> date:
    return EPOCH + timedelta(days=day)


def key_of(document: Document) -> DocumentKey:
    """Company code, fiscal year, number: numbers repeat between companies."""
    return document.company.code, calendar(document.day).year, document.number


def order_number(order: Order) -> int:
    return order.number


def invoice_key(document: Document) -> int:
    return document.invoice


def posted_at(document: Document) -> int:
    return document.stamp


class ChangeLog:
    """Things by the time of their last change; an entry whose thing has changed again since is passed over."""

    def __init__(self) -> None:
        self.stamps: array[int] = array("q")
        self.things: list[Any] = []

    def add(self, stamp: int, thing: Any) -> None:
        place = len(self.stamps) if not self.stamps or stamp >= self.stamps[-1] else bisect_right(self.stamps, stamp)
        self.stamps.insert(place, stamp)
        self.things.insert(place, thing)

    def between(self, low: int | None, high: int | None) -> Iterator[Any]:
        first = 0 if low is None else bisect_left(self.stamps, low)
        last = len(self.stamps) if high is None else bisect_right(self.stamps, high)
        seen: set[int] = set()
        for place in range(first, last):
            thing = self.things[place]
            if thing.changed == self.stamps[place] and id(thing) not in seen:
                seen.add(id(thing))
                yield thing


class Tenant:
    """All documents of one simulated company. ``version`` grows with every change."""

    def __init__(self, seed: int, lines: int, anchor: int) -> None:
        self.seed, self.lines, self.anchor = seed, lines, anchor
        self.masters: Masters = masters(seed, max(1, lines // 2500))
        self.orders: list[Order] = []
        self.gone: list[Order] = []
        self.strays: list[Wbs] = []
        self.documents: list[Document] = []
        self.posted: list[Document] = []  # the same in the order of their time
        self.invoices: list[Document] = []
        self.order_log, self.document_log = ChangeLog(), ChangeLog()
        self.open_items: list[Item] = []
        self.counters: dict[tuple[str, str], int] = {}
        self.steps, self.version, self.order_lines = 0, 0, 0
        self.last_stamp = anchor
        self._remembered: dict[tuple[Any, ...], list[Any]] = {}
        self._remembered_at = -1
        self._waiting: list[Document] | None = []
        self._next_order, self._next_invoice = FIRST_ORDER, FIRST_INVOICE

    def tick(self, stamp: int | None = None) -> int:
        """A new stamp, later than all before: now, or the given moment."""
        wanted = int(time.time() * 1000) if stamp is None else stamp
        self.last_stamp = max(self.last_stamp + 1, wanted)
        return self.last_stamp

    def add_order(self, order: Order) -> None:
        order.number = self._next_order
        self._next_order += 1
        self.orders.append(order)
        self.order_lines += len(order.items)
        self.version += 1
        if self._waiting is None and order.changed is not None:
            self.order_log.add(order.changed, order)

    def touch(self, order: Order, stamp: int) -> None:
        """The order's header says that it changed."""
        order.changed = stamp
        self.version += 1
        if self._waiting is None:
            self.order_log.add(stamp, order)

    def post(self, document: Document) -> Document:
        """Keeps a document; while history is written it waits there for its number."""
        if document.order is not None:
            document.order.documents.append(document)
        if self._waiting is not None:
            self._waiting.append(document)
        else:
            self._number(document)
            insort(self.documents, document, key=key_of)
            insort(self.posted, document, key=posted_at)
            self.document_log.add(document.changed, document)
        self.version += 1
        return document

    def park(self, document: Document) -> None:
        """A supplier invoice that is entered but not posted: no general-ledger document."""
        document.parked = True
        if document.order is not None:
            document.order.documents.append(document)
        if self._waiting is not None:
            self._waiting.append(document)
        else:
            self._number(document)
        self.version += 1

    def change(self, document: Document, stamp: int) -> None:
        document.changed = stamp
        self.version += 1
        if self._waiting is None:
            self.document_log.add(stamp, document)

    def _number(self, document: Document) -> None:
        if document.type in ("RE", "KG"):
            document.invoice = self._next_invoice
            self._next_invoice += 1
            self.invoices.append(document)
        if not document.parked:
            place = (document.company.code, document.type)
            document.number = self.counters.get(place, RANGES[document.type])
            self.counters[place] = document.number + 1

    def close_history(self) -> None:
        """Numbers what history holds in the order of time, and builds the indexes."""
        waiting, self._waiting = self._waiting or [], None
        waiting.sort(key=lambda document: document.stamp)
        for document in waiting:
            self._number(document)
        self.posted = [one for one in waiting if not one.parked]
        self.documents = sorted(self.posted, key=key_of)
        for document in sorted(self.documents, key=lambda one: one.changed):
            self.document_log.add(document.changed, document)
        dated = [order for order in self.orders if order.changed is not None]
        for order in sorted(dated, key=lambda one: one.changed or 0):
            self.order_log.add(order.changed or 0, order)
        self.version += 1

    def vanish(self, order: Order) -> None:
        """Archived: the order services do not show it any more, its postings stay."""
        order.vanished = True
        self.orders.remove(order)
        self.gone.append(order)
        self.open_items = [item for item in self.open_items if item.order is not order]
        self.version += 1

    def recall(self, key: tuple[Any, ...], make: Callable[[], list[Any]]) -> list[Any]:
        """What ``make`` gives, remembered until something changes."""
        if self._remembered_at != self.version or len(self._remembered) > 32:
            self._remembered, self._remembered_at = {}, self.version
        if key not in self._remembered:
            self._remembered[key] = make()
        return self._remembered[key]

    def orders_from(self, low: int | None, high: int | None) -> Iterator[Order]:
        """By number, both ends included."""
        first = 0 if low is None else bisect_left(self.orders, low, key=order_number)
        last = len(self.orders) if high is None else bisect_right(self.orders, high, key=order_number)
        for place in range(first, last):
            yield self.orders[place]

    def documents_from(self, low: DocumentKey | None, high: DocumentKey | None) -> Iterator[Document]:
        first = 0 if low is None else bisect_left(self.documents, low, key=key_of)
        last = len(self.documents) if high is None else bisect_right(self.documents, high, key=key_of)
        for place in range(first, last):
            yield self.documents[place]

    def invoices_from(self, low: int | None, high: int | None) -> Iterator[Document]:
        first = 0 if low is None else bisect_left(self.invoices, low, key=invoice_key)
        last = len(self.invoices) if high is None else bisect_right(self.invoices, high, key=invoice_key)
        for place in range(first, last):
            yield self.invoices[place]


def moment(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp / 1000, UTC)


def days(count: float) -> int:
    return int(count * DAY_MS)
