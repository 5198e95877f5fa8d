"""Reading rows of an entity set: filters, order, pages.

Belongs here: the filter language of OData V2 and V4, and walking candidates page by page. Does not belong here: how
a row is written (``odata_v2.py``, ``odata_v4.py``). A page starts from the key of the row before it, so that a
million rows are walked once, and a row that comes in between moves nothing.
"""

from __future__ import annotations

import base64
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, islice
from typing import Any, NamedTuple

from .growing import Grouped, Groups, Sums
from .model import BOOLEAN, GUID, BadRequest, EntityType, Hints, Interval, Property
from .tenant import Tenant

TOKEN = re.compile(
    r"\s*(?:(?P<typed>(?:datetimeoffset|datetime|guid|time)?'(?:[^']|'')*')"
    r"|(?P<guid>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})"
    r"|(?P<date>-?\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?)"
    r"|(?P<number>-?\d+(?:\.\d+)?[mMdDfFlL]?)"
    r"|(?P<name>[A-Za-z_][\w/]*)|(?P<mark>[(),]))"
)
Test = Callable[[Any], bool]
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "gt": lambda a, b: a is not None and bool(a > b),
    "ge": lambda a, b: a is not None and bool(a >= b),
    "lt": lambda a, b: a is not None and bool(a < b),
    "le": lambda a, b: a is not None and bool(a <= b),
}
TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "startswith": lambda whole, part: whole.startswith(part),
    "endswith": lambda whole, part: whole.endswith(part),
    "contains": lambda whole, part: part in whole,
    "substringof": lambda whole, part: part in whole,
}
MANY_INTERVALS = 20_000
SOME = 100  # rows by which tests are put in order


class Condition(NamedTuple):
    """``parts`` are the tests that must all hold, ``names`` the properties that a whole filter looks at."""

    parts: tuple[Test, ...]
    hints: Hints
    names: frozenset[str] = frozenset()

    @property
    def test(self) -> Test:
        return all_of(self.parts)


@dataclass(frozen=True, slots=True)
class Before:
    """The test whether a property lies before a value; ``written`` is how the filter writes the value."""

    property: Property
    value: Any
    written: str

    def __call__(self, row: Any) -> bool:
        found = self.property.get(row)
        return found is not None and bool(found < self.value)


