"""Things that go wrong on request: answers that are broken, rows that no one can use, environments that lack something.

Belongs here: the faults by name. Does not belong here: what a reader should make of them. Faults of the answer count
down with each data request; faults of the data stay until a reset; switches stay until ``none``.
"""

from __future__ import annotations

import random
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response

from ppm_pipelines.sandbox.company import DIGITS, decimal_text
from ppm_pipelines.sandbox.faulty import retry_after

from . import finance_operations
from .life import new_order
from .world import Line, Posting, World

INSTEAD = ("http_503", "http_429", "http_429_date", "token_expired", "forbidden", "html_login", "deadlock", "busy")
SPOILED = ("truncated_json", "foreign_next_link", "slow")
SPOILED_LINES = ("unknown_project", "unknown_currency", "bad_amount", "bad_date")
IN_DATA = (*SPOILED_LINES, "vanish", "posting_unknown_project", "duplicate_key", "backdated")
SWITCHES = ("no_bi", "no_invoice_entities", "old_release", "hidden_company")
KINDS = (*INSTEAD, *SPOILED, *SWITCHES)
BUSY = "This request could not be processed at this time due to system experiencing high resource utilization."


def error(message: str, status: int, code: str = "", headers: dict[str, str] | None = None) -> Response:
    """As Finance & Operations writes it: often without a code, with an inner error."""
    inner = {"message": message, "type": "Microsoft.Dynamics.Platform.Integration", "stacktrace": ""}
    return JSONResponse({"error": {"code": code, "message": message, "innererror": inner}}, status, headers=headers)


def instead(kind: str, seconds: float) -> Response:
    """The answer that comes instead of data."""
    if kind == "html_login":
        return HTMLResponse("<!DOCTYPE html><html><head><title>Sign in to your account</title></head></html>")
    if kind == "token_expired":
        return error("The token is expired.", 401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
    if kind == "deadlock":
        return error("The request was chosen as a deadlock victim, retry it.", 409, "Request_Deadlock")
    if kind == "busy":
        return error("The server is busy. Please try again later.", 400, "Internal_ServerBusy")
    if kind == "forbidden":
        return error("The user is not authorized to perform this action.", 403)
    if kind.startswith("http_429"):
        return error(BUSY, 429, headers=retry_after(kind, seconds))
    return Response("Service Unavailable", 503, media_type="text/plain")


def in_data(world: World, kind: str, times: int) -> list[dict[str, Any]]:
    """Makes ``times`` faulty things now; answers their keys and amounts."""
    if kind == "vanish":
        return _vanish(world, times)
    if kind == "posting_unknown_project":
        return [_stray_posting(world) for _ in range(times)]
    if kind == "duplicate_key":
        return [_double(world) for _ in range(times)]
    if kind == "backdated":
        return [_backdate(world) for _ in range(times)]
    return [_spoil(world, kind) for _ in range(times)]


def _told(line: Line) -> dict[str, Any]:
    return {
        "key": finance_operations.commitment_key(line),
        "project_nr": line.named or (line.project.number if line.project else None),
        "currency": line.order.currency,
        "amount": decimal_text(line.amount, line.order.currency),
    }


def _spoil(world: World, kind: str) -> dict[str, Any]:
    """A new order of one line that nobody can take as it is; nothing ever happens to it."""
    rng = random.Random(f"{world.seed}/{kind}/{len(world.orders)}")
    order = new_order(world, rng, world.tick(), rng.choice(world.masters.companies), 1)
    order.approval, line = "Confirmed", order.lines[0]
    line.broken = kind
    line.project, line.named = line.project or order.company.projects[0], ""
    if kind == "unknown_project":
        line.named = "Z-9999"
    elif kind == "unknown_currency":
        order.currency = "XXQ"
    return _told(line)


def _vanish(world: World, times: int) -> list[dict[str, Any]]:
    """Lines that somebody deleted for good, the oldest open ones first."""
    open_ = [line for line in world.lines() if line.project and not (line.ended or line.in_full or line.broken)]
    for line in open_[:times]:
        world.remove(line)
    return [_told(line) for line in open_[:times]]


def _posting(world: World, day: int, named: str = "") -> Posting:
    company = world.masters.companies[0]
    number = world.next(f"transaction/{company.code}")
    return world.post(
        Posting(
            company, world.next("entry"), f"{company.code}_{number:08d}", f"GJ{number:07d}",
            None if named else company.projects[0], "", "SERVICE", 12_345 * 10 ** (DIGITS[company.currency] - 2), 1,
            "Cost", "GeneralJournal", "ProjCost", "Cost", day, world.tick(), "605100", company.cost_centres[0],
            named=named,
        )
    )  # fmt: skip


def _of_posting(posting: Posting) -> dict[str, Any]:
    currency = posting.company.currency
    return {
        "key": finance_operations.actual_key(posting),
        "currency": currency,
        "amount": decimal_text(posting.amount, currency),
    }


def _stray_posting(world: World) -> dict[str, Any]:
    return _of_posting(_posting(world, world.clock // 86_400_000, "Z-9999"))


def _backdate(world: World) -> dict[str, Any]:
    """A posting that is made today and dated half a year back."""
    return _of_posting(_posting(world, world.clock // 86_400_000 - 180))


def _double(world: World) -> dict[str, Any]:
    """The same posting a second time with another amount, under the same key."""
    first = _posting(world, world.clock // 86_400_000)
    second = Posting(**{name: getattr(first, name) for name in Posting.__slots__})
    second.amount += 1
    first.project, second.project = None, None  # contradicting each other, neither is in the books
    first.named = second.named = world.masters.companies[0].projects[0].number
    world.post(second)
    return _of_posting(first)
