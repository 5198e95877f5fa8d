"""What the site's documents come to in money, by DOMAIN's decided rules for Jira and the company's rates.

Belongs here: the figures an outsider must arrive at, from issues, worklogs and rates alone. Does not belong here: how
the API shows them. Amounts are fractions until they are rounded half up to the currency's minor units. What must be
quarantined is left out and named.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from ppm_pipelines.sandbox.company import DIGITS, decimal_text

from .people import TIME_ZONE, Person, rates
from .site import CONFIDENTIAL, HIDDEN, Issue, Site, Worklog

_ZONE = ZoneInfo(TIME_ZONE)


class Unpriced(Exception):
    """No rate holds, or one in another currency."""


def _day(stamp: int) -> date:
    return datetime.fromtimestamp(stamp / 1000, UTC).astimezone(_ZONE).date()


def _rate(person: Person | None, day: date, currency: str) -> Fraction:
    """The person's own rate, else the role's, else everybody's: the newest that had begun."""
    known = [one for one in rates(currency) if one["valid_from"] <= day.isoformat()]
    own = [one for one in known if person and one.get("user") == person.account]
    role = [one for one in known if person and person.role and one.get("role") == person.role]
    rest = [one for one in known if "user" not in one and "role" not in one]
    for found in (own, role, rest):
        if found:
            newest = max(found, key=lambda one: str(one["valid_from"]))
            if newest["currency"] != currency:
                raise Unpriced
            return Fraction(newest["amount"])
    raise Unpriced


def _units(seconds: int, person: Person | None, day: date, currency: str) -> int:
    """The time at the person's rate of the day, in minor units. Raises Unpriced."""
    return int(_rate(person, day, currency) * seconds * 10 ** DIGITS[currency] / 3600 + Fraction(1, 2))


def _worth(worklog: Worklog, currency: str) -> int:
    return _units(worklog.seconds, worklog.author, _day(worklog.started), currency)


def _shown(issue: Issue) -> list[Worklog]:
    return [one for one in issue.worklogs if one.group != CONFIDENTIAL]


def _rest(issue: Issue) -> int:
    if issue.remaining is not None:
        return issue.remaining
    return max(0, (issue.original or 0) - issue.spent)


def _commitment(issue: Issue, today: date, currency: str, *, gone: bool) -> dict[str, Any] | None:
    """None where nothing is planned and nothing was worked. Raises Unpriced."""
    rest, worklogs = _rest(issue), _shown(issue)
    if not rest and not worklogs:
        return None
    relieved = sum(_worth(one, currency) for one in worklogs)
    still = _units(rest, issue.assignee, today, currency) if rest else 0
    return {
        "source_key": str(issue.id),
        "po_number": issue.key,
        "project_nr": issue.project.key,
        "currency": currency,
        "ordered": decimal_text(relieved + still, currency),
        "relieved": decimal_text(relieved, currency),
        "open": decimal_text(0 if issue.done or gone else still, currency),
        "hours": str(Fraction(rest + sum(one.seconds for one in worklogs), 3600)),
        "counts": True,
        "closed_reason": "vanished" if gone else "completed" if issue.done else None,
        "text": issue.summary,
    }


def _actual(worklog: Worklog, currency: str) -> dict[str, Any]:
    issue = worklog.issue
    day = _day(worklog.started)
    return {
        "source_key": str(worklog.id),
        "po_no": issue.key,
        "project_nr": issue.project.key,
        "posting_date": day.isoformat(),
        "fiscal_year": f"{day.year}",
        "fiscal_period": f"{day.month:03d}",
        "currency": currency,
        "amount": decimal_text(_worth(worklog, currency), currency),
        "hours": str(Fraction(worklog.seconds, 3600)),
        "counts": True,
    }


def books(site: Site, currency: str) -> dict[str, Any]:
    """All commitments, actuals and totals per project of a company in ``currency``, and the keys of what must be
    quarantined."""
    today = _day(site.now())
    told: dict[str, Any] = {"commitments": [], "actuals": [], "quarantined": {"commitments": [], "actuals": []}}
    here = [one for one in site.issues.values() if one.project.key != HIDDEN]
    for issue, gone in [*((one, False) for one in here), *((one, True) for one in site.gone)]:
        _add(
            told,
            "commitments",
            str(issue.id),
            lambda one=issue, left=gone: _commitment(one, today, currency, gone=left),
        )
        if gone and str(issue.id) in told["quarantined"]["commitments"]:
            told["quarantined"]["commitments"].remove(str(issue.id))  # nobody can show it any more
        for worklog in [] if gone else _shown(issue):
            _add(told, "actuals", str(worklog.id), lambda one=worklog: _actual(one, currency))
    return told | {"totals": _totals(told, currency)}


def _add(told: dict[str, Any], name: str, key: str, make: Any) -> None:
    try:
        row = make()
    except Unpriced:
        told["quarantined"][name].append(key)
        return
    if row is not None:
        told[name].append(row)


def _totals(told: dict[str, Any], currency: str) -> list[dict[str, str]]:
    sums: dict[str, dict[str, int]] = {}
    for name, figures in (("commitments", ("ordered", "relieved", "open")), ("actuals", ("amount",))):
        for row in told[name]:
            own = sums.setdefault(row["project_nr"], {"ordered": 0, "relieved": 0, "open": 0, "actual": 0})
            for figure in figures:
                own["actual" if figure == "amount" else figure] += int(row[figure].replace(".", ""))
    return [
        {"project_nr": key, "currency": currency}
        | {name: decimal_text(amount, currency) for name, amount in own.items()}
        for key, own in sorted(sums.items())
    ]
