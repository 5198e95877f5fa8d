"""OData V2 as SAP Gateway speaks it: ``d.results``, ``/Date(ms)/``, decimals as texts, ``__next`` and ``__count``.

Belongs here: paths, options, rows and metadata of V2. Does not belong here: filters and pages (``query.py``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import quoteattr

from . import own_fields
from .labels import label_of
from .model import BadRequest, EntityType, Service
from .query import Query, Rows, getter, orders, whole_number

SEGMENT = re.compile(r"^(?P<set>\w+)(?:\((?P<key>.*)\))?$")
KEY_PART = re.compile(r"\s*(?:(?P<name>\w+)\s*=\s*)?(?P<value>(?:guid)?'(?:[^']|'')*')\s*(?:,|$)")
OPTIONS = {
    "$filter", "$select", "$expand", "$orderby", "$top", "$skip", "$inlinecount", "$skiptoken", "$format",
    "sap-client", "sap-language", "search",
}  # fmt: skip
SAFE = re.compile(r"[\w.~-]*", re.ASCII).fullmatch  # texts that need no quoting in a URL
DEFAULT_PAGE = {"A_PurchaseOrder": 1000, "A_PurchaseOrderItem": 1000, "A_PurOrdAccountAssignment": 1000}
LARGEST_PAGE = 5000


@dataclass
class Shape:
    """What of an entity is written: columns, and the navigations that are expanded."""

    entity: EntityType
    columns: list[tuple[str, Callable[[Any], Any], Callable[[Any], Any]]]
    expanded: dict[str, Shape] = field(default_factory=dict)
    deferred: tuple[str, ...] = ()

    @cached_property
    def dimensions(self) -> list[int]:
        """The places of the columns that an aggregated row's key is made of."""
        properties = self.entity.properties
        names = [name for name, _, _ in self.columns]
        return [place for place, name in enumerate(names) if name != "ID" and not properties[name].measure]


def answer(
    service: Service, rows: Rows, path: str, options: dict[str, str], base: str, largest: int = LARGEST_PAGE
) -> Any:
    """The JSON document for a path below the service root, or a text for ``/$count``; raises BadRequest."""
    unknown = [name for name in options if name.startswith("$") and name not in OPTIONS]
    if unknown:
        raise BadRequest(f"The query option '{unknown[0]}' is not supported.", "/IWBEP/CM_MGW_RT/017")
    segments = path.split("/")
    match = SEGMENT.match(segments[0])
    if match is None:
        raise BadRequest(f"Resource not found for the segment '{segments[0]}'.", "/IWFND/CM_MGW/004", 404)
    entity = service.entity(match["set"])
    if match["key"] is not None:
        return _single(service, entity, rows, match["key"], segments[1:], options, base)
    query = read_query(entity, options)
    if segments[1:] == ["$count"]:
        return str(rows.count(query))
    if segments[1:]:
        raise BadRequest(f"Resource not found for the segment '{segments[1]}'.", "/IWFND/CM_MGW/004", 404)
    return _collection(service, rows, query, options, base, largest)


def read_query(entity: EntityType, options: dict[str, str]) -> Query:
    names = [one for one in _names(options.get("$select")) if "/" not in one]
    if entity.aggregate and not names:
        names = list(entity.properties)
    return Query(
        entity,
        options.get("$filter", ""),
        orders(entity, options.get("$orderby")),
        tuple(names) if entity.aggregate else (),
        whole_number(options, "$top"),
        whole_number(options, "$skip") or 0,
        options.get("$skiptoken"),
    )


def _names(written: str | None) -> list[str]:
    return [one.strip() for one in (written or "").split(",") if one.strip()]


def _collection(service: Service, rows: Rows, query: Query, options: dict[str, str], base: str, largest: int) -> Any:
    shape = shape_of(service, query.entity, _names(options.get("$select")), _names(options.get("$expand")))
    limit = DEFAULT_PAGE.get(query.entity.set_name, LARGEST_PAGE) if query.top is None else LARGEST_PAGE
    page = rows.page(query, min(limit, largest))
    d: dict[str, Any] = {
        "results": [written(service, shape, row, base, options.get("$select", "")) for row in page.rows]
    }
    if options.get("$inlinecount") == "allpages":
        d["__count"] = str(rows.count(query))
    rest = None if query.top is None else query.top - len(page.rows)
    if page.next and rest != 0:
        kept = {name: value for name, value in options.items() if name not in ("$skip", "$skiptoken", "sap-client")}
        if rest is not None:
            kept["$top"] = str(rest)
        d["__next"] = f"{base}{service.path}/{query.entity.set_name}?" + urlencode(
            {**kept, "$skiptoken": page.next}, safe="$,/'():", quote_via=quote
        )
    return {"d": d}


