"""The life of an order: created, released, received, invoiced, paid; now and then amended, credited, cancelled.

Belongs here: which move follows which, driven by ``random.Random``. Does not belong here: keeping what came of it.
A receipt or an invoice leaves the order's change stamp alone; flags, releases and cancellations set it (sap.md 4).
"""

from __future__ import annotations

import gc
import math
import random
from collections.abc import Callable
from typing import NamedTuple

from .company import DIGITS, IN_EURO, RATE_ONE, WEIGHTS, Company, Wbs, divide, rate_between
from .documents import PAYABLE, WHOLE, Assignment, Document, Entry, Item, Order, portion
from .tenant import Tenant, days

ACCOUNTS = ("0065100000", "0061010000", "0052201000", "0063005000")
TEXTS = (
    "Stahlträger HEB 300|Kabel NYY-J 5x16|Planungsleistung Phase 2|Kranmiete Woche|Pumpe Ø 200|Beratung “SAP PS” 🚀|"
    "Beton\nfertigteile; Zeile 2|Schaltschrank|Montageleistung|Gerüst m²|Lizenz CAD|Transport Überlänge|Prüfgebühr TÜV|"
    'O\'Brien\'s server rack|Rohr 3" "DN 80"|Safety training|Ventil DN 80|Fenster & Türen|Software support|'
    "Gutachten Baugrund"
).split("|")
USERS = ("CB9980000026", "MUELLERK", "TANAKA", "OBRIEN", "ALRASHID")
REQUESTERS = ("K. Müller", "J. Größl", "S. Tanaka", "L. O'Brien", "H. Al-Rashid", "")
TAX_PERCENT = {"EUR": 19, "CHF": 8, "GBP": 20, "JPY": 10}
Move = Callable[[Tenant, Item, int, random.Random], None]


def new_order(
    tenant: Tenant, rng: random.Random, stamp: int, count: int, *, company: Company | None = None, plain: bool = False
) -> Order:
    """An order of ``count`` lines; a ``plain`` one is released and its first line counts for a project."""
    company = company or rng.choices(tenant.masters.companies, WEIGHTS)[0]
    vendors = tenant.masters.vendors
    vendor = rng.choice([one for one in vendors if one.currency == company.currency] if rng.random() < 0.7 else vendors)
    currency = company.currency if rng.random() < 0.7 else vendor.currency
    drift = 1 if currency == company.currency else rng.uniform(0.95, 1.05)
    rate = max(1, round(rate_between(currency, company.currency) * drift))
    changed = None if not plain and stamp < tenant.anchor - days(300) and rng.random() < 0.03 else stamp
    order = Order(0, company, vendor, currency, rate, stamp, changed, rng.choice(USERS))
    if not plain and rng.random() < 0.08:
        order.status, order.released = "03", False
    elif rng.random() < 0.3:
        order.status = "05"
    for position in range(1, count + 1):
        order.items.append(_line(rng, order, position * 10, plain and position == 1))
    tenant.add_order(order)
    tenant.open_items.extend(order.items)
    return order


def _line(rng: random.Random, order: Order, number: int, plain: bool) -> Item:
    value = math.exp(rng.uniform(5.3, 11.0)) / IN_EURO[order.currency]
    units = rng.choice((1, 2, 5, 10, 24, 100, 500))
    per = 100 if units >= 100 and rng.random() < 0.5 else 1
    price = max(per, round(value * per / units * 10 ** DIGITS[order.currency]))
    net = divide(price * units, per)
    item = Item(
        order, number, rng.choice(TEXTS), units * WHOLE, "PC" if units > 1 else "AU", price, per, net,
        f"L{rng.randint(1, 9):03d}", order.day + rng.randint(7, 120), rng.choice(REQUESTERS),
    )  # fmt: skip
    _kind(rng, item)
    if not plain:
        _peculiarity(rng, item)
    _assign(rng, item, plain)
    return item


