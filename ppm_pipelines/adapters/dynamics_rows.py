"""What the rows of all three Dynamics products share: the projects they are judged by, raw records, values.

Belongs here: what makes a row unusable, fields that name themselves, money by a rate. Does not belong here: one
product's own fields (``dynamics_fo_rows``, …), reading (``dynamics``). Pure and tested with plain dicts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ppm_pipelines.adapters.base import Row
from ppm_pipelines.adapters.odata import Unreadable, day, moment, number, text
from ppm_pipelines.records import ZERO, Raw, Rejection, known_currency, rounded

# The day that stands for none: 1900-01-01 in Finance & Operations, 0001-01-01 in Business Central.
_NO_DAY = 1900


class Unusable(Exception):
    """A row that can't become a record: a stable code, the field, a sentence."""

    def __init__(self, code: str, field: str, reason: str, project_nr: str | None = None) -> None:
        super().__init__(reason)
        self.code, self.field, self.reason, self.project_nr = code, field, reason, project_nr


@dataclass(slots=True)
class Directory:
    """What rows are judged by. Numbers repeat between companies, so a project is a company and a number.

    ``linked`` are numbers that people linked to a Costbook project although Dynamics lists none of that name.
    """

    projects: set[tuple[str, str]] = field(default_factory=set)
    linked: frozenset[str] = frozenset()

    def project(self, company: str, number_: str, name: str) -> str:
        """The number, when it is known. Raises Unusable."""
        if (company, number_) in self.projects or number_ in self.linked:
            return number_
        raise Unusable(
            "unknown_project",
            name,
            f"The project {number_} is not among the projects of company {company}. Check it in Dynamics, and the "
            "application's right to read projects, or link it to a project of the Costbook.",
            number_,
        )


# Raw records


def delivered(row: Row) -> dict[str, Any]:
    """The row as Dynamics delivered it, without the protocol's own marks (``@odata.etag``)."""
    return {name: value for name, value in row.items() if "@" not in name}


def rejected(
    raw: Raw,
    error: Unusable,
    amount: Decimal | None,
    currency: str,
    company: str,
    project_nr: str | None = None,
    open_amount: Decimal | None = None,
) -> Rejection:
    return Rejection(
        raw.key,
        error.code,
        error.field,
        error.reason,
        raw.record,
        amount,
        currency or None,
        project_nr or error.project_nr,
        open_amount,
        company,
        None,
        raw.stream,
        raw.key,
    )


# Fields that name themselves when they are unreadable


def a_number(row: Row, name: str) -> Decimal | None:
    try:
        return number(row.get(name))
    except Unreadable as error:
        raise Unusable("bad_amount", name, sentence(error)) from None


def an_amount(row: Row, name: str) -> Decimal:
    found = a_number(row, name)
    if found is None:
        raise Unusable("bad_amount", name, f"The field {name} has no amount. Correct it in Dynamics.")
    return found


def a_day(row: Row, name: str) -> date | None:
    """A calendar day: Dynamics writes noon UTC, so no zone shifts it; None for the day that stands for none."""
    try:
        found = day(row.get(name))
    except (Unreadable, OverflowError) as error:
        raise Unusable("bad_date", name, sentence(error)) from None
    return found if found and found.year > _NO_DAY else None


def a_moment(row: Row, name: str) -> datetime | None:
    try:
        found = moment(row.get(name))
    except (Unreadable, OverflowError) as error:
        raise Unusable("bad_date", name, sentence(error)) from None
    return found if found and found.year > _NO_DAY else None


def amount_or_none(value: Any) -> Decimal | None:
    try:
        return number(value)
    except Unreadable:
        return None


def sentence(error: Exception) -> str:
    return f"{error}. Correct it in Dynamics."


def yes(value: Any) -> bool:
    """Finance & Operations writes booleans as ``"Yes"`` and ``"No"``."""
    return value is True or text(value).lower() in ("yes", "true")


# Money


def a_currency(code: str, name: str) -> str:
    if not known_currency(code):
        raise Unusable("unknown_currency", name, f"“{code}” is no active ISO 4217 currency.")
    return code


@dataclass(frozen=True, slots=True)
class Figures:
    """Ordered, relieved and open of a line, in one currency."""

    ordered: Decimal = ZERO
    relieved: Decimal = ZERO
    open: Decimal = ZERO

    def to(self, currency: str, rate: Decimal) -> Figures:
        """In company currency; where relieved and open make up what is ordered, they do so there too."""
        ordered, open_ = rounded(self.ordered * rate, currency), rounded(self.open * rate, currency)
        whole = self.relieved + self.open == self.ordered
        relieved = ordered - open_ if whole else rounded(self.relieved * rate, currency)
        return Figures(ordered, relieved, open_)


def towards_zero(rest: Decimal, ordered: Decimal) -> Decimal:
    """What is open: never past zero to the other side; a return is open towards zero from below (DOMAIN)."""
    return rest if rest * ordered > 0 else ZERO


def figures(amount: Decimal, open_: Decimal, relieved: Decimal, reason: str | None) -> Figures:
    """By how the line ended: cancelled keeps what relieved it, completed opens nothing more (DOMAIN "What counts")."""
    if reason == "cancelled":
        return Figures(ZERO, relieved, ZERO)
    return Figures(amount, relieved, ZERO if reason else towards_zero(open_, amount))


def custom(row: Mapping[str, Any]) -> dict[str, Any]:
    """The customer's own fields: the custom-field feature marks them."""
    return {name: value for name, value in row.items() if name.endswith("_Custom") and value not in (None, "")}
