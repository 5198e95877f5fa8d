"""Asking a source something else while it is being read.

Belongs here: the thread and its answer. Does not belong here: connections. Whoever asks beside a read has one of their
own, because a client is not for several threads, and asks one question at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def beside(ask: Callable[[], T]) -> Future[T]:
    """Asks at once, in a thread that no process waits for at its end. ``result`` waits, and raises what asking did."""
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=run, daemon=True, name="beside").start()
    return answer
