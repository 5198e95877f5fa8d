"""What the figures of projects are made of, read in one statement: one moment's truth, and one wait for PostgreSQL.

Belongs here: which rows figures need, and how they come. Does not belong here: what is added up of them (``costbook``).

Rows come as one JSON text of each kind, their columns as texts: amounts as PostgreSQL writes them, exact to the last
digit. Statements are put together once for each combination of what is given (organisation, project, time).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import array, distinct_on

from ppm_pipelines import labour
from ppm_pipelines.adapters import ADAPTERS
from ppm_pipelines.tables import (
    Moment,
    actuals,
    at,
    budgets,
    closed_periods,
    commitments,
    costbook_projects,
    of_link,
    project_links,
    project_sums,
    rejections,
    sync_runs,
    wbs_elements,
)

# What comes: the fields are the columns of their query ----------------------------------------------------------


class Project(msgspec.Struct, array_like=True):
    project_id: str
    project_nr: str
    name: str
    status: str
    currency: str | None
    labour_source: str | None


class Sum(msgspec.Struct, array_like=True):
    """Per project, system, WBS element and currencies; ``without_order``: actuals without an order, company amount."""

    project_id: str
    system: str
    wbs_element: str
    currency: str
    company_currency: str
    ordered: Decimal
    actual: Decimal
    open: Decimal
    company_ordered: Decimal
    company_actual: Decimal
    company_open: Decimal
    without_order: Decimal | None


class LeftOut(msgspec.Struct, array_like=True):
    """Labour of a system that does not count because another system's does (DOMAIN R19); company amounts."""

    project_id: str
    system: str
    company_currency: str
    ordered: Decimal
    actual: Decimal
    open: Decimal


class Linked(msgspec.Struct, array_like=True):
    """A system that a project with labour is linked to, beside others."""

    project_id: str
    system: str


class BudgetLine(msgspec.Struct, array_like=True):
    project_id: str
    wbs_element: str | None
    amount: Decimal


class Element(msgspec.Struct, array_like=True):
    wbs_element: str
    parent: str | None


class Quarantined(msgspec.Struct, array_like=True):
    """What waits in quarantine under a project, per currency."""

    project_id: str
    currency: str | None
    rows: int
    open: Decimal | None
    actual: Decimal | None


class Late(msgspec.Struct, array_like=True):
    """What was posted into a period after that was closed (DOMAIN R14)."""

    project_id: str
    fiscal_year: str
    fiscal_period: str
    company_currency: str
    amount: Decimal
    rows: int


@dataclass
class Portfolio:
    """All of it, as it was visible at one moment."""

    projects: list[Project]
    sums: list[Sum]
    left_out: list[LeftOut]
    linked: list[Linked]
    budgets: list[BudgetLine]
    elements: list[Element]
    waiting: list[Quarantined]
    late: list[Late]
    last_sync: datetime | None


_KINDS: dict[str, type[msgspec.Struct]] = {
    "projects": Project,
    "sums": Sum,
    "left_out": LeftOut,
    "linked": Linked,
    "budgets": BudgetLine,
    "elements": Element,
    "waiting": Quarantined,
    "late": Late,
}
_DECODERS = {name: msgspec.json.Decoder(list[row], strict=False) for name, row in _KINDS.items()}  # type: ignore[valid-type]


def read(
    connection: sa.Connection, organization_id: str | None, project_id: str | None, as_of: datetime | None
) -> Portfolio:
    """Of all projects, of an organisation's or one alone, now or as of a time; projects by number."""
    values = _values(organization_id, project_id, as_of)
    *texts, last_sync = connection.execute(_everything(frozenset(values)), values).one()
    rows = {name: _rows(name, text) for name, text in zip(_KINDS, texts, strict=True)}
    return Portfolio(**rows, last_sync=last_sync)


def budget_lines(
    connection: sa.Connection, organization_id: str, project_id: str, as_of: datetime | None
) -> list[BudgetLine]:
    """A project's budget: of each WBS element and source the newest line that is valid that day."""
    values = _values(organization_id, project_id, as_of)
    found: list[BudgetLine] = _rows("budgets", connection.scalar(_budgets_alone(frozenset(values)), values))
    return found


def unassigned(
    connection: sa.Connection, organization_id: str | None, as_of: datetime | None
) -> list[sa.Row[tuple[str | None, int, Decimal | None, Decimal | None]]]:
    """Currency, rows, open and actual of quarantined records that no Costbook project is known for."""
    values = _values(organization_id, None, as_of)
    return list(connection.execute(_unassigned(frozenset(values)), values).all())


