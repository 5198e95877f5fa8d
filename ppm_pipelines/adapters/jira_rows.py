"""Jira's projects, issues and worklogs become projects, commitments and actuals.

Belongs here: raw records, what their fields mean, what makes one unusable. Does not belong here: reading (``jira``),
asking (``jira_api``), which rate holds (``jira_rates``). Everything is pure and tested with plain dicts.

An issue is a commitment: worked time at the rates of its days and people is relieved, what remains at today's rate of
its assignee is open, ordered is both (DOMAIN "What relieves a commitment"). A worklog is an actual. Sub-tasks are
issues of their own, hence the fields that add them up are never read (jira.md, trap 6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ppm_pipelines.adapters.base import ERASED, Row
from ppm_pipelines.adapters.fields import Fields, Unreadable, Unusable, names_that, rejected, text
from ppm_pipelines.adapters.jira_rates import Money, Rates, cost, hours, spoken
from ppm_pipelines.adapters.jira_settings import Rate
from ppm_pipelines.mapping.fields import SourceField
from ppm_pipelines.records import ZERO, Actual, Commitment, Outcome, Project, Raw, Rejection, Skipped

PROJECTS, ISSUES, WORKLOGS = "projects", "issues", "worklogs"
HOUR = "H"
WORK = "work"
# What is kept of an issue beside people, and of what it points to.
_PLAIN = (
    "summary",
    "created",
    "updated",
    "duedate",
    "timeoriginalestimate",
    "timeestimate",
    "timespent",
)
_POINTED = {"project": ("id", "key"), "issuetype": ("name", "subtask"), "parent": ("id", "key")}
_PEOPLE = ("assignee", "reporter")
_LINES = ("paragraph", "heading", "codeBlock")  # nodes of a document that end a line
PEOPLE = (*_PEOPLE, "author")
# The fields that are asked for: without them a search answers with ids alone (jira.md, trap 1).
FIELDS = (*_PLAIN, *_POINTED, *_PEOPLE, "status", "worklog")


# The site's own fields: which values are kept, by the type that the site tells. People never are, nor what is no value.
CUSTOM = "customfield_"
_VALUES = frozenset({"string", "number", "date", "datetime", "option", "option-with-child", "version", "priority"})


class OtherCurrency(Unusable):
    """Hours whose rate is in another currency than the company's; ``money`` is what they cost."""

    def __init__(self, money: Money, wanted: str) -> None:
        reason = (
            f"The hourly rate is in {money.currency}, the company's currency is {wanted}, and Jira tells no exchange "
            f"rate. Enter the rate in {wanted}."
        )
        super().__init__("other_currency", "rates", reason)
        self.money = money


@dataclass(slots=True)
class Directory:
    """What records are judged by: the projects that are read, the rates, the day and the zone of postings.

    ``projects`` (id → key) are those in scope, ``archived`` the ids of archived ones, ``linked`` keys that people
    linked to a Costbook project although Jira lists none of that key. ``wanted`` are the configured keys; empty: all.
    """

    rates: Rates
    zone: tzinfo = UTC
    today: date = date.max
    company_currency: str = ""
    personal_data: bool = False
    wanted: frozenset[str] = frozenset()
    projects: dict[str, str] = field(default_factory=dict)
    archived: set[str] = field(default_factory=set)
    linked: frozenset[str] = frozenset()
    read_as: Callable[[str], str] = str  # whom a person is read as (``Adapter.forgotten``)
    people: dict[tuple[str, str, str], dict[str, str] | None] = field(default_factory=dict)  # as they are kept
    lost_rights: bool = False  # the account saw more before: what it sees now of an issue may be a part


# Values


def _moment(value: Any) -> datetime | None:
    """``2021-01-17T12:34:00.000+0000``, also with the offset of an account's own zone (jira.md, section 5)."""
    told = text(value)
    return _instant(told) if told else None


def _instant(told: str) -> datetime:
    try:
        found = datetime.fromisoformat(told)
    except ValueError:
        raise Unreadable(f"“{told}” is no time") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _day(value: Any) -> date | None:
    told = text(value)
    try:
        return date.fromisoformat(told[:10]) if told else None
    except ValueError:
        raise Unreadable(f"“{told}” is no date") from None


