"""The Jira adapter against the simulated site over HTTP, through the loader into a real PostgreSQL.

Belongs here: whole reads, incremental ones, and what goes wrong meanwhile; after each, every row and every total in the
database is held against the site's own books to the cent. Does not belong here: single rules (``test_adapter_jira``).
Adapter and site are written independently of each other.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import httpx
import pytest
import uvicorn

from ppm_pipelines import database, load, runs, sandbox_profile
from ppm_pipelines.adapters.base import Check, Credentials, Misconfigured, Refused, SourceError, Unavailable
from ppm_pipelines.adapters.http import Limits
from ppm_pipelines.adapters.jira import Jira
from ppm_pipelines.adapters.jira_settings import Settings
from ppm_pipelines.records import Page, Raw
from ppm_pipelines.sandbox.app import create
from ppm_pipelines.sandbox.jira.api import Simulation
from ppm_pipelines.sandbox.jira.books import books
from ppm_pipelines.sandbox.jira.life import step
from ppm_pipelines.sync import carry_out

Row = dict[str, Any]
CLOUD = {"base_url": "/jira", "email": "ppm-reader@nordlicht.example", "token": "sandbox-token"}
SERVERS = {"base_url": "/jira/datacenter", "deployment": "data_center", "token": "sandbox-access-token"}
GATEWAY = "/jira/ex/jira/11223344-a1b2-3b33-c444-def123456789"
FIGURES = {"ordered": "ordered_amount", "relieved": "relieved_amount", "open": "open_amount"}

pytestmark = pytest.mark.usefixtures("database_url")


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create(seed=7, orders=10, pace=0), log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)


@dataclass
class Site:
    """The site of one test: control, syncs of it, and what the database then holds."""

    url: str
    control: httpx.Client
    deployment: str
    state: Row | None = None
    made: list[Jira] = field(default_factory=list)

    def adapter(self, *, limits: Limits | None = None, timeout_seconds: float = 60, **settings: Any) -> Jira:
        known = self.control.get("/_sandbox/jira/settings").json()[self.deployment]
        values = (CLOUD if self.deployment == "cloud" else SERVERS) | known | settings
        values["base_url"] = self.url + str(values["base_url"])
        self.made.append(
            Jira(
                Settings.model_validate(values),
                allowed_hosts=self.url,
                timeout_seconds=timeout_seconds,
                limits=limits or Limits(backoff=0.001),
            )
        )
        return self.made[-1]

    def post(self, what: str, **body: Any) -> Any:
        answer = self.control.post(f"/_sandbox/jira/{what}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def fault(self, kind: str, times: int = 1, **more: Any) -> list[Row]:
        made: list[Row] = self.post("fault", kind=kind, times=times, **more).get("made") or []
        return made

    def books(self) -> Row:
        told: Row = self.control.get("/_sandbox/jira/books").json()
        return told

    def sync(
        self, adapter: Jira | None = None, *, full: bool = False, entity: Any = "costs", pages: Any = None
    ) -> load.SyncResult:
        """As the product does it: an incremental read begins where the last one stood, a full one only compares."""
        adapter = adapter or self.adapter()
        request = runs.RunRequest("default", "jira", entity, "full" if full or not self.state else "incremental")
        with database.owner() as connection:
            run_id = runs.claim(connection, request).run_id
        adapter.before = self.state
        state = None if full else self.state
        try:
            with database.direct() as own:
                result = load.load(
                    own,
                    request,
                    run_id,
                    pages or adapter.read(entity, state),
                    complete=lambda: adapter.complete,
                    state=adapter.state,
                    control=adapter.control,
                    final_postings=adapter.final_postings,
                )
        except BaseException:
            with database.owner() as connection:
                runs.settle(connection, run_id, "failed", reason="as the test wants it", problem=None)
            raise
        self.state = adapter.state()
        return result


@pytest.fixture
def site(served: str) -> Iterator[Site]:
    yield from _site(served, "cloud")


@pytest.fixture(params=["cloud", "data_center"])
def either(served: str, request: pytest.FixtureRequest) -> Iterator[Site]:
    yield from _site(served, request.param)


def _site(served: str, deployment: str) -> Iterator[Site]:
    with httpx.Client(base_url=served, timeout=60, trust_env=False) as control:
        made = Site(served, control, deployment)
        made.post("reset")
        yield made
        for adapter in made.made:
            adapter.close()


def rows(query: str, *values: Any) -> list[tuple[Any, ...]]:
    with database.direct() as connection:
        return connection.execute(query, values).fetchall()


def assert_as_in_the_books(site: Site, *, vanished: bool = True) -> None:
    """Every row, every total per project, and everything that waits in quarantine.

    ``vanished`` False: issues may have changed before they went away, and nobody saw that.
    """
    books = site.books()
    gone = set() if vanished else {"vanished"}
    assert {key: one for key, one in _commitments().items() if one[3] not in gone} == {
        one["source_key"]: (
            *(one[name] for name in ("project_nr", "po_number", "currency", "closed_reason")),
            *(Decimal(one[name]) for name in FIGURES),
            Fraction(one["hours"]).limit_denominator(3600),
        )
        for one in books["commitments"]
        if one["closed_reason"] not in gone
    }
    assert _actuals() == {
        one["source_key"]: (
            *(one[name] for name in ("project_nr", "po_no", "currency", "posting_date")),
            *(one[name] for name in ("fiscal_year", "fiscal_period")),
            Decimal(one["amount"]),
            Fraction(one["hours"]).limit_denominator(3600),
        )
        for one in books["actuals"]
    }
    assert not vanished or _totals() == {
        one["project_nr"]: tuple(Decimal(one[name]) for name in (*FIGURES, "actual")) for one in books["totals"]
    }
    for entity in ("commitments", "actuals"):
        waiting = {key for (key,) in rows("select source_key from ppm.rejections where entity = %s", entity)}
        assert waiting == set(books["quarantined"][entity]), entity


def _commitments() -> dict[str, tuple[Any, ...]]:
    found = rows(
        "select source_key, project_nr, po_number, currency, closed_reason, ordered_amount, relieved_amount,"
        " open_amount, (custom_fields ->> 'ordered_hours')::numeric, company_ordered_amount, company_relieved_amount,"
        " company_open_amount, po_line_nr, company_currency from ppm.commitments"
        " where coalesce(closed_reason, '') <> 'out_of_scope'"
        " and source_key not in (select source_key from ppm.rejections where entity = 'commitments')"
    )
    assert all(one[5:8] == one[9:12] and one[12] == "1" and one[3] == one[13] for one in found)
    return {one[0]: (*one[1:8], Fraction(one[8]).limit_denominator(3600)) for one in found}


def _actuals() -> dict[str, tuple[Any, ...]]:
    found = rows(
        "select source_key, project_nr, po_no, currency, posting_date::text, fiscal_year, fiscal_period, amount,"
        " quantity, unit from ppm.actuals where removed_at is null and counts"
        " and source_key not in (select source_key from ppm.rejections where entity = 'actuals')"
    )
    assert {one[9] for one in found} == {"H"}
    return {one[0]: (*one[1:8], Fraction(one[8]).limit_denominator(3600)) for one in found}


def _totals() -> dict[str, tuple[Decimal, ...]]:
    sums: dict[str, list[Decimal]] = {}
    for one in _commitments().values():
        own = sums.setdefault(one[0], [Decimal(0)] * 4)
        for place, amount in enumerate(one[4:7]):
            own[place] += amount
    for one in _actuals().values():
        sums.setdefault(one[0], [Decimal(0)] * 4)[3] += one[6]
    return {project: tuple(amounts) for project, amounts in sums.items()}


# Whole and incremental reads


def test_a_first_load_agrees_with_the_site_s_books_to_the_cent(either: Site) -> None:
    adapter = either.adapter()
    result = either.sync(adapter)
    assert_as_in_the_books(either)
    assert result.inserted == result.total - result.rejected - result.skipped
    assert result.rejected
    assert adapter.complete == {"projects", "commitments", "actuals"}
    assert rows("select count(*) from ppm.projects where system = 'jira'") == [(6,)]


def test_loading_again_changes_nothing(either: Site) -> None:
    first = either.sync()
    for full in (False, True):
        again = either.sync(full=full)
        assert (again.inserted, again.updated, again.closed) == (0, 0, 0)
        assert all(figure["delta"] == "0.00" for figure in again.amounts["EUR"].values())
        assert again.total == first.total or not full
    assert_as_in_the_books(either)
    assert rows("select count(*) from ppm.raw_records where run_id <> %s", first.run_id) == [(0,)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_order_of_full_and_incremental_reads_comes_to_the_same_truth(either: Site, seed: int) -> None:
    rng = random.Random(seed)
    either.sync()
    for _ in range(6):
        either.post("advance", steps=rng.randint(1, 60))
        before = either.state
        either.sync(full=rng.random() < 0.3)
        assert_as_in_the_books(either)
        if rng.random() < 0.3:
            either.state = before  # a read whose state was lost is read once more


def test_an_incremental_read_asks_for_what_changed_alone(either: Site) -> None:
    whole = either.adapter()
    total = either.sync(whole).total
    either.post("advance", steps=4)
    later = either.adapter()
    changed = either.sync(later)
    assert 0 < changed.total < total / 3
    assert later.complete == {"projects"}
    assert_as_in_the_books(either)


# Deleted, moved, archived, hidden


def test_a_deleted_worklog_leaves_the_sums_and_stays_in_the_table(site: Site) -> None:
    """worklog/deleted; the issue's own figures follow (CONTRACT: the deletion is counted in ``closed``)."""
    site.sync()
    while not (gone := _deleted(site)):
        pass
    result = site.sync()
    assert result.closed >= len(gone)
    reasons = rows("select removed_reason from ppm.actuals where source_key = any(%s)", gone)
    assert {reason for (reason,) in reasons} <= {"deleted"}
    assert_as_in_the_books(site)


