"""SAP's endpoints as data: where they are, which fields are read, what they are called in V4 and V2.

Belongs here: paths, fields, keys. Does not belong here: in which order they are read (``sap``), what rows mean
(``sap_orders``, ``sap_journal``). A field that a release lacks is left out, unless it is ``needed``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ppm_pipelines.adapters import sap_journal, sap_orders
from ppm_pipelines.adapters.base import Stream
from ppm_pipelines.adapters.odata import V2, V4

_ODATA2 = "sap/opu/odata/sap"
NO_WBS = "00000000"


def _fields(names: str, under: str = "") -> tuple[str, ...]:
    return tuple(f"{under}/{name}" if under else name for name in names.split())


PROJECTS = Stream(
    "projects",
    f"{_ODATA2}/API_ENTERPRISE_PROJECT_SRV;v=0002/A_EnterpriseProject",
    V2(),
    ("ProjectUUID",),
    {"$orderby": "ProjectUUID"},
    _fields(
        "ProjectUUID Project ProjectDescription ProcessingStatus ProjectStartDate ProjectEndDate ProjectCurrency "
        "CompanyCode"
    ),
    {"": "A_EnterpriseProjectType"},
)
WBS_ELEMENTS = Stream(
    "wbs_elements",
    f"{_ODATA2}/API_ENTERPRISE_PROJECT_SRV;v=0002/A_EnterpriseProjectElement",
    V2(),
    ("ProjectElementUUID",),
    {"$orderby": "ProjectElementUUID"},
    _fields(
        "ProjectElementUUID ProjectElement WBSElementInternalID ProjectUUID ParentObjectUUID "
        "ProjectElementDescription WBSIsStatisticalWBSElement CompanyCode"
    ),
)

# Purchase orders

_HEADER = (
    "PurchaseOrder CompanyCode Supplier PurchaseOrderDate CreatedByUser DocumentCurrency ExchangeRate "
    "PurchasingProcessingStatus ReleaseIsNotCompleted LastChangeDateTime"
)
_ITEM = (
    "PurchaseOrder PurchaseOrderItem PurchaseOrderItemText RequisitionerName OrderQuantity NetPriceAmount "
    "NetPriceQuantity OrderPriceUnitToOrderUnitNmrtr OrdPriceUnitToOrderUnitDnmntr AccountAssignmentCategory "
    "PurchasingDocumentDeletionCode IsCompletelyDelivered IsFinallyInvoiced GoodsReceiptIsExpected "
    "GoodsReceiptIsNonValuated IsReturnsItem PurchasingItemIsFreeOfCharge ExpectedOverallLimitAmount PurchaseContract "
    "PurchaseRequisition"
)
_ASSIGNMENT = (
    "PurchaseOrder PurchaseOrderItem AccountAssignmentNumber IsDeleted Quantity MultipleAcctAssgmtDistrPercent "
    "PurgDocNetAmount GLAccount CostCenter WBSElementInternalID WBSElementExternalID OrderID MasterFixedAsset "
    "SalesOrder ProjectNetwork"
)
# Without these an order would be taken for what it is not: deleted for alive, a split for a whole.
_NEEDED = (
    "PurchaseOrder CompanyCode DocumentCurrency PurchaseOrderItem PurchasingDocumentDeletionCode IsFinallyInvoiced "
    "GoodsReceiptIsExpected IsReturnsItem AccountAssignmentNumber IsDeleted PurgDocNetAmount WBSElementExternalID "
    "CostCenter"
)


def _needed(*, items: str, assignments: str) -> frozenset[str]:
    header, item, assignment = (set(names.split()) for names in (_HEADER, _ITEM, _ASSIGNMENT))
    needed = set(_NEEDED.split())
    return frozenset(
        needed & header
        | {f"{items}/{name}" for name in needed & item}
        | {f"{items}/{assignments}/{name}" for name in needed & assignment}
    )


_ITEMS4, _ASSIGNMENTS4, _SCHEDULES4 = (
    names[0] for names in (sap_orders.ITEMS, sap_orders.ASSIGNMENTS, sap_orders.SCHEDULES)
)
_ITEMS2, _ASSIGNMENTS2, _SCHEDULES2 = (
    names[1] for names in (sap_orders.ITEMS, sap_orders.ASSIGNMENTS, sap_orders.SCHEDULES)
)
_V4_ROOT = "sap/opu/odata4/sap/api_purchaseorder_2/srvd_a2x/sap/purchaseorder/0001"
_V2_ROOT = f"{_ODATA2}/API_PURCHASEORDER_PROCESS_SRV"


@dataclass(frozen=True, slots=True)
class OrderService:
    """One of the two services for purchase orders: the orders, their assignments for counting, how pages are made.

    ``seen`` says where lines of a mapping find what is below a navigation (``sap_orders.assigned``).
    """

    version: str
    orders: Stream
    assignments: Stream
    pages_itself: bool
    by_company: bool
    seen: Mapping[str, str]


ORDERS_V4 = OrderService(
    "v4",
    Stream(
        "orders",
        f"{_V4_ROOT}/PurchaseOrder",
        V4(),
        ("PurchaseOrder",),
        {"$orderby": "PurchaseOrder"},
        (
            *_fields(f"{_HEADER} PurchaseOrderDeletionCode PurchaseContract"),
            "_SupplierAddress/OrganizationName1",
            *_fields(f"{_ITEM} NetAmount IsStatisticalItem ItemIsRejectedBySupplier", _ITEMS4),
            *_fields(f"{_ASSIGNMENT} IsFinallyInvoiced NonDeductibleInputTaxAmount", f"{_ITEMS4}/{_ASSIGNMENTS4}"),
            *_fields(
                "PurchaseOrder PurchaseOrderItem ScheduleLine ScheduleLineDeliveryDate OpenPurchaseOrderQuantity",
                f"{_ITEMS4}/{_SCHEDULES4}",
            ),
        ),
        {
            "": "PurchaseOrder_Type",
            "_SupplierAddress": "PurchaseOrderSupplierAddress_Type",
            _ITEMS4: "PurchaseOrderItem_Type",
            f"{_ITEMS4}/{_ASSIGNMENTS4}": "PurchaseOrderAccountAssignment_Type",
            f"{_ITEMS4}/{_SCHEDULES4}": "PurchaseOrderScheduleLine_Type",
        },
        _needed(items=_ITEMS4, assignments=_ASSIGNMENTS4),
        to_record=sap_orders.commitments,
    ),
    Stream("assignments", f"{_V4_ROOT}/PurchaseOrderAccountAssignment", V4(), ("PurchaseOrder",)),
    pages_itself=True,
    by_company=True,
    seen={
        "": "order",
        "_SupplierAddress": "order._SupplierAddress",
        _ITEMS4: "item",
        f"{_ITEMS4}/{_ASSIGNMENTS4}": "assignment",
    },
)
ORDERS_V2 = OrderService(
    "v2",
    Stream(
        "orders",
        f"{_V2_ROOT}/A_PurchaseOrder",
        V2(),
        ("PurchaseOrder",),
        {"$orderby": "PurchaseOrder"},
        (
            *_fields(f"{_HEADER} PurchasingDocumentDeletionCode AddressName"),
            *_fields(_ITEM, _ITEMS2),
            *_fields(f"{_ASSIGNMENT} WBSElement", f"{_ITEMS2}/{_ASSIGNMENTS2}"),
            *_fields(
                "PurchasingDocument PurchasingDocumentItem ScheduleLine ScheduleLineDeliveryDate",
                f"{_ITEMS2}/{_SCHEDULES2}",
            ),
        ),
        {
            "": "A_PurchaseOrderType",
            _ITEMS2: "A_PurchaseOrderItemType",
            f"{_ITEMS2}/{_ASSIGNMENTS2}": "A_PurOrdAccountAssignmentType",
            f"{_ITEMS2}/{_SCHEDULES2}": "A_PurchaseOrderScheduleLineType",
        },
        _needed(items=_ITEMS2, assignments=_ASSIGNMENTS2),
        to_record=sap_orders.commitments,
    ),
    Stream("assignments", f"{_V2_ROOT}/A_PurOrdAccountAssignment", V2(), ("PurchaseOrder",)),
    pages_itself=False,
    by_company=False,
    seen={"": "order", _ITEMS2: "item", f"{_ITEMS2}/{_ASSIGNMENTS2}": "assignment"},
)

# General ledger. An aggregate: rows are grouped by what is selected, so the whole key of a line is selected (sap.md,
# "Actuals"), and a sum is a selection of fewer fields.

_LINE_KEY = "CompanyCode FiscalYear AccountingDocument LedgerGLLineItem"
_LINE_ORDER = {"$orderby": _LINE_KEY.replace(" ", ",")}
_LEDGER_TYPE = {"": "GLAccountLineItemType"}
_MONEY = "TransactionCurrency AmountInTransactionCurrency CompanyCodeCurrency AmountInCompanyCodeCurrency"
JOURNAL = Stream(
    "journal",
    f"{_ODATA2}/API_GLACCOUNTLINEITEM/GLAccountLineItem",
    V2(),
    tuple(_LINE_KEY.split()),
    _LINE_ORDER,
    _fields(
        f"SourceLedger Ledger {_LINE_KEY} FiscalPeriod AccountingDocumentType PostingDate DocumentDate GLAccount "
        "GLAccountType CostCenter WBSElementInternalID PurchasingDocument PurchasingDocumentItem "
        f"AccountAssignmentNumber Supplier DocumentItemText {_MONEY} BaseUnit Quantity IsReversal IsReversed "
        "IsSettlement ReferenceDocumentType ReversalReferenceDocument ClearingDate CostCtrActivityType "
        "PartnerCostCtrActivityType OriginCostCtrActivityType"
    ),
    _LEDGER_TYPE,
    frozenset(f"SourceLedger Ledger {_LINE_KEY} WBSElementInternalID PostingDate {_MONEY}".split()),
    to_record=sap_journal.actual,
)


def _of_journal(name: str, key: str, fields: str = "", order: str = "") -> Stream:
    names = f"{key} {fields}"
    params = {"$orderby": order} if order else {}
    return replace(
        JOURNAL, name=name, key=tuple(key.split()), params=params, fields=_fields(names), types={}, needed=frozenset(),
        to_record=None,
    )  # fmt: skip


RECEIPTS = replace(
    _of_journal(
        "receipts",
        _LINE_KEY,
        "SourceLedger Ledger GLAccountType TransactionTypeDetermination CostCenter WBSElementInternalID "
        f"PurchasingDocument PurchasingDocumentItem AccountAssignmentNumber {_MONEY}",
    ),
    params=_LINE_ORDER,
)
TOUCHED = replace(_of_journal("touched", _LINE_KEY, "PurchasingDocument LastChangeDateTime"), params=_LINE_ORDER)
COMPANIES = _of_journal("companies", "CompanyCode", "CompanyCodeCurrency")
PERIODS = _of_journal("periods", "CompanyCode FiscalYearPeriod", order="CompanyCode,FiscalYearPeriod")
_SUM_KEY = "WBSElementInternalID CostCenter TransactionCurrency"
SUMS = _of_journal(
    "sums",
    f"FiscalYear FiscalPeriod {_SUM_KEY} CompanyCodeCurrency",
    "AmountInTransactionCurrency AmountInCompanyCodeCurrency",
)
_RECEIVED_KEY = f"{_SUM_KEY} GLAccountType TransactionTypeDetermination"
RECEIVED = _of_journal("received", _RECEIVED_KEY, "AmountInTransactionCurrency")
RECEIVED_BY_ORDER = _of_journal(
    "received by order", f"PurchasingDocument {_RECEIVED_KEY}", "AmountInTransactionCurrency", "PurchasingDocument"
)
LATEST = replace(_of_journal("latest", "CreationDateTime"), params={"$orderby": "CreationDateTime desc", "$top": "1"})
LATE_INVOICES = _of_journal("late invoices", "ReferenceDocument FiscalYear")
POSTED_COMPANIES = _of_journal("posted companies", "CompanyCode")

# The vendor's items of documents: invoice number, due date, clearing.

_DOCUMENT_KEY = "CompanyCode FiscalYear AccountingDocument"
_CUBE_TYPE = {"": "A_OperationalAcctgDocItemCubeType"}
VENDOR_ITEMS = Stream(
    "vendor items",
    f"{_ODATA2}/API_OPLACCTGDOCITEMCUBE_SRV/A_OperationalAcctgDocItemCube",
    V2(),
    (*_DOCUMENT_KEY.split(), "AccountingDocumentItem"),
    {"$orderby": f"{_DOCUMENT_KEY} AccountingDocumentItem".replace(" ", ",")},
    _fields(
        f"{_DOCUMENT_KEY} AccountingDocumentItem Supplier SupplierName DocumentReferenceID NetDueDate ClearingDate "
        "ReverseDocument ReverseDocumentFiscalYear"
    ),
    _CUBE_TYPE,
    frozenset(_DOCUMENT_KEY.split()),
)
CHANGED_DOCUMENTS = replace(VENDOR_ITEMS, name="changed documents")

# Supplier invoices

_INVOICES = f"{_ODATA2}/API_SUPPLIERINVOICE_PROCESS_SRV"
INVOICE_LINES = Stream(
    "invoice lines",
    f"{_INVOICES}/A_SuplrInvcItemPurOrdRef",
    V2(),
    ("SupplierInvoice", "FiscalYear", "SupplierInvoiceItem"),
    {"$orderby": "SupplierInvoice,FiscalYear,SupplierInvoiceItem"},
    (
        *_fields(
            "SupplierInvoice FiscalYear SupplierInvoiceItem PurchaseOrder PurchaseOrderItem DocumentCurrency "
            "SupplierInvoiceItemAmount QuantityInPurchaseOrderUnit IsSubsequentDebitCredit "
            "SuplrInvcDeliveryCostCndnType"
        ),
        *_fields(
            "OrdinalNumber AccountAssignmentNumber WBSElement SuplrInvcAcctAssignmentAmount DebitCreditCode",
            "to_SupplierInvoiceItmAcctAssgmt",
        ),
    ),
    {"": "A_SuplrInvcItemPurOrdRefType", "to_SupplierInvoiceItmAcctAssgmt": "A_SuplrInvcItemAcctAssgmtType"},
    frozenset(
        {
            "PurchaseOrder",
            "PurchaseOrderItem",
            "SupplierInvoiceItemAmount",
            "to_SupplierInvoiceItmAcctAssgmt/AccountAssignmentNumber",
            "to_SupplierInvoiceItmAcctAssgmt/SuplrInvcAcctAssignmentAmount",
        }
    ),
)
INVOICES = Stream(
    "invoices",
    f"{_INVOICES}/A_SupplierInvoice",
    V2(),
    ("SupplierInvoice", "FiscalYear"),
    {"$orderby": "SupplierInvoice,FiscalYear"},
    _fields(
        "SupplierInvoice FiscalYear SupplierInvoiceStatus SupplierInvoiceIsCreditMemo DocumentCurrency "
        "DirectQuotedExchangeRate IndirectQuotedExchangeRate"
    ),
    {"": "A_SupplierInvoiceType"},
    frozenset({"SupplierInvoiceStatus", "SupplierInvoiceIsCreditMemo"}),
)
INVOICED_ORDERS = replace(
    INVOICES,
    name="invoiced orders",
    fields=(*INVOICES.fields, "SuplrInvcLstChgDteTmeTxt", "to_SuplrInvcItemPurOrdRef/PurchaseOrder"),
    types={**INVOICES.types, "to_SuplrInvcItemPurOrdRef": "A_SuplrInvcItemPurOrdRefType"},
    needed=frozenset({"to_SuplrInvcItemPurOrdRef/PurchaseOrder"}),
)
