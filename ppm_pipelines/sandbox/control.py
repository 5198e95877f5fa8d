"""Requests to the control of a simulation: JSON in, JSON out, mistakes as sentences.

Belongs here: what every simulated system's control shares. Does not belong here: what is controlled (each system's
own ``Control``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Handler = Callable[[Request], Awaitable[Any]]
_JSON = msgspec.json.Encoder(decimal_format="string")


class Mistake(Exception):
    """The request cannot be followed; the text says why."""


def controlled(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            found = await handler(request)
        except Mistake as mistake:
            return JSONResponse({"detail": str(mistake)}, 422)
        return Response(_JSON.encode(found), media_type="application/json")

    return answer


async def body_of(request: Request) -> dict[str, Any]:
    raw = await request.body()
    try:
        found = msgspec.json.decode(raw) if raw else {}
    except msgspec.DecodeError:
        found = None
    if not isinstance(found, dict):
        raise Mistake("The body must be a JSON object.")
    return found


def whole(body: dict[str, Any], name: str, default: int, most: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise Mistake(f"'{name}' must be a whole number from 1 to {most}.")
    return value
