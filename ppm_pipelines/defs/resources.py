"""Resources: what opens the outside world when a run needs it. Loading this needs no key, database or network.

Belongs here: opening. Does not belong here: what is done with it (``syncs``, ``figures``).
"""

import dagster as dg

from ppm_pipelines import connectors, database, home
from ppm_pipelines.adapters import SYSTEMS
from ppm_pipelines.adapters.base import System
from ppm_pipelines.vault import Vault

organizations = dg.DynamicPartitionsDefinition(name="organizations")


class Sources(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Systems with the sealed configuration of an organisation, opened in the run that needs them and nowhere else."""

    def open(self, system: str, organization_id: str) -> System:
        """Raises ``connectors.NotConfigured``, ``connectors.Disabled``, ``home.Missing`` or ``vault.NotOpened``."""
        vault = Vault.from_environment()
        with database.owner() as connection:
            settings = connectors.open_settings(connection, vault, organization_id, system)
        environment = home.home()
        return SYSTEMS[system](
            settings, allowed_hosts=environment.callable_hosts, timeout_seconds=environment.sync_timeout_seconds
        )


@dg.definitions
def resources() -> dg.Definitions:
    return dg.Definitions(resources={"sources": Sources()})
