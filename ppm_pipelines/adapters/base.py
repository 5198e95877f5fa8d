"""What every system promises, what an adapter and a notifier promise beyond that, and how they fail.

Belongs here: the interfaces that runs and the API use, a check's result, a stream as data, the tree of errors.
Does not belong here: HTTP (``http``), a protocol (``odata``), any system's own names (``sap``), the news (``news``).
An adapter reads; it never writes to a source. Neither it nor a notifier knows Dagster or the database.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import MappingProxyType, TracebackType
from typing import Any, ClassVar, Self

from pydantic import BaseModel

from ppm_pipelines.mapping.fields import SourceField
from ppm_pipelines.mapping.transforms import RECORD
from ppm_pipelines.news import Language, Level, News
from ppm_pipelines.records import ControlTotal, Outcome, Page, Raw

Row = Mapping[str, Any]
State = dict[str, Any]


LABOUR = "Labour"  # what stands for a person without a role
# The fields of a line that hold a person, and what they wrote, where the source tells of people.
OF_PEOPLE = ("vendor", "vendor_description", "requester", "item_text")
ERASED = "erased-"  # so begins what stands for a person who was taken out for good


class SourceError(Exception):
    """A source could not be read. The text is a sentence for a person; ``code`` is stable, for translations."""

    problem: ClassVar[str] = "unavailable"

    def __init__(self, sentence: str, code: str = "") -> None:
        super().__init__(sentence)
        self.code = code or self.problem


class Credentials(SourceError):
    """The source knows us not, or lets us not read: another key, user or authorisation is needed."""

    problem = "credentials"


class Unavailable(SourceError):
    """The source does not answer, or not usably; later it may."""

    problem = "unavailable"


class Misconfigured(SourceError):
    """The settings cannot work: wrong address, path or client, or a host that may not be called."""

    problem = "misconfigured"


class NotOffered(Misconfigured):
    """The source has no such thing; the sentence says where it is to be had."""

    problem = "not_offered"


class Refused(SourceError):
    """The source answered, and using the answer would be unsafe: nothing of it was taken."""

    problem = "refused"


def fingerprint(decides: object) -> str:
    """What decides which records are read and how, as a short text: with another one, an incremental read would mix two
    truths. ``decides`` is JSON in an order that does not change by itself."""
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]


def of_stream(raws: Iterable[Raw], stream: str, at_once: int = 1000) -> Iterator[list[Raw]]:
    """The raw records of one stream, so many at once: as many as a page of a source has."""
    remaining = (raw for raw in raws if raw.stream == stream)
    while some := list(islice(remaining, at_once)):
        yield some


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a connection test: ``detail`` is a sentence, with the next step where ``ok`` is false."""

    name: str
    ok: bool
    detail: str
    ms: int


@dataclass(frozen=True, slots=True)
class Stream:
    """An endpoint as data: where it is, what is asked, which fields are its key, how a raw record becomes outcomes.

    ``path`` is relative to the source's root; ``protocol`` is the adapter's business (how rows and pages look).
    ``fields`` are paths (``navigation/field``); ``types`` names the source's type of every navigation in them (``""``
    is the row itself) where the source can describe its types; of these fields ``needed`` may never be missing.
    ``to_record`` is pure; streams that only lend facts to another one have none.
    """

    name: str
    path: str
    protocol: Any
    key: tuple[str, ...]
    params: Mapping[str, str] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    needed: frozenset[str] = frozenset()
    to_record: Callable[..., Iterator[Outcome]] | None = None


class System(ABC):
    """One system of one organisation, once: made for a run or a test with opened settings and thrown away after it.

    What people connect, switch and test is a system; what it is good for, its subclass says: ``Adapter``, ``Notifier``.
    """

    system: ClassVar[str]
    name: ClassVar[str]
    # What people are offered to sync, and what is understood beside it (CONTRACT "Systems and entities").
    entities: ClassVar[tuple[str, ...]]
    understood: ClassVar[tuple[str, ...]] = ()
    Settings: ClassVar[type[BaseModel]]
    # A setting -> the secrets that go there (or belong to it): changing the setting needs them typed again.
    HOSTS: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    @abstractmethod
    def __init__(
        self, settings: BaseModel, *, allowed_hosts: str | None = None, timeout_seconds: float = 600
    ) -> None: ...

    @classmethod
    def accepts(cls) -> tuple[str, ...]:
        """Every entity that a sync may name."""
        return (*cls.entities, *cls.understood)

    @abstractmethod
    def test(self) -> Iterator[Check]:
        """Tries the settings step by step and stops where nothing after it can work. Raises nothing."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Notifier(System):
    """Tells people what changed; it brings no facts and so has none of an adapter's promises."""

    entities = ("digest",)
    # Asked for any other entity, it sends the digest of that one.
    understood = ("costs", "commitments", "actuals", "projects")
    language: Language
    level: Level

    @abstractmethod
    def send(self, news: News) -> None:
        """One message. Raises SourceError when it did not arrive."""


