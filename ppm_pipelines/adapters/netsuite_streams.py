"""NetSuite's queries as data: where rows come from, which columns are read, what their key is.

Belongs here: SuiteQL. Does not belong here: how pages are asked for (``suiteql``), in which order things are read
(``netsuite``), what rows mean (``netsuite_rows``). Columns that depend on an account's features are ``optional``: what
an account lacks is left out, and the stream is read without it (netsuite.md, traps 1 and 10).
"""

from __future__ import annotations

from ppm_pipelines.adapters.suiteql import Query, day_of, shown_of, stamp_of

_LINES = "transaction t JOIN transactionline tl ON tl.transaction = t.id"
_LEDGER = (
    "transactionaccountingline tal"
    " JOIN transactionline tl ON tl.transaction = tal.transaction AND tl.id = tal.transactionline"
    " JOIN transaction t ON t.id = tal.transaction"
    " JOIN account a ON a.id = tal.account"
)
_LINKS = (
    "previoustransactionlinelink p"
    " JOIN transaction b ON b.id = p.nextdoc"
    " JOIN transactionline bl ON bl.transaction = p.nextdoc AND bl.id = p.nextline"
)
_ORDER_LINES = "t.type = 'PurchOrd' AND tl.mainline = 'F' AND tl.taxline = 'F'"
# A bill names its order by this link only; the reference that people type is no evidence.
_BILLS_OF_ORDERS = "p.linktype = 'OrdBill' AND p.previoustype = 'PurchOrd' AND p.nexttype = 'VendBill'"
_SUBSIDIARY = "LEFT JOIN subsidiary s ON s.id = tl.subsidiary LEFT JOIN currency sc ON sc.id = s.currency"
_CURRENCY = "LEFT JOIN currency c ON c.id = t.currency"
_DEPARTMENT = "LEFT JOIN department d ON d.id = tl.department"
_CUSTOMER = "LEFT JOIN customer cu ON cu.id = tl.entity"
_VENDOR = "LEFT JOIN vendor ve ON ve.id = tl.entity"
# Columns of an order line as of a ledger line: who and where.
_PLACE = {
    "currency_symbol": "c.symbol",
    "subsidiary": "tl.subsidiary",
    "company_currency": "sc.symbol",
    "department": "d.name",
    "class": "BUILTIN.DF(tl.class)",
    "customer_id": "cu.id",
    "line_vendor_id": "ve.id",
}
_PLACE_JOINS = {
    "currency_symbol": _CURRENCY,
    "company_currency": _SUBSIDIARY,
    "department": _DEPARTMENT,
    "customer_id": _CUSTOMER,
    "line_vendor_id": _VENDOR,
}

