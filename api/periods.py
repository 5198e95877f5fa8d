"""Closed periods over HTTP: closing one, and the figures as they were signed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from api.deps import Controller, Db, Viewer
from api.problems import NOT_FOUND, Kind, Problem, invalid
from ppm_pipelines import periods

router = APIRouter(prefix="/api/costbook/periods", tags=["periods"])

NOT_OVER = Kind(
    "period-not-over",
    409,
    ("Period not over", "The period has not ended yet. Close it after its last day."),
    ("Periode läuft noch", "Die Periode ist noch nicht zu Ende. Bitte nach ihrem letzten Tag schließen."),
)


@router.get("")
def list_periods(who: Viewer, connection: Db) -> list[dict[str, Any]]:
    """The closed periods, the newest first."""
    return periods.list_(connection, who.writes_to)


@router.get("/{year}/{period}")
def read_period(year: int, period: int, who: Viewer, connection: Db) -> dict[str, Any]:
    """Every project's figures as they were when the period was closed."""
    found = periods.read(connection, who.writes_to, year, period)
    if found is None:
        raise Problem(NOT_FOUND, what=f"closed period {period}/{year}")
    return found


@router.post("/{year}/{period}/close")
def close_period(year: int, period: int, who: Controller, connection: Db) -> dict[str, Any]:
    """Closes the period and keeps the figures; what is posted into it later is shown as late."""
    try:
        return periods.close(connection, who.writes_to, year, period, who.email)
    except periods.NotOver as error:
        raise Problem(NOT_OVER) from error
    except ValueError as error:
        raise invalid("period", str(error), "gibt es nicht; Perioden sind 1 bis 16.") from error
