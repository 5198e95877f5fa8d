"""The facts as the loader sees them: which table a record belongs to, what is summed, how it ends.

Belongs here: what differs between commitments, actuals, projects and WBS elements, as data. Does not belong here: the
fields themselves (``records``), columns (``tables``), statements (``load``, ``reconcile``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ppm_pipelines import tables
from ppm_pipelines.records import Actual, Commitment, Project, WbsElement

# Where a fact came from is no part of what it says: another road to the same fact changes nothing.
POINTERS = ("raw_stream", "raw_key")
# What a line shows to nobody: whose it is, where it came from, what lies under a field mapping; ``closed_reason`` tells
# people what they need of ``listed``.
BEHIND = frozenset({"organization_id", *POINTERS, "overlaid", "listed"})
# A fact's amount -> the column of stored sums that adds it up.
SUMMED = {
    "ordered_amount": "ordered",
    "relieved_amount": "relieved",
    "open_amount": "open",
    "amount": "actual",
    "company_amount": "company_actual",
}


@dataclass(frozen=True, eq=False)
class Fact:
    """How one kind of record is merged.

    ``sums`` names the amounts whose totals are told; the same amounts contradict each other when one key comes twice.
    ``ended`` are the columns that say when and why a row stopped counting; ``zeroed`` what vanishing sets to zero,
    ``emptied`` what a deletion does;
    ``final`` what never changes under a key where postings are final: if it does, that is an anomaly people see.
    """

    name: str
    table: sa.Table
    record: type[Any]
    sums: dict[str, str] = field(default_factory=dict)
    ended: tuple[str, str] | None = None
    zeroed: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()
    final: tuple[str, ...] = ()
    belongs_to_project: bool = False

    @property
    def columns(self) -> list[str]:
        return [*self.record.__struct_fields__]

    @property
    def stage(self) -> str:
        return f"stage_{self.name}"

    @property
    def change(self) -> str:
        """By ``seq``, what each staged record of what is held would change; one that is not there is new."""
        return f"change_{self.name}"

    def staged(self, part: range | None = None) -> str:
        """The staged records, with the project that they belong to; of the part those of these ``seq``."""
        which = f"from {self.stage} s where {within(part, 's')}"
        if not self.belongs_to_project:
            return f"(select s.* {which})"
        return (
            f"(select s.*, coalesce(own.project_id, sole.project_id) as project_id from (select s.* {which}) s"  # noqa: S608
            " left join own_links own on own.project_nr = s.project_nr and own.company_code = s.company_code"
            " left join own_links sole on sole.project_nr = s.project_nr and sole.only_one)"
        )

    def changed(self, part: range | None = None) -> str:
        """The staged records of what is held, with what each would change; of the part those of these ``seq``."""
        own = ["change", "id", *(["project_id"] if self.belongs_to_project else []), *(self.ended or ())[:1]]
        told = ", ".join(f"c.{name}" for name in own)
        which = f"{self.stage} s join {self.change} c using (seq) where {within(part, 's', 'c')}"
        return f"(select s.*, {told} from {which})"  # noqa: S608 - our own names


def within(part: range | None, *sides: str) -> str:
    """Of each side that it is in the part: PostgreSQL concludes it of none from the other."""
    bound = [f"{side}.seq >= {part.start} and {side}.seq < {part.stop}" for side in sides] if part else ["true"]
    return " and ".join(bound)


FACTS = {
    fact.name: fact
    for fact in (
        Fact("projects", tables.projects, Project),
        Fact("wbs_elements", tables.wbs_elements, WbsElement),
        Fact(
            "commitments",
            tables.commitments,
            Commitment,
            {"ordered": "ordered_amount", "open": "open_amount"},
            ("closed_at", "closed_reason"),
            ("open_amount", "company_open_amount"),
            ("open_amount", "company_open_amount", "ordered_amount", "company_ordered_amount"),
            belongs_to_project=True,
        ),
        Fact(
            "actuals",
            tables.actuals,
            Actual,
            {"amount": "amount"},
            ("removed_at", "removed_reason"),
            final=(
                "amount",
                "currency",
                "company_amount",
                "gl_account",
                "wbs_element",
                "cost_center",
                "posting_date",
                "document_date",
                "fiscal_year",
                "fiscal_period",
            ),
            belongs_to_project=True,
        ),
    )
}
# What an adapter makes again from raw records: what carries money.
REPLAYABLE = tuple(name for name, fact in FACTS.items() if fact.sums)
COUNTED = {"costs": ("commitments", "actuals")}  # every other entity counts itself


def counted(entity: str) -> tuple[str, ...]:
    """The facts whose records an entity's counts are about (projects are read along with the others, uncounted)."""
    return COUNTED.get(entity, (entity,))
