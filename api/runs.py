"""What happened to runs: history, one run, its progress as events, and stopping it.

Belongs here: reading and stopping. Does not belong here: starting (``integrations``), the fan-out (``events``).
Lists read ``sync_runs``, never Dagster.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from anyio.to_thread import run_sync
from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic_core import to_json

from api import sentences
from api.dagster import Unreachable
from api.deps import DEFAULT, EVERY, Caller, Controller, Db, Viewer
from api.events import FINAL, STOPPED, Event, Events, Watch, read, settle
from api.pages import Limit, cursor_of, parts_of
from api.problems import NOT_FOUND, Kind, Language, Problem
from api.settings import HEARTBEAT_SECONDS, PAGE_DEFAULT
from ppm_pipelines import database, home, runs, tables

router = APIRouter(prefix="/api/integrations", tags=["runs"])

CANNOT_STOP = Kind(
    "dagster-unavailable",
    503,
    ("Cannot stop the run", "Dagster, which carries out the run, is not answering. Please try again shortly."),
    (
        "Lauf lässt sich nicht stoppen",
        "Dagster, das den Lauf ausführt, antwortet nicht. Bitte gleich erneut versuchen.",
    ),
)

Status = Literal["queued", "running", "success", "partial", "failed", "canceled"]
STOP_SECONDS = 5.0  # how long a cancel waits to be able to say that it is done
COUNTS = ("total", "inserted", "updated", "unchanged", "closed", "rejected", "skipped")
PROGRESS = ("run_id", "organization_id", "system", "entity", "stage", "rows", "total", "pages", "elapsed_ms")


def run_url(row: Event, who: Caller) -> str | None:
    """Where Dagster shows the run; the Dagster UI is the operator's, so other organisations' users get none."""
    if not row.get("dagster_run_id") or who.organization_id not in (DEFAULT, EVERY):
        return None
    return f"http://127.0.0.1:{home.home().dagster_port}/runs/{row['dagster_run_id']}"


def located(row: Event, who: Caller) -> dict[str, Any]:
    """What is known of a run that has not ended: who it is and where it stands."""
    names = ("run_id", "system", "entity", "organization_id", "status")
    return {name: row[name] for name in names} | {"run_url": run_url(row, who)}


def answer(row: Event, who: Caller, language: str) -> dict[str, Any]:
    """The sync answer of the contract, in exactly its shape; its sentences in the reader's language."""
    result = row.get("result") or {}
    errors = result.get("errors", [])
    return {
        **{name: row[name] for name in ("run_id", "system", "entity", "organization_id", "status")},
        **{name: result.get(name, 0) for name in COUNTS},
        "amounts": result.get("amounts", {}),
        "skipped_amounts": result.get("skipped_amounts", {}),
        "errors": [one | {"reason": sentences.told(one["reason"], language)} for one in errors],
        "synced_at": result.get("synced_at"),
        "duration_ms": result.get("duration_ms"),
        "reconciliation": compared(result.get("reconciliation"), language),
        "run_url": run_url(row, who),
        "by_entity": result.get("by_entity", {}),
    }


def compared(found: dict[str, Any] | None, language: str) -> dict[str, Any] | None:
    """What a comparison with the source has found, in words of the reader's language."""
    return None if found is None else found | {"detail": sentences.told(found.get("detail", ""), language)}


def told(row: Event, who: Caller, language: str) -> dict[str, Any]:
    """One run for a reader: the sync answer, and what only makes sense beside it."""
    extra = ("mode", "requested_by", "requested_at", "started_at", "ended_at", "problem")
    reason = None if row["reason"] is None else sentences.told(row["reason"], language)
    return answer(row, who, language) | {name: row[name] for name in extra} | {"reason": reason}


# history ---------------------------------------------------------------------------------------------------------


@router.get("/runs")
def list_runs(
    who: Viewer,
    connection: Db,
    language: Language,
    system: str | None = None,
    entity: str | None = None,
    status: Status | None = None,
    limit: Limit = PAGE_DEFAULT,
    cursor: str | None = None,
) -> dict[str, Any]:
    """Runs of the organisation, the newest first."""
    table = tables.sync_runs.c
    query = sa.select(tables.sync_runs).order_by(table.requested_at.desc(), table.run_id.desc()).limit(limit + 1)
    for column, value in ((table.system, system), (table.entity, entity), (table.status, status)):
        query = query if value is None else query.where(column == value)
    if who.organization_id != EVERY:
        query = query.where(table.organization_id == who.organization_id)
    if cursor is not None:
        query = query.where(
            sa.tuple_(table.requested_at, table.run_id) < sa.tuple_(*parts_of(cursor, datetime.fromisoformat, str))
        )
    rows = [dict(row) for row in connection.execute(query).mappings()]
    last = rows[limit - 1] if len(rows) > limit else None
    return {
        "items": [told(row, who, language) for row in rows[:limit]],
        "next_cursor": cursor_of(last["requested_at"].isoformat(), str(last["run_id"])) if last else None,
    }


