"""What an hour costs: the rate that holds for a person on a day, and hours in money.

Belongs here: choosing a rate (CONTRACT "Connector settings", ``jira``) and multiplying. Does not belong here: entering
rates (``jira_settings``), what is worked or planned (``jira_rows``). Pure; money is Decimal, per hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache

from ppm_pipelines.adapters.base import LABOUR
from ppm_pipelines.adapters.jira_settings import Rate
from ppm_pipelines.records import rounded

SECONDS = Decimal(3600)
_HOURS = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Money:
    amount: Decimal
    currency: str


class Rates:
    """A user's rate goes before a role's before the default; in each the newest that is valid on the day.

    A scope whose first rate starts later falls through to the next one.
    """

    def __init__(
        self, rates: Iterable[Rate], user_roles: Mapping[str, str], read_as: Callable[[str], str] = str
    ) -> None:
        """``read_as`` says whom a user is read as (``Adapter.forgotten``); their rate and role stay theirs."""
        self._roles = {read_as(user): role for user, role in user_roles.items()}
        self._by_scope: dict[tuple[str, str], list[Rate]] = {}
        for rate in sorted(rates, key=lambda one: one.valid_from, reverse=True):
            self._by_scope.setdefault((read_as(rate.user) if rate.user else "", rate.role), []).append(rate)

    def role(self, user: str) -> str:
        """The role of a user; empty where none is configured or there is no user."""
        return self._roles.get(user, "")

    def label(self, user: str) -> str:
        """What stands for the person where no personal data is kept."""
        return self.role(user) or LABOUR

    def find(self, user: str, day: date) -> Rate | None:
        """The rate of an hour that the user (empty: nobody named) works on the day; None where none holds."""
        role = self.role(user)
        for scope in ((user, ""), ("", role), ("", "")):
            for rate in self._by_scope.get(scope, ()):
                if rate.valid_from <= day:
                    return rate
        return None

    def in_force(self, day: date) -> int:
        """How many rates have begun by the day: when it grows, what is open is worth something else."""
        return sum(rate.valid_from <= day for rates in self._by_scope.values() for rate in rates)


def cost(seconds: int, rate: Rate) -> Money:
    """The time at the rate, rounded half up to the currency's minor units."""
    return _cost(seconds, rate.amount, rate.currency)


# People log halves and quarters of hours, at a few rates; each is looked at with its issue too.
@lru_cache(maxsize=8192)
def _cost(seconds: int, per_hour: Decimal, currency: str) -> Money:
    return Money(rounded(per_hour * seconds / SECONDS, currency), currency)


@lru_cache(maxsize=4096)  # people log halves and quarters of hours
def hours(seconds: int) -> Decimal:
    """Hours with up to six digits after the point, without zeros at the end."""
    found = (Decimal(seconds) / SECONDS).quantize(_HOURS).normalize()
    return found.quantize(Decimal(1)) if found == found.to_integral_value() else found


def spoken(seconds: int) -> str:
    """The time for a sentence, in the largest unit that tells it exactly: hours with two digits, minutes, seconds."""
    for size, digits, unit in ((3600, 36, "hour"), (60, 60, "minute"), (1, 1, "second")):
        if seconds % digits == 0:
            told = (Decimal(seconds) / size).normalize()
            return f"{told:f} {unit}" if told == 1 else f"{told:f} {unit}s"
    raise AssertionError("a second is a whole number of seconds")
