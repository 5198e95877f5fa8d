"""Figures by DOMAIN's decided rules, on facts that were really loaded."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from ppm_pipelines import costbook, database, planning, runs, tables
from ppm_pipelines.costbook import Budget, not_yet_committed
from ppm_pipelines.planning import BadBudget, BadLink
from ppm_pipelines.records import Page, Project, Rejection, WbsElement
from ppm_pipelines.sync import linked
from ppm_pipelines_tests.test_load import actual, commitment, sync

pytestmark = pytest.mark.usefixtures("database_url")


def figures() -> dict[str, Any]:
    with database.scoped("default") as connection:
        [only] = costbook.project_figures(connection)
    return only


def give(*lines: dict[str, Any]) -> None:
    own = figures()
    with database.scoped("default") as connection:
        planning.replace_budget(connection, "default", own["project_id"], "EUR", lines)


def picked(*names: str) -> dict[str, Any]:
    own = figures()
    return {name: own[name] for name in names}


def test_total_spend_is_actual_plus_open_and_never_ordered_plus_actual() -> None:
    sync([commitment(ordered="100.00", relieved="60.00")], [actual(amount="60.00", po_no="4500000001")])
    give({"amount": "150.00", "currency": "EUR"})
    assert picked("committed", "actual", "open", "total_spend", "variance") == {
        "committed": "100.00",
        "actual": "60.00",
        "open": "40.00",
        "total_spend": "100.00",
        "variance": "50.00",
    }


def test_figures_are_exact_to_the_last_digit_that_an_amount_can_have() -> None:
    sync([commitment(ordered="99999999999999999.99"), commitment("4500000002/00010/01", "0.01")], [])
    assert picked("committed", "open") == {"committed": "100000000000000000.00", "open": "100000000000000000.00"}


def test_figures_are_read_at_one_moment_by_one_statement() -> None:
    sync([commitment()], [actual()])
    asked: list[str] = []
    with database.scoped("default") as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *told: asked.append(told[2]))
        costbook.project_figures(connection, "default")
    assert len(asked) == 1


def test_who_reads_one_moment_sees_nothing_of_what_comes_and_writes_nothing() -> None:
    sync([commitment(ordered="100.00")], [])
    with database.one_moment("default") as connection:
        before = costbook.project_figures(connection)
        sync([commitment(ordered="140.00")], [])
        assert costbook.project_figures(connection) == before
        with pytest.raises(sa.exc.InternalError, match="read-only transaction"):
            connection.execute(sa.update(tables.costbook_projects).values(name="Bridge"))
    assert figures()["committed"] == "140.00"


def test_what_is_not_yet_committed_is_forecast_and_warns_before_the_budget_is_gone() -> None:
    sync([commitment(ordered="100.00", wbs_element="P-1.1")], [actual(amount="30.00", wbs_element="P-1.1")])
    sync(pages=[Page("wbs_elements", [WbsElement("W-2", "P-1", "P-1.2", company_code="1010")])])
    give(
        {"amount": "120.00", "currency": "EUR", "wbs_element": "P-1.1"},
        {"amount": "500.00", "currency": "EUR", "wbs_element": "P-1.2"},
    )
    # P-1.1 is spent by 10 more than planned; P-1.2 is still to come whole.
    assert picked("budget", "uncommitted_budget", "eac", "variance", "forecast") == {
        "budget": "620.00",
        "uncommitted_budget": "500.00",
        "eac": "630.00",
        "variance": "490.00",
        "forecast": "wbs_element",
    }


def test_costs_of_a_child_count_against_the_nearest_budgeted_ancestor() -> None:
    budget = Budget({"P-1": Decimal(100), "P-1.1": Decimal(40), None: Decimal(7)})
    parents = {"P-1.1.1": "P-1.1", "P-1.1": "P-1", "P-1.2": "P-1"}
    taken = {"P-1.1.1": Decimal(50), "P-1.2": Decimal(30), "elsewhere": Decimal(2), None: Decimal(1)}
    assert not_yet_committed(budget, taken, parents) == Decimal(70) + Decimal(0) + Decimal(4)


def test_without_a_budget_nothing_is_said_about_one() -> None:
    sync([commitment()])
    assert picked("budget", "variance", "uncommitted_budget", "eac", "forecast") == {
        "budget": None,
        "variance": None,
        "uncommitted_budget": None,
        "eac": "100.00",
        "forecast": None,
    }


def test_what_does_not_count_is_not_summed() -> None:
    lines = [commitment(), commitment("4500000002/00010/01", counts=False, not_counted_reason="not released")]
    sync(lines, [actual(counts=False, not_counted_reason="statistical")])
    assert picked("committed", "actual", "open") == {"committed": "100.00", "actual": "0.00", "open": "100.00"}


def test_document_currencies_stand_beside_and_are_never_added() -> None:
    abroad = commitment("4500000002/00010/01", "1000", currency="JPY", company_currency="EUR")
    abroad.company_ordered_amount = abroad.company_open_amount = Decimal("6.12")
    sync([commitment(), abroad])
    assert picked("committed", "by_currency") == {
        "committed": "106.12",
        "by_currency": [
            {"currency": "EUR", "committed": "100.00", "actual": "0.00", "open": "100.00"},
            {"currency": "JPY", "committed": "1000", "actual": "0", "open": "1000"},
        ],
    }


def test_company_amounts_in_another_currency_are_shown_and_not_converted() -> None:
    sync([commitment(), commitment("4500000002/00010/01", "9.00", currency="USD", company_currency="USD")])
    assert picked("committed", "other_currencies") == {
        "committed": "100.00",
        "other_currencies": [{"currency": "USD", "committed": "9.00", "actual": "0.00", "open": "9.00"}],
    }


def test_quarantined_money_of_a_project_stands_beside_its_figures() -> None:
    bad = Rejection("x", "bad_date", "PostingDate", "No date.", {}, Decimal("5.00"), "EUR", "P-1")
    sync([commitment(), bad])
    assert picked("quarantined", "quarantined_amounts") == {
        "quarantined": 1,
        "quarantined_amounts": [{"currency": "EUR", "open": "5.00", "actual": "0.00"}],
    }


def test_quarantined_money_is_told_once_where_two_companies_are_one_project() -> None:
    both: list[Any] = [
        Project(f"{company}/P-1", "P-1", currency="EUR", company_code=company) for company in ("1010", "1710")
    ]
    bad = Rejection("x", "bad_date", "PostingDate", "No date.", {}, Decimal("5.00"), "EUR", "P-1")
    sync(pages=[Page("projects", both), Page("commitments", [bad])])
    with database.scoped("default") as connection:
        home = costbook.project_figures(connection)[0]["project_id"]
        planning.relink(connection, "default", home, [("sap", one, "P-1") for one in ("1010", "1710")])
        told = {row["project_id"]: row for row in costbook.project_figures(connection)}[home]
    assert told["quarantined_amounts"] == [{"currency": "EUR", "open": "5.00", "actual": "0.00"}]
    assert told["quarantined"] == 1


def test_totals_are_one_per_currency() -> None:
    other = Project("P-2", "P-2", "USA", currency="USD", company_code="1710")
    pages = [
        Page("projects", [Project("P-1", "P-1", currency="EUR", company_code="1010"), other]),
        Page("wbs_elements", [WbsElement("W", "P-1", "P-1.1", company_code="1010")]),
        Page("commitments", [commitment(), commitment("4500000002/00010/01", "5.00", project_nr="P-2",
             company_code="1710", currency="USD", company_currency="USD")]),
    ]  # fmt: skip
    sync(pages=pages)
    with database.scoped("default") as connection:
        told = costbook.totals(costbook.project_figures(connection))
    assert [(one["currency"], one["committed"]) for one in told] == [("EUR", "100.00"), ("USD", "5.00")]


def test_the_variance_of_a_total_is_its_budget_less_all_that_is_spent() -> None:
    """Also what projects without a budget spend."""
    names = ("budget", "committed", "actual", "open", "total_spend", "eac", "uncommitted_budget")
    one = dict.fromkeys(names, "10.00") | {"currency": "EUR", "variance": "0.00", "other_currencies": []}
    without = one | {"budget": None, "variance": None, "total_spend": "4.00", "uncommitted_budget": None}
    [told] = costbook.totals([one, without])
    assert (told["budget"], told["total_spend"], told["variance"]) == ("10.00", "14.00", "-4.00")


class TestBudgets:
    def test_the_newest_line_that_is_valid_counts(self) -> None:
        sync([commitment()])
        give(
            {"amount": "100.00", "currency": "EUR", "valid_from": "2020-01-01"},
            {"amount": "200.00", "currency": "EUR", "valid_from": "2024-01-01"},
            {"amount": "900.00", "currency": "EUR", "valid_from": "2999-01-01"},
        )
        assert figures()["budget"] == "200.00"

    @pytest.mark.parametrize(
        "line",
        [
            {"amount": "1.00", "currency": "USD"},
            {"amount": "1.001", "currency": "EUR"},
            {"amount": "NaN", "currency": "EUR"},
            {"amount": "much", "currency": "EUR"},
            {"amount": "1.00", "currency": "EUR", "valid_from": "soon"},
            {"amount": "1e30", "currency": "EUR"},
            {"amount": "1.00", "currency": "EUR", "wbs_element": "nowhere"},
        ],
        ids=str,
    )
    def test_a_line_that_cannot_be_is_refused_and_the_old_budget_stays(self, line: dict[str, Any]) -> None:
        sync([commitment()])
        give({"amount": "100.00", "currency": "EUR"})
        with pytest.raises(BadBudget, match="Line 1"):
            give(line)
        assert figures()["budget"] == "100.00"

    def test_a_budget_that_is_given_twice_is_refused(self) -> None:
        sync([commitment()])
        with pytest.raises(BadBudget, match="given twice"):
            give({"amount": "5.00"}, {"amount": "7.00"})


class TestLinks:
    def two(self) -> dict[str, str]:
        more = Project("P-1", "P-1", "One", currency="EUR", company_code="1010")
        other = Project("P-2", "P-2", "Two", currency="EUR", company_code="1010")
        facts = [commitment(), commitment("4500000002/00010/01", "5.00", project_nr="P-2")]
        sync(pages=[Page("projects", [more, other]), Page("commitments", list(facts))])
        with database.scoped("default") as connection:
            return {one["project_nr"]: one["project_id"] for one in costbook.project_figures(connection)}

    def committed(self, project_id: str) -> str:
        with database.scoped("default") as connection:
            [own] = costbook.project_figures(connection, project_id=project_id)
        return str(own["committed"])

    def test_a_number_that_another_company_lists_is_known_where_people_linked_it(self) -> None:
        """Else the record that waits for it would be rejected for ever, whatever a person links."""
        own = self.two()["P-2"]
        link = "insert into ppm.project_links (organization_id, system, company_code, project_nr, project_id) values"
        with database.owner() as connection:
            connection.execute(sa.text(f"{link} ('default', 'sap', '1710', 'P-2', '{own}')"))
            assert linked(connection, runs.RunRequest("default", "sap")) == {"P-2"}

    def test_merged_projects_move_their_facts_and_come_apart_again(self) -> None:
        ids = self.two()
        both = [("sap", "1010", "P-1"), ("sap", "1010", "P-2")]
        with database.scoped("default") as connection:
            planning.relink(connection, "default", ids["P-1"], both)
        with database.scoped("default") as connection:
            assert [one["committed"] for one in costbook.project_figures(connection)] == ["105.00"]
            planning.relink(connection, "default", ids["P-1"], both[:1])
        assert (self.committed(ids["P-1"]), self.committed(ids["P-2"])) == ("100.00", "5.00")
        with database.owner() as connection:
            told = connection.execute(sa.text("select detail from ppm.audit_log where what = 'linked'")).all()
        assert len(told) == 2

    def test_no_budget_is_lost_when_projects_are_merged(self) -> None:
        ids = self.two()
        with database.scoped("default") as connection:
            for number, amount in (("P-1", "100.00"), ("P-2", "20.50")):
                planning.replace_budget(connection, "default", ids[number], "EUR", [{"amount": amount}])
            both = [("sap", "1010", "P-1"), ("sap", "1010", "P-2")]
            planning.relink(connection, "default", ids["P-1"], both)
            [merged] = costbook.project_figures(connection)
        assert merged["budget"] == "120.50"
        with database.scoped("default") as connection:
            planning.relink(connection, "default", ids["P-1"], both[:1])
            apart = [one["budget"] for one in costbook.project_figures(connection)]
        assert apart == ["100.00", "20.50"]

    def test_budgets_of_projects_that_are_one_are_loaded_side_by_side(self) -> None:
        ids = self.two()
        with database.scoped("default") as connection:
            both = [("sap", "1010", "P-1"), ("sap", "1010", "P-2")]
            planning.relink(connection, "default", ids["P-1"], both)
            rows = [{"project_nr": nr, "company_code": "1010", "amount": amount} for nr, amount in
                    (("P-1", "1000.00"), ("P-2", "2000.00"))]  # fmt: skip
            assert planning.load_budgets(connection, "default", "sap", rows) == 2
            [merged] = costbook.project_figures(connection)
        assert merged["budget"] == "3000.00"

    def test_projects_of_different_currencies_can_not_be_one(self) -> None:
        ids = self.two()
        sync(pages=[Page("projects", [Project("P-3", "P-3", "USA", currency="USD", company_code="1710")])])
        with database.scoped("default") as connection, pytest.raises(BadLink, match="kept in EUR; P-3 is kept in USD"):
            planning.relink(connection, "default", ids["P-1"], [("sap", "1010", "P-1"), ("sap", "1710", "P-3")])

    def test_two_projects_of_the_same_number_come_apart_as_they_were(self) -> None:
        one = Project("A", "P-1", "Nord", currency="EUR", company_code="1010")
        other = Project("B", "P-1", "Süd", currency="EUR", company_code="2010")
        target = Project("C", "P-9", "Alles", currency="EUR", company_code="1010")
        facts = [commitment(), commitment("4500000002/00010/01", "5.00", company_code="2010")]
        sync(pages=[Page("projects", [one, other, target]), Page("commitments", list(facts))])

        def shown(connection: sa.Connection) -> list[tuple[str, str, str]]:
            told = costbook.project_figures(connection)
            return sorted((project["name"], project["project_id"], project["committed"]) for project in told)

        with database.scoped("default") as connection:
            before = shown(connection)
            [whole] = [project_id for name, project_id, _ in before if name == "Alles"]
            own = ("sap", "1010", "P-9")
            every = [own, ("sap", "1010", "P-1"), ("sap", "2010", "P-1")]
            planning.relink(connection, "default", whole, every)
        with database.scoped("default") as connection:
            assert [committed for _, _, committed in shown(connection)] == ["105.00"]
            planning.relink(connection, "default", whole, [own])
            assert shown(connection) == before

    def test_a_link_by_hand_takes_only_what_its_own_company_has(self) -> None:
        ids = self.two()
        strange = [commitment("4500000008/00010/01", "7.00", project_nr="Z-1", company_code=c) for c in ("1710",)]
        sync(strange)
        with database.scoped("default") as connection:
            links = [("sap", "1010", "P-1"), ("sap", "1710", "Z-1")]
            planning.relink(connection, "default", ids["P-1"], links)
        more = commitment("4500000009/00010/01", "9.00", project_nr="Z-1", company_code="1110")
        assert sync([*strange, more]).rejected == 1
        assert self.committed(ids["P-1"]) == "107.00"

    def test_a_project_that_comes_apart_gets_its_name_and_its_wbs_budgets_back(self) -> None:
        ids = self.two()
        sync(pages=[Page("wbs_elements", [WbsElement("W-2", "P-2", "P-2.1", company_code="1010")])])
        both = [("sap", "1010", "P-1"), ("sap", "1010", "P-2")]
        with database.scoped("default") as connection:
            lines = [{"amount": "20.00", "wbs_element": "P-2.1"}]
            planning.replace_budget(connection, "default", ids["P-2"], "EUR", lines)
            planning.relink(connection, "default", ids["P-1"], both)
            planning.relink(connection, "default", ids["P-1"], both[:1])
            told = [(one["name"], one["budget"]) for one in costbook.project_figures(connection)]
        assert told == [("One", None), ("Two", "20.00")]

    def test_facts_of_another_company_move_with_the_only_project_of_their_number(self) -> None:
        ids = self.two()
        sync([commitment("4500000009/00010/01", "7.00", project_nr="P-2", company_code="2020")])
        with database.scoped("default") as connection:
            both = [("sap", "1010", "P-1"), ("sap", "1010", "P-2")]
            planning.relink(connection, "default", ids["P-1"], both)
        assert self.committed(ids["P-1"]) == "112.00"
        assert sync([commitment("4500000009/00010/01", "7.00", project_nr="P-2", company_code="2020")]).unchanged == 1

    def test_a_sync_follows_the_links(self) -> None:
        ids = self.two()
        with database.scoped("default") as connection:
            planning.relink(connection, "default", ids["P-2"], [("sap", "1010", "P-2"), ("sap", "1010", "P-1")])
        sync([commitment("4500000003/00010/01", "1.00")])
        assert self.committed(ids["P-2"]) == "106.00"

    def test_a_project_that_was_never_seen_cannot_be_linked(self) -> None:
        ids = self.two()
        with database.scoped("default") as connection, pytest.raises(BadLink, match="P-9"):
            planning.relink(connection, "default", ids["P-1"], [("sap", "1010", "P-9")])

    def test_another_organisation_cannot_be_reached(self) -> None:
        self.two()
        with database.scoped("other") as connection:
            assert costbook.project_figures(connection) == []
            assert connection.execute(sa.text("delete from ppm.budgets")).rowcount == 0
