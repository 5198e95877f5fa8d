"""A project's lines are found by the project alone

Their order by number or day was read by nobody, as sums look at all of them; equal keys take a sixteenth of the room,
and a new line goes to the end of its project's and not somewhere between them.

Revision: 0011, after 0010
"""

from alembic import op
from sqlalchemy import TextClause, text

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

ORDERED = {"commitments": text("po_number"), "actuals": text("posting_date desc")}


def _made(fact: str, *order: TextClause) -> None:
    op.drop_index(f"ix_{fact}_project", schema="ppm")
    op.create_index(f"ix_{fact}_project", fact, ["organization_id", "project_id", *order], schema="ppm")


def upgrade() -> None:
    for fact in ORDERED:
        _made(fact)


def downgrade() -> None:
    for fact, order in ORDERED.items():
        _made(fact, order)
