"""Rows of Business Central become projects, commitments and actuals.

Belongs here: raw records and what their fields mean. Does not belong here: reading (``dynamics_bc``), what the
products share (``dynamics_rows``). Pure functions. Amounts of an order are in its currency, of an entry in the
company's own (LCY). The project is the value of the configured dimension: standard lines name no other one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from ppm_pipelines.adapters.base import Row
from ppm_pipelines.adapters.dynamics_bc_streams import DIMENSIONS, LINES
from ppm_pipelines.adapters.dynamics_rows import DYNAMICS, Directory, Figures, delivered, towards_zero
from ppm_pipelines.adapters.fields import Sparse, Unusable, rejected, text
from ppm_pipelines.adapters.fields import currency as known
from ppm_pipelines.adapters.odata import nested
from ppm_pipelines.records import ZERO, Actual, Commitment, Outcome, Project, Raw, Skipped, rounded

ORDERS, ACTUALS, PROJECTS = "bc_order_lines", "bc_ledger_entries", "bc_projects"
ONE = Decimal(1)
COST = ("Expense", "Cost of Goods Sold")
NOT_POSTED = ("Draft", "In Review")
_UNRELEASED = ("Draft", "In Review")
_ENCODED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def told(value: Any) -> str:
    """An enumeration's value, which may come encoded for XML: ``In_x0020_Progress``; blank is ``_x0020_``."""
    return _ENCODED.sub(lambda match: chr(int(match[1], 16)), text(value)).strip()


# Keys: numbers repeat between companies


def order_key(company: str, order: Row) -> str:
    return f"{company}/{text(order.get('number'))}"


def line_key(company: str, order: Row, line: Row) -> str:
    """``CRONUS US/108001/10000``"""
    return f"{order_key(company, order)}/{text(line.get('sequence'))}"


def of_dimension(row: Row, code: str) -> str:
    """The value of a dimension; one row of a set per code, whatever the case."""
    wanted = code.upper()
    return next((text(one.get("valueCode")) for one in nested(row, DIMENSIONS) if _code(one).upper() == wanted), "")


def _plain(row: Row) -> dict[str, Any]:
    """The row as it was delivered, its dimensions in the order of their codes."""
    made = delivered(row)
    made.pop(LINES, None)
    if DIMENSIONS in made:
        made[DIMENSIONS] = sorted(map(delivered, nested(row, DIMENSIONS)), key=_code)
    return made


def _code(one: Row) -> str:
    return text(one.get("code"))


# Which part of a raw record has dimensions, by entity.
DIMENSIONED = {"commitments": "line", "actuals": "entry"}


def with_dimensions(record: Row) -> Row:
    """The raw record with the dimensions of its line or entry by their codes; one without a value is empty."""
    part = "line" if "line" in record else "entry"
    named = Sparse(_dimensions(record[part]).get("dimensions", {}))
    return {**record, part: {**record[part], "dimensions": named}}


# Projects


def project(raw: Raw, directory: Directory) -> Iterator[Outcome]:
    row, company = raw.record, text(raw.record.get("company"))
    number = text(row.get("code"))
    if not number:
        yield rejected(raw, Unusable("missing_field", "code", "A project without a number."), None, "", company)
        return
    directory.projects.add((company, number))
    name, currency = text(row.get("displayName")), text(row.get("currency")) or None
    yield Project(raw.key, number, name, currency=currency, company_code=company)


def raw_project(company: str, currency: str, row: Row) -> Raw:
    record = {**delivered(row), "company": company, "currency": currency}
    return Raw(PROJECTS, f"{company}/{text(row.get('code'))}", record)


# Order lines


def raw_lines(company: str, currency: str, rate: Row | None, dimension: str, order: Row) -> Iterator[Raw]:
    """One raw record per line: all that its commitment is made from."""
    header = _plain(order)
    for line in nested(order, LINES):
        record = {
            "company": company,
            "currency": currency,
            "rate": delivered(rate) if rate else None,
            "dimension": dimension,
            "order": header,
            "line": _plain(line),
        }
        yield Raw(ORDERS, line_key(company, order, line), record)


