"""What runs do for the first time, done once before anybody waits for it.

Belongs here: a run of nothing, before processes fork; reading what is not there while one waits for its run, so that
connections are open and statements compiled. Does not belong here: anything that changes something, or that a run
needs to be right; a run without a rehearsal does the same, a little later.
"""

import signal
from collections.abc import Iterator
from typing import Any
from urllib.request import Request

import dagster as dg
from dagster import AssetKey, AssetRecordsFilter, DagsterInstance

from ppm_pipelines import connectors, database, drift, mappings, runs, sync, tables
from ppm_pipelines.defs.checks import ABOUT, checked
from ppm_pipelines.defs.syncs import FACTS, SyncConfig, preview
from ppm_pipelines.load import SyncResult

NOBODY = "(nobody)"  # the id of no run and no organisation
LATEST = 10  # runs whose plans are read: what ran last is asked for next, mostly
SYSTEM = "sap"  # statements are the same for every system
NEVER = "1970-01-01T00:00:00+00:00"
NOTHING = AssetKey("nothing")


@dg.multi_asset(
    specs=[dg.AssetSpec(NOTHING)],
    check_specs=[dg.AssetCheckSpec("nothing", asset=NOTHING)],
    partitions_def=dg.DynamicPartitionsDefinition(name=NOBODY),
)
def _nothing(
    context: dg.AssetExecutionContext, config: SyncConfig
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    context.log.info(config.mode)
    metadata: dict[str, Any] = {"rows": 0, "amounts": dg.MetadataValue.json({}), "preview": dg.MetadataValue.md("")}
    yield dg.MaterializeResult(asset_key=NOTHING, metadata=metadata)
    yield dg.AssetCheckResult(asset_key=NOTHING, check_name="nothing", passed=True)


def run_nothing() -> None:
    """A run in memory alone: Dagster makes many of its classes when they are first used. Processes fork afterwards, so
    that nothing may be left, and Dagster leaves its handler of SIGTERM behind."""
    silent = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    kept = signal.getsignal(signal.SIGTERM)
    try:
        with DagsterInstance.ephemeral() as instance:
            instance.add_dynamic_partitions(NOBODY, [NOBODY])
            dg.materialize([_nothing], instance=instance, partition_key=NOBODY, run_config=silent)
    finally:
        signal.signal(signal.SIGTERM, kept)
    # Asks nothing. httpx makes one of these for each request, for its cookies; the first one compiles patterns.
    Request("http://127.0.0.1/")


def rehearse(instance: DagsterInstance) -> None:
    """Raises what the databases raise where they can't be reached."""
    _dagsters(instance)
    _ours()


def _dagsters(instance: DagsterInstance) -> None:
    asset = AssetKey([NOBODY, SYSTEM])
    instance.get_run_by_id(NOBODY)
    instance.all_logs(NOBODY)
    instance.get_asset_records([asset])
    instance.fetch_materializations(AssetRecordsFilter(asset_key=asset, asset_partitions=[NOBODY]), limit=1)
    instance.has_dynamic_partition(NOBODY, NOBODY)
    instance.has_snapshot(NOBODY)
    for name in ("asset_check_executions", "asset_event_tags"):
        instance.event_log_storage.has_table(name)  # type: ignore[attr-defined]
    plans = {run.execution_plan_snapshot_id for run in instance.get_runs(limit=LATEST)}
    for plan in filter(None, plans):
        instance.get_execution_plan_snapshot(plan)


def _ours() -> None:
    request = runs.RunRequest(NOBODY, SYSTEM, "costs", "incremental", NOBODY)
    with database.owner() as connection:
        runs.started(connection, NOBODY, NOBODY)
        runs.progress(connection, NOBODY, "", 0)
        runs.read(connection, NOBODY)
        connectors.get(connection, NOBODY, SYSTEM)
        mappings.all_active(connection, NOBODY, SYSTEM)
        drift.seen(connection, NOBODY, SYSTEM, dict.fromkeys(FACTS, ()))
        sync.linked(connection, request)
        sync.remembered(connection, request)
        sync.remembered(connection, request, request.entity)
    result = SyncResult(NOBODY, SYSTEM, "costs", NOBODY, synced_at=NEVER)
    for entity in FACTS:
        preview(entity, result)
    asked = [AssetKey([SYSTEM, entity]) for entity in tables.REQUIRED]
    checked([dg.AssetCheckKey(key, name) for key in asked for name in ABOUT], result)
