"""Dataverse (Project Operations): its tables as data, and in which order they are read.

Belongs here: tables, the reading of a cut, the connection test. Does not belong here: what rows mean
(``dynamics_dataverse_rows``), asking (``dynamics_reader``).

There are no purchase orders: those stay in Finance & Operations, and a sync of commitments is refused. One time entry
makes a cost and a sales row, so only rows of the type Cost are asked for. Rows are never deleted, only reversed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

from ppm_pipelines.adapters import dynamics_checks, dynamics_dataverse_rows
from ppm_pipelines.adapters.base import Check, NotOffered, SourceError, State
from ppm_pipelines.adapters.checks import Gap
from ppm_pipelines.adapters.dynamics_checks import left_out, surprising, told
from ppm_pipelines.adapters.dynamics_reader import Product, Reader
from ppm_pipelines.adapters.dynamics_settings import Settings
from ppm_pipelines.adapters.fields import text
from ppm_pipelines.adapters.odata import V4, entity, quoted
from ppm_pipelines.mapping.fields import SourceField
from ppm_pipelines.records import ControlTotal, Page

ROOT = "api/data/v9.2"
ENGLISH, GERMAN = 1033, 1031
CURRENCY = SourceField("currency", "Currency", "Währung", "text")


CURRENCIES = entity("transactioncurrencies", "transactioncurrencyid", "isocurrencycode", "isocurrencycode")
ORGANIZATIONS = entity("organizations", "organizationid", "_basecurrencyid_value", "_basecurrencyid_value")
PROJECTS = entity(
    "msdyn_projects",
    "msdyn_projectid",
    "msdyn_subject statecode msdyn_scheduledstart msdyn_scheduledend msdyn_totalplannedcost "
    "_transactioncurrencyid_value",
    "msdyn_subject",
)
ACTUALS = entity(
    "msdyn_actuals",
    "msdyn_actualid",
    "_msdyn_project_value _msdyn_task_value msdyn_amount msdyn_amount_base _transactioncurrencyid_value "
    "msdyn_quantity msdyn_accountingdate msdyn_documentdate msdyn_transactiontypecode msdyn_transactionclassification "
    "msdyn_adjustmentstatus _msdyn_accountvendor_value msdyn_externalreferenceid msdyn_description modifiedon",
    "_msdyn_project_value msdyn_amount msdyn_amount_base _transactioncurrencyid_value msdyn_accountingdate "
    "msdyn_transactiontypecode modifiedon",
)
COST = f"msdyn_transactiontypecode eq {dynamics_dataverse_rows.COST}"


class Dataverse(Product):
    """One read of one environment; see ``Product``."""

    made_from: ClassVar[Any] = {"actuals": (dynamics_dataverse_rows.ACTUALS, dynamics_dataverse_rows.actual)}

    seen: ClassVar[Any] = {"projects": [("", PROJECTS)], "actuals": [("actual", ACTUALS)]}
    added: ClassVar[Any] = {
        "projects": [CURRENCY],
        "actuals": [CURRENCY, SourceField("base", "Base currency", "Basiswährung", "text")],
    }

    def __init__(self, settings: Settings, **connection: Any) -> None:
        super().__init__(settings, **connection)
        self._currencies: Mapping[str, str] = {}
        self._base = ""
        self._told: dict[str, Mapping[str, Mapping[int, str]]] = {}

    def connected(self, settings: Settings, **connection: Any) -> Reader:
        return Reader(settings, f"{settings.base_url}/{ROOT}", {}, own=dynamics_dataverse_rows.is_own, **connection)

    def refuse(self, entity: str) -> None:
        if entity == "commitments":
            raise NotOffered(
                "Dataverse has no purchase orders. Take the commitments from Finance & Operations, where the orders "
                "are: connect it as the product of Microsoft Dynamics.",
                "no_commitments",
            )

    def fields(self, entity: str) -> Iterator[SourceField]:
        """With the columns' labels in both languages: a table's definition tells them, ``$metadata`` does not."""
        labels: Mapping[str, Mapping[int, str]] = {}
        for one in super().fields(entity):
            labels = labels or self._labels(self.reader.metadata.sets[self.seen[entity][0][1].name])
            told = labels.get(dynamics_dataverse_rows.column(one.name), {})
            yield replace(one, label_en=told.get(ENGLISH) or one.label_en, label_de=told.get(GERMAN) or one.label_de)

    def _labels(self, table: str) -> Mapping[str, Mapping[int, str]]:
        """By column and language code, asked once; none without the right to read definitions."""
        if table not in self._told:
            path = f"EntityDefinitions(LogicalName={quoted(table)})/Attributes"
            try:
                answer = self.reader.client.get(path, {"$select": "LogicalName,DisplayName"})
                self._told[table] = dynamics_dataverse_rows.labels(V4.rows(answer.body))
            except SourceError as error:
                if error.code not in ("forbidden", "not_found", "bad_request"):
                    raise
                self._told[table] = {}
        return self._told[table]

    def projects(self) -> Iterator[Page]:
        self._read_currencies()
        for some in self.reader.pages(PROJECTS):
            raws = [dynamics_dataverse_rows.raw_project(row, self._currencies) for row in some]
            made = [one for raw in raws for one in dynamics_dataverse_rows.project(raw, self.directory)]
            yield Page("projects", made, raws)

    def _read_currencies(self) -> None:
        rows = self.reader.rows(CURRENCIES)
        self._currencies = {text(row.get("transactioncurrencyid")): text(row.get("isocurrencycode")) for row in rows}
        organization = next(self.reader.rows(ORGANIZATIONS), {})
        self._base = self._currencies.get(text(organization.get("_basecurrencyid_value")), "")

    def actuals(self, since: datetime | None, state: State) -> Iterator[Page]:  # noqa: ARG002
        changed = f"modifiedon ge {V4.stamp(since)}" if since else ""
        for rows in self.reader.pages(ACTUALS, COST, changed):
            raws = [dynamics_dataverse_rows.raw_actual(row, self._currencies, self._base) for row in rows]
            yield self.page("actuals", raws)

    def control(self, entity: str) -> list[ControlTotal]:  # noqa: ARG002
        """Nothing: a count ends at 5,000, and sums of more rows are refused."""
        return []

    def checks(self) -> Iterator[Check]:
        reader = self.reader
        return dynamics_checks.checks(
            reader,
            lambda: reader.client.get(CURRENCIES.path, {"$top": "1", "$select": "transactioncurrencyid"}),
            {"projects": self._check_projects, "actuals": self._check_actuals},
        )

    def _check_projects(self) -> str:
        if not any(True for _ in self.reader.rows(PROJECTS)):
            raise Gap(
                "No project is readable. Without projects nothing can be assigned: grant the application projects."
            )
        said = "Projects are readable."
        return told(said, left_out(self.reader, PROJECTS))

    def _check_actuals(self) -> str:
        found = any(True for _ in self.reader.rows(ACTUALS, COST))
        self._read_currencies()
        if not self._base:
            raise Gap(
                "The base currency of the organisation is not readable, so no amount can be used. Grant the "
                "application the tables of organisations and currencies."
            )
        said = "Cost actuals are readable."
        return told(said, surprising(found), left_out(self.reader, ACTUALS))
