"""What SAP calls its fields in English and German, as services tell it in their metadata.

Belongs here: labels of standard fields; fields without one have none in the metadata either. Does not belong here: the
tenant's own fields (``own_fields``).
"""

from __future__ import annotations

_LINES = """
PurchaseOrder | Purchase Order | Bestellung
CompanyCode | Company Code | Buchungskreis
PurchaseOrderType | Purchasing Doc. Type | Bestellart
PurchaseOrderDeletionCode | Deletion Indicator | Löschkennzeichen
PurchasingDocumentDeletionCode | Deletion Indicator | Löschkennzeichen
PurchasingProcessingStatus | Proc. State | Bearbeitungsstatus
CreatedByUser | Created By | Angelegt von
CreationDate | Created On | Angelegt am
LastChangeDateTime | Last Changed | Letzte Änderung
Supplier | Supplier | Lieferant
PurchasingOrganization | Purch. Organization | Einkaufsorganisation
PurchasingGroup | Purchasing Group | Einkäufergruppe
PurchaseOrderDate | Purchase Order Date | Bestelldatum
DocumentCurrency | Currency | Währung
ExchangeRate | Exchange Rate | Umrechnungskurs
ReleaseIsNotCompleted | Subject to Release | Unterliegt der Freigabe
PurchaseOrderItem | Purchase Order Item | Bestellposition
PurchaseOrderItemText | Short Text | Kurztext
Plant | Plant | Werk
MaterialGroup | Material Group | Warengruppe
OrderQuantity | Order Quantity | Bestellmenge
PurchaseOrderQuantityUnit | Order Unit | Bestellmengeneinheit
NetPriceAmount | Net Order Price | Nettobestellpreis
NetPriceQuantity | Price Unit | Preiseinheit
NetAmount | Net Order Value | Nettobestellwert
TaxCode | Tax Code | Steuerkennzeichen
IsCompletelyDelivered | Delivery Completed | Endlieferung
IsFinallyInvoiced | Final Invoice | Endrechnung
AccountAssignmentCategory | Account Assignment Category | Kontierungstyp
GoodsReceiptIsExpected | Goods Receipt | Wareneingang
IsReturnsItem | Returns Item | Retourenposition
RequisitionerName | Requisitioner | Anforderer
PurchaseContract | Outline agreement | Rahmenvertrag
PurchaseRequisition | Purchase Requisition | Bestellanforderung
AccountAssignmentNumber | Account Assgmt No. | Laufende Nummer der Kontierung
Quantity | Quantity | Menge
PurgDocNetAmount | Net Order Value | Nettobestellwert
GLAccount | G/L Account | Sachkonto
CostCenter | Cost Center | Kostenstelle
ProfitCenter | Profit Center | Profitcenter
WBSElementInternalID | WBS Element Internal ID | PSP-Element (interne ID)
WBSElementExternalID | WBS Element | PSP-Element
OrganizationName1 | Name | Name
CityName | City | Ort
Ledger | Ledger | Ledger
FiscalYear | Fiscal Year | Geschäftsjahr
FiscalPeriod | Fiscal Period | Buchungsperiode
AccountingDocument | Journal Entry | Buchhaltungsbeleg
LedgerGLLineItem | Journal Entry Item | Position im Buchhaltungsbeleg
AccountingDocumentType | Journal Entry Type | Belegart
PostingDate | Posting Date | Buchungsdatum
DocumentDate | Journal Entry Date | Belegdatum
PurchasingDocument | Purchasing Document | Einkaufsbeleg
PurchasingDocumentItem | Purchasing Doc. Item | Position des Einkaufsbelegs
DocumentItemText | Item Text | Positionstext
TransactionCurrency | Transaction Currency | Transaktionswährung
AmountInTransactionCurrency | Amount in Transaction Currency | Betrag in Transaktionswährung
CompanyCodeCurrency | Company Code Currency | Buchungskreiswährung
AmountInCompanyCodeCurrency | Amount in Company Code Currency | Betrag in Buchungskreiswährung
BaseUnit | Base Unit of Measure | Basismengeneinheit
IsReversal | Is Reversing | Storniert einen Beleg
ClearingDate | Clearing Date | Ausgleichsdatum
Project | Project ID | Projekt
ProjectDescription | Name | Bezeichnung
ProcessingStatus | Processing Status | Bearbeitungsstatus
ProjectStartDate | Planned Start | Geplanter Beginn
ProjectEndDate | Planned Finish | Geplantes Ende
ProjectCurrency | Project Currency | Projektwährung
"""
LABELS = {
    name.strip(): (english.strip(), german.strip())
    for name, english, german in (line.split("|") for line in _LINES.strip().splitlines())
}


def label_of(name: str, language: str, own: dict[str, tuple[str, str]]) -> str:
    """The label in the language of the request; empty where there is none."""
    english, german = own.get(name) or LABELS.get(name) or ("", "")
    return german if language == "de" else english
