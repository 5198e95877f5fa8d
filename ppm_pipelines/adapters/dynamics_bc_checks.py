"""Testing a connection to Business Central: every company, and what the application silently does not see.

Belongs here: the checks and their sentences. Does not belong here: reading for a sync (``dynamics_bc``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ppm_pipelines.adapters import dynamics_checks
from ppm_pipelines.adapters.base import Check, Stream
from ppm_pipelines.adapters.checks import Gap
from ppm_pipelines.adapters.dynamics_bc_streams import COMPANIES, ENTRIES, INVOICES, ORDERS, PROJECTS
from ppm_pipelines.adapters.dynamics_checks import HIDDEN

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
    return f"{found:,} projects readable in {len(companies)} companies."


def _counted(product: BusinessCentral, stream: Stream) -> int:
    """A field that is needed and missing is told here and not in the night."""
    product.reader.fields(stream)
    return sum(product.reader.count(stream, path=company.path(stream)) for company in product.companies())


def _orders(product: BusinessCentral) -> str:
    found = _counted(product, ORDERS)
    return f"{found:,} purchase orders readable.{'' if found else HIDDEN}"


def _invoices(product: BusinessCentral) -> str:
    found = _counted(product, INVOICES)
    return f"{found:,} purchase invoices readable.{'' if found else HIDDEN}"


def _entries(product: BusinessCentral) -> str:
    found = _counted(product, ENTRIES)
    return f"{found:,} ledger entries readable.{'' if found else HIDDEN}"
