"""Enterprise projects and WBS elements: the only service that ties internal ids to numbers.

Belongs here: names, types and values as in the service metadata. Does not belong here: making them (``company.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .company import Project, Wbs
from .documents import DAY_MS
from .finding import (
    CURRENCY,
    TEXT2,
    TEXT3,
    TEXT4,
    TEXT10,
    TEXT24,
    V2_ROOT,
    link,
)
from .model import (
    BOOLEAN,
    DATE,
    GUID,
    STAMP,
    EntityType,
    Hints,
    Kind,
    Property,
    Service,
    constant,
    numeric_text,
    table,
    text,
)
from .tenant import Tenant


def _project(tenant: Tenant) -> dict[str, Property]:
    today = tenant.anchor // DAY_MS

    def start(project: Project) -> int:
        return today + project.start_offset

    def changed(project: Project) -> int:
        return (start(project) + 30) * DAY_MS

    return table(
        ("ProjectUUID", GUID, lambda p: p.guid),
        ("ProjectInternalID", numeric_text(8), lambda p: p.internal),
        ("Project", TEXT24, lambda p: p.number),
        ("ProjectDescription", text(60), lambda p: p.name),
        ("ProcessingStatus", TEXT2, lambda p: p.status),
        ("ProjectStartDate", DATE, start),
        ("ProjectEndDate", DATE, lambda p: start(p) + p.length),
        ("ActualStartDate", DATE, lambda p: start(p) + 5 if p.status != "00" else None),
        ("ActualEndDate", DATE, lambda _: None),
        ("ProjectCurrency", CURRENCY, lambda p: p.company.currency),
        ("CompanyCode", TEXT4, lambda p: p.company.code),
        ("ControllingArea", TEXT4, lambda _: "A000"),
        ("ResponsibleCostCenter", TEXT10, lambda p: p.company.cost_centres[0]),
        ("EnterpriseProjectType", TEXT2, lambda _: "01"),
        *((name, STAMP, changed) for name in ("LastChangeDateTime", "ProjectLastChangedDateTime")),
        ("CreationDateTime", STAMP, lambda p: start(p) * DAY_MS),
        *constant("000", TEXT3, "PriorityCode"),
        *constant("YP02", text(7), "ProjectProfileCode"),
        *constant("", TEXT10, "ProfitCenter"),
        *constant(False, BOOLEAN, "EntProjectIsConfidential IsBillingRelevant"),
    )


def _element(tenant: Tenant) -> dict[str, Property]:
    today = tenant.anchor // DAY_MS

    def changed(wbs: Wbs) -> int:
        return (today + wbs.project.start_offset + 30) * DAY_MS

    return table(
        ("ProjectElementUUID", GUID, lambda w: w.guid),
        ("ProjectElement", TEXT24, lambda w: w.element),
        ("WBSElementInternalID", numeric_text(8), lambda w: w.internal),
        ("ProjectUUID", GUID, lambda w: w.project.guid),
        ("ProjectElementDescription", text(60), lambda w: w.name),
        ("ParentObjectUUID", GUID, lambda w: w.parent.guid if w.parent else w.project.guid),
        ("ProjectElementOrdinalNumber", Kind('Type="Edm.Int32"', 'Type="Edm.Int32"'), lambda w: w.ordinal),
        ("ProcessingStatus", TEXT2, lambda w: w.project.status),
        ("CompanyCode", TEXT4, lambda w: w.project.company.code),
        ("ControllingArea", TEXT4, lambda _: "A000"),
        ("WBSIsStatisticalWBSElement", BOOLEAN, lambda w: w.statistical),
        ("PlannedStartDate", DATE, lambda w: today + w.project.start_offset),
        ("PlannedEndDate", DATE, lambda w: today + w.project.start_offset + w.project.length),
        ("ResponsibleCostCenter", TEXT10, lambda w: w.project.company.cost_centres[0]),
        ("CreationDateTime", STAMP, lambda w: (today + w.project.start_offset) * DAY_MS),
        ("LastChangeDateTime", STAMP, changed),
        *constant("", TEXT10, "CostCenter ProfitCenter"),
        *constant(False, BOOLEAN, "WBSElementIsBillingElement"),
    )


def enterprise_projects(tenant: Tenant) -> Service:
    """Projects and WBS elements, in the order of their internal ids."""

    def all_projects(_: Hints, after: Any) -> Iterator[Project]:
        return (one for one in tenant.masters.projects if after is None or one.internal > after[0])

    def all_elements(_: Hints, after: Any) -> Iterator[Wbs]:
        known = (*tenant.masters.elements(), *tenant.strays)
        return (one for one in known if after is None or one.internal > after[0])

    project = EntityType(
        "A_EnterpriseProjectType", "A_EnterpriseProject", ("ProjectUUID",), _project(tenant), all_projects,
        lambda p: (p.internal,),
    )  # fmt: skip
    element = EntityType(
        "A_EnterpriseProjectElementType", "A_EnterpriseProjectElement", ("ProjectElementUUID",), _element(tenant),
        all_elements, lambda w: (w.internal,),
    )  # fmt: skip
    link(project, "to_EnterpriseProjectElement", element.set_name, True, lambda p: p.elements)
    link(element, "to_EnterpriseProject", project.set_name, False, lambda w: w.project)
    name = "API_ENTERPRISE_PROJECT_SRV"
    return Service(f"{V2_ROOT}/{name};v=0002", name, {one.set_name: one for one in (project, element)})
