"""The frontend's unit tests, and the whole path in a real browser against the running product."""

from __future__ import annotations

from pathlib import Path

import pytest

from ppm_pipelines import sandbox_profile
from ppm_pipelines_tests import frontend
from ppm_pipelines_tests.product import Product, started


@pytest.mark.timeout(600)
def test_units() -> None:
    frontend.installed()
    done = frontend.npm("run", "test")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.timeout(1200)
def test_journeys_in_a_browser(short_folder: Path) -> None:
    """One system in depth, beside it what only reads; then all systems at once."""
    folder = short_folder / "browser"
    folder.mkdir()
    chromium = frontend.chromium()
    with started(folder, without=()) as product:
        _journeys(product, chromium, "changing", "reading")
        _connect_the_others(product)
        _journeys(product, chromium, "systems")


def _journeys(product: Product, chromium: str, *projects: str) -> None:
    base = "http://127.0.0.1"
    environment = {
        "PPM_CHROMIUM": chromium,
        "PPM_E2E_URL": f"{base}:{product.port('frontend')}",
        "PPM_E2E_API_URL": f"{base}:{product.port('api')}",
        "PPM_E2E_SANDBOX_URL": f"{base}:{product.port('sandbox')}",
        "PPM_E2E_DAGSTER_URL": f"{base}:{product.port('dagster')}",
    }
    chosen = [f"--project={project}" for project in projects]
    done = frontend.npm("run", "e2e", "--", *chosen, environment=environment)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{product.log[-5000:]}"


def _connect_the_others(product: Product) -> None:
    root = f"http://127.0.0.1:{product.port('sandbox')}"
    for system, settings in sandbox_profile.SETTINGS.items():
        if system != "sap":
            body = {"enabled": True, "settings": settings(root), "schedule": None}
            answer = product.api().put(f"/api/integrations/{system}/config", json=body)
            assert answer.status_code == 200, answer.text
