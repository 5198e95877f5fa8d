"""Assets, jobs and schedules of every system, made by one factory over ``ADAPTERS``.

Belongs here: how a sync looks in Dagster. Does not belong here: anything of one system alone, and what a sync does
(``ppm_pipelines.sync``).

One multi-asset per system, because commitments and actuals of one cut are merged in one transaction.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import dagster as dg
import sqlalchemy as sa
from cronsim import CronSim
from dagster._core.errors import DagsterExecutionInterruptedError

from ppm_pipelines import database, runs, sync, tables
from ppm_pipelines.adapters import ADAPTERS
from ppm_pipelines.adapters.base import Adapter
from ppm_pipelines.defs.resources import Sources, organizations
from ppm_pipelines.load import COUNTS, SyncResult

INTERRUPTED = (DagsterExecutionInterruptedError, KeyboardInterrupt)
FACTS = ("projects", "commitments", "actuals")
ABOUT = {
    "projects": "Projects and their WBS elements; they translate the source's ids and come before the facts.",
    "commitments": "What is ordered, relieved and open, one row per account assignment of an order line.",
    "actuals": "What is posted: journal lines with a project, signed, in document and company currency.",
}
REQUIRED = {
    "commitments": ("source_key", "project_id", "project_nr", "po_number", "po_line_nr", "currency"),
    "actuals": ("source_key", "project_id", "project_nr", "fi_doc_no", "currency"),
}
PREVIEW = {
    "projects": ("project_nr", "name", "status", "company_code"),
    "commitments": ("source_key", "project_nr", "currency", "ordered_amount", "relieved_amount", "open_amount"),
    "actuals": ("source_key", "project_nr", "posting_date", "currency", "amount", "item_text"),
}
PREVIEW_ROWS = 10


class SyncConfig(dg.Config):
    """``full`` reads everything and closes what vanished; ``incremental`` what changed since the last sync."""

    mode: Literal["incremental", "full"] = "incremental"


def entities_of(adapter: type[Adapter]) -> list[str]:
    return [entity for entity in adapter.entities if entity in FACTS]


def specs(adapter: type[Adapter]) -> Iterator[dg.AssetSpec]:
    """Facts depend on the system's projects, because a sync of facts reads the projects it needs first."""
    for entity in entities_of(adapter):
        yield dg.AssetSpec(
            [adapter.system, entity],
            deps=[] if entity == "projects" else [[adapter.system, "projects"]],
            group_name=adapter.system,
            description=f"{adapter.name}: {ABOUT[entity]}",
            kinds={adapter.system, "postgres"} if adapter.system in ("sap", "jira", "slack") else {"postgres"},
            metadata={"table": f"ppm.{entity}", "partitioned by": "organisation"},
        )


def check_specs(adapter: type[Adapter]) -> Iterator[dg.AssetCheckSpec]:
    about = {
        "rows_match_source": "As many rows as the source itself counts for the same cut.",
        "money_matches_source": "The same money per project, currency and period as the source's own totals.",
        "required_fields": "No row lacks a key, project or currency.",
        "nothing_rejected": "No record is in quarantine.",
    }
    for entity in entities_of(adapter):
        if entity in REQUIRED:
            for name, description in about.items():
                yield dg.AssetCheckSpec(name, asset=[adapter.system, entity], description=description)


def sync_assets(adapter: type[Adapter]) -> dg.AssetsDefinition:
    system = adapter.system

    @dg.multi_asset(
        name=f"{system}_to_costbook",
        specs=list(specs(adapter)),
        check_specs=list(check_specs(adapter)),
        partitions_def=organizations,
        can_subset=True,
    )
    def synced(
        context: dg.AssetExecutionContext, config: SyncConfig, sources: Sources
    ) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        request = _requested(context, system, config)
        result = _carried_out(context, request, sources)
        context.log.info(_in_a_sentence(result))
        for key in sorted(context.selected_asset_keys, key=lambda key: key.path != [system, "projects"]):
            yield _materialized(key.path[-1], result)
        for check in sorted(context.selected_asset_check_keys, key=lambda check: check.name):
            yield _checked(check, result)

    return synced


def _requested(context: dg.AssetExecutionContext, system: str, config: SyncConfig) -> runs.RunRequest:
    """What the run is about: its tags say so when the API or a schedule launched it, else the selection does."""
    tags = context.run.tags
    scope = _scope(tags.get("ppm/run_id"))
    selected = {key.path[-1] for key in context.selected_asset_keys}
    chosen = "costs" if {"commitments", "actuals"} <= selected else min(selected - {"projects"} or selected)
    mode: Any = tags.get("ppm/mode", config.mode)
    return runs.RunRequest(
        context.partition_key,
        system,
        tags.get("ppm/entity", chosen),
        mode,
        tags.get("ppm/requested_by") or "dagster",
        scope=scope,
    )


def _scope(run_id: str | None) -> dict[str, Any] | None:
    """What the claim that launched the run is about; it may be too much for a tag."""
    if run_id is None:
        return None
    with database.owner() as connection:
        row = runs.read(connection, run_id)
    return row["scope"] if row else None


