"""What a fresh home holds in the sandbox profile: every simulated system connected, read once, with its budgets.

Belongs here: the connectors of the simulation as data, and their first sync. Does not belong here: the simulation
(``sandbox``), processes and readiness (``up``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import sqlalchemy as sa

from ppm_pipelines import connectors, database, home, planning, tables, vault
from ppm_pipelines.adapters import ADAPTERS
from ppm_pipelines.sandbox.netsuite import auth as netsuite

ORGANIZATION = "default"
SCHEDULE = {"cron": "0 6 * * 1-5", "time_zone": "Europe/Berlin", "entity": "costs", "mode": "incremental"}
FIRST_SYNC_SECONDS = 180

Say = Callable[[str], None]
# What an hour costs at the simulated company; no site knows that.
JIRA_RATES = [
    {"amount": "84.50", "currency": "EUR", "valid_from": "2020-01-01", "role": "Engineer"},
    {"amount": "91.25", "currency": "EUR", "valid_from": "2026-07-01", "role": "Engineer"},
    {"amount": "118.33", "currency": "EUR", "valid_from": "2020-01-01", "role": "Consultant"},
    {"amount": "132.00", "currency": "EUR", "valid_from": "2020-01-01", "role": "Lead"},
    {"amount": "149.90", "currency": "EUR", "valid_from": "2026-09-01", "user": "5b10a2844c20165700ede215"},
    {"amount": "140.00", "currency": "USD", "valid_from": "2020-01-01", "user": "5b10a2844c20165700ede229"},
    {"amount": "99.00", "currency": "EUR", "valid_from": "2199-01-01"},
]
JIRA_ROLES = {
    f"5b10a2844c20165700ede2{number}": role
    for role, numbers in {"Engineer": (10, 11, 12), "Consultant": (13, 14), "Lead": (15, 16)}.items()
    for number in numbers
}
JIRA_EMAIL = "ppm-reader@nordlicht.example"
JIRA = {"time_zone": "Europe/Berlin", "company_currency": "EUR", "rates": JIRA_RATES, "user_roles": JIRA_ROLES}
# Slug -> the connector's settings, from the root of the simulation. What is read here first comes first.
SETTINGS: dict[str, Callable[[str], dict[str, Any]]] = {
    "sap": lambda root: {"api_url": f"{root}/sap", "client": "100", "auth": "api_key", "api_key": "sandbox-key"},
    "dynamics": lambda root: {
        "product": "finance_operations",
        "base_url": f"{root}/dynamics",
        "tenant_id": "sandbox-tenant",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "token_url": f"{root}/dynamics/sandbox-tenant/oauth2/v2.0/token",
        "dimension_segments": ["MainAccount", "CostCenter", "BusinessUnit"],
    },
    "netsuite": lambda root: {
        "account_id": netsuite.ACCOUNT,
        "base_url": f"{root}/netsuite",
        "auth": "oauth2",
        "client_id": netsuite.CLIENT_ID,
        "certificate_id": netsuite.CERTIFICATE_ID,
        "private_key": netsuite.private_key(),
    },
    "jira": lambda root: {"base_url": f"{root}/jira", "email": JIRA_EMAIL, "token": "sandbox-token", **JIRA},
    "slack": lambda root: {"webhook_url": f"{root}/slack/services/TSANDBOX/BSANDBOX/sandboxkey", "notify": "changes"},
}
# Systems whose services tell no budgets (DOMAIN R13 needs them); the simulation tells its own.
BUDGETS = ("sap", "netsuite")


def root() -> str:
    return f"http://127.0.0.1:{home.home().sandbox_port}"


def _wanted() -> dict[str, Callable[[str], dict[str, Any]]]:
    """The systems to connect: all, or those that ``PPM_SANDBOX_SYSTEMS`` names."""
    named = {one.strip() for one in home.home().sandbox_systems.split(",") if one.strip()}
    return {system: settings for system, settings in SETTINGS.items() if not named or system in named}


def connect(connection: sa.Connection) -> None:
    """Connects every wanted system that is not connected yet."""
    for system, settings in _wanted().items():
        if connectors.get(connection, ORGANIZATION, system) is None:
            # Who is told follows the syncs, and needs no schedule.
            schedule = SCHEDULE if system in ADAPTERS else None
            connectors.save(
                connection,
                vault.Vault.from_environment(),
                ORGANIZATION,
                system,
                settings=settings(root()),
                schedule=schedule,
                enabled=True,
                by="ppm up",
            )


def bring_over(client: httpx.Client, api: str, token: str, say: Say) -> None:
    """Reads every wanted system that was never read, with its budgets."""
    for system in _wanted():
        if system in ADAPTERS and not _was_read(system):
            _first_sync(client, api, token, system, say)


def _was_read(system: str) -> bool:
    run = tables.sync_runs.c
    good = (run.organization_id == ORGANIZATION, run.system == system, run.status.in_(("success", "partial")))
    with database.owner() as connection:
        return bool(connection.scalar(sa.select(sa.func.count()).select_from(tables.sync_runs).where(*good)))


def _first_sync(client: httpx.Client, api: str, token: str, system: str, say: Say) -> None:
    say(f"Bringing {system} of the sandbox over for the first time …")
    url, headers = f"{api}/api/integrations/{system}/sync", {"Authorization": f"Bearer {token}"}
    answer = client.post(url, params={"wait": FIRST_SYNC_SECONDS}, json={"entity": "costs"}, headers=headers)
    if answer.status_code != 200:
        say(f"The first sync of {system} did not succeed: {answer.json().get('detail', answer.status_code)}")
        return
    told = answer.json()
    say(f"{told['inserted']} records came in {told['duration_ms'] / 1000:.1f} s, {told['rejected']} were rejected.")
    if system in BUDGETS:
        rows = client.get(f"{root()}/_sandbox/{system}/budgets").json()
        with database.scoped(ORGANIZATION) as connection:
            planning.load_budgets(connection, ORGANIZATION, system, rows)
