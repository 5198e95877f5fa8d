"""The fields that a source has, as it was last seen, and what of them changed: appeared, vanished, another type.

Belongs here: remembering fields, telling drift, refusing a sync whose required field is gone. Does not belong here: how
a source tells its fields (``adapters``), which field is mapped to what (``mappings``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ppm_pipelines.mapping.fields import SourceField, targets
from ppm_pipelines.mappings import Saved
from ppm_pipelines.tables import field_mappings, source_fields

APPEARED, VANISHED, RETYPED = "appeared", "vanished", "type_changed"
ABOUT = ("type", "label_en", "label_de", "custom", "read")


class FieldLost(Exception):
    """A confirmed mapping needs a field that the source has no more; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed of a field since the mapping was saved. ``was`` and ``now`` are types."""

    field: str
    kind: str
    was: str | None
    now: str | None
    at: datetime


def seen(
    connection: sa.Connection, organization_id: str, system: str, fields: Mapping[str, Sequence[SourceField]]
) -> dict[str, set[str]]:
    """Remembers what the source has now, by entity, and what of it is otherwise than before; answers what it has no
    more. What is there at first sight is no drift; a source that tells nothing changes nothing."""
    known: dict[str, dict[str, Mapping[Any, Any]]] = {entity: {} for entity in fields}
    for row in _rows(connection, organization_id, system, fields):
        known[row["entity"]][row["name"]] = row
    place = {"organization_id": organization_id, "system": system}
    told = {entity: there for entity, there in fields.items() if there}
    changed = [
        place | {"entity": entity} | _changed(one, known[entity].get(one.name), first=not known[entity])
        for entity, there in told.items()
        for one in there
        if _differs(one, known[entity].get(one.name))
    ]
    if changed:
        _write(connection, changed)
    lost: dict[str, set[str]] = {}
    for entity, rows in known.items():
        if entity not in told:
            lost[entity] = {name for name, row in rows.items() if row["drift"] == VANISHED}
            continue
        lost[entity] = rows.keys() - {one.name for one in told[entity]}
        if gone := [name for name in lost[entity] if rows[name]["drift"] != VANISHED]:
            _lose(connection, organization_id, system, entity, gone)
    if told:
        _note_asked(connection, organization_id, system, {entity: there[0].name for entity, there in told.items()})
    return lost


def _lose(connection: sa.Connection, organization_id: str, system: str, entity: str, names: Collection[str]) -> None:
    left = {"drift": VANISHED, "drifted_at": sa.func.clock_timestamp(), "was_type": source_fields.c.type}
    mine = _place(organization_id, system, entity)
    connection.execute(sa.update(source_fields).where(mine, source_fields.c.name.in_(names)).values(left))


def _note_asked(connection: sa.Connection, organization_id: str, system: str, first: Mapping[str, str]) -> None:
    """When the source was asked, on one field of each entity: all of them at each sync would be many rows for that."""
    field = source_fields.c
    mine = (field.organization_id == organization_id, field.system == system)
    which = sa.tuple_(field.entity, field.name).in_(list(first.items()))
    connection.execute(sa.update(source_fields).where(*mine, which).values(asked_at=sa.func.clock_timestamp()))


def _changed(one: SourceField, was: Mapping[Any, Any] | None, *, first: bool) -> dict[str, Any]:
    """The field's row; ``drift`` where something is to be told of it."""
    row = {"name": one.name, **{name: getattr(one, name) for name in ABOUT}}
    drift, before = (None, None) if was is None else (was["drift"], was["was_type"])
    if was is None:
        drift = None if first else APPEARED
    elif drift == VANISHED:
        drift, before = APPEARED, was["type"]
    elif one.type and was["type"] and one.type != was["type"]:
        drift, before = RETYPED, was["type"]
    return row | {"drift": drift, "was_type": before}


def _differs(one: SourceField, was: Mapping[Any, Any] | None) -> bool:
    return was is None or was["drift"] == VANISHED or any(was[name] != getattr(one, name) for name in ABOUT)


