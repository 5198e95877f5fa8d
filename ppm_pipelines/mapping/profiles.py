"""What sample values look like, and whether that fits what a field is said to be.

Belongs here: kinds of values, forms of dates and numbers. Does not belong here: names (``lexicon``), turning values
into the Costbook's (``transforms``). Nothing here decides alone: values confirm or contradict a name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache

from ppm_pipelines.records import known_currency

# Forms of dates: what a person calls them, the pattern, how Python reads them.
DATES: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("YYYY-MM-DD", re.compile(r"\d{4}-\d{2}-\d{2}"), "%Y-%m-%d"),
    ("ISO", re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?"), ""),
    ("DD.MM.YYYY", re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}"), "%d.%m.%Y"),
    ("DD.MM.YY", re.compile(r"\d{1,2}\.\d{1,2}\.\d{2}"), "%d.%m.%y"),
    ("YYYYMMDD", re.compile(r"(19|20)\d{6}"), "%Y%m%d"),
    ("MM/DD/YYYY", re.compile(r"\d{1,2}/\d{1,2}/\d{4}"), "%m/%d/%Y"),
    ("DD/MM/YYYY", re.compile(r"\d{1,2}/\d{1,2}/\d{4}"), "%d/%m/%Y"),
    ("DD-MON-YYYY", re.compile(r"\d{1,2}-[A-Za-z]{3}-\d{4}"), "%d-%b-%Y"),
    ("/Date(…)/", re.compile(r"/Date\(-?\d+([+-]\d{4})?\)/"), ""),
)
FORMATS = {name: (pattern, python) for name, pattern, python in DATES}
_WBS = re.compile(r"(?=.*\d)[A-Z0-9]{1,12}([.\-/][A-Z0-9]{1,8}){2,}|[A-Z]{1,3}[.\-]\d{3,8}[.\-]\d{1,8}", re.I)
_PROJECT = re.compile(r"[A-Z]{1,4}[-.]?\d{2}[-.\d]*", re.I)
_COMPANY = re.compile(r"\b(gmbh|ag|ltd|inc|kg|se|llc|s\.?a\.?|corp|co|bv|oy|plc|limited|ohg|gbr|srl)\b\.?", re.I)
_UNITS = set("ST STK EA PC PCE H HR HUR STD KG G T M M2 M3 L LE PAU DAY TAG PSCH KM CM MM HRS HOURS EACH PCS".split())
_NUMBER = re.compile(r"-?[\d.,' \u00a0]*\d-?|-?[.,]\d+")

# What a concept says its values look like, and the kinds of values that confirm (first) or may stand there.
_CONFIRMS = {
    "date": {"date"},
    "amount": {"decimal"},
    "quantity": {"decimal", "small"},
    "rate": {"decimal"},
    "line": {"small"},
    "flag": {"flag"},
    "currency": {"currency"},
    "unit": {"unit"},
    "person": {"person", "user"},
    "company": {"company"},
    "text": {"words", "company", "person"},
    "wbs": {"wbs"},
    "project": {"project", "wbs"},
    "document": {"number", "project", "reference"},
    "party": {"number", "project"},
    "account": {"number"},
    "reference": {"reference", "number"},
    "email": {"email"},
    "guid": {"guid"},
    "year": {"year"},
    "period": {"small", "period"},
    "code": {"code", "small"},
}
_NEVER = {
    "date": {
        "decimal",
        "flag",
        "currency",
        "words",
        "company",
        "person",
        "user",
        "wbs",
        "guid",
        "object",
        "unit",
        "small",
    },
    "amount": {"date", "flag", "currency", "words", "company", "person", "user", "wbs", "guid", "object", "unit"},
    "flag": {"date", "decimal", "currency", "words", "company", "person", "wbs", "number", "guid", "object"},
    "currency": {"date", "decimal", "flag", "words", "company", "person", "wbs", "number", "guid", "object", "small"},
    "line": {"date", "flag", "currency", "words", "company", "person", "wbs", "guid", "object", "unit"},
    "text": {"date", "decimal", "flag", "guid", "currency", "object"},
    "code": {"date", "decimal", "guid", "object"},
    "person": {"date", "decimal", "flag", "currency", "guid", "object", "company", "wbs"},
    "company": {"date", "decimal", "flag", "currency", "guid", "object", "wbs"},
}
_NEVER |= dict.fromkeys(("quantity", "rate"), _NEVER["amount"])
_NEVER |= {name: _NEVER["code"] | {"flag", "currency"} for name in ("document", "party", "account", "reference")}
_NEVER["party"] = _NEVER["party"] | {"company"}
_NEVER |= {name: _NEVER["code"] | {"flag", "currency"} for name in ("wbs", "project", "year", "period", "email")}
_NEVER["unit"] = _NEVER["currency"] - {"small"}
_NEVER["guid"] = {"date", "decimal", "flag", "currency"}
_TYPES = {
    "date": "date",
    "datetime": "date",
    "decimal": "decimal",
    "boolean": "flag",
    "object": "object",
    "guid": "guid",
}


def date_forms(samples: Sequence[str]) -> list[str]:
    """Forms in which every sample is a day; more than one where days and months cannot be told apart."""
    values = [value.strip() for value in samples if value.strip()]
    return [name for name in FORMATS if values and all(_is_date(value, name) for value in values)]


def _is_date(value: str, form: str) -> bool:
    pattern, python = FORMATS[form]
    if not pattern.fullmatch(value):
        return False
    if not python:
        return True
    try:
        return bool(datetime.strptime(value, python))  # noqa: DTZ007 (a day, no moment)
    except ValueError:
        return False


def number_form(samples: Sequence[str]) -> str | None:
    """``,`` or ``.``: the decimal sign of these numbers; None where they are no numbers or it can't be told."""
    values = [value.strip().strip("-").strip() for value in samples if value.strip()]
    if not values or not all(_NUMBER.fullmatch(value) for value in values):
        return None
    signs = {sign for sign in map(_decimal_sign, values) if sign}
    return signs.pop() if len(signs) == 1 else None


