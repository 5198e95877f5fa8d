"""A simulated tenant whose life a property test decides, and the Costbook that follows it. Nothing here is mocked.

Belongs here: the tenant over HTTP with a clock of its own, moves on lines that a test chooses, syncs of one
organisation, and the comparison with the tenant's own books. Does not belong here: any property (``test_properties``).

The tenant's clock stands in the future and moves only when something happens, so that an incremental read sees hours
and days go by, and so that the same choices always make the same history.
"""

from __future__ import annotations

import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from typing import Any, Literal

import sqlalchemy as sa
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from ppm_pipelines import costbook, database, load, runs, sync
from ppm_pipelines.adapters.http import Limits
from ppm_pipelines.adapters.sap import Sap
from ppm_pipelines.adapters.sap_settings import Settings
from ppm_pipelines.records import Page
from ppm_pipelines.sandbox import books, life
from ppm_pipelines.sandbox.app import Data, SapSimulation
from ppm_pipelines.sandbox.company import RATE_ONE, Company, Vendor, Wbs, divide
from ppm_pipelines.sandbox.documents import DAY_MS, WHOLE, Assignment, Document, Entry, Item, Order, portion
from ppm_pipelines.sandbox.tenant import Tenant
from ppm_pipelines.tables import HISTORY, metadata

# Two days before a year ends: what follows falls into two fiscal years.
ANCHOR = int(datetime(2030, 12, 30, 7, tzinfo=UTC).timestamp() * 1000)
MINUTE = 60_000
Row = dict[str, Any]
Figures = dict[str, Decimal]
Difference = tuple[Any, Row | None, Row | None]  # what it is of, as it is here, as it is in the books


# The tenant


