"""Connectors as they are kept: settings sealed value by value, switch and schedule beside them, every change logged.

Belongs here: reading, saving and opening what a connector is configured with. Does not belong here: judging what was
typed (``api/forms.py``), what the settings mean (``adapters``), cryptography (``vault``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

import sqlalchemy as sa
from pydantic import BaseModel, SecretStr, ValidationError
from sqlalchemy.dialects.postgresql import insert

from ppm_pipelines.adapters import SYSTEMS
from ppm_pipelines.adapters.base import Misconfigured
from ppm_pipelines.tables import audit_log, connectors, integration_config
from ppm_pipelines.vault import Vault


class NotConfigured(Exception):
    """The system has no settings in this organisation."""


class Disabled(Exception):
    """The system is switched off in this organisation."""


class ChangedMeanwhile(Exception):
    """Somebody else saved the connector since it was read."""


@dataclass(frozen=True, slots=True)
class Connector:
    """``settings`` without secrets; ``secrets`` says of each stored one only that it is set and when it was."""

    organization_id: str
    system: str
    enabled: bool
    settings: dict[str, Any]
    secrets: dict[str, dict[str, Any]]
    schedule: dict[str, Any] | None
    version: int
    updated_at: datetime
    updated_by: str
    tested_at: datetime | None
    test_ok: bool | None
    test_checks: list[dict[str, Any]] | None


def secret_names(settings: type[BaseModel]) -> tuple[str, ...]:
    """The settings that are secrets, by their type."""
    fields = settings.model_fields.items()
    return tuple(name for name, field in fields if SecretStr in (field.annotation, *get_args(field.annotation)))


def list_(connection: sa.Connection, organization_id: str) -> list[Connector]:
    """The connectors of an organisation that have settings."""
    rows = connection.execute(sa.select(connectors).where(connectors.c.organization_id == organization_id)).mappings()
    return [_connector(connection, row) for row in rows.all()]


def get(connection: sa.Connection, organization_id: str, system: str) -> Connector | None:
    row = connection.execute(sa.select(connectors).where(_place(connectors, organization_id, system))).mappings()
    found = row.one_or_none()
    return None if found is None else _connector(connection, found)


def _place(table: sa.Table, organization_id: str, system: str) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.organization_id == organization_id, table.c.system == system)


def _connector(connection: sa.Connection, row: Mapping[Any, Any]) -> Connector:
    organization_id, system = row["organization_id"], row["system"]
    hidden, vault = secret_names(SYSTEMS[system].Settings), Vault.from_environment()
    settings: dict[str, Any] = {}
    secrets: dict[str, dict[str, Any]] = {}
    for kept in _sealed(connection, organization_id, system):
        if kept.key in hidden:
            secrets[kept.key] = {"set": True, "updated_at": kept.updated_at}
        else:
            settings[kept.key] = json.loads(vault.open(organization_id, system, kept.key, kept.value_encrypted))
    return Connector(settings=settings, secrets=secrets, **row)


def _sealed(connection: sa.Connection, organization_id: str, system: str) -> Any:
    return connection.execute(
        sa.select(integration_config).where(_place(integration_config, organization_id, system))
    ).all()


def open_values(connection: sa.Connection, vault: Vault, organization_id: str, system: str) -> dict[str, Any]:
    """All stored values with the secrets in clear; empty when there are none."""
    return {
        kept.key: json.loads(vault.open(organization_id, system, kept.key, kept.value_encrypted))
        for kept in _sealed(connection, organization_id, system)
    }


def open_settings(connection: sa.Connection, vault: Vault, organization_id: str, system: str) -> BaseModel:
    """The settings for a run; raises ``NotConfigured``, ``Disabled``, ``Misconfigured`` or ``vault.NotOpened``."""
    name = SYSTEMS[system].name
    enabled = connection.scalar(sa.select(connectors.c.enabled).where(_place(connectors, organization_id, system)))
    if enabled is None:
        raise NotConfigured(f"{name} is not connected yet. Enter its settings under Administration, Integrations.")
    if not enabled:
        raise Disabled(f"{name} is switched off. Enable it under Administration, Integrations.")
    values = open_values(connection, vault, organization_id, system)
    try:
        return SYSTEMS[system].Settings.model_validate(values)
    except ValidationError as error:
        # Not from it: its text holds what was given, and that may be a secret.
        fields = ", ".join(sorted({str(one["loc"][0]) for one in error.errors(include_input=False) if one["loc"]}))
        raise Misconfigured(
            f"The stored settings of {name} do not fit this version ({fields or name}). Open its form, "
            "correct them and save."
        ) from None


def save(
    connection: sa.Connection,
    vault: Vault,
    organization_id: str,
    system: str,
    *,
    settings: Mapping[str, Any],
    schedule: dict[str, Any] | None,
    enabled: bool,
    by: str,
    if_version: int | None = None,
) -> Connector:
    """Makes the given values (secrets in clear, None left out) the settings from now on.

    Values that stay as they are keep their date; raises ``ChangedMeanwhile`` unless the version is ``if_version``.
    """
    _bump(connection, organization_id, system, if_version, by, enabled=enabled, schedule=schedule)
    before = open_values(connection, vault, organization_id, system)
    wanted = {name: value for name, value in settings.items() if value not in (None, "")}
    changed = {name: value for name, value in wanted.items() if name not in before or before[name] != value}
    removed = [name for name in before if name not in wanted]
    for name, value in changed.items():
        sealed = vault.seal(organization_id, system, name, json.dumps(value, default=str))
        _keep(connection, organization_id, system, name, sealed, by)
    connection.execute(
        sa.delete(integration_config).where(
            _place(integration_config, organization_id, system), integration_config.c.key.in_(removed)
        )
    )
    _log(connection, organization_id, system, by, "configured", {"changed": sorted(changed), "removed": removed})
    return _saved(connection, organization_id, system)


def _keep(connection: sa.Connection, organization_id: str, system: str, key: str, sealed: bytes, by: str) -> None:
    row = {"value_encrypted": sealed, "updated_at": datetime.now(UTC), "updated_by": by}
    connection.execute(
        insert(integration_config)
        .values(organization_id=organization_id, system=system, key=key, **row)
        .on_conflict_do_update(index_elements=["organization_id", "system", "key"], set_=row)
    )


def patch(
    connection: sa.Connection, organization_id: str, system: str, *, by: str, if_version: int, **changes: Any
) -> Connector:
    """Changes ``enabled`` or ``schedule`` alone; settings and secrets stay as they are."""
    _bump(connection, organization_id, system, if_version, by, **changes)
    _log(connection, organization_id, system, by, "switched", changes)
    return _saved(connection, organization_id, system)


def _saved(connection: sa.Connection, organization_id: str, system: str) -> Connector:
    connector = get(connection, organization_id, system)
    assert connector is not None  # noqa: S101 - saved in this transaction
    return connector


def _bump(
    connection: sa.Connection, organization_id: str, system: str, if_version: int | None, by: str, **values: Any
) -> None:
    """Raises the version by one, or inserts version 1; two who save at once are told apart here.

    ``if_version`` 0 says that there was nothing yet, None that it does not matter.
    """
    row = {**values, "updated_at": datetime.now(UTC), "updated_by": by}
    where = _place(connectors, organization_id, system)
    if if_version is not None:
        where = sa.and_(where, connectors.c.version == if_version)
    changed = connection.execute(sa.update(connectors).where(where).values(version=connectors.c.version + 1, **row))
    if changed.rowcount:
        return
    if if_version:
        raise ChangedMeanwhile
    new = insert(connectors).values(organization_id=organization_id, system=system, version=1, **row)
    # SQLAlchemy does not count inserted rows; what comes back was inserted.
    if connection.scalar(new.on_conflict_do_nothing().returning(connectors.c.version)) is None:
        raise ChangedMeanwhile


def tested(
    connection: sa.Connection, organization_id: str, system: str, ok: bool, checks: list[dict[str, Any]]
) -> None:
    """Remembers the last test of the saved settings; what a person sees, not what was sent."""
    values = {"tested_at": datetime.now(UTC), "test_ok": ok, "test_checks": checks}
    connection.execute(sa.update(connectors).where(_place(connectors, organization_id, system)).values(**values))


def rotate(connection: sa.Connection, vault: Vault) -> int:
    """Seals everything with the first key that is not yet; how many values that were."""
    old = [row for row in connection.execute(sa.select(integration_config)) if not vault.current(row.value_encrypted)]
    for row in old:
        place = (row.organization_id, row.system, row.key)
        sealed = vault.seal(*place, vault.open(*place, row.value_encrypted))
        connection.execute(
            sa.update(integration_config)
            .where(_place(integration_config, row.organization_id, row.system), integration_config.c.key == row.key)
            .values(value_encrypted=sealed)
        )
    return len(old)


def _log(
    connection: sa.Connection, organization_id: str, system: str, who: str, what: str, detail: Mapping[str, Any]
) -> None:
    """Names of settings only, never a value."""
    connection.execute(
        sa.insert(audit_log).values(
            organization_id=organization_id, who=who, what=what, subject=system, detail=dict(detail)
        )
    )
