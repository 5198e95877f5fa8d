"""Field mappings over what is held: applied again without the source, tried before they are saved, shown with samples.

Belongs here: held records with the raw records they were made from, pages of them under other lines, a preview in
money. Does not belong here: what lines do to one record (``mapping.overlay``), merging (``load``).

What is held says for every field under a line what the adapter had made (``overlaid``), so that the adapter's record is
known without asking it. What a source lists no more stays as it ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from ppm_pipelines import database, drift, labour, mappings, tables
from ppm_pipelines.adapters import ADAPTERS
from ppm_pipelines.facts import FACTS
from ppm_pipelines.load import ANOMALIES_TOLD
from ppm_pipelines.mapping import overlay, review
from ppm_pipelines.mapping.fields import SourceField
from ppm_pipelines.mapping.transforms import Failure, Line
from ppm_pipelines.mappings import Saved
from ppm_pipelines.records import ZERO, Mapped, Outcome, Page, Project, Rejection, shown

AT_ONCE = 1000
SAMPLED = 200  # records that samples are taken from
SAMPLES, SAMPLE_LENGTH = 3, 80
EXAMPLES, MOVED_PROJECTS, BAD_SAMPLES = 5, 50, 3
PREVIEWED = 50_000  # records that a preview runs through, the newest first


@dataclass(frozen=True, slots=True)
class Held:
    """A record as it is stored, as the adapter made it, and its raw record as lines see it. ``stored`` is None for one
    in quarantine."""

    record: Mapped
    row: Mapping[str, Any]
    stored: Mapping[str, Any] | None


def held(
    connection: sa.Connection, organization_id: str, system: str, entity: str, most: int | None = None
) -> Iterator[Held]:
    """What the source still lists, with its raw record, the newest first; then what a mapping put in quarantine.

    A row whose newest version waits in quarantine for another reason stays as it is: its raw record is not what it was
    made from.
    """
    fact, raw = FACTS[entity], tables.raw_records.c
    table, seen_as = fact.table.c, ADAPTERS[system].row
    query = (
        sa.select(fact.table, raw.record.label("raw_record"))
        .join(
            tables.raw_records,
            (raw.organization_id == table.organization_id)
            & (raw.system == table.system)
            & (raw.stream == table.raw_stream)
            & (raw.source_key == table.raw_key),
        )
        .where(*_which(organization_id, system, entity))
        .order_by(table.id.desc())
        .limit(most)
    )
    result = connection.execute(query.execution_options(yield_per=AT_ONCE))
    for found in result.mappings():
        stored: dict[str, Any] = {**found}
        record = overlay.original(fact.record, _counting(stored))
        row = seen_as(entity, stored["raw_record"], overlay.values_of(record))
        yield Held(record, row, stored)
    yield from _quarantined(connection, organization_id, system, entity)


def _which(organization_id: str, system: str, entity: str) -> list[sa.ColumnElement[bool]]:
    fact, bad = FACTS[entity], tables.rejections.c
    table = fact.table.c
    waits = sa.exists().where(
        bad.organization_id == table.organization_id,
        bad.system == table.system,
        bad.entity == entity,
        bad.source_key == table.source_key,
    )
    mine = [table.organization_id == organization_id, table.system == system, table.raw_key != "", ~waits]
    return [*mine, table.listed] if fact.ended else mine


def how_many(connection: sa.Connection, organization_id: str, system: str, entity: str) -> int:
    """The records that ``held`` gives."""
    bad = tables.rejections.c
    quarantined = sa.select(sa.func.count()).where(
        bad.organization_id == organization_id, bad.system == system, bad.entity == entity, bad.code == "mapping"
    )
    stored = sa.select(sa.func.count()).select_from(FACTS[entity].table)
    stored = stored.where(*_which(organization_id, system, entity))
    return (connection.scalar(stored) or 0) + (connection.scalar(quarantined) or 0)


def waiting(connection: sa.Connection, organization_id: str, system: str, entity: str) -> bool:
    """Whether a saved mapping does not lie over what is held yet, and can be laid over it without the source."""
    saved = mappings.active(connection, organization_id, system, entity)
    if saved.applied or awaited(connection, organization_id, saved):
        return False
    return how_many(connection, organization_id, system, entity) > 0


def known(connection: sa.Connection, organization_id: str, system: str, entity: str) -> list[SourceField]:
    """The fields that the source tells; read are those too that the version reads which all that is held follows.

    It is the version that tells, and not what some records hold: once a line is taken away, records that change are
    read without its fields.
    """
    place = (organization_id, system, entity)
    asked = mappings.laid(connection, *place).sources
    return [replace(one, read=one.read or one.name in asked) for one in drift.known(connection, *place)]


def awaited(connection: sa.Connection, organization_id: str, saved: Saved) -> dict[str, list[str]]:
    """By target, the fields of the version's lines that only a whole read of the source brings."""
    return review.awaited(saved.draft.lines, known(connection, organization_id, saved.system, saved.entity))


