"""What changed since the last digest, from PostgreSQL, and telling it: money per project and currency, and alerts.

Belongs here: finding out what is new, what was told already, and the run of a digest. Does not belong here: how a
message looks or is sent (``adapters``), when that happens (``defs/alerts``), checks (``defs/checks``).

What was told is kept beside the watermarks of the other systems (``sync_state``), in the transaction that settles the
run: a message that did not arrive is told with the next one. Nothing here waits for a sync, and no sync waits for it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from api.sentences import told as in_language
from ppm_pipelines import database, history, home, load, runs, tables
from ppm_pipelines.adapters import ADAPTERS, SYSTEMS
from ppm_pipelines.adapters.base import Notifier
from ppm_pipelines.facts import FACTS, Fact
from ppm_pipelines.news import Alert, Moved, News, ProjectNews
from ppm_pipelines.records import ZERO, shown
from ppm_pipelines.tables import HISTORY, at, connectors, sync_runs, sync_state

FIRST = timedelta(hours=24)  # so far back looks a digest that is the first one
AGAIN = timedelta(hours=24)  # an alert that goes on is told again after that
OVERLAP = timedelta(minutes=10)  # a run's end is told in its transaction, and seen when that has ended
LATE = timedelta(hours=26)  # as the check ``freshness``: every scheduled connector is read once a night
# A schedule is silent when it brings nothing for so many times its longest pause, out of at least so many pauses.
SILENT_TIMES, SILENT_PAUSES = 2, 3
SILENT_AT_LEAST = timedelta(hours=24)
SILENT_UNKNOWN = timedelta(days=7)  # where too few pauses say what is usual
CHECKS_WITHIN = timedelta(minutes=15)  # checks that are not through so long after their sync come no more
RUNS_LOOKED_AT, PAUSES_LOOKED_AT = 50, 30
BY_ITSELF = "sync"  # who asks for a digest that follows a sync
NOBODY = (BY_ITSELF, "schedule")  # requests that no person waits for
TOLD_OF = {"digest": ("commitments", "actuals", "projects"), "costs": ("commitments", "actuals")}


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check of Dagster that failed after a sync; ``sentence`` in English, ``count`` of what it is about."""

    entity: str
    check: str
    sentence: str = ""
    count: int | None = None


# Ids of Dagster's runs -> the failed checks of each; a run is left out whose checks are not known (yet).
Checks = Callable[[Sequence[str]], Mapping[str, Sequence[FailedCheck]]]


def no_checks(_: Sequence[str]) -> Mapping[str, Sequence[FailedCheck]]:
    """For who does not see Dagster: its runs are left to who does."""
    return {}


@dataclass
class Told:
    """What was told of: per fact the newest version, the runs looked at lately, and since when each alert."""

    facts: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    alerts: dict[str, str] = field(default_factory=dict)

    def since(self, name: str, otherwise: datetime) -> datetime:
        return datetime.fromisoformat(self.facts[name]) if name in self.facts else otherwise

    def looked_until(self, otherwise: datetime) -> datetime:
        return max(map(datetime.fromisoformat, self.runs.values()), default=otherwise)


@dataclass
class Found:
    """The news for one message, what is told once it is sent, and whether a run's checks are still to come."""

    news: News
    told: Told
    waiting: bool


def wanted(notifier: Notifier, news: News) -> bool:
    """Whether the news are worth a message that nobody asked for."""
    changed = notifier.level != "failures" and bool(news.projects)
    return bool(news.alerts) or changed or (notifier.level == "all" and news.runs > 0)


def tell(notifier: Notifier, request: runs.RunRequest, run_id: str, checks: Checks = no_checks) -> load.SyncResult:
    """One digest: looks, sends at most one message, and settles the run with it. Raises SourceError.

    Somebody who asks is answered, even that nothing changed; what comes by itself obeys ``level``.
    """
    started = time.monotonic()
    asked = request.requested_by not in NOBODY
    with database.owner() as connection:
        _one_at_a_time(connection, request)
        found = look(connection, notifier, request.organization_id, request.entity, checks, everything=asked)
        send = asked or wanted(notifier, found.news)
        if send:
            notifier.send(found.news)
        result = _result(request, run_id, found.news, messages=int(send))
        result.duration_ms = round((time.monotonic() - started) * 1000)
        _remember(connection, request, found.told)
        runs.settle(connection, run_id, result.status, result=result.answer())
    return result


