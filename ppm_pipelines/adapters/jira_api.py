"""Asking Jira: the same questions to Cloud (REST v3) and Data Center (REST v2), page by page.

Belongs here: paths, paging, what an answer must look like. Does not belong here: in which order things are read
(``jira``), what rows mean (``jira_rows``). One request at a time: Jira counts them per tenant (jira.md, section 7).

Where a site names rows by offset, rows shift while they are read. Pages therefore overlap by one row: when the first
row of a page is not known yet, one before it went away, and reading goes back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from ppm_pipelines.adapters.base import Credentials, Misconfigured, Refused, Row, Stream, Unavailable
from ppm_pipelines.adapters.fields import text
from ppm_pipelines.adapters.http import ApiKey, Client, Limits, chunks
from ppm_pipelines.adapters.jira_rows import FIELDS, ISSUES, PROJECTS, WORKLOGS, actual, commitment, is_read, project
from ppm_pipelines.adapters.jira_settings import Settings

PROJECTS_PER_PAGE = 100
ISSUES_PER_PAGE = 100
ISSUES_BY_ID = 100
WORKLOGS_PER_PAGE = 5000
WORKLOGS_PER_LIST = 1000
ATTEMPTS = 3
# Created never changes, so that an issue that moves or is worked on keeps its place in the order.
ORDER = " ORDER BY created ASC, key ASC"


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a deployment has what; ``search`` also names its way of paging."""

    rest: str
    search: str
    projects: str


CLOUD = Paths("rest/api/3", "search/jql", "project/search")
DATA_CENTER = Paths("rest/api/2", "search", "project")

# What is read, as data: the paths are below ``rest/api/…``.
PROJECT_STREAM = Stream(PROJECTS, CLOUD.projects, "offset", ("id",), to_record=project)
ISSUE_STREAM = Stream(ISSUES, CLOUD.search, "token", ("id",), fields=FIELDS, to_record=commitment)
WORKLOG_STREAM = Stream(WORKLOGS, "worklog/list", "ids", ("id",), to_record=actual)


def explain(body: bytes) -> str:
    """The sentences of an ``ErrorCollection``."""
    try:
        told = json.loads(body)
        found = [*map(str, told.get("errorMessages") or ()), *map(str, (told.get("errors") or {}).values())]
    except (ValueError, AttributeError):
        return ""
    return " ".join(found)[:300]


@dataclass
class Feed:
    """Ids of changed or deleted worklogs since a moment; ``until`` (ms) is where the next read goes on.

    It is the server's own: both feeds hide the last minute, so that a clock would skip what is hidden now.
    """

    until: int
    ids: list[int] = field(default_factory=list)


