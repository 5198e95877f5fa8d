"""Requests to the control of the simulation: JSON in, JSON out, mistakes as sentences.

Belongs here: reading a body. Does not belong here: what is controlled (``app``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Handler = Callable[[Request], Awaitable[Any]]


class BadRequest(Exception):
    """The request cannot be followed; the text says why."""


def controlled(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(await handler(request))
        except BadRequest as problem:
            return JSONResponse({"detail": str(problem)}, 422)

    return answer


async def body_of(request: Request) -> dict[str, Any]:
    raw = await request.body()
    try:
        found = msgspec.json.decode(raw) if raw else {}
    except msgspec.DecodeError:
        found = None
    if not isinstance(found, dict):
        raise BadRequest("The body must be a JSON object.")
    return found


def whole(body: dict[str, Any], name: str, default: int, most: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise BadRequest(f"'{name}' must be a whole number from 1 to {most}.")
    return value
