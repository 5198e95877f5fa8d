"""Laying an administrator's lines over the records that an adapter made; pure.

Belongs here: which record stays usable, what one amount means for the others, how the adapter's own values are kept and
brought back. Does not belong here: transforming a value (``transforms``), which lines count (``mappings``).

An adapter works out money by its system's rules. A line gives another fact for one of its amounts, and the rules of
cost control go on from there: what is open is what is ordered less what is relieved (DOMAIN R3), amounts in company
currency follow by the record's own rate (DOMAIN R5), and what the source cancelled stays cancelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, get_type_hints

import msgspec

from ppm_pipelines.mapping import transforms
from ppm_pipelines.mapping.fields import targets
from ppm_pipelines.mapping.sentences import Said
from ppm_pipelines.mapping.transforms import Failure, Line
from ppm_pipelines.records import ZERO, Actual, Commitment, Mapped, Project, Rejection, known_currency, shown

ENTITY: Mapping[type[Mapped], str] = {Project: "projects", Commitment: "commitments", Actual: "actuals"}
NAMES: Mapping[type, tuple[str, ...]] = {kind: kind.__struct_fields__ for kind in ENTITY}
TYPES: Mapping[type, dict[str, Any]] = {kind: get_type_hints(kind) for kind in ENTITY}
ORDERED, RELIEVED, OPEN = "ordered_amount", "relieved_amount", "open_amount"
# An amount in document currency -> the same in company currency.
COMPANY = {name: f"company_{name}" for name in (ORDERED, RELIEVED, OPEN, "amount")}
ENDED = ("cancelled", "deleted")
Values = Mapping[str, Any]


@cache
def vital(entity: Any) -> frozenset[str]:
    """The targets without which a record can't be used: required ones and all money. Another one that can't be read
    keeps the adapter's value."""
    return frozenset(one.name for one in targets(entity) if one.required or one.type == "amount")


def values_of(record: Mapped) -> dict[str, Any]:
    """The record's fields as a mapping."""
    return {name: getattr(record, name) for name in NAMES[type(record)]}


def lay_over(record: Mapped, row: Values, lines: Iterable[Line]) -> tuple[Mapped | Rejection, list[Failure]]:
    """The record with the lines over it, changed in place, or why it can't be used; and the lines that gave no value
    where the adapter's was kept. ``row`` is the raw record as lines see it."""
    entity, before = ENTITY[type(record)], values_of(record)
    found = transforms.apply_lines([*lines], row, before)
    # Sources leave out what is empty; that a field is there no more is told by drift.
    errors = [one for one in found.errors if one.said.code != "missing_source"]
    bad = next((one for one in errors if one.target in vital(entity)), None)
    if bad is None:
        changed = {name: value for name, value in _allowed(record, found.values).items() if value != before[name]}
        for name, value in changed.items():
            setattr(record, name, value)
        bad = _settle_money(record, before, changed)
    if bad is not None:
        return _unusable(record, before, row, bad), []
    record.overlaid = {name: _kept(before[name]) for name in before if getattr(record, name) != before[name]}
    return record, errors


def original(kind: type[Mapped], stored: Values) -> Mapped:
    """The record as the adapter made it, from a stored one. ``overlaid`` holds JSON values."""
    types = TYPES[kind]
    told = {name: msgspec.convert(value, types[name], strict=False) for name, value in stored["overlaid"].items()}
    return kind(**{name: stored[name] for name in NAMES[kind]} | told | {"overlaid": {}})


def quarantined(raw: Values) -> Mapped | None:
    """The record as the adapter made it, from what a rejection of ``lay_over`` keeps; None for another rejection."""
    told = raw.get("record")
    kind = next((kind for kind, name in ENTITY.items() if name == raw.get("entity")), None)
    if kind is None or not isinstance(told, dict):
        return None
    types = TYPES[kind]
    made: Mapped = kind(**{name: msgspec.convert(value, types[name], strict=False) for name, value in told.items()})
    return made


