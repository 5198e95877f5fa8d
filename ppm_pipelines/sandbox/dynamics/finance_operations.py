"""The company as Finance & Operations shows it below ``/data``, and its books by DOMAIN's rules for that product.

Belongs here: entity sets, how values are written, the figures an outsider must arrive at. Does not belong here:
OData (``odata.py``), business (``life.py``). Days are noon UTC, no day is 1900, booleans are ``Yes`` and ``No``,
numbers are JSON numbers, and a delimiter inside a dimension is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any, NamedTuple

from ppm_pipelines.sandbox.company import IN_EURO, RATE_ONE, Company, decimal_text, divide, rate_between

from . import own_fields
from .odata import BadRequest, Dialect, EntitySet, Row
from .world import Line, Order, Posting, World, calendar, moment

DIALECT = Dialect(10_000, "Microsoft.Dynamics.DataEntities.")
NAMESPACE = "Microsoft.Dynamics.DataEntities"
DEFAULT_COMPANY = "no10"
NO_DAY = "1900-01-01T12:00:00Z"
YES = {True: "Yes", False: "No"}
STAGES = {"00": "Created", "10": "InProcess", "20": "Completed"}


def code(company: Company) -> str:
    """The legal entity: Dynamics has short names."""
    return f"no{company.code[:2]}"


def day(number: int | None) -> str:
    return NO_DAY if number is None else f"{calendar(number)}T12:00:00Z"


def stamp(number: int) -> str:
    return f"{moment(number):%Y-%m-%dT%H:%M:%SZ}"


def money(amount: int, currency: str) -> Decimal:
    return Decimal(decimal_text(amount, currency))


def escaped(part: str) -> str:
    return part.replace("\\", "\\\\").replace("-", "\\-")


def dimension(company: Company, centre: str) -> str:
    """Cost centre and business unit; the unit has the delimiter in its name."""
    return f"{escaped(centre)}-{escaped('BU-' + company.code)}"


def ledger_dimension(posting: Posting) -> str:
    return f"{posting.account}-{dimension(posting.company, posting.cost_centre)}"


# Entity sets


def _fields(texts: str, **others: str) -> dict[str, str]:
    kinds = dict.fromkeys(texts.split(), "text")
    for kind, names in others.items():
        kinds |= dict.fromkeys(names.split(), kind)
    return kinds


SETS = {
    one.name: one
    for one in (
        EntitySet(
            "LegalEntities", "LegalEntity", ("LegalEntityId",), _fields("LegalEntityId Name")
        ),
        EntitySet(
            "Ledgers",
            "Ledger",
            ("LegalEntityId",),
            _fields("LegalEntityId Name AccountingCurrency ExchangeRateType ChartOfAccounts"),
        ),
        EntitySet(
            "ExchangeRates",
            "ExchangeRate",
            ("RateTypeName", "FromCurrency", "ToCurrency", "StartDate"),
            _fields(
                "RateTypeName FromCurrency ToCurrency", stamp="StartDate EndDate", number="Rate",
                ExchangeRateDisplayFactor="ConversionFactor",
            ),
        ),
        EntitySet(
            "ProjectsV2",
            "ProjectV2",
            ("dataAreaId", "ProjectId"),
            _fields(
                f"dataAreaId ProjectId ProjectName ParentProjectId ProjectGroupId {own_fields.PROJECTS}",
                stamp="ProjectedStartDate ProjectedEndDate ActualStartDate ActualEndDate",
                ProjStatus="ProjectStage", NoYes="IsHeader",
            ),
        ),
        EntitySet(
            "PurchaseOrderHeadersV2",
            "PurchaseOrderHeaderV2",
            ("dataAreaId", "PurchaseOrderNumber"),
            _fields(
                "dataAreaId PurchaseOrderNumber OrderVendorAccountNumber InvoiceVendorAccountNumber PurchaseOrderName "
                "CurrencyCode ProjectId RequesterPersonnelNumber OrdererPersonnelNumber VendorOrderReference "
                f"DefaultLedgerDimensionDisplayValue {own_fields.ORDERS}",
                stamp="AccountingDate RequestedDeliveryDate ConfirmedDeliveryDate",
                PurchStatus="PurchaseOrderStatus", VersioningDocumentState="DocumentApprovalStatus",
            ),
        ),
        EntitySet(
            "PurchaseOrderLinesV2",
            "PurchaseOrderLineV2",
            ("dataAreaId", "PurchaseOrderNumber", "LineNumber"),
            _fields(
                "dataAreaId PurchaseOrderNumber ProjectId ProjectActivityNumber ProjectCategoryId "
                "ProjectLinePropertyId PurchaseUnitSymbol LineDescription ProcurementProductCategoryName ItemNumber "
                "InventoryLotId "
                "DefaultLedgerDimensionDisplayValue MainAccountIdDisplayValue RequesterPersonnelNumber "
                f"PurchaseRequisitionId {own_fields.LINES}",
                whole=f"LineNumber {own_fields.LINE_NUMBERS}",
                number="LineAmount PurchasePrice PurchasePriceQuantity OrderedPurchaseQuantity",
                stamp="RequestedDeliveryDate ConfirmedDeliveryDate",
                PurchStatus="PurchaseOrderLineStatus", NoYes="IsDeleted IsLineStopped",
                PurchaseOrderLineWorkflowState="WorkflowState",
            ),
        ),
        EntitySet(
            "PurchLineBiEntities",
            "PurchLineBiEntity",
            ("dataAreaId", "InventTransId"),
            _fields(
                "dataAreaId InventTransId PurchId ProjId ActivityNumber CurrencyCode VendAccount Name",
                whole="LineNumber", number="LineAmount PurchQty QtyOrdered RemainPurchFinancial RemainPurchPhysical",
                stamp="CreatedOn SysModifiedDateTime DeliveryDate",
                PurchStatus="PurchStatus", NoYes="IsDeleted IsFinalized Complete",
            ),
        ),
        EntitySet(
            "VendInvoiceTransBiEntities",
            "VendInvoiceTransBiEntity",
            ("dataAreaId", "SourceKey"),
            _fields(
                "dataAreaId PurchId InventTransId InvoiceId InternalInvoiceId CurrencyCode Name",
                whole="SourceKey PurchaseLineLineNumber", number="LineAmount LineAmountMst Qty",
                stamp="InvoiceDate SysModifiedDateTime",
            ),
        ),
        EntitySet(
            "VendInvoiceJourBiEntities",
            "VendInvoiceJourBiEntity",
            ("dataAreaId", "LedgerVoucher"),
            _fields("dataAreaId LedgerVoucher InvoiceId InvoiceAccount PurchId", stamp="DocumentDate DueDate"),
        ),
        EntitySet(
            "PSAActuals",
            "PSAActual",
            ("dataAreaId", "TransId"),
            _fields(
                "dataAreaId TransId ProjId ActivityNumber CategoryId Voucher InventTransId ProjAdjustRefId EmplItemId "
                f"DefaultDimensionDisplayValue LedgerDimensionDisplayValue {own_fields.POSTINGS}",
                number="AmountMst Qty", stamp="ProjTransDate LedgerTransDate",
                ProjCostSales="costSales", ProjTransType="ProjTransType", ProjOrigin="TransactionOrigin",
                LedgerPostingType="PostingType", ProjPaymentStatus="PaymentStatus",
            ),
        ),
        # Pending invoices: not posted, and no cost.
        EntitySet(
            "VendorInvoiceHeaders",
            "VendorInvoiceHeader",
            ("dataAreaId", "HeaderReference"),
            _fields("dataAreaId HeaderReference PurchaseOrderNumber InvoiceNumber"),
        ),
    )
}  # fmt: skip
BI = ("PurchLineBiEntities", "VendInvoiceTransBiEntities", "VendInvoiceJourBiEntities")


def sets(switches: Collection[str]) -> list[EntitySet]:
    """The entity sets of this environment: not every one makes the Bi entities public, and older ones lack a field."""
    hidden = {"no_bi": BI[:1], "no_invoice_entities": BI[1:]}
    gone = {name for switch in switches for name in hidden.get(switch, ())}
    found = [one for name, one in SETS.items() if name not in gone]
    if "old_release" in switches:
        lines = SETS["PurchaseOrderLinesV2"]
        older = {name: kind for name, kind in lines.fields.items() if name != "IsDeleted"}
        found = [EntitySet(one.name, one.kind, one.keys, older) if one is lines else one for one in found]
    return found


def rows(world: World, name: str) -> list[Row]:
    """All rows of a set, in the order in which they came to be."""
    made = list(MAKERS[name](world))
    for place, row in enumerate(made):
        row["@place"] = place
    return made


def seen(rows_: list[Row], options: dict[str, str], hidden: Collection[str]) -> list[Row]:
    """What a request sees: one's default company alone, unless it asks for all; and nothing of what is hidden."""
    if not rows_ or "dataAreaId" not in rows_[0]:
        return rows_
    across = options.get("cross-company", "").lower() == "true"
    return [
        row for row in rows_ if row["dataAreaId"] not in hidden and (across or row["dataAreaId"] == DEFAULT_COMPANY)
    ]