def _deleted(site: Site) -> list[str]:
    """Known worklogs that were deleted by some steps."""
    before = {one["source_key"] for one in site.books()["actuals"]}
    site.post("advance", steps=10)
    return sorted(before - {one["source_key"] for one in site.books()["actuals"]})


def test_what_the_last_minute_hides_comes_with_the_next_read(either: Site) -> None:
    """jira.md, section 4: both feeds leave the last minute out, so the server's own ``until`` is the watermark."""
    either.sync()
    for _ in range(4):
        either.post("advance", steps=15, fresh=True)
        either.sync()
    either.post("advance", steps=1)
    either.sync()
    assert_as_in_the_books(either)


def test_a_deleted_issue_is_found_by_a_full_read_alone(either: Site) -> None:
    """No feed tells of it: ordered and relieved stay, open is zero, its worklogs leave the sums (DOMAIN R7)."""
    either.sync()
    made = either.fault("vanish", 3)
    either.sync()
    assert rows("select count(*) from ppm.commitments where closed_reason = 'vanished'") == [(0,)]
    result = either.sync(full=True)
    assert result.closed >= 3
    keys = [one["key"] for one in made]
    found = rows("select closed_reason, open_amount from ppm.commitments where source_key = any(%s)", keys)
    assert set(found) <= {("vanished", Decimal(0))}
    assert_as_in_the_books(either)


