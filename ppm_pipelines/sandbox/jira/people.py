"""Who works at the company, and what their hours cost: no site knows rates, the controllers do.

Belongs here: people, roles, rates, the rules of the company's calendar. Does not belong here: what they do (``life``).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

TIME_ZONE = "Europe/Berlin"
COMPANY_CURRENCY = "EUR"
# A site knows no currency: the same hours, billed by a company in another one, at so much for each euro of a rate.
FOR_A_EURO = {COMPANY_CURRENCY: Decimal(1), "JPY": Decimal("163.3"), "KWD": Decimal("0.3347")}


@dataclass(frozen=True, slots=True)
class Person:
    """``account`` is the account id on Cloud, ``key`` and ``login`` name the same person on Data Center."""

    account: str
    key: str
    login: str
    name: str
    zone: str
    role: str = ""
    active: bool = True


def _person(number: int, login: str, name: str, zone: str, role: str = "", active: bool = True) -> Person:
    return Person(f"5b10a2844c20165700ede2{number:02x}", f"JIRAUSER10{number:03d}", login, name, zone, role, active)


READER = _person(1, "ppm-reader", "PPM Reader", "America/Los_Angeles")
NARROW = _person(2, "ppm-narrow", "PPM Narrow", "Asia/Tokyo")
PEOPLE = (
    _person(16, "jgroessl", "Jörg Größl", "Europe/Berlin", "Engineer"),
    _person(17, "mkrystof", "Mia Krystof", "Europe/Berlin", "Engineer"),
    _person(18, "stanaka", "田中 さくら", "Asia/Tokyo", "Engineer"),
    _person(19, "lobrien", "Liam O'Brien", "America/Chicago", "Consultant"),
    _person(20, "akaya", "Ayşe Kaya", "Europe/Istanbul", "Consultant"),
    _person(21, "hschulze", "Hanna Schulze-Lutz", "Europe/Berlin", "Lead"),
    _person(22, "pdupre", "Élodie Dupré", "Pacific/Auckland", "Lead", active=False),
)
UNPRICED = _person(40, "temp", "Tim Aushilfe", "Europe/Berlin")
IN_DOLLARS = _person(41, "cwhite", "Casey White", "America/New_York")


def _rate(amount: str, valid_from: str, currency: str = COMPANY_CURRENCY, **scope: str) -> dict[str, Any]:
    return {"amount": amount, "currency": currency, "valid_from": valid_from, **scope}


def _billed(rate: dict[str, Any], currency: str) -> dict[str, Any]:
    """The rate of a company in that currency; one in a foreign currency stays as it is."""
    if currency == COMPANY_CURRENCY or rate["currency"] != COMPANY_CURRENCY:
        return rate
    return rate | {"amount": str(Decimal(rate["amount"]) * FOR_A_EURO[currency]), "currency": currency}


def rates(currency: str = COMPANY_CURRENCY, *, by_key: bool = False) -> list[dict[str, Any]]:
    """Per hour, of a company in ``currency``; of a person by account id, on Data Center by key."""
    lead, dollars = (one.key if by_key else one.account for one in (PEOPLE[5], IN_DOLLARS))
    in_euro = [
        _rate("84.50", "2020-01-01", role="Engineer"),
        _rate("91.25", "2026-07-01", role="Engineer"),
        _rate("118.33", "2020-01-01", role="Consultant"),
        _rate("132.00", "2020-01-01", role="Lead"),
        _rate("149.90", "2026-09-01", user=lead),
        _rate("140.00", "2020-01-01", "USD", user=dollars),
        _rate("99.00", "2199-01-01"),
    ]
    return [_billed(one, currency) for one in in_euro]


def roles(*, by_key: bool = False) -> dict[str, str]:
    return {(one.key if by_key else one.account): one.role for one in PEOPLE}
