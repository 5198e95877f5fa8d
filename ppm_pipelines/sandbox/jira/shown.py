"""What the API shows of the site: fields, people, times and texts in the shapes of Cloud (v3) and Data Center (v2).

Belongs here: the shape of an answer's parts. Does not belong here: which rows are found (``jql``), pages (``api``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from . import own_fields
from .people import Person
from .site import CATEGORIES, Issue, Project, Worklog

EMBEDDED = 20  # worklogs that an issue carries at most
DEFAULT_HOURS = 8


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks: the account, the groups it is in, and whether it asks Cloud; ``root`` begins every link."""

    person: Person
    groups: tuple[str, ...]
    cloud: bool
    root: str


def stamp(moment: int, reader: Reader) -> str:
    """``2021-01-17T12:34:00.000+0000`` with the offset of the reader's own zone."""
    at = datetime.fromtimestamp(moment / 1000, UTC).astimezone(ZoneInfo(reader.person.zone))
    return f"{at:%Y-%m-%dT%H:%M:%S}.{moment % 1000:03d}{at:%z}"


def person(one: Person | None, reader: Reader) -> dict[str, Any] | None:
    if one is None:
        return None
    link = f"{reader.root}/user?accountId={one.account}" if reader.cloud else f"{reader.root}/user?key={one.key}"
    shown = {"self": link, "displayName": one.name, "active": one.active, "timeZone": one.zone, "avatarUrls": {}}
    if reader.cloud:  # no e-mail address: hidden by the person's own setting
        return shown | {"accountId": one.account, "accountType": "atlassian"}
    return shown | {"key": one.key, "name": one.login, "emailAddress": f"{one.login}@nordlicht.example"}


def project(one: Project, reader: Reader) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "self": f"{reader.root}/project/{one.id}",
        "id": str(one.id),
        "key": one.key,
        "name": one.name,
        "projectTypeKey": "software",
        "avatarUrls": {},
    }
    if reader.cloud:
        shown |= {"simplified": False, "style": "classic", "isPrivate": False}
    return shown | ({"archived": True} if one.archived else {} if reader.cloud else {"archived": False})


def comment(text: str, reader: Reader) -> Any:
    """A document on Cloud: a paragraph per line, marks split a text into several nodes; a text on Data Center."""
    if not reader.cloud:
        return text
    lines = text.split("\n") if text else []
    paragraphs = [{"type": "paragraph", "content": _nodes(line)} for line in lines]
    return {"type": "doc", "version": 1, "content": paragraphs}


def _nodes(line: str) -> list[dict[str, Any]]:
    first, space, rest = line.partition(" ")
    strong = {"type": "text", "text": first + space, "marks": [{"type": "strong"}]}
    return [strong, {"type": "text", "text": rest}] if rest else [{"type": "text", "text": line}]


def in_words(seconds: int) -> str:
    """``1d 2h 30m``; a day has the site's working hours."""
    minutes = seconds // 60
    days, minutes = divmod(minutes, DEFAULT_HOURS * 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{value}{unit}" for value, unit in ((days, "d"), (hours, "h"), (minutes, "m")) if value]
    return " ".join(parts) or "0m"


def worklog(one: Worklog, reader: Reader) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "self": f"{reader.root}/issue/{one.issue.id}/worklog/{one.id}",
        "author": person(one.author, reader),
        "updateAuthor": person(one.author, reader),
        "comment": comment(one.comment, reader),
        "created": stamp(one.created, reader),
        "updated": stamp(one.updated, reader),
        "started": stamp(one.started, reader),
        "timeSpent": in_words(one.seconds),
        "timeSpentSeconds": one.seconds,
        "id": str(one.id),
        "issueId": str(one.issue.id),
    }
    if one.group:
        shown["visibility"] = {"type": "group", "value": one.group, "identifier": f"group-{one.group}"}
    return {name: value for name, value in shown.items() if value is not None}


def seen(issue: Issue, reader: Reader) -> list[Worklog]:
    """The issue's worklogs that the reader may see, oldest first; the others are left out silently."""
    found = [one for one in issue.worklogs if one.group is None or one.group in reader.groups]
    return sorted(found, key=lambda one: (one.created, one.id))


def page(rows: list[Worklog], start: int, most: int, reader: Reader) -> dict[str, Any]:
    part = rows[start : start + most]
    return {
        "startAt": start,
        "maxResults": most,
        "total": len(rows),
        "worklogs": [worklog(one, reader) for one in part],
    }


def issue(one: Issue, names: Collection[str], reader: Reader) -> dict[str, Any]:
    """With the fields asked for, and no others; without any, its id alone."""
    shown = {"expand": "operations,editmeta,changelog", "id": str(one.id)}
    shown["self"] = f"{reader.root}/issue/{one.id}"
    if set(names) == {"id"}:
        return {"id": str(one.id)}
    wanted = _fields(one, reader)
    if "*all" not in names and "*navigable" not in names:
        wanted = {name: value for name, value in wanted.items() if name in names}
    return shown | {"key": one.key, "fields": wanted}


def _fields(one: Issue, reader: Reader) -> dict[str, Any]:
    children = 0  # what is added up over sub-tasks is of no use to a reader who reads those too
    return {
        "summary": one.summary,
        "project": project(one.project, reader),
        "issuetype": {"id": "10001", "name": one.kind, "subtask": one.parent is not None},
        "status": _status(one.status, reader),
        "assignee": person(one.assignee, reader),
        "reporter": person(one.reporter, reader),
        "created": stamp(one.created, reader),
        "updated": stamp(one.updated, reader),
        "duedate": stamp(one.due, reader)[:10] if one.due else None,
        "parent": {"id": str(one.parent.id), "key": one.parent.key, "fields": {}} if one.parent else None,
        "timeoriginalestimate": one.original,
        "timeestimate": one.remaining,
        "timespent": one.spent or None,
        "aggregatetimespent": one.spent + children or None,
        "worklog": page(seen(one, reader), 0, EMBEDDED, reader),
        **own_fields.values(
            one,
            lambda who: person(who, reader),
            lambda text: comment(text, reader),
            lambda moment: stamp(moment, reader),
        ),
    }


def _status(name: str, reader: Reader) -> dict[str, Any]:
    key = CATEGORIES[name]
    category = {"self": f"{reader.root}/statuscategory/{key}", "id": 1, "key": key, "name": name, "colorName": "blue"}
    return {"self": f"{reader.root}/status/{key}", "id": "3", "name": name, "statusCategory": category}
