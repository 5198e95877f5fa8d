"""The simulated account: its company, its documents, its clock, and what was deleted.

Belongs here: keeping and finding. Does not belong here: what happens (``life``), how queries see it (``tables``).
Numbers of documents and unique keys of lines only grow. Billing sets no stamp of the order (netsuite.md, section 4).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from ppm_pipelines.sandbox.company import Company, Masters, Project, Vendor, masters

from .model import PAYABLE, Account, Document, Line, billed_amount

DAY = 86_400_000
FIRST_CUSTOMER, FIRST_VENDOR, FIRST_PROJECT = 9000, 5000, 7000


@dataclass(frozen=True, slots=True)
class Deletion:
    record: int
    type: str
    at: int


class World:
    """``anchor`` (milliseconds since 1970) is where history ends; from there on the clock is the real one."""

    def __init__(self, seed: int, anchor: int) -> None:
        self.seed, self.anchor = seed, anchor
        self.masters: Masters = masters(seed, 1)
        self.documents: dict[int, Document] = {}
        self._by_type: dict[str, list[Document]] = {}
        self.deleted: list[Deletion] = []
        self.gone: set[str] = set()
        self.dirty: set[int] = set()
        self._series: dict[tuple[str, str], int] = {}
        self.hidden: list[Project] = []  # projects that the role may not see
        self.now = 0
        self.ahead = 0
        self.steps = self._numbers = self._lines = 0

    # The clock

    def clock(self) -> int:
        return max(int(time.time() * 1000) + self.ahead, self.now)

    def tick(self, stamp: int | None = None) -> int:
        """The moment of the next thing that happens, in whole seconds."""
        moment = (self.clock() // 1000 + 1) * 1000 if stamp is None else stamp
        self.now = max(self.now + 1000, moment)
        return self.now

    # Numbers of entities

    def project_id(self, project: Project) -> int:
        return FIRST_PROJECT + project.internal

    def vendor_id(self, vendor: Vendor) -> int:
        return FIRST_VENDOR + self.masters.vendors.index(vendor)

    def company_id(self, company: Company) -> int:
        return self.masters.companies.index(company) + 1

    # Documents

    def add(
        self, type: str, company: Company, currency: str, rate: int, stamp: int, vendor: Vendor | None = None
    ) -> Document:
        self._numbers += 1
        number = 1000 + 3 * self._numbers
        short = {"PurchOrd": "PO", "VendBill": "BILL", "Journal": "JE", "VendCred": "BC", "ItemRcpt": "IR"}[type]
        made = Document(
            number, type, f"{short}{self._next(company, type)}", f"{short}{self._numbers}", company, currency, rate,
            stamp, stamp, stamp,
            vendor,
        )  # fmt: skip
        self.documents[number] = made
        self.of(type).append(made)
        self.dirty.add(number)
        if vendor is not None:
            self.line(made, PAYABLE, 0, main=True)
        return made

    def _next(self, company: Company, type: str) -> int:
        """Every subsidiary numbers its documents for itself, so that numbers repeat."""
        self._series[company.code, type] = self._series.get((company.code, type), 0) + 1
        return self._series[company.code, type]

    def line(self, document: Document, account: Account, amount: int, *, main: bool = False) -> Line:
        self._lines += 1
        number = max((one.id for one in document.lines), default=-1) + 1
        made = Line(document, number, 40_000 + self._lines, account, amount, main=main, modified=document.modified)
        document.lines.append(made)
        self.balance(document)
        return made

    def balance(self, document: Document) -> None:
        for line in document.lines:
            if line.main:
                line.amount = -sum(one.amount for one in document.lines if not one.main)
        self.dirty.add(document.id)

    def touch(self, document: Document, stamp: int) -> None:
        document.modified = stamp
        self.dirty.add(document.id)

    def delete(self, document: Document, stamp: int, *, told: bool = True) -> None:
        """``told`` False: it vanishes without a trace."""
        for line in document.lines:
            self.gone.add(line.key)
            if line.order_line is not None:
                order = line.order_line.document
                order.bills = [bill for bill in order.bills if bill is not document]
                self.dirty.add(order.id)
        del self.documents[document.id]
        self.of(document.type).remove(document)
        self.dirty.add(document.id)
        if told:
            self.deleted.append(Deletion(document.id, document.type.lower(), stamp))

    def delete_line(self, line: Line, stamp: int) -> None:
        document = line.document
        document.lines.remove(line)
        self.gone.add(line.key)
        self.touch(document, stamp)
        self.balance(document)

    def orders(self) -> list[Document]:
        return self.of("PurchOrd")

    def of(self, type: str) -> list[Document]:
        """All documents of a type, oldest first."""
        return self._by_type.setdefault(type, [])


def unbilled(line: Line) -> bool:
    return not billed_amount(line)
