"""The sync calls end to end: a real Dagster run, the sandbox's SAP over HTTP, the answer, and what else must agree."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from bench.crowd import crowd
from ppm_pipelines_tests.product import Product

KEYS = {
    "run_id", "system", "entity", "organization_id", "status", "total", "inserted", "updated", "unchanged", "closed",
    "rejected", "skipped", "amounts", "skipped_amounts", "errors", "synced_at", "duration_ms", "reconciliation",
    "run_url", "by_entity",
}  # fmt: skip
FORMS: list[tuple[str, dict[str, Any]]] = [
    ("/api/integrations/sync", {"system": "sap", "entity": "projects"}),
    ("/api/integrations/sap/sync", {"entity": "projects"}),
    ("/api/v1/erp/sync", {"adapter": "sap", "entity": "projects"}),
]


@pytest.fixture(autouse=True)
def connected(product: Product) -> Iterator[None]:
    product.sandbox().post("/_sandbox/sap/reset")
    product.connected()
    yield
    product.sandbox().post("/_sandbox/sap/reset")


def sync(product: Product, entity: str = "costs", wait: int = 120, **more: Any) -> httpx.Response:
    body = {"system": "sap", "entity": entity, **more}
    return product.api("controller").post("/api/integrations/sync", params={"wait": wait}, json=body)


def fault(product: Product, kind: str, times: int = 1000, **more: Any) -> None:
    answer = product.sandbox().post("/_sandbox/sap/fault", json={"kind": kind, "times": times, **more})
    assert answer.status_code < 300, answer.text


def facts(product: Product) -> list[tuple[Any, ...]]:
    """What a failed run must leave as it was."""
    return product.rows(
        "select 'c', source_key, ordered_amount, open_amount, closed_at from ppm.commitments union all "
        "select 'a', source_key, amount, company_amount, removed_at from ppm.actuals order by 1, 2"
    )


@pytest.mark.parametrize(("path", "body"), FORMS)
def test_a_sync_answers_in_its_three_forms_in_the_same_shape(product: Product, path: str, body: dict[str, Any]) -> None:
    answer = product.api("controller").post(path, params={"wait": 120}, json=body)
    document = answer.json()
    assert answer.status_code == 200, document
    assert set(document) == KEYS
    assert (document["system"], document["entity"], document["status"]) == ("sap", "projects", "success")


def test_the_answer_the_row_and_the_materialization_are_equal(product: Product) -> None:
    product.sandbox().post("/_sandbox/sap/advance", json={"steps": 5})
    document = sync(product).json()
    counts = ("total", "inserted", "updated", "unchanged", "closed", "rejected", "skipped")
    told = {name: document[name] for name in counts}
    row = product.rows("select result from ppm.sync_runs where run_id = %s", document["run_id"])[0][0]
    assert {name: row[name] for name in counts} == told
    assert row["amounts"] == document["amounts"]
    run = document["run_url"].rsplit("/", 1)[1]
    query = """query Q($run: ID!) { runOrError(runId: $run) { ... on Run { status
        eventConnection { events { ... on MaterializationEvent { metadataEntries {
            label ... on IntMetadataEntry { intValue } } } } } } } }"""
    url = f"http://127.0.0.1:{product.port('dagster')}/graphql"
    answer = httpx.post(url, json={"query": query, "variables": {"run": run}}, trust_env=False, timeout=60)
    found = answer.json()["data"]["runOrError"]
    assert found["status"] == "SUCCESS"
    materialized = [e["metadataEntries"] for e in found["eventConnection"]["events"] if e.get("metadataEntries")]
    assert materialized
    sums = dict.fromkeys(counts, 0)
    for entries in materialized:
        for entry in entries:
            if entry["label"] in sums:
                sums[entry["label"]] += entry["intValue"]
    assert sums == told


def test_a_run_that_outlasts_the_wait_is_202_and_found_at_its_location(product: Product) -> None:
    answer = sync(product, wait=0)
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] in ("queued", "running")
    location = answer.headers["location"]
    assert location == f"/api/integrations/runs/{answer.json()['run_id']}"
    ended = list(events(product, f"{location}/events"))
    assert ended[-1][0] == "end"
    assert ended[-1][1] == product.api("viewer").get(location).json()
    assert ended[-1][1]["status"] == "success"


def events(product: Product, path: str, last_id: str | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """(event, data) of a stream until it ends or has said `end`."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with product.api("viewer").stream("GET", path, headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))
                if name == "end":
                    return


