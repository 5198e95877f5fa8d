"""``python -m ppm_pipelines.sandbox``: the simulated tenant on a port of the loopback interface."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import uvicorn

from .app import create


def moment(written: str) -> int:
    """ISO 8601 to milliseconds since 1970; without a zone it is UTC."""
    read = datetime.fromisoformat(written)
    return int((read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp() * 1000)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ppm_pipelines.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--seed", type=int, default=7, help="the same seed makes the same company")
    parser.add_argument("--orders", type=int, default=2500, help="order lines in the history")
    parser.add_argument("--pace", type=float, default=20, help="seconds per business step, 0: only when asked")
    parser.add_argument("--anchor", type=moment, help="where history ends (ISO 8601); default now")
    asked = parser.parse_args()
    app = create(asked.seed, asked.orders, asked.pace, asked.anchor)
    uvicorn.run(app, host="127.0.0.1", port=asked.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
