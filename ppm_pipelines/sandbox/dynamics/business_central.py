"""The company as Business Central shows it below ``/api/v2.0``, and its books by DOMAIN's rules for that product.

Belongs here: entity sets below a company, how values are written, the figures an outsider must arrive at. Does not
belong here: OData (``odata.py``), business (``life.py``). An order that is invoiced in full is deleted; so is a line
that somebody cancels. Days are ``YYYY-MM-DD``, no day is year one, enumerations are encoded for XML.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ppm_pipelines.sandbox.company import IN_EURO, RATE_ONE, Company, decimal_text, divide, rate_between

from .finance_operations import add, money
from .odata import BadRequest, Dialect, EntitySet, Row
from .world import Invoice, Line, Order, Posting, World, calendar, moment

DIALECT = Dialect(20_000, expand_levels=2)
NAMESPACE = "Microsoft.NAV"
NO_DAY, NO_ID = "0001-01-01", "00000000-0000-0000-0000-000000000000"
PROJECT, CENTRE = "PROJECT", "COSTCENTER"
CATEGORIES = {"6": "Expense", "4": "Income", "1": "Assets", "2": "Liabilities"}
STATUS = {"Draft": "Draft", "InReview": "In_x0020_Review", "Rejected": "Draft"}
PAYABLE = 1_000_000  # the entries of the vendor's side are numbered from here on


def identity(*parts: Any) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, parts))))


def day(number: int | None) -> str:
    return NO_DAY if number is None else f"{calendar(number)}"


def stamp(number: int) -> str:
    """With up to three digits of a second, without zeros at the end."""
    told = f"{moment(number):%Y-%m-%dT%H:%M:%S}.{number % 1000:03d}".rstrip("0").rstrip(".")
    return f"{told}Z"


# Entity sets


def _fields(texts: str, **others: str) -> dict[str, str]:
    kinds = dict.fromkeys(texts.split(), "text")
    for kind, names in others.items():
        kinds |= dict.fromkeys(names.split(), kind)
    return kinds


DIMENSION_SET = EntitySet(
    "dimensionSetLines",
    "dimensionSetLine",
    ("code",),
    _fields("code displayName valueCode valueDisplayName", guid="id parentId valueId"),
)
ORDER_LINES = EntitySet(
    "purchaseOrderLines",
    "purchaseOrderLine",
    ("id",),
    _fields(
        "lineType lineObjectNumber description unitOfMeasureCode", guid="id documentId", whole="sequence",
        number="quantity directUnitCost amountExcludingTax netAmount receivedQuantity invoicedQuantity invoiceQuantity",
        day="expectedReceiptDate",
    ),
    nested={"dimensionSetLines": DIMENSION_SET},
)  # fmt: skip
SETS = {
    one.name: one
    for one in (
        EntitySet("companies", "company", ("id",), _fields("name displayName", guid="id")),
        EntitySet("companyInformation", "companyInformation", ("id",), _fields("displayName currencyCode", guid="id")),
        EntitySet(
            "currencyExchangeRates", "currencyExchangeRate", ("id",),
            _fields(
                "currencyCode relationalCurrencyCode", guid="id", day="startingDate",
                number="exchangeRateAmount relationalExchangeRateAmount",
            ),
        ),
        EntitySet("dimensions", "dimension", ("id",), _fields("code displayName", guid="id")),
        EntitySet("dimensionValues", "dimensionValue", ("id",), _fields("code displayName", guid="id dimensionId")),
        EntitySet("accounts", "account", ("id",), _fields("number displayName category", guid="id")),
        EntitySet(
            "purchaseOrders", "purchaseOrder", ("id",),
            _fields(
                "number vendorNumber vendorName currencyCode purchaser status", guid="id currencyId",
                day="orderDate postingDate requestedReceiptDate", bool="fullyReceived", stamp="lastModifiedDateTime",
            ),
            nested={"purchaseOrderLines": ORDER_LINES},
        ),
        ORDER_LINES,
        DIMENSION_SET,
        EntitySet(
            "generalLedgerEntries", "generalLedgerEntry", ("id",),
            _fields(
                "documentNumber documentType accountNumber description", guid="id", whole="entryNumber",
                number="debitAmount creditAmount", day="postingDate", stamp="lastModifiedDateTime",
            ),
            nested={"dimensionSetLines": DIMENSION_SET},
        ),
        EntitySet(
            "purchaseInvoices", "purchaseInvoice", ("id",),
            _fields(
                "number orderNumber vendorInvoiceNumber vendorNumber vendorName currencyCode status", guid="id orderId",
                day="invoiceDate postingDate dueDate", stamp="lastModifiedDateTime",
            ),
        ),
    )
}  # fmt: skip


def place(path: str, world: World) -> tuple[EntitySet, Company | None]:
    """Which set a path names, and of which company. Raises BadRequest."""
    parts = path.split("/")
    company = next((one for one in world.masters.companies if parts[0] == f"companies({company_id(one)})"), None)
    if parts == ["companies"]:
        return SETS["companies"], None
    if company is None:
        raise BadRequest("The company was not found. CorrelationId:  0.", "Internal_CompanyNotFound", 404)
    below = parts[1:]
    if below[:1] == [f"dimensions({identity(company.code, PROJECT)})"]:
        below = below[1:]
    if below == ["purchaseOrderLines"]:
        raise BadRequest(
            "You must specify an Id or a Document Id to get the lines. CorrelationId:  0.",
            "Application_DialogException",
        )
    if len(below) != 1 or below[0] not in SETS:
        raise BadRequest("No HTTP resource was found that matches the request.", "BadRequest_NotFound", 404)
    return SETS[below[0]], company


def rows(world: World, name: str, company: Company | None) -> list[Row]:
    made = MAKERS[name](world, company) if company else _companies(world)
    for number, row in enumerate(made):
        row["@place"] = number
    return made


def company_id(company: Company) -> str:
    return identity("company", company.code)


def _companies(world: World) -> list[Row]:
    return [{"id": company_id(one), "name": one.name, "displayName": one.name} for one in world.masters.companies]


def _information(world: World, company: Company) -> list[Row]:  # noqa: ARG001
    return [{"id": company_id(company), "displayName": company.name, "currencyCode": company.currency}]


def _rates(world: World, company: Company) -> list[Row]:  # noqa: ARG001
    """Units of the company's currency per hundred; an old quotation beside the valid one."""
    return [
        {
            "id": identity(company.code, currency, begin),
            "currencyCode": currency,
            "relationalCurrencyCode": "",
            "startingDate": begin,
            "exchangeRateAmount": 100,
            "relationalExchangeRateAmount": Decimal(rate_between(currency, company.currency) * factor) / RATE_ONE * 100,
        }
        for currency in IN_EURO
        if currency not in ("XXQ", company.currency)
        for begin, factor in (("2015-01-01", 2), ("2020-01-01", 1))
    ]


