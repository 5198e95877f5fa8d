"""Warm, isolated run processes behind Dagster's RunLauncher.

Belongs here: starting a run's process, stopping it, noticing that it died. Does not belong here: what a run does
(``defs/``), when (``defs/`` and the API), and what a sync leaves behind (``runs.py``). A job knows nothing of this
launcher: it runs unchanged under Dagster's default one.

A fork server has imported everything once; each run is a fork of it, so that a run starts in hundredths of a second
and still has a process of its own. ``multiprocessing``'s fork server is spoken to directly, not through ``Process``:
that one would import the host's ``__main__`` again in every child, and join every run when the host exits.

Where people click (the webserver warms its launcher), one more process is kept ready: it has opened Dagster's
storages and our database and waits to be told its run. It takes one run and ends; the next is made ready when a run
is over. Without a ready one, a run begins in a fresh fork.

The child says in its first event who it is (host, pid, start time): whoever hosts a launcher after a restart can
still see whether the run lives, and stop it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.forkserver import ForkServer, read_signed
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus, Field, IntSource, MetadataValue
from dagster._config.config_schema import UserConfigSchema
from dagster._core.events import EngineEventData
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._serdes import ConfigurableClass, ConfigurableClassData, deserialize_value, serialize_value

from ppm_pipelines.dagster_storage import EventLog

log = logging.getLogger(__name__)

PRELOAD = "ppm_pipelines.launcher_preload"
SOURCE = Path(__file__).parent
STATEMENT_TIMEOUT_MS, POOL_RECYCLE_SECONDS = 60_000, 3_600
WORKER = "ppm_worker"  # the key of a worker in the metadata of its first event


# --- who is running ------------------------------------------------------------------------------------------------


def _started_at(pid: int) -> str | None:
    """When the process with this id started, in words that differ from any later owner of the id; None: it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except FileNotFoundError:
        return None if Path("/proc/self/stat").exists() else _started_at_by_ps(pid)
    except ProcessLookupError:
        return None


def _started_at_by_ps(pid: int) -> str | None:
    """The same where there is no /proc (macOS)."""
    shown = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    state, _, started = shown.stdout.strip().partition(" ")
    return started.strip() or None if state and state[0] != "Z" else None


@dataclass(frozen=True)
class Worker:
    """The process of one run, so that nobody mistakes another for it."""

    host: str
    pid: int
    started: str

    @classmethod
    def me(cls) -> Worker:
        return cls(socket.gethostname(), os.getpid(), _started_at(os.getpid()) or "")

    @property
    def here(self) -> bool:
        return self.host == socket.gethostname()

    @property
    def alive(self) -> bool:
        return _started_at(self.pid) == self.started

    def interrupt(self) -> bool:
        """Asks the run to stop: it rolls back and reports itself canceled. False when it is gone already."""
        if not self.alive:
            return False
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            return False
        return True


def worker_of(instance: DagsterInstance, run_id: str) -> Worker | None:
    """The process that said it executes the run; None when none has said so yet, or another launcher started it."""
    events = instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT)
    for entry in events:
        metadata = entry.dagster_event.engine_event_data.metadata if entry.dagster_event else {}
        if WORKER in metadata:
            return Worker(**metadata[WORKER].value)  # type: ignore[arg-type]
    return None


# --- in the run's process ------------------------------------------------------------------------------------------


@dataclass
class Work:
    """What the fork server's child unpickles and calls ``_bootstrap`` on, as it does with a ``Process``.

    Without ``run_id`` it gets ready and waits for one, on the descriptor that came with it.
    """

    instance_ref: str
    run_id: str = ""

    def _bootstrap(self, _parent: int | None = None) -> int:
        from dagster._utils.interrupts import capture_interrupts

        try:
            with _opened(deserialize_value(self.instance_ref, InstanceRef)) as instance:
                run_id = self.run_id or _told(instance)
                if run_id:
                    with capture_interrupts():
                        _execute(instance, run_id)
        except BaseException:
            traceback.print_exc()
            return 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
        return 0


def _opened(ref: InstanceRef) -> DagsterInstance:
    """Dagster's instance; one kept connection per storage instead of one per event."""
    instance = DagsterInstance.from_ref(ref)
    DagsterInstance.optimize_for_webserver(instance, STATEMENT_TIMEOUT_MS, POOL_RECYCLE_SECONDS, 2)
    return instance


