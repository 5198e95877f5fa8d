"""What a service's ``$metadata`` tells, V2 or V4: entity types, entity sets, properties with their types and labels.

Belongs here: reading the document, and properties as fields that can be mapped. Does not belong here: asking for it,
rows and pages (``odata``), which fields are read (``sap_reader``, ``dynamics_reader``).

It is read as text, because a document from outside is nothing to give to an XML parser, and type by type, because
Finance & Operations describes thousands of which ten are read.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ppm_pipelines.adapters.base import Stream
from ppm_pipelines.mapping.fields import SourceField

_ENTITY_TYPE = re.compile(r"<EntityType\s[^>]*?\bName=\"(\w+)\"")
_END = "</EntityType>"
_ENTITY_SET = re.compile(r"<EntitySet\s[^>]*?\bName=\"(\w+)\"[^>]*?\bEntityType=\"(?:[\w.]+\.)?(\w+)\"")
_NAME = re.compile(r"<Property\s(?:[^\">]|\"[^\"]*\")*?\bName=\"(\w+)\"")
_PROPERTY = re.compile(r"<Property\s(?P<tag>(?:[^\">]|\"[^\"]*\")*)>(?P<inside>.*?)(?=<Property\s|\Z)", re.DOTALL)
_ATTRIBUTE = re.compile(r"([\w:.]+)=\"([^\"]*)\"")
_BLOCK = re.compile(r"<Annotations\s+Target=\"[\w.]+\.(\w+)/(\w+)\"[^>]*(?<!/)>(.*?)</Annotations>", re.DOTALL)
# Inside of a property, or in a block that names it as its target: SAP__common.Label, Common.Label, …Common.v1.Label.
_LABEL = re.compile(r"\bTerm=\"(?i:[\w.]*common[\w.]*\.label)\"\s+String=\"([^\"]*)\"")
_LANGUAGE = re.compile(r"<Schema\s[^>]*?\bxml:lang=\"(\w\w)")


@dataclass(frozen=True, slots=True)
class Property:
    """``type`` as the document writes it (``Edm.String``); ``label`` in the document's language, empty without one."""

    type: str = ""
    label: str = ""


class Metadata(Mapping[str, frozenset[str]]):
    """The names of the properties by entity type; ``sets`` names the type of every entity set, which a path names."""

    def __init__(self, document: str) -> None:
        self._document = document
        self._places = {
            found[1]: (found.end(), document.find(_END, found.end())) for found in _ENTITY_TYPE.finditer(document)
        }
        self._names: dict[str, frozenset[str]] = {}
        self.sets: Mapping[str, str] = dict(_ENTITY_SET.findall(document))

    def __getitem__(self, kind: str) -> frozenset[str]:
        if kind not in self._names:
            self._names[kind] = frozenset(_NAME.findall(self._document, *self._places[kind]))
        return self._names[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def of_set(self, name: str) -> frozenset[str]:
        """The names of the properties of an entity set; none where the service has no such set."""
        return self.get(self.sets.get(name, ""), frozenset())

    @property
    def language(self) -> str:
        """Of the labels, as ``de``; empty where the document does not tell it."""
        found = _LANGUAGE.search(self._document)
        return found[1].lower() if found else ""

    def properties(self, kind: str) -> dict[str, Property]:
        """The properties of an entity type in the document's order; none of a type that it does not describe."""
        if kind not in self._places:
            return {}
        found = {}
        for one in _PROPERTY.finditer(self._document, *self._places[kind]):
            told = dict(_ATTRIBUTE.findall(one["tag"]))
            name = told.get("Name", "")
            inside = _LABEL.search(one["inside"])
            label = told.get("sap:label") or (inside[1] if inside else "") or self._labels.get((kind, name), "")
            found[name] = Property(told.get("Type", ""), html.unescape(label))
        return found

    @cached_property
    def _labels(self) -> Mapping[tuple[str, str], str]:
        """What blocks of their own say of properties, by entity type and name."""
        told = ((kind, name, _LABEL.search(block)) for kind, name, block in _BLOCK.findall(self._document))
        return {(kind, name): label[1] for kind, name, label in told if label}


def fields(
    metadata: Metadata, kind: str, above: str, read: Collection[str], own: Callable[[str], bool], language: str = ""
) -> Iterator[SourceField]:
    """The properties of an entity type as fields; ``above`` goes before their names, ``read`` are names without it.

    ``language`` is that of a document that does not tell its own; without one it is taken for an English one.
    Collections and streams lead to no one value.
    """
    german = (metadata.language or language) == "de"
    for name, told in metadata.properties(kind).items():
        if told.type.startswith(("Collection(", "Edm.Stream")):
            continue
        yield SourceField(
            f"{above}.{name}" if above else name,
            label_en="" if german else told.label,
            label_de=told.label if german else "",
            type=told.type,
            custom=own(name),
            read=name in read,
        )


def wanted_paths(
    wanted: Mapping[str, Collection[str]], seen: Mapping[str, Iterable[tuple[str, Stream, str]]]
) -> dict[str, set[str]]:
    """What mapped lines read, by entity, as paths by the name of the stream; ``seen`` tells by entity what lines see
    above a name, in which stream that is, and below which navigation of it (empty: in the row itself)."""
    found: dict[str, set[str]] = {}
    for entity, names in wanted.items():
        for place, stream, *below in seen.get(entity, ()):
            own = (name.rpartition(".")[2] for name in names if name.rpartition(".")[0] == place)
            found.setdefault(stream.name, set()).update("/".join(filter(None, (*below, name))) for name in own)
    return found


def asked(always: Sequence[str], wanted: Iterable[str], is_there: Callable[[str], bool]) -> tuple[str, ...]:
    """What every read of a stream asks for, and what of the wanted paths is there too."""
    return (*always, *(path for path in sorted(wanted) if path not in always and is_there(path)))
