"""The only writer of facts: stage pages as they come, classify, merge in one transaction, count exactly.

Belongs here: the guarded upsert, closing what vanished, quarantine, counts and money. Does not belong here: COPY into
temporary tables (``staging``), how a source is read (``adapters``), who asked (``runs``), what figures mean
(``costbook``).

One load of a system and organisation runs at a time (an advisory lock); readers never wait for it. Memory holds a
few thousand rows. What is staged lives in the session: a killed load leaves nothing. The merge, the watermark and the
run's result commit together, so that a sync becomes visible whole or not at all.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any

import psycopg
import sqlalchemy as sa

from ppm_pipelines import database, labour
from ppm_pipelines.arriving import REJECTED, STAGE_DELETED, STAGE_REJECTIONS, STAGE_SKIPPED
from ppm_pipelines.facts import FACTS, POINTERS, SUMMED, Fact, counted, within
from ppm_pipelines.reconcile import reconciled
from ppm_pipelines.records import (
    ZERO,
    ControlTotal,
    Page,
    rounded,
    shown,
)
from ppm_pipelines.runs import AGAIN, CHANNEL, RunRequest
from ppm_pipelines.staging import RAW_RECORDS, STAGE_RAWS, Progress, Staging, listed

log = logging.getLogger(__name__)

ERRORS_TOLD = 100
ANOMALIES_TOLD = 100
ACCEPTED = "accept_disappearance"  # in a request's scope: a person has looked and says that it is right
OUT_OF_SCOPE = "counts = false, not_counted_reason = 'out_of_scope'"
# A deletion names a key, or all those that begin with it; two questions, because one with "or" compares every row with
# every deletion.
SAME_KEYS = ("d.source_key = s.source_key", "d.whole and d.source_key = split_part(s.source_key, '/', 1)")
VANISHED_AT_LEAST = 20  # fewer than so many vanished rows are never a mass disappearance (DOMAIN "What counts")
AT_ONCE = 50_000  # rows that one statement writes: about half of the session's work memory
MANY = 1_000  # so many rows change what PostgreSQL must know of a table, and take a while to merge
Money = dict[str, dict[str, dict[str, str]]]


class Refused(Exception):
    """A load that must not happen; the sentence says why. Nothing was changed."""


class MassDisappearance(Refused):
    """So much would vanish at once that a person must look first; ``entity`` says of what."""

    def __init__(self, sentence: str, entity: str) -> None:
        super().__init__(sentence)
        self.entity = entity


COUNTS = ("total", "inserted", "updated", "unchanged", "closed", "rejected", "skipped")


@dataclass
class SyncResult:
    """What a sync did; ``amounts`` per currency and figure, before and after it, over what counts."""

    run_id: str
    system: str
    entity: str
    organization_id: str
    status: str = "success"
    total: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    closed: int = 0
    rejected: int = 0
    skipped: int = 0
    amounts: Money = field(default_factory=dict)
    skipped_amounts: dict[str, str] = field(default_factory=dict)
    errors: list[dict[str, str]] = field(default_factory=list)
    synced_at: str = ""
    duration_ms: int = 0
    reconciliation: dict[str, Any] | None = None
    by_entity: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self) -> dict[str, Any]:
        """JSON ready, money as strings, in the shape of the sync answer."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


def load(
    connection: psycopg.Connection,
    request: RunRequest,
    run_id: str,
    pages: Iterable[Page],
    *,
    complete: Callable[[], Collection[str]],
    state: Callable[[], dict[str, Any]],
    control: Callable[[str], list[ControlTotal]] | None = None,
    final_postings: bool = True,
    companies: Callable[[], Collection[str]] = tuple,
    ended: Callable[[Collection[str]], Mapping[str, str]] | None = None,
    open_listed: Callable[[], Collection[str]] = tuple,
    mapping_versions: Mapping[str, int] | None = None,
    follows: Callable[[], Collection[str]] = tuple,
    remarks: Callable[[str], list[dict[str, str]]] = lambda _: [],
    meanwhile: Callable[[], None] = lambda: None,
    on_progress: Progress = lambda *_: None,
) -> SyncResult:
    """Reads all pages, then merges them; ``connection`` is in autocommit and nobody else uses it.

    ``complete`` names the entities that the pages listed wholly, ``state`` the watermark of the next incremental
    read, ``control`` what the source itself reports; all three are asked when the pages are through.
    ``final_postings`` says that the source's postings never change under their key, ``companies`` which company codes
    are read alone (empty: all), ``ended`` why commitments that are listed no more ended, by key, where the source can
    tell (``invoiced``), ``open_listed`` the entities whose open records were all listed though not every record was.
    ``mapping_versions`` are those of the field mappings that lie over the pages, ``follows`` names the entities of
    which all that is held follows them then, beside those that were listed wholly, ``remarks`` what they could not
    read of an entity. ``meanwhile`` is done while the first pages are read; what it raises ends the load.
    Raises ``Refused`` when the merge must not happen, and whatever reading raises; nothing
    has changed then.
    """
    started = time.monotonic()
    merge = _Merge(connection, request, run_id, final_postings)
    totals: dict[str, list[ControlTotal]] = {}

    def ask_control() -> None:
        if control:
            totals.update({name: control(name) for name in counted(request.entity)})

    # One load of a system and organisation at a time.
    with _locked(connection, load_lock(request.organization_id, request.system)), connection.transaction():
        merge.stage_all(pages, on_progress, ask_control, meanwhile)
        listed = set(complete())
        merge.companies = list(companies())
        if ended is not None and "commitments" in listed:
            merge.reasons = dict(ended(merge.missing(FACTS["commitments"])))
        if merge.rows >= MANY:  # fewer are there before anybody could read about it
            on_progress("merging", merge.rows, merge.rows, merge.pages)
        merge.merge(listed, set(open_listed()))
        for name in counted(request.entity):
            merge.remark(name, remarks(name))
        merge.note_mappings(mapping_versions or {}, listed | set(follows()))
        result = merge.finish(totals, None if request.mode in AGAIN else state(), started)
    merge.look_again()
    return result


