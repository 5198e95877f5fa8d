"""People in what sources deliver about work: who may see them, and taking one out for good while sums stay.

Belongs here: erasing a person from what is kept, remembering it without their name, and lines and raw records as they
are shown without people. Does not belong here: what an adapter keeps of people in the first place (its setting
``personal_data``), who is calling (``api``).

An adapter names the fields of its raw records that hold a person (``PEOPLE``); its lines hold one in ``vendor``,
``vendor_description`` and ``requester``, and what the person wrote in ``item_text``. For an erased person stands a
keyed hash: with the key whoever is read again is recognised, without it the hash tells nobody. It is the same in raw
records and for rates, so that hours keep their price.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from ppm_pipelines import connectors, database
from ppm_pipelines.adapters import ADAPTERS
from ppm_pipelines.adapters.base import ERASED, LABOUR
from ppm_pipelines.arriving import encoded
from ppm_pipelines.load import load_lock
from ppm_pipelines.tables import audit_log, erased_people, integration_config
from ppm_pipelines.vault import Vault

KEY = ("people", "hash_key")  # its place among the sealed settings, so that rotating keys seals it anew
FACTS = ("commitments", "actuals")
AT_ONCE = 500


class NotErased(Exception):
    """Nobody can be erased like this; the sentence says why. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Erased:
    """``stands_for`` is what is kept instead of the person; the numbers are records that named them."""

    stands_for: str
    lines: int
    raw_records: int
    quarantined: int


# Who was erased


def forgotten(organization_id: str, system: str) -> Callable[[str], str]:
    """Whom a person is read as: themselves, or what stands for them. It is looked up at the first person, hence when
    the load has the system's place and nobody is being erased."""

    @cache
    def known() -> tuple[bytes | None, frozenset[str]]:
        with database.owner() as connection:
            person = erased_people.c
            mine = (person.organization_id == organization_id, person.system == system)
            erased = frozenset(connection.scalars(sa.select(person.stands_for).where(*mine)))
            return (_key(connection, organization_id) if erased else None), erased

    @cache
    def read_as(person: str) -> str:
        key, erased = known()
        told = _stands_for(key, system, person) if key else ""
        return told if told in erased else person

    return read_as


def _stands_for(key: bytes, system: str, person: str) -> str:
    return ERASED + hmac.digest(key, f"{system}/{person}".encode(), hashlib.sha256).hex()[:24]


def _key(connection: sa.Connection, organization_id: str) -> bytes:
    """The organisation's key; made when it is first needed."""
    vault, c, place = Vault.from_environment(), integration_config.c, (organization_id, *KEY)
    sealed = vault.seal(*place, secrets.token_hex())
    made = insert(integration_config).values(
        organization_id=organization_id, system=KEY[0], key=KEY[1], value_encrypted=sealed
    )
    connection.execute(made.on_conflict_do_nothing())
    mine = (c.organization_id == organization_id, c.system == KEY[0], c.key == KEY[1])
    kept: bytes = connection.execute(sa.select(c.value_encrypted).where(*mine)).scalar_one()
    return bytes.fromhex(vault.open(*place, kept))


# Erasing


def erase(connection: sa.Connection, organization_id: str, system: str, person: str, by: str = "") -> Erased:
    """Takes the person's identity and words out of lines, raw records and quarantine, now and in the past.

    ``connection`` is the owner's. Amounts, hours, days and counts stay; the next sync reads the person as
    ``stands_for``. Settings stay: who has a rate or a role there keeps it until somebody enters ``stands_for`` instead.
    Raises NotErased.
    """
    if system not in ADAPTERS or not ADAPTERS[system].PEOPLE:
        raise NotErased(f"Nothing from {system} says who worked, so there is nobody to erase.")
    if not person.strip() or person.startswith(ERASED):
        raise NotErased("Name the person as the system does: by account id or key.")
    # A load that reads now has seen the person.
    key = sa.func.hashtextextended(load_lock(organization_id, system), 0)
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
    database.between_merges(connection, organization_id)
    return _Erasing(connection, organization_id, system, person).carry_out(by)


