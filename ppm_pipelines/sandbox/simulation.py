"""What every simulated system shares: its clock and pace, how it judges who asks it, and its control.

Belongs here: steps that are due, counting requests, the addresses below ``/_sandbox/<slug>``. Does not belong here: any
one system's world, services or faults (its own package), the shape of requests to a control (``control``).
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .control import Mistake, body_of, controlled, whole
from .faulty import LINGER, LINGER_SECONDS, MOST_TIMES, Faults

MOST_STEPS = 10_000
Endpoint = Callable[[Request], Awaitable[Response]]


class Meter:
    """How a reader asks: how often, how much at once, how often sooner than ``Retry-After`` had allowed."""

    def __init__(self) -> None:
        self.requests = self.running = self.most_at_once = self.too_early = 0
        self._not_before = 0.0

    def begin(self) -> None:
        self.requests += 1
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        self.too_early += time.time() < self._not_before

    def end(self, answer: Response | None) -> None:
        self.running -= 1
        told = answer.headers.get("retry-after", "") if answer is not None else ""
        if told.isdigit():
            self._not_before = time.time() + int(told)
        elif told:
            self._not_before = parsedate_to_datetime(told).timestamp()

    def told(self) -> dict[str, int]:
        return {"requests": self.requests, "most_at_once": self.most_at_once, "too_early": self.too_early}


class Simulation(ABC):
    """A world with its clock, its faults, and what is known of its readers.

    ``pace`` seconds are one business step; the steps are done when somebody asks, with the time at which they were
    due. ``anchor`` (milliseconds since 1970) is where history ends and the pace begins. ``size`` is how much history
    there is, 1 as people are shown it.
    """

    slug: ClassVar[str]
    # Faults of the answers and switches, by name.
    KINDS: ClassVar[tuple[str, ...]]
    # Faults of the data: each is made as often as it is asked for, and answers what it made.
    IN_DATA: ClassVar[tuple[str, ...]]

    def __init__(self, seed: int, pace: float, anchor: int, size: float = 1) -> None:
        self.seed, self.pace, self.anchor, self.size = seed, pace, anchor, size
        self.start()

    def start(self) -> None:
        """The world as it was at its anchor; what happened since is gone."""
        self.faults, self.meter, self.paced = Faults(), Meter(), 0
        self.begin()

    @abstractmethod
    def begin(self) -> None:
        """Makes the world, with its history."""

    @abstractmethod
    def routes(self) -> list[Route]:
        """The system's addresses, and its control."""

    @abstractmethod
    def step(self, stamp: int | None = None) -> Any:
        """The next business step of this seed: now, or at the given moment."""

    @abstractmethod
    def told(self) -> dict[str, Any]:
        """What there is, for people."""

    @abstractmethod
    def books(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """What an outsider must arrive at."""

    def advance(self, steps: int, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        for _ in range(steps):
            self.step()
        return {"steps": steps}

    def budgets(self) -> list[dict[str, Any]]:
        """Budgets that the system's services do not tell."""
        return []

    @abstractmethod
    def spoil(self, kind: str, times: int) -> list[dict[str, Any]]:
        """Makes faults of the data now; answers their keys and amounts."""

    # The pace

    def restart(self) -> None:
        """Back to the anchor; the pace goes on from now, so that reset means reset."""
        self.start()
        self.paced = self._due()

    def _due(self) -> int:
        return int((time.time() * 1000 - self.anchor) / (self.pace * 1000)) if self.pace > 0 else 0

    def catch_up(self) -> None:
        """The steps that the pace has made due since the last request."""
        due = self._due()
        while self.paced < due:
            self.paced += 1
            self.step(self.anchor + int(self.paced * self.pace * 1000))

    # Who asks

    def metered(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint, with every request counted."""

        async def answered(request: Request) -> Response:
            answer = None
            self.meter.begin()
            try:
                if self.faults.on((LINGER,)):
                    await asyncio.sleep(LINGER_SECONDS)
                answer = await endpoint(request)
            finally:
                self.meter.end(answer)
            self.faults.waiting = max(0, self.faults.waiting - 1)
            return answer

        return answered

    # Control

    def control(self) -> list[Route]:
        """What a person or a test does to the simulation."""
        base = f"/_sandbox/{self.slug}"
        asked = {"": self._state, "/books": self._books, "/budgets": self._budgets}
        done = {"/advance": self._advance, "/fault": self._fault, "/reset": self._reset}
        return [
            *(Route(base + path, controlled(handler)) for path, handler in asked.items()),
            *(Route(base + path, controlled(handler), methods=["POST"]) for path, handler in done.items()),
        ]

    async def _state(self, _: Request) -> Any:
        left = {kind: times for kind, times in self.faults.left.items() if times}
        return {"seed": self.seed, "pace": self.pace, **self.told(), **self.meter.told(), "faults": left}

    async def _books(self, request: Request) -> Any:
        self.catch_up()
        return self.books(request.query_params)

    async def _budgets(self, _: Request) -> Any:
        return self.budgets()

    async def _advance(self, request: Request) -> Any:
        """Business steps now."""
        body = await body_of(request)
        return self.advance(whole(body, "steps", 1, MOST_STEPS), body)

    async def _fault(self, request: Request) -> Any:
        """A fault of the answers or of the data, or a switch; kind ``none`` ends all but those of the data."""
        body = await body_of(request)
        kind = body.get("kind")
        if kind in self.IN_DATA:
            return {"kind": kind, "made": self.spoil(str(kind), whole(body, "times", 1, MOST_TIMES))}
        try:
            return self.faults.follow(body, self.KINDS)
        except Mistake as mistake:
            raise Mistake(f"{mistake} In the data: {', '.join(self.IN_DATA)}.") from None

    async def _reset(self, request: Request) -> Any:
        self.restart()
        return await self._state(request)
