"""How long order lines take from a source to the facts, beside dlt and beside the floor."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg

from bench import reading
from bench.report import Measured
from ppm_pipelines.tables import HISTORY
from ppm_pipelines_tests.product import Product, free_port

ROOT = Path(__file__).resolve().parents[1]
DLT = ROOT / ".venv-bench" / "bin" / "python"


@contextmanager
def source(module: str, *arguments: str) -> Iterator[str]:
    """Where a source of ours answers, in a process of its own."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", module, str(port), *arguments], cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            try:
                httpx.get(f"{url}/_bench/asked", trust_env=False)
                break
            except httpx.HTTPError:
                time.sleep(0.2)
        else:
            raise TimeoutError("The source did not answer within 10 minutes.")
        yield url
    finally:
        process.terminate()
        process.wait()


def timed(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    told: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


def measure(
    product: Product, environment: dict[str, str], database: str, folder: Path, lines: int, *, turns: int, fewer: int
) -> Iterator[Measured]:
    """First load, the same again unchanged, and 1,000 changed; then how the Costbook answers from that. ``turns``: so
    often a first load, its floors and dlt take turns. ``fewer``: a first load of so many lines takes turns with it.
    Of each, 0: none."""
    ours = [sys.executable, "-m", "bench.ours"]
    what = f"{lines:,} order lines"
    with source("bench.source", str(lines)) as url:
        beside = [_turn(environment, database, url, folder / str(number)) for number in range(turns)]
        smaller = _smaller(environment, database, url, fewer) if fewer else []
        firsts = [one[0] for one in (*beside, *smaller)] or [_one(environment, database, "ours", url, "full")]
        again = timed([*ours, url, "full"], environment)
        nothing = timed([*ours, url, "0"], environment)
        earlier = datetime.now(UTC)
        version = httpx.post(f"{url}/change", params={"lines": 1000}, timeout=600, trust_env=False).json()["version"]
        changed = timed([*ours, url, str(version - 1)], environment)
        yield _middle(f"{what}, first load", firsts)
        if smaller:
            yield from _growth(f"{lines:,} / {fewer:,} lines", smaller)
        yield Measured(f"{what}, the whole read again, unchanged", again["seconds"], "s", memory=again["peak_mb"])
        yield Measured(f"{what}, incremental, nothing changed", nothing["seconds"], "s", memory=nothing["peak_mb"])
        yield Measured(f"{what}, incremental, 1,000 changed", changed["seconds"], "s", memory=changed["peak_mb"])
        assert changed["counts"]["updated"] == 1000, changed
        yield from reading.measure(product, what, earlier)
        if turns:
            yield from _floors(what, beside)
        if turns and DLT.exists():
            yield from _dlt(database, folder, url, what, beside, changed["seconds"])


def _turn(environment: dict[str, str], database: str, url: str, folder: Path) -> list[dict[str, Any]]:
    """A first load, its two floors, and dlt, right after each other: the machine's speed moves more from one minute to
    the next than some of them differ."""
    dlt = []
    if DLT.exists():
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("drop schema if exists bench_dlt cascade")
        dlt = [_by_dlt(database, folder, url)]
    floors = [_one(environment, database, "floor", url, *columns) for columns in ((), ("facts",))]
    return [_one(environment, database, "ours", url, "full"), *floors, *dlt]


def _smaller(environment: dict[str, str], database: str, url: str, fewer: int) -> list[list[dict[str, Any]]]:
    """Twice a first load, each behind one of fewer lines."""
    turns = []
    with source("bench.source", str(fewer)) as small:
        for _ in range(2):
            less = _one(environment, database, "ours", small, "full")
            turns.append([_one(environment, database, "ours", url, "full"), less])
    return turns


def _growth(what: str, turns: list[list[dict[str, Any]]]) -> Iterator[Measured]:
    for name, told, goal in (("seconds", "time", "at most 12"), ("peak_mb", "peak memory", "at most 1.3")):
        more, less = (sum(one[which][name] for one in turns) for which in (0, 1))
        yield Measured(f"{what}, {told}, {len(turns)} of each", more / less, "×", goal)


def _one(environment: dict[str, str], database: str, who: str, *arguments: str) -> dict[str, Any]:
    forget(database)
    return timed([sys.executable, "-m", f"bench.{who}", *arguments], environment)


def _by_dlt(database: str, folder: Path, url: str, *since: str) -> dict[str, Any]:
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PPM_")}
    return timed([str(DLT), "bench/peer_dlt.py", url, database, str(folder), *since], outside)


def _floors(what: str, turns: list[list[dict[str, Any]]]) -> Iterator[Measured]:
    for which, name in ((1, "floor"), (2, "floor with the columns and indexes of facts")):
        yield _middle(f"{what}, {name}", [one[which] for one in turns])
        yield _ratio(f"first load / {name}", turns, 0, which, "at most 1.5")


def _dlt(
    database: str, folder: Path, url: str, what: str, turns: list[list[dict[str, Any]]], changed: float
) -> Iterator[Measured]:
    yield _middle(f"{what}, dlt, first load", [one[3] for one in turns])
    yield _ratio("dlt / first load", turns, 3, 0, "at least 6")
    yield _ratio("dlt / floor", turns, 3, 1)
    version = httpx.post(f"{url}/change", params={"lines": 1000}, timeout=600, trust_env=False).json()["version"]
    merged = _by_dlt(database, folder / str(len(turns) - 1), url, str(version - 1))
    yield Measured(f"{what}, dlt, 1,000 changed", merged["seconds"], "s", memory=merged["peak_mb"])
    yield Measured("dlt / 1,000 changed", merged["seconds"] / changed, "×")


def _middle(what: str, runs: list[dict[str, Any]]) -> Measured:
    seconds, peak = (statistics.median(one[name] for one in runs) for name in ("seconds", "peak_mb"))
    return Measured(what, seconds, "s", memory=peak)


def _ratio(what: str, turns: list[list[dict[str, Any]]], over: int, under: int, goal: str = "") -> Measured:
    ratio = statistics.median(one[over]["seconds"] / one[under]["seconds"] for one in turns)
    return Measured(f"{what}, median of {len(turns)} turns", ratio, "×", goal)


def forget(database: str) -> None:
    others = ["projects", "sync_state", "sync_runs"]
    with psycopg.connect(database, autocommit=True) as connection:
        tables = ", ".join(f"ppm.{name}" for name in (*HISTORY, *(f"{name}_history" for name in HISTORY), *others))
        connection.execute(f"truncate {tables} cascade")
        connection.execute("drop schema if exists bench cascade")
