"""Jira's records one by one: plain dicts in, commitments, actuals, rejections and skipped ones out; rates; settings.

Belongs here: every rule and every trap of the fact sheet (jira.md) that a single record shows. Does not belong here:
whole reads (``test_adapter_jira_sandbox``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from pydantic import ValidationError

from ppm_pipelines.adapters import jira_rows
from ppm_pipelines.adapters.base import Refused, Unavailable
from ppm_pipelines.adapters.http import Limits
from ppm_pipelines.adapters.jira import Jira
from ppm_pipelines.adapters.jira_api import Api, Feed, explain
from ppm_pipelines.adapters.jira_rates import Rates, cost, hours, spoken
from ppm_pipelines.adapters.jira_rows import FIELDS, Directory, plain_text, raw_issue, raw_project, raw_worklogs
from ppm_pipelines.adapters.jira_settings import Rate, Settings
from ppm_pipelines.records import Actual, Commitment, Outcome, Project, Raw, Rejection, Skipped
from ppm_pipelines_tests.test_adapter_http import Script, answer, scripted

Row = dict[str, Any]
TODAY = date(2026, 11, 27)
MIA, LIAM, APP = "5b10a2844c20165700ede21g", "557058:liam", "557058:tempo-app"
RATES: list[Row] = [
    {"amount": "80.00", "currency": "EUR", "valid_from": "2025-01-01"},
    {"amount": "100.00", "currency": "EUR", "valid_from": "2025-01-01", "role": "Engineer"},
    {"amount": "120.00", "currency": "EUR", "valid_from": "2026-07-01", "role": "Engineer"},
    {"amount": "150.50", "currency": "EUR", "valid_from": "2026-10-01", "user": LIAM},
]
ROLES = {MIA: "Engineer", LIAM: "Engineer"}


def rates(*rows: Row) -> Rates:
    return Rates([Rate.model_validate(row) for row in rows or RATES], ROLES)


def directory(*rows: Row, **more: Any) -> Directory:
    known: Row = {"projects": {"10000": "HALLE"}, "today": TODAY, "company_currency": "EUR"}
    return Directory(rates(*rows), ZoneInfo("Europe/Berlin"), **(known | more))


def user(account: str = MIA, **more: Any) -> Row:
    return {"accountId": account, "displayName": "Mia Krystof", "emailAddress": "mia@example.com"} | more


def worklog(number: int = 20001, spent: Any = 3600, started: str = "2026-11-02T09:00:00.000+0100", **more: Any) -> Row:
    return {
        "id": str(number),
        "issueId": "10123",
        "author": user(),
        "updateAuthor": user(LIAM),
        "comment": {"type": "doc", "version": 1, "content": [{"type": "text", "text": "secret"}]},
        "started": started,
        "created": "2026-11-03T08:00:00.000+0100",
        "updated": "2026-11-03T08:00:00.000+0100",
        "timeSpent": "1d",
        "timeSpentSeconds": spent,
    } | more


def issue(*worklogs: Row, **fields: Any) -> Row:
    told: Row = {
        "summary": "Review P&ID “Rev. C” 🚀",
        "project": {"id": "10000", "key": "HALLE", "name": "Halle 4"},
        "issuetype": {"name": "Task", "subtask": False},
        "status": {"name": "In Progress", "statusCategory": {"key": "indeterminate"}},
        "assignee": user(),
        "reporter": user(LIAM, displayName="Liam O'Brien"),
        "created": "2026-10-31T23:30:00.000+0000",
        "updated": "2026-11-03T08:00:00.000+0100",
        "duedate": "2026-12-24",
        "timeoriginalestimate": 36000,
        "timeestimate": 7200,
        "timespent": sum(one["timeSpentSeconds"] for one in worklogs if isinstance(one["timeSpentSeconds"], int))
        or None,
        "worklog": {"total": len(worklogs), "maxResults": 20, "worklogs": list(worklogs)},
    }
    return {"id": "10123", "key": "HALLE-7", "fields": told | fields}


def outcomes(row: Row, known: Directory) -> tuple[list[Outcome], list[Outcome]]:
    """Of the issue and of its worklogs."""
    worklogs = row["fields"]["worklog"]["worklogs"]
    raw = raw_issue(row, worklogs, known)
    logged = raw_worklogs(raw, worklogs, known)
    return list(jira_rows.commitment(raw, known)), [one for each in logged for one in jira_rows.actual(each, known)]


def committed(row: Row, known: Directory | None = None) -> Commitment:
    [found], _ = outcomes(row, known or directory())
    assert isinstance(found, Commitment), found
    return found


def posted(row: Row, known: Directory | None = None) -> Actual:
    _, [found] = outcomes(issue(row), known or directory())
    assert isinstance(found, Actual), found
    return found


def rejected(found: Iterable[Outcome]) -> Rejection:
    [one] = found
    assert isinstance(one, Rejection), one
    return one


# An issue is a commitment


def test_ordered_is_worked_and_remaining_relieved_is_worked_open_is_remaining() -> None:
    """DOMAIN "What relieves a commitment"; hours are kept beside the money."""
    found = committed(issue(worklog(1, 5400), worklog(2, 1800, author=user(LIAM))))
    assert (found.relieved_amount, found.open_amount) == (Decimal("255.25"), Decimal("240.00"))
    assert found.ordered_amount == Decimal("495.25")
    assert (found.source_key, found.po_number, found.po_line_nr, found.assignment_nr) == ("10123", "HALLE-7", "1", "1")
    assert (found.project_nr, found.currency, found.company_currency) == ("HALLE", "EUR", "EUR")
    assert found.company_ordered_amount == found.ordered_amount
    assert (found.po_status, found.relieved_by, found.closed_reason) == ("In Progress", "work", None)
    assert (found.po_date, found.delivery_date) == (date(2026, 11, 1), date(2026, 12, 24))
    assert found.po_line_text == "Review P&ID “Rev. C” 🚀"
    assert found.custom_fields == {
        "unit": "H", "ordered_hours": Decimal(4), "logged_hours": Decimal(2), "remaining_hours": Decimal(2),
        "hourly_rate": Decimal("120.00"), "issuetype": "Task",
    }  # fmt: skip


def test_relieved_is_what_its_worklogs_come_to_line_by_line() -> None:
    """Each is rounded for itself, so that an issue and its actuals agree to the cent."""
    some = [worklog(n, 20) for n in range(3)]
    found, logged = outcomes(issue(*some), directory())
    assert isinstance(found[0], Commitment)
    assert found[0].relieved_amount == sum(one.amount for one in logged if isinstance(one, Actual)) == Decimal("2.01")


def test_a_done_issue_is_completed_and_has_nothing_open() -> None:
    done = {"name": "Fertig", "statusCategory": {"key": "done"}}
    found = committed(issue(worklog(), status=done))
    assert (found.ordered_amount, found.relieved_amount, found.open_amount) == (
        Decimal(360),
        Decimal(120),
        Decimal(0),
    )
    assert (found.closed_reason, found.company_open_amount) == ("completed", Decimal(0))


@pytest.mark.parametrize(
    ("fields", "open_"),
    [
        ({"timeestimate": None}, "1080.00"),  # the original one less what was worked
        ({"timeestimate": None, "timeoriginalestimate": 1800}, "0"),  # never negative
        ({"timeestimate": None, "timeoriginalestimate": None}, "0"),
        ({"timeestimate": 0}, "0"),
    ],
)
def test_without_a_remaining_estimate_the_original_one_tells(fields: Row, open_: str) -> None:
    assert committed(issue(worklog(), **fields)).open_amount == Decimal(open_)


def test_an_issue_without_estimate_and_work_is_skipped() -> None:
    [found], logged = outcomes(issue(timeestimate=None, timeoriginalestimate=None), directory())
    assert found == Skipped("10123", "nothing planned or worked")
    assert logged == []


def test_sub_tasks_are_issues_of_their_own_and_sums_over_them_are_not_read() -> None:
    """jira.md, trap 6: double counting."""
    assert not [name for name in FIELDS if name.startswith("aggregate")]
    row = issue(worklog(), parent={"id": "10100", "key": "HALLE-1"}, aggregatetimespent=999_999)
    assert committed(row).relieved_amount == Decimal(120)
    assert committed(row).custom_fields["parent"] == "HALLE-1"
    assert "aggregatetimespent" not in raw_issue(row, (), directory()).record


def test_the_fields_that_carry_money_are_asked_for_by_name() -> None:
    """jira.md, trap 1: without them a search answers with ids alone, and everything costs nothing."""
    assert {"timeestimate", "timeoriginalestimate", "timespent", "worklog", "project", "status"} <= set(FIELDS)


def test_hours_that_the_account_does_not_see_are_told() -> None:
    """jira.md, trap 4: the issue's own sum counts worklogs that are restricted to others."""
    row = issue(worklog(), timespent=9000)
    assert committed(row).custom_fields["unseen_hours"] == Decimal("1.5")
    assert rejected(outcomes(row, directory(lost_rights=True))[0]).code == "contradiction"


