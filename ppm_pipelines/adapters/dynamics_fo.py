"""Finance & Operations: in which order its entities are read, and how an incremental read finds changes.

Belongs here: the reading of a cut. Does not belong here: entities (``dynamics_fo_streams``), what rows mean
(``dynamics_fo_rows``), asking (``dynamics_reader``), the connection test (``dynamics_fo_checks``).

Without ``cross-company=true`` the answer holds the user's default company alone, with status 200: it goes with every
request, next pages too. The V2 entities tell no change time. An incremental read therefore lists every order that is
not final, those that were open when the last read ended, and where the Bi entities are public those whose lines or
invoices changed. Orders come page by page, with the lines, remaining quantities and invoices of just these orders.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, ClassVar

from ppm_pipelines.adapters import dynamics_fo_checks, dynamics_fo_rows
from ppm_pipelines.adapters.base import Check, Refused, Row, State, Stream
from ppm_pipelines.adapters.dynamics_fo_rows import FINAL, company, is_open, order_key
from ppm_pipelines.adapters.dynamics_fo_streams import (
    BI_LINES,
    COST,
    COST_OF_PROJECTS,
    HEADERS,
    INVOICE_LINES,
    INVOICES,
    LEDGERS,
    LINES,
    NOT_FINAL,
    POSTINGS,
    PROJECTS,
    RATES,
)
from ppm_pipelines.adapters.dynamics_reader import KEYS_PER_REQUEST, Product, Reader
from ppm_pipelines.adapters.dynamics_rows import day_or_none, delivered, rate_on
from ppm_pipelines.adapters.dynamics_settings import Settings
from ppm_pipelines.adapters.fields import text
from ppm_pipelines.adapters.http import chunks
from ppm_pipelines.adapters.odata import V4, any_of, quoted
from ppm_pipelines.mapping.fields import SourceField
from ppm_pipelines.records import ZERO, ControlTotal, Page, Raw

# Postings tell no time of their own and may be backdated: an incremental read goes back to the beginning of the month
# before the one in which its look-back begins; older ones are found by a full read.
LOOK_BACK = timedelta(days=31)
LOTS_KEPT = 200_000

OrderKey = tuple[str, str]


class FinanceOperations(Product):
    """One read of one environment; see ``Product``."""

    made_from: ClassVar[Any] = {
        "commitments": (dynamics_fo_rows.ORDERS, dynamics_fo_rows.commitment),
        "actuals": (dynamics_fo_rows.ACTUALS, dynamics_fo_rows.actual),
    }

    seen: ClassVar[Any] = {
        "projects": [("", PROJECTS)],
        "commitments": [("line", LINES), ("order", HEADERS), ("bi", BI_LINES), ("ledger", LEDGERS), ("rate", RATES)],
        "actuals": [("posting", POSTINGS), ("invoice", INVOICES), ("ledger", LEDGERS)],
    }
    added: ClassVar[Any] = {
        "actuals": [
            SourceField("order.PurchaseOrderNumber", "Order number", "Bestellnummer", "text"),
            SourceField("order.LineNumber", "Order line", "Bestellposition", "text"),
        ]
    }

    def __init__(self, settings: Settings, **connection: Any) -> None:
        super().__init__(settings, **connection)
        self._ledgers: dict[str, Row] = {}
        self._rates: dict[tuple[str, str, str], list[Row]] | None = None
        self._lots: dict[tuple[str, str], Row] = {}
        self._open: set[OrderKey] = set()
        self._lines_counted: int | None = None
        self._row_settings = {
            "header_project": settings.header_project,
            "dimension_segments": settings.dimension_segments,
        }

    def connected(self, settings: Settings, **connection: Any) -> Reader:
        return Reader(settings, f"{settings.base_url}/data", {"cross-company": "true"}, **connection)

    def checks(self) -> Iterator[Check]:
        return dynamics_fo_checks.checks(self.reader, self.companies())

    def state(self) -> State:
        """The orders that the next read must look at again, by company."""
        return {"open": [[code, [number for _, number in some]] for code, some in _by_company(self._open)]}

    # Projects

    def projects(self) -> Iterator[Page]:
        for row in self.reader.rows(LEDGERS):
            self._ledgers[text(row.get("LegalEntityId")).lower()] = row
        currencies = {code: text(row.get("AccountingCurrency")) for code, row in self._ledgers.items()}
        for rows in self.reader.pages(PROJECTS, self.companies()):
            raws = [_raw_project(row) for row in rows]
            made = [one for raw in raws for one in dynamics_fo_rows.project(raw.record, currencies, self.directory)]
            yield Page("projects", made, raws)

    def companies(self) -> str:
        return any_of("dataAreaId", self.settings.companies)

    def fields(self, entity: str) -> Iterator[SourceField]:
        """The segments of the dimensions too, as they are configured."""
        yield from super().fields(entity)
        if above := dynamics_fo_rows.DIMENSIONED.get(entity):
            for name in dynamics_fo_rows.segments(entity, self.settings.dimension_segments):
                yield SourceField(f"{above}.dimensions.{name}", name, type="text", custom=True)

    # Commitments

    def commitments(self, since: datetime | None, state: State) -> Iterator[Page]:
        """Lines counted before and after: a count of another moment would compare two cuts."""
        if not (self.reader.has(BI_LINES) or self.reader.has(INVOICE_LINES)):
            raise Refused(
                "Neither the purchase lines (PurchLineBiEntities) nor the vendor invoice lines "
                "(VendInvoiceTransBiEntities) are public in Dynamics, so what is still open can't be told. Nothing was "
                "changed. Ask the administrator to make one of them public.",
                "entity_missing",
            )
        self._open = set()
        before = self._counted()
        if since is None:
            for page, _ in self._orders(self.companies(), dense=True):
                yield page
        else:
            yield from self._open_and_changed(since, state)
        after = self._counted()
        self._lines_counted = after if after == before else None

    def _open_and_changed(self, since: datetime, state: State) -> Iterator[Page]:
        wanted = _from_json(state.get("open")) | self._changed(since)
        for page, keys in self._orders(self.companies(), NOT_FINAL):
            wanted -= keys
            yield page
        yield from self._named(wanted)

    def _named(self, wanted: Iterable[OrderKey]) -> Iterator[Page]:
        for code, keys in _by_company(wanted):
            for some in chunks([number for _, number in keys], KEYS_PER_REQUEST):
                for page, _ in self._orders(_of_company(code), any_of("PurchaseOrderNumber", some)):
                    yield page

    def settled(self) -> Iterator[Page]:
        """Orders that were invoiced or changed since the read began, and then their postings: otherwise an invoice in
        between would be open and actual at once, or neither. Only the Bi entity tells a change time, by which a line
        that comes twice is no contradiction."""
        if not self.reader.has(BI_LINES):
            return
        lots: set[tuple[str, str]] = set()
        for page in self._named(self._changed(self.reader.now())):
            lines = [raw.record["line"] for raw in page.raws]
            lots |= {(company(line), text(line.get("InventoryLotId"))) for line in lines}
            yield page
        for code, keys in _by_company(lots):
            for some in chunks([lot for _, lot in keys if lot], KEYS_PER_REQUEST):
                yield from self._postings(COST, _of_company(code), any_of("InventTransId", some))

    def _changed(self, since: datetime) -> set[OrderKey]:
        """Orders whose lines or invoices changed; orders that were final by then, too."""
        stamp = f"SysModifiedDateTime ge {V4.stamp(since)}"
        streams = [stream for stream in (BI_LINES, INVOICE_LINES) if self.reader.has(stream)]
        rows = (row for stream in streams for row in self.reader.rows(stream, stamp, self.companies()))
        return {(company(row), text(row.get("PurchId"))) for row in rows if text(row.get("PurchId"))}

    def _orders(self, *filters: str, dense: bool = False) -> Iterator[tuple[Page, set[OrderKey]]]:
        """``dense``: every order is listed, so what belongs to orders between a page's first and last is wanted too and
        may be asked for as a range."""
        for headers in self.reader.pages(HEADERS, *filters):
            orders = {order_key(row): row for row in headers}
            raws = [
                raw
                for code, keys in _by_company(orders, in_order=True)
                for raw in self._lines(code, [number for _, number in keys], orders, dense=dense)
            ]
            page = self.page("commitments", raws)
            self._remember_open(page, orders)
            yield page, set(orders)

    def _remember_open(self, page: Page, orders: Mapping[OrderKey, Row]) -> None:
        self._open |= {key for key, row in orders.items() if text(row.get("PurchaseOrderStatus")) not in FINAL}
        for outcome in page.outcomes:
            if is_open(outcome):
                code, number = outcome.source_key.split("/", 1)
                self._open.add((code, number.rpartition("/")[0]))

    def _lines(
        self, code: str, numbers: Sequence[str], orders: Mapping[OrderKey, Row], *, dense: bool
    ) -> Iterator[Raw]:
        """The lines of these orders of one company, with their remaining quantities and their invoices."""
        lines = list(self._of_orders(LINES, "PurchaseOrderNumber", code, numbers, dense=dense))
        lines = [line for line in lines if order_key(line) in orders]
        bi = self._by_lot(BI_LINES, code, numbers, dense=dense)
        single = {lot: rows[0] for lot, rows in bi.items()}
        needing = {order_key(line)[1] for line in lines if self._needs_invoices(line, orders[order_key(line)], single)}
        chosen = [number for number in numbers if number in needing]
        read = bool(chosen) and self.reader.has(INVOICE_LINES)
        invoices = self._by_lot(INVOICE_LINES, code, chosen, dense=dense) if read else {}
        posted = self._posted_on_cancelled(code, lines, orders, single) if chosen and not read else {}
        for line in lines:
            order, lot = orders[order_key(line)], text(line.get("InventoryLotId"))
            own = invoices.get(lot, []) if read and order_key(line)[1] in needing else None
            self._keep_lot(code, line)
            yield dynamics_fo_rows.raw_line(
                line, order, single.get(lot), own, self._ledgers.get(code), self._rate(code, order), self._row_settings,
                posted.get(lot),
            )  # fmt: skip

    def _posted_on_cancelled(
        self, code: str, lines: Iterable[Row], orders: Mapping[OrderKey, Row], bi: Mapping[str, Row]
    ) -> dict[str, list[Row]]:
        """The cost that was posted on cancelled lines, by lot, where invoice lines are not public."""
        cancelled = [
            text(line.get("InventoryLotId"))
            for line in lines
            if dynamics_fo_rows.closed_reason(line, orders[order_key(line)], bi.get(text(line.get("InventoryLotId"))))
            == "cancelled"
        ]
        found: dict[str, list[Row]] = {lot: [] for lot in cancelled if lot and self.reader.has(POSTINGS)}
        for some in chunks(sorted(found), KEYS_PER_REQUEST):
            for row in self.reader.rows(POSTINGS, COST, _of_company(code), any_of("InventTransId", some)):
                found[text(row.get("InventTransId"))].append(row)
        return found

    @staticmethod
    def _needs_invoices(line: Row, order: Row, bi: Mapping[str, Row]) -> bool:
        """Where no remaining quantity is told, and where a cancellation has emptied it."""
        own = bi.get(text(line.get("InventoryLotId")))
        return not dynamics_fo_rows.tells_open(own) or dynamics_fo_rows.emptied(line, order)

    def _of_orders(
        self, stream: Stream, name: str, code: str, numbers: Sequence[str], *, dense: bool
    ) -> Iterator[dict[str, Any]]:
        if dense and numbers:
            first, last = (
                f"{name} {sign} {quoted(number)}" for sign, number in (("ge", numbers[0]), ("le", numbers[-1]))
            )
            yield from self.reader.rows(stream, _of_company(code), first, last)
            return
        for some in chunks(numbers, KEYS_PER_REQUEST):
            yield from self.reader.rows(stream, _of_company(code), any_of(name, some))

    def _by_lot(self, stream: Stream, code: str, numbers: Sequence[str], *, dense: bool) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        if self.reader.has(stream):
            for row in self._of_orders(stream, "PurchId", code, numbers, dense=dense):
                found.setdefault(text(row.get("InventTransId")), []).append(row)
        return found

    def _counted(self) -> int | None:
        """Lines with a project; None where the header's project counts too, which no filter of lines can tell."""
        if self.settings.header_project:
            return None
        return self.reader.count(LINES, "ProjectId ne ''", self.companies())

    # Rates

    def _rate(self, code: str, order: Row) -> Row | None:
        """The quotation that was valid on the order's day, by the rate type of the company's ledger."""
        ledger, currency = self._ledgers.get(code) or {}, text(order.get("CurrencyCode"))
        own, kind = text(ledger.get("AccountingCurrency")), text(ledger.get("ExchangeRateType"))
        if not own or own == currency or not self.reader.has(RATES):
            return None
        rates = self._all_rates()
        day = day_or_none(order, "AccountingDate")
        for pair in ((kind, currency, own), (kind, own, currency)):
            if found := rate_on(day, rates.get(pair, ()), "StartDate", "EndDate"):
                return found
        return None

    def _all_rates(self) -> dict[tuple[str, str, str], list[Row]]:
        """By type and pair, in the order of their first day; asked once, when an order is in a foreign currency."""
        if self._rates is None:
            self._rates = {}
            for row in self.reader.rows(RATES):
                pair = (text(row.get("RateTypeName")), text(row.get("FromCurrency")), text(row.get("ToCurrency")))
                self._rates.setdefault(pair, []).append(row)
            for rows in self._rates.values():
                rows.sort(key=lambda row: text(row.get("StartDate")))
        return self._rates

    # Actuals

    def actuals(self, since: datetime | None, state: State) -> Iterator[Page]:  # noqa: ARG002
        window = f"LedgerTransDate ge {V4.stamp(_month_before(since))}" if since else ""
        yield from self._postings(COST, window, self.companies())

    def _postings(self, *filters: str) -> Iterator[Page]:
        for rows in self.reader.pages(POSTINGS, *filters):
            self._know_lots(rows)
            invoices = self._invoices(rows)
            yield self.page(
                "actuals",
                [
                    dynamics_fo_rows.raw_actual(
                        row,
                        self._lots.get((company(row), text(row.get("InventTransId")))),
                        invoices.get((company(row), text(row.get("Voucher")))),
                        self._ledgers.get(company(row)),
                        self.settings.dimension_segments,
                    )
                    for row in rows
                ],
            )

    def _keep_lot(self, code: str, line: Row) -> None:
        lot = text(line.get("InventoryLotId"))
        if lot and len(self._lots) < LOTS_KEPT:
            self._lots[code, lot] = {name: line.get(name) for name in ("PurchaseOrderNumber", "LineNumber")}

    def _know_lots(self, rows: Sequence[Row]) -> None:
        """The order lines behind postings; a posting names the lot alone."""
        asked = {(company(row), text(row.get("InventTransId"))) for row in rows}
        missing = {key for key in asked if key[1] and key not in self._lots}
        if len(self._lots) + len(missing) > LOTS_KEPT:
            self._lots.clear()
            missing = {key for key in asked if key[1]}
        for code, keys in _by_company(missing):
            for some in chunks([lot for _, lot in keys], KEYS_PER_REQUEST):
                for line in self.reader.rows(LINES, _of_company(code), any_of("InventoryLotId", some)):
                    self._keep_lot(code, line)

    def _invoices(self, rows: Sequence[Row]) -> dict[tuple[str, str], Row]:
        """Vendor, invoice number and due date by voucher; without the entity these stay empty."""
        found: dict[tuple[str, str], Row] = {}
        if not self.reader.has(INVOICES):
            return found
        vouchers = {(company(row), text(row.get("Voucher"))) for row in rows if text(row.get("InventTransId"))}
        for code, keys in _by_company(vouchers):
            for some in chunks([voucher for _, voucher in keys if voucher], KEYS_PER_REQUEST):
                for row in self.reader.rows(INVOICES, _of_company(code), any_of("LedgerVoucher", some)):
                    found[code, text(row.get("LedgerVoucher"))] = row
        return found

    # Control

    def control(self, entity: Any) -> list[ControlTotal]:
        """Rows alone: the service makes no sums."""
        if entity == "commitments":
            rows = self._lines_counted
        else:
            rows = self.reader.count(POSTINGS, COST_OF_PROJECTS, self.companies())
        return [] if rows is None else [ControlTotal(entity, "", "", "", rows, ZERO, "rows")]


def _raw_project(row: Row) -> Raw:
    return Raw(dynamics_fo_rows.PROJECTS, dynamics_fo_rows.project_key(row), delivered(row))


def _of_company(code: str) -> str:
    return f"dataAreaId eq {quoted(code)}"


def _by_company(
    keys: Iterable[tuple[str, str]], *, in_order: bool = False
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Keys by company; ``in_order`` keeps the order that the service gave, by its own alphabet."""
    chosen = list(keys) if in_order else sorted(keys)
    for code, group in groupby(chosen, key=lambda key: key[0]):
        yield code, list(group)


def _from_json(told: object) -> set[OrderKey]:
    found: set[OrderKey] = set()
    for one in told if isinstance(told, list) else []:
        if isinstance(one, list) and len(one) == 2 and isinstance(one[1], list):
            found |= {(str(one[0]), str(number)) for number in one[1]}
    return found


def _month_before(moment: datetime) -> datetime:
    return (moment - LOOK_BACK).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
