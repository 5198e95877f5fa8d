"""Loading: counts, money, quarantine and closing, against a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import dagster as dg
import psycopg
import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from ppm_pipelines import database, home, load, runs, tables
from ppm_pipelines.defs import checks
from ppm_pipelines.load import Refused, SyncResult
from ppm_pipelines.records import (
    Actual,
    Commitment,
    ControlTotal,
    Deleted,
    Outcome,
    Page,
    Project,
    Raw,
    Rejection,
    Skipped,
    WbsElement,
)

pytestmark = pytest.mark.usefixtures("database_url")
ORG = "default"
PROJECT = Project("P-1", "P-1", "Halle 4", currency="EUR", company_code="1010")
ELEMENT = WbsElement("W-1", "P-1", "P-1.1", internal_id="1001", company_code="1010")


def commitment(
    key: str = "4500000001/00010/01", ordered: str = "100.00", relieved: str = "0", **more: Any
) -> Commitment:
    rest = Decimal(ordered) - Decimal(relieved)
    number, line, assignment = key.split("/")
    amounts = {
        f"{prefix}{name}_amount": value
        for prefix in ("", "company_")
        for name, value in (("ordered", Decimal(ordered)), ("relieved", Decimal(relieved)), ("open", rest))
    }
    whole = {
        "source_key": key,
        "company_code": "1010",
        "project_nr": "P-1",
        "po_number": number,
        "po_line_nr": line.lstrip("0"),
        "assignment_nr": assignment.lstrip("0"),
        "currency": "EUR",
        "company_currency": "EUR",
        **amounts,
        **more,
    }
    return Commitment(**whole)


def actual(key: str = "1010/2026/0100000001/000001", amount: str = "40.00", **more: Any) -> Actual:
    company, year, number, line = key.split("/")
    whole = {
        "source_key": key,
        "company_code": company,
        "project_nr": "P-1",
        "fi_doc_no": number,
        "fi_doc_line": line.lstrip("0"),
        "fiscal_year": year,
        "fiscal_period": "003",
        "posting_date": date(2026, 3, 5),
        "currency": "EUR",
        "amount": Decimal(amount),
        "company_currency": "EUR",
        "company_amount": Decimal(amount),
        **more,
    }
    return Actual(**whole)


def masters() -> list[Page]:
    return [Page("projects", [replace(PROJECT)]), Page("wbs_elements", [replace(ELEMENT)])]


def sync(
    commitments: Iterable[Outcome] = (),
    actuals: Iterable[Outcome] = (),
    *,
    entity: str = "costs",
    complete: Iterable[str] = (),
    organization_id: str = ORG,
    control: Any = None,
    pages: Iterable[Page] | None = None,
    scope: dict[str, Any] | None = None,
    companies: Iterable[str] = (),
    ended: Any = None,
    open_listed: Iterable[str] = (),
    system: str = "sap",
    own: psycopg.Connection | None = None,
) -> SyncResult:
    request = runs.RunRequest(organization_id, system, entity, "full", scope=scope)
    with database.owner() as connection:
        run_id = runs.claim(connection, request).run_id
    given = pages or [*masters(), Page("commitments", list(commitments)), Page("actuals", list(actuals))]
    own = own or database.direct()
    try:
        return load.load(
            own,
            request,
            run_id,
            given,
            complete=lambda: set(complete),
            state=lambda: {"since": "x"},
            control=control,
            companies=lambda: list(companies),
            ended=ended,
            open_listed=lambda: set(open_listed),
        )
    except BaseException:
        with database.owner() as connection:
            runs.settle(connection, run_id, "failed", reason="test", problem="internal")
        raise
    finally:
        own.close()


def rows(query: str) -> list[tuple[Any, ...]]:
    with database.direct() as connection:
        return connection.execute(query).fetchall()


def facts() -> list[tuple[Any, ...]]:
    return rows(
        "select 'c', source_key, ordered_amount, open_amount, closed_reason from ppm.commitments union all "
        "select 'a', source_key, amount, company_amount, removed_reason from ppm.actuals order by 1, 2"
    )


def kept() -> dict[str, list[tuple[Any, ...]]]:
    """What is kept of facts, their sums and what was, without numbers and moments that each load gives anew."""
    named = [tables.commitments, tables.actuals, *(tables.HISTORY[name] for name in ("commitments", "actuals"))]
    told = {t.name: [c.name for c in t.c if not c.name.endswith(("_at", "_to")) and c.name != "id"] for t in named}
    made = {name: [name for name in names if name not in ("run_id", "project_id")] for name, names in told.items()}
    sums = "project_nr, fact, currency, period, kind, counts, known, rows, ordered, relieved, open, actual"
    return {
        name: sorted(rows(f"select {', '.join(names)} from ppm.{name}"), key=repr) for name, names in made.items()
    } | {
        name: sorted(rows(f"select {sums} from ppm.{name}"), key=repr)
        for name in ("project_sums", "project_sums_history")
    }


@pytest.mark.parametrize("at_once", [2, 3, 7])
def test_records_written_in_parts_are_those_written_in_one(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    def all_of_it(system: str) -> dict[str, Any]:
        lines = [commitment(f"45{n:08}/00010/01", f"{n}.50") for n in range(1, 8)]
        postings = [actual(f"1010/2026/01{n:08}/000001", f"{n}.25") for n in range(1, 9)]
        first = sync(lines, postings, system=system)
        for n in (0, 3, 4):
            lines[n] = replace(lines[n], relieved_amount=Decimal(1), open_amount=lines[n].open_amount - 1)
        again = sync([*lines, commitment("4600000001/00010/01")], [*postings[1:], actual(amount="9.99")], system=system)
        return {"first": told(first), "again": told(again), "money": again.amounts}

    whole, as_one = all_of_it("sap"), kept()
    with database.direct() as connection:
        connection.execute("truncate ppm.commitments, ppm.actuals, ppm.commitments_history, ppm.actuals_history,"
                           " ppm.project_sums, ppm.project_sums_history, ppm.sync_state")  # fmt: skip
    monkeypatch.setattr(load, "AT_ONCE", at_once)
    assert all_of_it("sap") == whole
    assert kept() == as_one


def told(result: SyncResult) -> dict[str, int]:
    return {name: getattr(result, name) for name in load.COUNTS if getattr(result, name)}


class TestCounts:
    def test_a_first_load_inserts_and_says_what_money_came(self) -> None:
        result = sync([commitment(), commitment("4500000001/00020/01", "50.00", "20.00")], [actual()])
        assert told(result) == {"total": 3, "inserted": 3}
        assert result.amounts == {
            "EUR": {
                "ordered": {"before": "0.00", "after": "150.00", "delta": "150.00"},
                "open": {"before": "0.00", "after": "130.00", "delta": "130.00"},
                "amount": {"before": "0.00", "after": "40.00", "delta": "40.00"},
            }
        }

    def test_the_same_again_changes_nothing(self) -> None:
        sync([commitment()], [actual()])
        before = rows("select xmin::text from ppm.commitments union all select xmin::text from ppm.actuals")
        assert told(sync([commitment()], [actual()])) == {"total": 2, "unchanged": 2}
        assert rows("select xmin::text from ppm.commitments union all select xmin::text from ppm.actuals") == before

    def test_a_changed_record_is_updated_with_its_delta(self) -> None:
        sync([commitment()])
        result = sync([commitment(ordered="120.00")])
        assert told(result) == {"total": 1, "updated": 1}
        assert result.amounts["EUR"]["ordered"] == {"before": "100.00", "after": "120.00", "delta": "20.00"}

    def test_what_the_source_closed_counts_as_closed_once(self) -> None:
        sync([commitment()])
        done = commitment(ordered="100.00", relieved="100.00", closed_reason="completed")
        assert told(sync([done])) == {"total": 1, "closed": 1}
        assert told(sync([done])) == {"total": 1, "unchanged": 1}
        assert rows("select closed_reason, closed_at is not null from ppm.commitments") == [("completed", True)]

    def test_a_closed_line_that_opens_again_is_open(self) -> None:
        sync([commitment(closed_reason="completed", relieved="100.00")])
        assert told(sync([commitment()])) == {"total": 1, "updated": 1}
        assert rows("select closed_reason, closed_at from ppm.commitments") == [(None, None)]

    def test_skipped_records_are_counted_and_summed(self) -> None:
        outside = [Skipped("x", "no project", Decimal("7.10"), "EUR"), Skipped("y", "no project", Decimal(900), "JPY")]
        result = sync([commitment(), *outside])
        assert told(result) == {"total": 3, "inserted": 1, "skipped": 2}
        assert result.skipped_amounts == {"EUR": "7.10", "JPY": "900"}

    def test_the_row_of_the_run_is_the_result(self) -> None:
        result = sync([commitment()])
        assert rows("select status, result from ppm.sync_runs") == [("success", result.answer())]

    def test_money_never_crosses_currencies_and_keeps_its_digits(self) -> None:
        result = sync(
            [commitment(), commitment("4500000002/00010/01", "1.234", currency="KWD", company_currency="KWD")]
        )
        assert result.amounts["KWD"]["ordered"]["after"] == "1.234"
        assert result.amounts["EUR"]["ordered"]["after"] == "100.00"

    def test_what_does_not_count_is_stored_and_not_summed(self) -> None:
        result = sync([commitment(counts=False, not_counted_reason="not released")])
        assert (told(result), result.amounts) == ({"total": 1, "inserted": 1}, {})


class TestTheSameKeyTwice:
    def test_the_last_one_counts_and_the_earlier_is_skipped(self) -> None:
        first, second = commitment(po_line_text="old"), commitment(po_line_text="new")
        assert told(sync([first, second])) == {"total": 2, "inserted": 1, "skipped": 1}
        assert rows("select po_line_text from ppm.commitments") == [("new",)]

    def test_with_contradicting_amounts_it_goes_to_quarantine(self) -> None:
        result = sync([commitment(ordered="100.00"), commitment(ordered="200.00")])
        assert told(result) == {"total": 2, "rejected": 1, "skipped": 1}
        assert result.status == "partial"
        assert rows("select code, source_key from ppm.rejections") == [("contradiction", "4500000001/00010/01")]
        assert facts() == []

    def test_good_and_bad_the_last_counts(self) -> None:
        key = commitment().source_key
        bad = Rejection(key, "bad_amount", "PurgDocNetAmount", "No number.", {"PurgDocNetAmount": "x"})
        assert told(sync([bad, commitment()])) == {"total": 2, "inserted": 1, "skipped": 1}
        assert told(sync([commitment(), bad])) == {"total": 2, "rejected": 1, "skipped": 1}


class TestQuarantine:
    BAD = Rejection(
        "4500000009/00010/01", "unknown_currency", "DocumentCurrency", "XXQ is no currency.", {"a": Decimal("1.10")},
        Decimal("1.10"), "XXQ", "P-1",
    )  # fmt: skip

    def test_a_bad_record_is_kept_whole_and_counted(self) -> None:
        result = sync([commitment(), self.BAD])
        assert told(result) == {"total": 2, "inserted": 1, "rejected": 1}
        expected = {"key": self.BAD.source_key, "field": "DocumentCurrency", "reason": "XXQ is no currency."}
        assert result.errors == [expected]
        assert rows("select code, raw, amount, currency from ppm.rejections") == [
            ("unknown_currency", {"a": "1.10"}, Decimal("1.10000"), "XXQ")
        ]

    def test_it_leaves_when_the_record_comes_right(self) -> None:
        sync([self.BAD])
        sync([commitment(self.BAD.source_key)])
        assert rows("select count(*) from ppm.rejections") == [(0,)]

    def test_it_stays_when_an_incremental_read_does_not_show_it_and_leaves_when_a_complete_one_does_not(self) -> None:
        sync([self.BAD])
        sync([commitment()])
        assert rows("select count(*) from ppm.rejections") == [(1,)]
        sync([commitment()], complete={"commitments"})
        assert rows("select count(*) from ppm.rejections") == [(0,)]

    def test_a_record_of_an_unknown_project_is_rejected_with_its_amount(self) -> None:
        result = sync([commitment(project_nr="P-9")])
        assert told(result) == {"total": 1, "rejected": 1}
        assert rows("select code, amount, currency, project_nr from ppm.rejections") == [
            ("unknown_project", Decimal("100.00000"), "EUR", "P-9")
        ]

    def test_a_known_row_stays_as_it_was_when_its_record_turns_bad(self) -> None:
        sync([commitment(self.BAD.source_key)])
        before = facts()
        sync([self.BAD], complete={"commitments"})
        assert facts() == before


class TestVanishing:
    def many(self, count: int) -> list[Outcome]:
        return [commitment(f"45{n:08d}/00010/01") for n in range(count)]

    def test_a_complete_read_closes_what_it_does_not_show(self) -> None:
        sync(self.many(3))
        result = sync(self.many(2), complete={"commitments"})
        assert told(result) == {"total": 2, "unchanged": 2, "closed": 1}
        [row] = rows(
            "select ordered_amount, open_amount, closed_reason from ppm.commitments where closed_at is not null"
        )
        assert row == (Decimal("100.00000"), Decimal(0), "vanished")

    def test_an_incremental_read_closes_nothing(self) -> None:
        sync(self.many(3))
        assert told(sync(self.many(2))) == {"total": 2, "unchanged": 2}

    def test_many_at_once_are_refused_and_nothing_changes(self) -> None:
        sync(self.many(40))
        before = facts()
        with pytest.raises(Refused, match="no longer shows 30 of 40"):
            sync([*self.many(10), commitment("4599999999/00010/01")], complete={"commitments"})
        assert facts() == before

    def test_open_rows_are_guarded_however_many_are_done(self) -> None:
        done = [commitment(f"46{n:08d}/00010/01", relieved="100.00") for n in range(100)]
        sync([*self.many(30), *done])
        before = facts()
        with pytest.raises(load.MassDisappearance, match="no longer shows 20 of 30 open commitments"):
            sync([*self.many(10), *done], complete={"commitments"})
        assert facts() == before

    def test_a_person_who_has_looked_may_accept_it(self) -> None:
        sync(self.many(40))
        assert sync(self.many(5), complete={"commitments"}, scope={load.ACCEPTED: True}).closed == 35

    def test_what_was_completed_and_is_archived_vanishes_without_being_closed_twice(self) -> None:
        sync([*self.many(2), commitment("4700000000/00010/01", closed_reason="completed", open_amount=Decimal(0))])
        [(closed_at,)] = rows("select closed_at from ppm.commitments where closed_reason = 'completed'")
        assert told(sync(self.many(2), complete={"commitments"})) == {"total": 2, "unchanged": 2}
        assert rows("select closed_at, closed_reason from ppm.commitments where closed_at is not null") == [
            (closed_at, "vanished")
        ]
        assert told(sync(self.many(2), complete={"commitments"})) == {"total": 2, "unchanged": 2}

    def test_what_the_source_explains_ends_for_its_reason_and_for_good(self) -> None:
        """Where the source removes invoiced orders: ordered and relieved stay, and it is no disappearance."""
        many = [commitment(f"{number}/00010/01", relieved="30") for number in range(30)]
        sync(many)
        asked: list[list[str]] = []

        def ended(keys: list[str]) -> dict[str, str]:
            asked.append(sorted(keys))
            return dict.fromkeys(keys[1:], "invoiced")

        for _ in range(2):
            result = sync([many[0]], complete={"commitments"}, ended=ended)
        assert [len(keys) for keys in asked] == [29, 0]
        assert told(result) == {"total": 1, "unchanged": 1}
        assert rows(
            "select closed_reason, count(*), sum(ordered_amount), sum(relieved_amount), sum(open_amount)"
            " from ppm.commitments group by 1 order by 1"
        ) == [
            ("invoiced", 28, Decimal(2800), Decimal(840), Decimal(0)),
            ("vanished", 1, Decimal(100), Decimal(30), Decimal(0)),
            (None, 1, Decimal(100), Decimal(30), Decimal(70)),
        ]

    def test_a_read_that_lists_what_is_open_closes_what_is_open_here_alone(self) -> None:
        sync([commitment(), commitment("2/00010/01"), commitment("3/00010/01", relieved="100.00")])
        result = sync([commitment()], open_listed={"commitments"})
        assert told(result) == {"total": 1, "unchanged": 1, "closed": 1}
        assert rows(
            "select source_key, closed_reason, open_amount from ppm.commitments where closed_at is not null"
        ) == [("2/00010/01", "vanished", Decimal(0))]

    def test_nineteen_may_vanish(self) -> None:
        sync(self.many(20))
        assert sync(self.many(1), complete={"commitments"}).closed == 19


class TestScope:
    def test_a_line_that_belongs_to_no_project_any_more_counts_no_more(self) -> None:
        key = "4500000001/00010/01"
        sync([commitment(key), commitment("4500000002/00010/01", "7.00")])
        result = sync([Skipped(key, "cost centre without a project", Decimal(100), "EUR")])
        assert told(result) == {"total": 1, "skipped": 1}
        assert result.amounts["EUR"]["ordered"] == {"before": "107.00", "after": "7.00", "delta": "-100.00"}
        assert rows(
            f"select counts, not_counted_reason, closed_reason from ppm.commitments where source_key = '{key}'"
        ) == [(False, "out_of_scope", "out_of_scope")]

    def test_it_comes_back_when_it_belongs_to_one_again(self) -> None:
        sync([commitment()])
        before = facts()
        sync([Skipped("4500000001/00010/01", "cost centre without a project")])
        assert sync([commitment()]).updated == 1
        assert facts() == before

    def test_a_company_that_is_not_read_any_more_is_out_of_scope_and_not_gone(self) -> None:
        others = [commitment(f"46{n:08d}/00010/01", company_code="2010") for n in range(40)]
        sync([commitment(), *others], [actual()])
        result = sync([commitment()], [actual()], complete={"commitments", "actuals"}, companies=["1010"])
        assert (result.closed, result.amounts["EUR"]["ordered"]["after"]) == (40, "100.00")
        assert rows("select closed_reason, counts, count(*) from ppm.commitments group by 1, 2 order by 3") == [
            (None, True, 1),
            ("out_of_scope", False, 40),
        ]

    def test_a_quarantined_record_that_is_out_of_scope_now_waits_no_more(self) -> None:
        bad = Rejection("4500000001/00010/01", "unknown_wbs", "WBSElement", "No such element.", {}, Decimal(5), "EUR")
        assert sync([bad]).rejected == 1
        sync([Skipped("4500000001/00010/01", "cost centre without a project")])
        assert rows("select source_key from ppm.rejections") == []


class TestRawRecords:
    """What a record was made from, also where the source delivers it more than once in one read."""

    def read(self, *pages: tuple[list[str], str]) -> None:
        """Pages of raw records by key; all of a page say the same text."""
        made = [
            Page(
                "commitments",
                [commitment(f"{keys[-1]}/00010/01")],
                [Raw("orders", key, {"text": text}) for key in keys],
            )
            for keys, text in pages
        ]
        sync(pages=[*masters(), *made])

    def kept(self, key: str) -> Any:
        return rows(f"select record->>'text' from ppm.raw_records where source_key = '{key}'")

    def test_the_last_of_two_in_one_read_is_kept(self) -> None:
        many = [f"{n}" for n in range(60)]
        self.read((many, "first"), (many[-1:], "second"))
        assert self.kept("59") == [("second",)]

    def test_the_last_counts_however_pages_are_put_together(self) -> None:
        self.read((["1"], "kept"))
        self.read((["1"], "other"), (["1"], "kept"), ([f"{n}" for n in range(2, 1500)], "more"), (["1"], "last"))
        assert self.kept("1") == [("last",)]

    def test_a_version_that_nobody_saw_leaves_no_history(self) -> None:
        self.read((["1"], "unseen"), (["1"], "first"))
        self.read((["1"], "second"))
        assert rows("select record->>'text' from ppm.raw_records_history") == [("first",)]

    def test_one_that_comes_back_to_what_is_kept_stays_as_it_is(self) -> None:
        self.read((["1"], "kept"))
        self.read((["1"], "other"), (["1"], "kept"))
        assert self.kept("1") == [("kept",)]

    def test_texts_that_postgresql_can_t_hold_hold_up_nothing(self) -> None:
        strange = commitment(vendor_description="A\0B", custom_fields={"YY1_X": "C\0D", "YY1_Y": r"E\u0000F"})
        raw = Raw("orders", "1", {"text": "G\0H", "as text": r"I\u0000J"})
        sync(pages=[*masters(), Page("commitments", [strange], [raw])])
        assert rows("select vendor_description, custom_fields->>'YY1_X' from ppm.commitments") == [("AB", "CD")]
        assert rows("select record->>'text' from ppm.raw_records") == [("GH",)]


def test_postgresql_knows_the_rows_of_a_new_organisation_at_once() -> None:
    """It would take them for none, and compare each with all of them when they are read again."""
    many = [f"{4_500_000_000 + number}/00010/01" for number in range(load.MANY)]
    page = Page("commitments", [commitment(key) for key in many], [Raw("orders", key, {}) for key in many])
    sync(pages=[*masters(), page], organization_id="second")
    known = rows(
        "select tablename, 'second' = any(most_common_vals::text::text[]) from pg_stats where schemaname = 'ppm'"
        " and attname = 'organization_id' and tablename in ('commitments', 'raw_records') order by 1"
    )
    assert known == [("commitments", True), ("raw_records", True)]


class Cut(psycopg.Connection):
    """A session that the server ends when the merge is committed: the lock is let go right behind it."""

    def execute(self, query: Any, *values: Any, **more: Any) -> Any:
        if "advisory_unlock" in query:
            with database.direct() as another:
                another.execute("select pg_terminate_backend(%s)", [self.info.backend_pid])
        return super().execute(query, *values, **more)


def test_a_session_lost_behind_the_merge_does_not_fail_what_is_visible(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(load, "MANY", 1)
    with Cut.connect(home.database_url(), autocommit=True) as cut:
        result = sync([commitment()], own=cut)
    assert result.status == "success"
    assert rows("select count(*) from ppm.commitments") == [(1,)]
    assert rows("select status from ppm.sync_runs") == [("success",)]
    assert "it looks by itself" in caplog.text


class TestDeletions:
    """The source's own list of what it deleted (DOMAIN "What counts")."""

    def test_a_deleted_order_line_is_cancelled_and_keeps_what_relieved_it(self) -> None:
        sync([commitment(relieved="30"), commitment("4500000002/00010/01", "7.00")])
        result = sync([Deleted("4500000001/00010/01")])
        assert told(result) == {"total": 1, "closed": 1}
        assert rows(
            "select ordered_amount, relieved_amount, open_amount, company_ordered_amount, closed_reason,"
            " closed_at is not null from ppm.commitments where source_key = '4500000001/00010/01'"
        ) == [(Decimal(0), Decimal(30), Decimal(0), Decimal(0), "cancelled", True)]

    def test_a_deleted_order_line_that_was_completed_before_is_cancelled_too(self) -> None:
        completed = commitment(relieved="30")
        completed.closed_reason, completed.open_amount = "completed", Decimal(0)
        sync([completed])
        assert told(sync([Deleted("4500000001/00010/01")])) == {"total": 1, "closed": 1}
        found = rows("select ordered_amount, relieved_amount, open_amount, closed_reason from ppm.commitments")
        assert found == [(Decimal(0), Decimal(30), Decimal(0), "cancelled")]

    def test_a_deleted_order_line_stays_cancelled_and_is_looked_for_no_more(self) -> None:
        others = [commitment("4500000002/00010/01", "7.00")]
        sync([commitment(relieved="30"), *others])
        sync([Deleted("4500000001/00010/01")])
        before = facts()
        count = [ControlTotal("commitments", "", "", "", 1, Decimal(0), "rows")]
        for again in ([], [Deleted("4500000001/00010/01")]):
            result = sync(
                [*others, *again], complete={"commitments"}, control={"commitments": count, "actuals": []}.__getitem__
            )
            assert (result.closed, result.updated) == (0, 0)
            assert result.reconciliation is not None
            assert result.reconciliation["ok"], result.reconciliation
        assert facts() == before
        assert rows("select closed_reason, listed from ppm.commitments order by source_key") == [
            ("cancelled", False),
            (None, True),
        ]

    def test_a_deleted_order_line_that_is_there_again_is_looked_for_again(self) -> None:
        gone = commitment(ordered="0.00", closed_reason="cancelled")
        sync([gone])
        sync([Deleted(gone.source_key)])
        assert told(sync([gone])) == {"total": 1, "updated": 1}
        assert told(sync([gone])) == {"total": 1, "unchanged": 1}
        assert rows("select closed_reason, listed from ppm.commitments") == [("cancelled", True)]

    def test_a_deleted_posting_leaves_the_sums_and_stays_in_the_table(self) -> None:
        sync([], [actual(), actual("1010/2026/0100000002/000001", "2.50")])
        result = sync([], [Deleted("1010/2026/0100000001/000001")])
        assert told(result) == {"total": 1, "closed": 1}
        assert result.amounts["EUR"]["amount"] == {"before": "42.50", "after": "2.50", "delta": "-40.00"}
        assert rows("select removed_reason, amount from ppm.actuals where removed_at is not null") == [
            ("deleted", Decimal(40))
        ]

    def test_a_whole_document_ends_all_its_lines_and_no_other(self) -> None:
        sync([commitment("77/00010/01"), commitment("77/00020/01"), commitment("770/00010/01")])
        result = sync([Deleted("77", whole=True)])
        assert told(result) == {"total": 1, "closed": 2}
        assert rows("select source_key from ppm.commitments where closed_at is null") == [("770/00010/01",)]

    def test_what_is_not_known_or_closed_already_is_skipped(self) -> None:
        sync([commitment()])
        first = sync([Deleted("4500000001/00010/01"), Deleted("9/00010/01")])
        again = sync([Deleted("4500000001/00010/01")])
        assert (told(first), told(again)) == ({"total": 2, "closed": 1, "skipped": 1}, {"total": 1, "skipped": 1})

    def test_read_first_and_deleted_then_is_deleted(self) -> None:
        sync([commitment()])
        result = sync([commitment(ordered="5.00"), Deleted("4500000001/00010/01")])
        assert told(result) == {"total": 2, "closed": 1, "skipped": 1}

    def test_deleted_first_and_read_then_is_there(self) -> None:
        sync([commitment()])
        result = sync([Deleted("4500000001/00010/01"), commitment(ordered="5.00")])
        assert told(result) == {"total": 2, "updated": 1, "skipped": 1}
        assert rows("select ordered_amount, closed_at from ppm.commitments") == [(Decimal(5), None)]

    def test_a_deleted_record_leaves_quarantine(self) -> None:
        bad = Rejection("4500000001/00010/01", "unknown_wbs", "WBSElement", "No such element.", {}, Decimal(5), "EUR")
        sync([bad])
        assert told(sync([Deleted("4500000001/00010/01")])) == {"total": 1, "skipped": 1}
        assert rows("select source_key from ppm.rejections") == []