def _seconds(value: Any) -> int | None:
    """A time in whole seconds; the texts beside it (“1d”) depend on the site's hours per day (jira.md, trap 7)."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Unreadable(f"“{value}” is no time in seconds")
    return value


JIRA = Fields("Jira", _day, _moment)


def seconds(row: Row, name: str) -> int | None:
    return JIRA.read(_seconds, "bad_amount", row, name)


def day_of(row: Row, name: str, zone: tzinfo) -> date | None:
    """The day on which the instant lies in the zone. Raises Unusable."""
    try:
        return _day_in(told, zone) if (told := text(row.get(name))) else None
    except (Unreadable, OverflowError) as error:
        raise JIRA.unusable("bad_date", name, error) from None


@lru_cache(maxsize=8192)  # a worklog is looked at with its issue and by itself
def _day_in(told: str, zone: tzinfo) -> date:
    return _instant(told).astimezone(zone).date()


def account(user: Any) -> str:
    """Account id on Cloud, key on Data Center: names and addresses may be hidden or change (jira.md, trap 8)."""
    return (text(user.get("accountId")) or text(user.get("key"))) if isinstance(user, dict) else ""


def _name(user: Any) -> str:
    return text(user.get("displayName")) if isinstance(user, dict) else ""


def plain_text(comment: Any) -> str:
    """The text of a comment: a text on Data Center, a document of nodes on Cloud; a line per paragraph."""
    if not isinstance(comment, dict):
        return text(comment)
    pieces: list[str] = []
    _add_pieces(comment, pieces)
    return "\n".join(filter(None, (line.strip() for line in "".join(pieces).split("\n"))))


def _add_pieces(node: Mapping[str, Any], pieces: list[str]) -> None:
    kind = node.get("type")
    if isinstance(told := node.get("text"), str):
        pieces.append(told)
    if kind == "hardBreak":
        pieces.append("\n")
    for one in node.get("content") or ():
        if isinstance(one, dict):
            _add_pieces(one, pieces)
    if kind in _LINES:
        pieces.append("\n")


# Raw records: people by their account alone, unless personal data is wanted


def raw_project(row: Row) -> Raw:
    kept = {name: row[name] for name in ("id", "key", "name", "archived", "deleted") if name in row}
    return Raw(PROJECTS, text(row.get("id")), kept)


def raw_issue(row: Row, worklogs: Iterable[Row], directory: Directory) -> Raw:
    """The issue with all its worklogs, as far as money, days and places are made from them."""
    told: Row = row.get("fields") or {}
    kept = {name: told.get(name) for name in _PLAIN}
    kept |= {name: _part(told.get(name), parts) for name, parts in _POINTED.items()}
    kept |= {name: _person(told.get(name), directory) for name in _PEOPLE}
    status: Row = told.get("status") or {}
    kept |= _own_values(told)
    kept["status"] = {"name": status.get("name"), "category": (status.get("statusCategory") or {}).get("key")}
    logged = sorted((_worklog(one, directory) for one in worklogs), key=lambda one: (len(one["id"]), one["id"]))
    return Raw(ISSUES, text(row.get("id")), {"id": row.get("id"), "key": row.get("key"), **kept, "worklogs": logged})


def raw_worklogs(issue: Raw, rows: Iterable[Row], directory: Directory) -> list[Raw]:
    """One per worklog of the issue, with what its actual needs of it."""
    about = {name: issue.record.get(name) for name in ("id", "key", "summary", "project")} | _own(issue.record)
    logged = {one["id"]: one for one in issue.record["worklogs"]}
    made = []
    for row in rows:
        kept = logged[text(row.get("id"))]
        said = _may_be_named(kept["author"], directory)
        comment = {"comment": plain_text(row.get("comment"))} if said else {}
        made.append(Raw(WORKLOGS, kept["id"], {**kept, **comment, "issue": about}))
    return made


def _worklog(row: Row, directory: Directory) -> dict[str, Any]:
    kept = {name: row.get(name) for name in ("started", "created", "updated", "timeSpentSeconds")}
    return {"id": text(row.get("id")), **kept, "author": _person(row.get("author"), directory)}


def _person(user: Any, directory: Directory) -> dict[str, str] | None:
    """Of everybody once: the same few people stand in every record."""
    if not isinstance(user, dict):
        return None
    who = text(user.get("accountId")), text(user.get("key")), _name(user)
    if who not in directory.people:
        directory.people[who] = _kept_of(*who, directory)
    return directory.people[who]


def _kept_of(account_id: str, key: str, name: str, directory: Directory) -> dict[str, str] | None:
    if not (who := account_id or key):
        return None
    kept = {"accountId" if account_id else "key": directory.read_as(who)}
    return kept | {"displayName": name} if _may_be_named(kept, directory) else kept


def _may_be_named(user: Any, directory: Directory) -> bool:
    return _may_be_kept(account(user), directory)


def _may_be_kept(who: str, directory: Directory) -> bool:
    return directory.personal_data and not who.startswith(ERASED)


def _part(value: Any, names: Sequence[str]) -> dict[str, Any] | None:
    return {name: value.get(name) for name in names} if isinstance(value, dict) else None


# The site's own fields


def is_read(field: Row) -> bool:
    """Whether the values of a field of the site are kept: scalar ones, options and lists of them."""
    return text(field.get("id")).startswith(CUSTOM) and _kind(field).removeprefix("array of ") in _VALUES


def _kind(field: Row) -> str:
    schema: Row = field.get("schema") or {}
    kind, item = text(schema.get("type")), text(schema.get("items"))
    return f"array of {item}" if kind == "array" else kind


def _own_values(told: Row) -> dict[str, Any]:
    """What a raw record keeps of them, without those that are empty."""
    return {name: kept for name in _own_names(told) if (kept := _value(told[name])) not in (None, "")}


def _own(record: Row) -> dict[str, Any]:
    """What a raw record kept of them."""
    return {name: record[name] for name in _own_names(record)}


_own_names = names_that(lambda name: name.startswith(CUSTOM))


def _value(value: Any) -> Any:
    """An option is its value, a version its name, one below another both; a document is its text."""
    if isinstance(value, dict):
        if value.get("type") == "doc":
            return plain_text(value)
        parts = [text(value.get("value")) or text(value.get("name"))]
        if isinstance(value.get("child"), dict):
            parts.append(text(value["child"].get("value")))
        return " / ".join(filter(None, parts))
    if isinstance(value, list):
        return ", ".join(filter(None, (text(_value(one)) for one in value)))
    return value


_OF_ISSUES = (
    ("key", "Key", "Schlüssel", "string"),
    ("summary", "Summary", "Zusammenfassung", "string"),
    ("created", "Created", "Erstellt", "datetime"),
    ("updated", "Updated", "Aktualisiert", "datetime"),
    ("duedate", "Due date", "Fälligkeitsdatum", "date"),
    ("timeoriginalestimate", "Original estimate (s)", "Ursprüngliche Schätzung (s)", "number"),
    ("timeestimate", "Remaining estimate (s)", "Verbleibende Schätzung (s)", "number"),
    ("timespent", "Time spent (s)", "Benötigte Zeit (s)", "number"),
    ("project.key", "Project", "Projekt", "string"),
    ("issuetype.name", "Issue type", "Vorgangstyp", "string"),
    ("issuetype.subtask", "Sub-task", "Unteraufgabe", "boolean"),
    ("parent.key", "Parent", "Übergeordneter Vorgang", "string"),
    ("status.name", "Status", "Status", "string"),
    ("status.category", "Status category", "Statuskategorie", "string"),
)
_OF_WORKLOGS = (
    ("id", "Worklog", "Zeitbuchung", "string"),
    ("started", "Started", "Begonnen", "datetime"),
    ("created", "Created", "Erstellt", "datetime"),
    ("updated", "Updated", "Aktualisiert", "datetime"),
    ("timeSpentSeconds", "Time spent (s)", "Benötigte Zeit (s)", "number"),
    ("issue.key", "Issue", "Vorgang", "string"),
    ("issue.summary", "Summary of the issue", "Zusammenfassung des Vorgangs", "string"),
    ("issue.project.key", "Project", "Projekt", "string"),
)
_OF_PROJECTS = (("id", "Id", "Id", "string"), ("key", "Key", "Schlüssel", "string"), ("name", "Name", "Name", "string"))


def source_fields(entity: str, site: Iterable[Row]) -> Iterator[SourceField]:
    """What raw records have of every site, then the site's own fields as it names them."""
    known = {"projects": _OF_PROJECTS, "commitments": _OF_ISSUES, "actuals": _OF_WORKLOGS}
    yield from (SourceField(*told) for told in known.get(entity, ()))
    above = "issue." if entity == "actuals" else ""
    for one in site:
        if (name := text(one.get("id"))).startswith(CUSTOM):
            yield SourceField(above + name, text(one.get("name")), type=_kind(one), custom=True, read=is_read(one))