def test_progress_is_told_while_it_runs_and_the_end_to_the_whole_organisation(product: Product) -> None:
    with ThreadPoolExecutor() as pool:
        listening = threading.Event()

        def listen() -> list[tuple[str, dict[str, Any]]]:
            with product.api("viewer").stream("GET", "/api/integrations/events") as stream:
                listening.set()
                found, name = [], ""
                for line in stream.iter_lines():
                    if line.startswith("event: "):
                        name = line.removeprefix("event: ")
                    elif line.startswith("data: "):
                        found.append((name, json.loads(line.removeprefix("data: "))))
                        if name == "end":
                            return found
                return found

        heard = pool.submit(listen)
        listening.wait(30)
        document = sync(product, mode="full").json()
        told = heard.result(60)
    progress = [data for name, data in told if name == "progress"]
    assert progress
    assert {"run_id", "system", "entity", "stage", "rows", "total", "pages", "elapsed_ms"} <= set(progress[0])
    assert told[-1][0] == "end"
    assert told[-1][1]["run_id"] == document["run_id"]


def test_a_stream_of_a_run_that_has_ended_says_so_at_once_also_to_one_who_comes_back(product: Product) -> None:
    run_id = sync(product, "projects").json()["run_id"]
    for last_id in (None, f"{run_id}:17", "nonsense"):
        [(name, data)] = list(events(product, f"/api/integrations/runs/{run_id}/events", last_id))
        assert (name, data["run_id"]) == ("end", run_id)


def test_five_hundred_clicks_in_one_moment_make_one_run_and_equal_answers(product: Product) -> None:
    """The last of them is taken in when the run that answers it may have ended: it counts when it came."""
    before = product.rows("select count(*) from ppm.sync_runs where system = 'sap'")[0][0]
    bearer = product.api("controller").headers["authorization"]
    answers = asyncio.run(crowd(f"http://127.0.0.1:{product.port('api')}", bearer, 500))
    assert all(answer == answers[0] for answer in answers)
    assert product.rows("select count(*) from ppm.sync_runs where system = 'sap'")[0][0] == before + 1


def test_a_full_one_does_not_join_an_incremental_one_and_an_incremental_joins_a_full_one(product: Product) -> None:
    fault(product, "slow", 5)
    first = sync(product, wait=0, mode="incremental").json()["run_id"]
    other = sync(product, wait=0, mode="full")
    assert (other.status_code, other.json()["run_id"]) == (409, first)
    assert other.json()["type"].endswith("/busy")
    until_final(product, first)
    fault(product, "slow", 5)
    full = sync(product, wait=0, mode="full").json()["run_id"]
    assert sync(product, wait=0, mode="incremental").json()["run_id"] == full
    until_final(product, full)


def until_final(product: Product, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        run: dict[str, Any] = product.api("viewer").get(f"/api/integrations/runs/{run_id}").json()
        if run["status"] not in ("queued", "running"):
            return run
        time.sleep(0.1)
    raise AssertionError(f"run {run_id} did not end")


class TestIdempotency:
    def post(self, product: Product, key: str, **body: Any) -> httpx.Response:
        whole = {"system": "sap", "entity": "projects", **body}
        headers = {"Idempotency-Key": key}
        client = product.api("controller")
        return client.post("/api/integrations/sync", params={"wait": 120}, json=whole, headers=headers)

    def test_the_same_key_gives_the_same_run(self, product: Product) -> None:
        key = uuid.uuid4().hex
        first, again = self.post(product, key), self.post(product, key)
        assert first.status_code == 200
        assert first.json() == again.json()

    def test_the_same_key_with_another_body_is_422(self, product: Product) -> None:
        key = uuid.uuid4().hex
        self.post(product, key)
        assert self.post(product, key, mode="full").status_code == 422

    def test_another_key_is_another_run(self, product: Product) -> None:
        first, other = self.post(product, uuid.uuid4().hex), self.post(product, uuid.uuid4().hex)
        assert first.json()["run_id"] != other.json()["run_id"]


class TestRequestsThatCannotBe:
    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"system": "oracle"}, 404),
            ({"system": "sap", "entity": "invoices"}, 422),
            ({"system": "sap", "mode": "fast"}, 422),
            ({"system": "sap", "dry_run": "no"}, 422),
            ({"system": "sap", "scope": {"planet": "Mars"}}, 422),
            ({"entity": "costs"}, 422),
            ({"system": "sap", "organization_id": "another"}, 404),
            ([], 422),
        ],
        ids=str,
    )
    def test_are_told_so(self, product: Product, body: Any, status: int) -> None:
        assert product.api("admin").post("/api/integrations/sync", json=body).status_code == status

    @pytest.mark.parametrize("wait", ["-1", "301", "soon"])
    def test_wait_has_its_bounds(self, product: Product, wait: str) -> None:
        answer = product.api("admin").post("/api/integrations/sap/sync", params={"wait": wait})
        assert answer.status_code == 422

    def test_a_system_that_is_switched_off_is_409(self, product: Product) -> None:
        product.api().patch("/api/integrations/sap/config", json={"enabled": False})
        answer = sync(product)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/disabled")


