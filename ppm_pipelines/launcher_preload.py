"""Imported by the fork server before it forks, and by nothing else: what every run would import again.

Belongs here: imports, and values that are the same in every run. Never a connection, a thread or a setting that
can change: each fork would share it.
"""

import contextlib
import gc
import importlib

import dagster._cli.api
import dagster._grpc.impl
import dagster_postgres
import psycopg
import psycopg2

from ppm_pipelines import definitions, launcher, rehearsal
from ppm_pipelines.adapters import http

__all__ = ["dagster", "dagster_postgres", "definitions", "launcher", "psycopg", "psycopg2", "rehearsal"]

for name in ("adapters", "connectors", "costbook", "dagster_storage", "load", "runs", "vault"):
    with contextlib.suppress(ImportError):  # a run that needs it says what is wrong with it
        importlib.import_module(f"ppm_pipelines.{name}")

# What Dagster and others import only when a run does something for the first time.
for name in (
    "dagster._core.execution.plan.active",
    "dagster._core.executor.in_process",
    "dagster._core.instance.factory",
    "dagster._core.storage.sqlite_storage",
    "dagster._core.system_config.composite_descent",
    "dagster._core.utility_ops",
    "dagster._core.workspace.autodiscovery",
    "dagster._utils.temp_file",
    "dagster._utils.test.definitions",
    "encodings.idna",
    "fsspec.implementations.local",
    "psycopg2.extras",
    "upath.implementations.local",
):
    with contextlib.suppress(ImportError):  # another version of them works without
        importlib.import_module(name)

definitions.defs.get_repository_def().get_all_jobs()  # resolves the asset graph and its jobs once
http.trusted()  # reads the certificates once
with contextlib.suppress(Exception):  # a run is as right without it; a test says that it works
    rehearsal.run_nothing()
gc.collect()
gc.freeze()  # a collection in a run then leaves the shared pages alone
