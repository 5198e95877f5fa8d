"""How long lines take from each system to the facts, beside the floor of the system's protocol.

What is measured is the reader: the source is a record of what the simulated system answered (``answers``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import httpx

from bench.answers import LINES_OF_ONE
from bench.loading import forget, source, timed
from bench.report import Measured

WANTED = 2  # times the floor, of the slowest


def measure(environment: dict[str, str], database: str, lines: int, times: int) -> Iterator[Measured]:
    """Each system alone, beside the floor from the same record; by turns, and the best of so many times counts."""
    ratios = {}
    for system in LINES_OF_ONE:
        ours, floor = _measured(environment, database, system, lines, times)
        loaded, seconds = ours["counts"]["inserted"], ours["seconds"]
        ratios[system] = seconds / floor["seconds"]
        yield Measured(f"{system}: {loaded:,} lines, first load", seconds, "s", memory=ours["peak_mb"])
        yield Measured(f"{system}: floor, {floor['requests']} requests", floor["seconds"], "s")
        yield Measured(f"{system}: lines in a second", loaded / seconds, "")
        yield Measured(f"{system}: first load / floor", ratios[system], "×")
    slowest = max(ratios, key=ratios.__getitem__)
    yield Measured(f"the slowest beside its floor: {slowest}", ratios[slowest], "×", f"at most {WANTED}")


def _measured(
    environment: dict[str, str], database: str, system: str, lines: int, times: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    ours, floors = [], []
    with source("bench.answers", system, str(lines)) as url:
        program = [sys.executable, "-m", "bench.answers_ours", system, url]
        forget(database)
        recorded = timed(program, environment)
        for _ in range(times):
            _play(url)
            floors.append(timed([sys.executable, "-m", "bench.answers_floor", url], environment))
            forget(database)
            _play(url)
            ours.append(timed(program, environment))
            assert ours[-1]["counts"] == recorded["counts"], (system, recorded, ours[-1])
    return min(ours, key=_seconds), min(floors, key=_seconds)


def _seconds(told: dict[str, Any]) -> float:
    return float(told["seconds"])


def _play(url: str) -> None:
    httpx.post(f"{url}/_bench/play", timeout=60, trust_env=False).raise_for_status()
