"""Field mapping over HTTP, against the running product: read, suggested, tried, saved, applied by a run, restored."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ppm_pipelines_tests.product import Product
from ppm_pipelines_tests.test_api_syncs import sync

MAPPING = "/api/integrations/sap/mapping/commitments"
Row = dict[str, Any]


@pytest.fixture(autouse=True)
def connected(product: Product) -> Iterator[None]:
    product.sandbox().post("/_sandbox/sap/reset")
    product.connected()
    sync(product, mode="full")
    yield
    put(product)
    product.sandbox().post("/_sandbox/sap/reset")


def get(product: Product, path: str = "", **params: Any) -> Row:
    answer = product.api("integration").get(f"{MAPPING}{path}", params=params)
    assert answer.status_code == 200, answer.text
    found: Row = answer.json()
    return found


def post(product: Product, path: str, **body: Any) -> Row:
    answer = product.api("integration").post(f"{MAPPING}{path}", json=body)
    assert answer.status_code == 200, answer.text
    found: Row = answer.json()
    return found


def put(product: Product, *lines: Row, **body: Any) -> Row:
    """Saved, and applied by the run that was launched."""
    answer = product.api("integration").put(MAPPING, json={"lines": list(lines), **body})
    assert answer.status_code == 200, answer.text
    return ended(product, answer.json())


def ended(product: Product, saved: Row) -> Row:
    deadline = time.monotonic() + 120
    while saved["run_id"] and run_of(product, saved)["status"] in ("queued", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return saved


def run_of(product: Product, saved: Row) -> Row:
    found: Row = product.api("viewer").get(f"/api/integrations/runs/{saved['run_id']}").json()
    return found


def line(target: str, *sources: str, **step: Any) -> Row:
    return {"target": target, "sources": list(sources), "steps": [step] if step else []}


def one_line(product: Product) -> Row:
    """An order line as the Costbook shows it."""
    items = product.api("viewer").get("/api/costbook/projects", params={"limit": 500}).json()["items"]
    project = next(one for one in items if Decimal(one["open"]) > 0)
    lines = product.api("viewer").get(f"/api/costbook/projects/{project['project_id']}/commitments").json()["items"]
    found: Row = lines[0]
    return found


def test_fields_have_samples_and_what_is_required_is_filled(product: Product) -> None:
    told = get(product)
    fields = {one["name"]: one for one in told["fields"]}
    assert fields["order.Supplier"]["samples"]
    assert fields["order.Supplier"]["state"] == "standard"
    assert "vendor" in fields["order.Supplier"]["targets"]
    assert told["missing"] == []
    assert told["version"] is None
    targets = {one["name"]: one for one in told["targets"]}
    assert targets["ordered_amount"]["required"]
    german = product.api("integration").get(MAPPING, headers={"Accept-Language": "de"}).json()
    assert {one["name"]: one["label"] for one in german["targets"]}["vendor"] == "Lieferant"


def test_a_saved_mapping_is_applied_by_a_run_and_shown_in_the_costbook(product: Product) -> None:
    before = one_line(product)
    draft = [line("vendor_description", "order.Supplier", "order.PurchaseOrder", do="concatenate", separator=" / ")]
    tried = post(product, "/preview", lines=draft)
    assert tried["changed"] == tried["rows"] == tried["of"] > 0
    assert len(tried["examples"]) == 5
    assert {one["delta"] for one in tried["money"]} <= {"0.00", "0", "0.000"}
    assert one_line(product)["vendor_description"] == before["vendor_description"]
    saved = put(product, *draft, reason="vendors by number")
    assert (saved["version"], saved["reason"]) == (get(product)["version"], "vendors by number")
    after = one_line(product)
    assert after["vendor_description"] == f"{after['vendor']} / {after['po_number']}"
    assert get(product)["applied"]
    run = run_of(product, saved)
    assert (run["status"], run["updated"]) == ("success", tried["changed"])
    put(product)
    assert one_line(product)["vendor_description"] == before["vendor_description"]


def test_a_version_is_restored(product: Product) -> None:
    first = put(product, line("requester", "order.PurchaseOrder"), reason="one")
    put(product, reason="none")
    restored = ended(product, post(product, f"/versions/{first['version']}/restore", reason="back"))
    assert restored["lines"] == first["lines"]
    assert restored["restored_from"] == first["version"]
    found = one_line(product)
    assert found["requester"] == found["po_number"]
    listed = get(product, "/versions")["items"]
    assert [one["version"] for one in listed] == sorted((one["version"] for one in listed), reverse=True)
    assert [one["active"] for one in listed].count(True) == 1
    assert listed[0]["saved_by"]


def test_a_line_tells_where_it_comes_from(product: Product) -> None:
    by_hand = line("requester", "order.PurchaseOrder") | {"origin": "by_hand"}
    saved = put(product, by_hand, line("custom_fields.changed", "order.LastChangeDateTime"))
    for told in (saved, get(product), get(product, "/versions")["items"][0]):
        assert {one["target"]: one["origin"] for one in told["lines"]} == {
            "requester": "by_hand",
            "custom_fields.changed": None,
        }
    assert {one["origin"] for one in saved["standard"]} == {"standard"}
    answer = product.api("integration").put(MAPPING, json={"lines": [by_hand | {"origin": "dream"}]})
    assert answer.status_code == 422


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(product: Product) -> None:
    api = product.api("integration")
    read = api.get(MAPPING).headers["ETag"]
    put(product, line("requester", "order.PurchaseOrder"))
    answer = api.put(MAPPING, json={"lines": []}, headers={"If-Match": read})
    assert answer.status_code == 412
    assert get(product)["lines"]


def test_suggestions_come_for_what_is_open_and_change_nothing(product: Product) -> None:
    found = post(product, "/suggest")
    open_fields = {one["name"] for one in get(product)["fields"] if one["state"] == "open"}
    assert {one["field"] for one in found["suggestions"]} == open_fields
    assert all(one["word"] in ("sure", "check", "none") and one["reason"] for one in found["suggestions"])
    assert post(product, "/suggest")["suggestions"] == found["suggestions"]
    assert get(product)["lines"] == []


def test_decisions_are_remembered(product: Product) -> None:
    name = "order.LastChangeDateTime"
    put(product, line("custom_fields.changed", name), ignored=["item.OrderQuantity"])
    told = {one["name"]: one for one in get(product)["fields"]}
    assert (told[name]["state"], told["item.OrderQuantity"]["state"]) == ("own", "ignored")
    assert "custom_fields.changed" in told[name]["targets"]
    left = {one["field"] for one in post(product, "/suggest")["suggestions"]}
    assert not {name, "item.OrderQuantity"} & left


@pytest.mark.parametrize(
    ("draft", "sentence"),
    [
        (line("vendor", "order.Nothing"), "Die Quelle hat kein Feld order.Nothing. Bitte ein anderes Feld wählen."),
        (line("nothing", "order.Supplier"), "Ein Ziel nothing gibt es nicht."),
        (line("po_date", "order.Supplier", do="date", format="when"), "'when' ist keine Form von Daten"),
    ],
)
def test_a_line_that_cannot_be_is_refused_in_the_reader_s_language(product: Product, draft: Row, sentence: str) -> None:
    for method, path in (("PUT", ""), ("POST", "/preview"), ("POST", "/suggest")):
        answer = product.api("integration").request(
            method, f"{MAPPING}{path}", json={"lines": [draft]}, headers={"Accept-Language": "de"}
        )
        assert answer.status_code == 422
        assert sentence in answer.json()["detail"]


def test_a_field_that_was_not_read_is_mapped_and_comes_with_the_next_sync(product: Product) -> None:
    def field() -> Row:
        return next(one for one in get(product)["fields"] if one["name"] == "item.MaterialGroup")

    assert (field()["read"], field()["mappable"], field()["samples"]) == (False, True, [])
    draft = [line("custom_fields.group", "item.MaterialGroup"), line("requester", "order.PurchaseOrder")]
    tried = post(product, "/preview", lines=draft)
    [waits] = tried["awaited"]
    assert (waits["target"], waits["sources"], waits["count"]) == (
        "custom_fields.group",
        ["item.MaterialGroup"],
        tried["rows"],
    )
    assert waits["reason"] == "Not read so far: Material Group. There are values after the first sync with this line."
    saved = put(product, *draft)
    assert (saved["run_id"], saved["applied"], saved["awaited"]["fields"]) == (None, False, ["item.MaterialGroup"])
    german = product.api("integration").get(MAPPING, headers={"Accept-Language": "de"}).json()
    assert german["awaited"]["reason"].endswith("Der nächste Sync liest alles und wendet diese Version an.")
    sync(product)
    told = get(product)
    assert (told["applied"], told["awaited"]) == (True, None)
    assert field()["read"]
    assert field()["samples"]
    assert one_line(product)["custom_fields"]["group"]
    assert one_line(product)["requester"] == one_line(product)["po_number"]


def test_what_can_t_be_read_is_told_before_it_is_saved(product: Product) -> None:
    tried = post(product, "/preview", lines=[line("po_date", "order.Supplier", do="date", format="DD.MM.YYYY")])
    [error] = tried["errors"]
    assert (error["target"], error["count"]) == ("po_date", tried["rows"])
    assert error["samples"]
    vital = post(product, "/preview", lines=[line("ordered_amount", "order.PurchaseOrderDate")])
    assert vital["rejected"] == vital["rows"]
    assert all(Decimal(one["after"]) == 0 for one in vital["money"])


def test_the_source_is_asked_for_its_fields(product: Product) -> None:
    began = datetime.now(UTC)
    told = get(product, refresh=True)
    assert datetime.fromisoformat(told["asked_at"]) > began
    product.connected(api_key="wrong")
    answer = product.api("integration").get(MAPPING, params={"refresh": True})
    assert answer.status_code == 502
    assert answer.json()["type"].endswith("/credentials")


@pytest.mark.parametrize("path", ["/api/integrations/slack/mapping/commitments", "/api/integrations/sap/mapping/costs"])
def test_there_is_nothing_to_map_where_there_are_no_fields(product: Product, path: str) -> None:
    assert product.api("integration").get(path).status_code == 404


def test_a_terminal_does_the_same(product: Product, tmp_path: Path) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "ppm_pipelines.cli", "map", *arguments],
            env=product.environment | {"COLUMNS": "200"},
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    draft = tmp_path / "draft.json"
    draft.write_text(json.dumps({"lines": [line("requester", "order.PurchaseOrder")]}))
    place = ("sap", "commitments")
    assert "order.Supplier" in run("show", *place)
    assert "YY1_" in run("suggest", *place)
    assert "0 would go to quarantine" in run("preview", *place, str(draft))
    assert one_line(product)["requester"] != one_line(product)["po_number"]
    assert "is saved" in run("save", *place, str(draft), "--reason", "by number")
    assert one_line(product)["requester"] == one_line(product)["po_number"]
    assert "by number" in run("versions", *place)
    run("restore", *place, "0")
    assert one_line(product)["requester"] != one_line(product)["po_number"]
    draft.write_text(json.dumps({"lines": [line("custom_fields.group", "item.MaterialGroup")]}))
    assert "Not read so far: item.MaterialGroup." in run("preview", *place, str(draft))
    assert "The next sync reads everything" in run("save", *place, str(draft))
    run("restore", *place, "0")
    draft.write_text(json.dumps({"lines": [line("requester", "order.Nothing")]}))
    assert "The source has no field order.Nothing." in run("save", *place, str(draft), code=1)