def one_of(found: list[EntitySet], name: str) -> EntitySet:
    for entity in found:
        if entity.name == name:
            return entity
    raise BadRequest(f"Resource not found for the segment '{name[:80]}'.", "", 404)


# Rows


def _legal_entities(world: World) -> list[Row]:
    return [{"LegalEntityId": code(one).upper(), "Name": one.name} for one in world.masters.companies]


def _ledgers(world: World) -> list[Row]:
    """In capitals, as legal entities are typed; rows carry them in small letters."""
    return [
        {
            "LegalEntityId": code(one).upper(),
            "Name": code(one).upper(),
            "AccountingCurrency": one.currency,
            "ExchangeRateType": "Default",
            "ChartOfAccounts": "General Chart",
        }
        for one in world.masters.companies
    ]


def _rates(world: World) -> list[Row]:  # noqa: ARG001 - the same for every world
    """Per hundred, and one of every pair by its other side; an old quotation beside the valid one."""
    made = []
    for source in IN_EURO:
        for target in IN_EURO:
            if "XXQ" in (source, target) or source == target:
                continue
            rate = Decimal(rate_between(source, target)) / RATE_ONE * 100
            for begin, value in (("2015-01-01", rate * 2), ("2020-01-01", rate)):
                made.append(
                    {
                        "RateTypeName": "Default",
                        "FromCurrency": source,
                        "ToCurrency": target,
                        "StartDate": f"{begin}T12:00:00Z",
                        "EndDate": "2154-12-31T12:00:00Z",
                        "Rate": value,
                        "ConversionFactor": "Hundred",
                    }
                )
    return made


