"""The product's tables in PostgreSQL, schema ``ppm``: the columns people and programs outside rely on.

Belongs here: tables, their keys and indexes. Does not belong here: who writes them (``load``, ``runs``,
``connectors``), who may see which row (the policies are in ``migrations/``), what is added up (``costbook``).

Money is ``numeric(23,5)``: exact, wide enough for any currency's minor units. ``organization_id`` is on every table
that holds somebody's data, for row level security.

What figures are made of is versioned: a row says since when it is as it is (``last_changed_at``), and what it was
before lies in ``<table>_history`` with the moment at which that ended. A trigger of PostgreSQL writes it, in the
transaction that changes the row, whoever changes it; nothing writes history otherwise.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    ForeignKey,
    FromClause,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    and_,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB

SCHEMA = "ppm"
metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    },
)
Money = Numeric(23, 5)
Moment = DateTime(timezone=True)
NOW = text("now()")


def _text(name: str, default: str | None = "") -> Column[Any]:
    """A text that is there, empty when the source has none; with ``default=None`` it may be absent."""
    if default is None:
        return Column(name, Text)
    return Column(name, Text, nullable=False, server_default=default)


def _amount(name: str, nullable: bool = False) -> Column[Any]:
    return Column(name, Money, nullable=nullable)


def _owner() -> list[Column[Any]]:
    return [Column("organization_id", Text, nullable=False), Column("system", Text, nullable=False)]


def _seen() -> list[Column[Any]]:
    return [
        Column("custom_fields", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
        Column("run_id", Text, nullable=False),
        Column("first_seen_at", Moment, nullable=False),
        Column("last_changed_at", Moment, nullable=False),
    ]


def _from_raw() -> list[Column[Any]]:
    """Which raw record the row was made from."""
    return [_text("raw_stream"), _text("raw_key")]


def _listed() -> Column[Any]:
    """Whether the source still lists the row among what is read; one that it does not is not looked for again."""
    return Column("listed", Boolean, nullable=False, server_default=text("true"))


def _labour(table: str) -> list[Column[Any] | Index]:
    """Whether it is people's time. Looked for per project and system, where another system has labour too."""
    place = ("organization_id", "project_id", "system", "counts")
    return [
        Column("labour", Boolean, nullable=False, server_default=text("false")),
        Index(f"ix_{table}_labour", *place, postgresql_where=text("labour")),
    ]


# What no fact may lack, and how an open amount must be (DOMAIN R3: the rest of its order in both currencies, or 0 where
# the line is done). Rows that break it stand in indexes of their own: there should be none, so that looking for them
# after each sync costs nothing, however many rows there are.
REQUIRED = {
    "commitments": ("source_key", "project_id", "project_nr", "po_number", "po_line_nr", "currency"),
    "actuals": ("source_key", "project_id", "project_nr", "fi_doc_no", "currency"),
}
INCOMPLETE = {fact: text(" or ".join(f"{name} = ''" for name in names)) for fact, names in REQUIRED.items()}
NOT_ADDING_UP = text(
    "counts and (open_amount <> 0 and open_amount <> ordered_amount - relieved_amount"
    " or (open_amount = 0) <> (company_open_amount = 0))"
)


def _incomplete(fact: str) -> Index:
    return Index(f"ix_{fact}_incomplete", "organization_id", "system", postgresql_where=INCOMPLETE[fact])


def _overlaid() -> Column[Any]:
    """What the adapter had made where a field mapping lies over it."""
    return Column("overlaid", JSONB, nullable=False, server_default=text("'{}'::jsonb"))


def _since() -> Column[Any]:
    return Column("last_changed_at", Moment, nullable=False, server_default=text("ppm.moment()"))


organizations = Table(
    "organizations",
    metadata,
    Column("organization_id", Text, primary_key=True),
    _text("name"),
    _text("time_zone", "Europe/Berlin"),
    _text("company_currency", "EUR"),
    _text("fiscal_year_variant", "K4"),
    Column("close_after_working_days", Integer),
)

# --- connectors ----------------------------------------------------------------------------------------------------