def look(
    connection: sa.Connection,
    notifier: Notifier,
    organization_id: str,
    entity: str = "digest",
    checks: Checks = no_checks,
    *,
    everything: bool = False,
) -> Found:
    """What is new for the notifier; changes only where it tells of them, or ``everything`` is asked for."""
    now = datetime.now(UTC)
    told = _told(connection, organization_id, notifier.system)
    names = TOLD_OF.get(entity, (entity,)) if everything or notifier.level != "failures" else ()
    since = min((told.since(name, now - FIRST) for name in names), default=told.looked_until(now - FIRST))
    ended, waiting = _ended(connection, organization_id, told, now, checks)
    alerts = [*_of_runs(ended, notifier.language), *_of_schedules(connection, organization_id, now)]
    changes = _Changes(connection, organization_id)
    facts = {name: changes.add(name, told.since(name, now - FIRST)).isoformat() for name in names}
    zone = ZoneInfo(history.zone_of(connection, organization_id))
    good = [one for one in ended if one.row.status != "failed"]
    news = News(
        now.astimezone(zone),
        since.astimezone(zone),
        [alert for alert in alerts if _is_new(alert, told, good, now)],
        changes.projects(),
        len(good),
        _page("/costbook"),
    )
    after = Told(told.facts | facts, _looked_at(told, ended, now), _alerted(told, alerts, news.alerts, good, now))
    return Found(news, after, waiting)


# --- what was told -------------------------------------------------------------------------------------------------


def _one_at_a_time(connection: sa.Connection, request: runs.RunRequest) -> None:
    """Digests of several entities share what was told."""
    key = sa.func.hashtextextended(f"ppm/digest/{request.organization_id}/{request.system}", 0)
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))


def _told(connection: sa.Connection, organization_id: str, system: str) -> Told:
    state = sync_state.c
    where = (state.organization_id == organization_id, state.system == system, state.entity == "digest")
    kept = connection.scalar(sa.select(state.state).where(*where))
    return Told(**kept) if kept else Told()


def _remember(connection: sa.Connection, request: runs.RunRequest, told: Told) -> None:
    place = {"organization_id": request.organization_id, "system": request.system, "entity": "digest"}
    state = {"facts": told.facts, "runs": told.runs, "alerts": told.alerts}
    connection.execute(
        insert(sync_state)
        .values(**place, state=state)
        .on_conflict_do_update(index_elements=list(place), set_={"state": state})
    )


def _is_new(alert: Alert, told: Told, good: Sequence[Ended], now: datetime) -> bool:
    """Whether it was not told within a day; a failure after a sync that ended well is another one."""
    at = told.alerts.get(alert.key)
    ended_well = {(one.row.system, one.row.entity) for one in good}
    recovered = alert.kind == "failed" and (alert.system, alert.entity) in ended_well
    return alert.asked or recovered or at is None or now - datetime.fromisoformat(at) >= AGAIN


def _alerted(
    told: Told, raised: Iterable[Alert], new: Iterable[Alert], good: Sequence[Ended], now: datetime
) -> dict[str, str]:
    """Since when each alert is told; one that is over is forgotten, so that it is told when it comes again."""
    goes_on = {alert.key for alert in raised}
    ended_well = {(one.row.system, one.row.entity) for one in good}

    def is_over(key: str) -> bool:
        system, kind, entity = key.split("/")[:3]
        if kind == "failed":
            return (system, entity) in ended_well
        return kind != "check" or any(system == other for other, _ in ended_well)

    kept = {key: at for key, at in told.alerts.items() if key in goes_on or not is_over(key)}
    return kept | {alert.key: now.isoformat() for alert in new}


def _looked_at(told: Told, ended: Sequence[Ended], now: datetime) -> dict[str, str]:
    """The runs that were looked at: while one that ended before may still come to light, and always the last."""
    every = told.runs | {one.row.run_id: one.row.ended_at.astimezone(UTC).isoformat() for one in ended}
    last = max(every.values(), default="")
    return {run_id: at for run_id, at in every.items() if at == last or datetime.fromisoformat(at) > now - 2 * OVERLAP}


