"""Where Dagster keeps its own things: schema ``dagster`` of our PostgreSQL, files under ``PPM_HOME``.

Belongs here: the classes that ``dagster.yaml`` names because YAML can't turn one URL into another. Where our
database is and how it is started is ``home.py``; nothing here knows what Dagster stores.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import psycopg2
from dagster._config.config_schema import UserConfigSchema
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from sqlalchemy.engine import make_url

from ppm_pipelines import home

SCHEMA = "dagster"
# One table of each of Dagster's three storages, the last that it creates: all there, nothing to create.
_CREATED = ("instance_info", "asset_keys", "jobs")
_LOCK = 0x70706D5F64  # "ppm_d": one process at a time creates Dagster's tables


def storage_url(url: str) -> str:
    """Our database's URL as Dagster needs it: psycopg2 by name (SQLAlchemy 2.1 takes psycopg 3) and its own schema."""
    ours = make_url(url).set(drivername="postgresql+psycopg2")
    given = ours.query.get("options", "")
    return (
        ours.difference_update_query(["options"])
        .update_query_dict({"options": f"{given} -csearch_path={SCHEMA}".strip()})
        .render_as_string(hide_password=False)
    )


def _connect(url: str) -> Any:
    # psycopg2 itself takes no driver in the URL.
    connection = psycopg2.connect(url.replace("postgresql+psycopg2://", "postgresql://", 1))
    connection.autocommit = True
    return connection


def _complete(cursor: Any) -> bool:
    cursor.execute("select count(to_regclass(name)) from unnest(%s) as name", ([f"{SCHEMA}.{t}" for t in _CREATED],))
    return bool(cursor.fetchone()[0] == len(_CREATED))


class Storage(DagsterPostgresStorage):
    """Runs, events and schedules in schema ``dagster`` of the database that ``home.database_url()`` names."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        url = storage_url(home.database_url())
        with closing(_connect(url)) as connection, connection.cursor() as cursor:
            if _complete(cursor):  # every run opens a storage: looking once is faster than Dagster's three inspections
                super().__init__(url, should_autocreate_tables=False, inst_data=inst_data)
                return
            # Webserver, daemon and code server start at once. The lock goes with the connection.
            cursor.execute("select pg_advisory_lock(%s)", (_LOCK,))
            cursor.execute(f"create schema if not exists {SCHEMA}")
            super().__init__(url, inst_data=inst_data)

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Storage:
        return cls(inst_data=inst_data, **config_value)


def _folder(name: str) -> str:
    return str(home.home().home.resolve() / "dagster" / name)


class Artifacts(LocalArtifactStorage):
    """What Dagster's own file manager writes, under ``PPM_HOME/dagster``; facts never go there."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(_folder("artifacts"), inst_data)

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Artifacts:
        return cls(inst_data=inst_data, **config_value)


class ComputeLogs(LocalComputeLogManager):
    """What a run prints, under ``PPM_HOME/dagster``, shown by the Dagster UI."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(_folder("logs"), inst_data=inst_data)

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> ComputeLogs:
        return cls(inst_data=inst_data, **config_value)
