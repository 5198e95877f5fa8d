"""NetSuite's rows become projects, commitments and actuals: what the columns mean.

Belongs here: the judgement of a raw record, as pure functions. Does not belong here: queries (``netsuite_streams``),
reading (``netsuite``). The rules are netsuite.md's and DOMAIN's: open by billed quantity or posted bills, relieved =
ordered - open; actuals are ledger lines on accounts of a cost type, debit positive.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from ppm_pipelines.adapters import suiteql
from ppm_pipelines.adapters.base import Row
from ppm_pipelines.adapters.fields import Fields, Unreadable, Unusable, currency, names_that, number, rejected, text
from ppm_pipelines.adapters.suiteql import yes
from ppm_pipelines.records import (
    ZERO,
    Actual,
    Commitment,
    Outcome,
    Project,
    Raw,
    Rejection,
    Skipped,
    known_currency,
    rounded,
)

ORDERS, LEDGER, PROJECTS = "orders", "ledger", "projects"
PENDING, REJECTED, BILLED, CLOSED = "A", "C", "G", "H"
# Letters of a purchase order's status; they come bare or as ``PurchOrd:B``.
ORDER_STATUS = {
    "A": "pending approval",
    "B": "pending receipt",
    "C": "rejected",
    "D": "partially received",
    "E": "pending billing/partially received",
    "F": "pending bill",
    "G": "fully billed",
    "H": "closed",
}
BILL, PAID = "VendBill", "B"
WITH_VENDORS_NUMBER = (BILL, "VendCred")
_OWN = re.compile(r"cust(?:body|col|entity)_?[a-z0-9_]+", re.ASCII)
MOST_DIGITS = 15  # before the point; no amount of anybody has more


@dataclass(slots=True)
class Directory:
    """What rows are judged by: projects by their internal number, and NetSuite's time zone.

    ``linked`` are numbers that people linked to a Costbook project although NetSuite lists no such project.
    """

    zone: ZoneInfo
    projects: dict[str, str] = field(default_factory=dict)  # internal number -> number that people know
    linked: frozenset[str] = frozenset()

    def project_nr(self, row: Row) -> str | None:
        """The project of a line; None where its column is empty or holds a plain customer, a vendor or an employee.

        Raises Unusable for what is neither: a project that the role may not see must not pass for no project.
        """
        told = text(row.get("project_id"))
        if not told or told in self.projects:
            return self.projects.get(told)
        if told in self.linked:
            return told
        if told in (text(row.get("customer_id")), text(row.get("line_vendor_id")), text(row.get("vendor_id"))):
            return None
        raise Unusable(
            "unknown_project",
            "entity",
            f"The project with the internal ID {told} is not among NetSuite's projects. Check it there, and the role's "
            "right to view projects, or link it to a project of the Costbook.",
            told,
        )


# Raw records


def raw_project(row: Row) -> Raw:
    return Raw(PROJECTS, text(row.get("id")), dict(row))


def order_key(row: Row) -> str:
    """``<transaction>/<line>``: not the line's place in the form, nor its unique key (netsuite.md, trap 2)."""
    return f"{text(row.get('tran_id'))}/{text(row.get('line_id'))}"


def raw_order(row: Row, bills: Iterable[Row], late: Decimal | None) -> Raw:
    """The line with the bill lines that took from it; ``late`` is the quantity of it that was billed after the cut, and
    None where nothing of its whole order was."""
    record = {**row, "bills": [dict(bill) for bill in bills]}
    if late is not None:
        record["late_quantity"] = str(late)
    return Raw(ORDERS, order_key(row), record)


def ledger_key(row: Row) -> str:
    """``<transaction>/<line>/<book>``; the number on a bill is its vendor's own and repeats (netsuite.md, trap 3)."""
    return f"{order_key(row)}/{text(row.get('book'))}"


def raw_posting(row: Row, orders: Iterable[Row]) -> Raw:
    """The line with the order lines that it bills."""
    return Raw(LEDGER, ledger_key(row), {**row, "orders": [dict(order) for order in orders]})


# Projects


