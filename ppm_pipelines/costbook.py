"""Figures from facts, by DOMAIN's decided rules, now or as of any time.

Belongs here: what is added up and what it is called. Does not belong here: how facts came (``load``), budgets and links
(``planning``), what changed between two times (``history``), HTTP.

A project's figures are in its own currency, from the company amounts that the source itself gave. Company amounts in
another currency are never converted and never left out: they stand under ``other_currencies``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from ppm_pipelines import labour
from ppm_pipelines.adapters import ADAPTERS
from ppm_pipelines.records import MINOR_UNITS, ZERO, rounded
from ppm_pipelines.tables import (
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


@dataclass
class Sums:
    """What a project ordered, posted and still has open, in one currency."""

    committed: Decimal = ZERO
    actual: Decimal = ZERO
    open: Decimal = ZERO

    def add(self, committed: Decimal = ZERO, actual: Decimal = ZERO, open_: Decimal = ZERO) -> None:
        self.committed += committed
        self.actual += actual
        self.open += open_


@dataclass
class Waiting:
    """What of a project is in quarantine: records, and per currency the money that its sums are short of."""

    rows: int = 0
    amounts: dict[str, Sums] = field(default_factory=dict)

    def add(self, rows: int, currency: str, open_: Decimal | None, actual: Decimal | None) -> None:
        self.rows += rows
        self.amounts.setdefault(currency, Sums()).add(ZERO, actual or ZERO, open_ or ZERO)

    def told(self) -> list[dict[str, str]]:
        return [
            {"currency": code, "open": money(sums.open, code), "actual": money(sums.actual, code)}
            for code, sums in sorted(self.amounts.items())
        ]


@dataclass
class Budget:
    """The lines that hold today: per WBS element, and (under None) for the project as a whole."""

    lines: dict[str | None, Decimal] = field(default_factory=dict)

    @property
    def total(self) -> Decimal | None:
        return sum(self.lines.values(), ZERO) if self.lines else None

    def line_of(self, element: str | None, parents: Mapping[str, str | None]) -> str | None:
        """The budget line that an element's costs count against: its own, its nearest budgeted ancestor's, or the
        project's (None)."""
        seen: set[str] = set()
        while element is not None and element not in self.lines and element not in seen:
            seen.add(element)
            element = parents.get(element)
        return element if element in self.lines else None


def not_yet_committed(
    budget: Budget, taken: Mapping[str | None, Decimal], parents: Mapping[str, str | None]
) -> Decimal:
    """Σ over budget lines of max(0, budget − committed − actuals without an order) (DOMAIN "Facts and figures").

    ``taken`` is committed plus actuals without an order, per WBS element (None: none).
    """
    against: dict[str | None, Decimal] = defaultdict(Decimal)
    for element, amount in taken.items():
        against[budget.line_of(element, parents)] += amount
    return sum((max(ZERO, amount - against[line]) for line, amount in budget.lines.items()), ZERO)


# --- figures -------------------------------------------------------------------------------------------------------


def project_figures(
    connection: sa.Connection,
    organization_id: str | None = None,
    project_id: str | None = None,
    as_of: datetime | None = None,
) -> list[dict[str, Any]]:
    """Every project's figures (or one's) by project number; money as exact strings, None where there is no budget.

    ``connection`` decides what is seen; ``organization_id`` narrows it. ``as_of`` tells them as they were shown then.
    """
    gathered = _Gathered(connection, organization_id, project_id, as_of)
    return [gathered.told(row) for row in gathered.projects]