PROJECTS = Query(
    "projects",
    {"id": "j.id", "entityid": "j.entityid", "companyname": "j.companyname"},
    "job j",
    ("id",),
    optional={
        "status": "BUILTIN.DF(j.entitystatus)",
        "isinactive": "j.isinactive",
        "startdate": day_of("j.startdate"),
        "enddate": day_of("j.enddate"),
        "projectedenddate": day_of("j.projectedenddate"),
        "scheduledenddate": day_of("j.scheduledenddate"),
        "estimatedcost": "j.estimatedcost",
        "subsidiary": "j.subsidiary",
        "currency_symbol": "c.symbol",
        "company_currency": "sc.symbol",
    },
    joins={
        "currency_symbol": "LEFT JOIN currency c ON c.id = j.currency",
        "company_currency": (
            "LEFT JOIN subsidiary s ON s.id = j.subsidiary LEFT JOIN currency sc ON sc.id = s.currency"
        ),
    },
)
ORDERS = Query(
    "orders",
    {
        "uniquekey": "tl.uniquekey",
        "tran_id": "t.id",
        "line_id": "tl.id",
        "tranid": "t.tranid",
        "status": "t.status",
        "po_date": day_of("t.trandate"),
        "due": day_of("t.duedate"),
        "vendor_id": "t.entity",
        "vendor_name": "BUILTIN.DF(t.entity)",
        "project_id": "tl.entity",
        "memo": "tl.memo",
        "item": "BUILTIN.DF(tl.item)",
        "quantity": "tl.quantity",
        "quantitybilled": "tl.quantitybilled",
        "foreignamount": "tl.foreignamount",
        "isclosed": "tl.isclosed",
        "t_mod": stamp_of("t.lastmodifieddate"),
        "l_mod": stamp_of("tl.linelastmodifieddate"),
    },
    _LINES,
    ("uniquekey",),
    _ORDER_LINES,
    {
        **_PLACE,
        "currency": "t.currency",
        "exchangerate": "t.exchangerate",
        "linesequencenumber": "tl.linesequencenumber",
        "quantityshiprecv": "tl.quantityshiprecv",
        "requester": "BUILTIN.DF(t.employee)",
        "expectedreceiptdate": day_of("tl.expectedreceiptdate"),
        "acctnumber": "ea.acctnumber",
    },
    {**_PLACE_JOINS, "acctnumber": "LEFT JOIN account ea ON ea.id = tl.expenseaccount"},
)
# What bills took from order lines, bill line by bill line: links are one to many, a join would multiply the orders.
BILLED = Query(
    "billed",
    {
        "order_id": "p.previousdoc",
        "order_line": "p.previousline",
        "bill_id": "p.nextdoc",
        "bill_line": "p.nextline",
        "posting": "b.posting",
        "foreignamount": "bl.foreignamount",
        "quantity": "bl.quantity",
    },
    _LINKS,
    ("order_id", "order_line", "bill_id", "bill_line"),
    _BILLS_OF_ORDERS,
    {"currency": "b.currency", "voided": "b.voided"},
)
# The same links from the other end: which order a posted bill line belongs to.
ORDERED = Query(
    "ordered",
    {
        "bill_id": "p.nextdoc",
        "bill_line": "p.nextline",
        "order_id": "p.previousdoc",
        "order_line": "p.previousline",
        "tranid": "o.tranid",
    },
    "previoustransactionlinelink p JOIN transaction o ON o.id = p.previousdoc",
    ("bill_id", "bill_line", "order_id", "order_line"),
    _BILLS_OF_ORDERS,
)
LEDGER = Query(
    "ledger",
    {
        "uniquekey": "tl.uniquekey",
        "tran_id": "t.id",
        "line_id": "tal.transactionline",
        "book": "tal.accountingbook",
        "type": "t.type",
        "tranid": "t.tranid",
        "status": "t.status",
        "trandate": day_of("t.trandate"),
        "due": day_of("t.duedate"),
        "vendor_id": "t.entity",
        "vendor_name": "BUILTIN.DF(t.entity)",
        "account_id": "a.id",
        "accttype": "a.accttype",
        "amount": "tal.amount",
        "foreignamount": "tl.foreignamount",
        "project_id": "tl.entity",
        "memo": "tl.memo",
        "quantity": "tl.quantity",
    },
    _LEDGER,
    ("uniquekey",),
    "tal.posting = 'T'",
    {
        **_PLACE,
        "transactionnumber": "t.transactionnumber",
        "acctnumber": "a.acctnumber",
        "isreversal": "t.isreversal",
        "reversal": "t.reversal",
        "voided": "t.voided",
        "periodname": "ap.periodname",
        "period_start": day_of("ap.startdate"),
    },
    {
        **_PLACE_JOINS,
        "periodname": "LEFT JOIN accountingperiod ap ON ap.id = t.postingperiod",
        "period_start": "LEFT JOIN accountingperiod ap ON ap.id = t.postingperiod",
    },
)