def test_a_moved_issue_keeps_its_row_under_another_key(site: Site) -> None:
    """The key changes, the id does not."""
    site.sync()
    before = dict(rows("select source_key, po_number from ppm.commitments"))
    site.post("advance", steps=150)
    site.sync()
    after = dict(rows("select source_key, po_number from ppm.commitments"))
    moved = [key for key in before if after[key] != before[key]]
    assert moved
    assert_as_in_the_books(site)


def test_an_archived_project_goes_out_of_scope(site: Site) -> None:
    """jira.md, trap 10: it is asked for by name, so that its missing issues are no lost right."""
    first = site.sync()
    site.fault("archive_project")
    adapter = site.adapter()
    result = site.sync(adapter, full=True)
    assert adapter.complete == {"projects", "commitments", "actuals"}
    assert result.closed > 0
    assert first.amounts["EUR"]["open"]["after"] > result.amounts["EUR"]["open"]["after"]
    assert_as_in_the_books(site)


@pytest.mark.parametrize("lost", ["lose_project", "lose_group"])
def test_lost_permissions_close_nothing(either: Site, lost: str) -> None:
    """jira.md, trap 4: fewer rows without an error; also not with the read after the next one."""
    either.sync()
    kept = rows("select source_key, closed_at from ppm.commitments order by 1")
    actuals = rows("select source_key from ppm.actuals where removed_at is null order by 1")
    either.fault(lost)
    for _ in range(2):
        adapter = either.adapter()
        either.sync(adapter, full=True)
        assert adapter.complete == {"projects"}
        assert rows("select source_key, closed_at from ppm.commitments order by 1") == kept
        assert rows("select source_key from ppm.actuals where removed_at is null order by 1") == actuals
    either.fault("none")
    either.post("advance", steps=10)
    either.sync(full=True)
    assert_as_in_the_books(either)


