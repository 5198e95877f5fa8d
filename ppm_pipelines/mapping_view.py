"""A mapping with what a person needs beside it, from the database: fields with samples, the adapter's own lines.

Belongs here: putting together what the API and the command line show and check. Does not belong here: how it is worded
there, what is open or missing (``mapping.review``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from ppm_pipelines import connectors, drift, mappings, remapping
from ppm_pipelines.adapters import ADAPTERS
from ppm_pipelines.adapters.base import Adapter
from ppm_pipelines.mapping import review
from ppm_pipelines.mapping.fields import Entity, SourceField
from ppm_pipelines.mapping.standard import StandardLine, standard
from ppm_pipelines.mapping.suggest import Suggestion
from ppm_pipelines.mappings import BadMapping, Draft, Saved


@dataclass(frozen=True, slots=True)
class View:
    """``fields`` are those that the source tells and those that raw records hold, with samples."""

    organization_id: str
    entity: Entity
    saved: Saved
    fields: list[SourceField]
    standard: Sequence[StandardLine]
    adapter: type[Adapter]

    @property
    def place(self) -> tuple[str, str, str]:
        return self.organization_id, self.saved.system, self.saved.entity

    def draft(self, given: Mapping[str, Any]) -> Draft:
        """A draft from its JSON; what is left out is as it is saved. Raises ``mappings.BadMapping``."""
        known = [one.name for one in self.fields if self._readable(one)]
        draft = mappings.draft_of(self.entity, {**self.saved.draft.as_json(), **given}, known)
        for source in sorted({source for line in draft.lines for source in line.sources}):
            if self.adapter.tells_who_worked(source):
                raise BadMapping(f"{source} tells who worked, and no mapping reads that. Choose another field.")
        return draft

    def mappable(self, one: SourceField) -> bool:
        """Whether a line may read the field."""
        return self._readable(one) and not self.adapter.tells_who_worked(one.name)

    def _readable(self, one: SourceField) -> bool:
        """Raw records hold it, or the source is read with it once a line does."""
        return one.read or self.adapter.reads_wanted

    def awaited(self) -> dict[str, list[str]]:
        """By target, the fields of the saved lines that the next sync reads for the first time."""
        return review.awaited(self.saved.draft.lines, self.fields)

    def suggestions(self, connection: sa.Connection, draft: Draft) -> list[Suggestion]:
        """For every field that may be mapped and that the draft leaves open, by what people of the organisation decided
        and by rules."""
        system = self.saved.system
        decisions = mappings.decisions(connection, self.organization_id)
        decisions += mappings.decided(system, self.entity, draft)
        fields = [one for one in self.fields if self.mappable(one)]
        return review.suggestions(self.entity, system, fields, draft.lines, draft.ignored, self.standard, decisions)


def save(connection: sa.Connection, seen: View, draft: Draft, **how: Any) -> Saved:
    """As ``mappings.save``, which raises ChangedMeanwhile. Raises ``drift.FieldLost`` for what the next sync would
    refuse: a required target from a field that the source has no more."""
    drift.check([replace(seen.saved, draft=draft)], {seen.entity: drift.gone(connection, *seen.place)})
    return mappings.save(connection, *seen.place, draft, **how)


def view(connection: sa.Connection, organization_id: str, system: str, entity: Entity) -> View:
    place = (organization_id, system, entity)
    known, samples = remapping.known(connection, *place), remapping.samples(connection, *place)
    connector = connectors.get(connection, organization_id, system)
    name = ADAPTERS[system].standard_mapping(connector.settings if connector else {})
    return View(
        organization_id,
        entity,
        mappings.active(connection, *place),
        remapping.with_samples(known, samples),
        standard(name, entity),
        ADAPTERS[system],
    )