class _Erasing:
    """The statements that take one person out."""

    def __init__(self, connection: sa.Connection, organization_id: str, system: str, person: str) -> None:
        self.connection, self.organization_id, self.system, self.person = connection, organization_id, system, person
        self.stands_for = _stands_for(_key(connection, organization_id), system, person)
        connector = connectors.get(connection, organization_id, system)
        roles = (connector.settings if connector else {}).get("user_roles") or {}
        self.role = roles.get(person) or roles.get(self.stands_for) or ""
        self.names: set[str] = set()

    def _run(self, statement: str, **values: Any) -> sa.CursorResult[Any]:
        mine = {"organization": self.organization_id, "system": self.system, "person": self.person}
        return self.connection.exec_driver_sql(statement, mine | values)

    def carry_out(self, by: str) -> Erased:
        place = {"organization_id": self.organization_id, "system": self.system, "stands_for": self.stands_for}
        self.connection.execute(insert(erased_people).values(place).on_conflict_do_nothing())
        # A version of what was before would keep the person.
        self._run("select set_config('ppm.keeps_no_versions', 'on', true)")
        raws = sum(self._rewrite(table, "record") for table in ("raw_records", "raw_records_history"))
        bad = sum(self._rewrite(table, "raw") for table in ("rejections", "rejections_history"))
        lines = sum(self._lines(fact, table) for fact in FACTS for table in (fact, f"{fact}_history"))
        self._run("select set_config('ppm.keeps_no_versions', '', true)")
        self.connection.execute(
            sa.insert(audit_log).values(
                organization_id=self.organization_id, who=by, what="erased", subject="person", detail=place
            )
        )
        return Erased(self.stands_for, lines, raws, bad)

    def _rewrite(self, table: str, column: str) -> int:
        """Records that name the person, made anew; how many."""
        named = json.dumps(self.person, ensure_ascii=False)
        found = self._run(
            f"select ctid::text from ppm.{table} where organization_id = %(organization)s and system = %(system)s"
            f" and strpos({column}::text, %(named)s) > 0",
            named=named,
        ).scalars()
        places = list(found)
        hashed = ", hash = %(hash)s" if column == "record" else ""
        for start in range(0, len(places), AT_ONCE):
            some = places[start : start + AT_ONCE]
            rows = self._run(
                f"select ctid::text as place, {column} as was from ppm.{table} where ctid = any(%(some)s::tid[])",
                some=some,
            )
            for row in rows.mappings().all():
                digest, made = encoded(self._without(row["was"]))
                self._run(
                    f"update ppm.{table} set {column} = %(made)s{hashed} where ctid = %(place)s::tid",
                    made=made, place=row["place"], hash=digest,
                )  # fmt: skip
        return len(places)

    def _without(self, record: Any) -> Any:
        """The record with what stands for the person, without their names and words."""
        if isinstance(record, list):
            return [self._without(one) for one in record]
        if not isinstance(record, dict):
            return record
        made = {name: self._without(value) for name, value in record.items()}
        for name in ADAPTERS[self.system].PEOPLE:
            if isinstance(user := record.get(name), dict) and self.person in (user.get("accountId"), user.get("key")):
                self.names |= {user["displayName"]} if user.get("displayName") else set()
                made[name] = {"accountId" if "accountId" in user else "key": self.stands_for}
                if name == "author":
                    made.pop("comment", None)
        if record.get("vendor") == self.person:  # a line as it was staged
            made |= {"vendor": "", "vendor_description": self.role or LABOUR, "item_text": ""}
        return made

    def _lines(self, fact: str, table: str) -> int:
        """Lines that name the person as who works, or as who asked for it; how many."""
        mine = "t.organization_id = %(organization)s and t.system = %(system)s"
        titled = (
            ", item_text = coalesce((select r.record #>> '{issue,summary}' from ppm.raw_records r where"
            " r.organization_id = t.organization_id and r.system = t.system and r.stream = t.raw_stream"
            " and r.source_key = t.raw_key), '')"
        )
        named = self._run(
            f"update ppm.{table} t set vendor = '', vendor_description = %(label)s{titled if fact == 'actuals' else ''}"
            ", overlaid = overlaid - '{vendor,vendor_description,item_text}'::text[]"
            f" where {mine} and %(person)s in (t.vendor, t.overlaid ->> 'vendor')",
            label=self.role or LABOUR,
        ).rowcount
        named += self._mapped(table, mine)
        if fact == "actuals":
            return named
        return named + self._asked(table, mine)

    def _asked(self, table: str, mine: str) -> int:
        """Lines that the person asked for, be it below a field mapping; how many."""
        above, below = "t.requester = any(%(names)s)", "t.overlaid ->> 'requester' = any(%(names)s)"
        return self._run(
            f"update ppm.{table} t set requester = case when {above} then %(role)s else t.requester end,"
            f" overlaid = case when {below} then jsonb_set(t.overlaid, '{{requester}}', to_jsonb(%(role)s::text))"
            f" else t.overlaid end where {mine} and ({above} or {below})",
            role=self.role,
            names=list(self.names),
        ).rowcount

    def _mapped(self, table: str, mine: str) -> int:
        """Custom fields that a field mapping filled with the person; how many lines."""
        return self._run(
            f"update ppm.{table} t set custom_fields = (select jsonb_object_agg(name, case when value #>> '{{}}' ="
            " any(%(names)s) then to_jsonb(%(stands_for)s::text) else value end) from jsonb_each(t.custom_fields)"
            f" own (name, value)) where {mine} and exists (select from jsonb_each_text(t.custom_fields) own"
            " (name, value) where value = any(%(names)s))",
            names=[self.person, *self.names],
            stands_for=self.stands_for,
        ).rowcount


