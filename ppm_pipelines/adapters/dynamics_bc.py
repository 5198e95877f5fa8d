"""Business Central: in which order its entities are read, and what an order that is listed no more means.

Belongs here: the reading of a cut. Does not belong here: entities (``dynamics_bc_streams``), what rows mean
(``dynamics_bc_rows``), asking (``dynamics_reader``), the connection test (``dynamics_bc_checks``).

Everything lies below a company, one address each. Order lines tell no change time and a change of a line need not touch
its header, so every read lists all orders there are: they are few, because **an order is deleted when it is invoiced in
full**. One that is listed no more is therefore looked for among the posted invoices, by its number.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from ppm_pipelines.adapters import dynamics_bc_checks, dynamics_bc_rows, odata
from ppm_pipelines.adapters.base import Check, Misconfigured, Row, SourceError, State, Stream, Unavailable
from ppm_pipelines.adapters.dynamics_bc_streams import (
    ACCOUNTS,
    COMPANIES,
    DIMENSION,
    ENTRIES,
    INFORMATION,
    INVOICES,
    LINES,
    ORDERS,
    PROJECTS,
    RATES,
)
from ppm_pipelines.adapters.dynamics_reader import KEYS_PER_REQUEST, Product, Reader
from ppm_pipelines.adapters.dynamics_rows import day_or_none, rate_on
from ppm_pipelines.adapters.dynamics_settings import Settings, is_id
from ppm_pipelines.adapters.fields import text
from ppm_pipelines.adapters.http import chunks
from ppm_pipelines.adapters.odata import V4, any_of
from ppm_pipelines.mapping.fields import SourceField
from ppm_pipelines.records import ControlTotal, Page

OF_COMPANY = [
    SourceField("company", "Company", "Mandant", "text"),
    SourceField("currency", "Company's currency", "Währung des Mandanten", "text"),
]


@dataclass(slots=True)
class Company:
    """A company with what its rows are judged by; ``rates`` by currency, in the order of their day; ``dimensions`` by
    code, asked once."""

    id: str
    name: str
    currency: str = ""
    dimensions: dict[str, Row] | None = None
    rates: dict[str, list[Row]] | None = None  # asked when an order is in a foreign currency

    def path(self, stream: Stream) -> str:
        return f"companies({self.id})/{stream.path}"


class BusinessCentral(Product):
    """One read of one environment; see ``Product``."""

    made_from: ClassVar[Any] = {
        "commitments": (dynamics_bc_rows.ORDERS, dynamics_bc_rows.commitment),
        "actuals": (dynamics_bc_rows.ACTUALS, dynamics_bc_rows.actual),
    }

    seen: ClassVar[Any] = {
        "projects": [("", PROJECTS)],
        "commitments": [("line", ORDERS, LINES), ("order", ORDERS), ("rate", RATES)],
        "actuals": [("entry", ENTRIES), ("invoice", INVOICES)],
    }
    added: ClassVar[Any] = {
        "projects": OF_COMPANY,
        "commitments": OF_COMPANY,
        "actuals": [*OF_COMPANY, SourceField("category", "Account category", "Kontokategorie", "text")],
    }

    def __init__(self, settings: Settings, **connection: Any) -> None:
        super().__init__(settings, **connection)
        self._companies: list[Company] = []
        self._listed: set[str] = set()

    def connected(self, settings: Settings, **connection: Any) -> Reader:
        below = f"v2.0/{quote(settings.tenant_id, safe='')}/{quote(settings.environment, safe='')}/api/v2.0"
        # Reads go to the replica; a deadlock and a busy server pass by themselves.
        return Reader(
            settings,
            f"{settings.base_url}/{below}",
            {},
            headers={"Data-Access-Intent": "ReadOnly"},
            meaning=meaning,
            **connection,
        )

    def checks(self) -> Iterator[Check]:
        return dynamics_bc_checks.checks(self)

    @property
    def lists_all_orders(self) -> bool:
        return True

    # Projects

    def companies(self) -> list[Company]:
        """The configured ones, by name or ID; all without configuration. Raises Misconfigured for an unknown one."""
        wanted = {one.lower() if is_id(one) else one for one in self.settings.companies}
        found = [Company(text(row.get("id")), text(row.get("name"))) for row in self.reader.rows(COMPANIES)]
        known = {name for one in found for name in (one.id.lower(), one.name)}
        if unknown := sorted(wanted - known):
            raise Misconfigured(
                f"Business Central has no company {unknown[0]}. Correct the companies: by name or by ID.",
                "unknown_company",
            )
        return [one for one in found if not wanted or wanted & {one.id.lower(), one.name}]

    def projects(self) -> Iterator[Page]:
        """The values of the project dimension, company by company."""
        self._companies = self._companies or self.companies()
        for company in self._companies:
            information = next(self.reader.rows(INFORMATION, path=company.path(INFORMATION)), {})
            company.currency = text(information.get("currencyCode"))
            for rows in self.reader.pages(PROJECTS, path=self.values_path(company)):
                raws = [dynamics_bc_rows.raw_project(company.name, company.currency, row) for row in rows]
                yield Page(
                    "projects", [one for raw in raws for one in dynamics_bc_rows.project(raw, self.directory)], raws
                )

    def values_path(self, company: Company) -> str:
        """Where the values of the project dimension are. Raises Misconfigured when the company has no such one."""
        code = self.settings.project_dimension
        dimension = self._dimensions(company).get(code.upper())
        if dimension is None:
            raise Misconfigured(
                f"The company {company.name} has no dimension {code}. Enter the code of the dimension whose values are "
                "the projects.",
                "unknown_dimension",
            )
        return f"companies({company.id})/dimensions({text(dimension.get('id'))})/{PROJECTS.path}"

    def _dimensions(self, company: Company) -> Mapping[str, Row]:
        if company.dimensions is None:
            rows = self.reader.rows(DIMENSION, path=company.path(DIMENSION))
            company.dimensions = {text(row.get("code")).upper(): row for row in rows}
        return company.dimensions

    def fields(self, entity: str) -> Iterator[SourceField]:
        """The dimensions of the companies too: they are what a customer has of their own."""
        yield from super().fields(entity)
        if not (above := dynamics_bc_rows.DIMENSIONED.get(entity)):
            return
        self._companies = self._companies or self.companies()
        told = {text(one.get("code")): one for each in self._companies for one in self._dimensions(each).values()}
        for code, row in sorted(told.items()):
            yield SourceField(f"{above}.dimensions.{code}", text(row.get("displayName")), type="text", custom=True)

    # Commitments

    def commitments(self, since: datetime | None, state: State) -> Iterator[Page]:  # noqa: ARG002
        self._listed = set()
        for company in self._companies:
            for orders in self.reader.pages(ORDERS, path=company.path(ORDERS)):
                self._listed |= {dynamics_bc_rows.order_key(company.name, order) for order in orders}
                dimension = self.settings.project_dimension
                yield self.page(
                    "commitments",
                    [
                        raw
                        for order in orders
                        for raw in dynamics_bc_rows.raw_lines(
                            company.name, company.currency, self._rate(company, order), dimension, order
                        )
                    ],
                )

    def _rate(self, company: Company, order: Row) -> Row | None:
        """The quotation that was valid on the order's day."""
        currency = text(order.get("currencyCode"))
        if currency == company.currency or not self.reader.has(RATES):
            return None
        if company.rates is None:
            company.rates = {}
            rows = self.reader.rows(RATES, path=company.path(RATES))
            for row in sorted(rows, key=lambda row: text(row.get("startingDate"))):
                company.rates.setdefault(text(row.get("currencyCode")), []).append(row)
        return rate_on(day_or_none(order, "orderDate"), company.rates.get(currency, ()), "startingDate")

    @property
    def read_companies(self) -> frozenset[str]:
        return frozenset(one.name for one in self._companies) if self.settings.companies else frozenset()

    def ended(self, keys: Collection[str], since: datetime | None) -> Mapping[str, str]:
        """``invoiced`` for lines of orders that are gone and had an invoice posted since the last read.

        An older invoice explains nothing: the order was still there after it. A line that is missing from an order that
        is still there was deleted by hand: it has vanished.
        """
        if not self.reader.has(INVOICES):
            return {}
        lately = f"lastModifiedDateTime gt {V4.stamp(since)}" if since else ""
        gone = {dynamics_bc_rows.order_of(key) for key in keys} - self._listed
        invoiced: set[str] = set()
        for company in self._companies:
            prefix = f"{company.name}/"
            numbers = sorted(key.removeprefix(prefix) for key in gone if key.startswith(prefix))
            for some in chunks(numbers, KEYS_PER_REQUEST):
                rows = self.reader.rows(INVOICES, any_of("orderNumber", some), lately, path=company.path(INVOICES))
                invoiced |= {prefix + number for number in dynamics_bc_rows.invoiced_orders(rows)}
        return {key: "invoiced" for key in keys if dynamics_bc_rows.order_of(key) in invoiced & gone}

    # Actuals

    def actuals(self, since: datetime | None, state: State) -> Iterator[Page]:  # noqa: ARG002
        """Entries are only added; corrections are new ones. What was added late has a late change time."""
        changed = f"lastModifiedDateTime gt {V4.stamp(since)}" if since else ""
        for company in self._companies:
            accounts = self.reader.rows(ACCOUNTS, path=company.path(ACCOUNTS))
            categories = {text(row.get("number")): text(row.get("category")) for row in accounts}
            for entries in self.reader.pages(ENTRIES, changed, path=company.path(ENTRIES)):
                invoices = self._invoices(company, entries)
                yield self.page(
                    "actuals",
                    [
                        dynamics_bc_rows.raw_entry(
                            company.name,
                            company.currency,
                            categories.get(text(entry.get("accountNumber"))),
                            self.settings.project_dimension,
                            entry,
                            invoices.get(text(entry.get("documentNumber"))),
                        )
                        for entry in entries
                    ],
                )

    def _invoices(self, company: Company, entries: list[dict[str, Any]]) -> dict[str, Row]:
        """Posted invoices of a page's documents that belong to a project, by number."""
        if not self.reader.has(INVOICES):
            return {}
        wanted = {
            text(entry.get("documentNumber"))
            for entry in entries
            if dynamics_bc_rows.of_dimension(entry, self.settings.project_dimension)
        }
        return {
            text(row.get("number")): row
            for some in chunks(sorted(wanted - {""}), KEYS_PER_REQUEST)
            for row in self.reader.rows(INVOICES, any_of("number", some), path=company.path(INVOICES))
            if dynamics_bc_rows.is_posted(row)
        }

    def control(self, entity: str) -> list[ControlTotal]:  # noqa: ARG002
        """Nothing: the service neither sums nor filters by dimension, so no second road leads to these rows."""
        return []


def meaning(status: int, body: bytes, said: str) -> SourceError | None:
    """A deadlock (409), and a busy server that answers 400, pass by themselves (dynamics.md, section 6)."""
    words = odata.error_text(body).lower()
    if (status == 409 and "deadlock" in words) or (status == 400 and "try again later" in words):
        return Unavailable(f"{said}. Try again later.", f"http_{status}")
    return None
