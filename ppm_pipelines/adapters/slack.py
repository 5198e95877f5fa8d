"""Telling a Slack channel through its incoming webhook.

Belongs here: sending, and what Slack's answers mean. Does not belong here: how a message looks (``slack_messages``),
what is told and when (``digest``), the settings (``slack_settings``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import httpx
from pydantic import BaseModel

from ppm_pipelines.adapters import slack_messages
from ppm_pipelines.adapters.base import (
    Check,
    Credentials,
    Misconfigured,
    Notifier,
    Refused,
    SourceError,
    Unavailable,
)
from ppm_pipelines.adapters.http import TEXT, Client, Limits
from ppm_pipelines.adapters.slack_settings import Settings
from ppm_pipelines.news import News

# A message is small and nobody waits for it: what does not get through in this time is told with the next one. After
# a timeout nobody knows whether it was posted; the time is enough for one more attempt.
SECONDS = 30
LIMITS = Limits(attempts=3, read=15, page_bytes=65_536)
_CHARSET = {"Content-Type": "application/json; charset=utf-8"}
_NEW_WEBHOOK = "Create a new webhook in Slack and enter its URL."


class Slack(Notifier):
    system = "slack"
    name = "Slack"
    Settings = Settings
    HOSTS: ClassVar[Mapping[str, tuple[str, ...]]] = {"webhook_url": ()}

    def __init__(
        self, settings: BaseModel, *, allowed_hosts: str | None = None, timeout_seconds: float = SECONDS
    ) -> None:
        assert isinstance(settings, Settings)  # noqa: S101 - for the type
        self.language, self.level = settings.language, settings.notify
        url = httpx.URL(settings.webhook_url.get_secret_value())
        path = url.raw_path.decode("ascii").lstrip("/")
        self._path = path
        self._http = Client(
            f"{url.scheme}://{url.netloc.decode('ascii')}",
            system=self.name,
            auth=httpx.Auth(),
            allowed_hosts=allowed_hosts,
            timeout_seconds=min(timeout_seconds, SECONDS),
            secrets=(settings.webhook_url.get_secret_value(), path, path.rpartition("/")[2]),
            meaning=meaning,
            limits=LIMITS,
        )

    def send(self, news: News) -> None:
        self._post(slack_messages.message(news, self.language))

    def test(self) -> Iterator[Check]:
        """One message that says that it is a test."""
        started = time.monotonic()
        try:
            self._post(slack_messages.trial_message(self.language))
        except SourceError as error:
            ms = round((time.monotonic() - started) * 1000)
            yield Check("message", False, str(error), ms)
        else:
            ms = round((time.monotonic() - started) * 1000)
            yield Check("message", True, "A test message is in the channel.", ms)

    def close(self) -> None:
        self._http.close()

    def _post(self, message: dict[str, Any]) -> None:
        """A message whose blocks Slack does not take is sent as its text alone: better plain than not at all."""
        try:
            answer = self._answered(message)
        except Refused as refused:
            if refused.code != "invalid_blocks":
                raise
            answer = self._answered({"text": message["text"]})
        if answer.strip() != "ok":
            raise Misconfigured(
                "The address answers, but not as a Slack webhook does. Copy the webhook URL from Slack anew.", "answer"
            )

    def _answered(self, message: dict[str, Any]) -> str:
        return str(self._http.post(self._path, message, headers=_CHARSET, kind=TEXT).body)


def meaning(status: int, body: bytes, _said: str) -> SourceError | None:
    """What Slack's refusals mean (its bodies are words in plain text); None for any other."""
    said = body[:100].decode("utf-8", "replace").strip()
    known: dict[str, SourceError] = {
        "no_service": Misconfigured(
            f"Slack does not know this webhook any more: it was revoked, or its app was removed. {_NEW_WEBHOOK}", said
        ),
        "invalid_token": Credentials(f"Slack does not accept this webhook's secret. {_NEW_WEBHOOK}", said),
        "channel_not_found": Misconfigured(f"The webhook's channel does not exist any more. {_NEW_WEBHOOK}", said),
        "channel_is_archived": Misconfigured(
            f"The webhook's channel is archived. Restore it in Slack, or use another one. {_NEW_WEBHOOK}", said
        ),
        "action_prohibited": Credentials(
            "Slack's workspace does not let this webhook post. An administrator of the workspace can allow it.", said
        ),
        "posting_to_general_channel_denied": Credentials(
            "Slack's workspace does not let this webhook post to its general channel. Use another channel.", said
        ),
        "team_disabled": Credentials(f"The Slack workspace of this webhook is closed. {_NEW_WEBHOOK}", said),
        "invalid_blocks": Refused("Slack did not take the blocks of the message.", said),
        "invalid_payload": Refused("Slack could not read the message.", said),
    }
    if status == 429:
        return Unavailable("Slack takes no more messages for the moment (429). Try again later.", said)
    if status >= 500:
        return Unavailable(f"Slack has a fault of its own ({status}). Try again later.", said)
    return known.get(said)
