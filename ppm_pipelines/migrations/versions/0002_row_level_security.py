"""Row level security: role ppm_api sees and changes one organisation's rows

Revision: 0002, after 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

READ = ("projects", "wbs_elements", "commitments", "actuals", "rejections", "sync_runs", "sync_state", "organizations")
WRITTEN = ("integration_config", "connectors", "audit_log", "costbook_projects", "project_links", "budgets")
OWNERS_ONLY = ("idempotency_keys",)
MINE = "current_setting('ppm.organization_id', true) in (organization_id, '*')"


def upgrade() -> None:
    # Where the user may create no roles, an administrator has made this one; PostgreSQL asks for the right first.
    op.execute(
        "do $$ begin if not exists (select from pg_roles where rolname = 'ppm_api') then create role ppm_api nologin;"
        " end if; exception when duplicate_object or unique_violation then null; end $$"
    )
    # Who migrates is who the product connects as; it becomes ppm_api for statements about one organisation.
    op.execute(
        "do $$ begin if not pg_has_role(current_user, 'ppm_api', 'member') then grant ppm_api to current_user;"
        " end if; end $$"
    )
    op.execute("grant usage on schema ppm to ppm_api")
    for table in (*READ, *WRITTEN, *OWNERS_ONLY):
        op.execute(f"alter table ppm.{table} enable row level security")
        op.execute(f"create policy one_organization on ppm.{table} to ppm_api using ({MINE}) with check ({MINE})")
    for table in (*READ, *WRITTEN):
        op.execute(f"grant select on ppm.{table} to ppm_api")
    for table in WRITTEN:
        op.execute(f"grant insert, update, delete on ppm.{table} to ppm_api")
    # A budget or link of another project is a mistake of ours; a changed fact would be a lie about the source. The
    # one thing of a fact that people decide is which of their projects it belongs to.
    for table in ("commitments", "actuals"):
        op.execute(f"grant update (project_id) on ppm.{table} to ppm_api")


def downgrade() -> None:
    for table in (*READ, *WRITTEN, *OWNERS_ONLY):
        op.execute(f"drop policy one_organization on ppm.{table}")
        op.execute(f"alter table ppm.{table} disable row level security")
    op.execute("revoke all on all tables in schema ppm from ppm_api")
    op.execute("revoke usage on schema ppm from ppm_api")
