"""Entry point of the code location: loads ``defs/``, names the executor and what a run says on the console."""

from pathlib import Path

import dagster as dg

defs = dg.Definitions.merge(
    dg.load_from_defs_folder(path_within_project=Path(__file__).parent),
    dg.Definitions(
        # One step, one transaction: a process per step would only add seconds.
        executor=dg.in_process_executor,
        # Every event is in the run's own log; the terminal of `ppm up` tells what a person would ask about.
        loggers={"console": dg.colored_console_logger.configured({"log_level": "INFO"})},
    ),
)
