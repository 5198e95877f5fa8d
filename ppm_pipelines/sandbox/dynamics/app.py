"""The simulated Dynamics as routes: the token, the data, and the control of the simulation.

Belongs here: which address leads where, who may read, headers, the passing of time. Does not belong here: OData
(``odata.py``), business (``life.py``), one product's entities (``finance_operations.py``).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ppm_pipelines.sandbox.control import Mistake, body_of, controlled, whole

from . import business_central, dataverse, faults, finance_operations, odata
from .life import business_step, history
from .odata import BadRequest, EntitySet, Row
from .world import World, moment

CLIENT_ID, CLIENT_SECRET, TENANT = "sandbox-client", "sandbox-secret", "sandbox-tenant"
ENVIRONMENT = "production"
TOKEN_SECONDS = 3600
MOST_STEPS = 10_000
NUMBERS = msgspec.json.Encoder(decimal_format="number")


def routes(seed: int, pace: float, anchor: int) -> list[Route]:
    """``pace`` seconds are one business step, done when somebody asks; ``anchor`` (ms) is where history ends."""
    simulation = Simulation(seed, pace, anchor)
    data, control = Data(simulation), Control(simulation)
    base = "/_sandbox/dynamics"
    return [
        Route("/dynamics/{tenant}/oauth2/v2.0/token", simulation.token, methods=["POST"]),
        Route("/dynamics/data/{path:path}", data.finance_operations),
        Route("/dynamics-bc/v2.0/{tenant}/{environment}/api/v2.0/{path:path}", data.business_central),
        Route("/dynamics-dataverse/api/data/v9.2/{path:path}", data.dataverse),
        Route(base, controlled(control.state)),
        Route(f"{base}/books", controlled(control.books)),
        Route(f"{base}/advance", controlled(control.advance), methods=["POST"]),
        Route(f"{base}/fault", controlled(control.fault), methods=["POST"]),
        Route(f"{base}/reset", controlled(control.reset), methods=["POST"]),
    ]


class Simulation:
    """The world with its clock, its tokens and its faults."""

    def __init__(self, seed: int, pace: float, anchor: int) -> None:
        self.seed, self.pace, self.anchor = seed, pace, anchor
        self.tokens: dict[str, tuple[float, str]] = {}  # until when, for which scope
        self.start()

    def start(self) -> None:
        """The world as it was at its anchor; what happened since is gone."""
        self.world = World(self.seed, self.anchor)
        history(self.world)
        self.faults = faults.Faults()
        self.paced = 0
        self.largest_page: int | None = None
        self._rows: dict[tuple[Any, ...], list[Row]] = {}

    def restart(self) -> None:
        self.start()
        self.paced = self._due()

    def _due(self) -> int:
        return int((time.time() * 1000 - self.anchor) / (self.pace * 1000)) if self.pace > 0 else 0

    def catch_up(self) -> None:
        due = self._due()
        while self.paced < due:
            self.paced += 1
            business_step(self.world, self.anchor + int(self.paced * self.pace * 1000))

    def rows(self, product: str, name: str, make: Callable[[World, str], list[Row]]) -> list[Row]:
        """The rows of a set as the world is now, made once per change."""
        key = (self.world.version, product, name)
        if key not in self._rows:
            self._rows = {one: rows for one, rows in self._rows.items() if one[0] == self.world.version}
            self._rows[key] = make(self.world, name)
        return self._rows[key]

    # Tokens

    async def token(self, request: Request) -> Response:
        """Microsoft Entra ID: client credentials in the form, one scope per product."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if form.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.", 400)
        if request.path_params["tenant"] != TENANT:
            return _refused("invalid_request", "AADSTS90002: Tenant not found.", 400)
        if not form.get("scope", "").endswith("/.default"):
            return _refused("invalid_scope", "AADSTS1002012: The provided value for scope is not valid.", 400)
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return _refused("invalid_client", "AADSTS7000215: Invalid client secret provided.", 401)
        token = secrets.token_urlsafe(32)
        self.tokens[token] = (time.monotonic() + TOKEN_SECONDS, form["scope"])
        return JSONResponse({"token_type": "Bearer", "expires_in": TOKEN_SECONDS, "access_token": token})

    def may_read(self, request: Request, scope: str) -> bool:
        """Whether the request brings a token that is still valid and was issued for this product."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        until, issued_for = self.tokens.get(token, (0.0, ""))
        return scheme.lower() == "bearer" and until > time.monotonic() and scope in issued_for


def _refused(name: str, sentence: str, status: int) -> Response:
    return JSONResponse({"error": name, "error_description": sentence}, status)


class Data:
    """The services of the products."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    async def finance_operations(self, request: Request) -> Response:
        switches = self.simulation.faults.switches
        hidden = ["no17"] if "hidden_company" in switches else []
        found = finance_operations.sets(switches)

        def answer(name: str, options: dict[str, str]) -> Row:
            entity = finance_operations.one_of(found, name)
            rows = self.simulation.rows("finance_operations", name, finance_operations.rows)
            return self._page(
                request, entity, finance_operations.DIALECT, options, finance_operations.seen(rows, options, hidden)
            )

        return self._answered(
            request,
            "/dynamics/.default",
            answer,
            lambda: odata.metadata(found, finance_operations.NAMESPACE),
        )

    async def business_central(self, request: Request) -> Response:
        simulation, tenant = self.simulation, request.path_params["tenant"]
        if (tenant, request.path_params["environment"]) != (TENANT, ENVIRONMENT):
            return faults.error("The environment does not exist.", 404, "EnvironmentNotFound")

        def answer(name: str, options: dict[str, str]) -> Row:
            entity, company = business_central.place(name, simulation.world)
            rows = simulation.rows(
                "business_central", name, lambda world, _: business_central.rows(world, entity.name, company)
            )
            return self._page(request, entity, business_central.DIALECT, options, rows)

        sets = list(business_central.SETS.values())
        return self._answered(
            request, "businesscentral", answer, lambda: odata.metadata(sets, business_central.NAMESPACE)
        )

    async def dataverse(self, request: Request) -> Response:
        def answer(name: str, options: dict[str, str]) -> Row:
            entity = finance_operations.one_of(list(dataverse.SETS.values()), name)
            rows = self.simulation.rows("dataverse", name, dataverse.rows)
            return self._page(request, entity, dataverse.DIALECT, options, rows)

        sets = list(dataverse.SETS.values())
        scope = "/dynamics-dataverse/.default"
        return self._answered(request, scope, answer, lambda: odata.metadata(sets, dataverse.NAMESPACE))

    def _page(
        self, request: Request, entity: EntitySet, dialect: odata.Dialect, options: dict[str, str], rows: list[Row]
    ) -> Row:
        kept = {name: value for name, value in options.items() if name.startswith("$") or name == "cross-company"}
        url = f"{request.url.scheme}://{request.url.netloc}{request.url.path}"
        largest = self.simulation.largest_page
        asked = _page_size(request)
        page = min(asked or largest, largest) if largest else asked
        return odata.answer(entity, dialect, kept, page, url, rows)

    def _answered(
        self,
        request: Request,
        scope: str,
        answer: Callable[[str, dict[str, str]], Row],
        metadata: Callable[[], str],
    ) -> Response:
        simulation, name = self.simulation, request.path_params["path"].strip("/")
        if not simulation.may_read(request, scope):
            return faults.instead("token_expired")
        if name == "$metadata":
            return Response(metadata(), media_type="application/xml")
        if kind := simulation.faults.take(faults.INSTEAD):
            if kind == "token_expired":
                simulation.tokens.clear()
            return faults.instead(kind)
        simulation.catch_up()
        try:
            document = answer(name, dict(request.query_params))
        except BadRequest as problem:
            return faults.error(problem.sentence, problem.status, problem.code)
        return self._response(document)

    def _response(self, document: Row) -> Response:
        spoiled = self.simulation.faults.take(faults.SPOILED)
        if spoiled == "foreign_next_link":
            document = {**document, "@odata.nextLink": faults.FOREIGN}
        body = NUMBERS.encode(document)
        if spoiled == "truncated_json":
            body = body[: len(body) * 2 // 3]
        kind = "application/json; odata.metadata=minimal"
        response = Response(body, headers={"Content-Type": kind, "OData-Version": "4.0"})
        return faults.slowly(response, self.simulation.faults.seconds) if spoiled == "slow" else response


def _page_size(request: Request) -> int | None:
    for part in request.headers.get("prefer", "").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "odata.maxpagesize" and value.isdigit() and int(value) > 0:
            return int(value)
    return None


class Control:
    """What a person or a test does to the simulation."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    async def state(self, _: Request) -> Any:
        simulation, world = self.simulation, self.simulation.world
        return {
            "seed": simulation.seed,
            "pace": simulation.pace,
            "anchor": moment(simulation.anchor).isoformat(),
            "projects": len(world.masters.projects),
            "orders": len(world.orders),
            "order_lines": len(world.lines()),
            "invoices": len(world.invoices),
            "postings": len(world.postings),
            "vanished_lines": len(world.gone),
            "steps": world.steps,
            "faults": {kind: times for kind, times in simulation.faults.left.items() if times},
        }

    async def books(self, request: Request) -> Any:
        """Of Finance & Operations; ``?product=business_central`` or ``dataverse`` of those."""
        if request.query_params.get("product") == "business_central":
            return business_central.books(self.simulation.world)
        if request.query_params.get("product") == "dataverse":
            return dataverse.books(self.simulation.world)
        by_quantity = "no_bi" not in self.simulation.faults.switches
        return finance_operations.books(self.simulation.world, by_quantity=by_quantity)

    async def advance(self, request: Request) -> Any:
        steps = whole(await body_of(request), "steps", 1, MOST_STEPS)
        for _ in range(steps):
            business_step(self.simulation.world)
        return {"steps": steps, "order_lines": len(self.simulation.world.lines())}

    async def fault(self, request: Request) -> Any:
        """A fault, a switch, or ``page_size`` (at most so many rows a page); kind ``none`` ends all but data's."""
        wanted = await body_of(request)
        kind, times = wanted.get("kind"), whole(wanted, "times", 1, 1_000_000)
        if kind == "none":
            self.simulation.faults, self.simulation.largest_page = faults.Faults(), None
        elif kind == "page_size":
            self.simulation.largest_page = times
        elif kind in faults.IN_DATA:
            return {"kind": kind, "made": faults.in_data(self.simulation.world, kind, times)}
        elif kind in faults.KINDS:
            self.simulation.faults.left[kind] = times
            self.simulation.faults.seconds = float(wanted.get("seconds", 1.0))
        else:
            raise Mistake(f"There is no fault '{kind}'; there are {', '.join(faults.KINDS)}, page_size and none.")
        return {"kind": kind, "times": times}

    async def reset(self, request: Request) -> Any:
        self.simulation.restart()
        return await self.state(request)
