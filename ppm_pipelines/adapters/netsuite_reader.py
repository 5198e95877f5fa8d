"""Asking NetSuite: pages of a query with the columns that this account has, its clock, book and currency.

Belongs here: what an account decides, and the client. Does not belong here: in which order things are read
(``netsuite``), queries (``netsuite_streams``), what rows mean (``netsuite_rows``). One request at a time: the limit on
requests at once is shared with every other integration of the account.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import httpx

from ppm_pipelines.adapters import netsuite_rows, suiteql
from ppm_pipelines.adapters.base import Credentials, Misconfigured, SourceError, Unavailable
from ppm_pipelines.adapters.fields import text
from ppm_pipelines.adapters.http import Client, Limits, chunks
from ppm_pipelines.adapters.netsuite_auth import TOKEN_PATH, SignedCredentials, Token, TokenBased
from ppm_pipelines.adapters.netsuite_settings import Settings
from ppm_pipelines.adapters.netsuite_streams import (
    BASE_CURRENCY,
    CLOCK,
    CUSTOM_FIELDS,
    KINDS,
    LABELS,
    LEDGER,
    ORDERS,
    OWN_COLUMNS,
    PRIMARY_BOOK,
    own_column,
)
from ppm_pipelines.adapters.suiteql import Params, Query, among
from ppm_pipelines.mapping.fields import SourceField

IDS_PER_REQUEST = 150
LACKING = ("bad_request", "forbidden", "not_found")
# A query may run for 15 minutes; a full account asks nobody to come back at a certain time.
LIMITS = Limits(attempts=6, read=900, backoff=2, longest_backoff=60)
CURRENCIES = ("currency_symbol", "company_currency")
Rows = list[dict[str, Any]]


class Reader:
    """Reads queries of one account. ``cut`` is the latest transaction that is read; None reads what there is."""

    def __init__(
        self, settings: Settings, allowed_hosts: str | None, timeout_seconds: float, limits: Limits | None
    ) -> None:
        self.settings = settings
        self.client = _client(settings, allowed_hosts, timeout_seconds, limits)
        self.cut: str | None = None
        self._lacking: dict[str, frozenset[str]] = {}
        self._told: dict[str, SourceField] | None = None
        self._own: dict[str, Query] = {}
        self._shown: dict[str, bool] = {}  # the customer's own columns, by their expressions
        self._book = settings.accounting_book
        self._currency = ""

    # What the account has

    def lacking(self, query: Query) -> frozenset[str]:
        if query.name not in self._lacking:
            self._lacking[query.name] = suiteql.lacking(self.client, query)
        return self._lacking[query.name]

    def try_columns(self, *queries: Query) -> None:
        """Every column that a read asks for. Raises SourceError with NetSuite's own words for what is not there."""
        for query in queries:
            suiteql.tried(self.client, query, self._columns(query))

    def _columns(self, query: Query) -> list[str]:
        missing = self.lacking(query)
        return [name for name in (*query.columns, *query.optional) if name not in missing]

    def own_fields(self) -> Mapping[str, SourceField]:
        """The customer's own fields by their names, asked once; none where the account does not tell them."""
        if self._told is None:
            self._told = {}
            try:
                rows = list(self.rows(CUSTOM_FIELDS))
            except SourceError as error:
                if error.code not in LACKING:
                    raise
                rows = []
            for row in rows:
                if netsuite_rows.is_custom(name := text(row.get("scriptid")).lower()):
                    self._told[name] = SourceField(
                        name, text(row.get("label")), type=text(row.get("kind")), custom=True
                    )
        return self._told

    def with_own(self, query: Query) -> Query:
        """The query with those of the customer's own columns that the account shows in its tables."""
        tables = OWN_COLUMNS.get(query.name)
        if tables is None:
            return query
        if query.name not in self._own:
            own = {
                name: own_column(table, name, field.type)
                for name, field in self.own_fields().items()
                for prefix, table in tables.items()
                if name.startswith(prefix)
            }
            self._try_own(replace(query, optional=own, joins={}))
            shown = {name: expression for name, expression in own.items() if self._shown[expression]}
            self._own[query.name] = replace(query, optional={**query.optional, **shown})
        return self._own[query.name]

    def _try_own(self, query: Query) -> None:
        """Orders and ledger have the same tables: a column is tried with the first of them."""
        new = [name for name, expression in query.optional.items() if expression not in self._shown]
        shown = set(suiteql.readable(self.client, query, new))
        self._shown |= {query.optional[name]: name in shown for name in new}

    def source_fields(self, query: Query) -> Iterator[SourceField]:
        """The columns of a query that the account has, and the customer's own of its tables. Raises SourceError."""
        asked = self.with_own(query)
        for name in self._columns(query):
            english, german = LABELS.get(name, ("", ""))
            yield SourceField(name, english, german, KINDS.get(name) or suiteql.type_of(query.expression(name)))
        for name, told in self.own_fields().items():
            if name.startswith(tuple(OWN_COLUMNS[query.name])):
                yield replace(told, read=name in asked.optional)

    def clock(self) -> str:
        """NetSuite's own time, as it writes it: what the next incremental read begins with."""
        told = str(suiteql.first(self.client, CLOCK).get("now") or "")
        if not told:
            raise Unavailable("NetSuite does not tell its time. Nothing was changed. Try again later.", "no_clock")
        return told

    def book(self) -> str:
        """The internal number of the accounting book: the configured one, else the primary one."""
        if not self._book:
            self._book = str(self._first(PRIMARY_BOOK).get("id") or "1")
        return self._book

    def currency(self) -> str:
        """The currency of an account that does not tell one per line. Raises Misconfigured where nobody tells it."""
        if not self._currency:
            self._currency = str(self._first(BASE_CURRENCY).get("symbol") or self.settings.currency)
        if not self._currency:
            raise Misconfigured(
                "NetSuite does not tell the currency of this account. Enter it in the settings (Currency).",
                "currency_missing",
            )
        return self._currency

    def _first(self, asked: str) -> dict[str, Any]:
        """The first row; empty where the account has no such table."""
        try:
            return suiteql.first(self.client, asked)
        except SourceError as error:
            if error.code not in LACKING:
                raise
            return {}

    def check_currencies(self) -> None:
        """Lines of several subsidiaries without the subsidiaries' currencies would be added up wrongly."""
        for query in (ORDERS, LEDGER):
            missing = self.lacking(query)
            if "company_currency" in missing and "subsidiary" not in missing:
                raise Credentials(
                    "NetSuite shows the lines of subsidiaries, but not which currency a subsidiary has. Grant the role "
                    "the rights to view subsidiaries and currencies.",
                    "forbidden",
                )

    # Pages

    def pages(self, query: Query, where: str = "", params: Params = ()) -> Iterator[Rows]:
        missing = self.lacking(query)
        currency = {name: self.currency() for name in CURRENCIES if name in missing}
        asked = self.with_own(query)
        # NetSuite leaves out what is null; the customer's own columns are told by their names alone.
        empty = dict.fromkeys(asked.optional.keys() - query.optional.keys())
        for rows in suiteql.pages(self.client, asked, missing, where, params):
            yield [{**empty, **row, **currency} for row in rows] if empty or currency else rows

    def rows(self, query: Query, where: str = "", params: Params = ()) -> Iterator[dict[str, Any]]:
        for page in self.pages(query, where, params):
            yield from page

    def of(self, query: Query, expression: str, ids: Collection[str]) -> Iterator[dict[str, Any]]:
        """The rows that belong to these numbers."""
        for some in chunks(in_order(ids), IDS_PER_REQUEST):
            yield from self.rows(query, among(expression, some), some)

    # Filters

    def until_cut(self, expression: str = "t.id") -> tuple[str, list[str]]:
        return (f"{expression} <= ?", [self.cut]) if self.cut is not None else ("", [])

    def cost(self) -> tuple[str, list[str]]:
        """Lines of the accounting book on accounts of a cost type (DOMAIN "What counts")."""
        types = self.settings.cost_account_types
        return f"tal.accountingbook = ? AND {among('a.accttype', types)}", [self.book(), *types]


