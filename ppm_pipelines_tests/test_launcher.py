"""A run process that is ready: it takes the next run, and whatever becomes of it meanwhile, the run is carried out."""

from __future__ import annotations

import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from multiprocessing.forkserver import read_signed

import psycopg
import pytest
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef
from dagster._serdes import serialize_value

from ppm_pipelines import rehearsal
from ppm_pipelines.launcher import Ready, WarmServer
from ppm_pipelines_tests.product import ROOT

NOT_THERE = "no-such-run"
REFUSED = f"Run {NOT_THERE} is not in Dagster's storage"


@pytest.fixture
def ref(database_url: str) -> str:  # noqa: ARG001 - the instance lives in it
    return str(serialize_value(InstanceRef.from_dir(str(ROOT))))


@pytest.fixture
def warm() -> Iterator[WarmServer]:
    made = WarmServer()
    yield made
    made.close()


def ready(warm: WarmServer, ref: str) -> Ready:
    warm.get_ready(ref)
    assert warm._ready is not None
    return warm._ready


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def told(warm: WarmServer, ref: str, capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The process that got the run, and what it said of it."""
    pid, over = warm.start(ref, NOT_THERE)
    assert read_signed(over) == 1
    os.close(over)
    return pid, capfd.readouterr().err


def test_the_process_that_is_ready_takes_the_run(warm: WarmServer, ref: str, capfd: pytest.CaptureFixture[str]) -> None:
    waiting = ready(warm, ref).pid
    pid, said = told(warm, ref, capfd)
    assert pid == waiting
    assert REFUSED in said


def test_it_takes_one_run_and_the_next_one_gets_a_process_of_its_own(
    warm: WarmServer, ref: str, capfd: pytest.CaptureFixture[str]
) -> None:
    first, _ = told(warm, ref, capfd) if ready(warm, ref) else (0, "")
    second, said = told(warm, ref, capfd)
    assert first != second
    assert REFUSED in said


def test_a_run_is_carried_out_when_the_ready_process_was_killed(
    warm: WarmServer, ref: str, capfd: pytest.CaptureFixture[str]
) -> None:
    waiting = ready(warm, ref).pid
    os.kill(waiting, signal.SIGKILL)
    assert gone(waiting)
    pid, said = told(warm, ref, capfd)
    assert pid != waiting
    assert REFUSED in said


def _kept(connection: psycopg.Connection[tuple[int]]) -> list[int]:
    """The sessions that a ready process keeps once it is through; on its way there it has others for moments."""
    resting = """
        select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
        and state = 'idle' and state_change < clock_timestamp() - interval '0.5 seconds'"""
    deadline = time.monotonic() + 30
    while len(found := connection.execute(resting).fetchall()) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    return [pid for (pid,) in found]


def test_a_run_is_carried_out_when_the_database_restarted_meanwhile(
    warm: WarmServer, ref: str, database_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    waiting = ready(warm, ref).pid
    with psycopg.connect(database_url, autocommit=True) as connection:
        kept = _kept(connection)
        for pid in kept:
            connection.execute("select pg_terminate_backend(%s)", [pid])
    assert len(kept) >= 3
    pid, said = told(warm, ref, capfd)
    assert pid == waiting
    assert REFUSED in said


def test_a_process_that_waits_ends_at_once_and_in_silence_when_it_is_asked_to(
    warm: WarmServer, ref: str, capfd: pytest.CaptureFixture[str]
) -> None:
    # Who is started in the background ignores SIGINT, Dagster's runs in this process make SIGTERM the same, and what is
    # ignored is ignored by every process that we start.
    kept = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        waits = ready(warm, ref)
    finally:
        signal.signal(signal.SIGTERM, kept)
    time.sleep(1)  # gets ready
    os.kill(waits.pid, signal.SIGTERM)
    assert read_signed(waits.over) == -signal.SIGTERM
    assert capfd.readouterr().err == ""


def test_a_process_that_nobody_needs_ends(warm: WarmServer, ref: str) -> None:
    waiting = ready(warm, ref).pid
    warm.close()
    assert gone(waiting)


def test_a_rehearsal_asks_everything_and_leaves_nothing(ref: str, database_url: str) -> None:  # noqa: ARG001
    with DagsterInstance.from_config(str(ROOT)) as instance:
        rehearsal.rehearse(instance)
        assert instance.get_runs() == []
    with psycopg.connect(database_url) as connection:
        for table in ("sync_runs", "connectors", "audit_log", "source_fields", "sync_state"):
            assert connection.execute(f"select count(*) from ppm.{table}").fetchone() == (0,), table


def test_a_run_of_nothing_leaves_nothing_that_forks_would_share(capfd: pytest.CaptureFixture[str]) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    rehearsal.run_nothing()  # once, so that what is there for good is there
    there = open_things()
    rehearsal.run_nothing()
    assert open_things() == there
    assert signal.getsignal(signal.SIGTERM) is handler
    assert capfd.readouterr() == ("", "")


def open_things() -> tuple[list[threading.Thread], list[str], list[logging.Handler]]:
    """Threads, open files and sockets, and who is told of what is logged."""
    gc.collect()
    files = sorted(os.readlink(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if exists(name))
    return threading.enumerate(), files, list(logging.getLogger().handlers)


def exists(descriptor: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{descriptor}")
