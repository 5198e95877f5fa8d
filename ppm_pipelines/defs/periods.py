"""Periods that close by themselves, some working days after their end, where an organisation wants it.

Belongs here: when that is looked at. Does not belong here: what closing means (``ppm_pipelines.periods``).
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from ppm_pipelines import database, periods
from ppm_pipelines.adapters import ADAPTERS
from ppm_pipelines.defs.resources import organizations

SOURCES = [
    [system, fact] for system, a in ADAPTERS.items() for fact in ("commitments", "actuals") if fact in a.entities
]


@dg.asset(
    key=["costbook", "period_figures"],
    deps=SOURCES,
    group_name="costbook",
    partitions_def=organizations,
    kinds={"postgres"},
    description="Every project's figures as they were when a period was closed; what is posted into it later is late.",
)
def period_figures(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
    with database.owner() as connection:
        wanted = [one for one in periods.due(connection) if one[0] == context.partition_key]
    closed: list[str] = []
    for organization_id, year, period in wanted:
        with database.scoped(organization_id) as connection:
            periods.close(connection, organization_id, year, period, "schedule")
        closed.append(f"{year}/{periods.number(period)}")
    return dg.MaterializeResult(metadata={"closed": dg.MetadataValue.json(closed)})


job = dg.define_asset_job(
    "close_periods",
    selection=dg.AssetSelection.assets(["costbook", "period_figures"]),
    description="Closes the last period of one organisation when it is due.",
)


@dg.schedule(
    job=job,
    cron_schedule="15 * * * *",
    name="schedule_close_periods",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Asks every hour which organisations want their last period closed by now.",
)
def schedule_close_periods(context: dg.ScheduleEvaluationContext) -> Iterator[Any]:
    with database.owner() as connection:
        wanted = list(periods.due(connection, context.scheduled_execution_time))
    if not wanted:
        yield dg.SkipReason("No period is due to be closed.")
    for organization_id, year, period in wanted:
        yield dg.RunRequest(
            # With the hour: what failed is tried again.
            run_key=f"{organization_id}/{year}/{period}/{context.scheduled_execution_time:%Y-%m-%dT%H}",
            partition_key=organization_id,
            tags={"ppm/organization_id": organization_id, "ppm/requested_by": "schedule"},
        )
