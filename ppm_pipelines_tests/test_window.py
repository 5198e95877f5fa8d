"""What overlapping reads know of each other: new, known, changed, forgotten, too much; then SAP's read as a whole is in
``test_adapter_sap_sandbox``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ppm_pipelines.adapters import window
from ppm_pipelines.adapters.window import Window

ORDER = {"PurchaseOrder": "4500000001", "LastChangeDateTime": None, "items": [{"net": "10.00"}]}


def next_read(before: Window, under: Any = None) -> Window:
    return Window(json.loads(json.dumps(before.to_json())), under)


def test_what_a_read_took_is_new_to_it_and_known_to_the_next() -> None:
    first = Window()
    assert first.is_new("order/1", ORDER)
    second = next_read(first)
    assert not second.is_new("order/1", dict(reversed(ORDER.items())))
    assert second.is_new("order/2", ORDER)


def test_what_changed_is_new_and_so_is_what_the_read_between_did_not_see() -> None:
    first = Window()
    first.is_new("order/1", ORDER)
    first.is_new("order/2", ORDER)
    second = next_read(first)
    assert second.is_new("order/1", ORDER | {"items": [{"net": "11.00"}]})
    assert next_read(second).is_new("order/2", ORDER)


def test_what_is_forgotten_is_new_to_the_next_read() -> None:
    first = Window()
    first.is_new("invoice/1", ORDER)
    first.is_new("invoice/2", ORDER)
    first.forget(["invoice/2", "invoice/3"])
    second = next_read(first)
    assert not second.is_new("invoice/1", ORDER)
    assert second.is_new("invoice/2", ORDER)


def test_what_comes_twice_with_different_contents_stays_new() -> None:
    first = Window()
    second = next_read(first)
    for read in (first, second):
        assert read.is_new("line/1", ORDER)
        assert read.is_new("line/1", ORDER | {"items": []})
    third = next_read(second)
    assert third.is_new("line/1", ORDER | {"items": []})


def test_under_other_projects_everything_is_new() -> None:
    first = Window(under=["P-1"])
    first.is_new("order/1", ORDER)
    assert not next_read(first, ["P-1"]).is_new("order/1", ORDER)
    assert next_read(first, ["P-1", "P-2"]).is_new("order/1", ORDER)


def test_too_many_things_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(window, "LIMIT", 2)
    first = Window()
    for number in range(3):
        first.is_new(f"order/{number}", ORDER)
    assert next_read(first).is_new("order/1", ORDER)


@pytest.mark.parametrize("told", [None, [], "x", {}, {"under": 1, "things": []}, {"things": {"order/1": 7}}])
def test_a_damaged_state_knows_nothing(told: Any) -> None:
    assert Window(told).is_new("order/1", ORDER)
