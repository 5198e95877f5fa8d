"""What changed: two times of a project compared, the versions of a line, and the raw records that it was made from.

Belongs here: reading what was kept. Does not belong here: keeping it (the triggers in ``migrations``, ``load``), sums
(``costbook``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from ppm_pipelines import costbook
from ppm_pipelines.costbook import money
from ppm_pipelines.facts import FACTS, POINTERS, Fact
from ppm_pipelines.people import veiled, without_people
from ppm_pipelines.records import ZERO
from ppm_pipelines.tables import HISTORY, at, organizations, raw_records, sync_runs

Entity = Literal["commitments", "actuals"]
FIGURES = ("budget", "committed", "actual", "open", "total_spend", "variance", "eac", "uncommitted_budget")
# What stands in a line and is shown to nobody: ``closed_reason`` tells people what they need of ``listed``.
HIDDEN = {"organization_id", "listed", *POINTERS}
# What says when and by whom a version came, and not what it says.
_ABOUT = {"id", "system", "source_key", "run_id", "first_seen_at", "last_changed_at", *HIDDEN}


def moment_of(given: str, zone: str) -> datetime:
    """A time (UTC where it names no zone), or the end of a day in the given zone; ValueError for anything else."""
    if len(given) == len("2026-01-31"):
        return datetime.combine(date.fromisoformat(given), time.max, ZoneInfo(zone)).astimezone(UTC)
    found = datetime.fromisoformat(given)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def zone_of(connection: sa.Connection, organization_id: str) -> str:
    """The organisation's time zone: its days begin and end there."""
    found = connection.scalar(
        sa.select(organizations.c.time_zone).where(organizations.c.organization_id == organization_id)
    )
    return str(found or "UTC")


def compare(connection: sa.Connection, project: Any, start: datetime, end: datetime) -> dict[str, Any]:
    """A project's figures at both times with what lies between, and per kind of change how many lines and what money.

    Kinds: ``new``, ``changed``, ``closed``, and ``gone`` (the line belongs to another project now).
    """
    before, after = (_figures(connection, project, moment) for moment in (start, end))
    currency = str((after or before or {}).get("currency") or project.currency or "EUR")
    figures = {
        name: _between((before or {}).get(name), (after or {}).get(name), currency)
        for name in FIGURES
        if (before or {}).get(name) is not None or (after or {}).get(name) is not None
    }
    changes = {entity: _summed(connection, FACTS[entity], project, start, end) for entity in ("commitments", "actuals")}
    return {"project_id": project.project_id, "currency": currency, "figures": figures, "changes": changes}


def _figures(connection: sa.Connection, project: Any, moment: datetime) -> dict[str, Any] | None:
    found = costbook.project_figures(connection, project.organization_id, project.project_id, moment)
    return found[0] if found else None


def _between(before: str | None, after: str | None, currency: str) -> dict[str, str]:
    old, new = Decimal(before or 0), Decimal(after or 0)
    return {"from": money(old, currency), "to": money(new, currency), "delta": money(new - old, currency)}


def _changed(
    fact: Fact, project: Any, start: datetime, end: datetime, hidden: Collection[str] = ()
) -> tuple[sa.FromClause, sa.FromClause, Any, Any]:
    """The two versions of every line that is not the same at both times, side by side."""
    ended = fact.ended[0] if fact.ended else "source_key"
    mine = {"organization_id": project.organization_id, "project_id": project.project_id}
    old, new = (
        sa.select(table).where(*(table.c[name] == value for name, value in mine.items())).subquery(alias)
        for moment, alias in ((start, "old"), (end, "new"))
        for table in (veiled(at(fact.table, moment), hidden),)
    )
    kind = sa.case(
        (old.c.id.is_(None), "new"),
        (new.c.id.is_(None), "gone"),
        (sa.and_(old.c[ended].is_(None), new.c[ended].is_not(None)), "closed"),
        else_="changed",
    )
    differs = sa.or_(
        old.c.id.is_(None), new.c.id.is_(None), old.c.last_changed_at.is_distinct_from(new.c.last_changed_at)
    )
    return old, new, kind.label("kind"), differs


