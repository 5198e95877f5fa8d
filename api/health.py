"""For operators: alive, ready, measured. Ready says what is missing; nothing here tells an outsider anything else."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from api.deps import Credentials, caller_of, claims_of, from_loopback, unauthenticated
from api.events import Watch
from api.problems import FORBIDDEN, Problem
from ppm_pipelines import database, tables

router = APIRouter(tags=["health"])


@router.get("/api/health/live")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/api/health/ready")
async def ready(watch: Watch, response: Response) -> dict[str, Any]:
    """200 when syncs can run and figures can be read; 503 with what is missing otherwise."""
    checks = {"database": await run_sync(_database_answers), "dagster": await watch.dagster.ready()}
    response.status_code = 200 if all(checks.values()) else 503
    words = {name: "ok" if up else "unavailable" for name, up in checks.items()}
    return {"status": "ok" if all(checks.values()) else "unavailable", "checks": words}


def _database_answers() -> bool:
    """Whether the database answers with our schema in it."""
    try:
        with database.owner() as connection:
            connection.execute(sa.select(tables.sync_runs.c.run_id).limit(1))
    except sa.exc.SQLAlchemyError:
        return False
    return True


@router.get("/metrics")
def metrics(request: Request, credentials: Credentials) -> Response:
    """Prometheus: runs by system, entity and status; when the last good sync ended; quarantined records."""
    if not from_loopback(request):
        if credentials is None:
            raise unauthenticated("there is none")
        who = caller_of(claims_of(credentials.credentials))
        if not who.has("admin"):
            raise Problem(FORBIDDEN, role=who.role, right="admin")
    return Response(generate_latest(_measured()), media_type=CONTENT_TYPE_LATEST)


def _measured() -> CollectorRegistry:
    """Read from the tables at each scrape, so that restarts and several processes count right."""
    registry = CollectorRegistry()
    by = ["organization_id", "system", "entity"]
    count = Gauge("ppm_sync_runs", "Runs in the table", [*by, "status"], registry=registry)
    last = Gauge(
        "ppm_sync_last_success_timestamp_seconds", "End of the last sync that was taken over", by, registry=registry
    )
    rejected = Gauge("ppm_rejections", "Quarantined records", by, registry=registry)
    run, bad = tables.sync_runs.c, tables.rejections.c
    ended = sa.func.extract("epoch", sa.func.max(run.ended_at))
    # Records in quarantine make a sync partial, and the others were merged; a dry run merges nothing.
    taken_over = run.status.in_(("success", "partial")) & ~run.dry_run
    with database.owner() as connection:
        grouped = [run.organization_id, run.system, run.entity, run.status]
        for row in connection.execute(sa.select(*grouped, sa.func.count()).group_by(*grouped)):
            count.labels(*row[:4]).set(row[4])
        for row in connection.execute(sa.select(*grouped[:3], ended).where(taken_over).group_by(*grouped[:3])):
            last.labels(*row[:3]).set(float(row[3] or 0))
        grouped = [bad.organization_id, bad.system, bad.entity]
        for row in connection.execute(sa.select(*grouped, sa.func.count()).group_by(*grouped)):
            rejected.labels(*row[:3]).set(row[3])
    return registry
