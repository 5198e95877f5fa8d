"""Connectors' settings over HTTP: read, replace, switch, try. Secrets go in and never come out.

Belongs here: the config and test calls. Does not belong here: merging and judging what was typed (``forms``),
sealing and storing (``connectors``), syncs (``integrations``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from cronsim import CronSim, CronSimError
from fastapi import APIRouter, Depends, Header, Response
from pydantic import BaseModel, ConfigDict, field_validator
from sqlalchemy.dialects.postgresql import distinct_on, insert

from api import forms
from api.deps import Db, Integrator, Viewer
from api.problems import CHANGED_MEANWHILE, NOT_FOUND, Kind, Language, Problem, invalid
from api.runs import compared
from api.sentences import told
from api.settings import LATE_MINUTES, TEST_SECONDS
from ppm_pipelines import connectors, database, drift, home, runs, tables
from ppm_pipelines.adapters import SYSTEMS
from ppm_pipelines.adapters.base import SourceError, System
from ppm_pipelines.connectors import Connector
from ppm_pipelines.vault import Vault

router = APIRouter(prefix="/api/integrations", tags=["configuration"])

NOTHING_TO_TRY = Kind(
    "not-configured",
    409,
    ("Not configured", "{name} has no settings yet. Enter them first, then test."),
    ("Nicht eingerichtet", "{name} hat noch keine Einstellungen. Bitte erst eingeben, dann testen."),
)


class Schedule(BaseModel):
    """When the connector syncs by itself. ``cron`` has five fields and is read in ``time_zone`` (IANA)."""

    model_config = ConfigDict(extra="forbid")
    cron: str
    time_zone: str = "UTC"
    entity: str = "costs"
    mode: Literal["incremental", "full"] = "incremental"

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, cron: str) -> str:
        try:
            CronSim(cron, datetime.now(UTC))
        except CronSimError:
            raise ValueError(
                "is not a cron expression of five fields that ever comes due, such as `0 6 * * 1-5`"
            ) from None
        return cron

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, OSError, LookupError):
            raise ValueError("is not an IANA time zone, such as `Europe/Berlin`") from None
        return name


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")
    enabled: bool | None = None
    settings: dict[str, Any]
    schedule: Schedule | None = None


class Switch(BaseModel):
    model_config = ConfigDict(extra="forbid")
    enabled: bool | None = None
    schedule: Schedule | None = None


class Trial(BaseModel):
    """Settings to try without saving them; stored secrets fill what was left out."""

    model_config = ConfigDict(extra="forbid")
    settings: dict[str, Any] | None = None


def _adapter(system: str) -> type[System]:
    if system not in SYSTEMS:
        raise Problem(NOT_FOUND, what=f"system {system!r}")
    return SYSTEMS[system]


OfSystem = Annotated[type[System], Depends(_adapter)]
IfMatch = Annotated[str | None, Header(description="The ETag of the settings that were read")]


def etag(connector: Connector | None) -> str:
    return f'"{connector.version if connector else 0}"'


def _check_match(if_match: str | None, connector: Connector | None) -> None:
    """412 when the settings are not the ones that the caller read."""
    given = [tag.strip().removeprefix("W/") for tag in (if_match or "*").split(",")]
    if "*" in given and (if_match is None or connector is not None):
        return
    if etag(connector) not in given:
        raise Problem(CHANGED_MEANWHILE, headers={"ETag": etag(connector)})


def _shown(adapter: type[System], connector: Connector | None) -> dict[str, Any]:
    never = {"set": False, "updated_at": None}
    known = dict(connector.secrets) if connector else {}
    return {
        "system": adapter.system,
        "name": adapter.name,
        "entities": list(adapter.entities),
        "configured": connector is not None,
        "enabled": connector.enabled if connector else False,
        "settings": forms.without_secrets(adapter, connector.settings) if connector else {},
        "secrets": {name: known.get(name, never) for name in forms.secrets(adapter)},
        "schema": forms.schema(adapter),
        "schedule": connector.schedule if connector else None,
        "updated_at": connector.updated_at if connector else None,
        "updated_by": connector.updated_by if connector else None,
    }


@router.get("/sources")
def list_sources(who: Viewer, connection: Db) -> list[dict[str, str]]:
    """What one click on the Costbook's Sync reads: the systems that are switched on and have costs."""
    connector = tables.connectors.c
    mine = sa.select(connector.system).where(connector.organization_id == who.writes_to, connector.enabled)
    enabled = set(connection.scalars(mine))
    return [
        {"system": adapter.system, "name": adapter.name}
        for adapter in SYSTEMS.values()
        if adapter.system in enabled and "costs" in adapter.entities
    ]


@router.get("/{system}/config")
def read_config(adapter: OfSystem, who: Integrator, connection: Db, response: Response) -> dict[str, Any]:
    """The saved settings without their secrets, and the schema that the form is drawn from."""
    connector = connectors.get(connection, who.writes_to, adapter.system)
    response.headers["ETag"] = etag(connector)
    return _shown(adapter, connector)