def test_a_moved_issue_keeps_its_id_as_key() -> None:
    row = issue(worklog()) | {"key": "AEGIR-1"}
    row["fields"]["project"] = {"id": "10002", "key": "AEGIR"}
    found = committed(row, directory(projects={"10000": "HALLE", "10002": "AEGIR"}))
    assert (found.source_key, found.po_number, found.project_nr) == ("10123", "AEGIR-1", "AEGIR")


# A worklog is an actual


def test_a_worklog_in_money_and_hours() -> None:
    found = posted(worklog(20007, 5400))
    assert (found.source_key, found.fi_doc_no, found.fi_doc_line) == ("20007", "20007", "1")
    assert (found.amount, found.company_amount, found.currency) == (Decimal("180.00"), Decimal("180.00"), "EUR")
    assert (found.quantity, found.unit) == (Decimal("1.5"), "H")
    assert (found.posting_date, found.document_date) == (date(2026, 11, 2), date(2026, 11, 3))
    assert (found.fiscal_year, found.fiscal_period) == ("2026", "011")
    assert (found.po_no, found.po_line_no, found.project_nr) == ("HALLE-7", "1", "HALLE")


@pytest.mark.parametrize(
    ("started", "zone", "day"),
    [
        ("2026-10-31T23:30:00.000+0000", "Europe/Berlin", date(2026, 11, 1)),
        ("2026-10-31T23:30:00.000+0000", "UTC", date(2026, 10, 31)),
        ("2026-10-31T16:30:00.000-0700", "Europe/Berlin", date(2026, 11, 1)),  # the offset of the account's own zone
        ("2026-11-01T12:30:00.000+1300", "Europe/Berlin", date(2026, 11, 1)),
        ("2026-12-31T23:30:00.000Z", "Europe/Berlin", date(2027, 1, 1)),
    ],
)
def test_the_posting_day_is_the_configured_zone_s(started: str, zone: str, day: date) -> None:
    """jira.md, section 5 and trap 3: two people in two zones see two days."""
    known = directory()
    known.zone = ZoneInfo(zone)
    found = posted(worklog(started=started), known)
    assert (found.posting_date, found.fiscal_year, found.fiscal_period) == (day, f"{day.year}", f"{day.month:03d}")


