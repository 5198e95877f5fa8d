"""Business Central's entities as data: where they are, which fields are read.

Belongs here: entity sets below a company, fields, keys. Does not belong here: in which order they are read
(``dynamics_bc``), what rows mean (``dynamics_bc_rows``). Lines can't be read without their order, so they are expanded.
"""

from __future__ import annotations

from ppm_pipelines.adapters.odata import entity

DIMENSIONS = "dimensionSetLines"
LINES = "purchaseOrderLines"


def _under(path: str, names: str) -> str:
    return " ".join(f"{path}/{name}" for name in names.split())


COMPANIES = entity("companies", "id", "name displayName", "name")
INFORMATION = entity("companyInformation", "id", "displayName currencyCode", "currencyCode")
RATES = entity(
    "currencyExchangeRates",
    "id",
    "currencyCode startingDate exchangeRateAmount relationalCurrencyCode relationalExchangeRateAmount",
    "currencyCode startingDate exchangeRateAmount relationalExchangeRateAmount",
)
DIMENSION = entity("dimensions", "id", "code displayName", "code")
PROJECTS = entity("dimensionValues", "id", "code displayName", "code")
ACCOUNTS = entity("accounts", "id", "number category", "number category")
_LINE = "sequence lineType quantity netAmount invoicedQuantity"
_LINE_DIMENSIONS = _under(f"{LINES}/{DIMENSIONS}", "code valueCode")
ORDERS = entity(
    "purchaseOrders",
    "id",
    "number orderDate vendorNumber vendorName currencyCode purchaser requestedReceiptDate fullyReceived status "
    "lastModifiedDateTime "
    + _under(LINES, f"{_LINE} lineObjectNumber description expectedReceiptDate receivedQuantity")
    + f" {_LINE_DIMENSIONS}",
    f"number currencyCode status {_under(LINES, _LINE)} {_LINE_DIMENSIONS}",
)
ENTRIES = entity(
    "generalLedgerEntries",
    "entryNumber",
    "postingDate documentNumber documentType accountNumber description debitAmount creditAmount lastModifiedDateTime "
    + _under(DIMENSIONS, "code valueCode"),
    "postingDate documentNumber accountNumber debitAmount creditAmount lastModifiedDateTime "
    + _under(DIMENSIONS, "code valueCode"),
)
INVOICES = entity(
    "purchaseInvoices",
    "id",
    "number orderNumber vendorInvoiceNumber vendorNumber vendorName invoiceDate dueDate status",
    "number orderNumber status",
)
