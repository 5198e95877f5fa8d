"""A simulated Slack: incoming webhooks of one workspace, and the channel that they post to.

Belongs here: the webhook's addresses, its answers and refusals, the rate, faults on request, control. Does not belong
here: the rules of a message (``block_kit``), how the channel looks (``channel``).

One webhook works: the one whose secret is ``sandboxkey``. Short bursts pass, then one message per second. Nothing here
is made from seed, pace or anchor: a channel is empty until somebody posts.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from ppm_pipelines.sandbox.control import body_of, controlled
from ppm_pipelines.sandbox.faulty import Faults, retry_after

from . import block_kit, channel

SECRET = "sandboxkey"  # noqa: S105 - it opens nothing but this channel
KEPT = 200
BURST, PER_SECOND = 20, 1.0
_OUTAGE = "<!DOCTYPE html><html><head><title>Slack is down</title></head><body>Something went wrong.</body></html>"
# Fault -> what the webhook answers instead.
FAULTS: dict[str, Callable[[float], Response]] = {
    "no_service": lambda _: PlainTextResponse("no_service", 404),
    "channel_not_found": lambda _: PlainTextResponse("channel_not_found", 404),
    "channel_is_archived": lambda _: PlainTextResponse("channel_is_archived", 410),
    "action_prohibited": lambda _: PlainTextResponse("action_prohibited", 403),
    "invalid_blocks": lambda _: PlainTextResponse("invalid_blocks", 400),
    "http_429": lambda seconds: PlainTextResponse("", 429, headers=retry_after("http_429", seconds)),
    "http_429_date": lambda seconds: PlainTextResponse("", 429, headers=retry_after("http_429_date", seconds)),
    "rollup_error": lambda _: PlainTextResponse("rollup_error", 500),
    "outage": lambda _: HTMLResponse(_OUTAGE, 500),
    "redirect": lambda _: RedirectResponse("https://slack.com/", 302),
}
LATE = ("timeout", "late")  # no answer for so many seconds: the message is lost, or in the channel all the same


class Webhook:
    """The webhook, its channel, and what goes wrong."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.messages: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.refused: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self.received = 0
        self.faults = Faults()
        self.tokens, self.filled = float(BURST), time.monotonic()

    async def post(self, request: Request) -> Response:
        self.received += 1
        answer = await self._fault()
        if answer is None:
            answer = await self._judged(request)
        return answer

    async def _fault(self) -> Response | None:
        kind = self.faults.take((*FAULTS, *LATE))
        if kind is None:
            return None
        if kind in LATE:
            await asyncio.sleep(self.faults.seconds)
            return None if kind == "late" else PlainTextResponse("", 504)
        self._refuse(kind, "a fault on request")
        return FAULTS[kind](self.faults.seconds)

    async def _judged(self, request: Request) -> Response:
        parts = request.path_params["path"].split("/")
        if len(parts) != 3 or not all(parts):
            return RedirectResponse("https://slack.com/", 302)
        if parts[2] != SECRET:
            return self._refuse("no_service", "there is no such webhook", 404)
        if (wait := self._full()) is not None:
            self._refuse("rate_limited", f"more than {PER_SECOND:g} per second")
            return PlainTextResponse("", 429, headers={"Retry-After": str(wait)})
        try:
            payload = _payload(request, await request.body())
            block_kit.check(payload)
        except block_kit.Broken as broken:
            return self._refuse(broken.word, broken.rule)
        self.messages.appendleft(
            {
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "text": payload.get("text", ""),
                "notifies": block_kit.notified(payload),
                "ignored": sorted(payload.keys() & block_kit.IGNORED),
                "payload": payload,
            }
        )
        return HTMLResponse("ok")  # so Slack calls its plain text

    def _full(self) -> int | None:
        """Seconds to wait where the burst is used up."""
        now = time.monotonic()
        self.tokens, self.filled = min(BURST, self.tokens + (now - self.filled) * PER_SECOND), now
        if self.tokens < 1:
            return 1
        self.tokens -= 1
        return None

    def _refuse(self, word: str, rule: str, status: int = 400) -> Response:
        self.refused.appendleft({"at": datetime.now(UTC).isoformat(), "answer": word, "rule": rule})
        return PlainTextResponse(word, status)

    # --- control -----------------------------------------------------------------------------------------------------

    async def state(self, _: Request) -> Any:
        return {
            "received": self.received,
            "messages": list(self.messages),
            "refused": list(self.refused),
            "faults": {kind: times for kind, times in self.faults.left.items() if times},
        }

    async def page(self, _: Request) -> Response:
        return HTMLResponse(channel.page(self.messages))

    async def fault(self, request: Request) -> Any:
        """The next ``times`` posts go wrong in that way; ``none`` ends it."""
        return self.faults.follow(await body_of(request), (*FAULTS, *LATE))

    async def reset(self, request: Request) -> Any:
        self.clear()
        return await self.state(request)


def _payload(request: Request, body: bytes) -> Any:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise block_kit.Broken("invalid_payload", f"the content type is {kind or 'missing'}")
    try:
        return json.loads(body)
    except ValueError:
        raise block_kit.Broken("invalid_payload", "the body is no JSON") from None


def routes(seed: int, pace: float, anchor: int, size: float = 1) -> list[Route]:  # noqa: ARG001 - as every simulated system
    webhook = Webhook()
    return [
        Route("/slack/services/{path:path}", webhook.post, methods=["POST"]),
        Route("/_sandbox/slack", controlled(webhook.state)),
        Route("/_sandbox/slack/channel", webhook.page),
        Route("/_sandbox/slack/fault", controlled(webhook.fault), methods=["POST"]),
        Route("/_sandbox/slack/reset", controlled(webhook.reset), methods=["POST"]),
    ]
