"""Starts a command when an address answers: ``python -m ppm_pipelines.wait [--importing MODULE] URL COMMAND …``.

Belongs here: waiting, then becoming the command (same process, so that a supervisor's signals reach it). With
``--importing`` the command is a script of Python, whose MODULE is imported while it waits; without, nothing heavy is:
on a small machine everything that starts at once makes everything late.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import runpy
import socket
import sys
import time
import urllib.error
import urllib.request

PATIENCE_SECONDS = 120  # then the command starts anyway and says itself what it lacks


def answers(url: str) -> bool:
    """Whether somebody answers there over HTTP, or at ``tcp://host:port`` takes a connection."""
    try:
        if url.startswith("tcp://"):
            host, _, port = url.removeprefix("tcp://").partition(":")
            socket.create_connection((host, int(port)), timeout=2).close()
            return True
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - an address of ours, on loopback
            return bool(answer.status < 500)
    except (urllib.error.URLError, OSError):
        return False


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--importing")
    parser.add_argument("url")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    if given.importing:
        _import(given.importing)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and not answers(given.url):
        time.sleep(0.1)
    if given.importing:
        sys.argv = given.command
        runpy.run_path(given.command[0], run_name="__main__")
    else:
        os.execvp(given.command[0], given.command)  # noqa: S606 - no shell wanted


def _import(module: str) -> None:
    """Modules are no garbage: to look for some while they are imported takes a tenth of the time."""
    gc.disable()
    importlib.import_module(module)
    gc.enable()


if __name__ == "__main__":
    main()
