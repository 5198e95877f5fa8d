"""SuiteQL, as much of it as can be understood honestly: a SELECT is taken apart and said again in SQLite's words.

Belongs here: the language: names, joins, conditions, grouping, order, bind parameters, Oracle's functions. Does not
belong here: which tables there are (``tables``), pages and addresses (``app``). Whatever is not understood is refused.
"""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\(\+\)|<=|>=|<>|!=|\|\||[?(),.=<>*+/-]))"
)
_WORDS = frozenset(
    "SELECT DISTINCT FROM JOIN LEFT RIGHT INNER OUTER ON WHERE AND OR NOT IN IS NULL ORDER GROUP BY HAVING ASC DESC AS "
    "BETWEEN LIKE CASE WHEN THEN ELSE END EXISTS".split()
)
_REFUSED = frozenset("LIMIT OFFSET FETCH ROWNUM INSERT UPDATE DELETE DROP CREATE PRAGMA ATTACH UNION WITH".split())
_FUNCTIONS = frozenset("TO_CHAR TO_DATE TO_TIMESTAMP COUNT MAX MIN SUM COALESCE NVL ABS".split())
_MASKS = (("YYYY", "%Y"), ("MM", "%m"), ("DD", "%d"), ("HH24", "%H"), ("MI", "%M"), ("SS", "%S"))
# How a date is kept; outside a TO_CHAR it is shown in the account's own form.
_KEPT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
KEEPING = "%Y-%m-%dT%H:%M:%S"
ACCOUNTS_OWN = "%-m/%-d/%Y"
Display = Callable[[str, Any], str | None]


class BadQuery(ValueError):
    """What the account cannot answer; the text is NetSuite's detail."""


class Translator:
    """One query; ``hidden`` are the tables and columns that this account does not have."""

    def __init__(self, query: str, hidden: Collection[str]) -> None:
        self.tokens = tokens(query)
        self.hidden = hidden
        self.ordered = False

    def translated(self) -> str:
        told: list[str] = []
        place = 0
        if not self.tokens or self.tokens[0][1].upper() != "SELECT":
            raise BadQuery("Invalid search query. A query begins with SELECT.")
        while place < len(self.tokens):
            text, place = self._next(place)
            told.append(text)
        return " ".join(told)

    def _next(self, place: int) -> tuple[str, int]:
        kind, text = self.tokens[place]
        word = text.upper()
        if kind != "name":
            if word == "(+)":
                raise BadQuery("Invalid search query. ANSI joins and (+) cannot be mixed.")
            return text, place + 1
        if word in _REFUSED:
            raise BadQuery(f"Invalid search query. {word} is not supported.")
        if word == "BUILTIN":
            return self._builtin(place)
        if word in ("SYSDATE", "CURRENT_DATE"):
            return "SYSDATE()", place + 1
        if word in _WORDS:
            self.ordered = self.ordered or word == "ORDER"
            return word, place + 1
        if self._sign(place + 1) == "(" and self._sign(place - 1) != ".":
            if word not in _FUNCTIONS:
                raise BadQuery(f"Invalid or unsupported search function: {text}.")
            return {"NVL": "COALESCE"}.get(word, word), place + 1
        self._must_be_there(place, text.lower())
        return f"[{text.lower()}]", place + 1

    def _must_be_there(self, place: int, name: str) -> None:
        before = self.tokens[place - 1][1].upper() if place else ""
        is_table = before in ("FROM", "JOIN")
        if (f"{name}." if is_table else name) in self.hidden and before != "AS":
            raise BadQuery(f"Invalid search query. {'Record' if is_table else 'Field'} '{name}' was not found.")

    def _sign(self, place: int) -> str:
        return self.tokens[place][1] if 0 <= place < len(self.tokens) else ""

    def _builtin(self, place: int) -> tuple[str, int]:
        """``BUILTIN.DF(t.status)``: what a person sees in that field."""
        inner: list[str] = []
        at = place + 4
        if [self._sign(place + 1), self._sign(place + 2).upper(), self._sign(place + 3)] != [".", "DF", "("]:
            raise BadQuery("Invalid or unsupported search function: BUILTIN.")
        while self._sign(at) not in (")", ""):
            text, at = self._next(at)
            inner.append(text)
        field = self.tokens[at - 1][1].lower()
        return f"SHOWN('{field}', {' '.join(inner)})", at + 1


