"""Testing a connection to Finance & Operations: every entity, and what the application silently does not see.

Belongs here: the checks and their sentences. Does not belong here: reading for a sync (``dynamics_fo``).
"""

from __future__ import annotations

from collections.abc import Iterator

from ppm_pipelines.adapters import dynamics_checks
from ppm_pipelines.adapters.base import Check
from ppm_pipelines.adapters.checks import Gap
from ppm_pipelines.adapters.dynamics_checks import HIDDEN
from ppm_pipelines.adapters.dynamics_fo_streams import (
    BI_LINES,
    COST,
    HEADERS,
    INVOICE_LINES,
    LEDGERS,
    LINES,
    POSTINGS,
    PROJECTS,
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
    return f"{found:,} projects readable."


def _orders(reader: Reader, companies: str) -> str:
    """A field that is needed and missing is told here and not in the night."""
    for stream in (HEADERS, LINES):
        reader.fields(stream)
    found = reader.count(LINES, companies)
    chosen = reader.settings.companies
    unseen = [code for code in chosen if not reader.count(LINES, any_of("dataAreaId", [code]))]
    hint = f" None of company {', '.join(unseen)}." if unseen else ""
    return f"{found:,} purchase order lines readable.{hint}{HIDDEN if unseen or not found else ''}"


def _open_amounts(reader: Reader, companies: str) -> str:
    if reader.has(BI_LINES):
        reader.fields(BI_LINES)
        return f"{reader.count(BI_LINES, companies):,} remaining quantities readable."
    if reader.has(INVOICE_LINES):
        found = reader.count(INVOICE_LINES, companies)
        return f"{found:,} vendor invoice lines readable; what is open is told by them."
    raise Gap(
        "Neither remaining quantities (PurchLineBiEntities) nor vendor invoice lines (VendInvoiceTransBiEntities) are "
        "public, so what is open can't be told. Ask the administrator to make one of them public."
    )


def _postings(reader: Reader, companies: str) -> str:
    found = reader.count(POSTINGS, COST, companies)
    return f"{found:,} cost postings of projects readable.{'' if found else HIDDEN}"
