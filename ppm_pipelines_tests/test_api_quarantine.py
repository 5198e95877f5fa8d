"""Quarantine over HTTP: listed, summed, exported, mended and taken up again by a real run."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from ppm_pipelines_tests.product import Product
from ppm_pipelines_tests.test_api_syncs import fault, sync

REPLAY = "/api/integrations/rejections/replay"


@pytest.fixture(autouse=True)
def connected(product: Product) -> Iterator[None]:
    product.sandbox().post("/_sandbox/sap/reset")
    product.connected()
    sync(product, mode="full")
    yield
    product.sandbox().post("/_sandbox/sap/reset")


def waiting(product: Product, **which: str) -> dict[str, Any]:
    listed: dict[str, Any] = product.api("viewer").get("/api/integrations/rejections", params=which).json()
    return listed


def replay(product: Product, **which: Any) -> dict[str, Any]:
    answer = product.api("controller").post(REPLAY, params={"wait": 120}, json={"system": "sap", **which})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def figures(product: Product, number: str) -> dict[str, Any]:
    items = product.api("viewer").get("/api/costbook/projects", params={"limit": 500}).json()["items"]
    return next(one for one in items if one["project_nr"] == number)


def test_quarantined_money_is_summed_and_exported(product: Product) -> None:
    fault(product, "unknown_wbs", 2)
    sync(product)
    listed = waiting(product, code="unknown_wbs")
    assert listed["total"] == len(listed["items"]) == 2
    text = product.api("viewer").get("/api/integrations/rejections", params={"format": "csv"}).text
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert {(row["key"], row["amount"]) for row in rows} >= {(one["key"], one["amount"]) for one in listed["items"]}
    assert waiting(product, code="bad_date")["total"] == 0


def test_a_quarantined_record_stands_beside_its_project_s_figures(product: Product) -> None:
    fault(product, "unknown_currency", 1)
    sync(product)
    [record] = waiting(product)["items"]
    own = figures(product, record["project_nr"])
    assert own["quarantined"] == 1
    assert own["quarantined_amounts"] == [{"currency": "XXQ", "open": record["amount"], "actual": "0"}]


def test_a_record_of_no_known_project_is_told_beside_the_portfolio(product: Product) -> None:
    fault(product, "unknown_wbs", 1)
    sync(product)
    [record] = waiting(product)["items"]
    told = product.api("viewer").get("/api/costbook/projects").json()["unassigned_quarantined"]
    assert told == {
        "rows": 1,
        "amounts": [{"currency": record["currency"], "open": record["open_amount"], "actual": f"{0:.2f}"}],
    }


def test_a_project_that_sap_does_not_list_is_linked_and_its_records_are_taken_up(product: Product) -> None:
    fault(product, "unknown_wbs", 2)
    sync(product)
    records = waiting(product)["items"]
    home = figures(product, "P-1000")
    controller = product.api("controller")
    url = f"/api/costbook/projects/{home['project_id']}/links"
    places = {tuple(one["link"].items()) for one in records}
    links = [*controller.get(url).json(), *(dict(place) for place in places)]
    assert controller.put(url, json=links).status_code == 200
    assert figures(product, "P-1000")["quarantined"] == 2

    told = replay(product, code="unknown_wbs")
    assert (told["status"], told["entity"], told["rejected"]) == ("success", "commitments", 0)
    # Numbers that the tenant gave before it was set back come again: then what vanished is there anew.
    assert told["inserted"] + told["updated"] == 2
    assert waiting(product)["total"] == 0
    assert figures(product, "P-1000")["quarantined"] == 0
    lines = controller.get(
        f"/api/costbook/projects/{home['project_id']}/commitments", params={"filter[project_nr]": "Z-9999"}
    ).json()
    assert {line["source_key"] for line in lines["items"]} == {one["key"] for one in records}
    # The next sync of everything says the same.
    again = sync(product, mode="full").json()
    assert (again["status"], again["inserted"], again["updated"], again["closed"]) == ("success", 0, 0, 0)
    controller.put(url, json=[link for link in links if link["project_nr"] == "P-1000"])


def test_what_is_still_wrong_stays_and_is_counted(product: Product) -> None:
    fault(product, "bad_amount", 1)
    fault(product, "unknown_currency", 1)
    sync(product)
    before = waiting(product)["items"]
    told = replay(product, ids=[before[0]["id"]])
    assert (told["status"], told["total"], told["rejected"]) == ("partial", 1, 1)
    assert [one["id"] for one in waiting(product)["items"]] == [one["id"] for one in before]


def test_replaying_twice_changes_nothing_more(product: Product) -> None:
    fault(product, "unknown_currency", 1)
    sync(product)
    first, again = replay(product), replay(product)
    told = ("status", "total", "inserted", "updated", "unchanged", "closed", "rejected", "skipped", "amounts")
    assert {name: first[name] for name in told} == {name: again[name] for name in told}
    assert (first["status"], first["rejected"], first["inserted"], first["updated"]) == ("partial", 1, 0, 0)


def test_a_replay_repeated_with_its_key_is_answered_as_the_first_time(product: Product) -> None:
    """The first one may have emptied what it asked for, or left less of it."""
    fault(product, "unknown_currency", 1)
    sync(product)
    [record] = waiting(product)["items"]
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    asked = {"system": "sap", "ids": [record["id"]]}
    controller = product.api("controller")
    first = controller.post(REPLAY, params={"wait": 120}, json=asked, headers=headers)
    product.rows(f"delete from ppm.rejections where id = {record['id']} returning id")
    again = controller.post(REPLAY, params={"wait": 120}, json=asked, headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    other = controller.post(REPLAY, json={"system": "sap"}, headers=headers)
    assert other.status_code == 422


def test_a_replay_does_not_move_the_watermark(product: Product) -> None:
    fault(product, "unknown_currency", 1)
    sync(product)
    state = product.rows("select state::text from ppm.sync_state order by entity")
    replay(product)
    assert product.rows("select state::text from ppm.sync_state order by entity") == state


def test_there_must_be_something_to_take_up(product: Product) -> None:
    answer = product.api("controller").post(REPLAY, json={"system": "sap", "ids": [0]})
    assert answer.status_code == 404
    assert product.api("controller").post(REPLAY, json={"system": "oracle"}).status_code == 404
    assert product.api("viewer").post(REPLAY, json={"system": "sap"}).status_code == 403
    assert product.api("controller").post(REPLAY, json={"system": "sap", "surprise": 1}).status_code == 422
