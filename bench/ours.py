"""Our way from the source to the facts: client, pages, records, raw records, one merge.

``python -m bench.ours URL MODE``: MODE is ``full``, or a version for an incremental read. Prints seconds, the peak of
this process's memory, and the counts, as JSON.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import httpx

from bench.source import PROJECTS
from ppm_pipelines import database, load, runs
from ppm_pipelines.adapters import odata
from ppm_pipelines.adapters.http import Client
from ppm_pipelines.records import Commitment, Page, Project, Raw


def commitment(row: dict[str, Any]) -> Commitment:
    ordered, relieved = Decimal(row["ordered"]), Decimal(row["relieved"])
    still_open = ordered - relieved
    return Commitment(
        source_key=row["key"],
        company_code=row["company_code"],
        project_nr=row["project_nr"],
        po_number=row["po_number"],
        po_line_nr=row["po_line_nr"],
        currency=row["currency"],
        ordered_amount=ordered,
        relieved_amount=relieved,
        open_amount=still_open,
        company_currency=row["currency"],
        company_ordered_amount=ordered,
        company_relieved_amount=relieved,
        company_open_amount=still_open,
        po_status=row["status"],
        vendor=row["vendor"],
        vendor_description=row["vendor_name"],
        requester=row["requester"],
        po_date=date.fromisoformat(row["po_date"]),
        po_line_text=row["text"],
        delivery_date=date.fromisoformat(row["delivery_date"]),
        wbs_element=row["wbs_element"],
        gl_account=row["gl_account"],
        contract_number=row["contract"],
        purchase_requisition=row["requisition"],
        raw_stream="orders",
        raw_key=row["key"],
    )


def pages(url: str, mode: str) -> Iterator[Page]:
    numbers = [f"P-{number:04d}" for number in range(PROJECTS)]
    yield Page("projects", [Project(number, number, number, currency="EUR", company_code="1010") for number in numbers])
    params = {} if mode == "full" else {"since": mode}
    with contextlib.closing(
        Client(url, system="Bench", auth=httpx.Auth(), allowed_hosts=f"*, {url}", timeout_seconds=3600)
    ) as client:
        for rows in odata.pages(client, odata.V4(), "orders", params):
            raws = [Raw("orders", row["key"], row) for row in rows]
            yield Page("commitments", [commitment(row) for row in rows], raws)


def main() -> None:
    url, mode = sys.argv[1:3]
    request = runs.RunRequest("bench", "sap", "commitments", "full" if mode == "full" else "incremental", "bench")
    with database.owner() as connection:
        run_id = runs.claim(connection, request).run_id
        runs.started(connection, run_id, "")
    started = time.perf_counter()
    with contextlib.closing(database.direct()) as connection:
        complete = {"projects", "commitments"} if mode == "full" else set()
        result = load.load(
            connection, request, run_id, pages(url, mode), complete=lambda: complete, state=lambda: {"since": mode}
        )
    told = {
        "seconds": time.perf_counter() - started,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "counts": {name: getattr(result, name) for name in load.COUNTS},
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
