"""Testing a connection: address and sign-in by one small request, then part by part what can be read.

Belongs here: the order of every system's checks, and how one is timed. Does not belong here: what a system checks and
how it says so (``sap_checks``, …).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from ppm_pipelines.adapters.base import Check, SourceError
from ppm_pipelines.adapters.http import Client

ATTEMPTS, BACKOFF = 2, 0.5  # somebody is waiting
Attempt = Callable[[], str]


class Gap(Exception):
    """A part answers, and yet shows less than there must be; the sentence says what is missing."""


def checks(client: Client, sign_in: Callable[[], object], parts: Mapping[str, Attempt]) -> Iterator[Check]:
    """Address and sign-in, then every part; after a failed sign-in nothing else can work. Raises nothing.

    Where a token address on another host refuses, the system itself was never asked: then nothing is said of it.
    """
    client.limits = replace(client.limits, attempts=ATTEMPTS, backoff=min(client.limits.backoff, BACKOFF))
    first = timed("sign_in", lambda: _signed_in(sign_in))
    if client.host in client.answered:
        yield Check("address", True, f"{client.host} answers.", first.ms)
    elif not client.answered:
        yield Check("address", False, first.detail, first.ms)
        return
    yield first
    if first.ok:
        yield from (timed(name, attempt) for name, attempt in parts.items())


def timed(name: str, attempt: Attempt) -> Check:
    started = time.monotonic()
    try:
        detail, ok = attempt(), True
    except (SourceError, Gap) as error:
        detail, ok = str(error), False
    return Check(name, ok, detail, int((time.monotonic() - started) * 1000))


def _signed_in(sign_in: Callable[[], object]) -> str:
    sign_in()
    return "Signed in."
