"""Syncs over HTTP: who asks, claim, launch, wait, answer.

Belongs here: the sync calls in their three forms. Does not belong here: what happened to runs (``runs``), settings
(``configuration``), waiting (``events``), GraphQL (``dagster``).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.dagster import NotLaunched, Unreachable
from api.deps import Caller, Controller
from api.events import FINAL, Event, Events, Watch, read
from api.pages import json_answer
from api.problems import NOT_FOUND, Kind, Language, Problem, invalid
from api.runs import answer, located
from api.settings import IDEMPOTENCY_HOURS, WAIT_DEFAULT, WAIT_MOST
from api.turns import arrived, aside
from ppm_pipelines import connectors, database, runs, tables
from ppm_pipelines.adapters import SYSTEMS
from ppm_pipelines.adapters.base import System

log = logging.getLogger(__name__)
router = APIRouter(tags=["integrations"])

NOT_CONFIGURED = Kind(
    "not-configured",
    409,
    ("Not configured", "{name} is not connected yet. Enter its settings under Administration, Integrations."),
    (
        "Nicht eingerichtet",
        "{name} ist noch nicht verbunden. Die Einstellungen stehen unter Administration, Integrationen.",
    ),
)
DISABLED = Kind(
    "disabled",
    409,
    ("Disabled", "{name} is switched off. Enable it under Administration, Integrations."),
    ("Ausgeschaltet", "{name} ist ausgeschaltet. Einschalten lässt es sich unter Administration, Integrationen."),
)
BUSY = Kind(
    "busy",
    409,
    ("Already running", "Another sync of {name} ({entity}) is running. Wait for it to end, or stop it first."),
    (
        "Läuft bereits",
        "Ein anderer Sync von {name} ({entity}) läuft gerade. Bitte sein Ende abwarten oder ihn stoppen.",
    ),
)
CANCELED = Kind(
    "canceled",
    409,
    ("Stopped", "The sync was stopped before it had finished. Nothing was changed."),
    ("Gestoppt", "Der Sync wurde gestoppt, bevor er fertig war. Nichts wurde geändert."),
)
NO_DAGSTER = Kind(
    "dagster-unavailable",
    503,
    (
        "Cannot start runs",
        "Dagster, which carries out the syncs, is not answering. Nothing was started; try again shortly.",
    ),
    (
        "Läufe können nicht starten",
        "Dagster, das die Syncs ausführt, antwortet nicht. Nichts wurde gestartet; bitte gleich noch einmal versuchen.",
    ),
)
FAILED = {
    "credentials": Kind("credentials", 502, ("Credentials refused", ""), ("Zugangsdaten abgelehnt", "")),
    "unavailable": Kind("unavailable", 502, ("System unreachable", ""), ("System nicht erreichbar", "")),
    "unusable": Kind("unusable", 502, ("Answer not usable", ""), ("Antwort nicht verwendbar", "")),
    "misconfigured": Kind("misconfigured", 502, ("Wrong settings", ""), ("Einstellungen passen nicht", "")),
    "not_offered": Kind("not-offered", 422, ("Not offered", ""), ("Gibt es dort nicht", "")),
    "refused": Kind("refused", 409, ("Refused before loading", ""), ("Vor dem Laden abgelehnt", "")),
    "internal": Kind("internal", 500, ("Our fault", ""), ("Unser Fehler", "")),
}


class Scope(BaseModel):
    """A part of an entity. Part of the contract's body; no system offers it yet."""

    model_config = ConfigDict(extra="forbid")
    project_nr: str | None = None
    company_code: str | None = None
    fiscal_year: int | None = None
    fiscal_period: int | None = None


class SyncBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    entity: str = "commitments"
    organization_id: str | None = None
    mode: Literal["incremental", "full"] = "incremental"
    dry_run: Annotated[bool, Field(strict=True)] = False
    scope: Scope | None = None


class SystemSyncBody(SyncBody):
    system: str


