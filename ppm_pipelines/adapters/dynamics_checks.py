"""Testing a connection of any Dynamics product: address and sign-in, then what the product itself checks.

Belongs here: what the products' tests share. Does not belong here: their entities (``dynamics_fo_checks``, …).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ppm_pipelines.adapters.base import Check, SourceError, Stream
from ppm_pipelines.adapters.checks import Attempt, Gap
from ppm_pipelines.adapters.checks import checks as in_order
from ppm_pipelines.adapters.dynamics_reader import Reader

HIDDEN = "If that surprises, check the application's roles: Dynamics hides what it may not see."


def checks(reader: Reader, ask: Callable[[], object], services: Mapping[str, Attempt]) -> Iterator[Check]:
    """Address and sign-in by one small request, then every service. Raises nothing."""
    return in_order(reader.client, lambda: _sign_in(ask), services)


def told(said: str, *more: list[str]) -> str:
    """One detail of several sentences."""
    return " ".join([said, *(sentence for some in more for sentence in some)])


def surprising(found: int) -> list[str]:
    return [] if found else [HIDDEN]


def left_out(reader: Reader, *streams: Stream) -> list[str]:
    """Fields that are read without; one that is needed is told here and not in the night (SourceError)."""
    missing = [f"{one.name}.{path}" for one in streams for path in one.fields if path not in reader.fields(one)]
    sentences: list[str] = []
    if missing:
        sentences.append(f"Left out, because this environment does not have them: {', '.join(missing)}.")
    return sentences


def _sign_in(ask: Callable[[], object]) -> None:
    try:
        ask()
    except SourceError as error:
        if error.code in ("sign_in", "forbidden"):
            told = str(error).rstrip(".")
            raise Gap(
                f"{told}. A token was issued, so Microsoft Entra ID knows the application: register it in the product "
                "itself as well, and give it roles that may read."
            ) from None
        raise
