"""SAP S/4HANA: which endpoints are read, in which order, and how an incremental read finds what changed.

Belongs here: streams as data and the reading of a cut. Does not belong here: what rows mean (``sap_rows``), settings
(``sap_settings``), OData (``odata``), HTTP (``http``).

A read begins with projects and WBS elements, because nothing can be judged without them. Orders come page by page;
for each page the receipts and invoices of just these orders are fetched, so that memory does not grow with the
number of orders. What is posted while a read goes on is left to the next one: journal lines later than the latest one
at the beginning (the cut), in the receipts as in the actuals, and the invoices behind them. Otherwise a posting in
between would be open and actual at once, or neither (DOMAIN R15).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

import httpx
from pydantic import BaseModel

from ppm_pipelines.adapters import odata, sap_rows
from ppm_pipelines.adapters.base import Adapter, Check, Misconfigured, Row, SourceError, State, Stream
from ppm_pipelines.adapters.http import ApiKey, Client, ClientCredentials, Limits, host_refused
from ppm_pipelines.adapters.odata import V2, V4, all_of, any_of, between, either, padded, quoted, short, text
from ppm_pipelines.adapters.sap_rows import Directory, Relief, item_key
from ppm_pipelines.adapters.sap_settings import Settings
from ppm_pipelines.records import ZERO, ControlTotal, Outcome, Page

# Stamps are set when a document is saved and seen when it is committed; clocks differ. The next read goes back so far.
OVERLAP = timedelta(hours=1)
KEYS_PER_REQUEST = 40
ORDERS_PER_PAGE = 500
RANGE_GAP = 10
RECEIPT = "WE"
INVOICE_ORIGIN = "RMRP"
LOOK_BACK = timedelta(days=1)
T = TypeVar("T")

_ODATA2 = "sap/opu/odata/sap"
_NO_WBS = "00000000"


def _select(*names: str) -> str:
    return ",".join(names)


PROJECTS = Stream(
    "projects",
    f"{_ODATA2}/API_ENTERPRISE_PROJECT_SRV;v=0002/A_EnterpriseProject",
    V2(),
    ("ProjectUUID",),
    {
        "$select": "ProjectUUID,Project,ProjectDescription,ProcessingStatus,ProjectStartDate,ProjectEndDate,"
        "ProjectCurrency,CompanyCode",
        "$orderby": "ProjectUUID",
    },
    sap_rows.project,
)
WBS_ELEMENTS = Stream(
    "wbs_elements",
    f"{_ODATA2}/API_ENTERPRISE_PROJECT_SRV;v=0002/A_EnterpriseProjectElement",
    V2(),
    ("ProjectElementUUID",),
    {
        "$select": "ProjectElementUUID,ProjectElement,WBSElementInternalID,ProjectUUID,ParentObjectUUID,"
        "ProjectElementDescription,WBSIsStatisticalWBSElement,CompanyCode",
        "$orderby": "ProjectElementUUID",
    },
    sap_rows.wbs_element,
)
ORDERS = Stream(
    "orders",
    "sap/opu/odata4/sap/api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001/PurchaseOrder",
    V4(),
    ("PurchaseOrder",),
    {
        "$select": "PurchaseOrder,CompanyCode,Supplier,PurchaseOrderDate,CreatedByUser,DocumentCurrency,ExchangeRate,"
        "PurchasingProcessingStatus,ReleaseIsNotCompleted,PurchaseOrderDeletionCode,PurchaseContract,"
        "LastChangeDateTime",
        "$expand": "_SupplierAddress($select=OrganizationName1),_PurchaseOrderItem($select=PurchaseOrder,"
        "PurchaseOrderItem,PurchaseOrderItemText,RequisitionerName,OrderQuantity,NetAmount,NetPriceAmount,"
        "NetPriceQuantity,OrderPriceUnitToOrderUnitNmrtr,OrdPriceUnitToOrderUnitDnmntr,AccountAssignmentCategory,"
        "PurchasingDocumentDeletionCode,IsCompletelyDelivered,IsFinallyInvoiced,GoodsReceiptIsExpected,"
        "GoodsReceiptIsNonValuated,IsReturnsItem,IsStatisticalItem,ItemIsRejectedBySupplier,"
        "PurchasingItemIsFreeOfCharge,ExpectedOverallLimitAmount,PurchaseContract,PurchaseRequisition;"
        "$expand=_PurOrdAccountAssignment($select=PurchaseOrder,PurchaseOrderItem,AccountAssignmentNumber,IsDeleted,"
        "Quantity,MultipleAcctAssgmtDistrPercent,PurgDocNetAmount,NonDeductibleInputTaxAmount,IsFinallyInvoiced,"
        "GLAccount,CostCenter,WBSElementInternalID,WBSElementExternalID),"
        "_PurchaseOrderScheduleLineTP($select=PurchaseOrder,PurchaseOrderItem,ScheduleLine,ScheduleLineDeliveryDate,"
        "OpenPurchaseOrderQuantity))",
        "$orderby": "PurchaseOrder",
    },
    sap_rows.commitments,
)
JOURNAL = Stream(
    "journal",
    f"{_ODATA2}/API_GLACCOUNTLINEITEM/GLAccountLineItem",
    V2(),
    ("CompanyCode", "FiscalYear", "AccountingDocument", "LedgerGLLineItem"),
    # An aggregate: rows are grouped by what is selected, so the whole key of a line is selected (sap.md, "Actuals").
    {
        "$select": "SourceLedger,Ledger,CompanyCode,FiscalYear,AccountingDocument,LedgerGLLineItem,FiscalPeriod,"
        "AccountingDocumentType,PostingDate,DocumentDate,GLAccount,GLAccountType,CostCenter,WBSElementInternalID,"
        "PurchasingDocument,PurchasingDocumentItem,AccountAssignmentNumber,Supplier,DocumentItemText,"
        "TransactionCurrency,AmountInTransactionCurrency,CompanyCodeCurrency,AmountInCompanyCodeCurrency,BaseUnit,"
        "Quantity,IsReversal,IsReversed,IsSettlement,ReversalReferenceDocument,ClearingDate",
        "$orderby": "CompanyCode,FiscalYear,AccountingDocument,LedgerGLLineItem",
    },
    sap_rows.actual,
)
RECEIPTS = replace(
    JOURNAL,
    name="receipts",
    params={
        "$select": "SourceLedger,Ledger,CompanyCode,FiscalYear,AccountingDocument,LedgerGLLineItem,GLAccountType,"
        "TransactionTypeDetermination,CostCenter,WBSElementInternalID,PurchasingDocument,PurchasingDocumentItem,"
        "AccountAssignmentNumber,TransactionCurrency,AmountInTransactionCurrency,CompanyCodeCurrency,"
        "AmountInCompanyCodeCurrency",
        "$orderby": "CompanyCode,FiscalYear,AccountingDocument,LedgerGLLineItem",
    },
    to_record=None,
)
TOUCHED = replace(
    JOURNAL, name="touched", key=("PurchasingDocument",), params={"$select": "PurchasingDocument"}, to_record=None
)
COMPANIES = replace(
    JOURNAL,
    name="companies",
    key=("CompanyCode",),
    params={"$select": "CompanyCode,CompanyCodeCurrency"},
    to_record=None,
)
PERIODS = replace(
    JOURNAL,
    name="periods",
    key=("CompanyCode", "FiscalYearPeriod"),
    params={"$select": "CompanyCode,FiscalYearPeriod", "$orderby": "CompanyCode,FiscalYearPeriod"},
    to_record=None,
)
SUMS = replace(
    JOURNAL,
    name="sums",
    key=("WBSElementInternalID", "CostCenter", "FiscalYear", "FiscalPeriod", "TransactionCurrency"),
    params={
        "$select": "WBSElementInternalID,CostCenter,FiscalYear,FiscalPeriod,TransactionCurrency,GLAccountType,"
        "IsSettlement,AmountInTransactionCurrency"
    },
    to_record=None,
)
LATEST = replace(
    JOURNAL,
    name="latest",
    key=("CreationDateTime",),
    params={"$select": "CreationDateTime", "$orderby": "CreationDateTime desc", "$top": "1"},
    to_record=None,
)
LATE_INVOICES = replace(
    JOURNAL,
    name="late invoices",
    key=("ReferenceDocument", "FiscalYear"),
    params={"$select": "ReferenceDocument,FiscalYear"},
    to_record=None,
)
INVOICE_LINES = Stream(
    "invoice lines",
    f"{_ODATA2}/API_SUPPLIERINVOICE_PROCESS_SRV/A_SuplrInvcItemPurOrdRef",
    V2(),
    ("SupplierInvoice", "FiscalYear", "SupplierInvoiceItem"),
    {
        "$select": "SupplierInvoice,FiscalYear,SupplierInvoiceItem,PurchaseOrder,PurchaseOrderItem,DocumentCurrency,"
        "SupplierInvoiceItemAmount,QuantityInPurchaseOrderUnit,IsSubsequentDebitCredit,SuplrInvcDeliveryCostCndnType,"
        + ",".join(
            f"to_SupplierInvoiceItmAcctAssgmt/{name}"
            for name in ("AccountAssignmentNumber", "WBSElement", "SuplrInvcAcctAssignmentAmount", "DebitCreditCode")
        ),
        "$expand": "to_SupplierInvoiceItmAcctAssgmt",
        "$orderby": "SupplierInvoice,FiscalYear,SupplierInvoiceItem",
    },
)
INVOICES = Stream(
    "invoices",
    f"{_ODATA2}/API_SUPPLIERINVOICE_PROCESS_SRV/A_SupplierInvoice",
    V2(),
    ("SupplierInvoice", "FiscalYear"),
    {
        "$select": "SupplierInvoice,FiscalYear,SupplierInvoiceStatus,SupplierInvoiceIsCreditMemo,DocumentCurrency,"
        "DirectQuotedExchangeRate,IndirectQuotedExchangeRate",
        "$orderby": "SupplierInvoice,FiscalYear",
    },
)
INVOICED_ORDERS = replace(
    INVOICES,
    name="invoiced orders",
    params={
        "$select": "SupplierInvoice,FiscalYear,to_SuplrInvcItemPurOrdRef/PurchaseOrder",
        "$expand": "to_SuplrInvcItemPurOrdRef",
        "$orderby": "SupplierInvoice,FiscalYear",
    },
)


class Sap(Adapter):
    """One read of one tenant. ``costs`` reads projects, commitments and actuals with one watermark."""

    system: ClassVar[str] = "sap"
    name: ClassVar[str] = "SAP"
    entities: ClassVar[tuple[str, ...]] = ("projects", "commitments", "actuals", "costs")
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
        self._directory = Directory(settings.cost_centers)
        self._began: datetime | None = None
        self._cut: datetime | None = None
        self._companies_asked = False
        self._complete: frozenset[str] = frozenset()
        self._client = _client(settings, allowed_hosts, timeout_seconds, limits)

    def close(self) -> None:
        self._client.close()

    @property
    def complete(self) -> frozenset[str]:
        return self._complete

    def state(self) -> State:
        """The server's time at the beginning (overlap is taken off when it is used), and the companies' currencies."""
        return {"watermark": self._now().isoformat(), "company_currencies": dict(self._directory.company_currency)}

    def read(self, entity: str, state: State | None) -> Iterator[Page]:
        if entity not in self.entities:
            raise Misconfigured(f"SAP has no entity {entity}.", "unknown_entity")
        since = _since(state)
        self._complete = frozenset()
        if since is not None and isinstance(known := (state or {}).get("company_currencies"), dict):
            self._directory.company_currency |= known
        yield from self._structure()
        if entity != "projects":
            self._cut = self._latest_posting()
        done = {"projects", "wbs_elements"}
        for name, pages in (("commitments", self._commitments), ("actuals", self._actuals)):
            if entity in (name, "costs"):
                yield from pages(since)
                done |= {name} if since is None else set()
        self._complete = frozenset(done)

    # Projects

    def _structure(self) -> Iterator[Page]:
        """Projects, then all WBS elements (parents may come after children), and the companies' currencies."""
        for rows in self._pages(PROJECTS):
            yield Page("projects", [one for row in rows for one in sap_rows.project(row, self._directory)])
        found = [
            one
            for rows in self._pages(WBS_ELEMENTS)
            for row in rows
            for one in sap_rows.wbs_element(row, self._directory)
        ]
        named = list(sap_rows.parented(found, self._directory))
        for start in range(0, len(named), 1000):
            yield Page("wbs_elements", named[start : start + 1000])

    def _know_companies(self, orders: Sequence[Row]) -> None:
        """Orders don't tell the currency of their company code, the journal does; asked once, when one is unknown."""
        known = self._directory.company_currency
        if self._companies_asked or {text(order.get("CompanyCode")) for order in orders} <= known.keys():
            return
        self._companies_asked = True
        filter_ = all_of(f"Ledger eq {quoted(self._settings.ledger)}", self._companies())
        for rows in self._pages(COMPANIES, filter_):
            known |= {text(row.get("CompanyCode")): text(row.get("CompanyCodeCurrency")) for row in rows}

    # Commitments

    def _commitments(self, since: datetime | None) -> Iterator[Page]:
        if since is None:
            yield from self._orders("")
            return
        touched = self._touched(since)
        changed = f"LastChangeDateTime ge {ORDERS.protocol.stamp(since)}"
        for page, keys in self._order_pages(changed):
            touched -= keys
            yield page
        for some in _chunks(sorted(touched)):
            yield from self._orders(any_of("PurchaseOrder", some))

    def _orders(self, filter_: str) -> Iterator[Page]:
        for page, _ in self._order_pages(filter_):
            yield page

    def _order_pages(self, filter_: str) -> Iterator[tuple[Page, set[str]]]:
        headers = {"Prefer": f"odata.maxpagesize={ORDERS_PER_PAGE}"}
        for orders in self._pages(ORDERS, all_of(filter_, self._companies()), headers):
            self._know_companies(orders)
            relief = self._relief(orders)
            outcomes: list[Outcome] = []
            for order in orders:
                outcomes += sap_rows.commitments(order, relief, self._directory)
            yield Page("commitments", outcomes), {text(order.get("PurchaseOrder")) for order in orders}

    def _relief(self, orders: Sequence[Row]) -> Relief:
        """The receipts and invoices of these orders' lines, as far as they relieve them."""
        relief = Relief()
        lines = [
            sap_rows.Line(order, item, (), self._directory)
            for order in orders
            for item in odata.nested(order, "_PurchaseOrderItem")
        ]
        received = {text(line.order.get("PurchaseOrder")) for line in lines if line.by_receipt}
        invoiced = {text(line.order.get("PurchaseOrder")) for line in lines if not line.by_receipt}
        for filter_ in _key_filters("PurchasingDocument", received, orders):
            wanted = all_of(self._journal(), f"AccountingDocumentType eq '{RECEIPT}'", filter_)
            for rows in self._pages(RECEIPTS, wanted):
                for row in rows:
                    key = item_key(row.get("PurchasingDocument"), row.get("PurchasingDocumentItem"))
                    relief.receipts.setdefault(key, []).append(row)
        by_invoice = {line.key for line in lines if not line.by_receipt}
        for filter_ in _key_filters("PurchaseOrder", invoiced, orders):
            self._add_invoices(relief, filter_, by_invoice)
        return relief

    def _add_invoices(self, relief: Relief, filter_: str, wanted: set[sap_rows.ItemKey]) -> None:
        lines = [
            (key, row)
            for rows in self._pages(INVOICE_LINES, filter_)
            for row in rows
            if (key := item_key(row.get("PurchaseOrder"), row.get("PurchaseOrderItem"))) in wanted
        ]
        headers = self._invoice_headers({text(row.get("SupplierInvoice")) for _, row in lines})
        late = self._late_invoices() if lines else set()
        for key, row in lines:
            invoice = text(row.get("SupplierInvoice")), text(row.get("FiscalYear"))
            header = headers.get(invoice)
            if header is not None and invoice not in late:
                relief.invoices.setdefault(key, []).append((row, header))

    def _invoice_headers(self, numbers: set[str]) -> dict[tuple[str, str], Row]:
        """By number and year. Numbers that lie close together are asked for as a range."""
        found: dict[tuple[str, str], Row] = {}
        for some in _chunks(_ranges(numbers)):
            filter_ = " or ".join(f"({between('SupplierInvoice', low, high)})" for low, high in some)
            for rows in self._pages(INVOICES, filter_):
                for row in rows:
                    if (number := text(row.get("SupplierInvoice"))) in numbers:
                        found[number, text(row.get("FiscalYear"))] = row
        return found

    def _late_invoices(self) -> set[tuple[str, str]]:
        """Number and year of invoices posted after the cut: asked after they were read, so none is missed."""
        if self._cut is None:
            return set()
        after = f"CreationDateTime ge {V2.stamp(self._cut)}"
        origin = f"ReferenceDocumentType eq '{INVOICE_ORIGIN}'"
        ledger = f"Ledger eq {quoted(self._settings.ledger)}"
        return {
            (text(row.get("ReferenceDocument")), text(row.get("FiscalYear")))
            for rows in self._pages(LATE_INVOICES, all_of(ledger, origin, after))
            for row in rows
        }

    def _touched(self, since: datetime) -> set[str]:
        """Orders that receipts or invoices touched: their own change stamp may not tell (sap.md, section 4)."""
        ledger = f"Ledger eq {quoted(self._settings.ledger)}"
        found = {
            text(row.get("PurchasingDocument"))
            for changed in _changed(since)
            for rows in self._pages(TOUCHED, all_of(ledger, "PurchasingDocument ne ''", changed, self._companies()))
            for row in rows
        }
        # Invoices tell days only, and the posting day may be typed by hand: a day more costs little.
        day = V2.day((since - timedelta(days=1)).date())
        window = either(*(f"{name} ge {day}" for name in ("CreationDate", "PostingDate")))
        for rows in self._pages(INVOICED_ORDERS, all_of(window, self._companies())):
            for row in rows:
                lines = odata.nested(row, "to_SuplrInvcItemPurOrdRef")
                found |= {text(line.get("PurchaseOrder")) for line in lines}
        return found - {""}

    # Actuals

    def _actuals(self, since: datetime | None) -> Iterator[Page]:
        for filter_ in self._slices(since):
            for rows in self._pages(JOURNAL, filter_):
                yield Page("actuals", [one for row in rows for one in sap_rows.actual(row, self._directory)])

    def _slices(self, since: datetime | None) -> Iterator[str]:
        """What changed; or everything, by company code and period where company codes are configured."""
        base = all_of(self._journal(), self._of_projects())
        if since is not None:
            for changed in _changed(since):
                yield all_of(base, changed, self._companies())
        elif not self._settings.company_codes:
            yield base
        else:
            periods = {
                (text(row.get("CompanyCode")), text(row.get("FiscalYearPeriod")))
                for rows in self._pages(PERIODS, all_of(base, self._companies()))
                for row in rows
            }
            for company, period in sorted(periods):
                yield all_of(base, f"CompanyCode eq {quoted(company)}", f"FiscalYearPeriod eq {quoted(period)}")

    def control(self, entity: str) -> list[ControlTotal]:
        """Actuals, summed by SAP itself per project, currency and period; the number of lines is told once.

        OData has no second road to the money of orders, so commitments have no control total.
        """
        if entity != "actuals":
            return []
        filter_ = all_of(self._journal(), self._of_projects(), self._companies())
        sums: dict[tuple[str, str, str], Decimal] = {}
        for rows in self._pages(SUMS, filter_):
            for row in rows:
                place = self._place_of_sum(row)
                if place:
                    amount = sap_rows.amount_or_none(row.get("AmountInTransactionCurrency"))
                    sums[place] = sums.get(place, ZERO) + (amount or ZERO)
        cost = all_of(filter_, "IsSettlement eq false", "GLAccountType ne 'X' and GLAccountType ne 'C'")
        counted = {"$select": ",".join(JOURNAL.key), "$filter": cost}
        lines = odata.count(self._client, V2(), JOURNAL.path, counted)
        return [
            ControlTotal("actuals", project_nr, currency, period, 0 if place else lines, amount)
            for place, ((project_nr, currency, period), amount) in enumerate(sorted(sums.items()))
        ]

    def _place_of_sum(self, row: Row) -> tuple[str, str, str] | None:
        if sap_rows.out_of_scope(row):
            return None
        internal, center = short(row.get("WBSElementInternalID")), text(row.get("CostCenter"))
        element = self._directory.by_internal.get(internal)
        configured = self._settings.cost_centers.get(center) or self._settings.cost_centers.get(short(center))
        project_nr = element.project_nr if element else configured if not internal else f"WBS {internal}"
        period = f"{text(row.get('FiscalYear'))}/{padded(row.get('FiscalPeriod'), 3)}"
        return (project_nr, text(row.get("TransactionCurrency")), period) if project_nr else None

    # Filters and pages

    def _journal(self) -> str:
        """Postings of the ledger, without SAP's own commitments, up to the cut."""
        ledger = f"Ledger eq {quoted(self._settings.ledger)}"
        until = f"CreationDateTime lt {V2.stamp(self._cut)}" if self._cut else ""
        return all_of(ledger, "IsCommitment eq false", until)

    def _latest_posting(self) -> datetime:
        """The second after the latest posting there is now; by the postings themselves, because clocks differ."""
        begin = self._now() - LOOK_BACK
        ledger = f"Ledger eq {quoted(self._settings.ledger)}"
        filter_ = all_of(ledger, f"CreationDateTime ge {V2.stamp(begin)}")
        rows = next(self._pages(LATEST, filter_), [])
        latest = odata.moment(rows[0].get("CreationDateTime")) if rows else None
        return (latest or begin).replace(microsecond=0) + timedelta(seconds=1)

    def _of_projects(self) -> str:
        wbs = f"WBSElementInternalID ne '{_NO_WBS}'"
        centers = any_of("CostCenter", self._settings.cost_centers)
        return either(wbs, centers) if centers else wbs

    def _companies(self) -> str:
        return any_of("CompanyCode", self._settings.company_codes)

    def _now(self) -> datetime:
        """The time of the beginning: the server's clock in its first answer, or ours where it told none."""
        if self._began is None:
            self._began = self._client.server_time or datetime.now(UTC).replace(microsecond=0)
        return self._began

    def _pages(
        self, stream: Stream, filter_: str = "", headers: Mapping[str, str] | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        params = {**stream.params, **({"$filter": filter_} if filter_ else {})}
        yield from odata.pages(self._client, stream.protocol, stream.path, params, headers)

    # Testing the connection

    def test(self) -> Iterator[Check]:
        """Address and sign-in, then every service; after a failed sign-in nothing else can work."""
        self._client.limits = replace(self._client.limits, attempts=2)  # somebody is waiting
        first = _timed("sign_in", self._try_sign_in)
        reached = first.ok or self._client.reached
        host = httpx.URL(self._settings.api_url).host
        yield Check("address", reached, f"{host} answers." if reached else first.detail, first.ms)
        if not reached:
            return
        yield first
        if not first.ok:
            return
        for name, stream, what in _TESTED:
            yield _timed(name, self._counting(stream, what))

    def _try_sign_in(self) -> str:
        try:
            self._client.get(ORDERS.path, {"$top": "1", "$select": "PurchaseOrder"})
        except SourceError as error:
            # Signed in, but not allowed or not there: the check of that service says it.
            if error.code not in ("forbidden", "not_found", "bad_request"):
                raise
            if error.code == "not_found":
                self._client.get(PROJECTS.path, {"$top": "1", "$select": "ProjectUUID"})
        return "Signed in."

    def _counting(self, stream: Stream, what: str) -> Callable[[], str]:
        def counted() -> str:
            filter_ = {}
            if stream is JOURNAL:
                filter_ = {"$filter": all_of(self._journal(), self._of_projects(), self._companies())}
            elif stream in (ORDERS, INVOICES) and self._settings.company_codes:
                filter_ = {"$filter": self._companies()}
            params = {"$select": ",".join(stream.key), **filter_}
            found = odata.count(self._client, stream.protocol, stream.path, params)
            hint = (
                ""
                if found
                else " If that surprises, check the account's authorisations: SAP hides what it may not see."
            )
            return f"{found:,} {what} readable.{hint}"

        return counted


_TESTED = (
    ("projects", PROJECTS, "projects"),
    ("wbs_elements", WBS_ELEMENTS, "WBS elements"),
    ("commitments", ORDERS, "purchase orders"),
    ("invoices", INVOICES, "supplier invoices"),
    ("actuals", JOURNAL, "journal lines of projects"),
)


def _client(settings: Settings, allowed_hosts: str | None, timeout_seconds: float, limits: Limits | None) -> Client:
    secrets = [s.get_secret_value() for s in (settings.api_key, settings.password, settings.client_secret)]
    return Client(
        settings.api_url,
        system="SAP",
        auth=_auth(settings, allowed_hosts),
        allowed_hosts=allowed_hosts,
        timeout_seconds=timeout_seconds,
        fixed_params={"sap-client": settings.client} if settings.client else {},
        secrets=secrets,
        explain=odata.error_text,
        limits=limits,
    )


def _auth(settings: Settings, allowed_hosts: str | None) -> httpx.Auth:
    if settings.auth == "api_key":
        return ApiKey("APIKey", settings.api_key.get_secret_value())
    if settings.auth == "basic":
        return httpx.BasicAuth(settings.username, settings.password.get_secret_value())
    if reason := host_refused(settings.token_url, allowed_hosts):
        raise Misconfigured(f"Token URL: {reason}", "host_refused")
    return ClientCredentials(settings.token_url, settings.client_id, settings.client_secret.get_secret_value())


def _since(state: State | None) -> datetime | None:
    """Where an incremental read begins; None (a full one) without a usable watermark."""
    try:
        found = odata.moment((state or {}).get("watermark"))
    except odata.Unreadable:
        return None
    return found - OVERLAP if found else None


def _changed(since: datetime) -> tuple[str, str]:
    """Journal lines changed since, then those that are new and tell no change: two questions, no line twice."""
    stamp = V2.stamp(since)
    return f"LastChangeDateTime ge {stamp}", f"CreationDateTime ge {stamp} and LastChangeDateTime lt {stamp}"


def _timed(name: str, attempt: Callable[[], str]) -> Check:
    started = time.monotonic()
    try:
        detail, ok = attempt(), True
    except SourceError as error:
        detail, ok = str(error), False
    return Check(name, ok, detail, int((time.monotonic() - started) * 1000))


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), KEYS_PER_REQUEST):
        yield values[start : start + KEYS_PER_REQUEST]


