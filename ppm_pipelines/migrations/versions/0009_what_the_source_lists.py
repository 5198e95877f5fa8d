"""Whether the source still lists a row, apart from why the row ended

Revision: 0009, after 0008
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

REASONS = {"commitments": "closed_reason", "actuals": "removed_reason"}
GONE = "('vanished', 'invoiced', 'deleted', 'out_of_scope')"  # by these reasons alone it was known until now


def upgrade() -> None:
    for fact, reason in REASONS.items():
        for table in (fact, f"{fact}_history"):
            listed: sa.Column[Any] = sa.Column("listed", sa.Boolean(), server_default=sa.text("true"), nullable=False)
            op.add_column(table, listed, schema="ppm")
            # Nothing changed: no version, and the sums are as they were.
            op.execute(f"alter table ppm.{table} disable trigger user")
            op.execute(f"update ppm.{table} set listed = false where {reason} in {GONE}")
            op.execute(f"alter table ppm.{table} enable trigger user")
        _know_by(fact, _by_reason(reason), "listed")


def _by_reason(reason: str) -> str:
    return f"coalesce({reason}, '') not in {GONE}"


def _know_by(fact: str, old: str, new: str) -> None:
    for event in ("insert", "update", "delete"):
        function = f"ppm.sum_{fact}_on_{event}()"
        told = f"replace(pg_get_functiondef('{function}'::regprocedure), $old${old}$old$, $new${new}$new$)"
        op.execute(f"do $do$ begin execute {told}; end $do$")


def downgrade() -> None:
    for fact, reason in REASONS.items():
        # As the next full read would have told it; the sums follow.
        op.execute(
            f"update ppm.{fact} set {reason} = 'vanished', last_changed_at = now()"
            f" where not listed and {_by_reason(reason)}"
        )
        _know_by(fact, "listed", _by_reason(reason))
        for table in (fact, f"{fact}_history"):
            op.drop_column(table, "listed", schema="ppm")
