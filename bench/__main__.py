"""``make bench``: measures everything in one run, prints the table and writes BENCHMARKS.md. ``QUICK=1``: some
minutes, smaller and fewer. ``WITHOUT=systems,pages``: not these; recording the answers of six systems takes longest.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from bench import browsing, clicking, loading, mapping, memory, report, systems
from bench.report import Measured
from ppm_pipelines_tests.product import database_url, started

EACH = 100_000  # lines of every system, and of the load that a million is measured beside


def main() -> None:
    quick = bool(os.environ.get("QUICK"))
    # The answers of six systems have to be recorded first, and pages built.
    without = set(os.environ.get("WITHOUT", "").split(",")) | ({"systems", "pages"} if quick else set())
    sections: dict[str, list[Measured]] = {}
    with tempfile.TemporaryDirectory(prefix="ppm") as folder:
        home, plain, peer, pages = (Path(folder) / name for name in ("home", "plain", "peer", "pages"))
        for one in (home, plain, peer, pages):
            one.mkdir()
        begun = time.perf_counter()
        with started(home) as product:
            up = time.perf_counter() - begun
            sections["Click"] = _told(clicking.measure(product, plain, quick=quick))
            beside = [] if quick else memory.peer(product, plain)
            sections["Memory without pages"] = _told(chain(memory.measure(product), beside))
            sections["Start"] = [Measured("the product without its pages, first start", up, "s")]
            url = database_url(product.environment)
            environment = product.environment | {"PPM_DATABASE_URL": url}
            for lines, turns, fewer in ((20_000, 1, 0),) if quick else ((EACH, 3, 0), (1_000_000, 0, EACH)):
                loaded = loading.measure(product, environment, url, peer, lines, turns=turns, fewer=fewer)
                sections[f"{lines:,} order lines"] = _told(loaded)
            if "systems" not in without:
                each = systems.measure(environment, url, EACH, times=2)
                sections[f"{EACH:,} lines of each system, end to end"] = _told(each)
        if "pages" not in without:
            sections["With its pages"] = _told(browsing.measure(pages))
    sections["Field mapping"] = _told(mapping.measure())
    report.write(sections, _asked())
    for title, rows in sections.items():
        print(f"\n{title}\n{report.table(rows)}")


def _asked() -> str:
    given = "".join(f" {name}={value}" for name in ("QUICK", "WITHOUT") if (value := os.environ.get(name)))
    return f"make bench{given}"


def _told(rows: Iterable[Measured]) -> list[Measured]:
    found = []
    for row in rows:
        sys.stderr.write(f"{' | '.join(row.cells())}\n")
        found.append(row)
    return found


if __name__ == "__main__":
    main()
