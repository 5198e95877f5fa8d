"""Where Dagster keeps its own things: schema ``dagster`` of our PostgreSQL, files under ``PPM_HOME``.

Belongs here: the classes that ``dagster.yaml`` names because YAML can't turn one URL into another, and writing events
together. Where our database is and how it is started is ``home.py``. Of what Dagster stores only the rows of events
and of checks are known here.
"""

from __future__ import annotations

import logging
import shutil
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar, TextIO

import psycopg2
import sqlalchemy as sa
from dagster import AssetKey, AssetRecordsFilter, DagsterEventType, DagsterInstance, EventLogEntry
from dagster._config.config_schema import UserConfigSchema
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationPlanned,
)
from dagster._core.event_api import EventRecordsResult
from dagster._core.events import ASSET_EVENTS
from dagster._core.execution.compute_logs import redirect_to_file
from dagster._core.snap import ExecutionPlanSnapshot
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.compute_log_manager import CapturedLogContext, ComputeIOType
from dagster._core.storage.defs_state.base import DefsStateStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION, LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from dagster._utils import ensure_file, touch_file
from dagster_postgres import (
    DagsterPostgresStorage,
    PostgresEventLogStorage,
    PostgresRunStorage,
    PostgresScheduleStorage,
)
from dagster_shared.serdes.objects.models.defs_state_info import DefsStateInfo
from sqlalchemy.engine import make_url

from ppm_pipelines import home

log = logging.getLogger(__name__)

SCHEMA = "dagster"
# One table of each of Dagster's three storages, the last that it creates: all there, nothing to create.
_CREATED = ("instance_info", "asset_keys", "jobs")
PLANS_KEPT = 64  # one per job, and per release
_LOCK = 0x70706D5F64  # "ppm_d": one process at a time creates Dagster's tables


