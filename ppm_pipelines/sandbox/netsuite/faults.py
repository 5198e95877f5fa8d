"""Things that go wrong on request: answers that are refused or broken, records that no one can use, missing features.

Belongs here: the faults by name. Does not belong here: what a reader should make of them.
"""

from __future__ import annotations

import random
from typing import Any

from starlette.responses import JSONResponse, Response

from ppm_pipelines.sandbox.company import RATE_ONE, Project, decimal_text
from ppm_pipelines.sandbox.faulty import Faults, retry_after

from . import own_fields
from .life import new_order
from .model import OTHER, Line
from .world import World

INSTEAD = ("http_429", "http_429_bare", "http_429_date", "http_503", "http_500", "unauthorized", "token_expired")
SPOILED = ("truncated_json", "short_page")
IN_DATA = ("unknown_project", "unknown_currency", "bad_amount", "bad_date", "posting_unknown_project", "vanish")
# What the account does not have, until told otherwise; tables end with a point.
SWITCHES: dict[str, tuple[str, ...]] = {
    "no_expected_receipts": ("expectedreceiptdate",),
    "no_one_world": ("subsidiary", "subsidiary."),
    "no_subsidiaries": ("subsidiary.",),
    "one_currency": ("currency.",),
    "no_departments": ("department", "department."),
    "no_deletions": ("deletedrecord.",),
    "no_customers": ("customer.",),
    "no_custom_fields": ("customfield.",),
    "no_projects": ("job.",),
    "no_ledger_stamp": (),
    "upper_case": (),
    "few_rows": (),
}
KINDS = (*INSTEAD, *SPOILED, *SWITCHES)
_WHERE = "https://www.w3.org/Protocols/rfc2616/rfc2616-sec10.html"
# As the help page prints it: a comma is missing (netsuite.md, section 6).
_TOO_MANY = (
    '{"type": "' + _WHERE + '", "title": "Bad Request", "status": 429, "o:errorCode": "USER_ERROR" "o:errorDetails": '
    '[{"detail": "Concurrent request limit exceeded. Request blocked.", "o:errorCode": "CONCURRENCY_LIMIT_EXCEEDED"}]}'
)


def hidden(faults: Faults) -> frozenset[str]:
    return own_fields.FORBIDDEN.union(name for kind in faults.on(SWITCHES) for name in SWITCHES[kind])


def error(status: int, title: str, detail: str, code: str) -> Response:
    told = {"detail": detail, "o:errorCode": code}
    body = {"type": _WHERE, "title": title, "status": status, "o:errorDetails": [told]}
    return JSONResponse(body, status, media_type="application/vnd.oracle.resource+json; type=error")


def unauthorized() -> Response:
    return error(
        401, "Unauthorized", "Invalid login attempt. For more details, see the Login Audit Trail.", "INVALID_LOGIN"
    )


def too_many(headers: dict[str, str] | None = None) -> Response:
    return Response(_TOO_MANY, 429, headers, "application/vnd.oracle.resource+json; type=error")


def instead(kind: str, seconds: float) -> Response:
    """``http_429_bare`` tells no time, as NetSuite documents it."""
    if kind.startswith("http_429"):
        return too_many({} if kind == "http_429_bare" else retry_after(kind, seconds))
    if kind == "http_503":
        return Response("Service Unavailable", 503, media_type="text/plain")
    if kind == "http_500":
        said = "An unexpected error occurred. Error ID: jrgbpyylphhishmmlxyt"
        return error(500, "Internal Server Error", said, "UNEXPECTED_ERROR")
    return unauthorized()


def in_data(world: World, kind: str, times: int) -> list[dict[str, Any]]:
    """Makes ``times`` faulty records now; answers their keys and amounts."""
    if kind == "vanish":
        return _vanish(world, times)
    return [_told(_posting(world) if kind == "posting_unknown_project" else _spoil(world, kind)) for _ in range(times)]


def _spoil(world: World, kind: str) -> Line:
    """A new order of one line that nobody can take as it is; nothing ever happens to it."""
    rng = random.Random(f"{world.seed}/{kind}/{world.steps}/{len(world.documents)}")
    order = new_order(world, rng, world.tick(), 1)
    line = order.lines[1]
    line.project, line.customer = line.document.company.projects[0], None
    if kind == "unknown_project":
        line.project = _unseen(world, line)
    elif kind == "unknown_currency":
        order.spoiled["currency"] = "XXQ"
    elif kind == "bad_amount":
        line.spoiled["foreignamount"] = "zwölf"
    else:
        order.spoiled["trandate"] = "31.31.2026"
    order.spoiled["kind"] = kind
    return line


def _unseen(world: World, line: Line) -> Project:
    """A project that the role may not see."""
    number = 900 + len(world.hidden)
    project = Project(f"P-{number}", number, "", line.document.company, "10", 0, 0, "")
    world.hidden.append(project)
    return project


def _posting(world: World) -> Line:
    company = world.masters.companies[0]
    made = world.add("Journal", company, company.currency, RATE_ONE, world.tick())
    made.posting, made.spoiled["kind"] = True, "posting_unknown_project"
    line = world.line(made, OTHER, 123_45)
    line.project = _unseen(world, line)
    return line


def _vanish(world: World, times: int) -> list[dict[str, Any]]:
    """Orders that are gone without being listed as deleted."""
    found = [one for one in world.orders() if any(line.project for line in one.lines)]
    chosen = sorted(found, key=lambda one: len(one.bills))[:times]
    told = [_told(line) for order in chosen for line in order.lines if line.project]
    for order in chosen:
        world.delete(order, world.tick(), told=False)
    return told


def _told(line: Line) -> dict[str, Any]:
    document = line.document
    return {
        "key": line.key + ("/1" if document.type == "Journal" else ""),
        "project_nr": line.project.number if line.project else None,
        "currency": document.currency,
        "amount": decimal_text(line.amount, document.currency),
    }
