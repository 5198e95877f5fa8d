"""The command line as a person types it: a process of its own, in an installation of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ppm_pipelines_tests.product import ROOT, Product

PPM = str(Path(sys.executable).parent / "ppm")


def ppm(*arguments: str, url: str | None = None, home: Path) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PPM_", "DAGSTER_"))}
    environment = {**inherited, "PPM_HOME": str(home), **({"PPM_DATABASE_URL": url} if url else {})}
    for name in ("PPM_CONFIG_KEYS", "PPM_JWT_SECRET"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return subprocess.run([PPM, *arguments], env=environment, cwd=home, text=True, capture_output=True, check=False)


def test_an_organisation_is_added_set_listed_and_removed_from_anywhere(database_url: str, tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        done = ppm("org", *arguments, url=database_url, home=tmp_path)
        assert done.returncode == 0, done.stderr
        return done

    run("add", "acme", "--name", "Acme")
    run("set", "acme", "--time-zone", "Asia/Tokyo", "--close-after-working-days", "5")
    assert "acme  Acme  EUR  Asia/Tokyo" in run("list").stdout
    run("remove", "acme")
    assert "acme" not in run("list").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("sync", "oracle"), 2, "There is no oracle costs."),
        (("sync", "sap", "invoices"), 2, "There is no sap invoices."),
        (("sync", "sap", "--accept-disappearance"), 2, "goes with --full"),
        (("sync", "sap", "costs"), 1, "SAP is not connected yet."),
        (("up", "--without", "coffee"), 2, "Unknown part: coffee."),
        (("token", "--role", "king"), 2, "There is no role king."),
        (("token", "--minutes", "0"), 2, "minutes"),
        (("budgets", "load", "nowhere.csv"), 2, "does not exist"),
        (("quarantine", "replay", "oracle"), 2, "There is no oracle."),
        (("period", "close", "2999", "1"), 1, "Close it after that day."),
        (("labour", "choose", "x", "sap"), 1, "There is no project x."),
        (("figures", "--as-of", "soon"), 2, "soon is no time"),
        (("compare", "P-9", "2026-01-01"), 2, "there is no project P-9"),
        (("map", "show", "slack", "commitments"), 2, "There is no field mapping of slack commitments."),
        (("map", "restore", "sap", "commitments", "7"), 1, "There is no version 7."),
        (("org", "set", "nobody", "--time-zone", "UTC"), 1, "There is no organisation nobody."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_what_can_not_be_is_said_in_a_sentence(
    database_url: str, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = ppm(*arguments, url=database_url, home=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
    assert said in " ".join(done.stderr.replace("│", " ").split())


def test_a_database_that_is_not_set_up_is_said_in_a_sentence(server: str, tmp_path: Path) -> None:
    done = ppm("org", "list", url=server, home=tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "The database is not set up yet. Run `ppm migrate`, or start the product once with `ppm up`."
    )


def test_the_doctor_says_what_is_missing(server: str, tmp_path: Path) -> None:
    done = ppm("doctor", url=server, home=tmp_path)
    assert done.returncode == 1
    said = " ".join(done.stdout.split())
    assert "problem database: it is not set up for this version." in said
    assert "problem environment: PPM_JWT_SECRET or PPM_JWKS_URL is missing." in said
    assert "sqlalche.me" not in said


def test_a_command_beside_the_product_finds_the_simulated_systems(product: Product) -> None:
    """In another shell, that knows the home alone: connectors keep the address with its port."""
    program = "from ppm_pipelines import home; print(home.home().sandbox_port, home.home().callable_hosts)"
    environment = {"PATH": os.environ["PATH"], "PPM_HOME": str(product.home)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, text=True, capture_output=True, check=True
    )
    port = product.port("sandbox")
    assert done.stdout.split() == [str(port), "*,", f"http://127.0.0.1:{port}"]