def test_a_time_is_what_the_seconds_say() -> None:
    """jira.md, trap 7: “1d” is as long as the site's working day."""
    found = posted(worklog(spent=27000, timeSpent="1d"))
    assert (found.quantity, found.amount) == (Decimal("7.5"), Decimal(900))


@pytest.mark.parametrize(
    ("spent", "quantity", "amount"),
    [(20, "0.005556", "0.67"), (1000, "0.277778", "33.33"), (0, "0", "0.00"), (360000, "100", "12000.00")],
)
def test_hours_and_money_are_exact(spent: int, quantity: str, amount: str) -> None:
    found = posted(worklog(spent=spent))
    assert (str(found.quantity), str(found.amount)) == (quantity, amount)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"started": "yesterday"}, "bad_date", "started"),
        ({"started": None}, "missing_field", "started"),
        ({"timeSpentSeconds": None}, "missing_field", "timeSpentSeconds"),
        ({"timeSpentSeconds": "3600"}, "bad_amount", "timeSpentSeconds"),
        ({"timeSpentSeconds": -60}, "bad_amount", "timeSpentSeconds"),
        ({"timeSpentSeconds": Decimal("0.5")}, "bad_amount", "timeSpentSeconds"),
        ({"created": "31.12.2026"}, "bad_date", "created"),
    ],
)
def test_a_worklog_that_cannot_be_read_waits_with_its_reason(change: Row, code: str, field: str) -> None:
    _, logged = outcomes(issue(worklog(**change), timespent=None), directory())
    found = rejected(logged)
    assert (found.code, found.field, found.project_nr) == (code, field, "HALLE")
    assert (found.raw_stream, found.raw_key) == ("worklogs", "20001")
    assert found.amount == (Decimal(120) if field == "created" else None)
    assert found.reason.endswith(".")


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"timeestimate": "1d"}, "bad_amount", "timeestimate"),
        ({"timeestimate": -1}, "bad_amount", "timeestimate"),
        ({"created": "x"}, "bad_date", "created"),
        ({"duedate": "31.12."}, "bad_date", "duedate"),
        ({"updated": "x"}, "bad_date", "updated"),
    ],
)
def test_an_issue_that_cannot_be_read_waits_with_its_reason(fields: Row, code: str, field: str) -> None:
    found = rejected(outcomes(issue(worklog(), **fields), directory())[0])
    assert (found.code, found.field, found.raw_stream, found.raw_key) == (code, field, "issues", "10123")