class Api:
    """One site, asked with one account."""

    def __init__(
        self, settings: Settings, allowed_hosts: str | None, timeout_seconds: float, limits: Limits | None
    ) -> None:
        token = settings.token.get_secret_value()
        self.cloud = settings.deployment == "cloud"
        self.paths = CLOUD if self.cloud else DATA_CENTER
        self.client = Client(
            settings.base_url,
            system="Jira",
            auth=httpx.BasicAuth(settings.email, token) if self.cloud else ApiKey("Authorization", f"Bearer {token}"),
            allowed_hosts=allowed_hosts,
            timeout_seconds=timeout_seconds,
            secrets=(token,),
            explain=explain,
            limits=limits,
        )
        self._fields: tuple[Row, ...] | None = None
        self._own: tuple[str, ...] = ()
        self.cut_off = False  # whether a listing ended without saying that it was its end

    def _get(self, path: str, **params: Any) -> Any:
        return self.client.get(f"{self.paths.rest}/{path}", {name: str(value) for name, value in params.items()}).body

    def _post(self, path: str, **body: Any) -> Any:
        return self.client.post(f"{self.paths.rest}/{path}", body).body

    # Account and configuration

    def myself(self) -> Row:
        """The account, with its groups: asked first, because without credentials lists may just be empty."""
        try:
            found = self._get("myself", expand="groups")
        except Credentials as error:
            if error.code != "sign_in" or not self.cloud:
                raise
            raise Credentials(
                f"{str(error).rstrip('.')}. A token with scopes works at https://api.atlassian.com/ex/jira/ and the "
                "cloud id only, one without scopes at the site's own address only; tokens expire after a year at the "
                "latest.",
                error.code,
            ) from None
        except Misconfigured as error:
            if error.code != "not_found":
                raise
            raise Misconfigured(
                f"{str(error).rstrip('.')}. Also check whether the site is Jira Cloud or Data Center.", error.code
            ) from None
        return _mapping(found, "myself")

    def time_tracking(self) -> None:
        """Raises Misconfigured where nobody can log work: worklogs would be missing, not few."""
        if _mapping(self._get("configuration"), "configuration").get("timeTrackingEnabled") is False:
            raise Misconfigured(
                "Time tracking is switched off in Jira, so there are no estimates and no worklogs. Its administrator "
                "switches it on.",
                "no_time_tracking",
            )

    # Projects

    def projects(self) -> Iterator[list[Row]]:
        """All that the account may browse, archived and deleted ones too, because searches leave those out silently."""
        if not self.cloud:
            yield _listed(self._get(self.paths.projects, includeArchived="true"), "projects")
            return
        for status in ("live", "archived", "deleted"):
            for rows in self._by_offset(
                lambda start, status=status: self._get(  # type: ignore[misc]
                    self.paths.projects,
                    startAt=start,
                    maxResults=PROJECTS_PER_PAGE,
                    orderBy="key",
                    action="browse",
                    status=status,
                ),
                "values",
            ):
                yield [{**row, **_standing(status)} for row in rows]

    # Fields

    def fields(self) -> Sequence[Row]:
        """Every field of the site, asked once; none without the right to see which there are. Raises SourceError."""
        if self._fields is None:
            try:
                self._fields = tuple(_listed(self._get("field"), "field"))
            except (Credentials, Misconfigured) as error:
                if error.code not in ("forbidden", "not_found"):
                    self.myself()  # says more about what is wrong
                    raise
                self._fields = ()
        return self._fields

    def know_own_fields(self) -> None:
        """Issues are asked for with the site's own fields from now on."""
        self._own = tuple(text(one.get("id")) for one in self.fields() if is_read(one))

    @property
    def _asked(self) -> list[str]:
        return [*FIELDS, *self._own]

    # Issues

    def issues(self, jql: str, most: int = ISSUES_PER_PAGE) -> Iterator[list[Row]]:
        """Pages of what the query finds; it must be bounded. An issue that moves meanwhile may come twice."""
        yield from self._by_token(jql, most) if self.cloud else self._searched(jql, most)

    def issues_by_id(self, ids: Iterable[str]) -> Iterator[list[Row]]:
        """Those of the issues that the account may see, wherever they are now."""
        for some in chunks(sorted(ids), ISSUES_BY_ID):
            yield from self._fetched(some) if self.cloud else self._searched(f"id in ({','.join(some)})", lenient=True)

    def _fetched(self, ids: Sequence[str]) -> Iterator[list[Row]]:
        """Jira names the issues that it could not deliver just now; those are asked for again."""
        for _ in range(ATTEMPTS):
            found = self._post("issue/bulkfetch", issueIdsOrKeys=list(ids), fields=self._asked)
            yield _rows(found, "issues")
            ids = [text(one.get("id")) for one in found.get("issueErrors") or () if text(one.get("id")) in ids]
            if not ids:
                return
        raise Unavailable(
            f"Jira did not deliver the issue {ids[0]}, also when asked again. Try again later.", "issue_not_delivered"
        )

    def _searched(self, jql: str, most: int = ISSUES_PER_PAGE, *, lenient: bool = False) -> Iterator[list[Row]]:
        """``lenient``: the query may name issues that are not there."""
        asked = {"jql": jql + ORDER, "fields": self._asked, "maxResults": most, "validateQuery": not lenient}
        yield from self._by_offset(lambda start: self._post(self.paths.search, startAt=start, **asked), "issues")

    def _by_token(self, jql: str, most: int) -> Iterator[list[Row]]:
        """Until no token comes or the answer says that it is the last; a token that comes again would never end."""
        token, known = "", set[str]()
        asked = {"jql": jql + ORDER, "fields": self._asked, "maxResults": most}
        while True:
            body = self._post(self.paths.search, **asked, **({"nextPageToken": token} if token else {}))
            yield _rows(body, "issues")
            token = text(body.get("nextPageToken"))
            if not token or body.get("isLast") is True:
                self.cut_off |= body.get("isLast") is False
                return
            if token in known:
                raise Refused(
                    "Jira named the same next page twice, so the list has no end. Nothing was taken; try again later.",
                    "token_repeats",
                )
            known.add(token)

    def _by_offset(self, ask: Callable[[int], Any], name: str) -> Iterator[list[Row]]:
        """Rows that did not come before; what the answer says about its size counts, not what was asked for."""
        known: set[str] = set()
        start, back = 0, 1
        while True:
            body = ask(start)
            rows = _rows(body, name)
            if start and (not rows or text(rows[0].get("id")) not in known):
                start, back = max(0, start - back), back * 2  # some before it went away
                continue
            back = 1
            new = [row for row in rows if text(row.get("id")) not in known]
            known |= {text(row.get("id")) for row in new}
            if new or not start:
                yield new
            end = start + len(rows)
            if not rows or body.get("isLast") is True or end >= _size(body, name):
                return
            start = end - 1 if len(rows) > 1 else end

    # Worklogs

    def worklogs(self, issue: Row) -> list[Row] | None:
        """All worklogs of an issue; None where it went away meanwhile.

        An issue carries 20 of them at most, and tells how many there are (jira.md, trap 2).
        """
        fields: Row = issue.get("fields") or {}
        told: Row = fields.get("worklog") or {}
        here = told.get("worklogs")
        if not told and not fields.get("timespent"):
            return []
        if isinstance(here, list) and len(here) >= int(told.get("total") or 0) and "total" in told:
            return here
        try:
            return self._all_worklogs(text(issue.get("id")))
        except Misconfigured as error:
            if error.code != "not_found":
                raise
            return None

    def _all_worklogs(self, issue: str) -> list[Row]:
        pages = self._by_offset(
            lambda start: self._get(f"issue/{issue}/worklog", startAt=start, maxResults=WORKLOGS_PER_PAGE), "worklogs"
        )
        return [row for rows in pages for row in rows]

    def changed_worklogs(self, since: int) -> Feed:
        return self._feed("updated", since)

    def deleted_worklogs(self, since: int) -> Feed:
        return self._feed("deleted", since)

    def _feed(self, kind: str, since: int) -> Feed:
        """The next page is asked by ``until``: the address that it names is wrong behind api.atlassian.com."""
        feed = Feed(since)
        while True:
            body = self._get(f"worklog/{kind}", since=feed.until)
            values = _rows(body, "values")
            feed.ids += [int(one["worklogId"]) for one in values]
            until = int(body.get("until") or 0) if values else feed.until
            if body.get("lastPage") is True or not values:
                feed.until = max(feed.until, until)
                return feed
            if until <= feed.until:
                raise Unavailable(
                    "Jira lists changed worklogs and does not say where the list goes on. Try again later.",
                    "feed_stands_still",
                )
            feed.until = until

    def issues_of_worklogs(self, ids: Iterable[int]) -> set[str]:
        """The issues of those of the worklogs that the account may see."""
        found: set[str] = set()
        for some in chunks(sorted(set(ids)), WORKLOGS_PER_LIST):
            found |= {text(row.get("issueId")) for row in _listed(self._post("worklog/list", ids=some), "worklogs")}
        return found - {""}


def _standing(status: str) -> dict[str, bool]:
    """What the list that a project came from says of it; the row itself need not."""
    return {} if status == "live" else {status: True}


def _mapping(body: Any, what: str) -> Row:
    if not isinstance(body, dict):
        raise _unusable(what)
    return body


def _rows(body: Any, name: str) -> list[Row]:
    return _listed(_mapping(body, name).get(name), name)


def _size(body: Row, name: str) -> int:
    """How many rows there are in all; without it nobody knows whether a page was the last one."""
    found = body.get("total")
    if not isinstance(found, int):
        raise _unusable(name)
    return found


def _listed(rows: Any, name: str) -> list[Row]:
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _unusable(name)
    return rows


def _unusable(what: str) -> Refused:
    return Refused(
        f"Jira answered without what was asked for ({what}). Nothing was taken. Check the address, and any proxy in "
        "front of it.",
        "unusable_answer",
    )
