"""What all services share: kinds of properties, amounts as they are shown, and what a filter says about where to look.

Belongs here: reading hints, common kinds. Does not belong here: any one service.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .company import DIGITS
from .documents import WHOLE
from .model import (
    EntityType,
    Hints,
    Interval,
    Navigation,
    decimal,
    text,
)

V2_ROOT = "/sap/sap/opu/odata/sap"
V4_ROOT = "/sap/sap/opu/odata4/sap/api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001"
TEXT1, TEXT2, TEXT3, TEXT4, TEXT10, TEXT12, TEXT24, TEXT40 = (text(n) for n in (1, 2, 3, 4, 10, 12, 24, 40))
CURRENCY = text(5)
MONEY = decimal(14, 3)
QUANTITY = decimal(13, 3)
EVERYTHING: Interval = (None, None)


def money(amount: int, currency: str) -> Decimal:
    return Decimal(amount).scaleb(-DIGITS[currency])


def amount_of(quantity: int) -> Decimal:
    """A quantity in thousandths; whole ones without decimals, as the public sandbox of SAP shows them."""
    return Decimal(quantity // WHOLE) if quantity % WHOLE == 0 else Decimal(quantity).scaleb(-3)


def intervals(hints: Hints, name: str) -> list[Interval]:
    """The property's intervals, sorted and without overlap; one without ends when the filter says nothing."""
    made: list[Interval] = []
    for low, high in sorted(hints.get(name, [EVERYTHING]), key=lambda one: (one[0] is not None, one[0])):
        if made and (made[-1][1] is None or (low is not None and low <= made[-1][1]) or low is None):
            last_low, last_high = made[-1]
            made[-1] = (last_low, None if last_high is None or high is None else max(last_high, high))
        else:
            made.append((low, high))
    return made


def lowest(hints: Hints, *names: str) -> Any:
    """The lowest value the filter allows for the first of the names it bounds from below; None: unbounded."""
    for name in names:
        lows = [low for low, _ in hints.get(name, [EVERYTHING])]
        if lows and all(low is not None for low in lows):
            return min(lows)
    return None


def link(entity: EntityType, name: str, target: str, many: bool, follow: Any) -> None:
    entity.navigations[name] = Navigation(name, target, many, follow)
