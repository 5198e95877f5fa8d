"""Which services the tenant has, and what of them an account sees.

Belongs here: the list, by kind of data; what authorisations and older releases leave of it. Does not belong here: what
each service shows (``purchasing.py`` and its neighbours).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from .auth import NARROW
from .finding import V4_ROOT
from .invoicing import supplier_invoices
from .model import EntityType, Hints, Service
from .postings import ledger_lines, operational_items
from .projects import enterprise_projects
from .purchasing import purchase_orders_v2, purchase_orders_v4
from .tenant import Tenant

__all__ = ["V4_ROOT", "Services", "seen_by"]

V2_MAKERS = {
    "orders": purchase_orders_v2,
    "ledger": ledger_lines,
    "documents": operational_items,
    "invoices": supplier_invoices,
    "projects": enterprise_projects,
}
# What the V4 service of the first release had not.
NEW_FIELDS = ("ItemIsRejectedBySupplier", "EffectiveAmount", "NonDeductibleInputTaxAmount", "YY1_Approval_PDH")


@dataclass
class Services:
    """``v4`` is None where the tenant has only the older service."""

    v4: Service | None
    v2: list[Service]

    def at(self, path: str) -> tuple[Service, str] | None:
        """The V2 service at the path and the rest below it."""
        for service in self.v2:
            if path == service.path or path.startswith(service.path + "/"):
                return service, path[len(service.path) :].strip("/")
        return None


def seen_by(tenant: Tenant, account: str, switches: Collection[str]) -> Services:
    """The services as this account sees them. SAP shows fewer rows and says nothing (sap.md, section 2)."""
    allowed = NARROW.get(account, {})
    orders = None if "no_v4" in switches else _restricted(purchase_orders_v4(tenant), account, allowed.get("orders"))
    if orders and "old_release" in switches:
        orders = _older(orders)
    wanted = (kind for kind in V2_MAKERS if kind != "documents" or "no_operational_items" not in switches)
    return Services(orders, [_restricted(V2_MAKERS[kind](tenant), account, allowed.get(kind)) for kind in wanted])


def _restricted(service: Service, account: str, companies: Collection[str] | None) -> Service:
    if companies is None:
        return service
    types = {name: _of_companies(entity, account, companies) for name, entity in service.types.items()}
    return replace(service, types=types)


def _of_companies(entity: EntityType, account: str, companies: Collection[str]) -> EntityType:
    def source(hints: Hints, after: Any) -> Iterator[Any]:
        return (row for row in entity.source(hints, after) if _company(row) in companies)

    return replace(entity, source=source, audience=account, growth=None)


def _company(row: Any) -> str:
    """The company code of any row: of its own, or of what it belongs to."""
    while not hasattr(row, "company"):
        row = next(getattr(row, name) for name in ("document", "item", "order", "project") if hasattr(row, name))
    return str(row.company.code)


def _older(service: Service) -> Service:
    types = {
        name: replace(
            entity, properties={one: found for one, found in entity.properties.items() if one not in NEW_FIELDS}
        )
        for name, entity in service.types.items()
    }
    return replace(service, types=types)
