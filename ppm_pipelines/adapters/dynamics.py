"""Microsoft Dynamics 365: one adapter for its three products, and the order in which a cut is read.

Belongs here: what all products share of a read. Does not belong here: their entities (``dynamics_fo``, …), what rows
mean (``dynamics_fo_rows``, …), asking (``dynamics_reader``), settings (``dynamics_settings``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel

from ppm_pipelines.adapters import dynamics_bc_rows, dynamics_fo_rows, odata
from ppm_pipelines.adapters.base import Adapter, Check, Misconfigured, Row, State, fingerprint, of_stream
from ppm_pipelines.adapters.dynamics_bc import BusinessCentral
from ppm_pipelines.adapters.dynamics_dataverse import Dataverse
from ppm_pipelines.adapters.dynamics_fo import FinanceOperations
from ppm_pipelines.adapters.dynamics_reader import Product
from ppm_pipelines.adapters.dynamics_settings import Settings
from ppm_pipelines.adapters.fields import Unreadable
from ppm_pipelines.adapters.http import Limits
from ppm_pipelines.adapters.odata_metadata import wanted_paths
from ppm_pipelines.mapping.fields import SourceField
from ppm_pipelines.records import ControlTotal, Page, Raw

# What the rows mean, as a number: records made by other rules are made anew by a full read.
RULES = 3
PRODUCTS: Mapping[str, type[Product]] = {
    "finance_operations": FinanceOperations,
    "business_central": BusinessCentral,
    "dataverse": Dataverse,
}


class Dynamics(Adapter):
    """One read of one environment. ``costs`` reads projects, commitments and actuals with one watermark."""

    system: ClassVar[str] = "dynamics"
    name: ClassVar[str] = "Microsoft Dynamics"
    entities: ClassVar[tuple[str, ...]] = ("projects", "commitments", "actuals", "costs")
    reads_wanted: ClassVar[bool] = True
    WORKERS: ClassVar[frozenset[str]] = frozenset({"EmplItemId", "_msdyn_bookableresource_value"})
    Settings: ClassVar[type[BaseModel]] = Settings
    HOSTS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "base_url": ("client_secret",),
        "token_url": ("client_secret",),
        "tenant_id": ("client_secret",),
        "client_id": ("client_secret",),
    }

    def __init__(
        self,
        settings: BaseModel,
        *,
        allowed_hosts: str | None = None,
        timeout_seconds: float = 600,
        limits: Limits | None = None,
    ) -> None:
        if not isinstance(settings, Settings):
            raise TypeError("Dynamics needs dynamics_settings.Settings")
        self._settings = settings
        self._product = PRODUCTS[settings.product](
            settings, allowed_hosts=allowed_hosts, timeout_seconds=timeout_seconds, limits=limits
        )
        self._complete: frozenset[str] = frozenset()
        self._open_listed: frozenset[str] = frozenset()

    def close(self) -> None:
        self._product.reader.client.close()

    @property
    def complete(self) -> frozenset[str]:
        return self._complete

    @property
    def open_listed(self) -> frozenset[str]:
        return self._open_listed

    def state(self) -> State:
        """The server's time at the beginning (overlap is taken off when it is used), and what the next read needs."""
        began = self._product.reader.now().isoformat()
        return {"watermark": began, "settings": self._fingerprint(), **self._product.state()}

    def _fingerprint(self) -> str:
        settings = self._settings
        decides = (
            RULES,
            settings.product,
            settings.base_url,
            settings.tenant_id,
            sorted(settings.companies),
            settings.dimension_segments,
            settings.header_project,
            settings.environment,
            settings.project_dimension,
        )
        return fingerprint(decides)

    def read(self, entity: str, state: State | None) -> Iterator[Page]:
        """See ``Adapter.read``; a state of other settings is as good as none, and ``complete`` then says so."""
        if entity not in self.entities:
            raise Misconfigured(f"Dynamics has no entity {entity}.", "unknown_entity")
        self._product.refuse(entity)
        self._complete = self._open_listed = frozenset()
        done, open_listed = {"projects", "wbs_elements"}, set[str]()
        yield from self._projects()
        since = self._since(state or {})
        for name, pages in (("commitments", self._product.commitments), ("actuals", self._product.actuals)):
            if entity in (name, "costs") and name in self._product.made_from:
                yield from pages(since, state or {})
                if since is None or (name == "commitments" and self._product.lists_all_orders):
                    done.add(name)
                elif name == "commitments":
                    open_listed.add(name)
        if entity == "costs":
            yield from self._product.settled()
        self._complete, self._open_listed = frozenset(done), frozenset(open_listed)

    def _projects(self) -> Iterator[Page]:
        self._product.directory.linked = self.linked
        self._product.reader.wanted = wanted_paths(self.wanted, self._product.seen)
        self._product.reader.metadata  # noqa: B018 - what the environment has is asked before anything else
        yield from self._product.projects()
        # A company that is given by its ID has its name since now.
        self.companies = self._product.read_companies

    def _since(self, state: State) -> datetime | None:
        """Where an incremental read begins; None (a full one) without a usable watermark of the same settings."""
        return self._began(state) if state.get("settings") == self._fingerprint() else None

    def _began(self, state: State) -> datetime | None:
        """When the read that left the state began, with overlap."""
        try:
            found = odata.moment(state.get("watermark"))
        except Unreadable:
            return None
        return found - self._product.overlap if found else None

    def replay(self, entity: str, raws: Iterable[Raw]) -> Iterator[Page]:
        if entity not in self._product.made_from:
            raise Misconfigured(f"Dynamics cannot make {entity} again from raw records.", "unknown_entity")
        self._complete = self._open_listed = frozenset()
        yield from self._projects()
        stream, _ = self._product.made_from[entity]
        for some in of_stream(raws, stream):
            yield self._product.page(entity, some)
        self._complete = frozenset({"projects", "wbs_elements"})

    @classmethod
    def standard_mapping(cls, settings: Mapping[str, object]) -> str:
        return f"{cls.system}/{settings.get('product') or 'finance_operations'}"

    def fields(self, entity: str) -> Sequence[SourceField]:
        return list(self._product.fields(entity))

    @staticmethod
    def row(entity: str, raw: Row, record: Row) -> Row:  # noqa: ARG004
        """With the dimensions of its parts by their names, where the product has any."""
        if "dimension" in raw:
            return dynamics_bc_rows.with_dimensions(raw)
        return dynamics_fo_rows.with_dimensions(raw) if "settings" in raw else raw

    def control(self, entity: str) -> list[ControlTotal]:
        return self._product.control(entity) if entity in ("commitments", "actuals") else []

    def ended(self, keys: Collection[str]) -> Mapping[str, str]:
        return self._product.ended(keys, self._began(self.before or {}))

    def test(self) -> Iterator[Check]:
        yield from self._product.checks()
