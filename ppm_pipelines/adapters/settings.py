"""What the systems' settings share: how a field is shown in the form, and values that every system may ask for.

Belongs here: helpers and checked types that more than one system's settings use. Does not belong here: any system's own
fields (``sap_settings``, …). Every refusal is a sentence for the person who typed the value (ValueError).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, SecretStr

from ppm_pipelines.records import known_currency

NO_SECRET = SecretStr("")


def shown(german: str, explanation: str, **when: str | list[str]) -> dict[str, Any]:
    """German title and explanation (``x-labels``), and the choices in other fields with which alone the form shows this
    one (``x-show-when``): ``auth="basic"``, ``product=["dataverse"]``."""
    extra: dict[str, Any] = {"x-labels": {"de": {"title": german, "description": explanation}}}
    return extra | ({"x-show-when": when} if when else {})


def check_sign_in(settings: BaseModel, chosen: str, needed: Iterable[str]) -> None:
    """Only the fields of the chosen sign-in are required. Raises ValueError with the titles of the missing ones."""
    missing = [name for name in needed if not _given(getattr(settings, name))]
    if missing:
        titles = ", ".join(str(type(settings).model_fields[name].title) for name in missing)
        raise ValueError(f"The chosen sign-in ({chosen}) also needs: {titles}.")


def _given(value: str | SecretStr) -> bool:
    return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)


def _address(value: str) -> str:
    if not value.lower().startswith(("https://", "http://")):
        raise ValueError("The address must begin with https:// and name a host, like https://host.example.com.")
    if "?" in value or "#" in value:
        raise ValueError("Enter the address without ? or #.")
    return value.rstrip("/")


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"“{value}” is no time zone. Use an IANA name, like Europe/Berlin.") from None
    return value


def _currency(value: str) -> str:
    if value and not known_currency(value.upper()):
        raise ValueError(f"“{value}” is no active ISO 4217 currency, like EUR.")
    return value.upper()


def _split(value: Any) -> Any:
    return value.replace(";", ",").split(",") if isinstance(value, str) else value


def _once(value: list[str]) -> list[str]:
    return list(dict.fromkeys(one.strip() for one in value if one.strip()))


Address = Annotated[str, AfterValidator(_address)]
AddressOrNone = Annotated[str, AfterValidator(lambda value: _address(value) if value else value)]
Zone = Annotated[str, AfterValidator(_zone)]
Currency = Annotated[str, AfterValidator(_currency)]  # empty where it may be left out
# A list, or one text with commas or semicolons between its members, each once.
Names = Annotated[list[str], BeforeValidator(_split), AfterValidator(_once)]