class TestASystemInTrouble:
    @pytest.mark.parametrize(
        ("kind", "status", "ending"),
        [
            ("unauthorized", 502, "/credentials"),
            ("html_login", 502, ""),
            ("truncated_json", 502, ""),
            ("foreign_next_link", 502, ""),
        ],
    )
    def test_is_told_in_plain_words_and_changes_nothing(
        self, product: Product, kind: str, status: int, ending: str
    ) -> None:
        sync(product)
        before = facts(product)
        fault(product, kind)
        answer = sync(product, mode="full")
        document = answer.json()
        assert answer.status_code == status, document
        assert document["type"].endswith(ending)
        assert document["run_id"]
        assert document["detail"].endswith(".")
        assert facts(product) == before
        run = product.api("viewer").get(f"/api/integrations/runs/{document['run_id']}").json()
        assert (run["status"], run["reason"]) == ("failed", document["detail"])

    def test_wrong_key_is_bad_credentials(self, product: Product) -> None:
        product.connected(api_key="wrong-key")
        answer = sync(product)
        assert (answer.status_code, answer.json()["type"]) == (502, "/problems/credentials")

    def test_a_system_that_is_down_cannot_be_reached(self, product: Product) -> None:
        product.connected(api_url="http://127.0.0.1:9/sap")
        answer = sync(product)
        assert answer.status_code == 502, answer.text


def test_cancel_stops_a_run_and_leaves_the_old_truth(product: Product) -> None:
    sync(product)
    before = facts(product)
    fault(product, "slow", 1000, seconds=5)
    run_id = sync(product, wait=0, mode="full").json()["run_id"]
    stopped = product.api("controller").post(f"/api/integrations/runs/{run_id}/cancel")
    assert stopped.status_code in (200, 202), stopped.text
    run = until_final(product, run_id)
    assert run["status"] == "canceled"
    assert facts(product) == before
    again = product.api("controller").post(f"/api/integrations/runs/{run_id}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "canceled")


def test_quarantined_records_are_listed_whole_with_their_reason(product: Product) -> None:
    fault(product, "unknown_currency", 1)
    document = sync(product, mode="full").json()
    assert document["status"] == "partial"
    listed = product.api("viewer").get("/api/integrations/rejections", params={"system": "sap"}).json()["items"]
    assert len(listed) == document["rejected"] >= 1
    assert {(e["key"], e["reason"]) for e in document["errors"]} == {(r["key"], r["reason"]) for r in listed}
    assert all(r["raw"] and r["code"] == "unknown_currency" for r in listed)


def test_history_is_paged_and_filtered(product: Product) -> None:
    for _ in range(3):
        sync(product, "projects")
    viewer = product.api("viewer")
    seen: list[str] = []
    cursor: str | None = None
    while True:
        parameters: dict[str, str | int] = {"entity": "projects", "status": "success", "limit": 2}
        if cursor:
            parameters["cursor"] = cursor
        page = viewer.get("/api/integrations/runs", params=parameters).json()
        assert all(run["entity"] == "projects" and run["status"] == "success" for run in page["items"])
        seen += [run["run_id"] for run in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) >= 3
    assert viewer.get("/api/integrations/runs", params={"cursor": "nonsense"}).status_code == 422


def test_a_secret_appears_nowhere(product: Product) -> None:
    canary = f"canary-{uuid.uuid4().hex}"
    product.connected(api_key=canary)
    failed = sync(product)
    said = [failed.text]
    admin = product.api("admin")
    said += [admin.get(f"/api/integrations/{path}").text for path in ("config", "sap/config", "runs", "rejections")]
    said.append(admin.post("/api/integrations/sap/test").text)
    body = {"settings": {**product.sap_settings, "api_key": canary, "surprise": canary, "auth": canary}}
    said.append(admin.put("/api/integrations/sap/config", json=body).text)
    said.append(admin.post("/api/integrations/sap/test", json=body).text)
    said.append(product.log)
    names = product.rows(
        "select table_schema, table_name from information_schema.tables where table_type = 'BASE TABLE' "
        "and table_schema not in ('pg_catalog', 'information_schema')"
    )
    for schema, table in names:
        said.append(str(product.rows(f'select t::text from "{schema}"."{table}" t')))
        said.append(str(product.rows(f'select * from "{schema}"."{table}"')))
    assert not [text[max(0, text.index(canary) - 200) :][:400] for text in said if canary in text]