def load_lock(organization_id: str, system: str) -> str:
    """The key of the advisory lock that a load holds from its first page on."""
    return f"ppm/load/{organization_id}/{system}"


def under_way(connection: sa.Connection, organization_id: str, system: str) -> bool:
    """Whether some process is loading this system of the organisation now."""
    key = sa.func.hashtextextended(load_lock(organization_id, system), 0)
    return not connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(key)))


class _locked:
    """Nobody else holds the key meanwhile; the lock goes with the session when the process dies."""

    def __init__(self, connection: psycopg.Connection, key: str) -> None:
        self.connection, self.key = connection, key

    def __enter__(self) -> None:
        self.connection.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [self.key])

    def __exit__(self, *_: object) -> None:
        # What is merged stays merged when the session is lost here, and the lock is gone with it.
        with contextlib.suppress(psycopg.OperationalError):
            self.connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", [self.key])


class _Merge(Staging):
    """The statements over one load's staged records."""

    def __init__(
        self,
        connection: psycopg.Connection,
        request: RunRequest,
        run_id: str,
        final_postings: bool,
    ) -> None:
        super().__init__(connection, request, run_id)
        self.final_postings = final_postings
        self.companies: list[str] = []
        self.reasons: dict[str, str] = {}
        self.anomalies: dict[str, list[dict[str, str]]] = {}
        self.amounts: dict[str, Money] = {}
        self.mapping_versions: Mapping[str, int] = {}

    def missing(self, fact: Fact) -> list[str]:
        """The keys of what is not ended here and was not read."""
        stages = ((fact.stage, ""), (STAGE_REJECTIONS, " and s.entity = %(entity)s"))
        found = self.run(
            f"select source_key from {fact.table} t where organization_id = %(organization)s and system = %(system)s"
            f" and {fact.ended[0] if fact.ended else 'null'} is null"
            + "".join(
                f" and not exists (select 1 from {stage} s where s.source_key = t.source_key{which})"
                for stage, which in stages
            ),
            entity=fact.name,
        ).fetchall()
        return [row["source_key"] for row in found]

    def merge(self, complete: set[str], open_listed: set[str]) -> None:
        self._begin()
        self._keep_last()
        for fact in FACTS.values():
            self._let_deleted_go(fact)
        self._merge_raws()
        self._merge_projects()
        for name in ("commitments", "actuals"):
            self._merge_fact(FACTS[name], name in complete, name in open_listed)
        labour.settle(self.connection.execute, self.request.organization_id)
        self._quarantine(complete)

    def _begin(self) -> None:
        """The merge's moment; versions join without a gap: what was ends when what is begins.

        People close periods and link projects before or after it, and not while rows become visible.
        """
        lock = database.merge_lock(self.request.organization_id)
        self.run("select pg_advisory_xact_lock(hashtextextended(%(key)s, 0))", key=lock)
        row = self.run(
            "with moment as materialized (select clock_timestamp() as now) select now,"
            " set_config('ppm.moment', now::text, true) from moment"
        ).fetchone()
        self.now = row["now"] if row else self.now

    def _merge_raws(self) -> None:
        """Once per change: a record that is as it was is not written again. New ones were written when they came."""
        if not self._raw_seq:
            return
        self.run(
            f"delete from {STAGE_RAWS} s using (select stream, source_key, max(seq) as last from {STAGE_RAWS}"
            " group by stream, source_key having count(*) > 1) d"
            " where s.stream = d.stream and s.source_key = d.source_key and s.seq < d.last"
        )
        self.run(
            f"update {RAW_RECORDS} r set hash = s.hash, record = s.record, run_id = %(run)s, last_changed_at = %(now)s"
            f" from {STAGE_RAWS} s where r.organization_id = %(organization)s and r.system = %(system)s"
            " and r.stream = s.stream and r.source_key = s.source_key and r.hash <> s.hash"
        )
        if self._unseen:
            self.run(
                f"delete from {RAW_RECORDS}_history where organization_id = %(organization)s and system = %(system)s"
                " and source_key = any(%(keys)s) and run_id = %(run)s",
                keys=[key for _, key in self._unseen],
            )

    def _keep_last(self) -> None:
        """A key that came more than once, good or bad: the last counts, the earlier ones are skipped."""
        asked = [
            f"(select '{name}' as entity from {FACTS[name].stage} group by source_key having count(*) > 1 limit 1)"
            for name in sorted(self.arrived.unordered)
        ]
        twice_good = {row["entity"] for row in self.run(" union all ".join(asked))} if asked else set()
        bad = {row["entity"] for row in self.run(f"select distinct entity from {STAGE_REJECTIONS}")}
        for fact in FACTS.values():
            if fact.name in twice_good:
                self.counts[fact.name]["skipped"] += self._last_of_good(fact)
            if fact.name in twice_good | bad:
                self.counts[fact.name]["skipped"] += self._last_of_good_and_bad(fact)

    def _last_of_good(self, fact: Fact) -> int:
        """Of a key's good records the last counts; how many earlier ones were put aside.

        With the same change stamp but other amounts they contradict each other: which one is true is not ours to
        guess, so the key goes to quarantine (CONTRACT "Arithmetic").
        """
        stamp = ["changed_at"] if "changed_at" in fact.columns else []
        amounts = f"({listed([*fact.sums.values(), 'currency'])})" if fact.sums else "(true)"
        groups = listed(["source_key", *stamp])
        self.run(
            "create temp table twice on commit drop as select source_key, max(last) as last,"
            " bool_or(contradicts) as contradicts from (select source_key, max(seq) as last,"
            f" count(distinct {amounts}) > 1 as contradicts from {fact.stage} where source_key in"
            f" (select source_key from {fact.stage} group by source_key having count(*) > 1) group by {groups}) g"
            " group by source_key"
        )
        told = [*POINTERS, "company_code"] if fact.belongs_to_project else ["company_code"]
        self.run(
            f"insert into {STAGE_REJECTIONS} (seq, entity, source_key, code, field, reason, raw, project_nr,"
            f" {listed(told)}) select s.seq, %(entity)s, s.source_key, 'contradiction', %(field)s, %(reason)s,"
            f" to_jsonb(s), s.project_nr, {listed(told, 's.')}"
            f" from {fact.stage} s join twice on seq = last where contradicts",
            entity=fact.name,
            field=next(iter(fact.sums.values()), "source_key"),
            reason="The source delivered this record twice with different amounts. Check it there and sync again.",
        )
        gone = self.run(
            f"delete from {fact.stage} s using twice d where s.source_key = d.source_key"
            " and (s.seq < d.last or d.contradicts) returning s.seq = d.last as contradicted"
        ).fetchall()
        self.run("drop table twice")
        return sum(not row["contradicted"] for row in gone)

    def _last_of_good_and_bad(self, fact: Fact) -> int:
        """A key that was good and bad in one read: again the last counts; how many earlier ones were put aside."""
        bad = 0
        # Two questions: one with "or" compares every rejection with every other.
        for later, same in ((STAGE_REJECTIONS, "l.entity = r.entity"), (fact.stage, "true")):
            bad += self.run(
                f"delete from {STAGE_REJECTIONS} r using {later} l where r.entity = %(entity)s and {same}"
                " and l.source_key = r.source_key and l.seq > r.seq",
                entity=fact.name,
            ).rowcount
        good = self.run(
            f"delete from {fact.stage} s using {STAGE_REJECTIONS} r"
            " where r.entity = %(entity)s and r.source_key = s.source_key",
            entity=fact.name,
        ).rowcount
        return bad + good

    def _let_deleted_go(self, fact: Fact) -> None:
        """What was read and then told to be deleted is not there; what was deleted and read again is."""
        if fact.name not in self.arrived.deleted:
            return
        for stage, which in ((fact.stage, "true"), (STAGE_REJECTIONS, "s.entity = d.entity")):
            for same_key in SAME_KEYS:
                self.counts[fact.name]["skipped"] += self.run(
                    f"delete from {stage} s using {STAGE_DELETED} d where d.entity = %(entity)s and {which}"
                    f" and {same_key} and d.seq > s.seq",
                    entity=fact.name,
                ).rowcount
            self.counts[fact.name]["skipped"] += self.run(
                f"delete from {STAGE_DELETED} d using {stage} s where d.entity = %(entity)s and {which}"
                " and d.source_key = s.source_key",
                entity=fact.name,
            ).rowcount

    def _merge_projects(self) -> None:
        for name in ("projects", "wbs_elements"):
            self._classify(FACTS[name])
            self._write(FACTS[name], self._count(FACTS[name]))
        projects = FACTS["projects"]
        self.run(
            "create temp table new_links on commit drop as select gen_random_uuid()::text as project_id, p.project_nr,"
            f" p.company_code, p.name, p.status, p.currency from {projects.stage} p where not exists (select 1 from"
            " ppm.project_links l where l.organization_id = %(organization)s and l.system = %(system)s and"
            " l.company_code = p.company_code and l.project_nr = p.project_nr)"
        )
        self.run(
            "insert into ppm.costbook_projects (project_id, organization_id, project_nr, name, status, currency)"
            " select project_id, %(organization)s, project_nr, name, status, currency from new_links"
        )
        self.run(
            "insert into ppm.project_links (organization_id, system, company_code, project_nr, project_id)"
            " select %(organization)s, %(system)s, company_code, project_nr, project_id from new_links"
        )
        # A project that stands for one source project follows its name; one that people merged keeps its own.
        self.run(
            "update ppm.costbook_projects c set name = p.name, status = p.status, currency = p.currency"
            f" from {projects.changed()} p join ppm.project_links l on l.organization_id = %(organization)s and"
            " l.system = %(system)s and l.company_code = p.company_code and l.project_nr = p.project_nr"
            " where p.change = 'updated' and c.project_id = l.project_id and not exists (select 1 from"
            " ppm.project_links o where o.project_id = c.project_id and o is distinct from l)"
        )
        # Facts name a project by number; where that is ambiguous, only the one of their own company is meant.
        self.run(
            "create temp table own_links on commit drop as select l.company_code, l.project_nr, l.project_id,"
            " count(*) over (partition by l.project_nr) = 1 and (l.company_code = '' or exists (select 1 from"
            " ppm.projects p where p.organization_id = l.organization_id and p.system = l.system and"
            " p.company_code = l.company_code and p.project_nr = l.project_nr)) as only_one from ppm.project_links l"
            " where l.organization_id = %(organization)s and l.system = %(system)s"
        )
        self.run("analyze own_links")

    def _classify(self, fact: Fact) -> None:
        """What each staged record of what is held would change: closed (the source says so), updated, unchanged."""
        mine, ended, closing = fact.columns, "", ""
        if fact.ended:
            at, why = fact.ended
            ended = f", case when s.{why} is not null then coalesce(t.{at}, %(now)s) end as {at}"
            closing = f"when s.{why} is not null and t.{at} is null then 'closed' when not t.listed then 'updated'"
        place = ["project_id"] if fact.belongs_to_project else []
        compared = [name for name in [*mine, *place] if name not in POINTERS]
        own = "".join(f", s.{name}" for name in place)
        self.run(
            f"create temp table {fact.change} on commit drop as select s.seq, t.id{own}{ended}, case"
            f" {closing} when ({listed(compared, 't.')}) is distinct from ({listed(compared, 's.')}) then 'updated'"
            f" else 'unchanged' end as change from {fact.staged()} s join {fact.table} t on"
            " t.organization_id = %(organization)s and t.system = %(system)s and t.source_key = s.source_key"
        )
        # Else PostgreSQL takes it for small and compares every row with every other.
        self.run(f"analyze {fact.change} (seq, change)")

    def _count(self, fact: Fact) -> dict[str, Any]:
        """How many rows each change is about; how many are staged, and between which ``seq``."""
        found = self.run(
            f"select null as change, count(*) as rows, min(seq) as first, max(seq) as last from {fact.stage} union all"
            f" select change, count(*), null, null from {fact.change} group by change"
        ).fetchall()
        [staged], known = ([row for row in found if (row["change"] is None) is new] for new in (True, False))
        counts = self.counts[fact.name]
        counts["inserted"] += staged["rows"] - sum(row["rows"] for row in known)
        for row in known:
            counts[row["change"]] += row["rows"]
        return staged

    def _write(self, fact: Fact, staged: Mapping[str, Any]) -> None:
        counts = self.counts[fact.name]
        changed = counts["updated"] + counts["closed"]
        for part in self._parts(fact, staged) if counts["inserted"] or changed else ():
            if counts["inserted"]:
                self._insert(fact, part)
            if changed:
                self._update(fact, part)

    def _insert(self, fact: Fact, part: range | None) -> None:
        """Which are new is known, and nobody else writes facts of this system meanwhile: no conflict to look for."""
        mine = [*fact.columns, *(["project_id"] if fact.belongs_to_project else [])]
        at, ended = "", ""
        if fact.ended:
            at, ended = f", {fact.ended[0]}", f", case when {fact.ended[1]} is not null then %(now)s end"
        self.run(
            f"insert into {fact.table} (organization_id, system, run_id, first_seen_at, last_changed_at,"
            f" {listed(mine)}{at}) select %(organization)s, %(system)s, %(run)s, %(now)s, %(now)s,"
            f" {listed(mine)}{ended} from {fact.staged(part)} s where not exists (select 1 from {fact.change} c"
            f" where c.seq = s.seq and {within(part, 'c')})"
        )

    def _update(self, fact: Fact, part: range | None) -> None:
        mine = [*fact.columns, *(["project_id"] if fact.belongs_to_project else []), *(fact.ended or ())[:1]]
        changed = ", ".join([*(f"{name} = c.{name}" for name in mine), *(["listed = true"] if fact.ended else [])])
        self.run(
            f"update {fact.table} t set run_id = %(run)s, last_changed_at = %(now)s, {changed}"
            f" from {fact.changed(part)} c where c.change in ('updated', 'closed') and t.id = c.id"
        )

    def _parts(self, fact: Fact, staged: Mapping[str, Any]) -> list[range | None]:
        """The staged records in parts that PostgreSQL keeps in its memory: a statement's triggers see all of its rows,
        and those of more than work memory holds are written to files and read again. One part is all of them."""
        if staged["rows"] <= AT_ONCE:
            return [None]
        for table in (fact.stage, fact.change):
            self.run(f"create index on {table} using brin (seq)")
        first, stop = staged["first"], staged["last"] + 1
        return [range(start, start + AT_ONCE) for start in range(first, stop, AT_ONCE)]

    def _merge_fact(self, fact: Fact, complete: bool, open_listed: bool) -> None:
        before = self._sums(fact)
        self._leave_out_labour(fact)
        self._reject_unknown_projects(fact)
        self._classify(fact)
        self._leave_scope(fact)
        self._delete(fact)
        if complete or open_listed:
            self._close_vanished(fact, only_open=not complete)
        staged, counts = self._count(fact), self.counts[fact.name]
        if counts["inserted"] or counts["updated"]:
            self.anomalies[fact.name] = [*self._changed_though_final(fact), *self._relieved_beyond(fact)]
        self._write(fact, staged)
        self.amounts[fact.name] = _moved(before, self._sums(fact))

    def _leave_out_labour(self, fact: Fact) -> None:
        """What arrives of labour in projects where another system's counts does not count either (DOMAIN R19)."""
        if fact.name not in self.arrived.labour:
            return
        self.run(
            f"update {fact.stage} s set counts = false, not_counted_reason = %(other)s from own_links l"
            " join ppm.costbook_projects p using (project_id) where s.labour and s.counts"
            " and %(system)s = any(p.labour_left_out) and l.project_nr = s.project_nr"
            " and (l.company_code = s.company_code or l.only_one)",
            other=labour.OTHER,
        )

    def _reject_unknown_projects(self, fact: Fact) -> None:
        first = next(iter(fact.sums.values()))
        self.run(
            f"with gone as (delete from {fact.stage} s where not exists (select 1 from own_links l where"
            " l.project_nr = s.project_nr and (l.company_code = s.company_code or l.only_one)) returning s.*)"
            f" insert into {STAGE_REJECTIONS} (seq, entity, source_key, code, field, reason, raw, amount, currency,"
            f" project_nr, company_code, open_amount, {listed(POINTERS)})"
            " select seq, %(entity)s, source_key, 'unknown_project', 'project_nr', format(%(reason)s, project_nr),"
            f" to_jsonb(gone), {first}, currency, project_nr, company_code,"
            f" {'open_amount' if 'open' in fact.sums else 'null'}, {listed(POINTERS)} from gone",
            entity=fact.name,
            reason="The project %s is not among the source's projects. Check it there, or link it.",
        )

    def _leave_scope(self, fact: Fact) -> None:
        """Rows that the source still has, and that belong to no project any more: they are skipped now, count no more
        and say why (DOMAIN "What counts": not stored, but counted as skipped)."""
        if fact.name not in self.arrived.skipped:
            return
        at, why = fact.ended or ("", "")
        zeroed = "".join(f", {name} = 0" for name in fact.zeroed)
        self.run(
            f"update {fact.table} t set {OUT_OF_SCOPE}, run_id = %(run)s,"
            f" {at} = coalesce({at}, %(now)s), {why} = 'out_of_scope', listed = false,"
            f" last_changed_at = %(now)s{zeroed}"
            # As an array, its keys are looked up; joined, PostgreSQL may compare every row with every one of them.
            " where organization_id = %(organization)s and system = %(system)s and t.source_key = any"
            f" (array(select distinct source_key from {STAGE_SKIPPED} where entity = %(entity)s))"
            f" and listed and not exists (select 1 from {fact.stage} s where s.source_key = t.source_key)",
            entity=fact.name,
        )

    def _delete(self, fact: Fact) -> None:
        """Rows that the source's own list of deletions names; a deletion that closes nothing known is skipped.

        An order is cancelled: nothing is ordered or open, what relieved it stays. A posting leaves the sums.
        """
        if fact.name not in self.arrived.deleted:
            return
        at, why = fact.ended or ("", "")
        closed_as = "cancelled" if fact.emptied else "deleted"
        emptied = "".join(f", {name} = 0" for name in fact.emptied)
        closed = [
            one
            for same_key in SAME_KEYS
            for one in self.run(
                f"update {fact.table} t set {why} = '{closed_as}', {at} = coalesce({at}, %(now)s), listed = false,"
                f" run_id = %(run)s, last_changed_at = %(now)s{emptied} from {STAGE_DELETED} d"
                " where d.entity = %(entity)s and organization_id = %(organization)s and system = %(system)s"
                f" and listed and {same_key.replace('s.', 't.')}"
                f" and not exists (select 1 from {fact.stage} s where s.source_key = t.source_key)"
                f" and not exists (select 1 from {STAGE_REJECTIONS} r where r.entity = %(entity)s"
                " and r.source_key = t.source_key) returning d.seq",
                entity=fact.name,
            )
        ]
        told = self.run(f"select count(*) as rows from {STAGE_DELETED} where entity = %(entity)s", entity=fact.name)
        known, row = len({one["seq"] for one in closed}), told.fetchone()
        counts = self.counts[fact.name]
        counts["closed"] += known
        counts["vanished"] += len(closed) - known  # one deletion of a document ends all its lines
        counts["skipped"] += (row["rows"] if row else 0) - known

    def _close_vanished(self, fact: Fact, *, only_open: bool) -> None:
        """Rows that a complete read did not bring are closed; never many at once (DOMAIN "What counts"). Of a read that
        listed what is open, those that are open here.

        Those of companies that are not read any more are out of scope; the source may still have them.
        """
        at, why = fact.ended or ("", "")
        # Two anti-joins over the whole table; as conditions of a count they would be asked anew for every row.
        gone = self.run(
            f"create temp table gone_{fact.name} on commit drop as select t.id, t.{at} is null as known,"
            f" {self._is_open(fact)} as open, %(reasons)s::jsonb ->> t.source_key as reason,"
            " cardinality(%(companies)s::text[]) > 0 and"
            f" company_code <> all(%(companies)s) as outside from {fact.table} t"
            " where organization_id = %(organization)s"
            f" and system = %(system)s and listed and ({self._is_open(fact)} or not %(only_open)s)"
            f" and not exists (select 1 from {fact.stage} s where s.source_key = t.source_key)"
            f" and not exists (select 1 from {STAGE_REJECTIONS} r where r.entity = %(entity)s"
            " and r.source_key = t.source_key)",
            entity=fact.name,
            companies=self.companies,
            reasons=json.dumps(self.reasons),
            only_open=only_open,
        ).rowcount
        if not gone:
            return
        self.counts[fact.name]["vanished"] += self._vanished(fact)
        zeroed = "".join(f", {name} = 0" for name in fact.zeroed)
        for outside, reason, more in (
            (False, "coalesce(gone.reason, 'vanished')", ""),
            (True, "'out_of_scope'", f", {OUT_OF_SCOPE}"),
        ):
            self.run(
                # What was closed before stays closed since then; it is archived now, and the source counts it no more.
                f"update {fact.table} t set {at} = coalesce({at}, %(now)s), {why} = {reason}, listed = false,"
                f" run_id = %(run)s, last_changed_at = %(now)s{zeroed}{more}"
                f" from gone_{fact.name} gone where gone.id = t.id and outside = %(outside)s",
                outside=outside,
            )

    @staticmethod
    def _is_open(fact: Fact) -> str:
        return "open_amount <> 0" if "open" in fact.sums else "true"

    def _vanished(self, fact: Fact) -> int:
        """How many known rows come no more; raises when too many of all, or of the open ones, vanished.

        That a company is not read any more was decided by a person; what the source explains did not vanish.
        """
        at = fact.ended[0] if fact.ended else ""
        is_open = self._is_open(fact)
        row = self.run(
            f"select count(*) as known, count(*) filter (where {is_open}) as open,"
            f" (select count(*) from gone_{fact.name} where known) as gone,"
            f" (select count(*) from gone_{fact.name} where known and not outside and reason is null) as vanished,"
            f" (select count(*) from gone_{fact.name} where known and open and not outside"
            " and reason is null) as vanished_open"
            f" from {fact.table} where organization_id = %(organization)s and system = %(system)s and {at} is null",
        ).fetchone()
        found = row or {"known": 0, "gone": 0, "vanished": 0, "open": 0, "vanished_open": 0}
        if not (self.request.scope or {}).get(ACCEPTED, False):
            self._guard(fact, found)
        return int(found["gone"])

    @staticmethod
    def _guard(fact: Fact, found: Mapping[str, int]) -> None:
        for what, vanished in (("open", found["vanished_open"]), ("known", found["vanished"])):
            if vanished >= VANISHED_AT_LEAST and vanished * 2 > found[what]:
                raise MassDisappearance(
                    f"The source no longer shows {vanished} of {found[what]} {what} {fact.name}. So many do not end at "
                    "once: probably the account lost rights, or a filter changed. Nothing was changed; check the "
                    "rights, then sync again. If it is right, an operator accepts it: "
                    "`ppm sync SYSTEM costs --full --accept-disappearance`.",
                    fact.name,
                )

    def _changed_though_final(self, fact: Fact) -> list[dict[str, str]]:
        """Postings whose money, account, place or dates changed under their key; the new value counts, the old one is
        in history (DOMAIN "Facts and figures")."""
        if not fact.final or not self.final_postings:
            return []
        pairs = ", ".join(f"('{name}', t.{name}::text, c.{name}::text)" for name in fact.final)
        found = self.run(
            "select c.source_key as key, v.field, coalesce(v.before, '') as before, coalesce(v.after, '') as after,"
            " t.currency, t.company_currency"
            f" from {fact.changed()} c join {fact.table} t on t.id = c.id"
            f" cross join lateral (values {pairs}) v (field, before, after)"
            " where c.change = 'updated' and v.before is distinct from v.after order by 1, 2 limit %(most)s",
            most=ANOMALIES_TOLD,
        )
        return [_anomaly("final_changed", row) for row in found]

    def _relieved_beyond(self, fact: Fact) -> list[dict[str, str]]:
        """Lines that were received or invoiced beyond their order: open stays 0, and people look at them."""
        if "open" not in fact.sums:
            return []
        found = self.run(
            "select source_key as key, 'relieved_amount' as field, ordered_amount::text as before,"
            f" relieved_amount::text as after, currency, company_currency from {fact.stage}"
            f" left join {fact.change} using (seq) where coalesce(change, 'updated') = 'updated'"
            " and counts and closed_reason is null and (ordered_amount > 0 and relieved_amount > ordered_amount"
            " or ordered_amount < 0 and relieved_amount < ordered_amount) order by 1 limit %(most)s",
            most=ANOMALIES_TOLD,
        )
        return [_anomaly("relieved_beyond_order", row) for row in found]

    def _quarantine(self, complete: Collection[str]) -> None:
        """Rejected records replace what was known of their key; a key that came right, or no more, is let go."""
        for name in FACTS:
            self._let_out(name, name in complete)
        found = self.run(f"select entity, count(*) as rows from {STAGE_REJECTIONS} group by entity")
        rejected = {row["entity"]: row["rows"] for row in found}
        for name in filter(rejected.get, FACTS):  # lists show them in the order in which they came here
            self.counts[name]["rejected"] += rejected[name]
            self._put_in(name)

    def _let_out(self, name: str, complete: bool) -> None:
        # A reading of the whole entity shows every record that is still wrong.
        arrived = " or ".join(
            f"exists (select 1 from {stage} d where {same_key.replace('s.', 'r.')}{which})"
            for stage, which, same_keys in (
                (FACTS[name].stage, "", SAME_KEYS[:1]),
                (STAGE_SKIPPED, " and d.entity = r.entity", SAME_KEYS[:1]),
                (STAGE_DELETED, " and d.entity = r.entity", SAME_KEYS),
            )
            for same_key in same_keys
        )
        self.run(
            "delete from ppm.rejections r where organization_id = %(organization)s and system = %(system)s"
            f" and entity = %(entity)s and (%(complete)s or {arrived}) and not exists (select 1 from"
            f" {STAGE_REJECTIONS} b where b.entity = %(entity)s and b.source_key = r.source_key)",
            entity=name,
            complete=complete,
        )

    def _put_in(self, name: str) -> None:
        mine = [column for column in REJECTED if column != "source_key"]
        changed = ", ".join(f"{column} = excluded.{column}" for column in [*mine, "run_id", "last_changed_at"])
        self.run(
            "insert into ppm.rejections as r (organization_id, system, entity, run_id, last_changed_at, rejected_at,"
            f" {listed(REJECTED)}) select %(organization)s, %(system)s, entity, %(run)s, %(now)s, %(now)s,"
            f" {listed(REJECTED)} from {STAGE_REJECTIONS} where entity = %(entity)s order by seq"
            f" on conflict (organization_id, system, entity, source_key) do update set {changed}"
            f" where ({listed(mine, 'r.')}) is distinct from ({listed(mine, 'excluded.')})",
            entity=name,
        )

    def remark(self, name: str, remarks: list[dict[str, str]]) -> None:
        """What people should look at beside the counts."""
        if remarks:
            self.anomalies[name] = [*self.anomalies.get(name, []), *remarks][:ANOMALIES_TOLD]

    def note_mappings(self, versions: Mapping[str, int], whole: Collection[str]) -> None:
        """Which field mappings the run used, and of which all that is held follows them now."""
        self.mapping_versions = versions
        if versions:
            self.run(
                "update ppm.sync_runs set mapping_versions = %(versions)s where run_id = %(run)s",
                versions=json.dumps(versions),
            )
        for entity, version in versions.items():
            if entity in whole:
                self.run(
                    "update ppm.field_mappings set applied_run_id = %(run)s where organization_id = %(organization)s"
                    " and system = %(system)s and entity = %(entity)s and version = %(version)s"
                    " and applied_run_id is null",
                    entity=entity,
                    version=version,
                )

    def _sums(self, fact: Fact) -> dict[str, dict[str, Decimal]]:
        """Per currency and figure, what counts now."""
        figures = ", ".join(f"sum({SUMMED[column]}) as {name}" for name, column in fact.sums.items())
        found = self.run(
            f"select currency, {figures} from ppm.project_sums where organization_id = %(organization)s"
            " and system = %(system)s and fact = %(fact)s and counts group by currency",
            fact=fact.name,
        )
        return {row.pop("currency"): row for row in found}

    # --- the result --------------------------------------------------------------------------------------------

    def finish(
        self, control: dict[str, list[ControlTotal]], state: dict[str, Any] | None, started: float
    ) -> SyncResult:
        """The result, with the watermark (None: it stays) and the run's row in the merge's transaction."""
        result = self._result()
        result.reconciliation = reconciled(self.run, control) if any(control.values()) else None
        result.duration_ms = round((time.monotonic() - started) * 1000)
        if state is not None:
            self._remember(state)
        settled = self.run(
            "update ppm.sync_runs set status = %(status)s, ended_at = clock_timestamp(), stage = null,"
            " rows = %(rows)s, total = %(rows)s, pages = %(pages)s, result = %(result)s"
            " where run_id = %(run)s and status in ('queued', 'running')",
            status=result.status,
            rows=self.rows,
            pages=self.pages,
            result=json.dumps(result.answer()),
        ).rowcount
        if not settled:  # stopped meanwhile: what was not said must not become visible
            raise Refused("The sync was stopped before it could be merged. Nothing was changed.")
        event = {
            "type": "end",
            "status": result.status,
            "run_id": self.run_id,
            "organization_id": self.request.organization_id,
            "system": self.request.system,
            "entity": self.request.entity,
        }
        self.run("select pg_notify(%(channel)s, %(event)s)", channel=CHANNEL, event=json.dumps(event))
        return result

    def look_again(self) -> None:
        """After the commit: tells PostgreSQL's planner what many new rows look like.

        It looks itself within a minute. Until then it takes the rows of a new organisation for none, and compares all
        of them with all when they are read again. Of whose a row is, and that keys differ, few rows tell; that some
        columns were looked at does not keep it from looking itself.
        """
        facts = [fact.table for fact in FACTS.values() if self.counts[fact.name]["inserted"] >= MANY]
        try:
            for table in [*facts, *([RAW_RECORDS] if self._new_raws >= MANY else [])]:
                self.run(f"analyze {table} (organization_id, system, source_key)")
            self.run("reset default_statistics_target")  # all columns of what stays are looked at closely
            if facts:
                self.run("analyze ppm.project_sums")
        except psycopg.Error:  # the sync has succeeded and is visible: this only makes the next one faster
            log.warning("PostgreSQL was not told of the new rows; it looks by itself.", exc_info=True)

    def _remember(self, state: dict[str, Any]) -> None:
        self.run(
            "insert into ppm.sync_state (organization_id, system, entity, state) values (%(organization)s, %(system)s,"
            " %(entity)s, %(state)s) on conflict (organization_id, system, entity)"
            " do update set state = excluded.state",
            entity=self.request.entity,
            state=json.dumps(state),
        )

    def _result(self) -> SyncResult:
        request = self.request
        result = SyncResult(self.run_id, request.system, request.entity, request.organization_id)
        for name in counted(request.entity):
            told = self._told(name)
            result.by_entity[name] = told
            for count in COUNTS:
                setattr(result, count, getattr(result, count) + told[count])
            for currency, figures in told["amounts"].items():
                result.amounts.setdefault(currency, {}).update(figures)
        result.status = "partial" if result.rejected else "success"
        result.skipped_amounts = {c: str(rounded(a, c)) for c, a in sorted(self.arrived.skipped_money.items())}
        result.errors = self._errors()
        result.synced_at = self.now.isoformat()
        return result

    def _told(self, name: str) -> dict[str, Any]:
        counts = self.counts[name]
        told = {count: counts[count] for count in COUNTS}
        accounted = sum(told[count] for count in COUNTS if count != "total")
        if accounted != told["total"]:
            raise RuntimeError(f"{told['total']} {name} were read, {accounted} accounted for: {dict(counts)}")
        told["closed"] += counts["vanished"]
        return told | {
            "amounts": self.amounts.get(name, {}),
            "anomalies": self.anomalies.get(name, []),
            "mapping_version": self.mapping_versions.get(name, 0),
        }

    def _errors(self) -> list[dict[str, str]]:
        found = self.run(
            f"select source_key as key, field, reason from {STAGE_REJECTIONS} where entity = any(%(names)s)"
            " order by seq limit %(most)s",
            names=list(counted(self.request.entity)),
            most=ERRORS_TOLD,
        )
        return [dict(row) for row in found]


def _anomaly(kind: str, row: dict[str, Any]) -> dict[str, str]:
    """The key, the field, and what it was and is; money with its currency's digits."""
    told = {name: row[name] for name in ("key", "field", "before", "after")}
    if row["field"].endswith("amount"):
        currency = row["company_currency" if row["field"].startswith("company") else "currency"]
        told |= {name: str(shown(Decimal(told[name]), currency)) for name in ("before", "after") if told[name]}
    return {"kind": kind} | told


def _moved(before: dict[str, dict[str, Decimal]], after: dict[str, dict[str, Decimal]]) -> Money:
    """Per currency and figure: before, after, delta as exact strings."""
    told: Money = {}
    for currency in sorted(before.keys() | after.keys()):
        for figure in sorted(before.get(currency, {}).keys() | after.get(currency, {}).keys()):
            old = before.get(currency, {}).get(figure) or ZERO
            new = after.get(currency, {}).get(figure) or ZERO
            money = {"before": old, "after": new, "delta": new - old}
            exact = {key: str(shown(value, currency)) for key, value in money.items()}
            told.setdefault(currency, {})[figure] = exact
    return told
