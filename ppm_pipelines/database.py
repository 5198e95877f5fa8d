"""Connections: as somebody of an organisation (row level security), or as the owner of everything.

Belongs here: engine, roles, migrations, locks. Does not belong here: any statement about facts, runs or connectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg
import sqlalchemy as sa

from ppm_pipelines import home

ROLE = "ppm_api"  # what the API becomes for every statement about an organisation's things
EVERY = "*"
# In one statement, for this transaction only. Where PostgreSQL can compile queries, it would do so for longer than any
# of ours takes: it goes by the size of the whole, and figures are many small parts.
AS_SOMEBODY = sa.text(
    f"select set_config('role', '{ROLE}', true), set_config('ppm.organization_id', :organization_id, true),"
    " set_config('jit', 'off', true)"
)
# What PostgreSQL says of a database that was never migrated, or not to this version.
NOT_SET_UP = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InvalidSchemaName,
)
MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATING = 0x70706D5F6D  # "ppm_m": one process at a time migrates


def sqlalchemy_url(url: str) -> sa.URL:
    """A plain ``postgresql://`` URL with the driver that we use."""
    return sa.make_url(url).set(drivername="postgresql+psycopg")


@cache
def _engine(url: str) -> sa.Engine:
    return sa.create_engine(sqlalchemy_url(url), pool_size=10, max_overflow=30, pool_pre_ping=True)


@cache
def _reading(url: str) -> sa.Engine:
    """The same connections, told with their BEGIN that they read."""
    return _engine(url).execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def engine() -> sa.Engine:
    """The engine of this process, on the database that ``home`` names."""
    return _engine(home.database_url())


@contextmanager
def owner() -> Iterator[sa.Connection]:
    """One transaction that sees everything: runs, schedules, operators."""
    with engine().begin() as connection:
        yield connection


@contextmanager
def scoped(organization_id: str) -> Iterator[sa.Connection]:
    """One transaction that sees one organisation, and in which PostgreSQL itself hides the others (``"*"``: none)."""
    with engine().begin() as connection:
        connection.execute(AS_SOMEBODY, {"organization_id": organization_id})
        yield connection


@contextmanager
def one_moment(organization_id: str) -> Iterator[sa.Connection]:
    """As ``scoped``, to read: whatever is asked for is told as it was when the first of it was.

    A sync that becomes visible between two statements is seen by neither.
    """
    with _reading(home.database_url()).begin() as connection:
        connection.execute(AS_SOMEBODY, {"organization_id": organization_id})
        yield connection


def merge_lock(organization_id: str) -> str:
    """The key of the advisory lock under which an organisation's rows become visible."""
    return f"ppm/merge/{organization_id}"


def between_merges(connection: sa.Connection, organization_id: str) -> None:
    """Waits until no sync of the organisation is merging, and keeps them waiting until this transaction ends.

    What it changes from here on is as of now, and not as of the transaction's beginning, which may lie before the merge
    that was waited for.
    """
    key = sa.func.hashtextextended(merge_lock(organization_id), 0)
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
    now = sa.cast(sa.func.clock_timestamp(), sa.Text)
    connection.execute(sa.select(sa.func.set_config("ppm.moment", now, True)))


# The time of a change; see between_merges.
MOMENT = sa.text("ppm.moment()")


def direct() -> psycopg.Connection:
    """A connection of its own, in autocommit, for COPY and session locks; the caller closes it."""
    # COPY writes bytes: in this encoding, whatever the database or the environment says.
    return psycopg.connect(home.database_url(), autocommit=True, client_encoding="utf8")


def migrate(url: str) -> None:
    """Brings schema ``ppm`` to this version of the code; safe to call from several processes at once."""
    import alembic.command  # here: only who migrates waits for it to be imported
    import alembic.config

    configuration = alembic.config.Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    migrating = sa.create_engine(sqlalchemy_url(url), poolclass=sa.NullPool)
    with migrating.connect() as connection:
        connection.execute(sa.text("select pg_advisory_lock(:key)"), {"key": _MIGRATING})
        connection.execute(sa.text("create schema if not exists ppm"))
        connection.commit()
        configuration.attributes["connection"] = connection
        alembic.command.upgrade(configuration, "head")
        connection.commit()
        connection.execute(sa.text("select pg_advisory_unlock(:key)"), {"key": _MIGRATING})
    migrating.dispose()
