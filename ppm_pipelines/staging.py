"""Records on their way to the facts: temporary tables of the session, filled by COPY page by page.

Belongs here: what is staged. Does not belong here: how pages arrive and are counted (``arriving``), what becomes of
what is staged (``load``). The tables go with the session: a killed load leaves nothing behind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from ppm_pipelines import copying
from ppm_pipelines.arriving import (
    RAW,
    REJECTED,
    STAGE_DELETED,
    STAGE_REJECTIONS,
    STAGE_SKIPPED,
    Ahead,
    Arrived,
    Copy,
    RawRow,
    Sorter,
    at_full_speed,
    raw_lines,
    usual,
)
from ppm_pipelines.facts import FACTS, Fact, counted
from ppm_pipelines.records import Page
from ppm_pipelines.runs import RunRequest

WORK_MEMORY = "64MB"  # of PostgreSQL, for this session: joins of a whole system's rows fit
LOOKED_AT = 20  # three hundred times as many rows are
STAGE_RAWS = "stage_raws"
RAW_RECORDS = "ppm.raw_records"

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
        self.rows = self.pages = self._raw_seq = self._new_raws = 0
        self.arrived = Sorter(counted(request.entity))
        self.counts = self.arrived.counts
        self._replaced: set[tuple[str, str]] = set()  # raw records that are kept in another version than was read
        self._unseen: set[tuple[str, str]] = set()  # of these, those whose first version came with this load too

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
        self,
        pages: Iterable[Page],
        on_progress: Progress,
        afterwards: Callable[[], None] = lambda: None,
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """``afterwards`` is asked of the source while the last pages are written, ``meanwhile`` is done while the first
        ones are read."""
        # Compiling a statement takes longer than most of ours. To tell ten staged rows from a million, PostgreSQL need
        # not look at thirty thousand of them.
        self.run(f"set work_mem = '{WORK_MEMORY}'; set jit = off; set default_statistics_target = {LOOKED_AT}")
        with at_full_speed(), contextlib.closing(Ahead(pages, self.arrived.sorted, afterwards)) as arriving:
            self._create_stages()
            self.arrived.raws_are_new = not self.run(
                f"select from {RAW_RECORDS} where organization_id = %(organization)s and system = %(system)s limit 1"
            ).rowcount
            meanwhile()
            for some in arriving:
                self._stage(some)
                if some.entity:
                    on_progress(f"reading {some.entity}", self.rows, None, self.pages)
        # Only what is joined and grouped by: to look at all columns of a wide table takes as long as to write it.
        others = (STAGE_RAWS, STAGE_REJECTIONS, STAGE_SKIPPED, STAGE_DELETED)
        stages = (*(fact.stage for fact in FACTS.values()), *others)
        self.run(f"analyze {listed(f'{stage} (seq, source_key)' for stage in stages)}")

    def _stage(self, some: Arrived) -> None:
        self.pages += some.pages
        self.rows += some.rows
        for copy in some.copies:
            self._copy(copy)
        self._stage_raws(some.raws, some.lines)

    def _create_stages(self) -> None:
        stages = {fact.stage: f"{listed(fact.columns)} from {fact.table}" for fact in FACTS.values()} | {
            STAGE_REJECTIONS: f"entity, {listed(REJECTED)} from ppm.rejections",
            STAGE_SKIPPED: "entity, source_key from ppm.rejections",
            STAGE_DELETED: "entity, source_key, true as whole from ppm.rejections",
            STAGE_RAWS: f"{listed(RAW)} from {RAW_RECORDS}",
        }
        made = [
            f"drop table if exists {stage};"
            f" create temp table {stage} as select 0::bigint as seq, {columns} with no data"
            for stage, columns in stages.items()
        ]
        self.run("; ".join([*made, *map(_defaults, FACTS.values())]))

    def _stage_raws(self, every: list[RawRow], lines: list[bytes] | None) -> None:
        """New ones go where they stay, in the merge's transaction; of the others only those that differ from what is
        kept are staged: most of a full read has not changed."""
        if not every or (self.arrived.raws_are_new and self._all_new(lines or raw_lines(every))):
            return
        found = self.run(
            f"select stream, source_key, hash, run_id = %(run)s as fresh from {RAW_RECORDS}"
            " where organization_id = %(organization)s and system = %(system)s"
            " and stream = any(%(streams)s) and source_key = any(%(keys)s)",
            streams=list({raw.stream for raw in every}),
            keys=[raw.key for raw in every],
        )
        kept = {(row["stream"], row["source_key"]): (row["hash"], row["fresh"]) for row in found}
        # One that came back to what is kept, after another version of it in the same read, counts again.
        known = [one for one in every if one[:2] in kept]
        changed = [one for one in known if kept[one[:2]][0] != one.hash or one[:2] in self._replaced]
        self._replaced |= {one[:2] for one in changed}
        self._unseen |= {one[:2] for one in changed if kept[one[:2]][1]}
        self._keep_new(raw_lines([one for one in every if one[:2] not in kept]))
        places = range(self._raw_seq, self._raw_seq + len(changed))
        self._raw_seq += len(changed)
        if changed:
            rows = [*map(b"%d\t%b".__mod__, zip(places, raw_lines(changed), strict=True))]
            self._copy(Copy(STAGE_RAWS, ["seq", *RAW], copying.block_of([], rows)))

    def _all_new(self, lines: list[bytes]) -> bool:
        """Keeps them as new ones, in a first load: looking whether each is kept takes a third as long as to write it.
        False, and nothing is kept, where one of them came with an earlier page."""
        try:
            with self.connection.transaction():
                self._keep_new(lines)
        except psycopg.errors.UniqueViolation:
            return False
        return True

    def _keep_new(self, lines: list[bytes]) -> None:
        if lines:
            ours = (self.request.organization_id, self.request.system, self.run_id)
            rows = copying.block_of(ours, lines)
            self._copy(Copy(RAW_RECORDS, ["organization_id", "system", "run_id", *RAW], rows))
            self._new_raws += len(lines)

    def _copy(self, some: Copy) -> None:
        statement = f"copy {some.table} ({listed(some.columns)}) from stdin"
        with self.connection.cursor() as cursor, cursor.copy(_sql(statement)) as copy:
            copy.write(some.rows)


def _defaults(fact: Fact) -> str:
    """A staged record's columns that are not copied hold what is usual."""
    told = [
        f"alter column {name} set default {value if isinstance(value, bool) else repr(value)}"
        for name, value in usual(fact).items()
    ]
    return f"alter table {fact.stage} {listed(told)}"
