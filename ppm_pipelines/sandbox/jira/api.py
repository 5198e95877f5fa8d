"""The REST API of the site: Cloud (v3, and what v2 has left) and Data Center (v2, below a context path).

Belongs here: addresses, sign-in, paging and its caps, refusals, faults of the answers, control of the simulation.
Does not belong here: the shape of rows (``shown``), queries (``jql``), what happens (``life``, ``site``).
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ppm_pipelines.sandbox.control import Mistake, body_of, controlled, whole

from . import life, shown
from .books import books
from .jql import BadQuery, parse
from .people import COMPANY_CURRENCY, NARROW, READER, TIME_ZONE, Person, rates, roles
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
MOST_STEPS = 10_000
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


class Simulation:
    """A site, its clock, and the faults that are still to come; ``pace`` seconds are one step."""

    def __init__(self, seed: int, pace: float, anchor: int) -> None:
        self.seed, self.pace, self.anchor = seed, pace, anchor
        self.start()

    def start(self) -> None:
        self.site = Site(self.seed, self.anchor)
        life.history(self.site)
        self.left: Counter[str] = Counter()
        self.waiting, self.seconds, self.paced = 0, 1.0, 0

    def restart(self) -> None:
        self.start()
        self.paced = self._due()

    def _due(self) -> int:
        return int((time.time() * 1000 - self.anchor) / (self.pace * 1000)) if self.pace > 0 else 0

    def catch_up(self) -> None:
        due = self._due()
        while self.paced < due:
            self.paced += 1
            life.step(self.site, self.anchor + int(self.paced * self.pace * 1000))

    def take(self, kinds: tuple[str, ...]) -> str | None:
        """The next fault of these kinds that is due, counted down; it waits for as many answers as it was told."""
        for kind in kinds:
            if self.left[kind] > 0 and not self.waiting:
                self.left[kind] -= 1
                return kind
        return None

    def projects(self, reader: Reader) -> list[Project]:
        """What the account may browse, archived ones too."""
        found = [one for one in self.site.projects if one.key != HIDDEN]
        if reader.person is NARROW:
            found = found[:2]
        return found[1:] if self.left["lose_project"] else found

    def issues(self, reader: Reader) -> dict[int, Issue]:
        seen = {one.id for one in self.projects(reader) if not one.archived}
        return {number: one for number, one in self.site.issues.items() if one.project.id in seen}


# Who asks


def reader_of(request: Request, simulation: Simulation) -> Reader | None:
    """None for nobody in particular. Raises Refused for wrong credentials."""
    path, (scheme, _, value) = request.url.path, request.headers.get("authorization", "").partition(" ")
    cloud = not path.startswith(DATA_CENTER)
    if not scheme:
        return None
    who = _on_cloud(scheme, value, scoped=path.startswith(SCOPED)) if cloud else _on_servers(scheme, value)
    base = f"{request.url.scheme}://{request.url.netloc}{HERE if cloud else DATA_CENTER}"
    groups = () if simulation.left["lose_group"] else (SHARED,)
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

    def __init__(self, request: Request, simulation: Simulation, reader: Reader, body: Any) -> None:
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
    on = not asked.simulation.left["no_time_tracking"]
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
    most = asked.number("maxResults", 50, IDS_PER_PAGE if names == ["id"] else ISSUES_PER_PAGE) or 1
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
    most = asked.number("maxResults", 50, 1000 if names == ["id"] else ISSUES_PER_PAGE)
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
    late = found[:1] if asked.simulation.take(LATE) else []
    rows = [shown.issue(one, names, asked.reader) for one in found if one not in late]
    return {"issues": rows, "issueErrors": [{"id": str(one.id), "errorMessage": "Try again."} for one in late]}


def approximate_count(asked: Asked) -> Any:
    return {"count": sum(1 for _ in _found(asked))}


def issue_worklogs(asked: Asked) -> Any:
    """All at once on Cloud; on servers twenty where nobody asks for more."""
    found = asked.simulation.issues(asked.reader).get(int(asked.request.path_params["issue"]))
    if found is None or asked.simulation.left["no_time_tracking"]:
        raise Refused(404, "Issue does not exist or you do not have permission to see it.")
    start = asked.number("startAt", 0, 1_000_000)
    most = asked.number("maxResults", 5000 if asked.reader.cloud else 20, 5000 if asked.reader.cloud else 25)
    return shown.page(shown.seen(found, asked.reader), start, most, asked.reader)


def _feed(asked: Asked, kind: str, rows: list[tuple[int, int]]) -> Any:
    """Oldest first, without the last minute; every worklog of the site, whoever may see it."""
    since, end = asked.number("since", 0, 10**15), asked.site.now() - MINUTE_MS
    found = sorted((stamp, number) for number, stamp in rows if since <= stamp <= end)
    part = found[:FEED_PAGE]
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
    ]  # fmt: skip


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

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    def route(self, prefix: str, version: int, method: str, path: str, answer: Answer) -> Route:
        async def endpoint(request: Request) -> Response:
            return await self.answered(request, answer)

        return Route(f"{prefix}/rest/api/{version}/{path}", endpoint, methods=[method])

    async def answered(self, request: Request, answer: Answer) -> Response:
        simulation = self.simulation
        try:
            reader = reader_of(request, simulation)
            kind = simulation.take(INSTEAD)
            if kind is not None:
                return _instead(kind, simulation.seconds)
            simulation.catch_up()
            raw = await request.body()
            if reader is None:
                return _anonymous(answer)
            found = answer(Asked(request, simulation, reader, json.loads(raw) if raw else None))
        except Refused as problem:
            return _refusal(problem.status, str(problem))
        except ValueError:
            return _refusal(400, "There was an error parsing JSON. Check that your request body is valid.")
        answered = _spoiled(found, simulation)
        simulation.waiting = max(0, simulation.waiting - 1)
        return answered


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
    when = email.utils.formatdate(time.time() + seconds, usegmt=True) if kind == "http_429_date" else f"{seconds:.0f}"
    headers = {
        "Retry-After": when,
        "X-RateLimit-Limit": "100",
        "X-RateLimit-Remaining": "0",
        "RateLimit-Reason": "jira-burst-based",
    }
    return JSONResponse({"errorMessages": ["Rate limit exceeded."]}, 429, headers=headers)


def _spoiled(found: Any, simulation: Simulation) -> Response:
    """The answer, or what is left of it; faults of a search wait for one."""
    searched = isinstance(found, dict) and "issues" in found
    kinds = SPOILED if searched and "isLast" in found else SPOILED[:2] if searched else SPOILED[:1]
    kind = simulation.take(kinds)
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


# Control


class Control:
    """What a person or a test does to the simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    async def state(self, _: Request) -> Any:
        site = self.simulation.site
        return {
            "seed": site.seed,
            "pace": self.simulation.pace,
            "projects": len(site.projects),
            "issues": len(site.issues),
            "worklogs": len(site.worklogs),
            "deleted_worklogs": len(site.deleted),
            "steps": site.steps,
            "faults": {kind: times for kind, times in self.simulation.left.items() if times},
        }

    async def books(self, _: Request) -> Any:
        return books(self.simulation.site)

    async def settings(self, _: Request) -> Any:
        """What the controllers know: rates, roles, calendar; by account id, and by key for Data Center."""
        known = {"time_zone": TIME_ZONE, "company_currency": COMPANY_CURRENCY}
        return {
            "cloud": known | {"rates": rates(), "user_roles": roles()},
            "data_center": known | {"rates": rates(by_key=True), "user_roles": roles(by_key=True)},
        }

    async def advance(self, request: Request) -> Any:
        """Steps now; then the clock goes on by two minutes, unless they are to be ``fresh``."""
        body = await body_of(request)
        steps = whole(body, "steps", 1, MOST_STEPS)
        site = self.simulation.site
        done = [life.step(site) for _ in range(steps)]
        if not body.get("fresh"):
            site.offset += 2 * MINUTE_MS
        return {"steps": steps, "done": done}

    async def fault(self, request: Request) -> Any:
        """A fault of the answers (after so many others), a switch, or one of the data; ``none`` ends all others."""
        body = await body_of(request)
        kind, times = body.get("kind"), whole(body, "times", 1, 1_000_000)
        simulation = self.simulation
        if kind == "none":
            simulation.left.clear()
            simulation.waiting = 0
            return {"kind": kind}
        if kind in IN_DATA:
            return {"kind": kind, "made": [made for _ in range(times) for made in self._in_data(kind)]}
        if kind not in (*INSTEAD, *SPOILED, *LATE, *SWITCHES):
            raise Mistake(f"There is no fault '{kind}'.")
        simulation.left[kind], simulation.waiting = times, int(body.get("after", 0))
        simulation.seconds = float(body.get("seconds", 1.0))
        return {"kind": kind, "times": times}

    def _in_data(self, kind: str) -> list[dict[str, Any]]:
        site = self.simulation.site
        when = site.tick()
        open_ = [one for one in site.issues.values() if one.project in site.visible_at_first() and one.worklogs]
        if kind == "archive_project":
            site.archive(site.visible_at_first()[-1])
            return []
        issue = open_[0]
        if kind == "vanish":
            site.delete(issue)
            return [{"key": str(issue.id), "worklogs": [str(one.id) for one in issue.worklogs]}]
        made = (life.unpriced if kind == "unpriced" else life.priced_elsewhere)(site, issue, when)
        site.offset += 2 * MINUTE_MS
        return [{"key": str(made.id), "issue": str(issue.id)}]

    async def reset(self, request: Request) -> Any:
        self.simulation.restart()
        return await self.state(request)


def routes(seed: int, pace: float, anchor: int) -> list[Route]:
    """The site's addresses and its control."""
    simulation = Simulation(seed, pace, anchor)
    data, control = Data(simulation), Control(simulation)
    places = [(HERE, 3, CLOUD), (HERE, 2, CLOUD), (SCOPED, 3, CLOUD), (DATA_CENTER, 2, SERVERS)]
    found = [
        data.route(prefix, version, method, path, answer)
        for prefix, version, answers in places
        for (method, path), answer in answers.items()
    ]
    base = "/_sandbox/jira"
    found += [
        Route(base, controlled(control.state)),
        Route(f"{base}/books", controlled(control.books)),
        Route(f"{base}/settings", controlled(control.settings)),
        *(
            Route(f"{base}/{name}", controlled(getattr(control, name)), methods=["POST"])
            for name in ("advance", "fault", "reset")
        ),
    ]
    return found
