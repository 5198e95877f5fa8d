"""Field mapping over HTTP: what is mapped to what, suggestions, a preview, saving, versions and restoring them.

Belongs here: the mapping calls and the shape of their answers. Does not belong here: what fits what (``mapping``),
where versions are kept (``ppm_pipelines.mappings``), laying lines over what is held (``ppm_pipelines.remapping``).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Header, Response
from pydantic import BaseModel, ConfigDict, Field

from api import forms
from api.configuration import NOTHING_TO_TRY
from api.deps import Db, Integrator
from api.events import Events, Watch
from api.integrations import CLAIMING, FAILED, adapter_of, launched
from api.problems import CHANGED_MEANWHILE, NOT_FOUND, Language, Problem, invalid
from api.sentences import told
from api.settings import TEST_SECONDS
from ppm_pipelines import connectors, costbook, database, drift, home, mapping_view, mappings, remapping, runs, tables
from ppm_pipelines.adapters.base import Adapter, SourceError
from ppm_pipelines.mapping import review
from ppm_pipelines.mapping.fields import Entity, SourceField, Target
from ppm_pipelines.mapping.sentences import Said
from ppm_pipelines.mapping.suggest import as_json
from ppm_pipelines.mapping.transforms import Origin
from ppm_pipelines.mapping_view import View, view
from ppm_pipelines.mappings import Draft, Saved
from ppm_pipelines.records import ZERO
from ppm_pipelines.vault import Vault

router = APIRouter(prefix="/api/integrations/{system}/mapping/{entity}", tags=["field mapping"])
MOST_LINES = 500


class StrictBody(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MappedLine(StrictBody):
    """One target from one or several fields; ``steps`` say how the value gets over, ``origin`` how the line came
    about."""

    target: Annotated[str, Field(max_length=200)]
    type: str | None = None
    sources: Annotated[list[str], Field(max_length=20)] = []
    steps: Annotated[list[dict[str, Any]], Field(max_length=20)] = []
    origin: Origin | None = None


class Pair(StrictBody):
    field: str
    target: str


class DraftBody(StrictBody):
    """What a person has decided so far; left out: as it is saved."""

    lines: Annotated[list[MappedLine] | None, Field(max_length=MOST_LINES)] = None
    ignored: list[str] | None = None
    rejected: list[Pair] | None = None


class SaveBody(DraftBody):
    reason: Annotated[str, Field(max_length=500)] = ""


class RestoreBody(StrictBody):
    reason: Annotated[str, Field(max_length=500)] = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose mapping of what is meant."""

    organization_id: str
    adapter: type[Adapter]
    entity: Entity

    @property
    def named(self) -> tuple[str, str, Entity]:
        return self.organization_id, self.adapter.system, self.entity


def _place(system: str, entity: str, who: Integrator) -> Place:
    adapter = adapter_of(system)
    if not issubclass(adapter, Adapter) or entity not in mappings.ENTITIES:
        raise Problem(NOT_FOUND, what=f"field mapping of {system} {entity}")
    return Place(who.writes_to, adapter, next(one for one in mappings.ENTITIES if one == entity))


OfEntity = Annotated[Place, Depends(_place)]
IfMatch = Annotated[str | None, Header(description="The ETag of the mapping that was read")]


# Reading -------------------------------------------------------------------------------------------------------------


@router.get("")
def read_mapping(place: OfEntity, language: Language, response: Response, refresh: bool = False) -> dict[str, Any]:
    """The fields of the source with samples, the Costbook's fields, what maps them, what is missing, and drift.
    ``refresh`` asks the source for its fields now."""
    if refresh:
        _ask_source(place)
    with database.one_moment(place.organization_id) as connection:  # one in which the source was asked
        return _shown(connection, view(connection, *place.named), language, response)


