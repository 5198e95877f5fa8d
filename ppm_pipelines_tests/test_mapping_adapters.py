"""What lines of a mapping see of raw records, and which fields adapters name.

Belongs here: ``Adapter.row`` and ``Adapter.fields`` by plain records. Does not belong here: whole reads, the standard
mappings held against them (``test_mapping_standard``).
"""

from __future__ import annotations

import pytest

from ppm_pipelines.adapters.netsuite import NetSuite
from ppm_pipelines.adapters.sap import Sap
from ppm_pipelines.mapping import transforms

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
