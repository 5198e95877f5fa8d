"""Dagster's storages open when they are first used, and by whoever comes first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ppm_pipelines import home
from ppm_pipelines.dagster_storage import Storage

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