class TestAllOrNothing:
    def test_a_read_that_breaks_off_leaves_the_old_truth_and_nothing_behind(self) -> None:
        sync([commitment()], [actual()])
        before = facts(), rows("select state from ppm.sync_state")

        def breaking() -> Iterator[Page]:
            yield from masters()
            changed = [commitment(ordered="999.00"), commitment("4500000002/00010/01")]
            yield Page("commitments", list(changed), [Raw("orders", one.source_key, {}) for one in changed])
            raise ConnectionError("gone")

        with pytest.raises(ConnectionError):
            sync(pages=breaking())
        assert (facts(), rows("select state from ppm.sync_state")) == before
        assert rows("select count(*) from pg_class where relname like 'stage_%'") == [(0,)]
        assert rows("select source_key from ppm.raw_records") == []

    def test_a_run_that_was_stopped_meanwhile_merges_nothing(self) -> None:
        def stopped() -> Iterator[Page]:
            yield from masters()
            yield Page("commitments", [commitment()])
            with database.owner() as connection:
                [run_id] = runs.active(connection)
                runs.settle(connection, run_id, "canceled")

        with pytest.raises(Refused, match="stopped"):
            sync(pages=stopped())
        assert facts() == []

    def test_readers_see_the_old_truth_until_the_new_one_is_whole(self) -> None:
        sync([commitment()])
        seen: list[Any] = []

        def looking() -> Iterator[Page]:
            yield from masters()
            yield Page("commitments", [commitment(ordered="500.00")])
            seen.append(rows("select ordered_amount from ppm.commitments"))

        sync(pages=looking())
        assert seen == [[(Decimal("100.00000"),)]]
        assert rows("select ordered_amount from ppm.commitments") == [(Decimal("500.00000"),)]