def both(*parts: tuple[str, list[str]]) -> tuple[str, list[str]]:
    """Conditions that all hold, and their values in the same order."""
    told = [(condition, values) for condition, values in parts if condition]
    return " AND ".join(f"({condition})" for condition, _ in told), [one for _, values in told for one in values]


def in_order(ids: Iterable[str]) -> list[str]:
    """Each once, as numbers go."""
    return sorted(set(ids), key=lambda one: (len(one), one))


def _client(settings: Settings, allowed_hosts: str | None, timeout_seconds: float, limits: Limits | None) -> Client:
    hidden = (
        settings.private_key,
        settings.consumer_key,
        settings.consumer_secret,
        settings.token_id,
        settings.token_secret,
    )
    return Client(
        settings.root,
        system="NetSuite",
        auth=_auth(settings),
        allowed_hosts=allowed_hosts,
        timeout_seconds=timeout_seconds,
        secrets=[one.get_secret_value() for one in hidden],
        explain=suiteql.error_text,
        meaning=_meaning,
        limits=limits or LIMITS,
    )


def _meaning(status: int, _body: bytes, said: str) -> SourceError | None:
    """Who may call at all is a matter of the role; there is no user and no password (netsuite.md, section 2)."""
    if status == 401:
        reason = (
            f"{said}. The Login Audit Trail of NetSuite tells the cause. Check the keys in the settings, and that the "
            "role has the permission Log in using Access Tokens."
        )
        return Credentials(reason, "sign_in")
    if status == 403:
        reason = (
            f"{said}. The role may sign in, but not read this: grant it REST Web Services, SuiteAnalytics Workbook and "
            "the right to view these records."
        )
        return Credentials(reason, "forbidden")
    return None


def _auth(settings: Settings) -> httpx.Auth:
    if settings.auth == "oauth2":
        key = settings.private_key.get_secret_value()
        return SignedCredentials(f"{settings.root}/{TOKEN_PATH}", settings.client_id, settings.certificate_id, key)
    return TokenBased(
        Token(
            settings.account_id,
            settings.consumer_key.get_secret_value(),
            settings.consumer_secret.get_secret_value(),
            settings.token_id.get_secret_value(),
            settings.token_secret.get_secret_value(),
        )
    )
