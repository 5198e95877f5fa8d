"""What a person configures to connect NetSuite: fields, their explanations in the form, and what makes them valid.

Belongs here: the settings of CONTRACT ("Connector settings") and sentences about wrong ones. Does not belong here:
using them (``netsuite``), signing (``netsuite_auth``).
"""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from ppm_pipelines.adapters.netsuite_auth import KeyRefused, signing_key
from ppm_pipelines.adapters.settings import NO_SECRET, AddressOrNone, Currency, Names, Zone, check_sign_in, shown

COST_ACCOUNT_TYPES = ("Expense", "OthExpense", "COGS")
_NEEDED = {
    "oauth2": ("client_id", "certificate_id", "private_key"),
    "tba": ("consumer_key", "consumer_secret", "token_id", "token_secret"),
}
_ACCOUNT = re.compile(r"[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*")


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, title="Oracle NetSuite")

    account_id: str = Field(
        title="Account ID",
        description="As Setup > Company > Company Information shows it; a sandbox has a suffix.",
        examples=["1234567", "1234567_SB1"],
        json_schema_extra=shown(
            "Account-ID", "Wie unter Setup > Unternehmen > Unternehmensinformationen; eine Sandbox hat einen Zusatz."
        ),
    )
    base_url: AddressOrNone = Field(
        default="",
        title="Service URL",
        description="SuiteTalk address (Company URLs); empty for the one that follows from the account ID.",
        examples=["https://1234567.suitetalk.api.netsuite.com"],
        json_schema_extra=shown(
            "Service-URL", "SuiteTalk-Adresse (Company URLs); leer für die, die sich aus der Account-ID ergibt."
        ),
    )
    auth: Literal["oauth2", "tba"] = Field(
        default="oauth2",
        title="Sign-in",
        description="OAuth 2.0 client credentials, or token-based authentication, which Oracle is phasing out.",
        examples=["oauth2"],
        json_schema_extra=shown(
            "Anmeldung", "OAuth 2.0 Client Credentials oder Token-Based Authentication, die Oracle abkündigt."
        ),
    )
    client_id: str = Field(
        default="",
        title="Client ID",
        description="Of the integration record.",
        examples=["4f1c…"],
        json_schema_extra=shown("Client-ID", "Des Integrationsdatensatzes.", auth="oauth2"),
    )
    certificate_id: str = Field(
        default="",
        title="Certificate ID",
        description="Of the OAuth 2.0 client credentials (M2M) mapping; a sandbox refresh removes it.",
        examples=["custcertificate_ppm"],
        json_schema_extra=shown(
            "Zertifikats-ID", "Der M2M-Zuordnung für OAuth 2.0; ein Sandbox-Refresh entfernt sie.", auth="oauth2"
        ),
    )
    private_key: SecretStr = Field(
        default=NO_SECRET,
        title="Private key",
        description="PEM, to the certificate: RSA with 3072 or 4096 bits, or EC P-256, P-384, P-521.",
        examples=["-----BEGIN …"],
        json_schema_extra=shown(
            "Privater Schlüssel",
            "PEM, zum Zertifikat: RSA mit 3072 oder 4096 Bit oder EC P-256, P-384, P-521.",
            auth="oauth2",
        ),
    )
    consumer_key: SecretStr = Field(
        default=NO_SECRET,
        title="Consumer key",
        description="Of the integration record.",
        examples=["…"],
        json_schema_extra=shown("Consumer Key", "Des Integrationsdatensatzes.", auth="tba"),
    )
    consumer_secret: SecretStr = Field(
        default=NO_SECRET,
        title="Consumer secret",
        description="Of the integration record.",
        examples=["…"],
        json_schema_extra=shown("Consumer Secret", "Des Integrationsdatensatzes.", auth="tba"),
    )
    token_id: SecretStr = Field(
        default=NO_SECRET,
        title="Token ID",
        description="Of the access token.",
        examples=["…"],
        json_schema_extra=shown("Token-ID", "Des Zugriffstokens.", auth="tba"),
    )
    token_secret: SecretStr = Field(
        default=NO_SECRET,
        title="Token secret",
        description="Of the access token.",
        examples=["…"],
        json_schema_extra=shown("Token Secret", "Des Zugriffstokens.", auth="tba"),
    )
    accounting_book: str = Field(
        default="",
        title="Accounting book",
        description="Internal ID of the book that actuals come from; empty for the primary one.",
        examples=["1"],
        json_schema_extra=shown(
            "Rechnungslegungsbuch", "Interne ID des Buchs, aus dem Ist-Kosten kommen; leer für das primäre."
        ),
    )
    time_zone: Zone = Field(
        default="America/Los_Angeles",
        title="Time zone",
        description="Of NetSuite's clock, as an IANA name; times of changes are read in it.",
        examples=["America/Los_Angeles"],
        json_schema_extra=shown(
            "Zeitzone", "Der Uhr von NetSuite, als IANA-Name; Änderungszeiten werden in ihr gelesen."
        ),
    )
    currency: Currency = Field(
        default="",
        title="Currency",
        description="Of an account with one currency only: such an account does not tell it.",
        examples=["EUR"],
        json_schema_extra=shown("Währung", "Eines Accounts mit nur einer Währung: Ein solcher nennt sie nicht."),
    )
    cost_account_types: Names = Field(
        default_factory=lambda: list(COST_ACCOUNT_TYPES),
        title="Cost account types",
        description="Types of accounts that are cost; add FixedAsset or OthCurrAsset for capitalised projects.",
        examples=[list(COST_ACCOUNT_TYPES)],
        json_schema_extra=shown(
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
        """The root alone: a pasted service path is cut off."""
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

    @field_validator("cost_account_types")
    @classmethod
    def _types(cls, value: list[str]) -> list[str]:
        wrong = [one for one in value if not (one.isascii() and one.isalnum())]
        if wrong:
            raise ValueError(f"{wrong[0]} is no type of account; NetSuite calls them Expense, OthExpense, COGS.")
        return value or list(COST_ACCOUNT_TYPES)

    @model_validator(mode="after")
    def _enough_to_sign_in(self) -> Self:
        check_sign_in(self, self.auth, _NEEDED[self.auth])
        return self

    @property
    def root(self) -> str:
        """The given address, else the account's own: lower case, ``_`` as ``-``."""
        host = self.account_id.lower().replace("_", "-")
        return self.base_url or f"https://{host}.suitetalk.api.netsuite.com"
