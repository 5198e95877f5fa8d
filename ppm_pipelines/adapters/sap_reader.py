"""Asking SAP: pages and counts of a stream with the fields that this tenant has, and the filters that all reads share.

Belongs here: what a tenant's ``$metadata`` decides, pages, filters. Does not belong here: in which order things are
read (``sap``), what rows mean (``sap_orders``, ``sap_journal``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx

from ppm_pipelines.adapters import odata, odata_metadata, sap_rows, sap_streams
from ppm_pipelines.adapters.base import Credentials, Misconfigured, Refused, SourceError, Stream
from ppm_pipelines.adapters.http import ApiKey, Client, ClientCredentials, Limits, chunks, host_refused
from ppm_pipelines.adapters.odata import V2, all_of, any_of, between, either, quoted
from ppm_pipelines.adapters.odata_metadata import Metadata
from ppm_pipelines.adapters.sap_settings import Settings
from ppm_pipelines.adapters.sap_streams import ORDERS_V2, ORDERS_V4, VENDOR_ITEMS, OrderService
from ppm_pipelines.mapping.fields import SourceField

ORDERS_PER_PAGE = 500
KEYS_PER_REQUEST = 40
RANGES_PER_REQUEST = 25
RANGE_GAP = 10
Known = Mapping[str, frozenset[str]]  # the names of the properties of an entity type


class Reader:
    """Reads streams of one tenant. ``cut`` bounds what was posted; None reads what there is. ``wanted`` are paths, by
    the name of the stream, that are asked for too where the tenant has them."""

    def __init__(
        self, settings: Settings, allowed_hosts: str | None, timeout_seconds: float, limits: Limits | None
    ) -> None:
        self.settings = settings
        self.client = _client(settings, allowed_hosts, timeout_seconds, limits)
        self.cut: datetime | None = None
        self.wanted: Mapping[str, Collection[str]] = {}
        self._began: datetime | None = None
        self._known: dict[str, Metadata | None] = {}
        self._fields: dict[str, tuple[str, ...]] = {}
        self._orders: OrderService | None = None

    def now(self) -> datetime:
        """The time of the beginning: the server's clock in its first answer, or ours where it told none."""
        if self._began is None:
            self._began = self.client.server_time or datetime.now(UTC).replace(microsecond=0)
        return self._began

    # What the tenant has

    @property
    def orders(self) -> OrderService:
        """V4 where the tenant has it, else V2; decided by their metadata, once."""
        if self._orders is None:
            found = (one for one in (ORDERS_V4, ORDERS_V2) if self.known(one.orders) is not None)
            self._orders = next(found, ORDERS_V4)  # where neither is there, reading says why
        return self._orders

    @property
    def tells_vendor_items(self) -> bool:
        return self.known(VENDOR_ITEMS) is not None

    def known(self, stream: Stream) -> Metadata | None:
        """What the service's metadata describes; None where the service is not there or not ours to read."""
        root = stream.path.rpartition("/")[0]
        if root not in self._known:
            self._known[root] = self._described(root)
        return self._known[root]

    def _described(self, root: str) -> Metadata | None:
        try:
            return Metadata(self.client.document(f"{root}/$metadata"))
        except SourceError as error:
            if error.code in ("not_found", "forbidden"):
                return None
            raise

    def fields(self, stream: Stream) -> tuple[str, ...]:
        """What is asked for: what every read asks for, and what is wanted."""
        always, wanted = self._always(stream), self.wanted.get(stream.name)
        if not wanted or not (known := self.known(stream)):
            return always
        return odata_metadata.asked(always, wanted, _there(stream, known))

    def _always(self, stream: Stream) -> tuple[str, ...]:
        if stream.name not in self._fields:
            known = self.known(stream) if stream.types else None
            self._fields[stream.name] = available(stream, known) if known else stream.fields
        return self._fields[stream.name]

    def source_fields(self, stream: Stream, seen: Mapping[str, str]) -> Iterator[SourceField]:
        """What the tenant has below each of these navigations of the stream, named as mapped lines see it; where SAP
        describes nothing, what is read. Raises SourceError."""
        metadata, read = self.known(stream), [path.rpartition("/") for path in self._always(stream)]
        for above, told in seen.items():
            names = [name for place, _, name in read if place == above]
            found = self._described_fields(metadata, stream.types[above], told, names) if metadata else ()
            for one in list(found) or [SourceField(f"{told}.{name}" if told else name) for name in names]:
                if not sap_rows.is_helper(one.name.rpartition(".")[2]):
                    yield one

    def _described_fields(
        self, metadata: Metadata, kind: str, above: str, names: Collection[str]
    ) -> Iterator[SourceField]:
        """V4 does not tell the language of its labels; V2 does, and both answer in the user's own."""
        projects = self.known(sap_streams.PROJECTS)
        language = projects.language if projects else ""
        yield from odata_metadata.fields(metadata, kind, above, names, sap_rows.is_custom, language)

    # Pages

    def pages(
        self, stream: Stream, filter_: str = "", headers: Mapping[str, str] | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        yield from odata.pages(self.client, stream.protocol, stream.path, self._params(stream, filter_), headers)

    def rows(self, stream: Stream, filter_: str = "") -> Iterator[dict[str, Any]]:
        for page in self.pages(stream, filter_):
            yield from page

    def order_pages(self, filter_: str) -> Iterator[list[dict[str, Any]]]:
        """Orders of the configured company codes. V2 has no reliable pages of its own, so it is asked by key."""
        stream = self.orders.orders
        wanted = all_of(filter_, self.companies())
        if self.orders.pages_itself:
            yield from self.pages(stream, wanted, {"Prefer": f"odata.maxpagesize={ORDERS_PER_PAGE}"})
        else:
            params = self._params(stream, wanted)
            path, (key,) = stream.path, stream.key
            yield from odata.pages_by_key(self.client, stream.protocol, path, params, key, ORDERS_PER_PAGE)

    def count(self, stream: Stream, filter_: str = "") -> int:
        params = {"$select": ",".join(stream.key)} | ({"$filter": filter_} if filter_ else {})
        return odata.count(self.client, stream.protocol, stream.path, params)

    def _params(self, stream: Stream, filter_: str) -> dict[str, str]:
        selection: dict[str, str] = stream.protocol.selection(self.fields(stream))
        return {**selection, **stream.params, **({"$filter": filter_} if filter_ else {})}

    # Filters

    def ledger(self) -> str:
        return f"Ledger eq {quoted(self.settings.ledger)}"

    def journal(self) -> str:
        """Postings of the ledger, without SAP's own commitments, up to the cut."""
        until = f"CreationDateTime lt {V2.stamp(self.cut)}" if self.cut else ""
        return all_of(self.ledger(), "IsCommitment eq false", until)

    def receipts(self) -> str:
        return all_of(self.journal(), f"AccountingDocumentType eq {quoted(self.settings.receipt_document_type)}")

    def of_projects(self) -> str:
        wbs = f"WBSElementInternalID ne '{sap_streams.NO_WBS}'"
        centers = self.cost_centers()
        return either(wbs, centers) if centers else wbs

    def cost_centers(self) -> str:
        """The configured cost centres, by the number people type and by the ten digits that SAP may keep."""
        typed = list(self.settings.cost_centers)
        long = [center.zfill(10) for center in typed if center.isascii() and center.isdigit()]
        return any_of("CostCenter", dict.fromkeys([*typed, *long]))

    def companies(self) -> str:
        return any_of("CompanyCode", self.settings.company_codes)


def available(stream: Stream, known: Known) -> tuple[str, ...]:
    """The stream's fields that the tenant has, and the customer's own. Raises Refused when a needed one is missing."""
    types, is_there = _types(stream, known), _there(stream, known)
    if not types[""]:
        return stream.fields  # described in a way we can't read: reading will say whether a field is missing
    missing = sorted(path for path in stream.needed if not is_there(path))
    if missing:
        raise Refused(
            f"SAP's {stream.name} have no field {missing[0]} here, and without it they would be misread. Nothing was "
            "changed. Ask SAP's administrator which release of the service is active.",
            "field_missing",
        )
    own = [
        f"{above}/{name}" if above else name
        for above, names in types.items()
        for name in sorted(names)
        if sap_rows.is_custom(name)
    ]
    return (*filter(is_there, stream.fields), *own)


def _types(stream: Stream, known: Known) -> dict[str, frozenset[str]]:
    """By navigation, the names of what is below it."""
    return {above: known.get(name, frozenset()) for above, name in stream.types.items()}


def _there(stream: Stream, known: Known) -> Callable[[str], bool]:
    types = _types(stream, known)

    def is_there(path: str) -> bool:
        above, _, name = path.rpartition("/")
        return name in types.get(above, ())

    return is_there


def key_filters(name: str, wanted: set[str], page: int) -> Iterator[str]:
    """Filters for the wanted keys of a page of so many rows: one range where they lie close together, else chunks."""
    keys = sorted(wanted)
    if not keys:
        return
    if _dense(keys, page):
        yield between(name, keys[0], keys[-1])
        return
    for some in chunks(keys, KEYS_PER_REQUEST):
        yield any_of(name, some)


def _dense(keys: Sequence[str], page: int) -> bool:
    """Whether a range from first to last brings little that is not wanted."""
    if len(keys) == 1:
        return True
    low, high = keys[0], keys[-1]
    return low.isdigit() and high.isdigit() and len(low) == len(high) and int(high) - int(low) < RANGE_GAP * page


def ranges(numbers: Iterable[str], gap: int = RANGE_GAP) -> list[tuple[str, str]]:
    """First and last of runs of numbers with small gaps; what is no number stands alone."""
    known = set(numbers)
    runs: list[list[str]] = []
    for number in sorted((n for n in known if n.isdigit()), key=lambda n: (len(n), n)):
        last = runs[-1][-1] if runs else ""
        if last and len(last) == len(number) and int(number) - int(last) <= gap:
            runs[-1].append(number)
        else:
            runs.append([number])
    return [(run[0], run[-1]) for run in runs] + [(n, n) for n in sorted(known) if not n.isdigit()]


def document_filters(documents: Iterable[tuple[str, str, str]]) -> Iterator[str]:
    """Filters for FI documents by company code and fiscal year; gaps are widened until one request holds a year.

    Numbers repeat between company codes and years, so each has a request of its own.
    """
    places: dict[tuple[str, str], set[str]] = {}
    for company, year, number in documents:
        places.setdefault((company, year), set()).add(number)
    for (company, year), numbers in sorted(places.items()):
        gap = RANGE_GAP
        while len(found := ranges(numbers, gap)) > RANGES_PER_REQUEST and gap < 10**10:
            gap *= 4
        for some in chunks(found, RANGES_PER_REQUEST):
            told = [f"({between('AccountingDocument', low, high)})" for low, high in some]
            yield all_of(f"CompanyCode eq {quoted(company)}", f"FiscalYear eq {quoted(year)}", either(*told))


def _client(settings: Settings, allowed_hosts: str | None, timeout_seconds: float, limits: Limits | None) -> Client:
    secrets = [s.get_secret_value() for s in (settings.api_key, settings.password, settings.client_secret)]
    return Client(
        settings.api_url,
        system="SAP",
        auth=_auth(settings, allowed_hosts),
        allowed_hosts=allowed_hosts,
        timeout_seconds=timeout_seconds,
        fixed_params={"sap-client": settings.client} if settings.client else {},
        secrets=secrets,
        explain=odata.error_text,
        meaning=partial(_meaning, settings.client) if settings.client else None,
        limits=limits,
    )


def _meaning(client: str, status: int, _body: bytes, said: str) -> SourceError | None:
    """A user belongs to a client, and a service is activated in one."""
    if status == 401:
        reason = f"{said}. Check user, password or key in client {client}; the account may be locked."
        return Credentials(reason, "sign_in")
    if status == 404:
        reason = f"{said}. Check the address in client {client}, and that the service is activated."
        return Misconfigured(reason, "not_found")
    return None


def _auth(settings: Settings, allowed_hosts: str | None) -> httpx.Auth:
    if settings.auth == "api_key":
        return ApiKey("APIKey", settings.api_key.get_secret_value())
    if settings.auth == "basic":
        return httpx.BasicAuth(settings.username, settings.password.get_secret_value())
    if reason := host_refused(settings.token_url, allowed_hosts):
        raise Misconfigured(f"Token URL: {reason}", "host_refused")
    return ClientCredentials(settings.token_url, settings.client_id, settings.client_secret.get_secret_value())
