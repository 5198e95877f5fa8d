"""SuiteQL over REST: a query as data, its pages by key, what an account lacks, and values as Python has them.

Belongs here: the protocol. Does not belong here: HTTP (``http``), which queries there are (``netsuite_streams``).
Pages go by key and never by offset: a query through REST ends at 100,000 rows, and rows that come and go while it is
read would move the others. Every page is asked for as what comes after the last row before it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from ppm_pipelines.adapters.base import SourceError, Unavailable
from ppm_pipelines.adapters.fields import Unreadable, text
from ppm_pipelines.adapters.http import Answer, Client

PATH = "services/rest/query/v1/suiteql"
PAGE = 1000
STAMP = "%Y-%m-%d %H:%M:%S"
STAMP_MASK, DAY_MASK = "YYYY-MM-DD HH24:MI:SS", "YYYY-MM-DD"
_HEADERS = {"Prefer": "transient"}
_LACKING = ("bad_request", "forbidden", "not_found")
_MESSAGE_LENGTH = 300
_DETAIL = re.compile(rb'"detail"\s*:\s*"((?:[^"\\]|\\.)*)"')
Params = Sequence[str]


@dataclass(frozen=True, slots=True)
class Query:
    """A query template: a new one is a few lines.

    ``columns`` maps the name in the answer to its expression; of the ``optional`` ones an account may lack any, and
    ``joins`` are what single columns need beside ``source``. ``key`` names columns that are unique together and never
    null: rows come in their order. ``grouped`` names the columns by which a query of sums groups.
    """

    name: str
    columns: Mapping[str, str]
    source: str
    key: tuple[str, ...]
    where: str = ""
    optional: Mapping[str, str] = field(default_factory=dict)
    joins: Mapping[str, str] = field(default_factory=dict)
    distinct: bool = False
    grouped: tuple[str, ...] = ()

    def expression(self, name: str) -> str:
        return self.columns.get(name) or self.optional[name]

    def written(self, names: Iterable[str], where: str = "", after: bool = False, ordered: bool = True) -> str:
        """The text with these columns; ``?`` for what ``after`` binds, see ``bound``."""
        names = list(names)
        told = ", ".join(f"{self.expression(name)} AS {name}" for name in names)
        keys = [self.expression(name) for name in self.key]
        conditions = [f"({one})" for one in (self.where, where, _beyond(keys) if after else "") if one]
        parts = [
            f"SELECT {'DISTINCT ' if self.distinct else ''}{told} FROM {self.source}",  # noqa: S608 - our own names
            *dict.fromkeys(self.joins[name] for name in names if name in self.joins),
            f"WHERE {' AND '.join(conditions)}" if conditions else "",
            f"GROUP BY {', '.join(map(self.expression, self.grouped))}" if self.grouped else "",
            f"ORDER BY {', '.join(keys)}" if ordered and keys else "",
        ]
        return " ".join(part for part in parts if part)


def _beyond(keys: Sequence[str]) -> str:
    """Rows after one key: ``a > ? OR (a = ? AND b > ?)``."""
    terms = [" AND ".join([*(f"{key} = ?" for key in keys[:place]), f"{key} > ?"]) for place, key in enumerate(keys)]
    return " OR ".join(f"({term})" for term in terms) if len(terms) > 1 else terms[0]


def bound(key: Sequence[str]) -> list[str]:
    """The values of ``_beyond``."""
    return [one for place in range(len(key)) for one in key[: place + 1]]


def pages(
    client: Client, query: Query, lacking: Collection[str] = (), where: str = "", params: Params = ()
) -> Iterator[list[dict[str, Any]]]:
    """Every page of rows, in the order of the key. Raises SourceError."""
    names = [name for name in (*query.columns, *query.optional) if name not in lacking]
    last: list[str] | None = None
    while True:
        asked = query.written(names, where, after=last is not None)
        rows, more = page(client, asked, [*params, *(bound(last) if last else [])])
        if rows:
            yield rows
        if not more:
            return
        reached = [text(rows[-1].get(name)) for name in query.key] if rows else last
        if reached == last:
            raise Unavailable(
                f"NetSuite answered {query.name} with the same rows again. Nothing was changed. Try again later.",
                "paging_loop",
            )
        last = reached


def page(client: Client, asked: str, params: Params = (), limit: int = PAGE) -> tuple[list[dict[str, Any]], bool]:
    """One page of rows, names in lower case, and whether there are more. Raises SourceError."""
    body: dict[str, Any] = {"q": asked} | ({"params": list(params)} if params else {})
    return _taken(client.post(PATH, body, {"limit": str(limit), "offset": "0"}, _HEADERS))


def _taken(answer: Answer) -> tuple[list[dict[str, Any]], bool]:
    try:
        items, count, more = answer.body["items"], int(answer.body["count"]), bool(answer.body["hasMore"])
        rows = [_row(item) for item in items]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Unavailable(
            "NetSuite answered with JSON that is no page of a query. Check the address.", "no_suiteql"
        ) from None
    if len(rows) != count:
        raise Unavailable(
            f"NetSuite counted {count} rows in an answer that holds {len(rows)}. Nothing was changed. Try again later.",
            "short_page",
        )
    return rows, more


def _row(item: dict[str, Any]) -> dict[str, Any]:
    """The columns by their names in small letters, without the protocol's own."""
    names = _in_small_letters(tuple(item))
    found = item if names is None else dict(zip(names, item.values(), strict=True))
    found.pop("links", None)
    return found