def _projects(world: World) -> list[Row]:
    today = world.anchor // 86_400_000
    return [
        {
            "dataAreaId": code(one.company),
            "ProjectId": one.number,
            "ProjectName": one.name,
            "ParentProjectId": "",
            "ProjectGroupId": "TM",
            "ProjectedStartDate": day(today + one.start_offset),
            "ProjectedEndDate": day(today + one.start_offset + one.length),
            "ActualStartDate": NO_DAY,
            "ActualEndDate": NO_DAY,
            "ProjectStage": STAGES[one.status],
            "IsHeader": "No",
            **own_fields.of_project(place),
        }
        for place, one in enumerate(world.masters.projects)
    ]


def line_status(line: Line) -> str:
    if line.cancelled:
        return "Canceled"
    if line.in_full:
        return "Invoiced"
    return "Received" if line.received and line.received == line.quantity else "Backorder"


def order_status(order: Order) -> str:
    """The least of its lines that are not cancelled."""
    states = {line_status(line) for line in order.lines if not line.ended}
    if not states:
        return "Canceled"
    return next(state for state in ("Backorder", "Received", "Invoiced") if state in states)


def _headers(world: World) -> list[Row]:
    return [
        {
            "dataAreaId": code(one.company),
            "PurchaseOrderNumber": one.number,
            "OrderVendorAccountNumber": one.vendor.number,
            "InvoiceVendorAccountNumber": one.vendor.number,
            "PurchaseOrderName": one.vendor.name,
            "CurrencyCode": one.currency,
            "ProjectId": one.header_project.number if one.header_project else "",
            "RequesterPersonnelNumber": "",
            "OrdererPersonnelNumber": one.requester,
            "VendorOrderReference": "",
            "DefaultLedgerDimensionDisplayValue": "",
            **own_fields.of_order(one),
            "AccountingDate": day(one.day),
            "RequestedDeliveryDate": day(one.day + 30),
            "ConfirmedDeliveryDate": NO_DAY,
            "PurchaseOrderStatus": order_status(one),
            "DocumentApprovalStatus": one.approval,
        }
        for one in world.orders
    ]


def _lines(world: World) -> list[Row]:
    return [_line(one) for one in world.lines()]


def _line(one: Line) -> Row:
    amount: Any = money(one.amount, one.order.currency)
    return {
        "dataAreaId": code(one.order.company),
        "PurchaseOrderNumber": one.order.number,
        "LineNumber": one.number,
        "ProjectId": one.named or (one.project.number if one.project else ""),
        "ProjectActivityNumber": one.activity,
        "ProjectCategoryId": one.category if one.project else "",
        "ProjectLinePropertyId": "CHARGE" if one.project else "",
        "PurchaseUnitSymbol": "ea",
        "LineDescription": one.text,
        "ProcurementProductCategoryName": one.category.title(),
        "ItemNumber": "",
        "InventoryLotId": one.lot,
        "DefaultLedgerDimensionDisplayValue": dimension(one.order.company, one.cost_centre),
        "MainAccountIdDisplayValue": "",
        "RequesterPersonnelNumber": "",
        "PurchaseRequisitionId": "",
        "LineAmount": "zwölf" if one.broken == "bad_amount" else amount,
        "PurchasePrice": abs(amount),
        "PurchasePriceQuantity": 1,
        "OrderedPurchaseQuantity": one.quantity,
        "RequestedDeliveryDate": "2026-13-45T12:00:00Z" if one.broken == "bad_date" else day(one.delivery),
        "ConfirmedDeliveryDate": day(one.delivery) if one.confirmed and not one.broken else NO_DAY,
        "PurchaseOrderLineStatus": line_status(one),
        "IsDeleted": YES[one.deleted],
        "IsLineStopped": "No",
        "WorkflowState": "NotSubmitted",
        **own_fields.of_line(one),
    }


