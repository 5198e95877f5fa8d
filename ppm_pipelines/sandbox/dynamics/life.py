"""What happens in the simulated company: ordering, invoicing, correcting, cancelling; all from a seed.

Belongs here: business steps. Does not belong here: how documents are shown or summed.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from ppm_pipelines.sandbox.company import DIGITS, Company, Project, convert, divide, rate_between

from .world import DAY_MS, Invoice, InvoiceLine, Line, Order, Posting, World

HISTORY_ORDERS = 220
HISTORY_DAYS = 540
TEXTS = (
    "Stahlträger HEB 300|Kabeltrasse Süd|Überprüfung „Trafo 2“|Gerüst & Hebebühne|Beton C30/37|Motor 4 kW (IE3)|"
    'Planungsleistung Größe M|Pump, 3" flange|Schrauben M12 – 1.000 Stück|Kran mieten 🏗️|第2工場 配線|'
    "Line one\nline two|O'Brien's mixer|Prüfprotokoll €/h|Ærodynamik-Studie"
).split("|")
CATEGORIES = ("STEEL", "CIVIL", "ELECTRIC", "SERVICE", "RENTAL")
ACCOUNTS = ("605100", "606200", "610150")
Step = Callable[[World, random.Random, int], None]


def history(world: World, size: float) -> None:
    """Orders and what happened to them, up to the anchor; ``size`` 1 are ``HISTORY_ORDERS``."""
    rng = random.Random(f"dynamics/{world.seed}")
    begin = world.anchor - HISTORY_DAYS * DAY_MS
    count = int(HISTORY_ORDERS * size) * 3
    gap = HISTORY_DAYS * DAY_MS // count
    for number in range(count):
        stamp = world.tick(begin + gap * number)
        if number % 3 == 0:
            new_order(world, rng, stamp)
        else:
            _something(world, rng, stamp)


def business_step(world: World, stamp: int | None = None) -> None:
    """The next step of this seed: the same ones in the same order, whenever they are asked for."""
    world.steps += 1
    rng = random.Random(f"dynamics/{world.seed}/{world.steps}")
    when = world.tick(stamp)
    if rng.random() < 0.4 or not world.orders:
        new_order(world, rng, when)
    else:
        _something(world, rng, when)


def _something(world: World, rng: random.Random, stamp: int) -> None:
    steps, weights = zip(*STEPS, strict=True)
    rng.choices(steps, weights)[0](world, rng, stamp)


# Ordering


def new_order(world: World, rng: random.Random, stamp: int, company: Company | None = None, lines: int = 0) -> Order:
    home = company or rng.choices(world.masters.companies, [40, 20, 14, 10, 8, 8])[0]
    vendor = rng.choice(world.masters.vendors)
    currency = vendor.currency if rng.random() < 0.25 else home.currency
    order = Order(
        home,
        f"PO-{world.next(f'order/{home.code}'):06d}",
        vendor,
        currency,
        rate_between(currency, home.currency),
        stamp // DAY_MS,
        f"00{rng.randint(1000, 9999)}",
        rng.choices(("Confirmed", "Approved", "Draft", "InReview", "Rejected"), (70, 12, 8, 6, 4))[0],
        rng.choice(home.projects) if rng.random() < 0.3 else None,
        modified=stamp,
    )
    for _ in range(lines or rng.randint(1, 4)):
        order.lines.append(_line(world, rng, order, stamp))
    world.orders.append(order)
    world.version += 1
    return order


def _line(world: World, rng: random.Random, order: Order, stamp: int) -> Line:
    project = rng.choice(order.company.projects) if rng.random() < 0.85 else None
    quantity = rng.choice((1, 2, 3, 7, 10, 12))
    amount = divide(quantity * rng.randint(1_500, 90_000) * 10 ** DIGITS[order.currency] * rng.choice((100, 97)), 100)
    # After a discount the amount is no multiple of the quantity any more.
    amount = divide(amount, 3) if rng.random() < 0.3 else amount
    sign = -1 if rng.random() < 0.04 else 1
    return Line(
        order,
        len(order.lines) + 1,
        project,
        rng.choice(project.postable).element if project and rng.random() < 0.7 else "",
        rng.choice(CATEGORIES),
        rng.choice(TEXTS),
        sign * quantity,
        sign * amount,
        f"{order.company.code}-{world.next(f'lot/{order.company.code}'):06d}",
        rng.choice(ACCOUNTS),
        rng.choice(order.company.cost_centres),
        stamp // DAY_MS + rng.randint(10, 120),
        confirmed=rng.random() < 0.5,
        modified=stamp,
    )


# Invoicing


def _invoice_something(world: World, rng: random.Random, stamp: int) -> None:
    order = _chosen(world, rng, lambda one: one.approval in ("Confirmed", "Approved") and any(map(_open, one.lines)))
    if order is not None:
        parts = [(line, _part(rng, line)) for line in order.lines if _open(line) and rng.random() < 0.8]
        invoice(world, rng, order, [part for part in parts if part[1]], stamp)


def _part(rng: random.Random, line: Line) -> int:
    rest = abs(line.quantity - line.invoiced)
    wanted = rest if rng.random() < 0.6 else rng.randint(1, rest)
    if rng.random() < 0.02:
        wanted += 1  # more than was ordered
    return wanted if line.quantity > 0 else -wanted


def invoice(
    world: World, rng: random.Random, order: Order, parts: list[tuple[Line, int]], stamp: int
) -> Invoice | None:
    """Posts it: quantity at the order's price, sometimes at another one; each line becomes a cost of its project."""
    if not parts:
        return None
    code, day = order.company.code, stamp // DAY_MS
    made = Invoice(
        order.company,
        order,
        f"RE-{rng.randint(10_000, 99_999)}",
        f"APIN{world.next(f'voucher/{code}'):07d}",
        day,
        day + rng.choice((14, 30, 60)),
        stamp,
    )
    for line, quantity in parts:
        price = rng.choice((100, 100, 100, 104, 92))
        worth = abs(line.amount) * quantity * price
        amount = divide(worth, abs(line.quantity) * 100)
        own = InvoiceLine(made, line, quantity, amount, stamp)
        made.lines.append(own)
        line.invoices.append(own)
        line.modified = stamp
        _post_cost(world, rng, own)
    world.invoices.append(made)
    return made


