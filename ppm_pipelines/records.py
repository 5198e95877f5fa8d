"""What a commitment, an actual and a project are: fields and types, nothing else.

Belongs here: the facts every system delivers, in the Costbook's words. Does not belong here: how a source
names them (``adapters/``), how PostgreSQL stores them (``tables.py``), what is added up (``costbook.py``).

Money is ``Decimal``, signed, in the currency named beside it, rounded half up to that currency's minor units.
The names of the fields are the names of the columns. ``overlaid`` holds, by field and as JSON values, what the adapter
had made where lines of a field mapping lie over it, so that other lines can be laid over it without reading again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from msgspec import Struct, field

Entity = Literal["projects", "commitments", "actuals"]
ZERO = Decimal(0)

# ISO 4217, active currencies whose minor unit is not 2; every other code in ACTIVE has two digits.
_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_TWO = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW "
    "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF "
    "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
    "MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP "
    "SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER "
    "ZAR ZMW ZWG"
)
MINOR_UNITS: Mapping[str, int] = dict.fromkeys(_TWO.split(), 2) | {
    code: digits for digits, codes in _DIGITS.items() for code in codes.split()
}
_SMALLEST = {code: Decimal(1).scaleb(-digits) for code, digits in MINOR_UNITS.items()}


def known_currency(code: str) -> bool:
    """Whether ISO 4217 lists the code as active (DOMAIN "Facts and figures")."""
    return code in MINOR_UNITS


def rounded(amount: Decimal, currency: str) -> Decimal:
    """The amount rounded half up to the currency's minor units; raises KeyError for an unknown currency."""
    return amount.quantize(_SMALLEST[currency], rounding=ROUND_HALF_UP)


def shown(amount: Decimal, currency: str) -> Decimal:
    """The amount with its currency's digits; as it is where the currency is unknown."""
    return rounded(amount, currency) if currency in MINOR_UNITS else amount


class Project(Struct):
    source_key: str
    project_nr: str
    name: str = ""
    status: str = ""
    start_date: date | None = None
    end_date: date | None = None
    budget: Decimal | None = None
    currency: str | None = None
    company_code: str = ""
    custom_fields: dict[str, Any] = field(default_factory=dict)
    raw_stream: str = ""
    raw_key: str = ""
    overlaid: dict[str, Any] = field(default_factory=dict)


class WbsElement(Struct):
    """A node of a project's structure; ``internal_id`` is the source's own id where postings use that one."""

    source_key: str
    project_nr: str
    wbs_element: str
    internal_id: str = ""
    name: str = ""
    parent: str | None = None
    statistical: bool = False
    company_code: str = ""


class Commitment(Struct):
    """One account assignment of a purchase-order line (DOMAIN "Facts and figures").

    ``*_amount`` in ``currency``, ``company_*_amount`` in ``company_currency``. ``relieved_by`` says what relieves the
    line: ``receipt``, ``invoice`` or ``work`` (DOMAIN R2).
    ``source_closed`` says that the source itself closed the line: it then counts as ``closed``, not ``updated``.
    ``labour``: it is people's time, which another system may have too (DOMAIN R19).
    """

    source_key: str
    company_code: str
    project_nr: str
    po_number: str
    po_line_nr: str
    currency: str
    ordered_amount: Decimal
    relieved_amount: Decimal
    open_amount: Decimal
    company_currency: str
    company_ordered_amount: Decimal
    company_relieved_amount: Decimal
    company_open_amount: Decimal
    assignment_nr: str = "1"
    po_status: str = ""
    vendor: str = ""
    vendor_description: str = ""
    requester: str = ""
    po_date: date | None = None
    po_line_text: str = ""
    delivery_date: date | None = None
    cost_center: str | None = None
    wbs_element: str | None = None
    gl_account: str | None = None
    account_group_level1: str | None = None
    account_subgroup_level2: str | None = None
    account_level3: str | None = None
    contract_number: str | None = None
    purchase_requisition: str | None = None
    tax_amount: Decimal | None = None
    exchange_rate: Decimal | None = None
    exchange_rate_date: date | None = None
    relieved_by: str = ""
    counts: bool = True
    not_counted_reason: str | None = None
    changed_at: datetime | None = None
    closed_reason: str | None = None
    custom_fields: dict[str, Any] = field(default_factory=dict)
    raw_stream: str = ""
    raw_key: str = ""
    labour: bool = False
    overlaid: dict[str, Any] = field(default_factory=dict)