# Projects


def project(raw: Raw, directory: Directory) -> Iterator[Outcome]:
    row, key = raw.record, text(raw.record.get("key"))
    if not key:
        yield Rejection(raw.key, "missing_field", "key", "A project without a key.", row, raw_stream=PROJECTS,
                        raw_key=raw.key)  # fmt: skip
    elif row.get("archived") or row.get("deleted"):
        directory.archived.add(raw.key)
        yield Skipped(raw.key, "archived project" if row.get("archived") else "deleted project")
    elif directory.wanted and key.upper() not in directory.wanted:
        yield Skipped(raw.key, "project not read")
    else:
        directory.projects[raw.key] = key
        yield Project(source_key=raw.key, project_nr=key, name=text(row.get("name")), status="active",
                      currency=directory.company_currency or None)  # fmt: skip


def project_of(row: Row, directory: Directory) -> str:
    """The key of the record's project. Raises Unusable, or OutOfScope where the project is not read."""
    told: Row = row.get("project") or {}
    number, key = text(told.get("id")), text(told.get("key"))
    if number in directory.projects:
        return directory.projects[number]
    if number in directory.archived:
        raise OutOfScope("archived project")
    if directory.wanted and key.upper() not in directory.wanted:
        raise OutOfScope("project not read")
    if key in directory.linked:
        return key
    raise Unusable(
        "unknown_project",
        "project",
        f"The project {key} is not among Jira's projects. Check the account's right to browse it, or link it to a "
        "project of the Costbook.",
    )