def shape_of(service: Service, entity: EntityType, select: Iterable[str], expand: Iterable[str]) -> Shape:
    """``$select`` and ``$expand`` as paths, taken apart level by level."""
    select, expand = list(select), list(expand)
    inner: dict[str, tuple[list[str], list[str]]] = {}
    for path in expand:
        first, _, rest = path.partition("/")
        if first not in entity.navigations:
            raise BadRequest(f"Property '{first}' is not a navigation of '{entity.name}'.", "/IWBEP/CM_MGW_RT/054")
        own = inner.setdefault(first, ([], []))
        if rest:
            own[1].append(rest)
    names = []
    for path in select:
        first, _, rest = path.partition("/")
        if first in inner and rest:
            inner[first][0].append(rest)
        elif first not in entity.navigations and first != "*":
            names.append(first)
    plain = [one for one in select if "/" not in one]
    chosen = names or ([] if plain and "*" not in plain else list(entity.properties))
    columns = [(name, getter(entity, found), found.kind.v2) for name, found in _found(entity, chosen)]
    deferred = () if plain else tuple(one for one in entity.navigations if one not in inner)
    children = {
        name: shape_of(service, service.types[entity.navigations[name].target], below, deeper)
        for name, (below, deeper) in inner.items()
    }
    return Shape(entity, columns, children, deferred)


def _found(entity: EntityType, names: list[str]) -> list[tuple[str, Any]]:
    return [(name, entity.property(name)) for name in names]


def written(service: Service, shape: Shape, row: Any, base: str, selected: str) -> dict[str, Any]:
    """A row of the page; a sum that is kept and stayed as it was is written once."""
    if not shape.entity.aggregate or not row.kept:
        return write(service, shape, row, base)
    if row.written is None or row.written[0] != (base, selected):
        row.written = (base, selected), write(service, shape, row, base)
    made: dict[str, Any] = row.written[1]
    return made


def write(service: Service, shape: Shape, row: Any, base: str) -> dict[str, Any]:
    entity = shape.entity
    raw = [get(row) for _, get, _ in shape.columns]
    group = _group_id(shape, raw) if entity.aggregate else ""
    key = f"'{group if SAFE(group) else quote(group)}'" if entity.aggregate else _key(entity, row)
    uri = f"{base}{service.path}/{entity.set_name}({key})"
    made: dict[str, Any] = {"__metadata": {"id": uri, "uri": uri, "type": f"{service.namespace}.{entity.name}"}}
    for (name, _, write_value), value in zip(shape.columns, raw, strict=True):
        made[name] = write_value(value)
    if entity.aggregate and "ID" in made:
        made["ID"] = group
    for name, child in shape.expanded.items():
        navigation = entity.navigations[name]
        found = navigation.follow(row)
        if navigation.many:
            made[name] = {"results": [write(service, child, one, base) for one in found]}
        else:
            made[name] = write(service, child, found, base)
    for name in shape.deferred:
        made[name] = {"__deferred": {"uri": f"{uri}/{name}"}}
    return made


def _key(entity: EntityType, row: Any) -> str:
    values = []
    for name in entity.keys:
        found = entity.properties[name]
        shown = found.kind.v2(found.get(row))
        values.append(f"guid'{shown}'" if "Edm.Guid" in found.kind.edm2 else f"'{shown}'")
    if len(values) == 1:
        return values[0]
    return ",".join(f"{name}={value}" for name, value in zip(entity.keys, values, strict=True))


def _group_id(shape: Shape, raw: list[Any]) -> str:
    """The generated key of an aggregated row: its dimensions."""
    return ".1~" + "~".join([str(raw[place]) for place in shape.dimensions])


def _single(
    service: Service, entity: EntityType, rows: Rows, key: str, rest: list[str], options: dict[str, str], base: str
) -> Any:
    row = _by_key(entity, rows, key)
    for step in rest:
        navigation = entity.navigations.get(step)
        if navigation is None:
            raise BadRequest(f"Resource not found for the segment '{step}'.", "/IWFND/CM_MGW/004", 404)
        row, entity = navigation.follow(row), service.types[navigation.target]
        if navigation.many:
            shape = shape_of(service, entity, _names(options.get("$select")), _names(options.get("$expand")))
            return {"d": {"results": [write(service, shape, one, base) for one in row]}}
    shape = shape_of(service, entity, _names(options.get("$select")), _names(options.get("$expand")))
    return {"d": write(service, shape, row, base)}