def project(raw: Raw, directory: Directory) -> Iterator[Outcome]:
    row, nr = raw.record, text(raw.record.get("entityid"))
    company = text(row.get("subsidiary"))
    try:
        if not nr:
            raise Unusable("missing_field", "entityid", "A project without a number. Correct it in NetSuite.")
        directory.projects[raw.key] = nr
        currency = text(row.get("company_currency")) or text(row.get("currency_symbol"))
        budget = NETSUITE.number(row, "estimatedcost")
        yield Project(
            source_key=raw.key,
            project_nr=nr,
            name=text(row.get("companyname")),
            status="inactive" if yes(row.get("isinactive")) else text(row.get("status")),
            start_date=NETSUITE.day(row, "startdate"),
            end_date=_first_day(row, "scheduledenddate", "projectedenddate", "enddate"),
            budget=rounded(budget, currency) if budget is not None and known_currency(currency) else None,
            currency=currency or None,
            company_code=company,
            custom_fields=_own(row),
        )
    except Unusable as error:
        yield Rejection(
            raw.key, error.code, error.field, error.reason, row, project_nr=nr or None, company_code=company,
            raw_stream=raw.stream, raw_key=raw.key,
        )  # fmt: skip


# Commitments


def commitment(raw: Raw, directory: Directory) -> Iterator[Outcome]:
    row = raw.record
    amount, project_nr = NETSUITE.amount_or_none(row.get("foreignamount")), None
    try:
        project_nr = directory.project_nr(row)
        if project_nr is None:
            yield Skipped(raw.key, "no project", amount, text(row.get("currency_symbol")))
            return
        yield _commitment(raw, directory, project_nr)
    except Unusable as error:
        yield _rejected(raw, error, amount, project_nr, _open_or_none(row))


def status_letter(row: Row) -> str:
    """``B`` from ``B`` or ``PurchOrd:B``: the wrong form matches nothing and raises no error."""
    return text(row.get("status")).rpartition(":")[2]


def open_amount(row: Row) -> Decimal:
    """What of a line is still open, by NetSuite's own quantities or by its posted bills (netsuite.md, section 1).

    Never past zero to the other side; negative lines come towards zero from below. Raises Unusable.
    """
    ordered, letter = _ordered(row), status_letter(row)
    # The status is of now: a bill after the cut, whose posting is not read yet either, may have made it "fully billed".
    billed = letter == BILLED and "late_quantity" not in row
    if yes(row.get("isclosed")) or letter in (REJECTED, CLOSED) or billed:
        return ZERO
    quantity = NETSUITE.number(row, "quantity")
    if quantity:
        return ordered * _share_to_bill(row, quantity)
    rest = ordered - sum((_billed(row, bill) for bill in _bills(row)), ZERO)
    return ZERO if not ordered or (rest < 0) != (ordered < 0) else rest


def _share_to_bill(row: Row, quantity: Decimal) -> Decimal:
    """(quantity - billed) / quantity, not below zero; what was billed after the cut is not billed yet."""
    billed = (NETSUITE.number(row, "quantitybilled") or ZERO) - (NETSUITE.number(row, "late_quantity") or ZERO)
    return max(ZERO, (quantity - billed) / quantity)


def _bills(row: Row) -> Sequence[Row]:
    """Posted ones only: a bill that waits for approval relieves nothing, nor does a voided one."""
    return [bill for bill in row.get("bills") or () if yes(bill.get("posting")) and not yes(bill.get("voided"))]


def _billed(row: Row, bill: Row) -> Decimal:
    if text(bill.get("currency")) != text(row.get("currency")):
        raise Unusable(
            "unknown_currency",
            "currency",
            f"The bill {text(bill.get('bill_id'))} is in another currency than its order.",
        )
    return NETSUITE.number(bill, "foreignamount") or ZERO


def _ordered(row: Row) -> Decimal:
    amount = NETSUITE.number(row, "foreignamount")
    if amount is None:
        raise Unusable("bad_amount", "foreignamount", "An order line without an amount. Correct it in NetSuite.")
    return amount


