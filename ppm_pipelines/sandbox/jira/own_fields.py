"""Fields that the site's administrators added to issues: names, types and values, which follow from the issue.

Belongs here: the site's own fields and Jira Software's. Does not belong here: Jira's own ones (``shown``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .site import DAY_MS, Issue

TRADES = ("Leittechnik", "Stahlbau", "Software", "Inbetriebnahme")
_SERVERS = "com.atlassian.jira.plugin.system.customfieldtypes"
# Name, type, type of the items, kind.
FIELDS: dict[str, tuple[str, str, str, str]] = {
    "customfield_10016": ("Story point estimate", "number", "", "com.pyxis.greenhopper.jira:jsw-story-points"),
    "customfield_10020": ("Sprint", "array", "json", "com.pyxis.greenhopper.jira:gh-sprint"),
    "customfield_10031": ("Kostenstelle", "option", "", f"{_SERVERS}:select"),
    "customfield_10032": ("Vertragsnummer", "string", "", f"{_SERVERS}:textfield"),
    "customfield_10033": ("Liefertermin", "date", "", f"{_SERVERS}:datepicker"),
    "customfield_10034": ("Gewerk", "option", "", f"{_SERVERS}:select"),
    "customfield_10035": ("Budget (EUR)", "number", "", f"{_SERVERS}:float"),
    "customfield_10036": ("Abteilung", "option-with-child", "", f"{_SERVERS}:cascadingselect"),
    "customfield_10037": ("Product Owner", "user", "", f"{_SERVERS}:userpicker"),
    "customfield_10038": ("Rechnungstext", "string", "", f"{_SERVERS}:textarea"),
    "customfield_10039": ("Betroffene Anlagen", "array", "option", f"{_SERVERS}:multiselect"),
    "customfield_10040": ("Prüfer", "array", "user", f"{_SERVERS}:multiuserpicker"),
}


def listed() -> list[dict[str, Any]]:
    """As the site lists them among its fields."""
    return [
        {
            "id": name,
            "key": name,
            "name": told,
            "custom": True,
            "orderable": True,
            "navigable": True,
            "searchable": True,
            "clauseNames": [f"cf[{name.rpartition('_')[2]}]", told],
            "schema": {
                "type": kind,
                **({"items": items} if items else {}),
                "custom": plugin,
                "customId": int(name[-5:]),
            },
        }
        for name, (told, kind, items, plugin) in FIELDS.items()
    ]


def values(one: Issue, person: Callable[[Any], Any], document: Callable[[str], Any], day: Callable[[int], str]) -> Any:
    """Of an issue, empty ones as null; ``person``, ``document`` and ``day`` write as the deployment does."""
    number = one.number
    return {
        "customfield_10016": (None, 1, 3, 5.5)[number % 4],
        "customfield_10020": [{"id": 7, "name": f"Sprint {number % 9}", "state": "active"}] if number % 2 else None,
        "customfield_10031": _option(f"{4710 + number % 6}") if number % 3 else None,
        "customfield_10032": f"RV-{number % 13:04d}" if number % 2 else None,
        "customfield_10033": day(one.created + 60 * DAY_MS)[:10] if number % 4 else None,
        "customfield_10034": _option(TRADES[number % len(TRADES)]),
        "customfield_10035": 1250.5 * (number % 8) or None,
        "customfield_10036": {**_option("Technik"), "child": _option("Anlagen")} if number % 5 == 0 else None,
        "customfield_10037": person(one.reporter),
        "customfield_10038": document(f"Leistung gemäß Angebot {number}\nTeil 2") if number % 6 == 0 else None,
        "customfield_10039": [_option("Presse 1"), _option("Halle 3")] if number % 7 == 0 else None,
        "customfield_10040": [person(one.reporter)],
    }


def _option(value: str) -> dict[str, Any]:
    return {"self": f"https://site.invalid/customFieldOption/{value}", "value": value, "id": str(len(value))}