class AdapterSyncBody(SyncBody):
    adapter: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks for, and the key under which they may ask again.

    ``asked`` is the body as it was given; ``request`` checks it and says what to run, as things are now; ``since`` is
    when they began to wait (of many at once, some wait until the run that answers all of them has ended).
    """

    organization_id: str
    asked: dict[str, Any]
    request: Callable[[], runs.RunRequest]
    caller: str
    key: str | None
    since: float = field(default_factory=arrived)

    @property
    def waited(self) -> timedelta:
        return timedelta(seconds=time.monotonic() - self.since)

    @property
    def same(self) -> str:
        """Equal for all who ask for the same."""
        return f"{self.organization_id}/{self.body_hash}"

    @property
    def body_hash(self) -> str:
        return hashlib.sha256(json.dumps(self.asked, sort_keys=True).encode()).hexdigest()


# However many click at once, readers find a thread.
CLAIMING = CapacityLimiter(4)
Wait = Annotated[float, Query(ge=0, le=WAIT_MOST, description="Seconds to wait for the end of the run")]
IdempotencyKey = Annotated[str | None, Header(min_length=1, max_length=255)]


@router.post("/api/integrations/sync")
async def sync(
    body: SystemSyncBody,
    who: Controller,
    watch: Watch,
    language: Language,
    wait: Wait = WAIT_DEFAULT,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Starts a sync, or joins the one that runs, and answers with its result (200) or where to find it (202)."""
    return await _sync(body.system, body, who, watch, language, wait, idempotency_key)


@router.post("/api/integrations/{system}/sync")
async def sync_system(
    system: str,
    who: Controller,
    watch: Watch,
    language: Language,
    body: SyncBody | None = None,
    wait: Wait = WAIT_DEFAULT,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    return await _sync(system, body or SyncBody(), who, watch, language, wait, idempotency_key)


@router.post("/api/v1/erp/sync")
async def sync_erp(
    body: AdapterSyncBody,
    who: Controller,
    watch: Watch,
    language: Language,
    wait: Wait = WAIT_DEFAULT,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    return await _sync(body.adapter, body, who, watch, language, wait, idempotency_key)


async def _sync(
    system: str,
    body: SyncBody,
    who: Caller,
    watch: Events,
    language: str,
    wait: float,
    key: str | None,
) -> Response:
    organization_id = who.organization(body.organization_id)
    asked = body.model_dump(include=set(SyncBody.model_fields)) | {"system": system, "organization_id": organization_id}
    request = partial(_checked, system, body, who, organization_id)
    wanted = Wanted(organization_id, asked, request, who.sub, key)
    return await carried_out(wanted, who, watch, language, wait)


async def carried_out(wanted: Wanted, who: Caller, watch: Events, language: str, wait: float) -> Response:
    """Claims or joins, launches, waits, and answers: 200 with the result, 202 with where to find it."""
    row = await aside(_outcome(wanted, watch, wait))
    if row["status"] not in FINAL:
        return json_answer(located(row, who), 202, {"Location": f"/api/integrations/runs/{row['run_id']}"})
    if row["status"] in ("failed", "canceled"):
        raise _failure(row)
    return json_answer(answer(row, who, language))


async def _outcome(wanted: Wanted, watch: Events, wait: float) -> Event:
    """The row of the run that answers: the last one, or as it is when the wait is over."""
    # Whoever brings a key of their own is remembered by it.
    claim = partial(_launched, wanted, watch)
    run_id = await (asyncio.shield(watch.share(wanted.same, claim)) if wanted.key is None else claim())
    row = await watch.wait(run_id, wait - wanted.waited.total_seconds())
    return row if row is not None else await run_sync(read, run_id)


async def _launched(wanted: Wanted, watch: Events) -> str:
    run_id, request = await run_sync(_claimed, wanted, limiter=CLAIMING)
    if request is not None:
        await launched(watch, request, run_id)
    return run_id


def adapter_of(system: str) -> type[System]:
    if system not in SYSTEMS:
        raise Problem(NOT_FOUND, what=f"system {system!r}")
    return SYSTEMS[system]


def _checked(system: str, body: SyncBody, who: Caller, organization_id: str) -> runs.RunRequest:
    """What is asked for, by somebody who may, of a system that can."""
    adapter = adapter_of(system)
    if body.entity not in adapter.accepts():
        offered = ", ".join(adapter.entities)
        raise invalid("entity", f"{adapter.name} has {offered}.", f"{adapter.name} bietet {offered}.")
    for name, given in (("scope", body.scope is not None), ("dry_run", body.dry_run)):
        if given:
            raise invalid(name, "is not offered yet; leave it out.", "wird noch nicht angeboten; bitte weglassen.")
    connected(adapter, organization_id)
    return runs.RunRequest(organization_id, system, body.entity, body.mode, who.email, body.dry_run)


def connected(adapter: type[System], organization_id: str) -> None:
    """Refuses what cannot start: a system without settings, or switched off."""
    with database.scoped(organization_id) as connection:
        connector = connectors.get(connection, organization_id, adapter.system)
    if connector is None:
        raise Problem(NOT_CONFIGURED, name=adapter.name)
    if not connector.enabled:
        raise Problem(DISABLED, name=adapter.name)


def _claimed(wanted: Wanted) -> tuple[str, runs.RunRequest | None]:
    """The run that answers, and the request where it is ours to launch. Claim and key are one transaction.

    A key that is known is answered before anything is checked: its run may have changed what would be found now.
    """
    if known := _known(wanted):
        return known, None
    request = wanted.request()
    try:
        with database.owner() as connection:
            if known := _remembered(connection, wanted):
                return known, None
            claim = runs.claim(connection, request, wanted.waited)
            _remember(connection, wanted, claim.run_id)
            return claim.run_id, None if claim.joined else request
    except runs.Busy as busy:
        name = SYSTEMS[request.system].name
        raise Problem(BUSY, members={"run_id": busy.run_id}, name=name, entity=request.entity) from busy


def _known(wanted: Wanted) -> str | None:
    if wanted.key is None:
        return None
    with database.owner() as connection:
        return _remembered(connection, wanted)


def _where(wanted: Wanted) -> sa.ColumnElement[bool]:
    keys = tables.idempotency_keys.c
    return sa.and_(keys.organization_id == wanted.organization_id, keys.caller == wanted.caller, keys.key == wanted.key)


def _remembered(connection: sa.Connection, wanted: Wanted) -> str | None:
    """The run of an earlier request with this key. Two at once: the lock makes the second see the first's."""
    if wanted.key is None:
        return None
    keys = tables.idempotency_keys
    connection.execute(
        sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"{wanted.caller}/{wanted.key}", 0)))
    )
    connection.execute(sa.delete(keys).where(keys.c.created_at < sa.func.now() - timedelta(hours=IDEMPOTENCY_HOURS)))
    row = connection.execute(sa.select(keys.c.run_id, keys.c.body_hash).where(_where(wanted))).one_or_none()
    if row is not None and row.body_hash != wanted.body_hash:
        raise invalid(
            "Idempotency-Key",
            "was used within 24 hours for another request; choose a new one.",
            "wurde in den letzten 24 Stunden für eine andere Anfrage benutzt; bitte einen neuen wählen.",
        )
    return None if row is None else str(row.run_id)


