"""The whole product as real processes, once per test session: PostgreSQL, sandbox, Dagster, API.

Belongs here: starting it, and the clients a test speaks through. Does not belong here: anything it is asked to do.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 600  # the first start may install and build the frontend


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def token(secret: str, role: str | None = "admin", organization_id: str = "default", **claims: Any) -> str:
    """A sound token for the role; ``claims`` replace or (None) remove."""
    whole = {
        "sub": f"test-{role}",
        "email": f"{role}@test.example",
        "roles": [role] if role else [],
        "organization_id": organization_id,
        "exp": datetime.now(UTC) + timedelta(hours=1),
        **claims,
    }
    return jwt.encode({k: v for k, v in whole.items() if v is not None}, secret, algorithm="HS256")


@dataclass
class Product:
    home: Path
    environment: dict[str, str]
    jwt_secret: str
    clients: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def port(self, name: str) -> int:
        return int(self.environment[f"PPM_{name.upper()}_PORT"])

    @property
    def log(self) -> str:
        """Everything that any process said."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.home.rglob("*.log")))

    def api(self, role: str | None = "admin", organization_id: str = "default", **claims: Any) -> httpx.Client:
        bearer = token(self.jwt_secret, role, organization_id, **claims)
        return self._client("api", {"Authorization": f"Bearer {bearer}"})

    def anybody(self) -> httpx.Client:
        return self._client("api", {})

    def sandbox(self) -> httpx.Client:
        return self._client("sandbox", {})

    def _client(self, name: str, headers: dict[str, str]) -> httpx.Client:
        url = f"http://127.0.0.1:{self.port(name)}"
        return self.clients.enter_context(httpx.Client(base_url=url, headers=headers, timeout=120, trust_env=False))

    @property
    def sap_settings(self) -> dict[str, Any]:
        return {
            "api_url": f"http://127.0.0.1:{self.port('sandbox')}/sap",
            "client": "100",
            "auth": "api_key",
            "api_key": "sandbox-key",
        }

    def connected(self, organization_id: str = "default", **settings: Any) -> None:
        """Connects SAP of the organisation to the sandbox, enabled, without a schedule."""
        whole = self.sap_settings | settings
        body = {"enabled": True, "settings": whole, "schedule": None}
        answer = self.api("admin", organization_id).put("/api/integrations/sap/config", json=body)
        assert answer.status_code == 200, answer.text

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        url = database_url(self.environment)
        with psycopg.connect(url) as connection:
            return connection.execute(query, parameters).fetchall()


def database_url(environment: dict[str, str]) -> str:
    program = "from ppm_pipelines import home; print(home.database_url())"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip().splitlines()[-1]


def environment_of(home: Path) -> tuple[dict[str, str], str]:
    secret = secrets.token_urlsafe(48)
    ports = {f"PPM_{name}_PORT": str(free_port()) for name in ("API", "DAGSTER", "SANDBOX", "FRONTEND")}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PPM_", "DAGSTER_"))}
    return {
        **inherited,
        **ports,
        "PPM_HOME": str(home),
        "PPM_CONFIG_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        "PPM_JWT_SECRET": secret,
        "PPM_SESSION_SECRET": secrets.token_urlsafe(48),
        "PPM_SANDBOX_PACE": "0",
        "PPM_ALLOWED_HOSTS": "*, http://127.0.0.1:9",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }, secret


def _until_ready(product: Product, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"`ppm up` ended with {process.returncode}:\n{product.log}")
        if "Ctrl-C stops everything." in product.log:
            return
        time.sleep(0.3)
    raise RuntimeError(f"The product was not ready within {START_SECONDS} seconds:\n{product.log}")


@contextlib.contextmanager
def started(
    home: Path,
    without: tuple[str, ...] = ("frontend", "first-sync"),
    systems: str = "sap",
    again: Product | None = None,
) -> Iterator[Product]:
    """`ppm up` with its own state folder and free ports; stopped as Ctrl-C does it. ``systems`` are connected.
    ``again``: with the keys and ports of this one, which has stopped."""
    environment, secret = (again.environment, again.jwt_secret) if again else environment_of(home)
    environment["PPM_SANDBOX_SYSTEMS"] = systems
    product = Product(home, environment, secret)
    command = [str(Path(sys.executable).parent / "ppm"), "up", "--without", ",".join(without)]
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _until_ready(product, process)
            yield product
        finally:
            product.clients.close()
            process.send_signal(signal.SIGINT)
            process.wait(60)