def storage_url(url: str) -> str:
    """Our database's URL as Dagster needs it: psycopg2 by name (SQLAlchemy 2.1 takes psycopg 3) and its own schema."""
    ours = make_url(url).set(drivername="postgresql+psycopg2")
    given = ours.query.get("options", "")
    return (
        ours.difference_update_query(["options"])
        .update_query_dict({"options": f"{given} -csearch_path={SCHEMA} -csynchronous_commit=off".strip()})
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


def _opened() -> tuple[str, bool]:
    """URL, and whether Dagster must create its tables; every run asks, and looking once beats its inspections."""
    url = storage_url(home.database_url())
    with closing(_connect(url)) as connection, connection.cursor() as cursor:
        if _complete(cursor):
            return url, False
        # Webserver, daemon and code server start at once; the first creates everything. The lock goes with us.
        cursor.execute("select pg_advisory_lock(%s)", (_LOCK,))
        cursor.execute(f"create schema if not exists {SCHEMA}")
        if not _complete(cursor):
            DagsterPostgresStorage(url, should_autocreate_tables=True)
        return url, False


class _Later:
    """A storage that opens its database when something is first asked of it.

    Dagster makes its storages when it makes an instance; what only loads definitions (``dg check defs``) must need no
    database. Attributes of the real storage are missing until then, which is how the first use is noticed.
    """

    _real: ClassVar[type]

    def __init__(self) -> None:
        self._instance_weakref: Any = None
        self._opening, self._opener, self._open = threading.Lock(), 0, False

    def __getattr__(self, name: str) -> Any:
        # Only while it opens may the opener itself ask for what is not there yet; the daemon's other threads wait.
        if name.startswith("__") or self.__dict__["_opener"] == threading.get_ident():
            raise AttributeError(f"{type(self).__name__} has no {name}")
        with self._opening:
            if self._open:
                return object.__getattribute__(self, name)
            self._opener = threading.get_ident()
            try:
                instance = self._instance_weakref
                url, create = _opened()
                self._real.__init__(self, url, create)  # type: ignore[misc]
                self._instance_weakref, self._open = instance, True
            finally:
                self._opener = 0
        return getattr(self, name)

    def dispose(self) -> None:
        if self._open:
            super().dispose()  # type: ignore[misc]


def _asked_once(real: type, name: str) -> Callable[..., bool]:
    """A question about Dagster's tables, which it asks the catalogue at each statement: what is there stays."""

    def ask(self: Any, *arguments: Any) -> bool:
        there: set[tuple[Any, ...]] = self.__dict__.setdefault("_there", set())
        if (name, *arguments) in there:
            return True
        if found := bool(getattr(real, name)(self, *arguments)):
            there.add((name, *arguments))
        return found

    return ask


class _Runs(_Later, PostgresRunStorage):
    _real = PostgresRunStorage
    has_run_stats_index_cols = _asked_once(PostgresRunStorage, "has_run_stats_index_cols")
    has_bulk_actions_selector_cols = _asked_once(PostgresRunStorage, "has_bulk_actions_selector_cols")
    has_backfill_id_column = _asked_once(PostgresRunStorage, "has_backfill_id_column")
    has_bulk_action_job_name_column = _asked_once(PostgresRunStorage, "has_bulk_action_job_name_column")
    has_backfill_tags_table = _asked_once(PostgresRunStorage, "has_backfill_tags_table")

    def get_execution_plan_snapshot(self, execution_plan_snapshot_id: str) -> ExecutionPlanSnapshot:
        """A run asks for its job's plan twice. Its id is made from what is in it, so that one read is good for ever."""
        plans: dict[str, ExecutionPlanSnapshot] = self.__dict__.setdefault("_plans", {})
        if (kept := plans.get(execution_plan_snapshot_id)) is not None:
            return kept
        found = super().get_execution_plan_snapshot(execution_plan_snapshot_id)
        if found is not None:  # it may come later
            if len(plans) >= PLANS_KEPT:
                plans.clear()
            plans[execution_plan_snapshot_id] = found
        return found

    def has_execution_plan_snapshot(self, execution_plan_snapshot_id: str) -> bool:
        """Whether it is stored now: who wiped the runs wants it stored again."""
        return self._has_snapshot_id(execution_plan_snapshot_id)


PLANNED = {DagsterEventType.ASSET_MATERIALIZATION_PLANNED, DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED}
# What Dagster tells before a step begins and after its work is done: another event follows at once.
HELD = {
    DagsterEventType.PIPELINE_START,
    DagsterEventType.ENGINE_EVENT,
    DagsterEventType.RESOURCE_INIT_STARTED,
    DagsterEventType.RESOURCE_INIT_SUCCESS,
    DagsterEventType.LOGS_CAPTURED,
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.ASSET_CHECK_EVALUATION,
    DagsterEventType.STEP_SUCCESS,
}
_EVALUATED = """
update asset_check_executions e set execution_status = n.execution_status, evaluation_event = n.evaluation_event,
  evaluation_event_timestamp = n.evaluation_event_timestamp,
  evaluation_event_storage_id = n.evaluation_event_storage_id,
  materialization_event_storage_id = n.materialization_event_storage_id
from unnest(%(asset_key)s::text[], %(check_name)s::text[], %(partition)s::text[], %(run_id)s::text[],
  %(execution_status)s::text[], %(evaluation_event)s::text[], %(evaluation_event_timestamp)s::timestamp[],
  %(evaluation_event_storage_id)s::bigint[], %(materialization_event_storage_id)s::bigint[])
  as n (asset_key, check_name, partition, run_id, execution_status, evaluation_event, evaluation_event_timestamp,
    evaluation_event_storage_id, materialization_event_storage_id)
where e.asset_key = n.asset_key and e.check_name = n.check_name and e.run_id = n.run_id
  and e.partition is not distinct from n.partition
returning n.evaluation_event_storage_id
"""


def _planned(event: EventLogEntry, stored: Mapping[str, Any], event_id: int) -> Iterator[dict[str, Any]]:
    """The rows of a check that a run will look at, one for each partition."""
    if event.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
        planned = event.get_dagster_event().asset_check_planned_data
        partitions = planned.partitions_subset
        for partition in partitions.get_partition_keys() if partitions else [None]:
            yield _of_check(planned, stored, event_id) | {
                "partition": partition,
                "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            }


def _evaluated(event: EventLogEntry, stored: Mapping[str, Any], event_id: int) -> Iterator[dict[str, Any]]:
    """The row of a check that a run looked at."""
    if event.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION and event.run_id:
        found = event.get_dagster_event().asset_check_evaluation_data
        passed, failed = AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED
        target = found.target_materialization_data
        yield _of_check(found, stored, event_id) | {
            "partition": found.partition,
            "execution_status": (passed if found.passed else failed).value,
            "materialization_event_storage_id": target.storage_id if target else None,
        }


def _of_check(
    check: AssetCheckEvaluation | AssetCheckEvaluationPlanned, stored: Mapping[str, Any], event_id: int
) -> dict[str, Any]:
    return {
        "asset_key": check.asset_key.to_string(),
        "check_name": check.check_name,
        "run_id": stored["run_id"],
        "evaluation_event": stored["event"],
        "evaluation_event_timestamp": stored["timestamp"],
        "evaluation_event_storage_id": event_id,
    }


class EventLog(_Later, PostgresEventLogStorage):
    """Writes events that come together in one go: what a run plans, how it begins, and what became of its checks."""

    _real = PostgresEventLogStorage
    has_table = _asked_once(PostgresEventLogStorage, "has_table")
    has_asset_key_col = _asked_once(PostgresEventLogStorage, "has_asset_key_col")

    def __init__(self) -> None:
        super().__init__()
        self._alone = False
        self._latest: dict[Any, EventRecordsResult] = {}
        self._held: list[EventLogEntry] = []

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While this process carries out a run: nobody else materializes its assets, so that it knows the latest of
        them (Dagster asks for it with each check), and events that others follow at once are written with those."""
        self._alone = True
        try:
            yield
        finally:
            self._alone = False
            self._latest.clear()
            self._write_held()

    def store_event(self, event: EventLogEntry) -> None:
        if not self._alone:
            super().store_event(event)
            return
        self._held.append(event)
        if event.dagster_event_type not in HELD:
            self._write_held()

    def _write_held(self) -> None:
        """One that cannot be written raises what the database raises, and takes no other along."""
        if any(event.dagster_event_type == DagsterEventType.ASSET_MATERIALIZATION for event in self._held):
            self._latest.clear()
        try:
            ids, known = self._store_together(self._held)
        except Exception:
            log.warning("Events could not be written together; they are written one by one.", exc_info=True)
            while self._held:  # those behind one that fails are written with the next
                super().store_event(self._held.pop(0))
        else:
            held, self._held = self._held, []
            self._store_others(held, ids, known)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        if self._alone:  # behind what is held
            for event in events:
                self.store_event(event)
        elif {event.dagster_event_type for event in events} <= PLANNED:
            self._store_together(events)
        else:
            super().store_event_batch(events)

    def _store_together(self, events: Sequence[EventLogEntry]) -> tuple[list[int], set[int]]:
        """As ``store_event`` does one by one; a statement for all of them, and one more for what they are about. Their
        ids, and which of them told of a check that was planned."""
        if not events:
            return [], set()
        rows = [self._event_to_row(event) for event in events]
        insert = SqlEventLogStorageTable.insert().returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
        with self.index_transaction() as connection:
            ids = list(connection.execute(insert, rows).scalars())
            for event, event_id in zip(events, ids, strict=True):
                if event.dagster_event_type in ASSET_EVENTS:
                    self._store_asset_event_tags(connection, [event], [event_id])
                    self._store_asset_event(connection, event, event_id)
            stored = list(zip(events, rows, ids, strict=True))
            checks = [row for one in stored for row in _planned(*one)]
            if checks:
                connection.execute(AssetCheckExecutionsTable.insert(), checks)
            checks = [row for one in stored for row in _evaluated(*one)]
            return ids, self._settle_checks(connection, checks)

    def _store_others(self, events: Sequence[EventLogEntry], ids: Sequence[int], known: Collection[int]) -> None:
        """What became of checks that the run had not planned."""
        for event, event_id in zip(events, ids, strict=True):
            if event.dagster_event_type == DagsterEventType.ASSET_CHECK_EVALUATION and event_id not in known:
                self.store_asset_check_event(event, event_id)

    def _settle_checks(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> set[int]:
        """What became of checks, in the rows that were planned for them; the ids of the events that had one."""
        if not rows:
            return set()
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        return set(connection.exec_driver_sql(_EVALUATED, columns).scalars())

    def fetch_materializations(
        self,
        records_filter: AssetKey | AssetRecordsFilter,
        limit: int,
        cursor: str | None = None,
        ascending: bool = False,
    ) -> EventRecordsResult:
        asked = (repr(records_filter), limit, cursor, ascending)
        found = self._latest.get(asked) or super().fetch_materializations(records_filter, limit, cursor, ascending)
        if self._alone:
            self._latest[asked] = found
        return found


class _Schedules(_Later, PostgresScheduleStorage):
    _real = PostgresScheduleStorage


class Storage(DagsterPostgresStorage):
    """Runs, events and schedules in schema ``dagster`` of the database that ``home.database_url()`` names."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        self._run_storage, self._event_log_storage, self._schedule_storage = _Runs(), EventLog(), _Schedules()
        DagsterStorage.__init__(self)  # type: ignore[arg-type]

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


def _pass_on(path: Path, start: int, stream: TextIO) -> None:
    """What was written to the file from there on, to the stream that it was taken from."""
    with path.open(encoding="utf-8", errors="replace") as captured:
        captured.seek(start)
        shutil.copyfileobj(captured, stream)
    stream.flush()


class ComputeLogs(LocalComputeLogManager):
    """What a run prints, under ``PPM_HOME/dagster``, shown by the Dagster UI while it runs; told to whoever hosts the
    run when its step is over."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(_folder("logs"), inst_data=inst_data)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[CapturedLogContext]:
        """As Dagster does it, without its two ``tail`` and two Python processes that start and end with each step."""
        with ExitStack() as stack:
            for stream, kind in ((sys.stdout, ComputeIOType.STDOUT), (sys.stderr, ComputeIOType.STDERR)):
                path = Path(self.get_captured_local_path(log_key, IO_TYPE_EXTENSION[kind]))
                ensure_file(str(path))
                stack.callback(_pass_on, path, path.stat().st_size, stream)
                stack.enter_context(redirect_to_file(stream, str(path)))
            yield CapturedLogContext(log_key)
        touch_file(self.complete_artifact_path(log_key))  # type: ignore[no-untyped-call]

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> ComputeLogs:
        return cls(inst_data=inst_data, **config_value)


class NoDefsState(DefsStateStorage[DagsterInstance], ConfigurableClass):
    """Definitions come from code alone; Dagster's own keeper of their state would ask the database at each load."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        super().__init__()  # type: ignore[no-untyped-call]

    def get_latest_defs_state_info(self) -> DefsStateInfo | None:
        return None

    def download_state_to_path(self, key: str, version: str, path: Path) -> None:
        raise LookupError(f"No state is kept for {key} {version}; it can't be written to {path}.")

    def upload_state_from_path(self, key: str, version: str, path: Path) -> None:
        raise LookupError(f"No state is kept; {path} can't become {key} {version}.")

    def set_latest_version(self, key: str, version: str | None) -> None:
        raise LookupError(f"No state is kept for {key} {version}.")

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> NoDefsState:
        return cls(inst_data=inst_data, **config_value)