def tokens(query: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    place = 0
    while query[place:].strip():
        match = _TOKEN.match(query, place)
        if match is None or match.lastgroup is None:
            raise BadQuery(f"Invalid search query. Unexpected '{query[place:].strip()[:20]}'.")
        found.append((match.lastgroup, match[match.lastgroup]))
        place = match.end()
    return found


class _Sum:
    """Exact, as NetSuite adds up."""

    def __init__(self) -> None:
        self.total: Decimal | None = None

    def step(self, value: Any) -> None:
        if value is not None:
            self.total = (self.total or Decimal(0)) + Decimal(str(value))

    def finalize(self) -> str | None:
        return None if self.total is None else plain(self.total)


def plain(value: Decimal) -> str:
    """As NetSuite writes numbers: no zeros at the end, no exponent."""
    told = f"{value:f}"
    return told.rstrip("0").rstrip(".") if "." in told else told


def connect(shown: Display, now: Callable[[], str]) -> sqlite3.Connection:
    """An empty database with Oracle's functions; ``now`` tells the server's time as dates are kept."""
    database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    database.create_function("SYSDATE", 0, now)
    database.create_function("SHOWN", 2, shown)
    database.create_function("TO_CHAR", 2, _to_char, deterministic=True)
    database.create_function("TO_DATE", 2, _to_date, deterministic=True)
    database.create_function("TO_TIMESTAMP", 2, _to_date, deterministic=True)
    database.create_aggregate("SUM", 1, _Sum)  # type: ignore[arg-type]
    return database


@cache
def _mask(mask: str) -> str:
    for oracle, python in _MASKS:
        mask = mask.replace(oracle, python)
    return mask


@lru_cache(maxsize=100_000)  # lines have the moments of their transaction
def _to_char(value: Any, mask: str) -> str | None:
    if value is None or not _KEPT.fullmatch(str(value)):
        return None if value is None else str(value)
    return datetime.strptime(str(value), KEEPING).strftime(_mask(mask))  # noqa: DTZ007


def _to_date(value: Any, mask: str) -> str | None:
    return None if value is None else datetime.strptime(str(value), _mask(mask)).strftime(KEEPING)  # noqa: DTZ007


@dataclass(frozen=True)
class Answer:
    """Every row that a query finds."""

    names: list[str]
    rows: list[tuple[Any, ...]]

    def shown(self, some: slice) -> list[dict[str, str]]:
        """These rows as NetSuite shows them: texts, without what is null."""
        return [
            {name: _told(value) for name, value in zip(self.names, row, strict=True) if value is not None}
            for row in self.rows[some]
        ]


def answered(
    database: sqlite3.Connection, query: str, params: Sequence[Any], hidden: Collection[str], turn: int
) -> Answer:
    """Raises BadQuery. Rows of a query without an order come in another one every time, as they may."""
    translator = Translator(query, hidden)
    try:
        found = database.execute(translator.translated(), [_value(one) for one in params])
        answer = Answer([column[0] for column in found.description], found.fetchall())
    except (sqlite3.Error, ValueError) as error:
        raise BadQuery(f"Invalid search query. Search error occurred: {error}.") from None
    if not translator.ordered:
        random.Random(turn).shuffle(answer.rows)
    return answer


def _value(param: Any) -> Any:
    """Bind parameters are texts; a number among them is compared as one."""
    told = str(param)
    return int(told) if re.fullmatch(r"-?\d{1,18}", told) else told


@lru_cache(maxsize=100_000)
def _told(value: Any) -> str:
    told = str(value)
    return datetime.strptime(told, KEEPING).strftime(ACCOUNTS_OWN) if _KEPT.fullmatch(told) else told  # noqa: DTZ007
