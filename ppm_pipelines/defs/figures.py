"""What derives from the facts: the Costbook's figures, with their lineage to every system.

Belongs here: the assets under ``costbook/``. Does not belong here: what a figure is (``ppm_pipelines.costbook``).

Figures are computed when they are read, so that they never lag behind the facts; materializing this records the
totals per currency, to be plotted over time and checked.
"""

from typing import Any

import dagster as dg

from ppm_pipelines import costbook, database
from ppm_pipelines.adapters import ADAPTERS
from ppm_pipelines.defs.resources import organizations

FACTS = ("commitments", "actuals")
FIGURES = ("budget", "committed", "actual", "open", "total_spend", "eac")
PREVIEW_ROWS = 20
UPSTREAM = [[system, fact] for system, adapter in ADAPTERS.items() for fact in FACTS if fact in adapter.entities]


@dg.asset(
    key=["costbook", "project_figures"],
    deps=UPSTREAM,
    group_name="costbook",
    partitions_def=organizations,
    kinds={"postgres"},
    description="Budget, committed, actual, open and expected end per project, computed from the facts when read.",
    check_specs=[
        dg.AssetCheckSpec(
            "nothing_in_quarantine",
            asset=["costbook", "project_figures"],
            description="No project's figures are short by records in quarantine.",
        )
    ],
    automation_condition=dg.AutomationCondition.eager(),
)
def project_figures(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
    with database.scoped(context.partition_key) as connection:
        projects = costbook.project_figures(connection)
    short = [one["project_nr"] for one in projects if one["quarantined"]]
    metadata: dict[str, Any] = {"projects": len(projects), "preview": dg.MetadataValue.md(_preview(projects))}
    for total in costbook.totals(projects):
        metadata[f"totals {total['currency']}"] = dg.MetadataValue.json({name: total[name] for name in FIGURES})
        # Whole units, for the plot over time; the exact amounts are beside them.
        metadata[f"open {total['currency']}"] = dg.MetadataValue.int(int(total["open"].split(".")[0]))
    check = dg.AssetCheckResult(
        check_name="nothing_in_quarantine",
        passed=not short,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"projects": dg.MetadataValue.json(short)},
    )
    return dg.MaterializeResult(metadata=metadata, check_results=[check])


def _preview(projects: list[dict[str, Any]]) -> str:
    names = ("project_nr", "name", "currency", *FIGURES)
    rows = [tuple("–" if one[name] is None else one[name] for name in names) for one in projects[:PREVIEW_ROWS]]
    lines = [names, tuple("---" for _ in names), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


job = dg.define_asset_job(
    "costbook_figures",
    selection=dg.AssetSelection.assets(["costbook", "project_figures"]),
    description="Records the Costbook's figures of one organisation.",
)

# Dagster's own sensor for conditions starts stopped; ours runs.
sensor = dg.AutomationConditionSensorDefinition(
    "costbook_follows",
    target=dg.AssetSelection.groups("costbook"),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=60,
)