def _ask_source(place: Place) -> None:
    """The fields that the source has now, remembered. Raises Problem."""
    adapter, vault = place.adapter, Vault.from_environment()
    with database.scoped(place.organization_id) as connection:
        stored = connectors.open_values(connection, vault, place.organization_id, adapter.system)
    if not stored:
        raise Problem(NOTHING_TO_TRY, name=adapter.name)
    settings, hosts = forms.merged(adapter, stored, stored), home.home().callable_hosts
    try:
        with adapter(settings, allowed_hosts=hosts, timeout_seconds=TEST_SECONDS) as source:
            fields = source.fields(place.entity)
    except SourceError as error:
        raise Problem(FAILED.get(error.problem, FAILED["unavailable"]), str(error)) from error
    with database.owner() as connection:
        drift.seen(connection, place.organization_id, adapter.system, {place.entity: fields})


def _shown(connection: sa.Connection, seen: View, language: str, response: Response) -> dict[str, Any]:
    saved, draft = seen.saved, seen.saved.draft
    response.headers["ETag"] = etag(saved)
    told_of = drift.told(connection, seen.organization_id, saved)
    return {
        "system": saved.system,
        "entity": saved.entity,
        **{name: getattr(saved, name) for name in ("saved_at", "saved_by", "reason", "restored_from", "applied")},
        "version": saved.version or None,
        "fields": [_field(one, seen, language) for one in seen.fields],
        "targets": [_target(one, seen, language) for one in review.all_targets(seen.entity, draft.lines)],
        "standard": [review.standard_as_json(one, language) for one in seen.standard],
        **draft.as_json(),
        "missing": review.missing(seen.entity, draft.lines, seen.standard),
        "drift": [_drifted(one, seen) for one in told_of],
        "asked_at": drift.asked_at(connection, *seen.place),
        "awaited": _awaited(seen, language),
    }


def _awaited(seen: View, language: str) -> dict[str, Any] | None:
    """The fields that the next sync reads for the first time, and what that means for the version."""
    fields = [*dict.fromkeys(name for some in seen.awaited().values() for name in some)]
    if not fields:
        return None
    return {"fields": fields, "reason": _said_of(fields, "applied_when_read", seen, language)}


def _said_of(names: Iterable[str], code: str, seen: View, language: str) -> str:
    labels = {one.name: _label(one, language) or one.name for one in seen.fields}
    said = Said(code, {"fields": ", ".join(labels.get(name, name) for name in names)})
    return said.sentence("de" if language == "de" else "en")


def etag(saved: Saved) -> str:
    return f'"{saved.version}"'


def _field(one: SourceField, seen: View, language: str) -> dict[str, Any]:
    draft = seen.saved.draft
    return {
        "name": one.name,
        "label": _label(one, language),
        "type": one.type,
        "custom": one.custom,
        "read": one.read,
        "mappable": seen.mappable(one),
        "samples": list(one.samples),
        "state": review.field_state(one.name, draft.lines, draft.ignored, seen.standard),
        "targets": review.filled_by(one.name, draft.lines, seen.standard),
    }


def _label(one: SourceField, language: str) -> str:
    return one.label_de or one.label_en if language == "de" else one.label_en or one.label_de


def _target(one: Target, seen: View, language: str) -> dict[str, Any]:
    german = language == "de"
    return {
        "name": one.name,
        "label": (one.label_de if german else one.label_en) or one.name,
        "help": one.help_de if german else one.help_en,
        "type": one.type,
        "required": one.required,
        "custom": one.custom,
        "state": review.target_state(one.name, seen.saved.draft.lines, seen.standard),
    }


def _drifted(one: drift.Drift, seen: View) -> dict[str, Any]:
    targets = review.filled_by(one.field, seen.saved.draft.lines, seen.standard)
    return {"field": one.field, "kind": one.kind, "was": one.was, "now": one.now, "at": one.at, "targets": targets}


# Suggesting ----------------------------------------------------------------------------------------------------------


