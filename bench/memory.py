"""What the product holds while nobody does anything, process by process, beside `dagster dev` on the same code."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from bench import clicking
from bench.report import Measured
from ppm_pipelines_tests.product import ROOT, Product, free_port

SETTLED_SECONDS = 30  # a daemon of Dagster has looked at everything once
NAMES = {
    "uvicorn": "API", "dagster-webserver": "Dagster webserver", "dagster-daemon": "Dagster daemon",
    "forkserver": "warm run process", "api grpc": "Dagster code server", "code-server": "Dagster code server",
    "postgres": "PostgreSQL",
    "ppm_pipelines.sandbox": "simulated tenant", "ppm up": "`ppm up`",
    "next-server": "pages",  # what Next.js calls itself once it runs
    "resource_tracker": "Python's tracker of what processes share",
}  # fmt: skip


def measure(product: Product) -> Iterator[Measured]:
    """Of every process of the product; what several share counts in parts, so that the sum is what is there."""
    held: dict[str, list[float]] = {}
    database = int((product.home / "postgres" / "postmaster.pid").read_text().split()[0])
    for pid, command in [*below(os.getpid()), (database, "postgres"), *below(database)]:
        name = next((said for word, said in NAMES.items() if word in command), "others")
        held.setdefault(name, []).append(share(pid))
    for name, each in held.items():
        yield Measured(name if len(each) == 1 else f"{name}, {len(each)} processes", sum(each), "MB")
    yield Measured("all of it", sum(map(sum, held.values())), "MB")


def peer(product: Product, folder: Path) -> Iterator[Measured]:
    """`dagster dev`, with its own storage: no API, no pages, no PostgreSQL, no simulated tenant."""
    port, environment = free_port(), clicking.plain(product, folder)
    command = [str(Path(sys.executable).parent / "dagster"), "dev", "-h", "127.0.0.1", "-p", str(port)]
    with (folder / "dev.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}/server_info"
            clicking.until(lambda: httpx.get(url, trust_env=False).status_code == 200)
            time.sleep(SETTLED_SECONDS)
            held = [share(pid) for pid, _ in [(process.pid, ""), *below(process.pid)]]
        finally:
            _end(process)
    yield Measured(f"`dagster dev` alone, {len(held)} processes", sum(held), "MB")


def _end(process: subprocess.Popen[bytes]) -> None:
    """`dagster dev` ignores what a terminal's Ctrl-C is ignored with, as in a background job."""
    others = [pid for pid, _ in below(process.pid)]
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        for pid in (process.pid, *others):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def below(root: int) -> list[tuple[int, str]]:
    """The processes that this one started, and those that they did, with their commands."""
    asking = ["ps", "-eo", "pid,ppid,args"]
    shown = subprocess.run(asking, capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in shown.splitlines()[1:] if not line.endswith(" ".join(asking))]
    parents = {int(row[0]): int(row[1]) for row in rows}

    def is_below(pid: int) -> bool:
        while pid > 1 and parents.get(pid) != root:
            pid = parents.get(pid, 0)
        return pid > 1

    return [(int(pid), command) for pid, _, command in rows if is_below(int(pid))]


def share(pid: int) -> float:
    """Megabytes: its own, and its part of what it shares; where that is not told (macOS), all that is resident."""
    try:
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return sum(int(line.split()[1]) for line in told.splitlines() if line.startswith("Pss:")) / 1024
    except (FileNotFoundError, ProcessLookupError):
        shown = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return int(shown.stdout.strip() or 0) / 1024