@router.put("/{system}/config")
def replace_config(
    adapter: OfSystem, body: Config, who: Integrator, connection: Db, response: Response, if_match: IfMatch = None
) -> dict[str, Any]:
    """The settings given are the settings from now on; a secret left out is kept, null removes it."""
    organization_id, system = who.writes_to, adapter.system
    connector = connectors.get(connection, organization_id, system)
    _check_match(if_match, connector)
    # Who may sign for an organisation has brought it: its first connector makes it known here.
    known = {"organization_id": organization_id, "name": organization_id}
    connection.execute(insert(tables.organizations).values(known).on_conflict_do_nothing())
    vault = Vault.from_environment()
    settings = forms.merged(adapter, body.settings, _stored(connection, vault, organization_id, system))
    given = body.model_fields_set
    saved = connectors.save(
        connection,
        vault,
        organization_id,
        system,
        settings=forms.plain(settings),
        schedule=_schedule(adapter, body.schedule) if "schedule" in given or connector is None else connector.schedule,
        enabled=body.enabled if body.enabled is not None else connector is None or connector.enabled,
        by=who.email,
        if_version=connector.version if connector else 0,
    )
    response.headers["ETag"] = etag(saved)
    return _shown(adapter, saved)


@router.patch("/{system}/config")
def switch_config(
    adapter: OfSystem, body: Switch, who: Integrator, connection: Db, response: Response, if_match: IfMatch = None
) -> dict[str, Any]:
    """Switches on or off, or changes the schedule (null: none); settings and secrets stay as they are."""
    connector = connectors.get(connection, who.writes_to, adapter.system)
    _check_match(if_match, connector)
    if connector is None:
        raise Problem(NOTHING_TO_TRY, name=adapter.name)
    changes: dict[str, Any] = {}
    if body.enabled is not None:
        changes["enabled"] = body.enabled
    if "schedule" in body.model_fields_set:
        changes["schedule"] = _schedule(adapter, body.schedule)
    saved = connectors.patch(
        connection, who.writes_to, adapter.system, by=who.email, if_version=connector.version, **changes
    )
    response.headers["ETag"] = etag(saved)
    return _shown(adapter, saved)


def _schedule(adapter: type[System], schedule: Schedule | None) -> dict[str, Any] | None:
    if schedule is not None and schedule.entity not in adapter.accepts():
        offered = ", ".join(adapter.entities)
        raise invalid("schedule.entity", f"{adapter.name} has {offered}.", f"{adapter.name} bietet {offered}.")
    return schedule.model_dump() if schedule else None


def _stored(connection: sa.Connection, vault: Vault, organization_id: str, system: str) -> dict[str, Any]:
    """The stored values with their secrets in clear; empty when there are none."""
    return connectors.open_values(connection, vault, organization_id, system)


# test ------------------------------------------------------------------------------------------------------------


@router.post("/{system}/test")
def try_connection(adapter: OfSystem, who: Integrator, language: Language, body: Trial | None = None) -> dict[str, Any]:
    """Tries the saved or the given settings, per right and per entity; never longer than a minute."""
    vault, organization_id = Vault.from_environment(), who.writes_to
    with database.scoped(organization_id) as connection:
        stored = _stored(connection, vault, organization_id, adapter.system)
    if body is not None and body.settings is not None:
        settings = forms.merged(adapter, body.settings, stored)
    elif stored:
        settings = forms.merged(adapter, stored, stored)
    else:
        raise Problem(NOTHING_TO_TRY, name=adapter.name)
    checks = _tried(adapter, settings)
    ok = bool(checks) and all(check["ok"] for check in checks)
    if body is None or body.settings is None:
        with database.scoped(organization_id) as connection:
            connectors.tested(connection, organization_id, adapter.system, ok, checks)
    return {"ok": ok, "checks": [check | {"detail": told(check["detail"], language)} for check in checks]}


def _tried(adapter: type[System], settings: BaseModel) -> list[dict[str, Any]]:
    """The checks that came back in time. The thread ends by the adapter's own deadline if it outlives ours."""
    checks: list[dict[str, Any]] = []
    thread = threading.Thread(target=_try, args=(adapter, settings, checks.append), daemon=True)
    started = time.monotonic()
    thread.start()
    thread.join(TEST_SECONDS + 5)
    if thread.is_alive():
        ms = round((time.monotonic() - started) * 1000)
        late = f"{adapter.name} did not answer everything within {TEST_SECONDS} seconds. Check host and network."
        return [*checks, {"name": "deadline", "ok": False, "detail": late, "ms": ms}]
    return checks


def _try(adapter: type[System], settings: BaseModel, done: Callable[[dict[str, Any]], None]) -> None:
    started = time.monotonic()
    try:
        source = adapter(settings, allowed_hosts=home.home().callable_hosts, timeout_seconds=TEST_SECONDS)
        try:
            for check in source.test():
                done({"name": check.name, "ok": check.ok, "detail": check.detail, "ms": check.ms})
        finally:
            source.close()
    except SourceError as error:
        ms = round((time.monotonic() - started) * 1000)
        done({"name": "connection", "ok": False, "detail": str(error), "ms": ms})


