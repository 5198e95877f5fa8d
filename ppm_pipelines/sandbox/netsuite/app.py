"""The simulated NetSuite account over HTTP: its query service, its token address, and the control of the simulation.

Belongs here: addresses, pages and their limits, errors as NetSuite sends them, the passing of time. Does not belong
here: the language (``suiteql``), business (``life``).
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ppm_pipelines.sandbox.control import Mistake, body_of, controlled, whole

from . import faults, suiteql
from .auth import Doorkeeper
from .books import books, budgets
from .life import history, step
from .tables import Tables
from .world import World

ROOT = "/netsuite/services/rest"
TEXTS = msgspec.json.Encoder()
LARGEST_PAGE, MOST_ROWS, MOST_PAGES = 1000, 100_000, 1000
SMALL_PAGE, FEW_ROWS = 40, 300
AT_ONCE = 5
MOST_STEPS = 5_000
HOUR = 3_600_000
_ANSWER = "application/vnd.oracle.resource+json; type=collection"


class Simulation:
    """The account, its doorkeeper, its faults and its clock; ``pace`` seconds are one business step."""

    def __init__(self, seed: int, pace: float, anchor: int) -> None:
        self.seed, self.pace, self.anchor = seed, pace, anchor
        self.doorkeeper = Doorkeeper()
        self.start()

    def start(self) -> None:
        self.world = World(self.seed, self.anchor)
        history(self.world)
        self.tables = Tables(self.world)
        self.faults = faults.Faults()
        self.paced = self.running = self.most_at_once = self.queries = 0

    def restart(self) -> None:
        self.start()
        self.paced = self._due()

    def _due(self) -> int:
        return int((time.time() * 1000 - self.anchor) / (self.pace * 1000)) if self.pace > 0 else 0

    def catch_up(self) -> None:
        due = self._due()
        while self.paced < due:
            self.paced += 1
            step(self.world, self.anchor + int(self.paced * self.pace * 1000))


def routes(seed: int, pace: float, anchor: int) -> list[Route]:
    """The account's addresses and those of its control."""
    simulation = Simulation(seed, pace, anchor)
    data, control = Data(simulation), Control(simulation)
    return [
        Route(f"{ROOT}/auth/oauth2/v1/token", simulation.doorkeeper.token, methods=["POST"]),
        Route(f"{ROOT}/query/v1/suiteql", data.query, methods=["POST"]),
        Route("/_sandbox/netsuite", controlled(control.state)),
        Route("/_sandbox/netsuite/books", controlled(control.books)),
        Route("/_sandbox/netsuite/budgets", controlled(control.budgets)),
        Route("/_sandbox/netsuite/advance", controlled(control.advance), methods=["POST"]),
        Route("/_sandbox/netsuite/fault", controlled(control.fault), methods=["POST"]),
        Route("/_sandbox/netsuite/reset", controlled(control.reset), methods=["POST"]),
    ]


