"""What lines of a mapping see of raw records, and which fields adapters name.

Belongs here: ``Adapter.row`` and ``Adapter.fields`` by plain records. Does not belong here: whole reads, the standard
mappings held against them (``test_mapping_standard``).
"""

from __future__ import annotations

import httpx
import pytest

from ppm_pipelines.adapters.dynamics import Dynamics
from ppm_pipelines.adapters.jira import Jira
from ppm_pipelines.adapters.jira_rates import Rates
from ppm_pipelines.adapters.jira_rows import Directory, is_read, raw_issue, raw_worklogs
from ppm_pipelines.adapters.netsuite import NetSuite
from ppm_pipelines.adapters.netsuite_streams import own_column
from ppm_pipelines.adapters.odata import entity
from ppm_pipelines.adapters.odata_metadata import Metadata, fields, wanted_paths
from ppm_pipelines.adapters.sap import Sap
from ppm_pipelines.adapters.sap_rows import is_custom
from ppm_pipelines.mapping import transforms
from ppm_pipelines.mapping.fields import SourceField
from ppm_pipelines.records import Commitment
from ppm_pipelines.sandbox.app import create
from ppm_pipelines_tests.serving import serving
from ppm_pipelines_tests.simulated import named, standing

ASSIGNMENTS = [
    {"AccountAssignmentNumber": "1", "CostCenter": "4711"},
    {"AccountAssignmentNumber": "02", "CostCenter": "4712"},
]


def value(source: str, raw: transforms.Step) -> object:
    return transforms.apply(transforms.Line("x", "text", (source,)), raw, {})


@pytest.mark.parametrize("nested", [
    {"_PurOrdAccountAssignment": ASSIGNMENTS}, {"to_AccountAssignment": {"results": ASSIGNMENTS}},
])  # fmt: skip
def test_a_line_sees_the_assignment_that_the_commitment_was_made_from(nested: dict[str, object]) -> None:
    raw = {
        "order": {"PurchaseOrder": "45"},
        "item": {"NetAmount": "9.50", **nested},
        "company": {"CompanyCodeCurrency": "EUR"},
    }
    row = Sap.row("commitments", raw, {"assignment_nr": "2"})
    assert value("assignment.CostCenter", row) == "4712"
    assert value("order.PurchaseOrder", row) == "45"
    assert value("company.CompanyCodeCurrency", row) == "EUR"
    assert value("assignment.CostCenter", Sap.row("commitments", raw, {"assignment_nr": "3"})) is None
    assert "assignment" not in raw


def test_journal_lines_are_seen_as_they_are() -> None:
    raw = {"Ledger": "0L"}
    assert Sap.row("actuals", raw, {}) == raw


def test_what_netsuite_leaves_out_is_empty_and_not_missing() -> None:
    row = NetSuite.row("commitments", {"memo": "Pumps", "custcol_lot": None}, {})
    assert value("memo", row) == "Pumps"
    assert value("custcol_lot", row) is None
    assert value("expectedreceiptdate", row) is None
    with pytest.raises(transforms.NotApplied):
        value("custcol_unknown", row)


# Rows: dimensions, and what a source leaves out


def test_dimensions_of_finance_and_operations_are_seen_by_their_names() -> None:
    settings = {"dimension_segments": ["MainAccount", "CostCenter", "Unit"]}
    line = {"line": {"DefaultLedgerDimensionDisplayValue": "4711-"}, "settings": settings}
    row = Dynamics.row("commitments", line, {})
    assert value("line.dimensions.CostCenter", row) == "4711"
    assert value("line.dimensions.Unit", row) is None
    assert "settings" not in row
    posting = {"LedgerDimensionDisplayValue": "6100-4711-U1"}
    row = Dynamics.row("actuals", {"posting": posting, "settings": settings}, {})
    assert [value(f"posting.dimensions.{one}", row) for one in ("MainAccount", "Unit")] == ["6100", "U1"]
    assert "dimensions" not in posting


@pytest.mark.parametrize("part", ["line", "entry"])
def test_dimensions_of_business_central_are_seen_by_their_codes(part: str) -> None:
    raw = {part: {"dimensionSetLines": [{"code": "COSTCENTER", "valueCode": "4711"}]}, "dimension": "PROJECT"}
    row = Dynamics.row("commitments", raw, {})
    assert value(f"{part}.dimensions.COSTCENTER", row) == "4711"
    assert value(f"{part}.dimensions.AREA", row) is None


def test_a_field_of_the_site_without_a_value_is_empty_and_not_missing() -> None:
    issue = {"key": "A-1", "customfield_1": "x"}
    row = Jira.row("commitments", issue, {})
    assert [value(one, row) for one in ("key", "customfield_1", "customfield_2")] == ["A-1", "x", None]
    with pytest.raises(transforms.NotApplied):
        value("duedate", row)
    row = Jira.row("actuals", {"id": "7", "issue": issue}, {})
    assert [value(f"issue.{one}", row) for one in ("key", "customfield_1", "customfield_2")] == ["A-1", "x", None]


