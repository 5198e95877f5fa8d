"""Rows of Dataverse (Project Operations) become projects and actuals.

Belongs here: raw records and what their fields mean. Does not belong here: reading (``dynamics_dataverse``), what the
products share (``dynamics_rows``). Pure functions. ``msdyn_amount`` is in the row's transaction currency,
``msdyn_amount_base`` in the organisation's base currency; there are no companies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from ppm_pipelines.adapters.base import Row
from ppm_pipelines.adapters.dynamics_rows import DYNAMICS, Directory, delivered
from ppm_pipelines.adapters.fields import Unusable, names_that, rejected, text
from ppm_pipelines.adapters.fields import currency as known
from ppm_pipelines.records import Actual, Outcome, Project, Raw, Skipped, rounded

ACTUALS, PROJECTS = "dataverse_actuals", "dataverse_projects"
COST = 192350000
_ADJUSTED, _UNADJUSTABLE = 192350001, 192350002
TIME = 192350000
_CLASSES = {
    TIME: "Time",
    192350001: "Expense",
    192350002: "Material",
    192350003: "Milestone",
    192350004: "Fee",
    690970002: "Tax",
}
_STATES = {0: "active", 1: "inactive"}


def raw_project(row: Row, currencies: Mapping[str, str]) -> Raw:
    record = {**delivered(row), "currency": currencies.get(text(row.get("_transactioncurrencyid_value")), "")}
    return Raw(PROJECTS, text(row.get("msdyn_projectid")), record)


def project(raw: Raw, directory: Directory) -> Iterator[Outcome]:
    """A project has no number of its own, and its name may change: its id is its number."""
    row, currency = raw.record, text(raw.record.get("currency"))
    directory.projects.add(("", raw.key))
    try:
        start, end = DYNAMICS.day(row, "msdyn_scheduledstart"), DYNAMICS.day(row, "msdyn_scheduledend")
        budget = DYNAMICS.number(row, "msdyn_totalplannedcost")
        planned = None if budget is None else rounded(budget, known(currency, "_transactioncurrencyid_value"))
    except Unusable as error:
        yield rejected(raw, error, None, currency, "", raw.key)
        return
    state = row.get("statecode")
    yield Project(
        source_key=raw.key,
        project_nr=raw.key,
        name=text(row.get("msdyn_subject")),
        status=_STATES.get(state, text(state)) if isinstance(state, int) else text(state),
        start_date=start,
        end_date=end,
        budget=planned,
        currency=currency or None,
        custom_fields=_own(row),
    )


def raw_actual(row: Row, currencies: Mapping[str, str], base: str) -> Raw:
    currency = currencies.get(text(row.get("_transactioncurrencyid_value")), "")
    record = {"actual": delivered(row), "currency": currency, "base": base}
    return Raw(ACTUALS, text(row.get("msdyn_actualid")), record)


def actual(raw: Raw, directory: Directory) -> Iterator[Outcome]:
    row, currency = raw.record["actual"], text(raw.record["currency"])
    amount, number = DYNAMICS.amount_or_none(row.get("msdyn_amount")), text(row.get("_msdyn_project_value"))
    if row.get("msdyn_transactiontypecode") != COST:
        yield Skipped(raw.key, "no cost", amount, currency)
        return
    if not number:
        yield Skipped(raw.key, "no project", amount, currency)
        return
    try:
        yield _actual(raw, directory.project("", number, "_msdyn_project_value"))
    except Unusable as error:
        yield rejected(raw, error, amount, currency, "", number)


def _actual(raw: Raw, project_nr: str) -> Actual:
    """Reversals are rows with the opposite sign: the sum over all cost rows is right, whatever their adjustment."""
    row = raw.record["actual"]
    currency = known(text(raw.record["currency"]), "_transactioncurrencyid_value")
    base = known(text(raw.record["base"]), "msdyn_amount_base")
    posted = DYNAMICS.day(row, "msdyn_accountingdate") or DYNAMICS.day(row, "msdyn_documentdate")
    if posted is None:
        raise Unusable("missing_field", "msdyn_accountingdate", "A posting without a date.")
    amount = rounded(DYNAMICS.amount(row, "msdyn_amount"), currency)
    kind = row.get("msdyn_transactionclassification")
    return Actual(
        source_key=raw.key,
        company_code="",
        project_nr=project_nr,
        fi_doc_no=raw.key,
        fi_doc_line="1",
        posting_date=posted,
        currency=currency,
        amount=amount,
        company_currency=base,
        company_amount=rounded(DYNAMICS.amount(row, "msdyn_amount_base"), base),
        fiscal_year=f"{posted.year:04d}",
        fiscal_period=f"{posted.month:03d}",
        document_type=_CLASSES.get(kind, text(kind)) if isinstance(kind, int) else text(kind),
        vendor=text(row.get("_msdyn_accountvendor_value")),
        vendor_invoice_no=text(row.get("msdyn_externalreferenceid")) or None,
        document_date=DYNAMICS.day(row, "msdyn_documentdate"),
        wbs_element=text(row.get("_msdyn_task_value")) or None,
        item_text=text(row.get("msdyn_description")),
        quantity=DYNAMICS.number(row, "msdyn_quantity"),
        status=_status(row, amount),
        custom_fields=_own(row),
        labour=kind == TIME,
        raw_stream=raw.stream,
        raw_key=raw.key,
    )


def _status(row: Row, amount: Decimal) -> str:
    adjusted = row.get("msdyn_adjustmentstatus")
    if adjusted == _ADJUSTED:
        return "reversed"
    return "reversal" if adjusted == _UNADJUSTABLE and amount < 0 else "posted"


def _own(row: Row) -> dict[str, Any]:
    return {name: row[name] for name in _own_names(row) if row[name] not in (None, "")}


def is_own(name: str) -> bool:
    """A column of the customer: its publisher's prefix is ``cr`` and three signs, unless another was chosen."""
    prefix, underscore, _ = name.partition("_")
    return bool(underscore) and prefix.startswith("cr") and len(prefix) == 5


_own_names = names_that(is_own)


def column(name: str) -> str:
    """What the table calls it: a lookup's value is ``_name_value`` in an answer."""
    told = name.rpartition(".")[2]
    return told.removeprefix("_").removesuffix("_value") if told.startswith("_") else told


def labels(rows: Iterable[Row]) -> dict[str, dict[int, str]]:
    """By column and language code (1033 is English, 1031 German)."""
    found = {}
    for row in rows:
        told = (row.get("DisplayName") or {}).get("LocalizedLabels") or ()
        found[text(row.get("LogicalName"))] = {one.get("LanguageCode"): text(one.get("Label")) for one in told}
    return found
