"""Fields of a source, and the Costbook's fields that they can be mapped to.

Belongs here: what is known of a field before anything is suggested; the targets as data (``targets.toml``). Does not
belong here: what words mean (``lexicon``), how values look (``profiles``).
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

Entity = Literal["commitments", "actuals", "projects"]
Kind = Literal["text", "date", "moment", "amount", "rate", "quantity", "boolean"]
CUSTOM = "custom_fields."


@dataclass(frozen=True, slots=True)
class SourceField:
    """A field as the source shows it; all but the name may be unknown. ``samples`` are values as text.

    ``custom``: it is the customer's own. ``read``: raw records hold it; without it the source has the field and it
    was not asked for.
    """

    name: str
    label_en: str = ""
    label_de: str = ""
    type: str = ""
    samples: tuple[str, ...] = ()
    custom: bool = False
    read: bool = True


@dataclass(frozen=True, slots=True)
class Target:
    """A field of the Costbook. ``help_*`` say in a sentence what belongs there. ``amount``: money, exact."""

    entity: str
    name: str
    type: Kind = "text"
    required: bool = False
    label_en: str = ""
    label_de: str = ""
    help_en: str = ""
    help_de: str = ""

    @property
    def custom(self) -> bool:
        return self.name.startswith(CUSTOM)


def custom_field(entity: str, name: str, type: Kind = "text", label_en: str = "", label_de: str = "") -> Target:
    """``custom_fields.<name>`` as a target. Raises ValueError for a name that cannot be one."""
    if not name.isidentifier():
        raise ValueError(f"{name!r} can't be the name of a custom field: use letters, digits and underscores")
    return Target(entity, CUSTOM + name, type, label_en=label_en, label_de=label_de)


@cache
def _targets() -> dict[str, tuple[Target, ...]]:
    text = (Path(__file__).parent / "targets.toml").read_text("utf-8")
    return {
        entity: tuple(Target(entity, name, **given) for name, given in fields.items())
        for entity, fields in tomllib.loads(text).items()
    }


def targets(entity: Entity) -> tuple[Target, ...]:
    """What fields of this entity can be mapped to, required ones first in the order of the contract's columns."""
    return _targets()[entity]
