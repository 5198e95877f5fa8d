"""Dagster's storages open when they are first used, and by whoever comes first."""

import contextlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest

from ppm_pipelines import home, rehearsal
from ppm_pipelines.dagster_storage import ComputeLogs, EventLog, Storage
from ppm_pipelines_tests.product import ROOT

THREADS = 8


@pytest.mark.usefixtures("database_url")
def test_threads_that_come_first_together_all_get_an_open_storage() -> None:
    storage, together = Storage(), threading.Barrier(THREADS)

    def ask(_: int) -> dict[str, object]:
        together.wait()
        return dict(storage.run_storage.get_daemon_heartbeats())

    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(ask, range(THREADS))) == [{}] * THREADS
    storage.run_storage.dispose()


@pytest.mark.usefixtures("database_url")
def test_a_database_that_was_away_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage()
    with monkeypatch.context() as away:
        away.setenv("PPM_DATABASE_URL", "postgresql://127.0.0.1:1/nowhere")
        home.home.cache_clear()
        with pytest.raises(Exception, match=r"(?i)connection"):
            storage.run_storage.get_daemon_heartbeats()
    home.home.cache_clear()
    assert dict(storage.run_storage.get_daemon_heartbeats()) == {}
    storage.run_storage.dispose()


places = dg.DynamicPartitionsDefinition(name="places")


@dg.asset(partitions_def=places)
def orders(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
    """An asset with more checks than one, of which some are told without having been planned."""
    context.log.info("3 rows")
    context.log_event(dg.AssetCheckEvaluation(asset_key=orders.key, check_name="odd", passed=False, metadata={}))
    told = dg.AssetCheckEvaluation(asset_key=orders.key, check_name="told", passed=True, metadata={})
    context.instance.report_runless_asset_event(told)
    return dg.MaterializeResult(metadata={"rows": 3}, data_version=dg.DataVersion("7"))


@dg.asset_check(asset=orders)
def add_up() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset=orders)
def known() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c"]))
def several() -> None:
    """An asset of more partitions than one in a run."""


def events_of(instance: dg.DagsterInstance) -> EventLog:
    assert isinstance(instance.event_log_storage, EventLog)
    return instance.event_log_storage


def ran(instance: dg.DagsterInstance, *, alone: bool) -> str:
    log = events_of(instance)
    job = dg.Definitions(assets=[orders], asset_checks=[add_up, known]).resolve_implicit_global_asset_job_def()
    with log.alone() if alone else contextlib.nullcontext():
        return job.execute_in_process(instance=instance, partition_key="here").run_id


def left(connection: psycopg.Connection, run_id: str) -> dict[str, list[tuple[Any, ...]]]:
    """What a run left in Dagster's tables, in its order, but for ids and moments."""
    checks = "select c.asset_key, check_name, c.partition, execution_status, e.dagster_event_type, m.dagster_event_type"
    joined = (
        "from dagster.asset_check_executions c join dagster.event_logs e on e.id = c.evaluation_event_storage_id and"
        " e.event = c.evaluation_event and e.timestamp = c.evaluation_event_timestamp"
        " left join dagster.event_logs m on m.id = c.materialization_event_storage_id and m.run_id = c.run_id"
    )
    asked = {
        "events": "select dagster_event_type, step_key, asset_key, partition from dagster.event_logs where run_id = %s"
        " order by id",
        "checks": f"{checks} {joined} where c.run_id = %s order by 1, 2",
        "tags": "select t.asset_key, key, value from dagster.asset_event_tags t join dagster.event_logs e on e.id ="
        " event_id where run_id = %s order by 1, 2",
        "assets": "select asset_key from dagster.asset_keys where last_run_id = %s and last_materialization like"
        " '%%' || last_run_id || '%%'",
    }
    return {name: connection.execute(question, [run_id]).fetchall() for name, question in asked.items()}


