"""The company as Dataverse (Project Operations) shows it below ``/api/data/v9.2``, and its books.

Belongs here: tables, how values are written, the figures an outsider must arrive at. Does not belong here: OData
(``odata.py``), business (``life.py``). Lookups are ``_name_value``, choices are numbers, and one transaction makes a
cost and an unbilled sales row.
"""

from __future__ import annotations

import uuid
from typing import Any

from ppm_pipelines.sandbox.company import IN_EURO, convert, decimal_text, rate_between

from . import own_fields
from .business_central import stamp
from .finance_operations import add, money
from .life import TEXTS
from .odata import BadRequest, Dialect, EntitySet, Row
from .world import Posting, World, calendar

DIALECT = Dialect(5_000)
NAMESPACE = "Microsoft.Dynamics.CRM"
BASE = "EUR"
COST, UNBILLED = 192350000, 192350005
CLASSES = {"Hour": 192350000, "Cost": 192350001, "Item": 192350002}
UNTOUCHED, ADJUSTED, UNADJUSTABLE = 192350000, 192350001, 192350002


def identity(*parts: Any) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, ("dataverse", *parts)))))


def _fields(texts: str = "", **others: str) -> dict[str, str]:
    kinds = dict.fromkeys(texts.split(), "text")
    for kind, names in others.items():
        kinds |= dict.fromkeys(names.split(), kind)
    return kinds


SETS = {
    one.name: one
    for one in (
        EntitySet(
            "transactioncurrencies", "transactioncurrency", ("transactioncurrencyid",),
            _fields("isocurrencycode", guid="transactioncurrencyid"),
        ),
        EntitySet(
            "organizations", "organization", ("organizationid",), _fields(guid="organizationid _basecurrencyid_value")
        ),
        EntitySet(
            "msdyn_projects", "msdyn_project", ("msdyn_projectid",),
            _fields(
                f"msdyn_subject {own_fields.DATAVERSE_PROJECT}",
                guid="msdyn_projectid _transactioncurrencyid_value", whole="statecode",
                stamp="msdyn_scheduledstart msdyn_scheduledend modifiedon", number="msdyn_totalplannedcost",
            ),
        ),
        EntitySet(
            "msdyn_actuals", "msdyn_actual", ("msdyn_actualid",),
            _fields(
                f"msdyn_description msdyn_externalreferenceid {own_fields.DATAVERSE_ACTUAL}",
                number="msdyn_amount msdyn_amount_base msdyn_quantity",
                guid="msdyn_actualid _msdyn_project_value _msdyn_task_value _transactioncurrencyid_value "
                "_msdyn_accountvendor_value",
                stamp="msdyn_accountingdate msdyn_documentdate modifiedon",
                whole="msdyn_transactiontypecode msdyn_transactionclassification msdyn_adjustmentstatus statecode",
            ),
        ),
    )
}  # fmt: skip


def definition(path: str) -> Row:
    """The columns of a table with their labels in the languages of the environment."""
    table = path.partition("'")[2].partition("'")[0]
    entity = next((one for one in SETS.values() if one.kind == table), None)
    if entity is None or not path.endswith(")/Attributes"):
        raise BadRequest(f"Could not find an entity with name '{table}'.", "0x80060888", 404)
    names = [name[1:].removesuffix("_value") if name.startswith("_") else name for name in entity.fields]
    return {"value": [{"LogicalName": name, "DisplayName": _labels(name)} for name in names]}


def _labels(name: str) -> Row:
    told = own_fields.LABELS.get(name, {})
    return {"LocalizedLabels": [{"Label": label, "LanguageCode": code} for code, label in told.items()]}


def rows(world: World, name: str) -> list[Row]:
    made = MAKERS[name](world)
    for number, row in enumerate(made):
        row["@place"] = number
    return made


def _currencies(world: World) -> list[Row]:  # noqa: ARG001
    return [{"transactioncurrencyid": identity("currency", code), "isocurrencycode": code} for code in IN_EURO]


def _organizations(world: World) -> list[Row]:
    return [{"organizationid": identity(world.seed), "_basecurrencyid_value": identity("currency", BASE)}]


