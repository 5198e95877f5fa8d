"""What the API must have before it starts, and the limits it keeps. Values come from ``home`` (PPM_*)."""

from __future__ import annotations

from ppm_pipelines import home
from ppm_pipelines.vault import Vault

WAIT_DEFAULT, WAIT_MOST = 30, 300  # seconds a sync call waits for its run
HEARTBEAT_SECONDS = 15
PAGE_DEFAULT, PAGE_MOST = 50, 500
IDEMPOTENCY_HOURS = 24
TEST_SECONDS = 60  # a connection test that takes longer has found its answer
LATE_MINUTES = 15  # after a scheduled time before a connector counts as late


def require() -> None:
    """Refuses to start without keys; raises ``home.Missing`` with a sentence that names what is missing."""
    current = home.home()
    if current.jwt_secret is None and not current.jwks_url:
        raise home.Missing(
            "PPM_JWT_SECRET or PPM_JWKS_URL is missing: without one the API cannot tell who is calling. "
            "Set one of them, or let `ppm up` generate a secret."
        )
    Vault.from_environment()
    home.database_url()
