"""How long the Costbook answers when many lines are stored: the portfolio, a project, its lines, as of earlier."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

from bench.report import Measured
from ppm_pipelines_tests.product import Product

PROJECTS = "/api/costbook/projects"
TIMES = 40
SORTED = 5  # pages by each column


def measure(product: Product, what: str, earlier: datetime) -> Iterator[Measured]:
    """``earlier`` lies before the last change, so that answers as of then need what was."""
    api = product.api("controller", "bench")
    listed = _json(api, PROJECTS, limit=500)["items"]
    own = f"{PROJECTS}/{listed[len(listed) // 2]['project_id']}"
    line = _json(api, f"{own}/commitments", limit=1)["items"][0]
    columns = [name for name in line if api.get(f"{own}/commitments", params={"sort": name}).status_code == 200]
    then = earlier.astimezone(UTC).isoformat()
    yield Measured(f"{what}: the portfolio, p95", _p95(api, PROJECTS), "ms", "under 200")
    yield Measured(f"{what}: one project, p95", _p95(api, own), "ms", "under 100")
    pages = {name: _times(api, f"{own}/commitments", SORTED, sort=f"-{name}", limit=100) for name in columns}
    every = [taken for each in pages.values() for taken in each]
    yield Measured(f"{what}: a page of lines by any of {len(columns)} columns, p95", _at95(every), "ms", "under 150")
    slowest = max(statistics.median(each) for each in pages.values())
    yield Measured(f"{what}: … by its slowest column, median", slowest, "ms")
    yield Measured(f"{what}: the portfolio as of earlier, p95", _p95(api, PROJECTS, as_of=then), "ms", "under 500")
    page = _p95(api, f"{own}/commitments", as_of=then, sort="-ordered_amount", limit=100)
    yield Measured(f"{what}: a page of lines as of earlier, p95", page, "ms", "under 500")


def _json(api: httpx.Client, path: str, **params: Any) -> Any:
    answer = api.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def _times(api: httpx.Client, path: str, times: int, **params: Any) -> list[float]:
    """Milliseconds of each answer."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        _json(api, path, **params)
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def _at95(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=20, method="inclusive")[-1]


def _p95(api: httpx.Client, path: str, **params: Any) -> float:
    return _at95(_times(api, path, TIMES, **params))
