"""The standard mappings say what the adapters do: every plain line gives what the record has, for every record.

Belongs here: ``mapping/standard/*.toml`` held against whole reads of every variant of the simulated systems, and the
fields that adapters name there. Does not belong here: own lines and how they are kept (``test_field_mapping``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import pytest

from ppm_pipelines.adapters.base import Adapter
from ppm_pipelines.mapping import transforms
from ppm_pipelines.mapping.fields import CUSTOM, Entity, SourceField, targets
from ppm_pipelines.mapping.standard import FOLDER, StandardLine, standard
from ppm_pipelines.mapping.transforms import Line, NotApplied
from ppm_pipelines.records import Actual, Commitment, Project
from ppm_pipelines.sandbox.app import create
from ppm_pipelines_tests.serving import serving
from ppm_pipelines_tests.simulated import SYSTEMS, named, standing

Record = Project | Commitment | Actual
ENTITIES: tuple[Entity, ...] = get_args(Entity)
KINDS = {"projects": Project, "commitments": Commitment, "actuals": Actual}
MAPPINGS = sorted(str(one.relative_to(FOLDER)).removesuffix(".toml") for one in FOLDER.rglob("*.toml"))
VARIANTS = [one.name for one in SYSTEMS if one.name != "netsuite-tba"]  # the other way to sign in


@dataclass
class Seen:
    """What one read of a variant gave: by entity the fields, and the records with their raw records and rows."""

    mapping: str
    fields: dict[str, tuple[SourceField, ...]] = field(default_factory=dict)
    records: dict[str, list[tuple[Record, Mapping[str, Any], Mapping[str, Any]]]] = field(default_factory=dict)

    def named(self, entity: str) -> set[str]:
        return {one.name for one in self.fields[entity]}


def seen(adapter: Adapter, mapping: str) -> Seen:
    raws: dict[tuple[str, str], Mapping[str, Any]] = {}
    records: dict[str, list[Record]] = {entity: [] for entity in ENTITIES}
    for page in adapter.read("costs", None):
        raws |= {(page.entity, one.key): one.record for one in page.raws}
        kind = KINDS.get(page.entity)
        records.get(page.entity, []).extend(one for one in page.outcomes if kind and isinstance(one, kind))  # type: ignore[misc]
    found = Seen(mapping, {entity: tuple(adapter.fields(entity)) for entity in ENTITIES})
    for entity, some in records.items():
        found.records[entity] = [
            (one, raw, row_of(adapter, entity, raw, one)) for one, raw in with_raws(entity, some, raws)
        ]
    return found


def with_raws(
    entity: str, records: Iterable[Record], raws: Mapping[tuple[str, str], Mapping[str, Any]]
) -> Iterator[tuple[Record, Mapping[str, Any]]]:
    for one in records:
        yield one, raws[entity, one.source_key if isinstance(one, Project) else one.raw_key]


def row_of(adapter: Adapter, entity: str, raw: Mapping[str, Any], record: Record) -> Mapping[str, Any]:
    return adapter.row(entity, raw, {"assignment_nr": getattr(record, "assignment_nr", None)})


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with serving(create(seed=7, orders=120, pace=0, size=0.3)) as url:
        yield url


@pytest.fixture(scope="module")
def reads() -> dict[str, Seen]:
    return {}


def read_of(name: str, served: str, reads: dict[str, Seen]) -> Seen:
    """One full read of a variant that has lived a little, made once."""
    if name not in reads:
        with standing(named(name), served) as world:
            world.advance(150)
            adapter = world.adapter()
            reads[name] = seen(adapter, adapter.standard_mapping(named(name).settings(served)))
    return reads[name]


@pytest.fixture
def read(variant: str, served: str, reads: dict[str, Seen]) -> Seen:
    return read_of(variant, served, reads)


every_variant = pytest.mark.parametrize("variant", VARIANTS)


def has(record: Record, target: str) -> Any:
    """What the adapter put there; None where it is empty."""
    if target.startswith(CUSTOM):
        found = record.custom_fields.get(target.removeprefix(CUSTOM))
    else:
        found = getattr(record, target)
    return None if found == "" else found


def differences(read: Seen, entity: Entity, lines: Iterable[StandardLine]) -> list[str]:
    """Where a plain line gives another value than the record has."""
    found = []
    for told in lines:
        line = Line(told.target, told.type, told.sources, told.steps)
        for record, _, row in read.records[entity] if not told.rule_en else ():
            if (gives := given(line, row, read.named(entity))) != has(record, told.target):
                found.append(f"{told.target} of {record.source_key}: {gives!r} for {has(record, told.target)!r}")
                break
    return found


def given(line: Line, row: Mapping[str, Any], known: set[str]) -> Any:
    """None too where the variant has no such field."""
    try:
        return transforms.apply(line, row, {})
    except NotApplied as error:
        if error.said.code != "missing_source" or set(line.sources) & known:
            raise
        return None


@every_variant
def test_every_plain_line_gives_what_the_record_has(read: Seen) -> None:
    assert all(read.records[entity] for entity in ENTITIES if standard(read.mapping, entity))
    for entity in ENTITIES:
        assert differences(read, entity, standard(read.mapping, entity)) == [], entity


def test_a_line_that_is_not_true_is_noticed(served: str) -> None:
    with standing(named("netsuite-oauth2"), served) as world:
        read = seen(world.adapter(), "netsuite")
    lines = {one.target: one for one in standard("netsuite", "commitments")}
    wrong = [
        replace(lines["vendor"], sources=("vendor_name",)),
        replace(lines["po_line_nr"], sources=("linesequencenumber",)),
        replace(lines["assignment_nr"], steps=({"do": "constant", "value": "2"},)),
    ]
    assert [one.partition(" ")[0] for one in differences(read, "commitments", wrong)] == [one.target for one in wrong]


@every_variant
def test_every_field_that_an_adapter_fills_has_a_line(read: Seen) -> None:
    for entity in ENTITIES:
        told = {one.target for one in standard(read.mapping, entity)}
        names = {one.name for one in targets(entity)}
        own = {one.name.rpartition(".")[2] for one in read.fields[entity] if one.custom}
        filled = {name for record, _, _ in read.records[entity] for name in names if has(record, name) is not None}
        filled |= {CUSTOM + name for record, _, _ in read.records[entity] for name in record.custom_fields.keys() - own}
        assert filled - told == set(), entity


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_every_source_is_a_field_or_what_the_read_adds(mapping: str, served: str, reads: dict[str, Seen]) -> None:
    """Of one variant at least: the services of SAP name a few fields differently."""
    variants = [one for one in VARIANTS if named(one).slug == mapping.partition("/")[0]]
    found = [one for one in (read_of(variant, served, reads) for variant in variants) if one.mapping == mapping]
    assert found
    for entity in ENTITIES:
        known = set().union(*(one.named(entity) for one in found))
        added = [(raw, row) for one in found for _, raw, row in one.records[entity][:400]]
        for line in standard(mapping, entity):
            for source in line.sources:
                assert source in known or any(leads(source, raw) or leads(source, row) for raw, row in added), source


def leads(source: str, row: Mapping[str, Any]) -> bool:
    """Whether the path is there, with or without a value."""
    holder: Any = row
    for part in source.split("."):
        if not isinstance(holder, Mapping) or part not in holder.keys():
            return False
        holder = holder[part]
    return True


def test_every_variant_has_its_mapping() -> None:
    named_there = {one.slug for one in SYSTEMS}
    assert {name.partition("/")[0] for name in MAPPINGS} == named_there
    assert len(MAPPINGS) == 6
    assert standard("tally", "commitments") == ()


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("mapping", MAPPINGS)
def test_every_line_can_be_a_line_and_every_rule_is_told_in_two_languages(mapping: str, entity: Entity) -> None:
    lines = standard(mapping, entity)
    assert {one.target for one in lines if not one.target.startswith(CUSTOM)} <= {one.name for one in targets(entity)}
    for one in lines:
        assert bool(one.rule_en) == bool(one.rule_de), one
        if one.rule_en:
            assert one.steps == ()
            assert (one.rule_en[-1], one.rule_de[-1]) == (".", ".")
            assert not re.search(r"\bR\d", one.rule_en + one.rule_de)
        else:
            transforms.line({"target": one.target, "type": one.type, "sources": one.sources, "steps": one.steps})


# The fields that adapters name


@every_variant
def test_the_customers_own_fields_stand_under_their_own_names(read: Seen) -> None:
    named_there, filled = set(), set()
    for entity in ENTITIES:
        own = [one for one in read.fields[entity] if one.custom and one.read and ".dimensions." not in one.name]
        named_there |= {one.name.rpartition(".")[2] for one in own}
        for record, _, row in read.records[entity]:
            for one in own:
                name = one.name.rpartition(".")[2]
                said = transforms.apply(Line(CUSTOM + name, "text", (one.name,)), row, {})
                kept = record.custom_fields.get(name)
                assert ("" if kept is None else _as_text(kept)) == (said or ""), (one.name, record.source_key)
                filled |= {name} if said else set()
    assert filled == named_there


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


@every_variant
def test_fields_are_told_once_each_and_can_be_read_where_they_say_so(read: Seen) -> None:
    for entity in ENTITIES:
        fields = read.fields[entity]
        assert len({one.name for one in fields}) == len(fields)
        if not read.records[entity]:
            continue
        for one in fields:
            led = any(leads(one.name, row) for _, _, row in read.records[entity])
            assert led or not one.read or ".dimensions." in one.name or one.custom, one
            assert one.read or not led or "SupplierAddress" in one.name, one  # V4 shows keys, asked for or not


def test_every_column_of_netsuite_is_told_in_words(reads: dict[str, Seen], served: str) -> None:
    read = read_of("netsuite-oauth2", served, reads)
    told = [one for entity in ENTITIES for one in read.fields[entity]]
    assert [one.name for one in told if not one.label_en or not (one.label_de or one.custom)] == []


@every_variant
def test_what_a_read_asked_is_not_asked_again_for_the_fields(variant: str, served: str) -> None:
    with standing(named(variant), served) as world:
        adapter = world.adapter()
        for _ in adapter.read("costs", None):
            pass
        before = world.told()["requests"] + (2 if variant == "dynamics-dataverse" else 0)  # labels are asked by table
        for entity in ENTITIES:
            adapter.fields(entity)
        assert world.told()["requests"] == before
        fresh = world.adapter()
        told = {entity: fresh.fields(entity) for entity in ENTITIES}
        assert told == {entity: adapter.fields(entity) for entity in ENTITIES}
        # A sync asks for the fields first: then the read does not ask again.
        for _ in fresh.read("costs", None):
            pass
        assert world.told()["requests"] - before == before


Told = tuple[Entity, str, str, str, bool, bool]
TOLD: Mapping[str, Collection[Told]] = {
    "sap-v4": [
        ("projects", "ProjectDescription", "Name", "Edm.String", False, True),
        ("projects", "ProjectProfileCode", "", "Edm.String", False, False),
        ("commitments", "order.PurchaseOrderDate", "Purchase Order Date", "Edm.Date", False, True),
        ("commitments", "order._SupplierAddress.OrganizationName1", "Name", "Edm.String", False, True),
        ("commitments", "item.Plant", "Plant", "Edm.String", False, False),
        ("commitments", "item.YY1_Liefertermin_PDI", "Confirmed Delivery Date", "Edm.String", True, True),
        ("commitments", "assignment.CostCenter", "Cost Center", "Edm.String", False, True),
        ("commitments", "company.CompanyCodeCurrency", "Company code currency", "Edm.String", False, True),
        ("actuals", "PostingDate", "Posting Date", "Edm.DateTime", False, True),
        ("actuals", "YY1_SiteCode_COB", "Site", "Edm.String", True, True),
    ],
    "sap-v2": [
        ("commitments", "order.PurchaseOrderDate", "Purchase Order Date", "Edm.DateTime", False, True),
        ("commitments", "item.YY1_Garantie_PDI", "Warranty in Months", "Edm.Decimal", True, True),
        ("commitments", "assignment.WBSElement", "", "Edm.String", False, True),
    ],
    "dynamics-finance_operations": [
        ("projects", "FundingProgram_Custom", "", "Edm.String", True, True),
        ("commitments", "line.LineAmount", "", "Edm.Decimal", False, True),
        ("commitments", "line.ItemNumber", "", "Edm.String", False, False),
        ("commitments", "line.WarrantyMonths_Custom", "", "Edm.Int64", True, True),
        ("commitments", "line.dimensions.CostCenter", "CostCenter", "text", True, True),
        ("commitments", "order.FrameworkContract_Custom", "", "Edm.String", True, True),
        ("actuals", "posting.SiteCode_Custom", "", "Edm.String", True, True),
        ("actuals", "posting.dimensions.MainAccount", "MainAccount", "text", True, True),
    ],
    "dynamics-business_central": [
        ("projects", "displayName", "", "Edm.String", False, True),
        ("commitments", "line.netAmount", "", "Edm.Decimal", False, True),
        ("commitments", "line.unitOfMeasureCode", "", "Edm.String", False, False),
        ("commitments", "line.dimensions.COSTCENTER", "Costcenter", "text", True, True),
        ("actuals", "entry.postingDate", "", "Edm.Date", False, True),
    ],
    "dynamics-dataverse": [
        ("projects", "cr4f2_region", "Region", "Edm.String", True, True),
        ("actuals", "actual._msdyn_project_value", "Project", "Edm.Guid", False, True),
        ("actuals", "actual.cr4f2_costtype", "Cost Type", "Edm.String", True, True),
    ],
    "netsuite-oauth2": [
        ("projects", "custentity_region", "Region", "List/Record", True, True),
        ("commitments", "po_date", "Order date", "date", False, True),
        ("commitments", "custbody_contract_no", "Rahmenvertrag", "Free-Form Text", True, True),
        ("commitments", "custcol_hr_note", "Vermerk Personal", "Long Text", True, False),
        ("actuals", "custcol_cost_type", "Kostenart", "List/Record", True, True),
    ],
    "jira-cloud": [
        ("projects", "key", "Key", "string", False, True),
        ("commitments", "customfield_10031", "Kostenstelle", "option", True, True),
        ("commitments", "customfield_10037", "Product Owner", "user", True, False),
        ("commitments", "customfield_10040", "Prüfer", "array of user", True, False),
        ("actuals", "issue.customfield_10033", "Liefertermin", "date", True, True),
    ],
    "jira-data_center": [("commitments", "customfield_10039", "Betroffene Anlagen", "array of option", True, True)],
}  # fmt: skip


@every_variant
def test_names_types_and_labels_are_the_sources_own(variant: str, read: Seen) -> None:
    for entity, name, *told in TOLD[variant]:
        one = next(one for one in read.fields[entity] if one.name == name)
        assert [one.label_en, one.type, one.custom, one.read] == told, name