def _visible(run_id: str, who: Caller) -> Event:
    """The run as the caller may see it; 404 for another organisation's."""
    with database.scoped(who.organization_id) as connection:
        row = runs.read(connection, run_id)
    if row is None or who.organization_id not in (EVERY, row["organization_id"]):
        raise Problem(NOT_FOUND, what=f"run {run_id}")
    return row


@router.get("/runs/{run_id}")
def read_run(run_id: str, who: Viewer, language: Language) -> dict[str, Any]:
    return told(_visible(run_id, who), who, language)


@router.post("/runs/{run_id}/cancel")
async def cancel_run(
    run_id: str, who: Controller, watch: Watch, language: Language, response: Response
) -> dict[str, Any]:
    """Stops a run. 200 with the run when it is over (also when it already was), 202 while it is still stopping."""
    row = await run_sync(_visible, run_id, who)
    if row["status"] not in FINAL:
        await _stop(row, watch)
        ended = await watch.wait(run_id, STOP_SECONDS)
        row = ended if ended is not None else await run_sync(read, run_id)
    response.status_code = 200 if row["status"] in FINAL else 202
    return told(row, who, language)


async def _stop(row: Event, watch: Events) -> None:
    if row["dagster_run_id"] is None:  # not handed over yet: whoever is launching it sees that it is canceled
        await run_sync(settle, row["run_id"], "canceled", STOPPED)
        return
    try:
        await watch.dagster.terminate(row["dagster_run_id"])
    except Unreachable as error:
        raise Problem(CANNOT_STOP, members={"run_id": row["run_id"]}) from error


# events ----------------------------------------------------------------------------------------------------------


@router.get("/events", response_class=StreamingResponse)
async def all_events(who: Viewer, watch: Watch, language: Language) -> StreamingResponse:
    """Progress and ends of all runs of the caller's organisation, as they happen."""
    return _streaming(_organization_stream(watch, who, language))


@router.get("/runs/{run_id}/events", response_class=StreamingResponse)
async def run_events(run_id: str, who: Viewer, watch: Watch, language: Language) -> StreamingResponse:
    """Progress of one run, then ``end`` with the answer. A reader who comes back gets where it stands now: the last
    progress says everything the missed ones said, so that Last-Event-ID needs no history."""
    await run_sync(_visible, run_id, who)
    return _streaming(_run_stream(watch, run_id, who, language))


def _streaming(body: AsyncIterator[bytes]) -> StreamingResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(body, media_type="text/event-stream", headers=headers)


def _sse(name: str, data: dict[str, Any]) -> bytes:
    number = data.get("elapsed_ms") or 0
    identity = f"{data['run_id']}:{number if name == 'progress' else name}"
    return f"id: {identity}\nevent: {name}\ndata: {to_json(data).decode()}\n\n".encode()


def _progress(row: Event) -> bytes:
    return _sse("progress", {name: row.get(name) for name in PROGRESS})


async def _next(queue: asyncio.Queue[Event | None]) -> Event | None:
    """The next event; a heartbeat when there is none for a while; None when the API is stopping."""
    try:
        return await asyncio.wait_for(queue.get(), HEARTBEAT_SECONDS)
    except TimeoutError:
        return {"type": "heartbeat"}


HEARTBEAT = b": heartbeat\n\n"
HELLO = b"retry: 2000\n\n"


def _wake(queue: asyncio.Queue[Event | None]) -> None:
    if not queue.full():
        queue.put_nowait({"type": "ended"})


async def _run_stream(watch: Events, run_id: str, who: Caller, language: str) -> AsyncIterator[bytes]:
    with watch.subscribe(lambda event: event.get("run_id") == run_id) as queue:
        yield HELLO
        row = await run_sync(read, run_id)
        if row["status"] not in FINAL:
            yield _progress(row)
            ended = watch.outcome(run_id)
            ended.add_done_callback(lambda _: _wake(queue))
            while (event := await _next(queue)) is not None and not ended.done():
                if event["type"] == "progress":
                    yield _progress(event)
                elif event["type"] == "heartbeat":
                    yield HEARTBEAT
            if not ended.done():
                return
            row = ended.result()
        yield _sse("end", told(row, who, language))


async def _organization_stream(watch: Events, who: Caller, language: str) -> AsyncIterator[bytes]:
    def wanted(event: Event) -> bool:
        return who.organization_id in (EVERY, event.get("organization_id"))

    with watch.subscribe(wanted) as queue:
        yield HELLO
        while (event := await _next(queue)) is not None:
            if event["type"] == "progress":
                yield _progress(event)
            elif event["type"] == "end":
                yield _sse("end", told(await run_sync(read, event["run_id"]), who, language))
            elif event["type"] == "heartbeat":
                yield HEARTBEAT
