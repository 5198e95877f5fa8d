"""Our way from a system to the facts: adapter, loader, reconciliation, as the product does a first load.

``python -m bench.answers_ours SYSTEM URL``: SYSTEM is one of ``bench.answers``. Prints seconds, the peak of this
process's memory, and the counts, as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time

from ppm_pipelines import database, load, runs
from ppm_pipelines.adapters import ADAPTERS
from ppm_pipelines.sync import carry_out
from ppm_pipelines_tests.simulated import named


def main() -> None:
    system, url = named(sys.argv[1]), sys.argv[2]
    kind = ADAPTERS[system.slug]
    told = {name: url + one if str(one).startswith("/") else one for name, one in system.settings(url).items()}
    settings = kind.Settings.model_validate(told)
    request = runs.RunRequest("bench", system.slug, "costs", "full", "bench")
    with database.owner() as connection:
        run_id = runs.claim(connection, request).run_id
        runs.started(connection, run_id, "")
    started = time.perf_counter()
    result = carry_out(request, run_id, lambda: kind(settings, allowed_hosts=url, timeout_seconds=3600))
    print(
        json.dumps(
            {
                "seconds": time.perf_counter() - started,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "counts": {name: getattr(result, name) for name in load.COUNTS},
            }
        )
    )


if __name__ == "__main__":
    main()
