"""Fields that the customer added to transactions, their lines and projects, as the account keeps and lists them.

Belongs here: their script ids, labels, types and values, which follow from what a thing is. Does not belong here:
NetSuite's own columns (``tables``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from .model import Document, Line

# Script id, label, type; the last two are of records that nobody reads here, and of a right that the role has not.
FIELDS = (
    ("custbody_contract_no", "Rahmenvertrag", "Free-Form Text"),
    ("custbody_delivery_note", "Wunschliefertermin", "Free-Form Text"),
    ("custbody_capex", "Investition", "Check Box"),
    ("custcol_cost_type", "Kostenart", "List/Record"),
    ("custcol_site", "Baustelle", "Free-Form Text"),
    ("custcol_expected", "Bestätigtes Lieferdatum", "Date"),
    ("custcol_retention", "Sicherheitseinbehalt", "Currency"),
    ("custentity_region", "Region", "List/Record"),
    ("custentity_cost_center", "Kostenstelle (Projekt)", "Free-Form Text"),
    ("custcol_hr_note", "Vermerk Personal", "Long Text"),
    ("custitem_brand", "Marke", "Free-Form Text"),
)
# Listed, and not to be read by the role.
FORBIDDEN = frozenset({"custcol_hr_note"})
OF_TRANSACTIONS = ("custbody_contract_no", "custbody_delivery_note", "custbody_capex")
OF_LINES = ("custcol_cost_type", "custcol_site", "custcol_expected", "custcol_retention", "custcol_hr_note")
OF_PROJECTS = ("custentity_region", "custentity_cost_center")
LISTS: dict[str, dict[int, str]] = {
    "custcol_cost_type": {1: "Material", 2: "Fremdleistung", 3: "Reise"},
    "custentity_region": {1: "Nord", 2: "Süd", 3: "International"},
}
_SITES = ("Halle 3", "Kai 4", "Umspannwerk")
_DAY_MS = 86_400_000


def columns(names: tuple[str, ...]) -> str:
    return ", ".join(f"{name} {'integer' if name in LISTS else 'text'}" for name in names)


def of_transaction(one: Document) -> tuple[Any, ...]:
    """The wish is typed by hand into a text field."""
    wished = datetime.fromtimestamp((one.day + 40 * _DAY_MS) / 1000, UTC)
    ordered = one.type == "PurchOrd"
    return (
        f"RV-{one.id % 29:04d}" if one.id % 3 else None,
        f"{wished:%d.%m.%Y}" if ordered and one.id % 4 else None,
        "T" if one.id % 5 == 0 else "F",
    )


def of_line(one: Line) -> tuple[Any, ...]:
    if one.main or one.tax:
        return (None,) * len(OF_LINES)
    expected = datetime.fromtimestamp((one.document.day + 50 * _DAY_MS) / 1000, UTC)
    ordered = one.document.type == "PurchOrd"
    return (
        1 + one.id % 3,
        _SITES[one.document.id % len(_SITES)],
        f"{expected:%Y-%m-%d}T00:00:00" if ordered and one.id % 2 else None,
        f"{abs(one.amount) // 2000}.5" if ordered and one.document.id % 7 == 0 else None,
        "vertraulich",
    )


def of_project(number: int) -> tuple[Any, ...]:
    return (1 + number % 3, f"{4700 + number % 11}" if number % 2 else None)
