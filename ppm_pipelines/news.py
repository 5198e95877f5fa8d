"""What people are told of: what moved in their projects, and what went wrong. Fields and types, nothing else.

Belongs here: what lies between finding out (``digest``) and a message (``adapters/slack``), and neither of the two.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

# What a notifier is asked to tell of by itself: what went wrong; also what changed; also that nothing did.
Level = Literal["failures", "changes", "all"]
Language = Literal["de", "en"]


@dataclass(frozen=True, slots=True)
class Moved:
    """One figure of one currency, before and after, summed over the lines that changed and count."""

    figure: str  # ordered, open (commitments) or amount (actuals)
    currency: str
    before: Decimal
    after: Decimal

    @property
    def delta(self) -> Decimal:
        return self.after - self.before


@dataclass(slots=True)
class ProjectNews:
    """What changed in one project of the Costbook.

    ``lines`` counts by entity and kind: ``new``, ``changed``, ``closed``, ``gone`` (it belongs to another project now).
    """

    project_id: str
    project_nr: str
    name: str
    link: str
    lines: dict[tuple[str, str], int] = field(default_factory=dict)
    moved: list[Moved] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person should look at.

    ``kind``: a sync ``failed``; a ``check`` failed after one (``count`` says of how much); a scheduled system was not
    read (``late``) or brought nothing (``silent``) since ``since``. ``sentence`` is in the reader's language.
    """

    kind: Literal["failed", "check", "late", "silent"]
    system: str
    name: str  # the system's
    entity: str = ""
    sentence: str = ""
    check: str = ""
    count: int | None = None
    since: datetime | None = None
    link: str = ""
    asked: bool = False  # by a person, who is told each time

    @property
    def key(self) -> str:
        """The same alert has the same key, whatever the numbers in it; it is not told again and again."""
        said = re.sub(r"\d+", "#", self.sentence)
        about = (self.system, self.kind, self.entity, self.check, said, self.since)
        return "/".join("" if one is None else str(one) for one in about)


@dataclass(slots=True)
class News:
    """All that one message tells; ``until`` in the organisation's time zone."""

    until: datetime
    since: datetime
    alerts: list[Alert] = field(default_factory=list)
    projects: list[ProjectNews] = field(default_factory=list)
    runs: int = 0  # syncs that ended well
    link: str = ""

    def lines(self) -> Mapping[str, Mapping[str, int]]:
        """How many lines changed, by entity and kind."""
        found: dict[str, dict[str, int]] = {}
        for project in self.projects:
            for (entity, kind), count in project.lines.items():
                kinds = found.setdefault(entity, {})
                kinds[kind] = kinds.get(kind, 0) + count
        return found