# --- runs ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """A sync that ended since the last digest, with the checks that failed after it."""

    row: Any
    failed: Sequence[FailedCheck]


def _ended(
    connection: sa.Connection, organization_id: str, told: Told, now: datetime, checks: Checks
) -> tuple[list[Ended], bool]:
    """The newest runs not looked at yet, and whether some are left for the next time because their checks still run."""
    run = sync_runs.c
    query = (
        sa.select(sync_runs)
        .where(run.organization_id == organization_id, run.system.in_(list(ADAPTERS)), run.dry_run.is_(False))
        .where(run.status.in_(("success", "partial", "failed")))
        .where(run.ended_at > told.looked_until(now - FIRST) - OVERLAP, run.run_id.not_in(list(told.runs)))
        .order_by(run.ended_at.desc())
        .limit(RUNS_LOOKED_AT)
    )
    rows = connection.execute(query).all()
    failed = checks([row.dagster_run_id for row in rows if row.dagster_run_id])
    # Why a run failed is known at once; a process that was killed after its merge leaves a run without an end.
    known = [
        row
        for row in rows
        if not row.dagster_run_id
        or row.dagster_run_id in failed
        or row.status == "failed"
        or now - row.ended_at > CHECKS_WITHIN
    ]
    ended = [Ended(row, failed.get(row.dagster_run_id or "", ())) for row in reversed(known)]
    return ended, len(known) < len(rows)


def _of_runs(ended: Iterable[Ended], language: str) -> list[Alert]:
    """The alerts of the runs; of one system, entity and kind the newest alone."""
    found: dict[tuple[str, ...], Alert] = {}
    for one in ended:
        for alert in _of_run(one, language):
            found[alert.system, alert.kind, alert.entity, alert.check] = alert
    return list(found.values())


def _of_run(one: Ended, language: str) -> Iterator[Alert]:
    """A failure with its reason, and each check that says something beside it."""
    row = one.row
    common: dict[str, Any] = {
        "system": row.system,
        "name": SYSTEMS[row.system].name,
        "link": _page("/admin/integrations"),
        "asked": row.requested_by not in ("schedule", "dagster"),
    }
    if row.status == "failed":
        yield Alert("failed", entity=row.entity, sentence=in_language(row.reason or "", language), **common)
    for check in one.failed:
        if check.sentence and check.sentence == row.reason:
            check = FailedCheck(check.entity, check.check, "", check.count)
        sentence = in_language(check.sentence, language)
        about = {"entity": check.entity, "check": check.check, "sentence": sentence, "count": check.count}
        if check.check == "nothing_rejected":
            about["link"] = _page(f"/admin/integrations/rejections?system={row.system}")
        yield Alert("check", **common | about | {"asked": False})


# --- schedules -----------------------------------------------------------------------------------------------------


def _of_schedules(connection: sa.Connection, organization_id: str, now: datetime) -> Iterator[Alert]:
    """Scheduled systems that were not read, or that brought nothing, for unusually long."""
    c = connectors.c
    query = sa.select(c.system, c.updated_at).where(
        c.organization_id == organization_id, c.enabled, c.schedule.is_not(None), c.system.in_(list(ADAPTERS))
    )
    for row in connection.execute(query.order_by(c.system)).all():
        name, link = SYSTEMS[row.system].name, _page("/admin/integrations")
        first, last = _first_and_last_read(connection, organization_id, row.system)
        if now - max(filter(None, (last, row.updated_at))) > LATE:
            yield Alert("late", row.system, name, since=last, link=link)
        elif first:
            brought = _brought(connection, organization_id, row.system)
            if _is_silent(brought, first, now):
                yield Alert("silent", row.system, name, since=brought[-1] if brought else None, link=link)


def _good(organization_id: str, system: str) -> list[sa.ColumnElement[bool]]:
    run = sync_runs.c
    return [
        run.organization_id == organization_id,
        run.system == system,
        run.status.in_(("success", "partial")),
        run.mode.not_in(runs.AGAIN),
        run.dry_run.is_(False),
    ]


def _first_and_last_read(
    connection: sa.Connection, organization_id: str, system: str
) -> tuple[datetime | None, datetime | None]:
    ended = sync_runs.c.ended_at
    query = sa.select(sa.func.min(ended), sa.func.max(ended)).where(*_good(organization_id, system))
    first, last = connection.execute(query).one()
    return first, last


