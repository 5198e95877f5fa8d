"""`ppm figures`, `ppm compare`, `ppm quarantine`, `ppm period`, `ppm labour`, `ppm people`: the Costbook by terminal.

Belongs here: reading and closing, shown as tables or (``--json``) as the API tells it. Does not belong here: operating
the product (``cli``).
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from typing import Annotated, Any

import sqlalchemy as sa
import typer
from pydantic_core import to_json
from rich.console import Console
from rich.table import Table

from ppm_pipelines import costbook, database, history, labour, people, periods, quarantine, tables
from ppm_pipelines.adapters import ADAPTERS

app = typer.Typer()
quarantine_app = typer.Typer(no_args_is_help=True, help="Records that could not be used.")
period_app = typer.Typer(no_args_is_help=True, help="Closed periods.")
people_app = typer.Typer(no_args_is_help=True, help="People in what was read.")
labour_app = typer.Typer(no_args_is_help=True, help="Whose labour counts where several systems have it.")

# A narrow terminal breaks long lines; shortened amounts would be no amounts.
out = Console(highlight=False, width=max(shutil.get_terminal_size().columns, 180))
Org = Annotated[str, typer.Option("--org", help="Organisation")]
AsJson = Annotated[bool, typer.Option("--json", help="As the API tells it")]
FIGURES = ("budget", "committed", "actual", "open", "total_spend", "variance", "eac")


def _moment(connection: sa.Connection, org: str, given: str | None) -> datetime | None:
    """The moment that was visible at a time, or at the end of a day where the organisation is."""
    if given is None:
        return None
    try:
        found = history.moment_of(given, history.zone_of(connection, org))
    except ValueError:
        raise typer.BadParameter(f"{given} is no time such as 2026-01-31 or 2026-01-31T18:00:00Z") from None
    return costbook.visible_at(connection, org, found)


def _print(rows: list[dict[str, Any]], names: tuple[str, ...], texts: tuple[str, ...]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in names:
        # Numbers and keys stay in one piece, whatever the terminal's width.
        table.add_column(name, justify="left" if name in texts else "right", no_wrap=name not in ("name", "reason"))
    for row in rows:
        table.add_row(*("–" if row.get(name) is None else str(row[name]) for name in names))
    out.print(table)


def _json(value: Any) -> None:
    print(json.dumps(json.loads(to_json(value)), indent=2, ensure_ascii=False))  # noqa: T201 - a script reads it


@app.command("figures")
def figures(org: Org = "default", as_of: str | None = None, as_json: AsJson = False) -> None:
    """Budget, committed, actual, open and where every project ends; now, or as it was shown at a time."""
    with database.scoped(org) as connection:
        shown = _moment(connection, org, as_of)
        projects = costbook.project_figures(connection, org, as_of=shown)
        waiting = costbook.unassigned_quarantined(connection, org, shown)
    if as_json:
        _json({"items": projects, "totals": costbook.totals(projects), "unassigned_quarantined": waiting})
        return
    total = [{"project_nr": "total", **one} for one in costbook.totals(projects)]
    names = ("project_nr", "name", "currency", *FIGURES, "quarantined")
    _print([*projects, *total], names, ("project_nr", "name", "currency"))


@app.command("compare")
def compare(
    project_nr: str,
    start: Annotated[str, typer.Argument(metavar="FROM")],
    end: Annotated[str | None, typer.Argument(metavar="[TO]")] = None,
    org: Org = "default",
) -> None:
    """What changed in a project between two times."""
    project = tables.costbook_projects
    with database.scoped(org) as connection:
        earlier, later = _moment(connection, org, start), _moment(connection, org, end) or datetime.now(UTC)
        assert earlier is not None  # noqa: S101 - the argument is required
        if later < earlier:
            raise typer.BadParameter("TO lies before FROM")
        found = connection.execute(sa.select(project).where(project.c.project_nr == project_nr)).all()
        if not found:
            raise typer.BadParameter(f"there is no project {project_nr}")
        told = [history.compare(connection, one, earlier, later) for one in found]
    _json(told[0] if len(told) == 1 else told)


@quarantine_app.command("list")
def list_quarantine(org: Org = "default", system: str | None = None, as_json: AsJson = False) -> None:
    """What waits, with its reason and its money."""
    table = tables.rejections
    query = sa.select(table).order_by(table.c.id)
    if system:
        query = query.where(table.c.system == system)
    with database.scoped(org) as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    if as_json:
        _json([{name: value for name, value in row.items() if name != "raw"} for row in rows])
        return
    for row in rows:
        if row["amount"] is not None:
            row["amount"] = costbook.money(row["amount"], row["currency"] or "")
    names = ("id", "system", "entity", "source_key", "project_nr", "amount", "currency", "code", "reason")
    _print(rows, names, ("system", "entity", "source_key", "project_nr", "currency", "code", "reason"))


@quarantine_app.command("replay")
def replay(system: str, org: Org = "default", code: str | None = None) -> None:
    """Makes quarantined records again from what the source delivered, after their cause was mended."""
    from ppm_pipelines.cli import carried_out, fail

    if system not in ADAPTERS:
        raise fail(f"There is no {system}. There are {', '.join(ADAPTERS)}.", 2)
    with database.scoped(org) as connection:
        request = quarantine.replay(connection, org, system, "cli", code=code)
    if request is None:
        out.print("Nothing waits that could be taken up again.")
        return
    carried_out(request)


@period_app.command("list")
def list_periods(org: Org = "default") -> None:
    with database.scoped(org) as connection:
        rows = periods.list_(connection, org)
    names = ("fiscal_year", "fiscal_period", "closed_at", "closed_by")
    _print(rows, names, names)


@period_app.command("close")
def close_period(year: int, period: int, org: Org = "default") -> None:
    """Keeps every project's figures; what is posted into the period later is shown as late."""
    from ppm_pipelines.cli import fail

    try:
        with database.scoped(org) as connection:
            closed = periods.close(connection, org, year, period, "cli")
    except (periods.NotOver, ValueError) as error:
        raise fail(str(error)) from None
    out.print(f"Period {closed['fiscal_period']}/{closed['fiscal_year']} is closed since {closed['closed_at']}.")


