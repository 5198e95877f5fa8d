"""What a process asks while it waits for its run: the questions that every run begins and ends with.

Belongs here: reading what is not there, so that connections are open, statements are compiled and code has run once
before anybody waits for it. Does not belong here: anything that changes something, or that a run needs to be right;
a run without a rehearsal does the same, a little later.
"""

from __future__ import annotations

from dagster import AssetKey, AssetRecordsFilter, DagsterInstance

from ppm_pipelines import connectors, database, drift, mappings, runs, sync
from ppm_pipelines.defs.syncs import FACTS

NOBODY = "(nobody)"  # the id of no run and no organisation
LATEST = 10  # runs whose plans are read: what ran last is asked for next, mostly
SYSTEM = "sap"  # statements are the same for every system


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
        for entity in FACTS:
            drift.known(connection, NOBODY, SYSTEM, entity)
            drift.gone(connection, NOBODY, SYSTEM, entity)
    sync.linked(request)
    sync.remembered(request)
