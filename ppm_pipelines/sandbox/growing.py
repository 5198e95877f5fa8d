"""Sums over rows that only become more: kept between questions, and carried on by what has come since.

Belongs here: sums by group up to a moment. Does not belong here: filters and pages (``query.py``), which rows there are
(``postings.py``). A real ledger adds itself up in a database made for it; a simulation that looked at every line of its
history for each question would take longer for that than everything else it is asked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .model import EntityType, Growth, Property

Test = Callable[[Any], bool]
KEPT = 8  # questions whose sums are kept
MANY_GROUPS = 10_000  # so many are made anew with each question, and not kept


@dataclass(slots=True)
class Grouped:
    """A row of an aggregate: the dimensions that were asked for, as ``first`` has them, and the sums of measures.

    ``kept`` says that it is asked for again, ``written`` then what became of it for one host and selection, until its
    sums change."""

    first: Any
    values: dict[str, Any]
    position: tuple[Any, ...] = ()
    kept: bool = False
    written: tuple[Any, dict[str, Any]] | None = None


class Groups:
    """Rows with equal dimensions become one, their measures are added up. What was told before stays as it was."""

    def __init__(self, properties: Sequence[Property], *, kept: bool = False) -> None:
        dimensions = [one for one in properties if not one.measure and not one.constant]
        self._names, self._gets = [one.name for one in dimensions], [one.get for one in dimensions]
        self._measures = [(one.name, one.get) for one in properties if one.measure]
        self._found: dict[tuple[Any, ...], Grouped] = {}
        self._kept, self._told = kept, False
        self.rows = 0

    def __len__(self) -> int:
        return len(self._found)

    def add(self, rows: Iterable[Any]) -> None:
        gets, measures, found = self._gets, self._measures, self._found
        for row in rows:
            key = tuple([get(row) for get in gets])
            own = found.get(key)
            if own is None:
                values = dict(zip(self._names, key, strict=True)) | {name: get(row) for name, get in measures}
                found[key] = Grouped(row, values, kept=self._kept)
            else:
                if self._told:
                    own = found[key] = Grouped(own.first, dict(own.values), kept=self._kept)
                for name, get in measures:
                    own.values[name] += get(row)
            self.rows += 1

    def all(self) -> list[Grouped]:
        self._told = True
        return list(self._found.values())


@dataclass(slots=True)
class Sum:
    """What a question adds up, as far as it has: ``place`` things of the growth, those before the moment ``until``."""

    groups: Groups
    place: int = 0


@dataclass
class Sums:
    """The sums of the last questions. A question is what makes two of them the same but for its moment."""

    kept: OrderedDict[tuple[Any, ...], Sum] = field(default_factory=OrderedDict)

    def up_to(
        self,
        question: tuple[Any, ...],
        entity: EntityType,
        growth: Growth,
        names: Sequence[str],
        test: Test,
        until: Any,
    ) -> Groups:
        """Groups of the rows that came before ``until`` (None: of all) and pass the test."""
        place = growth.place(until)
        if not names:  # only how many there are: whichever groups of theirs are told already know
            for (*same, _), other in self.kept.items():
                if same == list(question[:-1]) and other.place == place:
                    return other.groups
        own = self.kept.pop(question, None)
        if own is None or own.place > place:  # an earlier moment than last time: from the beginning
            own = Sum(Groups([entity.properties[name] for name in names], kept=True))
        own.groups.add(filter(test, growth.rows(own.place, place)))
        own.place = place
        if len(own.groups) <= MANY_GROUPS:
            self.kept[question] = own
            while len(self.kept) > KEPT:
                self.kept.popitem(last=False)
        return own.groups