def _brought(connection: sa.Connection, organization_id: str, system: str) -> list[datetime]:
    """When syncs of the system last brought something, the oldest first."""
    run = sync_runs.c
    moved = sum((run.result[name].as_integer() for name in ("inserted", "updated", "closed")), sa.literal(0))
    query = sa.select(run.ended_at).where(*_good(organization_id, system), moved > 0)
    return sorted(connection.scalars(query.order_by(run.ended_at.desc()).limit(PAUSES_LOOKED_AT + 1)))


def _is_silent(brought: Sequence[datetime], first: datetime, now: datetime) -> bool:
    """Whether the pause since something came last (else since the ``first`` read) is unusually long."""
    pauses = [later - earlier for earlier, later in pairwise(brought)]
    usual = SILENT_TIMES * max(pauses) if len(pauses) >= SILENT_PAUSES else SILENT_UNKNOWN
    return now - max([first, *brought]) > max(SILENT_AT_LEAST, usual)


# --- changes -------------------------------------------------------------------------------------------------------


class _Changes:
    """What changed per project since a moment, gathered fact by fact."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        self.connection, self.organization_id = connection, organization_id
        self.lines: dict[str, dict[tuple[str, str], int]] = defaultdict(lambda: defaultdict(int))
        self.moved: dict[tuple[str, str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])

    def add(self, name: str, since: datetime) -> datetime:
        """Adds what changed of the fact; the newest version that was seen, which is where the next look begins.

        An organisation's merges come one after the other, so that no older version comes to light afterwards.
        """
        table = FACTS[name].table
        mine = table.c.organization_id == self.organization_id
        newest = self.connection.scalar(sa.select(sa.func.max(table.c.last_changed_at)).where(mine))
        until = max(since, newest or since)
        if until > since:
            if name == "projects":
                self._projects(since, until)
            else:
                self._lines(FACTS[name], since, until)
        return until

    def _lines(self, fact: Fact, since: datetime, until: datetime) -> None:
        """The two versions of every line that changed, summed by project and currency on either side."""
        old, new, kind = _versions(fact, self.organization_id, since, until)
        by = (kind, old.c.project_id, old.c.currency, new.c.project_id, new.c.currency)
        names = [f"{side}_{figure}" for side in ("old", "new") for figure in fact.sums]
        sums = [
            sa.func.sum(history.counted(side, fact, column)) for side in (old, new) for column in fact.sums.values()
        ]
        labelled = [total.label(name) for name, total in zip(names, sums, strict=True)]
        query = sa.select(
            kind,
            old.c.project_id.label("old_project"),
            old.c.currency.label("old_currency"),
            new.c.project_id.label("new_project"),
            new.c.currency.label("new_currency"),
            sa.func.count().label("rows"),
            *labelled,
        ).select_from(new.join(old, old.c.id == new.c.id, isouter=True))
        for row in self.connection.execute(query.group_by(*by)).mappings():
            self._count(fact.name, row)
            for place, side in enumerate(("old", "new")):
                for figure in fact.sums:
                    amount = row[f"{side}_{figure}"]
                    if row[f"{side}_project"] is not None and amount:
                        self.moved[row[f"{side}_project"], row[f"{side}_currency"], figure][place] += amount

    def _count(self, name: str, row: Mapping[Any, Any]) -> None:
        if row["old_project"] not in (None, row["new_project"]):
            self.lines[row["old_project"]][name, "gone"] += row["rows"]
            self.lines[row["new_project"]][name, "new"] += row["rows"]
        else:
            self.lines[row["new_project"]][name, row["kind"]] += row["rows"]

    def _projects(self, since: datetime, until: datetime) -> None:
        """Projects of the sources that are new or say something else, under the Costbook's project."""
        p, link = tables.projects.c, tables.project_links.c
        same = sa.and_(
            link.organization_id == p.organization_id,
            link.system == p.system,
            link.company_code == p.company_code,
            link.project_nr == p.project_nr,
        )
        kind = sa.case((p.first_seen_at > since, "new"), else_="changed").label("kind")
        query = (
            sa.select(link.project_id, kind, sa.func.count().label("rows"))
            .select_from(tables.projects.join(tables.project_links, same))
            .where(p.organization_id == self.organization_id)
            .where(p.last_changed_at > since, p.last_changed_at <= until)
            .group_by(link.project_id, kind)
        )
        for row in self.connection.execute(query):
            self.lines[row.project_id]["projects", row.kind] += row.rows

    def projects(self) -> list[ProjectNews]:
        """The projects that changed, those with the most money in motion first."""
        p = tables.costbook_projects.c
        query = sa.select(p.project_id, p.project_nr, p.name).where(p.project_id.in_(list(self.lines)))
        found = {
            row.project_id: ProjectNews(
                row.project_id,
                row.project_nr,
                row.name,
                _page(f"/costbook?project={row.project_id}"),
                dict(self.lines[row.project_id]),
            )
            for row in self.connection.execute(query.where(p.organization_id == self.organization_id))
        }
        for (project_id, currency, figure), (before, after) in sorted(self.moved.items()):
            if project_id in found:
                found[project_id].moved.append(Moved(figure, currency, before, after))
        return sorted(found.values(), key=lambda one: (-_motion(one), one.project_nr, one.project_id))


