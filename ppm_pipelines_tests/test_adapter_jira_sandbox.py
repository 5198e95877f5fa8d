"""What Jira alone does, through the loader into a real PostgreSQL, and what its simulated site refuses.

Belongs here: worklogs, rates, permissions, moved and archived issues, queries. Does not belong here: what every system
does (``test_contract``), single rules (``test_adapter_jira``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from ppm_pipelines import sandbox_profile
from ppm_pipelines.adapters.base import Adapter, Check, Misconfigured, Refused, Unavailable
from ppm_pipelines.adapters.jira_settings import Settings
from ppm_pipelines.sandbox.app import create
from ppm_pipelines_tests.serving import serving
from ppm_pipelines_tests.simulated import World, assert_as_in_the_books, named, rows, standing

Row = dict[str, Any]
GATEWAY = "/jira/ex/jira/11223344-a1b2-3b33-c444-def123456789"
pytestmark = pytest.mark.usefixtures("database_url")


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with serving(create(seed=7, orders=10, pace=0)) as url:
        yield url


@pytest.fixture
def site(served: str) -> Iterator[World]:
    with standing(named("jira-cloud"), served) as made:
        yield made


@pytest.fixture(params=["cloud", "data_center"])
def either(served: str, request: pytest.FixtureRequest) -> Iterator[World]:
    with standing(named(f"jira-{request.param}"), served) as made:
        yield made


# Deleted, moved, archived, hidden


def test_a_deleted_worklog_leaves_the_sums_and_stays_in_the_table(site: World) -> None:
    """worklog/deleted; the issue's own figures follow (CONTRACT: the deletion is counted in ``closed``)."""
    site.sync()
    while not (gone := _deleted(site)):
        pass
    result = site.sync()
    assert result.closed >= len(gone)
    reasons = rows("select removed_reason from ppm.actuals where source_key = any(%s)", gone)
    assert {reason for (reason,) in reasons} <= {"deleted"}
    assert_as_in_the_books(site)


def _deleted(site: World) -> list[str]:
    """Known worklogs that were deleted by some steps."""
    before = {one["source_key"] for one in site.books()["actuals"]}
    site.advance(10)
    return sorted(before - {one["source_key"] for one in site.books()["actuals"]})


def test_what_the_last_minute_hides_comes_with_the_next_read(either: World) -> None:
    """jira.md, section 4: both feeds leave the last minute out, so the server's own ``until`` is the watermark."""
    either.sync()
    for _ in range(4):
        either.advance(15, fresh=True)
        either.sync()
    either.advance(1)
    either.sync()
    assert_as_in_the_books(either)


def test_a_moved_issue_keeps_its_row_under_another_key(site: World) -> None:
    """The key changes, the id does not."""
    site.sync()
    before = dict(rows("select source_key, po_number from ppm.commitments"))
    site.advance(150)
    site.sync()
    after = dict(rows("select source_key, po_number from ppm.commitments"))
    moved = [key for key in before if after[key] != before[key]]
    assert moved
    assert_as_in_the_books(site)


def test_an_archived_project_goes_out_of_scope(site: World) -> None:
    """jira.md, trap 10: it is asked for by name, so that its missing issues are no lost right."""
    first = site.sync()
    site.fault("archive_project")
    adapter = site.adapter()
    result = site.sync("full", adapter=adapter)
    assert adapter.complete == {"projects", "commitments", "actuals"}
    assert result.closed > 0
    assert first.amounts["EUR"]["open"]["after"] > result.amounts["EUR"]["open"]["after"]
    assert_as_in_the_books(site)


@pytest.mark.parametrize("lost", ["lose_project", "lose_group"])
def test_lost_permissions_close_nothing(either: World, lost: str) -> None:
    """jira.md, trap 4: fewer rows without an error; also not with the read after the next one."""
    either.sync()
    kept = rows("select source_key, closed_at from ppm.commitments order by 1")
    actuals = rows("select source_key from ppm.actuals where removed_at is null order by 1")
    either.fault(lost)
    for _ in range(2):
        adapter = either.adapter()
        either.sync("full", adapter=adapter)
        assert adapter.complete == {"projects"}
        assert rows("select source_key, closed_at from ppm.commitments order by 1") == kept
        assert rows("select source_key from ppm.actuals where removed_at is null order by 1") == actuals
    either.fault("none")
    either.advance(10)
    either.sync("full")
    assert_as_in_the_books(either)


def test_a_person_accepts_what_the_account_no_longer_sees(site: World) -> None:
    """The memory of what was visible is the database's, and ends by acceptance."""
    site.sync()
    site.fault("lose_project")
    assert [site.sync("full").closed for _ in range(2)] == [0, 0]
    assert site.sync().closed == 0
    assert site.sync("full", accepted=True).closed > 0
    assert rows("select distinct project_nr from ppm.commitments where closed_reason = 'vanished'") == [("HALLE",)]
    assert site.sync("full").closed == 0


def test_permissions_that_get_lost_during_a_full_read_close_nothing(site: World) -> None:
    site.sync()
    adapter = site.disturbed(lambda number: site.fault("lose_group") if number == 3 else None)
    site.sync("full", adapter=adapter)
    assert adapter.complete == {"projects"}


