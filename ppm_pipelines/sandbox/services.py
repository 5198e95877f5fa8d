"""Which services the tenant has.

Belongs here: the list. Does not belong here: what each of them shows (``purchasing.py`` and its neighbours).
"""

from __future__ import annotations

from .finding import V4_ROOT
from .invoicing import supplier_invoices
from .model import Service
from .postings import ledger_lines, operational_items
from .projects import enterprise_projects
from .purchasing import purchase_orders_v2, purchase_orders_v4
from .tenant import Tenant

__all__ = ["V4_ROOT", "purchase_orders_v4", "v2_services"]


def v2_services(tenant: Tenant) -> list[Service]:
    makers = (purchase_orders_v2, ledger_lines, operational_items, supplier_invoices, enterprise_projects)
    return [make(tenant) for make in makers]
