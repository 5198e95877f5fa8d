"""What a person configures to connect a Slack channel: fields, their explanations in the form, what makes them valid.

Belongs here: the settings of CONTRACT ("Connector settings") and sentences about wrong ones. Does not belong here:
using them (``slack``).
"""

from __future__ import annotations

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from ppm_pipelines.adapters.settings import shown
from ppm_pipelines.news import Language, Level

# Who does not speak the format of incoming webhooks: the Workflow Builder takes variables instead of blocks.
_WORKFLOWS = ("/triggers/", "/workflows/")
_SLACK = ("hooks.slack.com", "hooks.slack-gov.com")


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, title="Slack")

    webhook_url: SecretStr = Field(
        title="Webhook URL",
        description="Of an incoming webhook of your Slack app; whoever has it can post to its channel.",
        examples=["https://hooks.slack.com/services/T…/B…/…"],
        json_schema_extra=shown(
            "Webhook-URL", "Eines „Incoming Webhook“ der Slack-App; wer sie hat, kann in den Kanal schreiben."
        ),
    )
    language: Language = Field(
        default="en",
        title="Language",
        description="Of the messages.",
        examples=["de"],
        json_schema_extra=shown("Sprache", "Der Nachrichten."),
    )
    notify: Level = Field(
        default="changes",
        title="Tell of",
        description="What went wrong alone, also what syncs change, or every sync.",
        examples=["changes"],
        json_schema_extra=shown(
            "Melden",
            "Nur was schiefgeht, auch was Syncs ändern, oder jeden Sync.",
        ),
    )

    @field_validator("webhook_url")
    @classmethod
    def _webhook(cls, value: SecretStr) -> SecretStr:
        """An incoming webhook's address; the sentences never repeat it."""
        url = value.get_secret_value().strip()
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            raise ValueError("This is no address. Copy the webhook URL from Slack anew.") from None
        if parsed.scheme not in ("https", "http") or not parsed.host:
            raise ValueError("The webhook URL must begin with https://, like https://hooks.slack.com/services/….")
        if any(part in parsed.path for part in _WORKFLOWS):
            raise ValueError(
                "This is the address of a workflow. Create an incoming webhook in Slack and enter its URL."
            )
        if len(parsed.path) < 2 or (parsed.host in _SLACK and not parsed.path.startswith("/services/")):
            raise ValueError("This is not a webhook's whole URL. It looks like https://hooks.slack.com/services/….")
        return SecretStr(url)
