"""The systems that can be read, by slug. An adapter imports ``records`` and third-party libraries, nothing else."""

from __future__ import annotations

from ppm_pipelines.adapters.base import Adapter
from ppm_pipelines.adapters.jira import Jira
from ppm_pipelines.adapters.sap import Sap

ADAPTERS: dict[str, type[Adapter]] = {
    Sap.system: Sap,
    Jira.system: Jira,
}