def test_an_account_that_sees_less_is_no_mass_disappearance(site: World) -> None:
    """Four of six projects are gone for it: nothing is closed, and a person need not decide."""
    site.sync()
    narrow = site.adapter(email="ppm-narrow@nordlicht.example")
    result = site.sync("full", adapter=narrow)
    assert result.closed == 0
    assert narrow.complete == {"projects"}
    assert rows("select count(*) from ppm.commitments where closed_reason = 'vanished'") == [(0,)]


# Paging


def test_an_issue_with_many_worklogs_is_counted_whole(either: World) -> None:
    """jira.md, trap 2: an issue carries twenty of them, and says so."""
    either.sync()
    [(most,)] = rows("select max(n) from (select count(*) as n from ppm.actuals group by po_no) c")
    assert most > 40


@pytest.mark.parametrize(("kind", "code"), [("same_token", "token_repeats"), ("no_rows", "unusable_answer")])
def test_a_search_that_does_not_end_or_lacks_its_rows_is_refused(site: World, kind: str, code: str) -> None:
    site.sync()
    before = rows("select * from ppm.commitments order by id")
    site.advance(20)
    site.fault(kind, 50)
    with pytest.raises(Refused) as caught:
        site.sync("full")
    assert caught.value.code == code
    assert rows("select * from ppm.commitments order by id") == before


def test_a_list_that_ends_without_saying_so_closes_nothing(site: World) -> None:
    site.sync()
    site.fault("no_token")
    adapter = site.adapter()
    assert site.sync("full", adapter=adapter).closed == 0
    assert adapter.complete == {"projects"}


def test_issues_that_jira_could_not_deliver_just_then_are_asked_for_again(site: World) -> None:
    """Fetching by id names them; a worklog may change without its issue (jira.md, section 4)."""
    site.sync()
    site.advance(40)
    site.fault("issue_errors", 2)
    site.sync()
    assert_as_in_the_books(site)
    site.advance(40)
    site.fault("issue_errors", 20)
    with pytest.raises(Unavailable, match="did not deliver the issue"):
        site.sync()


# What goes wrong in the middle


def test_a_wait_longer_than_what_is_left_is_given_up(site: World) -> None:
    site.fault("http_429", 1, seconds=90)
    with pytest.raises(Unavailable, match="asks to wait 90 seconds"):
        site.sync(adapter=site.adapter(timeout_seconds=20))


# Quarantine, scope, rates


def test_hours_without_a_rate_wait_and_count_when_there_is_one(site: World) -> None:
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
    result = site.sync(adapter=adapter)
    assert adapter.complete == {"projects", "commitments", "actuals"}
    assert result.rejected == 0
    keys = [one["key"] for one in made]
    assert rows("select distinct amount from ppm.actuals where source_key = any(%s)", keys) == [(Decimal(100),)]


def test_a_rate_in_another_currency_waits_with_its_amount(site: World) -> None:
    [made] = site.fault("other_currency")
    site.sync()
    found = rows("select code, amount, currency from ppm.rejections where source_key = %s", made["key"])
    assert found == [("other_currency", Decimal(280), "USD")]
    assert rows("select code from ppm.rejections where source_key = %s", made["issue"]) == [("other_currency",)]
    assert_as_in_the_books(site)


def test_only_the_configured_projects_are_read(either: World) -> None:
    either.sync(adapter=either.adapter(projects=["halle", "AEGIR"]))
    assert rows("select distinct project_nr from ppm.commitments order by 1") == [("AEGIR",), ("HALLE",)]
    assert rows("select distinct project_nr from ppm.actuals order by 1") == [("AEGIR",), ("HALLE",)]
    either.advance(120)
    result = either.sync(adapter=either.adapter(projects=["halle", "AEGIR"]))
    books = either.books()
    for entity in ("commitments", "actuals"):
        found = either.stored(entity)
        own = {one["source_key"] for one in books[entity] if one["project_nr"] in ("HALLE", "AEGIR")}
        moved_away = {one["source_key"] for one in books[entity]} - own
        assert found.keys() - moved_away == own, entity
    assert result.total


def test_a_configured_project_that_is_not_visible_is_told(site: World) -> None:
    with pytest.raises(Misconfigured, match="The configured project PRESS is not visible"):
        site.sync(adapter=site.adapter(projects=["HALLE", "PRESS"]))


def test_commitments_and_actuals_alone_agree_with_the_books_too(site: World) -> None:
    for entity in ("commitments", "actuals"):
        site.sync(entity=entity)
    assert_as_in_the_books(site)


def test_texts_arrive_as_they_were_typed(either: World) -> None:
    """Emoji, quotes, backslashes, line breaks and other alphabets; comments with personal data alone."""
    either.sync(adapter=either.adapter(personal_data=True))
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


def test_without_personal_data_nothing_tells_who_worked(either: World) -> None:
    """Roles for names, no comments; raw records hold accounts alone."""
    either.sync(adapter=either.adapter(personal_data=False))
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