def _by_key(entity: EntityType, rows: Rows, key: str) -> Any:
    parts = list(KEY_PART.finditer(key))
    names = [part["name"] for part in parts] if parts and parts[0]["name"] else list(entity.keys)
    if len(parts) != len(entity.keys) or set(names) != set(entity.keys) or entity.aggregate:
        raise BadRequest(f"The key predicate '({key})' does not fit '{entity.name}'.", "/IWBEP/CM_MGW_RT/016")
    filters = (f"{name} eq {part['value']}" for name, part in zip(names, parts, strict=True))
    page = rows.page(Query(entity, " and ".join(filters)), 1)
    if not page.rows:
        raise BadRequest(f"Resource not found for the key '({key})' of '{entity.name}'.", "/IWBEP/CM_MGW_RT/020", 404)
    return page.rows[0]


def error(problem: BadRequest, transaction: str, timestamp: str) -> dict[str, Any]:
    return {
        "error": {
            "code": problem.code,
            "message": {"lang": "en", "value": problem.sentence},
            "innererror": {
                "application": {"component_id": "", "service_namespace": "/SAP/", "service_version": "0001"},
                "transactionid": transaction,
                "timestamp": timestamp,
                "Error_Resolution": {"SAP_Transaction": "Run /IWFND/ERROR_LOG with the transaction ID above."},
                "errordetails": [
                    {
                        "code": problem.code,
                        "message": problem.sentence,
                        "propertyref": "",
                        "severity": "error",
                        "target": "",
                    }
                ],
            },
        }
    }


def metadata(service: Service, language: str = "en") -> str:
    """The service's EDMX document, with its labels in the language."""
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx" '
        'xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata" '
        'xmlns:sap="http://www.sap.com/Protocols/SAPData">'
        '<edmx:DataServices m:DataServiceVersion="2.0">'
        f'<Schema Namespace="{service.namespace}" xml:lang="{language}" sap:schema-version="1" '
        'xmlns="http://schemas.microsoft.com/ado/2008/09/edm">'
    ]
    parts += [_type(service, entity, language) for entity in service.types.values()]
    links = [(entity, one) for entity in service.types.values() for one in entity.navigations.values()]
    parts += [_association(service, entity, one) for entity, one in links]
    parts.append(f'<EntityContainer Name="{service.namespace}_Entities" m:IsDefaultEntityContainer="true">')
    for entity in service.types.values():
        parts.append(
            f'<EntitySet Name="{entity.set_name}" EntityType="{service.namespace}.{entity.name}" '
            'sap:creatable="false" sap:updatable="false" sap:deletable="false" sap:content-version="1"/>'
        )
    for entity, one in links:
        name = f"{entity.name}_{one.name}"
        parts.append(
            f'<AssociationSet Name="{name}" Association="{service.namespace}.{name}">'
            f'<End EntitySet="{entity.set_name}" Role="From_{name}"/><End EntitySet="{one.target}" Role="To_{name}"/>'
            "</AssociationSet>"
        )
    parts.append("</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>")
    return "".join(parts)


def _type(service: Service, entity: EntityType, language: str) -> str:
    semantics = ' sap:semantics="aggregate"' if entity.aggregate else ""
    keys = "".join(f'<PropertyRef Name="{name}"/>' for name in entity.keys)
    made = [f'<EntityType Name={quoteattr(entity.name)}{semantics} sap:content-version="1"><Key>{keys}</Key>']
    for one in entity.properties.values():
        role = ' sap:aggregation-role="measure"' if one.measure else ' sap:aggregation-role="dimension"'
        facets = (role if entity.aggregate and one.name != "ID" else "") + (
            "" if one.filterable else ' sap:filterable="false"'
        )
        null = ' Nullable="false"' if one.name in entity.keys else ""
        label = label_of(one.name, language, own_fields.LABELS)
        shown = f" sap:label={quoteattr(label)}" if label else ""
        made.append(f'<Property Name="{one.name}" {one.kind.edm2}{null}{facets}{shown}/>')
    for link in entity.navigations.values():
        name = f"{entity.name}_{link.name}"
        made.append(
            f'<NavigationProperty Name="{link.name}" Relationship="{service.namespace}.{name}" '
            f'FromRole="From_{name}" ToRole="To_{name}"/>'
        )
    return "".join(made) + "</EntityType>"


def _association(service: Service, entity: EntityType, link: Any) -> str:
    name = f"{entity.name}_{link.name}"
    target = service.types[link.target]
    start, end = ("1", "*") if link.many else ("*", "1")
    return (
        f'<Association Name="{name}" sap:content-version="1">'
        f'<End Type="{service.namespace}.{entity.name}" Multiplicity="{start}" Role="From_{name}"/>'
        f'<End Type="{service.namespace}.{target.name}" Multiplicity="{end}" Role="To_{name}"/></Association>'
    )