def test_a_person_accepts_what_the_account_no_longer_sees(site: Site) -> None:
    """As the product carries it out: the memory of what was visible is the database's, and ends by acceptance."""

    def sync(mode: Any, **scope: bool) -> load.SyncResult:
        request = runs.RunRequest("default", "jira", "costs", mode, scope=dict(scope) or None)
        with database.owner() as connection:
            run_id = runs.claim(connection, request).run_id
        return carry_out(request, run_id, site.adapter)

    sync("incremental")
    site.fault("lose_project")
    assert [sync("full").closed for _ in range(2)] == [0, 0]
    assert sync("incremental").closed == 0
    gone = sync("full", **{load.ACCEPTED: True}).closed
    assert gone > 0
    assert rows("select distinct project_nr from ppm.commitments where closed_reason = 'vanished'") == [("HALLE",)]
    assert sync("full").closed == 0


def test_permissions_that_get_lost_during_a_full_read_close_nothing(site: Site) -> None:
    site.sync()
    adapter = site.adapter()

    def pages() -> Iterator[Any]:
        for place, page in enumerate(adapter.read("costs", None)):
            yield page
            if place == 3:
                site.fault("lose_group")

    site.sync(adapter, full=True, pages=pages())
    assert adapter.complete == {"projects"}


def test_an_account_that_sees_less_is_no_mass_disappearance(site: Site) -> None:
    """Four of six projects are gone for it: nothing is closed, and a person need not decide."""
    site.sync()
    narrow = site.adapter(email="ppm-narrow@nordlicht.example")
    result = site.sync(narrow, full=True)
    assert result.closed == 0
    assert narrow.complete == {"projects"}
    assert rows("select count(*) from ppm.commitments where closed_reason = 'vanished'") == [(0,)]


def test_a_mass_disappearance_is_refused_and_changes_nothing(site: Site) -> None:
    site.sync()
    before = rows("select source_key, open_amount from ppm.commitments order by 1")
    site.fault("vanish", 90)
    with pytest.raises(load.MassDisappearance):
        site.sync(full=True)
    assert rows("select source_key, open_amount from ppm.commitments order by 1") == before


# Paging


def test_rows_that_come_and_go_while_they_are_paged_are_neither_lost_nor_doubled(either: Site) -> None:
    """jira.md, section 3: with offsets rows shift; a token belongs to a place in the order."""
    either.sync()
    adapter, seen = either.adapter(), list[Page]()

    def pages() -> Iterator[Any]:
        for page in adapter.read("costs", None):
            yield page
            if page.entity == "commitments":
                either.post("advance", steps=6)
                either.fault("vanish", 2 if len(seen) < 2 else 1)
                seen.append(page)

    result = either.sync(adapter, full=True, pages=pages())
    assert result.total == sum((result.inserted, result.updated, result.unchanged, result.rejected, result.skipped)) + (
        result.closed - sum(told["vanished"] for told in _vanished(result))
    )
    either.sync()
    either.sync(full=True)
    assert_as_in_the_books(either, vanished=False)


