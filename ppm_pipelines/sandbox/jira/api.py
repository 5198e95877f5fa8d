"""The REST API of the site: Cloud (v3, and what v2 has left) and Data Center (v2, below a context path).

Belongs here: addresses, sign-in, paging and its caps, refusals, faults of the answers.
Does not belong here: the shape of rows (``shown``), queries (``jql``), what happens (``life``, ``site``).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ppm_pipelines.sandbox.control import Mistake, controlled
from ppm_pipelines.sandbox.faulty import Faults, retry_after
from ppm_pipelines.sandbox.simulation import Simulation

from . import life, own_fields, shown
from .books import books
from .jql import BadQuery, parse
from .people import COMPANY_CURRENCY, FOR_A_EURO, NARROW, READER, TIME_ZONE, Person, rates, roles
from .shown import Reader
from .site import HIDDEN, SHARED, Issue, Project, Site

EMAIL, TOKEN = "ppm-reader@nordlicht.example", "sandbox-token"
NARROW_EMAIL = "ppm-narrow@nordlicht.example"  # an account that sees two projects
SCOPED_TOKEN, PERSONAL_TOKEN = "sandbox-scoped-token", "sandbox-access-token"
CLOUD_ID = "11223344-a1b2-3b33-c444-def123456789"
HERE, SCOPED, DATA_CENTER = "/jira", f"/jira/ex/jira/{CLOUD_ID}", "/jira/datacenter"
ISSUES_PER_PAGE, IDS_PER_PAGE = 40, 5000
FEED_PAGE = 250  # the documented most is 1000
MINUTE_MS = 60_000
AGAIN = "QUdBSU4="  # the token of a site that names the same page for ever
INSTEAD = ("html_login", "http_503", "http_429", "http_429_date", "unauthorized")
SPOILED = ("truncated_json", "no_rows", "same_token", "no_token")
LATE = ("issue_errors",)
SWITCHES = ("lose_project", "lose_group", "no_time_tracking")
IN_DATA = ("vanish", "archive_project", "unpriced", "other_currency")
REMOVED = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline "
    "is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)


class Refused(Exception):
    """An answer with an ``ErrorCollection``."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class JiraSimulation(Simulation):
    """A site, in one currency; what an account may see of it."""

    slug = "jira"
    KINDS = (*INSTEAD, *SPOILED, *LATE, *SWITCHES)
    IN_DATA = IN_DATA

    def begin(self) -> None:
        self.site = Site(self.seed, self.anchor)
        life.history(self.site, self.size)

    def routes(self) -> list[Route]:
        data, places = Data(self), [(HERE, 3, CLOUD), (HERE, 2, CLOUD), (SCOPED, 3, CLOUD), (DATA_CENTER, 2, SERVERS)]
        found = [
            data.route(prefix, version, method, path, answer)
            for prefix, version, answers in places
            for (method, path), answer in answers.items()
        ]
        return [*found, Route("/_sandbox/jira/settings", controlled(known)), *self.control()]

    def step(self, stamp: int | None = None) -> dict[str, Any]:
        return life.step(self.site, stamp)

    def projects(self, reader: Reader) -> list[Project]:
        """What the account may browse, archived ones too."""
        found = [one for one in self.site.projects if one.key != HIDDEN]
        if reader.person is NARROW:
            found = found[:2]
        return found[1:] if self.faults.left["lose_project"] else found

    def issues(self, reader: Reader) -> dict[int, Issue]:
        seen = {one.id for one in self.projects(reader) if not one.archived}
        return {number: one for number, one in self.site.issues.items() if one.project.id in seen}

    def told(self) -> dict[str, Any]:
        site = self.site
        return {
            "projects": len(site.projects),
            "issues": len(site.issues),
            "worklogs": len(site.worklogs),
            "deleted_worklogs": len(site.deleted),
            "steps": site.steps,
        }

    def books(self, asked: Mapping[str, str]) -> dict[str, Any]:
        return books(self.site, _currency(asked))

    def advance(self, steps: int, body: Mapping[str, Any]) -> dict[str, Any]:
        """Steps now; then the clock goes on by two minutes, unless they are to be ``fresh``."""
        done = [self.step() for _ in range(steps)]
        if not body.get("fresh"):
            self.site.offset += 2 * MINUTE_MS
        return {"steps": steps, "done": done}

    def spoil(self, kind: str, times: int) -> list[dict[str, Any]]:
        return [made for _ in range(times) for made in self._spoilt(kind)]

    def _spoilt(self, kind: str) -> list[dict[str, Any]]:
        site = self.site
        when = site.tick()
        if kind == "archive_project":
            site.archive(site.visible_at_first()[-1])
            return []
        seen = site.visible_at_first()
        issue = next((one for one in site.issues.values() if one.project in seen and one.worklogs), None)
        if issue is None:
            return []
        if kind == "vanish":
            site.delete(issue)
            return [{"key": str(issue.id), "worklogs": [str(one.id) for one in issue.worklogs]}]
        made = (life.unpriced if kind == "unpriced" else life.priced_elsewhere)(site, issue, when)
        site.offset += 2 * MINUTE_MS
        return [{"key": str(made.id), "issue": str(issue.id)}]