class FilterReader:
    """A recursive descent over the tokens of ``$filter``."""

    def __init__(self, entity: EntityType, written: str, *, v2: bool) -> None:
        self.entity, self.written, self.v2 = entity, written, v2
        self.tokens = self._tokens(written)
        self.place = 0
        self.names: set[str] = set()

    def _tokens(self, written: str) -> list[tuple[str, str]]:
        found, place = [], 0
        while written[place:].strip():
            match = TOKEN.match(written, place)
            if match is None:
                raise self._invalid(f"at position {place}")
            found.append((match.lastgroup or "", match.group(match.lastgroup or 0)))
            place = match.end()
        return found

    def _invalid(self, detail: str) -> BadRequest:
        return BadRequest(f"Invalid filter '{self.written}': {detail}.", "/IWBEP/CM_MGW_RT/018")

    def read(self) -> Condition:
        condition = self._either()
        if self.place != len(self.tokens):
            raise self._invalid(f"'{self.tokens[self.place][1]}' is not expected")
        return condition._replace(names=frozenset(self.names))

    def _next(self) -> tuple[str, str]:
        if self.place >= len(self.tokens):
            raise self._invalid("it ends too early")
        self.place += 1
        return self.tokens[self.place - 1]

    @property
    def _last(self) -> str:
        return self.tokens[self.place - 1][1]

    def _is(self, word: str) -> bool:
        if self.place < len(self.tokens) and self.tokens[self.place][1] == word:
            self.place += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._is(mark):
            raise self._invalid(f"'{mark}' is missing")

    def _either(self) -> Condition:
        parts = [self._both()]
        while self._is("or"):
            parts.append(self._both())
        if len(parts) == 1:
            return parts[0]
        tests = [part.test for part in parts]
        shared = set.intersection(*(set(part.hints) for part in parts))
        hints = {name: [one for part in parts for one in part.hints[name]] for name in shared}
        return Condition((lambda row: any(test(row) for test in tests),), hints)

    def _both(self) -> Condition:
        parts = [self._one()]
        while self._is("and"):
            parts.append(self._one())
        if len(parts) == 1:
            return parts[0]
        hints: Hints = {}
        for part in parts:
            for name, ranges in part.hints.items():
                hints[name] = intersected(hints[name], ranges) if name in hints else ranges
        return Condition(tuple(test for part in parts for test in part.parts), hints)

    def _one(self) -> Condition:
        if self._is("not"):
            inner = self._one().test
            return Condition((lambda row: not inner(row),), {})
        if self._is("("):
            condition = self._either()
            self._expect(")")
            return condition
        kind, name = self._next()
        if kind != "name":
            raise self._invalid(f"'{name}' is not a property")
        return self._function(name) if name in TEXT_TESTS else self._comparison(name)

    def _property(self, name: str) -> Property:
        found = self.entity.property(name)
        if not found.filterable:
            raise BadRequest(f"Property '{name}' cannot be used in a filter.", "/IWBEP/CM_MGW_RT/019")
        self.names.add(name)
        return found

    def _function(self, name: str) -> Condition:
        self._expect("(")
        first = self._next()
        self._expect(",")
        second = self._next()
        self._expect(")")
        shown, part = (second, first) if name == "substringof" else (first, second)
        found = self._property(shown[1])
        wanted, get, write = part[1].strip("'"), found.get, found.kind.v2 if self.v2 else found.kind.v4
        check = TEXT_TESTS[name]
        holds = True
        if self._is("eq"):
            holds = self._next()[1] == "true"
        return Condition((lambda row: check(str(write(get(row))), wanted) is holds,), {})

    def _comparison(self, name: str) -> Condition:
        found = self._property(name)
        operator = self._next()[1]
        if operator == "in" and not self.v2:
            return self._among(found)
        if operator not in COMPARE:
            raise self._invalid(f"'{operator}' is not an operator")
        value = self._literal(found)
        if value is None and operator not in ("eq", "ne"):
            raise self._invalid("null can only be compared with eq and ne")
        before = operator == "lt"
        test = Before(found, value, self._last) if before else compared(found.get, operator, value)
        parts: tuple[Test, ...] = (test,)
        if found.constant:  # one answer for every row
            parts = () if test(None) else (lambda _: False,)
        return Condition(parts, _hints(name, operator, value))

    def _among(self, found: Property) -> Condition:
        self._expect("(")
        values = [self._literal(found)]
        while self._is(","):
            values.append(self._literal(found))
        self._expect(")")
        get, wanted = found.get, set(values)
        return Condition((lambda row: get(row) in wanted,), {found.name: [(value, value) for value in wanted]})

    def _literal(self, found: Property) -> Any:
        kind, written = self._next()
        if written == "null":
            return None
        prefix = written.partition("'")[0] if kind == "typed" else ""
        if (kind, prefix) not in self._forms(found):
            raise self._invalid(f"'{written}' does not fit the type of '{found.name}'")
        if kind == "typed":
            written = written.partition("'")[2][:-1].replace("''", "'")
        try:
            return found.kind.parse(written)
        except ValueError:
            raise self._invalid(f"'{written}' does not fit the type of '{found.name}'") from None

    def _forms(self, found: Property) -> set[tuple[str, str]]:
        """The ways a literal of the property's type may be written."""
        kind = found.kind
        if kind is BOOLEAN:
            return {("name", "")}
        if kind is GUID:
            return {("typed", "guid")} if self.v2 else {("guid", "")}
        if "Edm.DateTime" in kind.edm2:
            return {("typed", "datetime"), ("typed", "datetimeoffset")} if self.v2 else {("date", "")}
        if "Edm.String" in kind.edm2:
            return {("typed", "")}
        return {("number", "")}


def compared(get: Callable[[Any], Any], operator: str, value: Any) -> Test:
    """A test of its own for the frequent operators: each call less is felt over ten thousands of rows."""
    if operator == "eq":
        return lambda row: bool(get(row) == value)
    if operator == "ne":
        return lambda row: bool(get(row) != value)
    compare = COMPARE[operator]
    return lambda row: compare(get(row), value)


def all_of(tests: Sequence[Test]) -> Test:
    """Every test holds; a plain loop, because a generator for every row costs more than the tests."""
    if len(tests) == 1:
        return tests[0]

    def test(row: Any) -> bool:
        for one in tests:
            if not one(row):
                return False
        return True

    return test


def choosy_first(tests: Sequence[Test], rows: Sequence[Any]) -> list[Test]:
    """The tests in the order in which they are worth asking: first those that let the fewest of some rows through."""
    return sorted(tests, key=lambda test: sum(map(test, rows)))


def _hints(name: str, operator: str, value: Any) -> Hints:
    if value is None or operator == "ne":
        return {}
    low = value if operator in ("eq", "gt", "ge") else None
    high = value if operator in ("eq", "lt", "le") else None
    return {name: [(low, high)]}


