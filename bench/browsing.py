"""The whole product with its pages: how long a later start takes, and a click in a real browser until its toast."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench import memory
from bench.report import Measured
from ppm_pipelines import up
from ppm_pipelines_tests import frontend
from ppm_pipelines_tests.product import Product, started

CLICKS = 9


def measure(folder: Path) -> Iterator[Measured]:
    with started(folder, without=("first-sync",)) as first:  # installs and builds what is missing
        first.connected()
    begun = time.perf_counter()
    with started(folder, without=("first-sync",), again=first) as product:
        yield Measured(
            "`make up` the second time, until everything answers", time.perf_counter() - begun, "s", "under 15"
        )
        product.connected()
        time.sleep(memory.SETTLED_SECONDS)
        yield from memory.measure(product)
        costs = {"system": "sap", "entity": "costs"}  # a Costbook to look at
        product.api("controller").post("/api/integrations/sync", params={"wait": 120}, json=costs).raise_for_status()
        yield Measured(
            "click to toast in a browser, ten changed documents, median", _clicked(product), "s", "under 1.3"
        )


def _clicked(product: Product) -> float:
    base = "http://127.0.0.1"
    environment = product.environment | {
        "PPM_CHROMIUM": frontend.chromium(),
        "PPM_E2E_URL": f"{base}:{product.port('frontend')}",
        "PPM_E2E_SANDBOX_URL": f"{base}:{product.port('sandbox')}",
    }
    command = [up.node(), "scripts/click-to-toast.mjs", str(CLICKS)]
    done = subprocess.run(command, cwd=up.FRONTEND, env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    taken: list[float] = json.loads(done.stdout)
    return statistics.median(taken) / 1000
