"""How the product's processes start: each when what it needs answers, and nothing imported that is not needed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ppm_pipelines import home
from ppm_pipelines_tests.product import ROOT, free_port

PATIENCE_SECONDS = 30


@contextmanager
def python(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env=os.environ | environment, text=True, stdout=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@contextmanager
def waiting(*arguments: str, port: int, command: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    address = f"http://127.0.0.1:{port}/"
    with python("-m", "ppm_pipelines.wait", *arguments, address, *command, **environment) as process:
        yield process


def told(process: subprocess.Popen[str], port: int) -> str:
    """What the process says once somebody answers there."""
    with python("-m", "http.server", str(port), "--bind", "127.0.0.1"):
        return process.communicate(timeout=PATIENCE_SECONDS)[0].strip()


def test_it_waits_and_then_is_the_command(tmp_path: Path) -> None:
    port, began = free_port(), tmp_path / "began"
    program = f"import os, pathlib; pathlib.Path({str(began)!r}).touch(); print(os.getpid())"
    with waiting(port=port, command=[sys.executable, "-c", program]) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=1.5)
        assert not began.exists()
        assert told(process, port) == str(process.pid)


def test_it_imports_while_it_waits_and_then_is_the_script(tmp_path: Path) -> None:
    port, imported, script = free_port(), tmp_path / "imported", tmp_path / "program"
    (tmp_path / "heavy.py").write_text(f"import pathlib\npathlib.Path({str(imported)!r}).touch()\n")
    script.write_text("import gc, os, sys\nprint(os.getpid(), 'heavy' in sys.modules, gc.isenabled(), sys.argv[1:])\n")
    command = [str(script), "-h", "--port", "1"]
    with waiting("--importing", "heavy", port=port, command=command, PYTHONPATH=str(tmp_path)) as process:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not imported.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert process.poll() is None
        assert told(process, port) == f"{process.pid} True True ['-h', '--port', '1']"


def test_a_later_start_gives_dagster_the_new_organisations_alone_and_else_leaves_it_out(database_url: str) -> None:
    program = """
import sys
import sqlalchemy as sa
from ppm_pipelines import database, tables, up
up.seed(sandbox=False)
started = "dagster" in sys.modules
with database.owner() as connection:
    known = sorted(up._partitions(connection))
    connection.execute(sa.text(sys.argv[1]))
print(started, known)
"""
    add = "insert into ppm.organizations (organization_id, name) values ('acme', 'Acme') on conflict do nothing"

    def start(statement: str) -> str:
        with python("-c", program, statement, DAGSTER_HOME=str(ROOT)) as process:
            return process.communicate(timeout=PATIENCE_SECONDS)[0].strip()

    assert home.database_url() == database_url
    assert start("select 1") == "True ['default']"
    assert start(add) == "False ['default']"
    assert start(add) == "True ['acme', 'default']"
