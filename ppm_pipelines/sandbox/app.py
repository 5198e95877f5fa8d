"""The simulated company as an ASGI application: SAP's tenant, and beside it the routes of every other system.

Belongs here: which address leads where, errors and headers as SAP sends them. Does not belong here: OData itself
(``odata_v2.py``, ``odata_v4.py``), business (``life.py``), clock and control (``simulation.py``).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from . import dynamics, faults, jira, netsuite, odata_v2, odata_v4, slack
from .auth import Doorkeeper
from .books import books, budgets, positions, source_key
from .faulty import slowly
from .life import Step, business_step, history
from .model import BadRequest
from .query import Rows
from .services import V4_ROOT, Services, seen_by
from .simulation import Simulation
from .tenant import Tenant, moment

NUMBERS = msgspec.json.Encoder(decimal_format="number")
TEXTS = msgspec.json.Encoder(decimal_format="string")
# The other systems of the same company: from seed, pace and anchor  to their routes.
OTHERS: tuple[Callable[[int, float, int, float], list[Route]], ...] = (
    dynamics.routes,
    netsuite.routes,
    jira.routes,
    slack.routes,
)
LOOPBACK = ["127.0.0.1", "localhost"]


class SapSimulation(Simulation):
    """A tenant with its services and its doorkeeper. ``orders`` are lines in its history, ``switches`` always on."""

    slug = "sap"
    KINDS = faults.KINDS
    IN_DATA = faults.IN_DATA

    def __init__(self, seed: int, orders: int, pace: float, anchor: int | None, switches: Collection[str] = ()) -> None:
        self.orders, self.switches = orders, frozenset(switches)
        self.doorkeeper = Doorkeeper()
        super().__init__(seed, pace, int(time.time() * 1000) if anchor is None else anchor)

    def begin(self) -> None:
        self.tenant = Tenant(self.seed, self.orders, self.anchor)
        history(self.tenant)
        self.rows = Rows(self.tenant)
        self._services: dict[tuple[str, ...], Services] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/sap/oauth/token", self.doorkeeper.token, methods=["POST"]),
            Route("/sap/sap/opu/{path:path}", self.metered(Data(self).read), methods=["GET", "HEAD"]),
            *self.control(),
        ]

    def step(self, stamp: int | None = None) -> Step:
        return business_step(self.tenant, stamp)

    def services(self, request: Request) -> Services:
        """What the account of the request sees of the tenant as it is now."""
        switches = [one for one in faults.SWITCHES if one in self.switches or self.faults.on((one,))]
        key = (self.doorkeeper.account(request), *switches)
        if key not in self._services:
            self._services[key] = seen_by(self.tenant, key[0], switches)
        return self._services[key]

    def told(self) -> dict[str, Any]:
        tenant = self.tenant
        return {
            "anchor": moment(self.anchor).isoformat(),
            "projects": len(tenant.masters.projects),
            "wbs_elements": len(tenant.masters.elements()),
            "orders": len(tenant.orders),
            "order_lines": tenant.order_lines,
            "open_lines": len(tenant.open_items),
            "documents": len(tenant.documents),
            "supplier_invoices": len(tenant.invoices),
            "vanished_orders": len(tenant.gone),
            "steps": tenant.steps,
        }

    def books(self, asked: Mapping[str, str]) -> dict[str, Any]:
        """As the newer service tells it; ``?service=v2`` as the older one does."""
        return books(self.tenant, v2=asked.get("service") == "v2")

    def budgets(self) -> list[dict[str, Any]]:
        return budgets(self.tenant)

    def advance(self, steps: int, body: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """``new_commitments`` are the new keys that belong to a project and count."""
        documents = len(self.tenant.documents)
        done = [self.step() for _ in range(steps)]
        counted = [position for step in done for position in positions(step.order) if position.counts]
        return {
            "steps": steps,
            "new_orders": [str(step.order.number) for step in done],
            "new_commitments": len(counted),
            "new_commitment_keys": [source_key(one.assignment) for one in counted],
            "new_documents": len(self.tenant.documents) - documents,
            "changed": [one for step in done for one in step.changed],
        }

    def spoil(self, kind: str, times: int) -> list[dict[str, Any]]:
        return faults.in_data(self.tenant, kind, times)


def create(
    seed: int = 7,
    orders: int = 2500,
    pace: float = 0,
    anchor: int | None = None,
    switches: Collection[str] = (),
    size: float = 1,
) -> Starlette:
    """The application; ``orders`` is the number of order lines in SAP's history, ``switches`` as ``faults.SWITCHES``,
    ``size`` how much history the other systems have."""
    simulation = SapSimulation(seed, orders, pace, anchor, switches)
    routes = simulation.routes()
    for others in OTHERS:
        routes += others(seed, pace, simulation.anchor, size)
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK)])


class Data:
    """The OData services."""

    def __init__(self, simulation: SapSimulation) -> None:
        self.simulation = simulation

    async def read(self, request: Request) -> Response:
        simulation = self.simulation
        refusal = simulation.doorkeeper.refusal(request)
        if refusal is not None:
            return refusal
        is_data = not request.url.path.endswith("/$metadata")
        kind = simulation.faults.take(faults.INSTEAD) if is_data else None
        if kind == "token_expired":
            simulation.doorkeeper.tokens.clear()
        if kind is not None:
            return faults.instead(kind, simulation.faults.seconds)
        simulation.catch_up()
        v4 = request.url.path.startswith(V4_ROOT)
        try:
            found = self._v4(request) if v4 else self._v2(request)
        except BadRequest as problem:
            return _error(problem, v4=v4)
        if isinstance(found, Response):
            return found
        spoiled = simulation.faults.take(faults.SPOILED)
        return self._response(request, found, spoiled, v4=v4)

    def _language(self, request: Request) -> str:
        """Of labels: the one that is asked for, else the user's own."""
        own = "de" if self.simulation.faults.on(("german_user",)) else "en"
        return "de" if request.query_params.get("sap-language", own).lower() == "de" else "en"

    def _v4(self, request: Request) -> Any:
        service = self.simulation.services(request).v4
        if service is None:
            raise BadRequest("Service group 'API_PURCHASEORDER_2' not published", "/IWFND/CM_V4_COS/003", 404)
        path = request.url.path[len(V4_ROOT) :].strip("/")
        if path == "$metadata":
            return _xml(odata_v4.metadata(service, self._language(request)), "4.0")
        if not path:
            sets = [{"name": name, "kind": "EntitySet", "url": name} for name in service.types]
            return {"@odata.context": "$metadata", "value": sets}
        options = dict(request.query_params)
        size = self.simulation.faults.page(_page_size(request) or odata_v4.DEFAULT_PAGE)
        return _counted(odata_v4.answer(service, self.simulation.rows, path, options, size))

    def _v2(self, request: Request) -> Any:
        # The path as sent: Starlette would cut nothing, but ";v=0002" may come percent-encoded.
        place = self.simulation.services(request).at(request.url.path.replace("%3B", ";").replace("%3D", "="))
        if place is None:
            name = request.url.path.removeprefix("/sap/sap/opu/odata/sap/").partition("/")[0][:80]
            sentence = f"No service found for namespace '', name '{name}', version '0001'"
            raise BadRequest(sentence, "/IWFND/MED/170", 404)
        service, path = place
        if path == "$metadata":
            return _xml(odata_v2.metadata(service, self._language(request)), "2.0")
        if not path:
            return {"d": {"EntitySets": list(service.types)}}
        base = f"{request.url.scheme}://{request.url.netloc}"
        largest = self.simulation.faults.page(odata_v2.LARGEST_PAGE)
        return _counted(odata_v2.answer(service, self.simulation.rows, path, dict(request.query_params), base, largest))

    def _response(self, request: Request, found: dict[str, Any], spoiled: str | None, *, v4: bool) -> Response:
        if spoiled == "foreign_next_link":
            found = faults.with_foreign_link(found)
        exact = "ieee754compatible=true" in request.headers.get("accept", "").lower()
        body = (TEXTS if exact or not v4 else NUMBERS).encode(found)
        if spoiled == "truncated_json":
            body = body[: len(body) * 2 // 3]
        response = Response(body, headers=_headers(request, v4=v4, exact=exact))
        return slowly(response, self.simulation.faults.seconds) if spoiled == "slow" else response


def _counted(found: Any) -> Any:
    return Response(found, media_type="text/plain") if isinstance(found, str) else found


def _xml(document: str, version: str) -> Response:
    name = "DataServiceVersion" if version == "2.0" else "OData-Version"
    return Response(document, media_type="application/xml", headers={name: version})


def _page_size(request: Request) -> int | None:
    """``Prefer: odata.maxpagesize=N``."""
    for part in request.headers.get("prefer", "").split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() in ("odata.maxpagesize", "maxpagesize") and value.isdigit() and int(value) > 0:
            return int(value)
    return None


def _headers(request: Request, *, v4: bool, exact: bool) -> dict[str, str]:
    if not v4:
        return {"Content-Type": "application/json;charset=utf-8", "DataServiceVersion": "2.0"}
    kind = "application/json;odata.metadata=minimal" + (";IEEE754Compatible=true" if exact else "")
    size = _page_size(request)
    applied = {"Preference-Applied": f"odata.maxpagesize={size}"} if size else {}
    return {"Content-Type": kind, "OData-Version": "4.0", **applied}


def _error(problem: BadRequest, *, v4: bool) -> Response:
    transaction, stamp = secrets.token_hex(16).upper(), f"{moment(int(time.time() * 1000)):%Y%m%d%H%M%S}.0000000"
    write = odata_v4.error if v4 else odata_v2.error
    return JSONResponse(write(problem, transaction, stamp), problem.status)
