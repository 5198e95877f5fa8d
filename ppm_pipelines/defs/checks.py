"""What is looked at after a sync, as Dagster's asset checks.

Belongs here: the checks of every system, made from the same definitions. Does not belong here: when they run
(``syncs``, ``schedules``), how a source is compared (``ppm_pipelines.reconcile``). Checks inform; what must not load is
refused before the merge.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import sqlalchemy as sa

from ppm_pipelines import database, runs, tables
from ppm_pipelines.adapters.base import Adapter
from ppm_pipelines.load import SyncResult

ABOUT = {
    "mass_disappearance": "No more than half of what was known would have vanished at once; else nothing was loaded.",
    "rows_match_source": "As many rows as the source itself counts for the same cut.",
    "money_matches_source": "The same money per project, currency and period as the source's own totals.",
    "required_fields": "No row lacks a key, project or currency.",
    "nothing_rejected": "No record is in quarantine.",
    "amounts_add_up": "What is open is what is ordered less what is relieved, or nothing.",
    "no_anomalies": "No posting changed under its key, and nothing was received or invoiced beyond its order.",
}
DIFFERENCES_TOLD = 50
MASS_DISAPPEARANCE = "mass_disappearance"


def check_specs(adapter: type[Adapter]) -> Iterator[dg.AssetCheckSpec]:
    """The same for the commitments and actuals of every system."""
    for entity in tables.REQUIRED:
        if entity in adapter.entities:
            for name, description in ABOUT.items():
                yield dg.AssetCheckSpec(name, asset=[adapter.system, entity], description=description)


def checked(checks: Iterable[dg.AssetCheckKey], result: SyncResult) -> list[dg.AssetCheckResult]:
    """All that were asked for, looked at in one go."""
    with database.owner() as connection:
        return [
            _result(check, *_CHECKS[check.name](connection, check.asset_key.path[-1], result))
            for check in sorted(checks, key=lambda check: check.name)
        ]


def disappeared(check: dg.AssetCheckKey, sentence: str) -> dg.AssetCheckResult:
    """The check that says why a load was refused."""
    return _result(check, False, {"reason": sentence})


def _result(check: dg.AssetCheckKey, passed: bool, metadata: dict[str, Any]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


def _nothing_disappeared(_: sa.Connection, __: str, ___: SyncResult) -> tuple[bool, dict[str, Any]]:
    return True, {}  # otherwise there would be no result


def _rows_match(_: sa.Connection, entity: str, result: SyncResult) -> tuple[bool, dict[str, Any]]:
    rows = (result.reconciliation or {}).get("rows_by_entity", {}).get(entity)
    return rows is None or rows["ours"] == rows["source"], {"rows": dg.MetadataValue.json(rows or {})}


def _money_matches(_: sa.Connection, entity: str, result: SyncResult) -> tuple[bool, dict[str, Any]]:
    compared = result.reconciliation or {}
    differences = [one for one in compared.get("differences", []) if one["entity"] == entity]
    told = {"detail": compared.get("detail", ""), "differences": dg.MetadataValue.json(differences[:DIFFERENCES_TOLD])}
    return not differences, told


def _amounts_add_up(connection: sa.Connection, entity: str, result: SyncResult) -> tuple[bool, dict[str, Any]]:
    """An open amount is the rest of its order, in both currencies, or 0 where the line is done (DOMAIN R3)."""
    if entity != "commitments":
        return True, {}
    c = tables.commitments.c
    query = sa.select(c.source_key).where(
        c.organization_id == result.organization_id, c.system == result.system, tables.NOT_ADDING_UP
    )
    found = list(connection.scalars(query.order_by(c.source_key).limit(DIFFERENCES_TOLD)))
    return not found, {"lines": dg.MetadataValue.json(found)}


def _no_anomalies(_: sa.Connection, entity: str, result: SyncResult) -> tuple[bool, dict[str, Any]]:
    found = result.by_entity.get(entity, {}).get("anomalies", [])
    return not found, {"anomalies": dg.MetadataValue.json(found)}


def _required_fields(connection: sa.Connection, entity: str, result: SyncResult) -> tuple[bool, dict[str, Any]]:
    table = tables.metadata.tables[f"ppm.{entity}"]
    lacking = {name: sa.func.count().filter(table.c[name] == "") for name in tables.REQUIRED[entity]}
    query = sa.select(*(count.label(name) for name, count in lacking.items())).where(
        table.c.organization_id == result.organization_id, table.c.system == result.system, tables.INCOMPLETE[entity]
    )
    found = dict(connection.execute(query).mappings().one())
    return not any(found.values()), {name: dg.MetadataValue.int(count) for name, count in found.items()}


def _nothing_rejected(connection: sa.Connection, entity: str, result: SyncResult) -> tuple[bool, dict[str, Any]]:
    bad = tables.rejections.c
    query = sa.select(sa.func.count()).where(
        bad.organization_id == result.organization_id, bad.system == result.system, bad.entity == entity
    )
    count = connection.scalar(query) or 0
    return count == 0, {"in_quarantine": dg.MetadataValue.int(count)}


_CHECKS: dict[str, Callable[[sa.Connection, str, SyncResult], tuple[bool, dict[str, Any]]]] = {
    MASS_DISAPPEARANCE: _nothing_disappeared,
    "amounts_add_up": _amounts_add_up,
    "no_anomalies": _no_anomalies,
    "rows_match_source": _rows_match,
    "money_matches_source": _money_matches,
    "required_fields": _required_fields,
    "nothing_rejected": _nothing_rejected,
}

# --- freshness -----------------------------------------------------------------------------------------------------

STALE_HOURS = 26  # a day and a bit: a nightly schedule that did not run is seen the same morning


def freshness_check(adapter: type[Adapter]) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=[adapter.system, "commitments"],
        name="freshness",
        description=f"Every enabled connector with a schedule was synced within {STALE_HOURS} hours.",
    )
    def freshness() -> dg.AssetCheckResult:
        stale = _stale(adapter.system)
        return dg.AssetCheckResult(
            passed=not stale, severity=dg.AssetCheckSeverity.WARN, metadata={"stale": dg.MetadataValue.json(stale)}
        )

    return freshness


def _stale(system: str) -> list[str]:
    run, connector = tables.sync_runs.c, tables.connectors.c
    with database.owner() as connection:
        fresh = connection.scalars(
            sa.select(run.organization_id)
            # What is made again asks the source for nothing new.
            .where(run.system == system, run.status.in_(("success", "partial")), run.mode.not_in(runs.AGAIN))
            .where(run.ended_at > datetime.now(UTC) - timedelta(hours=STALE_HOURS))
            .distinct()
        ).all()
        wanted = connection.scalars(
            sa.select(connector.organization_id).where(
                connector.system == system, connector.enabled, connector.schedule.is_not(None)
            )
        ).all()
    return sorted(set(wanted) - set(fresh))
