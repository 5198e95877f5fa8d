"""The life of a sync in ``sync_runs``: claimed before it is launched, told while it goes, settled once.

Belongs here: every change of a run's row, and the notification that goes with it. Does not belong here: what a run
loads (``load``), who carries it out (Dagster), who waits for it (``api/events.py``).

Every change sends ``pg_notify('ppm_events', …)``; PostgreSQL delivers it when the transaction commits.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ppm_pipelines.tables import sync_runs

Mode = Literal["incremental", "full", "replay", "remap"]
AGAIN = ("replay", "remap")  # made again from what is held: nothing is read, so nothing is fresher than it was
ACTIVE = ("queued", "running")
CHANNEL = "ppm_events"
NOT_AT_ALL = timedelta(0)
# Every event is in the run's own log; the terminal of the product tells what a person would ask about.
RUN_CONFIG: dict[str, Any] = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What somebody wants synced. ``requested_by`` is a person's address, or ``schedule`` or ``dagster``.

    ``replay`` takes quarantined records up again, those whose ids ``scope`` lists under ``rejections``; ``remap`` lays
    the saved field mapping over all that is held.
    """

    organization_id: str
    system: str
    entity: str = "commitments"
    mode: Mode = "incremental"
    requested_by: str = ""
    dry_run: bool = False
    scope: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    run_id: str
    joined: bool


class Busy(Exception):
    """Another sync of the same thing is active, and this request may not join it."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"Another sync of this is running ({run_id}). Wait for it to end, or stop it first.")
        self.run_id = run_id


def claim(connection: sa.Connection, request: RunRequest, waited: timedelta = NOT_AT_ALL) -> Claim:
    """Takes the one place that a system, entity and organisation has, or joins who holds it.

    The unique index decides between two who ask at once, so that 500 clicks make one run. Who ``waited`` to be able to
    ask joins whoever held the place when it began to wait, and has ended well meanwhile. Raises ``Busy`` when the
    holder reads less than was asked for (an incremental read does not answer a full one).
    """
    if waited and (ended := _ended(connection, request, waited)):
        return Claim(ended, joined=True)
    while True:
        taken = _insert(connection, request, status="queued")
        if taken:
            return Claim(taken, joined=False)
        holder = _holder(connection, request)
        if holder is None:  # it ended between the two statements
            continue
        if _answers(holder, request):
            return Claim(holder.run_id, joined=True)
        raise Busy(holder.run_id)


def _insert(connection: sa.Connection, request: RunRequest, **more: Any) -> str | None:
    """A new row of what was asked for; its id, or None where another active run has the place."""
    row = asdict(request) | {"run_id": str(uuid.uuid4())} | more
    taken: str | None = connection.scalar(
        insert(sync_runs).values(row).on_conflict_do_nothing().returning(sync_runs.c.run_id)
    )
    if taken:
        _tell(connection, taken)
    return taken


def _answers(holder: Any, request: RunRequest) -> bool:
    """Whether the running sync does all that is asked for: the same, or a full one where an incremental is wanted."""
    if (holder.mode, holder.scope) == (request.mode, request.scope):
        return True
    return (holder.mode, request.mode) == ("full", "incremental") and holder.scope == request.scope


def _holder(connection: sa.Connection, request: RunRequest) -> Any:
    query = _of_the_same(request).where(sync_runs.c.status.in_(ACTIVE))
    return connection.execute(query).one_or_none()


def _ended(connection: sa.Connection, request: RunRequest, waited: timedelta) -> str | None:
    """A run that ended well while somebody waited to ask for the same. By the database's clock alone."""
    since = sa.func.clock_timestamp() - waited
    query = _of_the_same(request).where(sync_runs.c.status.in_(("success", "partial")), sync_runs.c.ended_at >= since)
    rows = connection.execute(query.order_by(sync_runs.c.ended_at.desc())).all()
    return next((str(row.run_id) for row in rows if _answers(row, request)), None)