class OutOfScope(Exception):
    """A record of a project that is not read; the text says why."""


# Commitments


@dataclass(frozen=True, slots=True)
class Effort:
    """The hours of an issue and what they cost, in ``currency``; open is what remains, whatever the status."""

    logged_seconds: int
    remaining_seconds: int
    relieved: Decimal
    remaining: Decimal
    currency: str
    rate: Rate | None


def commitment(raw: Raw, directory: Directory) -> Iterator[Outcome]:
    row = raw.record
    try:
        _seen_wholly(row, directory)
        if not _has_effort(row):
            yield Skipped(raw.key, "nothing planned or worked")
            return
        project_nr = project_of(row, directory)
        yield _commitment(raw, project_nr, effort(row, directory), directory)
    except OutOfScope as error:
        yield _skipped(raw.key, str(error), _worth(row, directory))
    except Unusable as error:
        worth = None if error.code == "contradiction" else _worth(row, directory)
        yield _rejected(raw, error, row, worth, _open_known(row, directory))


def _seen_wholly(row: Row, directory: Directory) -> None:
    """Raises Unusable where worklogs may be hidden that were visible: the issue would seem to have shrunk."""
    if directory.lost_rights and (unseen := _unseen(row)) > 0:
        raise Unusable(
            "contradiction",
            "timespent",
            f"The account has lost rights and does not see {spoken(unseen)} of this issue. Give them back.",
        )


def _unseen(row: Row) -> int:
    """Seconds that the issue tells and no visible worklog has (jira.md, trap 4)."""
    return (seconds(row, "timespent") or 0) - _logged(row)


def _has_effort(row: Row) -> bool:
    return bool(row.get("worklogs")) or remaining(row) > 0


def remaining(row: Row) -> int:
    """Remaining seconds; without them the original estimate less what was worked (jira.md, section 6)."""
    told = seconds(row, "timeestimate")
    if told is not None:
        return told
    planned = seconds(row, "timeoriginalestimate") or 0
    return max(0, planned - max(seconds(row, "timespent") or 0, _logged(row)))


def _logged(row: Row) -> int:
    return sum(seconds(one, "timeSpentSeconds") or 0 for one in row.get("worklogs") or ())


