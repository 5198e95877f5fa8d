"""What a person configures to connect Jira: fields, their explanations in the form, and what makes them valid.

Belongs here: the settings of CONTRACT ("Connector settings") and sentences about wrong ones. Does not belong here:
using them (``jira``), which rate holds for whom (``jira_rates``). The JSON schema draws the form: ``x-show-when`` names
the choice that a field belongs to, ``x-labels`` the texts in other languages.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from ppm_pipelines.adapters.settings import Address, Currency, Names, Zone, shown

# What people paste behind the root: the REST API itself, an issue, administration.
PASTED = ("/rest/", "/browse/", "/secure/", "/jira/software", "/jira/projects", "/jira/dashboards", "/jira/your-work")

MOST_DIGITS = 15


class Rate(BaseModel):
    """Money per hour from a day on: of a user, of a role, or (neither) of everybody else."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    amount: Decimal = Field(title="Amount per hour", examples=["95.00"])
    currency: Currency = Field(title="Currency", examples=["EUR"])
    valid_from: date = Field(title="Valid from", examples=["2026-01-01"])
    user: str = Field(default="", title="User", description="Account id (Cloud) or key (Data Center).")
    role: str = Field(default="", title="Role", description="As named in the roles of users.")

    @field_validator("amount", mode="before")
    @classmethod
    def _money(cls, value: Any) -> Decimal:
        """Exact, also where JSON brought a number; never more digits than can be multiplied exactly."""
        try:
            found = Decimal(str(value).strip())
        except ArithmeticError:
            found = Decimal("NaN")
        if not (found.is_finite() and 0 < found < 10**9 and len(found.as_tuple().digits) <= MOST_DIGITS):
            raise ValueError(f"“{value}” is no amount per hour, like 95.00.")
        return found

    @field_validator("valid_from", mode="before")
    @classmethod
    def _day(cls, value: Any) -> date:
        try:
            return value if isinstance(value, date) else date.fromisoformat(str(value).strip())
        except ValueError:
            raise ValueError(f"“{value}” is no day from which a rate is valid, like 2026-01-01.") from None

    @field_validator("currency")
    @classmethod
    def _known(cls, value: str) -> str:
        if not value:
            raise ValueError("A rate needs a currency, like EUR.")
        return value

    @field_validator("user", "role", mode="before")
    @classmethod
    def _none_is_empty(cls, value: Any) -> Any:
        return "" if value is None else value

    @model_validator(mode="after")
    def _one_scope(self) -> Self:
        if self.user and self.role:
            raise ValueError("A rate is for a user or for a role, not for both. Leave one of them out.")
        return self


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, title="Jira")

    base_url: Address = Field(
        title="Base URL",
        description="Root of the site; for a token with scopes https://api.atlassian.com/ex/jira/ and the cloud id.",
        examples=["https://example.atlassian.net"],
        json_schema_extra=shown(
            "Basis-URL",
            "Wurzel der Site; für ein Token mit Scopes https://api.atlassian.com/ex/jira/ und die Cloud-ID.",
        ),
    )
    deployment: Literal["cloud", "data_center"] = Field(
        default="cloud",
        title="Deployment",
        description="Jira Cloud, or Jira Data Center on servers of one's own.",
        examples=["cloud"],
        json_schema_extra=shown("Bereitstellung", "Jira Cloud oder Jira Data Center auf eigenen Servern."),
    )
    email: str = Field(
        default="",
        title="E-mail",
        description="Of the account that the API token belongs to.",
        examples=["ppm-reader@example.com"],
        json_schema_extra=shown("E-Mail", "Des Kontos, zu dem das API-Token gehört.", deployment="cloud"),
    )
    token: SecretStr = Field(
        title="Token",
        description="An API token (Cloud; it expires after a year at the latest) or a personal access token.",
        examples=["ATATT3x…"],
        json_schema_extra=shown(
            "Token", "Ein API-Token (Cloud; läuft spätestens nach einem Jahr ab) oder ein persönliches Zugriffstoken."
        ),
    )
    projects: Names = Field(
        default_factory=list,
        title="Projects",
        description="Read only the projects with these keys; empty for all that the account may browse.",
        examples=[["HALLE", "AEGIR"]],
        json_schema_extra=shown(
            "Projekte", "Nur Projekte mit diesen Schlüsseln lesen; leer für alle, die das Konto sehen darf."
        ),
    )
    time_zone: Zone = Field(
        default="UTC",
        title="Time zone",
        description="Decides on which day work was done, wherever the person sat (IANA name).",
        examples=["Europe/Berlin"],
        json_schema_extra=shown(
            "Zeitzone", "Entscheidet, an welchem Tag gearbeitet wurde, wo immer die Person saß (IANA-Name)."
        ),
    )
    company_currency: Currency = Field(
        default="",
        title="Company currency",
        description="The currency that all rates must have; empty: each rate's own.",
        examples=["EUR"],
        json_schema_extra=shown("Hauswährung", "Die Währung, die alle Sätze haben müssen; leer: die jedes Satzes."),
    )
    rates: list[Rate] = Field(
        default_factory=list,
        title="Hourly rates",
        description="What an hour costs: amount, currency, valid_from, and user or role (neither: everybody else).",
        examples=[[{"amount": "95.00", "currency": "EUR", "valid_from": "2026-01-01", "role": "Engineer"}]],
        json_schema_extra=shown(
            "Stundensätze",
            "Was eine Stunde kostet: amount, currency, valid_from und user oder role (keins: alle anderen).",
        ),
    )
    user_roles: dict[str, str] = Field(
        default_factory=dict,
        title="Roles of users",
        description="Account id (Cloud) or key (Data Center) → role.",
        examples=[{"5b10a2844c20165700ede21g": "Engineer"}],
        json_schema_extra=shown("Rollen der Benutzer", "Account-ID (Cloud) oder Schlüssel (Data Center) → Rolle."),
    )
    personal_data: bool = Field(
        default=False,
        title="Names and comments",
        description="Also keep people's names and the comments of worklogs; else the role stands for the person.",
        examples=[False],
        json_schema_extra=shown(
            "Namen und Kommentare",
            "Auch Namen von Personen und Kommentare der Zeitbuchungen behalten; sonst steht die Rolle für die Person.",
        ),
    )

    @field_validator("base_url")
    @classmethod
    def _root(cls, value: str) -> str:
        """The root alone: a pasted path of the API or of a page is cut off."""
        for pasted in PASTED:
            value = value.partition(pasted)[0]
        return value.rstrip("/")

    @field_validator("projects")
    @classmethod
    def _keys(cls, value: list[str]) -> list[str]:
        found = list(dict.fromkeys(key.upper() for key in value))
        wrong = [key for key in found if not (key.isascii() and key.replace("_", "").isalnum() and key[0].isalpha())]
        if wrong:
            raise ValueError(f"{wrong[0]} is no project key: it has letters and digits, like HALLE.")
        return found

    @field_validator("rates")
    @classmethod
    def _once(cls, value: list[Rate]) -> list[Rate]:
        """Two rates of one scope from one day on would leave the choice to chance."""
        seen: set[tuple[str, str, date]] = set()
        for rate in value:
            scope = rate.user, rate.role, rate.valid_from
            if scope in seen:
                whom = rate.user or rate.role or "default"
                raise ValueError(f"There are two rates of {whom} from {rate.valid_from} on. Remove one.")
            seen.add(scope)
        return value

    @field_validator("user_roles")
    @classmethod
    def _mapped(cls, value: dict[str, str]) -> dict[str, str]:
        found = {user.strip(): role.strip() for user, role in value.items() if user.strip()}
        empty = [user for user, role in found.items() if not role]
        if empty:
            raise ValueError(f"The user {empty[0]} has no role. Enter one, or remove the line.")
        return found

    @model_validator(mode="after")
    def _enough_to_sign_in(self) -> Self:
        if not self.token.get_secret_value():
            raise ValueError("Jira needs a token. Enter it.")
        if self.deployment == "cloud" and not self.email:
            raise ValueError("Jira Cloud also needs the e-mail address of the token's account.")
        return self
