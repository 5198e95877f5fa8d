"""Columns and fields that the customer added: ``_Custom`` in Finance & Operations, the publisher's prefix in Dataverse.

Belongs here: their names, kinds, labels and values, which follow from what a row is. Does not belong here: what the
products have of their own (``finance_operations``, ``dataverse``).
"""

from __future__ import annotations

from datetime import date
from typing import Any

from .world import Line, Order, Posting, calendar

TRADES = ("Steel", "Electrical", "Piping", "Civil works", "Automation")
SITES = ("Site North", "Site South", "Dock 4")

ORDERS = "Region_Custom FrameworkContract_Custom InvestmentNumber_Custom"
LINES = "ConfirmedDate_Custom Trade_Custom SiteCode_Custom CostCenterText_Custom"
LINE_NUMBERS = "WarrantyMonths_Custom"
POSTINGS = "SiteCode_Custom"
PROJECTS = "FundingProgram_Custom Region_Custom"


def of_order(one: Order) -> dict[str, Any]:
    number = _digits(one.number)
    return {
        "Region_Custom": one.vendor.city,
        "FrameworkContract_Custom": f"FC-{number % 41:05d}" if number % 3 else "",
        "InvestmentNumber_Custom": f"CAPEX-{number % 17:03d}",
    }


def of_line(one: Line) -> dict[str, Any]:
    number = _digits(one.order.number) + one.number
    confirmed: date = calendar(one.delivery + 7)
    return {
        # A text field, as people on this site write days.
        "ConfirmedDate_Custom": f"{confirmed:%m/%d/%Y}" if number % 5 else "",
        "Trade_Custom": TRADES[number % len(TRADES)],
        "SiteCode_Custom": SITES[number % len(SITES)],
        "CostCenterText_Custom": f"{one.cost_centre} - {TRADES[number % len(TRADES)]}" if one.cost_centre else "",
        "WarrantyMonths_Custom": (12, 24, 60)[number % 3],
    }


def of_posting(one: Posting) -> dict[str, Any]:
    return {"SiteCode_Custom": SITES[one.entry % len(SITES)] if one.lot else ""}


def of_project(place: int) -> dict[str, Any]:
    return {
        "FundingProgram_Custom": ("KfW 432", "EFRE 2026", "")[place % 3],
        "Region_Custom": ("Nord", "Süd", "International")[place % 3],
    }


# Dataverse: the publisher's prefix, and labels by language code (1033 English, 1031 German).

DATAVERSE_PROJECT = "cr4f2_region"
DATAVERSE_ACTUAL = "cr4f2_costtype cr4f2_sitecode"
LABELS: dict[str, dict[int, str]] = {
    "cr4f2_region": {1033: "Region", 1031: "Region"},
    "cr4f2_costtype": {1033: "Cost Type", 1031: "Kostenart"},
    "cr4f2_sitecode": {1033: "Site Code", 1031: "Baustelle"},
    "msdyn_subject": {1033: "Name", 1031: "Name"},
    "msdyn_project": {1033: "Project", 1031: "Projekt"},
    "msdyn_task": {1033: "Task", 1031: "Aufgabe"},
    "msdyn_amount": {1033: "Amount", 1031: "Betrag"},
    "msdyn_amount_base": {1033: "Amount (Base)", 1031: "Betrag (Basis)"},
    "msdyn_quantity": {1033: "Quantity", 1031: "Menge"},
    "msdyn_accountingdate": {1033: "Accounting Date", 1031: "Buchungsdatum"},
    "msdyn_documentdate": {1033: "Document Date", 1031: "Belegdatum"},
    "msdyn_description": {1033: "Description", 1031: "Beschreibung"},
    "msdyn_scheduledstart": {1033: "Estimated Start Date", 1031: "Geplantes Startdatum"},
    "msdyn_scheduledend": {1033: "Estimated End Date", 1031: "Geplantes Enddatum"},
    "transactioncurrencyid": {1033: "Currency", 1031: "Währung"},
}


def in_dataverse_of_project(place: int) -> dict[str, Any]:
    return {"cr4f2_region": ("Nord", "Süd", None)[place % 3]}


def in_dataverse_of_actual(one: Posting) -> dict[str, Any]:
    return {
        "cr4f2_costtype": ("Intern", "Extern", "Reise")[one.entry % 3],
        "cr4f2_sitecode": SITES[one.entry % len(SITES)] if one.entry % 4 else None,
    }


def _digits(number: str) -> int:
    return int("".join(sign for sign in number if sign.isdigit()) or 0)
