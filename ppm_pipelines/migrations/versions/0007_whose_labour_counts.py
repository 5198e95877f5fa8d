"""Labour: which lines are, whose counts in a project, what does not count because another's does; erased people

Revision: 0007, after 0006
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# What of the lines that are there is known to be labour; a line of SAP tells it when it is read again.
IS_LABOUR = {
    "commitments": "system = 'jira'",
    "actuals": "system = 'jira' or system = 'dynamics' and coalesce(po_no, '') = ''"
    " and (document_type = 'Time' or document_type ~ '(^| )Hour$')",
}
# The kind of a cell of stored sums, before and after.
KINDS = {
    "commitments": (
        "relieved_by, counts",
        "case when not_counted_reason = 'other_labour_source' then 'other_labour_source' else relieved_by end, counts",
    ),
    "actuals": (
        "case when coalesce(po_no, '') = '' then",
        "case when not_counted_reason = 'other_labour_source' and removed_at is null then 'other_labour_source'"
        " when coalesce(po_no, '') = '' then",
    ),
}


# Erasing a person must not leave a version that names them.
KEEP_VERSION = (
    "begin\n",
    "begin\n  if current_setting('ppm.keeps_no_versions', true) = 'on' then return null; end if;\n",
)
PERSON = ("organization_id", "system", "stands_for")


def upgrade() -> None:
    for table in ("costbook_projects", "costbook_projects_history"):
        op.add_column(table, sa.Column("labour_source", sa.Text(), nullable=True), schema="ppm")
        left_out: sa.Column[Any] = sa.Column(
            "labour_left_out", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False
        )
        op.add_column(table, left_out, schema="ppm")
    for fact in IS_LABOUR:
        for table in (fact, f"{fact}_history"):
            labour: sa.Column[bool] = sa.Column("labour", sa.Boolean(), server_default=sa.text("false"), nullable=False)
            op.add_column(table, labour, schema="ppm")
            # What a line is did not change; that it is said now is no version of it.
            op.execute(f"alter table ppm.{table} disable trigger user")
            op.execute(f"update ppm.{table} set labour = true where {IS_LABOUR[fact]}")
            op.execute(f"alter table ppm.{table} enable trigger user")
        place = ["organization_id", "project_id", "system", "counts"]
        op.create_index(f"ix_{fact}_labour", fact, place, schema="ppm", postgresql_where=sa.text("labour"))
        op.execute(f"grant update (counts, not_counted_reason) on ppm.{fact} to ppm_api")
        _tell_kind(fact, *KINDS[fact])
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "erased_people",
        *(sa.Column(name, sa.Text(), nullable=False) for name in PERSON),
        sa.Column("erased_at", moment, server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint(*PERSON, name="pk_erased_people"),
        schema="ppm",
    )
    _replace("keep_version", *KEEP_VERSION)
    # Nobody but the owner has any business with them.
    op.execute("alter table ppm.erased_people enable row level security")


def _tell_kind(fact: str, old: str, new: str) -> None:
    for event in ("insert", "update", "delete"):
        _replace(f"sum_{fact}_on_{event}", old, new)


def _replace(function: str, old: str, new: str) -> None:
    told = f"replace(pg_get_functiondef('ppm.{function}()'::regprocedure), $old${old}$old$, $new${new}$new$)"
    op.execute(f"do $do$ begin execute {told}; end $do$")


def downgrade() -> None:
    op.drop_table("erased_people", schema="ppm")
    _replace("keep_version", *reversed(KEEP_VERSION))
    for fact, (old, new) in KINDS.items():
        op.execute(
            f"update ppm.{fact} set counts = true, not_counted_reason = null, last_changed_at = now()"
            " where not_counted_reason = 'other_labour_source'"
        )
        _tell_kind(fact, new, old)
        op.execute(f"revoke update (counts, not_counted_reason) on ppm.{fact} from ppm_api")
        op.drop_index(f"ix_{fact}_labour", fact, schema="ppm")
        for table in (fact, f"{fact}_history"):
            op.drop_column(table, "labour", schema="ppm")
    for table in ("costbook_projects", "costbook_projects_history"):
        for column in ("labour_source", "labour_left_out"):
            op.drop_column(table, column, schema="ppm")
