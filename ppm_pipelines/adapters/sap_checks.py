"""Testing a connection: address, sign-in, every service, and what the account silently does not see.

Belongs here: the checks and their sentences. Does not belong here: reading for a sync (``sap``).
SAP hides what an account may not see: fewer rows, no error (sap.md, section 2). What one service shows is therefore
held against another: postings on orders of a company code tell that there are orders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial

from ppm_pipelines.adapters.base import Check, SourceError, Stream
from ppm_pipelines.adapters.checks import Gap
from ppm_pipelines.adapters.checks import checks as in_order
from ppm_pipelines.adapters.fields import text
from ppm_pipelines.adapters.odata import V2, all_of, any_of
from ppm_pipelines.adapters.sap_reader import Reader
from ppm_pipelines.adapters.sap_streams import (
    INVOICES,
    JOURNAL,
    ORDERS_V4,
    POSTED_COMPANIES,
    PROJECTS,
    VENDOR_ITEMS,
    WBS_ELEMENTS,
)

INVOICE_ORIGIN = "RMRP"
RECENTLY = timedelta(days=365)
COMPANIES_TRIED = 50
HIDDEN = " If that surprises, check the account's authorisations: SAP hides what it may not see."
PROJECT_COMPANIES = replace(PROJECTS, name="companies of projects", fields=("ProjectUUID", "CompanyCode"))


def checks(reader: Reader) -> Iterator[Check]:
    """Address and sign-in, then every service. Raises nothing."""
    services = {name: partial(attempt, reader) for name, attempt in _SERVICES.items()}
    yield from in_order(reader.client, partial(_sign_in, reader), services)


def _sign_in(reader: Reader) -> None:
    try:
        reader.client.get(ORDERS_V4.orders.path, {"$top": "1", "$select": "PurchaseOrder"})
    except SourceError as error:
        # Signed in, but not allowed or not there: the check of that service says it.
        if error.code not in ("forbidden", "not_found", "bad_request"):
            raise
        if error.code == "not_found":
            reader.client.get(PROJECTS.path, {"$top": "1", "$select": "ProjectUUID"})


def _projects(reader: Reader) -> str:
    found = reader.count(PROJECTS)
    if not found:
        raise Gap("No project is readable. Without projects nothing can be assigned: grant the account projects.")
    unseen = _posted_companies(reader, reader.of_projects()) - _companies_of_projects(reader)
    hint = f" None of company code {_listed(unseen)}, although its ledger has postings on WBS elements.{HIDDEN}"
    return f"{found:,} projects readable.{hint if unseen else ''}"


def _elements(reader: Reader) -> str:
    found = reader.count(WBS_ELEMENTS)
    if not found:
        raise Gap("No WBS element is readable. Postings could not be assigned: grant the account WBS elements.")
    return f"{found:,} WBS elements readable."


def _orders(reader: Reader) -> str:
    stream = reader.orders.orders
    found = reader.count(stream, reader.companies())
    posted = _posted_companies(reader, "PurchasingDocument ne ''", reader.of_projects())
    _seen_where_posted(reader, stream, "purchase orders", found, posted, "postings on purchase orders")
    older = "" if reader.orders is ORDERS_V4 else " Read by the older service (V2): this system has no V4 service."
    return f"{found:,} purchase orders readable.{older}{'' if found else HIDDEN}"


def _invoices(reader: Reader) -> str:
    found = reader.count(INVOICES, reader.companies())
    posted = _posted_companies(reader, f"ReferenceDocumentType eq '{INVOICE_ORIGIN}'")
    _seen_where_posted(reader, INVOICES, "supplier invoices", found, posted, "postings of supplier invoices")
    return f"{found:,} supplier invoices readable.{'' if found else HIDDEN}"


def _seen_where_posted(
    reader: Reader, stream: Stream, what: str, found: int, posted: Iterable[str], evidence: str
) -> None:
    """Raises Gap for company codes whose ledger has the evidence while the stream shows nothing of them."""
    tried = sorted(posted)[:COMPANIES_TRIED]
    unseen = [code for code in tried if not found or not reader.count(stream, any_of("CompanyCode", [code]))]
    if unseen:
        raise Gap(
            f"{found:,} {what} readable, but none of company code {_listed(unseen)}, although its ledger has "
            f"{evidence} from the last year. Grant the account {what} of {_listed(unseen)}: SAP hides what it may not "
            "see."
        )


def _journal(reader: Reader) -> str:
    filter_ = all_of(reader.journal(), reader.of_projects(), reader.companies())
    found = reader.count(JOURNAL, filter_)
    expected = set(reader.settings.company_codes) or _companies_of_projects(reader)
    seen = {text(row.get("CompanyCode")) for row in reader.rows(POSTED_COMPANIES, reader.ledger())}
    if unseen := sorted(expected - seen):
        why = "it is configured" if reader.settings.company_codes else "it has projects"
        raise Gap(
            f"{found:,} journal lines of projects readable, but no journal line at all of company code "
            f"{_listed(unseen)}, although {why}. Grant the account the ledger {reader.settings.ledger} of "
            f"{_listed(unseen)}, or correct the company codes: SAP hides what the account may not see."
        )
    return f"{found:,} journal lines of projects readable.{'' if found else HIDDEN}"


def _vendor_items(reader: Reader) -> str:
    if not reader.tells_vendor_items:
        raise Gap(
            "The operational journal items are not readable. Everything else works, but vendor invoice numbers, due "
            "dates, vendor names and clearing of actuals stay empty: activate the service and grant it."
        )
    found = reader.count(VENDOR_ITEMS, all_of("FinancialAccountType eq 'K'", reader.companies()))
    return f"{found:,} vendor items readable.{'' if found else HIDDEN}"


def _posted_companies(reader: Reader, *filters: str) -> set[str]:
    """Company codes whose ledger has such postings from the last year, among the configured ones."""
    since = f"CreationDateTime ge {V2.stamp(reader.now() - RECENTLY)}"
    filter_ = all_of(reader.journal(), since, *filters, reader.companies())
    return {text(row.get("CompanyCode")) for row in reader.rows(POSTED_COMPANIES, filter_)} - {""}


def _companies_of_projects(reader: Reader) -> set[str]:
    return {text(row.get("CompanyCode")) for row in reader.rows(PROJECT_COMPANIES)} - {""}


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(sorted(codes))


_SERVICES: dict[str, Callable[[Reader], str]] = {
    "projects": _projects,
    "wbs_elements": _elements,
    "commitments": _orders,
    "invoices": _invoices,
    "actuals": _journal,
    "vendor_items": _vendor_items,
}
