"""Raw records as they came: the text, with its fields in their order; taking it apart cost more than storing it

Revision: 0005, after 0004
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _keep_as("json")


def downgrade() -> None:
    _keep_as("jsonb")


def _keep_as(kind: str) -> None:
    for table in ("raw_records", "raw_records_history"):
        op.execute(f"alter table ppm.{table} alter column record type {kind} using record::{kind}")