async def known(request: Request) -> Any:
    """What the controllers know: rates, roles, calendar; by account id, and by key for Data Center."""
    currency = _currency(request.query_params)
    calendar = {"time_zone": TIME_ZONE, "company_currency": currency}
    return {
        "cloud": calendar | {"rates": rates(currency), "user_roles": roles()},
        "data_center": calendar | {"rates": rates(currency, by_key=True), "user_roles": roles(by_key=True)},
    }


def _currency(asked: Mapping[str, str]) -> str:
    """Of the company that bills the site's hours. Raises Mistake."""
    found = asked.get("currency", COMPANY_CURRENCY)
    if found not in FOR_A_EURO:
        raise Mistake(f"The simulated companies bill hours in {', '.join(FOR_A_EURO)}.")
    return found


# Who asks


def reader_of(request: Request, simulation: JiraSimulation) -> Reader | None:
    """None for nobody in particular. Raises Refused for wrong credentials."""
    path, (scheme, _, value) = request.url.path, request.headers.get("authorization", "").partition(" ")
    cloud = not path.startswith(DATA_CENTER)
    if not scheme:
        return None
    who = _on_cloud(scheme, value, scoped=path.startswith(SCOPED)) if cloud else _on_servers(scheme, value)
    base = f"{request.url.scheme}://{request.url.netloc}{HERE if cloud else DATA_CENTER}"
    groups = () if simulation.faults.left["lose_group"] else (SHARED,)
    return Reader(who, ("jira-users", *groups), cloud, f"{base}/rest/api/{3 if cloud else 2}")


def _on_cloud(scheme: str, value: str, *, scoped: bool) -> Person:
    """A token with scopes works behind the gateway only, one without at the site only."""
    try:
        address, _, token = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        address = token = ""
    wanted = SCOPED_TOKEN if scoped else TOKEN
    who = {EMAIL: READER, NARROW_EMAIL: NARROW}.get(address)
    if scheme.lower() != "basic" or token != wanted or who is None:
        raise Refused(401, "Client must be authenticated to access this resource.")
    return who


def _on_servers(scheme: str, value: str) -> Person:
    """A personal access token is no password."""
    if scheme.lower() != "bearer" or value != PERSONAL_TOKEN:
        raise Refused(401, "Client must be authenticated to access this resource.")
    return READER


Answer = Callable[["Asked"], Any]


class Asked:
    """A request that may pass, with its body and the site as it is now."""

    def __init__(self, request: Request, simulation: JiraSimulation, reader: Reader, body: Any) -> None:
        self.request, self.simulation, self.reader, self.body = request, simulation, reader, body
        self.site = simulation.site

    def number(self, name: str, default: int, most: int) -> int:
        told = self.body.get(name) if self.body else self.request.query_params.get(name)
        try:
            found = default if told is None else int(told)
        except ValueError:
            raise Refused(400, f"'{name}' must be a number.") from None
        return max(0, min(found, most))

    def query(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)


# Cloud and Data Center


def myself(asked: Asked) -> Any:
    told = shown.person(asked.reader.person, asked.reader) or {}
    if "groups" in asked.query("expand"):
        groups = [
            {"name": one, "groupId": f"group-{one}", "self": f"{asked.reader.root}/group?groupId=group-{one}"}
            for one in asked.reader.groups
        ]
        told["groups"] = {"size": len(groups), "items": groups}
    return told


def configuration(asked: Asked) -> Any:
    tracking = {"workingHoursPerDay": 8.0, "workingDaysPerWeek": 5.0, "timeFormat": "pretty", "defaultUnit": "minute"}
    on = not asked.simulation.faults.left["no_time_tracking"]
    names = ("voting", "watching", "unassignedIssues", "subTasks", "issueLinking", "attachments")
    flags = {f"{name}{'Allowed' if name.endswith('Issues') else 'Enabled'}": True for name in names}
    return {**flags, "timeTrackingEnabled": on, **({"timeTrackingConfiguration": tracking} if on else {})}