@labour_app.command("list")
def list_labour(org: Org = "default") -> None:
    """What does not count because another system's labour does, per project."""
    with database.scoped(org) as connection:
        projects = costbook.project_figures(connection, org)
    rows = [
        {**project, **left_out, "labour_from": project["labour"]["source"] or "postings first"}
        for project in projects
        for left_out in project["labour"]["left_out"]
    ]
    names = ("project_id", "project_nr", "name", "labour_from", "system", "currency", "committed", "actual", "open")
    _print(rows, names, names[:6])


@labour_app.command("choose")
def choose_labour(
    project_id: str,
    system: Annotated[str, typer.Argument(help="The system whose labour counts; none: postings go first")],
    org: Org = "default",
) -> None:
    """Says whose labour counts in a project (its id, as `ppm labour list` and `ppm figures --json` tell it)."""
    from ppm_pipelines.cli import fail

    try:
        with database.scoped(org) as connection:
            labour.choose(connection, org, project_id, None if system == "none" else system, "cli")
    except labour.BadLabour as error:
        raise fail(str(error)) from None
    out.print(f"Labour counts from {system}." if system != "none" else "Postings count before hours at rates.")


@people_app.command("erase")
def erase(person: str, system: str = "jira", org: Org = "default") -> None:
    """Takes a person (account id or key) out of all that is kept, for good; sums stay."""
    from ppm_pipelines.cli import fail

    try:
        with database.owner() as connection:
            erased = people.erase(connection, org, system, person, "cli")
    except people.NotErased as error:
        raise fail(str(error)) from None
    out.print(
        f"{erased.lines} lines, {erased.raw_records} raw records and {erased.quarantined} in quarantine no longer name "
        f"the person. Rates and roles in the settings may name {erased.stands_for} instead; hours keep their price."
    )