def _post_cost(world: World, rng: random.Random, own: InvoiceLine) -> None:
    line, made = own.line, own.invoice
    if line.project is None or line.broken:
        return
    code = made.company.code
    kind = "Item" if line.category in ("STEEL", "ELECTRIC") else "Cost"
    amount = convert(own.amount, line.order.rate, line.order.currency, made.company.currency)
    transaction = f"{code}_{world.next(f'transaction/{code}'):08d}"
    common = (line.project, line.activity, line.category)
    world.post(
        Posting(
            made.company, world.next("entry"), transaction, made.voucher, *common, amount, own.quantity, kind,
            "PurchaseOrder", "ProjCost", "Cost", made.day, own.stamp, line.account, line.cost_centre, line.lot,
            paid=rng.random() < 0.3,
        )
    )  # fmt: skip
    if rng.random() < 0.3:  # what it will be sold for shares its number
        world.post(
            Posting(
                made.company, world.next("entry"), transaction, made.voucher, *common, -amount * 2, own.quantity, kind,
                "PurchaseOrder", "ProjTurnover", "Sales", made.day, own.stamp, "401100", line.cost_centre, line.lot,
            )
        )  # fmt: skip


def _credit_something(world: World, rng: random.Random, stamp: int) -> None:
    line = _chosen_line(world, rng, lambda one: one.invoiced > 0 and not one.ended)
    if line is not None:
        invoice(world, rng, line.order, [(line, -1)], stamp)


# Work and corrections


def _work_hours(world: World, rng: random.Random, stamp: int) -> None:
    """An hour's cost, and its counterpart, under one transaction; the posting may be dated some days back."""
    project = rng.choice(world.masters.projects)
    code, hours = project.company.code, rng.randint(1, 9)
    amount = hours * rng.randint(45, 140) * 10 ** DIGITS[project.company.currency]
    transaction, voucher = (f"{code}_{world.next(f'{name}/{code}'):08d}" for name in ("transaction", "hours"))
    day = stamp // DAY_MS - rng.randint(0, 6)
    for posting_type, sign, account in (("ProjCost", 1, "621000"), ("ProjPayrollAllocation", -1, "629900")):
        world.post(
            Posting(
                project.company, world.next("entry"), transaction, f"H{voucher}", project, "", "LABOUR", sign * amount,
                hours, "Hour", "Timesheet", posting_type, "Cost", day, stamp, account, project.company.cost_centres[0],
            )
        )  # fmt: skip


