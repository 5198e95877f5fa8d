"""Testing a connection: address, sign-in, projects, issues, worklogs, and whether people have rates.

Belongs here: the checks and their sentences. Does not belong here: reading for a sync (``jira``).
Jira hides what an account may not see: fewer rows, no error (jira.md, section 8).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from functools import partial

from ppm_pipelines.adapters.base import Check, Row
from ppm_pipelines.adapters.checks import Gap
from ppm_pipelines.adapters.checks import checks as in_order
from ppm_pipelines.adapters.fields import text
from ppm_pipelines.adapters.jira_api import Api
from ppm_pipelines.adapters.jira_rates import Rates
from ppm_pipelines.adapters.jira_settings import Settings

HIDDEN = " If that surprises, check the account's permissions: Jira hides what it may not see."
DAYS = 24 * 60 * 60 * 1000
PROJECTS_NAMED = 200


def checks(api: Api, settings: Settings) -> Iterator[Check]:
    """Address and sign-in, then every part. Raises nothing."""
    visible: dict[str, str] = {}
    parts = {
        "projects": partial(_projects, api, settings, visible),
        "commitments": partial(_issues, api, settings, visible),
        "actuals": partial(_worklogs, api),
    }
    yield from in_order(api.client, api.myself, parts)


def _projects(api: Api, settings: Settings, visible: dict[str, str]) -> str:
    for rows in api.projects():
        visible |= {text(row.get("id")): text(row.get("key")) for row in rows if not _put_away(row)}
    if not visible:
        raise Gap("No project is readable. Grant the account the permission to browse projects.")
    missing = [key for key in settings.projects if key not in {one.upper() for one in visible.values()}]
    if missing:
        raise Gap(
            f"The project {missing[0]} is not readable. Grant the account the permission to browse it, or take it out "
            "of the settings."
        )
    return f"{len(visible):,} projects readable."


def _put_away(row: Row) -> bool:
    return bool(row.get("archived") or row.get("deleted"))


def _issues(api: Api, settings: Settings, visible: dict[str, str]) -> str:
    if not settings.rates:
        raise Gap("There is no hourly rate, so hours are worth nothing. Enter at least one for everybody.")
    wanted = [number for number, key in visible.items() if not settings.projects or key.upper() in settings.projects]
    query = f"project in ({', '.join(wanted[:PROJECTS_NAMED])})"
    found = bool(wanted) and any(next(api.issues(query, 1), []))
    if Rates(settings.rates, {}).find("", _today(api)) is not None:
        return f"Issues readable.{'' if found else HIDDEN}"
    return "Issues readable. There is no hourly rate for everybody: hours of others wait in quarantine."


def _today(api: Api) -> date:
    return (api.client.server_time or datetime.now(UTC)).date()


def _worklogs(api: Api) -> str:
    api.time_tracking()
    now = api.client.server_time
    since = int(now.timestamp() * 1000) - DAYS if now else 0
    api.issues_of_worklogs(api.changed_worklogs(since).ids)
    return "Worklogs readable."
