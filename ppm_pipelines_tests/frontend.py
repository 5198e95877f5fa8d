"""The frontend's own tools, run with the Node that the product uses: ``python -m ppm_pipelines_tests.frontend check``.

Belongs here: finding Node, npm and Chromium. Does not belong here: tests; they are in ``frontend/tests``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

from ppm_pipelines import up

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def installed() -> None:
    """The packages of the lock file, when they are not there yet."""
    up.install_packages(print)


def npm(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """One npm command in ``frontend/``; what it says is in the result."""
    command, path = up.npm()
    given = {**os.environ, **(environment or {}), "PATH": path, "NEXT_TELEMETRY_DISABLED": "1", "CI": "1"}
    return subprocess.run(
        [*command, *arguments], cwd=up.FRONTEND, env=given, text=True, capture_output=True, check=False
    )


def chromium() -> str:
    """An installed Chromium, installed now where we may; otherwise the tests fail and say so."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)  # type: ignore[call-overload]
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=False, **quiet)  # type: ignore[call-overload]
        found = shutil.which("chromium")
    if found is None:
        raise RuntimeError("The browser tests need Chromium. Install it (`apt-get install chromium`) and try again.")
    return found


def main() -> int:
    installed()
    done = npm("run", *sys.argv[1:])
    print(done.stdout, done.stderr, sep="\n")  # noqa: T201 - a command
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
