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

from ppm_pipelines import definitions, launcher

__all__ = ["dagster", "dagster_postgres", "definitions", "launcher", "psycopg", "psycopg2"]

for name in ("adapters", "connectors", "costbook", "dagster_storage", "load", "runs", "vault"):
    with contextlib.suppress(ImportError):  # a run that needs it says what is wrong with it
        importlib.import_module(f"ppm_pipelines.{name}")

definitions.defs.get_repository_def()  # resolves the asset graph once
gc.collect()
gc.freeze()  # a collection in a run then leaves the shared pages alone
