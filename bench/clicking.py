"""From the click to the answer: a real Dagster run in its warm process, beside Dagster's default launch of the same job
and beside the same job in a process that is warm already."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from bench.report import Measured
from ppm_pipelines_tests.product import ROOT, Product, free_port

Click = tuple[datetime, datetime, str]  # from when to when, and the run
STEPS = 4  # business steps of the simulated tenant: about ten changed documents
PAUSE_SECONDS = 1.0  # between a toast and the next click: nobody clicks faster, and the next process gets ready


def _took(once: Callable[[], None], before: Callable[[], None]) -> float:
    before()
    started = time.perf_counter()
    once()
    return time.perf_counter() - started


def measure(product: Product, folder: Path, *, quick: bool) -> Iterator[Measured]:
    sandbox, api = product.sandbox(), product.api("controller")
    product.connected()

    def change() -> None:
        sandbox.post("/_sandbox/sap/advance", json={"steps": STEPS})
        time.sleep(PAUSE_SECONDS)

    clicks: list[Click] = []

    def click() -> None:
        began = datetime.now(UTC)
        answer = api.post("/api/integrations/sync", params={"wait": 120}, json={"system": "sap", "entity": "costs"})
        assert answer.status_code == 200, answer.text
        clicks.append((began, datetime.now(UTC), answer.json()["run_id"]))

    click()
    taken = [_took(click, change) for _ in range(5 if quick else 15)]
    answer = statistics.median(taken)
    yield Measured("POST sync to answer, ten changed documents, median", answer, "s", "under 1 s")
    yield from steps(product, clicks[1:])
    inside = in_process(product, 3 if quick else 7)
    yield Measured("the same job, execute_in_process in a warm process", inside, "s")
    yield Measured("answer / in-process floor", answer / inside, "×", "at most 3")
    with by_default(product, folder) as launch:
        default = statistics.median(_took(launch, change) for _ in range(1 if quick else 5))
    yield Measured("the same job, Dagster's default launch", default, "s")
    # Clicks before and after: the machine's speed moves from one minute to the next.
    around = statistics.median([*taken[-5:], *(_took(click, change) for _ in range(1 if quick else 5))])
    yield Measured("default launch / answer", default / around, "×", "at least 10")
    yield from many(product, change, 100 if quick else 500, 1 if quick else 5)


def steps(product: Product, clicks: list[Click]) -> Iterator[Measured]:
    """Where the time of a click goes, from the marks that each run leaves; medians."""
    taken: dict[str, list[float]] = {}
    for began, answered, run_id in clicks:
        [(claimed, started, ended, dagster)] = product.rows(
            "select requested_at, started_at, ended_at, dagster_run_id from ppm.sync_runs where run_id = %s", run_id
        )
        events = dict(
            product.rows(
                "select dagster_event_type, min(timestamp) at time zone 'utc' from dagster.event_logs where run_id = %s"
                " and dagster_event_type is not null group by 1",
                dagster,
            )
        )
        marks = [
            ("claimed", claimed),
            ("launched by Dagster", events["PIPELINE_STARTING"]),
            ("running in its process", events["PIPELINE_START"]),
            ("at work", started),
            ("visible", ended),
            ("recorded by Dagster", events["PIPELINE_SUCCESS"]),
            ("answered", answered),
        ]
        for (name, at), (_, before) in zip(marks, [("", began), *marks], strict=False):
            taken.setdefault(name, []).append((at - before).total_seconds() * 1000)
    for name, each in taken.items():
        yield Measured(f"… until {name}", statistics.median(each), "ms")


def in_process(product: Product, times: int) -> float:
    """Runs the job in a Python process that has imported everything; the first run is not counted."""
    program = f"""
import statistics, time
import dagster as dg, httpx
from ppm_pipelines.definitions import defs
job, taken = defs.resolve_job_def("sync_sap_costs"), []
sandbox = httpx.Client(base_url="http://127.0.0.1:{product.port("sandbox")}", trust_env=False)
with dg.DagsterInstance.ephemeral() as instance:
    instance.add_dynamic_partitions("organizations", ["default"])
    for _ in range({times + 1}):
        sandbox.post("/_sandbox/sap/advance", json={{"steps": {STEPS}}})
        started = time.perf_counter()
        job.execute_in_process(partition_key="default", instance=instance)
        taken.append(time.perf_counter() - started)
print(statistics.median(taken[1:]))
"""
    environment = product.environment | {"PPM_SANDBOX": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, text=True, capture_output=True, check=True
    )
    return float(done.stdout.strip().splitlines()[-1])


def plain(product: Product, folder: Path) -> dict[str, str]:
    """The environment of a Dagster as it comes, on the product's code."""
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return product.environment | {"DAGSTER_HOME": str(folder), "PPM_SANDBOX": "1"}