def last_sync(connection: sa.Connection, organization_id: str | None = None) -> datetime | None:
    """When facts last became visible."""
    values = _values(organization_id, None, None)
    found: datetime | None = connection.scalar(_last_sync(frozenset(values)), values)
    return found


def is_late(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether an actual came after its period had been closed."""
    a, p = table.c, closed_periods.c
    return sa.exists().where(
        p.organization_id == a.organization_id,
        p.fiscal_year == a.fiscal_year,
        p.fiscal_period == a.fiscal_period,
        a.first_seen_at > p.closed_at,
    )


# How it is asked ---------------------------------------------------------------------------------------------------


def _values(organization_id: str | None, project_id: str | None, as_of: datetime | None) -> dict[str, str | date]:
    day = (as_of or datetime.now(UTC)).date()
    wanted = {"organization_id": organization_id, "project_id": project_id, "as_of": as_of, "day": day}
    return {name: value for name, value in wanted.items() if value is not None}


@cache
def _everything(given: frozenset[str]) -> sa.Select[Any]:
    asked = _Asked(given)
    texts: list[sa.ColumnElement[Any]] = [_as_text(name, getattr(asked, name)()) for name in _KINDS]
    return sa.select(*texts, asked.last_sync())


@cache
def _budgets_alone(given: frozenset[str]) -> sa.Select[Any]:
    return sa.select(_as_text("budgets", _Asked(given).budgets()))


@cache
def _unassigned(given: frozenset[str]) -> sa.Select[Any]:
    return _Asked(given).unassigned()


@cache
def _last_sync(given: frozenset[str]) -> sa.Select[Any]:
    return sa.select(_Asked(given).last_sync())


def _as_text(name: str, query: sa.Select[Any]) -> sa.ColumnElement[str]:
    found = query.subquery().c
    columns = array([sa.cast(found[field], sa.Text) for field in _KINDS[name].__struct_fields__])
    return sa.select(sa.cast(sa.func.json_agg(columns), sa.Text)).scalar_subquery().label(name)


def _rows(name: str, text: str | None) -> list[Any]:
    return [] if text is None else _DECODERS[name].decode(text)


class _Asked:
    """A query for each kind of row; what is not given (``_values``) does not narrow it."""

    def __init__(self, given: frozenset[str]) -> None:
        self._given = given
        self._moment = self._value("as_of", Moment)

    def _value(self, name: str, type_: type[sa.types.TypeEngine[Any]] | sa.types.TypeEngine[Any] = sa.Text) -> Any:
        return sa.bindparam(name, type_=type_) if name in self._given else None

    def _at(self, table: sa.Table) -> sa.FromClause:
        return at(table, self._moment)

    def _mine(self, c: sa.sql.base.ReadOnlyColumnCollection[str, Any]) -> list[sa.ColumnElement[bool]]:
        """The rows of that organisation, and of that project where a table with those columns knows projects."""
        given = [name for name in ("organization_id", "project_id") if name in self._given and name in c]
        return [c[name] == self._value(name) for name in given]

    def projects(self) -> sa.Select[Any]:
        table, links = self._at(costbook_projects), self._at(project_links)
        # One whose source projects all belong to another project now is empty, and nothing to look at.
        linked = sa.exists().where(links.c.project_id == table.c.project_id)
        query = sa.select(table).where(linked, *self._mine(table.c))
        return query.order_by(table.c.project_nr, table.c.project_id)

    def sums(self) -> sa.Select[Any]:
        table = self._at(project_sums)
        s = table.c
        by = (s.project_id, s.system, s.wbs_element, s.currency, s.company_currency)
        names = [f"{prefix}{name}" for prefix in ("", "company_") for name in ("ordered", "actual", "open")]
        sums = [sa.func.sum(s[name]).label(name) for name in names]
        own = sa.func.sum(s.company_actual).filter(s.kind == "").label("without_order")
        return sa.select(*by, *sums, own).where(s.counts, *self._mine(table.c)).group_by(*by)

    def left_out(self) -> sa.Select[Any]:
        table = self._at(project_sums)
        s = table.c
        by = (s.project_id, s.system, s.company_currency)
        sums = [sa.func.sum(s[f"company_{name}"]).label(name) for name in ("ordered", "actual", "open")]
        return sa.select(*by, *sums).where(s.kind == labour.OTHER, *self._mine(table.c)).group_by(*by).order_by(*by)

    def linked(self) -> sa.Select[Any]:
        """One system that tells of labour is enough, because another may hold it and not tell (Business Central,
        NetSuite)."""
        link = self._at(project_links).c
        ordered, posted = self._at(commitments).c, self._at(actuals).c
        has_labour = [
            sa.exists().where(
                a.organization_id == link.organization_id, a.project_id == link.project_id, a.labour, still
            )
            for a, still in ((ordered, sa.true()), (posted, posted.removed_at.is_(None)))
        ]
        return (
            sa.select(link.project_id, sa.func.unnest(sa.func.array_agg(link.system.distinct())).label("system"))
            .where(*self._mine(link))
            .group_by(link.organization_id, link.project_id)
            .having(sa.func.count(link.system.distinct()) > 1)
            .having(sa.or_(*has_labour))
        )

    def budgets(self) -> sa.Select[Any]:
        """Of each element and source the newest line that is valid that day."""
        table = self._at(budgets)
        b = table.c
        return (
            sa.select(b.project_id, b.wbs_element, b.amount)
            .ext(distinct_on(b.project_id, b.wbs_element, b.source))
            .where(b.valid_from <= self._value("day", sa.Date), *self._mine(table.c))
            .order_by(b.project_id, b.wbs_element, b.source, b.valid_from.desc(), b.id.desc())
        )

    def elements(self) -> sa.Select[Any]:
        """None where no budget is of an element: nobody asks then which lies above which."""
        table, planned = self._at(wbs_elements), self._at(budgets)
        needed = sa.exists().where(planned.c.wbs_element.is_not(None), *self._mine(planned.c))
        return sa.select(table.c.wbs_element, table.c.parent).where(needed, *self._mine(table.c))

    def waiting(self) -> sa.Select[Any]:
        waiting, links, projects = self._at(rejections), self._at(project_links), self._at(costbook_projects)
        r, link, project = waiting.c, links.c, projects.c
        # Hours that would not count if they were right are no money that sums are short of.
        left_out = r.system.in_(labour.HOURS_ALONE) & (r.system == sa.any_(project.labour_left_out))
        amounts = (sa.case((~left_out, r[name])).label(name) for name in ("amount", "open_amount"))
        # A record without a company matches every link of its number: once per project is enough.
        told = (r.id, r.entity, r.currency, *amounts)
        each = (
            sa.select(link.project_id, *told)
            .select_from(waiting.join(links, of_link(r, link)).join(projects, project.project_id == link.project_id))
            .where(*self._mine(links.c))
            .distinct()
            .subquery()
            .c
        )
        return sa.select(each.project_id, each.currency, *_added(each)).group_by(each.project_id, each.currency)

    def unassigned(self) -> sa.Select[Any]:
        waiting, links = self._at(rejections), self._at(project_links)
        known = sa.exists().where(of_link(waiting.c, links.c))
        query = sa.select(waiting.c.currency, *_added(waiting.c)).where(~known, *self._mine(waiting.c))
        return query.group_by(waiting.c.currency)

    def late(self) -> sa.Select[Any]:
        table = self._at(actuals)
        a = table.c
        by = (a.project_id, a.fiscal_year, a.fiscal_period, a.company_currency)
        # Says the same once more, and lets PostgreSQL pass over whatever came before the first closing: over all of
        # it where nothing was ever closed.
        first_closed = sa.select(sa.func.min(closed_periods.c.closed_at)).scalar_subquery()
        came_after = (first_closed.is_not(None), a.first_seen_at > first_closed)
        return (
            sa.select(*by, sa.func.sum(a.company_amount).label("amount"), sa.func.count().label("rows"))
            .where(is_late(table), *came_after, a.counts, a.removed_at.is_(None), *self._mine(table.c))
            .group_by(*by)
            .order_by(*by)
        )

    def last_sync(self) -> sa.ColumnElement[Any]:
        run = sync_runs.c
        good = (run.status.in_(("success", "partial")), run.system.in_(list(ADAPTERS)))
        mine = [run.organization_id == self._value("organization_id")] if "organization_id" in self._given else []
        return sa.select(sa.func.max(run.ended_at)).where(*good, *mine).scalar_subquery().label("last_sync")


def _added(r: Any) -> list[sa.ColumnElement[Any]]:
    is_order = r.entity == "commitments"
    return [
        sa.func.count().label("rows"),
        sa.func.sum(sa.func.coalesce(r.open_amount, r.amount)).filter(is_order).label("open"),
        sa.func.sum(r.amount).filter(~is_order).label("actual"),
    ]