def _summed(connection: sa.Connection, fact: Fact, project: Any, start: datetime, end: datetime) -> dict[str, Any]:
    """Per kind how many lines, and per currency what they moved; only what counts moves money."""
    old, new, kind, differs = _changed(fact, project, start, end)
    currency = sa.func.coalesce(new.c.currency, old.c.currency).label("currency")
    moved = [(counted(new, fact, column) - counted(old, fact, column)) for column in fact.sums.values()]
    sums = [sa.func.sum(delta).label(name) for name, delta in zip(fact.sums, moved, strict=True)]
    query = (
        sa.select(kind, currency, sa.func.count().label("rows"), *sums)
        .select_from(old.join(new, old.c.id == new.c.id, full=True))
        .where(differs)
        .group_by(kind, currency)
    )
    told: dict[str, Any] = defaultdict(lambda: {"rows": 0, "amounts": {}})
    for row in connection.execute(query).mappings():
        one = told[row["kind"]]
        one["rows"] += row["rows"]
        one["amounts"][row["currency"]] = {name: money(row[name] or ZERO, row["currency"]) for name in fact.sums}
    return dict(told)


def counted(table: sa.FromClause, fact: Fact, column: str) -> sa.ColumnElement[Decimal]:
    """What the line adds to the project's sums."""
    counts = table.c.counts if fact.name == "commitments" else sa.and_(table.c.counts, table.c.removed_at.is_(None))
    return sa.case((counts, table.c[column]), else_=0)


def changed_lines(
    connection: sa.Connection,
    entity: Entity,
    project: Any,
    start: datetime,
    end: datetime,
    limit: int,
    offset: int,
    hidden: Collection[str] = (),
) -> dict[str, Any]:
    """The lines behind the comparison, by key: their kind, and each field that differs before and after; without the
    people of the ``hidden`` systems."""
    fact = FACTS[entity]
    old, new, kind, differs = _changed(fact, project, start, end, hidden)
    names = [column.name for column in fact.table.c]
    pair = [table.c[name].label(f"{side}_{name}") for side, table in (("old", old), ("new", new)) for name in names]
    joined = old.join(new, old.c.id == new.c.id, full=True)
    total = connection.scalar(sa.select(sa.func.count()).select_from(joined).where(differs)) or 0
    key = sa.func.coalesce(new.c.source_key, old.c.source_key)
    query = sa.select(kind, *pair).select_from(joined).where(differs).order_by(key).limit(limit).offset(offset)
    items = []
    for row in connection.execute(query).mappings():
        before = {name: row[f"old_{name}"] for name in names}
        after = {name: row[f"new_{name}"] for name in names}
        shown = before if row["kind"] == "gone" else after
        items.append({"kind": row["kind"], **told(entity, shown), "changes": _changes(entity, before, after)})
    return {"items": items, "total": total}


