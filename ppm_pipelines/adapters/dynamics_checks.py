"""Testing a connection of any Dynamics product: address and sign-in, then what the product itself checks.

Belongs here: what the products' tests share. Does not belong here: their entities (``dynamics_fo_checks``, …).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import httpx

from ppm_pipelines.adapters.base import Check, SourceError
from ppm_pipelines.adapters.dynamics_reader import Reader


class Gap(Exception):
    """A service answers, and yet shows less than there must be; the sentence says what is missing."""


def checks(reader: Reader, ask: Callable[[], object], services: Mapping[str, Callable[[], str]]) -> Iterator[Check]:
    """Address and sign-in by one small request, then every service; nothing after a failed one can work."""
    reader.client.limits = replace(reader.client.limits, attempts=2)  # somebody is waiting
    refused: list[bool] = []
    first = timed("sign_in", lambda: _signed_in(ask, refused))
    reached = first.ok or reader.client.reached
    host = httpx.URL(reader.client.root).host
    if not refused:  # without a token the product itself was not asked
        yield Check("address", reached, f"{host} answers." if reached else first.detail, first.ms)
    if reached or refused:
        yield first
    if first.ok:
        yield from (timed(name, attempt) for name, attempt in services.items())


def timed(name: str, attempt: Callable[[], str]) -> Check:
    started = time.monotonic()
    try:
        detail, ok = attempt(), True
    except (SourceError, Gap) as error:
        detail, ok = str(error), False
    return Check(name, ok, detail, int((time.monotonic() - started) * 1000))


def _signed_in(ask: Callable[[], object], refused: list[bool]) -> str:
    try:
        ask()
    except SourceError as error:
        if error.code.startswith("token_"):
            refused.append(True)
        if error.code in ("sign_in", "forbidden"):
            told = str(error).rstrip(".")
            raise Gap(
                f"{told}. A token was issued, so Microsoft Entra ID knows the application: register it in the product "
                "itself as well, and give it roles that may read."
            ) from None
        raise
    return "Signed in."