def _vanished(result: load.SyncResult) -> list[dict[str, int]]:
    """``closed`` counts what the source said and what it showed no more; only the former was read."""
    return [
        {"vanished": told["closed"] - (told["total"] - sum(told[name] for name in _READ))}
        for told in result.by_entity.values()
    ]


_READ = ("inserted", "updated", "unchanged", "rejected", "skipped")


def test_an_issue_with_many_worklogs_is_counted_whole(either: Site) -> None:
    """jira.md, trap 2: an issue carries twenty of them, and says so."""
    either.sync()
    [(most,)] = rows("select max(n) from (select count(*) as n from ppm.actuals group by po_no) c")
    assert most > 40


@pytest.mark.parametrize(("kind", "code"), [("same_token", "token_repeats"), ("no_rows", "unusable_answer")])
def test_a_search_that_does_not_end_or_lacks_its_rows_is_refused(site: Site, kind: str, code: str) -> None:
    site.sync()
    before = rows("select * from ppm.commitments order by id")
    site.post("advance", steps=20)
    site.fault(kind, 50)
    with pytest.raises(Refused) as caught:
        site.sync(full=True)
    assert caught.value.code == code
    assert rows("select * from ppm.commitments order by id") == before


def test_a_list_that_ends_without_saying_so_closes_nothing(site: Site) -> None:
    site.sync()
    site.fault("no_token")
    adapter = site.adapter()
    assert site.sync(adapter, full=True).closed == 0
    assert adapter.complete == {"projects"}


def test_issues_that_jira_could_not_deliver_just_then_are_asked_for_again(site: Site) -> None:
    """Fetching by id names them; a worklog may change without its issue (jira.md, section 4)."""
    site.sync()
    site.post("advance", steps=40)
    site.fault("issue_errors", 2)
    site.sync()
    assert_as_in_the_books(site)
    site.post("advance", steps=40)
    site.fault("issue_errors", 20)
    with pytest.raises(Unavailable, match="did not deliver the issue"):
        site.sync()


# What goes wrong in the middle


@pytest.mark.parametrize(
    "fault", [("http_429", 1.0), ("http_429_date", 1.0), ("http_503", 0), ("truncated_json", 0)], ids=lambda one: one[0]
)
def test_a_read_goes_on_after_throttling_and_truncated_answers(either: Site, fault: tuple[str, float]) -> None:
    """Retry-After is obeyed, in seconds and as a date."""
    either.fault(fault[0], 2, after=3, seconds=fault[1])
    adapter = either.adapter()
    started = time.monotonic()
    either.sync(adapter)
    if fault[1]:
        assert time.monotonic() - started >= fault[1] - 0.5
    assert_as_in_the_books(either)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("unauthorized", Credentials),
        ("html_login", Credentials),
        ("truncated_json", Unavailable),
        ("http_503", Unavailable),
    ],
)
def test_what_breaks_off_in_the_middle_changes_nothing(either: Site, kind: str, expected: type[SourceError]) -> None:
    """A token that expires in the middle: what was read before it is not taken."""
    either.sync()
    before = rows("select * from ppm.commitments order by id"), rows("select * from ppm.actuals order by id")
    either.post("advance", steps=30)
    either.fault(kind, 100, after=4)
    with pytest.raises(expected):
        either.sync(either.adapter(limits=Limits(attempts=2, backoff=0.001)), full=True)
    assert before == (rows("select * from ppm.commitments order by id"), rows("select * from ppm.actuals order by id"))
    either.fault("none")
    either.sync()
    assert_as_in_the_books(either)


def test_a_wait_longer_than_what_is_left_is_given_up(site: Site) -> None:
    site.fault("http_429", 1, seconds=90)
    with pytest.raises(Unavailable, match="asks to wait 90 seconds"):
        site.sync(site.adapter(timeout_seconds=20))


