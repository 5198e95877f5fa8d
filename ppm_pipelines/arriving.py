"""Pages as they arrive: put together, sorted by what becomes of their records, and written out for COPY.

Belongs here: what the thread that reads does with a page, so that PostgreSQL and Python work at the same time; what is
counted of it. Does not belong here: temporary tables and statements (``staging``), how values are written for COPY
(``copying``). Memory holds two times a page, or so many small ones as are worth a COPY.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import operator
import queue
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from ppm_pipelines import copying
from ppm_pipelines.facts import FACTS, POINTERS, Fact
from ppm_pipelines.records import MINOR_UNITS, ZERO, Deleted, Outcome, Page, Raw, Rejection, Skipped

NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
RECORDS = msgspec.json.Encoder(decimal_format="string")  # a JSON number would be read back as a float
# Small pages are staged together, as long as a source delivers them fast: each COPY waits for PostgreSQL.
ROWS_AT_ONCE, SECONDS_AT_ONCE = 1_000, 0.2
OBJECTS_AT_ONCE, SECONDS_A_TURN = 100_000, 0.0001
STAGE_REJECTIONS, STAGE_SKIPPED, STAGE_DELETED = "stage_rejections", "stage_skipped", "stage_deleted"
REJECTED = (
    "source_key",
    "code",
    "field",
    "reason",
    "raw",
    "amount",
    "currency",
    "project_nr",
    "open_amount",
    "company_code",
    "cost_center",
    *POINTERS,
)
RAW = ("stream", "source_key", "hash", "record")
JSON = ("custom_fields", "overlaid")
NO_JSON = "{}"


class Copy(NamedTuple):
    """Rows for a table, as COPY takes them."""

    table: str
    columns: list[str]
    rows: bytes


class RawRow(NamedTuple):
    """A raw record by its stream and key: digest and JSON, as COPY takes it."""

    stream: str
    key: str
    hash: bytes
    record: bytes


@dataclass(frozen=True, slots=True)
class Arrived:
    """Some pages, ready to be written; ``entity`` is that of the last one."""

    pages: int
    rows: int
    entity: str
    copies: list[Copy]
    raws: list[RawRow]
    lines: list[bytes] | None  # of the raw records, where all of them are new


class Gathered:
    """Pages put together, each entity's rows in the order in which they came."""

    def __init__(self) -> None:
        self.since, self.pages = time.monotonic(), 0
        self.outcomes: dict[str, list[Outcome]] = {}
        self.raws: list[Raw] = []

    def add(self, page: Page) -> None:
        self.pages += 1
        self.outcomes.setdefault(page.entity, []).extend(page.outcomes)
        self.raws += page.raws

    @property
    def enough(self) -> bool:
        rows = max(len(self.raws), *map(len, self.outcomes.values()))
        return rows >= ROWS_AT_ONCE or time.monotonic() - self.since > SECONDS_AT_ONCE


