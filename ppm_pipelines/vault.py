"""Seals and opens connector settings: AES-256-GCM, bound to organisation, system and key name.

Belongs here: keys and ciphertext. Does not belong here: where sealed values are kept (``connectors``).

A sealed value is: version (1 byte), id of the key (8), nonce (12), ciphertext with its tag. A value copied to another
organisation, system or name does not open there: the three are authenticated with it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ppm_pipelines import home

VERSION = b"\x01"
KEY_BYTES, ID_BYTES, NONCE_BYTES = 32, 8, 12


class NotOpened(Exception):
    """A sealed value that no key of ours opens, or that was moved or changed."""


def new_key() -> str:
    """A fresh key as ``PPM_CONFIG_KEYS`` takes it."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode()


class Vault:
    """The first key seals, all open: a new key in front rotates."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {hashlib.sha256(key).digest()[:ID_BYTES]: AESGCM(key) for key in keys}
        self._first = next(iter(self._keys))

    @classmethod
    def from_environment(cls) -> Vault:
        """The vault of ``PPM_CONFIG_KEYS``; raises ``home.Missing`` when there is none or one is not a key."""
        given = home.home().config_keys
        texts = [part.strip() for part in given.get_secret_value().split(",") if part.strip()] if given else []
        if not texts:
            raise home.Missing(
                "PPM_CONFIG_KEYS is missing: connector settings can't be opened or sealed without it. "
                "Set it to a key (`ppm keys new` prints one), or let `ppm up` generate it."
            )
        return cls([_key(text, place) for place, text in enumerate(texts, 1)])

    def seal(self, organization_id: str, system: str, key: str, plaintext: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._keys[self._first].encrypt(nonce, plaintext.encode(), _bound(organization_id, system, key))
        return VERSION + self._first + nonce + sealed

    def open(self, organization_id: str, system: str, key: str, sealed: bytes) -> str:
        """The text that was sealed for exactly this place; raises ``NotOpened``."""
        head, rest = sealed[: 1 + ID_BYTES], sealed[1 + ID_BYTES :]
        cipher = self._keys.get(head[1:]) if head[:1] == VERSION else None
        if cipher is None:
            raise NotOpened(
                f"The saved setting {key} of {system} was sealed with a key that PPM_CONFIG_KEYS does not have. "
                "Add that key again, or enter the setting anew."
            )
        try:
            bound = _bound(organization_id, system, key)
            return cipher.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], bound).decode()
        except InvalidTag:
            raise NotOpened(f"The saved setting {key} of {system} was changed or moved. Enter it anew.") from None

    def current(self, sealed: bytes) -> bool:
        """Whether the value is sealed with the first key already."""
        return sealed[1 : 1 + ID_BYTES] == self._first


def _bound(*parts: str) -> bytes:
    """The parts with their lengths, so that no other three parts read the same."""
    return b"".join(len(part.encode()).to_bytes(4) + part.encode() for part in parts)


def _key(text: str, place: int) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise home.Missing(
            f"Key {place} of PPM_CONFIG_KEYS is not a key: it must be 32 bytes in base64. `ppm keys new` prints one."
        )
    return key
