"""Oracle NetSuite: in which order things are read, and how an incremental read finds what changed or was deleted.

Belongs here: the reading of a cut. Does not belong here: queries (``netsuite_streams``), asking them
(``netsuite_reader``, ``suiteql``), what rows mean (``netsuite_rows``), the connection test (``netsuite_checks``),
settings (``netsuite_settings``).

A read begins with projects. The cut is the latest transaction there is at the beginning: a bill that comes while orders
and ledger are read is left out of both, else it would be open and actual at once, or neither (DOMAIN R15). Documents
may be edited and deleted here. A deleted line leaves no trace, so a changed document is read whole: first it is told
that all its lines are gone, then the ones there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from ppm_pipelines.adapters import netsuite_checks, netsuite_control, netsuite_rows, suiteql
from ppm_pipelines.adapters.base import Adapter, Check, Misconfigured, Row, SourceError, State, fingerprint, of_stream
from ppm_pipelines.adapters.fields import text
from ppm_pipelines.adapters.http import Limits, chunks
from ppm_pipelines.adapters.netsuite_reader import IDS_PER_REQUEST, LACKING, Reader, both, in_order
from ppm_pipelines.adapters.netsuite_rows import NETSUITE, Directory
from ppm_pipelines.adapters.netsuite_settings import Settings
from ppm_pipelines.adapters.netsuite_streams import (
    BILL_STAMP,
    BILLED,
    BILLED_ORDERS,
    CHANGED_ORDERS,
    CHANGED_POSTINGS,
    DELETED,
    DELETION_STAMP,
    HEADER_STAMP,
    LEDGER,
    LEDGER_STAMP,
    LINE_STAMP,
    ORDERED,
    ORDERS,
    PROJECTS,
    TRANSACTIONS,
)
from ppm_pipelines.adapters.suiteql import among
from ppm_pipelines.mapping.fields import SourceField
from ppm_pipelines.records import ZERO, Commitment, ControlTotal, Deleted, Outcome, Page, Raw, Rejection

# What the rows mean, as a number: records made by other rules are made anew by a full read.
RULES = 3
# The clock is the server's, stamps may be the account's, deletions are told in Pacific time: more than a day apart none
# of them is, and the next read goes back so far.
OVERLAP = timedelta(hours=26)
# A full read tells the deletions of so many days: what it does not list is then deleted, not vanished.
DELETIONS_DAYS = timedelta(days=35)
ORDER_STAMPS = (HEADER_STAMP, LINE_STAMP)
Entity = Literal["commitments", "actuals"]
MAKE = {"commitments": netsuite_rows.commitment, "actuals": netsuite_rows.actual}
ASKED: Mapping[str, suiteql.Query] = {"projects": PROJECTS, "commitments": ORDERS, "actuals": LEDGER}
# NetSuite leaves out what is null.
_EMPTY: Mapping[str, Row] = {name: dict.fromkeys([*one.columns, *one.optional]) for name, one in ASKED.items()}
MADE_FROM: Mapping[str, str] = {"commitments": netsuite_rows.ORDERS, "actuals": netsuite_rows.LEDGER}
SECRETS = ("private_key", "consumer_key", "consumer_secret", "token_id", "token_secret")


class NetSuite(Adapter):
    """One read of one account. ``costs`` reads projects, commitments and actuals with one watermark."""

    system: ClassVar[str] = "netsuite"
    name: ClassVar[str] = "Oracle NetSuite"
    entities: ClassVar[tuple[str, ...]] = ("projects", "commitments", "actuals", "costs")
    Settings: ClassVar[type[BaseModel]] = Settings
    final_postings: ClassVar[bool] = False  # documents may be edited or deleted
    HOSTS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "account_id": SECRETS,
        "base_url": SECRETS,
        "client_id": ("private_key",),
    }

    def __init__(
        self,
        settings: BaseModel,
        *,
        allowed_hosts: str | None = None,
        timeout_seconds: float = 600,
        limits: Limits | None = None,
    ) -> None:
        if not isinstance(settings, Settings):
            raise TypeError("NetSuite needs netsuite_settings.Settings")
        self._settings = settings
        self._reader = Reader(settings, allowed_hosts, timeout_seconds, limits)
        self._directory = Directory(ZoneInfo(settings.time_zone))
        self._clock = self._read_by = ""
        self._standing: Row = {}
        self._open: set[str] = set()  # orders with an open line, by internal number
        self._deletions: set[str] = set()
        self._complete: frozenset[str] = frozenset()

    def close(self) -> None:
        self._reader.client.close()

    @property
    def complete(self) -> frozenset[str]:
        return self._complete

    def state(self) -> State:
        """NetSuite's own time at the beginning (overlap is taken off when it is used), and what the next read needs."""
        return {
            "watermark": self._clock,
            "settings": self._read_by,
            "open_orders": in_order(self._open),
            "deletions": in_order(self._deletions),
        }

    def _fingerprint(self) -> str:
        settings, reader = self._settings, self._reader
        lacking = [sorted(reader.lacking(query)) for query in (ORDERS, LEDGER)]
        decides = (
            RULES,
            settings.root,
            settings.account_id,
            reader.book(),
            sorted(settings.cost_account_types),
            settings.time_zone,
            settings.currency,
            lacking,
        )
        return fingerprint(decides)

    # Reading

    def read(self, entity: str, state: State | None) -> Iterator[Page]:
        """See ``Adapter.read``; a state of other settings is as good as none, and ``complete`` then says so."""
        if entity not in self.entities:
            raise Misconfigured(f"NetSuite has no entity {entity}.", "unknown_entity")
        self._complete = frozenset()
        done = {"projects"}
        self._clock = self._reader.clock()
        yield from self._projects()
        if entity != "projects":
            since = self._begin(state or {})
            for name, pages in (("commitments", self._commitments), ("actuals", self._actuals)):
                if entity in (name, "costs"):
                    yield from pages(since)
                    done |= {name} if since is None else set()
            yield from self._deleted(entity, since)
        self._complete = frozenset(done)

    def _begin(self, state: State) -> str | None:
        """The cut, and where an incremental read begins in NetSuite's time; None for a full one."""
        self._reader.check_currencies()
        self._read_by = self._fingerprint()
        self._standing = netsuite_control.standing(self._reader)
        self._reader.cut = text(self._standing.get("latest")) or "0"
        self._open, self._deletions = set(), set()
        since = _before(text(state.get("watermark")), OVERLAP)
        if since is None or state.get("settings") != self._read_by:
            return None
        self._open = set(map(str, state.get("open_orders") or ()))
        self._deletions = set(map(str, state.get("deletions") or ()))
        return since

    def replay(self, entity: str, raws: Iterable[Raw]) -> Iterator[Page]:
        if entity not in MADE_FROM:
            raise Misconfigured(f"NetSuite cannot make {entity} again from raw records.", "unknown_entity")
        self._complete = frozenset()
        yield from self._projects()
        for some in of_stream(raws, MADE_FROM[entity]):
            yield self._page(entity, some)
        self._complete = frozenset({"projects"})

    def _page(self, entity: Any, raws: list[Raw], first: Sequence[Outcome] = ()) -> Page:
        make = MAKE[entity]
        return Page(entity, [*first, *(one for raw in raws for one in make(raw, self._directory))], raws)

    def _projects(self) -> Iterator[Page]:
        self._directory.linked = self.linked
        for rows in self._reader.pages(PROJECTS):
            raws = [netsuite_rows.raw_project(row) for row in rows]
            yield Page("projects", [one for raw in raws for one in netsuite_rows.project(raw, self._directory)], raws)

    # Commitments

    def _commitments(self, since: str | None) -> Iterator[Page]:
        if since is None:
            for rows in self._reader.pages(ORDERS, *self._reader.until_cut()):
                yield self._order_page(rows)
            return
        changed = self._ids(CHANGED_ORDERS, ORDER_STAMPS, since)
        if self._new_deletions(since):
            # A deleted bill tells no longer which order it had relieved, and the order need not change its stamp.
            self._open = set()
            yield Page("commitments", _told_gone(changed))
            for rows in self._reader.pages(ORDERS, *self._reader.until_cut()):
                yield self._order_page(rows)
            return
        wanted = changed | self._open | self._ids(BILLED_ORDERS, [BILL_STAMP], since)
        self._open = set()  # all of them come again, if they are still there
        for some in chunks(in_order(wanted), IDS_PER_REQUEST):
            yield from self._whole("commitments", some, changed)

    def _whole(self, entity: Entity, ids: Sequence[str], changed: Collection[str]) -> Iterator[Page]:
        """All lines of these transactions; of changed ones the lines that come no more are gone."""
        gone = _told_gone(one for one in ids if one in changed)
        if gone:
            yield Page(entity, gone)
        query, parts = (ORDERS, []) if entity == "commitments" else (LEDGER, [self._reader.cost()])
        where, params = both((among("t.id", ids), list(ids)), *parts, self._reader.until_cut())
        for rows in self._reader.pages(query, where, params):
            yield self._order_page(rows) if entity == "commitments" else self._ledger_page(rows)

    def _ids(self, query: suiteql.Query, stamps: Sequence[str], since: str, *parts: tuple[str, list[str]]) -> set[str]:
        changed = suiteql.since(stamps), [since] * len(stamps)
        where, params = both(*parts, changed)
        return {text(row.get("id")) for row in self._reader.rows(query, where, params)}

    def _order_page(self, rows: Sequence[Row]) -> Page:
        """Order lines with what bills took from them; bills after the cut are not there yet."""
        bills: dict[tuple[str, str], list[Row]] = {}
        late: dict[tuple[str, str], Decimal] = {}
        billed_late: set[str] = set()  # orders
        for bill in self._reader.of(BILLED, "p.previousdoc", {text(row.get("tran_id")) for row in rows}):
            line = text(bill.get("order_id")), text(bill.get("order_line"))
            if not _is_after(text(bill.get("bill_id")), self._reader.cut):
                bills.setdefault(line, []).append(bill)
            elif suiteql.yes(bill.get("posting")):
                billed_late.add(line[0])
                late[line] = late.get(line, ZERO) + (NETSUITE.amount_or_none(bill.get("quantity")) or ZERO)
        lines = [(row, (text(row.get("tran_id")), text(row.get("line_id")))) for row in rows]
        page = self._page(
            "commitments",
            [
                netsuite_rows.raw_order(
                    row, bills.get(line, ()), late.get(line, ZERO) if line[0] in billed_late else None
                )
                for row, line in lines
            ],
        )
        self._note_open(page.outcomes)
        return page

    def _note_open(self, outcomes: Iterable[Outcome]) -> None:
        """Billing need not set an order's stamp, so orders that are open are read again the next time."""
        seen = {one.source_key.partition("/")[0] for one in outcomes}
        still = {
            one.source_key.partition("/")[0]
            for one in outcomes
            if isinstance(one, Rejection) or (isinstance(one, Commitment) and one.open_amount)
        }
        self._open = (self._open - seen) | still

    # Actuals

    def _actuals(self, since: str | None) -> Iterator[Page]:
        if since is None:
            for rows in self._reader.pages(LEDGER, *both(self._reader.cost(), self._reader.until_cut())):
                yield self._ledger_page(rows)
            return
        known = LEDGER_STAMP if "ledger_stamp" not in self._reader.lacking(CHANGED_POSTINGS) else ""
        stamps = [stamp for stamp in (*ORDER_STAMPS, known) if stamp]
        changed = self._ids(CHANGED_POSTINGS, stamps, since, self._reader.cost())
        for some in chunks(in_order(changed), IDS_PER_REQUEST):
            yield from self._whole("actuals", some, changed)

    def _ledger_page(self, rows: Sequence[Row]) -> Page:
        billing = {text(row.get("tran_id")) for row in rows if text(row.get("type")) == netsuite_rows.BILL}
        orders: dict[tuple[str, str], list[Row]] = {}
        for link in self._reader.of(ORDERED, "p.nextdoc", billing):
            orders.setdefault((text(link.get("bill_id")), text(link.get("bill_line"))), []).append(link)
        lines = [(row, (text(row.get("tran_id")), text(row.get("line_id")))) for row in rows]
        return self._page("actuals", [netsuite_rows.raw_posting(row, orders.get(line, ())) for row, line in lines])

    # Deletions

    def _deleted(self, entity: str, since: str | None) -> Iterator[Page]:
        """Transactions that NetSuite lists as deleted, after everything that was read: it may have happened since."""
        gone = in_order(self._deletions_since(since or _before(self._clock, DELETIONS_DAYS)))
        self._deletions = set(gone)
        for name in ("commitments", "actuals"):
            if gone and entity in (name, "costs"):
                yield Page(name, _told_gone(gone))

    def _new_deletions(self, since: str) -> bool:
        return bool(self._deletions_since(since) - self._deletions)

    def _deletions_since(self, since: str | None) -> set[str]:
        """Numbers of deleted transactions. Other records have numbers of their own, so what still exists is left out.

        Without the right to see deletions there are none here, and the next full read finds what is gone.
        """
        try:
            where, params = suiteql.since([DELETION_STAMP]), [since or ""]
            told = {text(row.get("recordid")) for row in self._reader.rows(DELETED, where, params)}
        except SourceError as error:
            if error.code not in LACKING:
                raise
            return set()
        numbers = {one for one in told if one.isascii() and one.isdigit()}
        return numbers - {text(row.get("id")) for row in self._reader.of(TRANSACTIONS, "t.id", numbers)}

    # Field mapping

    def fields(self, entity: str) -> Sequence[SourceField]:
        return list(self._reader.source_fields(ASKED[entity])) if entity in ASKED else ()

    @staticmethod
    def row(entity: str, raw: Row, record: Row) -> Row:  # noqa: ARG004
        return {**_EMPTY[entity], **raw}

    # Control, connection test

    def control(self, entity: str) -> list[ControlTotal]:
        return netsuite_control.totals(self._reader, self._directory, self._standing, entity)

    def test(self) -> Iterator[Check]:
        yield from netsuite_checks.checks(self._reader)


def _told_gone(ids: Iterable[str]) -> list[Outcome]:
    return [Deleted(one, whole=True) for one in in_order(ids)]


def _is_after(number: str, cut: str | None) -> bool:
    return cut is not None and (len(number), number) > (len(cut), cut)


def _before(watermark: str, overlap: timedelta) -> str | None:
    """So much earlier on the same clock; None for what is no time."""
    try:
        return (datetime.strptime(watermark, suiteql.STAMP) - overlap).strftime(suiteql.STAMP)  # noqa: DTZ007
    except ValueError:
        return None
