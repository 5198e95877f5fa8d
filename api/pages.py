"""Lists over HTTP: how long a page is, where the next one begins, and all of it as CSV."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.responses import StreamingResponse

from api.problems import invalid
from api.settings import PAGE_MOST

Limit = Annotated[int, Query(ge=1, le=PAGE_MOST)]


def cursor_of(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts, default=str).encode()).decode().rstrip("=")


def parts_of(cursor: str, *parse: Callable[[str], Any]) -> list[Any]:
    """What ``cursor_of`` packed, each part parsed; 422 for anything else."""
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return [read_part(part) for read_part, part in zip(parse, parts, strict=True)]
    except (ValueError, binascii.Error, TypeError, IndexError, KeyError) as error:
        raise invalid(
            "cursor", "is not one of ours; start again without it.", "ist keiner von uns; bitte ohne neu beginnen."
        ) from error


def json_answer(told: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Where thousands of cells, or hundreds of callers, are answered at once, written by whoever made it: FastAPI looks
    at every cell of an answer without a model, and lets all others wait meanwhile."""
    written = json.dumps(told, ensure_ascii=False, separators=(",", ":"), default=_day_or_moment)
    return Response(written, status, headers, "application/json")


def _day_or_moment(value: date) -> str:
    return value.isoformat()


def csv_line(cells: list[Any]) -> str:
    """A formula in a text of the source must not become one in a spreadsheet."""
    written = io.StringIO()
    safe = [f"'{cell}" if isinstance(cell, str) and _is_formula(cell) else cell for cell in cells]
    csv.writer(written).writerow(["" if cell is None else cell for cell in safe])
    return written.getvalue()


def _is_formula(cell: str) -> bool:
    """Whether a spreadsheet would compute it; a negative amount is none."""
    return cell[:1] in ("=", "+", "@", "\t", "\r") or (cell[:1] == "-" and not re.fullmatch(r"-\d+(\.\d+)?", cell))


def wants_csv(request: Request) -> bool:
    return request.query_params.get("format") == "csv" or "text/csv" in request.headers.get("accept", "")


def csv_answer(name: str, rows: Iterator[str]) -> StreamingResponse:
    plain = name.encode("ascii", "replace").decode().replace('"', "")
    headers = {"Content-Disposition": f'attachment; filename="{plain}.csv"'}
    return StreamingResponse(rows, media_type="text/csv", headers=headers)
