"""Testing a connection: address, sign-in, every table, and what this account does not have.

Belongs here: the checks and their sentences. Does not belong here: reading for a sync (``netsuite``). In NetSuite a
missing right looks like missing data or like a table that does not exist (netsuite.md, trap 1), so every table is
counted, and the optional columns that are left out are named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import partial

from ppm_pipelines.adapters import suiteql
from ppm_pipelines.adapters.base import Check, SourceError
from ppm_pipelines.adapters.checks import Gap
from ppm_pipelines.adapters.checks import checks as in_order
from ppm_pipelines.adapters.fields import text
from ppm_pipelines.adapters.netsuite_reader import Reader
from ppm_pipelines.adapters.netsuite_streams import BILLED, LEDGER, ORDERED, ORDERS, PROJECTS

HIDDEN = " If that surprises, check the role's rights and subsidiaries: NetSuite hides what it may not see."


def checks(reader: Reader) -> Iterator[Check]:
    """Address and sign-in, then every table. Raises nothing."""
    tables = {name: partial(attempt, reader) for name, attempt in TABLES.items()}
    yield from in_order(reader.client, reader.clock, tables)


def _count(reader: Reader, source: str) -> int:
    asked = f"SELECT COUNT(*) AS found FROM {source}"  # noqa: S608 - our own names
    return int(text(suiteql.first(reader.client, asked).get("found")) or 0)


def _projects(reader: Reader) -> str:
    found = _count(reader, "job j")
    if not found:
        raise Gap("No project is readable. Without projects nothing can be assigned: grant the role projects.")
    reader.try_columns(PROJECTS)
    said = f"{found:,} projects readable."
    return " ".join([said, *_left_out(reader.lacking(PROJECTS))])


def _orders(reader: Reader) -> str:
    found = _count(reader, "transaction t WHERE t.type = 'PurchOrd'")
    reader.check_currencies()
    reader.try_columns(ORDERS)
    said = f"{found:,} purchase orders readable.{'' if found else HIDDEN}"
    return " ".join([said, *_left_out(reader.lacking(ORDERS))])


def _links(reader: Reader) -> str:
    found = _count(reader, "previoustransactionlinelink p WHERE p.linktype = 'OrdBill'")
    reader.try_columns(BILLED, ORDERED)
    return f"{found:,} links from orders to bills readable.{'' if found else HIDDEN}"


def _ledger(reader: Reader) -> str:
    where, params = reader.cost()
    ledger = f"{LEDGER.source} WHERE {LEDGER.where} AND {where}"
    asked = f"SELECT MAX(tal.transaction) AS found FROM {ledger}"  # noqa: S608 - our own names, bound values
    if not text(suiteql.first(reader.client, asked, params).get("found")):
        raise Gap(
            f"No cost is posted in accounting book {reader.book()}. Check the book and the cost account types in the "
            "settings, and the role's rights to this book."
        )
    reader.try_columns(LEDGER)
    said = f"Postings of accounting book {reader.book()} readable."
    return " ".join([said, *_left_out(reader.lacking(LEDGER))])


def _deletions(reader: Reader) -> str:
    try:
        found = _count(reader, "deletedrecord dr")
    except SourceError:
        raise Gap(
            "Deleted records are not readable. Everything else works, but deletions are found by full reads only: "
            "grant the role the permission Deleted Records."
        ) from None
    return f"{found:,} deletions readable."


def _left_out(missing: Collection[str]) -> list[str]:
    """What is read without, and what that means where somebody can change it."""
    sentences: list[str] = []
    if missing:
        sentences.append(f"Left out, because this account does not have them: {', '.join(sorted(missing))}.")
    if {"customer_id", "line_vendor_id"} & set(missing):
        sentences.append(
            "Lines of plain customers or vendors can't be told from those of hidden projects and wait in quarantine: "
            "grant the role customers and vendors."
        )
    if "requester" in missing:
        sentences.append("Orders have no requester: grant the role employees.")
    if "department" in missing:
        sentences.append("There are no cost centres: grant the role departments, if the account uses them.")
    if "estimatedcost" in missing:
        sentences.append("Projects have no budget: NetSuite shows the estimated cost where job costing is enabled.")
    return sentences


TABLES: dict[str, Callable[[Reader], str]] = {
    "projects": _projects,
    "commitments": _orders,
    "links": _links,
    "actuals": _ledger,
    "deletions": _deletions,
}
