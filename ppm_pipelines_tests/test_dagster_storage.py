"""Dagster's storages open when they are first used, and by whoever comes first."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

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


@dg.asset
def orders() -> None:
    """An asset with more checks than one."""


@dg.asset_check(asset=orders)
def add_up() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset=orders)
def known() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)


def recorded(instance: dg.DagsterInstance, *, alone: bool) -> tuple[list[object], list[object]]:
    """What a run leaves: its events in their order, and how its checks ended, of which materialization."""
    log = instance.event_log_storage
    assert isinstance(log, EventLog)
    log.alone = alone
    job = dg.Definitions(assets=[orders], asset_checks=[add_up, known]).resolve_implicit_global_asset_job_def()
    run_id = job.execute_in_process(instance=instance).run_id
    log.alone = False
    events = [event.dagster_event for event in instance.all_logs(run_id) if event.dagster_event]
    latest = instance.get_latest_materialization_event(orders.key)
    assert latest is not None
    found = [
        one for key in (add_up.check_key, known.check_key) for one in log.get_asset_check_execution_history(key, 1)
    ]
    for one in found:
        assert one.event
        assert one.event.dagster_event
        target = one.event.dagster_event.asset_check_evaluation_data.target_materialization_data
        assert target
        assert {one.run_id, target.run_id} == {run_id} == {latest.run_id}
    return [(event.event_type, event.step_key) for event in events], [(one.key.name, one.status) for one in found]


@pytest.mark.usefixtures("database_url")
def test_events_that_are_written_together_are_the_same() -> None:
    with dg.DagsterInstance.from_config(str(ROOT)) as instance:
        one_by_one, together = recorded(instance, alone=False), recorded(instance, alone=True)
    assert together == one_by_one
    assert together[1] == [
        ("add_up", AssetCheckExecutionRecordStatus.SUCCEEDED),
        ("known", AssetCheckExecutionRecordStatus.FAILED),
    ]


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