def _open_or_none(row: Row) -> Decimal | None:
    try:
        return open_amount(row)
    except Unusable:
        return None


def _commitment(raw: Raw, directory: Directory, project_nr: str) -> Commitment:
    row, letter = raw.record, status_letter(raw.record)
    currency, company_currency = _currency(row, "currency_symbol"), _currency(row, "company_currency")
    rate = _rate(row, currency, company_currency)
    ordered, still_open = rounded(_ordered(row), currency), rounded(open_amount(row), currency)
    not_counted = {PENDING: "unreleased", REJECTED: "rejected"}.get(letter)
    company_ordered, company_open = (rounded(amount * rate, company_currency) for amount in (ordered, still_open))
    return Commitment(
        source_key=raw.key,
        company_code=text(row.get("subsidiary")),
        project_nr=project_nr,
        po_number=text(row.get("tranid")) or text(row.get("tran_id")),
        po_line_nr=text(row.get("line_id")),
        currency=currency,
        ordered_amount=ordered,
        relieved_amount=ordered - still_open,
        open_amount=still_open,
        company_currency=company_currency,
        company_ordered_amount=company_ordered,
        company_relieved_amount=company_ordered - company_open,
        company_open_amount=company_open,
        po_status=ORDER_STATUS.get(letter, letter),
        vendor=text(row.get("vendor_id")),
        vendor_description=text(row.get("vendor_name")),
        requester=text(row.get("requester")),
        po_date=NETSUITE.day(row, "po_date"),
        po_line_text=text(row.get("memo")) or text(row.get("item")),
        delivery_date=_first_day(row, "expectedreceiptdate", "due"),
        cost_center=text(row.get("department")) or None,
        gl_account=text(row.get("acctnumber")) or None,
        exchange_rate=rate if company_currency != currency else None,
        relieved_by="invoice",
        counts=not_counted is None,
        not_counted_reason=not_counted,
        changed_at=max((m for m in (_moment(row, n, directory.zone) for n in ("t_mod", "l_mod")) if m), default=None),
        closed_reason="completed" if letter == CLOSED or yes(row.get("isclosed")) else None,
        custom_fields=_custom(row, "class", "item", "quantityshiprecv", "linesequencenumber") | _own(row),
        raw_stream=raw.stream,
        raw_key=raw.key,
    )


def _rate(row: Row, currency: str, company_currency: str) -> Decimal:
    """From the order's currency to the company's; an order is not posted, so it has no amount of its own there."""
    if currency == company_currency:
        return Decimal(1)
    rate = NETSUITE.number(row, "exchangerate")
    if not rate or rate < 0:
        raise Unusable(
            "missing_field", "exchangerate", f"The order is in {currency}, and NetSuite tells no exchange rate."
        )
    return rate


# Actuals


def actual(raw: Raw, directory: Directory) -> Iterator[Outcome]:
    row = raw.record
    amount, project_nr = NETSUITE.amount_or_none(row.get("foreignamount")), None
    try:
        project_nr = directory.project_nr(row)
        if project_nr is None or _nothing_posted(row):
            why = "no project" if project_nr is None else "no amount"
            yield Skipped(raw.key, why, amount, text(row.get("currency_symbol")))
            return
        yield _actual(raw, project_nr)
    except Unusable as error:
        yield _rejected(raw, error, amount, project_nr, None)


def _nothing_posted(row: Row) -> bool:
    """NetSuite keeps ledger rows without any amount, as of lines with a description only."""
    return not (text(row.get("amount")) or text(row.get("foreignamount")))


