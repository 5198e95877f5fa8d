"""Claims: one active sync of a thing, joined by who may; a run ends once."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from api import events, health
from api.dagster import Dagster
from ppm_pipelines import database, load, runs, sync
from ppm_pipelines.runs import Busy, Claim, RunRequest

REQUEST = RunRequest("default", "sap", "costs")
FULL = replace(REQUEST, mode="full")


def claim(request: RunRequest = REQUEST, waited: timedelta = runs.NOT_AT_ALL) -> Claim:
    with database.owner() as connection:
        return runs.claim(connection, request, waited)


def ended(request: RunRequest = REQUEST, status: str = "success") -> str:
    run_id = claim(request).run_id
    with database.owner() as connection:
        runs.settle(connection, run_id, status)
    return run_id


@pytest.mark.usefixtures("database_url")
class TestClaims:
    def test_many_at_once_make_one_run(self) -> None:
        with ThreadPoolExecutor(20) as pool:
            claims = list(pool.map(lambda _: claim(), range(100)))
        assert len({one.run_id for one in claims}) == 1
        assert [one.joined for one in claims].count(False) == 1

    def test_an_incremental_joins_a_full_one_and_not_the_other_way_round(self) -> None:
        full = claim(FULL)
        assert claim(REQUEST) == Claim(full.run_id, joined=True)
        with database.owner() as connection:
            runs.settle(connection, full.run_id, "success")
        incremental = claim(REQUEST)
        with pytest.raises(Busy) as busy:
            claim(FULL)
        assert busy.value.run_id == incremental.run_id

    def test_other_things_do_not_wait(self) -> None:
        others = [
            replace(REQUEST, entity="projects"),
            replace(REQUEST, organization_id="other"),
            replace(REQUEST, system="jira"),
        ]
        claims = [claim(one) for one in others]
        assert not any(one.joined for one in [claim(), *claims])

    def test_a_run_that_ended_makes_room(self) -> None:
        first = claim()
        with database.owner() as connection:
            assert runs.settle(connection, first.run_id, "failed", reason="x", problem="internal")
        assert claim().run_id != first.run_id

    def test_who_waited_to_ask_joins_what_ended_meanwhile(self) -> None:
        run_id = ended()
        assert claim(waited=timedelta(minutes=1)) == Claim(run_id, joined=True)

    @pytest.mark.parametrize(
        ("before", "status", "wanted", "waited"),
        [
            (REQUEST, "success", REQUEST, timedelta(microseconds=1)),  # it had ended before
            (REQUEST, "failed", REQUEST, timedelta(minutes=1)),
            (REQUEST, "success", FULL, timedelta(minutes=1)),
            (replace(REQUEST, entity="projects"), "success", REQUEST, timedelta(minutes=1)),
            (replace(REQUEST, organization_id="other"), "success", REQUEST, timedelta(minutes=1)),
        ],
    )
    def test_nothing_else_that_ended_is_joined(
        self, before: RunRequest, status: str, wanted: RunRequest, waited: timedelta
    ) -> None:
        run_id = ended(before, status)
        made = claim(wanted, waited)
        assert not made.joined
        assert made.run_id != run_id


@pytest.mark.usefixtures("database_url")
class TestALife:
    def test_it_ends_once(self) -> None:
        run_id = claim().run_id
        with database.owner() as connection:
            assert runs.settle(connection, run_id, "canceled")
            assert not runs.settle(connection, run_id, "failed", reason="late")
            assert not runs.started(connection, run_id, "d")
            row = runs.read(connection, run_id)
        assert row is not None
        assert (row["status"], row["reason"]) == ("canceled", None)

    def test_every_change_is_told_when_it_is_committed(self, database_url: str) -> None:
        with psycopg.connect(database_url, autocommit=True) as listener:
            listener.execute("listen ppm_events")
            run_id = claim().run_id
            with database.owner() as connection:
                runs.started(connection, run_id, "dagster-id")
                runs.progress(connection, run_id, "reading", 5, None, 1)
            with database.owner() as connection:
                runs.settle(connection, run_id, "success")
            told = [json.loads(note.payload) for note in listener.notifies(timeout=5, stop_after=4)]
        assert [(one["type"], one["status"], one["rows"]) for one in told] == [
            ("progress", "queued", 0),
            ("progress", "running", 0),
            ("progress", "running", 5),
            ("end", "success", 5),
        ]


@pytest.mark.usefixtures("database_url")
def test_stages_that_come_by_turns_are_told_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jira's pages bring issues and worklogs by turns; a page costs less than telling of it."""
    monkeypatch.setattr(sync, "TELL_SECONDS", 3600)
    said: list[str] = []
    teller = sync._Teller(claim().run_id, said.append)
    for page in range(1, 7):
        teller(f"reading {('commitments', 'actuals')[page % 2]}", page, None, page)
    assert said == ["reading actuals: 1 records in 1 pages", "reading commitments: 2 records in 2 pages"]


@pytest.mark.usefixtures("database_url")
def test_the_last_success_is_the_last_sync_that_was_taken_over() -> None:
    """Records in quarantine make a sync partial and hold nothing else back; a dry run changes nothing."""

    def last_success() -> float | None:
        labels = {"organization_id": "default", "system": "sap", "entity": "costs"}
        return health._measured().get_sample_value("ppm_sync_last_success_timestamp_seconds", labels)

    def ended(status: str, request: RunRequest = REQUEST) -> None:
        with database.owner() as connection:
            runs.settle(connection, claim(request).run_id, status)

    ended("failed")
    ended("success", replace(REQUEST, dry_run=True))
    assert last_success() is None
    ended("success")
    first = last_success()
    assert first is not None
    ended("partial")
    partial = last_success()
    assert partial is not None
    assert partial > first
    ended("failed")
    assert last_success() == partial


@pytest.mark.usefixtures("database_url")
@pytest.mark.parametrize("dagster_run_id", [None, ""])
def test_a_run_that_dagster_does_not_know_lives_as_long_as_somebody_loads(dagster_run_id: str | None) -> None:
    run_id = claim().run_id

    def looked_after() -> str:
        async def look() -> None:
            watch = events.Events(Dagster("http://127.0.0.1:9"))
            await watch._look_after(events.read(run_id))
            await watch.dagster.close()

        asyncio.run(look())
        return str(events.read(run_id)["status"])

    with database.direct() as session:
        update = "update ppm.sync_runs set dagster_run_id = %s, status = 'running', requested_at = %s"
        session.execute(update, [dagster_run_id, datetime.now(UTC)])
        assert looked_after() == "running"  # it may be about to begin
        session.execute(update, [dagster_run_id, datetime.now(UTC) - timedelta(minutes=5)])
        session.execute(
            "select pg_advisory_lock(hashtextextended(%s, 0))",
            [load.load_lock(REQUEST.organization_id, REQUEST.system)],
        )
        assert looked_after() == "running"
    assert looked_after() == "failed"