def server_info(asked: Asked) -> Any:
    cloud = asked.reader.cloud
    told = {"baseUrl": asked.reader.root.partition("/rest/")[0], "deploymentType": "Cloud" if cloud else "Server"}
    return told | {"version": "1001.0.0" if cloud else "10.3.24", "versionNumbers": [1001, 0, 0] if cloud else [10, 3]}


def project_search(asked: Asked) -> Any:
    status = asked.query("status", "live")
    found = [one for one in asked.simulation.projects(asked.reader) if one.archived == (status == "archived")]
    found = sorted(found, key=lambda one: one.key) if status in ("live", "archived") else []
    start, most = asked.number("startAt", 0, 10_000), asked.number("maxResults", 50, 100)
    rows = [shown.project(one, asked.reader) for one in found[start : start + most]]
    last = start + most >= len(found)
    link = f"{asked.reader.root}/project/search?startAt="
    pages = {"self": f"{link}{start}&maxResults={most}", "startAt": start, "maxResults": most, "total": len(found)}
    return pages | {"isLast": last, "values": rows} | ({} if last else {"nextPage": f"{link}{start + most}"})


def project_list(asked: Asked) -> Any:
    every = asked.query("includeArchived") == "true"
    found = asked.simulation.projects(asked.reader)
    return [shown.project(one, asked.reader) for one in found if every or not one.archived]


def _found(asked: Asked, *, lenient: bool = False) -> Iterator[tuple[tuple[Any, ...], Issue]]:
    """In the order of the query, with what they are sorted by."""
    simulation, reader = asked.simulation, asked.reader
    jql = str((asked.body or {}).get("jql") or asked.query("jql"))
    issues = simulation.issues(reader)
    projects = [one for one in simulation.projects(reader) if not one.archived]
    try:
        query = parse(jql, projects, issues.keys(), reader, lenient=lenient)
    except BadQuery as problem:
        raise Refused(400, str(problem)) from None
    yield from sorted((query.sort(one), one) for one in issues.values() if query.holds(one))


def _fields(asked: Asked, default: str) -> list[str]:
    told = (asked.body or {}).get("fields")
    return [str(one) for one in told] if told else (asked.query("fields") or default).split(",")


def search_by_token(asked: Asked) -> Any:
    """A token names the place after which the next page begins, and belongs to its query."""
    names, kind = _fields(asked, "id"), hashlib.sha256(str((asked.body or {}).get("jql")).encode()).hexdigest()[:8]
    most = (
        asked.number(
            "maxResults", 50, asked.simulation.faults.page(IDS_PER_PAGE if names == ["id"] else ISSUES_PER_PAGE)
        )
        or 1
    )
    after = _place((asked.body or {}).get("nextPageToken") or asked.query("nextPageToken"), kind)
    rows = [(place, one) for place, one in _found(asked) if after is None or list(place) > after]
    part = rows[:most]
    told: dict[str, Any] = {"issues": [shown.issue(one, names, asked.reader) for _, one in part]}
    if len(rows) > most:
        token = json.dumps([kind, part[-1][0]], ensure_ascii=False)
        return told | {"isLast": False, "nextPageToken": base64.urlsafe_b64encode(token.encode()).decode()}
    return told | {"isLast": True}


def _place(token: str, kind: str) -> list[Any] | None:
    if not token or token == AGAIN:
        return None
    try:
        of, place = json.loads(base64.urlsafe_b64decode(token))
    except (ValueError, binascii.Error):
        of, place = "", []
    if of != kind or not isinstance(place, list):
        raise Refused(400, "The provided next page token is invalid or has expired.")
    return place


def search_by_offset(asked: Asked) -> Any:
    names = _fields(asked, "*navigable")
    start = asked.number("startAt", 0, 1_000_000)
    most = asked.number("maxResults", 50, asked.simulation.faults.page(1000 if names == ["id"] else ISSUES_PER_PAGE))
    lenient = (asked.body or {}).get("validateQuery") is False
    rows = [one for _, one in _found(asked, lenient=lenient)]
    part = [shown.issue(one, names, asked.reader) for one in rows[start : start + most]]
    return {"expand": "schema,names", "startAt": start, "maxResults": most, "total": len(rows), "issues": part}