# What the columns are called for people, in English and German; NetSuite itself tells no names of its own ones.
_LABELS = """
id | Internal ID | Interne ID
entityid | Project number | Projektnummer
companyname | Project name | Projektname
status | Status | Status
isinactive | Inactive | Inaktiv
startdate | Start date | Beginn
enddate | End date | Ende
projectedenddate | Projected end date | Voraussichtliches Ende
scheduledenddate | Scheduled end date | Geplantes Ende
estimatedcost | Estimated cost | Geschätzte Kosten
subsidiary | Subsidiary | Tochtergesellschaft
currency_symbol | Currency | Währung
company_currency | Subsidiary's currency | Währung der Tochtergesellschaft
uniquekey | Unique key of the line | Eindeutiger Schlüssel der Zeile
tran_id | Transaction (internal ID) | Transaktion (interne ID)
line_id | Line | Zeile
tranid | Document number | Belegnummer
transactionnumber | Transaction number | Transaktionsnummer
po_date | Order date | Bestelldatum
trandate | Date | Datum
due | Due date | Fälligkeit
vendor_id | Vendor (internal ID) | Lieferant (interne ID)
vendor_name | Vendor | Lieferant
line_vendor_id | Vendor of the line (internal ID) | Lieferant der Zeile (interne ID)
customer_id | Customer of the line (internal ID) | Kunde der Zeile (interne ID)
project_id | Project (internal ID) | Projekt (interne ID)
memo | Memo | Vermerk
item | Item | Artikel
quantity | Quantity | Menge
quantitybilled | Quantity billed | Berechnete Menge
quantityshiprecv | Quantity received | Gelieferte Menge
foreignamount | Amount (transaction currency) | Betrag (Transaktionswährung)
amount | Amount (subsidiary's currency) | Betrag (Währung der Tochtergesellschaft)
isclosed | Closed | Geschlossen
t_mod | Transaction last modified | Transaktion zuletzt geändert
l_mod | Line last modified | Zeile zuletzt geändert
currency | Currency (internal ID) | Währung (interne ID)
exchangerate | Exchange rate | Umrechnungskurs
linesequencenumber | Line sequence number | Reihenfolge der Zeile
requester | Employee | Mitarbeiter
expectedreceiptdate | Expected receipt date | Erwartetes Lieferdatum
acctnumber | Account number | Kontonummer
account_id | Account (internal ID) | Konto (interne ID)
accttype | Account type | Kontoart
department | Department | Abteilung
class | Class | Klasse
book | Accounting book | Buchhaltungsbuch
type | Transaction type | Transaktionsart
isreversal | Is a reversal | Ist ein Storno
reversal | Reversal (internal ID) | Storno (interne ID)
voided | Voided | Ungültig
periodname | Posting period | Buchungsperiode
period_start | First day of the posting period | Erster Tag der Buchungsperiode
"""
LABELS = {name: (english, german) for name, english, german in (
    (part.strip() for part in line.split("|")) for line in _LABELS.strip().splitlines()
)}  # fmt: skip
# SuiteQL answers with texts; numbers and yes or no (T, F) among them. Days and stamps are told by their masks.
KINDS = {
    **dict.fromkeys("estimatedcost quantity quantitybilled quantityshiprecv foreignamount amount".split(), "decimal"),
    "exchangerate": "decimal",
    **dict.fromkeys(("isinactive", "isclosed", "isreversal", "voided"), "boolean"),
}

# What changed: numbers of transactions, whose lines are then read whole, so that a deleted line is missed

HEADER_STAMP, LINE_STAMP, LEDGER_STAMP = "t.lastmodifieddate", "tl.linelastmodifieddate", "tal.lastmodifieddate"
CHANGED_ORDERS = Query(
    "changed orders", {"id": "t.id"}, _LINES, ("id",), "t.type = 'PurchOrd'", distinct=True
)  # fmt: skip
CHANGED_POSTINGS = Query(
    "changed postings", {"id": "t.id"}, _LEDGER, ("id",), optional={"ledger_stamp": stamp_of(LEDGER_STAMP)},
    distinct=True,
)  # fmt: skip
# Billing need not set the order's own stamp.
BILLED_ORDERS = Query(
    "billed orders",
    {"id": "p.previousdoc"},
    "previoustransactionlinelink p JOIN transaction b ON b.id = p.nextdoc",
    ("id",),
    _BILLS_OF_ORDERS,
    distinct=True,
)
BILL_STAMP = "b.lastmodifieddate"
DELETED = Query(
    "deletions",
    {"recordid": "dr.recordid", "type": "dr.type", "deleted": stamp_of("dr.deleteddate")},
    "deletedrecord dr",
    ("recordid", "type"),
)
DELETION_STAMP = "dr.deleteddate"
TRANSACTIONS = Query("transactions", {"id": "t.id"}, "transaction t", ("id",))

