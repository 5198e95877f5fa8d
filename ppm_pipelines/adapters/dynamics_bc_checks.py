"""Testing a connection to Business Central: every company, and what the application silently does not see.

Belongs here: the checks and their sentences. Does not belong here: reading for a sync (``dynamics_bc``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ppm_pipelines.adapters import dynamics_checks
from ppm_pipelines.adapters.base import Check, Stream
from ppm_pipelines.adapters.checks import Gap
from ppm_pipelines.adapters.dynamics_bc_streams import (
    ACCOUNTS,
    COMPANIES,
    ENTRIES,
    INFORMATION,
    INVOICES,
    ORDERS,
    PROJECTS,
    RATES,
)
from ppm_pipelines.adapters.dynamics_checks import left_out, surprising, told
from ppm_pipelines.adapters.fields import text

if TYPE_CHECKING:
    from ppm_pipelines.adapters.dynamics_bc import BusinessCentral


def checks(product: BusinessCentral) -> Iterator[Check]:
    """Raises nothing."""
    reader = product.reader
    return dynamics_checks.checks(
        reader,
        lambda: reader.client.get(COMPANIES.path, {"$top": "1", "$select": "id"}),
        {
            "projects": lambda: _projects(product),
            "commitments": lambda: _orders(product),
            "invoices": lambda: _invoices(product),
            "actuals": lambda: _entries(product),
        },
    )


def _projects(product: BusinessCentral) -> str:
    companies = product.companies()
    found = sum(product.reader.count(PROJECTS, path=product.values_path(company)) for company in companies)
    if not found:
        raise Gap("The project dimension has no values. Without projects nothing can be assigned.")
    said = f"{found:,} projects readable in {len(companies)} companies."
    for company in companies:
        if not text(next(product.reader.rows(INFORMATION, path=company.path(INFORMATION)), {}).get("currencyCode")):
            raise Gap(
                f"The company information of {company.name} tells no currency, so no amount can be used. Grant the "
                "application the company information, or enter the local currency in Business Central."
            )
    return told(said, left_out(product.reader, COMPANIES, INFORMATION, PROJECTS))


def _counted(product: BusinessCentral, stream: Stream) -> int:
    return sum(product.reader.count(stream, path=company.path(stream)) for company in product.companies())


def _orders(product: BusinessCentral) -> str:
    without = left_out(product.reader, ORDERS)
    found = _counted(product, ORDERS)
    said = f"{found:,} purchase orders readable."
    return told(said, surprising(found), without, _rates(product))


def _rates(product: BusinessCentral) -> list[str]:
    sentences: list[str] = []
    if not (product.reader.has(RATES) and _counted(product, RATES)):
        sentences.append(
            "No exchange rate (currencyExchangeRates) is readable: orders in a foreign currency wait in quarantine."
        )
    return sentences


def _invoices(product: BusinessCentral) -> str:
    without = left_out(product.reader, INVOICES)
    found = _counted(product, INVOICES)
    said = f"{found:,} purchase invoices readable."
    return told(said, surprising(found), without)


def _entries(product: BusinessCentral) -> str:
    without = left_out(product.reader, ENTRIES, ACCOUNTS)
    found = _counted(product, ENTRIES)
    if not _counted(product, ACCOUNTS):
        raise Gap(
            "No account is readable, so nobody can tell what is cost. Grant the application the chart of accounts."
        )
    said = f"{found:,} ledger entries readable."
    return told(said, surprising(found), without)