def _told(instance: DagsterInstance) -> str:
    """Gets ready, then waits for the id of a run; empty when none comes any more, as when the host is gone.

    Ctrl-C reaches all processes of a terminal; who waits goes with the host.
    """
    from multiprocessing import forkserver

    from ppm_pipelines import rehearsal

    [orders] = forkserver._forkserver._inherited_fds  # type: ignore[attr-defined]
    kept = signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whoever finds no database now finds it when there is a run, or says so there.
    with contextlib.suppress(Exception):
        rehearsal.rehearse(instance)
    with open(orders, encoding="ascii") as pipe:
        run_id = pipe.read()
    signal.signal(signal.SIGINT, kept)
    if run_id:
        _still_connected(instance)
    return run_id


def _still_connected(instance: DagsterInstance) -> None:
    """The database may have restarted while we waited: connections that died are let go (ours look by themselves)."""
    for storage in (instance.run_storage, instance.event_log_storage):
        engine: sa.Engine = storage._engine  # type: ignore[union-attr]
        try:
            with engine.connect() as connection:
                connection.exec_driver_sql("select")
        except sa.exc.DBAPIError:
            engine.dispose()


def _execute(instance: DagsterInstance, run_id: str) -> None:
    """The run as ``dagster api execute_run`` executes it; what goes wrong in it is in its events."""
    from dagster._grpc.impl import core_execute_run
    from dagster._utils.hosted_user_process import recon_job_from_origin

    run = instance.get_run_by_id(run_id)
    if run is None or run.job_code_origin is None:
        raise RuntimeError(f"Run {run_id} is not in Dagster's storage, or does not say which code it is of.")
    worker = Worker.me()
    data = EngineEventData(metadata={"pid": worker.pid, WORKER: MetadataValue.json(vars(worker))})
    # At once, whatever comes after it: by this event others see that the run is dead when it is.
    instance.report_engine_event(f"Started in a warm process (pid {worker.pid}).", run, data)
    events = instance.event_log_storage
    with events.alone() if isinstance(events, EventLog) else contextlib.nullcontext():
        for _ in core_execute_run(recon_job_from_origin(run.job_code_origin), run, instance, inject_env_vars=True):
            pass
    _say_recorded(run)


def _say_recorded(run: DagsterRun) -> None:
    """Who waits for the run learns that Dagster knows its end too. Without it they ask Dagster."""
    from ppm_pipelines import database, runs

    if sync_run_id := run.tags.get("ppm/run_id"):
        with database.owner() as connection:
            runs.recorded(connection, sync_run_id)


# --- in the host: webserver, daemon --------------------------------------------------------------------------------


def _source_state() -> tuple[int, int]:
    """Changes when a module of ours does: how many there are and when the last was written, in nanoseconds."""
    times = [module.stat().st_mtime_ns for module in _modules(SOURCE)]
    return len(times), max(times)