# Rates: CONTRACT "Connector settings"


@pytest.mark.parametrize(
    ("who", "day", "amount"),
    [
        (MIA, date(2025, 1, 1), "100.00"),
        (MIA, date(2026, 6, 30), "100.00"),
        (MIA, date(2026, 7, 1), "120.00"),
        (LIAM, date(2026, 9, 30), "120.00"),  # the own rate starts later: the role's holds
        (LIAM, date(2026, 10, 1), "150.50"),  # the user's goes before the role's
        ("somebody", date(2026, 7, 1), "80.00"),
        ("", date(2026, 7, 1), "80.00"),  # no assignee or author: everybody's
        (APP, date(2026, 7, 1), "80.00"),  # jira.md, trap 5: an app logs for people
        (MIA, date(2024, 12, 31), None),
    ],
)
def test_which_rate_holds(who: str, day: date, amount: str | None) -> None:
    found = rates().find(who, day)
    assert (None if found is None else found.amount) == (None if amount is None else Decimal(amount))


def test_a_rate_that_comes_into_force_is_noticed() -> None:
    """What is open is worth something else from that day on, without any change in Jira."""
    counted = [rates().in_force(day) for day in (date(2024, 12, 31), date(2026, 6, 30), date(2026, 7, 1), TODAY)]
    assert counted == [0, 2, 3, 4]


def test_no_rate_of_somebody_is_everybody_s() -> None:
    """A role's rate is for those with the role alone, a user's for that user."""
    only = rates(RATES[1], RATES[3])
    assert only.find("", TODAY) is None
    assert only.find("somebody", TODAY) is None


def test_an_issue_without_assignee_is_worth_everybody_s_rate() -> None:
    assert committed(issue(assignee=None)).open_amount == Decimal(160)
    assert posted(worklog(author=None)).amount == Decimal(80)


def test_worked_time_keeps_the_rate_of_its_day_and_open_time_has_today_s() -> None:
    found = committed(issue(worklog(started="2026-06-30T12:00:00.000+0000")))
    assert (found.relieved_amount, found.open_amount) == (Decimal(100), Decimal(240))


def test_hours_without_a_rate_have_no_amount_and_tell_the_hours() -> None:
    """Labour without a rate is quarantined, never guessed; what is open stays known where a rate tells it."""
    known = directory(RATES[1])
    row = issue(worklog(1, 5400, author=user("temp")), worklog(2), timespent=9000)
    found, logged = outcomes(row, known)
    order, line = rejected(found), rejected(logged[:1])
    assert (order.code, order.amount, order.open_amount, order.currency) == ("no_rate", None, Decimal(200), "EUR")
    assert "1.5 hours of this issue, which has 4.5 hours in all" in order.reason
    assert (line.code, line.amount, line.currency, line.project_nr) == ("no_rate", None, None, "HALLE")
    assert "1.5 hours on 2026-11-02" in line.reason
    assert isinstance(logged[1], Actual)


def test_a_rate_in_another_currency_is_not_converted() -> None:
    """Jira tells no exchange rate; the amount is told in the rate's own currency."""
    dollars = {"amount": "90", "currency": "USD", "valid_from": "2025-01-01"}
    found, logged = outcomes(issue(worklog()), directory(dollars))
    order, line = rejected(found), rejected(logged)
    assert (order.code, order.amount, order.currency) == ("other_currency", Decimal("270.00"), "USD")
    assert (line.code, line.amount, line.currency) == ("other_currency", Decimal("90.00"), "USD")
    assert "the company's currency is EUR" in line.reason