# What is shown without people


def hidden(connection: sa.Connection, organization_id: str) -> dict[str, Mapping[str, str]]:
    """The systems whose people nobody without the right to configure sees, each with the roles that stand for them:
    those whose connector does not say ``personal_data``."""
    found: dict[str, Mapping[str, str]] = {}
    for system, adapter in ADAPTERS.items():
        if adapter.PEOPLE:
            connector = connectors.get(connection, organization_id, system)
            settings = connector.settings if connector else {}
            if not settings.get("personal_data"):
                found[system] = settings.get("user_roles") or {}
    return found


def veiled(table: sa.FromClause, systems: Collection[str]) -> sa.FromClause:
    """The table of lines, in which labour of these systems tells the role and neither people nor their words.

    Lines kept without personal data pass as they are: they name no ``vendor`` and always a role.
    """
    if not systems:
        return table
    c = table.c
    personal = c.labour & c.system.in_(list(systems)) & ((c.vendor != "") | (c.vendor_description == ""))
    shown = {"vendor": "", "vendor_description": LABOUR, "requester": "", "item_text": ""}
    columns = [
        sa.case((personal, shown[column.name]), else_=column).label(column.name) if column.name in shown else column
        for column in c
    ]
    return sa.select(*columns).subquery()


def without_people(record: Any, system: str, roles: Mapping[str, str]) -> Any:
    """The raw record with roles for people, and without what they wrote."""
    if isinstance(record, list):
        return [without_people(one, system, roles) for one in record]
    if not isinstance(record, dict):
        return record
    shown = {name: without_people(value, system, roles) for name, value in record.items()}
    for name in ADAPTERS[system].PEOPLE:
        if isinstance(user := record.get(name), dict):
            account = user.get("accountId") or user.get("key") or ""
            shown[name] = {"role": roles.get(account) or LABOUR}
            shown.pop("comment", None)
    if record.get("vendor") and "vendor_description" in record:  # a line as it was staged
        shown |= {"vendor": "", "vendor_description": LABOUR, "requester": "", "item_text": ""}
    return shown
