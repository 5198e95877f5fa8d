"""`ppm`: what operators and scripts do from a terminal. Each command calls what does the work; none is long."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy.dialects.postgresql import insert

from ppm_pipelines import cli_costbook, cli_map, connectors, database, home, load, runs, sync, tables, up, vault
from ppm_pipelines.adapters import SYSTEMS

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, help="Commitments and actuals, to the cent.")
keys_app = typer.Typer(no_args_is_help=True, help="Keys that seal connector settings.")
org_app = typer.Typer(no_args_is_help=True, help="Organisations.")
budgets_app = typer.Typer(no_args_is_help=True, help="Budgets.")
app.add_typer(keys_app, name="keys")
app.add_typer(org_app, name="org")
app.add_typer(budgets_app, name="budgets")
app.add_typer(cli_costbook.app)
app.add_typer(cli_costbook.quarantine_app, name="quarantine")
app.add_typer(cli_costbook.period_app, name="period")
app.add_typer(cli_costbook.labour_app, name="labour")
app.add_typer(cli_costbook.people_app, name="people")
app.add_typer(cli_map.app, name="map")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)
Org = Annotated[str, typer.Option("--org", help="Organisation")]


def fail(sentence: str, code: int = 1) -> typer.Exit:
    err.print(sentence, style="red", soft_wrap=True)
    return typer.Exit(code)


def main() -> None:
    """Entry point: what is missing is said in a sentence, not in a traceback."""
    try:
        app()
    except (home.Missing, up.Unable, vault.NotOpened) as error:
        sentence = str(error)
    except sa.exc.ProgrammingError as error:
        if not isinstance(error.orig, database.NOT_SET_UP):
            raise
        sentence = "The database is not set up yet. Run `ppm migrate`, or start the product once with `ppm up`."
    except sa.exc.OperationalError as error:
        sentence = f"The database does not answer: {str(error.orig).splitlines()[0]}. Check PPM_DATABASE_URL."
    except OSError as error:
        sentence = f"{error.filename or 'A file'}: {error.strerror or error}."
    else:
        return
    err.print(sentence, style="red", soft_wrap=True)
    raise SystemExit(1)


@app.command("up")
def up_command(
    without: Annotated[str, typer.Option(help=f"Parts to leave out, by commas: {', '.join(up.PARTS)}")] = "",
) -> None:
    """Runs the whole product and prints where it is; Ctrl-C stops it."""
    parts = {part.strip() for part in without.split(",") if part.strip()}
    try:
        raise typer.Exit(up.run(parts, lambda line: out.print(line, soft_wrap=True)))
    except up.UnknownPart as unknown:
        raise fail(str(unknown), 2) from None


@app.command("sync")
def sync_command(
    system: str,
    entity: Annotated[str, typer.Argument()] = "costs",
    org: Org = "default",
    full: Annotated[bool, typer.Option("--full", help="Read everything, close what vanished")] = False,
    accept: Annotated[
        bool,
        typer.Option("--accept-disappearance", help="Close what vanished even if that is most of it (with --full)"),
    ] = False,
) -> None:
    """Syncs in this process, with the numbers that the API would answer. 0 ok, 1 failed, 2 usage."""
    if system not in SYSTEMS or entity not in SYSTEMS[system].accepts():
        offered = "; ".join(f"{name}: {', '.join(a.accepts())}" for name, a in SYSTEMS.items())
        raise fail(f"There is no {system} {entity}. There are {offered}.", 2)
    if accept and not full:
        raise fail("--accept-disappearance goes with --full: only a full read sees what vanished.", 2)
    scope = {load.ACCEPTED: True} if accept else None
    request = runs.RunRequest(org, system, entity, "full" if full else "incremental", "cli", scope=scope)
    carried_out(request)


def carried_out(request: runs.RunRequest) -> None:
    """The sync in this process, its counts and money on the terminal; a partial one is a good one."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("starting")
        try:
            result = _synced(request, lambda line: bar.update(task, description=line))
        except sync.Failed as failed:
            raise fail(failed.reason) from None
    for name in load.COUNTS:
        out.print(f"{name:>10}  {getattr(result, name):>12,}")
    for currency, figures in result.amounts.items():
        for figure, money in figures.items():
            out.print(f"{currency:>10}  {figure:<8} {money['before']:>18} -> {money['after']:>18}  ({money['delta']})")
    for error in result.errors:
        err.print(f"rejected {error['key']}: {error['reason']}", soft_wrap=True)


def _synced(request: runs.RunRequest, say: sync.Say) -> load.SyncResult:
    from ppm_pipelines.defs.resources import Sources

    with sync.claimed(request) as run_id:
        with database.owner() as connection:
            runs.started(connection, run_id, "")
        return sync.carry_out(request, run_id, lambda: Sources().open(request.system, request.organization_id), say)


@app.command("token")
def token_command(
    role: str = "viewer", org: Org = "default", minutes: Annotated[int, typer.Option(min=1)] = 60
) -> None:
    """Prints a signed token for scripts and development."""
    if role not in ("admin", "integration", "controller", "viewer"):
        raise fail(f"There is no role {role}. There are admin, integration, controller and viewer.", 2)
    print(up.token(role, org, minutes))  # noqa: T201 - a script reads it


@app.command("doctor")
def doctor() -> None:
    """Says what is missing or misconfigured, in plain words."""
    bad = 0
    for name, look in LOOKS.items():
        try:
            look()
            out.print(f"[green]ok[/]       {name}")
        except (home.Missing, up.Unable, vault.NotOpened) as error:
            bad += 1
            out.print(f"[red]problem[/]  {name}: {error}", soft_wrap=True)
    raise typer.Exit(1 if bad else 0)


