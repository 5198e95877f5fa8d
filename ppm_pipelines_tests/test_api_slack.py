"""Slack in the whole product: settings, the test message, a sync of any entity, the message that follows a sync, and a
dead webhook where people see it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ppm_pipelines_tests.product import Product

CONFIG, TEST, SYNC = (f"/api/integrations/slack/{what}" for what in ("config", "test", "sync"))
FOLLOWS_SECONDS = 90


def settings(product: Product, key: str = "sandboxkey", **more: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:{product.port('sandbox')}/slack/services/T1/B1/{key}"
    return {"webhook_url": url, "language": "en", "notify": "changes"} | more


def connected(product: Product, **more: Any) -> None:
    body = {"enabled": True, "settings": settings(product, **more)}
    answer = product.api().put(CONFIG, json=body)
    assert answer.status_code == 200, answer.text


@pytest.fixture(autouse=True)
def slack(product: Product) -> Iterator[None]:
    """Connected to an empty channel; at the end switched off, because other tests want no messages."""
    product.sandbox().post("/_sandbox/slack/reset")
    product.connected()
    connected(product)
    yield
    product.api().patch(CONFIG, json={"enabled": False})


def channel(product: Product) -> dict[str, Any]:
    found: dict[str, Any] = product.sandbox().get("/_sandbox/slack").json()
    return found


def fault(product: Product, kind: str, times: int = 1) -> None:
    product.sandbox().post("/_sandbox/slack/fault", json={"kind": kind, "times": times})


def eventually(found: Callable[[], Any]) -> Any:
    until = time.monotonic() + FOLLOWS_SECONDS
    while time.monotonic() < until:
        if value := found():
            return value
        time.sleep(0.5)
    raise AssertionError(f"It did not come to that within {FOLLOWS_SECONDS} seconds.")


def test_the_webhook_is_a_secret(product: Product) -> None:
    shown = product.api().get(CONFIG)
    assert shown.json()["secrets"]["webhook_url"]["set"] is True
    assert shown.json()["settings"] == {"language": "en", "notify": "changes"}
    assert shown.json()["schema"]["properties"]["webhook_url"]["writeOnly"] is True
    assert "sandboxkey" not in shown.text
    kept = {"language": "de", "notify": "all"}
    assert product.api().put(CONFIG, json={"settings": kept}).json()["secrets"]["webhook_url"]["set"] is True


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/services/T/B/sandboxkey", "https://hooks.slack.com/triggers/T/1/sandboxkey", "x"]
)
def test_what_can_be_refused_by_its_text_is_refused_and_not_repeated(product: Product, url: str) -> None:
    answer = product.api().put(CONFIG, json={"settings": {"webhook_url": url}})
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["errors"]] == ["settings.webhook_url"]
    assert "sandboxkey" not in answer.text


def test_the_test_sends_a_message(product: Product) -> None:
    tried = product.api().post(TEST).json()
    assert tried["ok"], tried
    assert [one["name"] for one in tried["checks"]] == ["message"]
    assert channel(product)["messages"][0]["text"] == "Test message from the Costbook"


def test_the_test_tells_in_german_what_is_wrong(product: Product) -> None:
    unsaved = {"settings": settings(product, "of-another-app")}
    tried = product.api().post(TEST, json=unsaved, headers={"Accept-Language": "de"}).json()
    assert not tried["ok"]
    assert tried["checks"][0]["detail"].startswith("Slack kennt diesen Webhook nicht mehr")
    assert "of-another-app" not in str(tried)


@pytest.mark.parametrize("entity", ["digest", "commitments", "actuals", "projects", "costs", None])
def test_a_sync_of_any_entity_sends_one_message(product: Product, entity: str | None) -> None:
    body = {"entity": entity} if entity else {}
    answer = product.api().post(SYNC, json=body, params={"wait": 120})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["system"], told["entity"], told["status"]) == ("slack", entity or "commitments", "success")
    assert told["total"] == told["inserted"] + told["updated"] + told["closed"]
    assert len(channel(product)["messages"]) == 1
    run = product.api().get(f"/api/integrations/runs/{told['run_id']}").json()
    assert {name: run[name] for name in told} == told


def test_what_slack_has_not_is_no_entity_of_it(product: Product) -> None:
    assert product.api().post(SYNC, json={"entity": "invoices"}).status_code == 422


def test_a_message_follows_a_sync_that_changed_something(product: Product) -> None:
    product.sandbox().post("/_sandbox/sap/advance", json={"steps": 3})
    synced = product.api().post("/api/integrations/sap/sync", json={"entity": "costs"}, params={"wait": 120}).json()
    # Where earlier tests have read the same orders already, they are there again and not new.
    assert synced["inserted"] + synced["updated"]
    message = eventually(lambda: channel(product)["messages"])[0]
    assert message["notifies"] == []
    assert "changed" in message["text"]
    followed = "system = 'slack' and status = 'success' and requested_by = 'sync'"
    newest = f"select result from ppm.sync_runs where {followed} order by ended_at desc limit 1"
    [(result,)] = eventually(lambda: product.rows(newest))
    assert result["by_entity"]["digest"]["messages"] == 1


def test_a_message_follows_a_sync_that_failed(product: Product) -> None:
    product.connected(api_key="wrong-key")
    assert product.api().post("/api/integrations/sap/sync", params={"wait": 120}).status_code == 502
    message = eventually(lambda: channel(product)["messages"])[0]
    product.connected()
    assert "the sync failed" in message["text"]
    assert "wrong-key" not in str(message)


def test_a_dead_webhook_is_seen_in_the_list_and_stops_no_sync(product: Product) -> None:
    fault(product, "no_service", 100)
    product.sandbox().post("/_sandbox/sap/advance", json={"steps": 1})
    synced = product.api().post("/api/integrations/sap/sync", json={"entity": "costs"}, params={"wait": 120})
    assert synced.status_code == 200

    def row() -> dict[str, Any]:
        rows = product.api().get("/api/integrations/config").json()
        return next(one for one in rows if one["system"] == "slack")

    assert eventually(lambda: row()["health"] == "error")
    assert row()["last_error"].startswith("Slack does not know this webhook any more")
    refused = product.api().post(SYNC, json={"entity": "digest"}, params={"wait": 120})
    assert refused.status_code == 502
    assert refused.json()["detail"].startswith("Slack does not know this webhook any more")
    assert "sandboxkey" not in product.log