def test_events_that_are_written_together_are_the_same(database_url: str) -> None:
    with (
        dg.DagsterInstance.from_config(str(ROOT)) as instance,
        psycopg.connect(database_url, autocommit=True) as connection,
    ):
        instance.add_dynamic_partitions("places", ["here"])
        one_by_one = left(connection, ran(instance, alone=False))
        together = left(connection, ran(instance, alone=True))
        runless = "select check_name, execution_status from dagster.asset_check_executions where run_id = ''"
        assert connection.execute(runless).fetchall() == [("told", "SUCCEEDED")] * 2
    assert together == one_by_one
    assert [(row[1], *row[3::2]) for row in one_by_one["checks"]] == [
        ("add_up", "SUCCEEDED", "ASSET_MATERIALIZATION"),
        ("known", "FAILED", "ASSET_MATERIALIZATION"),
        ("odd", "FAILED", None),
    ]
    assert ("7",) in [row[2:] for row in one_by_one["tags"]]
    assert one_by_one["assets"]


@pytest.mark.usefixtures("database_url")
def test_materializations_of_a_range_come_behind_what_is_held() -> None:
    """Dagster sends them as a batch."""

    range_of = {"dagster/asset_partition_range_start": "a", "dagster/asset_partition_range_end": "c"}
    with dg.DagsterInstance.from_config(str(ROOT)) as instance:
        log = events_of(instance)

        def told() -> list[dg.DagsterEventType | None]:
            run_id = dg.materialize([several], instance=instance, tags=range_of).run_id
            return [event.dagster_event_type for event in instance.all_logs(run_id) if event.dagster_event]

        one_by_one = told()
        with log.alone():
            together = told()
        assert one_by_one.count(dg.DagsterEventType.ASSET_MATERIALIZATION) == 3
        assert together == one_by_one


@pytest.mark.usefixtures("database_url")
def test_an_event_that_cannot_be_written_takes_no_other_along() -> None:
    with dg.DagsterInstance.from_config(str(ROOT)) as instance:
        run = instance.create_run_for_job(dg.Definitions(assets=[orders]).resolve_implicit_global_asset_job_def())
        with events_of(instance).alone():
            instance.report_engine_event("First", run)
            instance.report_engine_event("Odd", run, step_key="\0")
            instance.report_engine_event("Last", run)
            with pytest.raises(ValueError, match="NUL"):
                instance.report_run_canceling(run)
        told = [event.message for event in instance.all_logs(run.run_id) if event.step_key is None]
    assert [message.partition(" ")[0] for message in told] == ["First", "Last", "Sending"]


@pytest.mark.usefixtures("database_url")
def test_what_is_held_when_a_run_breaks_off_is_written() -> None:
    with dg.DagsterInstance.from_config(str(ROOT)) as instance:
        log = events_of(instance)
        run = instance.create_run_for_job(dg.Definitions(assets=[orders]).resolve_implicit_global_asset_job_def())

        def break_off() -> None:
            with log.alone():
                instance.report_engine_event("Held", run)
                assert not instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            break_off()
        held = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        assert [event.message for event in held] == ["Held"]


def test_who_gets_ready_for_a_run_reads_the_latest_plans_for_good(database_url: str) -> None:
    with dg.DagsterInstance.from_config(str(ROOT)) as instance:
        job = dg.Definitions(assets=[orders]).resolve_implicit_global_asset_job_def()
        run = job.execute_in_process(instance=instance).dagster_run
        assert run.execution_plan_snapshot_id
        plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    with dg.DagsterInstance.from_config(str(ROOT)) as ready:
        rehearsal.rehearse(ready)
        with psycopg.connect(database_url, autocommit=True) as connection:
            gone = "delete from dagster.snapshots where snapshot_id = %s"
            assert connection.execute(gone, [run.execution_plan_snapshot_id]).rowcount == 1
        assert ready.get_execution_plan_snapshot(run.execution_plan_snapshot_id) == plan


def test_what_a_step_prints_is_kept_for_dagsters_page_and_told_to_the_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PPM_HOME", str(tmp_path))
    home.home.cache_clear()
    logs, key = ComputeLogs(), ["a run", "compute_logs", "a step"]

    def step(said: str) -> None:
        with logs.capture_logs(key):
            sys.stdout.write(f"{said}: Straße\n")
            sys.stderr.write("badly\n")
            raise RuntimeError(said)

    for said in ("first", "again"):  # a step that fails, and is tried again
        with pytest.raises(RuntimeError, match=said):
            step(said)
    home.home.cache_clear()
    kept = logs.get_log_data(key)
    assert (kept.stdout, kept.stderr) == ("first: Straße\nagain: Straße\n".encode(), b"badly\nbadly\n")
    assert capfd.readouterr() == ("first: Straße\nagain: Straße\n", "badly\nbadly\n")
