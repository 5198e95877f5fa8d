"""The tenant's own books: what is ordered, relieved and open, and what was posted, by DOMAIN's decided rules for SAP.

Belongs here: the figures an outsider must arrive at, computed from the documents and from nothing else.
Does not belong here: how the services show documents. Money is told as text in its own currency.
Only what belongs to a project is told: assignments and ledger 0L lines with a WBS element. Records that the tenant
delivers broken (``faults.py``) are left out, as they must be quarantined.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .company import decimal_text
from .documents import Assignment, Document, Item, Order, lines
from .tenant import Tenant, calendar


class Position(NamedTuple):
    """One account assignment in document currency, signed, in minor units."""

    assignment: Assignment
    ordered: int
    relieved: int
    open: int
    counts: bool
    closed_reason: str | None


def in_scope(assignment: Assignment) -> bool:
    return assignment.wbs is not None and assignment.wbs.known and assignment.item.broken is None


def positions(order: Order, *, v2: bool = False) -> Iterator[Position]:
    """Every assignment of the order that belongs to a project; ``v2``: as far as the older service tells it."""
    for item in order.items:
        documents = [one for one in order.documents if one.item is item and not one.parked]
        relieved = _relieved(item, documents)
        for assignment in item.assignments:
            if in_scope(assignment):
                taken = relieved.get(assignment.number, 0)
                yield _position(assignment, taken, _invoiced_in_full(item, documents), v2=v2)


def _relieved(item: Item, documents: list[Document]) -> dict[int, int]:
    """Per assignment number: receipts at order price, or invoices at their value without delivery costs."""
    sums: dict[int, int] = {}
    for document in documents:
        if (document.type == "WE") is not item.by_receipt:
            continue
        extras = () if item.by_receipt else document.extras
        for place, (assignment, amount) in enumerate(document.shares):
            extra = extras[place] if extras else 0
            sums[assignment.number] = sums.get(assignment.number, 0) + amount + extra
    return sums


def _invoiced_in_full(item: Item, documents: list[Document]) -> bool:
    """A line with a quantity, relieved by invoices, whose whole quantity is invoiced (credit memos taken off)."""
    if item.by_receipt or item.limit:
        return False
    invoiced = sum(one.quantity for one in documents if one.type in ("RE", "KG"))
    return invoiced * item.sign >= item.quantity


def _position(assignment: Assignment, relieved: int, in_full: bool, *, v2: bool) -> Position:
    item = assignment.item
    cancelled = item.code in ("L", "X") or item.order.code in ("L", "X") or assignment.deleted
    ordered = 0 if cancelled or item.free else item.sign * assignment.net
    rest = ordered - relieved
    open_amount = 0 if rest * item.sign < 0 else rest
    reason = _closed_reason(item, cancelled)
    if reason or in_full:
        open_amount = 0
    return Position(assignment, ordered, relieved, open_amount, _counts(assignment, v2=v2), reason)


def _closed_reason(item: Item, cancelled: bool) -> str | None:
    if item.order.vanished:
        return "vanished"  # whatever ended it before: it is archived now
    if cancelled:
        return "cancelled"
    if item.final or (item.complete and item.by_receipt):
        return "completed"
    return None


def _counts(assignment: Assignment, *, v2: bool) -> bool:
    """Statistical items do not count; the older service does not show that they are."""
    item = assignment.item
    statistical = (item.statistical and not v2) or (assignment.wbs is not None and assignment.wbs.statistical)
    return item.order.released and item.order.status not in ("03", "08") and not statistical and not item.free


def source_key(assignment: Assignment) -> str:
    item = assignment.item
    return f"{item.order.number}/{item.number:05d}/{assignment.number:02d}"


def books(tenant: Tenant, *, v2: bool = False) -> dict[str, list[dict[str, Any]]]:
    """All commitments, actuals, and totals per project and currency (of what counts).

    ``v2``: as a reader of the older service must have them (sap.md trap 3).
    """
    totals: dict[tuple[str, str], dict[str, int]] = {}
    commitments = [
        _commitment(one, totals) for order in (*tenant.orders, *tenant.gone) for one in positions(order, v2=v2)
    ]
    actuals = [row for document in tenant.documents for row in _actuals(document, totals)]
    return {"commitments": commitments, "actuals": actuals, "totals": _told(totals)}


def _commitment(position: Position, totals: dict[tuple[str, str], dict[str, int]]) -> dict[str, Any]:
    assignment = position.assignment
    order, wbs = assignment.item.order, assignment.wbs
    assert wbs is not None  # noqa: S101 - in_scope has said so
    amounts = {"ordered": position.ordered, "relieved": position.relieved, "open": position.open}
    if position.counts:
        _add(totals, wbs.project.number, order.currency, amounts)
    return {
        "source_key": source_key(assignment),
        "company_code": order.company.code,
        "project_nr": wbs.project.number,
        "wbs_element": wbs.element,
        "currency": order.currency,
        **{name: decimal_text(amount, order.currency) for name, amount in amounts.items()},
        "counts": position.counts,
        "closed_reason": position.closed_reason,
        "text": assignment.item.text[:40],
    }


def _actuals(document: Document, totals: dict[tuple[str, str], dict[str, int]]) -> Iterator[dict[str, Any]]:
    company = document.company
    for line in lines(document):
        if line.wbs is None or not line.wbs.known:
            continue
        number = f"{document.number:010d}/{line.number:06d}"
        if not line.wbs.statistical:
            _add(totals, line.wbs.project.number, document.currency, {"actual": line.amount})
        yield {
            "source_key": f"{company.code}/{calendar(document.day).year}/{number}",
            "company_code": company.code,
            "project_nr": line.wbs.project.number,
            "wbs_element": line.wbs.element,
            "currency": document.currency,
            "amount": decimal_text(line.amount, document.currency),
            "company_currency": company.currency,
            "company_amount": decimal_text(line.company_amount, company.currency),
            "counts": not line.wbs.statistical,
            "text": document.text or (document.item.text[:50] if document.item else ""),
        }


def _add(totals: dict[tuple[str, str], dict[str, int]], project: str, currency: str, amounts: dict[str, int]) -> None:
    own = totals.setdefault((project, currency), {"ordered": 0, "relieved": 0, "open": 0, "actual": 0})
    for name, amount in amounts.items():
        own[name] += amount


def _told(totals: dict[tuple[str, str], dict[str, int]]) -> list[dict[str, Any]]:
    return [
        {"project_nr": project, "currency": currency}
        | {name: decimal_text(amount, currency) for name, amount in amounts.items()}
        for (project, currency), amounts in sorted(totals.items())
    ]


def budgets(tenant: Tenant) -> list[dict[str, Any]]:
    """Budgets in the project's currency, per WBS element or for the whole project; no OData service has them."""
    return [
        {
            "project_nr": project.number,
            "company_code": project.company.code,
            "wbs_element": element,
            "amount": decimal_text(amount, project.company.currency),
            "currency": project.company.currency,
        }
        for project in tenant.masters.projects
        for element, amount in project.budgets
    ]
