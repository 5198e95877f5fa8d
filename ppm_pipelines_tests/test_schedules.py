"""Who is due when: schedules that people change, per organisation, in their own time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from ppm_pipelines import connectors, database
from ppm_pipelines.defs.schedules import assets_of, due_at, is_due
from ppm_pipelines.vault import Vault

BERLIN = {"cron": "0 6 * * 1-5", "time_zone": "Europe/Berlin", "entity": "costs", "mode": "incremental"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def connect(
    organization_id: str, schedule: dict[str, Any] | None, *, enabled: bool = True, system: str = "sap"
) -> None:
    with database.owner() as connection:
        connectors.save(
            connection,
            Vault.from_environment(),
            organization_id,
            system,
            settings={"api_url": "https://sap.example"}
            if system == "sap"
            else {"webhook_url": "https://chat.example/x"},
            schedule=schedule,
            enabled=enabled,
            by="test",
        )


@pytest.mark.parametrize(
    ("moment", "due"),
    [
        ("2026-11-25T05:00", True),  # Wednesday, winter: six in Berlin
        ("2026-11-25T06:00", False),
        ("2026-07-01T04:00", True),  # summer
        ("2026-11-28T05:00", False),  # Saturday
        ("2026-11-25T05:01", False),
    ],
)
def test_a_schedule_is_read_in_its_own_time_zone(moment: str, due: bool) -> None:
    assert is_due(BERLIN, at(moment)) is due


@pytest.mark.usefixtures("database_url")
def test_only_enabled_connectors_with_a_schedule_are_due() -> None:
    connect("a", BERLIN)
    connect("b", BERLIN, enabled=False)
    connect("c", None)
    assert list(due_at("sap", at("2026-11-25T05:00"))) == [("a", BERLIN)]


@pytest.mark.usefixtures("database_url")
def test_once_a_night_everything_is_read_whatever_is_scheduled() -> None:
    connect("a", BERLIN)
    assert list(due_at("sap", at("2026-11-25T01:30"))) == [("a", BERLIN | {"mode": "full"})]
    connect("a", BERLIN | {"cron": "* * * * *"})
    [(_, wanted)] = due_at("sap", at("2026-11-25T01:30"))
    assert wanted["mode"] == "full"


@pytest.mark.usefixtures("database_url")
def test_who_is_told_and_not_read_has_no_nightly_full_read() -> None:
    connect("a", BERLIN, system="slack")
    assert list(due_at("slack", at("2026-11-25T01:30"))) == []
    assert list(due_at("slack", at("2026-11-25T05:00"))) == [("a", BERLIN)]
    assert assets_of("slack", "costs") == [dg.AssetKey(["slack", "digest"])]
