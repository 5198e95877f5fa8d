"""Testing a connection of any Dynamics product: address and sign-in, then what the product itself checks.

Belongs here: what the products' tests share. Does not belong here: their entities (``dynamics_fo_checks``, …).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ppm_pipelines.adapters.base import Check, SourceError
from ppm_pipelines.adapters.checks import Attempt, Gap
from ppm_pipelines.adapters.checks import checks as in_order
from ppm_pipelines.adapters.dynamics_reader import Reader

HIDDEN = " If that surprises, check the application's roles: Dynamics hides what it may not see."


def checks(reader: Reader, ask: Callable[[], object], services: Mapping[str, Attempt]) -> Iterator[Check]:
    """Address and sign-in by one small request, then every service. Raises nothing."""
    return in_order(reader.client, lambda: _sign_in(ask), services)


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
