"""The simulated NetSuite account over HTTP: its query service and its token address.

Belongs here: addresses, pages and their limits, errors as NetSuite sends them. Does not belong here: the language
(``suiteql``), business (``life``), clock and control (``simulation``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ppm_pipelines.sandbox.control import whole
from ppm_pipelines.sandbox.simulation import Simulation

from . import faults, suiteql
from .auth import Doorkeeper
from .books import books, budgets
from .life import history, step
from .model import Document
from .tables import Tables
from .world import World

ROOT = "/netsuite/services/rest"
TEXTS = msgspec.json.Encoder()
LARGEST_PAGE, MOST_ROWS, MOST_PAGES = 1000, 100_000, 1000
FEW_ROWS, SMALL_PAGE = 300, 40
AT_ONCE = 5
HOUR = 3_600_000
_ANSWER = "application/vnd.oracle.resource+json; type=collection"


class NetSuiteSimulation(Simulation):
    """The account and its doorkeeper."""

    slug = "netsuite"
    KINDS = faults.KINDS
    IN_DATA = faults.IN_DATA

    def __init__(self, seed: int, pace: float, anchor: int, size: float = 1) -> None:
        self.doorkeeper = Doorkeeper()
        super().__init__(seed, pace, anchor, size)

    def begin(self) -> None:
        self.world = World(self.seed, self.anchor)
        history(self.world, self.size)
        self.tables = Tables(self.world)
        self.queries = 0

    def routes(self) -> list[Route]:
        return [
            Route(f"{ROOT}/auth/oauth2/v1/token", self.doorkeeper.token, methods=["POST"]),
            Route(f"{ROOT}/query/v1/suiteql", self.metered(Data(self).query), methods=["POST"]),
            *self.control(),
        ]

    def step(self, stamp: int | None = None) -> Document:
        return step(self.world, stamp)

    def told(self) -> dict[str, Any]:
        world = self.world
        return {
            "projects": len(world.masters.projects),
            "transactions": len(world.documents),
            "orders": len(world.orders()),
            "deleted": len(world.deleted),
            "steps": world.steps,
            "queries": self.queries,
            "tokens": len(self.doorkeeper.tokens),
        }

    def books(self, asked: Mapping[str, str]) -> dict[str, Any]:  # noqa: ARG002
        return books(self.world)

    def budgets(self) -> list[dict[str, Any]]:
        return budgets(self.world)

    def advance(self, steps: int, body: Mapping[str, Any]) -> dict[str, Any]:
        """``hours`` first moves the clock on."""
        if "hours" in body:
            self.world.ahead += whole(dict(body), "hours", 1, 100_000) * HOUR
        return {"steps": steps, "new_orders": [self.step().tranid for _ in range(steps)]}

    def spoil(self, kind: str, times: int) -> list[dict[str, Any]]:
        return faults.in_data(self.world, kind, times)


def routes(seed: int, pace: float, anchor: int, size: float = 1) -> list[Route]:
    """``pace`` seconds are one business step, done when somebody asks; ``anchor`` (ms) is where history ends."""
    return NetSuiteSimulation(seed, pace, anchor, size).routes()


class Data:
    """The query service."""

    def __init__(self, simulation: NetSuiteSimulation) -> None:
        self.simulation = simulation

    async def query(self, request: Request) -> Response:
        simulation = self.simulation
        raw = await request.body()
        if not simulation.doorkeeper.admits(request):
            return faults.unauthorized()
        if simulation.meter.running > AT_ONCE:
            return faults.too_many()
        kind = simulation.faults.take(faults.INSTEAD)
        if kind == "token_expired":
            simulation.doorkeeper.tokens.clear()
        if kind is not None:
            return faults.instead(kind, simulation.faults.seconds)
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
        hidden = faults.hidden(self.simulation.faults)
        answer = suiteql.answered(database, query, params, hidden, self.simulation.queries)
        size = self.simulation.faults.page(min(limit, SMALL_PAGE) if switches["few_rows"] else limit)
        total = min(len(answer.rows), most)
        items = answer.shown(slice(offset, min(offset + size, total)))
        return self._written(request, items, offset, total)

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
