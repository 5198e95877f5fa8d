"""What happens to runs while the API looks: one LISTEN connection for everybody, fanned out to waiters and streams.

Belongs here: notifications, the shared wait for a run's end, settling what a dead process left. Does not belong here:
what is answered (``integrations``, ``runs``), how a row changes (``ppm_pipelines.runs``).

Five hundred callers that wait for one run share one task here, and hold neither a thread nor a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from datetime import UTC, datetime
from types import FrameType
from typing import Annotated, Any

import psycopg
from anyio.to_thread import run_sync
from fastapi import Depends, FastAPI, Request

from api.dagster import GONE, TERMINAL, Dagster, Unreachable
from ppm_pipelines import database, home, load, runs, sync

log = logging.getLogger(__name__)

Event = dict[str, Any]
FINAL = frozenset({"success", "partial", "failed", "canceled"})
PATIENCE_SECONDS = 2.0  # without an event for so long, Dagster is asked whether the run still lives
ASKED_AFTER_SECONDS = 0.1  # a run that has ended is asked for in Dagster then, should nobody say that it is known there
LAUNCH_SECONDS = 60.0  # a claim without a Dagster run after so long was left by an API that died while launching
QUEUE_MOST = 1000
RESYNC: Event = {"type": "resync"}

DIED = (
    "The run's process ended before it had finished (stopped from outside, or out of memory). "
    "Nothing was changed; please start it again."
)
NEVER_STARTED = "The run was never handed to Dagster, because the API stopped meanwhile. Please start it again."
STOPPED = sync.STOPPED


class Events:
    """The fan-out of ``ppm_events``. All of it runs on the event loop."""

    def __init__(self, dagster: Dagster) -> None:
        self.dagster = dagster
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._subscribers: dict[asyncio.Queue[Event | None], Callable[[Event], bool]] = {}
        self._outcomes: dict[str, asyncio.Task[Event]] = {}
        self._shared: dict[str, asyncio.Task[str]] = {}  # claims of runs that have not ended, by what was asked for

    @contextlib.contextmanager
    def subscribe(self, wanted: Callable[[Event], bool]) -> Iterator[asyncio.Queue[Event | None]]:
        """A queue of the wanted events; ``None`` in it means that the API is stopping."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue(QUEUE_MOST)
        self._subscribers[queue] = wanted
        if self.closed.done():
            queue.put_nowait(None)
        try:
            yield queue
        finally:
            del self._subscribers[queue]

    def _publish(self, event: Event) -> None:
        for queue, wanted in self._subscribers.items():
            if event is RESYNC or wanted(event):
                if queue.full():
                    queue.get_nowait()  # a reader too slow for this loses the oldest, never the end
                queue.put_nowait(event)

    def close(self) -> None:
        """Ends every stream and wait, so that the server can stop while pages are still listening."""
        if self.closed.done():
            return
        self.closed.set_result(None)
        for queue in self._subscribers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    async def listen(self) -> None:
        """Listens for ever; after a lost connection everybody looks again for themselves."""
        while True:
            try:
                url = await run_sync(home.database_url)
                async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                    await connection.execute("LISTEN ppm_events")
                    self._publish(RESYNC)
                    for row in await run_sync(_active):
                        self.outcome(row)
                    async for notification in connection.notifies():
                        self._received(json.loads(notification.payload))
            except psycopg.Error as error:
                log.warning("The database's events are not readable, trying again: %s", error)
            await asyncio.sleep(1)

    def _received(self, event: Event) -> None:
        self._publish(event)
        if event.get("type") == "progress":
            self.outcome(event["run_id"])  # runs started elsewhere are looked after too
        elif event.get("type") == "end":
            self._share_no_more(event["run_id"])

    def share(self, same: str, claim: Callable[[], Coroutine[Any, Any, str]]) -> asyncio.Task[str]:
        """The claim of whoever asked for the same before, as long as its run has not ended; else this one. Of hundreds
        who click at once, one asks the database."""
        task = self._shared.get(same)
        if task is None:
            task = self._shared[same] = asyncio.create_task(claim(), name=f"claim {same}")
            task.add_done_callback(lambda done: self._claimed(same, done))
        return task

    def _claimed(self, same: str, task: asyncio.Task[str]) -> None:
        run_id = _result(task)
        if run_id is None:
            self._shared.pop(same, None)
        else:
            self.outcome(run_id).add_done_callback(lambda _: self._share_no_more(run_id))

    def _share_no_more(self, run_id: str) -> None:
        for same in [same for same, task in self._shared.items() if _result(task) == run_id]:
            del self._shared[same]

    def outcome(self, run_id: str) -> asyncio.Task[Event]:
        """The one task that ends with the final row of the run, shared by all who wait for it."""
        task = self._outcomes.get(run_id)
        if task is None:
            task = self._outcomes[run_id] = asyncio.create_task(self._follow(run_id), name=f"follow {run_id}")
            task.add_done_callback(lambda done: self._forget(run_id, done))
        return task

    def _forget(self, run_id: str, task: asyncio.Task[Event]) -> None:
        self._outcomes.pop(run_id, None)
        if not task.cancelled() and (error := task.exception()):
            log.error("Following run %s failed", run_id, exc_info=error)

    async def wait(self, run_id: str, seconds: float) -> Event | None:
        """The final row, or None when the run takes longer than ``seconds`` (or the API is stopping)."""
        outcome = self.outcome(run_id)
        futures: set[asyncio.Future[Any]] = {outcome, self.closed}
        await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return outcome.result() if outcome.done() else None

    async def _follow(self, run_id: str) -> Event:
        with self.subscribe(lambda event: event.get("run_id") == run_id) as queue:
            while (row := await run_sync(read, run_id))["status"] not in FINAL:
                if await self._quiet(queue):
                    await self._look_after(row)
            if row["dagster_run_id"]:
                await self._until_recorded(queue, row["dagster_run_id"])
        return row

    async def _until_recorded(self, queue: asyncio.Queue[Event | None], dagster_run_id: str) -> None:
        """Dagster records the end a moment after the row has ended; whoever reads the answer may look there at once.

        Our launcher's runs say when; others are asked.
        """
        deadline, pause = time.monotonic() + PATIENCE_SECONDS, ASKED_AFTER_SECONDS
        with contextlib.suppress(Unreachable):
            while time.monotonic() < deadline:
                try:
                    event = await asyncio.wait_for(queue.get(), pause)
                except TimeoutError:
                    pause *= 1.5
                    if await self.dagster.status(dagster_run_id) in TERMINAL | {GONE}:
                        return
                else:
                    if event is None or event["type"] == "recorded":
                        return

    async def _quiet(self, queue: asyncio.Queue[Event | None]) -> bool:
        """Waits for the end of the run, or for a moment of silence (True)."""
        while True:
            try:
                event = await asyncio.wait_for(queue.get(), PATIENCE_SECONDS)
            except TimeoutError:
                return True
            if event is not None and event["type"] != "progress":
                return False

    async def _look_after(self, row: Event) -> None:
        """Settles the row of a run whose process is gone; a run that lives is left alone."""
        if not row["dagster_run_id"]:
            await self._look_after_unknown(row)
            return
        try:
            status = await self.dagster.status(row["dagster_run_id"])
        except Unreachable:
            return
        if status in TERMINAL | {GONE}:
            ended, reason = ("canceled", STOPPED) if status == "CANCELED" else ("failed", DIED)
            await run_sync(settle, row["run_id"], ended, reason)

    async def _look_after_unknown(self, row: Event) -> None:
        """A run that Dagster knows nothing of: a claim that was never handed over, or ``ppm sync``. As long as somebody
        loads that system it may be this one."""
        age = datetime.now(UTC) - row["requested_at"]
        if age.total_seconds() > LAUNCH_SECONDS and not await run_sync(_loads, row):
            reason = NEVER_STARTED if row["dagster_run_id"] is None else DIED
            await run_sync(settle, row["run_id"], "failed", reason)