# Quarantine, scope, rates


def test_hours_without_a_rate_wait_and_count_when_there_is_one(site: Site) -> None:
    """Labour without a rate: no amount, the hours in the sentence; a new rate makes the next read a full one."""
    made = site.fault("unpriced", 2)
    site.sync()
    found = rows(
        "select source_key, code, amount, reason from ppm.rejections where entity = 'actuals' and source_key = any(%s)",
        [one["key"] for one in made],
    )
    assert {one[1:3] for one in found} == {("no_rate", None)}
    assert all("2 hours" in one[3] for one in found)
    assert_as_in_the_books(site)
    known = site.control.get("/_sandbox/jira/settings").json()["cloud"]["rates"]
    everybody = {"amount": "50.00", "currency": "EUR", "valid_from": "2020-01-01"}
    adapter = site.adapter(rates=[*known, everybody])
    result = site.sync(adapter)
    assert adapter.complete == {"projects", "commitments", "actuals"}
    assert result.rejected == 0
    keys = [one["key"] for one in made]
    assert rows("select distinct amount from ppm.actuals where source_key = any(%s)", keys) == [(Decimal(100),)]


def test_a_rate_in_another_currency_waits_with_its_amount(site: Site) -> None:
    [made] = site.fault("other_currency")
    site.sync()
    found = rows("select code, amount, currency from ppm.rejections where source_key = %s", made["key"])
    assert found == [("other_currency", Decimal(280), "USD")]
    assert rows("select code from ppm.rejections where source_key = %s", made["issue"]) == [("other_currency",)]
    assert_as_in_the_books(site)


def test_only_the_configured_projects_are_read(either: Site) -> None:
    either.sync(either.adapter(projects=["halle", "AEGIR"]))
    assert rows("select distinct project_nr from ppm.commitments order by 1") == [("AEGIR",), ("HALLE",)]
    assert rows("select distinct project_nr from ppm.actuals order by 1") == [("AEGIR",), ("HALLE",)]
    either.post("advance", steps=120)
    result = either.sync(either.adapter(projects=["halle", "AEGIR"]))
    books = either.books()
    for entity, found in (("commitments", _commitments()), ("actuals", _actuals())):
        own = {one["source_key"] for one in books[entity] if one["project_nr"] in ("HALLE", "AEGIR")}
        moved_away = {one["source_key"] for one in books[entity]} - own
        assert found.keys() - moved_away == own, entity
    assert result.total


def test_a_configured_project_that_is_not_visible_is_told(site: Site) -> None:
    with pytest.raises(Misconfigured, match="The configured project PRESS is not visible"):
        site.sync(site.adapter(projects=["HALLE", "PRESS"]))


def test_commitments_and_actuals_alone_agree_with_the_books_too(site: Site) -> None:
    for entity in ("commitments", "actuals"):
        site.state = None
        site.sync(entity=entity)
    assert_as_in_the_books(site)


def test_texts_arrive_as_they_were_typed(either: Site) -> None:
    """Emoji, quotes, backslashes, line breaks and other alphabets; comments with personal data alone."""
    either.sync(either.adapter(personal_data=True))
    texts = {text for (text,) in rows("select item_text from ppm.actuals")}
    wanted = {
        "Abstimmung mit dem Prüfer 👷‍♀️",
        'Said "done", was not:\nrewired the lot',
        "Zeile eins\nZeile zwei; mit Semikolon, 'Hochkomma' und \\ Rückstrich",
        "図面を修正しました",
    }
    assert wanted <= texts
    titles = {text for (text,) in rows("select po_line_text from ppm.commitments")}
    assert {"Abnahme & Übergabe 🚀", 'Interface "CATS" → SAP', "Fenster\\Türen: Angebot"} & titles
    assert ("Jörg Größl",) in rows("select distinct vendor_description from ppm.actuals")


