"""SAP S/4HANA: in which order things are read, and how an incremental read finds what changed.

Belongs here: the reading of a cut. Does not belong here: endpoints (``sap_streams``), asking them (``sap_reader``),
what rows mean (``sap_orders``, ``sap_journal``), control totals (``sap_control``), the connection test
(``sap_checks``), settings (``sap_settings``).

A read begins with projects and WBS elements, because nothing can be judged without them. Orders come page by page;
for each page the receipts and invoices of just these orders are fetched, so that memory does not grow with the
number of orders. An incremental read goes back an hour, where SAP tells days only to the day before, and takes of that
what the last one did not see as it is now (``window``).

What is posted while a read goes on is left to the next one: journal lines later than the latest one at the beginning
(the cut), in the receipts as in the actuals, and the invoices behind them. Otherwise a posting in between would be open
and actual at once, or neither (DOMAIN R15). SAP's own sums up to the cut are asked beside the read, by a second
connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from pydantic import BaseModel

from ppm_pipelines.adapters import odata, sap_checks, sap_control, sap_journal, sap_orders, sap_rows
from ppm_pipelines.adapters.base import Adapter, Check, Misconfigured, Row, State, Stream, fingerprint, of_stream
from ppm_pipelines.adapters.beside import beside
from ppm_pipelines.adapters.fields import Unreadable, text
from ppm_pipelines.adapters.http import Limits, chunks
from ppm_pipelines.adapters.odata import V2, all_of, any_of, between, either
from ppm_pipelines.adapters.odata_metadata import wanted_paths
from ppm_pipelines.adapters.sap_checks import INVOICE_ORIGIN
from ppm_pipelines.adapters.sap_control import Numbers, Sums
from ppm_pipelines.adapters.sap_orders import Relief, item_key
from ppm_pipelines.adapters.sap_reader import (
    KEYS_PER_REQUEST,
    ORDERS_PER_PAGE,
    Reader,
    document_filters,
    key_filters,
    ranges,
)
from ppm_pipelines.adapters.sap_rows import Directory
from ppm_pipelines.adapters.sap_settings import Settings
from ppm_pipelines.adapters.sap_streams import (
    CHANGED_DOCUMENTS,
    COMPANIES,
    INVOICE_LINES,
    INVOICED_ORDERS,
    INVOICES,
    JOURNAL,
    LATE_INVOICES,
    LATEST,
    ORDERS_V2,
    ORDERS_V4,
    PERIODS,
    PROJECTS,
    RECEIPTS,
    TOUCHED,
    VENDOR_ITEMS,
    WBS_ELEMENTS,
)
from ppm_pipelines.adapters.window import Window
from ppm_pipelines.mapping.fields import SourceField
from ppm_pipelines.records import ControlTotal, Page, Raw

# What the rows mean, as a number: records made by other rules are made anew by a full read.
RULES = 4
# Stamps are set when a document is saved and seen when it is committed; clocks differ. The next read goes back so far.
OVERLAP = timedelta(hours=1)
LOOK_BACK = timedelta(days=1)
RECORDS_PER_PAGE = 1000
VENDOR = "FinancialAccountType eq 'K'"
# Documents of goods movements and of controlling have no vendor item.
WITHOUT_VENDOR = ("MKPF", "COBK")
# The read adds it to order lines from the ledger.
COMPANY_CURRENCY = SourceField(
    "company.CompanyCodeCurrency", "Company code currency", "Buchungskreiswährung", "Edm.String"
)
# Where lines of a mapping find which stream, or what is below a navigation of it, by entity. Orders are of one of two
# services: a tenant has the navigations of its own.
SEEN: Mapping[str, Sequence[tuple[str, Stream, str]]] = {
    "projects": [("", PROJECTS, "")],
    "commitments": [
        (above, service.orders, navigation)
        for service in (ORDERS_V4, ORDERS_V2)
        for navigation, above in service.seen.items()
    ],
    "actuals": [("", JOURNAL, "")],
}
MADE_FROM: Mapping[str, Stream] = {"commitments": ORDERS_V4.orders, "actuals": JOURNAL}
_LedgerSums = tuple[Sums, list[ControlTotal]]  # what receipts relieved, and the control totals of actuals


class Sap(Adapter):
    """One read of one tenant. ``costs`` reads projects, commitments and actuals with one watermark."""

    system: ClassVar[str] = "sap"
    name: ClassVar[str] = "SAP"
    entities: ClassVar[tuple[str, ...]] = ("projects", "commitments", "actuals", "costs")
    reads_wanted: ClassVar[bool] = True
    # Of journal lines; of orders, people are told who asked for them and not who worked.
    WORKERS: ClassVar[frozenset[str]] = frozenset({"PersonnelNumber", "AccountingDocCreatedByUser"})
    Settings: ClassVar[type[BaseModel]] = Settings
    HOSTS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "api_url": ("api_key", "password", "client_secret"),
        "token_url": ("client_secret",),
        "username": ("password",),
        "client_id": ("client_secret",),
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
            raise TypeError("Sap needs sap_settings.Settings")
        self._settings = settings
        self._reader, self._beside = (Reader(settings, allowed_hosts, timeout_seconds, limits) for _ in range(2))
        self._sums: Future[_LedgerSums] | None = None
        self._directory = Directory(settings.cost_centers)
        self.companies = frozenset(settings.company_codes)
        self._currencies: dict[str, str] = {}  # company code -> its currency
        self._companies_asked = False
        self._read_by = ""
        self._unseen: Sums = {}
        self._window = Window()
        self._assignments: int | None = None
        self._complete: frozenset[str] = frozenset()

    def close(self) -> None:
        for reader in (self._reader, self._beside):
            reader.client.close()

    @property
    def complete(self) -> frozenset[str]:
        return self._complete

    def state(self) -> State:
        """The server's time at the beginning (overlap is taken off when it is used), and what the next read needs."""
        return {
            "watermark": self._reader.now().isoformat(),
            "settings": self._read_by,
            "company_currencies": dict(self._currencies),
            "unseen_receipts": sap_control.to_json(self._unseen),
            "window": self._window.to_json(),
        }

    def _fingerprint(self) -> str:
        settings = self._settings
        decides = (
            RULES,
            settings.api_url,
            settings.client,
            settings.ledger,
            sorted(settings.company_codes),
            sorted(settings.cost_centers.items()),
            settings.receipt_document_type,
            self._reader.orders.version,
            self._reader.tells_vendor_items,
        )
        return fingerprint(decides)

    # Reading

    def read(self, entity: str, state: State | None) -> Iterator[Page]:
        """See ``Adapter.read``; a state of other settings is as good as none, and ``complete`` then says so."""
        if entity not in self.entities:
            raise Misconfigured(f"SAP has no entity {entity}.", "unknown_entity")
        self._complete = frozenset()
        done = {"projects", "wbs_elements"}
        yield from self._structure()
        if entity != "projects":
            self._read_by = self._fingerprint()
            since = self._since(state or {})
            self._reader.cut = self._beside.cut = self._latest_posting()
            self._sums = beside(partial(self._summed, entity))
            for name, pages in (("commitments", self._commitments), ("actuals", self._actuals)):
                if entity in (name, "costs"):
                    yield from pages(since)
                    done |= {name} if since is None else set()
        self._complete = frozenset(done)

    def _since(self, state: State) -> datetime | None:
        """Where an incremental read begins; None (a full one) without a usable watermark of the same settings."""
        try:
            found = odata.moment(state.get("watermark"))
        except Unreadable:
            return None
        if found is None or state.get("settings") != self._read_by:
            return None
        if isinstance(known := state.get("company_currencies"), dict):
            self._currencies |= known
        self._unseen = sap_control.from_json(state.get("unseen_receipts"))
        self._window = Window(state.get("window"), self._directory.decides())
        return found - OVERLAP

    def replay(self, entity: str, raws: Iterable[Raw]) -> Iterator[Page]:
        if entity not in MADE_FROM:
            raise Misconfigured(f"SAP cannot make {entity} again from raw records.", "unknown_entity")
        self._complete = frozenset()
        yield from self._structure()
        for some in of_stream(raws, MADE_FROM[entity].name):
            yield self._page(entity, some)
        self._complete = frozenset({"projects", "wbs_elements"})

    def _page(self, entity: Any, raws: list[Raw]) -> Page:
        make = MADE_FROM[entity].to_record
        assert make is not None  # noqa: S101 - both have one
        return Page(entity, [one for raw in raws for one in make(raw, self._directory)], raws)

    # Projects

    def _structure(self) -> Iterator[Page]:
        """Projects, then all WBS elements (parents may come after children)."""
        self._directory.linked = self.linked
        self._reader.wanted = wanted_paths(self.wanted, SEEN)
        for rows in self._reader.pages(PROJECTS):
            outcomes = [one for row in rows for one in sap_rows.project(row, self._directory)]
            yield Page("projects", outcomes, [sap_rows.raw_project(row) for row in rows])
        rows = list(self._reader.rows(WBS_ELEMENTS))
        found = [one for row in rows for one in sap_rows.wbs_element(row, self._directory)]
        named = list(sap_rows.parented(found, self._directory))
        for start in range(0, len(named), RECORDS_PER_PAGE):
            part = slice(start, start + RECORDS_PER_PAGE)
            yield Page("wbs_elements", named[part], [sap_rows.raw_element(row) for row in rows[part]])

    def _know_companies(self, orders: Sequence[Row]) -> None:
        """Orders don't tell the currency of their company code, the journal does; asked once, when one is unknown."""
        asked = {text(order.get("CompanyCode")) for order in orders}
        if self._companies_asked or asked <= self._currencies.keys():
            return
        self._companies_asked = True
        for row in self._reader.rows(COMPANIES, all_of(self._reader.ledger(), self._reader.companies())):
            self._currencies[text(row.get("CompanyCode"))] = text(row.get("CompanyCodeCurrency"))

    # Commitments

    def _commitments(self, since: datetime | None) -> Iterator[Page]:
        """Orders; counted before and after, because a count of another moment would compare two cuts."""
        before = sap_control.assignments_counted(self._reader)
        if since is None:
            seen = Numbers()
            for orders in self._reader.order_pages(""):
                seen.add(set(map(_number, orders)))
                yield self._order_page(orders)
            self._unseen = sap_control.unseen_receipts(self._reader, self._directory, seen)
        else:
            yield from map(self._order_page, _gathered(self._changed_orders(since), ORDERS_PER_PAGE))
        after = sap_control.assignments_counted(self._reader)
        self._assignments = after if after == before else None

    def _changed_orders(self, since: datetime) -> Iterator[Sequence[Row]]:
        """Orders whose own stamp tells a change, new ones without a stamp, and those that postings touched.

        The stamp is null on orders from before it was introduced. All of those would come again with every read, so
        only the ones created since are asked for; the nightly full read finds what changed on older ones.
        """
        touched = self._touched(since)
        protocol = self._reader.orders.orders.protocol
        changed = f"LastChangeDateTime ge {protocol.stamp(since)}"
        unstamped = all_of("LastChangeDateTime eq null", f"CreationDate ge {protocol.day(_day_before(since))}")
        taken: set[str] = set()
        for filter_ in (changed, unstamped):
            for orders in self._reader.order_pages(filter_):
                new = {nr for order in orders if self._window.is_new(f"order/{(nr := _number(order))}", order)}
                wanted = [order for order in orders if (nr := _number(order)) in new or nr in touched]
                taken |= set(map(_number, wanted))
                yield wanted
        for some in chunks(sorted(touched - taken), KEYS_PER_REQUEST):
            yield from self._reader.order_pages(any_of("PurchaseOrder", some))

    def _order_page(self, orders: Sequence[Row]) -> Page:
        """The page that these orders become, with what relieves them."""
        self._know_companies(orders)
        # Their company's currency is told by its first posting, which need not touch them.
        untold = (order for order in orders if text(order.get("CompanyCode")) not in self._currencies)
        self._window.forget(f"order/{_number(order)}" for order in untold)
        relief = self._relief(orders)
        raws = [raw for order in orders for raw in sap_orders.raws(order, relief, self._currencies)]
        return self._page("commitments", raws)

    def _relief(self, orders: Sequence[Row]) -> Relief:
        """The receipts and invoices of these orders' lines, as far as they relieve them."""
        relief = Relief()
        received: set[str] = set()
        invoiced: dict[sap_orders.ItemKey, str] = {}
        for order in orders:
            number = _number(order)
            for item in sap_orders.items(order):
                if sap_orders.by_receipt(item):
                    received.add(number)
                else:
                    invoiced[item_key(number, item.get("PurchaseOrderItem"))] = number
        for filter_ in key_filters("PurchasingDocument", received, len(orders)):
            for row in self._reader.rows(RECEIPTS, all_of(self._reader.receipts(), filter_)):
                key = item_key(row.get("PurchasingDocument"), row.get("PurchasingDocumentItem"))
                relief.receipts.setdefault(key, []).append(row)
        for filter_ in key_filters("PurchaseOrder", set(invoiced.values()), len(orders)):
            self._add_invoices(relief, filter_, invoiced.keys())
        return relief

    def _add_invoices(self, relief: Relief, filter_: str, wanted: Iterable[sap_orders.ItemKey]) -> None:
        wanted = set(wanted)
        lines = [
            (key, row)
            for row in self._reader.rows(INVOICE_LINES, filter_)
            if (key := item_key(row.get("PurchaseOrder"), row.get("PurchaseOrderItem"))) in wanted
        ]
        headers = self._invoice_headers({text(row.get("SupplierInvoice")) for _, row in lines})
        late = self._late_invoices() if lines else set()
        self._window.forget(map(_invoice_key, late))
        for key, row in lines:
            invoice = text(row.get("SupplierInvoice")), text(row.get("FiscalYear"))
            if invoice not in late:
                relief.invoices.setdefault(key, []).append((row, headers.get(invoice, {})))

    def _invoice_headers(self, numbers: set[str]) -> dict[tuple[str, str], Row]:
        """By number and year. Numbers that lie close together are asked for as a range."""
        found: dict[tuple[str, str], Row] = {}
        for some in chunks(ranges(numbers), KEYS_PER_REQUEST):
            filter_ = " or ".join(f"({between('SupplierInvoice', low, high)})" for low, high in some)
            for row in self._reader.rows(INVOICES, filter_):
                if (number := text(row.get("SupplierInvoice"))) in numbers:
                    found[number, text(row.get("FiscalYear"))] = row
        return found

    def _late_invoices(self) -> set[tuple[str, str]]:
        """Number and year of invoices posted after the cut: asked after they were read, so none is missed."""
        if self._reader.cut is None:
            return set()
        after = f"CreationDateTime ge {V2.stamp(self._reader.cut)}"
        origin = f"ReferenceDocumentType eq '{INVOICE_ORIGIN}'"
        return {
            (text(row.get("ReferenceDocument")), text(row.get("FiscalYear")))
            for row in self._reader.rows(LATE_INVOICES, all_of(self._reader.ledger(), origin, after))
        }

    def _touched(self, since: datetime) -> set[str]:
        """Orders that new receipts or invoices touched: their own change stamp may not tell (sap.md, section 4)."""
        base = all_of(self._reader.journal(), "PurchasingDocument ne ''", self._reader.companies())
        found = {
            text(row.get("PurchasingDocument"))
            for changed in _changed(since)
            for row in self._reader.rows(TOUCHED, all_of(base, changed))
            if self._window.is_new(f"touching/{sap_journal.actual_key(row)}", row)
        }
        # Invoices tell days only, and the posting day may be typed by hand: a day more costs little.
        day = V2.day(_day_before(since))
        window = either(*(f"{name} ge {day}" for name in ("CreationDate", "PostingDate")))
        for row in self._reader.rows(INVOICED_ORDERS, all_of(window, self._reader.companies())):
            if self._window.is_new(_invoice_key((text(row.get("SupplierInvoice")), text(row.get("FiscalYear")))), row):
                lines = odata.nested(row, "to_SuplrInvcItemPurOrdRef")
                found |= {text(line.get("PurchaseOrder")) for line in lines}
        return found - {""}

    # Actuals

    def _actuals(self, since: datetime | None) -> Iterator[Page]:
        found = self._all_lines() if since is None else self._changed_lines(since)
        yield from map(self._journal_page, _gathered(found, RECORDS_PER_PAGE))

    def _changed_lines(self, since: datetime) -> Iterator[Sequence[Row]]:
        """Lines created or changed since, then those of older documents whose vendor items changed, as by clearing:
        the ledger's own stamp need not tell it. A document is created with all its lines.

        Vendor items are asked first: what changes on them while lines are read is seen by the next read.
        """
        settled = self._settled_documents(since) if self._reader.tells_vendor_items else set()
        base = all_of(self._reader.journal(), self._reader.of_projects())
        created, changed = _changed(since)
        taken: set[str] = set()
        whole, partly = set[sap_journal.DocumentKey](), set[sap_journal.DocumentKey]()
        for filter_ in (created, changed):
            for rows in self._reader.pages(JOURNAL, all_of(base, filter_, self._reader.companies())):
                new = [row for row in rows if self._window.is_new(f"line/{sap_journal.actual_key(row)}", row)]
                taken |= set(map(sap_journal.actual_key, new))
                if filter_ == created:
                    whole |= set(map(sap_journal.document_key, new))
                    known = (row for row in rows if sap_journal.actual_key(row) not in taken)
                    partly |= set(map(sap_journal.document_key, known))
                yield new
        settled -= whole - partly
        for filter_ in document_filters(settled):
            for rows in self._reader.pages(JOURNAL, all_of(base, filter_)):
                wanted = (row for row in rows if sap_journal.document_key(row) in settled)
                yield [row for row in wanted if sap_journal.actual_key(row) not in taken]

    def _settled_documents(self, since: datetime) -> set[sap_journal.DocumentKey]:
        """Vendor items tell days only, so the day before counts too."""
        day = V2.day(_day_before(since))
        return {
            sap_journal.document_key(row)
            for name in ("LastChangeDate", "ClearingDate")
            for row in self._reader.rows(
                CHANGED_DOCUMENTS, all_of(VENDOR, f"{name} ge {day}", self._reader.companies())
            )
            if self._window.is_new(f"settled/{_item_key(row)}", row)
        }

    def _journal_page(self, rows: Sequence[Row]) -> Page:
        """The page that these lines become, with their documents' vendor items."""
        items = self._vendor_items(rows)
        raws = [sap_journal.raw(row, items.get(sap_journal.document_key(row), ())) for row in rows]
        return self._page("actuals", raws)

    def _vendor_items(self, rows: Sequence[Row]) -> dict[sap_journal.DocumentKey, list[Row]]:
        """The vendor's items of the documents of a page, by document; a request per company code and year."""
        if not self._reader.tells_vendor_items:
            return {}
        wanted = {
            sap_journal.document_key(row)
            for row in rows
            if text(row.get("ReferenceDocumentType")) not in WITHOUT_VENDOR
        }
        found: dict[sap_journal.DocumentKey, list[Row]] = {}
        for filter_ in document_filters(wanted):
            for row in self._reader.rows(VENDOR_ITEMS, all_of(VENDOR, filter_)):
                if (key := sap_journal.document_key(row)) in wanted:
                    found.setdefault(key, []).append(row)
        return found

    def _all_lines(self) -> Iterator[Sequence[Row]]:
        """By company code and period where company codes are configured."""
        base, companies = all_of(self._reader.journal(), self._reader.of_projects()), self._reader.companies()
        if not companies:
            yield from self._reader.pages(JOURNAL, base)
            return
        rows = self._reader.rows(PERIODS, all_of(base, companies))
        periods = {(text(row.get("CompanyCode")), text(row.get("FiscalYearPeriod"))) for row in rows}
        for company, period in sorted(periods):
            slice_ = all_of(base, any_of("CompanyCode", [company]), any_of("FiscalYearPeriod", [period]))
            yield from self._reader.pages(JOURNAL, slice_)

    def _latest_posting(self) -> datetime:
        """The second after the latest posting there is now; by the postings themselves, because clocks differ."""
        begin = self._reader.now() - LOOK_BACK
        filter_ = all_of(self._reader.ledger(), f"CreationDateTime ge {V2.stamp(begin)}")
        first = next(self._reader.rows(LATEST, filter_), None)
        latest = odata.moment(first.get("CreationDateTime")) if first else None
        return (latest or begin).replace(microsecond=0) + timedelta(seconds=1)

    # Field mapping

    def fields(self, entity: str) -> Sequence[SourceField]:
        if entity == "commitments":
            service = self._reader.orders
            return [*self._reader.source_fields(service.orders, service.seen), COMPANY_CURRENCY]
        return [one for _, stream, _ in SEEN.get(entity, ()) for one in self._reader.source_fields(stream, {"": ""})]

    @staticmethod
    def row(entity: str, raw: Row, record: Row) -> Row:
        return sap_orders.assigned(raw, text(record.get("assignment_nr"))) if entity == "commitments" else raw

    # Control, connection test

    def _summed(self, entity: str) -> _LedgerSums:
        of_orders = entity in ("commitments", "costs") and sap_control.counts_assignments(self._reader)
        return (
            sap_control.received(self._beside, self._directory) if of_orders else {},
            sap_control.actuals(self._beside, self._directory) if entity in ("actuals", "costs") else [],
        )

    def control(self, entity: str) -> list[ControlTotal]:
        if self._sums is None or (entity == "commitments" and self._assignments is None):
            return []
        received, actuals = self._sums.result()
        if entity == "commitments" and self._assignments is not None:
            return sap_control.commitments(self._assignments, received, self._unseen)
        return actuals if entity == "actuals" else []

    def test(self) -> Iterator[Check]:
        yield from sap_checks.checks(self._reader)


def _changed(since: datetime) -> tuple[str, str]:
    """Journal lines created since, then older ones changed since: two questions, no line twice. A new line need not
    tell a change."""
    stamp = V2.stamp(since)
    created = f"CreationDateTime ge {stamp}"
    return created, all_of(f"LastChangeDateTime ge {stamp}", f"CreationDateTime lt {stamp}")


def _gathered(pages: Iterable[Sequence[Row]], enough: int) -> Iterator[Sequence[Row]]:
    """Few rows of several questions together, so that what belongs to them is asked once."""
    some: list[Row] = []
    for rows in pages:
        some += rows
        if len(some) >= enough:
            yield some
            some = []
    if some:
        yield some


def _day_before(moment: datetime) -> Any:
    return (moment - timedelta(days=1)).date()


def _number(order: Row) -> str:
    return text(order.get("PurchaseOrder"))


def _item_key(row: Row) -> str:
    return "/".join((*sap_journal.document_key(row), text(row.get("AccountingDocumentItem"))))


def _invoice_key(number_and_year: tuple[str, str]) -> str:
    return f"invoice/{'/'.join(number_and_year)}"
