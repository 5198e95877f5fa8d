"""What an OData service is made of: properties with their kinds, entity types, sets and navigations.

Belongs here: how a kind of value is written in V2 and V4, read from a literal and compared. Does not belong here:
which services there are (``services.py``), how a request is read (``query.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from .documents import DAY_MS
from .tenant import EPOCH, calendar

Get = Callable[[Any], Any]


class BadRequest(Exception):
    """The request cannot be answered; the sentence says why. ``code`` is SAP's message class and number."""

    def __init__(self, sentence: str, code: str = "/IWBEP/CM_MGW_RT/020", status: int = 400) -> None:
        super().__init__(sentence)
        self.sentence, self.code, self.status = sentence, code, status


def same(value: Any) -> Any:
    return value


@lru_cache(maxsize=4096)
def _v2_date(day: int) -> str:
    return f"/Date({day * DAY_MS})/"


def _v4_stamp(stamp: int) -> str:
    seconds, rest = divmod(stamp, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}0000Z"


def day_of(literal: str) -> int:
    return (datetime.fromisoformat(literal[:10]).date() - EPOCH).days


def stamp_of(literal: str) -> int:
    """Milliseconds of an ISO time; fractions beyond them are cut; without a zone it is UTC."""
    whole, _, rest = literal.rstrip("Z").partition(".")
    fraction = rest[:7] if rest[:7].isdigit() else ""
    zone = whole[19:]
    read = datetime.fromisoformat(whole[:19] + (zone or "+00:00"))
    return int(read.timestamp()) * 1000 + int((fraction + "000")[:3])


@dataclass(frozen=True)
class Kind:
    """``v2``/``v4`` write the raw value of a getter; ``parse`` makes a filter's literal comparable with it."""

    edm2: str
    edm4: str
    v2: Get = same
    v4: Get = same
    parse: Get = same


def _decimal(literal: str) -> Decimal:
    try:
        return Decimal(literal.rstrip("mMdDfFlL"))
    except InvalidOperation:
        raise BadRequest(f"'{literal}' is not a number.") from None


def _boolean(literal: str) -> bool:
    if literal not in ("true", "false"):
        raise BadRequest(f"'{literal}' is not a Boolean.")
    return literal == "true"


def text(length: int) -> Kind:
    written = f'Type="Edm.String" MaxLength="{length}"'
    return Kind(written, written)


@lru_cache
def numeric_text(length: int) -> Kind:
    """Digits in a text field: V2 shows them without leading zeros (``sap:display-format="NonNegative"``)."""
    written = f'Type="Edm.String" MaxLength="{length}"'
    return Kind(
        f'{written} sap:display-format="NonNegative"',
        written,
        v2=str,
        v4=lambda number: f"{number:0{length}d}",
        parse=lambda literal: int(literal or 0) if (literal or "0").isdigit() else -1,
    )


@lru_cache
def filled_text(length: int) -> Kind:
    """Digits in a character field: leading zeros stay, in V2 too; nothing is an empty text."""

    def write(number: int) -> str:
        return f"{number:0{length}d}" if number else ""

    written = f'Type="Edm.String" MaxLength="{length}"'
    return Kind(written, written, v2=write, v4=write, parse=lambda digits: int(digits) if digits.isdigit() else 0)


def decimal(precision: int, scale: int) -> Kind:
    written = f'Type="Edm.Decimal" Precision="{precision}" Scale="{scale}"'
    return Kind(written, written, v2=str, parse=_decimal)


# Four digits always: an empty one is "0000" in the samples.
YEAR = Kind(
    'Type="Edm.String" MaxLength="4" sap:display-format="NonNegative"',
    'Type="Edm.String" MaxLength="4"',
    v2=lambda year: f"{year:04d}",
    v4=lambda year: f"{year:04d}",
    parse=lambda literal: int(literal) if literal.isdigit() else 0,
)
BOOLEAN = Kind('Type="Edm.Boolean"', 'Type="Edm.Boolean"', parse=_boolean)
FLAG = Kind('Type="Edm.String" MaxLength="1"', 'Type="Edm.String" MaxLength="1"')
DATE = Kind(
    'Type="Edm.DateTime" Precision="0" sap:display-format="Date"',
    'Type="Edm.Date"',
    v2=lambda day: None if day is None else _v2_date(day),
    v4=lambda day: None if day is None else calendar(day).isoformat(),
    parse=day_of,
)
STAMP = Kind(
    'Type="Edm.DateTimeOffset" Precision="7"',
    'Type="Edm.DateTimeOffset" Precision="7"',
    v2=lambda stamp: None if stamp is None else f"/Date({stamp}+0000)/",
    v4=lambda stamp: None if stamp is None else _v4_stamp(stamp),
    parse=stamp_of,
)
GUID = Kind('Type="Edm.Guid"', 'Type="Edm.Guid"', parse=str.lower)


@dataclass(frozen=True)
class Property:
    name: str
    kind: Kind
    get: Get
    measure: bool = False
    filterable: bool = True
    nullable: bool = True

    @property
    def constant(self) -> bool:
        """Whether every row has the same value."""
        return isinstance(self.get, Always)


@dataclass(frozen=True)
class Navigation:
    name: str
    target: str
    many: bool
    follow: Callable[[Any], Any]


Interval = tuple[Any, Any]  # both ends included, None: no end
Hints = dict[str, list[Interval]]
# Candidates in key order after a position: a superset of what the filter lets through.
Source = Callable[[Hints, Any], Iterator[Any]]


@dataclass(frozen=True)
class Growth:
    """How the rows of an aggregate become more. ``place`` tells how many things had come before a value of the property
    ``by`` (None: until now), ``rows`` what the things from one place to another show; ``fixed`` names the properties
    that stay as they are once a row is there, ``sought`` those by which few rows are found without looking at all."""

    by: str
    fixed: frozenset[str]
    sought: frozenset[str]
    place: Callable[[Any], int]
    rows: Callable[[int, int], Iterator[Any]]


@dataclass
class EntityType:
    """``source`` yields candidates in key order, those after the given position; ``position`` tells a row's.

    ``audience`` names the account that sees only a part of the rows; empty for those who see all. ``growth`` is there
    where sums may be carried on.
    """

    name: str
    set_name: str
    keys: tuple[str, ...]
    properties: dict[str, Property]
    source: Source
    position: Get
    navigations: dict[str, Navigation] = field(default_factory=dict)
    aggregate: bool = False
    audience: str = ""
    growth: Growth | None = None

    def property(self, name: str) -> Property:
        found = self.properties.get(name)
        if found is None:
            raise BadRequest(f"Property '{name}' of type '{self.name}' is unknown.", "/IWBEP/CM_MGW_RT/054")
        return found


@dataclass
class Service:
    path: str
    namespace: str
    types: dict[str, EntityType]

    def entity(self, set_name: str) -> EntityType:
        found = self.types.get(set_name)
        if found is None:
            raise BadRequest(f"Resource not found for the segment '{set_name}'.", "/IWFND/CM_MGW/004", 404)
        return found


def table(*rows: tuple[Any, ...]) -> dict[str, Property]:
    """Rows of name, kind, getter."""
    return {name: Property(name, kind, get) for name, kind, get in rows}


@dataclass(frozen=True)
class Always:
    """A getter that looks at no row."""

    value: Any

    def __call__(self, _: Any) -> Any:
        return self.value


def constant(value: Any, kind: Kind, names: str) -> Iterable[tuple[str, Kind, Get]]:
    """Properties that are always the same here, by their names separated by spaces."""
    return [(name, kind, Always(value)) for name in names.split()]
