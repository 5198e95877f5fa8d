"""Stored sums: what figures add up is added up when a fact changes, in its transaction

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MINE = "current_setting('ppm.organization_id', true) in (organization_id, '*')"
# Facts of the same cell are one row of sums.
CELL = (
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
    "counts",
    "known",
)
SUMS = ("ordered", "relieved", "open", "actual")
MONEY = (*SUMS, *(f"company_{name}" for name in SUMS))
COMMON = (
    "organization_id, project_id, '{fact}', system, project_nr, coalesce(wbs_element, ''), currency, company_currency"
)
GONE = "('vanished', 'invoiced', 'deleted', 'out_of_scope')"  # the source does not list them any more
# The cell and the money of one fact.
FACTS = {
    "commitments": f"{COMMON}, '', relieved_by, counts, coalesce(closed_reason, '') not in {GONE},"
    " ordered_amount, relieved_amount, open_amount, 0, company_ordered_amount, company_relieved_amount,"
    " company_open_amount, 0",
    "actuals": f"{COMMON}, fiscal_year || '/' || fiscal_period, case when coalesce(po_no, '') = '' then '' else 'order'"
    f" end, counts and removed_at is null, coalesce(removed_reason, '') not in {GONE},"
    " 0, 0, 0, amount, 0, 0, 0, company_amount",
}
EVENTS = {
    "insert": ("referencing new table as after", {"after": 1}),
    "update": ("referencing old table as before new table as after", {"before": -1, "after": 1}),
    "delete": ("referencing old table as before", {"before": -1}),
}
# What came or ended after a moment: rows lie about in the order of time.
BY_TIME = (
    ("ix_actuals_seen", "actuals", "first_seen_at"),
    *((f"ix_{fact}_changed", fact, "last_changed_at") for fact in FACTS),
    *((f"ix_{fact}_history_ended", f"{fact}_history", "valid_to") for fact in FACTS),
)
CELLS, AMOUNTS = ", ".join(CELL), ", ".join(MONEY)


def _told(fact: str) -> str:
    return FACTS[fact].replace("{fact}", fact)


def _function(fact: str, event: str, changed: dict[str, int]) -> str:
    told = " union all ".join(f"select {sign}, {_told(fact)} from {table}" for table, sign in changed.items())
    return f"""
create function ppm.sum_{fact}_on_{event}() returns trigger language plpgsql security definer set search_path = ppm
as $$
begin
  insert into project_sums as s ({CELLS}, rows, {AMOUNTS})
  select {CELLS}, sum(sign), {", ".join(f"sum(sign * {name})" for name in MONEY)}
    from ({told}) as d (sign, {CELLS}, {AMOUNTS}) group by {CELLS}
  having sum(sign) <> 0{"".join(f" or sum(sign * {name}) <> 0" for name in MONEY)}
  on conflict ({CELLS}) do update set rows = s.rows + excluded.rows,
    {", ".join(f"{name} = s.{name} + excluded.{name}" for name in MONEY)}, last_changed_at = moment();
  delete from project_sums where rows = 0;
  return null;
end $$
"""


def upgrade() -> None:
    # What a sync writes meanwhile would be in no sum: its facts come before the triggers, or after them.
    op.execute("lock table ppm.commitments, ppm.actuals in share row exclusive mode")
    op.create_table(
        "project_sums",
        *(sa.Column(name, sa.Text(), nullable=False) for name in CELL[:-2]),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in CELL[-2:]),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.Numeric(), nullable=False) for name in MONEY),
        sa.Column(
            "last_changed_at", sa.DateTime(timezone=True), server_default=sa.text("ppm.moment()"), nullable=False
        ),
        sa.PrimaryKeyConstraint(*CELL, name="pk_project_sums"),
        schema="ppm",
    )
    op.create_index("ix_project_sums_empty", "project_sums", ["rows"], schema="ppm", postgresql_where="rows = 0")
    op.execute("create table ppm.project_sums_history (valid_to timestamptz not null, like ppm.project_sums)")
    op.create_index(
        "ix_project_sums_history_place",
        "project_sums_history",
        ["organization_id", "project_id", "valid_to"],
        schema="ppm",
    )
    for name, table, column in BY_TIME:
        op.create_index(name, table, [column], schema="ppm", postgresql_using="brin")
    _add_up_what_is_there()
    for event in ("update", "delete"):
        op.execute(
            f"create trigger keep_version_on_{event} after {event} on ppm.project_sums"
            " referencing old table as before for each statement execute function ppm.keep_version()"
        )
    for fact in FACTS:
        for event, (tables, changed) in EVENTS.items():
            op.execute(_function(fact, event, changed))
            op.execute(
                f"create trigger sum_on_{event} after {event} on ppm.{fact} {tables}"
                f" for each statement execute function ppm.sum_{fact}_on_{event}()"
            )
    for table in ("project_sums", "project_sums_history"):
        op.execute(f"alter table ppm.{table} enable row level security")
        op.execute(f"create policy one_organization on ppm.{table} to ppm_api using ({MINE}) with check ({MINE})")
        op.execute(f"grant select on ppm.{table} to ppm_api")


def _add_up_what_is_there() -> None:
    """Every moment at which a fact began or ended is a version of its cell's sums."""
    changes = " union all ".join(
        f"select last_changed_at, 1, {_told(fact)} from ppm.{fact}"
        f" union all select last_changed_at, 1, {_told(fact)} from ppm.{fact}_history"
        f" union all select valid_to, -1, {_told(fact)} from ppm.{fact}_history"
        for fact in FACTS
    )
    running = ", ".join(
        f"sum(sum(sign * {name})) over (partition by {CELLS} order by moment) as {name}" for name in MONEY
    )
    op.execute(
        f"create temp table versions on commit drop as select {CELLS}, moment, lead(moment) over (partition by {CELLS}"
        f" order by moment) as valid_to, sum(sum(sign)) over (partition by {CELLS} order by moment) as rows, {running}"
        f" from ({changes}) as d (moment, sign, {CELLS}, {AMOUNTS}) group by {CELLS}, moment"
    )
    columns = f"{CELLS}, rows, {AMOUNTS}"
    op.execute(
        f"insert into ppm.project_sums ({columns}, last_changed_at) select {columns}, moment from versions"
        " where valid_to is null and rows > 0"
    )
    op.execute(
        f"insert into ppm.project_sums_history (valid_to, {columns}, last_changed_at)"
        f" select valid_to, {columns}, moment from versions where valid_to is not null and rows > 0"
    )


def downgrade() -> None:
    for fact in FACTS:
        for event in EVENTS:
            op.execute(f"drop trigger sum_on_{event} on ppm.{fact}")
            op.execute(f"drop function ppm.sum_{fact}_on_{event}()")
    for name, table, _ in BY_TIME:
        op.drop_index(name, table, schema="ppm")
    op.drop_table("project_sums_history", schema="ppm")
    op.drop_table("project_sums", schema="ppm")