@router.post("/suggest")
def suggest_mapping(
    place: OfEntity, connection: Db, language: Language, body: DraftBody | None = None
) -> dict[str, Any]:
    """A suggestion for every field that the draft leaves open, by rules alone; nothing takes effect."""
    seen = view(connection, *place.named)
    draft = _given(body or DraftBody(), seen)
    started = time.monotonic()
    found = seen.suggestions(connection, draft)
    spoken: Literal["de", "en"] = "de" if language == "de" else "en"
    labels = review.labels(place.entity, language)
    return {
        "suggestions": [as_json(one, spoken, labels) | {"origin": "rule"} for one in found],
        "milliseconds": round((time.monotonic() - started) * 1000),
    }


def _given(body: DraftBody, seen: View) -> Draft:
    """The draft of a body, over the saved one. Raises Problem."""
    try:
        return seen.draft(body.model_dump(exclude_none=True))
    except mappings.BadMapping as error:
        raise invalid("lines", str(error)) from None


# Preview -------------------------------------------------------------------------------------------------------------


@router.post("/preview")
def preview_mapping(
    place: OfEntity, connection: Db, language: Language, body: DraftBody | None = None
) -> dict[str, Any]:
    """Runs what is held through the draft's lines: errors, examples, and what would change in money. Nothing does."""
    seen = view(connection, *place.named)
    draft = _given(body or DraftBody(), seen)
    found = remapping.preview(connection, place.organization_id, seen.saved, draft.lines)
    return {
        "rows": found.rows,
        "of": remapping.how_many(connection, *place.named),
        "changed": found.changed,
        "rejected": found.rejected,
        "errors": [_error(target, one, language) for (target, _), one in found.errors.items()],
        "awaited": [
            {
                "target": target,
                "sources": fields,
                "count": found.rows,
                "reason": _said_of(fields, "not_read_yet", seen, language),
            }
            for target, fields in found.awaited.items()
        ],
        "examples": [one | {"error": told(one["error"], language) if one["error"] else None} for one in found.examples],
        "money": _money(found),
        "projects": _projects(connection, place, found),
    }


def _error(target: str, one: Mapping[str, Any], language: str) -> dict[str, Any]:
    said = one["said"]
    reason = told(said, language) if isinstance(said, str) else said.sentence("de" if language == "de" else "en")
    told_of = {name: one[name] for name in ("count", "samples")}
    return {"target": target, "sources": list(one["sources"]), **told_of, "reason": reason}


def _money(found: remapping.Preview) -> list[dict[str, Any]]:
    sums: dict[tuple[str, str], list[Any]] = {}
    for (_, currency, figure), (before, after) in found.money.items():
        total = sums.setdefault((currency, figure), [ZERO, ZERO])
        total[0] += before
        total[1] += after
    return [_moved(currency, figure, *money) for (currency, figure), money in sorted(sums.items())]


def _moved(currency: str, figure: str, before: Any, after: Any) -> dict[str, Any]:
    exact = {"before": before, "after": after, "delta": after - before}
    return {
        "currency": currency,
        "figure": figure,
        **{name: costbook.money(value, currency) for name, value in exact.items()},
    }


def _projects(connection: sa.Connection, place: Place, found: remapping.Preview) -> list[dict[str, Any]]:
    """The projects whose money moves, the most moved first."""
    moved = [(key, money) for key, money in found.money.items() if money[0] != money[1]]
    moved.sort(key=lambda one: (-abs(one[1][1] - one[1][0]), one[0]))
    names = _named(connection, place)
    shown = []
    for ((company, number), currency, figure), money in moved[: remapping.MOVED_PROJECTS]:
        about = names.get((company, number)) or names.get(("", number)) or {"project_id": None, "name": ""}
        shown.append({**about, "project_nr": number, **_moved(currency, figure, *money)})
    return shown


def _named(connection: sa.Connection, place: Place) -> dict[tuple[str, str], dict[str, Any]]:
    link, project = tables.project_links.c, tables.costbook_projects.c
    query = (
        sa.select(link.company_code, link.project_nr, link.project_id, project.name)
        .join(tables.costbook_projects, project.project_id == link.project_id)
        .where(link.organization_id == place.organization_id, link.system == place.adapter.system)
    )
    return {
        (row.company_code, row.project_nr): {"project_id": row.project_id, "name": row.name}
        for row in connection.execute(query)
    }