def _remember(connection: sa.Connection, wanted: Wanted, run_id: str) -> None:
    if wanted.key is not None:
        connection.execute(
            sa.insert(tables.idempotency_keys).values(
                organization_id=wanted.organization_id,
                caller=wanted.caller,
                key=wanted.key,
                body_hash=wanted.body_hash,
                run_id=run_id,
            )
        )


async def launched(watch: Events, request: runs.RunRequest, run_id: str) -> None:
    """Hands a claimed run to Dagster. Raises Problem; the claim is given back then."""
    tags = {
        "ppm/run_id": run_id,
        "ppm/system": request.system,
        "ppm/entity": request.entity,
        "ppm/organization_id": request.organization_id,
        "ppm/requested_by": request.requested_by,
        "ppm/mode": request.mode,
    }
    job = f"sync_{request.system}_{request.entity}"
    try:
        dagster_run_id = await watch.dagster.launch(job, partition=request.organization_id, tags=tags)
    except (Unreachable, NotLaunched) as error:
        log.error("Run %s was not launched: %s", run_id, error)
        await run_sync(_unclaimed, run_id)
        raise Problem(NO_DAGSTER, members={"run_id": run_id}, headers={"Retry-After": "5"}) from error
    if await run_sync(_under_way, run_id, dagster_run_id):
        return
    await watch.dagster.terminate(dagster_run_id)  # canceled while it was being launched


def _unclaimed(run_id: str) -> None:
    """Gives the claim back, and every key that leads to it: the same requests may be made again at once."""
    with database.owner() as connection:
        runs.settle(connection, run_id, "failed", reason=NO_DAGSTER.en[1], problem="internal")
        keys = tables.idempotency_keys
        connection.execute(sa.delete(keys).where(keys.c.run_id == run_id))


def _under_way(run_id: str, dagster_run_id: str) -> bool:
    """Notes Dagster's id of the run; False when the run was canceled meanwhile."""
    with database.owner() as connection:
        status = connection.scalar(
            sa.update(tables.sync_runs)
            .where(tables.sync_runs.c.run_id == run_id)
            .values(dagster_run_id=dagster_run_id)
            .returning(tables.sync_runs.c.status)
        )
    return bool(status != "canceled")


def _failure(row: dict[str, Any]) -> Problem:
    """A run's failure as a problem; the reason is what the adapter said."""
    members = {"run_id": row["run_id"]}
    if row["status"] == "canceled":
        return Problem(CANCELED, members=members)
    kind = FAILED.get(row["problem"] or "internal", FAILED["internal"])
    return Problem(kind, row["reason"], members=members)
