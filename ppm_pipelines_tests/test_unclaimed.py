"""Syncs that failed in Dagster before they had a row of their own: they get one, once, and only they."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from ppm_pipelines import database, digest, runs
from ppm_pipelines.definitions import defs
from ppm_pipelines_tests.channel import served
from ppm_pipelines_tests.test_load import rows

pytestmark = [
    pytest.mark.usefixtures("database_url"),
    # Dagster's own, while it looks at its definitions.
    pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated"),
]
ORG = "default"
SCHEDULED = {
    "ppm/system": "sap",
    "ppm/entity": "costs",
    "ppm/organization_id": ORG,
    "ppm/requested_by": "schedule",
    "ppm/mode": "full",
    "dagster/partition": ORG,
}
COLUMNS = "organization_id, system, entity, mode, requested_by, status, problem, dagster_run_id"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        made.add_dynamic_partitions("organizations", [ORG])
        yield made


def died(instance: dg.DagsterInstance, job: str = "sync_sap", **tags: str) -> dg.DagsterRun:
    """A run that Dagster has launched and whose process never came to its asset."""
    run = instance.create_run_for_job(defs.resolve_job_def(job), tags=tags)
    instance.report_run_failed(run, "No process for the run.")
    return run


def ticked(instance: dg.DagsterInstance, cursor: str | None = None) -> str:
    """One look of the sensor; where the next one begins."""
    sensor = defs.get_repository_def().get_sensor_def("unclaimed_runs")
    found = sensor(dg.build_sensor_context(instance=instance, cursor=cursor, definitions=defs))
    assert isinstance(found, dg.SensorResult)
    assert found.cursor
    return found.cursor


def executed(instance: dg.DagsterInstance, job: str, **tags: str) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance, partition_key=ORG, tags=tags, raise_on_error=False
    )


def told() -> list[Any]:
    return rows(f"select {COLUMNS} from ppm.sync_runs")


def test_a_scheduled_sync_that_never_began_has_a_row_that_says_so(instance: dg.DagsterInstance) -> None:
    run = died(instance, **SCHEDULED)
    cursor = ticked(instance)
    assert told() == [(ORG, "sap", "costs", "full", "schedule", "failed", "internal", run.run_id)]
    [(reason, ended)] = rows("select reason, ended_at from ppm.sync_runs")
    assert reason.startswith("The run ended before the sync had begun.")
    assert datetime.now(UTC) - ended < timedelta(minutes=1)
    ticked(instance, cursor)
    ticked(instance)
    assert len(told()) == 1


def test_it_is_told_as_every_failure_is(instance: dg.DagsterInstance) -> None:
    died(instance, **SCHEDULED)
    ticked(instance)
    with served() as channel, database.owner() as connection:
        found = digest.look(connection, channel.notifier(language="de"), ORG)
    [alert] = found.news.alerts
    assert (alert.kind, alert.system, alert.entity) == ("failed", "sap", "costs")
    assert alert.sentence.startswith("Der Lauf endete, bevor der Sync begonnen hatte.")


def test_one_started_in_dagster_is_known_by_its_job(instance: dg.DagsterInstance) -> None:
    run = died(instance, "sync_jira_actuals", **{"dagster/partition": ORG})
    ticked(instance)
    assert told() == [(ORG, "jira", "actuals", "incremental", "dagster", "failed", "internal", run.run_id)]


def test_a_message_that_was_never_begun_is_seen_too(instance: dg.DagsterInstance) -> None:
    died(instance, "sync_slack_digest", **SCHEDULED | {"ppm/system": "slack", "ppm/entity": "digest"})
    ticked(instance)
    assert [row[1:3] for row in told()] == [("slack", "digest")]


def test_a_failure_that_has_its_row_gets_no_second_one(instance: dg.DagsterInstance) -> None:
    assert not executed(instance, "sync_sap_costs", **SCHEDULED).success  # SAP is not connected
    assert [row[5:7] for row in told()] == [("failed", "refused")]
    ticked(instance)
    assert len(told()) == 1


def test_a_sync_that_left_another_one_alone_is_no_failure(instance: dg.DagsterInstance) -> None:
    with database.owner() as connection:
        runs.claim(connection, runs.RunRequest(ORG, "sap", "costs"))
    assert not executed(instance, "sync_sap_costs", **SCHEDULED).success
    ticked(instance)
    assert [row[5] for row in told()] == ["queued"]


def test_a_claim_that_the_api_took_is_left_to_it(instance: dg.DagsterInstance) -> None:
    with database.owner() as connection:
        run_id = runs.claim(connection, runs.RunRequest(ORG, "sap", "costs")).run_id
    died(instance, **SCHEDULED | {"ppm/run_id": run_id})
    ticked(instance)
    assert [row[5] for row in told()] == ["queued"]


def test_a_run_executed_anew_has_no_part_in_its_parents_claim(instance: dg.DagsterInstance) -> None:
    with database.owner() as connection:
        run_id = runs.claim(connection, runs.RunRequest(ORG, "sap", "costs")).run_id
        runs.started(connection, run_id, "the-parent")
        runs.settle(connection, run_id, "success", result={})
    died(instance, **SCHEDULED | {"ppm/run_id": run_id})
    ticked(instance)
    assert sorted(row[5] for row in told()) == ["failed", "success"]


def test_other_jobs_are_none_of_its_business(instance: dg.DagsterInstance) -> None:
    died(instance, "costbook_figures", **{"dagster/partition": ORG})
    run = instance.create_run_for_job(defs.resolve_job_def("sync_sap"), tags=SCHEDULED)
    instance.report_run_canceled(run)
    ticked(instance)
    assert told() == []


def test_it_runs_without_anybody_turning_it_on() -> None:
    sensor = defs.get_repository_def().get_sensor_def("unclaimed_runs")
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