def _of_the_same(request: RunRequest) -> sa.Select[Any]:
    run = sync_runs.c
    return sa.select(run.run_id, run.mode, run.scope).where(
        run.organization_id == request.organization_id,
        run.system == request.system,
        run.entity == request.entity,
        run.dry_run.is_(False),
    )


def started(connection: sa.Connection, run_id: str, dagster_run_id: str) -> bool:
    """The run's process has begun; False when the run was canceled or settled before."""
    changed = _change(
        connection, run_id, status="running", started_at=sa.func.now(), stage="starting", dagster_run_id=dagster_run_id
    )
    return changed


def progress(
    connection: sa.Connection, run_id: str, stage: str, rows: int, total: int | None = None, pages: int = 0
) -> None:
    """Where the run stands: ``rows`` records read so far in ``pages`` answers.

    The transaction does not wait for the disk: after a crash nothing is known of a run that had not ended.
    """
    connection.execute(sa.text("set local synchronous_commit = off"))
    _change(connection, run_id, stage=stage, rows=rows, total=total, pages=pages)


def settle(
    connection: sa.Connection,
    run_id: str,
    status: str,
    reason: str | None = None,
    problem: str | None = None,
    result: dict[str, Any] | None = None,
) -> bool:
    """Ends the run, once: a run that has ended stays as it is (False).

    ``problem`` says what the API makes of a failure: credentials, unavailable, misconfigured,
    not_offered, refused, busy, internal.
    """
    return _change(
        connection, run_id, status=status, ended_at=sa.func.now(), reason=reason, problem=problem, result=result
    )


def recorded(connection: sa.Connection, run_id: str) -> None:
    """Tells that Dagster has recorded the end of the run, a moment after its row has ended."""
    event = {"type": "recorded", "run_id": run_id}
    connection.execute(sa.select(sa.func.pg_notify(CHANNEL, json.dumps(event))))


def never_began(
    connection: sa.Connection, request: RunRequest, dagster_run_id: str, requested_at: datetime, *, reason: str
) -> str:
    """The row of a run that failed before it could claim anything; its id. It ends now, when it comes to light."""
    run_id = _insert(
        connection,
        request,
        requested_at=requested_at,
        dagster_run_id=dagster_run_id,
        status="failed",
        ended_at=sa.func.now(),
        reason=reason,
        problem="internal",
    )
    assert run_id is not None  # noqa: S101 - only active runs hold a place
    return run_id


def _change(connection: sa.Connection, run_id: str, **values: Any) -> bool:
    run = sync_runs.c
    changed = connection.execute(
        sa.update(sync_runs).where(run.run_id == run_id, run.status.in_(ACTIVE)).values(**values)
    ).rowcount
    if changed:
        _tell(connection, run_id)
    return bool(changed)


def _tell(connection: sa.Connection, run_id: str) -> None:
    row = read(connection, run_id)
    assert row is not None  # noqa: S101 - it was changed in this transaction
    names = ("run_id", "organization_id", "system", "entity", "status", "stage", "rows", "total", "pages", "elapsed_ms")
    event = {name: row[name] for name in names} | {"type": "progress" if row["status"] in ACTIVE else "end"}
    connection.execute(sa.select(sa.func.pg_notify(CHANNEL, json.dumps(event))))


def read(connection: sa.Connection, run_id: str) -> dict[str, Any] | None:
    """The run's row and ``elapsed_ms`` since it was asked for; None when there is no such run."""
    elapsed = sa.func.extract(
        "epoch", sa.func.coalesce(sync_runs.c.ended_at, sa.func.clock_timestamp()) - sync_runs.c.requested_at
    )
    row = (
        connection.execute(sa.select(sync_runs, elapsed.label("elapsed")).where(sync_runs.c.run_id == run_id))
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    values = dict(row)
    return values | {"elapsed_ms": max(0, round(float(values.pop("elapsed")) * 1000))}


def active(connection: sa.Connection) -> Sequence[str]:
    """Runs that have not ended, the oldest first."""
    run = sync_runs.c
    return connection.scalars(sa.select(run.run_id).where(run.status.in_(ACTIVE)).order_by(run.requested_at)).all()