def test_without_personal_data_nothing_tells_who_worked(either: Site) -> None:
    """Roles for names, no comments; raw records hold accounts alone."""
    either.sync()
    names = [
        "Größl", "Krystof", "田中", "O'Brien", "Kaya", "Schulze", "Dupré", "Aushilfe", "nordlicht.example", "jgroessl",
        "Prüfer 👷", "rewired the lot",
    ]  # fmt: skip
    for table in ("commitments", "actuals", "raw_records", "rejections", "sync_state", "sync_runs"):
        told = "\n".join(str(one) for (one,) in rows(f"select to_jsonb(t)::text from ppm.{table} t"))
        assert not [name for name in names if name in told], table
    shown = {text for (text,) in rows("select distinct vendor_description from ppm.actuals")}
    assert shown == {"Engineer", "Consultant", "Lead"}
    assert rows("select count(*) from ppm.actuals where vendor <> ''") == [(0,)]


# Raw records


def test_what_the_database_kept_makes_the_same_records_again(either: Site) -> None:
    either.sync()
    for entity, stream in (("commitments", "issues"), ("actuals", "worklogs")):
        kept = rows("select stream, source_key, record from ppm.raw_records where stream = %s", stream)
        replay = either.adapter().replay(entity, [Raw(*row) for row in kept])
        made = [Page(page.entity, page.outcomes) for page in replay if page.entity == entity]
        again = either.sync(entity=entity, pages=made)
        assert again.unchanged
        assert (again.inserted, again.updated, again.closed) == (0, 0, 0)
    assert_as_in_the_books(either)


# Signing in, the connection test


def checked(adapter: Jira) -> dict[str, Check]:
    return {one.name: one for one in adapter.test()}


def test_a_connection_that_works_passes_every_check(either: Site) -> None:
    found = checked(either.adapter())
    assert list(found) == ["address", "sign_in", "projects", "commitments", "actuals"]
    assert all(one.ok for one in found.values()), found
    assert found["projects"].detail == "6 projects readable."
    assert "wait in quarantine" in found["commitments"].detail


def test_a_wrong_token_stops_the_test_after_the_sign_in(either: Site) -> None:
    found = checked(either.adapter(token="wrong"))
    assert [(one.name, one.ok) for one in found.values()] == [("address", True), ("sign_in", False)]
    assert "wrong" not in found["sign_in"].detail


def test_a_scoped_token_at_the_site_s_address_is_explained(site: Site) -> None:
    """jira.md, trap 9: a 401 that looks like a wrong password."""
    scoped: Row = {"token": "sandbox-scoped-token"}
    assert "api.atlassian.com/ex/jira" in checked(site.adapter(**scoped))["sign_in"].detail
    assert all(one.ok for one in checked(site.adapter(base_url=GATEWAY, **scoped)).values())


def test_behind_the_gateway_everything_is_read_too(site: Site) -> None:
    """The feeds name the site's own address for their next page; it is not called."""
    for _ in range(2):
        site.sync(site.adapter(base_url=GATEWAY, token="sandbox-scoped-token"))
        site.post("advance", steps=300)
    site.sync(site.adapter(base_url=GATEWAY, token="sandbox-scoped-token"))
    assert_as_in_the_books(site)


def test_the_wrong_deployment_is_told(site: Site) -> None:
    found = checked(site.adapter(base_url="/jira/datacenter"))
    assert "Cloud or Data Center" in found["sign_in"].detail


def test_missing_rights_rates_and_time_tracking_are_told(site: Site) -> None:
    found = checked(site.adapter(projects=["HALLE", "PRESS"], rates=[]))
    assert "The project PRESS is not readable" in found["projects"].detail
    assert "no hourly rate" in found["commitments"].detail
    site.fault("no_time_tracking")
    assert "switched off" in checked(site.adapter())["actuals"].detail
    with pytest.raises(Misconfigured, match="Time tracking is switched off"):
        site.sync()


def test_the_sandbox_profile_knows_the_company_s_rates(site: Site) -> None:
    settings = sandbox_profile.SETTINGS["jira"](site.url)
    known = site.control.get("/_sandbox/jira/settings").json()["cloud"]
    assert {name: settings[name] for name in known} == known
    Settings.model_validate(settings)


