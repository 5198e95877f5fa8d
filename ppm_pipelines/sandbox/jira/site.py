"""A site: projects, issues, worklogs, and when what changed. Time is in seconds of work and milliseconds since 1970.

Belongs here: what is kept, and the ways in which it changes. Does not belong here: which change comes next (``life``),
what the API shows of it (``shown``).
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

from ppm_pipelines.sandbox.company import masters

from .people import PEOPLE, Person

HOUR, DAY_MS = 3600, 24 * 60 * 60 * 1000
# Projects of the company (by their place in its list) that are run in Jira, with their short keys.
KEYS = {0: "HALLE", 1: "BUES", 2: "AEGIR", 3: "UKB", 4: "SAPS4", 9: "TWIN", 5: "NEUB", 6: "PRESS"}
ARCHIVED, HIDDEN = "NEUB", "PRESS"
CATEGORIES = {"To Do": "new", "In Progress": "indeterminate", "In Review": "indeterminate", "Done": "done"}
CONFIDENTIAL, SHARED = "hr-confidential", "controlling"


@dataclass(slots=True, eq=False)
class Project:
    id: int
    key: str
    name: str
    archived: bool = False
    last: int = 0  # number of its newest issue


@dataclass(slots=True, eq=False)
class Worklog:
    id: int
    issue: Issue
    author: Person | None
    started: int
    seconds: int
    comment: str
    created: int
    updated: int
    group: str | None = None  # the group that alone may see it


@dataclass(slots=True, eq=False)
class Issue:
    id: int
    project: Project
    number: int
    summary: str
    kind: str
    status: str
    assignee: Person | None
    reporter: Person
    created: int
    updated: int
    due: int | None = None
    original: int | None = None
    remaining: int | None = None
    parent: Issue | None = None
    worklogs: list[Worklog] = field(default_factory=list)
    former: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{self.project.key}-{self.number}"

    @property
    def spent(self) -> int:
        """Seconds worked, of all worklogs, whoever may see them."""
        return sum(one.seconds for one in self.worklogs)

    @property
    def done(self) -> bool:
        return CATEGORIES[self.status] == "done"


class Site:
    """``anchor`` is where history ends. The clock is the real one, set forward by ``offset``."""

    def __init__(self, seed: int, anchor: int) -> None:
        self.seed, self.anchor = seed, anchor
        self.rng = random.Random(f"jira-{seed}")
        company = masters(seed, 1).projects
        self.projects = [
            Project(10000 + place, key, company[place].name, key == ARCHIVED) for place, key in KEYS.items()
        ]
        self.issues: dict[int, Issue] = {}
        self.worklogs: dict[int, Worklog] = {}
        self.deleted: list[tuple[int, int]] = []  # worklog id, when
        self.gone: list[Issue] = []  # deleted issues, and those of projects archived later
        self.offset = 0
        self.last = 0
        self.steps = 0
        self.issue_ids, self.worklog_ids = 10100, 20000

    def now(self) -> int:
        return int(time.time() * 1000) + self.offset

    def tick(self, due: int | None = None) -> int:
        """The moment of a change, later than every one before."""
        self.last = max(self.last + 1, self.now() if due is None else due)
        return self.last

    def project(self, key: str) -> Project:
        return next(one for one in self.projects if one.key == key)

    def visible_at_first(self) -> list[Project]:
        return [one for one in self.projects if not one.archived and one.key != HIDDEN]

    def create(self, project: Project, kind: str, summary: str, when: int, **more: object) -> Issue:
        self.issue_ids += self.rng.randint(1, 3)
        project.last += 1
        issue = Issue(
            self.issue_ids, project, project.last, summary, kind, "To Do", None, self.rng.choice(PEOPLE), when, when
        )
        for name, value in more.items():
            setattr(issue, name, value)
        self.issues[issue.id] = issue
        return issue

    def log(self, issue: Issue, author: Person | None, started: int, seconds: int, comment: str, when: int) -> Worklog:
        """Work reduces what remains (``adjustEstimate=auto``)."""
        self.worklog_ids += self.rng.randint(1, 4)
        worklog = Worklog(self.worklog_ids, issue, author, started, seconds, comment, when, when)
        issue.worklogs.append(worklog)
        self.worklogs[worklog.id] = worklog
        self._rest(issue, -seconds)
        issue.updated = when
        return worklog

    def edit(self, worklog: Worklog, seconds: int, when: int, *, touch: bool = True) -> None:
        """``touch`` False: the issue's own stamp does not move along."""
        self._rest(worklog.issue, worklog.seconds - seconds)
        worklog.seconds, worklog.updated = seconds, when
        if touch:
            worklog.issue.updated = when

    def unlog(self, worklog: Worklog, when: int) -> None:
        self._rest(worklog.issue, worklog.seconds)
        worklog.issue.worklogs.remove(worklog)
        worklog.issue.updated = when
        del self.worklogs[worklog.id]
        self.deleted.append((worklog.id, when))

    @staticmethod
    def _rest(issue: Issue, change: int) -> None:
        if issue.remaining is not None:
            issue.remaining = max(0, issue.remaining + change)

    def move(self, issue: Issue, project: Project, when: int) -> None:
        """Into another project: another key, the same id."""
        issue.former.append(issue.key)
        project.last += 1
        issue.project, issue.number, issue.updated = project, project.last, when

    def delete(self, issue: Issue) -> None:
        """With its worklogs; no feed tells of either."""
        del self.issues[issue.id]
        for one in issue.worklogs:
            del self.worklogs[one.id]
        self.gone.append(issue)

    def archive(self, project: Project) -> None:
        """Read-only from now on, and no search finds its issues."""
        project.archived = True
        for issue in [one for one in self.issues.values() if one.project is project]:
            self.delete(issue)
