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

from ppm_pipelines import database, labour
from ppm_pipelines.records import known_currency, rounded
from ppm_pipelines.tables import (
    HISTORY,
    actuals,
    audit_log,
    budgets,
    commitments,
    costbook_projects,
    of_link,
    project_links,
    projects,
    rejections,
    wbs_elements,
)

LARGEST = Decimal(10) ** 17  # what a column of money holds


class BadBudget(Exception):
    """A budget line that can't be used; the sentence says which and why. Nothing was changed."""


class BadLink(Exception):
    """A link that can't be made; the sentence says why. Nothing was changed."""


def replace_budget(
    connection: sa.Connection, organization_id: str, project_id: str, currency: str, lines: Sequence[Mapping[str, Any]]
) -> None:
    """The given lines are the project's budget from now on; raises ``BadBudget``."""
    # Of two at once the second replaces the first, and neither comes between a merge's or a link's versions.
    database.between_merges(connection, organization_id)
    rows = [
        _budget_row(line, currency, place) | {"organization_id": organization_id, "project_id": project_id}
        for place, line in enumerate(lines, 1)
    ]
    _check_places(connection, organization_id, project_id, rows)
    connection.execute(sa.delete(budgets).where(budgets.c.project_id == project_id))
    if rows:
        connection.execute(sa.insert(budgets), rows)


