"""What SAP itself reports for the cut just read, by a second and cheaper road: counts and sums made by SAP.

Belongs here: the control totals of commitments and actuals. Does not belong here: comparing them (the loader does),
when they are asked (``sap``). SAP takes its time to sum, so they are asked while lines are read: the cut is the same.
What can't be compared honestly is left out; docs/systems/sap.md says what and why.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from ppm_pipelines.adapters import sap_journal, sap_orders
from ppm_pipelines.adapters.base import Row
from ppm_pipelines.adapters.fields import Unusable, text
from ppm_pipelines.adapters.odata import all_of, either
from ppm_pipelines.adapters.sap_reader import Reader
from ppm_pipelines.adapters.sap_rows import SAP, Directory, padded
from ppm_pipelines.adapters.sap_streams import JOURNAL, RECEIVED, RECEIVED_BY_ORDER, SUMS
from ppm_pipelines.records import MINOR_UNITS, ZERO, ControlTotal

RECEIVED_FIGURE = "relieved:receipt"
Place = tuple[str, str]  # project, currency
Sums = dict[Place, Decimal]
_NO_COST = "GLAccountType ne 'X' and GLAccountType ne 'C'"


class Numbers:
    """Order numbers that were read, eight bytes each; a number may hold letters."""

    def __init__(self) -> None:
        self._kept = array("q")
        self._sorted = True

    def add(self, numbers: Iterable[str]) -> None:
        self._kept.extend(int(number, 36) for number in numbers if _is_number(number))
        self._sorted = False

    def __contains__(self, number: str) -> bool:
        if not self._sorted:
            self._kept, self._sorted = array("q", sorted(self._kept)), True
        wanted = int(number, 36) if _is_number(number) else -1
        place = bisect_left(self._kept, wanted)
        return place < len(self._kept) and self._kept[place] == wanted


def _is_number(number: str) -> bool:
    return number.isascii() and number.isalnum() and len(number) <= 10


# Actuals


def actuals(reader: Reader, directory: Directory) -> list[ControlTotal]:
    """Summed by SAP per project, currency and period; the number of lines beside it.

    Sums of elements and currencies that nobody knows belong to no project: their lines wait in quarantine, and the
    number of lines counts them.
    """
    cost = all_of(reader.journal(), reader.of_projects(), reader.companies(), "IsSettlement eq false", _NO_COST)
    sums: dict[tuple[str, str, str, str], Decimal] = {}
    places = Places(directory)
    for row in reader.rows(SUMS, cost):
        place = places.of(row)
        if place:
            period = f"{text(row.get('FiscalYear'))}/{padded(row.get('FiscalPeriod'), 3)}"
            company = SAP.amount_or_none(row.get("AmountInCompanyCodeCurrency")) or ZERO
            for key, amount in (
                ((*place, period, "amount"), _amount(row)),
                ((place[0], text(row.get("CompanyCodeCurrency")), period, "company"), company),
            ):
                sums[key] = sums.get(key, ZERO) + amount
    lines = reader.count(JOURNAL, cost)
    told = [
        ControlTotal("actuals", project_nr, currency, period, 0, amount, figure)
        for (project_nr, currency, period, figure), amount in sorted(sums.items())
    ]
    return [*told, ControlTotal("actuals", "", "", "", lines, ZERO, "rows")]


class Places:
    """Where sums belong; there are many of each element, in several periods and currencies."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._projects: dict[tuple[object, object], str | None] = {}

    def of(self, row: Row) -> Place | None:
        """None where the sum belongs to no project that is known, or is in no currency."""
        where = row.get("WBSElementInternalID"), row.get("CostCenter")
        if where not in self._projects:
            self._projects[where] = self._project(row)
        project_nr, currency = self._projects[where], text(row.get("TransactionCurrency"))
        return (project_nr, currency) if project_nr and currency in MINOR_UNITS else None

    def _project(self, row: Row) -> str | None:
        try:
            place = sap_journal.place_of(row, self._directory)
        except Unusable:
            return None
        return place.project_nr if place else None


def _amount(row: Row) -> Decimal:
    return SAP.amount_or_none(row.get("AmountInTransactionCurrency")) or ZERO


# Commitments


def counts_assignments(reader: Reader) -> bool:
    """V2 assignments tell no company code, so a restriction to company codes can't be counted there."""
    return reader.orders.by_company or not reader.settings.company_codes


def assignments_counted(reader: Reader) -> int | None:
    """How many account assignments belong to a project; None where SAP can't count just these."""
    if not counts_assignments(reader):
        return None
    service = reader.orders
    wbs, centers = "WBSElementExternalID ne ''", reader.cost_centers()
    bound = either(wbs, centers) if centers else wbs
    return reader.count(service.assignments, all_of(bound, reader.companies()))


def commitments(rows: int, received: Mapping[Place, Decimal], unseen: Mapping[Place, Decimal]) -> list[ControlTotal]:
    """Assignments counted by SAP, and what its ledger says that receipts relieved, per project and currency.

    ``unseen`` are the receipts of orders that the service does not show (archived ones): no commitment has them.
    """
    sums = dict(received)
    for place, amount in unseen.items():
        sums[place] = sums.get(place, ZERO) - amount
    told = [
        ControlTotal("commitments", *place, "", 0, amount, RECEIVED_FIGURE) for place, amount in sorted(sums.items())
    ]
    return [*told, ControlTotal("commitments", "", "", "", rows, ZERO, "rows")]


def received(reader: Reader, directory: Directory) -> Sums:
    """What receipts relieved, summed by SAP."""
    return _summed(reader.rows(RECEIVED, _receipts_of_orders(reader)), directory)


def unseen_receipts(reader: Reader, directory: Directory, seen: Numbers) -> Sums:
    """Receipts of orders that a whole read did not list, summed by SAP per order."""
    rows = reader.rows(RECEIVED_BY_ORDER, _receipts_of_orders(reader))
    return _summed((row for row in rows if text(row.get("PurchasingDocument")) not in seen), directory)


def _receipts_of_orders(reader: Reader) -> str:
    return all_of(reader.receipts(), "PurchasingDocument ne ''", reader.of_projects(), reader.companies())


def _summed(rows: Iterable[Row], directory: Directory) -> Sums:
    sums: Sums = {}
    places = Places(directory)
    for row in rows:
        place = places.of(row)
        if place and sap_orders.is_cost_of_receipt(row):
            sums[place] = sums.get(place, ZERO) + _amount(row)
    return sums


# As JSON, for the state between two reads


def to_json(sums: Sums) -> list[list[str]]:
    return [[*place, str(amount)] for place, amount in sorted(sums.items())]


def from_json(told: object) -> Sums:
    return dict(_read(told)) if isinstance(told, list) else {}


def _read(told: list[object]) -> Iterator[tuple[Place, Decimal]]:
    for one in told:
        if isinstance(one, list) and len(one) == 3:
            project_nr, currency, amount = map(str, one)
            yield (project_nr, currency), SAP.amount_or_none(amount) or ZERO