def _carried_out(context: dg.AssetExecutionContext, request: runs.RunRequest, sources: Sources) -> SyncResult:
    """The sync under its claim: the one that the API took, or one of its own."""

    def now(run_id: str) -> SyncResult:
        return sync.carry_out(
            request,
            run_id,
            lambda: sources.open(request.system, request.organization_id),
            context.log.info,
            INTERRUPTED,
        )

    try:
        ours = context.run.tags.get("ppm/run_id")
        if ours is not None and _started(ours, context.run.run_id):
            return now(ours)
        with sync.claimed(request) as run_id:
            _started(run_id, context.run.run_id)
            return now(run_id)
    except sync.Failed as failed:
        metadata = {"problem": failed.problem, "ppm/run_id": failed.run_id}
        raise dg.Failure(failed.reason, metadata=metadata, allow_retries=False) from failed.__cause__


def _started(run_id: str, dagster_run_id: str) -> bool:
    """False for a claim that is over: a re-execution in the UI carries the tags of its parent and claims anew."""
    with database.owner() as connection:
        if runs.started(connection, run_id, dagster_run_id):
            return True
        row = runs.read(connection, run_id)
    if row is not None and row["status"] == "canceled" and row["dagster_run_id"] in (None, dagster_run_id):
        raise sync.Failed(sync.STOPPED, "canceled", run_id)
    return False


def _in_a_sentence(result: SyncResult) -> str:
    told = ", ".join(f"{getattr(result, name)} {name}" for name in COUNTS[1:] if getattr(result, name))
    return f"{result.total} records read: {told or 'nothing to do'}. In {result.duration_ms} ms."


def _materialized(entity: str, result: SyncResult) -> dg.MaterializeResult[Any]:
    own = result.by_entity.get(entity)
    if own is None:  # projects, read along with the facts and not counted
        return dg.MaterializeResult(
            asset_key=[result.system, entity], metadata={"synced_at": result.synced_at, "ppm/run_id": result.run_id}
        )
    metadata: dict[str, Any] = {name: own[name] for name in COUNTS}
    metadata |= {
        "amounts": dg.MetadataValue.json(own["amounts"]),
        "reconciliation": dg.MetadataValue.json(result.reconciliation or {}),
        "synced_at": result.synced_at,
        "duration_ms": result.duration_ms,
        "ppm/run_id": result.run_id,
        "preview": dg.MetadataValue.md(_preview(entity, result)),
    }
    # Whole units, for the plots over time; the exact amounts are beside them as text.
    for currency, figures in own["amounts"].items():
        for figure, money in figures.items():
            metadata[f"{figure} {currency}"] = dg.MetadataValue.int(int(money["after"].split(".")[0]))
    return dg.MaterializeResult(asset_key=[result.system, entity], metadata=metadata)


