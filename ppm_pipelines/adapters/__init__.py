"""The systems that can be read, by slug. An adapter imports ``records`` and third-party libraries, nothing else."""

from __future__ import annotations

from ppm_pipelines.adapters.base import Adapter
from ppm_pipelines.adapters.netsuite import NetSuite
from ppm_pipelines.adapters.sap import Sap

ADAPTERS: dict[str, type[Adapter]] = {adapter.system: adapter for adapter in (Sap, NetSuite)}