@lru_cache(maxsize=1024)  # what is null is left out, so that the rows of a page have a few different sets of names
def _in_small_letters(names: tuple[str, ...]) -> tuple[str, ...] | None:
    """None where they are so already."""
    small = tuple(name.lower() for name in names)
    return None if small == names else small


def first(client: Client, asked: str, params: Params = ()) -> dict[str, Any]:
    """The first row; empty where there is none. Raises SourceError."""
    rows, _ = page(client, asked, params, 1)
    return rows[0] if rows else {}


def lacking(client: Client, query: Query) -> frozenset[str]:
    """The optional columns that this account does not have: asked for together, and one by one where that fails."""
    if not query.optional or _has(client, query, [*query.key, *query.optional]):
        return frozenset()
    return frozenset(name for name in query.optional if not _has(client, query, [*query.key, name]))


def readable(client: Client, query: Query, names: Sequence[str]) -> list[str]:
    """Those of the query's columns that this account shows: asked for together, and by halves where that fails."""
    if not names or _has(client, query, [*query.key, *names]):
        return list(names)
    half = len(names) // 2
    parts = (names[:half], names[half:]) if half else ()
    return [name for some in parts for name in readable(client, query, some)]


def tried(client: Client, query: Query, names: Iterable[str]) -> None:
    """Asks for these columns of no row: a column that the account does not have fails it. Raises SourceError."""
    page(client, query.written(names, "1 = 0", ordered=False), ["0"] * query.where.count("?"), 1)


def _has(client: Client, query: Query, names: Iterable[str]) -> bool:
    try:
        tried(client, query, names)
    except SourceError as error:
        if error.code not in _LACKING:
            raise
        return False
    return True


def error_text(body: bytes) -> str:
    """NetSuite's own message; read as text, because its errors need not be valid JSON (netsuite.md, section 6)."""
    found = _DETAIL.search(body)
    try:
        told = msgspec.json.decode(b'"' + found[1] + b'"', type=str) if found else ""
    except msgspec.DecodeError:
        return ""
    return " ".join(told.split())[:_MESSAGE_LENGTH]


# Expressions and values


def day_of(expression: str) -> str:
    """Dates are always written with a mask: the default form follows somebody's preferences."""
    return f"TO_CHAR({expression}, '{DAY_MASK}')"


def stamp_of(expression: str) -> str:
    return f"TO_CHAR({expression}, '{STAMP_MASK}')"


def shown_of(expression: str) -> str:
    """What a person sees in the field."""
    return f"BUILTIN.DF({expression})"


def type_of(expression: str) -> str:
    """Of what is asked for with a mask; all other values are texts."""
    for mask, kind in ((STAMP_MASK, "datetime"), (DAY_MASK, "date")):
        if f"'{mask}'" in expression:
            return kind
    return "text"


def since(stamps: Iterable[str]) -> str:
    """Any of the stamps is not before a moment; one ``?`` for each."""
    return " OR ".join(f"{stamp} >= TO_DATE(?, '{STAMP_MASK}')" for stamp in stamps)


def among(expression: str, values: Collection[str]) -> str:
    return f"{expression} IN ({', '.join('?' * len(values))})"


def yes(value: Any) -> bool:
    return text(value).upper() == "T"


def day(value: Any) -> date | None:
    """Raises Unreadable."""
    told = text(value)
    try:
        return date.fromisoformat(told) if told else None
    except ValueError:
        raise Unreadable(f"“{told[:40]}” is no date") from None


def moment(value: Any, zone: ZoneInfo) -> datetime | None:
    """A point in time in UTC from the clock of that zone. Raises Unreadable."""
    told = text(value)
    return _moment(told, zone) if told else None


@lru_cache(maxsize=8192)  # lines have the stamps of their transaction
def _moment(told: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.strptime(told, STAMP).replace(tzinfo=zone).astimezone(UTC)
    except ValueError:
        raise Unreadable(f"“{told[:40]}” is no date") from None
