"""Asking Dynamics: pages and counts of a stream with the fields that this environment has.

Belongs here: the client, what ``$metadata`` decides, pages, the promise of a product. Does not belong here: in which
order things are read (``dynamics_fo``, …), what rows mean (``dynamics_fo_rows``, …).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar

from ppm_pipelines.adapters import odata, odata_metadata
from ppm_pipelines.adapters.base import Check, Misconfigured, Refused, State, Stream
from ppm_pipelines.adapters.dynamics_rows import Directory
from ppm_pipelines.adapters.dynamics_settings import Settings
from ppm_pipelines.adapters.http import Client, ClientCredentials, Limits, Meaning, host_refused
from ppm_pipelines.adapters.odata import V4, all_of
from ppm_pipelines.adapters.odata_metadata import Metadata
from ppm_pipelines.mapping.fields import SourceField
from ppm_pipelines.records import ControlTotal, Outcome, Page, Raw, Skipped

ROWS_PER_PAGE = 1000
KEYS_PER_REQUEST = 40


class Reader:
    """Reads streams of one environment below ``root``; ``fixed`` parameters go with every request, ``headers`` with
    every page. ``own`` says which fields are the customer's, ``meaning`` what refusals of the product mean. ``wanted``
    are paths, by the name of the stream, that are asked for too where the environment has them."""

    def __init__(
        self,
        settings: Settings,
        root: str,
        fixed: Mapping[str, str],
        *,
        allowed_hosts: str | None,
        timeout_seconds: float,
        limits: Limits | None,
        headers: Mapping[str, str] | None = None,
        meaning: Meaning | None = None,
        own: Callable[[str], bool] = lambda name: name.endswith("_Custom"),
    ) -> None:
        self.settings = settings
        self.own = own
        self.wanted: Mapping[str, Collection[str]] = {}
        self._headers = {"Prefer": f"odata.maxpagesize={ROWS_PER_PAGE}", **(headers or {})}
        self.client = _client(settings, root, fixed, allowed_hosts, timeout_seconds, limits, meaning)
        self._began: datetime | None = None
        self._metadata: Metadata | None = None

    def now(self) -> datetime:
        """The time of the beginning: the server's clock in its first answer, or ours where it told none."""
        if self._began is None:
            self._began = self.client.server_time or datetime.now(UTC).replace(microsecond=0)
        return self._began

    # What the environment has

    @property
    def metadata(self) -> Metadata:
        """What the environment has, asked once."""
        if self._metadata is None:
            self._metadata = Metadata(self.client.document("$metadata"))
        return self._metadata

    def has(self, stream: Stream) -> bool:
        return stream.name in self.metadata.sets

    def fields(self, stream: Stream) -> tuple[str, ...]:
        """What is asked for: what every read asks for, and what is wanted. Raises as ``_always``."""
        wanted = self.wanted.get(stream.name, ())
        return odata_metadata.asked(self._always(stream), wanted, partial(self._is_there, stream))

    def _always(self, stream: Stream) -> tuple[str, ...]:
        """The stream's fields that the environment has, and the customer's own: asking for another one fails the
        whole request. Raises Misconfigured without the entity, Refused without a field that is needed."""
        if not self.has(stream):
            raise Misconfigured(
                f"Dynamics does not have the entity {stream.name} here. Check the product, the address, and that the "
                "entity is public.",
                "entity_missing",
            )
        is_there = partial(self._is_there, stream)
        if missing := sorted(path for path in stream.needed if not is_there(path)):
            raise Refused(
                f"The entity {stream.name} has no field {missing[0]} here, and without it rows would be misread. "
                "Nothing was changed. Ask the administrator of Dynamics which version is installed.",
                "field_missing",
            )
        return (*filter(is_there, stream.fields), *sorted(filter(self.own, self.metadata.of_set(stream.name))))

    def _is_there(self, stream: Stream, path: str) -> bool:
        above, _, name = path.rpartition("/")
        return name in self.metadata.of_set(above.rpartition("/")[2] or stream.name)

    def source_fields(self, above: str, stream: Stream, navigation: str = "") -> Iterator[SourceField]:
        """What the environment has of the stream, or below a navigation of it, with ``above`` before the names; none
        without the entity. Raises SourceError."""
        if not self.has(stream):
            return
        kind = self.metadata.sets.get(navigation.rpartition("/")[2] or stream.name, "")
        read = {
            name for place, _, name in (path.rpartition("/") for path in self._always(stream)) if place == navigation
        }
        yield from odata_metadata.fields(self.metadata, kind, above, read, self.own)

    # Pages

    def pages(self, stream: Stream, *filters: str, path: str = "") -> Iterator[list[dict[str, Any]]]:
        """Pages with the fields that are there; ``path`` where the set lies below something."""
        wanted = all_of(*filters)
        params = {
            **stream.protocol.selection(self.fields(stream)),
            **stream.params,
            **({"$filter": wanted} if wanted else {}),
        }
        yield from odata.pages(self.client, stream.protocol, path or stream.path, params, self._headers)

    def rows(self, stream: Stream, *filters: str, path: str = "") -> Iterator[dict[str, Any]]:
        for page in self.pages(stream, *filters, path=path):
            yield from page

    def count(self, stream: Stream, *filters: str, path: str = "") -> int:
        wanted = all_of(*filters)
        params = {"$select": stream.key[-1]} | ({"$filter": wanted} if wanted else {})
        return odata.count(self.client, V4(), path or stream.path, params)