@contextmanager
def _plain_dagster(product: Product, folder: Path) -> Iterator[httpx.Client]:
    """Dagster as it comes, on the same code and the same facts: its own storage, queue, launcher and daemon."""
    environment, port = plain(product, folder), free_port()
    programs = Path(sys.executable).parent
    workspace = ["-w", str(ROOT / "workspace.yaml")]
    commands = [
        [str(programs / "dagster-webserver"), "-h", "127.0.0.1", "-p", str(port), *workspace],
        [str(programs / "dagster-daemon"), "run", *workspace],
    ]
    with (folder / "dagster.log").open("wb") as log:
        running = [subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log) for command in commands]
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120, trust_env=False) as client:
                until(lambda: _has_code(client))
                yield client
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait()


def _has_code(client: httpx.Client) -> bool:
    query = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }"
    answer = client.post("/graphql", json={"query": query})
    told = answer.json().get("data") if answer.status_code == 200 else None
    return bool(told and told["repositoriesOrError"].get("nodes"))


def _asked(client: httpx.Client, query: str, **variables: Any) -> Any:
    return client.post("/graphql", json={"query": query, "variables": variables}).json()["data"]


def until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise TimeoutError


@contextmanager
def by_default(product: Product, folder: Path) -> Iterator[Callable[[], None]]:
    """The job by a webserver and a launcher as Dagster has them, from the click to the run's end."""
    launch = """mutation L($p: ExecutionParams!) { launchRun(executionParams: $p) {
      __typename ... on LaunchRunSuccess { run { runId } } ... on Error { message } } }"""
    status = "query S($r: ID!) { runOrError(runId: $r) { ... on Run { status } } }"
    selector = {
        "repositoryLocationName": "ppm_pipelines", "repositoryName": "__repository__", "jobName": "sync_sap_costs",
    }  # fmt: skip
    tags = {"dagster/partition": "default", "ppm/system": "sap", "ppm/entity": "costs"}
    params = {
        "selector": selector,
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }
    partition = """mutation P($s: RepositorySelector!) { addDynamicPartition(
      repositorySelector: $s, partitionsDefName: "organizations", partitionKey: "default") { __typename } }"""
    place = {name: value for name, value in selector.items() if name != "jobName"}
    with _plain_dagster(product, folder) as client:
        ask = partial(_asked, client)
        ask(partition, s=place)

        def once() -> None:
            launched = ask(launch, p=params)["launchRun"]
            assert "run" in launched, launched
            run = launched["run"]["runId"]
            until(lambda: ask(status, r=run)["runOrError"]["status"] in ("SUCCESS", "FAILURE"))
            told = product.api("admin").get("/api/integrations/runs", params={"limit": 1}).json()["items"][0]
            assert ask(status, r=run)["runOrError"]["status"] == "SUCCESS", told

        yield once


def many(product: Product, change: Callable[[], None], clicks: int, times: int) -> Iterator[Measured]:
    """Many at once make one run, and readers do not wait for it."""
    reads: list[float] = []
    crowds = [_crowd(product, change, clicks, reads) for _ in range(times)]
    what = f"{clicks} clicks at once"
    yield Measured(f"{what}, until the last answer, median", statistics.median(took for took, _ in crowds), "s")
    yield Measured(f"runs that {what} made", max(runs for _, runs in crowds), "", "1")
    slow = sorted(reads)[int(len(reads) * 0.95)]
    yield Measured(f"a read of the portfolio meanwhile, p95 of {len(reads)}", slow * 1000, "ms", "under 100")


def _crowd(product: Product, change: Callable[[], None], clicks: int, reads: list[float]) -> tuple[float, int]:
    """How long many clicks take, and how many runs they make; how long each read takes that one reader makes then."""
    change()
    url = f"http://127.0.0.1:{product.port('api')}"
    bearer = product.api("controller").headers["authorization"]
    command = [sys.executable, "-m", "bench.crowd", url, str(clicks)]
    with httpx.Client(base_url=url, headers={"authorization": bearer}, timeout=300, trust_env=False) as reader:
        started = time.perf_counter()
        environment = os.environ | {"BEARER": bearer}
        with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE) as crowd:
            while crowd.poll() is None:
                before = time.perf_counter()
                reader.get("/api/costbook/projects").raise_for_status()
                reads.append(time.perf_counter() - before)
            taken = time.perf_counter() - started
            assert crowd.stdout is not None
            return taken, len(set(json.loads(crowd.stdout.read())))
