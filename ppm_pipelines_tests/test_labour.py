"""Labour of two systems in one project is counted once (DOMAIN R19), against a real PostgreSQL."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from ppm_pipelines import breakdown, costbook, database, history, labour, planning
from ppm_pipelines.labour import BadLabour
from ppm_pipelines.load import SyncResult
from ppm_pipelines.records import Actual, Commitment, Deleted, Outcome, Page, Project, Rejection, Skipped
from ppm_pipelines_tests.test_history import added_up, now, stored
from ppm_pipelines_tests.test_load import actual, commitment, rows, sync, told

pytestmark = pytest.mark.usefixtures("database_url")
SHEET = "1010/2026/0900000001/000001"  # a posting of a time sheet


def sap(*facts: Outcome, **more: Any) -> SyncResult:
    pages = [
        Page("projects", [Project("P-1", "P-1", "Halle 4", currency="EUR", company_code="1010")]),
        Page("commitments", [one for one in facts if isinstance(one, Commitment)]),
        Page("actuals", [one for one in facts if not isinstance(one, Commitment)]),
    ]
    return sync(pages=pages, **more)


def jira(*facts: Outcome, rejected: Iterable[Rejection] = (), **more: Any) -> SyncResult:
    pages = [
        Page("projects", [Project("10001", "HALLE", "Halle", currency="EUR")]),
        Page("commitments", [*(one for one in facts if isinstance(one, Commitment)), *rejected]),
        Page("actuals", [one for one in facts if not isinstance(one, Commitment)]),
    ]
    return sync(pages=pages, system="jira", **more)


def bought(amount: str = "100.00") -> Commitment:
    return commitment(ordered=amount)


def sheet(amount: str = "70.00", key: str = SHEET, **more: Any) -> Actual:
    return actual(key, amount, labour=True, document_type="CO", **more)


def issue(logged: str = "50.00", remaining: str = "30.00", key: str = "20001") -> Commitment:
    own = {"company_code": "", "project_nr": "HALLE", "source_key": key, "relieved_by": "work", "labour": True}
    return commitment(f"{key}/1/1", str(Decimal(logged) + Decimal(remaining)), logged, **own)


def worklog(amount: str = "50.00", key: str = "30001", **more: Any) -> Actual:
    own = {"company_code": "", "project_nr": "HALLE", "source_key": key, "po_no": "HALLE-1", "labour": True}
    return actual(f"/2026/{key}/1", amount, **own, **more)


def linked(*systems: str) -> str:
    """The project of SAP is also the one of Jira, or not any more."""
    places = {"sap": ("sap", "1010", "P-1"), "jira": ("jira", "", "HALLE")}
    with database.scoped("default") as connection:
        planning.relink(connection, "default", project(), [places[one] for one in systems])
    return project()


def project(number: str = "P-1") -> str:
    [(found,)] = rows(f"select project_id from ppm.costbook_projects where project_nr = '{number}'")
    return str(found)


def choose(system: str | None) -> None:
    with database.scoped("default") as connection:
        labour.choose(connection, "default", project(), system, "anna@example.com")


def figures(number: str = "P-1", as_of: datetime | None = None) -> dict[str, Any]:
    with database.scoped("default") as connection:
        [own] = costbook.project_figures(connection, "default", project(number), as_of)
    return own


def spent(number: str = "P-1", as_of: datetime | None = None) -> tuple[str, str, str]:
    own = figures(number, as_of)
    return own["committed"], own["actual"], own["open"]


def both() -> None:
    sap(bought(), sheet())
    jira(issue(), worklog())
    linked("sap", "jira")


def test_where_sap_posts_labour_hours_of_jira_do_not_count_and_say_why() -> None:
    both()
    assert spent() == ("100.00", "70.00", "100.00")
    assert figures()["labour"] == {
        "source": None,
        "systems": ["jira", "sap"],
        "left_out": [{"system": "jira", "currency": "EUR", "committed": "80.00", "actual": "50.00", "open": "30.00"}],
    }
    reasons = rows("select system, counts, not_counted_reason from ppm.actuals order by 1")
    assert reasons == [("jira", False, "other_labour_source"), ("sap", True, None)]


def test_where_sap_has_orders_alone_hours_of_jira_count() -> None:
    sap(bought(), actual())
    jira(issue(), worklog())
    linked("sap", "jira")
    assert spent() == ("180.00", "90.00", "130.00")
    assert figures()["labour"] == {"source": None, "systems": ["jira", "sap"], "left_out": []}


def test_the_first_time_sheet_takes_the_hours_out_and_the_last_one_gives_them_back() -> None:
    sap(bought())
    jira(issue(), worklog())
    linked("sap", "jira")
    assert spent() == ("180.00", "50.00", "130.00")
    sap(bought(), sheet())
    assert spent() == ("100.00", "70.00", "100.00")
    sap(bought(), Deleted(SHEET))
    assert spent() == ("180.00", "50.00", "130.00")


def test_a_sync_of_what_does_not_count_changes_nothing() -> None:
    both()
    kept = rows("select count(*) from ppm.actuals_history")
    result = jira(issue(), worklog())
    assert told(result) == {"total": 2, "unchanged": 2}
    assert rows("select count(*) from ppm.actuals_history") == kept
    more = jira(issue("60.00"), worklog("60.00"), worklog("9.00", "30002"))
    assert (told(more), more.amounts) == ({"total": 3, "inserted": 1, "updated": 2}, {})
    assert spent() == ("100.00", "70.00", "100.00")


def test_people_choose_whose_labour_counts() -> None:
    both()
    choose("jira")
    assert spent() == ("180.00", "50.00", "130.00")
    assert figures()["labour"] == {
        "source": "jira",
        "systems": ["jira", "sap"],
        "left_out": [{"system": "sap", "currency": "EUR", "committed": "0.00", "actual": "70.00", "open": "0.00"}],
    }
    sap(bought(), sheet(), sheet("5.00", "1010/2026/0900000002/000001"))
    assert spent() == ("180.00", "50.00", "130.00")
    choose(None)
    assert spent() == ("100.00", "75.00", "100.00")
    audited = rows("select who, detail from ppm.audit_log where what = 'chose_labour' order by id")
    assert audited[0] == ("anna@example.com", {"project_id": project(), "labour_source": "jira"})


def test_people_choose_between_linked_systems_where_there_is_labour() -> None:
    sap(bought())
    jira()
    linked("sap", "jira")
    assert figures()["labour"]["systems"] == []
    jira(worklog())
    assert figures()["labour"]["systems"] == ["jira", "sap"]
    linked("sap")
    assert figures("HALLE")["labour"]["systems"] == []


def test_a_system_that_is_not_linked_can_not_be_chosen() -> None:
    both()
    with pytest.raises(BadLabour, match="nothing from dynamics"):
        choose("dynamics")


def test_projects_that_come_apart_count_their_own_labour_again() -> None:
    both()
    choose("sap")
    linked("sap")
    assert (spent(), spent("HALLE")) == (("100.00", "70.00", "100.00"), ("80.00", "50.00", "30.00"))
    linked("sap", "jira")
    assert spent() == ("100.00", "70.00", "100.00")


def test_a_choice_of_what_is_linked_no_more_leaves_nothing_out() -> None:
    both()
    choose("jira")
    linked("sap")
    assert (spent(), figures()["labour"]["left_out"]) == (("100.00", "70.00", "100.00"), [])
    linked("sap", "jira")
    assert spent() == ("180.00", "50.00", "130.00")


def test_what_was_shown_stays_known_and_the_change_says_what_it_was() -> None:
    shown: list[tuple[datetime, dict[str, Any]]] = []

    def note() -> None:
        shown.append((now(), figures()))

    both()
    note()
    choose("jira")
    note()
    jira(issue("55.00"), worklog("55.00"))
    note()
    choose(None)
    note()

    def plain(own: dict[str, Any]) -> dict[str, Any]:
        return own | {"as_of": None}

    assert [plain(figures(as_of=moment)) for moment, _ in shown] == [plain(own) for _, own in shown]
    with database.scoped("default") as connection:
        whole = connection.execute(sa.text("select * from ppm.costbook_projects where project_nr = 'P-1'")).one()
        compared = history.compare(connection, whole, shown[0][0], shown[1][0])
        lines = history.changed_lines(connection, "actuals", whole, shown[0][0], shown[1][0], 10, 0)
    assert compared["figures"]["actual"]["delta"] == "-20.00"
    assert compared["changes"]["actuals"]["changed"]["amounts"] == {"EUR": {"amount": "-20.00"}}
    changes = {one["system"]: one["changes"] for one in lines["items"]}
    assert changes["jira"]["not_counted_reason"] == {"before": "other_labour_source", "after": None}


def test_a_line_that_does_not_count_for_another_reason_keeps_it() -> None:
    both()
    sap(bought(), sheet(counts=False, not_counted_reason="statistical_wbs"))
    assert spent() == ("180.00", "50.00", "130.00")  # nothing of SAP's labour would count
    choose("sap")
    choose("jira")
    assert rows("select not_counted_reason from ppm.actuals where system = 'sap'") == [("statistical_wbs",)]


def test_what_goes_out_of_scope_says_that_and_comes_back_without_counting() -> None:
    both()
    jira(issue(), Skipped("30001", "archived project"))
    assert rows("select not_counted_reason from ppm.actuals where system = 'jira'") == [("out_of_scope",)]
    assert figures()["labour"]["left_out"][0]["actual"] == "0.00"
    jira(issue(), worklog())
    assert rows("select not_counted_reason from ppm.actuals where system = 'jira'") == [("other_labour_source",)]


def test_hours_in_quarantine_are_no_missing_money_where_they_would_not_count() -> None:
    both()
    bad = Rejection("20009", "other_currency", "rates", "Other.", {}, Decimal(7), "EUR", "HALLE", Decimal(7))
    jira(issue(), worklog(), rejected=[bad])
    assert figures()["quarantined"] == 1
    assert figures()["quarantined_amounts"] == [{"currency": "EUR", "open": "0.00", "actual": "0.00"}]
    choose("jira")
    assert figures()["quarantined_amounts"] == [{"currency": "EUR", "open": "7.00", "actual": "0.00"}]


def test_postings_of_two_ledgers_both_count_until_people_choose() -> None:
    """Which of two ledgers tells an hour twice, if any, nobody but people can know."""
    both()
    halle = Project("usmf/P-9", "P-9", "Hall", currency="EUR", company_code="usmf")
    hours = sheet("11.00", "usmf/2026/1/000001", project_nr="P-9")
    sync(pages=[Page("projects", [halle]), Page("actuals", [hours])], system="dynamics")
    with database.scoped("default") as connection:
        places = [("sap", "1010", "P-1"), ("jira", "", "HALLE"), ("dynamics", "usmf", "P-9")]
        planning.relink(connection, "default", project(), places)
    assert spent()[1] == "81.00"
    choose("sap")
    assert spent()[1] == "70.00"


def test_another_organisation_s_projects_are_left_alone() -> None:
    both()
    [before] = rows("select max(last_changed_at) from ppm.costbook_projects")
    sap(bought(), sheet(), organization_id="other")
    with database.scoped("other") as connection, pytest.raises(BadLabour, match="nothing from jira"):
        labour.choose(connection, "other", project_of("other"), "jira")
    assert rows("select max(last_changed_at) from ppm.costbook_projects where organization_id = 'default'") == [before]


def project_of(organization_id: str) -> str:
    [(found,)] = rows(f"select project_id from ppm.costbook_projects where organization_id = '{organization_id}'")
    return str(found)


# whatever happens, in whatever order


@dataclass
class Books:
    """What both systems have, beside the Costbook."""

    rng: random.Random
    sheets: dict[str, str] = field(default_factory=dict)
    worklogs: dict[str, str] = field(default_factory=dict)
    is_linked: bool = True
    chosen: str | None = None

    def step(self) -> None:
        getattr(self, self.rng.choice(("post", "take_back", "log", "relink", "pick")))()

    def post(self) -> None:
        key = f"1010/2026/090000000{self.rng.randint(1, 3)}/000001"
        self.sheets[key] = f"{self.rng.randint(1, 99)}.00"
        sap(bought(), *(sheet(amount, key) for key, amount in self.sheets.items()), complete={"actuals"})

    def take_back(self) -> None:
        self.sheets.clear()
        sap(bought(), complete={"actuals"})

    def log(self) -> None:
        self.worklogs[f"3000{self.rng.randint(1, 4)}"] = f"{self.rng.randint(1, 99)}.50"
        logged = str(self.logged)
        jira(issue(logged), *(worklog(amount, key) for key, amount in self.worklogs.items()), complete={"actuals"})

    def relink(self) -> None:
        self.is_linked = not self.is_linked
        linked(*(("sap", "jira") if self.is_linked else ("sap",)))

    def pick(self) -> None:
        wanted = self.rng.choice((None, "sap", "jira") if self.is_linked else (None, "sap"))
        choose(wanted)
        self.chosen = wanted

    @property
    def logged(self) -> Decimal:
        return sum(map(Decimal, self.worklogs.values()), Decimal(0))

    def expected(self) -> str:
        """The books of one of them, with the other's left out."""
        posted = sum(map(Decimal, self.sheets.values()), Decimal(0))
        if not self.is_linked:
            return f"{posted:.2f}"
        source = self.chosen or ("sap" if self.sheets else "jira")
        return f"{posted if source == 'sap' else self.logged:.2f}"


@pytest.mark.parametrize("seed", range(4))
def test_labour_is_that_of_one_system_whatever_happens(seed: int) -> None:
    books = Books(random.Random(seed))
    both()
    books.take_back()
    books.log()
    shown = []
    for _ in range(14):
        books.step()
        assert figures()["actual"] == books.expected()
        assert stored() == added_up()
        with database.scoped("default") as connection:
            whole = connection.execute(sa.text("select * from ppm.costbook_projects where project_nr = 'P-1'")).one()
            parts = breakdown.breakdown(connection, whole, "period")
        assert sum(Decimal(part["actual"]) for part in parts) == Decimal(books.expected())
        shown.append((now(), books.expected()))
    assert [figures(as_of=moment)["actual"] for moment, _ in shown] == [amount for _, amount in shown]