# Saving --------------------------------------------------------------------------------------------------------------


@router.put("")
async def save_mapping(
    place: OfEntity,
    body: SaveBody,
    who: Integrator,
    watch: Watch,
    language: Language,
    response: Response,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """The draft as a new version, which counts from now on, and the run that lays it over what is held. There is none
    where lines read fields that were not read so far: ``awaited`` says that the next sync brings them."""

    def save() -> None:
        with database.scoped(place.organization_id) as connection:
            seen = view(connection, *place.named)
            _check_match(if_match, seen.saved)
            draft = _given(DraftBody(**body.model_dump(exclude={"reason"})), seen)
            _save(connection, seen, draft, who.email, body.reason, None)

    await run_sync(save)
    return await _applied(place, who.email, watch, language, response)


@router.get("/versions")
def list_versions(place: OfEntity, connection: Db) -> dict[str, Any]:
    """Every version, the newest first: who, when, why, and what was in it."""
    found = mappings.versions(connection, *place.named)
    names = ("version", "saved_at", "saved_by", "reason", "restored_from", "applied_run_id")
    return {
        "items": [
            {name: getattr(one, name) for name in names} | one.draft.as_json() | {"active": number == 0}
            for number, one in enumerate(found)
        ]
    }


@router.post("/versions/{version}/restore")
async def restore_version(
    place: OfEntity,
    version: int,
    who: Integrator,
    watch: Watch,
    language: Language,
    response: Response,
    body: RestoreBody | None = None,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """An earlier version as the new one; 0 is the standard mapping alone."""

    def restore() -> None:
        with database.scoped(place.organization_id) as connection:
            seen = view(connection, *place.named)
            _check_match(if_match, seen.saved)
            was = mappings.version(connection, *place.named, version)
            _save(connection, seen, was.draft, who.email, body.reason if body else "", version)

    try:
        await run_sync(restore)
    except mappings.NoSuchVersion:
        raise Problem(NOT_FOUND, what=f"version {version}") from None
    return await _applied(place, who.email, watch, language, response)


def _check_match(if_match: str | None, saved: Saved) -> None:
    given = [tag.strip().removeprefix("W/") for tag in (if_match or "*").split(",")]
    if "*" not in given and etag(saved) not in given:
        raise Problem(CHANGED_MEANWHILE, headers={"ETag": etag(saved)})


def _save(connection: sa.Connection, seen: View, draft: Draft, by: str, reason: str, restored_from: int | None) -> None:
    try:
        how = {"by": by, "reason": reason, "if_version": seen.saved.version, "restored_from": restored_from}
        mapping_view.save(connection, seen, draft, **how)
    except drift.FieldLost as error:
        raise invalid("lines", str(error)) from None
    except mappings.ChangedMeanwhile:
        raise Problem(CHANGED_MEANWHILE, headers={"ETag": etag(seen.saved)}) from None


async def _applied(place: Place, by: str, watch: Events, language: str, response: Response) -> dict[str, Any]:
    """The mapping as it is now, with the run that applies it; None where nothing is held, where the source must be read
    first, or another run is under way: the next sync applies it then."""
    run_id, request = await run_sync(_claimed, place, by, limiter=CLAIMING)
    if request is not None and run_id is not None:
        await launched(watch, request, run_id)

    def answer() -> dict[str, Any]:
        with database.scoped(place.organization_id) as connection:
            return _shown(connection, view(connection, *place.named), language, response) | {"run_id": run_id}

    return await run_sync(answer)


def _claimed(place: Place, by: str) -> tuple[str | None, runs.RunRequest | None]:
    request = runs.RunRequest(*place.named, "remap", by)
    with database.owner() as connection:
        connector = connectors.get(connection, place.organization_id, place.adapter.system)
        if connector is None or not remapping.waiting(connection, *place.named):
            return None, None
        try:
            claim = runs.claim(connection, request)
        except runs.Busy:
            return None, None
        return claim.run_id, None if claim.joined else request
