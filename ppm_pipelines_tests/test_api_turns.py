"""Requests to sync take turns, and nothing else waits for theirs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Message, Receive, Scope, Send

from api.turns import Turns, arrived, aside

CLICK = {"type": "http", "method": "POST", "path": "/api/integrations/sync"}
READ = {"type": "http", "method": "GET", "path": "/api/costbook/projects"}


async def nothing() -> None:
    return None


class Server:
    """Notes what is done, in its order."""

    def __init__(self, click: Callable[[], Awaitable[object]] = nothing) -> None:
        self.click, self.done = click, list[str]()
        self.asked = Turns(self._app)

    async def _app(self, scope: Scope, receive: Receive, _send: Send) -> None:
        if scope["method"] == "GET":
            for _ in range(3):  # as a request that asks the database goes round the loop
                await asyncio.sleep(0)
            self.done.append("read")
            return
        told = [await receive()]
        while told[-1].get("more_body"):
            told.append(await receive())
        await self.click()
        self.done.append(b"".join(one["body"] for one in told).decode())

    async def ask(self, scope: Scope, *parts: tuple[bytes, bool]) -> None:
        """With the body in these parts, each with whether there are more; one that never comes follows the last."""
        messages = [{"type": "http.request", "body": body, "more_body": more} for body, more in parts]

        async def receive() -> Message:
            return messages.pop(0) if messages else await asyncio.get_running_loop().create_future()

        await self.asked(scope, receive, None)  # type: ignore[arg-type]

    async def click_it(self) -> None:
        await self.ask(CLICK, (b"click", False))


def test_a_reader_does_not_wait_for_those_who_click() -> None:
    async def both(server: Server) -> None:
        await asyncio.gather(*(server.click_it() for _ in range(50)), server.ask(READ))

    server = Server()
    asyncio.run(both(server))
    assert server.done.count("click") == 50
    assert server.done.index("read") < 5


def test_nor_for_their_answers_when_what_they_waited_for_has_ended() -> None:
    async def both() -> None:
        ended, all_wait = asyncio.Event(), asyncio.Semaphore(0)

        async def waiting() -> None:
            all_wait.release()
            await ended.wait()

        server = Server(lambda: aside(waiting()))
        clicks = [asyncio.ensure_future(server.click_it()) for _ in range(50)]
        for _ in clicks:
            await all_wait.acquire()
        ended.set()
        await asyncio.gather(*clicks, server.ask(READ))
        assert server.done.count("click") == 50
        assert server.done.index("read") < 5

    asyncio.run(both())


@pytest.mark.parametrize("parts", [[], [(b"cl", True)]])
def test_one_whose_body_does_not_come_holds_nobody_up(parts: list[tuple[bytes, bool]]) -> None:
    async def clicks() -> None:
        server = Server()
        stalled = asyncio.ensure_future(server.ask(CLICK, *parts))
        await asyncio.sleep(0)
        in_pieces = server.ask(CLICK, (b"cl", True), (b"ick", False))
        await asyncio.wait_for(asyncio.gather(server.click_it(), in_pieces), 10)
        assert server.done == ["click"] * 2
        stalled.cancel()

    asyncio.run(clicks())


def test_a_request_that_begins_in_the_context_of_a_click_has_no_turn() -> None:
    """As one that follows it on the same connection does: what it took would never be given back."""
    replay = CLICK | {"path": "/api/quarantine/replay"}
    followers: list[asyncio.Task[None]] = []

    async def clicks() -> None:
        server = Server()

        async def click() -> None:
            followers.append(asyncio.create_task(server.ask(replay, (b"replay", False))))
            server.click = wait

        async def wait() -> None:
            await aside(asyncio.sleep(0.01))

        server.click = click
        await server.click_it()
        await asyncio.gather(*followers)
        await asyncio.wait_for(server.click_it(), 10)
        assert server.done == ["click", "replay", "click"]

    asyncio.run(clicks())


def test_who_waits_lets_others_have_their_turn() -> None:
    async def all_of_them() -> None:
        together = asyncio.Barrier(20)
        server = Server(lambda: aside(together.wait()))
        await asyncio.wait_for(asyncio.gather(*(server.click_it() for _ in range(20))), 10)
        assert server.done == ["click"] * 20

    asyncio.run(all_of_them())


def test_a_click_counts_when_it_came_not_when_its_turn_comes() -> None:
    came: list[float] = []

    async def click() -> None:
        came.append(arrived())

    async def both() -> tuple[float, float]:
        server = Server(click)
        asked = [asyncio.ensure_future(server.click_it()) for _ in range(20)]
        await asyncio.sleep(0)
        all_came = time.monotonic()
        await asyncio.gather(*asked)
        return all_came, time.monotonic()

    all_came, last = asyncio.run(both())
    assert max(came) <= all_came < last


@pytest.mark.parametrize("before", [True, False])
def test_a_click_that_fails_lets_the_next_one_on(before: bool) -> None:
    async def failing() -> None:
        if before:
            raise LookupError
        await aside(broken())

    async def broken() -> None:
        raise LookupError

    async def clicks(server: Server) -> list[BaseException | None]:
        asked = (server.click_it() for _ in range(3))
        return await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10)

    assert [type(one) for one in asyncio.run(clicks(Server(failing)))] == [LookupError] * 3


def test_one_that_goes_away_while_it_waits_for_its_turn_holds_nobody_up() -> None:
    async def clicks() -> None:
        begun, goes_on = asyncio.Event(), asyncio.Event()

        async def first() -> None:
            begun.set()
            await goes_on.wait()

        server = Server(first)
        asked = [asyncio.ensure_future(server.click_it()) for _ in range(3)]
        await begun.wait()
        asked[1].cancel()
        goes_on.set()
        await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10)
        assert server.done == ["click"] * 2

    asyncio.run(clicks())
