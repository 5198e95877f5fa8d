"""Finance & Operations' entities as data: where they are, which fields are read, how they are filtered.

Belongs here: entity sets, fields, keys. Does not belong here: in which order they are read (``dynamics_fo``), what
rows mean (``dynamics_fo_rows``). A field that an environment lacks is left out, unless it is needed.
"""

from __future__ import annotations

from ppm_pipelines.adapters.base import Stream
from ppm_pipelines.adapters.dynamics_fo_rows import FINAL, NO_COST, PAYROLL
from ppm_pipelines.adapters.odata import all_of, entity

ENUM = "Microsoft.Dynamics.DataEntities"
COST = f"costSales eq {ENUM}.ProjCostSales'Cost'"
NOT_FINAL = all_of(*(f"PurchaseOrderStatus ne {ENUM}.PurchStatus'{status}'" for status in FINAL))


def _ordered(name: str, key: str, fields: str, needed: str, order: str = "") -> Stream:
    """Its pages come in the order of the key: without one the service may repeat rows and leave others out."""
    return entity(name, key, fields, needed, **{"$orderby": order or ",".join(key.split())})


LEDGERS = _ordered("Ledgers", "LegalEntityId", "AccountingCurrency ExchangeRateType", "AccountingCurrency")
RATES = _ordered(
    "ExchangeRates",
    "RateTypeName FromCurrency ToCurrency StartDate",
    "EndDate Rate ConversionFactor",
    "Rate ConversionFactor",
)
PROJECTS = _ordered(
    "ProjectsV2",
    "dataAreaId ProjectId",
    "ProjectName ProjectStage ProjectedStartDate ProjectedEndDate ActualStartDate ActualEndDate ParentProjectId",
    "ProjectName",
)
HEADERS = _ordered(
    "PurchaseOrderHeadersV2",
    "dataAreaId PurchaseOrderNumber",
    "PurchaseOrderStatus DocumentApprovalStatus OrderVendorAccountNumber PurchaseOrderName CurrencyCode ProjectId "
    "RequesterPersonnelNumber OrdererPersonnelNumber AccountingDate",
    "PurchaseOrderStatus DocumentApprovalStatus CurrencyCode ProjectId",
)
LINES = _ordered(
    "PurchaseOrderLinesV2",
    "dataAreaId PurchaseOrderNumber LineNumber",
    "ProjectId ProjectActivityNumber ProjectCategoryId LineAmount OrderedPurchaseQuantity LineDescription "
    "ProcurementProductCategoryName PurchaseOrderLineStatus IsDeleted RequestedDeliveryDate ConfirmedDeliveryDate "
    "DefaultLedgerDimensionDisplayValue MainAccountIdDisplayValue RequesterPersonnelNumber InventoryLotId "
    "PurchaseRequisitionId",
    "ProjectId LineAmount PurchaseOrderLineStatus InventoryLotId",
)
BI_LINES = _ordered(
    "PurchLineBiEntities",
    "dataAreaId InventTransId",
    "PurchId PurchQty RemainPurchFinancial IsDeleted IsFinalized SysModifiedDateTime",
    "PurchId PurchQty RemainPurchFinancial SysModifiedDateTime",
)
INVOICE_LINES = _ordered(
    "VendInvoiceTransBiEntities",
    "dataAreaId SourceKey",
    "PurchId InventTransId InvoiceId InvoiceDate LineAmount Qty CurrencyCode SysModifiedDateTime",
    "PurchId InventTransId LineAmount Qty SysModifiedDateTime",
)
INVOICES = _ordered(
    "VendInvoiceJourBiEntities", "dataAreaId LedgerVoucher", "InvoiceId InvoiceAccount DocumentDate DueDate", ""
)
POSTINGS = _ordered(
    "PSAActuals",
    "dataAreaId TransId",
    "ProjId ActivityNumber CategoryId AmountMst Qty costSales ProjTransType TransactionOrigin PostingType "
    "ProjTransDate LedgerTransDate Voucher InventTransId ProjAdjustRefId PaymentStatus LedgerDimensionDisplayValue",
    "ProjId AmountMst costSales ProjTransType PostingType LedgerTransDate Voucher LedgerDimensionDisplayValue",
    "dataAreaId,TransId,Voucher",
)
# What counts as cost, said in the language of filters; the same as ``dynamics_fo_rows.out_of_scope``.
COST_OF_PROJECTS = all_of(
    COST,
    *(f"ProjTransType ne {ENUM}.ProjTransType'{kind}'" for kind in NO_COST),
    f"PostingType ne {ENUM}.LedgerPostingType'{PAYROLL}'",
    "ProjId ne ''",
)
