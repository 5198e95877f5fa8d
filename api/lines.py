"""Lines of a project over HTTP: commitments and actuals, filtered, sorted, summed, as CSV; and one line's whole story.

Belongs here: what may be asked of lines and how they are told. Does not belong here: figures (``costbook``), how
versions are kept (``ppm_pipelines.history``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response

from api.costbook import AsOf, Project
from api.deps import Caller, Db, Viewer
from api.pages import Limit, csv_answer, csv_line, cursor_of, json_answer, parts_of, wants_csv
from api.people import Hidden
from api.problems import NOT_FOUND, Problem, invalid
from api.runs import run_url
from api.settings import PAGE_DEFAULT
from ppm_pipelines import costbook, database, history, people, portfolio, tables
from ppm_pipelines.facts import BEHIND, FACTS
from ppm_pipelines.records import ZERO

router = APIRouter(prefix="/api/costbook", tags=["lines"])

CSV_BATCH = 1000


class Lines:
    """One entity's lines of a project, as asked for in the query: filters, order, page."""

    def __init__(
        self,
        entity: history.Entity,
        project: Any,
        request: Request,
        moment: datetime | None,
        hidden: Collection[str],
    ) -> None:
        self.entity, self.project, self.moment = entity, project, moment
        self.table = people.veiled(tables.at(FACTS[entity].table, moment), hidden)
        self.filters = self._filters(request)
        self.order = self._order(request.query_params.get("sort") or "")

    def _column(self, name: str, field: str) -> sa.ColumnElement[Any]:
        if name in BEHIND or name not in self.table.c:
            raise invalid(field, f"{name} is not a field of these lines.", f"{name} ist kein Feld dieser Zeilen.")
        return self.table.c[name]

    def _filters(self, request: Request) -> list[sa.ColumnElement[bool]]:
        mine = {"organization_id": self.project.organization_id, "project_id": self.project.project_id}
        found: list[sa.ColumnElement[bool]] = [self.table.c[name] == value for name, value in mine.items()]
        for key, value in request.query_params.multi_items():
            if key.startswith("filter[") and key.endswith("]"):
                column = self._column(key[7:-1], key)
                found.append(self._matches(column, value, key))
        return found

    @staticmethod
    def _matches(column: sa.ColumnElement[Any], value: str, field: str) -> sa.ColumnElement[bool]:
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
        columns: list[sa.ColumnElement[Any]] = [column for column in self.table.c if column.name not in BEHIND]
        if self.entity == "actuals":
            columns.append(portfolio.is_late(self.table).label("late"))
        return sa.select(*columns).where(*self.filters)

    def shown(self, row: Any) -> dict[str, Any]:
        return history.told(self.entity, row)

    def sums(self, connection: sa.Connection) -> tuple[int, dict[str, dict[str, str]]]:
        """How many lines, and per currency the sums of what counts; in one look over the lines."""
        c, money = self.table.c, history.MONEY[self.entity]
        counts = c.counts & c.removed_at.is_(None) if self.entity == "actuals" else c.counts
        sums = [sa.func.sum(c[name]).filter(counts).label(name) for name in money]
        query = sa.select(c.currency, c.company_currency, sa.func.count().label("rows"), *sums).where(*self.filters)
        total, added = 0, dict[tuple[str, str], Decimal]()
        for row in connection.execute(query.group_by(c.currency, c.company_currency)).mappings():
            total += row["rows"]
            for name, own in money.items():
                if row[name] is not None:
                    added[row[own], name] = added.get((row[own], name), ZERO) + row[name]
        told: dict[str, dict[str, str]] = {}
        for (code, name), amount in added.items():
            told.setdefault(code, {})[name] = costbook.money(amount, code)
        return total, told

    def as_csv(self) -> Iterator[str]:
        """All lines, a batch at a time; its own connection, because the answer outlives the request's."""
        names = [column.name for column in self.query().selected_columns]
        yield "\ufeff" + csv_line(names)
        with database.scoped(self.project.organization_id) as connection:
            result = connection.execution_options(yield_per=CSV_BATCH).execute(self.query().order_by(*self.order))
            for batch in result.mappings().partitions():
                yield "".join(csv_line([self.shown(row)[name] for name in names]) for row in batch)


Offset = Annotated[int, Query(ge=0, le=2**31)]


def _answer(
    lines: Lines, connection: sa.Connection, request: Request, limit: int, offset: int, cursor: str | None
) -> Response:
    if wants_csv(request):
        return csv_answer(f"{lines.project.project_nr}-{lines.entity}", lines.as_csv())
    start = parts_of(cursor, int)[0] if cursor else offset
    rows = connection.execute(lines.query().order_by(*lines.order).limit(limit).offset(start)).mappings().all()
    total, sums = lines.sums(connection)
    after = start + len(rows)
    page = {
        "items": [lines.shown(row) for row in rows],
        "next_cursor": cursor_of(after) if after < total else None,
        "total": total,
        "sums": sums,
        "as_of": lines.moment or portfolio.last_sync(connection, lines.project.organization_id),
    }
    return json_answer(page)


@router.get("/projects/{project_id}/commitments", response_model=None)
def list_commitments(
    project: Project,
    connection: Db,
    moment: AsOf,
    hidden: Hidden,
    request: Request,
    limit: Limit = PAGE_DEFAULT,
    offset: Offset = 0,
    cursor: str | None = None,
) -> Response:
    """Lines with ``sort=-field`` and ``filter[field]=``; as text/csv all of them."""
    return _answer(Lines("commitments", project, request, moment, hidden), connection, request, limit, offset, cursor)


@router.get("/projects/{project_id}/actuals", response_model=None)
def list_actuals(
    project: Project,
    connection: Db,
    moment: AsOf,
    hidden: Hidden,
    request: Request,
    limit: Limit = PAGE_DEFAULT,
    offset: Offset = 0,
    cursor: str | None = None,
) -> Response:
    return _answer(Lines("actuals", project, request, moment, hidden), connection, request, limit, offset, cursor)


def _line(
    entity: history.Entity, project: Any, line_id: int, connection: sa.Connection, who: Caller, hidden: Hidden
) -> dict[str, Any]:
    found = history.line(connection, entity, project, line_id, hidden)
    if found is None:
        raise Problem(NOT_FOUND, what=f"line {line_id}")
    for run in found["runs"]:
        run["run_url"] = run_url(run, who)
        del run["dagster_run_id"]
    return found


@router.get("/projects/{project_id}/commitments/{line_id}")
def read_commitment(project: Project, line_id: int, connection: Db, who: Viewer, hidden: Hidden) -> dict[str, Any]:
    """One line with its versions, what the source delivered, and the runs that wrote it."""
    return _line("commitments", project, line_id, connection, who, hidden)


@router.get("/projects/{project_id}/actuals/{line_id}")
def read_actual(project: Project, line_id: int, connection: Db, who: Viewer, hidden: Hidden) -> dict[str, Any]:
    return _line("actuals", project, line_id, connection, who, hidden)