def _kind(rng: random.Random, item: Item) -> None:
    """Material, service, without receipt, with a receipt that is not valuated, or a limit."""
    kind = rng.random()
    if kind < 0.55:
        return
    if kind < 0.75:
        item.product_type, item.unit = "2", "H"
        item.receipt = rng.random() < 0.5
    elif kind < 0.85:
        item.non_valuated = True
        item.complete = rng.random() < 0.2  # says nothing here: no valuated receipt relieves this line
    elif kind < 0.95:
        item.receipt = False
    else:
        item.category, item.product_type, item.receipt, item.unit = "A", "2", False, ""
        item.quantity, item.price, item.per = WHOLE, item.net, 1
        item.hidden_net = rng.random() < 0.5


def _peculiarity(rng: random.Random, item: Item) -> None:
    roll = rng.random()
    if roll < 0.02:
        item.returns = True
    elif roll < 0.035 and not item.limit:
        item.free, item.price, item.net, item.done = True, 0, 0, True
    elif roll < 0.042:
        item.statistical, item.done = True, True


def _assign(rng: random.Random, item: Item, plain: bool) -> None:
    """One cost object, or the line split over two or three; a split by thirds shows 33.3 % each."""
    company = item.order.company
    account = rng.choice(ACCOUNTS)
    roll = rng.random()
    if not plain and roll < 0.12:
        item.assignments.append(_whole(item, 1, None, rng.choice(company.cost_centres), account))
        return
    project = rng.choice(company.projects)
    elements = project.postable
    if item.hidden_net or item.free or plain or roll < 0.87 or len(elements) < 3:
        regular = [one for one in elements if not one.statistical] if plain else elements
        item.assignments.append(_whole(item, 1, rng.choice(regular), "", account))
        if rng.random() < 0.012 and not plain and not item.hidden_net:
            moved = item.assignments[0]
            moved.deleted = True
            item.assignments.append(_whole(item, 2, rng.choice(elements), "", account))
        return
    chosen: list[Wbs | None] = list(rng.sample(elements, rng.choice((2, 3))))
    if rng.random() < 0.15:
        chosen[-1] = None
    _split(rng, item, chosen, account)


def _whole(item: Item, number: int, wbs: Wbs | None, cost_centre: str, account: str) -> Assignment:
    return Assignment(item, number, wbs, cost_centre, account, 1000, item.net, item.quantity)


def _split(rng: random.Random, item: Item, chosen: list[Wbs | None], account: str) -> None:
    count = len(chosen)
    percents = [333] * 3 if count == 3 else (lambda first: [first, 1000 - first])(rng.choice((250, 400, 500, 600)))
    net_left, quantity_left = item.net, item.quantity
    for number, (wbs, percent) in enumerate(zip(chosen, percents, strict=True), 1):
        last = number == count
        net = net_left if last else divide(item.net, 3) if count == 3 else divide(item.net * percent, 1000)
        quantity = quantity_left if last else divide(item.quantity * percent, 1000)
        net_left, quantity_left = net_left - net, quantity_left - quantity
        cost_centre = "" if wbs else rng.choice(item.order.company.cost_centres)
        item.assignments.append(Assignment(item, number, wbs, cost_centre, account, percent, net, quantity))


def next_move(item: Item, rng: random.Random) -> Move | None:
    """What happens next to the line; None when nothing does any more."""
    order = item.order
    if item.done or item.code in ("L", "X") or order.status == "08":
        return None
    roll = rng.random()
    if not order.released:
        return _reject if roll < 0.1 else _release
    moved = item.received if item.by_receipt else item.invoiced
    if not moved and roll < 0.08 and item.mishaps < 3:
        return _cancel if roll < 0.02 else _block if roll < 0.03 else _amend if roll < 0.06 else _park
    if item.by_receipt:
        return _receiving(item, roll)
    if item.invoiced < item.quantity and not item.final:
        return _final if item.invoiced and roll < 0.08 else _invoice
    return _afterwards(item, roll)