# The customer's own columns: the prefix of their script ids says of which record they are, and so of which table of a
# query. What they are called and of which type they are need not be told.
CUSTOM_FIELDS = Query(
    "custom fields", {"scriptid": "cf.scriptid"}, "customfield cf", ("scriptid",),
    optional={"label": "cf.name", "kind": "cf.fieldvaluetype"},
)  # fmt: skip
_OF_LINES = {"custbody": "t", "custcol": "tl"}
OWN_COLUMNS = {ORDERS.name: _OF_LINES, LEDGER.name: _OF_LINES, PROJECTS.name: {"custentity": "j"}}


def own_column(table: str, name: str, kind: str) -> str:
    """Days and stamps with a mask as everywhere, entries of lists as a person sees them."""
    expression, told = f"{table}.{name}", kind.lower()
    if "date" in told:
        return stamp_of(expression) if "time" in told else day_of(expression)
    return shown_of(expression) if "list" in told or "select" in told else expression


# Single values

CLOCK = f"SELECT {stamp_of('SYSDATE')} AS now FROM dual"  # noqa: S608 - our own names
# The latest number is the cut; number, count and stamp together tell whether anything happened in between.
STANDING = Query(
    "standing",
    {"latest": "MAX(t.id)", "transactions": "COUNT(*)", "changed": stamp_of("MAX(t.lastmodifieddate)")},
    "transaction t",
    (),
)
PRIMARY_BOOK = "SELECT b.id AS id FROM accountingbook b WHERE b.isprimary = 'T'"
BASE_CURRENCY = "SELECT c.symbol AS symbol FROM currency c WHERE c.isbasecurrency = 'T'"

# Sums made by NetSuite

ORDER_SUMS = Query(
    "sums of orders",
    {"project_id": "tl.entity", "currency_symbol": "c.symbol", "amount": "SUM(tl.foreignamount)"},
    f"{_LINES} {_CURRENCY}",
    ("project_id", "currency_symbol"),
    f"{_ORDER_LINES} AND tl.entity IS NOT NULL",
    grouped=("project_id", "currency_symbol"),
)
LEDGER_SUMS = Query(
    "sums of the ledger",
    {
        "project_id": "tl.entity",
        "currency_symbol": "c.symbol",
        "company_currency": "sc.symbol",
        "period_start": day_of("ap.startdate"),
        "amount": "SUM(tal.amount)",
    },
    f"{_LEDGER} {_CURRENCY} {_SUBSIDIARY} JOIN accountingperiod ap ON ap.id = t.postingperiod",
    ("project_id", "currency_symbol", "company_currency", "period_start"),
    "tal.posting = 'T' AND tl.entity IS NOT NULL",
    grouped=("project_id", "currency_symbol", "company_currency", "period_start"),
)
# Lines of what may be a project: neither a plain customer nor a vendor.
LEDGER_ROWS = Query(
    "rows of the ledger",
    {"project_id": "tl.entity", "customer_id": "cu.id", "line_vendor_id": "ve.id", "found": "COUNT(*)"},
    f"{_LEDGER} {_CUSTOMER} {_VENDOR}",
    ("project_id",),
    "tal.posting = 'T' AND tl.entity IS NOT NULL AND (tal.amount IS NOT NULL OR tl.foreignamount IS NOT NULL)",
    grouped=("project_id", "customer_id", "line_vendor_id"),
)