class Adapter(System):
    """Reads one system."""

    # Numbers of projects that people linked although the source does not list them: set before a read or a replay.
    linked: frozenset[str] = frozenset()
    # Whom a person is read as: themselves, or what stands for them once they were erased. Set as ``linked`` is.
    forgotten: Callable[[str], str] = staticmethod(str)
    # The fields that mapped lines read, by entity, as lines see them. What of them the source has is asked for along
    # with what is read anyway, where ``reads_wanted`` says so; set as ``linked`` is.
    wanted: Mapping[str, Collection[str]] = MappingProxyType({})
    reads_wanted: ClassVar[bool] = False
    # The fields of raw records that hold a person: a mapping with ``accountId`` or ``key``.
    PEOPLE: ClassVar[tuple[str, ...]] = ()
    # The names of other fields that say who worked; nothing asks for them.
    WORKERS: ClassVar[frozenset[str]] = frozenset()
    # What the last read left, before a full read too: to be held against, never to begin from.
    before: State | None = None
    # The company codes that are read alone; empty: all. Rows of others are out of scope, not gone.
    companies: frozenset[str] = frozenset()
    # Whether postings never change under their key (journal lines): a change of money or place is then an anomaly.
    final_postings: ClassVar[bool] = True
    # Whether it has hours at rates of ours and no postings: labour that another system posts goes before (DOMAIN R19).
    hours_alone: ClassVar[bool] = False

    @abstractmethod
    def read(self, entity: str, state: State | None) -> Iterator[Page]:
        """Pages of the entity; ``state`` None reads all of it, else what changed since. Raises SourceError."""

    @property
    @abstractmethod
    def complete(self) -> frozenset[str]:
        """The entities that the last ``read`` listed wholly; valid once its pages are consumed."""

    @property
    def open_listed(self) -> frozenset[str]:
        """The entities of which the last ``read`` listed every record that is open, there or here since the last read,
        though not every record: what is open here and was not listed has vanished."""
        return frozenset()

    @abstractmethod
    def state(self) -> State:
        """The watermark for the next incremental read, JSON ready; valid once the pages are consumed."""

    @abstractmethod
    def replay(self, entity: str, raws: Iterable[Raw]) -> Iterator[Page]:
        """Pages made again from raw records that are held already, after the projects were read anew.

        Nothing but projects is asked of the source. ``entity`` is ``commitments`` or ``actuals``. Raises SourceError.
        """

    def control(self, entity: str) -> list[ControlTotal]:  # noqa: ARG002
        """What the source itself reports for the cut just read, by a second road; empty where it cannot."""
        return []

    def ended(self, keys: Collection[str]) -> Mapping[str, str]:  # noqa: ARG002
        """Why commitments that a complete read did not list ended, where the source tells it, by key: ``invoiced``
        where it removes invoiced orders (DOMAIN "What counts"). What is not named has vanished. Raises SourceError."""
        return {}

    # Field mapping

    @classmethod
    def standard_mapping(cls, settings: Mapping[str, object]) -> str:  # noqa: ARG003
        """The name of what is told about the adapter's own mapping (``mapping.standard``): the system's slug, with the
        product behind it where one slug stands for several (``dynamics/finance_operations``)."""
        return cls.system

    @classmethod
    def tells_who_worked(cls, source: str) -> bool:
        """Whether a line that reads this would tell who worked: no line may. What a mapping fills is shown to all who
        read the Costbook, and nobody finds a person in it who is to be erased."""
        if source.startswith(RECORD):
            return bool(cls.PEOPLE) and source.removeprefix(RECORD) in OF_PEOPLE
        return not {*cls.PEOPLE, *cls.WORKERS}.isdisjoint(source.split("."))

    def fields(self, entity: str) -> Sequence[SourceField]:  # noqa: ARG002
        """The fields that the source has for the entity (projects, commitments, actuals), as paths into ``row``, from
        the source's own metadata; what a read has asked already is not asked again. ``read`` are those that every read
        asks for, whatever is ``wanted``. Raises SourceError."""
        return ()

    @staticmethod
    def row(entity: str, raw: Row, record: Row) -> Row:  # noqa: ARG004
        """The raw record as lines of a mapping see it, for the record that was made of it: every path leads to one
        value. Pure; neither is changed."""
        return raw