def _actual(raw: Raw, project_nr: str) -> Actual:
    row, kind = raw.record, text(raw.record.get("type"))
    currency, company_currency = _currency(row, "currency_symbol"), _currency(row, "company_currency")
    amount, company_amount = _posted(row)
    posted = NETSUITE.day(row, "trandate")
    if posted is None:
        raise Unusable("missing_field", "trandate", "A ledger line without a date. Correct it in NetSuite.")
    period = NETSUITE.day(row, "period_start") or posted
    orders: Sequence[Row] = row.get("orders") or ()
    return Actual(
        source_key=raw.key,
        company_code=text(row.get("subsidiary")),
        project_nr=project_nr,
        fi_doc_no=text(row.get("transactionnumber")) or text(row.get("tran_id")),
        fi_doc_line=text(row.get("line_id")),
        posting_date=posted,
        currency=currency,
        amount=rounded(amount, currency),
        company_currency=company_currency,
        company_amount=rounded(company_amount, company_currency),
        fiscal_year=f"{period.year:04d}",
        fiscal_period=f"{period.month:03d}",
        ledger=text(row.get("book")),
        document_type=kind,
        po_no=next((text(one.get("tranid")) or text(one.get("order_id")) for one in orders), None),
        po_line_no=next((text(one.get("order_line")) for one in orders), None),
        vendor=text(row.get("vendor_id")),
        vendor_description=text(row.get("vendor_name")),
        vendor_invoice_no=(text(row.get("tranid")) or None) if kind in WITH_VENDORS_NUMBER else None,
        document_date=posted,
        gl_account=text(row.get("acctnumber")) or text(row.get("account_id")) or None,
        cost_center=text(row.get("department")) or None,
        item_text=text(row.get("memo")),
        quantity=NETSUITE.number(row, "quantity"),
        net_due_date=NETSUITE.day(row, "due"),
        status=_posting_status(row, kind),
        reversal_of=(text(row.get("reversal")) or None) if yes(row.get("isreversal")) else None,
        custom_fields=_custom(row, "class", "accttype", "periodname") | _own(row),
        raw_stream=raw.stream,
        raw_key=raw.key,
    )


def _posted(row: Row) -> tuple[Decimal, Decimal]:
    """In the document's and in the company's currency; the ledger's debit and credit decide the sign of both."""
    amount, company = NETSUITE.number(row, "foreignamount"), NETSUITE.number(row, "amount")
    if amount is None or company is None:
        missing = "foreignamount" if amount is None else "amount"
        raise Unusable("bad_amount", missing, "A ledger line without an amount. Correct it in NetSuite.")
    if company == 0:  # a voided document keeps its lines and posts nothing; otherwise it was too little to convert
        return (ZERO if yes(row.get("voided")) else amount), company
    return abs(amount).copy_sign(company), company


def _posting_status(row: Row, kind: str) -> str:
    if yes(row.get("isreversal")):
        return "reversal"
    if text(row.get("reversal")) or yes(row.get("voided")):
        return "reversed"
    return "cleared" if kind == BILL and status_letter(row) == PAID else "posted"


# Columns


def _exact(value: Any) -> Decimal | None:
    """Values come as texts, whatever they are (netsuite.md, section 5)."""
    found = number(value)
    if found and found.adjusted() > MOST_DIGITS:
        raise Unreadable(f"“{text(value)[:40]}” is no number")
    return found


NETSUITE = Fields("NetSuite", suiteql.day, partial(suiteql.moment, zone=ZoneInfo("UTC")), _exact)


def _moment(row: Row, name: str, zone: ZoneInfo) -> datetime | None:
    return NETSUITE.read(partial(suiteql.moment, zone=zone), "bad_date", row, name)


def _currency(row: Row, name: str) -> str:
    return currency(text(row.get(name)), name)


def _first_day(row: Row, *names: str) -> date | None:
    return next((found for name in names if (found := NETSUITE.day(row, name))), None)


def _custom(row: Row, *names: str) -> dict[str, str]:
    return {name: told for name in names if (told := text(row.get(name)))}


def is_custom(name: str) -> bool:
    """The customer's own column of a transaction, of its lines or of a project."""
    return _OWN.fullmatch(name) is not None


def _own(row: Row) -> dict[str, str]:
    return {name: told for name in _own_names(row) if (told := text(row[name]))}


_own_names = names_that(is_custom)


def _rejected(
    raw: Raw, error: Unusable, amount: Decimal | None, project_nr: str | None, still_open: Decimal | None
) -> Rejection:
    row = raw.record
    company = text(row.get("subsidiary"))
    return rejected(raw, error, amount, text(row.get("currency_symbol")), company, project_nr, still_open)
