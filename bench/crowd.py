"""Many clicks at once, from a process of their own: whoever reads meanwhile must not wait for the one who clicks.

``python -m bench.crowd URL CLICKS`` with the token in ``BEARER``. Prints the runs that the answers name, as JSON.

Plain sockets: a client library takes several milliseconds of the processor for each of its connections, and on a small
machine the readers would wait for those, not for the product.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any
from urllib.parse import urlsplit

BODY = json.dumps({"system": "sap", "entity": "costs"})


async def crowd(url: str, bearer: str, clicks: int) -> list[dict[str, Any]]:
    """The answers, in the order of the clicks."""
    place = urlsplit(url)
    host, port = place.hostname or "", place.port or 80
    return await asyncio.gather(*(_click(host, port, bearer) for _ in range(clicks)))


async def _click(host: str, port: int, bearer: str) -> dict[str, Any]:
    reader, writer = await asyncio.open_connection(host, port)
    head = (
        f"POST /api/integrations/sync?wait=300 HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: {bearer}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(BODY)}\r\nconnection: close\r\n\r\n"
    )
    writer.write((head + BODY).encode())
    status, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert b" 200 " in status.splitlines()[0], status
    answer: dict[str, Any] = json.loads(body)
    return answer


if __name__ == "__main__":
    answers = asyncio.run(crowd(sys.argv[1], os.environ["BEARER"], int(sys.argv[2])))
    print(json.dumps([one["run_id"] for one in answers]))
