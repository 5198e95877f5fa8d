"""What a simulated system answered, recorded once and played back: a source that costs nothing, for every protocol.

Run as ``python -m bench.answers PORT SYSTEM LINES``. It is the simulated system until ``POST /_bench/play`` makes it a
record of its answers; each further one begins anew. ``GET /_bench/asked`` tells what was asked, in order.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Mapping

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from ppm_pipelines.sandbox import dynamics, jira, netsuite
from ppm_pipelines.sandbox.app import SapSimulation

Key = tuple[str, str, bytes]  # method, address with its query, body
Answer = tuple[Message, bytes]
DAY_MS = 86_400_000
MOMENT = re.compile(r"\d{4}-\d\d-\d\d(T|%20|%2[0B]| )\d\d(:|%3A)\d\d((:|%3A)\d\d)?(\.\d+)?Z?|(?<=since=)\d{13}")
# Order lines and postings in a history of size 1; SAP's size is its number of order lines.
LINES_OF_ONE = {
    "sap-v4": 2.73,
    "dynamics-finance_operations": 850,
    "dynamics-business_central": 850,
    "dynamics-dataverse": 383,
    "netsuite-oauth2": 1290,
    "jira-cloud": 510,
}


def simulated(system: str, lines: int) -> list[Route]:
    """The system's addresses, with about so many order lines and postings."""
    anchor, size = int(time.time() * 1000) - DAY_MS, lines / LINES_OF_ONE[system]
    made: Mapping[str, Callable[[], list[Route]]] = {
        "sap": lambda: SapSimulation(7, int(size), 0, anchor).routes(),
        "dynamics": lambda: dynamics.routes(7, 0, anchor, size),
        "netsuite": lambda: netsuite.routes(7, 0, anchor, size),
        "jira": lambda: jira.routes(7, 0, anchor, size),
    }
    return made[system.partition("-")[0]]()


class Record:
    """An application whose answers are kept, and then given again without it."""

    def __init__(self, routes: list[Route]) -> None:
        self.app: Starlette | None = Starlette(routes=routes)
        self.asked: list[Key] = []
        self.answers: dict[Key, list[Answer]] = {}
        self.left: dict[Key, list[Answer]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = scope["raw_path"].decode() + ("?" if scope["query_string"] else "") + scope["query_string"].decode()
        body = await _whole(receive)
        match address:
            case "/_bench/play":
                self.app, self.left = None, {key: list(reversed(found)) for key, found in self.answers.items()}
                await _tell(send, b"{}")
            case "/_bench/asked":
                await _tell(send, msgspec.json.encode(self.asked))
            case _:
                key = scope["method"], address, body
                await (self._play(key, send) if self.app is None else self._record(key, scope, send))

    async def _record(self, key: Key, scope: Scope, send: Send) -> None:
        said: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": key[2], "more_body": False}

        async def keep(message: Message) -> None:
            said.append(message)

        assert self.app is not None
        await self.app(scope, receive, keep)
        start, body = said[0], b"".join(one.get("body", b"") for one in said[1:])
        self.asked.append(key)
        self.answers.setdefault(_same(key), []).append((start, body))
        await _say(send, (start, body))

    async def _play(self, key: Key, send: Send) -> None:
        """The next answer to the request; the last one again where it was asked less often."""
        left = self.left.get(_same(key))
        if left is None:
            await _tell(send, f"Nobody recorded {key[0]} {key[1]} {key[2]!r}.".encode(), 500)
            return
        await _say(send, left.pop() if len(left) > 1 else left[0])


def _same(key: Key) -> Key:
    """What is asked again later names other moments, and is signed anew for a token."""
    method, address, body = key
    path, _, query = address.partition("?")
    return (
        method,
        path + MOMENT.sub("", query),
        b"" if path.endswith("token") else MOMENT.sub("", body.decode()).encode(),
    )


async def _whole(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def _say(send: Send, answer: Answer) -> None:
    start, body = answer
    await send(start)
    await send({"type": "http.response.body", "body": body})


async def _tell(send: Send, body: bytes, status: int = 200) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await _say(send, ({"type": "http.response.start", "status": status, "headers": headers}, body))


def main() -> None:
    port, system, lines = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    record = Record(simulated(system, lines))
    uvicorn.run(record, host="127.0.0.1", port=port, log_level="warning", lifespan="off")


if __name__ == "__main__":
    main()
