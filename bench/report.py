"""What was measured, as a table on the terminal and as BENCHMARKS.md."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "BENCHMARKS.md"
PACKAGES = ("dagster", "fastapi", "psycopg", "sqlalchemy", "httpx", "msgspec")


@dataclass(frozen=True)
class Measured:
    """One line: what was done, how long it took, and what it should reach."""

    what: str
    value: float
    unit: str
    wanted: str = ""
    memory: float | None = None

    def cells(self) -> tuple[str, str, str, str]:
        digits = 2 if self.value < 100 else 0
        memory = "" if self.memory is None else f"{self.memory:,.0f} MB"
        return self.what, f"{self.value:,.{digits}f} {self.unit}", memory, self.wanted


HEAD = ("work", "measured", "peak memory", "to reach")


def table(rows: Iterable[Measured]) -> str:
    lines = [HEAD, ("---",) * len(HEAD), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(sections: dict[str, list[Measured]], asked: str) -> None:
    """The newest run, and what was asked for; ratios are what counts, absolute times are this machine's."""
    parts = [
        "# Benchmarks",
        f"Measured by `{asked}` on {datetime.now(UTC).date()}, everything in one run on one machine: {_machine()}.",
        "Versions: "
        + ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        + f", Python {platform.python_version()}.",
        "Ratios are what counts; absolute times move by a third with what else the machine does. Where a figure falls "
        "short, decisions [2](docs/decisions/0002-warm-run-processes.md) (clicks) and "
        "[8](docs/decisions/0008-loading-in-blocks.md) (loading) say what the floor is, and why it is the floor.",
    ]
    for title, rows in sections.items():
        parts += [f"## {title}", table(rows)]
    FILE.write_text("\n\n".join(parts) + "\n")


def _machine() -> str:
    cores = subprocess.run(["nproc"], capture_output=True, text=True, check=False).stdout.strip()
    return f"{cores or 'unknown'} cores, {platform.system()} {platform.machine()}"
