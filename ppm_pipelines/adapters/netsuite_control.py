"""What NetSuite itself reports for the cut just read, by a second and cheaper road: sums made by NetSuite.

Belongs here: the control totals of commitments and actuals. Does not belong here: comparing them (the loader does).
Documents may be edited while they are read: where anything happened since the beginning nothing is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from ppm_pipelines.adapters import suiteql
from ppm_pipelines.adapters.base import Row, SourceError
from ppm_pipelines.adapters.fields import Unreadable, text
from ppm_pipelines.adapters.netsuite_reader import LACKING, Reader, both
from ppm_pipelines.adapters.netsuite_rows import NETSUITE, Directory
from ppm_pipelines.adapters.netsuite_streams import LEDGER_ROWS, LEDGER_SUMS, ORDER_SUMS, STANDING
from ppm_pipelines.records import ZERO, ControlTotal, Entity, known_currency

Place = tuple[str, str, str]  # project, currency, period


def standing(reader: Reader) -> dict[str, str]:
    """The latest transaction, how many there are, and the last change of any: what tells whether anything happened."""
    return {
        name: text(value) for name, value in suiteql.first(reader.client, STANDING.written(STANDING.columns)).items()
    }


def totals(reader: Reader, directory: Directory, before: Row, entity: str) -> list[ControlTotal]:
    """Sums per project; none where something happened since ``before``, or where the account can't sum."""
    try:
        if entity not in ("commitments", "actuals") or standing(reader) != before:
            return []
        return _orders(reader, directory) if entity == "commitments" else _ledger(reader, directory)
    except SourceError as error:
        if error.code not in LACKING:
            raise
        return []


def _orders(reader: Reader, directory: Directory) -> list[ControlTotal]:
    """What is ordered, per project and currency."""
    sums: dict[Place, Decimal] = {}
    for row in reader.rows(ORDER_SUMS, *reader.until_cut()):
        _add(sums, directory, row, text(row.get("currency_symbol")), "")
    return _told("commitments", "ordered", sums)


def _ledger(reader: Reader, directory: Directory) -> list[ControlTotal]:
    """What is posted in company currency, per project and period."""
    sums: dict[Place, Decimal] = {}
    for row in reader.rows(LEDGER_SUMS, *both(reader.cost(), reader.until_cut())):
        try:
            start = suiteql.day(row.get("period_start"))
        except Unreadable:
            continue
        period = f"{start.year:04d}/{start.month:03d}" if start else ""
        if known_currency(text(row.get("currency_symbol"))):  # lines in others wait in quarantine
            _add(sums, directory, row, text(row.get("company_currency")), period)
    return [
        *_told("actuals", "company", sums),
        ControlTotal("actuals", "", "", "", _rows(reader, directory), ZERO, "rows"),
    ]


def _rows(reader: Reader, directory: Directory) -> int:
    """Ledger lines that belong to a project, and those that wait because nobody knows their project."""
    return sum(
        int(text(row.get("found")) or 0)
        for row in reader.rows(LEDGER_ROWS, *both(reader.cost(), reader.until_cut()))
        if text(row.get("project_id")) in directory.projects
        or not (text(row.get("customer_id")) or text(row.get("line_vendor_id")))
    )


def _add(sums: dict[Place, Decimal], directory: Directory, row: Row, currency: str, period: str) -> None:
    project = directory.projects.get(text(row.get("project_id")))
    if project is not None and known_currency(currency):
        place = project, currency, period
        sums[place] = sums.get(place, ZERO) + (NETSUITE.amount_or_none(row.get("amount")) or ZERO)


def _told(entity: Entity, figure: str, sums: Mapping[Place, Decimal]) -> list[ControlTotal]:
    places: Iterable[tuple[Place, Decimal]] = sorted(sums.items())
    return [ControlTotal(entity, *place, 0, amount, figure) for place, amount in places]