def test_without_a_company_currency_the_rate_s_own_holds() -> None:
    yen = {"amount": "9000", "currency": "JPY", "valid_from": "2025-01-01"}
    found, [line] = outcomes(issue(worklog(spent=1234)), directory(yen, company_currency=""))
    assert isinstance(line, Actual)
    assert (line.amount, line.currency, line.company_currency) == (Decimal(3085), "JPY", "JPY")
    assert isinstance(found[0], Commitment)


def test_hours_of_one_issue_in_two_currencies_are_not_added() -> None:
    own = [{"amount": "9", "currency": code, "valid_from": "2025-01-01", "user": who}
           for code, who in (("EUR", MIA), ("CHF", LIAM))]  # fmt: skip
    row = issue(worklog(1), worklog(2, author=user(LIAM)))
    found, logged = outcomes(row, directory(*own, company_currency=""))
    assert rejected(found).code == "other_currency"
    assert "CHF and EUR" in rejected(found).reason
    assert [one.currency for one in logged if isinstance(one, Actual)] == ["EUR", "CHF"]


def test_money_is_rounded_half_up_to_the_currency_s_minor_units() -> None:
    def worth(amount: str, currency: str, spent: int) -> str:
        rate = Rate.model_validate({"amount": amount, "currency": currency, "valid_from": "2025-01-01"})
        return str(cost(spent, rate).amount)

    assert [worth("0.01", "EUR", 1800), worth("0.01", "EUR", 1799)] == ["0.01", "0.00"]
    assert [worth("1", "JPY", 1800), worth("1.001", "KWD", 1800)] == ["1", "0.501"]
    assert hours(5000) == Decimal("1.388889")


# Projects and scope


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"id": "1", "key": "HALLE", "name": "Halle 4"}, Project("1", "HALLE", "Halle 4", "active", currency="EUR")),
        ({"id": "1", "key": "ALT", "archived": True}, Skipped("1", "archived project")),
        ({"id": "1", "key": "BIN", "deleted": True}, Skipped("1", "deleted project")),
        ({"id": "1", "key": "ANDERS"}, Skipped("1", "project not read")),
    ],
)
def test_projects(row: Row, expected: Outcome) -> None:
    """DOMAIN "What counts": archived projects are out of scope (jira.md, trap 10)."""
    assert list(jira_rows.project(raw_project(row), directory(wanted=frozenset({"HALLE", "ALT", "BIN"})))) == [expected]


def test_a_project_without_a_key_is_rejected() -> None:
    assert rejected(jira_rows.project(raw_project({"id": "1"}), directory())).code == "missing_field"


def test_records_of_projects_that_are_not_read_are_skipped_with_their_worth() -> None:
    for known in (directory(projects={}, archived={"10000"}), directory(projects={}, wanted=frozenset({"AEGIR"}))):
        [order], [line] = outcomes(issue(worklog()), known)
        assert isinstance(order, Skipped)
        assert isinstance(line, Skipped)
        assert (order.amount, line.amount, line.currency) == (Decimal(360), Decimal(120), "EUR")


def test_an_unknown_project_waits_until_somebody_links_it() -> None:
    [order], [line] = outcomes(issue(worklog()), directory(projects={}))
    assert isinstance(order, Rejection)
    assert isinstance(line, Rejection)
    assert {order.code, line.code} == {"unknown_project"}
    assert (order.amount, line.amount, line.currency) == (Decimal(360), Decimal(120), "EUR")
    assert (order.project_nr, order.open_amount, order.currency) == ("HALLE", Decimal(240), "EUR")
    assert committed(issue(), directory(projects={}, linked=frozenset({"HALLE"}))).project_nr == "HALLE"


# People


def test_without_personal_data_the_role_stands_for_the_person() -> None:
    row = issue(worklog(), worklog(2, author=user("stranger")))
    [order], logged = outcomes(row, directory())
    assert isinstance(order, Commitment)
    assert (order.vendor, order.vendor_description, order.requester) == ("", "Engineer", "Engineer")
    shown = [(one.vendor, one.vendor_description, one.item_text) for one in logged if isinstance(one, Actual)]
    assert shown == [("", "Engineer", "Review P&ID “Rev. C” 🚀"), ("", "Labour", "Review P&ID “Rev. C” 🚀")]


