"""The part of JQL that readers of a site use: clauses joined by AND, lists, comparisons of times, an order.

Belongs here: reading a query, finding and ordering issues. Does not belong here: pages (``api``).
A literal time has minutes and is read in the zone of the account that asks; a bare number is milliseconds since 1970
and has no zone (jira.md, section 5).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from .shown import Reader
from .site import CATEGORIES, Issue, Project

MOST_ORDERS = 7
_ORDER = re.compile(r"\border\s+by\b", re.IGNORECASE)
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_CLAUSE = re.compile(
    r"(?P<field>\w+)\s*(?:(?P<in>(?:not\s+)?in)\s*\((?P<list>[^)]*)\)|(?P<sign>>=|<=|!=|=|>|<)\s*(?P<value>.+))",
    re.IGNORECASE | re.DOTALL,
)
_SIGNS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": lambda a, b: bool(a >= b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    "<": lambda a, b: bool(a < b),
    "=": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
}
_SORTED: dict[str, Callable[[Issue], tuple[Any, ...]]] = {
    "created": lambda one: (one.created // 60_000,),  # to the minute, so that many are equal
    "updated": lambda one: (one.updated // 60_000,),
    "key": lambda one: (one.project.key, one.number),
    "id": lambda one: (one.project.key, one.number),
    "issuekey": lambda one: (one.project.key, one.number),
}


class BadQuery(Exception):
    """400, with Jira's sentence."""


@dataclass(frozen=True, slots=True)
class Query:
    holds: Callable[[Issue], bool]
    sort: Callable[[Issue], tuple[Any, ...]]


def parse(jql: str, projects: Collection[Project], ids: Collection[int], reader: Reader, *, lenient: bool) -> Query:
    """``lenient``: names of what is not there are no error (``validateQuery`` false)."""
    where, *orders = _ORDER.split(jql, maxsplit=1)
    if not where.strip():
        raise BadQuery("Unbounded JQL queries are not allowed here. Please add a search restriction to your query.")
    tests = [_clause(part, projects, ids, reader, lenient) for part in _AND.split(where.strip())]
    return Query(lambda issue: all(test(issue) for test in tests), _order(orders[0] if orders else "created"))


def _order(told: str) -> Callable[[Issue], tuple[Any, ...]]:
    keys: list[tuple[Callable[[Issue], tuple[Any, ...]], bool]] = []
    for part in told.split(","):
        name, _, direction = part.strip().partition(" ")
        if name.lower() not in _SORTED:
            raise BadQuery(f"Field '{name}' does not exist or you do not have permission to view it.")
        keys.append((_SORTED[name.lower()], direction.strip().lower() == "desc"))
    if len(keys) > MOST_ORDERS:
        raise BadQuery("The maximum number of fields in the ORDER BY clause is 7.")
    if any(falling for _, falling in keys):
        raise BadQuery("This site sorts in ascending order only.")
    return lambda issue: (*(part for key, _ in keys for part in key(issue)), issue.id)


def _clause(
    part: str, projects: Collection[Project], ids: Collection[int], reader: Reader, lenient: bool
) -> Callable[[Issue], bool]:
    found = _CLAUSE.fullmatch(part.strip())
    if found is None:
        raise BadQuery(f"Error in the JQL Query: Expecting operator but got '{part.strip()[:40]}'.")
    name = found["field"].lower()
    values = [_bare(one) for one in found["list"].split(",")] if found["in"] else [_bare(found["value"])]
    if name == "project":
        return _of_projects(values, projects, lenient)
    if name in ("id", "key", "issue", "issuekey"):
        return _of_ids(values, ids, lenient)
    if name in ("created", "updated"):
        limit, sign = _moment(values[0], reader), _SIGNS[found["sign"] or "="]
        return lambda issue: sign(getattr(issue, name), limit)
    if name == "statuscategory":
        return lambda issue: CATEGORIES[issue.status] in values
    raise BadQuery(f"Field '{name}' does not exist or you do not have permission to view it.")


def _bare(value: str) -> str:
    return value.strip().strip("\"'")


def _of_projects(values: list[str], projects: Collection[Project], lenient: bool) -> Callable[[Issue], bool]:
    chosen = set()
    for value in values:
        found = [one for one in projects if value.upper() in (one.key, str(one.id))]
        if not found and not lenient:
            raise BadQuery(f"The value '{value}' does not exist for the field 'project'.")
        chosen |= {one.id for one in found}
    return lambda issue: issue.project.id in chosen


def _of_ids(values: list[str], ids: Collection[int], lenient: bool) -> Callable[[Issue], bool]:
    chosen = {int(value) for value in values if value.isdigit()}
    if unknown := sorted(chosen - set(ids)):
        if not lenient:
            raise BadQuery(f"An issue with key '{unknown[0]}' does not exist for field 'id'.")
    return lambda issue: issue.id in chosen or issue.key in values


def _moment(value: str, reader: Reader) -> int:
    if value.lstrip("-").isdigit():
        return int(value)
    for shape in ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d"):
        try:
            read = datetime.strptime(value, shape).replace(tzinfo=ZoneInfo(reader.person.zone))
        except ValueError:
            continue
        return int(read.timestamp() * 1000)
    raise BadQuery(f"Date value '{value}' for field is invalid. Valid formats include: 'yyyy/MM/dd HH:mm'.")
