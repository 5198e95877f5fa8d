"""OData as SAP and Microsoft speak it: rows, next pages and counts in V2 and V4, filters, values as Python has them.

Belongs here: the two protocols as small values. Does not belong here: HTTP (``http``), field names (``sap``).
Pages end where the link to the next one is missing, never at a short page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar

import msgspec

from ppm_pipelines.adapters.base import Refused, Row, Stream, Unavailable
from ppm_pipelines.adapters.fields import Unreadable, text
from ppm_pipelines.adapters.http import Answer, Client

_V2_DATE = re.compile(r"/Date\((-?\d+)(?:[+-]\d{4})?\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MESSAGE_LENGTH = 300


@dataclass(frozen=True, slots=True)
class V4:
    """``value``, ``@odata.nextLink``, ``@odata.count``."""

    count_params: ClassVar[Mapping[str, str]] = {"$count": "true", "$top": "1"}

    @staticmethod
    def rows(body: Any) -> list[dict[str, Any]]:
        rows = body["value"]
        return rows if isinstance(rows, list) else [rows]

    @staticmethod
    def next(body: Any) -> str | None:
        link = body.get("@odata.nextLink") or body.get("@nextLink")
        return str(link) if link else None

    @staticmethod
    def count(body: Any) -> int:
        return int(body.get("@odata.count", body.get("@count")))

    @staticmethod
    def selection(fields: Iterable[str]) -> dict[str, str]:
        """``$select=A&$expand=_B($select=C;$expand=_D($select=E))`` from ``A``, ``_B/C``, ``_B/_D/E``."""
        return {f"${option}": told for option, told in _nested_options(list(fields)).items()}

    @staticmethod
    def stamp(moment: datetime) -> str:
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @staticmethod
    def day(day: date) -> str:
        return day.isoformat()


def entity(name: str, key: str, fields: str = "", needed: str = "", **params: str) -> Stream:
    """A V4 entity set as data, below its own name; fields are written with spaces between them, see ``Stream``."""
    keys = tuple(key.split())
    return Stream(name, name, V4(), keys, params, (*keys, *fields.split()), needed=frozenset({*keys, *needed.split()}))


@dataclass(frozen=True, slots=True)
class V2:
    """``d.results``, ``d.__next``, ``d.__count`` (a text)."""

    count_params: ClassVar[Mapping[str, str]] = {"$inlinecount": "allpages", "$top": "1"}

    @staticmethod
    def rows(body: Any) -> list[dict[str, Any]]:
        data = body["d"]
        found = data.get("results", data) if isinstance(data, dict) else data
        return found if isinstance(found, list) else [found]

    @staticmethod
    def next(body: Any) -> str | None:
        link = body["d"].get("__next") if isinstance(body["d"], dict) else None
        return str(link) if link else None

    @staticmethod
    def count(body: Any) -> int:
        return int(body["d"]["__count"])

    @staticmethod
    def selection(fields: Iterable[str]) -> dict[str, str]:
        """``$select=A,B/C,B/D/E&$expand=B,B/D``; the fields are paths already."""
        paths = list(fields)
        above = {path.rpartition("/")[0] for path in paths} - {""}
        return {"$select": ",".join(paths)} | ({"$expand": ",".join(sorted(above))} if above else {})

    @staticmethod
    def stamp(moment: datetime) -> str:
        return f"datetimeoffset'{V4.stamp(moment)}'"

    @staticmethod
    def day(day: date) -> str:
        return f"datetime'{day.isoformat()}T00:00:00'"


Protocol = V2 | V4


def _nested_options(fields: Sequence[str]) -> dict[str, str]:
    below: dict[str, list[str]] = {}
    for path in fields:
        name, slash, rest = path.partition("/")
        if slash:
            below.setdefault(name, []).append(rest)
    own = ",".join(path for path in fields if "/" not in path)
    inner = ",".join(
        f"{name}({';'.join(f'${option}={told}' for option, told in _nested_options(rest).items())})"
        for name, rest in below.items()
    )
    return {name: told for name, told in (("select", own), ("expand", inner)) if told}


def pages(
    client: Client,
    protocol: Protocol,
    path: str,
    params: Mapping[str, str],
    headers: Mapping[str, str] | None = None,
) -> Iterator[list[dict[str, Any]]]:
    """Every page of rows. Raises SourceError; a link that comes twice would go round for ever and is an error."""
    answer = client.get(path, params, headers)
    seen: set[int] = set()
    while True:
        rows, link = _taken(protocol, answer)
        yield rows
        if not link:
            return
        if hash(link) in seen:
            raise Unavailable(f"The source named the same next page of {path} twice. Try again later.", "paging_loop")
        seen.add(hash(link))
        answer = client.follow(answer, link, headers)


def pages_by_key(
    client: Client, protocol: Protocol, path: str, params: Mapping[str, str], key: str, size: int
) -> Iterator[list[dict[str, Any]]]:
    """Every page of rows in the order of a key, each asked for as what comes after the row before it.

    For services that answer with everything at once, or stop at a cap of their own: neither loses a row, and rows that
    come in between move nothing. Raises SourceError.
    """
    last = ""
    while True:
        after = f"{key} gt {quoted(last)}" if last else ""
        wanted = all_of(f"({params['$filter']})" if params.get("$filter") else "", after)
        asked = {**params, "$top": str(size), "$orderby": key} | ({"$filter": wanted} if wanted else {})
        reached = last
        for rows in pages(client, protocol, path, asked):
            if rows:
                reached = max(reached, text(rows[-1].get(key)))
                yield rows
        if reached == last:
            return
        last = reached


def count(client: Client, protocol: Protocol, path: str, params: Mapping[str, str]) -> int:
    """How many rows match, counted by the server; one row travels."""
    answer = client.get(path, {**params, **protocol.count_params})
    try:
        return protocol.count(answer.body)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Unavailable(f"The source did not count {path} as OData asks.", "no_odata") from None


def _taken(protocol: Protocol, answer: Answer) -> tuple[list[dict[str, Any]], str | None]:
    try:
        return protocol.rows(answer.body), protocol.next(answer.body)
    except (KeyError, TypeError, AttributeError):
        raise Unavailable(
            "The source answered with JSON that is no OData page. Check the address.", "no_odata"
        ) from None


def error_text(body: bytes) -> str:
    """The source's own message and the transaction id that its support needs; empty where there is none."""
    try:
        error = msgspec.json.decode(body)["error"]
        message = error.get("message", "")
        text = message.get("value", "") if isinstance(message, dict) else str(message)
        inner = error.get("innererror") or {}
        transaction = inner.get("transactionid") or inner.get("transactionId") or ""
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return ""
    text = " ".join(text.split())[:_MESSAGE_LENGTH]
    return f"{text} (transaction {transaction})" if transaction else text


