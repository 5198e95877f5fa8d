"""Field mapping over HTTP: what is mapped to what, suggestions, a preview, saving, versions and restoring them.

Belongs here: the mapping calls and the shape of their answers. Does not belong here: what fits what (``mapping``),
where versions are kept (``ppm_pipelines.mappings``), laying lines over what is held (``ppm_pipelines.remapping``).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
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
from ppm_pipelines import connectors, costbook, database, drift, home, mappings, remapping, runs, tables
from ppm_pipelines.adapters.base import Adapter, SourceError
from ppm_pipelines.mapping import review
from ppm_pipelines.mapping.fields import Entity, SourceField, Target
from ppm_pipelines.mapping.standard import StandardLine, standard
from ppm_pipelines.mapping.suggest import as_json
from ppm_pipelines.mappings import Draft, Saved
from ppm_pipelines.records import ZERO
from ppm_pipelines.vault import Vault

router = APIRouter(prefix="/api/integrations/{system}/mapping/{entity}", tags=["field mapping"])
MOST_LINES = 500


class StrictBody(BaseModel):
    model_config = ConfigDict(extra="forbid")


class MappedLine(StrictBody):
    """One target from one or several fields; ``steps`` say how the value gets over."""

    target: Annotated[str, Field(max_length=200)]
    type: str | None = None
    sources: Annotated[list[str], Field(max_length=20)] = []
    steps: Annotated[list[dict[str, Any]], Field(max_length=20)] = []


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
    def named(self) -> tuple[str, str, str]:
        return self.organization_id, self.adapter.system, self.entity


def _place(system: str, entity: str, who: Integrator) -> Place:
    adapter = adapter_of(system)
    if not issubclass(adapter, Adapter) or entity not in mappings.ENTITIES:
        raise Problem(NOT_FOUND, what=f"field mapping of {system} {entity}")
    return Place(who.writes_to, adapter, next(one for one in mappings.ENTITIES if one == entity))


OfEntity = Annotated[Place, Depends(_place)]
IfMatch = Annotated[str | None, Header(description="The ETag of the mapping that was read")]


@dataclass(frozen=True, slots=True)
class View:
    """A mapping with all that is shown beside it."""

    place: Place
    saved: Saved
    fields: list[SourceField]
    standard: Sequence[StandardLine]


# Reading -------------------------------------------------------------------------------------------------------------


@router.get("")
def read_mapping(
    place: OfEntity, connection: Db, language: Language, response: Response, refresh: bool = False
) -> dict[str, Any]:
    """The fields of the source with samples, the Costbook's fields, what maps them, what is missing, and drift.
    ``refresh`` asks the source for its fields now."""
    if refresh:
        _ask_source(place)
    return _shown(connection, _view(connection, place), language, response)


def _view(connection: sa.Connection, place: Place) -> View:
    saved = mappings.active(connection, *place.named)
    known = drift.known(connection, *place.named)
    samples = remapping.samples(connection, *place.named)
    return View(place, saved, remapping.with_samples(known, samples), _standard(connection, place))


def _standard(connection: sa.Connection, place: Place) -> tuple[StandardLine, ...]:
    connector = connectors.get(connection, place.organization_id, place.adapter.system)
    return standard(place.adapter.standard_mapping(connector.settings if connector else {}), place.entity)


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
        drift.seen(connection, *place.named, fields)


def _shown(connection: sa.Connection, view: View, language: str, response: Response) -> dict[str, Any]:
    saved, draft = view.saved, view.saved.draft
    response.headers["ETag"] = etag(saved)
    entity = view.place.entity
    told_of = drift.told(connection, view.place.organization_id, saved)
    return {
        "system": saved.system,
        "entity": saved.entity,
        **{name: getattr(saved, name) for name in ("saved_at", "saved_by", "reason", "restored_from", "applied")},
        "version": saved.version or None,
        "fields": [_field(one, view, language) for one in view.fields],
        "targets": [_target(one, view, language) for one in review.all_targets(entity, draft.lines)],
        "standard": [review.standard_as_json(one, language) for one in view.standard],
        **_draft(draft),
        "missing": review.missing(entity, draft.lines, view.standard),
        "drift": [_drifted(one, view) for one in told_of],
        "asked_at": drift.asked_at(connection, *view.place.named),
    }


def etag(saved: Saved) -> str:
    return f'"{saved.version}"'


def _draft(draft: Draft) -> dict[str, Any]:
    return {
        "lines": [one.as_json() for one in draft.lines],
        "ignored": list(draft.ignored),
        "rejected": [{"field": field, "target": target} for field, target in draft.rejected],
    }


def _field(one: SourceField, view: View, language: str) -> dict[str, Any]:
    draft = view.saved.draft
    label = one.label_de or one.label_en if language == "de" else one.label_en or one.label_de
    return {
        "name": one.name,
        "label": label,
        "type": one.type,
        "custom": one.custom,
        "read": one.read,
        "samples": list(one.samples),
        "state": review.field_state(one.name, draft.lines, draft.ignored, view.standard),
        "targets": review.filled_by(one.name, draft.lines, view.standard),
    }


def _target(one: Target, view: View, language: str) -> dict[str, Any]:
    german = language == "de"
    return {
        "name": one.name,
        "label": (one.label_de if german else one.label_en) or one.name,
        "help": one.help_de if german else one.help_en,
        "type": one.type,
        "required": one.required,
        "custom": one.custom,
        "state": review.target_state(one.name, view.saved.draft.lines, view.standard),
    }


def _drifted(one: drift.Drift, view: View) -> dict[str, Any]:
    targets = review.filled_by(one.field, view.saved.draft.lines, view.standard)
    return {"field": one.field, "kind": one.kind, "was": one.was, "now": one.now, "at": one.at, "targets": targets}


# Suggesting ----------------------------------------------------------------------------------------------------------


@router.post("/suggest")
def suggest_mapping(
    place: OfEntity, connection: Db, language: Language, body: DraftBody | None = None
) -> dict[str, Any]:
    """A suggestion for every field that the draft leaves open, by rules alone; nothing takes effect."""
    view = _view(connection, place)
    draft = _given(body or DraftBody(), view)
    started = time.monotonic()
    found = review.suggestions(
        place.entity,
        place.adapter.system,
        view.fields,
        draft.lines,
        draft.ignored,
        view.standard,
        [
            *mappings.decisions(connection, place.organization_id),
            *mappings.decided(place.adapter.system, place.entity, draft),
        ],
    )
    spoken: Literal["de", "en"] = "de" if language == "de" else "en"
    return {
        "suggestions": [as_json(one, spoken) | {"origin": "rule"} for one in found],
        "milliseconds": round((time.monotonic() - started) * 1000),
    }


def _given(body: DraftBody, view: View) -> Draft:
    """The draft of a body, over the saved one. Raises Problem."""
    saved, given = _draft(view.saved.draft), body.model_dump(exclude_none=True)
    known = [one.name for one in view.fields if one.read]
    try:
        return mappings.draft_of(view.place.entity, saved | given, known)
    except mappings.BadMapping as error:
        raise invalid("lines", str(error)) from None


# Preview -------------------------------------------------------------------------------------------------------------


@router.post("/preview")
def preview_mapping(
    place: OfEntity, connection: Db, language: Language, body: DraftBody | None = None
) -> dict[str, Any]:
    """Runs what is held through the draft's lines: errors, examples, and what would change in money. Nothing does."""
    view = _view(connection, place)
    draft = _given(body or DraftBody(), view)
    found = remapping.preview(connection, place.organization_id, view.saved, draft.lines)
    return {
        "rows": found.rows,
        "of": remapping.how_many(connection, *place.named),
        "changed": found.changed,
        "rejected": found.rejected,
        "errors": [_error(target, one, language) for (target, _), one in found.errors.items()],
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
    """The draft as a new version, which counts from now on, and the run that lays it over what is held."""

    def save() -> None:
        with database.scoped(place.organization_id) as connection:
            view = _view(connection, place)
            _check_match(if_match, view.saved)
            draft = _given(DraftBody(**body.model_dump(exclude={"reason"})), view)
            _save(connection, view, draft, who.email, body.reason, None)

    await run_sync(save)
    return await _applied(place, who.email, watch, language, response)


@router.get("/versions")
def list_versions(place: OfEntity, connection: Db) -> dict[str, Any]:
    """Every version, the newest first: who, when, why, and what was in it."""
    found = mappings.versions(connection, *place.named)
    names = ("version", "saved_at", "saved_by", "reason", "restored_from", "applied_run_id")
    return {
        "items": [
            {name: getattr(one, name) for name in names} | _draft(one.draft) | {"active": number == 0}
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
            view = _view(connection, place)
            _check_match(if_match, view.saved)
            was = Saved(place.adapter.system, place.entity)
            if version != 0:
                was = mappings.version(connection, *place.named, version)
            _save(connection, view, was.draft, who.email, body.reason if body else "", version)

    try:
        await run_sync(restore)
    except mappings.NoSuchVersion:
        raise Problem(NOT_FOUND, what=f"version {version}") from None
    return await _applied(place, who.email, watch, language, response)


def _check_match(if_match: str | None, saved: Saved) -> None:
    given = [tag.strip().removeprefix("W/") for tag in (if_match or "*").split(",")]
    if "*" not in given and etag(saved) not in given:
        raise Problem(CHANGED_MEANWHILE, headers={"ETag": etag(saved)})


def _save(connection: sa.Connection, view: View, draft: Draft, by: str, reason: str, restored_from: int | None) -> None:
    try:
        mappings.save(
            connection,
            *view.place.named,
            draft,
            by=by,
            reason=reason,
            if_version=view.saved.version,
            restored_from=restored_from,
        )
    except mappings.ChangedMeanwhile:
        raise Problem(CHANGED_MEANWHILE, headers={"ETag": etag(view.saved)}) from None


async def _applied(place: Place, by: str, watch: Events, language: str, response: Response) -> dict[str, Any]:
    """The mapping as it is now, with the run that applies it; None where nothing is held, or another run is under way:
    the next one applies it then."""
    run_id, request = await run_sync(_claimed, place, by, limiter=CLAIMING)
    if request is not None and run_id is not None:
        await launched(watch, request, run_id)

    def answer() -> dict[str, Any]:
        with database.scoped(place.organization_id) as connection:
            return _shown(connection, _view(connection, place), language, response) | {"run_id": run_id}

    return await run_sync(answer)


def _claimed(place: Place, by: str) -> tuple[str | None, runs.RunRequest | None]:
    request = runs.RunRequest(*place.named, "remap", by)
    with database.owner() as connection:
        if mappings.active(connection, *place.named).applied:
            return None, None
        if not connectors.get(connection, place.organization_id, place.adapter.system):
            return None, None
        if not remapping.how_many(connection, *place.named):
            return None, None
        try:
            claim = runs.claim(connection, request)
        except runs.Busy:
            return None, None
        return claim.run_id, None if claim.joined else request