def commitment(raw: Raw, directory: Directory) -> Iterator[Outcome]:
    record = raw.record
    order, line, company = record["order"], record["line"], record["company"]
    amount, currency = DYNAMICS.amount_or_none(line.get("netAmount")), text(order.get("currencyCode"))
    if told(line.get("lineType")) == "Comment":
        yield Skipped(raw.key, "comment")
        return
    number = of_dimension(line, record["dimension"])
    if not number:
        yield Skipped(raw.key, "no project", amount, currency)
        return
    try:
        yield _commitment(raw, directory.project(company, number, DIMENSIONS))
    except Unusable as error:
        yield rejected(raw, error, amount, currency, company, number, _open_or_none(line, currency))


def line_figures(line: Row, currency: str) -> Figures:
    """By invoiced quantity at the line's price; nothing is open without a quantity (dynamics.md, section 5)."""
    amount = rounded(DYNAMICS.amount(line, "netAmount"), currency)
    quantity, invoiced = DYNAMICS.number(line, "quantity") or ZERO, DYNAMICS.number(line, "invoicedQuantity") or ZERO
    rest = rounded(amount * (quantity - invoiced) / quantity, currency) if quantity else ZERO
    return Figures(amount, amount - rest, towards_zero(rest, amount))


def _open_or_none(line: Row, currency: str) -> Decimal | None:
    try:
        return line_figures(line, known(currency, "currencyCode")).open
    except Unusable:
        return None


def _commitment(raw: Raw, project_nr: str) -> Commitment:
    record = raw.record
    order, line = record["order"], record["line"]
    currency = known(text(order.get("currencyCode")), "currencyCode")
    money = line_figures(line, currency)
    company_currency, rate = _rate(record, currency)
    mine = money.to(company_currency, rate)
    status = told(order.get("status"))
    not_counted = "unreleased" if status in _UNRELEASED else None
    return Commitment(
        source_key=raw.key,
        company_code=record["company"],
        project_nr=project_nr,
        po_number=text(order.get("number")),
        po_line_nr=text(line.get("sequence")),
        currency=currency,
        ordered_amount=money.ordered,
        relieved_amount=money.relieved,
        open_amount=money.open,
        company_currency=company_currency,
        company_ordered_amount=mine.ordered,
        company_relieved_amount=mine.relieved,
        company_open_amount=mine.open,
        po_status=f"{status} received" if order.get("fullyReceived") is True else status,
        vendor=text(order.get("vendorNumber")),
        vendor_description=text(order.get("vendorName")),
        requester=text(order.get("purchaser")),
        po_date=DYNAMICS.day(order, "orderDate"),
        po_line_text=text(line.get("description")),
        delivery_date=DYNAMICS.day(line, "expectedReceiptDate") or DYNAMICS.day(order, "requestedReceiptDate"),
        gl_account=text(line.get("lineObjectNumber")) or None if told(line.get("lineType")) == "Account" else None,
        exchange_rate=None if currency == company_currency else rate,
        exchange_rate_date=DYNAMICS.day(record["rate"], "startingDate") if record["rate"] else None,
        relieved_by="invoice",
        counts=not_counted is None,
        not_counted_reason=not_counted,
        changed_at=DYNAMICS.moment(order, "lastModifiedDateTime"),
        custom_fields=_dimensions(line),
        raw_stream=raw.stream,
        raw_key=raw.key,
    )


def _dimensions(row: Row) -> dict[str, Any]:
    named = {_code(one): text(one.get("valueCode")) for one in nested(row, DIMENSIONS)}
    return {"dimensions": named} if named else {}


def _rate(record: Mapping[str, Any], currency: str) -> tuple[str, Decimal]:
    """The company's currency and what one of the order's is worth in it. Raises Unusable."""
    own, quoted = known(text(record["currency"]), "currencyCode"), record["rate"]
    if own == currency:
        return own, ONE
    if quoted is None:
        reason = f"The order is in {currency}, and Dynamics tells no exchange rate to {own} for its day."
        raise Unusable("missing_field", "currencyCode", reason)
    if text(quoted.get("relationalCurrencyCode")) not in ("", own):
        reason = f"The exchange rate of {currency} is quoted in another currency than {own}. Quote it in {own}."
        raise Unusable("bad_amount", "relationalCurrencyCode", reason)
    base, worth = DYNAMICS.amount(quoted, "exchangeRateAmount"), DYNAMICS.amount(quoted, "relationalExchangeRateAmount")
    if base <= 0 or worth <= 0:
        reason = "The exchange rate of the order is not above zero."
        raise Unusable("bad_amount", "relationalExchangeRateAmount", reason)
    return own, worth / base