def _bi_lines(world: World) -> list[Row]:
    """A cancellation empties what remains; ``Complete`` forbids part deliveries and says nothing of the end."""
    return [
        {
            "dataAreaId": code(one.order.company),
            "InventTransId": one.lot,
            "PurchId": one.order.number,
            "ProjId": one.project.number if one.project else "",
            "ActivityNumber": one.activity,
            "CurrencyCode": one.order.currency,
            "VendAccount": one.order.vendor.number,
            "Name": one.text,
            "LineNumber": one.number,
            "LineAmount": money(one.amount, one.order.currency),
            "PurchQty": one.quantity,
            "QtyOrdered": one.quantity * 10,  # in the unit of the stock
            "RemainPurchFinancial": 0 if one.cancelled else one.quantity - one.invoiced,
            "RemainPurchPhysical": 0 if one.cancelled else one.quantity - one.received,
            "CreatedOn": stamp(one.modified),
            "SysModifiedDateTime": stamp(one.modified),
            "DeliveryDate": day(one.delivery),
            "PurchStatus": line_status(one),
            "IsDeleted": YES[one.deleted],
            "IsFinalized": YES[one.order.approval == "Finalized"],
            "Complete": YES[one.number % 2 == 0],
        }
        for one in world.lines()
    ]


def _invoice_lines(world: World) -> list[Row]:
    made: list[Row] = []
    for invoice in world.invoices:
        for number, one in enumerate(invoice.lines, 1):
            currency = invoice.order.currency
            made.append(
                {
                    "dataAreaId": code(invoice.company),
                    "SourceKey": 5_637_144_576 + len(made),
                    "PurchId": invoice.order.number,
                    "InventTransId": one.line.lot,
                    "InvoiceId": invoice.number,
                    "InternalInvoiceId": invoice.voucher,
                    "CurrencyCode": currency,
                    "Name": one.line.text,
                    "PurchaseLineLineNumber": number,
                    "LineAmount": money(one.amount, currency),
                    "LineAmountMst": 0,
                    "Qty": one.quantity,
                    "InvoiceDate": day(invoice.day),
                    "SysModifiedDateTime": stamp(one.stamp),
                }
            )
    return made


def _invoices(world: World) -> list[Row]:
    return [
        {
            "dataAreaId": code(one.company),
            "LedgerVoucher": one.voucher,
            "InvoiceId": one.number,
            "InvoiceAccount": one.order.vendor.number,
            "PurchId": one.order.number,
            "DocumentDate": day(one.day),
            "DueDate": day(one.due),
        }
        for one in world.invoices
    ]


def _postings(world: World) -> list[Row]:
    return [
        {
            "dataAreaId": code(one.company),
            "TransId": one.transaction,
            "ProjId": one.named or (one.project.number if one.project else ""),
            "ActivityNumber": one.activity,
            "CategoryId": one.category,
            "Voucher": one.voucher,
            "InventTransId": one.lot,
            "ProjAdjustRefId": one.adjusts,
            "EmplItemId": "",
            "DefaultDimensionDisplayValue": dimension(one.company, one.cost_centre),
            "LedgerDimensionDisplayValue": ledger_dimension(one),
            "AmountMst": money(one.amount, one.company.currency),
            **own_fields.of_posting(one),
            "Qty": one.quantity,
            "ProjTransDate": day(one.day),
            "LedgerTransDate": day(one.day),
            "costSales": one.side,
            "ProjTransType": one.kind,
            "TransactionOrigin": one.origin,
            "PostingType": one.posting_type,
            "PaymentStatus": "Paid" if one.paid else "NoPayment",
        }
        for one in world.postings
    ]