def intersected(left: list[Interval], right: list[Interval]) -> list[Interval]:
    """Where both allow a value; one side alone when there are too many to look at."""
    if len(left) * len(right) > MANY_INTERVALS:
        return min(left, right, key=len)
    made = []
    for low, high in left:
        for other_low, other_high in right:
            lows = [one for one in (low, other_low) if one is not None]
            highs = [one for one in (high, other_high) if one is not None]
            start, end = max(lows, default=None), min(highs, default=None)
            if start is None or end is None or start <= end:
                made.append((start, end))
    return made


@dataclass(frozen=True)
class Query:
    """What is asked of one set. ``token`` is where an earlier page ended."""

    entity: EntityType
    filter: str = ""
    order: tuple[tuple[str, bool], ...] = ()
    dimensions: tuple[str, ...] = ()
    top: int | None = None
    skip: int = 0
    token: str | None = None
    v2: bool = True

    @property
    def condition(self) -> Condition:
        if not self.filter:
            return Condition((), {})
        return FilterReader(self.entity, self.filter, v2=self.v2).read()

    @property
    def by_key(self) -> bool:
        """Whether the order asked for is the order the candidates come in."""
        names = [name for name, _ in self.order]
        if self.entity.keys[0].endswith("UUID") or self.entity.aggregate:
            return not self.order
        return names == list(self.entity.keys)[: len(names)] and not any(down for _, down in self.order)

    @property
    def same_rows(self) -> tuple[Any, ...]:
        return self.entity.audience, self.entity.set_name, self.entity.name, self.filter, self.order, self.dimensions


class Page(NamedTuple):
    rows: list[Any]
    next: str | None


DOCUMENT = ("CompanyCode", "FiscalYear", "AccountingDocument")