class TestProjects:
    def test_a_source_project_gets_its_own_costbook_project_once(self) -> None:
        sync([commitment()])
        sync([commitment()])
        [(project_id, number)] = rows("select project_id, project_nr from ppm.costbook_projects")
        assert number == "P-1"
        assert rows("select project_id from ppm.commitments") == [(project_id,)]

    def test_the_same_number_in_two_companies_is_two_projects(self) -> None:
        both = [PROJECT, replace(PROJECT, source_key="P-1b", company_code="1710")]
        lines = [commitment(), commitment("4500000002/00010/01", company_code="1710")]
        sync(pages=[Page("projects", list(both)), Page("commitments", list(lines))])
        assert rows("select count(distinct project_id) from ppm.commitments") == [(2,)]

    def test_projects_count_when_they_are_what_is_synced(self) -> None:
        assert told(sync(pages=masters(), entity="projects")) == {"total": 1, "inserted": 1}
        renamed = [Page("projects", [replace(PROJECT, name="Halle 5")])]
        assert told(sync(pages=renamed, entity="projects")) == {"total": 1, "updated": 1}
        assert rows("select name from ppm.costbook_projects") == [("Halle 5",)]

    def test_organisations_are_kept_apart_in_the_database_itself(self) -> None:
        sync([commitment()])
        sync([commitment()], organization_id="other")
        import sqlalchemy as sa

        for organization_id, expected in (("default", 1), ("other", 1), ("nobody", 0), ("*", 2)):
            with database.scoped(organization_id) as connection:
                assert connection.scalar(sa.text("select count(*) from ppm.commitments")) == expected


