"""Columns of Python values as a block of PostgreSQL's COPY text.

Belongs here: how values are written there, a column at a time, because a page has a few thousand rows of some forty
cells and most columns are of one kind. Does not belong here: what is copied where (``staging``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

NULL = r"\N"
# In the order in which they are written: the backslash first; PostgreSQL's texts can't hold NUL.
SPECIAL = (("\0", ""), ("\\", r"\\"), ("\t", r"\t"), ("\n", r"\n"), ("\r", r"\r"))
WRITTEN: dict[type, Callable[[Any], str]] = {
    Decimal: str,
    datetime: str,
    int: str,
    bool: str,
    bytes: lambda value: rf"\\x{value.hex()}",
}


def block(columns: Iterable[Sequence[Any]]) -> bytes:
    """The rows of columns of the same length. Raises KeyError for a kind of value that no column of ours holds."""
    rows = [*map("\t".join, zip(*map(_written, columns), strict=True))]
    return "\n".join([*rows, ""]).encode()


def lines(columns: Iterable[Sequence[Any]], written: Iterable[bytes]) -> list[bytes]:
    """The rows of the columns before one that is ``escaped``, each without its end."""
    return [*map(b"%b\t%b".__mod__, zip(block(columns).splitlines(), written, strict=True))]


def block_of(same: Sequence[Any], rows: Sequence[bytes]) -> bytes:
    """Such ``lines`` behind values that are the same in all of them."""
    before = block([[value] for value in same]).replace(b"\n", b"\t")
    return before + (b"\n" + before).join(rows) + b"\n"


def escaped(told: bytes) -> bytes:
    """Lines of JSON, each of them a value: of what COPY takes for its own, JSON leaves the backslash alone."""
    return told.replace(b"\\", rb"\\")


def _written(column: Sequence[Any]) -> Sequence[str]:
    kinds = set(map(type, column))
    nullable = type(None) in kinds
    kinds.discard(type(None))
    if not kinds:
        return [NULL] * len(column)
    if kinds == {str}:
        return _texts(column, nullable=nullable)
    if len(kinds) > 1:
        return [NULL if value is None else _written([value])[0] for value in column]
    kind = kinds.pop()
    if kind is date:  # a few hundred days, over and over
        return list(map({day: NULL if day is None else str(day) for day in set(column)}.__getitem__, column))
    write = WRITTEN[kind]
    return [NULL if value is None else write(value) for value in column] if nullable else list(map(write, column))


def _texts(column: Sequence[Any], *, nullable: bool) -> Sequence[str]:
    # One look over all of them: hardly a text has anything to escape.
    every = "".join(filter(None, column)) if nullable else "".join(column)
    found = [one for one in SPECIAL if one[0] in every]
    if not found:
        return [NULL if value is None else value for value in column] if nullable else column
    return [NULL if value is None else _escaped(value, found) for value in column]


def _escaped(value: str, special: Iterable[tuple[str, str]]) -> str:
    for sign, escape in special:
        value = value.replace(sign, escape)
    return value
