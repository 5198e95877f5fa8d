"""OData V4 as SAP's RAP services speak it: plain JSON, numbers, ``@odata.nextLink``, options inside ``$expand``.

Belongs here: options, rows and metadata of V4. Does not belong here: filters and pages (``query.py``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode
from xml.sax.saxutils import quoteattr

from . import own_fields
from .labels import label_of
from .model import BadRequest, EntityType, Service
from .query import FilterReader, Query, Rows, orders, whole_number

OPTIONS = {
    "$filter", "$select", "$expand", "$orderby", "$top", "$skip", "$count", "$skiptoken", "$format", "sap-client",
    "sap-language",
}  # fmt: skip
DEFAULT_PAGE, LARGEST_PAGE = 100, 5000
SEGMENT = re.compile(r"^(?P<set>\w+)(?:\((?P<key>.*)\))?$")
KEY_PART = re.compile(r"\s*(?:(?P<name>\w+)\s*=\s*)?(?P<value>'(?:[^']|'')*')\s*(?:,|$)")


@dataclass
class Shape:
    entity: EntityType
    columns: list[tuple[str, Callable[[Any], Any], Callable[[Any], Any]]]
    test: Callable[[Any], bool] | None = None
    expanded: dict[str, Shape] = field(default_factory=dict)


def answer(service: Service, rows: Rows, path: str, options: dict[str, str], page_size: int | None) -> Any:
    """The JSON document for a path below the service root, or a text for ``/$count``; raises BadRequest."""
    unknown = [name for name in options if name.startswith("$") and name not in OPTIONS]
    if unknown:
        raise BadRequest(f"The system query option '{unknown[0]}' is not supported.", "/IWBEP/CM_V4_COS/014")
    first, _, rest = path.partition("/")
    match = SEGMENT.match(first)
    if match is None:
        raise BadRequest(f"Resource '{first}' not found.", "/IWBEP/CM_V4_COS/021", 404)
    entity = service.entity(match["set"])
    if match["key"] is not None:
        return _single(service, entity, rows, match["key"], rest, options)
    query = Query(
        entity,
        options.get("$filter", ""),
        orders(entity, options.get("$orderby")),
        (),
        whole_number(options, "$top"),
        whole_number(options, "$skip") or 0,
        options.get("$skiptoken"),
        v2=False,
    )
    if rest == "$count":
        return str(rows.count(query))
    if rest:
        raise BadRequest(f"Resource '{rest}' not found.", "/IWBEP/CM_V4_COS/021", 404)
    return _collection(service, rows, query, options, page_size)


def _collection(service: Service, rows: Rows, query: Query, options: dict[str, str], page_size: int | None) -> Any:
    shape = shape_of(service, query.entity, options)
    page = rows.page(query, min(page_size or DEFAULT_PAGE, LARGEST_PAGE))
    made: dict[str, Any] = {"@odata.context": f"$metadata#{query.entity.set_name}"}
    if options.get("$count") == "true":
        made["@odata.count"] = rows.count(query)
    made["value"] = [write(shape, row) for row in page.rows]
    rest = None if query.top is None else query.top - len(page.rows)
    if page.next and rest != 0:
        kept = {name: value for name, value in options.items() if name not in ("$skip", "$skiptoken", "sap-client")}
        if rest is not None:
            kept["$top"] = str(rest)
        link = urlencode({**kept, "$skiptoken": page.next}, safe="$,/'():=;", quote_via=quote)
        made["@odata.nextLink"] = f"{query.entity.set_name}?{link}"
    return made


def shape_of(service: Service, entity: EntityType, options: dict[str, str]) -> Shape:
    """Columns and expansions of one level; keys are always shown."""
    names = [one.strip() for one in options.get("$select", "").split(",") if one.strip()]
    if not names or "*" in names:
        names = list(entity.properties)
    names = [
        *(key for key in entity.keys if key not in names),
        *(one for one in names if one not in entity.navigations),
    ]
    found = [(name, entity.property(name)) for name in names]
    shape = Shape(entity, [(name, one.get, one.kind.v4) for name, one in found])
    for name, inner in expansions(options.get("$expand", "")):
        navigation = entity.navigations.get(name)
        if navigation is None:
            raise BadRequest(f"'{name}' is not a navigation property of '{entity.name}'.", "/IWBEP/CM_V4_COS/032")
        allowed = {"$select", "$expand", "$filter"}
        if not set(inner) <= allowed:
            raise BadRequest(f"Only {', '.join(sorted(allowed))} are supported inside $expand.", "/IWBEP/CM_V4_COS/014")
        child = shape_of(service, service.types[navigation.target], inner)
        if "$filter" in inner:
            child.test = FilterReader(child.entity, inner["$filter"], v2=False).read().test
        shape.expanded[name] = child
    return shape


def expansions(written: str) -> list[tuple[str, dict[str, str]]]:
    """``_A($select=X;$expand=_B),_C`` as names with their options."""
    made = []
    for part in split(written, ","):
        name, bracket, inside = part.strip().partition("(")
        options = {}
        if bracket:
            if not inside.endswith(")"):
                raise BadRequest(f"Invalid expand '{part}'.", "/IWBEP/CM_V4_COS/032")
            for option in split(inside[:-1], ";"):
                key, _, value = option.strip().partition("=")
                options[key] = value
        made.append((name.strip(), options))
    return made


def split(written: str, mark: str) -> list[str]:
    """Parts between the mark, outside of brackets and quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for place, sign in enumerate(written):
        if sign == "'":
            quoted = not quoted
        elif not quoted:
            depth += (sign == "(") - (sign == ")")
            if sign == mark and depth == 0:
                parts.append(written[start:place])
                start = place + 1
    parts.append(written[start:])
    return [part for part in parts if part.strip()]


