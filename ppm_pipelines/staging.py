"""Records on their way to the facts: temporary tables of the session, filled by COPY page by page.

Belongs here: what is staged, and what is counted while it arrives. Does not belong here: what becomes of it (``load``).
Memory holds a page, or so many small ones as are worth a COPY. The tables go with the session: a killed load leaves
nothing behind.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import queue
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.rows import dict_row

from ppm_pipelines import copying
from ppm_pipelines.facts import FACTS, POINTERS, Fact, counted
from ppm_pipelines.records import MINOR_UNITS, ZERO, Deleted, Outcome, Page, Raw, Rejection, Skipped
from ppm_pipelines.runs import RunRequest

NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
RECORDS = msgspec.json.Encoder(decimal_format="string")  # a JSON number would be read back as a float
# Small pages are staged together, as long as a source delivers them fast: each COPY waits for PostgreSQL.
ROWS_AT_ONCE, SECONDS_AT_ONCE = 1_000, 0.2
WORK_MEMORY = "64MB"  # of PostgreSQL, for this session: joins of a whole system's rows fit
STAGE_REJECTIONS, STAGE_RAWS = "stage_rejections", "stage_raws"
STAGE_SKIPPED, STAGE_DELETED = "stage_skipped", "stage_deleted"
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

RAW_RECORDS = "ppm.raw_records"
RAW = ["organization_id", "system", "run_id", "stream", "source_key", "hash", "record"]

Progress = Callable[[str, int, int | None, int], None]


def _sql(text: str) -> LiteralString:
    """Statements here are put together from our own table and column names only; values are always parameters."""
    return text


def listed(names: Iterable[str], prefix: str = "") -> str:
    return ", ".join(f"{prefix}{name}" for name in names)


class Staging:
    """One load's session: its statements, its staged records, and how many of them there are."""

    def __init__(self, connection: psycopg.Connection, request: RunRequest, run_id: str) -> None:
        self.connection, self.request, self.run_id = connection, request, run_id
        self.now = datetime.now(UTC)
        self.rows = self.pages = self._seq = self._raw_seq = self._new_raws = 0
        self._replaced: set[tuple[str, str]] = set()  # raw records that are kept in another version than was read
        self._unseen: set[tuple[str, str]] = set()  # of these, those whose first version came with this load too
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in FACTS}
        self.skipped_money: dict[str, Decimal] = {}
        # Entities of which records were skipped, or told to be deleted: an update of no row still fires its triggers.
        self.skipped: set[str] = set()
        self.deleted: set[str] = set()

    def run(self, statement: str, **values: Any) -> psycopg.Cursor[dict[str, Any]]:
        """A statement of ours with the organisation, the system, the run and its moment beside the given values."""
        cursor = self.connection.cursor(row_factory=dict_row)
        known = {
            "organization": self.request.organization_id,
            "system": self.request.system,
            "run": self.run_id,
            "now": self.now,
        }
        return cursor.execute(_sql(statement), known | values)

    def stage_all(
        self, pages: Iterable[Page], on_progress: Progress, afterwards: Callable[[], None] = lambda: None
    ) -> None:
        """``afterwards`` is asked of the source while the last pages are written."""
        # Compiling a statement takes longer than most of ours.
        self.run(f"set work_mem = '{WORK_MEMORY}'; set jit = off")
        self._create_stages()
        for some in ahead(pages, afterwards):
            self.pages += some.pages
            for entity, outcomes in some.outcomes.items():
                self._stage(entity, outcomes)
                self.rows += len(outcomes)
            self._stage_raws(some.raws)
            for entity in list(some.outcomes)[-1:]:
                on_progress(f"reading {entity}", self.rows, None, self.pages)
        # Only what is joined and grouped by: to look at all columns of a wide table takes as long as to write it.
        stages = (STAGE_RAWS, STAGE_REJECTIONS, STAGE_SKIPPED, STAGE_DELETED)
        for stage in (*(fact.stage for fact in FACTS.values()), *stages):
            self.run(f"analyze {stage} (source_key)")

    def _create_stages(self) -> None:
        for fact in FACTS.values():
            self.run(
                f"drop table if exists {fact.stage}; create temp table {fact.stage} as "
                f"select 0::bigint as seq, {listed(fact.columns)} from {fact.table} with no data"
            )
        self.run(
            f"drop table if exists {STAGE_REJECTIONS}; create temp table {STAGE_REJECTIONS} as select 0::bigint as seq,"
            f" entity, {listed(REJECTED)} from ppm.rejections with no data"
        )
        self.run(
            f"drop table if exists {STAGE_SKIPPED}; create temp table {STAGE_SKIPPED} as select 0::bigint as seq,"
            " entity, source_key from ppm.rejections with no data"
        )
        self.run(
            f"drop table if exists {STAGE_DELETED}; create temp table {STAGE_DELETED} as select 0::bigint as seq,"
            " entity, source_key, true as whole from ppm.rejections with no data"
        )
        self.run(
            f"drop table if exists {STAGE_RAWS}; create temp table {STAGE_RAWS} as select 0::bigint as seq,"
            " stream, source_key, hash, record from ppm.raw_records with no data"
        )

    def _stage(self, entity: str, outcomes: Sequence[Outcome]) -> None:
        fact, counts = FACTS[entity], self.counts[entity]
        good: list[tuple[int, Outcome]] = []
        bad: list[tuple[int, Rejection]] = []
        skipped: list[tuple[int, str, str]] = []
        deleted: list[tuple[int, str, str, bool]] = []
        for place, outcome in enumerate(outcomes, self._seq):
            if isinstance(outcome, Rejection):
                bad.append((place, outcome))
            elif isinstance(outcome, Skipped):
                counts["skipped"] += 1
                skipped.append((place, entity, outcome.source_key))
                self._skip_money(entity, outcome)
            elif isinstance(outcome, Deleted):
                deleted.append((place, entity, outcome.source_key, outcome.whole))
            else:
                good.append((place, outcome))
        self._seq += len(outcomes)
        counts["total"] += len(outcomes)
        self.skipped |= {entity} if skipped else set()
        self.deleted |= {entity} if deleted else set()
        self._copy(fact.stage, ["seq", *fact.columns], _columns(fact, good))
        rejected = ((place, entity, *self._rejected(one)) for place, one in bad)
        self._copy(STAGE_REJECTIONS, ["seq", "entity", *REJECTED], list(zip(*rejected, strict=True)))
        self._copy(STAGE_SKIPPED, ["seq", "entity", "source_key"], list(zip(*skipped, strict=True)))
        self._copy(STAGE_DELETED, ["seq", "entity", "source_key", "whole"], list(zip(*deleted, strict=True)))

    def _stage_raws(self, raws: list[Raw]) -> None:
        """New ones go where they stay, in the merge's transaction; of the others only those that differ from what is
        kept are staged: most of a full read has not changed."""
        if not raws:
            return
        # A key that comes twice at once was never there in its first version.
        latest = {(raw.stream, raw.key): raw for raw in raws}
        every = [(*key, *encoded(raw.record)) for key, raw in latest.items()]
        found = self.run(
            f"select stream, source_key, hash, run_id = %(run)s as fresh from {RAW_RECORDS}"
            " where organization_id = %(organization)s and system = %(system)s"
            " and stream = any(%(streams)s) and source_key = any(%(keys)s)",
            streams=list({raw.stream for raw in raws}),
            keys=[raw.key for raw in raws],
        )
        kept = {(row["stream"], row["source_key"]): (row["hash"], row["fresh"]) for row in found}
        # One that came back to what is kept, after another version of it in the same read, counts again.
        known = [one for one in every if one[:2] in kept]
        changed = [one for one in known if kept[one[:2]][0] != one[2] or one[:2] in self._replaced]
        self._replaced |= {one[:2] for one in changed}
        self._unseen |= {one[:2] for one in changed if kept[one[:2]][1]}
        new = [one for one in every if one[:2] not in kept]
        self._new_raws += len(new)
        ours = (self.request.organization_id, self.request.system, self.run_id)
        self._copy(RAW_RECORDS, RAW, list(zip(*((*ours, *one) for one in new), strict=True)))
        rows = [(place, *one) for place, one in enumerate(changed, self._raw_seq)]
        self._raw_seq += len(changed)
        self._copy(STAGE_RAWS, ["seq", "stream", "source_key", "hash", "record"], list(zip(*rows, strict=True)))

    def _skip_money(self, entity: str, outcome: Skipped) -> None:
        amount, currency = outcome.amount, outcome.currency or ""
        if amount is not None and currency in MINOR_UNITS and entity in counted(self.request.entity):
            self.skipped_money[currency] = self.skipped_money.get(currency, ZERO) + amount

    @staticmethod
    def _rejected(one: Rejection) -> tuple[Any, ...]:
        values = {name: getattr(one, name) for name in REJECTED}
        return tuple((values | {"raw": encoded(one.raw)[1]}).values())

    def _copy(self, table: str, columns: list[str], values: Sequence[Sequence[Any]]) -> None:
        """``values`` are whole columns; none where there is no row."""
        if not values or not values[0]:
            return
        statement = f"copy {table} ({listed(columns)}) from stdin"
        with self.connection.cursor() as cursor, cursor.copy(_sql(statement)) as copy:
            copy.write(copying.block(values))


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


