"""A person is taken out of what is kept, and the sums stay: erased for good, also from what is read again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from api.main import create_app
from ppm_pipelines import costbook, database, home, people, tables
from ppm_pipelines.adapters import jira_rows
from ppm_pipelines.adapters.jira_rates import Rates
from ppm_pipelines.adapters.jira_rows import Directory, raw_issue, raw_worklogs
from ppm_pipelines.adapters.jira_settings import Rate
from ppm_pipelines.load import SyncResult
from ppm_pipelines.people import NotErased
from ppm_pipelines.records import Page, Project, Raw
from ppm_pipelines.vault import Vault
from ppm_pipelines_tests.product import token
from ppm_pipelines_tests.test_adapter_jira import LIAM, MIA, RATES, ROLES, TODAY, issue, user, worklog
from ppm_pipelines_tests.test_history import now
from ppm_pipelines_tests.test_load import rows, sync, told

pytestmark = pytest.mark.usefixtures("database_url")
TABLES = ("commitments", "actuals", "raw_records", "rejections")
SAID = {"type": "doc", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "Mia was ill"}]}]}


@pytest.fixture(autouse=True)
def _connected(database_url: str) -> None:  # noqa: ARG001 - the database is there
    """Only the roles of people are of interest."""
    sealed = Vault.from_environment().seal("default", "jira", "user_roles", json.dumps(ROLES))
    place = {"organization_id": "default", "system": "jira"}
    with database.owner() as connection:
        connection.execute(sa.insert(tables.connectors).values(**place, enabled=True, version=1))
        setting = {"key": "user_roles", "value_encrypted": sealed}
        connection.execute(sa.insert(tables.integration_config).values(**place, **setting))


def directory(personal_data: bool) -> Directory:
    read_as = people.forgotten("default", "jira")
    rates = Rates([Rate.model_validate(row) for row in RATES], ROLES, read_as)
    return Directory(rates, today=TODAY, projects={"10000": "HALLE"}, personal_data=personal_data, read_as=read_as)


def read(*worklogs: dict[str, Any], personal_data: bool = True, **fields: Any) -> SyncResult:
    """An issue that Liam asked for and that Mia works on, as Jira delivers it."""
    known = directory(personal_data)
    row = issue(*worklogs, **fields)
    raw = raw_issue(row, worklogs, known)
    logged = raw_worklogs(raw, worklogs, known)
    pages = [
        Page("projects", [Project("10000", "HALLE", "Halle", currency="EUR")]),
        Page("commitments", list(jira_rows.commitment(raw, known)), [raw]),
        Page("actuals", [one for each in logged for one in jira_rows.actual(each, known)], logged),
    ]
    return sync(pages=pages, system="jira")


def both(hours: int = 2) -> list[dict[str, Any]]:
    return [
        worklog(1, hours * 3600, comment=SAID),
        worklog(2, 3600, author=user(LIAM, displayName="Liam O'Brien")),
    ]


def erase(person: str = MIA) -> people.Erased:
    with database.owner() as connection:
        return people.erase(connection, "default", "jira", person, "anna@example.com")


def everything() -> str:
    """All that is kept, as text."""
    tables = [*TABLES, *(f"{table}_history" for table in TABLES), "audit_log", "sync_runs", "erased_people"]
    return "\n".join(text for table in tables for (text,) in rows(f"select t::text from ppm.{table} t"))


def figures(as_of: datetime | None = None) -> list[tuple[str, str, str]]:
    with database.scoped("default") as connection:
        told = costbook.project_figures(connection, "default", as_of=as_of)
    return [(one["committed"], one["actual"], one["open"]) for one in told]


def test_nothing_kept_names_an_erased_person_and_all_sums_stay() -> None:
    shown = []
    for hours in (2, 3):
        read(*both(hours))
        shown.append((now(), figures()))
    assert all(word in everything() for word in (MIA, "Mia Krystof", "Mia was ill"))
    counted = rows("select (select count(*) from ppm.commitments_history), (select count(*) from ppm.actuals_history)")
    gone = erase()
    kept = everything()
    assert [word for word in (MIA, "Mia Krystof", "Mia was ill") if word in kept] == []
    assert LIAM in kept
    assert "Liam O'Brien" in kept
    assert [figures(moment) for moment, _ in shown] == [then for _, then in shown]
    assert counted == rows(
        "select (select count(*) from ppm.commitments_history), (select count(*) from ppm.actuals_history)"
    )
    assert gone.lines == 4  # the issue and the worklog, now and before
    assert gone.raw_records == 4
    described = "select vendor, vendor_description, item_text from ppm.actuals order by source_key"
    assert rows(described)[0] == ("", "Engineer", "Review P&ID “Rev. C” 🚀")


def test_a_field_that_a_mapping_filled_with_the_person_is_emptied_of_them_too() -> None:
    read(*both())
    with database.owner() as connection:
        connection.exec_driver_sql(
            "update ppm.actuals set custom_fields = custom_fields || jsonb_build_object('who', vendor, 'name',"
            " vendor_description), overlaid = jsonb_build_object('vendor', vendor)"
        )
    gone = erase()
    assert [word for word in (MIA, "Mia Krystof") if word in everything()] == []
    said = rows("select custom_fields ->> 'who', custom_fields ->> 'name' from ppm.actuals order by source_key")
    assert said == [(gone.stands_for, gone.stands_for), (LIAM, "Liam O'Brien")]


def test_a_sync_does_not_bring_an_erased_person_back() -> None:
    read(*both())
    erase()
    assert told(read(*both())) == {"total": 3, "unchanged": 3}
    more = [*both(), worklog(3, 7200, comment=SAID)]
    assert told(read(*more)) == {"total": 4, "inserted": 1, "updated": 1, "unchanged": 2}
    assert [word for word in (MIA, "Mia Krystof", "Mia was ill") if word in everything()] == []
    # Mia's hours are priced as before: her role is that of what stands for her.
    assert rows("select amount from ppm.actuals order by source_key") == [(240,), (150.50,), (240,)]


def test_who_asked_for_an_issue_is_erased_too() -> None:
    read(*both())
    erase(LIAM)
    assert [word for word in (LIAM, "Liam O'Brien") if word in everything()] == []
    assert rows("select requester, vendor_description from ppm.commitments") == [("Engineer", "Mia Krystof")]
    assert told(read(*both())) == {"total": 3, "unchanged": 3}


def test_who_asked_for_an_issue_is_erased_below_a_mapping_too() -> None:
    read(*both())
    with database.owner() as connection:
        connection.exec_driver_sql(
            "update ppm.commitments set overlaid = jsonb_build_object('requester', requester), requester = 'Site 4'"
        )
    assert erase(LIAM).lines == 3  # the issue, now and before, and the worklog
    assert [word for word in (LIAM, "Liam O'Brien") if word in everything()] == []
    assert rows("select requester, overlaid from ppm.commitments") == [("Site 4", {"requester": "Engineer"})]


def test_quarantined_records_of_an_erased_person_stay_and_can_be_made_again() -> None:
    read(worklog(1, "an hour", comment=SAID), timespent=3600)
    assert len(rows("select 1 from ppm.rejections")) == 2
    gone = erase()
    assert gone.quarantined == 2
    assert MIA not in everything()
    [record] = [record for stream, record in rows("select stream, record from ppm.raw_records") if stream == "worklogs"]
    mended = Raw("worklogs", "1", record | {"timeSpentSeconds": 3600})
    [made] = jira_rows.actual(mended, directory(True))
    assert (made.amount, made.vendor_description) == (120, "Engineer")  # type: ignore[union-attr]


def test_what_is_known_of_accounts_alone_is_erased_as_well() -> None:
    read(*both(), personal_data=False)
    assert MIA in everything()
    erase()
    assert MIA not in everything()
    assert told(read(*both(), personal_data=False)) == {"total": 3, "unchanged": 3}


def test_erasing_is_logged_without_the_person_and_happens_once() -> None:
    read(*both())
    first, again = erase(), erase()
    assert (again.stands_for, again.lines, again.raw_records) == (first.stands_for, 0, 0)
    logged = rows("select who, detail from ppm.audit_log where what = 'erased' order by id")
    assert logged[0][0] == "anna@example.com"
    assert MIA not in str(logged)
    assert first.stands_for in str(logged)


def test_the_same_person_is_somebody_else_in_another_organisation() -> None:
    read(*both())
    stands_for = erase().stands_for
    with database.owner() as connection:
        other = people.erase(connection, "other", "jira", MIA)
    assert other.stands_for != stands_for


def test_history_is_kept_again_afterwards() -> None:
    read(*both())
    erase()
    read(*both(3))
    assert rows("select count(*) from ppm.actuals_history") == [(1,)]


# Who is shown


SECRET = "x" * 48
NAMES = (MIA, LIAM, "Mia Krystof", "Liam O'Brien", "Mia was ill")


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., httpx.Response]:
    """The API in this process, asked by somebody with a role."""
    monkeypatch.setenv("PPM_JWT_SECRET", SECRET)
    home.home.cache_clear()
    transport = httpx.ASGITransport(create_app())

    async def answered(path: str, role: str, body: Any, parameters: dict[str, Any]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token(SECRET, role)}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers) as client:
            return await client.request("POST" if body else "GET", path, params=parameters, json=body)

    def asked(path: str, role: str = "viewer", body: Any = None, **parameters: Any) -> httpx.Response:
        answer = asyncio.run(answered(path, role, body, parameters))
        assert answer.status_code == 200, answer.text
        return answer

    return asked


def allowed(personal_data: bool) -> None:
    """What the connector says."""
    sealed = Vault.from_environment().seal("default", "jira", "personal_data", json.dumps(personal_data))
    with database.owner() as connection:
        connection.execute(sa.text("delete from ppm.integration_config where key = 'personal_data'"))
        connection.execute(
            sa.insert(tables.integration_config).values(
                organization_id="default", system="jira", key="personal_data", value_encrypted=sealed
            )
        )


def every_answer(ask: Callable[..., httpx.Response], role: str) -> dict[str, str]:
    """All that the API tells of lines, by what was asked for."""
    [(project,)] = rows("select project_id from ppm.costbook_projects")
    base, told = f"/api/costbook/projects/{project}", {}
    for entity in ("commitments", "actuals"):
        told[entity] = ask(f"{base}/{entity}", role).text
        told[f"{entity} csv"] = ask(f"{base}/{entity}", role, format="csv").text
        for (line,) in rows(f"select id from ppm.{entity}"):
            told[f"{entity} {line}"] = ask(f"{base}/{entity}/{line}", role).text
        told[f"{entity} as of"] = ask(f"{base}/{entity}", role, as_of=before.isoformat()).text
        told[f"{entity} changes"] = ask(f"{base}/compare", role, **{"from": before.isoformat(), "entity": entity}).text
    told["breakdown"] = ask(f"{base}/breakdown", role, by="vendor").text
    told["quarantine"] = ask("/api/integrations/rejections", role).text
    return told


before: datetime


def told_of_people(ask: Callable[..., httpx.Response], role: str) -> list[tuple[str, str]]:
    return [(what, name) for what, text in every_answer(ask, role).items() for name in NAMES if name in text]


@pytest.fixture
def worked() -> None:
    """Read with names, changed, and one record in quarantine."""
    global before
    read(*both(), summary="Review")
    before = now()
    read(*both(3), worklog(9, "an hour", comment=SAID), summary="Review")
    read(*both(3), summary="Review")


@pytest.mark.usefixtures("worked")
def test_a_viewer_sees_labour_per_role_unless_the_connector_says_otherwise(ask: Callable[..., httpx.Response]) -> None:
    allowed(False)
    assert [told_of_people(ask, role) for role in ("viewer", "controller")] == [[], []]
    answers = every_answer(ask, "viewer")
    assert '"role":"Engineer"' in answers["quarantine"]
    assert all('"Labour"' in answers[what] for what in ("commitments", "actuals", "breakdown"))
    allowed(True)
    assert {name for _, name in told_of_people(ask, "viewer")} == set(NAMES)


@pytest.mark.usefixtures("worked")
def test_who_enters_rates_sees_whose_they_are(ask: Callable[..., httpx.Response]) -> None:
    allowed(False)
    assert {name for _, name in told_of_people(ask, "integration")} == set(NAMES)


@pytest.mark.usefixtures("worked")
def test_nobody_finds_by_a_filter_what_is_hidden(ask: Callable[..., httpx.Response]) -> None:
    allowed(False)
    [(project,)] = rows("select project_id from ppm.costbook_projects")
    for field, value in (("vendor", MIA), ("vendor_description", "Mia"), ("item_text", "ill")):
        told = ask(f"/api/costbook/projects/{project}/actuals", **{f"filter[{field}]": value})
        assert told.json()["total"] == 0, field


@pytest.mark.usefixtures("worked")
def test_an_administrator_erases_a_person(ask: Callable[..., httpx.Response]) -> None:
    told = ask("/api/people/erase", "admin", {"system": "jira", "person": MIA}).json()
    assert told["quarantined"] == 2  # the worklog, and its issue, which came right
    assert [name for name in (MIA, "Mia Krystof", "Mia was ill") if name in everything()] == []


@pytest.mark.parametrize(("system", "person", "said"), [("sap", MIA, "Nothing from sap"), ("jira", " ", "Name the")])
def test_nobody_is_erased_who_can_not_be(system: str, person: str, said: str) -> None:
    with database.owner() as connection, pytest.raises(NotErased, match=said):
        people.erase(connection, "default", system, person)


def test_nobody_of_the_api_sees_who_was_erased() -> None:
    with database.scoped("default") as connection, pytest.raises(sa.exc.ProgrammingError, match="permission denied"):
        connection.execute(sa.text("select * from ppm.erased_people"))


def test_a_run_that_waits_for_the_erasure_reads_the_person_as_erased() -> None:
    """Whom a person is read as is looked up when the run has the system's place."""
    read_as = people.forgotten("default", "jira")
    stands_for = erase().stands_for
    assert (read_as(MIA), read_as(LIAM)) == (stands_for, LIAM)
