"""A source that costs nothing: order lines as OData pages rendered once, served over HTTP on loopback.

Run as ``python -m bench.source PORT LINES``. ``POST /change?lines=N`` changes the amount of N lines; ``?since=V`` shows
only what was changed after version V. What is measured against it is the reader, not the source.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PAGE = 5_000
PROJECTS = 100
ENCODE = msgspec.json.Encoder().encode


def line(number: int, version: int = 0) -> dict[str, Any]:
    """20 fields; amounts are JSON numbers with two decimals."""
    order, item = divmod(number, 5)
    ordered = 1000 + number % 977 + version + 0.25
    return {
        "key": f"{4_500_000_000 + order}/{item * 10 + 10:05d}/01",
        "company_code": "1010",
        "project_nr": f"P-{number % PROJECTS:04d}",
        "po_number": str(4_500_000_000 + order),
        "po_line_nr": str(item * 10 + 10),
        "currency": "EUR",
        "ordered": ordered,
        "relieved": 250.5,
        "vendor": f"{17_300_000 + number % 500}",
        "vendor_name": f"Müller & Söhne {number % 500} GmbH",
        "requester": f"user{number % 80}",
        "po_date": f"2025-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
        "text": f"Position {number}: Stahlträger HEB 300",
        "delivery_date": f"2026-{number % 12 + 1:02d}-15",
        "wbs_element": f"P-{number % PROJECTS:04d}.{number % 7:02d}",
        "gl_account": "65100000",
        "status": "active",
        "contract": None,
        "requisition": f"1{number:07d}",
        "changed": version,
    }


class Source:
    """All lines as bytes, and which of them changed at which version."""

    def __init__(self, base: str, lines: int) -> None:
        self.base, self.lines, self.version = base, lines, 0
        self.changed: dict[int, int] = {}
        self.pages: dict[int, bytes] = {}

    def page(self, number: int) -> bytes:
        if number not in self.pages:
            first = number * PAGE
            last = min(first + PAGE, self.lines)
            rows = [line(one, self.changed.get(one, 0)) for one in range(first, last)]
            self.pages[number] = self._rendered(rows, number + 1 if last < self.lines else None)
        return self.pages[number]

    def _rendered(self, rows: list[dict[str, Any]], following: int | None) -> bytes:
        link = {} if following is None else {"@odata.nextLink": f"{self.base}/orders?page={following}"}
        # The same link where jsonpath can name it.
        return ENCODE({"value": rows, **link, "next": link.get("@odata.nextLink")})

    def since(self, version: int) -> bytes:
        rows = [line(one, changed) for one, changed in self.changed.items() if changed > version]
        return self._rendered(rows, None)

    def change(self, count: int) -> int:
        self.version += 1
        for number in self._spread(count):
            self.changed[number] = self.version
            self.pages.pop(number // PAGE, None)
        return self.version

    def _spread(self, count: int) -> Iterator[int]:
        yield from range(0, self.lines, max(1, self.lines // count))


def app(base: str, lines: int) -> Starlette:
    source = Source(base, lines)
    for number in range(-(-lines // PAGE)):
        source.page(number)

    async def orders(request: Request) -> Response:
        asked = request.query_params
        found = source.since(int(asked["since"])) if "since" in asked else source.page(int(asked.get("page", 0)))
        return Response(found, media_type="application/json")

    async def change(request: Request) -> Response:
        version = source.change(int(request.query_params["lines"]))
        for number in range(-(-lines // PAGE)):
            source.page(number)
        return JSONResponse({"version": version})

    return Starlette(routes=[Route("/orders", orders), Route("/change", change, methods=["POST"])])


def main() -> None:
    port, lines = int(sys.argv[1]), int(sys.argv[2])
    uvicorn.run(app(f"http://127.0.0.1:{port}", lines), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