def _receiving(item: Item, roll: float) -> Move | None:
    if item.received < item.quantity and not item.complete:
        if item.received and roll < 0.06:
            return _complete
        return _invoice if item.received > item.invoiced and roll < 0.5 else _receive
    return _invoice if item.invoiced < item.received else _afterwards(item, roll)


def _afterwards(item: Item, roll: float) -> Move | None:
    if item.mishaps < 3:
        for limit, move in ((0.05, _credit), (0.10, _reverse), (0.15, _final), (0.55, _pay)):
            if roll < limit:
                return move
    return None


def _release(tenant: Tenant, item: Item, stamp: int, _: random.Random) -> None:
    item.order.released, item.order.status = True, "05"
    tenant.touch(item.order, stamp)


def _reject(tenant: Tenant, item: Item, stamp: int, _: random.Random) -> None:
    item.order.status = "08"
    tenant.touch(item.order, stamp)


def _cancel(tenant: Tenant, item: Item, stamp: int, rng: random.Random) -> None:
    item.code = "X" if rng.random() < 0.2 else "L"
    if all(one.code in ("L", "X") for one in item.order.items):
        item.order.code = "L"
    tenant.touch(item.order, stamp)


def _block(tenant: Tenant, item: Item, stamp: int, _: random.Random) -> None:
    item.code, item.done = "S", True
    tenant.touch(item.order, stamp)


def _amend(tenant: Tenant, item: Item, stamp: int, rng: random.Random) -> None:
    """Another price before anything was delivered: the order value changes, the split stays in proportion."""
    item.mishaps += 1
    factor = rng.randint(85, 125)
    old, item.price = item.net, max(item.per, divide(item.price * factor, 100))
    item.net = divide(item.price * item.quantity, item.per * WHOLE)
    left = item.net
    for one in item.live[:-1]:
        one.net = divide(one.net * item.net, old) if old else 0
        left -= one.net
    item.live[-1].net = left
    tenant.touch(item.order, stamp)


def _complete(tenant: Tenant, item: Item, stamp: int, _: random.Random) -> None:
    item.complete = True
    tenant.touch(item.order, stamp)


def _final(tenant: Tenant, item: Item, stamp: int, _: random.Random) -> None:
    item.final, item.done = True, True
    tenant.touch(item.order, stamp)


def _drifted(item: Item, rng: random.Random) -> int:
    order = item.order
    return order.rate if order.rate == RATE_ONE else max(1, round(order.rate * rng.uniform(0.98, 1.02)))


