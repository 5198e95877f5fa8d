"""What reads of overlapping windows have taken already, so that the next one takes only what it does not know.

Belongs here: telling new from known by content. Does not belong here: how far back a window goes, and what is read of
something new. Stamps are set when something is saved and seen when it is committed, and some tell days only, so an
incremental read goes back further than the last one ended. Most of what it finds there it has taken before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

# As many things as a busy tenant changes in its window. With more nothing is kept, and the next read takes all of it.
LIMIT = 20_000
_CONTENT = msgspec.json.Encoder(order="sorted", decimal_format="string", enc_hook=str)


class Window:
    """The things of a window by key, each with a fingerprint of what was read of it; one per read.

    ``known`` is what the read before left, and ``under`` what the records depend on beside their own rows: where that
    is another now, everything is new. What the next read shall find new again is forgotten.
    """

    def __init__(self, known: object = None, under: object = None) -> None:
        self._under = _fingerprint(under)
        told: dict[str, Any] = known if isinstance(known, dict) else {}
        before = told.get("things") if told.get("under") == self._under else None
        self._before: dict[str, Any] = before if isinstance(before, dict) else {}
        self._now: dict[str, str] = {}
        self._forgotten: set[str] = set()

    def is_new(self, key: str, content: object) -> bool:
        """Whether it is unknown, or was another when it was read; ``content`` is JSON.

        What comes twice with different contents is new, and will be to the next read: only both tell a contradiction.
        """
        found = _fingerprint(content)
        twice = self._now.get(key, found) != found
        if twice:
            self._forgotten.add(key)
        elif len(self._now) <= LIMIT:
            self._now[key] = found
        return twice or self._before.get(key) != found

    def forget(self, keys: Iterable[str]) -> None:
        """Of what was looked at: the next read shall find it new."""
        self._forgotten |= self._now.keys() & set(keys)

    def to_json(self) -> dict[str, Any]:
        kept = self._now if len(self._now) <= LIMIT else {}
        things = {key: found for key, found in kept.items() if key not in self._forgotten}
        return {"under": self._under, "things": things}


def _fingerprint(content: object) -> str:
    return hashlib.blake2b(_CONTENT.encode(content), digest_size=8).hexdigest()