def _preview(entity: str, result: SyncResult) -> str:
    """The first rows that this run wrote, as a table."""
    names = PREVIEW[entity]
    table = tables.metadata.tables[f"ppm.{entity}"]
    query = sa.select(*(table.c[name] for name in names)).where(table.c.run_id == result.run_id).limit(PREVIEW_ROWS)
    with database.owner() as connection:
        rows = connection.execute(query).all()
    if not rows:
        return "Nothing changed."
    lines = [names, tuple("---" for _ in names), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _checked(check: dg.AssetCheckKey, result: SyncResult) -> dg.AssetCheckResult:
    entity = check.asset_key.path[-1]
    passed, metadata = _CHECKS[check.name](entity, result)
    return dg.AssetCheckResult(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


def _rows_match(_: str, result: SyncResult) -> tuple[bool, dict[str, Any]]:
    rows = (result.reconciliation or {}).get("rows")
    return rows is None or rows["ours"] == rows["source"], {"rows": dg.MetadataValue.json(rows or {})}


def _money_matches(_: str, result: SyncResult) -> tuple[bool, dict[str, Any]]:
    differences = (result.reconciliation or {}).get("differences", [])
    return not differences, {"differences": dg.MetadataValue.json(differences[:50])}


def _required_fields(entity: str, result: SyncResult) -> tuple[bool, dict[str, Any]]:
    table = tables.metadata.tables[f"ppm.{entity}"]
    lacking = {name: sa.func.count().filter(table.c[name] == "") for name in REQUIRED[entity]}
    query = sa.select(*(count.label(name) for name, count in lacking.items())).where(
        table.c.organization_id == result.organization_id, table.c.system == result.system
    )
    with database.owner() as connection:
        found = dict(connection.execute(query).mappings().one())
    return not any(found.values()), {name: dg.MetadataValue.int(count) for name, count in found.items()}


def _nothing_rejected(entity: str, result: SyncResult) -> tuple[bool, dict[str, Any]]:
    bad = tables.rejections.c
    query = sa.select(sa.func.count()).where(
        bad.organization_id == result.organization_id, bad.system == result.system, bad.entity == entity
    )
    with database.owner() as connection:
        count = connection.scalar(query) or 0
    return count == 0, {"in_quarantine": dg.MetadataValue.int(count)}


_CHECKS = {
    "rows_match_source": _rows_match,
    "money_matches_source": _money_matches,
    "required_fields": _required_fields,
    "nothing_rejected": _nothing_rejected,
}

# --- freshness -----------------------------------------------------------------------------------------------------

STALE_HOURS = 26  # a day and a bit: a nightly schedule that did not run is seen the same morning


def freshness_check(adapter: type[Adapter]) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=[adapter.system, "commitments"],
        name="freshness",
        description=f"Every enabled connector with a schedule was synced within {STALE_HOURS} hours.",
    )
    def freshness() -> dg.AssetCheckResult:
        stale = _stale(adapter.system)
        return dg.AssetCheckResult(
            passed=not stale, severity=dg.AssetCheckSeverity.WARN, metadata={"stale": dg.MetadataValue.json(stale)}
        )

    return freshness


def _stale(system: str) -> list[str]:
    run, connector = tables.sync_runs.c, tables.connectors.c
    with database.owner() as connection:
        fresh = connection.scalars(
            sa.select(run.organization_id)
            .where(run.system == system, run.status.in_(("success", "partial")))
            .where(run.ended_at > datetime.now(UTC) - timedelta(hours=STALE_HOURS))
            .distinct()
        ).all()
        wanted = connection.scalars(
            sa.select(connector.organization_id).where(
                connector.system == system, connector.enabled, connector.schedule.is_not(None)
            )
        ).all()
    return sorted(set(wanted) - set(fresh))


# --- jobs and schedules --------------------------------------------------------------------------------------------


def _assets_of(system: str, entity: str) -> list[dg.AssetKey]:
    names = ("commitments", "actuals") if entity == "costs" else (entity,)
    return [dg.AssetKey([system, name]) for name in names]


def _without_freshness(adapter: type[Adapter], keys: list[dg.AssetKey]) -> dg.AssetSelection:
    """Right after a sync everything is fresh; that check has a job of its own."""
    fresh = dg.AssetCheckKey(dg.AssetKey([adapter.system, "commitments"]), "freshness")
    return dg.AssetSelection.assets(*keys) - dg.AssetSelection.checks(fresh)


def jobs(adapter: type[Adapter]) -> Iterator[Any]:
    """One per entity, and one over all of them for the schedule, which picks."""
    for entity in adapter.entities:
        yield dg.define_asset_job(
            f"sync_{adapter.system}_{entity}",
            selection=_without_freshness(adapter, _assets_of(adapter.system, entity)),
            description=f"Brings the {entity} of {adapter.name} over, for one organisation.",
        )
    yield dg.define_asset_job(
        f"sync_{adapter.system}",
        selection=_without_freshness(adapter, [dg.AssetKey([adapter.system, e]) for e in entities_of(adapter)]),
        description=f"What the schedule of {adapter.name} launches: the entity that is due, for one organisation.",
    )


def schedule(adapter: type[Adapter], job: Any) -> dg.ScheduleDefinition:
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
        found = list(due_at(adapter.system, at))
        if not found:
            yield dg.SkipReason("No connector is due.")
        for organization_id, wanted in found:
            yield _run_request(adapter.system, organization_id, wanted, at)

    return due


def due_at(system: str, at: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
    """Organisations whose schedule names this minute, in its own time zone."""
    with database.owner() as connection:
        connector = tables.connectors.c
        rows = connection.execute(
            sa.select(connector.organization_id, connector.schedule).where(
                connector.system == system, connector.enabled, connector.schedule.is_not(None)
            )
        ).all()
    for organization_id, wanted in rows:
        if wanted and is_due(wanted, at):
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
        asset_selection=_assets_of(system, entity),
        tags={
            "ppm/system": system,
            "ppm/entity": entity,
            "ppm/organization_id": organization_id,
            "ppm/requested_by": "schedule",
            "ppm/mode": wanted.get("mode") or "incremental",
        },
    )


_freshness = [freshness_check(adapter) for adapter in ADAPTERS.values()]
_jobs = {adapter.system: list(jobs(adapter)) for adapter in ADAPTERS.values()}


@dg.definitions
def syncs() -> dg.Definitions:
    check_freshness = dg.define_asset_job(
        "check_freshness",
        selection=dg.AssetSelection.checks(*(key for check in _freshness for key in check.check_keys)),
        description="Looks whether every scheduled connector brought something lately.",
    )
    return dg.Definitions(
        assets=[sync_assets(adapter) for adapter in ADAPTERS.values()],
        asset_checks=_freshness,
        jobs=[job for made in _jobs.values() for job in made] + [check_freshness],
        schedules=[schedule(adapter, _jobs[adapter.system][-1]) for adapter in ADAPTERS.values()]
        + [
            dg.ScheduleDefinition(
                name="schedule_freshness",
                job=check_freshness,
                cron_schedule="5 * * * *",
                default_status=dg.DefaultScheduleStatus.RUNNING,
            )
        ],
    )
