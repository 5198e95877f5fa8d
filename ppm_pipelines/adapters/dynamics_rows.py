"""What the rows of all three Dynamics products share: the projects they are judged by, raw records, values.

Belongs here: what makes a row unusable, fields that name themselves, money by a rate. Does not belong here: one
product's own fields (``dynamics_fo_rows``, …), reading (``dynamics``). Pure and tested with plain dicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from ppm_pipelines.adapters import odata
from ppm_pipelines.adapters.base import Row
from ppm_pipelines.adapters.fields import Fields, Unusable, names_that, text
from ppm_pipelines.records import ZERO, rounded

# The day that stands for none: 1900-01-01 in Finance & Operations, 0001-01-01 in Business Central.
_NO_DAY = 1900


@dataclass(slots=True)
class Directory:
    """What rows are judged by. Numbers repeat between companies, so a project is a company and a number; Dataverse has
    no companies.

    ``linked`` are numbers that people linked to a Costbook project although Dynamics lists none of that name.
    """

    projects: set[tuple[str, str]] = field(default_factory=set)
    linked: frozenset[str] = frozenset()

    def project(self, company: str, number_: str, name: str) -> str:
        """The number, when it is known. Raises Unusable."""
        if (company, number_) in self.projects or number_ in self.linked:
            return number_
        where = f"company {company}" if company else "Dataverse"
        raise Unusable(
            "unknown_project",
            name,
            f"The project {number_} is not among the projects of {where}. Check it in Dynamics, and the "
            "application's right to read projects, or link it to a project of the Costbook.",
            number_,
        )


# What is the protocol's own (``@odata.etag``), and what the customer's: the custom-field feature marks it.
_marks = names_that(lambda name: "@" in name)
_own = names_that(lambda name: name.endswith("_Custom"))


# Raw records


def delivered(row: Row) -> dict[str, Any]:
    """The row as Dynamics delivered it, without the protocol's own marks."""
    made = dict(row)
    for name in _marks(row):
        del made[name]
    return made


# Values


def _day(value: Any) -> date | None:
    """A calendar day: Dynamics writes noon UTC, so no zone shifts it; None for the day that stands for none."""
    found = odata.day(value)
    return found if found and found.year > _NO_DAY else None


def _moment(value: Any) -> datetime | None:
    found = odata.moment(value)
    return found if found and found.year > _NO_DAY else None


DYNAMICS = Fields("Dynamics", _day, _moment)


def day_or_none(row: Row, name: str) -> date | None:
    """None also for what is no day, where the row itself will be rejected for it."""
    try:
        return DYNAMICS.day(row, name)
    except Unusable:
        return None


def yes(value: Any) -> bool:
    """Finance & Operations writes booleans as ``"Yes"`` and ``"No"``."""
    return value is True or text(value).lower() in ("yes", "true")


# Money


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


def rate_on(day: date | None, rates: Iterable[Row], begins: str, ends: str = "") -> Row | None:
    """The last quotation that holds on the day; none without a day. ``rates`` are in the order of their first day, and
    ``begins`` and ``ends`` name the columns of their first and last. One with an unreadable day holds never."""
    found = None
    for row in rates if day else ():
        try:
            first, last = DYNAMICS.day(row, begins), DYNAMICS.day(row, ends)
        except Unusable:
            continue
        if day and (first or day) <= day <= (last or day):
            found = row
    return found


def towards_zero(rest: Decimal, ordered: Decimal) -> Decimal:
    """What is open: never past zero to the other side; a return is open towards zero from below (DOMAIN)."""
    return rest if rest * ordered > 0 else ZERO


def figures(amount: Decimal, open_: Decimal, relieved: Decimal, reason: str | None) -> Figures:
    """By how the line ended: cancelled keeps what relieved it, completed opens nothing more (DOMAIN "What counts")."""
    if reason == "cancelled":
        return Figures(ZERO, relieved, ZERO)
    return Figures(amount, relieved, ZERO if reason else towards_zero(open_, amount))


def custom(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the customer's own fields hold; empty ones are left out."""
    return {name: row[name] for name in _own(row) if row[name] not in (None, "")}
