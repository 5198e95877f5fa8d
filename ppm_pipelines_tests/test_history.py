"""What was stays known: as of any time, compared, per line, with the raw records behind it. Against PostgreSQL."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import alembic.command
import alembic.config
import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from ppm_pipelines import breakdown, costbook, database, history, planning
from ppm_pipelines.records import Deleted, Outcome, Page, Project, Raw, Rejection, Skipped
from ppm_pipelines.tables import HISTORY, project_sums
from ppm_pipelines_tests.test_load import actual, commitment, masters, rows, sync

pytestmark = pytest.mark.usefixtures("database_url")
FIGURES = ("budget", "committed", "actual", "open", "total_spend", "variance", "eac", "quarantined")


def now() -> datetime:
    [(moment,)] = rows("select clock_timestamp()")
    found: datetime = moment
    return found


def figures(as_of: datetime | None = None) -> list[dict[str, Any]]:
    with database.scoped("default") as connection:
        return [
            {name: one[name] for name in ("project_nr", *FIGURES, "by_currency")}
            for one in costbook.project_figures(connection, "default", as_of=as_of)
        ]


def project() -> Any:
    with database.owner() as connection:
        return connection.execute(sa.text("select * from ppm.costbook_projects order by project_nr limit 1")).one()


def versions(table: str = "commitments") -> int:
    [(count,)] = rows(f"select count(*) from ppm.{table}_history")
    return int(count)


def lines_of(entity: history.Entity) -> list[int]:
    return [number for (number,) in rows(f"select id from ppm.{entity} order by source_key")]


def test_a_sync_without_changes_writes_no_history() -> None:
    for _ in range(3):
        sync([commitment()], [actual()])
    assert {name: versions(name) for name in HISTORY} == dict.fromkeys(HISTORY, 0)


def test_figures_as_of_a_time_are_what_was_shown_then() -> None:
    shown: list[tuple[datetime, list[dict[str, Any]]]] = [(now(), figures())]
    steps: list[tuple[list[Outcome], list[Outcome]]] = [
        ([commitment(ordered="100.00")], []),
        ([commitment(ordered="150.00", relieved="20.00")], [actual(amount="20.00", po_no="4500000001")]),
        ([Rejection("4500000002/00010/01", "bad_amount", "x", "no number", {}, Decimal(7), "EUR", "P-1")], []),
        ([commitment(ordered="0.00", closed_reason="cancelled")], [actual(amount="20.00")]),
    ]
    for orders, postings in steps:
        sync(orders, postings)
        shown.append((now(), figures()))
    with database.scoped("default") as connection:
        one = project()
        planning.replace_budget(connection, "default", one.project_id, "EUR", [{"amount": "90.00"}])
    shown.append((now(), figures()))
    sync(complete=("commitments",))
    assert [figures(moment) for moment, _ in shown] == [then for _, then in shown]


def test_a_moment_inside_a_merge_shows_what_was_visible_then() -> None:
    sync([commitment()])
    shown = figures()

    def watched() -> Iterator[Page]:
        yield from masters()
        yield Page("commitments", [commitment(ordered="999.00")])

    result = sync(pages=watched())
    [(began, ended)] = rows(
        f"select (result->>'synced_at')::timestamptz, ended_at from ppm.sync_runs where run_id = '{result.run_id}'"
    )
    moments = [began, began + (ended - began) / 2, ended]
    with database.scoped("default") as connection:
        seen = [costbook.visible_at(connection, "default", moment) for moment in moments]
    assert [figures(moment) for moment in seen] == [shown, shown, figures()]


def test_a_renamed_project_is_called_then_what_it_was_called_then() -> None:
    sync()
    before = now()
    sync(pages=[Page("projects", [Project("P-1", "P-1", "Halle 5", currency="EUR", company_code="1010")])])
    with database.scoped("default") as connection:
        names = [costbook.project_figures(connection, as_of=moment)[0]["name"] for moment in (before, None)]
    assert names == ["Halle 4", "Halle 5"]


def test_a_project_that_is_linked_anew_keeps_its_old_figures_in_the_past() -> None:
    other = Project("P-2", "P-2", "Halle 5", currency="EUR", company_code="1010")
    sync(pages=[Page("projects", [other]), *masters(), Page("commitments", [commitment()])])
    before, shown = now(), figures()
    link_both_to_the_second()
    assert [one["committed"] for one in figures()] == ["100.00"]
    assert figures(before) == shown


def test_a_link_that_waited_for_a_merge_is_later_than_it() -> None:
    """Else a line would be of both projects for a moment of the past, or its version would be lost."""
    other = Project("P-2", "P-2", "Halle 5", currency="EUR", company_code="1010")
    sync(pages=[Page("projects", [other]), *masters(), Page("commitments", [commitment()])])
    merging = database.direct()
    merging.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [database.merge_lock("default")])
    linking = threading.Thread(target=link_both_to_the_second)
    linking.start()
    while not rows("select 1 from pg_locks where locktype = 'advisory' and not granted"):
        time.sleep(0.01)
    merging.execute(
        "update ppm.commitments set ordered_amount = 70, company_ordered_amount = 70, last_changed_at = now()"
    )
    merged, shown = now(), figures()
    merging.close()
    linking.join()
    assert [one["committed"] for one in figures()] == ["70.00"]
    assert figures(merged) == shown
    assert [one["committed"] for one in shown] == ["70.00", "0.00"]


def link_both_to_the_second() -> None:
    with database.scoped("default") as connection:
        second = connection.execute(sa.text("select * from ppm.costbook_projects where project_nr = 'P-2'")).one()
        planning.relink(connection, "default", second.project_id, [("sap", "1010", "P-1"), ("sap", "1010", "P-2")])


def test_two_times_are_compared_in_money_down_to_the_line() -> None:
    gone, changed = "4500000001/00010/01", "4500000002/00010/01"
    sync([commitment(gone), commitment(changed)], [actual()])
    start = now()
    fresh = commitment("4500000003/00010/01", ordered="30.00")
    sync(
        [commitment(gone, ordered="0.00", closed_reason="cancelled"), commitment(changed, ordered="125.50"), fresh],
        [actual(), actual("1010/2026/0100000002/000001", amount="-5.00")],
    )
    with database.scoped("default") as connection:
        told = history.compare(connection, project(), start, now())
        lines = history.changed_lines(connection, "commitments", project(), start, now(), 50, 0)
    assert told["figures"]["committed"] == {"from": "200.00", "to": "155.50", "delta": "-44.50"}
    assert told["figures"]["total_spend"] == {"from": "240.00", "to": "190.50", "delta": "-49.50"}
    assert told["changes"]["commitments"] == {
        "closed": {"rows": 1, "amounts": {"EUR": {"ordered": "-100.00", "open": "-100.00"}}},
        "changed": {"rows": 1, "amounts": {"EUR": {"ordered": "25.50", "open": "25.50"}}},
        "new": {"rows": 1, "amounts": {"EUR": {"ordered": "30.00", "open": "30.00"}}},
    }
    assert told["changes"]["actuals"] == {"new": {"rows": 1, "amounts": {"EUR": {"amount": "-5.00"}}}}
    assert lines["total"] == 3
    assert [line["kind"] for line in lines["items"]] == ["closed", "changed", "new"]
    assert lines["items"][1]["changes"]["ordered_amount"] == {"before": "100.00", "after": "125.50"}
    assert set(lines["items"][1]["changes"]) == {
        "ordered_amount",
        "open_amount",
        "company_ordered_amount",
        "company_open_amount",
    }


def test_the_same_time_twice_shows_no_difference() -> None:
    sync([commitment()], [actual()])
    moment = now()
    with database.scoped("default") as connection:
        told = history.compare(connection, project(), moment, moment)
    assert told["changes"] == {"commitments": {}, "actuals": {}}


def test_a_line_tells_its_versions_its_runs_and_its_raw_records() -> None:
    raws = [Raw("orders", "4500000001/00010", {"item": {"NetAmount": Decimal(net)}}) for net in ("100.00", "120.10")]
    pointed = {"raw_stream": "orders", "raw_key": "4500000001/00010"}
    runs = []
    for raw, ordered in zip(raws, ("100.00", "120.10"), strict=True):
        orders: list[Outcome] = [commitment(ordered=ordered, **pointed)]
        runs.append(sync(pages=[*masters(), Page("commitments", orders, [raw])]).run_id)
    [line_id] = lines_of("commitments")
    with database.scoped("default") as connection:
        told = history.line(connection, "commitments", project(), line_id)
    assert told is not None
    assert [version["run_id"] for version in told["versions"]] == runs[::-1]
    assert told["versions"][0]["changes"]["ordered_amount"] == {"before": "100.00", "after": "120.10"}
    assert told["versions"][1]["to"] == told["versions"][0]["from"]
    assert [one["record"]["item"]["NetAmount"] for one in told["raw"]] == ["120.10", "100.00"]
    assert [one["run_id"] for one in told["runs"]] == runs[::-1]


def test_a_line_of_another_project_is_not_told() -> None:
    sync([commitment()])
    with database.scoped("default") as connection:
        assert history.line(connection, "commitments", project(), lines_of("commitments")[0] + 1) is None


def test_a_raw_record_is_written_once_per_change_and_never_again_without_one() -> None:
    def load(value: str) -> None:
        raw = Raw("orders", "4500000001/00010", {"item": {"text": value, "nul": "a\x00b"}})
        sync(pages=[*masters(), Page("commitments", [commitment()], [raw])])

    for value in ("a", "a", "b", "b", "a"):
        load(value)
    assert rows("select record->'item'->>'text', record->'item'->>'nul' from ppm.raw_records") == [("a", "ab")]
    assert rows("select record->'item'->>'text' from ppm.raw_records_history order by valid_to") == [("a",), ("b",)]


def test_a_fact_from_another_road_with_the_same_content_is_unchanged() -> None:
    sync([commitment(raw_stream="orders", raw_key="1")])
    assert sync([commitment(raw_stream="orders_v2", raw_key="2")]).unchanged == 1


def test_a_posting_that_changed_under_its_key_is_an_anomaly_and_the_old_value_stays_in_history() -> None:
    sync([], [actual(amount="40.00")])
    result = sync([], [replace(actual(amount="41.00"), item_text="new text")])
    assert result.updated == 1
    assert result.by_entity["actuals"]["anomalies"] == [
        {"kind": "final_changed", "key": "1010/2026/0100000001/000001", "field": name, "before": "40.00",
         "after": "41.00"}
        for name in ("amount", "company_amount")
    ]  # fmt: skip
    assert rows("select amount from ppm.actuals_history") == [(Decimal("40.00000"),)]


def test_status_and_texts_of_a_posting_may_change() -> None:
    sync([], [actual()])
    assert sync([], [actual(status="cleared", item_text="x")]).by_entity["actuals"]["anomalies"] == []


def test_a_line_received_beyond_its_order_is_an_anomaly_and_open_stays_zero() -> None:
    over = commitment(ordered="100.00", relieved="120.00", open_amount=Decimal(0), company_open_amount=Decimal(0))
    [anomaly] = sync([over]).by_entity["commitments"]["anomalies"]
    assert (anomaly["kind"], anomaly["before"], anomaly["after"]) == ("relieved_beyond_order", "100.00", "120.00")
    assert sync([over]).by_entity["commitments"]["anomalies"] == []


@pytest.mark.parametrize("by", ["wbs_element", "vendor", "period"])
def test_every_side_of_a_project_adds_up_to_the_project(by: breakdown.By) -> None:
    sync(
        [
            commitment("4500000001/00010/01", wbs_element="P-1.1", vendor="1", delivery_date=date(2026, 4, 1)),
            commitment("4500000002/00010/01", ordered="50.05", relieved="10.00", vendor="2"),
        ],
        [actual(wbs_element="P-1.1", vendor="1"), actual("1010/2026/0100000002/000001", amount="-5.00", vendor="2")],
    )
    with database.scoped("default") as connection:
        parts = breakdown.breakdown(connection, project(), by)
        [whole] = costbook.project_figures(connection)
    for name in ("committed", "actual", "open", "total_spend"):
        assert sum(Decimal(part[name]) for part in parts) == Decimal(whole[name]), name


def test_a_wbs_element_adds_up_what_lies_below_it_and_tells_its_budget() -> None:
    from ppm_pipelines.records import WbsElement

    tree: list[Outcome] = [
        WbsElement("W-1", "P-1", "P-1.1", name="Rohbau", company_code="1010"),
        WbsElement("W-2", "P-1", "P-1.1.1", name="Beton", parent="P-1.1", company_code="1010"),
    ]
    orders: list[Outcome] = [commitment(wbs_element="P-1.1.1"), commitment("4500000002/00010/01", wbs_element="P-1.1")]
    sync(pages=[*masters()[:1], Page("wbs_elements", tree), Page("commitments", orders)])
    with database.scoped("default") as connection:
        lines = [{"wbs_element": "P-1.1", "amount": "500.00"}]
        planning.replace_budget(connection, "default", project().project_id, "EUR", lines)
        above, below = breakdown.breakdown(connection, project(), "wbs_element")
    assert (above["key"], above["name"], above["budget"], above["committed"]) == ("P-1.1", "Rohbau", "500.00", "100.00")
    assert above["with_children"]["committed"] == "200.00"
    assert (below["key"], below["parent"], below["budget"]) == ("P-1.1.1", "P-1.1", None)


def test_history_is_kept_apart_between_organisations() -> None:
    sync([commitment()], organization_id="other")
    sync([commitment(ordered="1.00")], organization_id="other")
    with database.scoped("default") as connection:
        for table in HISTORY.values():
            assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0
    with database.scoped("other") as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(HISTORY["commitments"])) == 1


def test_nobody_of_the_api_can_change_history() -> None:
    with database.scoped("default") as connection, pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        connection.execute(sa.text("delete from ppm.commitments_history"))


def test_the_moment_of_a_version_is_that_of_its_transaction() -> None:
    sync([commitment()])
    sync([commitment(ordered="1.00")])
    [(current, earlier)] = rows(
        "select c.last_changed_at, h.valid_to from ppm.commitments c join ppm.commitments_history h using (id)"
    )
    assert current == earlier < datetime.now(UTC)


# stored sums

ADDED_UP = """
select {cells}, count(*) as rows, {money} from (
  select organization_id, project_id, 'commitments' as fact, system, project_nr,
    coalesce(wbs_element, '') as wbs_element, currency, company_currency, '' as period,
    case when not_counted_reason = 'other_labour_source' then 'other_labour_source' else relieved_by end as kind,
    counts,
    listed as known, ordered_amount as ordered,
    relieved_amount as relieved, open_amount as open, 0 as actual, company_ordered_amount as company_ordered,
    company_relieved_amount as company_relieved, company_open_amount as company_open, 0 as company_actual
  from ppm.commitments
  union all
  select organization_id, project_id, 'actuals', system, project_nr, coalesce(wbs_element, ''), currency,
    company_currency, fiscal_year || '/' || fiscal_period,
    case when not_counted_reason = 'other_labour_source' and removed_at is null then 'other_labour_source'
      when coalesce(po_no, '') = '' then '' else 'order' end,
    counts and removed_at is null, listed,
    0, 0, 0, amount, 0, 0, 0, company_amount
  from ppm.actuals) f group by {cells}
