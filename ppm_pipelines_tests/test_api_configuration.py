"""Connectors' settings over HTTP: what is kept, what is refused, what never comes out."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ppm_pipelines_tests.product import Product

URL = "/api/integrations/sap/config"


@pytest.fixture(autouse=True)
def connected(product: Product) -> None:
    product.connected()


def put(product: Product, settings: dict[str, Any], **more: Any) -> httpx.Response:
    headers = more.pop("headers", {})
    return product.api().put(URL, json={"settings": settings, **more}, headers=headers)


def without_key(product: Product) -> dict[str, Any]:
    return {name: value for name, value in product.sap_settings.items() if name != "api_key"}


def works(product: Product) -> bool:
    return bool(product.api().post("/api/integrations/sap/test").json()["ok"])


def test_a_secret_goes_in_and_never_comes_out(product: Product) -> None:
    shown = product.api().get(URL).json()
    assert shown["secrets"]["api_key"]["set"] is True
    assert "api_key" not in shown["settings"]
    assert "sandbox-key" not in product.api().get(URL).text
    assert shown["schema"]["properties"]["api_key"]["writeOnly"] is True
    assert shown["schema"]["properties"]["password"]["writeOnly"] is True
    assert shown["updated_by"] == "admin@test.example"


@pytest.mark.parametrize("blank", [{}, {"api_key": ""}])
def test_a_secret_left_out_or_empty_is_kept(product: Product, blank: dict[str, Any]) -> None:
    assert put(product, without_key(product) | blank).status_code == 200
    assert works(product)


def test_null_removes_a_secret(product: Product) -> None:
    settings = without_key(product) | {"auth": "basic", "username": "PPM_READER", "password": "sandbox-password"}
    assert put(product, settings | {"api_key": None}).status_code == 200
    secrets = product.api().get(URL).json()["secrets"]
    assert (secrets["api_key"]["set"], secrets["password"]["set"]) == (False, True)


def test_the_settings_given_are_the_settings_from_now_on(product: Product) -> None:
    put(product, without_key(product) | {"company_codes": ["1010"]})
    assert product.api().get(URL).json()["settings"]["company_codes"] == ["1010"]
    put(product, without_key(product))
    assert product.api().get(URL).json()["settings"].get("company_codes", []) == []


def test_another_host_needs_its_secrets_again(product: Product) -> None:
    elsewhere = without_key(product) | {"api_url": "https://elsewhere.example"}
    refused = put(product, elsewhere)
    assert refused.status_code == 422
    assert "settings.api_key" in [error["field"] for error in refused.json()["errors"]]
    tried = product.api().post("/api/integrations/sap/test", json={"settings": elsewhere})
    assert tried.status_code == 422
    assert put(product, elsewhere | {"api_key": "typed again"}).status_code in (200, 422)


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/latest", "https://metadata.google.internal", "ftp://host", "no url", ""]
)
def test_a_host_that_its_text_gives_away_is_refused(product: Product, url: str) -> None:
    answer = put(product, product.sap_settings | {"api_url": url})
    assert answer.status_code == 422, answer.text
    assert product.api().get(URL).json()["settings"]["api_url"] == product.sap_settings["api_url"]


def test_what_is_no_setting_is_refused_without_repeating_it(product: Product) -> None:
    answer = put(product, product.sap_settings | {"colour": "secret-value", "auth": "secret-value"})
    assert answer.status_code == 422
    assert "secret-value" not in answer.text


def test_a_switch_loses_nothing_else(product: Product) -> None:
    schedule = {"cron": "0 6 * * 1-5", "time_zone": "Europe/Berlin", "entity": "costs", "mode": "incremental"}
    client = product.api()
    assert client.patch(URL, json={"schedule": schedule}).json()["schedule"] == schedule
    off = client.patch(URL, json={"enabled": False}).json()
    assert (off["enabled"], off["schedule"]) == (False, schedule)
    assert off["secrets"]["api_key"]["set"] is True
    assert client.patch(URL, json={"enabled": True, "schedule": None}).json()["schedule"] is None
    assert works(product)


@pytest.mark.parametrize(
    "schedule",
    [
        {"cron": "every day"},
        {"cron": "61 * * * *"},
        {"cron": "0 6 * * *", "time_zone": "Mars/Olympus"},
        {"cron": "0 6 * * *", "entity": "invoices"},
        {"cron": "0 6 * * *", "colour": "red"},
        "0 6 * * *",
    ],
    ids=str,
)
def test_a_schedule_that_never_comes_is_refused(product: Product, schedule: Any) -> None:
    assert product.api().patch(URL, json={"schedule": schedule}).status_code == 422


def test_settings_change_only_where_nobody_changed_them_meanwhile(product: Product) -> None:
    client = product.api()
    read = client.get(URL).headers["etag"]
    assert put(product, without_key(product), headers={"If-Match": read}).status_code == 200
    late = put(product, without_key(product), headers={"If-Match": read})
    assert late.status_code == 412
    assert client.patch(URL, json={"enabled": False}, headers={"If-Match": read}).status_code == 412
    assert client.patch(URL, json={"enabled": True}, headers={"If-Match": late.headers["etag"]}).status_code == 200


def test_the_connection_test_says_what_works_and_what_does_not(product: Product) -> None:
    client = product.api()
    good = client.post("/api/integrations/sap/test").json()
    assert good["ok"] is True
    assert all(set(check) == {"name", "ok", "detail", "ms"} for check in good["checks"])
    unsaved = product.sap_settings | {"api_key": "wrong"}
    bad = client.post("/api/integrations/sap/test", json={"settings": unsaved}).json()
    assert bad["ok"] is False
    assert works(product)  # what was only tried was not saved


def test_unknown_systems_are_not_there(product: Product) -> None:
    client = product.api()
    assert client.get("/api/integrations/oracle/config").status_code == 404
    assert client.put("/api/integrations/oracle/config", json={"settings": {}}).status_code == 404
    assert client.post("/api/integrations/oracle/test").status_code == 404
    assert client.post("/api/integrations/oracle/sync").status_code == 404


def test_the_list_tells_health_and_last_sync(product: Product) -> None:
    client = product.api()
    client.post("/api/integrations/sap/sync", params={"wait": 120}, json={"entity": "projects"})
    [sap] = [entry for entry in client.get("/api/integrations/config").json() if entry["system"] == "sap"]
    assert (sap["name"], sap["enabled"], sap["configured"], sap["health"]) == ("SAP", True, True, "ok")
    assert set(sap["last_sync"]) == {"at", "status", "run_id", "inserted", "updated", "errors"}
    assert sap["last_error"] is None


def test_everybody_reads_what_a_click_on_sync_reads(product: Product) -> None:
    def sources() -> list[dict[str, str]]:
        answer = product.api("viewer").get("/api/integrations/sources")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, str]] = answer.json()
        return found

    assert {"system": "sap", "name": "SAP"} in sources()
    product.api().patch(URL, json={"enabled": False})
    assert "sap" not in [one["system"] for one in sources()]
    assert "slack" not in [one["system"] for one in sources()]