class TestReconciliation:
    def test_equal_books_are_ok(self) -> None:
        total = ControlTotal("actuals", "P-1", "EUR", "2026/003", 1, Decimal("40.00"))
        result = sync([], [actual()], control=lambda entity: [total] if entity == "actuals" else [])
        assert result.reconciliation == {
            "ok": True,
            "rows": {"ours": 1, "source": 1},
            "differences": [],
            "rows_by_entity": {"actuals": {"ours": 1, "source": 1}},
            "not_compared": ["commitments"],
            "detail": "The source could not count commitments this time, so they were not compared.",
        }

    def test_a_difference_says_where_and_how_much(self) -> None:
        total = ControlTotal("actuals", "P-1", "EUR", "2026/003", 2, Decimal("41.00"))
        result = sync([], [actual()], control=lambda entity: [total] if entity == "actuals" else [])
        assert result.reconciliation is not None
        assert result.reconciliation["ok"] is False
        assert result.reconciliation["differences"] == [
            {"entity": "actuals", "figure": "amount", "project_nr": "P-1", "currency": "EUR", "period": "2026/003",
             "ours": "40.00", "source": "41.00", "delta": "-1.00"}
        ]  # fmt: skip
        assert result.reconciliation["detail"] == (
            "The source counts 2 actuals, the Costbook 1. Project P-1 in period 2026/003: the source says 41.00 EUR, "
            "the Costbook 40.00 EUR (actuals, amount; difference -1.00). The source could not count commitments this"
            " time, so they were not compared."
        )