def effort(row: Row, directory: Directory) -> Effort:
    """Raises Unusable where an hour has no rate, or rates of several currencies would have to be added."""
    rest, rate = remaining(row), directory.rates.find(account(row.get("assignee")), directory.today)
    spent = [_spent(one) for one in row["worklogs"]]
    found = [_money(one, took, directory) for one, took in zip(row["worklogs"], spent, strict=True)]
    unpriced = sum(one for one, money in zip(spent, found, strict=True) if money is None)
    if unpriced := unpriced + (rest if rate is None else 0):
        whole = rest + sum(spent)
        raise Unusable(
            "no_rate",
            "rates",
            f"No hourly rate holds for {spoken(unpriced)} of this issue, which has {spoken(whole)} in all. "
            "Enter one for the user, the role, or everybody.",
        )
    logged = [money for money in found if money is not None]
    open_ = [cost(rest, rate)] if rate is not None and rest else []
    currency = _one_currency([*logged, *open_], directory)
    relieved, still = (sum((one.amount for one in some), ZERO) for some in (logged, open_))
    return Effort(sum(spent), rest, relieved, still, currency, rate if rest else None)


def _money(worklog: Row, spent: int, directory: Directory) -> Money | None:
    """What the worklog costs; None where no rate holds. Raises Unusable without a day."""
    rate = directory.rates.find(account(worklog.get("author")), _posted(worklog, directory))
    return None if rate is None else cost(spent, rate)


def _spent(worklog: Row) -> int:
    found = seconds(worklog, "timeSpentSeconds")
    if found is None:
        raise Unusable("missing_field", "timeSpentSeconds", "A worklog without a time. Correct it in Jira.")
    return found


def _posted(worklog: Row, directory: Directory) -> date:
    found = day_of(worklog, "started", directory.zone)
    if found is None:
        raise Unusable("missing_field", "started", "A worklog without a beginning. Correct it in Jira.")
    return found


def _one_currency(amounts: Sequence[Money], directory: Directory) -> str:
    currencies = sorted({one.currency for one in amounts})
    if len(currencies) > 1:
        raise Unusable(
            "other_currency",
            "rates",
            f"The rates of this issue's hours are in {' and '.join(currencies)}, and Jira tells no exchange rate. "
            "Enter them in one currency.",
        )
    _convertible(Money(sum((one.amount for one in amounts), ZERO), currencies[0]), directory)
    return currencies[0]


def _convertible(money: Money, directory: Directory) -> None:
    wanted = directory.company_currency
    if wanted and money.currency != wanted:
        raise OtherCurrency(money, wanted)


def _done(row: Row) -> bool:
    return text((row.get("status") or {}).get("category")) == "done"


def _commitment(raw: Raw, project_nr: str, found: Effort, directory: Directory) -> Commitment:
    row, done = raw.record, _done(raw.record)
    ordered, open_ = found.relieved + found.remaining, ZERO if done else found.remaining
    vendor, vendor_description = _worker(row.get("assignee"), directory)
    return Commitment(
        source_key=raw.key,
        company_code="",
        project_nr=project_nr,
        po_number=text(row.get("key")),
        po_line_nr="1",
        currency=found.currency,
        ordered_amount=ordered,
        relieved_amount=found.relieved,
        open_amount=open_,
        company_currency=found.currency,
        company_ordered_amount=ordered,
        company_relieved_amount=found.relieved,
        company_open_amount=open_,
        po_status=text((row.get("status") or {}).get("name")),
        vendor=vendor,
        vendor_description=vendor_description,
        requester=_requester(row.get("reporter"), directory),
        po_date=day_of(row, "created", directory.zone),
        po_line_text=text(row.get("summary")),
        delivery_date=JIRA.day(row, "duedate"),
        relieved_by=WORK,
        changed_at=JIRA.moment(row, "updated"),
        closed_reason="completed" if done else None,
        custom_fields=_hours(row, found) | _own(row),
        labour=True,
        raw_stream=raw.stream,
        raw_key=raw.key,
    )


def _hours(row: Row, found: Effort) -> dict[str, Any]:
    """Hours beside the money; ``unseen_hours`` are worked and not shown to the account."""
    told: dict[str, Any] = {
        "unit": HOUR,
        "ordered_hours": hours(found.logged_seconds + found.remaining_seconds),
        "logged_hours": hours(found.logged_seconds),
        "remaining_hours": hours(found.remaining_seconds),
    }
    if found.rate is not None:
        told["hourly_rate"] = found.rate.amount
    if (unseen := (seconds(row, "timespent") or 0) - found.logged_seconds) > 0:
        told["unseen_hours"] = hours(unseen)
    for name, part in (("issuetype", "name"), ("parent", "key")):
        if value := text((row.get(name) or {}).get(part)):
            told[name] = value
    return told


