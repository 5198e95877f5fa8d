"""The least that the same work can cost here: fetch, parse, COPY, upsert, and the same raw records; nothing else.

``python -m bench.floor URL``: no records, no judgement, no counts by kind, no history, no money.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from decimal import Decimal

import httpx
import msgspec
import psycopg

from ppm_pipelines import home

FIELDS = (
    "key company_code project_nr po_number po_line_nr currency ordered relieved vendor vendor_name requester po_date"
    " text delivery_date wbs_element gl_account status contract requisition changed"
).split()
TABLE = """
create schema if not exists bench;
create table if not exists bench.orders (key text primary key, company_code text, project_nr text, po_number text,
  po_line_nr text, currency text, ordered numeric(23,5), relieved numeric(23,5), vendor text, vendor_name text,
  requester text, po_date date, text text, delivery_date date, wbs_element text, gl_account text, status text,
  contract text, requisition text, changed bigint);
create table if not exists bench.raws (key text primary key, hash bytea, record json);
create temp table stage (like bench.orders);
create temp table stage_raws (like bench.raws including defaults);
"""
DECODE = msgspec.json.Decoder(float_hook=Decimal).decode
ENCODE = msgspec.json.Encoder().encode


def main() -> None:
    url = sys.argv[1]
    started = time.perf_counter()
    with psycopg.connect(home.database_url()) as connection, httpx.Client(trust_env=False) as client:
        connection.execute(TABLE)
        following: str | None = f"{url}/orders"
        while following:
            body = DECODE(client.get(following).content)
            following = body.get("@odata.nextLink")
            _copy(connection, body["value"])
        _upsert(connection)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - started, "peak_mb": peak}))


def _copy(connection: psycopg.Connection, rows: list[dict[str, object]]) -> None:
    with connection.cursor() as cursor:
        with cursor.copy("copy stage from stdin") as copy:
            for row in rows:
                copy.write_row([row[name] for name in FIELDS])
        with cursor.copy("copy stage_raws from stdin") as copy:
            for row in rows:
                record = ENCODE(row)
                copy.write_row((row["key"], hashlib.blake2b(record, digest_size=16).digest(), record.decode()))


def _upsert(connection: psycopg.Connection) -> None:
    names = [name for name in FIELDS if name != "key"]
    changed = ", ".join(f"{name} = excluded.{name}" for name in names)
    new, old = (", ".join(f"{prefix}.{name}" for name in names) for prefix in ("excluded", "o"))
    connection.execute(
        f"insert into bench.orders as o select * from stage on conflict (key) do update set {changed}"
        f" where ({old}) is distinct from ({new})"
    )
    connection.execute(
        "insert into bench.raws as r select * from stage_raws on conflict (key) do update set hash = excluded.hash,"
        " record = excluded.record where r.hash <> excluded.hash"
    )


if __name__ == "__main__":
    main()