def _result(task: asyncio.Task[str]) -> str | None:
    return task.result() if task.done() and not task.cancelled() and task.exception() is None else None


def _loads(row: Event) -> bool:
    with database.owner() as connection:
        return load.under_way(connection, row["organization_id"], row["system"])


def read(run_id: str) -> Event:
    """The run's row whoever asks; LookupError when there is none."""
    with database.owner() as connection:
        row = runs.read(connection, run_id)
    if row is None:
        raise LookupError(run_id)
    return row


def settle(run_id: str, status: str, reason: str) -> None:
    """Ends a run that cannot end itself any more; one that has ended stays as it is."""
    with database.owner() as connection:
        problem = None if status == "canceled" else "internal"
        runs.settle(connection, run_id, status, reason=reason, problem=problem)


def _active() -> list[str]:
    with database.owner() as connection:
        return list(runs.active(connection))


@contextlib.contextmanager
def _closed_by_signal(events: Events) -> Iterator[None]:
    """Ends open streams as soon as the server is told to stop: it waits for them before it ends the lifespan."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, before = asyncio.get_running_loop(), {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)}

    def stop(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(events.close)
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.asynccontextmanager
async def watching(app: FastAPI) -> AsyncIterator[None]:
    dagster = Dagster.of_home()
    events = app.state.events = Events(dagster)
    listener = asyncio.create_task(events.listen(), name="listen")
    try:
        with _closed_by_signal(events):
            yield
    finally:
        events.close()
        tasks = [listener, *events._outcomes.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await dagster.close()


async def _events(request: Request) -> Events:  # without a thread, as in ``problems``
    events: Events = request.app.state.events
    return events


Watch = Annotated[Events, Depends(_events)]