class Data:
    """The query service."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    async def query(self, request: Request) -> Response:
        simulation = self.simulation
        simulation.running += 1
        simulation.most_at_once = max(simulation.most_at_once, simulation.running)
        try:
            return await self._answered(request)
        finally:
            simulation.running -= 1

    async def _answered(self, request: Request) -> Response:
        simulation = self.simulation
        raw = await request.body()
        if not simulation.doorkeeper.admits(request):
            return faults.unauthorized()
        if simulation.running > AT_ONCE:
            return faults.too_many()
        kind = simulation.faults.take(faults.INSTEAD)
        if kind == "expired":
            simulation.doorkeeper.tokens.clear()
        if kind is not None:
            return faults.instead(kind)
        if "transient" not in request.headers.get("prefer", "").lower():
            return _invalid("The required request header 'Prefer' is missing or has an invalid value: transient.")
        simulation.catch_up()
        simulation.tables.follow()
        simulation.queries += 1
        try:
            return self._page(request, raw)
        except suiteql.BadQuery as problem:
            return _invalid(str(problem))

    def _page(self, request: Request, raw: bytes) -> Response:
        query, params = _asked(raw)
        limit, offset = _number(request, "limit", LARGEST_PAGE), _number(request, "offset", 0)
        if not 1 <= limit <= LARGEST_PAGE or offset < 0 or offset % limit:
            raise suiteql.BadQuery("The offset must be divisible by the limit, which is from 1 to 1000.")
        if offset // limit >= MOST_PAGES:
            raise suiteql.BadQuery("No more than 1000 pages can be asked for.")
        switches = self.simulation.faults.left
        most = FEW_ROWS if switches["few_rows"] else MOST_ROWS
        database = self.simulation.tables.database
        hidden = self.simulation.faults.hidden()
        rows = suiteql.answered(database, query, params, hidden, self.simulation.queries)[:most]
        size = min(limit, SMALL_PAGE) if switches["small_pages"] or switches["few_rows"] else limit
        items = [dict(row) for row in rows[offset : offset + size]]
        return self._written(request, items, offset, len(rows))

    def _written(self, request: Request, items: list[dict[str, str]], offset: int, total: int) -> Response:
        upper = bool(self.simulation.faults.left["upper_case"])
        told: list[dict[str, Any]] = [
            {"links": []} | {name.upper() if upper else name: value for name, value in item.items()} for item in items
        ]
        more = offset + len(items) < total
        here = str(request.url).partition("?")[0]
        links = [{"rel": "next", "href": f"{here}?limit={len(items)}&offset={offset + len(items)}"}] if more else []
        body = {"links": links, "count": len(items), "hasMore": more, "offset": offset, "totalResults": total}
        body["items"] = told
        spoiled = self.simulation.faults.take(faults.SPOILED) if len(items) > 1 else None
        if spoiled == "short_page":
            body["items"] = told[: len(told) // 2]
        raw = TEXTS.encode(body)
        return Response(raw[: len(raw) * 2 // 3] if spoiled == "truncated_json" else raw, media_type=_ANSWER)


def _asked(raw: bytes) -> tuple[str, list[Any]]:
    try:
        body = msgspec.json.decode(raw)
        return str(body["q"]), list(body.get("params") or ())
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        raise suiteql.BadQuery("The request body is not a query.") from None


def _number(request: Request, name: str, default: int) -> int:
    told = request.query_params.get(name, str(default))
    return int(told) if told.isascii() and told.isdigit() else -1


def _invalid(detail: str) -> Response:
    return faults.error(400, "Bad Request", detail, "INVALID_PARAMETER")


class Control:
    """What a person or a test does to the simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    async def state(self, _: Request) -> Any:
        simulation, world = self.simulation, self.simulation.world
        return {
            "seed": simulation.seed,
            "pace": simulation.pace,
            "projects": len(world.masters.projects),
            "transactions": len(world.documents),
            "orders": len(world.orders()),
            "deleted": len(world.deleted),
            "steps": world.steps,
            "queries": simulation.queries,
            "most_at_once": simulation.most_at_once,
            "tokens": len(simulation.doorkeeper.tokens),
            "faults": {kind: times for kind, times in simulation.faults.left.items() if times},
        }

    async def books(self, _: Request) -> Any:
        self.simulation.catch_up()
        return books(self.simulation.world)

    async def budgets(self, _: Request) -> Any:
        return budgets(self.simulation.world)

    async def advance(self, request: Request) -> Any:
        """Business steps now; ``hours`` first moves the clock on."""
        body = await body_of(request)
        world = self.simulation.world
        if "hours" in body:
            world.ahead += whole(body, "hours", 1, 100_000) * HOUR
        orders = [step(world) for _ in range(whole(body, "steps", 1, MOST_STEPS))]
        return {"steps": len(orders), "new_orders": [one.tranid for one in orders]}

    async def fault(self, request: Request) -> Any:
        """A fault of the answers or of the data, or a switch; kind ``none`` ends all but those of the data."""
        wanted = await body_of(request)
        kind, times = wanted.get("kind"), whole(wanted, "times", 1, 1_000_000)
        if kind == "none":
            self.simulation.faults = faults.Faults()
            return {"kind": kind}
        if kind not in faults.KINDS:
            raise Mistake(f"There is no fault '{kind}'; there are {', '.join(faults.KINDS)} and none.")
        if kind in faults.IN_DATA:
            return {"kind": kind, "made": faults.in_data(self.simulation.world, kind, times)}
        self.simulation.faults.left[kind] = times
        return {"kind": kind, "times": times}

    async def reset(self, request: Request) -> Any:
        self.simulation.restart()
        return await self.state(request)