def _modules(folder: str | Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                yield entry
            elif entry.is_dir(follow_symlinks=False):
                yield from _modules(entry.path)


@dataclass
class Ready:
    """A process that waits for its run: told through ``orders``; ``over`` becomes readable when it has ended."""

    pid: int
    over: int
    orders: int

    def take(self, run_id: str) -> bool:
        """Tells it its run; False when it is gone."""
        try:
            os.write(self.orders, run_id.encode("ascii"))
        except BrokenPipeError:
            os.close(self.over)
            return False
        finally:
            os.close(self.orders)
        return True

    def let_go(self) -> None:
        os.close(self.orders)
        os.close(self.over)


class WarmServer:
    """The fork server of this process, renewed when our code changed since it imported it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: ForkServer | None = None
        self._source = (0, 0)
        self._ready: Ready | None = None

    def _current(self) -> ForkServer:
        source = _source_state()
        if self._server is None or source != self._source:
            self._close()
            self._server, self._source = ForkServer(), source
            self._server.set_forkserver_preload([PRELOAD])
        return self._server

    def start(self, instance_ref: str, run_id: str) -> tuple[int, int]:
        """Starts the run in the process that is ready, else in a new one: its pid, and a descriptor that becomes
        readable when it is over."""
        with self._lock:
            return self._taken(run_id) or self._fork(Work(instance_ref, run_id))

    def tell(self, run_id: str) -> tuple[int, int] | None:
        """As ``start``, by the process that is ready; None where there is none, or others are at it. Never waits."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._taken(run_id)
        finally:
            self._lock.release()

    def _taken(self, run_id: str) -> tuple[int, int] | None:
        self._current()  # code that changed is no code to be ready with
        ready, self._ready = self._ready, None
        return (ready.pid, ready.over) if ready and ready.take(run_id) else None

    def get_ready(self, instance_ref: str) -> None:
        """Has a process wait for the next run, unless there is one."""
        with self._lock:
            self._current()
            if self._ready is None:
                heard, orders = os.pipe()
                try:
                    self._ready = Ready(*self._fork(Work(instance_ref), [heard]), orders)
                except BaseException:
                    os.close(orders)
                    raise
                finally:
                    os.close(heard)

    def _fork(self, work: Work, descriptors: Sequence[int] = ()) -> tuple[int, int]:
        over, orders = self._current().connect_to_new_process(list(descriptors))
        try:
            with open(orders, "wb") as pipe:
                # Preparation, then the object, as multiprocessing.spawn._main reads them. No preparation: nothing of
                # the host's __main__, path or arguments is wanted in a run.
                pickle.dump({}, pipe)
                pickle.dump(work, pipe)
            return read_signed(over), over
        except BaseException:
            os.close(over)
            raise

    def close(self) -> None:
        """Lets the server go when its last run is over; running ones are not touched."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._ready is not None:
            self._ready.let_go()
            self._ready = None
        if self._server is not None:
            stop = self._server._stop  # type: ignore[attr-defined]
            threading.Thread(target=stop, name="fork-server-end", daemon=True).start()
            self._server = None


@dataclass
class Started:
    """A run that this host launched, from the launch call to its end."""

    run_id: str
    canceled: threading.Event = field(default_factory=threading.Event)
    worker: Worker | None = None


class WarmRunLauncher(RunLauncher[DagsterInstance], ConfigurableClass):
    """Launches each run in a fork of a warm process; ``max_concurrent_runs`` bounds the memory."""

    def __init__(self, max_concurrent_runs: int = 8, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._server = WarmServer()
        self._slots = threading.BoundedSemaphore(max_concurrent_runs)
        self._keeps_ready = False
        self._runs: dict[str, Started] = {}
        super().__init__()  # type: ignore[no-untyped-call]

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {"max_concurrent_runs": Field(IntSource, default_value=8, is_required=False)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Any:
        return cls(inst_data=inst_data, **config_value)

    def warm(self) -> None:
        """Begins to import everything in the background, and from now on keeps a process ready for the next run."""
        self._keeps_ready = True
        threading.Thread(target=self._get_ready, name="warm-launcher", daemon=True).start()

    def _get_ready(self) -> None:
        try:
            self._server.get_ready(serialize_value(self._instance.get_ref()))
        except (OSError, EOFError) as error:  # also where everything is stopped while it starts
            log.warning("No process waits for the next run (%r); its launch starts one.", error)

    def launch_run(self, context: LaunchRunContext) -> None:
        started = self._runs[context.dagster_run.run_id] = Started(context.dagster_run.run_id)
        told = self._told(started)
        thread = threading.Thread(target=self._accompany, args=(started, told), name=f"run-{started.run_id[:8]}")
        thread.daemon = True  # the run outlives its host; the host does not wait for it
        thread.start()

    def _told(self, started: Started) -> tuple[int, int] | None:
        """Begins at once, in the process that is ready: a thread would wait its turn behind whoever answers the launch.
        None where a place, or a process, must be waited for."""
        if not self._slots.acquire(blocking=False):
            return None
        told = self._server.tell(started.run_id)
        if told is None:
            self._slots.release()
        return told

    def _accompany(self, started: Started, told: tuple[int, int] | None) -> None:
        """One thread per run: waits for a slot, starts the process, and sees to it that the run's end is known."""
        try:
            if told is None:
                self._slots.acquire()
            try:
                if told or not started.canceled.is_set():
                    self._run_to_its_end(started, told)
            finally:
                self._slots.release()
            self._settle(started)
        except Exception:
            log.exception("Run %s: its end could not be recorded.", started.run_id)
        finally:
            self._runs.pop(started.run_id, None)
        if self._keeps_ready:
            self._get_ready()

    def _run_to_its_end(self, started: Started, told: tuple[int, int] | None) -> None:
        try:
            pid, over = told or self._server.start(serialize_value(self._instance.get_ref()), started.run_id)
        except (OSError, EOFError) as error:
            self._report(started.run_id, f"No process for the run: {error}. The log of the webserver says why.")
            return
        started.worker = Worker(socket.gethostname(), pid, _started_at(pid) or "")
        if started.canceled.is_set():
            started.worker.interrupt()
        try:
            read_signed(over)
        except EOFError:  # the fork server is gone, which says nothing about the run
            while started.worker.alive:
                time.sleep(0.2)
        finally:
            os.close(over)

    def _settle(self, started: Started) -> None:
        run = self._instance.get_run_by_id(started.run_id)
        if run is None or run.is_finished:
            return
        if run.status == DagsterRunStatus.CANCELING:
            self._instance.report_run_canceled(run, "The run's process is over.")
            settle_sync(run, "canceled")
            return
        self._report(run.run_id, "The run's process ended before the run did.")
        self._instance.report_run_failed(run)
        settle_sync(run, "failed")

    def _report(self, run_id: str, message: str) -> None:
        self._instance.report_engine_event(message, self._instance.get_run_by_id(run_id), cls=self.__class__)

    def _worker(self, run_id: str) -> Worker | None:
        started = self._runs.get(run_id)
        return (started.worker if started else None) or worker_of(self._instance, run_id)

    def terminate(self, run_id: str) -> bool:
        """Asks the run's process to stop; False when there is nothing (any more) to stop."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        self._instance.report_run_canceling(run)
        started = self._runs.get(run_id)
        if started:
            started.canceled.set()
        worker = self._worker(run_id)
        if worker is None:
            return started is not None
        if not worker.here:
            self._report(run_id, f"The run's process is on {worker.host}; stop it there.")
            return False
        return worker.interrupt()

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Asked by the daemon for every started run: also for runs of a host that is gone."""
        worker = self._worker(run.run_id)
        if worker is None or not worker.here:
            # Executed by somebody else (`dagster job execute`, another host's launcher): not ours to call dead.
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if worker.alive:
            return CheckRunHealthResult(WorkerStatus.RUNNING, run_worker_id=str(worker.pid))
        current = self._instance.get_run_by_id(run.run_id)
        if current is None or current.is_finished:
            return CheckRunHealthResult(WorkerStatus.SUCCESS)
        settle_sync(run, "failed")
        return CheckRunHealthResult(WorkerStatus.FAILED, f"The run's process (pid {worker.pid}) is gone.")

    def join(self, timeout: int = 30) -> None:
        deadline = time.monotonic() + timeout
        while self._runs and time.monotonic() < deadline:
            time.sleep(0.05)

    def dispose(self) -> None:
        self._server.close()


def settle_sync(run: DagsterRun, status: str) -> None:
    """Ends the row of a sync whose process can't do it any more. Its transaction was rolled back with it."""
    from ppm_pipelines import database, runs

    sync_run_id = run.tags.get("ppm/run_id")
    if not sync_run_id:
        return
    reason = "The sync was stopped." if status == "canceled" else "The process of the sync ended before the sync did."
    with database.owner() as connection:
        current = runs.read(connection, sync_run_id)
        if current is not None and current["status"] in ("queued", "running"):
            problem = None if status == "canceled" else "internal"
            runs.settle(connection, sync_run_id, status, reason=reason, problem=problem)


class WarmInstance(DagsterInstance):
    """Dagster's instance, which in the webserver warms the launcher before anybody clicks."""

    @classmethod
    def config_schema(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> Mapping[str, ConfigurableClassData | None]:
        return InstanceRef.config_defaults(base_dir)

    def _get_event_batch_size(self) -> int:
        """So many planned events of a run are written together; Dagster asks an environment variable."""
        return 1_000

    def optimize_for_webserver(self, statement_timeout: int, pool_recycle: int, max_overflow: int) -> None:
        super().optimize_for_webserver(statement_timeout, pool_recycle, max_overflow)
        if isinstance(self.run_launcher, WarmRunLauncher):
            self.run_launcher.warm()
