"""Sealing: what is sealed for one place opens there and nowhere else; without a key nothing starts."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from ppm_pipelines import home
from ppm_pipelines.vault import NotOpened, Vault, new_key

PLACE = ("default", "sap", "api_key")


def vault(*keys: str) -> Vault:
    return Vault([base64.b64decode(key) for key in keys or (new_key(),)])


def test_what_is_sealed_opens() -> None:
    own = vault()
    assert own.open(*PLACE, own.seal(*PLACE, "geheim, mit Ümlaut")) == "geheim, mit Ümlaut"


def test_the_text_is_not_in_the_sealed_value_and_two_seals_differ() -> None:
    own = vault()
    first, second = own.seal(*PLACE, "canary"), own.seal(*PLACE, "canary")
    assert b"canary" not in first
    assert first != second


@pytest.mark.parametrize(
    "place", [("other", "sap", "api_key"), ("default", "jira", "api_key"), ("default", "sap", "x")]
)
def test_a_value_moved_elsewhere_does_not_open(place: tuple[str, str, str]) -> None:
    own = vault()
    with pytest.raises(NotOpened, match="changed or moved"):
        own.open(*place, own.seal(*PLACE, "x"))


def test_parts_of_a_place_cannot_be_shifted_into_each_other() -> None:
    own = vault()
    with pytest.raises(NotOpened):
        own.open("defaults", "ap", "api_key", own.seal("default", "sap", "api_key", "x"))


def test_a_changed_value_does_not_open() -> None:
    own = vault()
    sealed = bytearray(own.seal(*PLACE, "x"))
    sealed[-1] ^= 1
    with pytest.raises(NotOpened):
        own.open(*PLACE, bytes(sealed))


def test_a_new_first_key_seals_and_the_old_one_still_opens() -> None:
    old, new = new_key(), new_key()
    sealed = vault(old).seal(*PLACE, "x")
    both = vault(new, old)
    assert both.open(*PLACE, sealed) == "x"
    assert not both.current(sealed)
    assert both.current(both.seal(*PLACE, "x"))
    with pytest.raises(NotOpened, match="PPM_CONFIG_KEYS does not have"):
        vault(new).open(*PLACE, sealed)


@pytest.mark.parametrize("keys", ["", " , ", "short", base64.b64encode(bytes(range(16))).decode(), "%%%"])
def test_without_a_sound_key_nothing_starts(keys: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PPM_HOME", str(tmp_path))
    monkeypatch.setenv("PPM_CONFIG_KEYS", keys)
    home.home.cache_clear()
    with pytest.raises(home.Missing, match="PPM_CONFIG_KEYS"):
        Vault.from_environment()
    home.home.cache_clear()