def _changes(entity: Entity, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    if before["id"] is None or after["id"] is None:
        return {}
    old, new = told(entity, before), told(entity, after)
    differing = (name for name in before if name not in _ABOUT and before[name] != after[name])
    return {name: {"before": old[name], "after": new[name]} for name in differing}


# --- a line --------------------------------------------------------------------------------------------------------

# Which currency an amount is in.
MONEY = {
    "commitments": {
        "ordered_amount": "currency",
        "relieved_amount": "currency",
        "open_amount": "currency",
        "tax_amount": "currency",
        "company_ordered_amount": "company_currency",
        "company_relieved_amount": "company_currency",
        "company_open_amount": "company_currency",
    },
    "actuals": {
        "amount": "currency",
        "tax_amount": "currency",
        "retained_amount": "currency",
        "company_amount": "company_currency",
    },
}


def told(entity: Entity, row: Mapping[Any, Any]) -> dict[str, Any]:
    """A line as it is shown: money with its currency's digits, other numbers exact, ids as text."""
    shown = {name: value for name, value in row.items() if name not in HIDDEN}
    for name, currency in MONEY[entity].items():
        if shown.get(name) is not None:
            shown[name] = money(shown[name], shown[currency])
    for name in ("exchange_rate", "quantity"):
        if shown.get(name) is not None:
            shown[name] = f"{shown[name].normalize():f}"
    return shown | {"id": str(shown["id"])}


def line(
    connection: sa.Connection,
    entity: Entity,
    project: Any,
    line_id: int,
    hidden: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Any] | None:
    """One line with all that is known of how it came to be: its versions, its raw record, the runs that wrote it.

    ``hidden`` are systems whose people are not shown, with the roles that stand for them. None when the project has no
    such line.
    """
    hidden = hidden or {}
    table = veiled(FACTS[entity].table, hidden)
    query = sa.select(table).where(
        table.c.id == line_id,
        table.c.organization_id == project.organization_id,
        table.c.project_id == project.project_id,
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        return None
    versions = _versions(connection, entity, dict(row), hidden)
    runs = {version["run_id"] for version in versions}
    return {
        "line": told(entity, row),
        "versions": versions,
        "raw": _raw(connection, row, hidden),
        "runs": _runs(connection, runs),
    }


def _versions(
    connection: sa.Connection, entity: Entity, row: dict[str, Any], hidden: Collection[str]
) -> list[dict[str, Any]]:
    """The newest first: since when, by which run, and what that run changed."""
    past = veiled(HISTORY[entity], hidden)
    query = sa.select(past).where(past.c.organization_id == row["organization_id"], past.c.id == row["id"])
    earlier = connection.execute(query.order_by(past.c.valid_to)).mappings().all()
    every: list[Mapping[Any, Any]] = [*earlier, row | {"valid_to": None}]
    found: list[dict[str, Any]] = []
    before: dict[str, Any] | None = None
    for version in every:
        values = {name: value for name, value in version.items() if name != "valid_to"}
        found.append(
            {
                "from": version["last_changed_at"],
                "to": version["valid_to"],
                "run_id": version["run_id"],
                "changes": _changes(entity, before, values) if before else {},
            }
        )
        before = values
    return found[::-1]


def _raw(
    connection: sa.Connection, row: Mapping[Any, Any], hidden: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    """What the source delivered, the newest first; decimals in it are texts."""
    if not row["raw_key"]:
        return []
    found: list[dict[str, Any]] = []
    for table, until in ((raw_records, sa.null()), (HISTORY["raw_records"], HISTORY["raw_records"].c.valid_to)):
        c = table.c
        query = sa.select(c.stream, c.source_key, c.record, c.run_id, c.last_changed_at, until.label("valid_to")).where(
            c.organization_id == row["organization_id"],
            c.system == row["system"],
            c.stream == row["raw_stream"],
            c.source_key == row["raw_key"],
        )
        found += map(dict, connection.execute(query.order_by(c.last_changed_at.desc())).mappings())
    if (roles := hidden.get(row["system"])) is not None:
        found = [one | {"record": without_people(one["record"], row["system"], roles)} for one in found]
    return [
        {**{k: v for k, v in one.items() if k != "last_changed_at"}, "from": one["last_changed_at"]} for one in found
    ]


def _runs(connection: sa.Connection, run_ids: set[str]) -> list[dict[str, Any]]:
    run = sync_runs.c
    names = (run.run_id, run.entity, run.mode, run.status, run.requested_by, run.requested_at, run.ended_at)
    query = sa.select(*names, run.dagster_run_id).where(run.run_id.in_(run_ids)).order_by(run.requested_at.desc())
    return [dict(row) for row in connection.execute(query).mappings()]
