"""What people give to the Costbook: budgets, and which source projects are one project.

Belongs here: judging and keeping what was given. Does not belong here: what figures make of it (``costbook``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa

from ppm_pipelines.records import known_currency, rounded
from ppm_pipelines.tables import actuals, budgets, commitments, costbook_projects, project_links, rejections


class BadBudget(Exception):
    """A budget line that can't be used; the sentence says which and why. Nothing was changed."""


class BadLink(Exception):
    """A link that can't be made; the sentence says why. Nothing was changed."""


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


def links(connection: sa.Connection, organization_id: str, project_id: str) -> list[dict[str, str]]:
    """The source projects that are this Costbook project: system, company code, number."""
    link = project_links.c
    query = sa.select(link.system, link.company_code, link.project_nr).where(
        link.organization_id == organization_id, link.project_id == project_id
    )
    return [dict(row) for row in connection.execute(query.order_by(*query.selected_columns)).mappings()]


def relink(
    connection: sa.Connection, organization_id: str, project_id: str, links: Sequence[tuple[str, str, str]]
) -> None:
    """Makes exactly the given source projects (system, company code, number) this Costbook project.

    Their facts move along in the same transaction, so that no figure is half moved. A source project that is taken
    away gets a Costbook project of its own again. Raises ``BadLink`` for one that neither the source's projects nor a
    quarantined record ever named.
    """
    link = project_links.c
    known = {
        (row.system, row.company_code, row.project_nr): row.project_id
        for row in connection.execute(sa.select(project_links).where(link.organization_id == organization_id))
    }
    waiting = _waiting_for(connection, organization_id)
    for wanted in links:
        if wanted not in known and wanted not in waiting:
            raise BadLink(f"No project {wanted[2]} of company {wanted[1] or '(none)'} was ever read from {wanted[0]}.")
    for place in [place for place, at in known.items() if at == project_id and place not in links]:
        _move(connection, organization_id, place, _own_project(connection, organization_id, place))
    for place in links:
        if place not in known:
            _link(connection, organization_id, place, project_id)
        elif known[place] != project_id:
            _move(connection, organization_id, place, project_id)


def _waiting_for(connection: sa.Connection, organization_id: str) -> set[tuple[str, str, str]]:
    """The projects that quarantined records name."""
    r = rejections.c
    query = sa.select(r.system, r.company_code, r.project_nr).where(
        r.organization_id == organization_id, r.project_nr.is_not(None)
    )
    return {(row.system, row.company_code, row.project_nr) for row in connection.execute(query.distinct())}


def _link(connection: sa.Connection, organization_id: str, place: tuple[str, str, str], project_id: str) -> None:
    system, company_code, project_nr = place
    connection.execute(
        sa.insert(project_links).values(
            organization_id=organization_id,
            system=system,
            company_code=company_code,
            project_nr=project_nr,
            project_id=project_id,
        )
    )


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
