"""OData V4 as Microsoft's products speak it, over rows that are there as dictionaries.

Belongs here: options, filters, pages, metadata, and what a product allows of them. Does not belong here: which
entities there are (``finance_operations.py``). A page starts after the row before it, so a row that comes in between
moves nothing.
"""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

Row = dict[str, Any]
Test = Callable[[Row], bool]
TOKEN = re.compile(
    r"\s*(?:(?P<enum>[A-Za-z_][\w.]*'(?:[^']|'')*')|(?P<text>'(?:[^']|'')*')"
    r"|(?P<guid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
    r"|(?P<stamp>\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?Z)?)|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_@][\w]*)|(?P<mark>[()]))"
)
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "gt": lambda a, b: bool(a > b),
    "ge": lambda a, b: bool(a >= b),
    "lt": lambda a, b: bool(a < b),
    "le": lambda a, b: bool(a <= b),
}
EDM = {
    "text": "String",
    "number": "Decimal",
    "whole": "Int64",
    "stamp": "DateTimeOffset",
    "day": "Date",
    "guid": "Guid",
}


class BadRequest(Exception):
    """The request cannot be answered; ``code`` is the product's, where it tells one."""

    def __init__(self, sentence: str, code: str = "", status: int = 400) -> None:
        super().__init__(sentence)
        self.sentence, self.code, self.status = sentence, code, status


@dataclass(frozen=True)
class EntitySet:
    """``fields`` are names and kinds (``text``, ``number``, ``whole``, ``stamp``, ``day``, ``guid``, ``bool`` or an
    enumeration's name); ``nested`` the sets behind navigations, whose rows lie in the row itself."""

    name: str
    kind: str
    keys: tuple[str, ...]
    fields: dict[str, str]
    rows: Callable[[], list[Row]] = list
    nested: dict[str, EntitySet] = field(default_factory=dict)


@dataclass(frozen=True)
class Dialect:
    """What a product allows: the largest page, and how it writes enumerations (empty: as texts)."""

    largest_page: int
    enums: str = ""
    expand_levels: int = 1


@dataclass(frozen=True)
class Compared:
    """A comparison of one property."""

    name: str
    kind: str
    operator: str
    value: Any

    def __call__(self, row: Row) -> bool:
        return COMPARE[self.operator](comparable(self.kind, row[self.name]), self.value)


def either(tests: list[Test]) -> Test:
    """One of them holds. Many values of one property, as clients name keys, are looked up and not tried one by one."""
    if len(tests) == 1:
        return tests[0]
    equal = [one for one in tests if isinstance(one, Compared) and one.operator == "eq"]
    if len(equal) < len(tests) or len({one.name for one in equal}) > 1:
        return lambda row: any(test(row) for test in tests)
    name, kind, values = equal[0].name, equal[0].kind, {one.value for one in equal}
    return lambda row: comparable(kind, row[name]) in values