class Rows:
    """Pages of the tenant's sets; remembers where pages ended and how many rows a query has."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.ends: OrderedDict[tuple[Any, ...], dict[int, Any]] = OrderedDict()
        self.counts: OrderedDict[tuple[Any, ...], int] = OrderedDict()
        self.sums = Sums()

    def count(self, query: Query) -> int:
        key = (self.tenant.version, *query.same_rows)
        if key not in self.counts:
            self.counts[key] = self._counted(query)
            while len(self.counts) > 64:
                self.counts.popitem(last=False)
        return self.counts[key]

    def _counted(self, query: Query) -> int:
        if not _line_by_line(query):
            return sum(1 for _ in self._walk(query, None))
        carried = self._carried(query, ())
        return len(self._filtered(query)) if carried is None else carried.rows

    def _carried(self, query: Query, names: tuple[str, ...]) -> Groups | None:
        """Groups by these properties, carried on since the question was asked last; None where that can't be: a
        property may change, few rows are sought, or a moment bounds more than what has come."""
        entity, growth = query.entity, query.entity.growth
        if growth is None:
            return None
        condition = query.condition
        own = [entity.properties[name] for name in {*condition.names, *names}]
        until = [part for part in condition.parts if isinstance(part, Before) and part.property.name == growth.by]
        settled = all(one.measure or one.constant or one.name in growth.fixed for one in own)
        if growth.sought & condition.hints.keys():
            return None
        if not settled or len(until) > 1 or query.filter.count(growth.by) != len(until):
            return None
        test = all_of([part for part in condition.parts if part not in until])
        moment = f"{growth.by} lt {until[0].written}" if until else ""
        key = (entity.set_name, query.filter.replace(moment, growth.by) if until else query.filter, names)
        return self.sums.up_to(key, entity, growth, names, test, until[0].value if until else None)

    def _filtered(self, query: Query) -> list[Any]:
        """What the filter lets through, kept: sums and number of the same lines are asked for one after the other."""
        lines = ("lines", query.entity.audience, query.entity.name, query.filter)
        return self.tenant.recall(lines, lambda: list(self._kept(query)))

    def page(self, query: Query, limit: int) -> Page:
        """At most ``limit`` rows; ``next`` is the token of the page after, None at the end."""
        wanted = limit if query.top is None else min(limit, query.top)
        if not query.by_key or not self._streams(query):
            return self._page_of_list(query, wanted)
        position = _read_token(query.token)
        start = 0 if query.token else query.skip
        ends = self._ends(query)
        if not query.token and start:
            known = max((offset for offset in ends if offset <= start), default=0)
            position, start = ends.get(known), start - known
        rows = list(islice(self._walk(query, position), start, start + wanted + 1))
        kept = rows[:wanted]
        if not query.token and kept:
            ends[query.skip + len(kept)] = self._position(query, kept[-1])
        more = len(rows) > wanted and bool(kept)
        return Page(kept, _write_token(self._position(query, kept[-1])) if more else None)

    def _ends(self, query: Query) -> dict[int, Any]:
        key = (self.tenant.version, *query.same_rows)
        ends = self.ends.setdefault(key, {})
        self.ends.move_to_end(key)
        while len(self.ends) > 32:
            self.ends.popitem(last=False)
        return ends

    def _position(self, query: Query, row: Any) -> tuple[Any, ...]:
        position: tuple[Any, ...] = row.position if query.entity.aggregate else query.entity.position(row)
        return position

    def _streams(self, query: Query) -> bool:
        return not query.entity.aggregate or set(DOCUMENT) <= set(query.dimensions)

    def _page_of_list(self, query: Query, wanted: int) -> Page:
        rows = self.tenant.recall(("list", *query.same_rows), lambda: self._sorted(query))
        start = int(_read_token(query.token)[0]) if query.token else query.skip
        kept = rows[start : start + wanted]
        more = start + len(kept) < len(rows) and bool(kept)
        return Page(kept, _write_token((start + len(kept),)) if more else None)

    def _sorted(self, query: Query) -> list[Any]:
        rows = list(self._walk(query, None))
        for name, down in reversed(query.order):
            get = getter(query.entity, query.entity.property(name))
            keys = [get(row) for row in rows]
            # Nulls come first going up, as in SAP.
            places = sorted(range(len(rows)), key=lambda n, keys=keys: (keys[n] is not None, keys[n]), reverse=down)  # type: ignore[misc]
            rows = [rows[place] for place in places]
        return rows

    def _kept(self, query: Query, after: Any = None) -> Iterator[Any]:
        """What the filter lets through, before anything is grouped."""
        condition = query.condition
        rows = query.entity.source(condition.hints, after)
        if not condition.parts:
            return rows
        some = list(islice(rows, SOME))
        test = all_of(choosy_first(condition.parts, some) if len(some) == SOME else condition.parts)
        return filter(test, chain(some, rows))

    def _walk(self, query: Query, after: Any) -> Iterator[Any]:
        if not query.entity.aggregate:
            return self._kept(query, after)
        if self._streams(query):
            return self._stream_groups(query, self._kept(query, after), after)
        carried = self._carried(query, query.dimensions)
        return iter((_groups(query, self._filtered(query)) if carried is None else carried).all())

    def _stream_groups(self, query: Query, rows: Iterator[Any], after: Any) -> Iterator[Grouped]:
        """Groups never reach over two documents here, so they can be told document by document."""
        for key, own in groupby(rows, key=query.entity.position):
            for number, group in enumerate(_groups(query, own).all()):
                group.position = (*key, number)
                if after is None or group.position > tuple(after):
                    yield group


def _line_by_line(query: Query) -> bool:
    """Whether each row of an aggregate is a group of its own: its whole key is selected, or settled by the filter."""
    if not query.entity.aggregate:
        return False
    one_ledger = "Ledger" in query.dimensions or len(query.condition.hints.get("Ledger", [])) == 1
    return one_ledger and {*DOCUMENT, "LedgerGLLineItem"} <= set(query.dimensions)


def _groups(query: Query, rows: Iterable[Any]) -> Groups:
    groups = Groups([query.entity.properties[name] for name in query.dimensions])
    groups.add(rows)
    return groups


def _of_group(found: Property) -> Callable[[Grouped], Any]:
    name, get = found.name, found.get
    if found.measure:
        return lambda row: row.values.get(name)
    return lambda row: row.values[name] if name in row.values else get(row.first)


def getter(entity: EntityType, found: Property) -> Callable[[Any], Any]:
    """How the property's value is got from a row of ``Rows``."""
    return _of_group(found) if entity.aggregate else found.get


def _read_token(token: str | None) -> Any:
    if token is None:
        return None
    try:
        return json.loads(base64.urlsafe_b64decode(token.encode()))
    except ValueError:
        raise BadRequest(f"The skiptoken '{token}' is not valid.", "/IWBEP/CM_MGW_RT/021") from None


def _write_token(position: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(json.dumps(position, separators=(",", ":")).encode()).decode()


def orders(entity: EntityType, written: str | None) -> tuple[tuple[str, bool], ...]:
    """``$orderby`` as names and whether each goes down."""
    made = []
    for part in (written or "").split(","):
        words = part.split()
        if not words:
            continue
        if len(words) > 2 or (len(words) == 2 and words[1] not in ("asc", "desc")):
            raise BadRequest(f"Invalid order '{part.strip()}'.", "/IWBEP/CM_MGW_RT/018")
        entity.property(words[0])
        made.append((words[0], words[-1] == "desc"))
    return tuple(made)


def whole_number(options: dict[str, str], name: str) -> int | None:
    written = options.get(name)
    if written is None:
        return None
    if not written.isdigit():
        raise BadRequest(f"The value '{written}' of {name} is not a whole number from 0.", "/IWBEP/CM_MGW_RT/017")
    return int(written)
