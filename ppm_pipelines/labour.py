"""Whose labour counts where a project has it from more than one system (DOMAIN R19): the same hour may be in both.

Belongs here: the rule, choosing a system for a project, and making stored lines follow. Does not belong here: what
labour is (the adapters say it of every line), other reasons why a line does not count.

A system that people chose counts alone, while it is linked to the project. Without a choice postings count: hours at
rates of ours (Jira) count only where no linked system has posted labour. Lines that do not count stay with their reason
(``other_labour_source``), so that sums, history and every list tell the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import sqlalchemy as sa

from ppm_pipelines import database
from ppm_pipelines.adapters import ADAPTERS
from ppm_pipelines.facts import FACTS
from ppm_pipelines.tables import audit_log, costbook_projects, project_links

OTHER = "other_labour_source"
HOURS_ALONE = [system for system, adapter in ADAPTERS.items() if adapter.hours_alone]
# A statement of psycopg with its values; the cursor has the rows.
Run = Callable[[str, Mapping[str, Any]], Any]

# A choice of a system that is linked no more waits until it is linked again.
_DECIDE = """
update ppm.costbook_projects p set labour_left_out = d.systems
from (
  select q.project_id, coalesce(array_agg(l.system order by l.system) filter (where case
    when exists (select from ppm.project_links o where o.project_id = q.project_id and o.system = q.labour_source)
      then l.system <> q.labour_source
    else l.system = any(%(hours)s) and exists (
      select from ppm.project_links o join ppm.actuals a on a.organization_id = q.organization_id
         and a.project_id = q.project_id and a.system = o.system
       where o.project_id = q.project_id and o.system <> all(%(hours)s) and a.labour and a.removed_at is null
         and (a.counts or a.not_counted_reason = %(other)s))
    end), '{}') as systems
    from ppm.costbook_projects q
    left join (select distinct project_id, system from ppm.project_links where organization_id = %(organization)s) l
      on l.project_id = q.project_id
   where q.organization_id = %(organization)s group by q.project_id
) d where p.project_id = d.project_id and p.labour_left_out <> d.systems returning p.project_id
"""
_FOLLOW = """
update ppm.{fact} t set counts = not x.left_out, not_counted_reason = case when x.left_out then %(other)s end,
  last_changed_at = ppm.moment()
from (select p.project_id, s.system, s.system = any(p.labour_left_out) as left_out from ppm.costbook_projects p
      cross join unnest(%(systems)s::text[]) s (system) where p.project_id = any(%(projects)s)) x
where t.organization_id = %(organization)s and t.project_id = x.project_id and t.system = x.system and t.labour
  and case when x.left_out then t.counts else t.not_counted_reason = %(other)s end
"""


class BadLabour(Exception):
    """A system whose labour can't be chosen; the sentence says why. Nothing was changed."""


def settle(run: Run, organization_id: str, moved: Collection[str] = ()) -> None:
    """Decides anew for every project of the organisation, and makes the lines of those that changed follow.

    ``moved`` are projects that got lines from others. In the caller's transaction and under its merge lock.
    """
    values = {"organization": organization_id, "hours": HOURS_ALONE, "systems": list(ADAPTERS), "other": OTHER}
    decided = run(_DECIDE, values).fetchall()
    projects = {*moved, *(row[0] for row in decided)}
    for fact in FACTS.values() if projects else ():
        if fact.belongs_to_project:
            run(_FOLLOW.format(fact=fact.name), values | {"projects": list(projects)})


def choose(connection: sa.Connection, organization_id: str, project_id: str, system: str | None, by: str = "") -> None:
    """From now on the system's labour counts in the project, and no other's; None: by the rule. Raises BadLabour."""
    database.between_merges(connection, organization_id)
    link, project = project_links.c, costbook_projects.c
    mine = (link.organization_id == organization_id, link.project_id == project_id)
    linked = connection.scalars(sa.select(link.system).where(*mine).distinct().order_by(link.system)).all()
    if not linked:
        raise BadLabour(f"There is no project {project_id}.")
    if system is not None and system not in linked:
        raise BadLabour(f"The project has nothing from {system}. Its systems are {', '.join(linked)}.")
    changed = sa.update(costbook_projects).where(
        project.organization_id == organization_id,
        project.project_id == project_id,
        project.labour_source.is_distinct_from(system),
    )
    if connection.execute(changed.values(labour_source=system)).rowcount:
        settle(connection.exec_driver_sql, organization_id)
        detail = {"project_id": project_id, "labour_source": system}
        what = {"organization_id": organization_id, "who": by, "what": "chose_labour", "subject": "project"}
        connection.execute(sa.insert(audit_log).values(**what, detail=detail))
