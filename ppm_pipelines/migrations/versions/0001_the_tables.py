"""the tables

Revision: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "actuals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("company_code", sa.Text(), server_default="", nullable=False),
        sa.Column("fiscal_year", sa.Text(), server_default="", nullable=False),
        sa.Column("fiscal_period", sa.Text(), server_default="", nullable=False),
        sa.Column("ledger", sa.Text(), server_default="", nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("project_nr", sa.Text(), nullable=False),
        sa.Column("fi_doc_no", sa.Text(), nullable=False),
        sa.Column("fi_doc_line", sa.Text(), nullable=False),
        sa.Column("document_type", sa.Text(), server_default="", nullable=False),
        sa.Column("po_no", sa.Text(), nullable=True),
        sa.Column("po_line_no", sa.Text(), nullable=True),
        sa.Column("vendor", sa.Text(), server_default="", nullable=False),
        sa.Column("vendor_description", sa.Text(), server_default="", nullable=False),
        sa.Column("vendor_invoice_no", sa.Text(), nullable=True),
        sa.Column("posting_date", sa.Date(), nullable=False),
        sa.Column("document_date", sa.Date(), nullable=True),
        sa.Column("gl_account", sa.Text(), nullable=True),
        sa.Column("cost_center", sa.Text(), nullable=True),
        sa.Column("wbs_element", sa.Text(), nullable=True),
        sa.Column("item_text", sa.Text(), server_default="", nullable=False),
        sa.Column("quantity", sa.Numeric(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("net_due_date", sa.Date(), nullable=True),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("reversal_of", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("amount", sa.Numeric(precision=23, scale=5), nullable=False),
        sa.Column("tax_amount", sa.Numeric(precision=23, scale=5), nullable=True),
        sa.Column("retained_amount", sa.Numeric(precision=23, scale=5), nullable=True),
        sa.Column("company_currency", sa.Text(), nullable=False),
        sa.Column("company_amount", sa.Numeric(precision=23, scale=5), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("not_counted_reason", sa.Text(), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_reason", sa.Text(), nullable=True),
        sa.Column(
            "custom_fields",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actuals")),
        sa.UniqueConstraint(
            "organization_id", "system", "source_key", name=op.f("uq_actuals_organization_id_system_source_key")
        ),
        schema="ppm",
    )
    op.create_index(
        "ix_actuals_project",
        "actuals",
        ["organization_id", "project_id", sa.literal_column("posting_date desc")],
        unique=False,
        schema="ppm",
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("who", sa.Text(), server_default="", nullable=False),
        sa.Column("what", sa.Text(), server_default="", nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
        schema="ppm",
    )
    op.create_table(
        "commitments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("company_code", sa.Text(), server_default="", nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("project_nr", sa.Text(), nullable=False),
        sa.Column("po_number", sa.Text(), nullable=False),
        sa.Column("po_line_nr", sa.Text(), nullable=False),
        sa.Column("assignment_nr", sa.Text(), nullable=False),
        sa.Column("po_status", sa.Text(), server_default="", nullable=False),
        sa.Column("vendor", sa.Text(), server_default="", nullable=False),
        sa.Column("vendor_description", sa.Text(), server_default="", nullable=False),
        sa.Column("requester", sa.Text(), server_default="", nullable=False),
        sa.Column("po_date", sa.Date(), nullable=True),
        sa.Column("po_line_text", sa.Text(), server_default="", nullable=False),
        sa.Column("delivery_date", sa.Date(), nullable=True),
        sa.Column("cost_center", sa.Text(), nullable=True),
        sa.Column("wbs_element", sa.Text(), nullable=True),
        sa.Column("gl_account", sa.Text(), nullable=True),
        sa.Column("account_group_level1", sa.Text(), nullable=True),
        sa.Column("account_subgroup_level2", sa.Text(), nullable=True),
        sa.Column("account_level3", sa.Text(), nullable=True),
        sa.Column("contract_number", sa.Text(), nullable=True),
        sa.Column("purchase_requisition", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("ordered_amount", sa.Numeric(precision=23, scale=5), nullable=False),
        sa.Column("relieved_amount", sa.Numeric(precision=23, scale=5), nullable=False),
        sa.Column("open_amount", sa.Numeric(precision=23, scale=5), nullable=False),
        sa.Column("tax_amount", sa.Numeric(precision=23, scale=5), nullable=True),
        sa.Column("company_currency", sa.Text(), nullable=False),
        sa.Column("company_ordered_amount", sa.Numeric(precision=23, scale=5), nullable=False),
        sa.Column("company_relieved_amount", sa.Numeric(precision=23, scale=5), nullable=False),
        sa.Column("company_open_amount", sa.Numeric(precision=23, scale=5), nullable=False),
        sa.Column("exchange_rate", sa.Numeric(), nullable=True),
        sa.Column("exchange_rate_date", sa.Date(), nullable=True),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("not_counted_reason", sa.Text(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.Column(
            "custom_fields",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_commitments")),
        sa.UniqueConstraint(
            "organization_id", "system", "source_key", name=op.f("uq_commitments_organization_id_system_source_key")
        ),
        schema="ppm",
    )
    op.create_index(
        "ix_commitments_project",
        "commitments",
        ["organization_id", "project_id", "po_number"],
        unique=False,
        schema="ppm",
    )
    op.create_table(
        "connectors",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("schedule", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Text(), server_default="", nullable=False),
        sa.Column("tested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("test_ok", sa.Boolean(), nullable=True),
        sa.Column("test_checks", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "system", name=op.f("pk_connectors")),
        schema="ppm",
    )
    op.create_table(
        "costbook_projects",
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("project_nr", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_costbook_projects")),
        schema="ppm",
    )
    op.create_index(
        "ix_costbook_projects_number",
        "costbook_projects",
        ["organization_id", "project_nr"],
        unique=False,
        schema="ppm",
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body_hash", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "caller", "key", name=op.f("pk_idempotency_keys")),
        schema="ppm",
    )
    op.create_table(
        "integration_config",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_by", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "system", "key", name=op.f("pk_integration_config")),
        schema="ppm",
    )
    op.create_table(
        "organizations",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("time_zone", sa.Text(), server_default="Europe/Berlin", nullable=False),
        sa.Column("company_currency", sa.Text(), server_default="EUR", nullable=False),
        sa.Column("fiscal_year_variant", sa.Text(), server_default="K4", nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_organizations")),
        schema="ppm",
    )
    op.create_table(
        "projects",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("project_nr", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("start_date", sa.Date(), nullable=True),
        sa.Column("end_date", sa.Date(), nullable=True),
        sa.Column("budget", sa.Numeric(precision=23, scale=5), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("company_code", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "custom_fields",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sa.UniqueConstraint(
            "organization_id", "system", "source_key", name=op.f("uq_projects_organization_id_system_source_key")
        ),
        schema="ppm",
    )
    op.create_table(
        "rejections",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("amount", sa.Numeric(precision=23, scale=5), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("project_nr", sa.Text(), nullable=True),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("rejected_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejections")),
        sa.UniqueConstraint(
            "organization_id",
            "system",
            "entity",
            "source_key",
            name=op.f("uq_rejections_organization_id_system_entity_source_key"),
        ),
        schema="ppm",
    )
    op.create_table(
        "sync_runs",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), server_default="", nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dagster_run_id", sa.Text(), nullable=True),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("rows", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("pages", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_sync_runs")),
        schema="ppm",
    )
    op.create_index(
        "ix_sync_runs_newest",
        "sync_runs",
        ["organization_id", "system", sa.literal_column("requested_at desc")],
        unique=False,
        schema="ppm",
    )
    op.create_index(
        "one_active_sync",
        "sync_runs",
        ["organization_id", "system", "entity"],
        unique=True,
        schema="ppm",
        postgresql_where=sa.text("status in ('queued', 'running') and not dry_run"),
    )
    op.create_table(
        "sync_state",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("state", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "system", "entity", name=op.f("pk_sync_state")),
        schema="ppm",
    )
    op.create_table(
        "wbs_elements",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("project_nr", sa.Text(), nullable=False),
        sa.Column("wbs_element", sa.Text(), nullable=False),
        sa.Column("internal_id", sa.Text(), server_default="", nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("parent", sa.Text(), nullable=True),
        sa.Column("statistical", sa.Boolean(), nullable=False),
        sa.Column("company_code", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wbs_elements")),
        sa.UniqueConstraint(
            "organization_id", "system", "source_key", name=op.f("uq_wbs_elements_organization_id_system_source_key")
        ),
        schema="ppm",
    )
    op.create_table(
        "budgets",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.Column("wbs_element", sa.Text(), nullable=True),
        sa.Column("amount", sa.Numeric(precision=23, scale=5), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["ppm.costbook_projects.project_id"], name=op.f("fk_budgets_project_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_budgets")),
        schema="ppm",
    )
    op.create_index("ix_budgets_project", "budgets", ["organization_id", "project_id"], unique=False, schema="ppm")
    op.create_table(
        "project_links",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("company_code", sa.Text(), nullable=False),
        sa.Column("project_nr", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["ppm.costbook_projects.project_id"], name=op.f("fk_project_links_project_id")
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "system", "company_code", "project_nr", name=op.f("pk_project_links")
        ),
        schema="ppm",
    )
    op.create_index("ix_project_links_project", "project_links", ["project_id"], unique=False, schema="ppm")


def downgrade() -> None:
    op.drop_index("ix_project_links_project", table_name="project_links", schema="ppm")
    op.drop_table("project_links", schema="ppm")
    op.drop_index("ix_budgets_project", table_name="budgets", schema="ppm")
    op.drop_table("budgets", schema="ppm")
    op.drop_table("wbs_elements", schema="ppm")
    op.drop_table("sync_state", schema="ppm")
    op.drop_index(
        "one_active_sync",
        table_name="sync_runs",
        schema="ppm",
        postgresql_where=sa.text("status in ('queued', 'running') and not dry_run"),
    )
    op.drop_index("ix_sync_runs_newest", table_name="sync_runs", schema="ppm")
    op.drop_table("sync_runs", schema="ppm")
    op.drop_table("rejections", schema="ppm")
    op.drop_table("projects", schema="ppm")
    op.drop_table("organizations", schema="ppm")
    op.drop_table("integration_config", schema="ppm")
    op.drop_table("idempotency_keys", schema="ppm")
    op.drop_index("ix_costbook_projects_number", table_name="costbook_projects", schema="ppm")
    op.drop_table("costbook_projects", schema="ppm")
    op.drop_table("connectors", schema="ppm")
    op.drop_index("ix_commitments_project", table_name="commitments", schema="ppm")
    op.drop_table("commitments", schema="ppm")
    op.drop_table("audit_log", schema="ppm")
    op.drop_index("ix_actuals_project", table_name="actuals", schema="ppm")
    op.drop_table("actuals", schema="ppm")