# Filters


def quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def any_of(name: str, values: Iterable[str]) -> str:
    """``(name eq 'a' or name eq 'b')``; empty for no values."""
    terms = " or ".join(f"{name} eq {quoted(value)}" for value in values)
    return f"({terms})" if terms else ""


def between(name: str, low: str, high: str) -> str:
    return f"{name} ge {quoted(low)} and {name} le {quoted(high)}"


def all_of(*terms: str) -> str:
    return " and ".join(term for term in terms if term)


def either(*terms: str) -> str:
    return f"({' or '.join(terms)})"


# Values


def moment(value: Any) -> datetime | None:
    """A point in time in UTC from V2 or V4; V2 stamps may lack their offset and mean UTC. Raises Unreadable."""
    told = text(value)
    return _moment(told) if told else None


@lru_cache(maxsize=8192)  # a few hundred days, over and over
def _moment(told: str) -> datetime:
    if match := _V2_DATE.fullmatch(told):
        try:
            return _EPOCH + timedelta(milliseconds=int(match[1]))
        except OverflowError:
            raise Unreadable(f"“{told[:40]}” is no date") from None
    try:
        found = datetime.fromisoformat(_six_digits(told))
    except ValueError:
        raise Unreadable(f"“{told[:40]}” is no date") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def day(value: Any) -> date | None:
    """A calendar day: V2 tells midnight UTC, so the UTC day counts and no zone shifts it. Raises Unreadable."""
    found = moment(value)
    return found.date() if found else None


def nested(row: Row, name: str) -> Sequence[dict[str, Any]]:
    """The rows of an expanded navigation, V2 or V4; none where it was not expanded or is empty.

    Raises Refused where the answer holds only the first of them: the others would be missing without a number.
    """
    if row.get(f"{name}@odata.nextLink"):
        sentence = f"The answer holds only a part of {name}. Nothing was taken."
        raise Refused(sentence, "partial_expansion")
    value = row.get(name)
    if isinstance(value, dict):
        if "results" in value:
            value = value["results"]
        elif "__deferred" in value:
            return []
        else:
            return [value]
    return value if isinstance(value, list) else []


def _six_digits(told: str) -> str:
    """SAP stamps have seven digits of a second, Python reads six."""
    return re.sub(r"(\.\d{6})\d+", r"\1", told)
