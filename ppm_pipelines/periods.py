"""Closed periods: the figures as they were signed, and when a period closes by itself (DOMAIN R14).

Belongs here: closing and reading snapshots. Does not belong here: what a figure is, or what is late in it
(``costbook``). What is posted into a closed period later counts at once and is shown as late; the snapshot stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from pydantic_core import to_jsonable_python
from sqlalchemy.dialects.postgresql import insert

from ppm_pipelines import costbook, database, history
from ppm_pipelines.tables import audit_log, closed_periods, organizations, period_figures

MONTHS, LAST_PERIOD = 12, 16  # 13 to 16 are for closing entries of the year
SATURDAY = 5


class NotOver(Exception):
    """The period has not ended, so there is nothing to close; the sentence says when it ends."""


def number(period: int | str) -> str:
    return f"{int(period):03d}"


def end_of(year: int, period: int) -> date:
    """The last day of a period of fiscal-year variant K4, where periods are months; raises ValueError for others."""
    if not 1 <= period <= LAST_PERIOD:
        raise ValueError(f"There is no period {period}; periods are 1 to {LAST_PERIOD}.")
    month = min(period, MONTHS)
    return date(year + month // MONTHS, month % MONTHS + 1, 1) - timedelta(days=1)


def close(connection: sa.Connection, organization_id: str, year: int, period: int, by: str) -> dict[str, Any]:
    """Closes the period and keeps every project's figures; closing it again changes nothing.

    Raises ``NotOver`` before its last day has passed in the organisation's time zone, ValueError for no period.
    """
    last = end_of(year, period)
    if datetime.now(ZoneInfo(history.zone_of(connection, organization_id))).date() <= last:
        raise NotOver(f"Period {number(period)}/{year} ends on {last.isoformat()}. Close it after that day.")
    place = {"organization_id": organization_id, "fiscal_year": str(year), "fiscal_period": number(period)}
    database.between_merges(connection, organization_id)
    # Not the transaction's beginning: it may have waited for rows that belong to what is signed.
    new = insert(closed_periods).values(**place, closed_by=by, closed_at=database.MOMENT)
    new = new.on_conflict_do_nothing()
    if connection.scalar(new.returning(closed_periods.c.closed_at)) is not None:
        _keep(connection, place)
        detail = {"year": year, "period": period}
        connection.execute(
            sa.insert(audit_log).values(
                organization_id=organization_id, who=by, what="closed", subject="period", detail=detail
            )
        )
    found = read(connection, organization_id, year, period)
    assert found is not None  # noqa: S101 - closed in this transaction
    return found


def _keep(connection: sa.Connection, place: dict[str, Any]) -> None:
    figures = costbook.project_figures(connection, place["organization_id"])
    rows = [
        place | {"project_id": one["project_id"], "figures": to_jsonable_python(one | {"late": []})} for one in figures
    ]
    if rows:
        connection.execute(sa.insert(period_figures), rows)


def list_(connection: sa.Connection, organization_id: str) -> list[dict[str, Any]]:
    """The closed periods, the newest first."""
    p = closed_periods.c
    query = sa.select(p.fiscal_year, p.fiscal_period, p.closed_at, p.closed_by)
    query = query.where(p.organization_id == organization_id).order_by(p.fiscal_year.desc(), p.fiscal_period.desc())
    return [dict(row) for row in connection.execute(query).mappings()]


def read(connection: sa.Connection, organization_id: str, year: int, period: int) -> dict[str, Any] | None:
    """The period with the figures that were kept at its closing; None when it is not closed."""
    place = {"organization_id": organization_id, "fiscal_year": str(year), "fiscal_period": number(period)}
    p, f = closed_periods.c, period_figures.c
    found = connection.execute(
        sa.select(p.fiscal_year, p.fiscal_period, p.closed_at, p.closed_by).where(
            *(p[name] == value for name, value in place.items())
        )
    ).mappings()
    closed = found.one_or_none()
    if closed is None:
        return None
    kept = connection.scalars(sa.select(f.figures).where(*(f[name] == value for name, value in place.items()))).all()
    projects = sorted(kept, key=lambda one: (one["project_nr"], one["project_id"]))
    return dict(closed) | {"projects": projects, "totals": costbook.totals(projects)}


# --- by itself -----------------------------------------------------------------------------------------------------


def working_days_after(day: date, count: int) -> date:
    """The ``count``-th working day (Monday to Friday) after the day."""
    while count > 0:
        day += timedelta(days=1)
        count -= day.weekday() < SATURDAY
    return day


def due(connection: sa.Connection, now: datetime | None = None) -> Iterator[tuple[str, int, int]]:
    """Organisation, year and period of last month, where the organisation wants it closed by now and it is not yet."""
    o, p = organizations.c, closed_periods.c
    query = sa.select(o.organization_id, o.time_zone, o.close_after_working_days)
    for row in connection.execute(query.where(o.close_after_working_days.is_not(None))).all():
        today = (now or datetime.now(UTC)).astimezone(ZoneInfo(row.time_zone)).date()
        last = today.replace(day=1) - timedelta(days=1)
        if today < working_days_after(last, row.close_after_working_days):
            continue
        place = (
            p.organization_id == row.organization_id,
            p.fiscal_year == str(last.year),
            p.fiscal_period == number(last.month),
        )
        if connection.scalar(sa.select(sa.func.count()).where(*place)) == 0:
            yield row.organization_id, last.year, last.month
