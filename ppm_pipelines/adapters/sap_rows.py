"""What all SAP rows share: the directory of projects they are judged by, raw records, fields that name themselves.

Belongs here: projects and WBS elements, what makes a row unusable, values with their field's name. Does not belong
here: orders (``sap_orders``), journal lines (``sap_journal``), reading (``sap``), protocol values (``odata``).
Everything here and in those two is pure and tested with plain dicts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ppm_pipelines.adapters import odata
from ppm_pipelines.adapters.base import Row
from ppm_pipelines.adapters.fields import Fields, Unusable, names_that, text
from ppm_pipelines.records import Outcome, Project, Raw, Rejection, WbsElement

SAP = Fields("SAP", odata.day, odata.moment)
_PROJECT_STATUS = {"00": "created", "10": "released", "20": "completed", "30": "locked", "40": "closed"}
# What the rows of an expanded navigation are sorted by, so that an unchanged source gives an identical record.
_CUSTOM = re.compile(r"YY1_\w+_[A-Z\d]{3}")
_ORDINALS = ("AccountAssignmentNumber", "ScheduleLine", "OrdinalNumber")
_NESTED = frozenset({dict, list})


@dataclass(slots=True)
class Directory:
    """What rows are judged by: projects, WBS elements by both of their names, cost centres that are configured.

    ``stray`` are the names of elements whose project SAP does not list. ``linked`` are names that people linked to a
    Costbook project although SAP lists none of that name; each then stands for a project of its own.
    """

    cost_centers: Mapping[str, str] = field(default_factory=dict)
    projects: dict[str, str] = field(default_factory=dict)  # ProjectUUID -> number
    elements: dict[str, str] = field(default_factory=dict)  # ProjectElementUUID -> WBS number
    by_internal: dict[str, WbsElement] = field(default_factory=dict)
    by_external: dict[str, WbsElement] = field(default_factory=dict)
    numbers: set[str] = field(default_factory=set)
    stray: set[str] = field(default_factory=set)
    linked: frozenset[str] = frozenset()

    def add(self, element: WbsElement) -> None:
        self.by_external[element.wbs_element] = element
        if element.internal_id:
            self.by_internal[element.internal_id] = element

    def decides(self) -> list[Any]:
        """All that a record may depend on beside its own rows, as JSON in an order that does not change by itself."""
        known = (*self.by_external.values(), *self.by_internal.values())
        elements = {(e.wbs_element, e.internal_id, e.project_nr, e.statistical) for e in known}
        return [sorted(elements), *map(sorted, (self.numbers, self.stray, self.linked))]

    def element(self, external: str, internal: str) -> WbsElement:
        found = self.by_external.get(external) or self.by_internal.get(internal)
        if found is not None:
            return found
        number = external or internal
        if number in self.linked:
            return WbsElement("", number, number, internal)
        name = "WBSElementExternalID" if external else "WBSElementInternalID"
        if external in self.stray or internal in self.stray:
            raise Unusable(
                "unknown_project",
                name,
                f"The WBS element {number} belongs to a project that SAP does not list. Check the account's right to "
                "read projects, or link it to a project of the Costbook.",
                number,
            )
        raise Unusable(
            "unknown_wbs",
            name,
            f"The WBS element {number} is not among SAP's projects. Check it there, and the account's right to read "
            "projects, or link it to a project of the Costbook.",
            number,
        )

    def of_cost_center(self, center: str) -> str | None:
        """The project configured for a cost centre; None where none is. Raises Unusable for an unknown project."""
        project = self.cost_centers.get(center) or self.cost_centers.get(short(center))
        if project and project not in self.numbers and project not in self.linked:
            raise Unusable(
                "unknown_project",
                "CostCenter",
                f"The cost centre {center} is configured to the project {project}, which SAP does not know.",
                project,
                center,
            )
        return project


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record belongs; without a WBS element by the cost centre that is configured for the project."""

    project_nr: str
    wbs: WbsElement | None


# Values


def short(value: Any) -> str:
    """Digits without leading zeros (V2 drops them, V4 and exports may not); an empty number ("0", "00000000") is ""."""
    told = text(value)
    return told.lstrip("0") if told.isascii() and told.isdigit() else told


def padded(value: Any, width: int) -> str:
    told = text(value)
    return told.zfill(width) if told.isascii() and told.isdigit() else told


def flag(value: Any) -> bool:
    """SAP mixes ``true``, ``"true"`` and ``"X"``."""
    return value is True or text(value).lower() in ("x", "true")


# The customer's own fields


