"""`ppm map`: field mappings from a terminal: shown, suggested, tried, saved and applied, restored.

Belongs here: commands and how they print. Does not belong here: what they do (``mappings``, ``mapping_view``,
``remapping``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer
from rich.console import Console
from rich.table import Table

from ppm_pipelines import costbook, database, drift, mapping_view, mappings, remapping, runs
from ppm_pipelines.adapters import ADAPTERS
from ppm_pipelines.mapping import review
from ppm_pipelines.mapping.sentences import Said
from ppm_pipelines.mapping.suggest import as_json
from ppm_pipelines.mapping_view import View, view

app = typer.Typer(no_args_is_help=True, help="Which field of a source is which field of the Costbook.")
out = Console(highlight=False)
Org = Annotated[str, typer.Option("--org", help="Organisation")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, whole")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for whoever reads the versions later")]
File = Annotated[
    Path,
    typer.Argument(exists=True, dir_okay=False, help='JSON: {"lines": […], "ignored": […], "rejected": […]}'),
]


def _seen(connection: sa.Connection, org: str, system: str, entity: str) -> View:
    from ppm_pipelines.cli import fail

    known = next((one for one in mappings.ENTITIES if one == entity), None)
    if system not in ADAPTERS or known is None:
        offered = f"Systems are {', '.join(ADAPTERS)}; entities are {', '.join(mappings.ENTITIES)}."
        raise fail(f"There is no field mapping of {system} {entity}. {offered}", 2)
    return view(connection, org, system, known)


def _print(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    table = Table(*columns)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    out.print(table)


@app.command("show")
def show(system: str, entity: str, org: Org = "default", json_: AsJson = False) -> None:
    """Every target with what fills it, required ones that nothing fills, and what changed in the source."""
    with database.scoped(org) as connection:
        seen = _seen(connection, org, system, entity)
        told = drift.told(connection, org, seen.saved)
    draft = seen.saved.draft
    if json_:
        out.print_json(json.dumps({"version": seen.saved.version, **draft.as_json()}))
        return
    _print(("Target", "From", "Sources", "Steps or rule"), [_target_row(one.name, seen) for one in _targets(seen)])
    for name in review.missing(seen.entity, draft.lines, seen.standard):
        out.print(f"[red]{name} is required, and nothing fills it.[/]")
    for one in told:
        out.print(f"[yellow]{one.field}: {one.kind.replace('_', ' ')} ({one.was or '–'} → {one.now or '–'})[/]")
    out.print(f"Version {seen.saved.version}{'' if seen.saved.applied else ', not applied to what is held yet'}.")


def _targets(seen: View) -> list[Any]:
    return review.all_targets(seen.entity, seen.saved.draft.lines)


def _target_row(name: str, seen: View) -> tuple[Any, ...]:
    for line in seen.saved.draft.lines:
        if line.target == name:
            return name, "own", ", ".join(line.sources), _steps(line.steps)
    for told in seen.standard:
        if told.target == name:
            return name, "standard", ", ".join(told.sources), told.rule_en or _steps(told.steps)
    return name, "", "", ""


def _steps(steps: Any) -> str:
    return ", ".join(str(step["do"]) for step in steps)


@app.command("suggest")
def suggest(system: str, entity: str, org: Org = "default", json_: AsJson = False) -> None:
    """A suggestion with its reason for every field that is open; nothing takes effect."""
    with database.scoped(org) as connection:
        seen = _seen(connection, org, system, entity)
        found = seen.suggestions(connection, seen.saved.draft)
    if json_:
        out.print_json(json.dumps([as_json(one, "en") for one in found]))
        return
    _print(
        ("Field", "Target", "", "Score", "Why"),
        [
            (one.field, one.target, one.word, f"{one.score:.2f}", " ".join(said.sentence("en") for said in one.reasons))
            for one in found
        ],
    )


@app.command("preview")
def preview(system: str, entity: str, file: File, org: Org = "default") -> None:
    """What the draft in the file would change in what is held, in money too; nothing is changed."""
    with database.scoped(org) as connection:
        seen = _seen(connection, org, system, entity)
        found = remapping.preview(connection, org, seen.saved, _draft(seen, file).lines)
    out.print(f"{found.rows} records: {found.changed} would change, {found.rejected} would go to quarantine.")
    for (target, _), error in found.errors.items():
        said = error["said"] if isinstance(error["said"], str) else error["said"].sentence("en")
        out.print(f"[red]{target}: {error['count']} records. {said}[/]")
    for target, fields in found.awaited.items():
        out.print(f"[yellow]{target}: {_said_of(fields, 'not_read_yet')}[/]")
    moved = [(key, money) for key, money in sorted(found.money.items()) if money[0] != money[1]]
    rows = [(nr, currency, figure, *_exact(money, currency)) for ((_, nr), currency, figure), money in moved]
    if rows:
        _print(("Project", "Currency", "Figure", "Before", "After"), rows)


def _said_of(fields: Iterable[str], code: str) -> str:
    return Said(code, {"fields": ", ".join(dict.fromkeys(fields))}).sentence("en")


def _exact(money: list[Any], currency: str) -> list[str]:
    return [costbook.money(one, currency) for one in money]


def _draft(seen: View, file: Path) -> mappings.Draft:
    from ppm_pipelines.cli import fail

    try:
        return seen.draft(json.loads(file.read_text("utf-8")))
    except mappings.BadMapping as error:
        raise fail(str(error)) from None
    except ValueError as error:
        raise fail(f"{file} is no JSON: {error}.", 2) from None


@app.command("save")
def save(system: str, entity: str, file: File, org: Org = "default", reason: Reason = "") -> None:
    """Saves the draft in the file as a new version and applies it to what is held, in this process."""
    with database.scoped(org) as connection:
        seen = _seen(connection, org, system, entity)
        _save(connection, seen, _draft(seen, file), reason)
    _apply(org, system, entity)


@app.command("versions")
def versions(system: str, entity: str, org: Org = "default") -> None:
    """Who saved what, when and why, the newest first."""
    with database.scoped(org) as connection:
        seen = _seen(connection, org, system, entity)
        found = mappings.versions(connection, *seen.place)
    _print(
        ("Version", "Saved", "By", "Lines", "Why", "Restored from"),
        [(o.version, o.saved_at, o.saved_by, len(o.draft.lines), o.reason, o.restored_from) for o in found],
    )


@app.command("restore")
def restore(system: str, entity: str, version: int, org: Org = "default", reason: Reason = "") -> None:
    """Makes an earlier version the newest (0: the standard mapping alone) and applies it to what is held."""
    from ppm_pipelines.cli import fail

    with database.scoped(org) as connection:
        seen = _seen(connection, org, system, entity)
        try:
            was = mappings.version(connection, *seen.place, version)
        except mappings.NoSuchVersion as error:
            raise fail(str(error)) from None
        _save(connection, seen, was.draft, reason, version)
    _apply(org, system, entity)


def _save(
    connection: sa.Connection, seen: View, draft: mappings.Draft, reason: str, restored_from: int | None = None
) -> None:
    from ppm_pipelines.cli import fail

    try:
        saved = mapping_view.save(connection, seen, draft, by="cli", reason=reason, restored_from=restored_from)
    except drift.FieldLost as error:
        raise fail(str(error)) from None
    out.print(f"Version {saved.version} is saved.")


def _apply(org: str, system: str, entity: str) -> None:
    """What is held under the saved lines, with the counts of a sync; nothing where they changed nothing, or where the
    source must be read first."""
    from ppm_pipelines.cli import carried_out

    with database.owner() as connection:
        waiting = remapping.waiting(connection, org, system, entity)
        awaited = remapping.awaited(connection, org, mappings.active(connection, org, system, entity))
    if awaited:
        out.print(_said_of((name for some in awaited.values() for name in some), "applied_when_read"))
    if waiting:
        carried_out(runs.RunRequest(org, system, entity, "remap", "cli"))