def _decimal_sign(value: str) -> str | None:
    comma, point = value.rfind(","), value.rfind(".")
    if comma >= 0 and point >= 0:
        return "," if comma > point else "."
    sign = "," if comma >= 0 else "."
    digits = value.rpartition(sign)[2]
    if sign not in value or value.count(sign) > 1:
        return None if sign not in value else ("." if sign == "," else ",")
    return sign if len(digits) != 3 or value.startswith("0") else None  # "1.200" may be either


def _is_decimal(value: str) -> bool:
    return bool(_NUMBER.fullmatch(value)) and (any(sign in value for sign in ".,") or value.startswith("-"))


_KINDS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("flag", lambda value: value.lower() in {"x", "true", "false", "yes", "no", "ja", "nein", "y", "n", "s", "h"}),
    ("currency", lambda value: known_currency(value)),
    ("email", lambda value: bool(re.fullmatch(r"\S+@\S+\.\w+", value))),
    ("guid", lambda value: bool(re.fullmatch(r"\{?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?", value, re.I))),
    ("object", lambda value: value[:1] in "{["),
    ("date", lambda value: any(_is_date(value, form) for form in FORMATS)),
    ("year", lambda value: bool(re.fullmatch(r"(19|20)\d\d", value))),
    ("period", lambda value: bool(re.fullmatch(r"0?\d\d|\d{1,2}[/.\-]\d{4}|\d{4}[/.\-]\d{1,3}", value))),
    ("unit", lambda value: value.upper() in _UNITS),
    ("small", lambda value: value.isdigit() and int(value) < 1000 and len(value) <= 5),
    ("decimal", lambda value: _is_decimal(value)),
    ("number", lambda value: value.isdigit()),
    ("company", lambda value: bool(_COMPANY.search(value)) and " " in value),
    ("wbs", lambda value: bool(_WBS.fullmatch(value))),
    ("project", lambda value: bool(_PROJECT.fullmatch(value))),
    ("person", lambda value: bool(re.fullmatch(r"[A-ZÄÖÜ][\w.\-]+,? [A-ZÄÖÜ][\w\-]+", value))),
    ("reference", lambda value: any(sign.isdigit() for sign in value) and len(value) < 25 and value.count(" ") < 3),
    ("words", lambda value: " " in value or len(value) > 12),
    ("user", lambda value: bool(re.fullmatch(r"[A-Z]{4,12}|[a-z]{4,12}", value))),
    ("code", lambda value: len(value) <= 12),
)


@lru_cache(maxsize=4096)
def kinds(samples: tuple[str, ...], type: str = "") -> frozenset[str]:
    """Kinds that most samples are of; the declared type alone where there are none."""
    values = [value.strip() for value in samples if value and value.strip()]
    if not values:
        return frozenset({_TYPES[type.lower()]} if type.lower() in _TYPES else ())
    counts = {name: sum(1 for value in values if of(value)) for name, of in _KINDS}
    found = {name for name, count in counts.items() if count == len(values)}
    if not found:
        most = max(counts.values())
        found = {name for name, count in counts.items() if count == most and 2 * count > len(values)}
    return frozenset(_narrowed(found, type))


def _narrowed(found: set[str], type: str) -> set[str]:
    """Of kinds that hold at once those that say most."""
    declared = _TYPES.get(type.lower())
    if declared in found or (declared == "date" and "number" in found):
        return {str(declared)}
    for first in ("flag", "currency", "unit", "guid", "object", "email", "date", "company", "wbs"):
        if first in found:
            return {first} | ({"number"} if first == "date" and "number" in found else set())
    return found


def agreement(looks: str, found: frozenset[str]) -> int:
    """1: the values look like it, -1: they can't be it, 0: they say nothing."""
    if not looks or not found:
        return 0
    if found & _CONFIRMS.get(looks, set()):
        return 1
    return -1 if found <= _NEVER.get(looks, set()) else 0
