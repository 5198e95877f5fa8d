"""Figures from facts, by DOMAIN's decided rules; budgets and project links, which people give.

Belongs here: what is added up and what it is called. Does not belong here: how facts came (``load``), HTTP.

A project's figures are in its own currency, from the company amounts that the source itself gave. Company amounts in
another currency are never converted and never left out: they stand under ``other_currencies``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from ppm_pipelines.records import MINOR_UNITS, ZERO, known_currency, rounded
from ppm_pipelines.tables import (
    actuals,
    budgets,
    commitments,
    costbook_projects,
    project_links,
    rejections,
    sync_runs,
    wbs_elements,
)


class BadBudget(Exception):
    """A budget line that can't be used; the sentence says which and why. Nothing was changed."""


class BadLink(Exception):
    """A link that can't be made; the sentence says why. Nothing was changed."""


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
    connection: sa.Connection, organization_id: str | None = None, project_id: str | None = None
) -> list[dict[str, Any]]:
    """Every project's figures (or one's) by project number; money as exact strings, None where there is no budget.

    ``connection`` decides what is seen; ``organization_id`` narrows it.
    """
    gathered = _Gathered(connection, organization_id, project_id)
    return [gathered.told(row) for row in gathered.projects]


class _Gathered:
    """All that figures need, in one query each, whatever the number of projects."""

    def __init__(self, connection: sa.Connection, organization_id: str | None, project_id: str | None) -> None:
        self.connection, self.organization_id, self.project_id = connection, organization_id, project_id
        self.projects = self._projects()
        self.company: dict[str, dict[str, Sums]] = defaultdict(lambda: defaultdict(Sums))
        self.document: dict[str, dict[str, Sums]] = defaultdict(lambda: defaultdict(Sums))
        self.taken: dict[tuple[str, str], dict[str | None, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        self.systems: dict[str, set[str]] = defaultdict(set)
        self._commitments()
        self._actuals()
        self.budgets = self._budgets()
        self.parents = self._parents()
        self.quarantined = self._quarantined()
        self.as_of = self._as_of()

    def _only(self, table: sa.Table) -> list[sa.ColumnElement[bool]]:
        wanted = []
        if self.organization_id is not None:
            wanted.append(table.c.organization_id == self.organization_id)
        if self.project_id is not None and "project_id" in table.c:
            wanted.append(table.c.project_id == self.project_id)
        return wanted

    def _projects(self) -> Sequence[Any]:
        query = sa.select(costbook_projects).where(*self._only(costbook_projects))
        return self.connection.execute(
            query.order_by(costbook_projects.c.project_nr, costbook_projects.c.project_id)
        ).all()

    def _commitments(self) -> None:
        c = commitments.c
        by = (c.project_id, c.system, c.wbs_element, c.currency, c.company_currency)
        query = sa.select(
            *by,
            sa.func.sum(c.ordered_amount).label("ordered"),
            sa.func.sum(c.open_amount).label("open"),
            sa.func.sum(c.company_ordered_amount).label("company_ordered"),
            sa.func.sum(c.company_open_amount).label("company_open"),
        ).where(c.counts, *self._only(commitments))
        for row in self.connection.execute(query.group_by(*by)):
            self.document[row.project_id][row.currency].add(row.ordered, ZERO, row.open)
            self.company[row.project_id][row.company_currency].add(row.company_ordered, ZERO, row.company_open)
            self.taken[row.project_id, row.company_currency][row.wbs_element] += row.company_ordered
            self.systems[row.project_id].add(row.system)

    def _actuals(self) -> None:
        a = actuals.c
        without_order = sa.func.coalesce(a.po_no, "") == ""
        by = (a.project_id, a.system, a.wbs_element, a.currency, a.company_currency)
        own = sa.func.coalesce(sa.func.sum(a.company_amount).filter(without_order), 0)
        query = sa.select(
            *by,
            sa.func.sum(a.amount).label("amount"),
            sa.func.sum(a.company_amount).label("company_amount"),
            own.label("without_order"),
        ).where(a.counts, a.removed_at.is_(None), *self._only(actuals))
        for row in self.connection.execute(query.group_by(*by)):
            self.document[row.project_id][row.currency].add(ZERO, row.amount)
            self.company[row.project_id][row.company_currency].add(ZERO, row.company_amount)
            self.taken[row.project_id, row.company_currency][row.wbs_element] += row.without_order
            self.systems[row.project_id].add(row.system)

    def _budgets(self) -> dict[str, Budget]:
        """Of each project and element the newest line that is valid today."""
        b = budgets.c
        query = (
            sa.select(b.project_id, b.wbs_element, b.amount)
            .ext(distinct_on(b.project_id, b.wbs_element))
            .where(b.valid_from <= datetime.now(UTC).date(), *self._only(budgets))
            .order_by(b.project_id, b.wbs_element, b.valid_from.desc(), b.id.desc())
        )
        found: dict[str, Budget] = defaultdict(Budget)
        for row in self.connection.execute(query):
            found[row.project_id].lines[row.wbs_element] = row.amount
        return found

    def _parents(self) -> dict[str, str | None]:
        w = wbs_elements.c
        if not any(element for budget in self.budgets.values() for element in budget.lines):
            return {}
        query = sa.select(w.wbs_element, w.parent).where(*self._only(wbs_elements))
        return {row.wbs_element: row.parent for row in self.connection.execute(query)}

    def _quarantined(self) -> dict[str, tuple[int, dict[str, Decimal]]]:
        """Per Costbook project how many records wait and what they are worth; by the source's project number."""
        r, link = rejections.c, project_links.c
        query = (
            sa.select(link.project_id, r.currency, sa.func.count().label("rows"), sa.func.sum(r.amount).label("amount"))
            .select_from(rejections)
            .join(
                project_links,
                sa.and_(
                    link.organization_id == r.organization_id,
                    link.system == r.system,
                    link.project_nr == r.project_nr,
                ),
            )
            .where(*self._only(project_links))
            .group_by(link.project_id, r.currency)
        )
        found: dict[str, tuple[int, dict[str, Decimal]]] = {}
        for row in self.connection.execute(query):
            rows, money = found.get(row.project_id, (0, {}))
            if row.amount is not None:
                money[row.currency or ""] = row.amount
            found[row.project_id] = (rows + row.rows, money)
        return found

    def _as_of(self) -> datetime | None:
        run = sync_runs.c
        query = sa.select(sa.func.max(run.ended_at)).where(run.status.in_(("success", "partial")))
        found: datetime | None = self.connection.scalar(query.where(*self._only(sync_runs)))
        return found

    def told(self, project: Any) -> dict[str, Any]:
        project_id, by_company = project.project_id, self.company[project.project_id]
        currency = project.currency or next(iter(by_company), "EUR")
        own, budget = by_company.get(currency, Sums()), self.budgets.get(project_id, Budget())
        spend = own.actual + own.open
        rest = not_yet_committed(budget, self.taken[project_id, currency], self.parents)
        rows, waiting = self.quarantined.get(project_id, (0, {}))
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
            "quarantined": rows,
            "quarantined_amounts": {code: money(amount, code) for code, amount in sorted(waiting.items())},
            "by_currency": _split(self.document[project_id]),
            "other_currencies": _split({c: sums for c, sums in by_company.items() if c != currency}),
            "systems": sorted(self.systems[project_id]),
            "as_of": self.as_of,
        }


def _forecast(budget: Budget) -> str | None:
    if not budget.lines:
        return None
    return "wbs_element" if any(line is not None for line in budget.lines) else "project"


def _split(by_currency: Mapping[str, Sums]) -> list[dict[str, str]]:
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
        if project["variance"] is not None:
            over = Decimal(project["variance"]) < 0
            standing[project["currency"]]["over_budget" if over else "under_budget"] += 1
    return [
        {"currency": code}
        | {name: None if value is None else money(value, code) for name, value in own.items()}
        | standing[code]
        for code, own in sorted(found.items(), key=lambda one: (-size[one[0]], one[0]))
    ]


# --- budgets and links, which people give --------------------------------------------------------------------------


def replace_budget(
    connection: sa.Connection, organization_id: str, project_id: str, currency: str, lines: Sequence[Mapping[str, Any]]
) -> None:
    """The given lines are the project's budget from now on; raises ``BadBudget``."""
    rows = [
        _budget_row(line, currency, place) | {"organization_id": organization_id, "project_id": project_id}
        for place, line in enumerate(lines, 1)
    ]
    connection.execute(sa.delete(budgets).where(budgets.c.project_id == project_id))
    if rows:
        connection.execute(sa.insert(budgets), rows)


def _budget_row(line: Mapping[str, Any], currency: str, place: int) -> dict[str, Any]:
    try:
        amount = Decimal(str(line["amount"]))
    except (InvalidOperation, KeyError):
        raise BadBudget(f"Line {place}: the amount is not a number.") from None
    given = str(line.get("currency") or currency)
    if given != currency:
        raise BadBudget(
            f"Line {place}: the project is kept in {currency}; a budget in {given} would not add up with it."
        )
    if not known_currency(given) or not amount.is_finite() or rounded(amount, given) != amount:
        raise BadBudget(f"Line {place}: {line['amount']} is not an amount in {given}.")
    valid_from = line.get("valid_from") or date(1900, 1, 1)
    if isinstance(valid_from, str):
        try:
            valid_from = date.fromisoformat(valid_from)
        except ValueError:
            raise BadBudget(f"Line {place}: {valid_from} is not a date such as 2026-01-31.") from None
    return {
        "wbs_element": line.get("wbs_element") or None,
        "amount": amount,
        "currency": given,
        "valid_from": valid_from,
    }


def load_budgets(
    connection: sa.Connection, organization_id: str, system: str, rows: Sequence[Mapping[str, Any]]
) -> int:
    """Budgets of source projects, each project's whole; how many lines. Raises ``BadBudget`` and changes nothing."""
    link, project = project_links.c, costbook_projects.c
    known = {
        (row.company_code, row.project_nr): row
        for row in connection.execute(
            sa.select(link.company_code, link.project_nr, link.project_id, project.currency)
            .join_from(project_links, costbook_projects, link.project_id == project.project_id)
            .where(link.organization_id == organization_id, link.system == system)
        )
    }
    by_project: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for place, row in enumerate(rows, 1):
        key = (str(row.get("company_code") or ""), str(row["project_nr"]))
        if key not in known:
            raise BadBudget(f"Line {place}: there is no project {key[1]} of company {key[0] or '(none)'} in {system}.")
        by_project[key].append(row)
    for key, lines in by_project.items():
        replace_budget(connection, organization_id, known[key].project_id, known[key].currency or "EUR", lines)
    return len(rows)


def relink(
    connection: sa.Connection, organization_id: str, project_id: str, links: Sequence[tuple[str, str, str]]
) -> None:
    """Makes exactly the given source projects (system, company code, number) this Costbook project.

    Their facts move along in the same transaction, so that no figure is half moved. A source project that is taken
    away gets a Costbook project of its own again. Raises ``BadLink`` for one that was never seen.
    """
    link = project_links.c
    mine = [link.organization_id == organization_id]
    known = {(row.system, row.company_code, row.project_nr): row.project_id for row in connection.execute(
        sa.select(project_links).where(*mine)
    )}  # fmt: skip
    for wanted in links:
        if wanted not in known:
            raise BadLink(f"No project {wanted[2]} of company {wanted[1] or '(none)'} was ever read from {wanted[0]}.")
    for place in [place for place, at in known.items() if at == project_id and place not in links]:
        _move(connection, organization_id, place, _own_project(connection, organization_id, place))
    for place in links:
        if known[place] != project_id:
            _move(connection, organization_id, place, project_id)


def _own_project(connection: sa.Connection, organization_id: str, place: tuple[str, str, str]) -> str:
    made: str = connection.scalar(
        sa.insert(costbook_projects)
        .values(
            project_id=sa.func.gen_random_uuid().cast(sa.Text),
            organization_id=organization_id,
            project_nr=place[2],
            name=place[2],
        )
        .returning(costbook_projects.c.project_id)
    )
    return made


def _move(connection: sa.Connection, organization_id: str, place: tuple[str, str, str], project_id: str) -> None:
    system, company_code, project_nr = place
    for table in (project_links, commitments, actuals):
        connection.execute(
            sa.update(table)
            .where(
                table.c.organization_id == organization_id,
                table.c.system == system,
                table.c.company_code == company_code,
                table.c.project_nr == project_nr,
            )
            .values(project_id=project_id, last_changed_at=sa.func.now())
        )