def removed(_: Asked) -> Any:
    raise Refused(410, REMOVED)


def bulk_fetch(asked: Asked) -> Any:
    """By id or key, also a key that it had before; what cannot be seen is left out."""
    wanted = [str(one) for one in (asked.body or {}).get("issueIdsOrKeys") or ()]
    if not wanted or len(wanted) > 100:
        raise Refused(400, "The number of issues must be between 1 and 100.")
    names = _fields(asked, "*navigable")
    found = [
        one
        for one in sorted(asked.simulation.issues(asked.reader).values(), key=lambda one: one.id)
        if {str(one.id), one.key, *one.former} & set(wanted)
    ]
    late = found[:1] if asked.simulation.faults.take(LATE) else []
    rows = [shown.issue(one, names, asked.reader) for one in found if one not in late]
    return {"issues": rows, "issueErrors": [{"id": str(one.id), "errorMessage": "Try again."} for one in late]}


def approximate_count(asked: Asked) -> Any:
    return {"count": sum(1 for _ in _found(asked))}


def issue_worklogs(asked: Asked) -> Any:
    """All at once on Cloud; on servers twenty where nobody asks for more."""
    found = asked.simulation.issues(asked.reader).get(int(asked.request.path_params["issue"]))
    if found is None or asked.simulation.faults.left["no_time_tracking"]:
        raise Refused(404, "Issue does not exist or you do not have permission to see it.")
    start = asked.number("startAt", 0, 1_000_000)
    most = asked.number("maxResults", 5000 if asked.reader.cloud else 20, 5000 if asked.reader.cloud else 25)
    return shown.page(shown.seen(found, asked.reader), start, most, asked.reader)


def _feed(asked: Asked, kind: str, rows: list[tuple[int, int]]) -> Any:
    """Oldest first, without the last minute; every worklog of the site, whoever may see it."""
    since, end = asked.number("since", 0, 10**15), asked.site.now() - MINUTE_MS
    found = sorted((stamp, number) for number, stamp in rows if since <= stamp <= end)
    part = found[: asked.simulation.faults.page(FEED_PAGE)]
    while part and len(part) < len(found) and found[len(part)][0] == part[-1][0]:
        part.append(found[len(part)])
    until, last = (part[-1][0] if part else since), len(part) == len(found)
    link = f"{asked.reader.root.replace(asked.request.url.netloc, 'site.invalid')}/worklog/{kind}?since="
    told = {"values": [{"worklogId": number, "updatedTime": stamp, "properties": []} for stamp, number in part]}
    told |= {"since": since, "until": until, "self": f"{link}{since}", "lastPage": last}  # type: ignore[dict-item]
    return told if last else told | {"nextPage": f"{link}{until}"}


def worklogs_updated(asked: Asked) -> Any:
    return _feed(asked, "updated", [(one.id, one.updated) for one in asked.site.worklogs.values()])


def worklogs_deleted(asked: Asked) -> Any:
    return _feed(asked, "deleted", asked.site.deleted)


def worklog_list(asked: Asked) -> Any:
    ids = (asked.body or {}).get("ids")
    if not isinstance(ids, list) or len(ids) > 1000:
        raise Refused(400, "'ids' must be a list of at most 1000 worklog ids.")
    issues = asked.simulation.issues(asked.reader)
    found = [asked.site.worklogs[number] for number in ids if number in asked.site.worklogs]
    seen = [one for one in found if one.issue.id in issues and one in shown.seen(one.issue, asked.reader)]
    return [shown.worklog(one, asked.reader) for one in seen]


def my_permissions(asked: Asked) -> Any:
    names = [one for one in asked.query("permissions").split(",") if one]
    if not names:
        raise Refused(400, "The 'permissions' query parameter is required.")
    row = {"type": "PROJECT", "description": "", "havePermission": True}
    return {"permissions": {one: row | {"id": "10", "key": one, "name": one} for one in names}}


def fields(_: Asked) -> Any:
    names = {"summary": "Summary", "timeestimate": "Remaining Estimate", "timespent": "Time Spent"}
    return [
        {"id": one, "key": one, "name": name, "custom": False, "orderable": False, "navigable": True,
         "searchable": True, "clauseNames": [one]}
        for one, name in names.items()
    ] + own_fields.listed()  # fmt: skip