class FilterReader:
    """A recursive descent over the tokens of ``$filter``."""

    def __init__(self, entity: EntitySet, dialect: Dialect, written: str) -> None:
        self.entity, self.dialect, self.written = entity, dialect, written
        self.tokens: list[tuple[str, str]] = []
        self.place = place = 0
        while written[place:].strip():
            match = TOKEN.match(written, place)
            if match is None:
                raise self._invalid(f"at position {place}")
            self.tokens.append((match.lastgroup or "", match.group(match.lastgroup or 0)))
            place = match.end()

    def _invalid(self, detail: str) -> BadRequest:
        return BadRequest(f"Invalid filter '{self.written[:200]}': {detail}.")

    def read(self) -> Test:
        test = self._either()
        if self.place != len(self.tokens):
            raise self._invalid(f"'{self.tokens[self.place][1]}' is not expected")
        return test

    def _next(self) -> tuple[str, str]:
        if self.place >= len(self.tokens):
            raise self._invalid("it ends too early")
        self.place += 1
        return self.tokens[self.place - 1]

    def _is(self, word: str) -> bool:
        if self.place < len(self.tokens) and self.tokens[self.place][1] == word:
            self.place += 1
            return True
        return False

    def _either(self) -> Test:
        tests = [self._both()]
        while self._is("or"):
            tests.append(self._both())
        return either(tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._is("and"):
            tests.append(self._one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self._is("("):
            test = self._either()
            if not self._is(")"):
                raise self._invalid("')' is missing")
            return test
        _, name = self._next()
        kind = self.entity.fields.get(name)
        if kind is None:
            raise self._invalid(f"Could not find a property named '{name}' on type '{self.entity.kind}'")
        _, operator = self._next()
        if operator not in COMPARE:
            raise self._invalid(f"'{operator}' is not supported")
        return Compared(name, kind, operator, self._literal(name, kind, operator))

    def _literal(self, name: str, kind: str, operator: str) -> Any:
        how, written = self._next()
        enum = kind not in EDM and kind != "bool"
        if enum and self.dialect.enums:
            prefix = f"{self.dialect.enums}{kind}'"
            if how != "enum" or not written.startswith(prefix) or operator not in ("eq", "ne"):
                raise self._invalid(f"'{name}' is an enumeration: only eq and ne with {prefix}…'")
            return written[len(prefix) : -1]
        wanted = {
            "text": "text",
            "number": "number",
            "whole": "number",
            "stamp": "stamp",
            "day": "stamp",
            "guid": "guid",
        }
        if how != wanted.get(kind, "name" if kind == "bool" else "text"):
            raise self._invalid(f"'{written}' does not fit the type of '{name}'")
        if how == "text":
            written = written[1:-1].replace("''", "'")
        return comparable(kind, written == "true" if kind == "bool" else written)


def comparable(kind: str, value: Any) -> Any:
    """Texts compare without regard to case, as the database below does it."""
    if kind == "text":
        return value.casefold()
    if kind in ("number", "whole"):
        return Decimal(value)
    if kind == "stamp":
        return datetime.fromisoformat(value if "T" in value else f"{value}T00:00:00Z").astimezone(UTC)
    return value[:10] if kind == "day" else value


def answer(
    entity: EntitySet, dialect: Dialect, options: dict[str, str], page: int | None, url: str, rows: list[Row]
) -> Row:
    """One page of the set as a document; ``url`` is the address that was asked, without its query. ``rows`` are
    ``in_order``."""
    unknown = [name for name in options if name.startswith("$") and name not in OPTIONS]
    if unknown:
        raise BadRequest(f"The query parameter '{unknown[0]}' is not supported.")
    if written := options.get("$filter"):
        test = FilterReader(entity, dialect, written).read()
        rows = [row for row in rows if test(row)]
    order = _order(entity, options.get("$orderby", ""))
    place = partial(_place, entity, order)
    if order:
        rows = sorted(rows, key=place)
    document: Row = {"@odata.context": f"$metadata#{entity.name}"}
    if options.get("$count") == "true":
        document["@odata.count"] = len(rows)
    after = _read_token(options.get("$skiptoken"))
    if after is not None:
        rows = rows[bisect_right(rows, after, key=place) :]
    rows = rows[int(options.get("$skip", 0)) :]
    top = int(options["$top"]) if "$top" in options else None
    limit = min(page or dialect.largest_page, dialect.largest_page)
    shown = rows[: limit if top is None else min(limit, top)]
    document["value"] = [_shown(entity, dialect, options, row, dialect.expand_levels) for row in shown]
    rest = None if top is None else top - len(shown)
    if len(shown) < len(rows) and shown and rest != 0:
        kept = {name: value for name, value in options.items() if name not in ("$skip", "$skiptoken")}
        kept |= {"$skiptoken": _write_token(_place(entity, order, shown[-1]))} | ({"$top": str(rest)} if rest else {})
        document["@odata.nextLink"] = f"{url}?{urlencode(kept, safe='$,/:();', quote_via=quote)}"
    return document


def in_order(entity: EntitySet, rows: list[Row]) -> list[Row]:
    """As a set's rows come where nobody asks for another order."""
    return sorted(rows, key=partial(_place, entity, []))


OPTIONS = {"$filter", "$select", "$expand", "$orderby", "$top", "$skip", "$skiptoken", "$count"}


def _shown(entity: EntitySet, dialect: Dialect, options: dict[str, str], row: Row, levels: int) -> Row:
    names = [name.strip() for name in options.get("$select", "").split(",") if name.strip()] or list(entity.fields)
    for name in names:
        if name not in entity.fields:
            raise BadRequest(f"Could not find a property named '{name}' on type '{entity.kind}'.")
    made: Row = {"@odata.etag": 'W/"JzAsMCc="'} | {name: row[name] for name in names}
    for name, inner in expansions(options.get("$expand", "")):
        if name not in entity.nested or levels < 1:
            raise BadRequest(f"Could not find a property named '{name}' on type '{entity.kind}'.")
        made[name] = [_shown(entity.nested[name], dialect, inner, one, levels - 1) for one in row[name]]
    return made


def expansions(written: str) -> list[tuple[str, dict[str, str]]]:
    """``a($select=x;$expand=b),c`` as names with their options."""
    made = []
    for part in _split(written, ","):
        name, bracket, inside = part.strip().partition("(")
        told = _split(inside[:-1], ";") if bracket else []
        made.append((name, {key: value for key, _, value in (one.partition("=") for one in told)}))
    return made


def _split(written: str, mark: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for place, sign in enumerate(written):
        depth += (sign == "(") - (sign == ")")
        if sign == mark and depth == 0:
            parts.append(written[start:place])
            start = place + 1
    return [part for part in (*parts, written[start:]) if part.strip()]


def _order(entity: EntitySet, written: str) -> list[tuple[str, bool]]:
    made = []
    for part in filter(None, (one.strip() for one in written.split(","))):
        name, _, way = part.partition(" ")
        if name not in entity.fields:
            raise BadRequest(f"Could not find a property named '{name}' on type '{entity.kind}'.")
        made.append((name, way == "desc"))
    return made


def _place(entity: EntitySet, order: list[tuple[str, bool]], row: Row) -> list[Any]:
    """Where a row stands; what is equal keeps the order of its keys and of its place in the set."""
    if any(down for _, down in order):
        raise BadRequest("Descending order is not simulated.")
    names = [*(name for name, _ in order), *entity.keys]
    return [*(_sortable(entity.fields[name], row[name]) for name in names), row["@place"]]


def _sortable(kind: str, value: Any) -> Any:
    return float(value) if kind in ("number", "whole") else str(value).casefold()


def _write_token(place: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _read_token(token: str | None) -> list[Any] | None:
    if token is None:
        return None
    try:
        found: list[Any] = json.loads(base64.urlsafe_b64decode(token.encode()))
    except ValueError:
        raise BadRequest("The skip token is not valid.") from None
    return found


def metadata(sets: list[EntitySet], namespace: str) -> str:
    """The CSDL document: types have other names than their sets."""
    parts = [
        '<?xml version="1.0" encoding="utf-8"?><edmx:Edmx Version="4.0" '
        'xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{namespace}" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
    ]
    for one in sets:
        keys = "".join(f'<PropertyRef Name="{name}" />' for name in one.keys)
        parts.append(f'<EntityType Name="{one.kind}"><Key>{keys}</Key>')
        for name, kind in one.fields.items():
            edm = "Edm.Boolean" if kind == "bool" else f"Edm.{EDM[kind]}" if kind in EDM else f"{namespace}.{kind}"
            parts.append(f'<Property Name="{name}" Type="{edm}" />')
        for name, other in one.nested.items():
            parts.append(f'<NavigationProperty Name="{name}" Type="Collection({namespace}.{other.kind})" />')
        parts.append("</EntityType>")
    parts.append('<EntityContainer Name="Resources">')
    parts += [f'<EntitySet Name="{one.name}" EntityType="{namespace}.{one.kind}" />' for one in sets]
    parts.append("</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>")
    return "".join(parts)
