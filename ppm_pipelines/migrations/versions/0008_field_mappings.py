"""Field mappings: versions of an administrator's lines, what they lie over, and the fields that sources have

Revision: 0008, after 0007
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

MINE = "current_setting('ppm.organization_id', true) in (organization_id, '*')"
PLACE = ("organization_id", "system", "entity")
# Versioned rows are copied whole: what a table gets, its history gets.
OVERLAID = ("projects", "commitments", "commitments_history", "actuals", "actuals_history")


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default="", nullable=False)


def _json(name: str) -> sa.Column[Any]:
    return sa.Column(name, postgresql.JSONB(), nullable=False)


def upgrade() -> None:
    for name in ("raw_stream", "raw_key"):
        op.add_column("projects", _text(name), schema="ppm")
    # Every system's raw projects are in a stream of their own, under the keys of the projects.
    op.execute(
        "update ppm.projects p set raw_stream = r.stream, raw_key = r.source_key from ppm.raw_records r"
        " where r.organization_id = p.organization_id and r.system = p.system and r.source_key = p.source_key"
        " and r.stream like '%projects'"
    )
    for table in OVERLAID:
        overlaid: sa.Column[Any] = sa.Column("overlaid", postgresql.JSONB(), server_default="{}", nullable=False)
        op.add_column(table, overlaid, schema="ppm")
    op.add_column("sync_runs", sa.Column("mapping_versions", postgresql.JSONB(), nullable=True), schema="ppm")
    _create_tables()
    for table, rights in {"field_mappings": "select, insert, update", "source_fields": "select"}.items():
        op.execute(f"alter table ppm.{table} enable row level security")
        op.execute(f"create policy one_organization on ppm.{table} to ppm_api using ({MINE}) with check ({MINE})")
        op.execute(f"grant {rights} on ppm.{table} to ppm_api")


def _create_tables() -> None:
    moment = sa.DateTime(timezone=True)
    now = sa.text("clock_timestamp()")
    op.create_table(
        "field_mappings",
        *(sa.Column(name, sa.Text(), nullable=False) for name in PLACE),
        sa.Column("version", sa.Integer(), nullable=False),
        *(_json(name) for name in ("lines", "ignored", "rejected")),
        sa.Column("saved_at", moment, server_default=now, nullable=False),
        _text("saved_by"),
        _text("reason"),
        sa.Column("restored_from", sa.Integer(), nullable=True),
        sa.Column("applied_run_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint(*PLACE, "version", name="pk_field_mappings"),
        schema="ppm",
    )
    op.create_table(
        "source_fields",
        *(sa.Column(name, sa.Text(), nullable=False) for name in (*PLACE, "name")),
        *(_text(name) for name in ("type", "label_en", "label_de")),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("custom", "read")),
        *(sa.Column(name, moment, nullable=False) for name in ("first_seen_at", "asked_at")),
        sa.Column("drifted_at", moment, nullable=True),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("drift", "was_type")),
        sa.PrimaryKeyConstraint(*PLACE, "name", name="pk_source_fields"),
        schema="ppm",
    )


def downgrade() -> None:
    for table in ("source_fields", "field_mappings"):
        op.drop_table(table, schema="ppm")
    op.drop_column("sync_runs", "mapping_versions", schema="ppm")
    for table in OVERLAID:
        op.drop_column(table, "overlaid", schema="ppm")
    for name in ("raw_stream", "raw_key"):
        op.drop_column("projects", name, schema="ppm")