class World:
    """The tenant of one example: served, moved, and asked for its books."""

    def __init__(self) -> None:
        self.simulation = SapSimulation(7, 1, 0, ANCHOR)
        self.url = ""

    @property
    def tenant(self) -> Tenant:
        return self.simulation.tenant

    def begin(self, seed: int = 1, lines: int = 0, switches: Collection[str] = ()) -> None:
        """A tenant of its own; every company has a posting, because orders don't tell a company's currency."""
        simulation = self.simulation
        simulation.seed, simulation.orders, simulation.switches = seed, lines, frozenset(switches)
        simulation.start()
        for company in self.tenant.masters.companies:
            self.post(company, Entry(company.projects[0].postable[0], "", "0065100000", 1000))

    def wait(self, milliseconds: int) -> None:
        self.tenant.last_stamp += milliseconds

    def post(self, company: Company, *entries: Entry) -> Document:
        """A manual posting that has no order."""
        stamp = self.tenant.tick()
        return self.tenant.post(
            Document(company, "SA", stamp, stamp, company.currency, RATE_ONE, entries=entries, text="Umbuchung")
        )

    def lines(self, allows: Callable[[Item], bool] = lambda _: True) -> list[Item]:
        return [item for order in self.tenant.orders for item in order.items if item.broken is None and allows(item)]

    def move(self, name: str, pick: int) -> None:
        """One move of that name on one of the lines that allow it; nothing where none does."""
        allows, move = MOVES[name]
        found = self.lines(allows)
        if found:
            move(self.tenant, found[pick % len(found)], self.tenant.tick(), random.Random(pick))

    def step(self) -> None:
        """A new order, and something happens to a few open lines."""
        life.business_step(self.tenant, self.tenant.tick())

    def time_sheet(self, pick: int, *, backdated: bool = False) -> None:
        tenant = Backdating(self.tenant) if backdated else self.tenant
        life.posting(tenant, random.Random(pick), self.tenant.tick())

    def books(self) -> dict[str, list[Row]]:
        return books.books(self.tenant)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                now = format_datetime(datetime.fromtimestamp(self.tenant.last_stamp // 1000, UTC), usegmt=True)
                message = {**message, "headers": [*message["headers"], (b"date", now.encode())]}
            await send(message)

        await self._services(scope, receive, dated)

    @contextmanager
    def served(self) -> Iterator[World]:
        """On a free port, until the block ends."""
        self._services = Starlette(routes=[Route("/sap/sap/opu/{path:path}", Data(self.simulation).read)])
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(self, log_level="warning", lifespan="off", date_header=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield self
        server.should_exit = True
        thread.join(20)


# Moves


class Backdated(Document):
    """Entered now, posted 40 days before, in an earlier period."""

    @property
    def day(self) -> int:
        return self.stamp // DAY_MS - 40


class Backdating(Tenant):
    """The same tenant, in whose books everything is posted into the past."""

    def __init__(self, tenant: Tenant) -> None:
        self.__dict__, self._tenant = tenant.__dict__, tenant

    def post(self, document: Document) -> Document:
        return self._tenant.post(Backdated(**{one.name: getattr(document, one.name) for one in fields(document)}))


def _into_the_past(move: life.Move) -> life.Move:
    return lambda tenant, item, stamp, rng: move(Backdating(tenant), item, stamp, rng)


def receive(tenant: Tenant, item: Item, quantity: int) -> None:
    """A goods receipt of so many thousandths at order price and the order's own rate."""
    _posted(tenant, item, "WE", item.received, quantity)
    item.received += quantity


def invoice(tenant: Tenant, item: Item, quantity: int, net: int | None = None) -> None:
    """A supplier invoice at order price and the order's own rate, or of another net amount altogether."""
    _posted(tenant, item, "KG" if item.returns else "RE", item.invoiced, quantity, net)
    item.invoiced += quantity


def _posted(tenant: Tenant, item: Item, kind: str, before: int, quantity: int, net: int | None = None) -> None:
    order, stamp = item.order, tenant.tick()
    shares = portion(item, before, before + quantity)
    extras = () if net is None else (net - sum(amount for _, amount in shares), *(0 for _ in shares[1:]))
    tenant.post(
        Document(
            order.company, kind, stamp, stamp, order.currency, order.rate, order.vendor, order, item, shares, extras,
            quantity=quantity * item.sign, credit=kind == "KG", reference=f"R{stamp % 10**6}" if kind != "WE" else "",
        )
    )  # fmt: skip


def order(
    tenant: Tenant, company: Company, currency: str, rate: int, items: Iterable[Callable[[Order], Item]]
) -> Order:
    """An order with the given lines, released."""
    vendor: Vendor = tenant.masters.vendors[0]
    stamp = tenant.tick()
    made = Order(0, company, vendor, currency, rate, stamp, stamp, "TANAKA")
    made.items += [make(made) for make in items]
    tenant.add_order(made)
    return made


def line(
    number: int, quantity: int, price: int, per: int, split: Sequence[tuple[Wbs, int]], **more: Any
) -> Callable[[Order], Item]:
    """A line of so many thousandths at a price per so many units, split by weight; the last element takes the rest."""

    def make(order: Order) -> Item:
        net = divide(price * quantity, per * WHOLE)
        item = Item(order, number, "Kabel", quantity, "PC", price, per, net, "L001", order.day + 30, "", **more)
        whole, left, most = sum(weight for _, weight in split), net, quantity
        for place, (wbs, weight) in enumerate(split, 1):
            last = place == len(split)
            part = left if last else divide(net * weight, whole)
            taken = most if last else divide(quantity * weight, whole)
            left, most = left - part, most - taken
            shown = 1000 * weight // whole  # thirds show 33.3 % each
            item.assignments.append(Assignment(item, place, wbs, "", "0065100000", shown, part, taken))
        return item

    return make


def _over_receive(tenant: Tenant, item: Item, _: int, rng: random.Random) -> None:
    receive(tenant, item, rng.randint(1, item.quantity))


def _reassign(tenant: Tenant, item: Item, stamp: int, rng: random.Random) -> None:
    """Another WBS element, perhaps of another project, before anything was delivered."""
    project = rng.choice(item.order.company.projects)
    item.live[0].wbs = rng.choice(project.postable)
    tenant.touch(item.order, stamp)


def _restore(tenant: Tenant, item: Item, stamp: int, _: random.Random) -> None:
    """A flag that was set by mistake is taken back."""
    item.code, item.order.code, item.final, item.complete = "", "", False, False
    tenant.touch(item.order, stamp)


def _untouched(item: Item) -> bool:
    return not item.received and not item.invoiced and not item.free


def _unposted(item: Item) -> bool:
    return not any(one.item is item for one in item.order.documents)


def _alive(item: Item) -> bool:
    return item.code not in ("L", "X") and item.order.released


def _receivable(item: Item) -> bool:
    return _alive(item) and item.by_receipt and item.received < item.quantity


def _invoiceable(item: Item) -> bool:
    return _alive(item) and item.invoiced < item.quantity


def keys_of(order: Order) -> set[str]:
    """The keys of its commitments."""
    return {books.source_key(one.assignment) for one in books.positions(order)}


# What may happen to a line, and to which lines.
MOVES: dict[str, tuple[Callable[[Item], bool], life.Move]] = {
    "receive": (_receivable, life._receive),
    "invoice": (_invoiceable, life._invoice),
    "release": (lambda i: not i.order.released and i.order.status != "08", life._release),
    "reject": (lambda i: not i.order.released and i.order.status != "08", life._reject),
    "cancel": (lambda i: i.code not in ("L", "X"), life._cancel),
    "block": (lambda i: not i.code, life._block),
    "restore": (lambda i: bool(i.code) or i.final or i.complete, _restore),
    "amend": (_untouched, life._amend),
    "reassign": (lambda i: _unposted(i) and i.live[0].wbs is not None, _reassign),
    "receive backdated": (_receivable, _into_the_past(life._receive)),
    "receive more": (lambda i: _alive(i) and i.by_receipt, _over_receive),
    "invoice backdated": (_invoiceable, _into_the_past(life._invoice)),
    "park": (_invoiceable, life._park),
    "credit": (lambda i: i.invoiced > 0, life._credit),
    "reverse": (lambda i: bool(i.order.documents), life._reverse),
    "complete": (lambda i: not i.complete, life._complete),
    "final": (lambda i: not i.final, life._final),
    "pay": (lambda i: i.invoiced > 0, life._pay),
}


# The Costbook


class Disturbed(Sap):
    """The adapter, with what a test does to its pages, and when they are through."""

    disturbance: Callable[[Iterator[Page]], Iterator[Page]] = staticmethod(lambda pages: pages)
    at_the_merge: Callable[[], None] = staticmethod(lambda: None)
    at_the_end: Callable[[], None] = staticmethod(lambda: None)

    def read(self, entity: str, state: Row | None) -> Iterator[Page]:
        return self.disturbance(super().read(entity, state))

    @property
    def complete(self) -> frozenset[str]:
        self.at_the_merge()  # asked within the transaction of the merge, before its first statement
        return super().complete

    def state(self) -> Row:
        self.at_the_end()  # asked after the last fact was merged, before the result is written
        return super().state()


# All that an unchanged source leaves as it is; the others tell of the reads themselves.
STAYING = tuple(
    table
    for table in metadata.tables.values()
    if "organization_id" in table.c and table.name not in ("sync_runs", "sync_state", "source_fields")
)
FACTS = {
    "commitments": "select source_key, company_code, project_nr, wbs_element, currency, ordered_amount as ordered,"
    " relieved_amount as relieved, open_amount as open, counts, closed_reason, po_line_text as text"
    " from ppm.commitments where organization_id = :organization",
    "actuals": "select source_key, company_code, project_nr, wbs_element, currency, amount, company_currency,"
    " company_amount, counts, item_text as text from ppm.actuals"
    " where organization_id = :organization and removed_at is null",
}
# What the Costbook's figures call what the books tell.
SHOWN = {"ordered": "committed", "open": "open", "actual": "actual"}
MONEY = ("ordered", "relieved", "open", "amount", "company_amount", "actual")


@dataclass
class Costbook:
    """One organisation that syncs the tenant; every example has an organisation of its own, in the same database."""

    world: World
    organization_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def rows(self, query: str, **values: Any) -> list[Any]:
        with database.owner() as connection:
            given = {"organization": self.organization_id, **values}
            return list(connection.execute(sa.text(query), given).all())

    # Syncs

    def sync(
        self,
        mode: runs.Mode = "incremental",
        entity: str = "costs",
        scope: Row | None = None,
        prepare: Callable[[Disturbed], None] = lambda _: None,
    ) -> load.SyncResult:
        request = runs.RunRequest(self.organization_id, "sap", entity, mode, scope=scope)
        values = {"api_url": f"{self.world.url}/sap", "auth": "api_key", "api_key": "sandbox-key", "client": "100"}

        def opened() -> Disturbed:
            limits = Limits(backoff=0.001)
            adapter = Disturbed(Settings.model_validate(values), allowed_hosts=self.world.url, limits=limits)
            prepare(adapter)
            return adapter

        with sync.claimed(request) as run_id:
            return sync.carry_out(request, run_id, opened)

    def replay(self) -> load.SyncResult | None:
        """Everything that waits in quarantine and can be made again."""
        waiting = self.rows("select id from ppm.rejections where organization_id = :organization and raw_key <> ''")
        scope = {"rejections": [row.id for row in waiting]}
        return self.sync("replay", scope=scope) if waiting else None

    def rejected(self) -> set[str]:
        return {
            row.source_key
            for row in self.rows(
                "select source_key from ppm.rejections where organization_id = :organization"
                " and entity in ('commitments', 'actuals')"
            )
        }

    # What is kept

    def snapshot(self) -> Row:
        """A digest of every row of every table of the organisation, its history too; runs and watermarks left out."""
        parts = [
            f"select '{table.name}' as name, count(*) as rows,"
            f" md5(coalesce(string_agg(t::text, '|' order by t::text), '')) as digest"
            f" from {table.fullname} t where organization_id = :organization"
            for table in STAYING
        ]
        return {row.name: (row.rows, row.digest) for row in self.rows(" union all ".join(parts))}

    def watermarks(self) -> list[Any]:
        return self.rows(
            "select entity, state::text from ppm.sync_state where organization_id = :organization order by 1"
        )

    def versions(self) -> int:
        """How many earlier versions of anything are kept."""
        kept = self.snapshot()
        return sum(kept[table.name][0] for table in HISTORY.values())

    def figures(self, as_of: datetime | None = None) -> list[Row]:
        """As the Costbook shows them; when they were read is no part of it."""
        with database.scoped(self.organization_id) as connection:
            found = costbook.project_figures(connection, self.organization_id, as_of=as_of)
        return [{name: value for name, value in one.items() if name != "as_of"} for one in found]

    def now(self) -> datetime:
        found: datetime = self.rows("select clock_timestamp() as now")[0].now
        return found

    # Compared

    def differences(self, without: Collection[str] = ()) -> list[Difference]:
        """Every row and total that is not the tenant's own; ``without`` are commitments not yet known to be gone."""
        found = [*self.differences_of("commitments", without), *self.differences_of("actuals")]
        return found if without else [*found, *self._differing_totals(self.world.books()["totals"])]

    def differences_of(
        self, name: Literal["commitments", "actuals"], without: Collection[str] = ()
    ) -> list[Difference]:
        ours = {row.source_key: dict(row._mapping) for row in self.rows(FACTS[name])}
        theirs = {row["source_key"]: _exact(row) for row in self.world.books()[name]}
        return list(_differing(ours, theirs, without))

    def _differing_totals(self, told: Sequence[Row]) -> list[Difference]:
        """Of source projects, and as the Costbook shows them, whichever source projects are one project now."""
        theirs = {(row["project_nr"], row["currency"]): _figures_of(row) for row in told}
        links = {
            row.project_nr: row.project_id
            for row in self.rows(
                "select project_nr, project_id from ppm.project_links where organization_id = :organization"
            )
        }
        linked: dict[tuple[str, str], Figures] = {}
        for (project_nr, currency), figures in theirs.items():
            own = linked.setdefault((links[project_nr], currency), {name: Decimal(0) for name in SHOWN})
            for name in SHOWN:
                own[name] += figures[name]
        shown = {
            (project["project_id"], one["currency"]): {name: Decimal(one[ours]) for name, ours in SHOWN.items()}
            for project in self.figures()
            for one in project["by_currency"]
        }
        pairs = ((self._totals(), theirs), (shown, linked))
        return [one for ours, told in pairs for one in _differing(_without_zeros(ours), _without_zeros(told))]

    def _totals(self) -> dict[tuple[str, str], Figures]:
        found = self.rows(
            "select project_nr, currency, sum(ordered) as ordered, sum(relieved) as relieved, sum(open) as open,"
            " sum(actual) as actual from ("
            "  select project_nr, currency, ordered_amount as ordered, relieved_amount as relieved,"
            "         open_amount as open, 0 as actual"
            "  from ppm.commitments where organization_id = :organization and counts"
            "  union all"
            "  select project_nr, currency, 0, 0, 0, amount"
            "  from ppm.actuals where organization_id = :organization and counts and removed_at is null"
            ") facts group by 1, 2"
        )
        return {(row.project_nr, row.currency): _figures_of(row._mapping) for row in found}


def _differing(
    ours: Mapping[Any, Row], theirs: Mapping[Any, Row], without: Collection[Any] = ()
) -> Iterator[Difference]:
    for key in sorted((ours.keys() | theirs.keys()) - set(without)):
        mine, told = ours.get(key), theirs.get(key)
        if mine != told:
            yield key, mine, told


def _exact(row: Row) -> Row:
    return {name: Decimal(value) if name in MONEY else value for name, value in row.items()}


def _figures_of(row: Any) -> Figures:
    return {name: Decimal(row[name]) for name in ("ordered", "relieved", "open", "actual")}


def _without_zeros(totals: dict[tuple[str, str], Figures]) -> dict[tuple[str, str], Figures]:
    return {place: figures for place, figures in totals.items() if any(figures.values())}
