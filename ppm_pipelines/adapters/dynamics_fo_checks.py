"""Testing a connection to Finance & Operations: every entity, and what the application silently does not see.

Belongs here: the checks and their sentences. Does not belong here: reading for a sync (``dynamics_fo``).
"""

from __future__ import annotations

from collections.abc import Iterator

from ppm_pipelines.adapters import dynamics_checks
from ppm_pipelines.adapters.base import Check
from ppm_pipelines.adapters.checks import Gap
from ppm_pipelines.adapters.dynamics_checks import left_out, surprising, told
from ppm_pipelines.adapters.dynamics_fo_streams import (
    BI_LINES,
    COST,
    HEADERS,
    INVOICE_LINES,
    INVOICES,
    LEDGERS,
    LINES,
    POSTINGS,
    PROJECTS,
    RATES,
)
from ppm_pipelines.adapters.dynamics_reader import Reader
from ppm_pipelines.adapters.fields import text
from ppm_pipelines.adapters.odata import any_of


def checks(reader: Reader, companies: str) -> Iterator[Check]:
    """``companies`` is the filter of the configured ones. Raises nothing."""
    return dynamics_checks.checks(
        reader,
        lambda: reader.client.get(LEDGERS.path, {"$top": "1", "$select": "LegalEntityId"}),
        {
            "projects": lambda: _projects(reader, companies),
            "commitments": lambda: _orders(reader, companies),
            "invoices": lambda: _open_amounts(reader, companies),
            "actuals": lambda: _postings(reader, companies),
        },
    )


def _projects(reader: Reader, companies: str) -> str:
    found = reader.count(PROJECTS, companies)
    if not found:
        raise Gap("No project is readable. Without projects nothing can be assigned: grant the application projects.")
    known = {text(row.get("LegalEntityId")).lower() for row in reader.rows(LEDGERS)}
    if unknown := sorted(set(reader.settings.companies) - known):
        raise Gap(f"{found:,} projects readable, but there is no legal entity {', '.join(unknown)}. Correct the list.")
    said = f"{found:,} projects readable."
    return told(said, left_out(reader, LEDGERS, PROJECTS))


def _orders(reader: Reader, companies: str) -> str:
    without = left_out(reader, HEADERS, LINES)
    found = reader.count(LINES, companies)
    chosen = reader.settings.companies
    unseen = [code for code in chosen if not reader.count(LINES, any_of("dataAreaId", [code]))]
    sentences = [f"None of company {', '.join(unseen)}."] if unseen else []
    said = f"{found:,} purchase order lines readable."
    return told(said, sentences, surprising(0 if unseen else found), without, _rates(reader))


def _rates(reader: Reader) -> list[str]:
    sentences: list[str] = []
    if not (reader.has(RATES) and reader.count(RATES)):
        sentences.append(
            "No exchange rate (ExchangeRates) is readable: orders in a foreign currency wait in quarantine until the "
            "entity is public and granted."
        )
    return sentences


def _open_amounts(reader: Reader, companies: str) -> str:
    if reader.has(BI_LINES):
        said = f"{reader.count(BI_LINES, companies):,} remaining quantities readable."
        return told(said, left_out(reader, BI_LINES), _cancelled(reader, companies))
    if reader.has(INVOICE_LINES):
        found = reader.count(INVOICE_LINES, companies)
        said = f"{found:,} vendor invoice lines readable; what is open is told by them."
        return told(said, left_out(reader, INVOICE_LINES))
    raise Gap(
        "Neither remaining quantities (PurchLineBiEntities) nor vendor invoice lines (VendInvoiceTransBiEntities) are "
        "public, so what is open can't be told. Ask the administrator to make one of them public."
    )


def _cancelled(reader: Reader, companies: str) -> list[str]:
    """The right to invoice lines is needed beside remaining quantities too."""
    sentences: list[str] = []
    if reader.has(INVOICE_LINES):
        reader.count(INVOICE_LINES, companies)
        return left_out(reader, INVOICE_LINES)
    sentences.append(
        "Vendor invoice lines (VendInvoiceTransBiEntities) are not public: what cancelled lines had relieved is told "
        "by their postings, and in a foreign currency those lines wait in quarantine."
    )
    return sentences


def _postings(reader: Reader, companies: str) -> str:
    found = reader.count(POSTINGS, COST, companies)
    said = f"{found:,} cost postings of projects readable."
    return told(said, surprising(found), left_out(reader, POSTINGS), _invoices(reader, companies))


def _invoices(reader: Reader, companies: str) -> list[str]:
    sentences: list[str] = []
    if reader.has(INVOICES):
        reader.count(INVOICES, companies)
        return left_out(reader, INVOICES)
    sentences.append(
        "Vendor invoices (VendInvoiceJourBiEntities) are not public: vendor, invoice number and due date of actuals "
        "stay empty."
    )
    return sentences