def _dimensions(world: World, company: Company) -> list[Row]:  # noqa: ARG001
    return [
        {"id": identity(company.code, code), "code": code, "displayName": code.title()} for code in (PROJECT, CENTRE)
    ]


def _projects(world: World, company: Company) -> list[Row]:
    dimension = identity(company.code, PROJECT)
    return [
        {
            "id": identity(company.code, one.number),
            "dimensionId": dimension,
            "code": one.number,
            "displayName": one.name,
        }
        for one in world.masters.projects
        if one.company is company
    ]


def _accounts(world: World, company: Company) -> list[Row]:  # noqa: ARG001
    numbers = ("605100", "606200", "610150", "621000", "401100", "151000", "200100", "999999")
    return [
        {
            "id": identity(company.code, number),
            "number": number,
            "displayName": number,
            "category": CATEGORIES.get(number[0], "_x0020_"),
        }
        for number in numbers
    ]


def _set(parent: str, project: str, centre: str) -> list[Row]:
    """The dimensions of a row; a dimension's ``id`` is the same in every document."""
    named = [(CENTRE, centre)] + ([(PROJECT, project)] if project else [])
    return [
        {
            "id": identity("dimension", code),
            "parentId": parent,
            "valueId": identity("value", code, value),
            "code": code,
            "displayName": code.title(),
            "valueCode": value,
            "valueDisplayName": value,
        }
        for code, value in named
    ]


def is_there(order: Order) -> bool:
    """Deleted when nothing is left to invoice; an order without lines is deleted by hand."""
    return any(not line.ended and not line.in_full for line in order.lines)


