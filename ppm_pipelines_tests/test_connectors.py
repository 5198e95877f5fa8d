"""Connectors as they are kept."""

from __future__ import annotations

import pytest

from ppm_pipelines import connectors, database
from ppm_pipelines.vault import Vault

pytestmark = pytest.mark.usefixtures("database_url")


def save(by: str, if_version: int | None) -> connectors.Connector:
    with database.owner() as connection:
        return connectors.save(
            connection,
            Vault.from_environment(),
            "default",
            "sap",
            settings={"api_url": f"https://{by}.example"},
            schedule=None,
            enabled=True,
            by=by,
            if_version=if_version,
        )


@pytest.mark.parametrize("version", [0, 7])
def test_of_two_who_save_at_once_the_second_is_told_and_nothing_is_lost(version: int) -> None:
    save("ada", 0)
    with pytest.raises(connectors.ChangedMeanwhile):
        save("bob", version)
    with database.owner() as connection:
        kept = connectors.get(connection, "default", "sap")
    assert kept is not None
    assert (kept.settings, kept.updated_by, kept.version) == ({"api_url": "https://ada.example"}, "ada", 1)


def test_who_saves_what_they_read_wins() -> None:
    assert save("bob", save("ada", 0).version).version == 2
    assert save("eve", None).version == 3