def test_raw_records_hold_accounts_alone() -> None:
    known, row = directory(), issue(worklog())
    raw = raw_issue(row, row["fields"]["worklog"]["worklogs"], known)
    kept = repr([raw.record, *(one.record for one in raw_worklogs(raw, row["fields"]["worklog"]["worklogs"], known))])
    assert MIA in kept
    assert not [name for name in ("Krystof", "O'Brien", "example.com", "secret", "updateAuthor") if name in kept]


def test_with_personal_data_names_and_comments_are_kept() -> None:
    found = posted(worklog(), directory(personal_data=True))
    assert (found.vendor, found.vendor_description, found.item_text) == (MIA, "Mia Krystof", "secret")
    assert committed(issue(), directory(personal_data=True)).requester == "Liam O'Brien"


def test_on_data_center_people_are_known_by_their_key() -> None:
    """jira.md, trap 8: e-mail addresses are hidden, login names change."""
    one = {"key": "JIRAUSER10100", "name": "mkrystof", "displayName": "Mia Krystof", "emailAddress": "m@example.com"}
    known = directory()
    known.rates = Rates([Rate.model_validate(RATES[2])], {"JIRAUSER10100": "Engineer"})
    assert posted(worklog(author=one, comment="text"), known).vendor_description == "Engineer"
    row = issue(worklog(author=one), assignee=one, reporter=one)
    raw = raw_issue(row, row["fields"]["worklog"]["worklogs"], known)
    assert "mkrystof" not in repr(raw.record)
    assert raw.record["assignee"] == {"key": "JIRAUSER10100"}


@pytest.mark.parametrize(
    ("comment", "text"),
    [
        ("Zeile 1\nZeile 2 \\ \"q\"", "Zeile 1\nZeile 2 \\ \"q\""),
        (None, ""),
        ({"type": "doc", "version": 1, "content": []}, ""),
        (
            {"type": "doc", "content": [
                {"type": "paragraph", "content": [{"type": "text", "text": "Said "}, {"type": "text",
                 "text": "“done” 👷", "marks": [{"type": "strong"}]}]},
                {"type": "bulletList", "content": [{"type": "listItem", "content": [
                    {"type": "paragraph", "content": [{"type": "text", "text": "one"}, {"type": "hardBreak"},
                                                      {"type": "text", "text": "two"}]}]}]},
            ]},
            "Said “done” 👷\none\ntwo",
        ),
    ],
)  # fmt: skip
def test_comments_become_text(comment: Any, text: str) -> None:
    """A document on Cloud, a text on Data Center."""
    assert plain_text(comment) == text


# Raw records


def test_the_same_issue_gives_the_same_record_in_whatever_order_its_worklogs_come() -> None:
    some = [worklog(9), worklog(10), worklog(100)]
    first, second = (raw_issue(issue(*some), order, directory()) for order in (some, reversed(some)))
    assert first == second
    assert [one["id"] for one in first.record["worklogs"]] == ["9", "10", "100"]


def test_a_record_that_was_kept_makes_the_same_again() -> None:
    row, known = issue(worklog()), directory()
    raw = raw_issue(row, row["fields"]["worklog"]["worklogs"], known)
    kept = Raw(raw.stream, raw.key, msgspec.json.decode(msgspec.json.encode(raw.record)))
    assert list(jira_rows.commitment(kept, known)) == list(jira_rows.commitment(raw, known))


def test_an_error_of_jira_is_told_in_its_own_words() -> None:
    body = b'{"errorMessages":["No such project."],"errors":{"jql":"Unbounded."},"status":400}'
    assert explain(body) == "No such project. Unbounded."
    assert explain(b"<html>") == explain(b"[]") == ""


# Asking


@contextlib.contextmanager
def asked(*bodies: Any, deployment: str = "cloud") -> Iterator[tuple[Api, Script]]:
    """A site that gives these answers in turn."""
    with scripted(*(answer(msgspec.json.encode(body)) for body in bodies)) as script:
        settings = Settings.model_validate(VALID | {"base_url": script.url, "deployment": deployment})
        api = Api(settings, script.url, 20, Limits(backoff=0.001))
        try:
            yield api, script
        finally:
            api.client.close()


def page(first: int, last: int, **more: Any) -> Row:
    return {"issues": [{"id": str(number), "fields": {}} for number in range(first, last + 1)]} | more


def ids(pages: Iterable[Iterable[Any]]) -> list[str]:
    return [row["id"] for rows in pages for row in rows]


