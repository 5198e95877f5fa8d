"""Closing a period keeps what was signed; what comes later is late (DOMAIN R14)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from ppm_pipelines import costbook, database, periods, portfolio, tables
from ppm_pipelines_tests.test_load import actual, commitment, rows, sync

pytestmark = pytest.mark.usefixtures("database_url")


@pytest.fixture(autouse=True)
def _organization(database_url: str) -> None:  # noqa: ARG001
    with database.owner() as connection:
        connection.execute(sa.text("insert into ppm.organizations (organization_id, name) values ('default', 'D')"))


def close(year: int = 2026, period: int = 3) -> dict[str, Any]:
    with database.scoped("default") as connection:
        return periods.close(connection, "default", year, period, "carla@example.com")


def test_a_closed_period_keeps_every_project_s_figures() -> None:
    sync([commitment()], [actual()])
    closed = close()
    assert (closed["fiscal_year"], closed["fiscal_period"], closed["closed_by"]) == ("2026", "003", "carla@example.com")
    sync([commitment(ordered="999.00")], [actual()])
    with database.scoped("default") as connection:
        kept = periods.read(connection, "default", 2026, 3)
        [current] = costbook.project_figures(connection)
    assert kept is not None
    [signed] = kept["projects"]
    assert (signed["committed"], current["committed"]) == ("100.00", "999.00")
    assert kept["totals"][0]["committed"] == "100.00"


def test_closing_again_changes_nothing() -> None:
    sync([commitment()])
    first = close()
    sync([commitment(ordered="1.00")])
    assert close() == first
    assert rows("select count(*) from ppm.audit_log where what = 'closed'") == [(1,)]


def test_what_is_posted_into_a_closed_period_later_counts_and_is_shown_as_late() -> None:
    sync([], [actual(amount="40.00")])
    close()
    sync([], [actual(amount="40.00"), actual("1010/2026/0100000002/000001", amount="7.50")])
    with database.scoped("default") as connection:
        [one] = costbook.project_figures(connection)
        table = tables.actuals
        late = connection.execute(sa.select(table.c.fi_doc_no).where(portfolio.is_late(table))).all()
    assert one["actual"] == "47.50"
    assert one["late"] == [
        {"fiscal_year": "2026", "fiscal_period": "003", "rows": 1, "currency": "EUR", "amount": "7.50"}
    ]
    assert [row.fi_doc_no for row in late] == ["0100000002"]


def test_a_period_that_runs_cannot_be_closed() -> None:
    today = datetime.now(UTC).date()
    with pytest.raises(periods.NotOver, match="Close it after that day"):
        close(today.year + 1, 1)
    assert rows("select count(*) from ppm.closed_periods") == [(0,)]


@pytest.mark.parametrize("period", [0, 17, -1])
def test_there_are_sixteen_periods(period: int) -> None:
    with pytest.raises(ValueError, match="There is no period"):
        close(2026, period)


@pytest.mark.parametrize(
    ("period", "last"),
    [(1, date(2024, 1, 31)), (2, date(2024, 2, 29)), (12, date(2024, 12, 31)), (16, date(2024, 12, 31))],
)
def test_a_period_ends_with_its_month(period: int, last: date) -> None:
    assert periods.end_of(2024, period) == last


def test_working_days_skip_the_weekend() -> None:
    assert periods.working_days_after(date(2026, 10, 31), 1) == date(2026, 11, 2)
    assert periods.working_days_after(date(2026, 10, 31), 6) == date(2026, 11, 9)


def test_last_month_is_due_after_the_working_days_that_were_set_and_only_once() -> None:
    with database.owner() as connection:
        connection.execute(sa.text("update ppm.organizations set close_after_working_days = 3"))
        early, on_time = datetime(2026, 11, 3, 12, tzinfo=UTC), datetime(2026, 11, 4, 12, tzinfo=UTC)
        assert list(periods.due(connection, early)) == []
        assert list(periods.due(connection, on_time)) == [("default", 2026, 10)]
        periods.close(connection, "default", 2026, 10, "schedule")
        assert list(periods.due(connection, on_time)) == []


def test_nothing_closes_by_itself_unless_it_was_set() -> None:
    with database.owner() as connection:
        assert list(periods.due(connection)) == []
