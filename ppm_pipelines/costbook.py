"""Figures from facts, by DOMAIN's decided rules, now or as of any time.

Belongs here: what is added up and what it is called. Does not belong here: what is read for it (``portfolio``), how
facts came (``load``), budgets and links (``planning``), what changed between two times (``history``), HTTP.

A project's figures are in its own currency, from the company amounts that the source itself gave. Company amounts in
another currency are never converted and never left out: they stand under ``other_currencies``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import sqlalchemy as sa

from ppm_pipelines import portfolio
from ppm_pipelines.adapters import ADAPTERS
from ppm_pipelines.portfolio import Portfolio
from ppm_pipelines.records import MINOR_UNITS, ZERO, rounded
from ppm_pipelines.tables import sync_runs

RowT = TypeVar("RowT", portfolio.LeftOut, portfolio.Linked, portfolio.Late, portfolio.Quarantined)


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
    found = portfolio.read(connection, organization_id, project_id, as_of)
    figures = _Figures(found, as_of)
    return [figures.told(project) for project in found.projects]


class _Figures:
    """Each project's, from the rows of all of them."""

    def __init__(self, found: Portfolio, as_of: datetime | None) -> None:
        self.company: dict[str, dict[str, Sums]] = defaultdict(lambda: defaultdict(Sums))
        self.document: dict[str, dict[str, Sums]] = defaultdict(lambda: defaultdict(Sums))
        self.taken: dict[tuple[str, str], dict[str | None, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        self.systems: dict[str, set[str]] = defaultdict(set)
        self._add_up(found.sums)
        self.left_out, self.labour_systems = _of_each(found.left_out), _of_each(found.linked)
        self.late, self.waiting = _of_each(found.late), _of_each(found.waiting)
        self.budgets = _budgets(found.budgets)
        self.parents = {one.wbs_element: one.parent for one in found.elements}
        self.as_of = as_of or found.last_sync

    def _add_up(self, sums: Iterable[portfolio.Sum]) -> None:
        for one in sums:
            self.document[one.project_id][one.currency].add(one.ordered, one.actual, one.open)
            self.company[one.project_id][one.company_currency].add(
                one.company_ordered, one.company_actual, one.company_open
            )
            taken = one.company_ordered + (one.without_order or ZERO)
            self.taken[one.project_id, one.company_currency][one.wbs_element or None] += taken
            self.systems[one.project_id].add(one.system)

    def told(self, project: portfolio.Project) -> dict[str, Any]:
        project_id, by_company = project.project_id, self.company[project.project_id]
        currency = project.currency or next(iter(by_company), "EUR")
        own, budget = by_company.get(currency, Sums()), self.budgets.get(project_id, Budget())
        spend = own.actual + own.open
        rest = not_yet_committed(budget, self.taken[project_id, currency], self.parents)
        waiting = _quarantined(self.waiting.get(project_id, ()))
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
            "late": [_late(one) for one in self.late.get(project_id, ())],
            "by_currency": split_by_currency(self.document[project_id]),
            "other_currencies": split_by_currency({c: sums for c, sums in by_company.items() if c != currency}),
            "systems": sorted(self.systems[project_id]),
            # Which system's labour people chose (None: postings before hours at rates), between which they can choose,
            # and what does not count.
            "labour": {
                "source": project.labour_source,
                "systems": [one.system for one in self.labour_systems.get(project_id, ())],
                "left_out": [_left_out(one) for one in self.left_out.get(project_id, ())],
            },
            "as_of": self.as_of,
        }


def _of_each(rows: Iterable[RowT]) -> dict[str, list[RowT]]:
    found: dict[str, list[RowT]] = defaultdict(list)
    for row in rows:
        found[row.project_id].append(row)
    return found


def _budgets(lines: Iterable[portfolio.BudgetLine]) -> dict[str, Budget]:
    """Per project its budget: what several sources budget for an element is added up."""
    found: dict[str, Budget] = defaultdict(Budget)
    for line in lines:
        own = found[line.project_id].lines
        own[line.wbs_element] = own.get(line.wbs_element, ZERO) + line.amount
    return found


def _quarantined(rows: Iterable[Any]) -> Waiting:
    found = Waiting()
    for row in rows:
        found.add(row.rows, row.currency or "", row.open, row.actual)
    return found


def _late(one: portfolio.Late) -> dict[str, Any]:
    """What was posted into a period after that was closed (DOMAIN R14)."""
    return {
        "fiscal_year": one.fiscal_year,
        "fiscal_period": one.fiscal_period,
        "rows": one.rows,
        "currency": one.company_currency,
        "amount": money(one.amount, one.company_currency),
    }


def _left_out(one: portfolio.LeftOut) -> dict[str, str]:
    """What does not count because another system's labour does (DOMAIN R19)."""
    [told] = split_by_currency({one.company_currency: Sums(one.ordered, one.actual, one.open)})
    return {"system": one.system} | told


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
    found = _quarantined(portfolio.unassigned(connection, organization_id, as_of))
    return {"rows": found.rows, "amounts": found.told()}


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
    lines = portfolio.budget_lines(connection, project.organization_id, project.project_id, as_of)
    return _budgets(lines).get(project.project_id, Budget())