def _worker(user: Any, directory: Directory) -> tuple[str, str]:
    """Who works: account and name where they may be kept, else the role alone."""
    who = account(user)
    return (who, _name(user)) if _may_be_kept(who, directory) else ("", directory.rates.label(who))


def _requester(user: Any, directory: Directory) -> str:
    return _name(user) if _may_be_named(user, directory) else directory.rates.role(account(user))


def _open_known(row: Row, directory: Directory) -> Money | None:
    """What is open of an issue that can't be used, as far as a rate tells it."""
    try:
        rest = remaining(row)
    except Unusable:
        return None
    rate = directory.rates.find(account(row.get("assignee")), directory.today)
    return None if rate is None else cost(0 if _done(row) else rest, rate)


def _worth(row: Row, directory: Directory) -> Money | None:
    """What an issue out of scope would have been; None where that can't be told."""
    try:
        found = effort(row, directory)
    except OtherCurrency as error:
        return error.money
    except Unusable:
        return None
    return Money(found.relieved + found.remaining, found.currency)


# Actuals


def actual(raw: Raw, directory: Directory) -> Iterator[Outcome]:
    row = raw.record
    issue: Row = row.get("issue") or {}
    try:
        day, spent = _posted(row, directory), _spent(row)
        project_nr = project_of(issue, directory)
        rate = _rate_of(row, spent, day, directory)
        money = cost(spent, rate)
        _convertible(money, directory)
        yield _actual(raw, project_nr, day, spent, money, rate, directory)
    except OutOfScope as error:
        yield _skipped(raw.key, str(error), _money(row, spent, directory))
    except Unusable as error:
        yield _rejected(raw, error, issue, _line_worth(row, directory))


def _line_worth(row: Row, directory: Directory) -> Money | None:
    """What a worklog that can't be used costs, where that can be told."""
    try:
        return _money(row, _spent(row), directory)
    except Unusable:
        return None


def _rate_of(row: Row, spent: int, day: date, directory: Directory) -> Rate:
    found = directory.rates.find(account(row.get("author")), day)
    if found is None:
        raise Unusable(
            "no_rate",
            "rates",
            f"No hourly rate holds for {spoken(spent)} on {day}. Enter one for the user, the role, or everybody.",
        )
    return found


def _actual(raw: Raw, project_nr: str, day: date, spent: int, money: Money, rate: Rate, directory: Directory) -> Actual:
    row, issue = raw.record, raw.record["issue"]
    vendor, vendor_description = _worker(row.get("author"), directory)
    return Actual(
        source_key=raw.key,
        company_code="",
        project_nr=project_nr,
        fi_doc_no=raw.key,
        fi_doc_line="1",
        posting_date=day,
        currency=money.currency,
        amount=money.amount,
        company_currency=money.currency,
        company_amount=money.amount,
        fiscal_year=f"{day.year:04d}",
        fiscal_period=f"{day.month:03d}",
        document_type="worklog",
        po_no=text(issue.get("key")) or None,
        po_line_no="1",
        vendor=vendor,
        vendor_description=vendor_description,
        document_date=day_of(row, "created", directory.zone),
        item_text=text(row.get("comment")) or text(issue.get("summary")),
        quantity=hours(spent),
        unit=HOUR,
        custom_fields={"hourly_rate": rate.amount, **_own(issue)},
        labour=True,
        raw_stream=raw.stream,
        raw_key=raw.key,
    )


def _skipped(key: str, reason: str, money: Money | None) -> Skipped:
    return Skipped(key, reason, money.amount if money else None, money.currency if money else None)


def _rejected(raw: Raw, error: Unusable, issue: Row, worth: Money | None, still_open: Money | None = None) -> Rejection:
    """``issue`` tells the project; money is told where a rate held, hours in the sentence where none did."""
    known = worth or still_open
    currency = known.currency if known else ""
    left = still_open.amount if still_open and still_open.currency == currency else None
    project_nr = text((issue.get("project") or {}).get("key"))
    return rejected(raw, error, worth.amount if worth else None, currency, "", project_nr or None, left)