def _step(rng: random.Random, done: int, most: int) -> int:
    """How much of the rest comes this time: often all of it, else whole units."""
    rest = most - done
    if rest <= WHOLE or rng.random() < 0.5:
        return rest
    return rng.randint(1, rest // WHOLE) * WHOLE


def _receive(tenant: Tenant, item: Item, stamp: int, rng: random.Random) -> None:
    quantity = _step(rng, item.received, item.quantity)
    shares = portion(item, item.received, item.received + quantity)
    item.received += quantity
    order = item.order
    document = Document(
        order.company, "WE", stamp, stamp, order.currency, _drifted(item, rng), order.vendor, order, item, shares,
        quantity=quantity * item.sign,
    )  # fmt: skip
    tenant.post(document)


def _invoice(tenant: Tenant, item: Item, stamp: int, rng: random.Random) -> None:
    document = _supplier_invoice(tenant, item, stamp, rng)
    item.invoiced += abs(document.quantity)
    tenant.post(document)
    if document.final:
        _final(tenant, item, stamp, rng)


def _park(tenant: Tenant, item: Item, stamp: int, rng: random.Random) -> None:
    item.mishaps += 1
    document = _supplier_invoice(tenant, item, stamp, rng)
    document.final = False
    tenant.park(document)


def _supplier_invoice(tenant: Tenant, item: Item, stamp: int, rng: random.Random) -> Document:
    """Mostly at order price; now and then dearer or cheaper, with delivery costs, or marked as the last one."""
    ceiling = item.received if item.by_receipt and item.received > item.invoiced else item.quantity
    quantity = _step(rng, item.invoiced, ceiling)
    shares = portion(item, item.invoiced, item.invoiced + quantity)
    extras: tuple[int, ...] = ()
    if rng.random() < 0.15:
        factor = rng.choice((-60, -25, 30, 80))
        extras = tuple(divide(amount * factor, 1000) for _, amount in shares)
    order = item.order
    net = sum(amount for _, amount in shares) + sum(extras)
    freight = abs(divide(net, 40)) if rng.random() < 0.06 and not item.returns else 0
    return Document(
        order.company, "KG" if item.returns else "RE", stamp, stamp, order.currency, _drifted(item, rng),
        order.vendor, order, item, shares, extras, quantity=quantity * item.sign, freight=freight,
        tax=divide((net + freight) * TAX_PERCENT.get(order.company.currency, 0), 100), credit=item.returns,
        final=quantity < item.quantity - item.invoiced and rng.random() < 0.04,
        reference=f"R{rng.randint(10000, 99999)}/{tenant.seed % 100:02d}",
    )  # fmt: skip


def _credit(tenant: Tenant, item: Item, stamp: int, rng: random.Random) -> None:
    """A credit memo: goods or hours taken back, or (a subsequent credit) only a lower price."""
    item.mishaps += 1
    if item.returns or not item.invoiced:
        return
    subsequent = rng.random() < 0.5
    back = item.invoiced if item.invoiced <= WHOLE else WHOLE
    shares = portion(item, item.invoiced, item.invoiced - back)
    if subsequent:
        shares = tuple((one, divide(amount, 10)) for one, amount in shares)
    else:
        item.invoiced -= back
        item.done = True
    order = item.order
    net = sum(amount for _, amount in shares)
    document = Document(
        order.company, "KG", stamp, stamp, order.currency, _drifted(item, rng), order.vendor, order, item, shares,
        quantity=0 if subsequent else -back, tax=divide(net * TAX_PERCENT.get(order.company.currency, 0), 100),
        credit=True, subsequent=subsequent, reference=f"G{rng.randint(10000, 99999)}",
    )  # fmt: skip
    tenant.post(document)


def _reverse(tenant: Tenant, item: Item, stamp: int, _: random.Random) -> None:
    """Takes back the line's last invoice or receipt; what it did to the quantities is undone."""
    item.mishaps += 1
    own = [one for one in item.order.documents if one.item is item and not one.parked]
    last = own[-1] if own else None
    if last is None or last.reverses or last.subsequent or last.final or last.cleared or last.credit != item.returns:
        return
    back = Document(
        last.company, last.type, stamp, stamp, last.currency, last.rate, last.vendor, last.order, item,
        tuple((one, -amount) for one, amount in last.shares), tuple(-extra for extra in last.extras),
        quantity=-last.quantity, freight=-last.freight, tax=-last.tax, credit=not last.credit,
        reference=last.reference, reverses=last,
    )  # fmt: skip
    tenant.post(back)
    last.reversed_by = back
    tenant.change(last, stamp)
    if last.type == "WE":
        item.received -= abs(last.quantity)
    else:
        item.invoiced -= abs(last.quantity)


def _pay(tenant: Tenant, item: Item, stamp: int, _: random.Random) -> None:
    item.done = True
    order = item.order
    for one in order.documents:
        if one.item is item and one.type == "RE" and not (one.parked or one.cleared or one.reverses or one.reversed_by):
            paid = Document(
                order.company, "KZ", stamp, stamp, one.currency, one.rate, order.vendor,
                entries=(Entry(None, "", PAYABLE, one.gross),), text="Zahlung",
            )  # fmt: skip
            tenant.post(paid)
            one.cleared = stamp
            tenant.change(one, stamp)
            return


def posting(tenant: Tenant, rng: random.Random, stamp: int) -> Document:
    """A time sheet or a manual posting to a WBS element: actual cost without an order."""
    company = rng.choices(tenant.masters.companies, WEIGHTS)[0]
    wbs = rng.choice(rng.choice(company.projects).postable)
    amount = round(math.exp(rng.uniform(4.5, 8.5)) / IN_EURO[company.currency] * 10 ** DIGITS[company.currency])
    hours = rng.random() < 0.7
    account = "0094301000" if hours else rng.choice(ACCOUNTS)
    entries = (Entry(wbs, "", account, amount if rng.random() < 0.95 else -amount),)
    document = Document(
        company, "CO" if hours else "SA", stamp, stamp, company.currency, RATE_ONE, entries=entries,
        text="Stunden CATS" if hours else "Umlage Bürokosten",
    )  # fmt: skip
    return tenant.post(document)


def history(tenant: Tenant) -> None:
    """Two years up to the tenant's anchor, oldest order first; ids and amounts depend on the seed only."""
    gc.disable()  # nothing made here is garbage; looking for it would take longer than the rest
    try:
        _write_history(tenant, random.Random(tenant.seed))
        gc.freeze()
    finally:
        gc.enable()


def _write_history(tenant: Tenant, rng: random.Random) -> None:
    span = days(730)
    start = tenant.anchor - span
    while tenant.order_lines < tenant.lines:
        count = min(rng.choice((1, 1, 2, 2, 3, 5)), tenant.lines - tenant.order_lines)
        order = new_order(tenant, rng, start + span * tenant.order_lines // (tenant.lines + 1), count)
        for item in order.items:
            _live(tenant, item, rng)
        if rng.random() < 0.4:
            posting(tenant, rng, order.created + 1)
    tenant.open_items = [item for item in tenant.open_items if not item.done and item.code not in ("L", "X")]
    tenant.close_history()


def _live(tenant: Tenant, item: Item, rng: random.Random) -> None:
    """The line's moves until its next one would lie after the anchor; every sixth line drags on."""
    stamp = item.order.created
    patience = 7 if rng.random() < 0.18 else 1
    if not item.order.released and rng.random() < 0.3:
        patience = 20
    while True:
        stamp += days(rng.uniform(2, 28) * patience)
        if stamp >= tenant.anchor:
            return
        move = next_move(item, rng)
        if move is None:
            item.done = True
            return
        move(tenant, item, stamp, rng)


class Step(NamedTuple):
    """What a business step did: its new order, and the lines that moved (``order/line:move``)."""

    order: Order
    changed: list[str]


def business_step(tenant: Tenant, stamp: int | None = None) -> Step:
    """One step of daily business: a new order for a project, and something happens to a few open lines.

    The same step of the same seed does the same.
    """
    rng = random.Random(f"{tenant.seed}/{tenant.steps}")
    tenant.steps += 1
    order = new_order(tenant, rng, tenant.tick(stamp), rng.choice((1, 1, 2, 3)), plain=True)
    changed: list[str] = []
    for _ in range(rng.randint(2, 5)):
        item = _pick(tenant, rng)
        if item is None:
            break
        move = next_move(item, rng)
        if move is None:
            item.done = True
            continue
        move(tenant, item, tenant.tick(stamp), rng)
        changed.append(f"{item.order.number}/{item.number:05d}:{move.__name__.strip('_')}")
    if rng.random() < 0.5:
        posting(tenant, rng, tenant.tick(stamp))
    return Step(order, changed)


def _pick(tenant: Tenant, rng: random.Random) -> Item | None:
    """A random line that is not done; done ones are dropped on the way."""
    lines = tenant.open_items
    while lines:
        place = rng.randrange(len(lines))
        item = lines[place]
        if not item.done and item.code not in ("L", "X"):
            return item
        lines[place] = lines[-1]
        lines.pop()
    return None
