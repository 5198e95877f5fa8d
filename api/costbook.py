"""The Costbook over HTTP: figures, lines, budgets and project links.

Belongs here: reading what is asked for and shaping the answer. Does not belong here: what a figure is
(``ppm_pipelines.costbook``).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict

from api.deps import EVERY, Caller, Controller, Db, Viewer
from api.problems import NOT_FOUND, Problem, invalid
from api.runs import Limit, cursor_of, parts_of
from api.settings import PAGE_DEFAULT
from ppm_pipelines import costbook, database, planning, tables

router = APIRouter(prefix="/api/costbook", tags=["costbook"])

HIDDEN = {"organization_id", "source_key"}
SUMS = {
    "commitments": {
        "ordered_amount": "currency",
        "relieved_amount": "currency",
        "open_amount": "currency",
        "tax_amount": "currency",
        "company_ordered_amount": "company_currency",
        "company_relieved_amount": "company_currency",
        "company_open_amount": "company_currency",
    },
    "actuals": {
        "amount": "currency",
        "tax_amount": "currency",
        "retained_amount": "currency",
        "company_amount": "company_currency",
    },
}
CSV_BATCH = 1000


class BudgetLine(BaseModel):
    model_config = ConfigDict(extra="forbid")
    wbs_element: str | None = None
    amount: str
    currency: str
    valid_from: date = date(1900, 1, 1)


class BudgetBody(BaseModel):
    model_config = ConfigDict(extra="forbid")
    lines: list[BudgetLine]


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


@router.get("/projects")
def list_projects(
    who: Viewer, connection: Db, limit: Limit = PAGE_DEFAULT, cursor: str | None = None
) -> dict[str, Any]:
    """Figures of every project by number; the totals are over all of them, not over the page."""
    every = costbook.project_figures(connection, _organization(who))
    after = tuple(parts_of(cursor, str, str)) if cursor else ("", "")
    rest = [one for one in every if (one["project_nr"], one["project_id"]) > after]
    page = rest[:limit]
    more = len(rest) > limit
    return {
        "items": page,
        "next_cursor": cursor_of(page[-1]["project_nr"], page[-1]["project_id"]) if more else None,
        "totals": costbook.totals(every),
    }


@router.get("/projects/{project_id}")
def read_project(project: Project, connection: Db) -> dict[str, Any]:
    return costbook.project_figures(connection, project.organization_id, project.project_id)[0]


# lines -----------------------------------------------------------------------------------------------------------


class Lines:
    """One entity's lines of a project, as asked for in the query: filters, order, page."""

    def __init__(self, entity: Literal["commitments", "actuals"], project: Any, request: Request) -> None:
        self.entity, self.project = entity, project
        self.table = tables.metadata.tables[f"ppm.{entity}"]
        self.filters = self._filters(request)
        self.order = self._order(request.query_params.get("sort") or "")

    def _column(self, name: str, field: str) -> sa.Column[Any]:
        if name in HIDDEN or name not in self.table.c:
            raise invalid(field, f"{name} is not a field of these lines.", f"{name} ist kein Feld dieser Zeilen.")
        return self.table.c[name]

    def _filters(self, request: Request) -> list[sa.ColumnElement[bool]]:
        found = [self.table.c.project_id == self.project.project_id]
        for key, value in request.query_params.multi_items():
            if key.startswith("filter[") and key.endswith("]"):
                column = self._column(key[7:-1], key)
                found.append(self._matches(column, value, key))
        return found

    @staticmethod
    def _matches(column: sa.Column[Any], value: str, field: str) -> sa.ColumnElement[bool]:
        """Texts contain what is typed, whatever its case; everything else is equal to it."""
        if isinstance(column.type, sa.Text):
            return column.icontains(value, autoescape=True)
        try:
            if isinstance(column.type, sa.Date):
                return column == date.fromisoformat(value)
            if isinstance(column.type, sa.Numeric):
                return column == Decimal(value)
            if isinstance(column.type, sa.Boolean):
                return column.is_({"true": True, "false": False}[value])
        except (ValueError, ArithmeticError, KeyError):
            raise invalid(field, "is not a value of this field.", "ist kein Wert dieses Feldes.") from None
        return sa.cast(column, sa.Text) == value

    def _order(self, sort: str) -> list[sa.ColumnElement[Any]]:
        name = sort.removeprefix("-")
        keys: list[sa.ColumnElement[Any]] = [self.table.c.id.asc()]
        if not name:
            return keys
        column = self._column(name, "sort")
        return [column.desc().nulls_last() if sort.startswith("-") else column.asc().nulls_last(), *keys]

    def query(self) -> sa.Select[Any]:
        return sa.select(*(column for column in self.table.c if column.name not in HIDDEN)).where(*self.filters)

    def shown(self, row: Any) -> dict[str, Any]:
        """Money with its currency's digits; other numbers exact; ids as text."""
        told = dict(row)
        for name, currency in SUMS[self.entity].items():
            if told[name] is not None:
                told[name] = costbook.money(told[name], told[currency])
        for name in ("exchange_rate", "quantity"):
            if told.get(name) is not None:
                told[name] = f"{told[name].normalize():f}"
        return told | {"id": str(told["id"])}

    def sums(self, connection: sa.Connection) -> tuple[int, dict[str, dict[str, str]]]:
        """How many lines, and per currency the sums of what counts."""
        total = connection.scalar(sa.select(sa.func.count()).where(*self.filters)) or 0
        counted = [*self.filters, self.table.c.counts]
        if self.entity == "actuals":
            counted.append(self.table.c.removed_at.is_(None))
        told: dict[str, dict[str, str]] = {}
        for currency in ("currency", "company_currency"):
            names = [name for name, own in SUMS[self.entity].items() if own == currency]
            code = self.table.c[currency]
            query = sa.select(code.label("code"), *(sa.func.sum(self.table.c[n]).label(n) for n in names))
            for row in connection.execute(query.where(*counted).group_by(code)).mappings():
                sums = {n: costbook.money(row[n], row["code"]) for n in names if row[n] is not None}
                told.setdefault(row["code"], {}).update(sums)
        return total, told

    def as_csv(self) -> Iterator[str]:
        """All lines, a batch at a time; its own connection, because the answer outlives the request's."""
        names = [column.name for column in self.table.c if column.name not in HIDDEN]
        yield "\ufeff" + _csv_line(names)
        with database.scoped(self.project.organization_id) as connection:
            result = connection.execution_options(yield_per=CSV_BATCH).execute(self.query().order_by(*self.order))
            for batch in result.mappings().partitions():
                yield "".join(_csv_line([self.shown(row)[name] for name in names]) for row in batch)