class _Gathered:
    """All that figures need, in one query each, whatever the number of projects."""

    def __init__(
        self,
        connection: sa.Connection,
        organization_id: str | None,
        project_id: str | None,
        as_of: datetime | None,
    ) -> None:
        self.connection, self.organization_id, self.project_id = connection, organization_id, project_id
        self.moment = as_of
        self.projects = self._projects()
        self.company: dict[str, dict[str, Sums]] = defaultdict(lambda: defaultdict(Sums))
        self.document: dict[str, dict[str, Sums]] = defaultdict(lambda: defaultdict(Sums))
        self.taken: dict[tuple[str, str], dict[str | None, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        self.systems: dict[str, set[str]] = defaultdict(set)
        self._add_up()
        self.labour = self._labour()
        self.labour_systems = self._labour_systems()
        self.budgets = _budgets(connection, organization_id, project_id, as_of)
        self.parents = self._parents()
        self.quarantined = self._quarantined()
        self.late = self._late()
        self.as_of = as_of or last_sync(connection, organization_id)

    def _only(self, table: sa.FromClause) -> list[sa.ColumnElement[bool]]:
        return _only(table, self.organization_id, self.project_id)

    def _projects(self) -> Sequence[Any]:
        table, links = at(costbook_projects, self.moment), at(project_links, self.moment)
        # One whose source projects all belong to another project now is empty, and nothing to look at.
        linked = sa.exists().where(links.c.project_id == table.c.project_id)
        query = sa.select(table).where(linked, *self._only(table))
        return self.connection.execute(query.order_by(table.c.project_nr, table.c.project_id)).all()

    def _add_up(self) -> None:
        table = at(project_sums, self.moment)
        s = table.c
        by = (s.project_id, s.system, s.wbs_element, s.currency, s.company_currency)
        names = ("ordered", "actual", "open")
        sums = [
            sa.func.sum(s[f"{prefix}{name}"]).label(f"{prefix}{name}") for prefix in ("", "company_") for name in names
        ]
        own = sa.func.sum(s.company_actual).filter(s.kind == "").label("without_order")
        query = sa.select(*by, *sums, own).where(s.counts, *self._only(table)).group_by(*by)
        for row in self.connection.execute(query):
            self.document[row.project_id][row.currency].add(row.ordered, row.actual, row.open)
            self.company[row.project_id][row.company_currency].add(
                row.company_ordered, row.company_actual, row.company_open
            )
            taken = row.company_ordered + (row.without_order or ZERO)
            self.taken[row.project_id, row.company_currency][row.wbs_element or None] += taken
            self.systems[row.project_id].add(row.system)

    def _labour(self) -> dict[str, list[dict[str, str]]]:
        """Per project and system what does not count because another system's labour does (DOMAIN R19)."""
        table = at(project_sums, self.moment)
        s = table.c
        by = (s.project_id, s.system, s.company_currency)
        names = ("ordered", "actual", "open")
        sums = [sa.func.sum(s[f"company_{name}"]).label(name) for name in names]
        query = sa.select(*by, *sums).where(s.kind == labour.OTHER, *self._only(table)).group_by(*by).order_by(*by)
        found: dict[str, list[dict[str, str]]] = defaultdict(list)
        for row in self.connection.execute(query):
            [told] = split_by_currency({row.company_currency: Sums(row.ordered, row.actual, row.open)})
            found[row.project_id].append({"system": row.system} | told)
        return found

    def _labour_systems(self) -> dict[str, list[str]]:
        """Per project that has labour and is linked to several systems, these: one that tells of labour is enough,
        because another may hold it and not tell (Business Central, NetSuite)."""
        table = at(project_links, self.moment)
        query = sa.select(table.c.project_id, table.c.system).where(*self._only(table)).distinct()
        linked: dict[str, list[str]] = defaultdict(list)
        for row in self.connection.execute(query.order_by(table.c.system)):
            linked[row.project_id].append(row.system)
        several = [project_id for project_id, systems in linked.items() if len(systems) > 1]
        own, ordered, posted = costbook_projects.c, at(commitments, self.moment).c, at(actuals, self.moment).c
        has_labour = [
            sa.exists().where(a.organization_id == own.organization_id, a.project_id == own.project_id, a.labour, still)
            for a, still in ((ordered, sa.true()), (posted, posted.removed_at.is_(None)))
        ]
        with_labour = sa.select(own.project_id).where(own.project_id.in_(several), sa.or_(*has_labour))
        return {project_id: linked[project_id] for project_id in self.connection.scalars(with_labour)}

    def _parents(self) -> dict[str, str | None]:
        table = at(wbs_elements, self.moment)
        if not any(element for budget in self.budgets.values() for element in budget.lines):
            return {}
        query = sa.select(table.c.wbs_element, table.c.parent).where(*self._only(table))
        return {row.wbs_element: row.parent for row in self.connection.execute(query)}

    def _quarantined(self) -> dict[str, Waiting]:
        """Per Costbook project what waits in quarantine."""
        waiting, links = at(rejections, self.moment), at(project_links, self.moment)
        projects = at(costbook_projects, self.moment)
        r, link, project = waiting.c, links.c, projects.c
        # Hours that would not count if they were right are no money that sums are short of.
        left_out = r.system.in_(labour.HOURS_ALONE) & (r.system == sa.any_(project.labour_left_out))
        amounts = (sa.case((~left_out, r[name])).label(name) for name in ("amount", "open_amount"))
        # A record without a company matches every link of its number: once per project is enough.
        told = (r.id, r.entity, r.currency, *amounts)
        each = (
            sa.select(link.project_id, *told)
            .select_from(waiting.join(links, of_link(r, link)).join(projects, project.project_id == link.project_id))
            .where(*self._only(links))
            .distinct()
            .subquery()
            .c
        )
        query = sa.select(each.project_id, each.currency, *_waiting(each)).group_by(each.project_id, each.currency)
        found: dict[str, Waiting] = defaultdict(Waiting)
        for row in self.connection.execute(query):
            found[row.project_id].add(row.rows, row.currency or "", row.open, row.actual)
        return found

    def _late(self) -> dict[str, list[dict[str, Any]]]:
        """What was posted into a period after that was closed, per project (DOMAIN R14)."""
        table = at(actuals, self.moment)
        a = table.c
        by = (a.project_id, a.fiscal_year, a.fiscal_period, a.company_currency)
        # Says the same once more, and lets PostgreSQL pass over whatever came before the first closing.
        first_closed = sa.select(sa.func.min(closed_periods.c.closed_at)).scalar_subquery()
        query = (
            sa.select(*by, sa.func.sum(a.company_amount).label("amount"), sa.func.count().label("rows"))
            .where(is_late(table), a.first_seen_at > first_closed, a.counts, a.removed_at.is_(None), *self._only(table))
            .group_by(*by)
            .order_by(*by)
        )
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.connection.execute(query):
            told = {"fiscal_year": row.fiscal_year, "fiscal_period": row.fiscal_period, "rows": row.rows}
            amount = money(row.amount, row.company_currency)
            found[row.project_id].append(told | {"currency": row.company_currency, "amount": amount})
        return found

    def told(self, project: Any) -> dict[str, Any]:
        project_id, by_company = project.project_id, self.company[project.project_id]
        currency = project.currency or next(iter(by_company), "EUR")
        own, budget = by_company.get(currency, Sums()), self.budgets.get(project_id, Budget())
        spend = own.actual + own.open
        rest = not_yet_committed(budget, self.taken[project_id, currency], self.parents)
        waiting = self.quarantined.get(project_id, Waiting())
        figures: dict[str, Decimal | None] = {
            "budget": budget.total,
            "committed": own.committed,
            "actual": own.actual,
            "open": own.open,
            "total_spend": spend,
            "variance": None if budget.total is None else budget.total - spend,
            "eac": spend + rest,
            "uncommitted_budget": None if budget.total is None else rest,
        }
        return {
            "project_id": project_id,
            "project_nr": project.project_nr,
            "name": project.name,
            "status": project.status,
            "currency": currency,
            **{name: None if value is None else money(value, currency) for name, value in figures.items()},
            # Without a budget below project level the EAC can't warn before the whole budget is gone (DOMAIN R13).
            "forecast": _forecast(budget),
            "quarantined": waiting.rows,
            "quarantined_amounts": waiting.told(),
            "late": self.late.get(project_id, []),
            "by_currency": split_by_currency(self.document[project_id]),
            "other_currencies": split_by_currency({c: sums for c, sums in by_company.items() if c != currency}),
            "systems": sorted(self.systems[project_id]),
            # Which system's labour people chose (None: postings before hours at rates), between which they can choose,
            # and what does not count.
            "labour": {
                "source": project.labour_source,
                "systems": self.labour_systems.get(project_id, []),
                "left_out": self.labour.get(project_id, []),
            },
            "as_of": self.as_of,
        }


def _only(table: sa.FromClause, organization_id: str | None, project_id: str | None) -> list[sa.ColumnElement[bool]]:
    """The rows of that organisation, and of that project where the table knows projects; None: of all."""
    wanted = []
    if organization_id is not None:
        wanted.append(table.c.organization_id == organization_id)
    if project_id is not None and "project_id" in table.c:
        wanted.append(table.c.project_id == project_id)
    return wanted


def _budgets(
    connection: sa.Connection, organization_id: str | None, project_id: str | None, moment: datetime | None
) -> dict[str, Budget]:
    """Per project its budget: of each element and source the newest line that is valid that day."""
    table = at(budgets, moment)
    b = table.c
    day = (moment or datetime.now(UTC)).date()
    query = (
        sa.select(b.project_id, b.wbs_element, b.amount)
        .ext(distinct_on(b.project_id, b.wbs_element, b.source))
        .where(b.valid_from <= day, *_only(table, organization_id, project_id))
        .order_by(b.project_id, b.wbs_element, b.source, b.valid_from.desc(), b.id.desc())
    )
    found: dict[str, Budget] = defaultdict(Budget)
    for row in connection.execute(query):
        lines = found[row.project_id].lines
        lines[row.wbs_element] = lines.get(row.wbs_element, ZERO) + row.amount
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


def last_sync(connection: sa.Connection, organization_id: str | None = None) -> datetime | None:
    """When facts last became visible."""
    run = sync_runs.c
    good = (run.status.in_(("success", "partial")), run.system.in_(list(ADAPTERS)))
    query = sa.select(sa.func.max(run.ended_at)).where(*good)
    mine = [] if organization_id is None else [run.organization_id == organization_id]
    found: datetime | None = connection.scalar(query.where(*mine))
    return found


def visible_at(connection: sa.Connection, organization_id: str, moment: datetime) -> datetime:
    """The moment whose versions were visible at the given one.

    A merge's versions begin with its transaction and are seen when that ends: what was asked for in between was shown
    as it had been before.
    """
    run = sync_runs.c
    began = sa.cast(run.result["synced_at"].astext, sa.DateTime(timezone=True))
    query = sa.select(sa.func.min(began)).where(
        run.organization_id == organization_id,
        run.system.in_(list(ADAPTERS)),
        run.result.is_not(None),
        began <= moment,
        run.ended_at > moment,
    )
    merging: datetime | None = connection.scalar(query)
    return moment if merging is None else merging - timedelta(microseconds=1)


def unassigned_quarantined(
    connection: sa.Connection, organization_id: str | None = None, as_of: datetime | None = None
) -> dict[str, Any]:
    """Quarantined records that no Costbook project is known for: no project's sums say that they are missing."""
    waiting, links = at(rejections, as_of), at(project_links, as_of)
    r = waiting.c
    mine = [] if organization_id is None else [r.organization_id == organization_id]
    known = sa.exists().where(of_link(r, links.c))
    query = sa.select(r.currency, *_waiting(r)).where(~known, *mine).group_by(r.currency)
    found = Waiting()
    for row in connection.execute(query):
        found.add(row.rows, row.currency or "", row.open, row.actual)
    return {"rows": found.rows, "amounts": found.told()}


def _waiting(r: Any) -> list[sa.ColumnElement[Any]]:
    is_order = r.entity == "commitments"
    return [
        sa.func.count().label("rows"),
        sa.func.sum(sa.func.coalesce(r.open_amount, r.amount)).filter(is_order).label("open"),
        sa.func.sum(r.amount).filter(~is_order).label("actual"),
    ]


def _forecast(budget: Budget) -> str | None:
    if not budget.lines:
        return None
    return "wbs_element" if any(line is not None for line in budget.lines) else "project"


def split_by_currency(by_currency: Mapping[str, Sums]) -> list[dict[str, str]]:
    """The sums of each currency beside the others, never added."""
    return [
        {"currency": code} | {name: money(getattr(sums, name), code) for name in ("committed", "actual", "open")}
        for code, sums in sorted(by_currency.items())
    ]


def money(amount: Decimal, currency: str) -> str:
    """Exact, with the currency's digits."""
    return str(rounded(amount, currency)) if currency in MINOR_UNITS else f"{amount.normalize():f}"


def totals(projects: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One line per currency, never across, the one of most projects first; a budget only where a project has one."""
    names = ("budget", "committed", "actual", "open", "total_spend", "variance", "eac", "uncommitted_budget")
    found: dict[str, dict[str, Decimal | None]] = {}
    standing: dict[str, dict[str, int]] = defaultdict(lambda: {"over_budget": 0, "under_budget": 0})
    size: Counter[str] = Counter()
    for project in projects:
        size[project["currency"]] += 1
        own = found.setdefault(project["currency"], dict.fromkeys(names))
        for name in names:
            if project[name] is not None:
                own[name] = (own[name] or ZERO) + Decimal(project[name])
        for other in project["other_currencies"]:
            _add_other(found.setdefault(other["currency"], dict.fromkeys(names)), other)
        if project["variance"] is not None:
            over = Decimal(project["variance"]) < 0
            standing[project["currency"]]["over_budget" if over else "under_budget"] += 1
    for own in found.values():
        # As for a project: of all that is spent, also where there is no budget.
        own["variance"] = None if own["budget"] is None else own["budget"] - (own["total_spend"] or ZERO)
    return [
        {"currency": code}
        | {name: None if value is None else money(value, code) for name, value in own.items()}
        | standing[code]
        for code, own in sorted(found.items(), key=lambda one: (-size[one[0]], one[0]))
    ]


def _add_other(total: dict[str, Decimal | None], other: Mapping[str, str]) -> None:
    """What a project has in another company currency than its own counts in the total of that currency."""
    sums = {name: Decimal(other[name]) for name in ("committed", "actual", "open")}
    spend = sums["actual"] + sums["open"]
    for name, amount in (sums | {"total_spend": spend, "eac": spend}).items():
        total[name] = (total[name] or ZERO) + amount


def budget_of(connection: sa.Connection, project: Any, as_of: datetime | None = None) -> Budget:
    """The lines of a project's budget that hold on that day."""
    return _budgets(connection, project.organization_id, project.project_id, as_of).get(project.project_id, Budget())
