"""Quarantined records that are taken up again: which ones, and the run that does it.

Belongs here: what a person asks for, as a request for a run. Does not belong here: carrying it out (``sync``), how
records get into quarantine and out of it (``load``), HTTP.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from ppm_pipelines import runs, tables
from ppm_pipelines.facts import REPLAYABLE


def replay(
    connection: sa.Connection,
    organization_id: str,
    system: str,
    by: str,
    ids: Collection[int] | None = None,
    **alike: str | None,
) -> runs.RunRequest | None:
    """The run over the records of these ids that are ``alike`` in the given columns; None when none can be taken up."""
    r = tables.rejections.c
    where = [
        r.organization_id == organization_id,
        r.system == system,
        r.raw_key != "",
        r.entity.in_(REPLAYABLE),
        *(r[name] == value for name, value in alike.items() if value is not None),
    ]
    if ids is not None:
        where.append(r.id.in_(ids))
    rows = connection.execute(sa.select(r.id, r.entity).where(*where).order_by(r.id)).all()
    if not rows:
        return None
    entities = {row.entity for row in rows}
    entity = entities.pop() if len(entities) == 1 else "costs"
    return runs.RunRequest(
        organization_id, system, entity, "replay", by, scope={"rejections": [row.id for row in rows]}
    )
