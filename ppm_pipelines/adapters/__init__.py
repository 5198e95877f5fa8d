"""The systems by slug: adapters are read, notifiers are told.

They import ``records``, ``news``, ``mapping.fields`` and third-party libraries, nothing else.
"""

from __future__ import annotations

from ppm_pipelines.adapters.base import Adapter, Notifier, System
from ppm_pipelines.adapters.dynamics import Dynamics
from ppm_pipelines.adapters.jira import Jira
from ppm_pipelines.adapters.netsuite import NetSuite
from ppm_pipelines.adapters.sap import Sap
from ppm_pipelines.adapters.slack import Slack

ADAPTERS: dict[str, type[Adapter]] = {one.system: one for one in (Sap, Dynamics, NetSuite, Jira)}
NOTIFIERS: dict[str, type[Notifier]] = {Slack.system: Slack}
# What people connect, switch, test and sync; facts come from ADAPTERS alone.
SYSTEMS: dict[str, type[System]] = {**ADAPTERS, **NOTIFIERS}
