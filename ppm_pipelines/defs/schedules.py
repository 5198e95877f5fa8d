"""When syncs run by themselves: one schedule per system ticks every minute and asks the connectors who is due.

Belongs here: what is due, and the run requests. Does not belong here: what a sync is (``syncs``); schedules themselves
are set by people, per organisation, in the product.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import sqlalchemy as sa
from cronsim import CronSim

from ppm_pipelines import database, tables
from ppm_pipelines.adapters import NOTIFIERS
from ppm_pipelines.adapters.base import System
from ppm_pipelines.runs import RUN_CONFIG

# Whatever is scheduled, once a night everything is read: an incremental read does not see what vanished.
NIGHTLY = "30 2 * * *"


def assets_of(system: str, entity: str) -> list[dg.AssetKey]:
    if system in NOTIFIERS:
        return [dg.AssetKey([system, "digest"])]
    names = ("commitments", "actuals") if entity == "costs" else (entity,)
    return [dg.AssetKey([system, name]) for name in names]


def schedule(adapter: type[System], job: Any) -> dg.ScheduleDefinition:
    """Ticks every minute and asks the connectors who is due: people change their schedules without a deployment."""

    @dg.schedule(
        job=job,
        cron_schedule="* * * * *",
        name=f"schedule_{adapter.system}",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        execution_timezone="UTC",
        description=f"Launches the syncs of {adapter.name} that are due; configured per organisation in the product.",
    )
    def due(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        at = context.scheduled_execution_time.astimezone(UTC)
        try:
            found = list(due_at(adapter.system, at))
        except sa.exc.ProgrammingError as error:
            if not isinstance(error.orig, database.NOT_SET_UP):
                raise
            yield dg.SkipReason("The database is not set up yet: run `ppm up` or `ppm migrate` once.")
            return
        if not found:
            yield dg.SkipReason("No connector is due.")
        for organization_id, wanted in found:
            yield _run_request(adapter.system, organization_id, wanted, at)

    return due


def due_at(system: str, at: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
    """Organisations whose schedule names this minute in its own time zone, or whose nightly full read it is."""
    with database.owner() as connection:
        connector = tables.connectors.c
        rows = connection.execute(
            sa.select(connector.organization_id, connector.schedule).where(
                connector.system == system, connector.enabled, connector.schedule.is_not(None)
            )
        ).all()
    for organization_id, wanted in rows:
        if wanted and system not in NOTIFIERS and is_due({**wanted, "cron": NIGHTLY}, at):
            yield organization_id, {**wanted, "mode": "full"}
        elif wanted and is_due(wanted, at):
            yield organization_id, wanted


def is_due(wanted: dict[str, Any], at: datetime) -> bool:
    minute = at.replace(second=0, microsecond=0)
    local = (minute - timedelta(minutes=1)).astimezone(ZoneInfo(wanted.get("time_zone") or "UTC"))
    return bool(next(CronSim(wanted["cron"], local)).astimezone(UTC) == minute)


def _run_request(system: str, organization_id: str, wanted: dict[str, Any], at: datetime) -> dg.RunRequest:
    entity = wanted.get("entity") or "costs"
    return dg.RunRequest(
        run_key=f"{organization_id}/{entity}/{at:%Y-%m-%dT%H:%M}",
        partition_key=organization_id,
        asset_selection=assets_of(system, entity),
        run_config=RUN_CONFIG,
        tags={
            "ppm/system": system,
            "ppm/entity": entity,
            "ppm/organization_id": organization_id,
            "ppm/requested_by": "schedule",
            "ppm/mode": wanted.get("mode") or "incremental",
        },
    )
