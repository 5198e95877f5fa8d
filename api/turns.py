"""Hundreds who click at once take turns: whoever reads meanwhile waits for the one whose turn it is, not for all.

Belongs here: whose turn it is, and when a click arrived. Does not belong here: what is done in a turn
(``integrations``).

To take a request apart, and to write its answer, take the one loop that all requests share a millisecond or two each.
Of five hundred they would take it for a second, one right after the other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from contextvars import ContextVar
from typing import TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

T = TypeVar("T")
# After a turn the loop is everybody else's for twice as long as it took: a click waits for its run anyway.
PAUSES, PAUSE_MOST_SECONDS = 2, 0.02


class Turn:
    """One click's; ``arrived`` by the monotonic clock."""

    def __init__(self, turns: asyncio.Lock) -> None:
        self._turns, self._mine = turns, False
        self.arrived = self._began = time.monotonic()

    async def begin(self) -> None:
        await self._turns.acquire()
        self._mine, self._began = True, time.monotonic()

    def end(self) -> None:
        if self._mine:
            self._mine = False
            pause = min(PAUSES * (time.monotonic() - self._began), PAUSE_MOST_SECONDS)
            asyncio.get_running_loop().call_later(pause, self._turns.release)


_TURN: ContextVar[Turn | None] = ContextVar("turn", default=None)


class Turns:
    """Requests to sync one after the other; all else as it comes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self._turns = app, asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        _TURN.set(None)  # a request that follows another on its connection begins in the context of that one
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].endswith("/sync"):
            await self._app(scope, receive, send)
            return
        turn = Turn(self._turns)
        first = await receive()
        receive = _again(first, receive)
        if first.get("more_body"):  # whoever is still sending must not keep all others waiting
            await self._app(scope, receive, send)
            return
        _TURN.set(turn)
        try:
            await turn.begin()
            await self._app(scope, receive, send)
        finally:
            turn.end()


def _again(first: Message, receive: Receive) -> Receive:
    """The message that was taken, then those that come."""
    taken = [first]

    async def received() -> Message:
        return taken.pop() if taken else await receive()

    return received


async def aside(waits: Awaitable[T]) -> T:
    """What is waited for; others have their turn meanwhile."""
    turn = _TURN.get()
    if turn is None:
        return await waits
    turn.end()
    found = await waits
    await turn.begin()
    return found


def arrived() -> float:
    """When the request that is answered here came, by the monotonic clock."""
    turn = _TURN.get()
    return turn.arrived if turn else time.monotonic()