def _counting(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """Labour that another system's stands for is decided anew at every merge."""
    if stored.get("not_counted_reason") != labour.OTHER:
        return stored
    return {**stored, "counts": True, "not_counted_reason": None}


def _quarantined(connection: sa.Connection, organization_id: str, system: str, entity: str) -> Iterator[Held]:
    bad = tables.rejections.c
    query = sa.select(bad.raw).where(
        bad.organization_id == organization_id, bad.system == system, bad.entity == entity, bad.code == "mapping"
    )
    for raw in connection.scalars(query.order_by(bad.id)):
        record = overlay.quarantined(raw)
        if record is not None:
            yield Held(record, raw["source"], None)


# Applying ------------------------------------------------------------------------------------------------------------


@dataclass
class Applied:
    """The lines that a run lays over records, by entity, and what it could not read: told beside the counts."""

    saved: Mapping[str, Saved]
    system: str
    unread: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def lines(self, entity: str) -> Sequence[Line]:
        """Without those that read who worked: a mapping of an earlier release may have some."""
        if entity not in self.saved:
            return ()
        tells = ADAPTERS[self.system].tells_who_worked
        return [line for line in self.saved[entity].draft.lines if not any(map(tells, line.sources))]

    def sources(self, entity: str) -> frozenset[str]:
        """The fields that the lines read."""
        return frozenset(source for line in self.lines(entity) for source in line.sources)

    @property
    def versions(self) -> dict[str, int]:
        return {entity: saved.version for entity, saved in self.saved.items()}

    def page(self, page: Page) -> Page:
        """The page with the lines over its records; changed in place."""
        if page.entity == "projects":
            _point(page)
        lines = self.lines(page.entity)
        if lines:
            rows = {(raw.stream, raw.key): raw.record for raw in page.raws}
            page.outcomes = [self._over(one, rows, page.entity, lines) for one in page.outcomes]
        return page

    def _over(
        self, one: Outcome, rows: Mapping[tuple[str, str], Mapping[str, Any]], entity: str, lines: Sequence[Line]
    ) -> Outcome:
        if type(one) not in overlay.ENTITY or not getattr(one, "raw_key", ""):
            return one
        record: Any = one
        raw = rows[record.raw_stream, record.raw_key]
        row = ADAPTERS[self.system].row(entity, raw, overlay.values_of(record))
        return self.over(record, row, entity, lines)

    def over(self, record: Mapped, row: Mapping[str, Any], entity: str, lines: Sequence[Line]) -> Outcome:
        made, failures = overlay.lay_over(record, row, lines)
        told = self.unread.setdefault(entity, [])
        told += [_unread(record.source_key, one) for one in failures[: ANOMALIES_TOLD - len(told)]]
        return made


def _point(page: Page) -> None:
    """Projects have the key of their raw record."""
    streams = {raw.key: raw.stream for raw in page.raws}
    for one in page.outcomes:
        if isinstance(one, Project) and one.source_key in streams:
            one.raw_stream, one.raw_key = streams[one.source_key], one.source_key


def _unread(key: str, failure: Failure) -> dict[str, str]:
    return {
        "kind": "not_mapped",
        "key": key,
        "field": failure.target,
        "before": ", ".join(failure.sources),
        "after": failure.said.sentence("en"),
    }


def pages(applied: Applied, organization_id: str, entity: str) -> Iterator[Page]:
    """All that is held under the lines that count now."""
    lines = applied.lines(entity)
    with database.owner() as connection:
        outcomes: list[Outcome] = []
        for one in held(connection, organization_id, applied.system, entity):
            outcomes.append(applied.over(one.record, one.row, entity, lines))
            if len(outcomes) == AT_ONCE:
                yield Page(entity, outcomes)  # type: ignore[arg-type]
                outcomes = []
        yield Page(entity, outcomes)  # type: ignore[arg-type]


# Samples -------------------------------------------------------------------------------------------------------------


def samples(connection: sa.Connection, organization_id: str, system: str, entity: str) -> dict[str, list[str]]:
    """By field, up to three different values of the newest records. Fields that hold nothing are there too."""
    found: dict[str, list[str]] = {}
    for one in held(connection, organization_id, system, entity, SAMPLED):
        for name, value in _flat(one.row):
            values = found.setdefault(name, [])
            told = "" if value is None else _text(value)
            if told and len(values) < SAMPLES and told not in values:
                values.append(told)
    return found


def _flat(row: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Single values by their path; lists are no fields."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        elif not isinstance(value, list):
            yield f"{above}{name}", value


def _text(value: Any) -> str:
    told = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return told if len(told) <= SAMPLE_LENGTH else f"{told[: SAMPLE_LENGTH - 1]}…"


def with_samples(known: Iterable[SourceField], found: Mapping[str, Sequence[str]]) -> list[SourceField]:
    """The fields that the source tells, and those that raw records hold beside them, with samples. What holds fields in
    other records is empty in this one and no field itself."""
    told = {one.name: one for one in known}
    holders = {name[:dot] for name in (*told, *found) for dot, letter in enumerate(name) if letter == "."}
    names = [*told, *(name for name in found if name not in told and name not in holders)]
    fields = (told.get(name) or SourceField(name) for name in names)
    return [replace(one, samples=tuple(found.get(one.name, ()))) for one in fields]


# Preview -------------------------------------------------------------------------------------------------------------

# Company code and number of a project, currency, figure -> before and after.
Money = dict[tuple[tuple[str, str], str, str], list[Decimal]]


@dataclass
class Preview:
    """What lines would do to what is held: nothing is changed. ``money`` sums what counts. ``awaited`` are fields by
    target without which that line gives nothing yet."""

    rows: int = 0
    changed: int = 0
    rejected: int = 0
    errors: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    examples: list[dict[str, Any]] = field(default_factory=list)
    money: Money = field(default_factory=dict)
    awaited: Mapping[str, Sequence[str]] = field(default_factory=dict)


def preview(connection: sa.Connection, organization_id: str, saved: Saved, lines: Sequence[Line]) -> Preview:
    """Runs the newest records through the lines and compares with what is stored."""
    fields = known(connection, organization_id, saved.system, saved.entity)
    found = Preview(awaited=review.awaited(lines, fields))
    names = [*dict.fromkeys(one.target for one in (*lines, *saved.draft.lines))]
    lines = [one for one in lines if one.target not in found.awaited]
    for one in held(connection, organization_id, saved.system, saved.entity, PREVIEWED):
        found.rows += 1
        made, failures = overlay.lay_over(one.record, one.row, lines)
        if isinstance(made, Rejection):
            found.rejected += 1
            _count_error(found, made.field, made.reason, lines, one.row)
        for failure in failures:
            _count_error(found, failure.target, failure.said, lines, one.row)
        _compare(found, one, made, names)
        _add_money(found, saved.entity, one, made)
    return found


def _count_error(found: Preview, target: str, said: Any, lines: Sequence[Line], row: Mapping[str, Any]) -> None:
    code = said if isinstance(said, str) else said.code
    known = found.errors.setdefault((target, code), {"said": said, "count": 0, "samples": [], "sources": ()})
    known["count"] += 1
    line = next((one for one in lines if one.target == target), None)
    known["sources"] = line.sources if line else ()
    flat = dict(_flat(row)) if len(known["samples"]) < BAD_SAMPLES else {}
    for source in known["sources"]:
        told = _text(flat[source]) if flat.get(source) is not None else ""
        if told and told not in known["samples"]:
            known["samples"].append(told)


def _compare(found: Preview, one: Held, made: Mapped | Rejection, names: Sequence[str]) -> None:
    after = None if isinstance(made, Rejection) else overlay.values_of(made)
    changes = [
        {"target": name, "before": _value(one.stored, name), "after": _value(after, name)}
        for name in names
        if _value(one.stored, name) != _value(after, name)
    ]
    found.changed += bool(changes)
    if changes and len(found.examples) < EXAMPLES:
        about = {"key": one.record.source_key, "project_nr": one.record.project_nr}
        error = made.reason if isinstance(made, Rejection) else None
        found.examples.append(about | {"values": changes, "error": error})


def _value(values: Mapping[str, Any] | None, name: str) -> Any:
    """A field's value for a person; money as exact text."""
    if values is None:
        return None
    above, _, own = name.partition(".")
    value = (values[above] or {}).get(own) if own else values[name]
    if isinstance(value, Decimal):
        return (
            format(shown(value, values["currency"] or ""), "f")
            if name.endswith("amount")
            else format(value.normalize(), "f")
        )
    return value if value is None or isinstance(value, bool) else str(value)


def _add_money(found: Preview, entity: str, one: Held, made: Mapped | Rejection) -> None:
    now = None if isinstance(made, Rejection) else overlay.values_of(made)
    for figure, column in FACTS[entity].sums.items():
        for side, values in enumerate((one.stored, now)):
            if values is not None and _counts(values):
                project = (values["company_code"], values["project_nr"])
                moved = found.money.setdefault((project, values["currency"], figure), [ZERO, ZERO])
                moved[side] += values[column]


def _counts(values: Mapping[str, Any]) -> bool:
    return bool(values["counts"]) and values.get("removed_at") is None and values.get("removed_reason") is None
