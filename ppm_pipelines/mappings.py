"""Saved field mappings: versions of an administrator's lines per system and entity, and what was decided of fields.

Belongs here: reading, saving and restoring versions, and what they say to suggestions. Does not belong here: what lines
do to records (``mapping.overlay``), laying them over what is held (``remapping``), the fields of sources (``drift``).

The newest version counts. Nothing is in it that a person has not confirmed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from ppm_pipelines.mapping import transforms
from ppm_pipelines.mapping.fields import CUSTOM, Entity, Target, custom_field, targets
from ppm_pipelines.mapping.suggest import Decision
from ppm_pipelines.mapping.transforms import RECORD, BadLine, Line
from ppm_pipelines.tables import audit_log, field_mappings

ENTITIES: tuple[Entity, ...] = ("projects", "commitments", "actuals")


class BadMapping(Exception):
    """A mapping that can't be; the sentence says why. Nothing was saved."""


class ChangedMeanwhile(Exception):
    """Somebody else saved the mapping since it was read."""


class NoSuchVersion(Exception):
    """There is no version of that number."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person has decided: own ``lines``, fields set aside, and pairs of field and target that are wrong."""

    lines: tuple[Line, ...] = ()
    ignored: tuple[str, ...] = ()
    rejected: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, list[Any]]:
        return {
            "lines": [one.as_json() for one in self.lines],
            "ignored": list(self.ignored),
            "rejected": [{"field": one, "target": target} for one, target in self.rejected],
        }


@dataclass(frozen=True, slots=True)
class Saved:
    """A version of a mapping; 0 is the one before anything was saved. ``applied``: all that is held follows it."""

    system: str
    entity: str
    version: int = 0
    draft: Draft = field(default_factory=Draft)
    saved_at: datetime | None = None
    saved_by: str = ""
    reason: str = ""
    restored_from: int | None = None
    applied_run_id: str | None = None

    @property
    def applied(self) -> bool:
        return self.version == 0 or self.applied_run_id is not None

    @property
    def sources(self) -> frozenset[str]:
        """The fields that its lines read."""
        return frozenset(source for line in self.draft.lines for source in line.sources)


# Drafts from JSON ----------------------------------------------------------------------------------------------------


def draft_of(entity: Entity, data: Mapping[str, Any], known: Iterable[str] = ()) -> Draft:
    """A draft from its JSON. ``known`` are the source's fields, where they are known: other sources are refused. Raises
    BadMapping."""
    made = tuple(_line(entity, one, frozenset(known)) for one in data.get("lines") or ())
    named = [one.target for one in made]
    if twice := next((name for name in named if named.count(name) > 1), None):
        raise BadMapping(f"{twice} has two lines. Give each target one, and join fields with the step concatenate.")
    rejected = {(str(one["field"]), str(one["target"])) for one in data.get("rejected") or ()}
    return Draft(made, tuple(sorted(set(data.get("ignored") or ()))), tuple(sorted(rejected)))


def _line(entity: Entity, data: Mapping[str, Any], known: frozenset[str]) -> Line:
    target = target_of(entity, str(data.get("target", "")))
    try:
        made = transforms.line({**data, "target": target.name, "type": data.get("type") or target.type})
    except BadLine as error:
        raise BadMapping(f"{error}.") from None
    if not target.custom and made.type != target.type:
        raise BadMapping(f"{target.name} is of type {target.type}, not {made.type}.")
    for source in made.sources:
        if known and source not in known and not source.startswith(RECORD):
            raise BadMapping(f"The source has no field {source}. Choose another field.")
    return made


def target_of(entity: Entity, name: str) -> Target:
    """The target of that name. Raises BadMapping."""
    if name.startswith(CUSTOM):
        try:
            return custom_field(entity, name.removeprefix(CUSTOM))
        except ValueError as error:
            raise BadMapping(f"{error}.") from None
    found = next((one for one in targets(entity) if one.name == name), None)
    if found is None:
        raise BadMapping(f"There is no target {name}. Choose a field of the Costbook, or custom_fields.<name>.")
    return found


# Versions ------------------------------------------------------------------------------------------------------------


def active(connection: sa.Connection, organization_id: str, system: str, entity: str) -> Saved:
    """The newest version; version 0 where nothing was saved."""
    found = versions(connection, organization_id, system, entity, 1)
    return found[0] if found else Saved(system, entity)


def all_active(connection: sa.Connection, organization_id: str, system: str) -> dict[str, Saved]:
    """The newest version by entity, of those that anything was saved of."""
    query = sa.select(field_mappings).where(
        field_mappings.c.organization_id == organization_id, field_mappings.c.system == system
    )
    newest = query.ext(distinct_on(field_mappings.c.entity)).order_by(
        field_mappings.c.entity, field_mappings.c.version.desc()
    )
    return {row["entity"]: _saved(row) for row in connection.execute(newest).mappings()}


