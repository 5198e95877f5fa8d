"""The least that a system's first load can cost: its answers fetched and parsed, its rows and raw records copied.

``python -m bench.answers_floor URL``: no records, no judgement, no counts, no history, no sums, no second look.
What is copied was loaded before, and is in memory when the clock starts; the tables are like those of the product.
Python looks for garbage as seldom as in the product.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import psycopg

from ppm_pipelines import arriving, copying, home

TABLES = ("projects", "wbs_elements", "commitments", "actuals", "raw_records")
BLOCK = 5_000
JSON = [psycopg.adapters.types[name].oid for name in ("json", "jsonb")]
DECODE = msgspec.json.Decoder(float_hook=Decimal).decode
ENCODE = msgspec.json.Encoder().encode
Table = tuple[str, list[str], Sequence[Sequence[Any]]]  # name, columns, rows


def main() -> None:
    url = sys.argv[1]
    with psycopg.connect(home.database_url()) as connection, httpx.Client(base_url=url, trust_env=False) as client:
        asked = msgspec.json.decode(client.get("/_bench/asked").content, type=list[tuple[str, str, bytes]])
        tables = [_rows(connection, table) for table in TABLES]
        started = time.perf_counter()
        with arriving.at_full_speed():
            for method, address, body in asked:
                answer = client.request(method, address, content=body)
                if "json" in answer.headers.get("content-type", ""):
                    DECODE(answer.content)
            for table in tables:
                _copy(connection, *table)
            connection.commit()
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak, "requests": len(asked)}))


def _rows(connection: psycopg.Connection, table: str) -> Table:
    """What the product made of the same answers; raw records as they were parsed."""
    connection.execute("create schema if not exists bench")
    connection.execute(f"drop table if exists bench.{table}")
    connection.execute(f"create table bench.{table} (like ppm.{table} including all)")
    found = connection.execute(f"select * from ppm.{table} limit 0").description or ()
    columns = [one.name for one in found if one.name != "id"]
    told = [f"{one.name}::text" if one.type_code in JSON else one.name for one in found if one.name != "id"]
    rows = connection.execute(f"select {', '.join(told)} from ppm.{table}").fetchall()
    if table == "raw_records":
        at = columns.index("record")
        rows = [(*row[:at], DECODE(row[at]), *row[at + 1 :]) for row in rows]
    return table, columns, rows


def _copy(connection: psycopg.Connection, table: str, columns: list[str], rows: Sequence[Sequence[Any]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"copy bench.{table} ({', '.join(columns)}) from stdin") as copy:
        for first in range(0, len(rows), BLOCK):
            some: Iterable[Sequence[Any]] = rows[first : first + BLOCK]
            values = list(zip(*(some if table != "raw_records" else _encoded(columns, some)), strict=True))
            copy.write(copying.block(values))


def _encoded(columns: list[str], rows: Iterable[Sequence[Any]]) -> Iterable[Sequence[Any]]:
    at, digest = columns.index("record"), columns.index("hash")
    for row in rows:
        record = ENCODE(row[at])
        values = list(row)
        values[at], values[digest] = record.decode(), hashlib.blake2b(record, digest_size=16).digest()
        yield values


if __name__ == "__main__":
    main()