def visible(order: Order) -> list[Line]:
    return [line for line in order.lines if not line.ended] if is_there(order) else []


def _orders(world: World, company: Company) -> list[Row]:
    return [_order(one) for one in world.orders if one.company is company and is_there(one)]


def _order(one: Order) -> Row:
    key = identity("order", one.company.code, one.number)
    return {
        "id": key,
        "number": one.number,
        "orderDate": day(one.day),
        "postingDate": day(one.day),
        "requestedReceiptDate": NO_DAY,
        "vendorNumber": one.vendor.number,
        "vendorName": one.vendor.name,
        "currencyId": NO_ID if one.currency == one.company.currency else identity("currency", one.currency),
        "currencyCode": one.currency,
        "purchaser": one.requester,
        "fullyReceived": all(line.received == line.quantity for line in visible(one)),
        "status": STATUS.get(one.approval, "Open"),
        "lastModifiedDateTime": stamp(one.modified),  # a change of a line need not touch it
        "purchaseOrderLines": [_line(key, line) for line in visible(one)] + [_comment(key, one)],
    }


def _line(order: str, one: Line) -> Row:
    key = identity("line", order, one.number)
    amount: Any = money(one.amount, one.order.currency)
    expected = day(one.delivery if one.confirmed else None)
    return {
        "id": key,
        "documentId": order,
        "sequence": one.number * 10_000,
        "lineType": "Account" if one.number % 2 else "Item",
        "lineObjectNumber": one.account if one.number % 2 else "1896-S",
        "description": one.text,
        "unitOfMeasureCode": "PCS",
        "quantity": one.quantity,
        "directUnitCost": abs(amount),
        "amountExcludingTax": amount,
        "netAmount": "zwölf" if one.broken == "bad_amount" else amount,
        "receivedQuantity": one.received,
        "invoicedQuantity": one.invoiced,
        "invoiceQuantity": one.quantity - one.invoiced,
        "expectedReceiptDate": "2026-13-45" if one.broken == "bad_date" else expected,
        "dimensionSetLines": _set(key, one.named or (one.project.number if one.project else ""), one.cost_centre),
    }


def _comment(order: str, one: Order) -> Row:
    empty = dict.fromkeys(name for name, kind in ORDER_LINES.fields.items() if kind == "number")
    return {
        **dict.fromkeys(empty, 0),
        "id": identity("comment", order),
        "documentId": order,
        "sequence": (len(one.lines) + 1) * 10_000,
        "lineType": "Comment",
        "lineObjectNumber": "",
        "description": "Bitte Lieferschein beilegen",
        "unitOfMeasureCode": "",
        "expectedReceiptDate": NO_DAY,
        "dimensionSetLines": [],
    }


def is_posted(posting: Posting) -> bool:
    """The general ledger has no payroll allocation and no sales of a project."""
    return posting.posting_type in ("ProjCost", "ProjWIPCostvalue")


def _entries(world: World, company: Company) -> list[Row]:
    made: list[Row] = []
    for one in world.postings:
        if one.company is company and is_posted(one):
            made.append(_entry(one, one.entry, one.account, one.amount))
            made.append(_entry(one, one.entry + PAYABLE, "200100", -one.amount))
    return made


def _entry(one: Posting, number: int, account: str, amount: int) -> Row:
    key = identity("entry", number)
    currency = one.company.currency
    return {
        "id": key,
        "entryNumber": number,
        "postingDate": day(one.day),
        "documentNumber": one.voucher,
        "documentType": "Invoice" if one.lot else "_x0020_",
        "accountNumber": account,
        "description": f"{one.category} {one.transaction}",
        "debitAmount": money(max(amount, 0), currency),
        "creditAmount": money(max(-amount, 0), currency),
        "lastModifiedDateTime": stamp(one.stamp),
        "dimensionSetLines": _set(key, one.named or (one.project.number if one.project else ""), one.cost_centre),
    }


