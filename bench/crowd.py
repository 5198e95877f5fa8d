"""Many clicks at once, from a process of their own: whoever reads meanwhile must not wait for the one who clicks.

``python -m bench.crowd URL CLICKS`` with the token in ``BEARER``. Prints the runs that the answers name, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

import httpx


async def main(url: str, clicks: int) -> None:
    limits = httpx.Limits(max_connections=None)
    headers = {"authorization": os.environ["BEARER"]}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=300, limits=limits, trust_env=False) as client:

        async def click() -> str:
            body = {"system": "sap", "entity": "costs"}
            answer = await client.post("/api/integrations/sync", params={"wait": 300}, json=body)
            return str(answer.json()["run_id"])

        print(json.dumps(await asyncio.gather(*(click() for _ in range(clicks)))))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