# Ledger entries


def raw_entry(
    company: str, currency: str, category: str | None, dimension: str, entry: Row, invoice: Row | None
) -> Raw:
    """The entry with its account's category and the posted invoice of its document."""
    record = {
        "company": company,
        "currency": currency,
        "category": category,
        "dimension": dimension,
        "entry": _plain(entry),
        "invoice": delivered(invoice) if invoice else None,
    }
    return Raw(ACTUALS, f"{company}/{text(entry.get('entryNumber'))}", record)


def actual(raw: Raw, directory: Directory) -> Iterator[Outcome]:
    record = raw.record
    entry, company, currency = record["entry"], record["company"], text(record["currency"])
    amount, number = _amount_or_none(entry), of_dimension(entry, record["dimension"])
    if not number:
        yield Skipped(raw.key, "no project", amount, currency)
        return
    category = told(record["category"])
    if category and category not in COST:
        yield Skipped(raw.key, "no cost", amount, currency)
        return
    try:
        if not category:
            account = text(entry.get("accountNumber"))
            reason = f"The account {account} has no category, so nobody can tell whether it is cost. Enter one."
            raise Unusable("missing_field", "accountNumber", reason)
        yield _actual(raw, directory.project(company, number, DIMENSIONS))
    except Unusable as error:
        yield rejected(raw, error, amount, currency, company, number)


def _amount_or_none(entry: Row) -> Decimal | None:
    debit, credit = (DYNAMICS.amount_or_none(entry.get(name)) for name in ("debitAmount", "creditAmount"))
    return None if debit is None and credit is None else (debit or ZERO) - (credit or ZERO)


def _actual(raw: Raw, project_nr: str) -> Actual:
    record = raw.record
    entry, invoice = record["entry"], record["invoice"] or {}
    currency = known(text(record["currency"]), "currencyCode")
    amount = rounded(DYNAMICS.amount(entry, "debitAmount") - DYNAMICS.amount(entry, "creditAmount"), currency)
    posted = DYNAMICS.day(entry, "postingDate")
    if posted is None:
        raise Unusable("missing_field", "postingDate", "A posting without a date.")
    return Actual(
        source_key=raw.key,
        company_code=record["company"],
        project_nr=project_nr,
        fi_doc_no=text(entry.get("documentNumber")),
        fi_doc_line=text(entry.get("entryNumber")),
        posting_date=posted,
        currency=currency,
        amount=amount,
        company_currency=currency,
        company_amount=amount,
        fiscal_year=f"{posted.year:04d}",
        fiscal_period=f"{posted.month:03d}",
        document_type=told(entry.get("documentType")),
        po_no=text(invoice.get("orderNumber")) or None,
        vendor=text(invoice.get("vendorNumber")),
        vendor_description=text(invoice.get("vendorName")),
        vendor_invoice_no=text(invoice.get("vendorInvoiceNumber")) or None,
        document_date=DYNAMICS.day(invoice, "invoiceDate"),
        gl_account=text(entry.get("accountNumber")) or None,
        item_text=text(entry.get("description")),
        net_due_date=DYNAMICS.day(invoice, "dueDate"),
        status="cleared" if told(invoice.get("status")) == "Paid" else "posted",
        custom_fields=_dimensions(entry),
        raw_stream=raw.stream,
        raw_key=raw.key,
    )


def is_posted(invoice: Row) -> bool:
    return told(invoice.get("status")) not in NOT_POSTED


def invoiced_orders(invoices: Iterable[Row]) -> set[str]:
    return {text(one.get("orderNumber")) for one in invoices if is_posted(one)} - {""}


def order_of(key: str) -> str:
    """``CRONUS US/108001`` of ``CRONUS US/108001/10000``"""
    return key.rpartition("/")[0]