def _invoices(world: World, company: Company) -> list[Row]:
    """Posted ones, and a draft for an order that is still open: it is no invoice yet."""
    posted = [_invoice(one) for one in world.invoices if one.company is company]
    drafts = [
        {
            **_invoice(one),
            "id": identity("draft", company.code, one.voucher),
            "number": f"D{one.voucher}",
            "status": "Draft",
            "orderNumber": order.number,
        }
        for one in world.invoices[:3]
        for order in world.orders[-3:]
        if one.company is company and order.company is company
    ]
    return posted + drafts


def _invoice(one: Invoice) -> Row:
    return {
        "id": identity("invoice", one.company.code, one.voucher),
        "number": one.voucher,
        "orderNumber": one.order.number,
        "orderId": NO_ID,
        "vendorInvoiceNumber": one.number,
        "vendorNumber": one.order.vendor.number,
        "vendorName": one.order.vendor.name,
        "currencyCode": one.order.currency,
        "status": "Paid" if one.day % 3 == 0 else "Open",
        "invoiceDate": day(one.day),
        "postingDate": day(one.day),
        "dueDate": day(one.due),
        "lastModifiedDateTime": stamp(one.stamp),
    }


MAKERS: dict[str, Callable[[World, Company], list[Row]]] = {
    "companyInformation": _information,
    "currencyExchangeRates": _rates,
    "dimensions": _dimensions,
    "dimensionValues": _projects,
    "accounts": _accounts,
    "purchaseOrders": _orders,
    "generalLedgerEntries": _entries,
    "purchaseInvoices": _invoices,
}


# Books


def books(world: World) -> dict[str, list[Row]]:
    """All commitments that are shown or were at some time, and actuals. Of what is gone an outsider knows what it was
    when it was last looked at, so only its end and that nothing is open are told; totals are of open and actual."""
    totals: dict[tuple[str, str], dict[str, int]] = {}
    lines = [*world.lines(), *world.gone]
    commitments = [_told(one, totals) for one in lines if one.project is not None and not one.broken]
    actuals = [_posted(one, totals) for one in world.postings if is_posted(one) and one.project and one.kind != "WIP"]
    told = [
        {"project_nr": project, "currency": currency}
        | {name: decimal_text(amounts[name], currency) for name in ("open", "actual")}
        for (project, currency), amounts in sorted(totals.items())
    ]
    return {"commitments": commitments, "actuals": actuals, "totals": told}


def _told(line: Line, totals: dict[tuple[str, str], dict[str, int]]) -> Row:
    assert line.project is not None  # noqa: S101 - books has said so
    order, currency = line.order, line.order.currency
    gone = line not in visible(order)
    sign = 1 if line.quantity > 0 else -1
    rest = divide(line.amount * (line.quantity - line.invoiced) * sign, line.quantity * sign)
    open_amount = 0 if gone or rest * line.amount < 0 else rest
    counts = STATUS.get(order.approval, "Open") == "Open"
    if counts:
        add(totals, line.project.number, currency, {"open": open_amount})
    amounts = {"ordered": line.amount, "relieved": line.amount - rest, "open": open_amount}
    return {
        "source_key": f"{order.company.name}/{order.number}/{line.number * 10_000}",
        "company_code": order.company.name,
        "project_nr": line.project.number,
        "currency": currency,
        **{name: decimal_text(amount, currency) for name, amount in amounts.items()},
        "counts": counts,
        "gone": gone,
        "closed_reasons": _reasons(line) if gone else [None],
        "text": line.text,
    }


def _reasons(line: Line) -> list[str]:
    """Invoiced with its order. What was deleted by hand has vanished; once its order is gone too, nobody can tell it
    from the lines that were invoiced."""
    if not line.ended and line in line.order.lines:
        return ["invoiced"]
    told = not is_there(line.order) and any(one.invoices for one in line.order.lines)
    return ["vanished", *(["invoiced"] if told else [])]


def _posted(posting: Posting, totals: dict[tuple[str, str], dict[str, int]]) -> Row:
    assert posting.project is not None  # noqa: S101 - books has said so
    currency = posting.company.currency
    add(totals, posting.project.number, currency, {"actual": posting.amount})
    amount = decimal_text(posting.amount, currency)
    return {
        "source_key": f"{posting.company.name}/{posting.entry}",
        "company_code": posting.company.name,
        "project_nr": posting.project.number,
        "currency": currency,
        "amount": amount,
        "company_currency": currency,
        "company_amount": amount,
        "counts": True,
    }
