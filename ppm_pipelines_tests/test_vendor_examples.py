"""The vendors' own examples of DOMAIN R2, state by state, through adapter and loader into a real PostgreSQL.

Belongs here: Oracle's order of 800 and Dynamics' 1,650. Does not belong here: SAP's two (``test_properties``, with the
figures that people see). At every state open and actual together are what was ordered.
"""

from __future__ import annotations

import random
import time
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

import pytest
from starlette.applications import Starlette

from ppm_pipelines.sandbox.company import RATE_ONE
from ppm_pipelines.sandbox.dynamics import life as dynamics
from ppm_pipelines.sandbox.dynamics.app import DynamicsSimulation
from ppm_pipelines.sandbox.netsuite import life as netsuite
from ppm_pipelines.sandbox.netsuite.app import NetSuiteSimulation
from ppm_pipelines.sandbox.netsuite.model import ACCRUED, ASSET, SERVICES
from ppm_pipelines_tests.serving import serving
from ppm_pipelines_tests.simulated import World, assert_as_in_the_books, named, rows, standing

if TYPE_CHECKING:
    from _typeshed import SupportsLenAndGetItem

T = TypeVar("T")
pytestmark = pytest.mark.usefixtures("database_url")


class First(random.Random):
    """Chance that always takes the first: every invoice is at the order's price."""

    def choice(self, seq: SupportsLenAndGetItem[T]) -> T:
        return seq[0]


def now() -> int:
    return int(time.time() * 1000)


def figures(world: World, number: str) -> list[Decimal]:
    """Ordered, open and actual of this order after an incremental read, which agrees with the books."""
    world.sync()
    assert_as_in_the_books(world)
    company = {"dynamics": "no10", "netsuite": "1"}[world.simulated.slug]
    place = number, company
    [(ordered, still_open)] = rows(
        "select sum(ordered_amount), sum(open_amount) from ppm.commitments where po_number = %s and company_code = %s",
        *place,
    )
    query = "select coalesce(sum(amount), 0) from ppm.actuals where po_no = %s and company_code = %s"
    [(actual,)] = rows(query, *place)
    return [ordered, still_open, actual]


def test_a_receipt_relieves_nothing_in_dynamics_and_each_invoice_its_own() -> None:
    """DOMAIN R2 [MS1, MS2]: 1,500 and 150 freight; 1,650 are expected until the vendor invoices them."""
    simulation = DynamicsSimulation(7, 0, now(), 0.01)
    system = named("dynamics-finance_operations")
    with serving(Starlette(routes=simulation.routes())) as url, standing(system, url) as read:
        world = simulation.world
        company = world.masters.companies[0]
        order = dynamics.new_order(world, First(7), world.tick(), company, 2)
        order.currency, order.rate, order.approval, order.header_project = company.currency, RATE_ONE, "Confirmed", None
        goods, freight = order.lines
        for line, amount in ((goods, 150_000), (freight, 15_000)):
            line.quantity, line.amount, line.project, line.activity = 1, amount, company.projects[0], ""
        world.tick()
        assert figures(read, order.number) == [1650, 1650, 0]
        goods.received = 1
        goods.modified = world.tick()
        assert figures(read, order.number) == [1650, 1650, 0]
        dynamics.invoice(world, First(7), order, [(goods, 1)], world.tick())
        assert figures(read, order.number) == [1650, 150, 1500]
        dynamics.invoice(world, First(7), order, [(freight, 1)], world.tick())
        assert figures(read, order.number) == [1650, 0, 1650]


def test_a_bill_of_netsuite_relieves_once_it_is_posted() -> None:
    """DOMAIN R2 [OR2], without its requisition: 800 ordered, 500 received, billed, and posted."""
    simulation = NetSuiteSimulation(7, 0, now(), 0.01)
    with serving(Starlette(routes=simulation.routes())) as url, standing(named("netsuite-oauth2"), url) as read:
        world = simulation.world
        company = world.masters.companies[0]
        order = netsuite.new_order(world, First(7), world.tick(), 1)
        order.company, order.currency, order.rate = company, company.currency, RATE_ONE
        order.tranid = "PO-ORACLE"
        line = order.lines[1]
        line.quantity, line.amount, line.account, line.accrued = 8, 80_000, SERVICES, False
        line.project, line.customer = company.projects[0], None
        world.balance(order)
        assert figures(read, order.tranid) == [800, 800, 0]

        receipt = world.add("ItemRcpt", company, order.currency, RATE_ONE, world.tick())
        receipt.posting, line.received = True, 5
        for account, amount in ((ASSET, 50_000), (ACCRUED, -50_000)):
            world.line(receipt, account, amount).project = line.project
        world.dirty.add(order.id)
        assert figures(read, order.tranid) == [800, 800, 0]

        bill = world.add("VendBill", company, order.currency, RATE_ONE, world.tick(), order.vendor)
        bill.posting, bill.state = False, "D"
        billed = world.line(bill, line.account, 50_000)
        billed.project, billed.quantity, billed.order_line = line.project, 5, line
        world.balance(bill)
        order.bills.append(bill)
        world.dirty.add(order.id)
        assert figures(read, order.tranid) == [800, 800, 0]

        netsuite.post(world, bill, world.tick())
        assert figures(read, order.tranid) == [800, 300, 500]
