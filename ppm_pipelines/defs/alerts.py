"""What notifiers tell people: the asset ``<notifier>/digest``, its jobs and schedule, the sensor that follows syncs.

Belongs here: when somebody is told, and Dagster's failed checks. Does not belong here: what is told
(``ppm_pipelines.digest``), how it looks and is sent (``adapters``).

A sync knows nothing of it: the sensor looks at the table of runs, and a message is a run of its own. Whether it arrived
is told where every other sync's end is told.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import sqlalchemy as sa

from ppm_pipelines import database, digest, sync, tables
from ppm_pipelines.adapters import ADAPTERS, NOTIFIERS
from ppm_pipelines.adapters.base import Notifier
from ppm_pipelines.defs.resources import Sources, organizations
from ppm_pipelines.defs.schedules import assets_of, schedule
from ppm_pipelines.defs.syncs import SyncConfig, carried_out, requested
from ppm_pipelines.load import COUNTS, SyncResult
from ppm_pipelines.runs import ACTIVE, RUN_CONFIG

log = logging.getLogger(__name__)
SECONDS = 10  # between two looks of the sensor
# What of a failed check's metadata says how much it is about.
COUNTED = ("in_quarantine", "differences", "lines", "anomalies")


def digest_asset(notifier: type[Notifier]) -> dg.AssetsDefinition:
    system = notifier.system

    @dg.asset(
        key=[system, "digest"],
        group_name=system,
        partitions_def=organizations,
        kinds={system},
        description=f"{notifier.name}: what changed since the last digest and what went wrong, told in one message.",
    )
    def told(context: dg.AssetExecutionContext, config: SyncConfig, sources: Sources) -> dg.MaterializeResult[Any]:
        request = requested(context, system, config)
        try:
            result = carried_out(context, request, sources, lambda ids: failed_checks(context.instance, ids))
        except sync.Failed as failed:
            metadata = {"problem": failed.problem, "ppm/run_id": failed.run_id}
            raise dg.Failure(failed.reason, metadata=metadata, allow_retries=False) from failed.__cause__
        return _materialized(result)

    return told


def _materialized(result: SyncResult) -> dg.MaterializeResult[Any]:
    metadata: dict[str, Any] = {name: getattr(result, name) for name in COUNTS}
    metadata |= {
        "messages": result.by_entity["digest"]["messages"],
        "alerts": result.by_entity["digest"]["alerts"],
        "amounts": dg.MetadataValue.json(result.amounts),
        "reconciliation": dg.MetadataValue.json({}),
        "synced_at": result.synced_at,
        "duration_ms": result.duration_ms,
        "ppm/run_id": result.run_id,
    }
    return dg.MaterializeResult(metadata=metadata)


# --- failed checks -------------------------------------------------------------------------------------------------


def failed_checks(
    instance: dg.DagsterInstance, dagster_run_ids: Sequence[str]
) -> Mapping[str, list[digest.FailedCheck]]:
    """The failed checks of each run that has ended in Dagster, or that Dagster knows no more."""
    if not dagster_run_ids:
        return {}
    known = {run.run_id: run for run in instance.get_runs(dg.RunsFilter(run_ids=list(dagster_run_ids)))}
    return {
        run_id: list(_failed(instance, run_id)) if run_id in known else []
        for run_id in dagster_run_ids
        if run_id not in known or known[run_id].is_finished
    }


def _failed(instance: dg.DagsterInstance, dagster_run_id: str) -> Iterator[digest.FailedCheck]:
    for entry in instance.all_logs(dagster_run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        evaluated = entry.get_dagster_event().asset_check_evaluation_data
        if evaluated.passed:
            continue
        metadata = {name: value.value for name, value in evaluated.metadata.items()}
        count: Any = next((metadata[name] for name in COUNTED if metadata.get(name)), None)
        yield digest.FailedCheck(
            evaluated.asset_key.path[-1],
            evaluated.check_name,
            str(metadata.get("reason") or ""),
            len(count) if isinstance(count, list) else count,
        )


# --- after a sync --------------------------------------------------------------------------------------------------


def follows(notifier: type[Notifier], job: Any) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{notifier.system}_follows",
        job=job,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Has {notifier.name} told what the syncs changed, what failed, and who has been silent too long.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        seen: dict[str, str] = json.loads(context.cursor or "{}")
        try:
            occasions = list(_occasions(notifier.system, datetime.now(UTC)))
        except sa.exc.ProgrammingError as error:
            if not isinstance(error.orig, database.NOT_SET_UP):
                raise
            return dg.SkipReason("The database is not set up yet: run `ppm up` or `ppm migrate` once.")
        requests = []
        for organization_id, occasion in occasions:
            if seen.get(organization_id) == occasion:
                continue
            worth = worth_telling(context.instance, notifier.system, organization_id)
            if worth is None:  # the checks of a sync are still to come: looked at again
                continue
            seen[organization_id] = occasion
            if worth:
                requests.append(_run_request(notifier.system, organization_id, occasion))
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(seen))

    return sensor


def _occasions(system: str, now: datetime) -> Iterator[tuple[str, str]]:
    """Per organisation with the notifier switched on: the newest end of a sync and the hour.

    The hour, because silence is no event, and because what did not arrive is tried again. Who is being told something
    just now is asked later.
    """
    connector, run = tables.connectors.c, tables.sync_runs.c
    newest = (
        sa.select(sa.func.max(run.ended_at))
        .where(run.organization_id == connector.organization_id, run.system.in_(list(ADAPTERS)))
        .scalar_subquery()
    )
    telling = sa.exists().where(
        run.organization_id == connector.organization_id, run.system == system, run.status.in_(ACTIVE)
    )
    query = sa.select(connector.organization_id, newest).where(connector.system == system, connector.enabled, ~telling)
    with database.owner() as connection:
        rows = connection.execute(query.order_by(connector.organization_id)).all()
    for organization_id, ended_at in rows:
        yield organization_id, f"{ended_at.astimezone(UTC).isoformat() if ended_at else ''}/{now:%Y-%m-%dT%H}"


def worth_telling(instance: dg.DagsterInstance, system: str, organization_id: str) -> bool | None:
    """Whether there is something that the organisation wants to be told; None: not known yet.

    Who cannot even be asked is told all the same: the run fails, and says why where people see it.
    """
    try:
        with closing(Sources().open(system, organization_id)) as notifier, database.owner() as connection:
            assert isinstance(notifier, Notifier)  # noqa: S101 - for the type
            found = digest.look(connection, notifier, organization_id, checks=lambda ids: failed_checks(instance, ids))
    except Exception:
        log.exception("What to tell %s of %s is not known.", system, organization_id)
        return True
    return None if found.waiting else digest.wanted(notifier, found.news)


def _run_request(system: str, organization_id: str, occasion: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{organization_id}/{occasion}",
        partition_key=organization_id,
        run_config=RUN_CONFIG,
        tags={
            "ppm/system": system,
            "ppm/entity": "digest",
            "ppm/organization_id": organization_id,
            "ppm/requested_by": digest.BY_ITSELF,
            "ppm/mode": "incremental",
        },
    )


# --- jobs ----------------------------------------------------------------------------------------------------------


def jobs(notifier: type[Notifier]) -> list[Any]:
    """One per entity: they all send a digest, each of its own."""
    return [
        dg.define_asset_job(
            f"sync_{notifier.system}_{entity}",
            selection=dg.AssetSelection.assets(*assets_of(notifier.system, entity)),
            tags={"ppm/entity": entity},
            description=f"Tells {notifier.name} what changed ({entity}), for one organisation.",
        )
        for entity in notifier.accepts()
    ]


_jobs = {system: jobs(notifier) for system, notifier in NOTIFIERS.items()}


@dg.definitions
def alerts() -> dg.Definitions:
    return dg.Definitions(
        assets=[digest_asset(notifier) for notifier in NOTIFIERS.values()],
        jobs=[job for made in _jobs.values() for job in made],
        schedules=[schedule(notifier, _jobs[system][0]) for system, notifier in NOTIFIERS.items()],
        sensors=[follows(notifier, _jobs[system][0]) for system, notifier in NOTIFIERS.items()],
    )