def _projects(world: World) -> list[Row]:
    today = world.anchor // 86_400_000
    return [
        {
            "msdyn_projectid": one.guid,
            "msdyn_subject": one.name,
            "statecode": 1 if one.status == "20" else 0,
            "msdyn_scheduledstart": f"{calendar(today + one.start_offset)}T00:00:00Z",
            "msdyn_scheduledend": f"{calendar(today + one.start_offset + one.length)}T00:00:00Z",
            "modifiedon": stamp(world.anchor),
            "msdyn_totalplannedcost": money(sum(amount for _, amount in one.budgets), one.company.currency),
            "_transactioncurrencyid_value": identity("currency", one.company.currency),
            **own_fields.in_dataverse_of_project(place),
        }
        for place, one in enumerate(world.masters.projects)
    ]


def is_shown(posting: Posting) -> bool:
    return posting.posting_type in ("ProjCost", "ProjTurnover") and posting.project is not None


def in_base(posting: Posting) -> int:
    currency = posting.company.currency
    return convert(posting.amount, rate_between(currency, BASE), currency, BASE)


def _actuals(world: World) -> list[Row]:
    """A reversal marks the row that it takes back; both stay."""
    taken = {one.adjusts: one.stamp for one in world.postings if one.adjusts}
    return [_actual(one, taken) for one in world.postings if is_shown(one)]


def described(one: Posting) -> str:
    """What somebody typed."""
    return TEXTS[one.entry % len(TEXTS)]


def _actual(one: Posting, taken: dict[str, int]) -> Row:
    project, currency = one.project, one.company.currency
    assert project is not None  # noqa: S101 - is_shown has said so
    cost = one.side == "Cost"
    adjusted = taken.get(one.transaction) if cost else None
    return {
        "msdyn_actualid": identity("actual", one.entry),
        "_msdyn_project_value": project.guid,
        "_msdyn_task_value": identity("task", one.activity) if one.activity else None,
        "_transactioncurrencyid_value": identity("currency", currency),
        "_msdyn_accountvendor_value": None,
        "msdyn_amount": money(one.amount, currency),
        "msdyn_amount_base": money(in_base(one), BASE),
        "msdyn_quantity": one.quantity,
        "msdyn_accountingdate": f"{calendar(one.day)}T00:00:00Z",
        "msdyn_documentdate": f"{calendar(one.day)}T00:00:00Z",
        "msdyn_description": described(one),
        "msdyn_externalreferenceid": one.voucher,
        "msdyn_transactiontypecode": COST if cost else UNBILLED,
        "msdyn_transactionclassification": CLASSES[one.kind],
        "msdyn_adjustmentstatus": UNADJUSTABLE if one.adjusts else ADJUSTED if adjusted else UNTOUCHED,
        "statecode": 0,
        "modifiedon": stamp(adjusted or one.stamp),
        **own_fields.in_dataverse_of_actual(one),
    }


MAKERS = {
    "transactioncurrencies": _currencies,
    "organizations": _organizations,
    "msdyn_projects": _projects,
    "msdyn_actuals": _actuals,
}


def books(world: World) -> dict[str, list[Row]]:
    """Cost rows with their reversals; there are no commitments."""
    totals: dict[tuple[str, str], dict[str, int]] = {}
    actuals = [_posted(one, totals) for one in world.postings if is_shown(one) and one.side == "Cost"]
    told = [
        {"project_nr": project, "currency": currency, "actual": decimal_text(amounts["actual"], currency)}
        for (project, currency), amounts in sorted(totals.items())
    ]
    return {"commitments": [], "actuals": actuals, "totals": told}


def _posted(posting: Posting, totals: dict[tuple[str, str], dict[str, int]]) -> Row:
    assert posting.project is not None  # noqa: S101 - is_shown has said so
    currency = posting.company.currency
    add(totals, posting.project.guid, currency, {"actual": posting.amount})
    return {
        "source_key": identity("actual", posting.entry),
        "project_nr": posting.project.guid,
        "currency": currency,
        "amount": decimal_text(posting.amount, currency),
        "company_currency": BASE,
        "company_amount": decimal_text(in_base(posting), BASE),
        "counts": True,
        "text": described(posting),
    }
