"""Records on their way to the facts: temporary tables of the session, filled by COPY page by page.

Belongs here: what is staged, and what is counted while it arrives. Does not belong here: what becomes of it (``load``).
Memory holds one page. The tables go with the session, so a killed load leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any, LiteralString

import msgspec
import psycopg
from psycopg.rows import dict_row

from ppm_pipelines.facts import FACTS, POINTERS, Fact, counted
from ppm_pipelines.records import MINOR_UNITS, ZERO, Deleted, Outcome, Page, Raw, Rejection, Skipped
from ppm_pipelines.runs import RunRequest

RECORDS = msgspec.json.Encoder(decimal_format="string")  # a JSON number would be read back as a float
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
        self.rows = self.pages = self._seq = 0
        self.counts: dict[str, Counter[str]] = {name: Counter() for name in FACTS}
        self.skipped_money: dict[str, Decimal] = {}

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

    def stage_all(self, pages: Iterable[Page], on_progress: Progress) -> None:
        self.run(f"set work_mem = '{WORK_MEMORY}'")
        self._create_stages()
        for page in pages:
            self._stage(page)
            self.pages += 1
            self.rows += len(page.outcomes)
            on_progress(f"reading {page.entity}", self.rows, None, self.pages)
        # Only what is joined and grouped by: to look at all columns of a wide table takes as long as to write it.
        for stage in (*(fact.stage for fact in FACTS.values()), STAGE_RAWS, STAGE_SKIPPED, STAGE_DELETED):
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

    def _stage(self, page: Page) -> None:
        fact, counts = FACTS[page.entity], self.counts[page.entity]
        good: list[tuple[int, Outcome]] = []
        bad: list[tuple[int, Rejection]] = []
        skipped: list[tuple[int, str, str]] = []
        deleted: list[tuple[int, str, str, bool]] = []
        for place, outcome in enumerate(page.outcomes, self._seq):
            if isinstance(outcome, Rejection):
                bad.append((place, outcome))
            elif isinstance(outcome, Skipped):
                counts["skipped"] += 1
                skipped.append((place, page.entity, outcome.source_key))
                self._skip_money(page.entity, outcome)
            elif isinstance(outcome, Deleted):
                deleted.append((place, page.entity, outcome.source_key, outcome.whole))
            else:
                good.append((place, outcome))
        self._seq += len(page.outcomes)
        counts["total"] += len(page.outcomes)
        row = self._row(fact)
        self._copy(fact.stage, fact.columns, ((place, *row(one)) for place, one in good))
        rejected = ((place, page.entity, *self._rejected(one)) for place, one in bad)
        self._copy(STAGE_REJECTIONS, ["entity", *REJECTED], rejected)
        self._copy(STAGE_SKIPPED, ["entity", "source_key"], skipped)
        self._copy(STAGE_DELETED, ["entity", "source_key", "whole"], deleted)
        self._stage_raws(page.raws)

    def _stage_raws(self, raws: list[Raw]) -> None:
        """Only those that differ from what is kept: most of a full read has not changed."""
        if not raws:
            return
        encoded = [(raw.stream, raw.key, *_encoded(raw.record)) for raw in raws]
        known = self.run(
            "select stream, source_key, hash from ppm.raw_records where organization_id = %(organization)s"
            " and system = %(system)s and stream = any(%(streams)s) and source_key = any(%(keys)s)",
            streams=list({raw.stream for raw in raws}),
            keys=[raw.key for raw in raws],
        )
        kept = {(row["stream"], row["source_key"]): row["hash"] for row in known}
        new = [one for one in encoded if kept.get(one[:2]) != one[2]]
        rows = ((self._seq + place, *one) for place, one in enumerate(new))
        self._copy(STAGE_RAWS, ["stream", "source_key", "hash", "record"], rows)

    def _skip_money(self, entity: str, outcome: Skipped) -> None:
        amount, currency = outcome.amount, outcome.currency or ""
        if amount is not None and currency in MINOR_UNITS and entity in counted(self.request.entity):
            self.skipped_money[currency] = self.skipped_money.get(currency, ZERO) + amount

    @staticmethod
    def _row(fact: Fact) -> Callable[[Outcome], tuple[Any, ...]]:
        values = attrgetter(*fact.columns)
        if "custom_fields" not in fact.columns:
            return values
        place = fact.columns.index("custom_fields")

        def row(record: Outcome) -> tuple[Any, ...]:
            cells = values(record)
            own = json.dumps(cells[place], default=str) if cells[place] else "{}"
            return (*cells[:place], own, *cells[place + 1 :])

        return row

    @staticmethod
    def _rejected(one: Rejection) -> tuple[Any, ...]:
        values = {name: getattr(one, name) for name in REJECTED}
        return tuple((values | {"raw": _encoded(one.raw)[1]}).values())

    def _copy(self, table: str, columns: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
        statement = f"copy {table} (seq, {listed(columns)}) from stdin"
        with self.connection.cursor() as cursor, cursor.copy(_sql(statement)) as copy:
            for row in rows:
                copy.write_row(row)


def _encoded(record: Mapping[str, Any]) -> tuple[bytes, str]:
    """A digest and the JSON of a raw record, decimals as texts; PostgreSQL's JSON can't hold NUL characters."""
    encoded = RECORDS.encode(record).replace(b"\\u0000", b"")
    return hashlib.blake2b(encoded, digest_size=16).digest(), encoded.decode()