COMMON: dict[tuple[str, str], Answer] = {
    ("GET", "myself"): myself,
    ("GET", "configuration"): configuration,
    ("GET", "serverInfo"): server_info,
    ("GET", "field"): fields,
    ("GET", "mypermissions"): my_permissions,
    ("GET", "issue/{issue:int}/worklog"): issue_worklogs,
    ("GET", "worklog/updated"): worklogs_updated,
    ("GET", "worklog/deleted"): worklogs_deleted,
    ("POST", "worklog/list"): worklog_list,
}
CLOUD: dict[tuple[str, str], Answer] = COMMON | {
    ("GET", "project/search"): project_search,
    ("GET", "search/jql"): search_by_token,
    ("POST", "search/jql"): search_by_token,
    ("GET", "search"): removed,
    ("POST", "search"): removed,
    ("POST", "search/approximate-count"): approximate_count,
    ("POST", "issue/bulkfetch"): bulk_fetch,
}
SERVERS: dict[tuple[str, str], Answer] = COMMON | {
    ("GET", "project"): project_list,
    ("GET", "search"): search_by_offset,
    ("POST", "search"): search_by_offset,
}
# What somebody without credentials gets instead of a refusal (jira.md, section 7).
NOBODY: dict[Answer, Any] = {
    project_search: {"startAt": 0, "maxResults": 50, "total": 0, "isLast": True, "values": []},
    search_by_token: {"issues": [], "isLast": True},
    project_list: [],
}


class Data:
    """The API, with the faults that are due."""

    def __init__(self, simulation: JiraSimulation) -> None:
        self.simulation = simulation

    def route(self, prefix: str, version: int, method: str, path: str, answer: Answer) -> Route:
        async def endpoint(request: Request) -> Response:
            return await self.answered(request, answer)

        return Route(f"{prefix}/rest/api/{version}/{path}", self.simulation.metered(endpoint), methods=[method])

    async def answered(self, request: Request, answer: Answer) -> Response:
        simulation = self.simulation
        try:
            reader = reader_of(request, simulation)
            kind = simulation.faults.take(INSTEAD)
            if kind is not None:
                return _instead(kind, simulation.faults.seconds)
            simulation.catch_up()
            raw = await request.body()
            if reader is None:
                return _anonymous(answer)
            found = answer(Asked(request, simulation, reader, json.loads(raw) if raw else None))
        except Refused as problem:
            return _refusal(problem.status, str(problem))
        except ValueError:
            return _refusal(400, "There was an error parsing JSON. Check that your request body is valid.")
        return _spoiled(found, simulation.faults)


def _anonymous(answer: Answer) -> Response:
    if answer in NOBODY:
        return JSONResponse(NOBODY[answer])
    return _refusal(401, "Client must be authenticated to access this resource.")


def _refusal(status: int, sentence: str) -> Response:
    return JSONResponse({"errorMessages": [sentence], "errors": {}, "status": status}, status)


def _instead(kind: str, seconds: float) -> Response:
    if kind == "html_login":
        return Response("<html><body><form action='/login.jsp'></form></body></html>", media_type="text/html")
    if kind == "unauthorized":
        return _refusal(401, "Client must be authenticated to access this resource.")
    if kind == "http_503":
        return Response("Service Unavailable", 503, media_type="text/plain")
    headers = {
        **retry_after(kind, seconds),
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "0",
        "RateLimit-Reason": "jira-burst-based",
    }
    return JSONResponse({"errorMessages": ["Rate limit exceeded."]}, 429, headers=headers)


def _spoiled(found: Any, faults: Faults) -> Response:
    """The answer, or what is left of it; faults of a search wait for one."""
    searched = isinstance(found, dict) and "issues" in found
    kinds = SPOILED if searched and "isLast" in found else SPOILED[:2] if searched else SPOILED[:1]
    kind = faults.take(kinds)
    if kind == "no_rows":
        found = {name: value for name, value in found.items() if name != "issues"}
    elif kind == "same_token":
        found = found | {"isLast": False, "nextPageToken": AGAIN}
    elif kind == "no_token":
        found = {"issues": found["issues"], "isLast": False}
    body = msgspec.json.encode(found)
    if kind == "truncated_json":
        body = body[: len(body) * 2 // 3]
    return Response(body, media_type="application/json;charset=UTF-8")


def routes(seed: int, pace: float, anchor: int, size: float = 1) -> list[Route]:
    """``pace`` seconds are one step, done when somebody asks; ``anchor`` (ms) is where history ends."""
    return JiraSimulation(seed, pace, anchor, size).routes()
