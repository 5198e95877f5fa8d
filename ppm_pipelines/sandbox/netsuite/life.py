"""What happens in the account: orders, approvals, receipts, bills, credits, journals; edits and deletions.

Belongs here: which move follows which, driven by ``random.Random``. Does not belong here: keeping what came of it
(``world``). Bills may wait for approval; until then they are in the same tables and post nothing.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from ppm_pipelines.sandbox.company import DIGITS, IN_EURO, RATE_ONE, WEIGHTS, Project, divide, rate_between

from .model import (
    ACCRUED,
    APPROVED,
    ASSET,
    CLOSED,
    INPUT_TAX,
    MATERIAL,
    OTHER,
    PENDING,
    REJECTED,
    SERVICES,
    TRAVEL,
    Document,
    Line,
    requested,
    status,
    taken,
)
from .world import DAY, FIRST_CUSTOMER, World, unbilled

HISTORY_STEPS, HISTORY_DAYS = 260, 400
MOVING, TRIES = 120, 12
MEMOS = (
    "Stahlträger HEB 300|Kabel NYY-J 5x16|Planungsleistung Phase 2|Pumpe Ø 200|Beratung “Go-Live” 🚀|O'Brien's crane|"
    'Montage "Nord"|Zeile 1\nZeile 2|Gerüst m²|第2工場 配管|Training & Safety|Lizenz; 5 Nutzer'
).split("|")
Move = Callable[[World, random.Random, int], None]


def history(world: World, size: float) -> None:
    """Up to the anchor; ``size`` 1 are ``HISTORY_STEPS``."""
    first, count = world.anchor - HISTORY_DAYS * DAY, int(HISTORY_STEPS * size)
    for number in range(count):
        step(world, first + number * HISTORY_DAYS * DAY // count)


def step(world: World, stamp: int | None = None) -> Document:
    """One business step: a new order, then other things at the same place in time."""
    world.steps += 1
    rng = random.Random(f"netsuite-{world.seed}-{world.steps}")
    moment = world.tick(stamp)
    order = new_order(world, rng, moment)
    for move, chance in MOVES:
        if rng.random() < chance:
            move(world, rng, world.tick(moment))
    return order


def _project(world: World, rng: random.Random, document: Document) -> Project:
    return rng.choice(document.company.projects or world.masters.projects)


def _place(world: World, rng: random.Random, line: Line) -> None:
    """Most lines name a project; some a plain customer, some nothing (netsuite.md, section 1)."""
    kind = rng.random()
    if kind < 0.86:
        line.project = _project(world, rng, line.document)
    elif kind < 0.93:
        line.customer = FIRST_CUSTOMER + rng.randint(0, 2)
    line.department = rng.choice((None, 1, 2, 3))
    line.memo = rng.choice(MEMOS)


def _value(rng: random.Random, currency: str) -> int:
    worth = math.exp(rng.uniform(5.3, 10.5)) / IN_EURO[currency]
    return max(1, round(worth * float(10 ** DIGITS[currency])))


def new_order(world: World, rng: random.Random, stamp: int, count: int | None = None) -> Document:
    company = rng.choices(world.masters.companies, WEIGHTS)[0]
    vendor = rng.choice(world.masters.vendors)
    currency = company.currency if rng.random() < 0.7 else vendor.currency
    order = world.add("PurchOrd", company, currency, rate_between(currency, company.currency), stamp, vendor)
    order.state = rng.choices([APPROVED, PENDING], [0.9, 0.1])[0] if count is None else APPROVED
    order.reversed_sequence = order.id % 5 == 0
    for _ in range(count or rng.randint(1, 4)):
        _order_line(world, rng, order)
    return order


def _order_line(world: World, rng: random.Random, order: Document) -> Line:
    item = rng.random() < 0.6
    account = rng.choice((SERVICES, TRAVEL, OTHER)) if not item else rng.choice((MATERIAL, SERVICES))
    line = world.line(order, account, _value(rng, order.currency))
    if item:
        line.quantity = rng.choice((1, 2, 3, 7, 10, 100))
        line.accrued = rng.random() < 0.2
    elif rng.random() < 0.05:
        line.amount = -divide(line.amount, 10)  # a discount
    _place(world, rng, line)
    line.modified = order.modified
    world.balance(order)
    return line


# What happens to orders


def _chosen(world: World, rng: random.Random, *states: str) -> Document | None:
    """One of the later orders in such a state; a few are looked at."""
    some = world.of("PurchOrd")[-MOVING:]
    tried = rng.sample(some, min(TRIES, len(some)))
    return next((one for one in tried if not one.spoiled and status(one) in states), None)


def approve_order(world: World, rng: random.Random, stamp: int) -> None:
    order = _chosen(world, rng, PENDING)
    if order is not None:
        order.state = REJECTED if rng.random() < 0.15 else APPROVED
        world.touch(order, stamp)


def receive(world: World, rng: random.Random, stamp: int) -> None:
    """A receipt; of accrued lines it posts the cost, and the bill later posts none (netsuite.md, trap 6)."""
    order = _chosen(world, rng, "B", "D", "E")
    lines = [line for line in _lines(order) if line.quantity and line.received < line.quantity and not line.closed]
    if order is None or not lines:
        return
    receipt = world.add("ItemRcpt", order.company, order.currency, order.rate, stamp)
    receipt.posting, receipt.vendor = True, order.vendor
    for line in lines:
        more = rng.randint(1, (line.quantity or 0) - line.received)
        line.received += more
        amount = divide(line.amount * more, line.quantity or 1)
        account = line.account if line.accrued else ASSET
        _copied(world, line, receipt, account, amount, more)
        _copied(world, line, receipt, ACCRUED, -amount, more)
    world.dirty.add(order.id)


def _copied(world: World, line: Line, document: Document, account: object, amount: int, quantity: int | None) -> Line:
    made = world.line(document, account, amount)  # type: ignore[arg-type]
    made.project, made.customer, made.department = line.project, line.customer, line.department
    made.memo, made.quantity = line.memo, quantity
    return made


def _lines(document: Document | None) -> list[Line]:
    return [] if document is None else [line for line in document.lines if not line.main and not line.tax]


def bill(world: World, rng: random.Random, stamp: int) -> None:
    order = _chosen(world, rng, "B", "D", "E", "F")
    lines = [line for line in _lines(order) if not line.closed and _left(line) * line.amount > 0]
    if order is None or not lines:
        return
    made = world.add("VendBill", order.company, order.currency, order.rate, stamp, order.vendor)
    made.tranid = f"RE-{rng.randint(1, 400)}"  # the vendor's own number; it repeats
    made.posting = rng.random() < 0.75
    made.state = "A" if made.posting else "D"
    for line in lines[: rng.randint(1, len(lines))]:
        _bill_line(world, rng, made, line)
    _tax(world, rng, made)
    order.bills.append(made)
    world.dirty.add(order.id)  # the order's own stamp stays


def _left(line: Line) -> int:
    return (line.quantity or 0) - taken(line) if line.quantity else line.amount - requested(line)


def _bill_line(world: World, rng: random.Random, made: Document, line: Line) -> None:
    left = _left(line)
    if line.quantity:
        quantity: int | None = rng.randint(1, left)
        amount = divide(line.amount * (quantity or 0), line.quantity)
        amount = divide(amount * 108, 100) if rng.random() < 0.15 else amount  # at another price
    else:
        quantity, amount = None, left if rng.random() < 0.5 else divide(left * rng.randint(20, 90), 100)
    account = ACCRUED if line.accrued else line.account
    _copied(world, line, made, account, amount or left, quantity).order_line = line


def _tax(world: World, rng: random.Random, made: Document) -> None:
    """Input tax; now and then one that cannot be recovered and is cost of the project."""
    net = sum(line.amount for line in _lines(made))
    lost = rng.random() < 0.1
    line = world.line(made, OTHER if lost else INPUT_TAX, divide(net * 19, 100))
    line.tax = True
    if lost:
        line.project = next((one.project for one in made.lines if one.project), None)
    world.balance(made)


def approve_bill(world: World, rng: random.Random, stamp: int) -> None:
    waiting = [one for one in world.of("VendBill") if not one.posting]
    if waiting:
        post(world, rng.choice(waiting), stamp)


def post(world: World, made: Document, stamp: int) -> None:
    made.posting, made.state = True, "A"
    world.touch(made, stamp)
    world.dirty |= {line.order_line.document.id for line in made.lines if line.order_line}


def pay(world: World, rng: random.Random, stamp: int) -> None:
    unpaid = [one for one in world.of("VendBill") if one.posting and one.state == "A"]
    if unpaid:
        paid = rng.choice(unpaid)
        paid.state = "B"
        world.touch(paid, stamp)


def close_line(world: World, rng: random.Random, stamp: int) -> None:
    order = _chosen(world, rng, "B", "D", "E", "F")
    if order is None:
        return
    if rng.random() < 0.3:
        order.state = CLOSED
        world.touch(order, stamp)
        return
    line = rng.choice(_lines(order))
    line.closed, line.modified = True, stamp  # the line's stamp alone
    world.dirty.add(order.id)


def change_order(world: World, rng: random.Random, stamp: int) -> None:
    """A line more, a line less, or another amount."""
    order = _chosen(world, rng, "B")
    if order is None:
        return
    spare = [line for line in _lines(order) if unbilled(line) and not requested(line) and not line.received]
    if len(spare) > 1 and rng.random() < 0.5:
        world.delete_line(rng.choice(spare), stamp)
    elif rng.random() < 0.5:
        _order_line(world, rng, order)
        world.touch(order, stamp)
    elif spare:
        spare[0].amount = divide(spare[0].amount * rng.randint(80, 130), 100)
        world.touch(order, stamp)
        world.balance(order)


# What is posted without an order, and what is taken back


def journal(world: World, rng: random.Random, stamp: int) -> None:
    company = rng.choices(world.masters.companies, WEIGHTS)[0]
    made = world.add("Journal", company, company.currency, RATE_ONE, stamp)
    made.posting = True
    for _ in range(rng.randint(1, 3)):
        line = world.line(made, rng.choice((SERVICES, TRAVEL, OTHER)), _value(rng, company.currency))
        _place(world, rng, line)
    world.line(made, ACCRUED, -sum(line.amount for line in made.lines))


def reverse(world: World, rng: random.Random, stamp: int) -> None:
    found = [one for one in world.of("Journal") if one.reversal is None]
    if not found:
        return
    old = rng.choice(found)
    new = world.add("Journal", old.company, old.currency, old.rate, stamp)
    new.posting, new.reverses, new.reversal, old.reversal = True, True, old, new
    for line in old.lines:
        _copied(world, line, new, line.account, -line.amount, line.quantity)
    world.touch(old, stamp)


def credit(world: World, rng: random.Random, stamp: int) -> None:
    bills = [one for one in world.of("VendBill") if one.posting]
    if not bills:
        return
    old = rng.choice(bills)
    made = world.add("VendCred", old.company, old.currency, old.rate, stamp, old.vendor)
    made.posting = True
    line = rng.choice(_lines(old))
    _copied(world, line, made, line.account, -divide(line.amount, 3), None)


def edit(world: World, rng: random.Random, stamp: int) -> None:
    """A document is edited after it was posted: another amount, another project, a line less."""
    document = rng.choice(world.of("VendBill" if rng.random() < 0.6 else "Journal")[-MOVING:] or [None])
    if document is None or not document.posting:
        return
    line = rng.choice(_lines(document) or document.lines)
    kind = rng.random()
    if kind < 0.4 and line.project:
        line.project = _project(world, rng, document)
    elif kind < 0.6 and len(_lines(document)) > 1 and line.order_line is None:
        world.delete_line(line, stamp)
    elif kind < 0.7:
        document.posting = False if document.type == "VendBill" else document.posting
        document.state = "D" if document.type == "VendBill" else document.state
    else:
        line.amount = divide(line.amount * rng.randint(50, 150), 100)
    world.touch(document, stamp)
    world.balance(document)
    world.dirty |= {one.order_line.document.id for one in document.lines if one.order_line}


def delete(world: World, rng: random.Random, stamp: int) -> None:
    found = [one for kind in ("VendBill", "Journal") for one in world.of(kind) if one.reversal is None]
    orders = [one for one in world.of("PurchOrd") if not one.bills and not any(line.received for line in one.lines)]
    chosen = orders if rng.random() < 0.4 and orders else found
    if chosen:
        world.delete(rng.choice(chosen), stamp)


MOVES: tuple[tuple[Move, float], ...] = (
    (approve_order, 0.5),
    (receive, 0.5),
    (bill, 0.9),
    (bill, 0.6),
    (approve_bill, 0.35),
    (pay, 0.5),
    (close_line, 0.08),
    (change_order, 0.15),
    (journal, 0.35),
    (reverse, 0.05),
    (credit, 0.08),
    (edit, 0.1),
    (delete, 0.08),
)
