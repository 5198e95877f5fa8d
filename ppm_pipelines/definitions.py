"""Entry point of the code location: loads ``defs/`` and names the executor. What Dagster sees is in ``defs/``."""

from pathlib import Path

import dagster as dg

defs = dg.Definitions.merge(
    dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
    # One step, one transaction: a process per step would only add seconds.
    dg.Definitions(executor=dg.in_process_executor),
)
