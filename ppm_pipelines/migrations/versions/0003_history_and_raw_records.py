"""Raw records, history, closed periods, and what a run was about

Revision: 0003, after 0002
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

READ = ("raw_records",)
WRITTEN = ("closed_periods", "period_figures")
VERSIONED = {
    "commitments": "project_id",
    "actuals": "project_id",
    "rejections": "project_nr",
    "wbs_elements": "project_nr",
    "costbook_projects": "project_id",
    "project_links": "project_id",
    "budgets": "project_id",
    "raw_records": "source_key",
}
MINE = "current_setting('ppm.organization_id', true) in (organization_id, '*')"

KEEP_VERSION = """
create function ppm.keep_version() returns trigger language plpgsql security definer set search_path = ppm as $$
begin
  -- What was inserted and changed in one transaction was never visible.
  execute format('insert into ppm.%I select now(), b.* from before b where b.last_changed_at < now()',
                 tg_table_name || '_history');
  return null;
end $$
"""
STAMP = """
create function ppm.stamp_change() returns trigger language plpgsql as $$
begin
  new.last_changed_at := now();
  return new;
end $$
"""


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _since() -> sa.Column[datetime]:
    moment = sa.DateTime(timezone=True)
    return sa.Column("last_changed_at", moment, server_default=sa.text("now()"), nullable=False)


def upgrade() -> None:
    _add_columns()
    _create_tables()
    op.execute(KEEP_VERSION)
    op.execute(STAMP)
    for table, by in VERSIONED.items():
        op.execute(f"create table ppm.{table}_history (valid_to timestamptz not null, like ppm.{table})")
        op.create_index(
            f"ix_{table}_history_place", f"{table}_history", ["organization_id", by, "valid_to"], schema="ppm"
        )
        for event in ("update", "delete"):
            op.execute(
                f"create trigger keep_version_on_{event} after {event} on ppm.{table}"
                " referencing old table as before for each statement execute function ppm.keep_version()"
            )
    # People change these, one row at a time; the facts' own writer sets the moment itself.
    for table in ("costbook_projects", "project_links"):
        op.execute(
            f"create trigger stamp_change before update on ppm.{table} for each row execute function ppm.stamp_change()"
        )
    for table in (*READ, *WRITTEN, *(f"{table}_history" for table in VERSIONED)):
        op.execute(f"alter table ppm.{table} enable row level security")
        op.execute(f"create policy one_organization on ppm.{table} to ppm_api using ({MINE}) with check ({MINE})")
        op.execute(f"grant select on ppm.{table} to ppm_api")
    for table in WRITTEN:
        op.execute(f"grant insert, update, delete on ppm.{table} to ppm_api")
    op.execute("grant insert on ppm.organizations to ppm_api")
    # A fact that is moved to another project changes at that moment.
    for table in ("commitments", "actuals"):
        op.execute(f"grant update (last_changed_at) on ppm.{table} to ppm_api")


def _add_columns() -> None:
    money = sa.Column("open_amount", sa.Numeric(precision=23, scale=5), nullable=True)
    center = sa.Column("cost_center", sa.Text(), nullable=True)
    added: dict[str, list[sa.Column[Any]]] = {
        "commitments": [_text("relieved_by"), _text("raw_stream"), _text("raw_key")],
        "actuals": [_text("raw_stream"), _text("raw_key")],
        "rejections": [money, _text("company_code"), center, _text("raw_stream"), _text("raw_key"), _since()],
        "costbook_projects": [_since()],
        "project_links": [_since()],
        "budgets": [_since(), _text("source")],
        "sync_runs": [sa.Column("scope", postgresql.JSONB(), nullable=True)],
        "organizations": [sa.Column("close_after_working_days", sa.Integer(), nullable=True)],
    }
    for table, columns in added.items():
        for column in columns:
            op.add_column(table, column, schema="ppm")


def _create_tables() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "raw_records",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("organization_id", "system", "stream", "source_key")),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("record", postgresql.JSONB(), nullable=False),
        sa.Column("mapping_version", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("last_changed_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "system", "stream", "source_key", name="pk_raw_records"),
        schema="ppm",
    )
    period = ("organization_id", "fiscal_year", "fiscal_period")
    op.create_table(
        "closed_periods",
        *(sa.Column(name, sa.Text(), nullable=False) for name in period),
        sa.Column("closed_at", moment, server_default=sa.text("now()"), nullable=False),
        _text("closed_by"),
        sa.PrimaryKeyConstraint(*period, name="pk_closed_periods"),
        schema="ppm",
    )
    op.create_table(
        "period_figures",
        *(sa.Column(name, sa.Text(), nullable=False) for name in (*period, "project_id")),
        sa.Column("figures", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint(*period, "project_id", name="pk_period_figures"),
        schema="ppm",
    )


def downgrade() -> None:
    op.execute("revoke insert on ppm.organizations from ppm_api")
    for table in VERSIONED:
        for event in ("update", "delete"):
            op.execute(f"drop trigger keep_version_on_{event} on ppm.{table}")
        op.drop_table(f"{table}_history", schema="ppm")
    for table in ("costbook_projects", "project_links"):
        op.execute(f"drop trigger stamp_change on ppm.{table}")
    op.execute("drop function ppm.stamp_change()")
    op.execute("drop function ppm.keep_version()")
    for table in (*READ, *WRITTEN):
        op.drop_table(table, schema="ppm")
    dropped = {
        "commitments": ("relieved_by", "raw_stream", "raw_key"),
        "actuals": ("raw_stream", "raw_key"),
        "rejections": ("open_amount", "company_code", "cost_center", "raw_stream", "raw_key", "last_changed_at"),
        "costbook_projects": ("last_changed_at",),
        "project_links": ("last_changed_at",),
        "budgets": ("last_changed_at", "source"),
        "sync_runs": ("scope",),
        "organizations": ("close_after_working_days",),
    }
    for table, columns in dropped.items():
        for column in columns:
            op.drop_column(table, column, schema="ppm")