def _key_filters(name: str, wanted: set[str], page: Sequence[Row]) -> Iterator[str]:
    """Filters for the wanted orders of a page: one range where they lie close together, else keys in chunks."""
    keys = sorted(wanted)
    if not keys:
        return
    if _dense(keys, len(page)):
        yield between(name, keys[0], keys[-1])
        return
    for some in _chunks(keys):
        yield any_of(name, some)


def _dense(keys: Sequence[str], page: int) -> bool:
    """Whether a range from first to last brings little that is not wanted."""
    if len(keys) == 1:
        return True
    low, high = keys[0], keys[-1]
    return low.isdigit() and high.isdigit() and len(low) == len(high) and int(high) - int(low) < RANGE_GAP * page


def _ranges(numbers: Iterable[str]) -> list[tuple[str, str]]:
    """First and last of runs of numbers with small gaps; what is no number stands alone."""
    digits = sorted((n for n in numbers if n.isdigit()), key=lambda n: (len(n), n))
    runs: list[list[str]] = []
    for number in digits:
        last = runs[-1][-1] if runs else ""
        if last and len(last) == len(number) and int(number) - int(last) <= RANGE_GAP:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [(run[0], run[-1]) for run in runs] + [(n, n) for n in sorted(numbers) if not n.isdigit()]