def _csv_line(cells: list[Any]) -> str:
    """A formula in a text of the source must not become one in a spreadsheet."""
    written = io.StringIO()
    safe = [f"'{cell}" if isinstance(cell, str) and cell[:1] in "=+@\t\r" and cell else cell for cell in cells]
    csv.writer(written).writerow(["" if cell is None else cell for cell in safe])
    return written.getvalue()


Offset = Annotated[int, Query(ge=0)]


def _answer(
    lines: Lines, connection: sa.Connection, request: Request, limit: int, offset: int, cursor: str | None
) -> Any:
    if "text/csv" in request.headers.get("accept", ""):
        name = f"{lines.project.project_nr}-{lines.entity}.csv".encode("ascii", "replace").decode().replace('"', "")
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(lines.as_csv(), media_type="text/csv", headers=headers)
    start = parts_of(cursor, int)[0] if cursor else offset
    rows = connection.execute(lines.query().order_by(*lines.order).limit(limit).offset(start)).mappings().all()
    total, sums = lines.sums(connection)
    after = start + len(rows)
    return {
        "items": [lines.shown(row) for row in rows],
        "next_cursor": cursor_of(after) if after < total else None,
        "total": total,
        "sums": sums,
        "as_of": connection.scalar(
            sa.select(sa.func.max(tables.sync_runs.c.ended_at)).where(
                tables.sync_runs.c.organization_id == lines.project.organization_id,
                tables.sync_runs.c.status.in_(("success", "partial")),
            )
        ),
    }


@router.get("/projects/{project_id}/commitments", response_model=None)
def list_commitments(
    project: Project,
    connection: Db,
    request: Request,
    limit: Limit = PAGE_DEFAULT,
    offset: Offset = 0,
    cursor: str | None = None,
) -> Any:
    """Lines with ``sort=-field`` and ``filter[field]=``; as text/csv all of them."""
    return _answer(Lines("commitments", project, request), connection, request, limit, offset, cursor)


@router.get("/projects/{project_id}/actuals", response_model=None)
def list_actuals(
    project: Project,
    connection: Db,
    request: Request,
    limit: Limit = PAGE_DEFAULT,
    offset: Offset = 0,
    cursor: str | None = None,
) -> Any:
    return _answer(Lines("actuals", project, request), connection, request, limit, offset, cursor)


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
    return read_project(project, connection)


@router.put("/projects/{project_id}/links")
def replace_links(
    _: Controller, project: Project, body: list[Link], connection: Db, response: Response
) -> dict[str, Any]:
    """Which source projects are this project; their facts move with them."""
    links = [(link.system, link.company_code, link.project_nr) for link in body]
    try:
        planning.relink(connection, project.organization_id, project.project_id, links)
    except planning.BadLink as error:
        raise invalid("links", str(error)) from None
    response.headers["Cache-Control"] = "no-store"
    return read_project(project, connection)
