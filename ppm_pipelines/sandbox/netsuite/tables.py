"""The account as tables: what queries see of documents, projects, accounts and deletions.

Belongs here: table names, columns and rows. Does not belong here: the language (``suiteql``), documents (``model``).
Amounts and numbers are texts, dates are kept as ``2026-01-31T00:00:00`` in the clock's zone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ppm_pipelines.sandbox.company import DIGITS, RATE_ONE, decimal_text

from . import own_fields
from .model import ACCOUNTS, Document, Line, billed_quantity, status
from .suiteql import KEEPING, connect, plain
from .world import FIRST_CUSTOMER, World

ZONE = ZoneInfo("America/Los_Angeles")
CURRENCIES = sorted(DIGITS)
DEPARTMENTS = {1: "Engineering", 2: "Bau & Montage", 3: "IT"}
CUSTOMERS = ("Stadtwerke Büsum", "Hafen Hamburg", "Kansai Power")
BOOKS = {1: ("Primary Accounting Book", "T"), 2: ("IFRS", "F")}
JOB_STATUS = {"00": (1, "Pending"), "10": (2, "In Progress"), "20": (3, "Closed")}
SCHEMA = f"""
create table dual (dummy text);
create table accountingbook (id integer, name text, isprimary text);
create table currency (id integer, symbol text, name text, isbasecurrency text);
create table subsidiary (id integer, name text, currency integer);
create table department (id integer, name text);
create table account (id integer, acctnumber text, accountsearchdisplayname text, accttype text);
create table accountingperiod (id integer, periodname text, startdate text, enddate text);
create table vendor (id integer primary key, entityid text, companyname text);
create table customer (id integer primary key, entityid text, companyname text);
create table job (id integer primary key, entityid text, companyname text, entitystatus integer, isinactive text,
    startdate text, enddate text, projectedenddate text, estimatedcost text, subsidiary integer, currency integer,
    {own_fields.columns(own_fields.OF_PROJECTS)});
create table [transaction] (id integer primary key, type text, tranid text, transactionnumber text, status text,
    trandate text, duedate text, entity integer, employee integer, currency integer, exchangerate text,
    foreigntotal text, posting text, postingperiod integer, isreversal text, reversal integer, voided text,
    createddate text, lastmodifieddate text, {own_fields.columns(own_fields.OF_TRANSACTIONS)});
create table transactionline ([transaction] integer, id integer, linesequencenumber integer, uniquekey integer,
    mainline text, taxline text, entity integer, subsidiary integer, department integer, class integer, item integer,
    expenseaccount integer, memo text, quantity text, quantitybilled text, quantityshiprecv text, foreignamount text,
    isclosed text, expectedreceiptdate text, linelastmodifieddate text,
    {own_fields.columns(own_fields.OF_LINES)});
create table transactionaccountingline ([transaction] integer, transactionline integer, accountingbook integer,
    account integer, posting text, amount text, lastmodifieddate text);
create table previoustransactionlinelink (previousdoc integer, previousline integer, previoustype text,
    nextdoc integer, nextline integer, nexttype text, linktype text);
create table customfield (scriptid text, name text, fieldvaluetype text);
create table deletedrecord (recordid text, type text, deleteddate text);
create index lines on transactionline ([transaction]);
create index ledger on transactionaccountingline ([transaction], transactionline);
create index links_back on previoustransactionlinelink (previousdoc);
create index links_on on previoustransactionlinelink (nextdoc);
"""
OF_DOCUMENTS = {
    "transaction": "id",
    "transactionline": "transaction",
    "transactionaccountingline": "transaction",
    "previoustransactionlinelink": "nextdoc",
}


def kept(moment: int) -> str:
    """Milliseconds since 1970 as the server's clock shows them."""
    return datetime.fromtimestamp(moment / 1000, UTC).astimezone(ZONE).strftime(KEEPING)