def ahead(pages: Iterable[Page], afterwards: Callable[[], None] = lambda: None) -> Iterator[Gathered]:
    """The pages, the next ones read while the last ones are written: source and PostgreSQL work at the same time.
    ``afterwards`` is done by the reader when it has read the last one.

    Memory holds two times so many. What reading raises is raised here. When nobody wants the rest, the reader ends with
    the answer that it waits for, within the client's timeout; the run's process does not wait for it.
    """
    ready: queue.Queue[tuple[Gathered | None, BaseException | None]] = queue.Queue(maxsize=1)
    stopped = threading.Event()

    def read() -> None:
        some = Gathered()
        try:
            for page in pages:
                some.add(page)
                if some.enough:
                    ready.put((some, None))
                    some = Gathered()
                if stopped.is_set():
                    return
            ready.put((some, None))
            afterwards()
            ready.put((None, None))
        except BaseException as error:
            ready.put((None, error))

    threading.Thread(target=read, daemon=True, name="reader").start()
    try:
        while (found := ready.get())[0] is not None:
            yield found[0]
    finally:
        stopped.set()
        with contextlib.suppress(queue.Empty):
            ready.get_nowait()
    if found[1] is not None:
        raise found[1]


def _columns(fact: Fact, good: list[tuple[int, Outcome]]) -> list[Sequence[Any]]:
    """The fields of the records, a column each, behind their running numbers."""
    records = [record for _, record in good]
    columns: dict[str, list[Any]] = {name: list(map(attrgetter(name), records)) for name in fact.columns}
    for name in ("custom_fields", "overlaid"):
        if name in columns:
            columns[name] = [_own_fields(own) if own else "{}" for own in columns[name]]
    return [[place for place, _ in good], *columns.values()]


def _own_fields(own: Mapping[str, Any]) -> str:
    return without_nul(json.dumps(own, default=str).encode()).decode()


def without_nul(encoded: bytes) -> bytes:
    """JSON without NUL characters; the six signs themselves, told by an escaped backslash before them, stay."""
    return NUL.sub(rb"\1", encoded) if b"\\u0000" in encoded else encoded


def encoded(record: Mapping[str, Any]) -> tuple[bytes, str]:
    """A digest and the JSON of a raw record, decimals as texts; PostgreSQL's JSON can't hold NUL characters."""
    told = without_nul(RECORDS.encode(record))
    return hashlib.blake2b(told, digest_size=16).digest(), told.decode()
