"""The moment of a change: a transaction that waited for a merge is later than it

Revision: 0004, after 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STAMPED = ("costbook_projects", "project_links", "budgets", "rejections", "raw_records")
# now() is the beginning of the transaction; whoever had to wait after it says so (``database.between_merges``).
MOMENT = """
create function ppm.moment() returns timestamptz language sql stable as $$
  select coalesce(nullif(current_setting('ppm.moment', true), '')::timestamptz, now())
$$
"""
KEEP_VERSION = """
create or replace function ppm.keep_version() returns trigger language plpgsql security definer set search_path = ppm
as $$
begin
  -- What was inserted and changed in one transaction was never visible.
  execute format('insert into ppm.%I select {moment}, b.* from before b where b.last_changed_at < {moment}',
                 tg_table_name || '_history');
  return null;
end $$
"""
STAMP = """
create or replace function ppm.stamp_change() returns trigger language plpgsql as $$
begin
  new.last_changed_at := {moment};
  return new;
end $$
"""


def upgrade() -> None:
    op.execute(MOMENT)
    _stamp_with("ppm.moment()")


def downgrade() -> None:
    _stamp_with("now()")
    op.execute("drop function ppm.moment()")


def _stamp_with(moment: str) -> None:
    op.execute(KEEP_VERSION.replace("{moment}", moment))
    op.execute(STAMP.replace("{moment}", moment))
    for table in STAMPED:
        op.execute(f"alter table ppm.{table} alter column last_changed_at set default {moment}")