class Product(ABC):
    """One of the three products: how it is read. ``made_from`` says which stream an entity's raw records are of."""

    made_from: ClassVar[Mapping[str, tuple[str, Callable[[Raw, Directory], Iterator[Outcome]]]]]
    # Where lines of a mapping find which stream, or what is below a navigation of it, by entity.
    seen: ClassVar[Mapping[str, Sequence[tuple[str, Stream, str]]]]
    # What the read itself adds to raw records, by entity.
    added: ClassVar[Mapping[str, Sequence[SourceField]]]
    overlap: ClassVar[timedelta] = timedelta(hours=1)

    def __init__(self, settings: Settings, **connection: Any) -> None:
        self.settings = settings
        self.directory = Directory()
        self.reader = self.connected(settings, **connection)

    @abstractmethod
    def connected(self, settings: Settings, **connection: Any) -> Reader: ...

    @abstractmethod
    def projects(self) -> Iterator[Page]:
        """All projects, into the directory as well. Raises SourceError."""

    def commitments(self, since: datetime | None, state: State) -> Iterator[Page]:  # noqa: ARG002
        """Order lines; none where the product has no orders."""
        yield from ()

    @abstractmethod
    def actuals(self, since: datetime | None, state: State) -> Iterator[Page]: ...

    def fields(self, entity: str) -> Iterator[SourceField]:
        """See ``Adapter.fields``."""
        for place in self.seen.get(entity, ()):
            yield from self.reader.source_fields(*place)
        yield from self.added.get(entity, ())

    def settled(self) -> Iterator[Page]:
        """What business touched while both were read, once more, where the product can tell it (DOMAIN R15)."""
        yield from ()

    @abstractmethod
    def control(self, entity: str) -> list[ControlTotal]: ...

    @abstractmethod
    def checks(self) -> Iterator[Check]:
        """What the test tells beyond address and sign-in. Raises nothing."""

    def state(self) -> State:
        """What the next incremental read needs to know, beside the watermark."""
        return {}

    @property
    def read_companies(self) -> frozenset[str]:
        """The companies that are read alone, as keys name them; empty: all. Valid after a read."""
        return frozenset(self.settings.companies)

    def ended(self, keys: Collection[str], since: datetime | None) -> Mapping[str, str]:  # noqa: ARG002
        """Why commitments that are listed no more ended, by key; see ``Adapter.ended``."""
        return {}

    @property
    def lists_all_orders(self) -> bool:
        """Whether an incremental read lists every order that there is, and not only those that are open."""
        return False

    def refuse(self, entity: str) -> None:  # noqa: B027 - most products refuse nothing
        """Raises NotOffered for an entity that the product does not have."""

    def page(self, entity: Any, raws: Sequence[Raw]) -> Page:
        """What is out of scope needs no raw record: nothing is made from it again."""
        make = self.made_from[entity][1]
        made = [(raw, list(make(raw, self.directory))) for raw in raws]
        kept = [raw for raw, outcomes in made if not all(isinstance(one, Skipped) for one in outcomes)]
        return Page(entity, [one for _, outcomes in made for one in outcomes], kept)


def _client(
    settings: Settings,
    root: str,
    fixed: Mapping[str, str],
    allowed_hosts: str | None,
    timeout_seconds: float,
    limits: Limits | None,
    meaning: Meaning | None,
) -> Client:
    secret = settings.client_secret.get_secret_value()
    if reason := host_refused(settings.token_address, allowed_hosts):
        raise Misconfigured(f"Token URL: {reason}", "host_refused")
    return Client(
        root,
        system="Dynamics",
        auth=ClientCredentials(settings.token_address, settings.client_id, secret, settings.scope),
        allowed_hosts=allowed_hosts,
        timeout_seconds=timeout_seconds,
        fixed_params=fixed,
        secrets=[secret],
        explain=odata.error_text,
        meaning=meaning,
        limits=limits,
    )