class Sorter:
    """Sorts what arrives, and counts it. ``counted`` are the entities whose skipped money is told."""

    def __init__(self, counted: Iterable[str]) -> None:
        self.counted = frozenset(counted)
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in FACTS}
        self.skipped_money: dict[str, Decimal] = {}
        # Entities of which records were skipped, told to be deleted, or are labour: an update of no row still looks at
        # all of them, and fires its table's triggers.
        self.skipped: set[str] = set()
        self.deleted: set[str] = set()
        self.labour: set[str] = set()
        # Entities whose keys did not come in ascending order: only there can one have come twice.
        self.unordered: set[str] = set()
        # No raw record was kept when the load began: then each is written, and not only those that differ.
        self.raws_are_new = False
        self._last_key: dict[str, str] = {}
        self._seq = 0

    def sorted(self, some: Gathered) -> Arrived:
        copies = [copy for entity, outcomes in some.outcomes.items() for copy in self._copies(entity, outcomes)]
        # A key that comes twice at once was never there in its first version.
        latest = {(raw.stream, raw.key): raw for raw in some.raws}
        rows = sum(map(len, some.outcomes.values()))
        raws = _raw_rows(latest.values())
        lines = raw_lines(raws) if self.raws_are_new else None
        return Arrived(some.pages, rows, next(reversed(some.outcomes), ""), copies, raws, lines)

    def _copies(self, entity: str, outcomes: Sequence[Outcome]) -> Iterator[Copy]:
        fact, counts = FACTS[entity], self.counts[entity]
        good: list[tuple[int, Outcome]] = []
        bad: list[tuple[Any, ...]] = []
        skipped: list[tuple[int, str, str]] = []
        deleted: list[tuple[int, str, str, bool]] = []
        for place, outcome in enumerate(outcomes, self._seq):
            if isinstance(outcome, Rejection):
                bad.append((place, entity, *_rejected(outcome)))
            elif isinstance(outcome, Skipped):
                skipped.append((place, entity, outcome.source_key))
                self._skip_money(entity, outcome)
            elif isinstance(outcome, Deleted):
                deleted.append((place, entity, outcome.source_key, outcome.whole))
            else:
                good.append((place, outcome))
        self._seq += len(outcomes)
        counts["total"] += len(outcomes)
        counts["skipped"] += len(skipped)
        self.skipped |= {entity} if skipped else set()
        self.deleted |= {entity} if deleted else set()
        if good:
            self._note_order(entity, [outcome.source_key for _, outcome in good])
            copy = _facts(fact, good)
            self.labour |= {entity} if "labour" in copy.columns else set()
            yield copy
        for table, columns, rows in (
            (STAGE_REJECTIONS, ["seq", "entity", *REJECTED], bad),
            (STAGE_SKIPPED, ["seq", "entity", "source_key"], skipped),
            (STAGE_DELETED, ["seq", "entity", "source_key", "whole"], deleted),
        ):
            if rows:
                yield Copy(table, columns, copying.block(zip(*rows, strict=True)))

    def _note_order(self, entity: str, keys: Sequence[str]) -> None:
        last = self._last_key.get(entity)
        ascend = (last is None or last < keys[0]) and all(map(operator.lt, keys, keys[1:]))
        if not ascend or "\0" in "".join(keys):  # without its NUL a key may be another's
            self.unordered.add(entity)
        self._last_key[entity] = keys[-1]

    def _skip_money(self, entity: str, outcome: Skipped) -> None:
        amount, currency = outcome.amount, outcome.currency or ""
        if amount is not None and currency in MINOR_UNITS and entity in self.counted:
            self.skipped_money[currency] = self.skipped_money.get(currency, ZERO) + amount


class Ahead:
    """The pages, the next ones read and sorted while the last ones are written: the source, Python and PostgreSQL work
    at the same time, from the moment that this is made.

    What reading raises is raised where the pages are taken. When nobody wants the rest, the reader ends with the answer
    that it waits for, within the client's timeout; the run's process does not wait for it.
    """

    def __init__(
        self, pages: Iterable[Page], sort: Callable[[Gathered], Arrived], afterwards: Callable[[], None] = lambda: None
    ) -> None:
        """``afterwards`` is done by the reader when it has read the last page."""
        self._pages, self._sort, self._afterwards = pages, sort, afterwards
        self._ready: queue.Queue[tuple[Arrived | None, BaseException | None]] = queue.Queue(maxsize=1)
        self._stopped = threading.Event()
        threading.Thread(target=self._read, daemon=True, name="reader").start()

    def _read(self) -> None:
        some = Gathered()
        try:
            for page in self._pages:
                some.add(page)
                if some.enough:
                    self._ready.put((self._sort(some), None))
                    some = Gathered()
                if self._stopped.is_set():
                    return
            self._ready.put((self._sort(some), None))
            self._afterwards()
            self._ready.put((None, None))
        except BaseException as error:
            self._ready.put((None, error))

    def __iter__(self) -> Iterator[Arrived]:
        while (found := self._ready.get())[0] is not None:
            yield found[0]
        if found[1] is not None:
            raise found[1]

    def close(self) -> None:
        self._stopped.set()
        with contextlib.suppress(queue.Empty):
            self._ready.get_nowait()