def test_a_feed_goes_on_where_the_server_says_and_calls_no_address_that_it_names() -> None:
    """jira.md, section 3: the address of the next page is wrong behind api.atlassian.com."""
    first = {"values": [{"worklogId": 1}, {"worklogId": 2}], "until": 500, "lastPage": False,
             "nextPage": "https://site.invalid/worklog/updated?since=500"}  # fmt: skip
    with asked(first, {"values": [{"worklogId": 3}], "until": 700, "lastPage": True}) as (api, script):
        feed = api.changed_worklogs(100)
    assert (feed.ids, feed.until) == ([1, 2, 3], 700)
    assert [path for _, path, _ in script.seen] == [
        "/rest/api/3/worklog/updated?since=100",
        "/rest/api/3/worklog/updated?since=500",
    ]


def test_a_feed_without_news_stays_where_it_is() -> None:
    with asked({"values": [], "since": 100, "until": 99, "lastPage": True}) as (api, _):
        assert api.deleted_worklogs(100) == Feed(100)


def test_a_feed_that_does_not_go_on_is_an_error() -> None:
    stuck = {"values": [{"worklogId": 1}], "until": 100, "lastPage": False}
    with asked(stuck) as (api, _), pytest.raises(Unavailable, match="does not say where the list goes on"):
        api.changed_worklogs(100)


def test_a_search_ends_where_no_token_comes() -> None:
    """The key is simply absent on the last page."""
    with asked(page(1, 2, isLast=False, nextPageToken="t"), page(3, 3)) as (api, script):
        assert ids(api.issues("project in (1)")) == ["1", "2", "3"]
        assert not api.cut_off
    assert {(method, path) for method, path, _ in script.seen} == {("POST", "/rest/api/3/search/jql")}


def test_a_server_that_delivers_less_than_was_asked_for_is_read_to_its_end() -> None:
    """jira.md, section 3: what the answer holds counts, not what was asked for."""
    pages = [page(n, min(n + 2, 6), total=6, startAt=n - 1, maxResults=3) for n in (1, 3, 5)]
    with asked(*pages, deployment="data_center") as (api, script):
        assert ids(api.issues("project in (1)")) == ["1", "2", "3", "4", "5", "6"]
    assert len(script.seen) == 3
    assert script.seen[0][2]["authorization"] == "Bearer t-0-k-e-n"


