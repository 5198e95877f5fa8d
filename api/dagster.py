"""The only file that talks to Dagster: launch, status, terminate, readiness. Every GraphQL string of the API is here.

Dagster calls this API still evolving; what changes there changes here and nowhere else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import httpx

from ppm_pipelines import home
from ppm_pipelines.runs import RUN_CONFIG

LOCATION, REPOSITORY = "ppm_pipelines", "__repository__"
SELECTOR = {"repositoryLocationName": LOCATION, "repositoryName": REPOSITORY}
TERMINAL = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
GONE = "GONE"  # Dagster answers, and does not know the run

LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on Error { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
PARTITION = """
mutation Partition($selector: RepositorySelector!, $key: String!) {
  addDynamicPartition(repositorySelector: $selector, partitionsDefName: "organizations", partitionKey: $key) {
    __typename
    ... on Error { message }
  }
}
"""
PARTITION_IS_THERE = ("AddDynamicPartitionSuccess", "DuplicateDynamicPartitionError")
STATUS = """
query Status($run: ID!) { runOrError(runId: $run) { __typename ... on Run { status } } }
"""
TERMINATE = """
mutation Terminate($run: String!) {
  terminateRun(runId: $run, terminatePolicy: SAFE_TERMINATE) { __typename ... on Error { message } }
}
"""
JOBS = """
query Jobs($selector: RepositorySelector!) {
  repositoryOrError(repositorySelector: $selector) { __typename ... on Repository { jobs { name } } }
}
"""


class Unreachable(Exception):
    """Dagster does not answer, or not sensibly. Whether a launch happened is then unknown."""


class NotLaunched(Exception):
    """Dagster answered that it will not launch this; the message is Dagster's own, for the log."""


class Dagster:
    """One client for the webserver of this machine; safe to share between tasks."""

    def __init__(self, url: str, *, timeout_seconds: float = 15) -> None:
        self.url = url
        # Never through a proxy of the environment: this is our own process on this machine.
        self._client = httpx.AsyncClient(base_url=url, timeout=timeout_seconds, trust_env=False)
        self._partitions: set[str] = set()

    @classmethod
    def of_home(cls) -> Dagster:
        return cls(f"http://127.0.0.1:{home.home().dagster_port}")

    async def close(self) -> None:
        await self._client.aclose()

    def run_url(self, dagster_run_id: str) -> str:
        return f"{self.url}/runs/{dagster_run_id}"

    async def _ask(self, query: str, variables: Mapping[str, Any]) -> Any:
        """The value of the one field that every query here asks for."""
        try:
            response = await self._client.post("/graphql", json={"query": query, "variables": dict(variables)})
            document = response.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise Unreachable(f"Dagster at {self.url}: {error}") from error
        if document.get("errors") or not document.get("data"):
            raise Unreachable(f"Dagster at {self.url}: {document.get('errors')}")
        return next(iter(document["data"].values()))

    async def launch(self, job: str, *, partition: str, tags: Mapping[str, str]) -> str:
        """Launches the job for one organisation and returns Dagster's run id."""
        await self._know(partition)
        tagged = {**tags, "dagster/partition": partition}
        params = {
            "selector": SELECTOR | {"jobName": job},
            "runConfigData": RUN_CONFIG,
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tagged.items()]},
        }
        result = await self._ask(LAUNCH, {"params": params})
        if result["__typename"] != "LaunchRunSuccess":
            raise NotLaunched(f"{result['__typename']}: {result.get('message') or result.get('errors')}")
        return str(result["run"]["runId"])

    async def _know(self, organization_id: str) -> None:
        """Makes the organisation a partition, once per process; one that is there already stays."""
        if organization_id not in self._partitions:
            result = await self._ask(PARTITION, {"selector": SELECTOR, "key": organization_id})
            if result["__typename"] not in PARTITION_IS_THERE:
                raise NotLaunched(f"{result['__typename']}: {result.get('message')}")
            self._partitions.add(organization_id)

    async def status(self, dagster_run_id: str) -> str:
        """Dagster's word for where the run is (STARTED, SUCCESS, …), or GONE."""
        result = await self._ask(STATUS, {"run": dagster_run_id})
        return str(result["status"]) if result["__typename"] == "Run" else GONE

    async def terminate(self, dagster_run_id: str, seconds: float = 5) -> None:
        """Asks for a clean stop; a run that is over already is no error.

        Dagster does not stop a run that is only starting, which lasts a moment: it is asked again.
        """
        deadline = time.monotonic() + seconds
        while (await self._ask(TERMINATE, {"run": dagster_run_id}))["__typename"] != "TerminateRunSuccess":
            if time.monotonic() > deadline or await self.status(dagster_run_id) in TERMINAL | {GONE}:
                return
            await asyncio.sleep(0.1)

    async def ready(self) -> bool:
        """Whether the webserver answers and has our code loaded."""
        try:
            result = await self._ask(JOBS, {"selector": SELECTOR})
        except Unreachable:
            return False
        return bool(result["__typename"] == "Repository" and result["jobs"])
