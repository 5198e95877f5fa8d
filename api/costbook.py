"""The Costbook over HTTP: figures now and then, budgets and project links.

Belongs here: reading what is asked for and shaping the answer. Does not belong here: lines (``lines``), periods
(``periods``), what a figure is (``ppm_pipelines.costbook``).
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import sqlalchemy as sa
from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from api.deps import EVERY, Caller, Controller, Db, Viewer
from api.pages import Limit, cursor_of, parts_of
from api.people import Hidden
from api.problems import NOT_FOUND, Problem, invalid
from api.settings import PAGE_DEFAULT
from ppm_pipelines import breakdown, costbook, history, labour, planning, tables

router = APIRouter(prefix="/api/costbook", tags=["costbook"])


class BudgetLine(BaseModel):
    model_config = ConfigDict(extra="forbid")
    wbs_element: str | None = None
    amount: str
    currency: str
    valid_from: date = date(1900, 1, 1)


class BudgetBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    lines: list[BudgetLine]


class LabourBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    source: str | None = Field(description="The system whose labour counts; null: postings before hours at rates")


class Link(BaseModel):
    model_config = ConfigDict(extra="forbid")
    system: str
    company_code: str = ""
    project_nr: str


def _organization(who: Caller) -> str | None:
    return None if who.organization_id == EVERY else who.organization_id


def _project(project_id: str, who: Viewer, connection: Db) -> Any:
    """The project as the caller may see it; 404 for another organisation's."""
    row = connection.execute(
        sa.select(tables.costbook_projects).where(tables.costbook_projects.c.project_id == project_id)
    ).one_or_none()
    if row is None or who.organization_id not in (EVERY, row.organization_id):
        raise Problem(NOT_FOUND, what=f"project {project_id}")
    return row


Project = Annotated[Any, Depends(_project)]


def moment_of(given: str, field: str, zone: str) -> datetime:
    """A time, or the end of a day in the given zone; 422 for anything else."""
    try:
        return history.moment_of(given, zone)
    except ValueError:
        raise invalid(
            field, "is no time such as 2026-01-31 or 2026-01-31T18:00:00Z.", "ist keine Zeit wie 2026-01-31."
        ) from None


async def as_of(
    who: Viewer,
    connection: Db,
    as_of: Annotated[str | None, Query(description="As it was then: a time, or a day (its end)")] = None,
) -> datetime | None:
    return await run_sync(_visible_at, connection, who.writes_to, as_of) if as_of else None


def _visible_at(connection: sa.Connection, organization_id: str, as_of: str) -> datetime:
    moment = moment_of(as_of, "as_of", history.zone_of(connection, organization_id))
    return costbook.visible_at(connection, organization_id, moment)


def _now(connection: sa.Connection) -> datetime:
    """When the transaction began: what became visible after that, it does not see."""
    return connection.execute(sa.select(sa.func.now())).scalar_one()


AsOf = Annotated[datetime | None, Depends(as_of)]


@router.get("/projects")
def list_projects(
    who: Viewer, connection: Db, moment: AsOf, limit: Limit = PAGE_DEFAULT, cursor: str | None = None
) -> dict[str, Any]:
    """Figures of every project by number; the totals are over all of them, not over the page."""
    every = costbook.project_figures(connection, _organization(who), as_of=moment)
    after = tuple(parts_of(cursor, str, str)) if cursor else ("", "")
    rest = [one for one in every if (one["project_nr"], one["project_id"]) > after]
    page = rest[:limit]
    more = len(rest) > limit
    return {
        "items": page,
        "next_cursor": cursor_of(page[-1]["project_nr"], page[-1]["project_id"]) if more else None,
        "totals": costbook.totals(every),
        "unassigned_quarantined": costbook.unassigned_quarantined(connection, _organization(who), moment),
    }


@router.get("/projects/{project_id}")
def read_project(project: Project, connection: Db, moment: AsOf) -> dict[str, Any]:
    return _figures(connection, project, moment)


def _figures(connection: sa.Connection, project: Any, moment: datetime | None = None) -> dict[str, Any]:
    found = costbook.project_figures(connection, project.organization_id, project.project_id, moment)
    if not found:  # it was not there yet
        raise Problem(NOT_FOUND, what=f"project {project.project_id}")
    return found[0]


@router.get("/projects/{project_id}/breakdown")
def read_breakdown(
    project: Project, connection: Db, moment: AsOf, hidden: Hidden, by: breakdown.By = "wbs_element"
) -> dict[str, Any]:
    """The project's sums per WBS element, vendor or period."""
    return {"by": by, "items": breakdown.breakdown(connection, project, by, moment, hidden), "as_of": moment}


@router.get("/projects/{project_id}/compare")
def compare_times(
    who: Viewer,
    project: Project,
    connection: Db,
    hidden: Hidden,
    start: Annotated[str, Query(alias="from")],
    end: Annotated[str | None, Query(alias="to")] = None,
    entity: history.Entity | None = None,
    limit: Limit = PAGE_DEFAULT,
    offset: Annotated[int, Query(ge=0, le=2**31)] = 0,
) -> dict[str, Any]:
    """Two times of a project: figures, and what is new, changed or closed between them; with ``entity`` the lines."""
    zone = history.zone_of(connection, who.writes_to)
    earlier = costbook.visible_at(connection, who.writes_to, moment_of(start, "from", zone))
    later = costbook.visible_at(connection, who.writes_to, moment_of(end, "to", zone) if end else _now(connection))
    if later < earlier:
        raise invalid("to", "lies before from.", "liegt vor from.")
    told = {"from": earlier, "to": later, **history.compare(connection, project, earlier, later)}
    if entity is None:
        return told
    return told | {"lines": history.changed_lines(connection, entity, project, earlier, later, limit, offset, hidden)}


# what people give ------------------------------------------------------------------------------------------------


@router.put("/projects/{project_id}/budget")
def replace_budget(_: Controller, project: Project, body: BudgetBody, connection: Db) -> dict[str, Any]:
    """The given lines are the budget from now on; the project's new figures."""
    lines = [line.model_dump() for line in body.lines]
    try:
        planning.replace_budget(
            connection, project.organization_id, project.project_id, project.currency or "EUR", lines
        )
    except planning.BadBudget as error:
        raise invalid("lines", str(error)) from None
    return _figures(connection, project)


@router.get("/projects/{project_id}/links")
def read_links(project: Project, connection: Db) -> list[dict[str, str]]:
    """The source projects that are this project."""
    return planning.links(connection, project.organization_id, project.project_id)


@router.put("/projects/{project_id}/links")
def replace_links(
    who: Controller, project: Project, body: list[Link], connection: Db, response: Response
) -> dict[str, Any]:
    """Which source projects are this project; their facts move with them."""
    links = [(link.system, link.company_code, link.project_nr) for link in body]
    try:
        planning.relink(connection, project.organization_id, project.project_id, links, who.email)
    except planning.BadLink as error:
        raise invalid("links", str(error)) from None
    response.headers["Cache-Control"] = "no-store"
    return _figures(connection, project)


@router.put("/projects/{project_id}/labour")
def choose_labour(who: Controller, project: Project, body: LabourBody, connection: Db) -> dict[str, Any]:
    """Which system's labour counts where several have it: the same hour may be in both. The project's new figures."""
    try:
        labour.choose(connection, project.organization_id, project.project_id, body.source, who.email)
    except labour.BadLabour as error:
        raise invalid("source", str(error)) from None
    return _figures(connection, project)
