"""What a person configures to connect NetSuite: fields, their explanations in the form, and what makes them valid.

Belongs here: the settings of CONTRACT ("Connector settings") and sentences about wrong ones. Does not belong here:
using them (``netsuite``), signing (``netsuite_auth``).
"""

from __future__ import annotations

import re
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from ppm_pipelines.adapters.netsuite_auth import KeyRefused, signing_key
from ppm_pipelines.records import known_currency

NO_SECRET = SecretStr("")
COST_ACCOUNT_TYPES = ("Expense", "OthExpense", "COGS")
_NEEDED = {
    "oauth2": ("client_id", "certificate_id", "private_key"),
    "tba": ("consumer_key", "consumer_secret", "token_id", "token_secret"),
}
_ACCOUNT = re.compile(r"[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*")


def _shown(german: str, explanation: str, auth: str | None = None) -> dict[str, Any]:
    extra: dict[str, Any] = {"x-labels": {"de": {"title": german, "description": explanation}}}
    return extra | ({"x-show-when": {"auth": auth}} if auth else {})


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, title="Oracle NetSuite")

    account_id: str = Field(
        title="Account ID",
        description="As Setup > Company > Company Information shows it; a sandbox has a suffix.",
        examples=["1234567", "1234567_SB1"],
        json_schema_extra=_shown(
            "Account-ID", "Wie unter Setup > Unternehmen > Unternehmensinformationen; eine Sandbox hat einen Zusatz."
        ),
    )
    base_url: str = Field(
        default="",
        title="Service URL",
        description="SuiteTalk address (Company URLs); empty for the one that follows from the account ID.",
        examples=["https://1234567.suitetalk.api.netsuite.com"],
        json_schema_extra=_shown(
            "Service-URL", "SuiteTalk-Adresse (Company URLs); leer für die, die sich aus der Account-ID ergibt."
        ),
    )
    auth: Literal["oauth2", "tba"] = Field(
        default="oauth2",
        title="Sign-in",
        description="OAuth 2.0 client credentials, or token-based authentication, which Oracle is phasing out.",
        examples=["oauth2"],
        json_schema_extra=_shown(
            "Anmeldung", "OAuth 2.0 Client Credentials oder Token-Based Authentication, die Oracle abkündigt."
        ),
    )
    client_id: str = Field(
        default="",
        title="Client ID",
        description="Of the integration record.",
        examples=["4f1c…"],
        json_schema_extra=_shown("Client-ID", "Des Integrationsdatensatzes.", "oauth2"),
    )
    certificate_id: str = Field(
        default="",
        title="Certificate ID",
        description="Of the OAuth 2.0 client credentials (M2M) mapping; a sandbox refresh removes it.",
        examples=["custcertificate_ppm"],
        json_schema_extra=_shown(
            "Zertifikats-ID", "Der M2M-Zuordnung für OAuth 2.0; ein Sandbox-Refresh entfernt sie.", "oauth2"
        ),
    )
    private_key: SecretStr = Field(
        default=NO_SECRET,
        title="Private key",
        description="PEM, to the certificate: RSA with 3072 or 4096 bits, or EC P-256, P-384, P-521.",
        examples=["-----BEGIN …"],
        json_schema_extra=_shown(
            "Privater Schlüssel",
            "PEM, zum Zertifikat: RSA mit 3072 oder 4096 Bit oder EC P-256, P-384, P-521.",
            "oauth2",
        ),
    )
    consumer_key: SecretStr = Field(
        default=NO_SECRET,
        title="Consumer key",
        description="Of the integration record.",
        examples=["…"],
        json_schema_extra=_shown("Consumer Key", "Des Integrationsdatensatzes.", "tba"),
    )
    consumer_secret: SecretStr = Field(
        default=NO_SECRET,
        title="Consumer secret",
        description="Of the integration record.",
        examples=["…"],
        json_schema_extra=_shown("Consumer Secret", "Des Integrationsdatensatzes.", "tba"),
    )
    token_id: SecretStr = Field(
        default=NO_SECRET,
        title="Token ID",
        description="Of the access token.",
        examples=["…"],
        json_schema_extra=_shown("Token-ID", "Des Zugriffstokens.", "tba"),
    )
    token_secret: SecretStr = Field(
        default=NO_SECRET,
        title="Token secret",
        description="Of the access token.",
        examples=["…"],
        json_schema_extra=_shown("Token Secret", "Des Zugriffstokens.", "tba"),
    )
    accounting_book: str = Field(
        default="",
        title="Accounting book",
        description="Internal ID of the book that actuals come from; empty for the primary one.",
        examples=["1"],
        json_schema_extra=_shown(
            "Rechnungslegungsbuch", "Interne ID des Buchs, aus dem Ist-Kosten kommen; leer für das primäre."
        ),
    )
    time_zone: str = Field(
        default="America/Los_Angeles",
        title="Time zone",
        description="Of NetSuite's clock, as an IANA name; times of changes are read in it.",
        examples=["America/Los_Angeles"],
        json_schema_extra=_shown(
            "Zeitzone", "Der Uhr von NetSuite, als IANA-Name; Änderungszeiten werden in ihr gelesen."
        ),
    )
    currency: str = Field(
        default="",
        title="Currency",
        description="Of an account with one currency only: such an account does not tell it.",
        examples=["EUR"],
        json_schema_extra=_shown("Währung", "Eines Accounts mit nur einer Währung: Ein solcher nennt sie nicht."),
    )
    cost_account_types: list[str] = Field(
        default_factory=lambda: list(COST_ACCOUNT_TYPES),
        title="Cost account types",
        description="Types of accounts that are cost; add FixedAsset or OthCurrAsset for capitalised projects.",
        examples=[list(COST_ACCOUNT_TYPES)],
        json_schema_extra=_shown(
            "Kontoarten der Kosten",
            "Arten von Konten, die Kosten sind; für aktivierte Projekte FixedAsset oder OthCurrAsset ergänzen.",
        ),
    )

    @field_validator("account_id")
    @classmethod
    def _account(cls, value: str) -> str:
        if not _ACCOUNT.fullmatch(value):
            raise ValueError("An account ID has letters, digits and perhaps a suffix, like 1234567 or 1234567_SB1.")
        return value.upper().replace("-", "_")

    @field_validator("base_url")
    @classmethod
    def _root(cls, value: str) -> str:
        """The root alone: a pasted service path is cut off, a query refused."""
        if value and not value.lower().startswith(("https://", "http://")):
            raise ValueError("The address must begin with https://, like https://1234567.suitetalk.api.netsuite.com.")
        if "?" in value or "#" in value:
            raise ValueError("Enter the service URL without ? or #.")
        return value.partition("/services/")[0].rstrip("/")

    @field_validator("private_key")
    @classmethod
    def _key(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            try:
                signing_key(value.get_secret_value())
            except KeyRefused as error:
                raise ValueError(str(error)) from None
        return value

    @field_validator("accounting_book")
    @classmethod
    def _book(cls, value: str) -> str:
        if value and not (value.isascii() and value.isdigit()):
            raise ValueError("An accounting book is told by its internal ID, a number like 1.")
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{value} is no time zone. Use an IANA name, like America/Los_Angeles.") from None
        return value

    @field_validator("currency")
    @classmethod
    def _currency(cls, value: str) -> str:
        if value and not known_currency(value.upper()):
            raise ValueError(f"{value} is no active ISO 4217 currency.")
        return value.upper()

    @field_validator("cost_account_types", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return value.replace(";", ",").split(",") if isinstance(value, str) else value

    @field_validator("cost_account_types")
    @classmethod
    def _types(cls, value: list[str]) -> list[str]:
        found = list(dict.fromkeys(one.strip() for one in value if one.strip()))
        wrong = [one for one in found if not (one.isascii() and one.isalnum())]
        if wrong:
            raise ValueError(f"{wrong[0]} is no type of account; NetSuite calls them Expense, OthExpense, COGS.")
        return found or list(COST_ACCOUNT_TYPES)

    @model_validator(mode="after")
    def _enough_to_sign_in(self) -> Self:
        """Only the fields of the chosen sign-in are required."""
        missing = [name for name in _NEEDED[self.auth] if not _given(getattr(self, name))]
        if missing:
            titles = ", ".join(str(type(self).model_fields[name].title) for name in missing)
            raise ValueError(f"The chosen sign-in ({self.auth}) also needs: {titles}.")
        return self

    @property
    def root(self) -> str:
        """The given address, else the account's own: lower case, ``_`` as ``-``."""
        host = self.account_id.lower().replace("_", "-")
        return self.base_url or f"https://{host}.suitetalk.api.netsuite.com"


def _given(value: str | SecretStr) -> bool:
    return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)