def _write(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    """The moment of a drift is when it was first told."""
    now = sa.func.clock_timestamp()
    made = insert(source_fields).values(
        [
            {**row, "first_seen_at": now, "asked_at": now, "drifted_at": now if row["drift"] else sa.null()}
            for row in rows
        ]
    )
    new, kept = made.excluded, source_fields.c
    same = new.drift.is_not_distinct_from(kept.drift) & new.was_type.is_not_distinct_from(kept.was_type)
    values: dict[str, Any] = {name: new[name] for name in (*ABOUT, "drift", "was_type")}
    values["drifted_at"] = sa.case((same, kept.drifted_at), else_=new.drifted_at)
    connection.execute(made.on_conflict_do_update(index_elements=list(source_fields.primary_key), set_=values))


def known(connection: sa.Connection, organization_id: str, system: str, entity: str) -> list[SourceField]:
    """The fields that the source has, by name; empty where it was never asked or tells none."""
    rows = _rows(connection, organization_id, system, [entity])
    return [SourceField(row["name"], **{name: row[name] for name in ABOUT}) for row in rows if row["drift"] != VANISHED]


def asked_at(connection: sa.Connection, organization_id: str, system: str, entity: str) -> datetime | None:
    """When the source told its fields last."""
    query = sa.select(sa.func.max(source_fields.c.asked_at)).where(_place(organization_id, system, entity))
    found: datetime | None = connection.scalar(query)
    return found


def told(connection: sa.Connection, organization_id: str, saved: Saved) -> list[Drift]:
    """What changed since the mapping was saved, the newest first."""
    field = source_fields.c
    query = sa.select(source_fields).where(
        _place(organization_id, saved.system, saved.entity), field.drift.is_not(None)
    )
    if saved.saved_at is not None:
        query = query.where(field.drifted_at > saved.saved_at)
    rows = connection.execute(query.order_by(field.drifted_at.desc(), field.name)).mappings()
    return [
        Drift(
            row["name"],
            row["drift"],
            row["was_type"],
            None if row["drift"] == VANISHED else row["type"],
            row["drifted_at"],
        )
        for row in rows
    ]


def counts(connection: sa.Connection, organization_id: str) -> dict[str, int]:
    """By system, how much is to be told."""
    field, saved = source_fields.c, field_mappings.c
    since = (
        sa.select(sa.func.max(saved.saved_at))
        .where(saved.organization_id == field.organization_id, saved.system == field.system)
        .where(saved.entity == field.entity)
        .scalar_subquery()
    )
    query = (
        sa.select(field.system, sa.func.count().label("fields"))
        .where(field.organization_id == organization_id, field.drift.is_not(None))
        .where(sa.func.coalesce(field.drifted_at > since, sa.true()))
        .group_by(field.system)
    )
    return {row.system: row.fields for row in connection.execute(query)}


def gone(connection: sa.Connection, organization_id: str, system: str, entity: str) -> set[str]:
    """The fields that the source told once and has no more. What only raw records hold it never told."""
    query = sa.select(source_fields.c.name).where(_place(organization_id, system, entity))
    return set(connection.scalars(query.where(source_fields.c.drift == VANISHED)))


def check(saved: Iterable[Saved], lost: Mapping[str, Collection[str]]) -> None:
    """Raises FieldLost where a required target is mapped to a field that is gone; ``lost`` are those, by entity."""
    for one in saved:
        required = {target.name for target in targets(one.entity) if target.required}  # type: ignore[arg-type]
        for line in one.draft.lines:
            missing = next((source for source in line.sources if source in lost.get(one.entity, ())), None)
            if missing and line.target in required:
                raise FieldLost(
                    f"The source has no field {missing} any more, and the confirmed field mapping of {line.target} "
                    f"needs it. Nothing was changed. Map {line.target} to another field, or ask the source's "
                    "administrator."
                )


def _place(organization_id: str, system: str, entity: str) -> sa.ColumnElement[bool]:
    field = source_fields.c
    return sa.and_(field.organization_id == organization_id, field.system == system, field.entity == entity)


def _rows(
    connection: sa.Connection, organization_id: str, system: str, entities: Iterable[str]
) -> list[Mapping[Any, Any]]:
    field = source_fields.c
    query = sa.select(source_fields).where(
        field.organization_id == organization_id, field.system == system, field.entity.in_(list(entities))
    )
    return list(connection.execute(query.order_by(field.name)).mappings())