def _environment() -> None:
    current = home.home()
    if current.jwt_secret is None and not current.jwks_url:
        raise home.Missing("PPM_JWT_SECRET or PPM_JWKS_URL is missing. `ppm up` generates the first.")


def _database() -> None:
    try:
        with database.owner() as connection:
            connection.execute(sa.select(tables.project_sums.c.rows).limit(1))
    except sa.exc.ProgrammingError as error:
        if not isinstance(error.orig, database.NOT_SET_UP):
            raise up.Unable(f"it refuses to be read ({str(error.orig).splitlines()[0]}).") from None
        raise up.Unable("it is not set up for this version. Run `ppm migrate`, or start `ppm up` once.") from None
    except sa.exc.OperationalError as error:
        raise up.Unable(f"it does not answer ({str(error.orig).splitlines()[0]}). Check PPM_DATABASE_URL.") from None


def _keys() -> None:
    sealed = vault.Vault.from_environment()
    try:
        with database.owner() as connection:
            for row in connection.execute(sa.select(tables.integration_config)):
                sealed.open(row.organization_id, row.system, row.key, row.value_encrypted)
    except sa.exc.SQLAlchemyError:
        return  # what is wrong with the database, its own line says


def _ports() -> None:
    """Each port is free, or our own process answers there."""
    current = home.home()
    for name in ("api", "frontend", "dagster", "sandbox"):
        port = getattr(current, f"{name}_port")
        if not up.answers(port):
            up.check_port(name, port)


LOOKS = {
    "environment": _environment,
    "keys": _keys,
    "database": _database,
    "disk": up.check_disk,
    "ports": _ports,
    "node": up.node,
}


@app.command("migrate")
def migrate() -> None:
    """Brings the database to this version; for deployments that do not use `ppm up`."""
    up.migrated(home.database_url(), lambda line: out.print(line, soft_wrap=True))


@keys_app.command("new")
def keys_new() -> None:
    """Prints a fresh key for PPM_CONFIG_KEYS."""
    print(vault.new_key())  # noqa: T201 - a script reads it


@keys_app.command("rotate")
def keys_rotate() -> None:
    """Seals every setting with the first key of PPM_CONFIG_KEYS; older keys may be removed afterwards."""
    with database.owner() as connection:
        out.print(f"{connectors.rotate(connection, vault.Vault.from_environment())} settings were sealed anew.")


@org_app.command("add")
def org_add(organization_id: str, name: str = "") -> None:
    """Adds an organisation, and its partition in Dagster with it."""
    with database.owner() as connection, up.partitions() as instance:
        row = {"organization_id": organization_id, "name": name or organization_id}
        connection.execute(insert(tables.organizations).values(row).on_conflict_do_nothing())
        instance.add_dynamic_partitions("organizations", [organization_id])


@org_app.command("set")
def org_set(
    organization_id: str,
    time_zone: Annotated[str | None, typer.Option(help="IANA name, such as Europe/Berlin")] = None,
    close_after_working_days: Annotated[
        int | None, typer.Option(min=-1, help="Close each period so many working days after its end; -1: never")
    ] = None,
) -> None:
    """Changes an organisation's settings."""
    values: dict[str, Any] = {}
    if time_zone is not None:
        try:
            ZoneInfo(time_zone)
        except (ValueError, OSError, LookupError):
            raise fail(f"{time_zone} is not an IANA time zone, such as Europe/Berlin.", 2) from None
        values["time_zone"] = time_zone
    if close_after_working_days is not None:
        values["close_after_working_days"] = None if close_after_working_days < 0 else close_after_working_days
    if not values:
        raise fail("Nothing to set; see `ppm org set --help`.", 2)
    table = tables.organizations
    with database.owner() as connection:
        changed = sa.update(table).where(table.c.organization_id == organization_id).values(**values)
        if connection.execute(changed).rowcount == 0:
            raise fail(f"There is no organisation {organization_id}. `ppm org list` shows them.")


@org_app.command("list")
def org_list() -> None:
    with database.owner() as connection:
        for row in connection.execute(sa.select(tables.organizations).order_by(tables.organizations.c.organization_id)):
            out.print(f"{row.organization_id}  {row.name}  {row.company_currency}  {row.time_zone}")


@org_app.command("remove")
def org_remove(organization_id: str) -> None:
    """Removes an organisation that has no facts; one that has is kept, with a sentence."""
    with database.owner() as connection, up.partitions() as instance:
        for table in (tables.commitments, tables.actuals):
            query = sa.select(sa.func.count()).where(table.c.organization_id == organization_id)
            if connection.scalar(query):
                raise fail(f"{organization_id} has {table.name}; they would be lost. Nothing was removed.")
        for table in (tables.integration_config, tables.connectors, tables.organizations):
            connection.execute(sa.delete(table).where(table.c.organization_id == organization_id))
        instance.delete_dynamic_partition("organizations", organization_id)


@budgets_app.command("load")
def budgets_load(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)], system: str = "sap", org: Org = "default"
) -> None:
    """Loads budgets from a CSV: project_nr, company_code, wbs_element, amount, currency, valid_from."""
    from ppm_pipelines import planning

    with file.open(newline="", encoding="utf-8-sig") as lines:
        rows: list[dict[str, Any]] = list(csv.DictReader(lines))
    try:
        with database.scoped(org) as connection:
            loaded = planning.load_budgets(connection, org, system, rows)
    except planning.BadBudget as error:
        raise fail(str(error)) from None
    out.print(f"{loaded} budget lines were loaded.")


if __name__ == "__main__":
    main()