def write(shape: Shape, row: Any) -> dict[str, Any]:
    made = {name: write_value(get(row)) for name, get, write_value in shape.columns}
    for name, child in shape.expanded.items():
        navigation = shape.entity.navigations[name]
        found = navigation.follow(row)
        if navigation.many:
            made[name] = [write(child, one) for one in found if child.test is None or child.test(one)]
        else:
            made[name] = write(child, found)
    return made


def _single(service: Service, entity: EntityType, rows: Rows, key: str, rest: str, options: dict[str, str]) -> Any:
    parts = list(KEY_PART.finditer(key))
    names = [part["name"] for part in parts] if parts and parts[0]["name"] else list(entity.keys)
    if len(parts) != len(entity.keys) or set(names) != set(entity.keys):
        raise BadRequest(f"The key predicate '({key})' is not valid.", "/IWBEP/CM_V4_COS/010")
    filters = (f"{name} eq {part['value']}" for name, part in zip(names, parts, strict=True))
    found = rows.page(Query(entity, " and ".join(filters), v2=False), 1).rows
    if not found:
        raise BadRequest(
            f"The requested entity '{entity.set_name}({key})' does not exist.", "/IWBEP/CM_V4_COS/012", 404
        )
    context = f"$metadata#{entity.set_name}"
    if not rest:
        return {"@odata.context": f"{context}/$entity", **write(shape_of(service, entity, options), found[0])}
    navigation = entity.navigations.get(rest)
    if navigation is None:
        raise BadRequest(f"Resource '{rest}' not found.", "/IWBEP/CM_V4_COS/021", 404)
    shape = shape_of(service, service.types[navigation.target], options)
    below = navigation.follow(found[0])
    if navigation.many:
        return {"@odata.context": f"$metadata#{navigation.target}", "value": [write(shape, one) for one in below]}
    return {"@odata.context": f"$metadata#{navigation.target}/$entity", **write(shape, below)}


def error(problem: BadRequest, transaction: str, timestamp: str) -> dict[str, Any]:
    return {
        "error": {
            "code": problem.code,
            "message": problem.sentence,
            "@SAP__common.ExceptionCategory": "Client_Error",
            "innererror": {
                "ErrorDetails": {
                    "@SAP__common.Application": {"ComponentId": "MM-PUR-PO", "ServiceId": "API_PURCHASEORDER_2"},
                    "@SAP__common.TransactionId": transaction,
                    "@SAP__common.Timestamp": timestamp,
                }
            },
            "details": [],
        }
    }


def metadata(service: Service, language: str = "en") -> str:
    """The service's CSDL document, with its labels in the language; V4 does not tell which."""
    parts = [
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" '
        'xmlns="http://docs.oasis-open.org/odata/ns/edm"><edmx:DataServices>'
        f'<Schema Namespace="{service.namespace}" Alias="SAP__self">'
    ]
    for entity in service.types.values():
        keys = "".join(f'<PropertyRef Name="{name}"/>' for name in entity.keys)
        parts.append(f'<EntityType Name="{entity.name}"><Key>{keys}</Key>')
        for one in entity.properties.values():
            null = ' Nullable="false"' if one.name in entity.keys else ""
            parts.append(f'<Property Name="{one.name}" {one.kind.edm4}{null}/>')
        for link in entity.navigations.values():
            target = f"{service.namespace}.{service.types[link.target].name}"
            kind = f"Collection({target})" if link.many else target
            parts.append(f'<NavigationProperty Name="{link.name}" Type="{kind}"/>')
        parts.append("</EntityType>")
    parts.append('<EntityContainer Name="Container">')
    for entity in service.types.values():
        parts.append(f'<EntitySet Name="{entity.set_name}" EntityType="{service.namespace}.{entity.name}">')
        for link in entity.navigations.values():
            parts.append(f'<NavigationPropertyBinding Path="{link.name}" Target="{link.target}"/>')
        parts.append("</EntitySet>")
    parts.append("</EntityContainer>")
    parts += [_labels(entity, language) for entity in service.types.values()]
    parts.append("</Schema></edmx:DataServices></edmx:Edmx>")
    return "".join(parts)


def _labels(entity: EntityType, language: str) -> str:
    """A block of annotations per property that has a label, beside the types."""
    labels = ((name, label_of(name, language, own_fields.LABELS)) for name in entity.properties)
    return "".join(
        f'<Annotations Target="SAP__self.{entity.name}/{name}">'
        f'<Annotation Term="SAP__common.Label" String={quoteattr(label)}/></Annotations>'
        for name, label in labels
        if label
    )
