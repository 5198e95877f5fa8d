"""Things that go wrong on request: answers that are broken, and orders that no one can use.

Belongs here: the faults by name. Does not belong here: what a reader should make of them.
Faults of the answer count down with each data request; faults of the data change the tenant until it is reset.
"""

from __future__ import annotations

import random
import uuid
from typing import Any

from starlette.responses import JSONResponse, Response

from .auth import invalid_token, login_page, logon_failed
from .books import in_scope, positions, source_key
from .company import DIGITS, RATE_ONE, Company, Project, Wbs, decimal_text
from .documents import Document, Entry, Item, Order
from .faulty import FOREIGN, retry_after
from .life import new_order
from .tenant import Tenant, calendar

INSTEAD = ("html_login", "http_503", "http_429", "http_429_date", "unauthorized", "token_expired")
SPOILED = ("truncated_json", "foreign_next_link", "slow")
SPOILED_ORDERS = (
    "order_without_project", "unknown_wbs", "unknown_project", "unknown_currency", "bad_amount", "bad_date",
)  # fmt: skip
IN_DATA = (*SPOILED_ORDERS, "posting_unknown_wbs", "duplicate_key", "vanish", "unstamped", "new_unstamped")
# How the tenant is, until told otherwise: without the V4 service or the operational items, or on an older release.
SWITCHES = ("no_v4", "no_operational_items", "old_release", "german_user")
KINDS = (*INSTEAD, *SPOILED, *SWITCHES)


def instead(kind: str, seconds: float) -> Response:
    """The answer that comes instead of data."""
    if kind == "html_login":
        return login_page()
    if kind == "unauthorized":
        return logon_failed()
    if kind == "token_expired":
        return invalid_token()
    if kind.startswith("http_429"):
        told = {"fault": {"faultstring": "Rate limit quota violation"}}
        return JSONResponse(told, 429, headers=retry_after(kind, seconds))
    return Response("Service Unavailable", 503, media_type="text/plain")


def with_foreign_link(document: dict[str, Any]) -> dict[str, Any]:
    """The same page, with a next link to another host."""
    if "d" in document:
        return {"d": {**document["d"], "__next": FOREIGN}}
    return {**document, "@odata.nextLink": FOREIGN}


def in_data(tenant: Tenant, kind: str, times: int) -> list[dict[str, Any]]:
    """Makes ``times`` faulty orders now; answers their keys and amounts."""
    if kind == "vanish":
        return _vanish(tenant, times)
    if kind == "duplicate_key":
        return _double(tenant, times)
    if kind == "posting_unknown_wbs":
        return [_stray_posting(tenant) for _ in range(times)]
    if kind in ("unstamped", "new_unstamped"):
        return _unstamp(tenant, times, new=kind == "new_unstamped")
    return [_spoil(tenant, kind) for _ in range(times)]


def _told(order: Order) -> list[dict[str, Any]]:
    return [
        {
            "key": source_key(assignment),
            "purchase_order": str(order.number),
            "project_nr": assignment.wbs.project.number if assignment.wbs else None,
            "wbs_element": assignment.wbs.element if assignment.wbs else None,
            "currency": order.currency,
            "amount": decimal_text(item.sign * assignment.net, order.currency),
        }
        for item in order.items
        for assignment in item.assignments
    ]


def _spoil(tenant: Tenant, kind: str) -> dict[str, Any]:
    """A new order of one line that nobody can take as it is; nothing ever happens to it."""
    rng = random.Random(f"{tenant.seed}/{kind}/{len(tenant.orders)}")
    order = new_order(tenant, rng, tenant.tick(), 1, plain=True)
    item = order.items[0]
    item.done, item.broken = True, kind
    assignment = item.assignments[0]
    if kind == "order_without_project":
        assignment.wbs = None
    elif kind == "unknown_wbs":
        assignment.wbs = _unknown(order.company)
    elif kind == "unknown_project":
        assignment.wbs = _stray(tenant, order.company)
    elif kind == "unknown_currency":
        order.currency = "XXQ"
    tenant.version += 1
    return _told(order)[0]


def _unknown(company: Company) -> Wbs:
    """A WBS element that the project service does not know."""
    project = Project("Z-9999", 99_999_998, "", company, "10", 0, 0, "")
    return Wbs("Z-9999.01", 99_999_999, "", project, None, 1, "", known=False)


def _stray(tenant: Tenant, company: Company) -> Wbs:
    """A WBS element that is listed, of a project that is not: the account may not see it."""
    number = len(tenant.strays) + 1
    rng = random.Random(f"{tenant.seed}/stray/{number}")
    project = Project(f"Z-{8000 + number}", 99_990_000, "", company, "10", 0, 0, _guid(rng))
    element = Wbs(f"{project.number}.01", 99_990_000 + number, "Reserve", project, None, 1, _guid(rng), known=False)
    tenant.strays.append(element)
    return element


def _guid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _stray_posting(tenant: Tenant) -> dict[str, Any]:
    """A manual posting to a WBS element that nobody knows."""
    rng = random.Random(f"{tenant.seed}/posting/{len(tenant.documents)}")
    company = rng.choice(tenant.masters.companies)
    amount = rng.randint(100, 9_999) * 10 ** DIGITS[company.currency]
    stamp = tenant.tick()
    document = tenant.post(
        Document(
            company, "SA", stamp, stamp, company.currency, RATE_ONE,
            entries=(Entry(_unknown(company), "", "0065100000", amount),), text="Umbuchung",
        )
    )  # fmt: skip
    return {
        "key": f"{company.code}/{calendar(document.day).year}/{document.number:010d}/000002",
        "project_nr": None,
        "wbs_element": "Z-9999.01",
        "currency": company.currency,
        "amount": decimal_text(amount, company.currency),
    }


def _open(item: Item) -> bool:
    return any(one.open for one in positions(item.order) if one.assignment.item is item and one.counts)


def _chosen(tenant: Tenant, times: int) -> list[Order]:
    """Orders with an open amount that counts, oldest first."""
    found: list[Order] = []
    for order in tenant.orders:
        if len(found) == times:
            break
        if any(_open(item) for item in order.items) and all(map(in_scope, order.items[0].assignments)):
            found.append(order)
    return found


def _vanish(tenant: Tenant, times: int) -> list[dict[str, Any]]:
    """Orders with an open amount that counts, then any."""
    chosen = dict.fromkeys(_chosen(tenant, times))
    for order in [*chosen, *(one for one in tenant.orders if one not in chosen)][:times]:
        tenant.vanish(order)
    return [row for order in chosen for row in _told(order)]


def _unstamp(tenant: Tenant, times: int, *, new: bool) -> list[dict[str, Any]]:
    """Orders without a change stamp: as from before SAP kept one, or brought in by a migration."""
    if new:
        rng = random.Random(f"{tenant.seed}/unstamped/{len(tenant.orders)}")
        chosen = [new_order(tenant, rng, tenant.tick(), 1, plain=True) for _ in range(times)]
    else:
        chosen = _chosen(tenant, times)
    for order in chosen:
        order.changed = None
    tenant.version += 1
    return [row for order in chosen for row in _told(order)]


def _double(tenant: Tenant, times: int) -> list[dict[str, Any]]:
    chosen = _chosen(tenant, times)
    for order in chosen:
        order.doubled = True
        tenant.touch(order, tenant.tick())
    return [row for order in chosen for row in _told(order)]
