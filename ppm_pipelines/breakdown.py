"""One project's sums from another side: per WBS element, vendor or period.

Belongs here: what the parts are and that they add up to the project. Does not belong here: the project's own figures
(``costbook``), lines (``history``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from ppm_pipelines.costbook import Sums, budget_of, money, split_by_currency
from ppm_pipelines.people import veiled
from ppm_pipelines.records import ZERO
from ppm_pipelines.tables import actuals, at, commitments, of_link, project_links, wbs_elements

By = Literal["wbs_element", "vendor", "period"]


def breakdown(
    connection: sa.Connection, project: Any, by: By, as_of: datetime | None = None, hidden: Collection[str] = ()
) -> list[dict[str, Any]]:
    """A project's sums per WBS element, vendor or period, in each company currency, with the document currencies.

    Commitments fall into the period of their expected delivery (DOMAIN R8), actuals into their fiscal period.
    Of systems whose people are ``hidden`` the role is the vendor of labour.
    WBS elements come with their name, parent and budget, their own sums and (``with_children``) those of all below.
    """
    c, a = (veiled(at(table, as_of), hidden) for table in (commitments, actuals))
    expected = sa.func.coalesce(c.c.delivery_date, c.c.po_date)
    keys: dict[str, tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]] = {
        "wbs_element": (c.c.wbs_element, a.c.wbs_element),
        "vendor": (c.c.vendor, a.c.vendor),
        "period": (sa.func.to_char(expected, "YYYY/0MM"), a.c.fiscal_year + "/" + a.c.fiscal_period),
    }
    rows: dict[tuple[str, str], _Part] = defaultdict(_Part)
    of_order, of_posting = keys[by]
    for row in connection.execute(_committed_by(c, of_order, project)):
        rows[row.key or "", row.company_currency].add(row.currency, row, committed=True)
    for row in connection.execute(_posted_by(a, of_posting, project)):
        rows[row.key or "", row.company_currency].add(row.currency, row, committed=False)
    told = [part.told(key, currency) for (key, currency), part in sorted(rows.items())]
    return _as_tree(connection, project, told, as_of) if by == "wbs_element" else told


def _committed_by(table: sa.FromClause, key: sa.ColumnElement[Any], project: Any) -> sa.Select[Any]:
    c = table.c
    sums = [
        sa.func.sum(amount).label(name)
        for name, amount in {
            "committed": c.ordered_amount,
            "open": c.open_amount,
            "company_committed": c.company_ordered_amount,
            "company_open": c.company_open_amount,
        }.items()
    ]
    by = (key.label("key"), c.company_currency, c.currency)
    name = sa.func.max(c.vendor_description).label("vendor_name")
    mine = (c.organization_id == project.organization_id, c.project_id == project.project_id)
    return sa.select(*by, *sums, name).where(c.counts, *mine).group_by(*by)


def _posted_by(table: sa.FromClause, key: sa.ColumnElement[Any], project: Any) -> sa.Select[Any]:
    a = table.c
    by = (key.label("key"), a.company_currency, a.currency)
    sums = (sa.func.sum(a.amount).label("actual"), sa.func.sum(a.company_amount).label("company_actual"))
    name = sa.func.max(a.vendor_description).label("vendor_name")
    mine = (a.organization_id == project.organization_id, a.project_id == project.project_id)
    return sa.select(*by, *sums, name).where(a.counts, a.removed_at.is_(None), *mine).group_by(*by)


@dataclass
class _Part:
    """The sums under one key in one company currency, and per document currency."""

    company: Sums = field(default_factory=Sums)
    document: dict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    name: str = ""

    def add(self, currency: str, row: Any, *, committed: bool) -> None:
        self.name = self.name or row.vendor_name or ""
        if committed:
            self.company.add(row.company_committed, ZERO, row.company_open)
            self.document[currency].add(row.committed, ZERO, row.open)
        else:
            self.company.add(ZERO, row.company_actual)
            self.document[currency].add(ZERO, row.actual)

    def told(self, key: str, currency: str) -> dict[str, Any]:
        own = {name: money(getattr(self.company, name), currency) for name in ("committed", "actual", "open")}
        spend = money(self.company.actual + self.company.open, currency)
        return {
            "key": key,
            "name": self.name,
            "currency": currency,
            **own,
            "total_spend": spend,
            "by_currency": split_by_currency(self.document),
        }


def _as_tree(
    connection: sa.Connection, project: Any, told: list[dict[str, Any]], as_of: datetime | None
) -> list[dict[str, Any]]:
    """Every element that has sums or a budget or lies above one that has, with what it adds up to."""
    names, parents = _elements(connection, project, as_of)
    budget = budget_of(connection, project, as_of)
    currency = project.currency or next((one["currency"] for one in told), "EUR")
    have = {(one["key"], one["currency"]): one for one in told}
    for element in [*budget.lines, *(one["key"] for one in told)]:
        for above in _line_of_descent(element or "", parents):
            have.setdefault((above, currency), _Part().told(above, currency))
    for (key, code), one in have.items():
        below = [other for (k, c), other in have.items() if c == code and key in _line_of_descent(k, parents)]
        sums = {
            name: money(sum((Decimal(other[name]) for other in below), ZERO), code)
            for name in ("committed", "actual", "open", "total_spend")
        }
        own = budget.lines.get(key or None) if code == currency else None
        one |= {"name": names.get(key, ""), "parent": parents.get(key), "with_children": sums}
        one["budget"] = None if own is None else money(own, code)
    return [have[place] for place in sorted(have)]


def _elements(
    connection: sa.Connection, project: Any, as_of: datetime | None
) -> tuple[dict[str, str], dict[str, str | None]]:
    """Names and parents of the WBS elements of the source projects that are this project."""
    elements, links = at(wbs_elements, as_of), at(project_links, as_of)
    w, link = elements.c, links.c
    same = of_link(w, link)
    mine = (link.organization_id == project.organization_id, link.project_id == project.project_id)
    query = sa.select(w.wbs_element, w.name, w.parent).select_from(elements.join(links, same)).where(*mine)
    rows = connection.execute(query).all()
    return {row.wbs_element: row.name for row in rows}, {row.wbs_element: row.parent for row in rows}


def _line_of_descent(element: str, parents: Mapping[str, str | None]) -> list[str]:
    """The element and all above it."""
    found: list[str] = []
    here: str | None = element
    while here is not None and here not in found:
        found.append(here)
        here = parents.get(here)
    return found