def _motion(project: ProjectNews) -> Decimal:
    """What orders the list, and is no figure: the largest amount that moved, in whatever currency."""
    return max((abs(one.delta) for one in project.moved), default=ZERO)


def _versions(
    fact: Fact, organization_id: str, since: datetime, until: datetime
) -> tuple[sa.FromClause, sa.FromClause, sa.ColumnElement[str]]:
    """Every line that changed after ``since``: as it was then (if it was), as it is now, and the kind of change."""
    past, then = HISTORY[fact.name], at(fact.table, until)
    ended = fact.ended[0] if fact.ended else "source_key"
    # As of then, not as of now: what a merge changes meanwhile belongs to the next look, and to this one what it was.
    new = (
        sa.select(then).where(then.c.organization_id == organization_id, then.c.last_changed_at > since).subquery("new")
    )
    old = (
        sa.select(past)
        .where(past.c.organization_id == organization_id, past.c.valid_to > since, past.c.last_changed_at <= since)
        .subquery("old")
    )
    kind = sa.case(
        (old.c.id.is_(None), "new"),
        (sa.and_(old.c[ended].is_(None), new.c[ended].is_not(None)), "closed"),
        else_="changed",
    ).label("kind")
    return old, new, kind


# --- the run -------------------------------------------------------------------------------------------------------


def _result(request: runs.RunRequest, run_id: str, news: News, messages: int) -> load.SyncResult:
    """The counts of a digest: lines told of, by kind; none where nothing was sent (docs/systems/slack.md)."""
    result = load.SyncResult(run_id, request.system, request.entity, request.organization_id)
    if messages:
        result.by_entity = {entity: _counted(kinds) for entity, kinds in sorted(news.lines().items())}
        for name in load.COUNTS:
            setattr(result, name, sum(counts[name] for counts in result.by_entity.values()))
        result.amounts = _amounts(news.projects)
    result.by_entity["digest"] = {"messages": messages, "alerts": len(news.alerts) * messages}
    result.synced_at = news.until.astimezone(UTC).isoformat()
    return result


def _counted(kinds: Mapping[str, int]) -> dict[str, int]:
    new, changed, closed = kinds.get("new", 0), kinds.get("changed", 0), kinds.get("closed", 0) + kinds.get("gone", 0)
    told = {"total": new + changed + closed, "inserted": new, "updated": changed, "closed": closed}
    return dict.fromkeys(load.COUNTS, 0) | told


def _amounts(projects: Iterable[ProjectNews]) -> load.Money:
    """Per currency and figure what the lines told of amounted to before and after."""
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for project in projects:
        for one in project.moved:
            total = sums[one.currency, one.figure]
            total[0], total[1] = total[0] + one.before, total[1] + one.after
    told: load.Money = {}
    for (currency, figure), (before, after) in sorted(sums.items()):
        amounts = {"before": before, "after": after, "delta": after - before}
        told.setdefault(currency, {})[figure] = {name: str(shown(value, currency)) for name, value in amounts.items()}
    return told


def _page(path: str) -> str:
    """A page of the product as people reach it."""
    current = home.home()
    return (current.public_url or f"http://127.0.0.1:{current.frontend_port}").rstrip("/") + path
