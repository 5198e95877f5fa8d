"""Assets and jobs of every system, made by one factory over ``ADAPTERS``.

Belongs here: how a sync looks in Dagster. Does not belong here: anything of one system alone, what a sync does
(``ppm_pipelines.sync``), what is looked at afterwards (``checks``), when it runs by itself (``schedules``).

One multi-asset per system, because commitments and actuals of one cut are merged in one transaction.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

import dagster as dg
import sqlalchemy as sa
from dagster._core.errors import DagsterExecutionInterruptedError

from ppm_pipelines import database, digest, runs, sync, tables
from ppm_pipelines.adapters import ADAPTERS
from ppm_pipelines.adapters.base import Adapter
from ppm_pipelines.defs.checks import MASS_DISAPPEARANCE, check_specs, checked, disappeared, freshness_check
from ppm_pipelines.defs.resources import Sources, organizations
from ppm_pipelines.defs.schedules import assets_of, schedule
from ppm_pipelines.load import COUNTS, MassDisappearance, SyncResult

INTERRUPTED = (DagsterExecutionInterruptedError, KeyboardInterrupt)
FACTS = ("projects", "commitments", "actuals")
ABOUT = {
    "projects": "Projects and their WBS elements; they translate the source's ids and come before the facts.",
    "commitments": "What is ordered, relieved and open, one row per account assignment of an order line.",
    "actuals": "What is posted: journal lines with a project, signed, in document and company currency.",
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
        request = requested(context, system, config)
        try:
            result = carried_out(context, request, sources)
        except sync.Failed as failed:
            yield from _refused(context, failed)
            metadata = {"problem": failed.problem, "ppm/run_id": failed.run_id}
            raise dg.Failure(failed.reason, metadata=metadata, allow_retries=False) from failed.__cause__
        context.log.info(_in_a_sentence(result))
        for key in sorted(context.selected_asset_keys, key=lambda key: key.path != [system, "projects"]):
            yield _materialized(key.path[-1], result)
        yield from checked(context.selected_asset_check_keys, result)

    return synced


def requested(context: dg.AssetExecutionContext, system: str, config: SyncConfig) -> runs.RunRequest:
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


def carried_out(
    context: dg.AssetExecutionContext,
    request: runs.RunRequest,
    sources: Sources,
    checks: digest.Checks = digest.no_checks,
) -> SyncResult:
    """The sync under its claim: the one that the API took, or one of its own."""

    def now(run_id: str) -> SyncResult:
        return sync.carry_out(
            request,
            run_id,
            lambda: sources.open(request.system, request.organization_id),
            context.log.info,
            INTERRUPTED,
            checks,
        )

    ours = context.run.tags.get("ppm/run_id")
    if ours is not None and _started(ours, context.run.run_id):
        return now(ours)
    with sync.claimed(request) as run_id:
        _started(run_id, context.run.run_id)
        return now(run_id)


def _refused(context: dg.AssetExecutionContext, failed: sync.Failed) -> Iterator[dg.AssetCheckResult]:
    """A load that was refused because so much would vanish fails the check that says so."""
    cause = failed.__cause__
    if isinstance(cause, MassDisappearance):
        for check in context.selected_asset_check_keys:
            if check.name == MASS_DISAPPEARANCE and check.asset_key.path[-1] == cause.entity:
                yield disappeared(check, failed.reason)


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
        "mapping_version": own["mapping_version"],
        "preview": dg.MetadataValue.md(preview(entity, result)),
    }
    # Whole units, for the plots over time; the exact amounts are beside them as text.
    for currency, figures in own["amounts"].items():
        for figure, money in figures.items():
            metadata[f"{figure} {currency}"] = dg.MetadataValue.int(int(money["after"].split(".")[0]))
    return dg.MaterializeResult(asset_key=[result.system, entity], metadata=metadata)


def preview(entity: str, result: SyncResult) -> str:
    """The first rows that this run wrote, as a table."""
    names = PREVIEW[entity]
    table = tables.metadata.tables[f"ppm.{entity}"]
    # The moment says the same as the run, and is what an index knows.
    mine = (table.c.last_changed_at >= datetime.fromisoformat(result.synced_at), table.c.run_id == result.run_id)
    query = sa.select(*(table.c[name] for name in names)).where(*mine).limit(PREVIEW_ROWS)
    with database.owner() as connection:
        rows = connection.execute(query).all()
    if not rows:
        return "Nothing changed."
    lines = [names, tuple("---" for _ in names), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


# --- jobs --------------------------------------------------------------------------------------------


def _without_freshness(adapter: type[Adapter], keys: list[dg.AssetKey]) -> dg.AssetSelection:
    """Right after a sync everything is fresh; that check has a job of its own."""
    fresh = dg.AssetCheckKey(dg.AssetKey([adapter.system, "commitments"]), "freshness")
    return dg.AssetSelection.assets(*keys) - dg.AssetSelection.checks(fresh)


def jobs(adapter: type[Adapter]) -> Iterator[Any]:
    """One per entity, and one over all of them for the schedule, which picks."""
    for entity in adapter.entities:
        yield dg.define_asset_job(
            f"sync_{adapter.system}_{entity}",
            selection=_without_freshness(adapter, assets_of(adapter.system, entity)),
            description=f"Brings the {entity} of {adapter.name} over, for one organisation.",
        )
    yield dg.define_asset_job(
        f"sync_{adapter.system}",
        selection=_without_freshness(adapter, [dg.AssetKey([adapter.system, e]) for e in entities_of(adapter)]),
        description=f"What the schedule of {adapter.name} launches: the entity that is due, for one organisation.",
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