@contextlib.contextmanager
def at_full_speed() -> Iterator[None]:
    """Python's own settings while a load reads, and what they were before afterwards.

    It looks for garbage in cycles after each 700 new objects. A page makes a hundred times as many, all of them without
    cycles, and gone when it is written: looking for them took a third of the reader's time. Of two threads that both
    have work, one waits for 5 milliseconds until the other lets it on; the thread that writes lets go after each part
    that PostgreSQL takes, and both it and PostgreSQL waited for a third of the time.
    """
    collections, turn = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(OBJECTS_AT_ONCE, *collections[1:])
    sys.setswitchinterval(SECONDS_A_TURN)
    try:
        yield
    finally:
        gc.set_threshold(*collections)
        sys.setswitchinterval(turn)


@cache  # what kinds of fields a record has is worked out each time that it is asked
def usual(fact: Fact) -> Mapping[str, str | bool]:
    """What most records have in columns that need not be told; as a staged column's default and as a record's."""
    told = {one.name: one.default for one in structs.fields(fact.record)}
    return {name: value for name, value in told.items() if isinstance(value, str | bool)} | {
        name: NO_JSON for name in JSON if name in told
    }


def _facts(fact: Fact, good: list[tuple[int, Outcome]]) -> Copy:
    """The fields of the records, a column each, behind their running numbers; without those that hold nothing but what
    is usual."""
    places, records = zip(*good, strict=True)
    columns: dict[str, Sequence[Any]] = {"seq": places}
    defaults = usual(fact)
    for name, told in zip(fact.columns, zip(*map(structs.astuple, records), strict=True), strict=True):
        values: Sequence[Any] = [_own_fields(own) if own else NO_JSON for own in told] if name in JSON else told
        default = defaults.get(name)
        if values[0] != default or values.count(default) != len(values):
            columns[name] = values
    return Copy(fact.stage, list(columns), copying.block(columns.values()))


def _raw_rows(raws: Collection[Raw]) -> list[RawRow]:
    """All of them encoded at once: no line of JSON has a line's end in it."""
    records = without_nul(RECORDS.encode_lines([raw.record for raw in raws]))
    told = zip(raws, records.splitlines(), copying.escaped(records).splitlines(), strict=True)
    return [RawRow(raw.stream, raw.key, _digest(line), record) for raw, line, record in told]


def raw_lines(raws: Sequence[RawRow]) -> list[bytes]:
    """As COPY takes them, with the columns ``RAW``."""
    if not raws:
        return []
    *columns, records = zip(*raws, strict=True)
    return copying.lines(columns, records)


def _own_fields(own: Mapping[str, Any]) -> str:
    return without_nul(RECORDS.encode(own)).decode()


def _rejected(one: Rejection) -> tuple[Any, ...]:
    values = {name: getattr(one, name) for name in REJECTED}
    return tuple((values | {"raw": encoded(one.raw)[1]}).values())


def without_nul(encoded: bytes) -> bytes:
    """JSON without NUL characters; the six signs themselves, told by an escaped backslash before them, stay."""
    return NUL.sub(rb"\1", encoded) if b"\\u0000" in encoded else encoded


def encoded(record: Mapping[str, Any]) -> tuple[bytes, str]:
    """A digest and the JSON of a raw record, decimals as texts; PostgreSQL's JSON can't hold NUL characters."""
    told = without_nul(RECORDS.encode(record))
    return _digest(told), told.decode()


def _digest(told: bytes) -> bytes:
    return hashlib.blake2b(told, digest_size=16).digest()
