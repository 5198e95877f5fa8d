"""The simulated Dynamics as routes: the token, and the data of its products.

Belongs here: which address leads where, who may read, headers. Does not belong here: OData (``odata.py``), business
(``life.py``), one product's entities (``finance_operations.py``), clock and control (``simulation``).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ppm_pipelines.sandbox.faulty import FOREIGN, slowly
from ppm_pipelines.sandbox.simulation import Simulation

from . import business_central, dataverse, faults, finance_operations, odata
from .life import business_step, history
from .odata import BadRequest, EntitySet, Row
from .world import World, moment

CLIENT_ID, CLIENT_SECRET, TENANT = "sandbox-client", "sandbox-secret", "sandbox-tenant"
ENVIRONMENT = "production"
TOKEN_SECONDS = 3600
NUMBERS = msgspec.json.Encoder(decimal_format="number")


def routes(seed: int, pace: float, anchor: int, size: float = 1) -> list[Route]:
    """``pace`` seconds are one business step, done when somebody asks; ``anchor`` (ms) is where history ends."""
    return DynamicsSimulation(seed, pace, anchor, size).routes()


class DynamicsSimulation(Simulation):
    """The world with its tokens; every product shows the same one."""

    slug = "dynamics"
    KINDS = faults.KINDS
    IN_DATA = faults.IN_DATA

    def __init__(self, seed: int, pace: float, anchor: int, size: float = 1) -> None:
        self.tokens: dict[str, tuple[float, str]] = {}  # until when, for which scope
        super().__init__(seed, pace, anchor, size)

    def begin(self) -> None:
        self.world = World(self.seed, self.anchor)
        history(self.world, self.size)
        self._rows: dict[tuple[Any, ...], list[Row]] = {}

    def routes(self) -> list[Route]:
        data, central = Data(self), "/dynamics-bc/v2.0/{tenant}/{environment}/api/v2.0/{path:path}"
        return [
            Route("/dynamics/{tenant}/oauth2/v2.0/token", self.token, methods=["POST"]),
            Route("/dynamics/data/{path:path}", self.metered(data.finance_operations)),
            Route(central, self.metered(data.business_central)),
            Route("/dynamics-dataverse/api/data/v9.2/{path:path}", self.metered(data.dataverse)),
            *self.control(),
        ]

    def step(self, stamp: int | None = None) -> None:
        business_step(self.world, stamp)

    def told(self) -> dict[str, Any]:
        world = self.world
        return {
            "anchor": moment(self.anchor).isoformat(),
            "projects": len(world.masters.projects),
            "orders": len(world.orders),
            "order_lines": len(world.lines()),
            "invoices": len(world.invoices),
            "postings": len(world.postings),
            "vanished_lines": len(world.gone),
            "steps": world.steps,
        }

    def books(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """Of Finance & Operations; ``?product=business_central`` or ``dataverse`` of those."""
        if asked.get("product") == "business_central":
            return business_central.books(self.world)
        if asked.get("product") == "dataverse":
            return dataverse.books(self.world)
        return finance_operations.books(self.world, by_quantity=not self.faults.on(("no_bi",)))

    def spoil(self, kind: str, times: int) -> list[dict[str, Any]]:
        return faults.in_data(self.world, kind, times)

    def rows(self, product: str, name: str, entity: EntitySet, make: Callable[[World, str], list[Row]]) -> list[Row]:
        """The rows of a set as the world is now, in their order, made once per change."""
        key = (self.world.version, product, name)
        if key not in self._rows:
            self._rows = {one: rows for one, rows in self._rows.items() if one[0] == self.world.version}
            self._rows[key] = odata.in_order(entity, make(self.world, name))
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

    def __init__(self, simulation: DynamicsSimulation) -> None:
        self.simulation = simulation

    async def finance_operations(self, request: Request) -> Response:
        switches = self.simulation.faults.on(faults.SWITCHES)
        hidden = ["no17"] if "hidden_company" in switches else []
        found = finance_operations.sets(switches)

        def answer(name: str, options: dict[str, str]) -> Row:
            entity = finance_operations.one_of(found, name)
            rows = self.simulation.rows("finance_operations", name, entity, finance_operations.rows)
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
                "business_central", name, entity, lambda world, _: business_central.rows(world, entity.name, company)
            )
            return self._page(request, entity, business_central.DIALECT, options, rows)

        sets = list(business_central.SETS.values())
        return self._answered(
            request, "businesscentral", answer, lambda: odata.metadata(sets, business_central.NAMESPACE)
        )

    async def dataverse(self, request: Request) -> Response:
        def answer(name: str, options: dict[str, str]) -> Row:
            if name.startswith("EntityDefinitions("):
                return dataverse.definition(name)
            entity = finance_operations.one_of(list(dataverse.SETS.values()), name)
            rows = self.simulation.rows("dataverse", name, entity, dataverse.rows)
            return self._page(request, entity, dataverse.DIALECT, options, rows)

        sets = list(dataverse.SETS.values())
        scope = "/dynamics-dataverse/.default"
        return self._answered(request, scope, answer, lambda: odata.metadata(sets, dataverse.NAMESPACE))

    def _page(
        self, request: Request, entity: EntitySet, dialect: odata.Dialect, options: dict[str, str], rows: list[Row]
    ) -> Row:
        kept = {name: value for name, value in options.items() if name.startswith("$") or name == "cross-company"}
        url = f"{request.url.scheme}://{request.url.netloc}{request.url.path}"
        page = self.simulation.faults.page(_page_size(request) or dialect.largest_page)
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
            return faults.instead("token_expired", 0)
        if name == "$metadata":
            return Response(metadata(), media_type="application/xml")
        if kind := simulation.faults.take(faults.INSTEAD):
            if kind == "token_expired":
                simulation.tokens.clear()
            return faults.instead(kind, simulation.faults.seconds)
        simulation.catch_up()
        try:
            document = answer(name, dict(request.query_params))
        except BadRequest as problem:
            return faults.error(problem.sentence, problem.status, problem.code)
        return self._response(document)

    def _response(self, document: Row) -> Response:
        spoiled = self.simulation.faults.take(faults.SPOILED)
        if spoiled == "foreign_next_link":
            document = {**document, "@odata.nextLink": FOREIGN}
        body = NUMBERS.encode(document)
        if spoiled == "truncated_json":
            body = body[: len(body) * 2 // 3]
        kind = "application/json; odata.metadata=minimal"
        response = Response(body, headers={"Content-Type": kind, "OData-Version": "4.0"})
        return slowly(response, self.simulation.faults.seconds) if spoiled == "slow" else response


def _page_size(request: Request) -> int | None:
    for part in request.headers.get("prefer", "").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "odata.maxpagesize" and value.isdigit() and int(value) > 0:
            return int(value)
    return None
