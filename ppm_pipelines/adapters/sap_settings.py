"""What a person configures to connect SAP: fields, their explanations in the form, and what makes them valid.

Belongs here: the settings of CONTRACT ("Connector settings") and sentences about wrong ones. Does not belong here:
using them (``sap``). The JSON schema draws the form: ``x-show-when`` names the choice that a field belongs to,
``x-labels`` the texts in other languages.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from ppm_pipelines.adapters.settings import NO_SECRET, Address, AddressOrNone, Names, check_sign_in, shown

_NEEDED = {
    "api_key": ("api_key",),
    "basic": ("username", "password"),
    "oauth2": ("token_url", "client_id", "client_secret"),
}


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, title="SAP")

    api_url: Address = Field(
        title="API URL",
        description="Root of the tenant's API host; for S/4HANA Cloud the one with “-api” in its name.",
        examples=["https://my300000-api.s4hana.cloud.sap"],
        json_schema_extra=shown(
            "API-URL", "Wurzel des API-Hosts des Mandanten; bei S/4HANA Cloud der mit „-api“ im Namen."
        ),
    )
    client: str = Field(
        default="",
        title="Client",
        description="The client (sap-client), three digits; empty for the host's default client.",
        examples=["100"],
        json_schema_extra=shown(
            "Mandant", "Der Mandant (sap-client), drei Ziffern; leer für den Standardmandanten des Hosts."
        ),
    )
    auth: Literal["api_key", "basic", "oauth2"] = Field(
        default="basic",
        title="Sign-in",
        description="How to sign in: a communication user (basic), OAuth 2.0 client credentials, or an API key.",
        examples=["basic"],
        json_schema_extra=shown(
            "Anmeldung", "Wie angemeldet wird: Kommunikationsbenutzer (basic), OAuth-2.0-Client oder API-Schlüssel."
        ),
    )
    api_key: SecretStr = Field(
        default=NO_SECRET,
        title="API key",
        description="Sent in the header APIKey.",
        examples=["x9…"],
        json_schema_extra=shown("API-Schlüssel", "Wird im Header APIKey gesendet.", auth="api_key"),
    )
    username: str = Field(
        default="",
        title="User",
        description="The communication user; a dialog user gets a sign-in page instead of data.",
        examples=["PPM_READER"],
        json_schema_extra=shown(
            "Benutzer",
            "Der Kommunikationsbenutzer; ein Dialogbenutzer erhält eine Anmeldeseite statt Daten.",
            auth="basic",
        ),
    )
    password: SecretStr = Field(
        default=NO_SECRET,
        title="Password",
        description="Of the communication user.",
        examples=["…"],
        json_schema_extra=shown("Passwort", "Des Kommunikationsbenutzers.", auth="basic"),
    )
    token_url: AddressOrNone = Field(
        default="",
        title="Token URL",
        description="Where OAuth tokens are issued; shown in the communication arrangement.",
        examples=["https://tenant.authentication.eu10.hana.ondemand.com/oauth/token"],
        json_schema_extra=shown(
            "Token-URL", "Wo OAuth-Tokens ausgestellt werden; steht in der Kommunikationsvereinbarung.", auth="oauth2"
        ),
    )
    client_id: str = Field(
        default="",
        title="Client ID",
        description="Of the OAuth client.",
        examples=["sb-ppm!b1234"],
        json_schema_extra=shown("Client-ID", "Des OAuth-Clients.", auth="oauth2"),
    )
    client_secret: SecretStr = Field(
        default=NO_SECRET,
        title="Client secret",
        description="Of the OAuth client.",
        examples=["…"],
        json_schema_extra=shown("Client-Secret", "Des OAuth-Clients.", auth="oauth2"),
    )
    ledger: str = Field(
        default="0L",
        title="Ledger",
        description="The ledger that actuals come from, normally the leading one.",
        examples=["0L"],
        json_schema_extra=shown("Ledger", "Das Ledger, aus dem Ist-Kosten kommen, normalerweise das führende."),
    )
    receipt_document_type: str = Field(
        default="WE",
        title="Receipt document type",
        description="The document type of goods receipts in the ledger; they relieve orders with valuated receipts.",
        examples=["WE"],
        json_schema_extra=shown(
            "Belegart der Wareneingänge",
            "Die Belegart von Wareneingängen im Ledger; sie bauen Bestellungen mit bewertetem Wareneingang ab.",
        ),
    )
    company_codes: Names = Field(
        default_factory=list,
        title="Company codes",
        description="Read only these; empty for all that the account may see.",
        examples=[["1010", "1710"]],
        json_schema_extra=shown("Buchungskreise", "Nur diese lesen; leer für alle, die das Konto sehen darf."),
    )
    cost_centers: dict[str, str] = Field(
        default_factory=dict,
        title="Cost centres",
        description="Cost centre → project, for lines without a WBS element.",
        examples=[{"10101301": "P-1000"}],
        json_schema_extra=shown("Kostenstellen", "Kostenstelle → Projekt, für Positionen ohne PSP-Element."),
    )

    @field_validator("api_url")
    @classmethod
    def _root(cls, value: str) -> str:
        """The root alone: a pasted service path is cut off."""
        return value.partition("/sap/opu/")[0].rstrip("/")

    @field_validator("client")
    @classmethod
    def _three_digits(cls, value: str) -> str:
        if value and not (len(value) == 3 and value.isascii() and value.isdigit()):
            raise ValueError("The client is three digits, like 100; leave it empty for the host's default client.")
        return value

    @field_validator("ledger")
    @classmethod
    def _two_signs(cls, value: str) -> str:
        if not (len(value) == 2 and value.isascii() and value.isalnum()):
            raise ValueError("A ledger has two characters, like 0L.")
        return value.upper()

    @field_validator("receipt_document_type")
    @classmethod
    def _document_type(cls, value: str) -> str:
        if not (1 <= len(value) <= 2 and value.isascii() and value.isalnum()):
            raise ValueError("A document type has two characters, like WE.")
        return value.upper()

    @field_validator("company_codes")
    @classmethod
    def _codes(cls, value: list[str]) -> list[str]:
        found = list(dict.fromkeys(code.upper() for code in value))
        wrong = [code for code in found if not (len(code) <= 4 and code.isalnum())]
        if wrong:
            raise ValueError(f"{wrong[0]} is no company code: it has up to four letters and digits, like 1010.")
        return found

    @field_validator("cost_centers")
    @classmethod
    def _mapped(cls, value: dict[str, str]) -> dict[str, str]:
        found = {center.strip(): project.strip() for center, project in value.items() if center.strip()}
        empty = [center for center, project in found.items() if not project]
        if empty:
            raise ValueError(f"The cost centre {empty[0]} has no project. Enter one, or remove the line.")
        return found

    @model_validator(mode="after")
    def _enough_to_sign_in(self) -> Self:
        check_sign_in(self, self.auth, _NEEDED[self.auth])
        return self