def _kept(value: Any) -> Any:
    """As JSON, the same whether it was just made or comes from the database."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value.isoformat() if isinstance(value, date) else value


# Money ---------------------------------------------------------------------------------------------------------------


def _allowed(record: Mapped, values: dict[str, Any]) -> dict[str, Any]:
    """Of what was cancelled nothing is ordered, whatever a field still says."""
    if isinstance(record, Commitment) and record.closed_reason in ENDED:
        return {name: value for name, value in values.items() if not name.endswith("_amount")}
    return values


def _settle_money(record: Mapped, before: Values, changed: Values) -> Failure | None:
    """Makes the amounts agree again; why they can't."""
    currencies = ("currency", "company_currency")
    for name in currencies:
        if name in changed and not known_currency(changed[name]):
            return Failure(name, (), Said("unknown_currency", {"value": changed[name]}))
    money = [name for name in changed if name.endswith("amount") or name == "budget"]
    if isinstance(record, Project):
        return _settle_budget(record, money)
    if not money and not any(name in changed for name in currencies):
        return None
    _round(record)
    if isinstance(record, Commitment) and OPEN not in changed:
        record.open_amount = _rest(record, before)
    return _settle_company(record, before, changed)


def _settle_budget(record: Project, money: list[str]) -> Failure | None:
    if not money or record.budget is None:
        return None
    if not record.currency:
        return Failure("budget", (), Said("no_currency", {}))
    record.budget = shown(record.budget, record.currency)
    return None


def _round(record: Commitment | Actual) -> None:
    for name in NAMES[type(record)]:
        value = getattr(record, name)
        if name.endswith("amount") and value is not None:
            currency = record.company_currency if name.startswith("company_") else record.currency
            setattr(record, name, shown(value, currency))


def _rest(record: Commitment, before: Values) -> Decimal:
    """What is open now. A line that was done before it was used up stays done; beyond its order nothing is open."""
    was = before[ORDERED] - before[RELIEVED]
    if record.closed_reason is not None or (before[OPEN] == 0 and was * before[ORDERED] > 0):
        return ZERO
    rest = record.ordered_amount - record.relieved_amount
    return rest if rest * record.ordered_amount > 0 else ZERO


def _settle_company(record: Commitment | Actual, before: Values, changed: Values) -> Failure | None:
    for name, own in COMPANY.items():
        if own in changed or name not in before:
            continue
        value = _converted(record, before, name)
        if value is None:
            return Failure(name, (), Said("not_converted", {"currency": record.company_currency}))
        setattr(record, own, value)
    if isinstance(record, Commitment) and record.open_amount == 0:
        record.company_open_amount = ZERO
    return None


def _converted(record: Commitment | Actual, before: Values, name: str) -> Decimal | None:
    """In company currency, by the rate that the record itself has; None where it tells none."""
    value: Decimal = getattr(record, name)
    if record.currency == record.company_currency or value == 0:
        return value
    if value == before[name] and record.currency == before["currency"]:
        known: Decimal = before[COMPANY[name]]
        return known
    whole = ORDERED if isinstance(record, Commitment) else "amount"
    if before[whole] == 0 or record.currency != before["currency"]:
        return None
    return shown(value * before[COMPANY[whole]] / before[whole], record.company_currency)


# What can't be used --------------------------------------------------------------------------------------------------


def _unusable(record: Mapped, before: Values, row: Values, bad: Failure) -> Rejection:
    """It keeps the record that the adapter made, so that a mended mapping takes it up without the source."""
    entity = ENTITY[type(record)]
    money = ORDERED if isinstance(record, Commitment) else "amount"
    amount, currency = before.get(money), before["currency"]
    return Rejection(
        record.source_key,
        "mapping",
        bad.target,
        " ".join(one.sentence("en") for one in (bad.said, Said("needed", {"target": bad.target}))),
        {"entity": entity, "record": {**before, "overlaid": {}}, "source": row},
        amount,
        currency if currency and known_currency(currency) else None,
        record.project_nr,
        before.get(OPEN),
        record.company_code,
        before.get("cost_center"),
        record.raw_stream,
        record.raw_key,
    )