integration_config = Table(
    "integration_config",
    metadata,
    Column("organization_id", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value_encrypted", LargeBinary, nullable=False),
    Column("updated_at", Moment, nullable=False, server_default=NOW),
    _text("updated_by"),
)

connectors = Table(
    "connectors",
    metadata,
    Column("organization_id", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("enabled", Boolean, nullable=False),
    Column("schedule", JSONB),
    Column("version", Integer, nullable=False),
    Column("updated_at", Moment, nullable=False, server_default=NOW),
    _text("updated_by"),
    Column("tested_at", Moment),
    Column("test_ok", Boolean),
    Column("test_checks", JSONB),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("organization_id", Text, nullable=False),
    Column("at", Moment, nullable=False, server_default=NOW),
    _text("who"),
    _text("what"),
    _text("subject"),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
)

# People who were taken out of what is kept, by what stands for them (``people``).
erased_people = Table(
    "erased_people",
    metadata,
    Column("organization_id", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("stands_for", Text, primary_key=True),
    Column("erased_at", Moment, nullable=False, server_default=NOW),
)

# --- runs ----------------------------------------------------------------------------------------------------------

sync_runs = Table(
    "sync_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    *_owner(),
    Column("entity", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("dry_run", Boolean, nullable=False, server_default=text("false")),
    Column("status", Text, nullable=False),
    _text("requested_by"),
    Column("scope", JSONB),
    Column("requested_at", Moment, nullable=False, server_default=NOW),
    Column("started_at", Moment),
    Column("ended_at", Moment),
    Column("dagster_run_id", Text),
    Column("stage", Text),
    Column("rows", BigInteger, nullable=False, server_default=text("0")),
    Column("total", BigInteger),
    Column("pages", Integer, nullable=False, server_default=text("0")),
    Column("reason", Text),
    Column("problem", Text),
    Column("result", JSONB),
    Column("mapping_versions", JSONB),
    Index(
        "one_active_sync",
        "organization_id",
        "system",
        "entity",
        unique=True,
        postgresql_where=text("status in ('queued', 'running') and not dry_run"),
    ),
    Index("ix_sync_runs_newest", "organization_id", "system", text("requested_at desc")),
)

sync_state = Table(
    "sync_state",
    metadata,
    Column("organization_id", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("state", JSONB, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("organization_id", Text, primary_key=True),
    Column("caller", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_hash", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("created_at", Moment, nullable=False, server_default=NOW),
)

# --- field mapping -------------------------------------------------------------------------------------------------

# The newest version is the one that counts. ``applied_run_id`` is the run since which all that is held follows it.
field_mappings = Table(
    "field_mappings",
    metadata,
    Column("organization_id", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("lines", JSONB, nullable=False),
    Column("ignored", JSONB, nullable=False),
    Column("rejected", JSONB, nullable=False),
    Column("saved_at", Moment, nullable=False, server_default=text("clock_timestamp()")),
    _text("saved_by"),
    _text("reason"),
    Column("restored_from", Integer),
    _text("applied_run_id", None),
)

# The fields that a source was last seen to have, and since when that is otherwise than it was.
source_fields = Table(
    "source_fields",
    metadata,
    Column("organization_id", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("entity", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    _text("type"),
    _text("label_en"),
    _text("label_de"),
    Column("custom", Boolean, nullable=False),
    Column("read", Boolean, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
    Column("asked_at", Moment, nullable=False),
    Column("drifted_at", Moment),
    _text("drift", None),
    _text("was_type", None),
)

# --- facts ---------------------------------------------------------------------------------------------------------

projects = Table(
    "projects",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    *_owner(),
    Column("source_key", Text, nullable=False),
    Column("project_nr", Text, nullable=False),
    _text("name"),
    _text("status"),
    Column("start_date", Date),
    Column("end_date", Date),
    _amount("budget", nullable=True),
    _text("currency", None),
    _text("company_code"),
    *_seen(),
    *_from_raw(),
    _overlaid(),
    UniqueConstraint("organization_id", "system", "source_key"),
)

wbs_elements = Table(
    "wbs_elements",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    *_owner(),
    Column("source_key", Text, nullable=False),
    Column("project_nr", Text, nullable=False),
    Column("wbs_element", Text, nullable=False),
    _text("internal_id"),
    _text("name"),
    _text("parent", None),
    Column("statistical", Boolean, nullable=False),
    _text("company_code"),
    Column("run_id", Text, nullable=False),
    Column("first_seen_at", Moment, nullable=False),
    Column("last_changed_at", Moment, nullable=False),
    UniqueConstraint("organization_id", "system", "source_key"),
)

commitments = Table(
    "commitments",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    *_owner(),
    Column("source_key", Text, nullable=False),
    _text("company_code"),
    Column("project_id", Text, nullable=False),
    Column("project_nr", Text, nullable=False),
    Column("po_number", Text, nullable=False),
    Column("po_line_nr", Text, nullable=False),
    Column("assignment_nr", Text, nullable=False),
    _text("po_status"),
    _text("vendor"),
    _text("vendor_description"),
    _text("requester"),
    Column("po_date", Date),
    _text("po_line_text"),
    Column("delivery_date", Date),
    _text("cost_center", None),
    _text("wbs_element", None),
    _text("gl_account", None),
    _text("account_group_level1", None),
    _text("account_subgroup_level2", None),
    _text("account_level3", None),
    _text("contract_number", None),
    _text("purchase_requisition", None),
    Column("currency", Text, nullable=False),
    _amount("ordered_amount"),
    _amount("relieved_amount"),
    _amount("open_amount"),
    _amount("tax_amount", nullable=True),
    Column("company_currency", Text, nullable=False),
    _amount("company_ordered_amount"),
    _amount("company_relieved_amount"),
    _amount("company_open_amount"),
    Column("exchange_rate", Numeric),
    Column("exchange_rate_date", Date),
    Column("counts", Boolean, nullable=False),
    _text("not_counted_reason", None),
    Column("changed_at", Moment),
    Column("closed_at", Moment),
    _text("closed_reason", None),
    *_seen(),
    _text("relieved_by"),
    *_from_raw(),
    *_labour("commitments"),
    _overlaid(),
    _listed(),
    UniqueConstraint("organization_id", "system", "source_key"),
    Index("ix_commitments_project", "organization_id", "project_id"),
    Index("ix_commitments_changed", "last_changed_at", postgresql_using="brin"),
    Index("ix_commitments_not_adding_up", "organization_id", "system", postgresql_where=NOT_ADDING_UP),
    _incomplete("commitments"),
)

actuals = Table(
    "actuals",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    *_owner(),
    Column("source_key", Text, nullable=False),
    _text("company_code"),
    _text("fiscal_year"),
    _text("fiscal_period"),
    _text("ledger"),
    Column("project_id", Text, nullable=False),
    Column("project_nr", Text, nullable=False),
    Column("fi_doc_no", Text, nullable=False),
    Column("fi_doc_line", Text, nullable=False),
    _text("document_type"),
    _text("po_no", None),
    _text("po_line_no", None),
    _text("vendor"),
    _text("vendor_description"),
    _text("vendor_invoice_no", None),
    Column("posting_date", Date, nullable=False),
    Column("document_date", Date),
    _text("gl_account", None),
    _text("cost_center", None),
    _text("wbs_element", None),
    _text("item_text"),
    Column("quantity", Numeric),
    _text("unit", None),
    Column("net_due_date", Date),
    _text("status"),
    _text("reversal_of", None),
    Column("currency", Text, nullable=False),
    _amount("amount"),
    _amount("tax_amount", nullable=True),
    _amount("retained_amount", nullable=True),
    Column("company_currency", Text, nullable=False),
    _amount("company_amount"),
    Column("counts", Boolean, nullable=False),
    _text("not_counted_reason", None),
    Column("removed_at", Moment),
    _text("removed_reason", None),
    *_seen(),
    *_from_raw(),
    *_labour("actuals"),
    _overlaid(),
    _listed(),
    UniqueConstraint("organization_id", "system", "source_key"),
    Index("ix_actuals_project", "organization_id", "project_id"),
    Index("ix_actuals_seen", "first_seen_at", postgresql_using="brin"),  # what came after a period was closed
    Index("ix_actuals_changed", "last_changed_at", postgresql_using="brin"),
    _incomplete("actuals"),
)

rejections = Table(
    "rejections",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    *_owner(),
    Column("entity", Text, nullable=False),
    Column("source_key", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("field", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", JSONB, nullable=False),
    _amount("amount", nullable=True),
    _text("currency", None),
    _text("project_nr", None),
    Column("run_id", Text, nullable=False),
    Column("rejected_at", Moment, nullable=False, server_default=NOW),
    _amount("open_amount", nullable=True),
    _text("company_code"),
    _text("cost_center", None),
    *_from_raw(),
    _since(),
    UniqueConstraint("organization_id", "system", "entity", "source_key"),
)

raw_records = Table(
    "raw_records",
    metadata,
    Column("organization_id", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("source_key", Text, primary_key=True),
    Column("hash", LargeBinary, nullable=False),
    Column("record", JSON, nullable=False),
    Column("mapping_version", Integer),
    Column("run_id", Text, nullable=False),
    _since(),
)

# --- the Costbook's own --------------------------------------------------------------------------------------------

# ``labour_source`` is the system whose labour people chose, ``labour_left_out`` are those whose labour does not count,
# by that choice or without one (``labour``).
costbook_projects = Table(
    "costbook_projects",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("organization_id", Text, nullable=False),
    Column("project_nr", Text, nullable=False),
    _text("name"),
    _text("status"),
    _text("currency", None),
    _since(),
    _text("labour_source", None),
    Column("labour_left_out", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Index("ix_costbook_projects_number", "organization_id", "project_nr"),
)

project_links = Table(
    "project_links",
    metadata,
    Column("organization_id", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("company_code", Text, primary_key=True),
    Column("project_nr", Text, primary_key=True),
    Column("project_id", Text, ForeignKey(f"{SCHEMA}.costbook_projects.project_id"), nullable=False),
    _since(),
    Index("ix_project_links_project", "project_id"),
)

budgets = Table(
    "budgets",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("organization_id", Text, nullable=False),
    Column("project_id", Text, ForeignKey(f"{SCHEMA}.costbook_projects.project_id"), nullable=False),
    _text("wbs_element", None),
    _amount("amount"),
    Column("currency", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    _since(),
    _text("source"),
    Index("ix_budgets_project", "organization_id", "project_id"),
)

closed_periods = Table(
    "closed_periods",
    metadata,
    Column("organization_id", Text, primary_key=True),
    Column("fiscal_year", Text, primary_key=True),
    Column("fiscal_period", Text, primary_key=True),
    Column("closed_at", Moment, nullable=False, server_default=NOW),
    _text("closed_by"),
)

period_figures = Table(
    "period_figures",
    metadata,
    Column("organization_id", Text, primary_key=True),
    Column("fiscal_year", Text, primary_key=True),
    Column("fiscal_period", Text, primary_key=True),
    Column("project_id", Text, primary_key=True),
    Column("figures", JSONB, nullable=False),
)

# What figures add up, per cell, kept by triggers in the transaction that changes a fact, whoever changes it. ``period``
# is that of actuals; ``kind`` says what relieves commitments, and of actuals whether they have an ``order``; of both
# whether the labour of another system counts instead (``other_labour_source``); ``known`` says that the source still
# shows them.
project_sums = Table(
    "project_sums",
    metadata,
    *(
        Column(name, Text, primary_key=True)
        for name in (
            "organization_id",
            "project_id",
            "fact",
            "system",
            "project_nr",
            "wbs_element",
            "currency",
            "company_currency",
            "period",
            "kind",
        )
    ),
    Column("counts", Boolean, primary_key=True),
    Column("known", Boolean, primary_key=True),
    Column("rows", BigInteger, nullable=False),
    *(
        Column(f"{currency}{name}", Numeric, nullable=False)
        for currency in ("", "company_")
        for name in ("ordered", "relieved", "open", "actual")
    ),
    _since(),
    Index("ix_project_sums_empty", "rows", postgresql_where=text("rows = 0")),
)

# --- what was ------------------------------------------------------------------------------------------------------


def _history(table: Table, *by: str) -> Table:
    """The earlier versions of a table's rows; ``valid_to`` comes first, so that both tables grow at the same end."""
    columns = [Column(c.name, c.type, nullable=c.nullable) for c in table.c]
    name = f"{table.name}_history"
    return Table(
        name, metadata, Column("valid_to", Moment, nullable=False), *columns, Index(f"ix_{name}_place", *by, "valid_to")
    )


HISTORY = {
    table.name: _history(table, "organization_id", by)
    for table, by in (
        (commitments, "project_id"),
        (actuals, "project_id"),
        (rejections, "project_nr"),
        (wbs_elements, "project_nr"),
        (costbook_projects, "project_id"),
        (project_links, "project_id"),
        (budgets, "project_id"),
        (raw_records, "source_key"),
        (project_sums, "project_id"),
    )
}


for _fact in ("commitments", "actuals"):
    Index(f"ix_{_fact}_history_ended", HISTORY[_fact].c.valid_to, postgresql_using="brin")


def at(table: Table, moment: datetime | None) -> FromClause:
    """The table as it was at the moment, with the same columns; None is now."""
    if moment is None:
        return table
    past = HISTORY[table.name]
    current = select(table).where(table.c.last_changed_at <= moment)
    earlier = select(*(past.c[column.name] for column in table.c))
    earlier = earlier.where(past.c.last_changed_at <= moment, past.c.valid_to > moment)
    return union_all(current, earlier).subquery(table.name)


def of_link(source: Any, link: Any) -> ColumnElement[bool]:
    """Whether a source's thing is of the linked source project: the same system, number and company.

    One that names no company is meant for the project of that number, whichever company that is in.
    """
    return and_(
        link.organization_id == source.organization_id,
        link.system == source.system,
        link.project_nr == source.project_nr,
        or_(link.company_code == source.company_code, source.company_code == "", link.company_code == ""),
    )