def day(moment: int) -> str:
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%d}T00:00:00"


def money(amount: int, currency: str) -> str:
    return plain(Decimal(decimal_text(amount, currency)))


def flag(value: bool) -> str:
    return "T" if value else "F"


class Tables:
    """A database that follows the world: documents are written anew when they changed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.periods: dict[str, int] = {}
        self.database = connect(self._shown, lambda: kept(world.clock()))
        self.database.executescript(SCHEMA)
        self._masters()
        self._deletions = 0
        self._written: set[int] = set()

    def follow(self) -> None:
        """Writes what changed since the last query."""
        if self.world.dirty or self._deletions < len(self.world.deleted):
            self.database.execute("begin")
            for number in sorted(self.world.dirty):
                self._write(number)
            self.world.dirty.clear()
            for one in self.world.deleted[self._deletions :]:
                self._insert("deletedrecord", [(str(one.record), one.type, kept(one.at))])
            self._deletions = len(self.world.deleted)
            self.database.execute("commit")
        hidden = [(self.world.project_id(project),) for project in self.world.hidden]
        self.database.executemany("delete from job where id = ?", hidden)

    def _insert(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self.database.executemany(f"insert into [{table}] values ({marks})", rows)  # noqa: S608

    def _masters(self) -> None:
        world, company = self.world, self.world.masters.companies
        currency = {symbol: number for number, symbol in enumerate(CURRENCIES, 1)}
        self._insert("dual", [("X",)])
        self._insert("customfield", [(name.upper(), *told) for name, *told in own_fields.FIELDS])
        self._insert("accountingbook", [(number, *told) for number, told in BOOKS.items()])
        # The currency that is known to nobody else is written as NetSuite's users wrote it.
        self._insert(
            "currency", [(number, symbol, symbol, flag(symbol == "EUR")) for symbol, number in currency.items()]
        )
        self._insert("subsidiary", [(n, one.name, currency[one.currency]) for n, one in enumerate(company, 1)])
        self._insert("department", list(DEPARTMENTS.items()))
        self._insert("account", [(one.id, one.number, one.name, one.type) for one in ACCOUNTS])
        self._insert("vendor", [(world.vendor_id(one), one.number, one.name) for one in world.masters.vendors])
        self._insert("customer", [(FIRST_CUSTOMER + n, name, name) for n, name in enumerate(CUSTOMERS)])
        self._insert("job", [self._job(project, currency) for project in world.masters.projects])
        # Other records have numbers of their own, and their deletions are in the same list.
        self._insert("deletedrecord", [("1003", "customer", kept(world.anchor - 1000))])

    def _job(self, project: Any, currency: dict[str, int]) -> tuple[Any, ...]:
        world = self.world
        budget = sum(amount for _, amount in project.budgets)
        start = world.anchor + project.start_offset * 86_400_000
        own = project.company.currency
        return (
            world.project_id(project), project.number, project.name, JOB_STATUS[project.status][0], "F", day(start),
            None, day(start + project.length * 86_400_000), money(budget, own) if budget else None,
            world.company_id(project.company), currency[own], *own_fields.of_project(world.project_id(project)),
        )  # fmt: skip

    def _write(self, number: int) -> None:
        for table, column in OF_DOCUMENTS.items() if number in self._written else ():
            self.database.execute(f"delete from [{table}] where [{column}] = ?", (number,))  # noqa: S608
        self._written.add(number)
        document = self.world.documents.get(number)
        if document is None:
            return
        self._insert("transaction", [self._transaction(document)])
        lines = sorted(document.lines, key=lambda one: one.id)
        self._insert("transactionline", [self._line(line, place) for place, line in enumerate(lines)])
        self._insert("transactionaccountingline", [row for line in lines for row in self._ledger(line)])
        self._insert("previoustransactionlinelink", [row for line in lines for row in self._links(line)])

    def _transaction(self, document: Document) -> tuple[Any, ...]:
        world, total = self.world, sum(line.amount for line in document.lines if not line.main)
        spoiled = document.spoiled
        return (
            document.id, document.type, document.tranid, document.number, status(document),
            spoiled.get("trandate", day(document.day)), day(document.day + 30 * 86_400_000),
            world.vendor_id(document.vendor) if document.vendor else None, 1 + document.id % 3,
            CURRENCIES.index(spoiled.get("currency", document.currency)) + 1,
            plain(Decimal(document.rate) / RATE_ONE), money(-total, document.currency), flag(document.posting),
            self._period(document.day) if document.posting else None, flag(document.reverses),
            document.reversal.id if document.reversal else None, "F", kept(document.created), kept(document.modified),
            *own_fields.of_transaction(document),
        )  # fmt: skip

    def _period(self, moment: int) -> int:
        """A posting period; made when the first document is posted to it."""
        first = datetime.fromtimestamp(moment / 1000, UTC).replace(day=1)
        name = f"{first:%b %Y}"
        if name not in self.periods:
            self.periods[name] = 100 + len(self.periods)
            start = f"{first:%Y-%m-%d}T00:00:00"
            self._insert("accountingperiod", [(self.periods[name], name, start, None)])
        return self.periods[name]

    def _line(self, line: Line, place: int) -> tuple[Any, ...]:
        document = line.document
        order = document.type == "PurchOrd"
        # The place in the form is not the line's number, although they often coincide (netsuite.md, trap 2).
        sequence = len(document.lines) - place if document.reversed_sequence else place
        item = line.quantity is not None
        return (
            document.id, line.id, sequence, line.unique, flag(line.main), flag(line.tax), self._entity(line),
            self.world.company_id(document.company), line.department, None, 10 if item else None,
            None if item or line.main else line.account.id, line.memo or None, _count(line.quantity),
            _count(billed_quantity(line)) if order and item else None,
            _count(line.received) if order and item else None,
            line.spoiled.get("foreignamount", money(line.amount, document.currency)), flag(line.closed),
            day(document.day + 45 * 86_400_000) if order and line.id % 2 else None, kept(line.modified),
            *own_fields.of_line(line),
        )  # fmt: skip

    def _entity(self, line: Line) -> int | None:
        if line.main:
            return self.world.vendor_id(line.document.vendor) if line.document.vendor else None
        return self.world.project_id(line.project) if line.project else line.customer

    def _ledger(self, line: Line) -> Iterator[tuple[Any, ...]]:
        """One row per book; orders have rows that post nothing. The other book has other amounts."""
        document = line.document
        amount = line.company_amount
        for book, factor in ((1, 1), (2, 3)):
            yield (
                document.id, line.id, book, line.account.id, flag(document.posting),
                money(amount * factor, document.company.currency), kept(document.modified),
            )  # fmt: skip

    def _links(self, line: Line) -> Iterator[tuple[Any, ...]]:
        order = line.order_line
        if order is not None:
            yield (order.document.id, order.id, "PurchOrd", line.document.id, line.id, "VendBill", "OrdBill")

    def _shown(self, field: str, value: Any) -> str | None:
        """``BUILTIN.DF``: what a person sees."""
        if value is None:
            return None
        if field == "entity":
            index = value - 5000
            vendors = self.world.masters.vendors
            return vendors[index].name if 0 <= index < len(vendors) else f"Entity {value}"
        known: dict[str, dict[int, str]] = {
            "entitystatus": dict(JOB_STATUS.values()),
            "employee": {1: "K. Müller", 2: "S. Tanaka", 3: "L. O'Brien"},
            "item": {10: "Dienstleistung"},
            "department": DEPARTMENTS,
            **own_fields.LISTS,
        }
        return known.get(field, {}).get(value, str(value))


def _count(quantity: int | None) -> str | None:
    return None if quantity is None else str(quantity)
