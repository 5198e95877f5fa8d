"""What people do at the site: plan, work, log, mistake themselves, finish. Driven by ``random.Random``.

Belongs here: which change follows. Does not belong here: carrying it out (``site``).
"""

from __future__ import annotations

import random
from typing import Any

from .people import IN_DOLLARS, PEOPLE, UNPRICED, Person
from .site import ARCHIVED, CONFIDENTIAL, DAY_MS, HOUR, SHARED, Issue, Project, Site, Worklog

ISSUES = 170
MANY, LONG = 20, 47  # the issue with more worklogs than an answer carries, and how many
SUMMARIES = (
    "Schaltplan prüfen|Kabelliste “Rev. C” abstimmen|Abnahme & Übergabe 🚀|Statik: Träger HEB 300|Migrate cost centres|"
    "Review P&ID <draft>|第2工場のレイアウト|Security audit, part 2|Fenster\\Türen: Angebot|Lastenheft Ägir|"
    'Interface "CATS" → SAP|Inbetriebnahme-Protokoll|Cut-over plan|Fehlersuche Umrichter'
).split("|")
COMMENTS = (
    "Abstimmung mit dem Prüfer 👷‍♀️",
    'Said "done", was not:\nrewired the lot',
    "Zeile eins\nZeile zwei; mit Semikolon, 'Hochkomma' und \\ Rückstrich",
    "図面を修正しました",
    "",
    "Größenänderung 50 % – siehe Anhang",
    "a\tb",
)
STATUSES = ("To Do", "In Progress", "In Review", "Done")
TIMES = (0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4, 6, 7.5, 8)
ODD_SECONDS = (1000, 4980, 20)


def _time(rng: random.Random) -> int:
    return rng.choice(ODD_SECONDS) if rng.random() < 0.08 else int(rng.choice(TIMES) * HOUR)


def _worker(rng: random.Random, issue: Issue) -> Person | None:
    roll = rng.random()
    if roll < 0.02:
        return UNPRICED
    return issue.assignee if roll < 0.6 and issue.assignee else rng.choice(PEOPLE)


def new_issue(site: Site, project: Project, when: int, parent: Issue | None = None) -> Issue:
    rng = site.rng
    planned = rng.random() < 0.75
    estimate = rng.randint(1, 60) * HOUR if planned else None
    kind = "Sub-task" if parent else rng.choice(("Task", "Story", "Bug"))
    issue = site.create(project, kind, rng.choice(SUMMARIES), when, parent=parent, original=estimate)
    # An estimate that nobody turned into a remaining one: imported issues have the original alone.
    issue.remaining = None if rng.random() < 0.1 else estimate
    if planned or rng.random() < 0.5:
        issue.assignee = rng.choice(PEOPLE)
    if rng.random() < 0.6:
        issue.due = when + rng.randint(3, 120) * DAY_MS
    return issue


def work(site: Site, issue: Issue, when: int) -> Worklog:
    """Logged some hours after it was done; now and then around midnight, seldom for a group alone."""
    rng = site.rng
    hours_ago = rng.choice((0, 1, 2, 5, 9, 14, 22, 30))
    worklog = site.log(
        issue, _worker(rng, issue), when - hours_ago * HOUR * 1000, _time(rng), rng.choice(COMMENTS), when
    )
    roll = rng.random()
    worklog.group = CONFIDENTIAL if roll < 0.02 else SHARED if roll < 0.06 else None
    if issue.status == "To Do":
        issue.status = "In Progress"
    return worklog


def history(site: Site, size: float) -> None:
    """Ten months up to the anchor; ``size`` 1 are ``ISSUES``."""
    rng = site.rng
    start, span = site.anchor - 300 * DAY_MS, 299 * DAY_MS
    count = int(ISSUES * size)
    for number in range(count):
        when = start + span * number // count
        project = site.projects[0] if number == MANY else rng.choice(site.projects)
        mates = [one for one in site.issues.values() if one.project is project and one.parent is None]
        parent = rng.choice(mates) if mates and rng.random() < 0.2 else None
        issue = new_issue(site, project, when, parent)
        _live(site, issue, when, LONG if number == MANY else rng.choice((0, 0, 1, 2, 4, 7, 11)))
    for issue in list(site.issues.values()):
        if issue.project.key == ARCHIVED:
            site.delete(issue)
    site.gone.clear()
    site.last = site.anchor - DAY_MS


def _live(site: Site, issue: Issue, when: int, logs: int) -> None:
    rng = site.rng
    for _ in range(logs):
        when += rng.randint(1, 6 if logs == LONG else 12) * DAY_MS // 2
        if when > site.anchor - 2 * DAY_MS:
            return
        worklog = work(site, issue, when)
        if rng.random() < 0.06:
            site.unlog(worklog, when + HOUR)
        elif rng.random() < 0.1:
            site.edit(worklog, _time(rng), when + HOUR)
    if rng.random() < 0.4:
        issue.status, issue.updated = "Done", when + HOUR
        if rng.random() < 0.5 and issue.remaining is not None:
            issue.remaining = 0
    if rng.random() < 0.05:
        site.move(issue, rng.choice(site.visible_at_first()), when + 2 * HOUR)


def step(site: Site, due: int | None = None) -> dict[str, Any]:
    """One thing that somebody does; tells what and where."""
    when = site.tick(due)
    site.steps += 1
    rng = site.rng
    issues = list(site.issues.values())
    issue = rng.choice(issues)
    projects = [one for one in site.visible_at_first() if not one.archived]
    roll = rng.random()
    told = "planned"
    if roll < 0.15:
        issue = new_issue(site, rng.choice(projects), when)
    elif roll < 0.6:
        work(site, issue, when)
        told = "worked"
    elif roll < 0.8 and site.worklogs:
        told, issue = _correct(site, when, delete=roll > 0.72)
    else:
        told = _manage(site, issue, projects, when)
    return {"what": told, "issue": str(issue.id), "key": issue.key}


def _correct(site: Site, when: int, *, delete: bool) -> tuple[str, Issue]:
    worklog = site.rng.choice(list(site.worklogs.values()))
    if delete:
        site.unlog(worklog, when)
        return "deleted a worklog", worklog.issue
    site.edit(worklog, _time(site.rng), when, touch=site.rng.random() < 0.6)
    return "edited a worklog", worklog.issue


def _manage(site: Site, issue: Issue, projects: list[Project], when: int) -> str:
    rng = site.rng
    what = rng.choice(("estimate", "status", "assignee", "project"))
    if what == "estimate":
        issue.remaining = rng.randint(0, 40) * HOUR
    elif what == "status":
        issue.status = rng.choice(STATUSES)
    elif what == "assignee":
        issue.assignee = rng.choice(PEOPLE)
    elif issue.project in projects:
        site.move(issue, rng.choice(projects), when)
    issue.updated = when
    return f"changed the {what}"


def priced_elsewhere(site: Site, issue: Issue, when: int) -> Worklog:
    """Work of somebody whose rate is in another currency."""
    return site.log(issue, IN_DOLLARS, when, 2 * HOUR, "", when)


def unpriced(site: Site, issue: Issue, when: int) -> Worklog:
    """Work of somebody for whom no rate holds."""
    return site.log(issue, UNPRICED, when, 2 * HOUR, "", when)
