"""What is asked beside a read: its answer, its error, and that no process waits for it at its end."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from ppm_pipelines.adapters.base import Unavailable
from ppm_pipelines.adapters.beside import beside


def test_it_is_asked_at_once_and_its_answer_waited_for() -> None:
    asked, told = threading.Event(), threading.Event()

    def ask() -> int:
        asked.set()
        assert told.wait(10)
        return 42

    answer = beside(ask)
    assert asked.wait(10)
    assert not answer.done()
    told.set()
    assert answer.result() == 42


def test_what_asking_raises_is_raised_where_it_is_wanted() -> None:
    def ask() -> int:
        raise Unavailable("SAP answered 503.", "http_503")

    answer = beside(ask)
    with pytest.raises(Unavailable, match="503"):
        answer.result()


def test_no_process_waits_for_it_at_its_end() -> None:
    asking = "import threading; from ppm_pipelines.adapters.beside import beside; beside(threading.Event().wait)"
    program = f"{asking}; print('end')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "end\n"