def test_a_row_that_moved_up_while_pages_were_read_is_found() -> None:
    """Row 3 went away, so that row 4 stands where it stood: the page does not begin with what is known."""
    first, shifted, again = page(1, 3, total=6), page(4, 6, total=5), page(2, 2, total=5)
    again["issues"] += page(4, 5)["issues"]
    rest = page(5, 6, total=5)
    with asked(first, shifted, again, rest, deployment="data_center") as (api, _):
        assert ids(api.issues("project in (1)")) == ["1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize("told", [{}, {"total": None}, {"total": "many"}, {"isLast": False}])
def test_a_list_that_tells_neither_its_size_nor_its_end_is_refused(told: Row) -> None:
    """Else its first page would be taken for all of it, and costs would be missing without any error."""
    listed = {"values": [{"id": "1", "key": "HALLE"}]} | told
    with asked(listed) as (api, _), pytest.raises(Refused, match="without what was asked for"):
        list(api.projects())
    with asked(page(1, 2, **told), deployment="data_center") as (api, _), pytest.raises(Refused, match="asked for"):
        list(api.issues("project in (1)"))


def test_an_issue_s_worklogs_are_asked_for_only_where_it_does_not_carry_them_all() -> None:
    """jira.md, trap 2."""
    row = issue(worklog(1), worklog(2))
    with asked({"worklogs": [worklog(1), worklog(2), worklog(3)], "total": 3, "startAt": 0}) as (api, script):
        assert api.worklogs(row) == row["fields"]["worklog"]["worklogs"]
        assert api.worklogs({"id": "1", "fields": {"timespent": None}}) == []
        assert script.seen == []
        row["fields"]["worklog"]["total"] = 3
        assert ids([api.worklogs(row) or []]) == ["1", "2", "3"]
        assert script.seen[0][1].startswith("/rest/api/3/issue/10123/worklog?startAt=0&maxResults=5000")


@pytest.mark.parametrize("body", [[], {}, {"issues": {}}, {"issues": ["x"]}, None])
def test_an_answer_without_what_was_asked_for_is_refused(body: Any) -> None:
    with asked(body) as (api, _), pytest.raises(Refused, match="without what was asked for"):
        list(api.issues("project in (1)"))


# Settings

VALID: Row = {"base_url": "https://x.atlassian.net", "email": "a@example.com", "token": "t-0-k-e-n"}


@pytest.mark.parametrize(
    ("pasted", "root"),
    [
        ("https://x.atlassian.net/", "https://x.atlassian.net"),
        ("https://x.atlassian.net/rest/api/3/myself", "https://x.atlassian.net"),
        ("https://x.atlassian.net/jira/software/projects/HALLE/boards/1", "https://x.atlassian.net"),
        ("https://jira.example.com/jira/browse/HALLE-7", "https://jira.example.com/jira"),
        ("https://api.atlassian.com/ex/jira/11-22", "https://api.atlassian.com/ex/jira/11-22"),
    ],
)
def test_the_address_is_cut_to_its_root(pasted: str, root: str) -> None:
    assert Settings.model_validate(VALID | {"base_url": pasted}).base_url == root


def rate(**more: Any) -> list[Row]:
    return [{"amount": "95.00", "currency": "EUR", "valid_from": "2026-01-01"} | more]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"base_url": "x.atlassian.net"}, "must begin with https://"),
        ({"base_url": "https://x.atlassian.net?a=1"}, "without"),
        ({"email": ""}, "e-mail address"),
        ({"token": ""}, "needs a token"),
        ({"time_zone": "Mars/Base"}, "no time zone"),
        ({"time_zone": "../etc/passwd"}, "no time zone"),
        ({"company_currency": "XXQ"}, "no active ISO 4217 currency"),
        ({"projects": ["HALLE", "B Ü"]}, "no project key"),
        ({"rates": rate(currency="XXQ")}, "no active ISO 4217 currency"),
        ({"rates": rate(currency="")}, "needs a currency"),
        ({"rates": rate(amount="-1")}, "no amount per hour"),
        ({"rates": rate(amount="0")}, "no amount per hour"),
        ({"rates": rate(amount="NaN")}, "no amount per hour"),
        ({"rates": rate(amount="1e12")}, "no amount per hour"),
        ({"rates": rate(amount=None)}, "no amount per hour"),
        ({"rates": rate(amount="viel")}, "no amount per hour"),
        ({"rates": rate(valid_from="soon")}, "no day from which"),
        ({"rates": rate(user="a", role="b")}, "not for both"),
        ({"rates": [*rate(role="A"), *rate(role="A", amount="7")]}, "two rates of A from 2026-01-01"),
        ({"user_roles": {"a": " "}}, "has no role"),
    ],
)
def test_wrong_settings_are_told(change: Row, sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(VALID | change)
    assert sentence in str(caught.value)
    assert "t-0-k-e-n" not in str(caught.value.errors(include_input=False))


def test_settings_as_a_person_types_them() -> None:
    found = Settings.model_validate(
        VALID | {"projects": "halle; aegir,HALLE", "rates": rate(user=None), "time_zone": "UTC"}
    )
    assert (found.projects, found.personal_data, found.deployment) == (["HALLE", "AEGIR"], False, "cloud")
    assert found.rates[0].amount == Decimal("95.00")
    assert Settings.model_validate(VALID | {"rates": rate(amount=0.1)}).rates[0].amount == Decimal("0.1")
    assert "t-0-k-e-n" not in repr(found)


def test_data_center_needs_no_e_mail_address() -> None:
    assert Settings.model_validate({"base_url": "https://j", "token": "t", "deployment": "data_center"}).email == ""


def test_every_setting_has_german_texts() -> None:
    for name, shape in Settings.model_json_schema()["properties"].items():
        assert {"title", "description"} <= shape["x-labels"]["de"].keys(), name
        assert shape["title"], name


def test_postings_may_be_edited_and_secrets_are_bound_to_their_address() -> None:
    assert Jira.final_postings is False
    assert Jira.HOSTS == {"base_url": ("token",), "email": ("token",)}


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (3600, "1 hour"),
        (900, "0.25 hours"),
        (4_320_000, "1200 hours"),
        (60, "1 minute"),
        (12_000, "200 minutes"),
        (20, "20 seconds"),
        (1, "1 second"),
        (0, "0 hours"),
    ],
)
def test_sentences_tell_a_time_as_people_would(seconds: int, told: str) -> None:
    assert spoken(seconds) == told
