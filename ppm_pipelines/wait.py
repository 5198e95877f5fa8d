"""Starts a command when an address answers: ``python -m ppm_pipelines.wait URL COMMAND …``.

Belongs here: waiting, then becoming the command (same process, so that a supervisor's signals reach it). It imports
nothing heavy: on a small machine everything that starts at once makes everything late.
"""

from __future__ import annotations

import os
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
    url, *command = sys.argv[1:]
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and not answers(url):
        time.sleep(0.3)
    os.execvp(command[0], command)  # noqa: S606 - no shell wanted


if __name__ == "__main__":
    main()
