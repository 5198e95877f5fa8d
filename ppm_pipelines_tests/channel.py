"""A served Slack channel for tests: what stands in it, and what goes wrong on request.

Belongs here: the simulation on a port, and reading its channel. Does not belong here: any test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.applications import Starlette

from ppm_pipelines.adapters.slack import Slack
from ppm_pipelines.sandbox import slack
from ppm_pipelines_tests.serving import serving


@dataclass
class Channel:
    """The channel of one test, empty at its beginning."""

    url: str
    control: httpx.Client

    @property
    def webhook(self) -> str:
        return f"{self.url}/slack/services/T1/B1/{slack.SECRET}"

    def settings(self, **other: Any) -> dict[str, Any]:
        return {"webhook_url": self.webhook, "language": "en", "notify": "changes"} | other

    def notifier(self, timeout_seconds: float = 30, **other: Any) -> Slack:
        settings = Slack.Settings.model_validate(self.settings(**other))
        return Slack(settings, allowed_hosts=self.url, timeout_seconds=timeout_seconds)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.control.get("/_sandbox/slack").json()
        return found

    def messages(self) -> list[dict[str, Any]]:
        """The newest first."""
        found: list[dict[str, Any]] = self.state()["messages"]
        return found

    def texts(self) -> list[str]:
        """Every text of the newest message, as people read it."""
        return [text for _, text in slack.block_kit.texts(self.messages()[0]["payload"])]

    def said(self) -> str:
        return "\n".join(self.texts())

    def fault(self, kind: str, times: int = 1, **more: Any) -> None:
        assert self.control.post("/_sandbox/slack/fault", json={"kind": kind, "times": times, **more}).is_success

    def reset(self) -> None:
        self.control.post("/_sandbox/slack/reset")


@contextmanager
def served() -> Iterator[Channel]:
    """On a free port, until the block ends."""
    app = Starlette(routes=slack.routes(7, 0, 0))
    with serving(app) as url, httpx.Client(base_url=url, timeout=60, trust_env=False) as control:
        yield Channel(url, control)