MAKERS: dict[str, Callable[[World], list[Row]]] = {
    "LegalEntities": _legal_entities,
    "Ledgers": _ledgers,
    "ExchangeRates": _rates,
    "ProjectsV2": _projects,
    "PurchaseOrderHeadersV2": _headers,
    "PurchaseOrderLinesV2": _lines,
    "PurchLineBiEntities": _bi_lines,
    "VendInvoiceTransBiEntities": _invoice_lines,
    "VendInvoiceJourBiEntities": _invoices,
    "PSAActuals": _postings,
    "VendorInvoiceHeaders": lambda _: [],
}


# Books


class Position(NamedTuple):
    """What a line has ordered, relieved and open, in minor units of the order's currency."""

    ordered: int
    relieved: int
    open: int
    counts: bool
    closed_reason: str | None


def position(line: Line, *, by_quantity: bool) -> Position:
    """By remaining quantity where the environment tells it, else by posted invoices (DOMAIN "What relieves")."""
    invoiced = sum(one.amount for one in line.invoices)
    counts = line.order.approval not in ("Draft", "InReview", "Rejected")
    if line.cancelled:
        return Position(0, invoiced, 0, counts, "cancelled")
    rest = line.amount - invoiced
    if by_quantity:
        sign = 1 if line.quantity > 0 else -1
        rest = divide(line.amount * (line.quantity - line.invoiced) * sign, line.quantity * sign)
        invoiced = line.amount - rest
    elif line.in_full:
        rest = 0
    if line.deleted:
        return Position(0, invoiced, 0, counts, "cancelled")
    reason = "completed" if line.order.approval == "Finalized" else None
    open_amount = 0 if reason or rest * line.amount < 0 else rest
    return Position(line.amount, invoiced, open_amount, counts, reason)


def commitment_key(line: Line) -> str:
    return f"{code(line.order.company)}/{line.order.number}/{line.number}"


def actual_key(posting: Posting) -> str:
    parts = (posting.transaction, posting.voucher, posting.posting_type, ledger_dimension(posting))
    return "/".join((code(posting.company), *parts))


def is_cost(posting: Posting) -> bool:
    kind = posting.kind != "WIP" and posting.posting_type != "ProjPayrollAllocation"
    return posting.side == "Cost" and kind and posting.project is not None


def books(world: World, *, by_quantity: bool) -> dict[str, list[Row]]:
    """All commitments, actuals, and totals per project and currency (of what counts)."""
    totals: dict[tuple[str, str], dict[str, int]] = {}
    lines = [(line, False) for line in world.lines()] + [(line, True) for line in world.gone]
    commitments = [
        _told(line, position(line, by_quantity=by_quantity), totals, gone=gone)
        for line, gone in lines
        if line.project is not None and not line.broken
    ]
    actuals = [_posted(one, totals) for one in world.postings if is_cost(one)]
    told = [
        {"project_nr": project, "currency": currency}
        | {name: decimal_text(amount, currency) for name, amount in amounts.items()}
        for (project, currency), amounts in sorted(totals.items())
    ]
    return {"commitments": commitments, "actuals": actuals, "totals": told}


def _told(line: Line, found: Position, totals: dict[tuple[str, str], dict[str, int]], *, gone: bool) -> Row:
    assert line.project is not None  # noqa: S101 - books has said so
    currency = line.order.currency
    amounts = {"ordered": found.ordered, "relieved": found.relieved, "open": 0 if gone else found.open}
    if found.counts:
        add(totals, line.project.number, currency, amounts)
    return {
        "source_key": commitment_key(line),
        "company_code": code(line.order.company),
        "project_nr": line.project.number,
        "wbs_element": line.activity or None,
        "currency": currency,
        **{name: decimal_text(amount, currency) for name, amount in amounts.items()},
        "counts": found.counts,
        "closed_reason": "vanished" if gone else found.closed_reason,
        "text": line.text,
    }


def _posted(posting: Posting, totals: dict[tuple[str, str], dict[str, int]]) -> Row:
    assert posting.project is not None  # noqa: S101 - is_cost has said so
    currency = posting.company.currency
    add(totals, posting.project.number, currency, {"actual": posting.amount})
    amount = decimal_text(posting.amount, currency)
    return {
        "source_key": actual_key(posting),
        "company_code": code(posting.company),
        "project_nr": posting.project.number,
        "wbs_element": posting.activity or None,
        "currency": currency,
        "amount": amount,
        "company_currency": currency,
        "company_amount": amount,
        "counts": True,
    }


def add(totals: dict[tuple[str, str], dict[str, int]], project: str, currency: str, amounts: dict[str, int]) -> None:
    own = totals.setdefault((project, currency), {"ordered": 0, "relieved": 0, "open": 0, "actual": 0})
    for name, amount in amounts.items():
        own[name] += amount