# Metadata

V2_DOCUMENT = """<Schema Namespace="X" xml:lang="{language}"><EntityType Name="OrderType" sap:content-version="1">
  <Key><PropertyRef Name="Number"/></Key>
  <Property Name="Number" Type="Edm.String" Nullable="false" sap:label="Bestellung &amp; Los"/>
  <Property sap:label="A > B" Type="Edm.Decimal" Precision="3" Name="Amount"/>
  <NavigationProperty Name="to_Item" Relationship="X.r"/></EntityType>
  <EntityType Name="ItemType"><Property Name="Plant" Type="Edm.String"/></EntityType>
  <EntitySet Name="Orders" EntityType="X.OrderType"/></Schema>"""
V4_DOCUMENT = """<Schema Namespace="X" Alias="SAP__self"><EntityType Name="Order_Type">
  <Property Name="Number" Type="Edm.String"/><Property Name="Inside" Type="Edm.Date"><Annotation
    Term="com.sap.vocabularies.Common.v1.Label" String="Inner"/></Property>
  <Property Name="Bare" Type="Edm.String"/><Property Name="Messages" Type="Collection(X.Message)"/>
  <Property Name="Picture" Type="Edm.Stream"/></EntityType>
  <EntityType Name="Order_TypeOther"><Property Name="Number" Type="Edm.String"/></EntityType>
  <Annotations Target="SAP__self.Order_Type/Bare"/>
  <Annotations Target="SAP__self.Order_Type/Number"><Annotation Term="SAP__core.Immutable"/>
    <Annotation Term="SAP__common.Label" String="Purchase Order"/>
    <Annotation Term="SAP__common.Heading" String="PO"/></Annotations>
  <Annotations Target="SAP__self.Order_TypeOther/Number"><Annotation Term="SAP__common.Label" String="Other"/>
  </Annotations></Schema>"""


def test_v2_tells_labels_and_their_language_in_the_properties() -> None:
    metadata = Metadata(V2_DOCUMENT.format(language="de"))
    assert metadata.of_set("Orders") == {"Number", "Amount"}
    found = list(fields(metadata, "OrderType", "order", {"Number"}, lambda name: name == "Amount"))
    assert found == [
        SourceField("order.Number", "", "Bestellung & Los", "Edm.String"),
        SourceField("order.Amount", "", "A > B", "Edm.Decimal", custom=True, read=False),
    ]
    english = fields(Metadata(V2_DOCUMENT.format(language="en")), "OrderType", "", (), bool)
    assert next((one.name, one.label_en, one.label_de) for one in english) == ("Number", "Bestellung & Los", "")


def test_v4_tells_labels_beside_the_types_and_inside_of_them() -> None:
    found = Metadata(V4_DOCUMENT).properties("Order_Type")
    assert {name: one.label for name, one in found.items()} == {
        "Number": "Purchase Order",
        "Inside": "Inner",
        "Bare": "",
        "Messages": "",
        "Picture": "",
    }
    assert [one.name for one in fields(Metadata(V4_DOCUMENT), "Order_Type", "", (), lambda _: False)] == [
        "Number",
        "Inside",
        "Bare",
    ]
    assert Metadata(V4_DOCUMENT).properties("Order_TypeOther")["Number"].label == "Other"


def test_wanted_fields_are_paths_where_a_stream_has_them() -> None:
    orders, journal = entity("orders", ""), entity("journal", "")
    seen = {
        "commitments": [
            ("item", orders, "to_Item"),
            ("item._Address", orders, "to_Item/_Address"),
            ("order", orders, ""),
        ],
        "actuals": [("", journal, "")],
    }
    names = ["item.Plant", "item._Address.City", "record.po_number", "line.dimensions.Unit"]
    found = wanted_paths({"commitments": names, "actuals": ["Ledger", "record.amount"], "projects": ["Project"]}, seen)
    assert found == {"orders": {"to_Item/Plant", "to_Item/_Address/City"}, "journal": {"Ledger"}}


def test_a_type_that_nobody_describes_has_no_fields() -> None:
    assert Metadata("<html>").properties("Order_Type") == {}
    assert list(fields(Metadata(V4_DOCUMENT), "Item_Type", "item", (), bool)) == []