# The site itself, as Atlassian documents it

BASIC = ("ppm-reader@nordlicht.example", "sandbox-token")
SCOPE = "project in (10000, 10001)"


def ask(site: Site, method: str, path: str, **more: Any) -> httpx.Response:
    return site.control.request(method, path, auth=more.pop("auth", BASIC), **more)


@pytest.mark.parametrize("path", ["/jira/rest/api/3/search", "/jira/rest/api/2/search"])
def test_the_old_search_is_gone_on_cloud(site: Site, path: str) -> None:
    gone = ask(site, "POST", path, json={"jql": SCOPE})
    assert gone.status_code == 410
    assert "/rest/api/3/search/jql" in gone.json()["errorMessages"][0]


def test_somebody_without_credentials_gets_an_empty_list_and_no_refusal(site: Site) -> None:
    """jira.md, section 7: hence the account is asked for first."""
    found = site.control.post("/jira/rest/api/3/search/jql", json={"jql": SCOPE})
    assert (found.status_code, found.json()) == (200, {"issues": [], "isLast": True})
    assert site.control.get("/jira/rest/api/3/myself").status_code == 401


@pytest.mark.parametrize(
    ("jql", "said"),
    [
        ("order by key", "Unbounded"),
        ("project = PRESS", "does not exist for the field 'project'"),
        ("id in (1)", "does not exist for field 'id'"),
        ("colour = red", "Field 'colour' does not exist"),
        ("updated >= soon", "is invalid"),
        (f"{SCOPE} ORDER BY " + ", ".join(["key"] * 8), "maximum number of fields"),
    ],
)
def test_a_query_that_jira_does_not_take(site: Site, jql: str, said: str) -> None:
    refused = ask(site, "POST", "/jira/rest/api/3/search/jql", json={"jql": jql})
    assert refused.status_code == 400
    assert said in refused.json()["errorMessages"][0]


def test_a_search_without_fields_tells_ids_alone(site: Site) -> None:
    """jira.md, trap 1."""
    found = ask(site, "GET", "/jira/rest/api/3/search/jql", params={"jql": SCOPE}).json()["issues"]
    assert {tuple(one) for one in found} == {("id",)}


def test_a_literal_time_is_read_in_the_account_s_zone_and_milliseconds_are_not(site: Site) -> None:
    """jira.md, trap 3: the reader sits in Los Angeles."""
    count = "/jira/rest/api/3/search/approximate-count"
    site.post("advance", steps=40, fresh=True)

    def found(clause: str) -> int:
        return int(ask(site, "POST", count, json={"jql": f"{SCOPE} AND updated >= {clause}"}).json()["count"])

    an_hour_ago = time.time() - 3600
    in_utc = time.strftime('"%Y-%m-%d %H:%M"', time.gmtime(an_hour_ago))
    assert found(str(int(an_hour_ago * 1000))) > found(in_utc) == 0


def test_an_issue_is_found_under_its_former_key(site: Site) -> None:
    body = {"jql": SCOPE, "fields": ["summary"], "maxResults": 40}
    found = ask(site, "POST", "/jira/rest/api/3/search/jql", json=body).json()["issues"]
    before = {one["key"]: one["id"] for one in found}
    site.post("advance", steps=300)
    body = {"issueIdsOrKeys": [*before], "fields": ["summary"]}
    now = ask(site, "POST", "/jira/rest/api/3/issue/bulkfetch", json=body).json()["issues"]
    assert {one["id"] for one in now} == set(before.values())
    assert {one["key"] for one in now} != before.keys()


def test_the_same_seed_makes_the_same_site() -> None:
    first, second, other = (Simulation(seed, 0, 1_790_000_000_000).site for seed in (7, 7, 8))
    assert books(first)["totals"] == books(second)["totals"] != books(other)["totals"]
    assert [step(first) for _ in range(50)] == [step(second) for _ in range(50)]
