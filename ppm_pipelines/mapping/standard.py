"""What each adapter does by itself, as data: which field of the source is which field of the Costbook.

Belongs here: reading ``standard/<name>.toml``. Does not belong here: applying it; the adapters do that, and a test
holds these lines against them.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ppm_pipelines.mapping.fields import Kind, targets
from ppm_pipelines.mapping.transforms import Steps

FOLDER = Path(__file__).parent / "standard"


@dataclass(frozen=True, slots=True)
class StandardLine:
    """A target with the fields it comes from; ``rule_*`` where the adapter works it out and no transform says it."""

    target: str
    type: Kind
    sources: tuple[str, ...]
    steps: Steps = ()
    rule_en: str = ""
    rule_de: str = ""


@cache
def _mapping(name: str) -> dict[str, tuple[StandardLine, ...]]:
    path = FOLDER / f"{name}.toml"
    told: dict[str, Any] = tomllib.loads(path.read_text("utf-8")) if path.exists() else {}
    return {entity: _lines(entity, lines) for entity, lines in told.items()}


def _lines(entity: Any, lines: dict[str, Any]) -> tuple[StandardLine, ...]:
    """The type is the target's."""
    kinds = {one.name: one.type for one in targets(entity)}
    return tuple(
        StandardLine(
            target,
            kinds.get(target, "text"),
            tuple(one["sources"]),
            tuple(one.get("steps", ())),
            one.get("rule_en", ""),
            one.get("rule_de", ""),
        )
        for target, one in lines.items()
    )


def standard(name: str, entity: str) -> tuple[StandardLine, ...]:
    """The adapter's own lines for the entity; none where nothing is told about it."""
    return _mapping(name).get(entity, ())