def test_a_tenant_that_asks_in_german_is_answered_in_german() -> None:
    with serving(create(seed=7, orders=10, pace=0, size=0.1)) as url:
        root = f"{url}/sap/sap/opu/odata/sap/API_PURCHASEORDER_PROCESS_SRV/$metadata"
        told = httpx.get(root, params={"sap-language": "DE"}, headers={"APIKey": "sandbox-key"}, trust_env=False)
    found = {one.name: one for one in fields(Metadata(told.text), "A_PurchaseOrderItemType", "item", (), is_custom)}
    assert found["item.YY1_Liefertermin_PDI"].label_de == "Bestätigter Liefertermin"
    assert found["item.Plant"] == SourceField("item.Plant", "", "Werk", "Edm.String", read=False)


@pytest.mark.parametrize("variant", ["sap-v4", "sap-v2"])
def test_labels_of_a_german_user_are_german_in_both_protocols(variant: str) -> None:
    """V4 does not tell the language of its labels."""
    with serving(create(seed=7, orders=10, pace=0, size=0.1)) as url, standing(named(variant), url) as world:
        world.fault("german_user")
        found = {one.name: one for one in world.adapter().fields("commitments")}
    told = found["item.YY1_Gewerk_PDI"], found["assignment.CostCenter"]
    assert [(one.label_en, one.label_de) for one in told] == [("", "Gewerk"), ("", "Kostenstelle")]


@pytest.mark.parametrize(("name", "custom"), [
    ("YY1_Lot_PDI", True), ("YY1_Head_PDH", True), ("YY1_Cost_Type_COB", True), ("YY1_Lot_PDIF", False),
    ("YY1_Lot_PDIT", False), ("YY1_Lot", False), ("Plant", False),
])  # fmt: skip
def test_the_customers_own_fields_of_sap_are_told_from_their_helpers(name: str, custom: bool) -> None:
    assert is_custom(name) is custom


# NetSuite


@pytest.mark.parametrize(("kind", "expression"), [
    ("Free-Form Text", "tl.custcol_x"), ("", "tl.custcol_x"), ("Currency", "tl.custcol_x"),
    ("Date", "TO_CHAR(tl.custcol_x, 'YYYY-MM-DD')"), ("Date/Time", "TO_CHAR(tl.custcol_x, 'YYYY-MM-DD HH24:MI:SS')"),
    ("List/Record", "BUILTIN.DF(tl.custcol_x)"), ("MULTISELECT", "BUILTIN.DF(tl.custcol_x)"),
])  # fmt: skip
def test_own_columns_are_asked_for_as_their_type_wants_it(kind: str, expression: str) -> None:
    assert own_column("tl", "custcol_x", kind) == expression


def test_an_account_that_tells_no_custom_fields_is_read_without_any() -> None:
    with serving(create(seed=7, orders=10, pace=0, size=0.1)) as url, standing(named("netsuite-oauth2"), url) as world:
        world.fault("no_custom_fields")
        adapter = world.adapter()
        pages = list(adapter.read("commitments", None))
        assert not any(one.custom for one in adapter.fields("commitments"))
    records = [one for page in pages for one in page.outcomes if isinstance(one, Commitment)]
    assert records
    assert not any(name.startswith("cust") for one in records for name in one.custom_fields)


# Jira


def a_field(kind: str, items: str = "") -> dict[str, object]:
    return {"id": "customfield_1", "name": "X", "schema": {"type": kind, "items": items}}


@pytest.mark.parametrize(("field", "read"), [
    (a_field("string"), True), (a_field("option"), True), (a_field("option-with-child"), True),
    (a_field("array", "option"), True), (a_field("array", "string"), True), (a_field("user"), False),
    (a_field("array", "user"), False), (a_field("group"), False), (a_field("array", "json"), False),
    (a_field("any"), False), ({"id": "customfield_1"}, False),
    ({"id": "environment", "schema": {"type": "string"}}, False),
])  # fmt: skip
def test_people_are_never_read_as_fields_of_the_site(field: dict[str, object], read: bool) -> None:
    assert is_read(field) is read


def test_values_of_the_sites_fields_are_kept_as_people_see_them() -> None:
    document = {"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Teil 1"}]}]}
    told = {
        "customfield_1": {"value": "4711", "id": "1"},
        "customfield_2": {"value": "Technik", "child": {"value": "Anlagen"}},
        "customfield_3": [{"value": "A"}, {"name": "1.0"}],
        "customfield_4": document,
        "customfield_5": 12.5,
        "customfield_6": None,
        "customfield_7": [],
    }
    issue = raw_issue({"id": "1", "key": "A-1", "fields": told}, [{"id": "7"}], Directory(Rates([], {})))
    kept = {name: one for name, one in issue.record.items() if name.startswith("customfield")}
    assert kept == {
        "customfield_1": "4711",
        "customfield_2": "Technik / Anlagen",
        "customfield_3": "A, 1.0",
        "customfield_4": "Teil 1",
        "customfield_5": 12.5,
    }
    [worklog] = raw_worklogs(issue, [{"id": "7"}], Directory(Rates([], {})))
    assert worklog.record["issue"].items() >= kept.items()
