"""What a person configures to connect Microsoft Dynamics: fields, their explanations, what makes them valid.

Belongs here: the settings of CONTRACT ("Connector settings") and sentences about wrong ones. Does not belong here:
using them (``dynamics``). The JSON schema draws the form, as in ``sap_settings``.
"""

from __future__ import annotations

import re
from typing import Literal, Self
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from ppm_pipelines.adapters.settings import Address, AddressOrNone, Names, shown

Product = Literal["finance_operations", "business_central", "dataverse"]
# Where an address that was copied from a request is cut off.
_KNOWN_PATHS = {"finance_operations": "/data", "business_central": "/v2.0", "dataverse": "/api/data"}
_BUSINESS_CENTRAL_SCOPE = "https://api.businesscentral.dynamics.com/.default"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, title="Microsoft Dynamics")

    product: Product = Field(
        default="finance_operations",
        title="Product",
        description="Which Dynamics 365: Finance & Operations, Business Central, or Dataverse (Project Operations).",
        examples=["finance_operations"],
        json_schema_extra=shown(
            "Produkt",
            "Welches Dynamics 365: Finance & Operations, Business Central oder Dataverse (Project Operations).",
        ),
    )
    base_url: Address = Field(
        title="Base URL",
        description="Root of the environment's host, without a path.",
        examples=[
            "https://contoso.operations.dynamics.com",
            "https://api.businesscentral.dynamics.com",
            "https://contoso.crm4.dynamics.com",
        ],
        json_schema_extra=shown("Basis-URL", "Wurzel des Hosts der Umgebung, ohne Pfad."),
    )
    tenant_id: str = Field(
        title="Tenant ID",
        description="Directory (tenant) ID or domain in Microsoft Entra ID.",
        examples=["11111111-2222-3333-4444-555555555555", "contoso.onmicrosoft.com"],
        json_schema_extra=shown("Mandanten-ID", "Verzeichnis-ID (Mandant) oder Domäne in Microsoft Entra ID."),
    )
    client_id: str = Field(
        title="Client ID",
        description="Application (client) ID of the app registration; the product must know the application too.",
        examples=["66666666-7777-8888-9999-000000000000"],
        json_schema_extra=shown(
            "Client-ID", "Anwendungs-ID (Client) der App-Registrierung; auch das Produkt muss die Anwendung kennen."
        ),
    )
    client_secret: SecretStr = Field(
        title="Client secret",
        description="Of the app registration; the value, not its ID.",
        examples=["…"],
        json_schema_extra=shown("Client-Secret", "Der App-Registrierung; der Wert, nicht seine ID."),
    )
    token_url: AddressOrNone = Field(
        default="",
        title="Token URL",
        description="Where tokens are issued; empty for Microsoft Entra ID of the tenant.",
        examples=["https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"],
        json_schema_extra=shown(
            "Token-URL", "Wo Tokens ausgestellt werden; leer für Microsoft Entra ID des Mandanten."
        ),
    )
    companies: Names = Field(
        default_factory=list,
        title="Companies",
        description="Read only these legal entities (usmf) or companies (name or ID); empty for all.",
        examples=[["usmf", "demf"]],
        json_schema_extra=shown(
            "Unternehmen",
            "Nur diese juristischen Personen (usmf) oder Mandanten (Name oder ID) lesen; leer für alle.",
            product=["finance_operations", "business_central"],
        ),
    )
    dimension_segments: Names = Field(
        default_factory=list,
        title="Dimension segments",
        description="The parts of a ledger dimension in their order; empty: only the main account, which comes first.",
        examples=[["MainAccount", "BusinessUnit", "CostCenter"]],
        json_schema_extra=shown(
            "Dimensionssegmente",
            "Die Teile einer Sachkontodimension in ihrer Reihenfolge; leer: nur das Hauptkonto, das vorne steht.",
            product=["finance_operations"],
        ),
    )
    header_project: bool = Field(
        default=False,
        title="Project of the order header",
        description="Use the header's project for lines that have none.",
        examples=[False],
        json_schema_extra=shown(
            "Projekt des Bestellkopfs",
            "Projekt des Kopfs für Zeilen ohne eigenes verwenden.",
            product=["finance_operations"],
        ),
    )
    environment: str = Field(
        default="production",
        title="Environment",
        description="Name of the Business Central environment.",
        examples=["production"],
        json_schema_extra=shown("Umgebung", "Name der Business-Central-Umgebung.", product=["business_central"]),
    )
    project_dimension: str = Field(
        default="",
        title="Project dimension",
        description="Code of the dimension whose values are the projects; the standard API has no other project.",
        examples=["PROJECT"],
        json_schema_extra=shown(
            "Projektdimension",
            "Code der Dimension, deren Werte die Projekte sind; die Standard-API kennt kein anderes Projekt.",
            product=["business_central"],
        ),
    )

    @model_validator(mode="after")
    def _fits_the_product(self) -> Self:
        """The root alone, without the path that is known to follow; what only one product needs is there."""
        if not all((self.base_url, self.tenant_id, self.client_id, self.client_secret.get_secret_value())):
            raise ValueError("Base URL, tenant ID, client ID and client secret are all needed.")
        self.base_url = _root(self.base_url, _KNOWN_PATHS[self.product])
        if self.product == "finance_operations":
            self.companies = list(dict.fromkeys(one.lower() for one in self.companies))
        if self.product == "dataverse":
            self.companies = []  # it has none; a list from another product would leave everything out
        if self.product == "business_central" and not (self.environment and self.project_dimension):
            raise ValueError(
                "Business Central also needs the environment and the project dimension, because its order lines name "
                "no project."
            )
        return self

    @property
    def token_address(self) -> str:
        tenant = quote(self.tenant_id, safe="")
        return self.token_url or f"https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"

    @property
    def scope(self) -> str:
        return _BUSINESS_CENTRAL_SCOPE if self.product == "business_central" else f"{self.base_url}/.default"


def is_id(company: str) -> bool:
    return _GUID.fullmatch(company.lower()) is not None


def _root(address: str, path: str) -> str:
    scheme, _, rest = address.partition("://")
    host, *below = rest.split("/")
    first = path.strip("/").split("/")
    for place in range(len(below)):
        if below[place : place + len(first)] == first:
            below = below[:place]
            break
    return "/".join((f"{scheme}://{host}", *below)).rstrip("/")
