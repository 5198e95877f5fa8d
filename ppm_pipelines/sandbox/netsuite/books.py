"""The account's own books: what is ordered, relieved and open, and what is posted, by DOMAIN's rules for NetSuite.

Belongs here: the figures an outsider must arrive at, from the documents and from nothing else. Does not belong here:
how queries see documents (``tables``). Only what belongs to a project is told; records that are delivered broken
(``faults``) are left out, as they must be quarantined.
"""

from __future__ import annotations

from typing import Any

from ppm_pipelines.sandbox.company import decimal_text

from .model import CLOSED, COST, PENDING, REJECTED, Document, Line, status, still_open
from .world import World

BOOK = 1
Totals = dict[tuple[str, str], dict[str, int]]


def books(world: World) -> dict[str, Any]:
    totals: Totals = {}
    documents = list(world.documents.values())
    orders = [one for document in documents if document.type == "PurchOrd" for one in _orders(document, totals)]
    postings = [one for document in documents if document.posting for one in _postings(document, totals)]
    return {"commitments": orders, "actuals": postings, "totals": _told(totals)}


def in_scope(line: Line) -> bool:
    return line.project is not None and not line.spoiled and not line.document.spoiled and not line.main


def _orders(order: Document, totals: Totals) -> list[dict[str, Any]]:
    counts = status(order) not in (PENDING, REJECTED)
    return [_order_line(line, totals, counts=counts) for line in order.lines if in_scope(line) and not line.tax]


def _order_line(line: Line, totals: Totals, *, counts: bool) -> dict[str, Any]:
    order, rest = line.document, still_open(line)
    amounts = {"ordered": line.amount, "relieved": line.amount - rest, "open": rest}
    if counts:
        _add(totals, line, amounts)
    return {
        "source_key": line.key,
        **_place(line),
        **{name: decimal_text(amount, order.currency) for name, amount in amounts.items()},
        "counts": counts,
        "closed_reason": "completed" if line.closed or status(order) == CLOSED else None,
        "po_number": order.tranid,
    }


def _postings(document: Document, totals: Totals) -> list[dict[str, Any]]:
    lines = [line for line in document.lines if in_scope(line) and line.account.type in COST]
    for line in lines:
        _add(totals, line, {"actual": line.amount})
    return [
        {
            "source_key": f"{line.key}/{BOOK}",
            **_place(line),
            "amount": decimal_text(line.amount, document.currency),
            "company_currency": document.company.currency,
            "company_amount": decimal_text(line.company_amount, document.company.currency),
            "counts": True,
        }
        for line in lines
    ]


def _place(line: Line) -> dict[str, Any]:
    project = line.project
    return {
        "project_nr": project.number if project else None,
        "currency": line.document.currency,
        "text": line.memo,
    }


def _add(totals: Totals, line: Line, amounts: dict[str, int]) -> None:
    place = (line.project.number if line.project else "", line.document.currency)
    own = totals.setdefault(place, {"ordered": 0, "relieved": 0, "open": 0, "actual": 0})
    for name, amount in amounts.items():
        own[name] += amount


def _told(totals: Totals) -> list[dict[str, Any]]:
    return [
        {"project_nr": project, "currency": currency}
        | {name: decimal_text(amount, currency) for name, amount in amounts.items()}
        for (project, currency), amounts in sorted(totals.items())
    ]


def budgets(world: World) -> list[dict[str, Any]]:
    """Budgets in the project's currency; NetSuite itself tells an estimated cost per project."""
    return [
        {
            "project_nr": project.number,
            "company_code": str(world.company_id(project.company)),
            "wbs_element": None,
            "amount": decimal_text(sum(amount for _, amount in project.budgets), project.company.currency),
            "currency": project.company.currency,
        }
        for project in world.masters.projects
        if project.budgets
    ]
