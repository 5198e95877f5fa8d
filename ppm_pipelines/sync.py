"""One sync from claim to settled row, whoever carries it out: the Dagster asset, the command line, a test.

Belongs here: the order of things and what a failure means. Does not belong here: Dagster (``defs``), reading
(``adapters``), merging (``load``).
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from ppm_pipelines import (
    connectors,
    database,
    digest,
    drift,
    home,
    load,
    mappings,
    people,
    remapping,
    runs,
    tables,
    vault,
)
from ppm_pipelines.adapters.base import (
    Adapter,
    Credentials,
    Misconfigured,
    Notifier,
    NotOffered,
    Refused,
    SourceError,
    System,
    Unavailable,
)
from ppm_pipelines.facts import counted
from ppm_pipelines.mapping.fields import SourceField
from ppm_pipelines.records import Page, Raw

log = logging.getLogger(__name__)

TELL_SECONDS = 0.25  # progress is told at most this often
OUR_FAULT = "Something went wrong on our side. Nothing was changed; the log of the run has the details."
STOPPED = "The sync was stopped before it had finished. Nothing was changed."
PROBLEMS: tuple[tuple[type[BaseException], str], ...] = (
    (Credentials, "credentials"),
    (Unavailable, "unavailable"),
    (NotOffered, "not_offered"),
    (Misconfigured, "misconfigured"),
    (Refused, "unusable"),
    (SourceError, "unavailable"),
    (load.Refused, "refused"),
    (drift.FieldLost, "refused"),
    (connectors.NotConfigured, "refused"),
    (connectors.Disabled, "refused"),
    (home.Missing, "internal"),
    (vault.NotOpened, "internal"),
)
Say = Callable[[str], None]


class Failed(Exception):
    """The sync did not happen; the sentence is for a person, ``problem`` for programs. Its row says the same."""

    def __init__(self, reason: str, problem: str, run_id: str) -> None:
        super().__init__(reason)
        self.reason, self.problem, self.run_id = reason, problem, run_id


def carry_out(
    request: runs.RunRequest,
    run_id: str,
    opened: Callable[[], System],
    say: Say = lambda _: None,
    interrupted: tuple[type[BaseException], ...] = (KeyboardInterrupt,),
    checks: digest.Checks = digest.no_checks,
) -> load.SyncResult:
    """Reads the source and merges, or tells a notifier, for a run that is claimed and started; settles its row
    whatever happens.

    ``checks`` tells a notifier which checks failed. Raises ``Failed``; what ``interrupted`` names passes through, with
    the row settled as canceled.
    """
    try:
        with contextlib.closing(opened()) as system:
            match system:
                case Adapter():
                    return _loaded(system, request, run_id, say)
                case Notifier():
                    return digest.tell(system, request, run_id, checks)
        raise TypeError(f"{type(system).__name__} can neither be read nor told anything.")
    except interrupted:
        _settle(run_id, "canceled", STOPPED, None)
        raise
    except Exception as error:
        reason, problem = _meaning(error)
        _settle(run_id, "failed", reason, problem)
        raise Failed(reason, problem, run_id) from error


def _loaded(source: Adapter, request: runs.RunRequest, run_id: str, say: Say) -> load.SyncResult:
    with database.owner() as connection:
        saved = mappings.all_active(connection, request.organization_id, request.system)
        source.linked = linked(connection, request)
        # Who accepts that records are gone accepts what the account sees now.
        source.before = None if (request.scope or {}).get(load.ACCEPTED) else remembered(connection, request)
    applied = remapping.Applied(saved, request.system)
    source.wanted = {entity: applied.sources(entity) for entity in saved}
    source.forgotten = people.forgotten(request.organization_id, request.system)
    again = request.mode in runs.AGAIN
    there = {} if again else {entity: source.fields(entity) for entity in _with_projects(request)}
    with contextlib.closing(database.direct()) as connection:
        return load.load(
            connection,
            request,
            run_id,
            _pages(source, request, applied),
            complete=lambda: () if again else source.complete,
            state=source.state,
            # What is held already was compared when it was read; the source has moved on since.
            control=None if again else source.control,
            # Postings that only another mapping changes did not change in the source.
            final_postings=source.final_postings and not _pending(request, saved) and request.mode != "remap",
            companies=lambda: source.companies,
            ended=source.ended,
            open_listed=lambda: () if again else source.open_listed,
            mapping_versions=applied.versions,
            follows=lambda: _follows(request, saved),
            remarks=lambda entity: applied.unread.get(entity, []),
            meanwhile=lambda: _see_fields(request, there, saved.values()),
            on_progress=_Teller(run_id, say),
        )


def _with_projects(request: runs.RunRequest) -> Iterable[str]:
    return dict.fromkeys(("projects", *counted(request.entity)))


def _see_fields(
    request: runs.RunRequest, there: Mapping[str, Sequence[SourceField]], saved: Iterable[mappings.Saved]
) -> None:
    """Notices what changed of the source's fields; raises ``drift.FieldLost`` where a mapping can't do without."""
    place = (request.organization_id, request.system)
    with database.owner() as connection:
        lost = drift.seen(connection, *place, there)
    drift.check(saved, lost)


def _pending(request: runs.RunRequest, saved: Mapping[str, mappings.Saved]) -> bool:
    """Whether a mapping was saved that nothing has laid over what is held yet."""
    return any(entity in saved and not saved[entity].applied for entity in counted(request.entity))


def _follows(request: runs.RunRequest, saved: Mapping[str, mappings.Saved]) -> tuple[str, ...]:
    """What follows its mapping though nothing was read: what was laid over, unless lines read fields that raw records
    do not hold. Asked when the pages are through: until then another sync may have read without these fields."""
    if request.mode != "remap" or request.entity not in saved:
        return ()
    with database.owner() as connection:
        awaited = remapping.awaited(connection, request.organization_id, saved[request.entity])
    return () if awaited else (request.entity,)


def linked(connection: sa.Connection, request: runs.RunRequest) -> frozenset[str]:
    """The projects that people linked although the source never listed them: quarantined records named them."""
    link, project = tables.project_links.c, tables.projects.c
    listed = sa.exists().where(
        project.organization_id == link.organization_id,
        project.system == link.system,
        project.company_code == link.company_code,
        project.project_nr == link.project_nr,
    )
    mine = (link.organization_id == request.organization_id, link.system == request.system)
    return frozenset(connection.scalars(sa.select(link.project_nr).where(*mine, ~listed)))


def _pages(source: Adapter, request: runs.RunRequest, applied: remapping.Applied) -> Iterator[Page]:
    match request.mode:
        case "remap":
            yield from remapping.pages(applied, request.organization_id, request.entity)
        case "replay":
            for entity in counted(request.entity):
                for page in map(applied.page, source.replay(entity, _quarantined(request, entity))):
                    # The raw records came from the database and are kept there already, as the run that read them left
                    # them.
                    yield Page(page.entity, page.outcomes) if page.entity == entity else page
        case _:
            # What a mapping changed is changed everywhere, if need be by reading everything.
            state = None if _pending(request, applied.saved) else _watermark(request)
            yield from map(applied.page, source.read(request.entity, state))


def _quarantined(request: runs.RunRequest, entity: str) -> Iterator[Raw]:
    """The raw records behind the quarantined ones that the request is about, each once."""
    bad, raw = tables.rejections.c, tables.raw_records.c
    same = sa.and_(
        raw.organization_id == bad.organization_id,
        raw.system == bad.system,
        raw.stream == bad.raw_stream,
        raw.source_key == bad.raw_key,
    )
    wanted = (
        sa.select(raw.stream, raw.source_key, raw.record)
        .select_from(tables.raw_records.join(tables.rejections, same))
        .where(bad.organization_id == request.organization_id, bad.system == request.system, bad.entity == entity)
        .where(bad.id.in_((request.scope or {}).get("rejections", [])))
        .ext(distinct_on(raw.stream, raw.source_key))
        .order_by(raw.stream, raw.source_key)
    )
    with database.owner() as connection:
        rows = connection.execute(wanted).all()
    yield from (Raw(row.stream, row.source_key, row.record) for row in rows)


def _meaning(error: Exception) -> tuple[str, str]:
    problem = next((word for kind, word in PROBLEMS if isinstance(error, kind)), None)
    if problem is not None:
        return str(error), problem
    log.exception("A sync failed by our own fault")
    return OUR_FAULT, "internal"


def _settle(run_id: str, status: str, reason: str, problem: str | None) -> None:
    with database.owner() as connection:
        runs.settle(connection, run_id, status, reason=reason, problem=problem)


def _watermark(request: runs.RunRequest) -> dict[str, Any] | None:
    """Where the last sync of this entity stood; None reads everything."""
    if request.mode == "full":
        return None
    with database.owner() as connection:
        return remembered(connection, request, request.entity)


def remembered(connection: sa.Connection, request: runs.RunRequest, only: str | None = None) -> dict[str, Any] | None:
    """What the last sync of this entity left; where there was none and ``only`` names none, that of another entity."""
    state = tables.sync_state.c
    mine = (state.organization_id == request.organization_id, state.system == request.system)
    query = sa.select(state.state).where(*mine, sa.true() if only is None else state.entity == only)
    found: dict[str, Any] | None = connection.scalar(
        query.order_by((state.entity == request.entity).desc(), state.entity).limit(1)
    )
    return found


class _Teller:
    """Progress into the run's row and log; not at every page, but at every stage's first one."""

    def __init__(self, run_id: str, say: Say) -> None:
        self.run_id, self.say = run_id, say
        self.stages: set[str] = set()  # some systems deliver the pages of two entities by turns
        self.stage, self.told = "", 0.0

    def __call__(self, stage: str, rows: int, total: int | None, pages: int) -> None:
        now = time.monotonic()
        if stage in self.stages and now - self.told < TELL_SECONDS:
            return
        self.stages.add(stage)
        if stage != self.stage:
            self.say(f"{stage}: {rows} records in {pages} pages")
        self.stage, self.told = stage, now
        with database.owner() as connection:
            runs.progress(connection, self.run_id, stage, rows, total, pages)


@contextlib.contextmanager
def claimed(request: runs.RunRequest) -> Iterator[str]:
    """Claims for somebody who carries the sync out themselves; raises ``Failed`` when another one is active."""
    try:
        with database.owner() as connection:
            claim = runs.claim(connection, request)
        if claim.joined:
            raise runs.Busy(claim.run_id)
    except runs.Busy as busy:
        raise Failed(str(busy), "busy", busy.run_id) from None
    try:
        yield claim.run_id
    except Failed:
        raise
    except BaseException:
        _settle(claim.run_id, "failed", OUR_FAULT, "internal")
        raise
