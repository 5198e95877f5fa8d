"""What goes wrong on request in every simulated system: faults by name that count down, and answers that are late.

Belongs here: counting faults, refusals with ``Retry-After``, slow answers, what is asked of a control. Does not belong
here: the faults of one system (its own ``faults``), what a reader should make of them.

Faults of the answer count down with each data request, after as many other answers as they are told to wait for; a
switch stays until ``none``; ``page_size`` bounds every page. Faults of the data stay until a reset.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection
from email.utils import formatdate
from typing import Any

from starlette.responses import Response, StreamingResponse

from .control import Mistake, whole

FOREIGN = "http://169.254.169.254/latest/meta-data"
MOST_TIMES = 1_000_000
# A switch of every system: answers take a moment, so that requests which are under way at once are seen to be.
LINGER, LINGER_SECONDS = "linger", 0.01


class Faults:
    """How often each fault is still to come, and how large a page may be (None: as the system's own limit is)."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.left: Counter[str] = Counter()
        self.seconds = 1.0
        self.waiting = 0
        self.page_size: int | None = None

    def take(self, kinds: Collection[str]) -> str | None:
        """The next fault of these kinds that is due, counted down."""
        for kind in kinds:
            if self.left[kind] > 0 and not self.waiting:
                self.left[kind] -= 1
                return kind
        return None

    def on(self, kinds: Collection[str]) -> list[str]:
        """The switches of these that are on."""
        return [kind for kind in kinds if self.left[kind] > 0]

    def page(self, wanted: int) -> int:
        return min(wanted, self.page_size or wanted)

    def follow(self, body: dict[str, Any], kinds: Collection[str]) -> dict[str, Any]:
        """Does what a control was asked: one of the ``kinds``, ``page_size``, or ``none`` for the end of all."""
        kind, times = body.get("kind"), whole(body, "times", 1, MOST_TIMES)
        if kind == "none":
            self.clear()
        elif kind == "page_size":
            self.page_size = times
        elif kind in (*kinds, LINGER):
            self.left[kind], self.waiting = times, int(body.get("after", 0))
            self.seconds = float(body.get("seconds", 1.0))
        else:
            raise Mistake(f"There is no fault '{kind}'; there are {', '.join(kinds)}, {LINGER}, page_size and none.")
        return {"kind": kind, "times": times}


def retry_after(kind: str, seconds: float) -> dict[str, str]:
    """The header of a refusal: with ``http_429_date`` as a date, else in seconds."""
    return {"Retry-After": formatdate(time.time() + seconds, usegmt=True) if "date" in kind else f"{seconds:.0f}"}


async def _dripping(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    """The body in ten pieces over that many seconds."""
    size = max(1, len(body) // 10)
    for start in range(0, len(body), size):
        await asyncio.sleep(seconds / 10)
        yield body[start : start + size]


def slowly(response: Response, seconds: float) -> Response:
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return StreamingResponse(_dripping(bytes(response.body), seconds), response.status_code, headers)
