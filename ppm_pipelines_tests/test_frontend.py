"""The frontend's unit tests, and the whole path in a real browser against the running product."""

from __future__ import annotations

from pathlib import Path

import pytest

from ppm_pipelines_tests import frontend
from ppm_pipelines_tests.product import started


@pytest.mark.timeout(600)
def test_units() -> None:
    frontend.installed()
    done = frontend.npm("run", "test")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.timeout(1200)
def test_journeys_in_a_browser(short_folder: Path) -> None:
    """All systems at once, then one in depth; beside them what only reads."""
    folder = short_folder / "browser"
    folder.mkdir()
    chromium = frontend.chromium()
    with started(folder, without=(), systems="") as product:
        base = "http://127.0.0.1"
        environment = {
            "PPM_CHROMIUM": chromium,
            "PPM_E2E_URL": f"{base}:{product.port('frontend')}",
            "PPM_E2E_API_URL": f"{base}:{product.port('api')}",
            "PPM_E2E_SANDBOX_URL": f"{base}:{product.port('sandbox')}",
            "PPM_E2E_DAGSTER_URL": f"{base}:{product.port('dagster')}",
        }
        done = frontend.npm("run", "e2e", environment=environment)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{product.log[-5000:]}"