# Signing in, the connection test


def checked(adapter: Adapter) -> dict[str, Check]:
    return {one.name: one for one in adapter.test()}


def test_a_connection_that_works_passes_every_check(either: World) -> None:
    found = checked(either.adapter())
    assert list(found) == ["address", "sign_in", "projects", "commitments", "actuals"]
    assert all(one.ok for one in found.values()), found
    assert found["projects"].detail == "6 projects readable."
    assert "wait in quarantine" in found["commitments"].detail


def test_a_scoped_token_at_the_site_s_address_is_explained(site: World) -> None:
    """jira.md, trap 9: a 401 that looks like a wrong password."""
    scoped: Row = {"token": "sandbox-scoped-token"}
    assert "api.atlassian.com/ex/jira" in checked(site.adapter(**scoped))["sign_in"].detail
    assert all(one.ok for one in checked(site.adapter(base_url=GATEWAY, **scoped)).values())


def test_behind_the_gateway_everything_is_read_too(site: World) -> None:
    """The feeds name the site's own address for their next page; it is not called."""
    for _ in range(2):
        site.sync(adapter=site.adapter(base_url=GATEWAY, token="sandbox-scoped-token"))
        site.advance(300)
    site.sync(adapter=site.adapter(base_url=GATEWAY, token="sandbox-scoped-token"))
    assert_as_in_the_books(site)


def test_the_wrong_deployment_is_told(site: World) -> None:
    found = checked(site.adapter(base_url="/jira/datacenter"))
    assert "Cloud or Data Center" in found["sign_in"].detail


def test_missing_rights_rates_and_time_tracking_are_told(site: World) -> None:
    found = checked(site.adapter(projects=["HALLE", "PRESS"], rates=[]))
    assert "The project PRESS is not readable" in found["projects"].detail
    assert "no hourly rate" in found["commitments"].detail
    site.fault("no_time_tracking")
    assert "switched off" in checked(site.adapter())["actuals"].detail
    with pytest.raises(Misconfigured, match="Time tracking is switched off"):
        site.sync()


def test_the_sandbox_profile_knows_the_company_s_rates(site: World) -> None:
    settings = sandbox_profile.SETTINGS["jira"](site.url)
    known = site.control.get("/_sandbox/jira/settings").json()["cloud"]
    assert {name: settings[name] for name in known} == known
    Settings.model_validate(settings)


# The site itself, as Atlassian documents it

BASIC = ("ppm-reader@nordlicht.example", "sandbox-token")
SCOPE = "project in (10000, 10001)"


def ask(site: World, method: str, path: str, **more: Any) -> httpx.Response:
    return site.control.request(method, path, auth=more.pop("auth", BASIC), **more)


@pytest.mark.parametrize("path", ["/jira/rest/api/3/search", "/jira/rest/api/2/search"])
def test_the_old_search_is_gone_on_cloud(site: World, path: str) -> None:
    gone = ask(site, "POST", path, json={"jql": SCOPE})
    assert gone.status_code == 410
    assert "/rest/api/3/search/jql" in gone.json()["errorMessages"][0]


def test_somebody_without_credentials_gets_an_empty_list_and_no_refusal(site: World) -> None:
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
def test_a_query_that_jira_does_not_take(site: World, jql: str, said: str) -> None:
    refused = ask(site, "POST", "/jira/rest/api/3/search/jql", json={"jql": jql})
    assert refused.status_code == 400
    assert said in refused.json()["errorMessages"][0]


def test_a_search_without_fields_tells_ids_alone(site: World) -> None:
    """jira.md, trap 1."""
    found = ask(site, "GET", "/jira/rest/api/3/search/jql", params={"jql": SCOPE}).json()["issues"]
    assert {tuple(one) for one in found} == {("id",)}


def test_a_literal_time_is_read_in_the_account_s_zone_and_milliseconds_are_not(site: World) -> None:
    """jira.md, trap 3: the reader sits in Los Angeles."""
    count = "/jira/rest/api/3/search/approximate-count"
    site.advance(40, fresh=True)

    def found(clause: str) -> int:
        return int(ask(site, "POST", count, json={"jql": f"{SCOPE} AND updated >= {clause}"}).json()["count"])

    an_hour_ago = time.time() - 3600
    in_utc = time.strftime('"%Y-%m-%d %H:%M"', time.gmtime(an_hour_ago))
    assert found(str(int(an_hour_ago * 1000))) > found(in_utc) == 0


def test_an_issue_is_found_under_its_former_key(site: World) -> None:
    body = {"jql": SCOPE, "fields": ["summary"], "maxResults": 40}
    found = ask(site, "POST", "/jira/rest/api/3/search/jql", json=body).json()["issues"]
    before = {one["key"]: one["id"] for one in found}
    site.advance(300)
    body = {"issueIdsOrKeys": [*before], "fields": ["summary"]}
    now = ask(site, "POST", "/jira/rest/api/3/issue/bulkfetch", json=body).json()["issues"]
    assert {one["id"] for one in now} == set(before.values())
    assert {one["key"] for one in now} != before.keys()