@lru_cache(maxsize=4096)
def is_custom(name: str) -> bool:
    """``YY1_<name>_<context>``, the context in three signs: PDH and PDI are orders and their items, COB coding blocks.
    The helpers beside it have a fourth one (``…F`` how it is shown, ``…T`` its text)."""
    return _CUSTOM.fullmatch(name) is not None


def is_helper(name: str) -> bool:
    return name.startswith("YY1_") and not is_custom(name)


def custom(row: Row) -> dict[str, Any]:
    """Numbers as texts, as V2 writes them: exact, and the same in V4."""
    told = ((name, row[name]) for name in _own(row))
    return {
        name: str(value) if isinstance(value, Decimal | int) and not isinstance(value, bool) else value
        for name, value in told
        if value not in (None, "")
    }


_own = names_that(is_custom)
# What is the protocol's own: ``__metadata``, ``@odata.etag``.
_marks = names_that(lambda name: name.startswith("__") or "@" in name)

# Raw records


def delivered(row: Row) -> dict[str, Any]:
    """The row as SAP delivered it, without the protocol's own marks; expanded rows in the order of their number."""
    made = dict(row)
    for name in _marks(row):
        del made[name]
    if _NESTED.isdisjoint(map(type, made.values())):  # nearly always
        return made
    for name in [name for name, value in made.items() if type(value) in _NESTED]:
        value = made[name]
        if type(value) is list:
            rows = [delivered(one) for one in value]
            made[name] = sorted(rows, key=_ordinal) if len(rows) > 1 else rows
        elif "__deferred" in value:  # a navigation that was not read
            del made[name]
        else:
            made[name] = delivered(value)
    return made


def _ordinal(row: Row) -> tuple[str, ...]:
    return tuple([padded(row.get(name), 10) for name in _ORDINALS])


# Projects


def project(row: Row, directory: Directory) -> Iterator[Outcome]:
    key, nr = text(row.get("ProjectUUID")), text(row.get("Project"))
    company_code = text(row.get("CompanyCode"))
    if not nr:
        yield Rejection(
            key, "missing_field", "Project", "A project without a number.", row, company_code=company_code,
            raw_stream="projects", raw_key=key,
        )  # fmt: skip
        return
    directory.projects[key] = nr
    directory.numbers.add(nr)
    try:
        start, end = SAP.day(row, "ProjectStartDate"), SAP.day(row, "ProjectEndDate")
    except Unusable as error:
        yield Rejection(
            key, error.code, error.field, error.reason, row, project_nr=nr, company_code=company_code,
            raw_stream="projects", raw_key=key,
        )  # fmt: skip
        return
    status = text(row.get("ProcessingStatus"))
    yield Project(
        source_key=key,
        project_nr=nr,
        name=text(row.get("ProjectDescription")),
        status=_PROJECT_STATUS.get(status, status),
        start_date=start,
        end_date=end,
        currency=text(row.get("ProjectCurrency")) or None,
        company_code=company_code,
        custom_fields=custom(row),
    )


def wbs_element(row: Row, directory: Directory) -> Iterator[Outcome]:
    """Needs the projects; parents are named by ``parented`` when all elements are known."""
    key, number_ = text(row.get("ProjectElementUUID")), text(row.get("ProjectElement"))
    internal = short(row.get("WBSElementInternalID"))
    project_nr = directory.projects.get(text(row.get("ProjectUUID")))
    if project_nr is None:
        directory.stray |= {number_, internal} - {""}
        yield Rejection(
            key,
            "unknown_project",
            "ProjectUUID",
            f"The WBS element {number_} belongs to a project that SAP does not list.",
            row,
            company_code=text(row.get("CompanyCode")),
            raw_stream="wbs_elements",
            raw_key=key,
        )
        return
    element = WbsElement(
        source_key=key,
        project_nr=project_nr,
        wbs_element=number_,
        internal_id=internal,
        name=text(row.get("ProjectElementDescription")),
        parent=text(row.get("ParentObjectUUID")) or None,
        statistical=flag(row.get("WBSIsStatisticalWBSElement")),
        company_code=text(row.get("CompanyCode")),
    )
    directory.elements[key] = number_
    directory.add(element)
    yield element


def parented(outcomes: Iterable[Outcome], directory: Directory) -> Iterator[Outcome]:
    """The same outcomes with the parent's WBS number for its id; a parent that is the project itself is none."""
    for outcome in outcomes:
        if isinstance(outcome, WbsElement) and outcome.parent:
            outcome.parent = directory.elements.get(outcome.parent)
        yield outcome


def raw_project(row: Row) -> Raw:
    return Raw("projects", text(row.get("ProjectUUID")), delivered(row))


def raw_element(row: Row) -> Raw:
    return Raw("wbs_elements", text(row.get("ProjectElementUUID")), delivered(row))