# list ------------------------------------------------------------------------------------------------------------


@router.get("/config")
def list_configs(who: Integrator, connection: Db, language: Language) -> list[dict[str, Any]]:
    """All connectors of the organisation with their health and last sync."""
    saved = {connector.system: connector for connector in connectors.list_(connection, who.writes_to)}
    last = _last_runs(connection, who.writes_to)
    waiting = _quarantined(connection, who.writes_to)
    found = _reconciled(connection, who.writes_to)
    drifted = drift.counts(connection, who.writes_to)
    return [
        _summary(adapter, saved.get(adapter.system), last, language)
        | {
            "quarantined": waiting.get(adapter.system, 0),
            "drift": drifted.get(adapter.system, 0),
            "reconciliation": compared(found.get(adapter.system), language),
        }
        for adapter in SYSTEMS.values()
    ]


def _quarantined(connection: sa.Connection, organization_id: str) -> dict[str, int]:
    bad = tables.rejections.c
    query = (
        sa.select(bad.system, sa.func.count().label("rows"))
        .where(bad.organization_id == organization_id)
        .group_by(bad.system)
    )
    return {row.system: row.rows for row in connection.execute(query)}


def _reconciled(connection: sa.Connection, organization_id: str) -> dict[str, dict[str, Any]]:
    """Per system what the newest sync that compared with the source has found."""
    run = tables.sync_runs.c
    found = run.result["reconciliation"]
    query = (
        sa.select(run.system, found.label("found"))
        .where(run.organization_id == organization_id, found["ok"].astext.is_not(None))
        .ext(distinct_on(run.system))
        .order_by(run.system, run.ended_at.desc())
    )
    return {row.system: row.found for row in connection.execute(query)}


def _last_runs(connection: sa.Connection, organization_id: str) -> dict[tuple[str, bool], dict[str, Any]]:
    """Per (system, ended): its newest run, in one query. A dry run never counts."""
    run = tables.sync_runs.c
    ended = run.ended_at.is_not(None).label("ended")
    query = (
        sa.select(tables.sync_runs, ended)
        .where(run.organization_id == organization_id, run.dry_run.is_(False), run.mode.not_in(runs.AGAIN))
        .ext(distinct_on(run.system, ended))
        .order_by(run.system, ended, sa.func.coalesce(run.ended_at, run.requested_at).desc())
    )
    return {(row["system"], row["ended"]): dict(row) for row in connection.execute(query).mappings()}


def _summary(
    adapter: type[System], connector: Connector | None, last: dict[tuple[str, bool], dict[str, Any]], language: str
) -> dict[str, Any]:
    ended, active = last.get((adapter.system, True)), last.get((adapter.system, False))
    failed = ended is not None and ended["status"] == "failed"
    return {
        "system": adapter.system,
        "name": adapter.name,
        "entities": list(adapter.entities),
        "enabled": connector.enabled if connector else False,
        "configured": connector is not None,
        "health": _health(connector, ended, active is not None),
        "schedule": connector.schedule if connector else None,
        "running": active["run_id"] if active else None,
        "last_sync": _last_sync(ended),
        "last_error": told(ended["reason"], language) if ended and failed and ended["reason"] else None,
    }


def _last_sync(run: dict[str, Any] | None) -> dict[str, Any] | None:
    if run is None:
        return None
    result = run["result"] or {}
    counts = {"inserted": "inserted", "updated": "updated", "errors": "rejected"}
    return {
        "at": run["ended_at"],
        "status": run["status"],
        "run_id": run["run_id"],
        **{name: result.get(key, 0) for name, key in counts.items()},
        # What a notifier tells of is new elsewhere: of itself it says how much it told.
        **({"digest": told_of} if (told_of := result.get("by_entity", {}).get("digest")) else {}),
    }


def _health(connector: Connector | None, ended: dict[str, Any] | None, running: bool) -> str:
    """One word for the list; the worst that is known and not yet answered by something newer."""
    if connector is None:
        return "unconfigured"
    if running:
        return "running"
    tested_last = connector.tested_at is not None and (ended is None or connector.tested_at > ended["ended_at"])
    if tested_last and not connector.test_ok:
        return "error"
    if ended is None:
        return "ok" if tested_last else "untested"
    if ended["status"] == "failed" and not tested_last:
        return "error"
    if connector.enabled and connector.schedule and _late(connector.schedule, ended["ended_at"]):
        return "late"
    return "warning" if ended["status"] in ("partial", "canceled") else "ok"


def _late(schedule: dict[str, Any], last: datetime) -> bool:
    """Whether a scheduled time passed since the last run without another, with some minutes to start and finish."""
    zone = ZoneInfo(schedule.get("time_zone") or "UTC")
    due = next(CronSim(schedule["cron"], last.astimezone(zone)))
    return datetime.now(UTC) > due.astimezone(UTC) + timedelta(minutes=LATE_MINUTES)
