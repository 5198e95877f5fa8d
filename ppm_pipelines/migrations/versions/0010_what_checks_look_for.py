"""Indexes over the rows that checks look for, of which there should be none

Revision: 0010, after 0009
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SOUGHT = {
    "ix_commitments_incomplete": (
        "commitments",
        "source_key = '' or project_id = '' or project_nr = '' or po_number = '' or po_line_nr = '' or currency = ''",
    ),
    "ix_commitments_not_adding_up": (
        "commitments",
        "counts and (open_amount <> 0 and open_amount <> ordered_amount - relieved_amount"
        " or (open_amount = 0) <> (company_open_amount = 0))",
    ),
    "ix_actuals_incomplete": (
        "actuals",
        "source_key = '' or project_id = '' or project_nr = '' or fi_doc_no = '' or currency = ''",
    ),
}


def upgrade() -> None:
    for name, (table, wrong) in SOUGHT.items():
        op.create_index(name, table, ["organization_id", "system"], schema="ppm", postgresql_where=wrong)


def downgrade() -> None:
    for name in SOUGHT:
        op.drop_index(name, schema="ppm")