def versions(
    connection: sa.Connection, organization_id: str, system: str, entity: str, most: int | None = None
) -> list[Saved]:
    """The newest first."""
    query = sa.select(field_mappings).where(_place(organization_id, system, entity))
    rows = connection.execute(query.order_by(field_mappings.c.version.desc()).limit(most))
    return [_saved(row) for row in rows.mappings()]


def laid(connection: sa.Connection, organization_id: str, system: str, entity: str) -> Saved:
    """The newest version that all that is held followed; version 0 where none was ever applied."""
    query = sa.select(field_mappings).where(
        _place(organization_id, system, entity), field_mappings.c.applied_run_id.is_not(None)
    )
    row = connection.execute(query.order_by(field_mappings.c.version.desc()).limit(1)).mappings().one_or_none()
    return Saved(system, entity) if row is None else _saved(row)


def version(connection: sa.Connection, organization_id: str, system: str, entity: str, number: int) -> Saved:
    """Version 0 is the standard mapping alone. Raises NoSuchVersion."""
    if number == 0:
        return Saved(system, entity)
    query = sa.select(field_mappings).where(_place(organization_id, system, entity))
    row = connection.execute(query.where(field_mappings.c.version == number)).mappings().one_or_none()
    if row is None:
        raise NoSuchVersion(f"There is no version {number}.")
    return _saved(row)


def save(
    connection: sa.Connection,
    organization_id: str,
    system: str,
    entity: str,
    draft: Draft,
    *,
    by: str,
    reason: str = "",
    if_version: int | None = None,
    restored_from: int | None = None,
) -> Saved:
    """The draft as a new version. ``if_version`` is the one it was made from. Raises ChangedMeanwhile."""
    lock = sa.func.hashtextextended(f"ppm/mapping/{organization_id}/{system}/{entity}", 0)
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))
    was = active(connection, organization_id, system, entity)
    if if_version is not None and was.version != if_version:
        raise ChangedMeanwhile
    row = {
        **_named(organization_id, system, entity),
        "version": was.version + 1,
        **draft.as_json(),
        "saved_by": by,
        "reason": reason,
        "restored_from": restored_from,
        # Where the lines stay as they were, all that is held follows them already.
        "applied_run_id": (was.applied_run_id or "") if was.applied and draft.lines == was.draft.lines else None,
    }
    made = connection.execute(sa.insert(field_mappings).values(row).returning(field_mappings)).mappings().one()
    detail = {"entity": entity, "version": row["version"], "lines": len(draft.lines), "reason": reason}
    what = {"organization_id": organization_id, "who": by, "what": "saved_mapping", "subject": system}
    connection.execute(sa.insert(audit_log).values(**what, detail=detail))
    return _saved(made)


def _named(organization_id: str, system: str, entity: str) -> dict[str, str]:
    return {"organization_id": organization_id, "system": system, "entity": entity}


def _place(organization_id: str, system: str, entity: str) -> sa.ColumnElement[bool]:
    named = _named(organization_id, system, entity).items()
    return sa.and_(*(field_mappings.c[name] == value for name, value in named))


def _saved(row: Mapping[Any, Any]) -> Saved:
    draft = Draft(
        tuple(map(transforms.line, row["lines"])),
        tuple(row["ignored"]),
        tuple((one["field"], one["target"]) for one in row["rejected"]),
    )
    names = ("system", "entity", "version", "saved_at", "saved_by", "reason", "restored_from", "applied_run_id")
    return Saved(draft=draft, **{name: row[name] for name in names})


# What they say to suggestions ----------------------------------------------------------------------------------------


def decisions(connection: sa.Connection, organization_id: str) -> list[Decision]:
    """What people of the organisation decided, of every system: the newest version of each mapping."""
    newest = sa.select(field_mappings).where(field_mappings.c.organization_id == organization_id)
    rows = connection.execute(newest.order_by(field_mappings.c.version)).mappings()
    last = {(row["system"], row["entity"]): _saved(row) for row in rows}
    return [one for saved in last.values() for one in decided(saved.system, saved.entity, saved.draft)]


def decided(system: str, entity: str, draft: Draft) -> Sequence[Decision]:
    """A draft as decisions; a target that is made of several fields tells nothing of one of them."""
    single = [one for one in draft.lines if len(one.sources) == 1]
    return [
        *(Decision(system, entity, name, None) for name in draft.ignored),
        *(Decision(system, entity, name, target, confirmed=False) for name, target in draft.rejected),
        *(Decision(system, entity, one.sources[0], one.target) for one in single),
    ]