def _adjust(world: World, rng: random.Random, stamp: int) -> None:
    """Takes a cost back with the opposite sign, under a new number that names the old one."""
    taken = {posting.adjusts for posting in world.postings}
    chosen = [
        one for one in world.postings[-200:]
        if one.posting_type == "ProjCost" and not one.adjusts and one.transaction not in taken and one.project
    ]  # fmt: skip
    if not chosen:
        return
    old = rng.choice(chosen)
    code = old.company.code
    world.post(
        Posting(
            old.company, world.next("entry"), f"{code}_{world.next(f'transaction/{code}'):08d}",
            f"ADJ{world.next(f'adjustment/{code}'):06d}", old.project, old.activity, old.category, -old.amount,
            -old.quantity, old.kind, "Adjustment", "ProjCost", "Cost", stamp // DAY_MS, stamp, old.account,
            old.cost_centre, "", old.transaction,
        )
    )  # fmt: skip


def _accrue(world: World, rng: random.Random, stamp: int) -> None:
    """Work in progress: a posting on a project that is no cost."""
    project: Project = rng.choice(world.masters.projects)
    code = project.company.code
    world.post(
        Posting(
            project.company, world.next("entry"), f"{code}_{world.next(f'transaction/{code}'):08d}",
            f"WIP{world.next(f'accrual/{code}'):06d}", project, "", "FEE", 10 ** (3 + DIGITS[project.company.currency]),
            0, "WIP", "PostEstimate", "ProjWIPCostvalue", "Cost", stamp // DAY_MS, stamp, "151000",
            project.company.cost_centres[0],
        )
    )  # fmt: skip


# Changes of orders


def _change(world: World, rng: random.Random, stamp: int) -> None:
    line = _chosen_line(world, rng, _untouched)
    if line is not None:
        line.amount += divide(line.amount, 10) or 1
        line.delivery += 7
        line.modified = stamp


def _approve(world: World, rng: random.Random, stamp: int) -> None:
    """The header alone changes: no line tells it."""
    order = _chosen(world, rng, lambda one: one.approval in ("Draft", "InReview"))
    if order is not None:
        order.approval, order.modified = rng.choice(("Confirmed", "Confirmed", "Rejected")), stamp


def _cancel(world: World, rng: random.Random, stamp: int) -> None:
    line = _chosen_line(world, rng, _untouched)
    if line is not None:
        line.cancelled, line.modified = True, stamp


def _mark_deleted(world: World, rng: random.Random, stamp: int) -> None:
    line = _chosen_line(world, rng, lambda one: _open(one) and one.order.approval == "Confirmed")
    if line is not None:
        line.deleted, line.modified = True, stamp


def _finalize(world: World, rng: random.Random, stamp: int) -> None:
    order = _chosen(world, rng, lambda one: one.approval == "Confirmed" and any(line.invoices for line in one.lines))
    if order is not None:
        order.approval, order.modified = "Finalized", stamp
        for line in order.lines:
            line.modified = stamp


def _receive(world: World, rng: random.Random, stamp: int) -> None:  # noqa: ARG001 - a receipt tells no line's change
    """A receipt: nothing is relieved by it (DOMAIN R2)."""
    line = _chosen_line(world, rng, lambda one: _open(one) and abs(one.received) < abs(one.quantity))
    if line is not None:
        line.received = line.quantity


def _open(line: Line) -> bool:
    return not line.ended and not line.in_full and not line.broken and line.order.approval != "Finalized"


def _untouched(line: Line) -> bool:
    return _open(line) and not line.invoices


def _chosen(world: World, rng: random.Random, fits: Callable[[Order], bool]) -> Order | None:
    found = [order for order in world.orders[-400:] if fits(order)]
    return rng.choice(found) if found else None


def _chosen_line(world: World, rng: random.Random, fits: Callable[[Line], bool]) -> Line | None:
    found = [line for order in world.orders[-400:] for line in order.lines if fits(line)]
    return rng.choice(found) if found else None


STEPS: tuple[tuple[Step, int], ...] = (
    (_invoice_something, 50),
    (_work_hours, 14),
    (_receive, 8),
    (_change, 6),
    (_credit_something, 4),
    (_adjust, 5),
    (_approve, 4),
    (_cancel, 3),
    (_mark_deleted, 2),
    (_finalize, 2),
    (_accrue, 2),
)