class Actual(Struct):
    """One posted journal line; ``amount`` is signed, debit positive, in ``currency``.

    ``labour``: it is people's time, which another system may have too (DOMAIN R19).
    """

    source_key: str
    company_code: str
    project_nr: str
    fi_doc_no: str
    fi_doc_line: str
    posting_date: date
    currency: str
    amount: Decimal
    company_currency: str
    company_amount: Decimal
    fiscal_year: str = ""
    fiscal_period: str = ""
    ledger: str = ""
    document_type: str = ""
    po_no: str | None = None
    po_line_no: str | None = None
    vendor: str = ""
    vendor_description: str = ""
    vendor_invoice_no: str | None = None
    document_date: date | None = None
    gl_account: str | None = None
    cost_center: str | None = None
    wbs_element: str | None = None
    item_text: str = ""
    quantity: Decimal | None = None
    unit: str | None = None
    net_due_date: date | None = None
    status: str = "posted"
    reversal_of: str | None = None
    tax_amount: Decimal | None = None
    retained_amount: Decimal | None = None
    counts: bool = True
    not_counted_reason: str | None = None
    removed_reason: str | None = None
    custom_fields: dict[str, Any] = field(default_factory=dict)
    raw_stream: str = ""
    raw_key: str = ""
    labour: bool = False
    overlaid: dict[str, Any] = field(default_factory=dict)


class Rejection(Struct):
    """A record that can't be used, whole, with its reason as a sentence (DOMAIN R17).

    ``code`` is stable for programs: unknown_project, unknown_wbs, no_project (the record names none at all),
    unknown_currency, bad_amount, bad_date, missing_field, contradiction, no_rate (hours that nobody has priced, hence
    without an amount), other_currency (a rate that can't be converted into the company's currency), mapping (a
    confirmed field mapping does not give what is required). ``amount`` is what was ordered or posted, ``open_amount``
    what of an order is still open as far as that can be told: it is missing from the project's open amount while the
    record waits. ``cost_center`` is told where its configuration is the cause.
    """

    source_key: str
    code: str
    field: str
    reason: str
    raw: Mapping[str, Any]
    amount: Decimal | None = None
    currency: str | None = None
    project_nr: str | None = None
    open_amount: Decimal | None = None
    company_code: str = ""
    cost_center: str | None = None
    raw_stream: str = ""
    raw_key: str = ""


class Skipped(Struct):
    """A record out of scope (no project, archived); counted and summed, never stored."""

    source_key: str
    reason: str
    amount: Decimal | None = None
    currency: str | None = None


class Deleted(Struct):
    """The source says that it has this record no more (its own list of deletions, not its absence).

    A commitment then counts as cancelled, an actual leaves the sums (DOMAIN "What counts"). ``whole``: the key is the
    first part of those of all lines of a document, and all of them are deleted. Counted as closed where the key is
    known, else as skipped.
    """

    source_key: str
    whole: bool = False


Record = Project | WbsElement | Commitment | Actual
Mapped = Project | Commitment | Actual  # what field mappings overlay
Outcome = Record | Rejection | Skipped | Deleted


class Raw(Struct):
    """What the source delivered about one thing, whole and as JSON values: all that its outcomes were made from.

    Facts and rejections name it by ``raw_stream`` and ``raw_key``. One raw record may have several outcomes (an order
    line and its account assignments); whoever has it can make them again without asking the source.
    """

    stream: str
    key: str
    record: Mapping[str, Any]


class Page(Struct):
    """What one answer of a source became. ``entity`` names the table of every outcome in it, rejected ones too."""

    entity: Literal["projects", "wbs_elements", "commitments", "actuals"]
    outcomes: list[Outcome]
    raws: list[Raw] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ControlTotal:
    """What the source itself reports for one cut, by a second, cheaper road.

    ``figure`` names what is summed: of actuals ``amount`` and, the same in company currency, ``company``; of
    commitments ``ordered``, ``relieved`` or, of the lines that receipts or invoices alone relieve, ``relieved:receipt``
    and ``relieved:invoice``; ``rows`` tells rows and no money, with no project. ``period`` is ``2026/003``, or ``""``
    for a sum over all periods.
    """

    entity: Entity
    project_nr: str
    currency: str
    period: str
    rows: int
    amount: Decimal
    figure: str = "amount"
