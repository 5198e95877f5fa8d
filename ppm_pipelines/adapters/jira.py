"""Jira: in which order things are read, how an incremental read finds what changed, and when a list was whole.

Belongs here: the reading of a cut. Does not belong here: asking (``jira_api``), what rows mean (``jira_rows``), rates
(``jira_rates``), the connection test (``jira_checks``), settings (``jira_settings``).

A read begins with the account and its projects. Issues come page by page with all their worklogs; both are made of the
same answer, so that time is never open and worked at once (DOMAIN R15). Jira hides what an account may not see: fewer
rows, no error. Whatever was visible once must therefore still be visible before a missing row is taken for gone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from ppm_pipelines.adapters import jira_checks
from ppm_pipelines.adapters.base import Adapter, Check, Misconfigured, Row, State
from ppm_pipelines.adapters.fields import Sparse, text
from ppm_pipelines.adapters.http import Limits
from ppm_pipelines.adapters.jira_api import ISSUE_STREAM, PROJECT_STREAM, WORKLOG_STREAM, Api
from ppm_pipelines.adapters.jira_rates import Rates
from ppm_pipelines.adapters.jira_rows import (
    CUSTOM,
    PEOPLE,
    Directory,
    account,
    raw_issue,
    raw_project,
    raw_worklogs,
    source_fields,
)
from ppm_pipelines.adapters.jira_settings import Settings
from ppm_pipelines.mapping.fields import SourceField
from ppm_pipelines.records import Deleted, Outcome, Page, Raw

# What the rows mean, as a number: records made by other rules are made anew by a full read.
RULES = 2
# Search lags behind what is saved; the next read goes back so far.
OVERLAP = timedelta(minutes=5)
# Worklogs are fed by the server's own clock, and the last minute is hidden until it is over.
FEED_OVERLAP_MS = 60_000
PROJECTS_PER_QUERY = 200
RECORDS_PER_PAGE = 1000
MADE_FROM = {"commitments": ISSUE_STREAM, "actuals": WORKLOG_STREAM}


class Jira(Adapter):
    """One read of one site. ``costs`` reads projects, commitments and actuals with one watermark."""

    system: ClassVar[str] = "jira"
    name: ClassVar[str] = "Jira"
    entities: ClassVar[tuple[str, ...]] = ("projects", "commitments", "actuals", "costs")
    Settings: ClassVar[type[BaseModel]] = Settings
    final_postings: ClassVar[bool] = False
    hours_alone: ClassVar[bool] = True
    PEOPLE: ClassVar[tuple[str, ...]] = PEOPLE
    HOSTS: ClassVar[Mapping[str, tuple[str, ...]]] = {"base_url": ("token",), "email": ("token",)}

    def __init__(
        self,
        settings: BaseModel,
        *,
        allowed_hosts: str | None = None,
        timeout_seconds: float = 600,
        limits: Limits | None = None,
    ) -> None:
        if not isinstance(settings, Settings):
            raise TypeError("Jira needs jira_settings.Settings")
        self._settings = settings
        self._api = Api(settings, allowed_hosts, timeout_seconds, limits)
        self._directory = Directory(
            Rates(settings.rates, settings.user_roles),
            ZoneInfo(settings.time_zone),
            company_currency=settings.company_currency,
            personal_data=settings.personal_data,
            wanted=frozenset(settings.projects),
        )
        self._account: Row = {}
        self._visible: dict[str, str] = {}  # project id -> key: what the account may browse, in scope or not
        self._groups: set[str] = set()  # groups that worklogs are restricted to and that the account is in
        self._until: dict[str, int] = {}
        self._delivered: set[str] = set()  # issues of this read: one that moves while pages are read comes twice
        self._complete: frozenset[str] = frozenset()

    def close(self) -> None:
        self._api.client.close()

    @property
    def complete(self) -> frozenset[str]:
        return self._complete

    def state(self) -> State:
        """The server's time at the beginning, where its worklog feeds go on, and what was visible.

        What was visible before and is not now stays in it, so that nothing is taken for gone at the next read either.
        """
        return {
            "watermark": self._began().isoformat(),
            "worklogs": self._until.get("updated", self._began_ms()),
            "deletions": self._until.get("deleted", self._began_ms()),
            "settings": self._fingerprint(),
            "site": self._settings.base_url,
            "projects": self._seen_before("projects") | self._visible,
            "groups": sorted(self._seen_before("groups").keys() | self._groups),
        }

    def _began(self) -> datetime:
        return self._api.client.server_time or datetime.now(UTC)

    def _began_ms(self) -> int:
        return int(self._began().timestamp() * 1000)

    def _fingerprint(self) -> str:
        """What decides which records are read and what they cost; when a rate comes into force, all is valued anew."""
        settings = self._settings
        decides = [
            RULES,
            settings.base_url,
            settings.deployment,
            account(self._account),
            sorted(settings.projects),
            settings.time_zone,
            settings.company_currency,
            [rate.model_dump_json() for rate in settings.rates],
            sorted(settings.user_roles.items()),
            settings.personal_data,
            self._directory.rates.in_force(self._directory.today),
        ]
        return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]

    # Reading

    def read(self, entity: str, state: State | None) -> Iterator[Page]:
        """See ``Adapter.read``; a state of other settings is as good as none, and ``complete`` then says so."""
        if entity not in self.entities:
            raise Misconfigured(f"Jira has no entity {entity}.", "unknown_entity")
        self._complete = frozenset()
        self.before = self.before or state
        self._delivered.clear()
        yield from self._structure()
        done = {"projects"}
        if entity != "projects":
            self._api.time_tracking()
            self._api.know_own_fields()
            wanted = [name for name in MADE_FROM if entity in (name, "costs")]
            since = self._since(state or {})
            yield from self._all_issues(wanted) if since is None else self._changed(wanted, state or {}, since)
            done |= set(wanted) if since is None and self._all_is_visible() else set()
        self._complete = frozenset(done)

    def _since(self, state: State) -> datetime | None:
        """Where an incremental read begins; None (a full one) without a usable watermark of the same settings."""
        told = state.get("watermark")
        if not isinstance(told, str) or state.get("settings") != self._fingerprint():
            return None
        return datetime.fromisoformat(told) - OVERLAP

    def replay(self, entity: str, raws: Iterable[Raw]) -> Iterator[Page]:
        if entity not in MADE_FROM:
            raise Misconfigured(f"Jira cannot make {entity} again from raw records.", "unknown_entity")
        self._complete = frozenset()
        yield from self._structure()
        stream = MADE_FROM[entity]
        remaining = (raw for raw in raws if raw.stream == stream.name)
        while some := list(islice(remaining, RECORDS_PER_PAGE)):
            yield self._page(entity, some)
        self._complete = frozenset({"projects"})

    def _page(self, entity: Any, raws: list[Raw]) -> Page:
        make = MADE_FROM[entity].to_record
        assert make is not None  # noqa: S101 - both have one
        return Page(entity, [one for raw in raws for one in make(raw, self._directory)], raws)

    def _structure(self) -> Iterator[Page]:
        """The account, then every project it may browse."""
        self._account = self._api.myself()
        self._directory.linked, self._directory.read_as = self.linked, self.forgotten
        self._directory.people.clear()
        self._directory.rates = Rates(self._settings.rates, self._settings.user_roles, self.forgotten)
        self._directory.today = self._began().astimezone(self._directory.zone).date()
        make = PROJECT_STREAM.to_record
        assert make is not None  # noqa: S101 - it has one
        for rows in self._api.projects():
            raws = [raw_project(row) for row in rows]
            self._visible |= {raw.key: text(raw.record.get("key")) for raw in raws}
            yield Page("projects", [one for raw in raws for one in make(raw, self._directory)], raws)
        self._directory.lost_rights = not self._sees_what_it_saw(self._visible.keys())
        missing = self._directory.wanted - {key.upper() for key in self._visible.values()}
        if missing:
            raise Misconfigured(
                f"The configured project {min(missing)} is not visible to the account. Grant it the right to browse "
                "the project, or take it out of the settings. Nothing was changed.",
                "project_not_visible",
            )

    # Issues and worklogs

    def _all_issues(self, wanted: Sequence[str]) -> Iterator[Page]:
        for query in self._queries():
            for rows in self._api.issues(query):
                yield from self._pages(rows, wanted)

    def _changed(self, wanted: Sequence[str], state: State, since: datetime) -> Iterator[Page]:
        """Issues updated since, issues of worklogs changed since, and what was deleted.

        Deletions come last: search may still show a worklog that is gone.
        """
        deletions, worklogs = _fed(state, "deletions"), _fed(state, "worklogs")
        deleted = self._api.deleted_worklogs(max(0, deletions - FEED_OVERLAP_MS))
        updated = self._api.changed_worklogs(max(0, worklogs - FEED_OVERLAP_MS))
        self._until = {"deleted": max(deletions, deleted.until), "updated": max(worklogs, updated.until)}
        for query in self._queries(f" AND updated >= {int(since.timestamp() * 1000)}"):
            for rows in self._api.issues(query):
                yield from self._pages(rows, wanted)
        touched = self._api.issues_of_worklogs(set(updated.ids) - set(deleted.ids))
        for rows in self._api.issues_by_id(touched - self._delivered):
            yield from self._pages(rows, wanted)
        if "actuals" in wanted:
            gone: list[Outcome] = [Deleted(str(one)) for one in sorted(set(deleted.ids))]
            for start in range(0, len(gone), RECORDS_PER_PAGE):
                yield Page("actuals", gone[start : start + RECORDS_PER_PAGE])

    def _queries(self, more: str = "") -> Iterator[str]:
        """The projects in scope by id (keys may change), so many at once as a query may well name."""
        ids = sorted(self._directory.projects, key=lambda one: (len(one), one))
        for start in range(0, len(ids), PROJECTS_PER_QUERY):
            yield f"project in ({', '.join(ids[start : start + PROJECTS_PER_QUERY])}){more}"

    def _pages(self, rows: Sequence[Row], wanted: Sequence[str]) -> Iterator[Page]:
        """The page's issues with all their worklogs; one that went away meanwhile is left to the next read."""
        raws: dict[str, list[Raw]] = {"commitments": [], "actuals": []}
        for row in rows:
            if text(row.get("id")) in self._delivered or (worklogs := self._api.worklogs(row)) is None:
                continue
            self._delivered.add(text(row.get("id")))
            self._note_groups(worklogs)
            issue = raw_issue(row, worklogs, self._directory)
            raws["commitments"].append(issue)
            raws["actuals"] += raw_worklogs(issue, worklogs, self._directory)
        for name in wanted:
            yield self._page(name, raws[name])

    # What the account may see

    def _note_groups(self, worklogs: Iterable[Row]) -> None:
        held = self._held_groups()
        for one in worklogs:
            told: Row = one.get("visibility") or {}
            if told.get("type") == "group":
                self._groups |= {text(told.get("identifier")), text(told.get("value"))} & held

    def _held_groups(self) -> set[str]:
        items = (self._account.get("groups") or {}).get("items") or ()
        return {text(one.get(name)) for one in items for name in ("name", "groupId")} - {""}

    def _all_is_visible(self) -> bool:
        """Whether the lists were whole and the account sees what it ever saw, at the end as at the beginning."""
        if self._api.cut_off or self._directory.lost_rights:
            return False
        self._account = self._api.myself()
        return self._sees_what_it_saw({text(row.get("id")) for rows in self._api.projects() for row in rows})

    def _sees_what_it_saw(self, now: Set[str]) -> bool:
        """``now`` are ids of projects. Archived ones and those in the bin are told by Jira itself, and what is not
        configured does not matter."""
        before = self._seen_before("projects") | self._visible
        wanted = self._directory.wanted
        needed = {number for number, key in before.items() if not wanted or key.upper() in wanted}
        groups = self._seen_before("groups").keys() | self._groups
        return needed <= now and groups <= self._held_groups()

    def _seen_before(self, what: str) -> dict[str, str]:
        """By project id its key, or the groups; empty without an earlier read of the same site."""
        before = self.before or {}
        told = before.get(what) if before.get("site") == self._settings.base_url else None
        if isinstance(told, list):
            return dict.fromkeys(map(str, told), "")
        return {str(one): str(key) for one, key in told.items()} if isinstance(told, dict) else {}

    # Field mapping

    def fields(self, entity: str) -> Sequence[SourceField]:
        return list(source_fields(entity, self._api.fields() if entity in MADE_FROM else ()))

    @staticmethod
    def row(entity: str, raw: Row, record: Row) -> Row:  # noqa: ARG004
        """Fields of the site that are empty are left out of raw records."""
        if entity == "actuals":
            return {**raw, "issue": Sparse(raw.get("issue") or {}, CUSTOM)}
        return Sparse(raw, CUSTOM)

    # Connection test

    def test(self) -> Iterator[Check]:
        yield from jira_checks.checks(self._api, self._settings)


def _fed(state: State, name: str) -> int:
    """Where a feed goes on; without a usable place everything is fed again."""
    told = state.get(name)
    return told if isinstance(told, int) else 0
