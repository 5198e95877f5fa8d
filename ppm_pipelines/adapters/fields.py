"""Reading fields of rows, whatever system they are of, and why a row can't be used.

Belongs here: values that every system's rows have, and the quarantine of a row, with the name of the field. Does not
belong here: how one protocol writes days and moments (``odata``, ``suiteql``), what a field means (``sap_rows``, …).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, TypeVar

from ppm_pipelines.adapters.base import Row
from ppm_pipelines.records import Raw, Rejection, known_currency

T = TypeVar("T")


class Unreadable(ValueError):
    """A value that is not what its field promises; the text is a sentence."""


class Unusable(Exception):
    """A row that can't become a record: a stable code, the field, a sentence."""

    def __init__(
        self, code: str, field: str, reason: str, project_nr: str | None = None, cost_center: str | None = None
    ) -> None:
        super().__init__(reason)
        self.code, self.field, self.reason = code, field, reason
        self.project_nr, self.cost_center = project_nr, cost_center


def rejected(
    raw: Raw,
    error: Unusable,
    amount: Decimal | None,
    currency: str,
    company_code: str,
    project_nr: str | None = None,
    open_amount: Decimal | None = None,
    source_key: str = "",
) -> Rejection:
    """``source_key`` where a raw record is made into several outcomes; else the raw record's own."""
    return Rejection(
        source_key or raw.key,
        error.code,
        error.field,
        error.reason,
        raw.record,
        amount,
        currency or None,
        project_nr or error.project_nr,
        open_amount,
        company_code,
        error.cost_center,
        raw.stream,
        raw.key,
    )


class Sparse(dict[str, Any]):
    """A row whose fields are left out where they are empty, with all names that begin so: they are not missing."""

    def __init__(self, row: Row, begins: str = "") -> None:
        super().__init__(row)
        self._begins = begins

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, str) and name.startswith(self._begins))

    def __missing__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)


# Names


def names_that(test: Callable[[str], bool]) -> Callable[[Row], tuple[str, ...]]:
    """The names of a row's fields that pass. Every row of a read is asked, and the rows of a stream have few different
    sets of names: each set is looked at once."""

    @lru_cache(maxsize=4096)
    def passing(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(filter(test, names))

    return lambda row: passing(tuple(row))


# Values


def text(value: Any) -> str:
    if type(value) is str:  # nearly always, and asked for every field of every row
        return value.strip()
    return "" if value is None else str(value).strip()


def number(value: Any) -> Decimal | None:
    """An exact number; None where there is none. Raises Unreadable for a text that is no finite number."""
    if value is None or value == "":
        return None
    try:
        found = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except InvalidOperation:
        found = Decimal("NaN")
    if isinstance(value, bool) or not found.is_finite():
        raise Unreadable(f"“{str(value)[:40]}” is no number")
    return found


def currency(code: str, name: str) -> str:
    """The code, when it is a currency. Raises Unusable."""
    if not known_currency(code):
        raise Unusable("unknown_currency", name, f"“{code}” is no active ISO 4217 currency.")
    return code


# Fields that name themselves when they are unreadable


@dataclass(frozen=True, slots=True)
class Fields:
    """How a system writes its values, and where they are to be corrected. All raise Unusable."""

    system: str
    to_day: Callable[[Any], date | None]
    to_moment: Callable[[Any], datetime | None]
    to_number: Callable[[Any], Decimal | None] = number

    def number(self, row: Row, name: str) -> Decimal | None:
        return None if row.get(name) is None else self.read(self.to_number, "bad_amount", row, name)

    def amount(self, row: Row, name: str) -> Decimal:
        """A number that may not be missing."""
        found = self.number(row, name)
        if found is None:
            raise Unusable("bad_amount", name, f"The field {name} has no amount. Correct it in {self.system}.")
        return found

    def day(self, row: Row, name: str) -> date | None:
        return None if row.get(name) is None else self.read(self.to_day, "bad_date", row, name)

    def moment(self, row: Row, name: str) -> datetime | None:
        return None if row.get(name) is None else self.read(self.to_moment, "bad_date", row, name)

    def read(self, reader: Callable[[Any], T], code: str, row: Row, name: str) -> T:
        try:
            return reader(row.get(name))
        except (Unreadable, OverflowError) as error:
            raise self.unusable(code, name, error) from None

    def unusable(self, code: str, name: str, error: Exception) -> Unusable:
        return Unusable(code, name, f"{error}. Correct it in {self.system}.")

    def amount_or_none(self, value: Any) -> Decimal | None:
        """None also for what is no number: where an amount is told as far as it can be."""
        try:
            return self.to_number(value)
        except Unreadable:
            return None