"""
CELLS = [column.name for column in project_sums.primary_key]
MONEY = [column.name for column in project_sums.c if isinstance(column.type, sa.Numeric)]


def added_up() -> list[tuple[Any, ...]]:
    return sorted(
        rows(ADDED_UP.format(cells=", ".join(CELLS), money=", ".join(f"sum({name}) as {name}" for name in MONEY)))
    )


def stored() -> list[tuple[Any, ...]]:
    return sorted(rows(f"select {', '.join([*CELLS, 'rows', *MONEY])} from ppm.project_sums"))


def many_changes() -> Iterator[str]:
    """Everything that changes a fact, one after the other."""
    other = Project("P-2", "P-2", "Halle 5", currency="EUR", company_code="1010")
    three = [commitment(f"450000000{n}/00010/01", f"{n}00.00", project_nr=f"P-{1 + n % 2}") for n in (1, 2, 3)]
    sync(pages=[Page("projects", [other]), *masters(), Page("commitments", list(three)), Page("actuals", [actual()])])
    yield "inserted"
    sync([replace(three[0], open_amount=Decimal(1), wbs_element="P-1.1"), three[1]], [actual(amount="41.00")])
    yield "updated"
    sync([Skipped(three[1].source_key, "no project")], [Deleted(actual().source_key)])
    yield "out of scope, deleted"
    link_both_to_the_second()
    yield "linked"
    sync([three[2]], [actual(po_no="4500000003")], complete={"commitments", "actuals"})
    yield "vanished, there again"
    with database.owner() as connection:
        connection.execute(sa.text("delete from ppm.actuals"))
    yield "removed"


def test_stored_sums_are_what_the_facts_add_up_to_whoever_changes_them() -> None:
    for what in many_changes():
        assert stored() == added_up(), what
    assert [row for row in stored() if not row[len(CELLS)]] == []


def test_sums_of_a_home_from_before_are_added_up_with_their_history() -> None:
    moments, shown = [], []
    for _ in many_changes():
        moments.append(now())
        shown.append(figures())
    with database.engine().connect() as connection:
        configuration = alembic.config.Config()
        configuration.set_main_option("script_location", str(database.MIGRATIONS))
        configuration.attributes["connection"] = connection
        alembic.command.downgrade(configuration, "0005")
        alembic.command.upgrade(configuration, "head")
        connection.commit()
    assert stored() == added_up()
    assert [figures(moment) for moment in moments] == shown
