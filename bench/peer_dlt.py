"""dlt's rest_api source with merge into the same PostgreSQL; run by the Python of ``.venv-bench``, which has dlt alone.

``python bench/peer_dlt.py URL DATABASE_URL FOLDER [SINCE]``
"""

from __future__ import annotations

import json
import resource
import sys
import time
from urllib.parse import parse_qs, quote, urlsplit

import dlt
from dlt.sources.rest_api import rest_api_source


def main() -> None:
    url, database, folder, *since = sys.argv[1:]
    parts = urlsplit(database)
    host = parse_qs(parts.query).get("host", [parts.hostname or ""])[0]
    credentials = {
        "host": quote(host, safe=""),  # the folder of a socket, as it stands in a URL
        "port": parts.port or 5432,
        "username": parts.username or "postgres",
        "password": parts.password or "unused",
        "database": parts.path.strip("/"),
    }
    pipeline = dlt.pipeline(
        "bench", destination=dlt.destinations.postgres(credentials), dataset_name="bench_dlt", pipelines_dir=folder
    )
    source = rest_api_source(
        {
            "client": {"base_url": url, "paginator": {"type": "json_link", "next_url_path": "next"}},
            "resources": [
                {
                    "name": "orders",
                    "primary_key": "key",
                    "write_disposition": "merge",
                    "endpoint": {
                        "path": "orders",
                        "params": {"since": since[0]} if since else {},
                        "data_selector": "value",
                    },
                }
            ],
        }
    )
    started = time.perf_counter()
    pipeline.run(source)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - started, "peak_mb": peak}))


if __name__ == "__main__":
    main()