def test_tables_are_what_the_migrations_make() -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from ppm_pipelines import tables

    with database.owner() as connection:
        options = {
            "include_schemas": True,
            "include_name": lambda name, kind, _: name == "ppm" if kind == "schema" else True,
            "version_table_schema": "ppm",
        }
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, tables.metadata) == []


@pytest.mark.parametrize(
    ("fact", "wrong", "index"),
    [
        ("commitments", tables.INCOMPLETE["commitments"], "ix_commitments_incomplete"),
        ("actuals", tables.INCOMPLETE["actuals"], "ix_actuals_incomplete"),
        ("commitments", tables.NOT_ADDING_UP, "ix_commitments_not_adding_up"),
    ],
)
def test_what_checks_look_for_is_found_without_a_look_at_every_row(
    database_url: str, fact: str, wrong: sa.TextClause, index: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("set enable_seqscan = off")
        plan = connection.execute(
            f"explain select from ppm.{fact} where organization_id = 'default' and system = 'sap' and ({wrong.text})"
        ).fetchall()
    assert index in str(plan)


@pytest.mark.parametrize(
    ("name", "fact", "change"),
    [
        ("amounts_add_up", "commitments", "open_amount = open_amount - 1"),
        ("amounts_add_up", "commitments", "company_open_amount = 0"),
        ("required_fields", "commitments", "po_number = ''"),
        ("required_fields", "actuals", "fi_doc_no = ''"),
    ],
)
def test_checks_see_rows_that_should_not_be(name: str, fact: str, change: str) -> None:
    result = sync([commitment()], [actual()])
    key = dg.AssetCheckKey(dg.AssetKey(["sap", fact]), name)
    assert [one.passed for one in checks.checked([key], result)] == [True]
    with database.direct() as connection:
        connection.execute(f"update ppm.{fact} set {change}")
    assert [one.passed for one in checks.checked([key], result)] == [False]
