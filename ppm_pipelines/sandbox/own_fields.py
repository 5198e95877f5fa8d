"""Fields that the key users of this tenant added to orders, their items and postings: names, labels, values.

Belongs here: what a customer has of their own. Does not belong here: SAP's own fields (``purchasing``, ``postings``).
Values follow from what a thing is, so that they stay the same whenever it is asked for; they move no money.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from .documents import Item, Order
from .model import BOOLEAN, Kind, decimal, text
from .tenant import calendar

Own = tuple[str, Kind, Any]
TRADES = ("Rohbau", "Elektro", "Heizung/Sanitär", "Stahlbau", "Leittechnik", "Gerüst")
SITES = ("HAL-Nord", "HAL-Süd", "Werk 2", "Kai 4")
DEPARTMENTS = ("Anlagenbau", "Instandhaltung", "IT-Infrastruktur", "Qualität")
# Label in English and in German, as the key user entered it and translated it.
LABELS = {
    "YY1_Approval_PDH": ("Approval Group", "Freigabegruppe"),
    "YY1_RahmenvertragNr_PDH": ("Framework Contract No.", "Rahmenvertragsnummer"),
    "YY1_InvestNo_PDH": ("Investment Number", "Investitionsnummer"),
    "YY1_Fachbereich_PDH": ("Responsible Department", "Verantwortliche Abteilung"),
    "YY1_Lot_PDI": ("Lot", "Los"),
    "YY1_Liefertermin_PDI": ("Confirmed Delivery Date", "Bestätigter Liefertermin"),
    "YY1_KostenstellenText_PDI": ("Cost Center Text", "Kostenstelle (Text)"),
    "YY1_Gewerk_PDI": ("Trade", "Gewerk"),
    "YY1_Garantie_PDI": ("Warranty in Months", "Gewährleistung in Monaten"),
    "YY1_Einbehalt_PDI": ("Retention Amount", "Sicherheitseinbehalt"),
    "YY1_SiteCode_PDI": ("Site", "Baustelle"),
    "YY1_OldMatNo_PDI": ("Old Material Number", "Alte Materialnummer"),
    "YY1_QM_PDI": ("Inspection Required", "Prüfpflichtig"),
    "YY1_SiteCode_COB": ("Site", "Baustelle"),
    "YY1_CostType_COB": ("Cost Type", "Kostenart (Projekt)"),
}


def with_helpers(own: Own, *, v2: bool) -> list[Own]:
    """A field with a list of values; V2 has helpers beside it (sap.md, section 8): how it is shown, and its text."""
    name, _, get = own
    shown = text(40)
    helpers: list[Own] = [
        (f"{name}F", Kind('Type="Edm.Byte"', 'Type="Edm.Byte"'), lambda _: 3),
        (f"{name}T", shown, lambda row: f"Text of {get(row)}" if get(row) else ""),
    ]
    return [own, *(helpers if v2 else [])]


def of_orders(*, v2: bool) -> list[Own]:
    approval: Own = ("YY1_Approval_PDH", text(10), lambda o: f"G{o.number % 7}" if o.number % 5 == 0 else "")
    return [
        *with_helpers(approval, v2=v2),
        ("YY1_RahmenvertragNr_PDH", text(10), lambda o: f"46{o.number % 37:08d}" if o.number % 4 else ""),
        ("YY1_InvestNo_PDH", text(16), lambda o: f"INV-{calendar(o.day).year}-{o.number % 23:04d}"),
        ("YY1_Fachbereich_PDH", text(40), lambda o: _department(o)),
    ]


def of_items(*, v2: bool) -> list[Own]:
    lot: Own = ("YY1_Lot_PDI", text(10), lambda i: f"Lot {i.number // 10}" if i.order.number % 3 == 0 else "")
    return [
        *with_helpers(lot, v2=v2),
        ("YY1_Liefertermin_PDI", text(10), _confirmed),
        ("YY1_KostenstellenText_PDI", text(40), _centre),
        ("YY1_Gewerk_PDI", text(20), lambda i: TRADES[(i.order.number + i.number) % len(TRADES)]),
        ("YY1_Garantie_PDI", decimal(3, 0), lambda i: Decimal((24, 60)[i.order.number % 2])),
        ("YY1_Einbehalt_PDI", text(16), _retention),
        ("YY1_SiteCode_PDI", text(10), lambda i: SITES[i.order.number % len(SITES)]),
        ("YY1_OldMatNo_PDI", text(18), lambda i: f"M-{i.order.number % 997:05d}" if i.number % 40 == 0 else ""),
        ("YY1_QM_PDI", BOOLEAN, lambda i: i.number % 20 == 0),
    ]


def of_postings() -> list[Own]:
    """The coding block: filled where a posting belongs to an order."""
    return [
        (
            "YY1_SiteCode_COB",
            text(10),
            lambda p: SITES[p.document.order.number % len(SITES)] if p.document.order else "",
        ),
        (
            "YY1_CostType_COB",
            text(10),
            lambda p: ("MAT", "DL", "INV")[p.document.order.number % 3] if _of_order(p) else "",
        ),
    ]


def _of_order(posted: Any) -> bool:
    return posted.document.order is not None and posted.line.wbs is not None


def _department(order: Order) -> str:
    return DEPARTMENTS[order.number % len(DEPARTMENTS)]


def _centre(item: Item) -> str:
    """As people write it, number and name in one; also where a WBS element is charged."""
    centre = next((one.cost_centre for one in item.assignments if one.cost_centre), "")
    return f"{centre or f'{item.order.company.code}{100 + item.order.number % 7}'} {_department(item.order)}"


def _confirmed(item: Item) -> str:
    """Typed by hand into a text field, a fortnight after what was asked for; some are still to come."""
    if item.order.number % 6 == 0:
        return ""
    day: date = calendar(item.delivery + 14)
    return f"{day:%d.%m.%Y}"


def _retention(item: Item) -> str:
    """A twentieth of the price, typed by hand: 1.250,00."""
    if item.order.number % 8:
        return ""
    told = f"{Decimal(item.net) / 2000:,.2f}"
    return told.replace(",", " ").replace(".", ",").replace(" ", ".")