def _check_places(
    connection: sa.Connection, organization_id: str, project_id: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Each WBS element is one of the project's, and told once per day from which it holds."""
    w, link = wbs_elements.c, project_links.c
    query = sa.select(w.wbs_element).select_from(wbs_elements.join(project_links, of_link(w, link)))
    mine = (link.organization_id == organization_id, link.project_id == project_id)
    known = set(connection.scalars(query.where(*mine)))
    seen: set[tuple[str | None, date, str]] = set()
    for place, row in enumerate(rows, 1):
        element = row["wbs_element"]
        if element is not None and element not in known:
            raise BadBudget(f"Line {place}: the project has no WBS element {element}.")
        if (element, row["valid_from"], row["source"]) in seen:
            what = f"WBS element {element}" if element else "the whole project"
            raise BadBudget(f"Line {place}: the budget of {what} from {row['valid_from']} is given twice.")
        seen.add((element, row["valid_from"], row["source"]))


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
    if (
        not known_currency(given)
        or not amount.is_finite()
        or abs(amount) >= LARGEST
        or rounded(amount, given) != amount
    ):
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
        "source": line.get("source") or "",
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
    by_project: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    currencies: dict[str, str] = {}
    for place, row in enumerate(rows, 1):
        key = (str(row.get("company_code") or ""), str(row["project_nr"]))
        if key not in known:
            raise BadBudget(f"Line {place}: there is no project {key[1]} of company {key[0] or '(none)'} in {system}.")
        project_id = known[key].project_id
        currencies[project_id] = known[key].currency or "EUR"
        by_project[project_id].append({**row, "source": _source((system, *key))})
    for project_id, lines in by_project.items():
        replace_budget(connection, organization_id, project_id, currencies[project_id], lines)
    return len(rows)


def links(connection: sa.Connection, organization_id: str, project_id: str) -> list[dict[str, str]]:
    """The source projects that are this Costbook project: system, company code, number."""
    link = project_links.c
    query = sa.select(link.system, link.company_code, link.project_nr).where(
        link.organization_id == organization_id, link.project_id == project_id
    )
    return [dict(row) for row in connection.execute(query.order_by(*query.selected_columns)).mappings()]


Place = tuple[str, str, str]  # system, company code, number of a source's project


def _source(place: Place) -> str:
    """The source project that a budget line came with."""
    return "/".join(place)


def relink(
    connection: sa.Connection, organization_id: str, project_id: str, links: Sequence[Place], by: str = ""
) -> None:
    """Makes exactly the given source projects this Costbook project.

    Their facts and the budgets of their WBS elements move along in the same transaction, so that no figure is half
    moved. A source project that is taken away gets its own Costbook project back. Raises ``BadLink`` for one that
    neither the source's projects nor a quarantined record ever named.
    """
    database.between_merges(connection, organization_id)
    link = project_links.c
    known = {
        (row.system, row.company_code, row.project_nr): row.project_id
        for row in connection.execute(sa.select(project_links).where(link.organization_id == organization_id))
    }
    waiting = _waiting_for(connection, organization_id)
    for wanted in links:
        if wanted not in known and wanted not in waiting:
            raise BadLink(f"No project {wanted[2]} of company {wanted[1] or '(none)'} was ever read from {wanted[0]}.")
    if not links:
        raise BadLink("A project stands for at least one source project; name one.")
    _check_currencies(connection, organization_id, project_id, links)
    gone = [place for place, at in known.items() if at == project_id and place not in links]
    come = [place for place in links if known.get(place) != project_id]
    moved = {project_id}
    for place in gone:
        own = _own_project(connection, organization_id, place)
        _move(connection, organization_id, place, project_id, own)
        moved.add(own)
    for place in come:
        if place in known:
            _move(connection, organization_id, place, known[place], project_id)
        else:
            _link(connection, organization_id, place, project_id)
    if gone or come:
        labour.settle(connection.exec_driver_sql, organization_id, moved)
        detail = {"project_id": project_id, "linked": come, "unlinked": gone}
        connection.execute(
            sa.insert(audit_log).values(
                organization_id=organization_id, who=by, what="linked", subject="project", detail=detail
            )
        )


def _check_currencies(connection: sa.Connection, organization_id: str, project_id: str, links: Sequence[Place]) -> None:
    """Projects of different currencies can't be one: neither their budgets nor their figures would add up."""
    source = projects.c
    place = sa.tuple_(source.system, source.company_code, source.project_nr)
    query = sa.select(source.project_nr, source.currency).where(
        source.organization_id == organization_id, place.in_(list(links)), source.currency.is_not(None)
    )
    own = connection.scalar(sa.select(costbook_projects.c.currency).where(costbook_projects.c.project_id == project_id))
    for row in connection.execute(query):
        if own is not None and row.currency != own:
            raise BadLink(
                f"The project is kept in {own}; {row.project_nr} is kept in {row.currency} and can't be part of it."
            )


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


def _own_project(connection: sa.Connection, organization_id: str, place: Place) -> str:
    """The Costbook project that stands for this source project alone: the one it once had, else a new one."""
    project, link, past = costbook_projects.c, project_links.c, HISTORY["project_links"].c
    empty = ~sa.exists().where(link.project_id == past.project_id)
    before = (past.organization_id == organization_id, past.system == place[0], past.company_code == place[1])
    once = sa.select(past.project_id).where(*before, past.project_nr == place[2], empty)
    found: str | None = connection.scalar(once.order_by(past.valid_to.desc()).limit(1))
    if found is not None:
        return found
    source = projects.c
    told = connection.execute(
        sa.select(source.name, source.status, source.currency).where(
            source.organization_id == organization_id,
            source.system == place[0],
            source.company_code == place[1],
            source.project_nr == place[2],
        )
    ).one_or_none()
    values = {"name": place[2]} if told is None else told._asdict()
    made: str = connection.scalar(
        sa.insert(costbook_projects)
        .values(
            project_id=sa.func.gen_random_uuid().cast(sa.Text),
            organization_id=organization_id,
            project_nr=place[2],
            **values,
        )
        .returning(project.project_id)
    )
    return made


def _move(connection: sa.Connection, organization_id: str, place: Place, old: str, new: str) -> None:
    """The link, the facts of that source project, and the budgets of its WBS elements."""
    system, company_code, project_nr = place
    link = project_links.c
    others = sa.select(link.company_code).where(
        link.organization_id == organization_id,
        link.system == system,
        link.project_nr == project_nr,
        link.company_code != company_code,
    )
    listed = _is_listed(connection, organization_id, place)
    for table in (project_links, commitments, actuals):
        # Facts of other companies go with the source's only project of their number.
        of_place = table.c.company_code == company_code
        if table is not project_links and listed:
            of_place = sa.or_(of_place, table.c.company_code.not_in(others))
        mine = (table.c.organization_id == organization_id, table.c.system == system, table.c.project_nr == project_nr)
        connection.execute(
            sa.update(table)
            .where(*mine, of_place, table.c.project_id == old)
            .values(project_id=new, last_changed_at=database.MOMENT)
        )
    _move_budgets(connection, organization_id, place, old, new)


def _is_listed(connection: sa.Connection, organization_id: str, place: Place) -> bool:
    """Whether the source itself has the project; people may link one that only its records name."""
    source = projects.c
    query = sa.select(sa.func.count()).where(
        source.organization_id == organization_id,
        source.system == place[0],
        source.company_code == place[1],
        source.project_nr == place[2],
    )
    return bool(connection.scalar(query))


def _move_budgets(connection: sa.Connection, organization_id: str, place: Place, old: str, new: str) -> None:
    """The lines of the source project's WBS elements, those that came with it, and all when nothing else is left.

    Lines of the whole project keep the source project that they came with: several count together, and each goes with
    its own when the projects come apart again.
    """
    w, b, link = wbs_elements.c, budgets.c, project_links.c
    elements = sa.select(w.wbs_element).where(
        w.organization_id == organization_id,
        w.system == place[0],
        w.project_nr == place[2],
        sa.or_(w.company_code == place[1], w.company_code == ""),
    )
    mine = (b.organization_id == organization_id, b.project_id == old)
    moved = sa.or_(b.wbs_element.in_(elements), b.source == _source(place))
    if connection.scalar(sa.select(sa.func.count()).where(link.project_id == old)) == 0:
        moved = sa.true()
    source = sa.case((b.wbs_element.is_(None) & (b.source == ""), _source(place)), else_=b.source)
    values = {"project_id": new, "source": source, "last_changed_at": database.MOMENT}
    connection.execute(sa.update(budgets).where(*mine, moved).values(values))
