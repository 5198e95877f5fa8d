"""Syncs whose run ended before they had begun: they get the row that they could not write themselves.

Belongs here: finding such runs in Dagster's history. Does not belong here: who is told of them (``alerts``, which reads
the table of runs), runs that had begun (``ppm_pipelines.sync``), claims that were taken before (``api/events.py``).

What the schedules launch takes its place in ``sync_runs`` when its asset begins. Where no process starts, or the code
in it does not load, Dagster alone knows: without a row the sync would fail in silence.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import sqlalchemy as sa

from ppm_pipelines import database, runs
from ppm_pipelines.adapters import SYSTEMS
from ppm_pipelines.tables import sync_runs

SECONDS = 30  # between two looks
FIRST = timedelta(hours=24)  # so far back looks the first one
OVERLAP = timedelta(minutes=10)  # an end is seen when Dagster has committed it, a little after its time
JOB = "sync_"


@dg.sensor(
    name="unclaimed_runs",
    minimum_interval_seconds=SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Gives syncs that failed before they had begun their row in the table of runs, where people see it.",
)
def unclaimed_runs(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    now = datetime.now(UTC)
    since = datetime.fromisoformat(context.cursor) if context.cursor else now - FIRST
    records = context.instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since - OVERLAP)
    )
    try:
        for record in records:
            if _never_began(context.instance, record.dagster_run):
                _give_a_row(record)
    except sa.exc.ProgrammingError as error:
        if not isinstance(error.orig, database.NOT_SET_UP):
            raise
        return dg.SkipReason("The database is not set up yet: run `ppm up` or `ppm migrate` once.")
    seen = max((record.update_timestamp for record in records), default=since)
    return dg.SensorResult(cursor=max(seen, since).isoformat())


def _never_began(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the run is a sync of ours that no row tells of, not even another one's that it had to leave alone."""
    if _request(run) is None or _has_a_row(run):
        return False
    return not any("ppm/run_id" in metadata for metadata in _failures(instance, run.run_id))


def _has_a_row(run: dg.DagsterRun) -> bool:
    """A run executed anew carries its parent's claim, which is not its own."""
    row, claimed = sync_runs.c, run.tags.get("ppm/run_id", "")
    its = sa.or_(row.dagster_run_id == run.run_id, sa.and_(row.run_id == claimed, row.dagster_run_id.is_(None)))
    with database.owner() as connection:
        return bool(connection.scalar(sa.select(sa.exists().where(its))))


def _failures(instance: dg.DagsterInstance, run_id: str) -> Iterator[dict[str, Any]]:
    """What the failed steps said of themselves."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        said = entry.get_dagster_event().step_failure_data.user_failure_data
        yield dict(said.metadata) if said else {}


def _request(run: dg.DagsterRun) -> runs.RunRequest | None:
    """What the run was to sync, by its tags, else by its job; None when it is none of ours."""
    tags = run.tags
    organization_id = tags.get("ppm/organization_id") or tags.get("dagster/partition")
    system, _, entity = run.job_name.removeprefix(JOB).partition("_")
    if not run.job_name.startswith(JOB) or system not in SYSTEMS or not organization_id:
        return None
    mode: Any = tags.get("ppm/mode", "incremental")
    by = tags.get("ppm/requested_by") or "dagster"
    return runs.RunRequest(organization_id, system, tags.get("ppm/entity") or entity or "costs", mode, by)


def _give_a_row(record: dg.RunRecord) -> None:
    request = _request(record.dagster_run)
    assert request is not None  # noqa: S101 - it was asked before
    reason = "The run ended before the sync had begun. Nothing was changed; Dagster's log of the run says why."
    with database.owner() as connection:
        runs.never_began(connection, request, record.dagster_run.run_id, record.create_timestamp, reason=reason)
