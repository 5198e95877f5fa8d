"""The least that the same work can cost here: fetch, parse, COPY, upsert, and the same raw records; nothing else.

``python -m bench.floor URL``: no records, no judgement, no counts by kind, no history, no money. With ``facts`` behind
it, the same into the columns and indexes that the product has, where the source's own twenty are not all: who owns a
row, what is open, the amounts in company currency, when it was seen.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Sequence
from decimal import Decimal

import httpx
import msgspec
import psycopg

from ppm_pipelines import home
from ppm_pipelines.arriving import at_full_speed

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
# The product's columns, by what of a row stands in them; the rest is what the table says by itself.
FACTS = {
    "source_key": "key", "company_code": "company_code", "project_nr": "project_nr", "project_id": "project_nr",
    "po_number": "po_number", "po_line_nr": "po_line_nr", "currency": "currency", "ordered_amount": "ordered",
    "relieved_amount": "relieved", "open_amount": "ordered", "company_currency": "currency",
    "company_ordered_amount": "ordered", "company_relieved_amount": "relieved", "company_open_amount": "ordered",
    "vendor": "vendor", "vendor_description": "vendor_name", "requester": "requester", "po_date": "po_date",
    "po_line_text": "text", "delivery_date": "delivery_date", "wbs_element": "wbs_element", "gl_account": "gl_account",
    "po_status": "status", "contract_number": "contract", "purchase_requisition": "requisition", "raw_stream": "stream",
    "raw_key": "key", "organization_id": "bench", "system": "bench", "run_id": "bench",
    "assignment_nr": "nothing", "relieved_by": "nothing", "counts": "counts", "labour": "labour",
    "first_seen_at": "now", "last_changed_at": "now",
}  # fmt: skip
KEYS = ("organization_id", "system", "source_key")
WIDE = """
create schema if not exists bench;
create table if not exists bench.facts (like ppm.commitments including all);
create table if not exists bench.fact_raws (like ppm.raw_records including all);
create temp table stage as select {columns} from bench.facts with no data;
create temp table stage_raws as select {raws} from bench.fact_raws with no data;
"""
RAWS = ("organization_id", "system", "run_id", "stream", "source_key", "hash", "record")
DECODE = msgspec.json.Decoder(float_hook=Decimal).decode
ENCODE = msgspec.json.Encoder().encode


def main() -> None:
    url, *facts = sys.argv[1:]
    columns = list(FACTS) if facts else FIELDS
    started = time.perf_counter()
    with psycopg.connect(home.database_url()) as connection, httpx.Client(trust_env=False) as client:
        connection.execute(WIDE.format(columns=", ".join(columns), raws=", ".join(RAWS)) if facts else TABLE)
        following: str | None = f"{url}/orders"
        with at_full_speed():  # as in the product
            while following:
                body = DECODE(client.get(following).content)
                following = body.get("@odata.nextLink")
                _copy(connection, body["value"], [FACTS[name] for name in columns] if facts else columns, facts)
        if facts:
            _upsert(connection, "bench.facts", "stage", columns, KEYS)
            _upsert(
                connection, "bench.fact_raws", "stage_raws", RAWS, ("organization_id", "system", "stream", "source_key")
            )
        else:
            _upsert(connection, "bench.orders", "stage", columns, ("key",))
            _upsert(connection, "bench.raws", "stage_raws", ("key", "hash", "record"), ("key",))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - started, "peak_mb": peak}))


def _copy(connection: psycopg.Connection, rows: list[dict[str, object]], names: list[str], facts: list[str]) -> None:
    same = {"bench": "bench", "stream": "orders", "nothing": "", "counts": True, "labour": False, "now": "now"}
    with connection.cursor() as cursor:
        with cursor.copy("copy stage from stdin") as copy:
            for row in rows:
                told = same | row if facts else row
                copy.write_row([told[name] for name in names])
        with cursor.copy("copy stage_raws from stdin") as copy:
            for row in rows:
                record = ENCODE(row)
                digest = hashlib.blake2b(record, digest_size=16).digest()
                whose = ("bench", "bench", "bench", "orders") if facts else ()
                copy.write_row((*whose, row["key"], digest, record.decode()))


def _upsert(
    connection: psycopg.Connection, table: str, stage: str, columns: Sequence[str], keys: Sequence[str]
) -> None:
    """Compares raw records by their digest, facts by all that they say."""
    names = [name for name in columns if name not in keys]
    changed = ", ".join(f"{name} = excluded.{name}" for name in names)
    compared = [name for name in names if name == "hash"] or names
    new, old = (", ".join(f"{prefix}.{name}" for name in compared) for prefix in ("excluded", "o"))
    connection.execute(
        f"insert into {table} as o ({', '.join(columns)}) select * from {stage} on conflict ({', '.join(keys)})"
        f" do update set {changed} where ({old}) is distinct from ({new})"
    )


if __name__ == "__main__":
    main()
