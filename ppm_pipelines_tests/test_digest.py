"""What a digest tells: changes to the cent, failures, failed checks and silence, once. Against PostgreSQL and a
simulated Slack, at the end through Dagster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
from msgspec import structs

from ppm_pipelines import connectors, costbook, database, digest, home, load, portfolio, runs, sync
from ppm_pipelines.adapters.slack_messages import money
from ppm_pipelines.definitions import defs
from ppm_pipelines.defs.alerts import failed_checks, worth_telling
from ppm_pipelines.digest import FailedCheck
from ppm_pipelines.news import News
from ppm_pipelines.records import Page, Project
from ppm_pipelines.vault import Vault
from ppm_pipelines_tests import channel as channels
from ppm_pipelines_tests import test_load as facts
from ppm_pipelines_tests.channel import Channel
from ppm_pipelines_tests.test_load import PROJECT, actual, commitment, masters, rows

pytestmark = [
    pytest.mark.usefixtures("database_url"),
    # Dagster's own, while it looks at its definitions.
    pytest.mark.filterwarnings("ignore:The `__fields__` attribute is deprecated"),
]
ORG = "default"
OTHER = Project("P-2", "P-2", "Büro <&> *Nord*\n„Süd“ 🏗", currency="EUR", company_code="1010")


@pytest.fixture(scope="module")
def served() -> Iterator[Channel]:
    with channels.served() as found:
        yield found


@pytest.fixture
def channel(served: Channel) -> Channel:
    served.reset()
    return served


def tell(
    channel: Channel,
    entity: str = "digest",
    by: str = "sync",
    checks: digest.Checks = digest.no_checks,
    **settings: Any,
) -> load.SyncResult:
    """A digest as a run of its own."""
    request = runs.RunRequest(ORG, "slack", entity, requested_by=by)
    with sync.claimed(request) as run_id:
        return sync.carry_out(request, run_id, lambda: channel.notifier(**settings), checks=checks)


def failing(
    reason: str = "SAP does not answer.", system: str = "sap", by: str = "schedule", entity: str = "costs"
) -> None:
    request = runs.RunRequest(ORG, system, entity, requested_by=by)
    with database.owner() as connection:
        run_id = runs.claim(connection, request).run_id
        runs.settle(connection, run_id, "failed", reason=reason, problem="unavailable")


def row_of(run_id: str) -> dict[str, Any]:
    with database.owner() as connection:
        found = runs.read(connection, run_id)
    assert found is not None
    return found


def loaded(*orders: Any, actuals: Any = (), projects: tuple[Project, ...] = (PROJECT, OTHER)) -> load.SyncResult:
    first = Page("projects", [structs.replace(one) for one in projects])
    pages = [first, *masters()[1:], Page("commitments", list(orders)), Page("actuals", list(actuals))]
    return facts.sync(pages=pages)


def look(channel: Channel) -> News:
    with closing(channel.notifier()) as notifier, database.owner() as connection:
        return digest.look(connection, notifier, ORG).news


class TestChanges:
    def test_a_first_digest_tells_the_last_day(self, channel: Channel) -> None:
        synced = loaded(commitment(), actuals=[actual()])
        result = tell(channel)
        assert result.amounts == synced.amounts
        assert channel.texts()[:2] == ["Costbook: 2 projects changed", "P-1 Halle 4"]
        assert "Ordered +100.00 EUR\nOpen +100.00 EUR" not in channel.said()  # in the order of their names
        assert "Actual +40.00 EUR\nOpen +100.00 EUR\nOrdered +100.00 EUR" in channel.said()

    def test_what_changed_since_is_told_to_the_cent_per_project_and_currency(self, channel: Channel) -> None:
        loaded(commitment(), commitment("4500000002/00010/01", "50.00"))
        tell(channel)
        synced = loaded(
            commitment(ordered="130.50", relieved="30.25"),
            commitment("4500000003/00010/01", "7.777", currency="KWD", company_currency="EUR", project_nr="P-2"),
            actuals=[actual(amount="-12.30")],
        )
        result = tell(channel)
        moved = {currency: {f: m["delta"] for f, m in figures.items()} for currency, figures in result.amounts.items()}
        assert moved == {
            "EUR": {"amount": "-12.30", "open": "0.25", "ordered": "30.50"},
            "KWD": {"open": "7.777", "ordered": "7.777"},
        }
        assert {
            (currency, figure): one["delta"]
            for currency, figures in synced.amounts.items()
            for figure, one in figures.items()
        } == {(currency, figure): delta for currency, figures in moved.items() for figure, delta in figures.items()}
        assert "Actual -12.30 EUR\nOpen +0.25 EUR\nOrdered +30.50 EUR" in channel.said()
        assert "Open +7.777 KWD\nOrdered +7.777 KWD" in channel.said()
        assert "Commitments: 1 changed\nActuals: 1 new" in channel.said()
        assert (result.total, result.inserted, result.updated, result.closed) == (3, 2, 1, 0)

    def test_the_row_the_answer_and_the_counts_agree(self, channel: Channel) -> None:
        loaded(commitment())
        result = tell(channel)
        row = row_of(result.run_id)
        assert row["status"] == "success"
        assert row["result"] == json.loads(json.dumps(result.answer()))
        assert result.total == result.inserted + result.updated + result.closed
        assert {entity: told["inserted"] for entity, told in result.by_entity.items() if entity != "digest"} == {
            "commitments": 1,
            "projects": 2,
        }
        assert result.by_entity["digest"]["messages"] == 1

    def test_what_was_told_is_not_told_again(self, channel: Channel) -> None:
        loaded(commitment())
        tell(channel)
        result = tell(channel)
        assert (result.total, result.by_entity["digest"]["messages"]) == (0, 0)
        assert len(channel.messages()) == 1

    def test_a_sync_that_changed_nothing_is_told_only_where_all_is_wanted(self, channel: Channel) -> None:
        loaded(commitment())
        tell(channel)
        loaded(commitment())
        assert tell(channel).by_entity["digest"]["messages"] == 0
        loaded(commitment())
        assert tell(channel, notify="all").by_entity["digest"]["messages"] == 1
        assert channel.texts()[0] == "Costbook: Nothing changed"
        assert "1 sync ended well" in channel.texts()

    def test_who_asks_is_answered(self, channel: Channel) -> None:
        assert tell(channel, by="ada@example.com", notify="failures").by_entity["digest"]["messages"] == 1
        assert channel.texts()[0] == "Costbook: Nothing changed"

    def test_failures_alone_keep_the_changes_for_who_asks(self, channel: Channel) -> None:
        loaded(commitment())
        assert tell(channel, notify="failures").by_entity["digest"]["messages"] == 0
        failing()
        assert tell(channel, notify="failures").total == 0
        assert "P-1" not in channel.said()
        assert tell(channel, by="ada@example.com", notify="failures").amounts["EUR"]["open"]["delta"] == "100.00"

    def test_an_entity_has_a_digest_of_its_own(self, channel: Channel) -> None:
        loaded(commitment(), actuals=[actual()])
        orders = tell(channel, "commitments", by="ada@example.com")
        assert orders.entity == "commitments"
        assert set(orders.amounts["EUR"]) == {"ordered", "open"}
        rest = tell(channel)
        assert set(rest.amounts["EUR"]) == {"amount"}

    def test_closed_and_vanished_lines_are_told(self, channel: Channel) -> None:
        loaded(commitment(), commitment("4500000002/00010/01", "50.00"))
        tell(channel)
        facts.sync([commitment()], complete=["commitments"])
        result = tell(channel)
        assert (result.total, result.closed) == (1, 1)
        assert "Open -50.00 EUR" in channel.said()
        assert "Commitments: 1 closed" in channel.said()

    def test_a_line_that_moves_to_another_project_moves_its_money(self, channel: Channel) -> None:
        loaded(commitment())
        tell(channel)
        loaded(commitment(project_nr="P-2"))
        result = tell(channel)
        assert result.amounts["EUR"]["open"]["delta"] == "0.00"
        assert "Open -100.00 EUR" in channel.said()
        assert "Open +100.00 EUR" in channel.said()

    def test_what_does_not_count_moves_no_money(self, channel: Channel) -> None:
        loaded(commitment(counts=False, not_counted_reason="statistical"))
        result = tell(channel)
        assert result.amounts == {}
        assert result.inserted == 3  # two projects and the line

    def test_a_digest_is_no_sync_of_facts(self, channel: Channel) -> None:
        loaded(commitment())
        with database.owner() as connection:
            before = portfolio.last_sync(connection, ORG)
        tell(channel)
        with database.owner() as connection:
            assert portfolio.last_sync(connection, ORG) == before

    def test_another_organisation_s_changes_are_not_told(self, channel: Channel) -> None:
        facts.sync([commitment()], organization_id="other")
        assert tell(channel).total == 0

    def test_names_are_told_as_they_are_and_notify_nobody(self, channel: Channel) -> None:
        wild = structs.replace(OTHER, name="<!channel> & <@U1> *x* `y` 🏗")
        loaded(commitment(project_nr="P-2"), projects=(PROJECT, wild))
        tell(channel)
        assert "P-2 &lt;!channel&gt; &amp; &lt;@U1&gt; *x* `y` 🏗" in channel.texts()
        assert channel.messages()[0]["notifies"] == []
        page = channel.control.get("/_sandbox/slack/channel").text
        assert "P-2 &lt;!channel&gt; &amp; &lt;@U1&gt; *x* `y` 🏗" in page

    def test_links_lead_to_the_project(self, channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PPM_PUBLIC_URL", "https://costbook.example/")
        home.home.cache_clear()
        loaded(commitment())
        tell(channel)
        [(project_id,)] = rows("select project_id from ppm.costbook_projects where project_nr = 'P-1'")
        assert f"<https://costbook.example/costbook?project={project_id}|Open in the Costbook>" in channel.texts()

    def test_hundreds_of_projects_fit_into_one_message(self, channel: Channel) -> None:
        many = [
            Project(f"X-{n}", f"X-{n}", f"{'&' * 400} {n}", currency="EUR", company_code="1010") for n in range(300)
        ]
        orders = [commitment(f"45{n:08d}/00010/01", f"{n}.01", project_nr=f"X-{n}") for n in range(300)]
        loaded(*orders, projects=(PROJECT, *many))
        assert tell(channel).inserted == 601
        assert len(channel.messages()) == 1
        assert "X-299 " in channel.texts()[1]
        assert "276 more projects changed" in channel.texts()


class TestFailures:
    def test_a_failed_sync_is_told_with_its_reason(self, channel: Channel) -> None:
        failing("SAP answered 503 <&>. Try again later.")
        assert tell(channel, notify="failures").by_entity == {"digest": {"messages": 1, "alerts": 1}}
        assert channel.texts()[0] == "Costbook: 1 alert"
        assert channel.texts()[1].endswith(
            "SAP, commitments and actuals: the sync failed\nSAP answered 503 &lt;&amp;&gt;. Try again later."
        )

    def test_in_german(self, channel: Channel) -> None:
        failing("Something went wrong on our side. Nothing was changed; the log of the run has the details.")
        loaded(commitment())
        tell(channel, language="de")
        assert "SAP, Commitments und Ist-Werte: Der Sync ist fehlgeschlagen\n" in channel.said()
        assert "Something" not in channel.said()
        assert "Offen +100,00 EUR" in channel.said()

    def test_one_message_tells_of_what_failed_and_what_changed(self, channel: Channel) -> None:
        loaded(commitment())
        failing()
        tell(channel)
        assert len(channel.messages()) == 1
        assert channel.texts()[0] == "Costbook: 1 alert, 2 projects changed"

    def test_a_failure_that_a_schedule_repeats_is_told_once_until_it_is_over(self, channel: Channel) -> None:
        failing()
        tell(channel)
        failing()
        assert tell(channel).by_entity["digest"]["messages"] == 0
        failing("Another reason.")
        assert tell(channel).by_entity["digest"]["alerts"] == 1
        loaded()
        tell(channel)
        failing()
        assert tell(channel).by_entity["digest"]["alerts"] == 1

    def test_it_is_told_again_after_a_day(self, channel: Channel) -> None:
        failing()
        tell(channel)
        aged = (datetime.now(UTC) - digest.AGAIN).isoformat()
        with database.direct() as connection:
            connection.execute(
                "update ppm.sync_state set state = jsonb_set(state, '{alerts}', (select jsonb_object_agg(key, %s::text)"
                " from jsonb_each(state->'alerts')))",
                (aged,),
            )
        failing()
        assert tell(channel).by_entity["digest"]["alerts"] == 1

    def test_a_person_s_failures_are_told_each_time(self, channel: Channel) -> None:
        for _ in range(2):
            failing(by="ada@example.com")
            assert tell(channel).by_entity["digest"]["alerts"] == 1

    def test_a_canceled_sync_is_no_failure(self, channel: Channel) -> None:
        request = runs.RunRequest(ORG, "sap", "costs")
        with database.owner() as connection:
            run_id = runs.claim(connection, request).run_id
            runs.settle(connection, run_id, "canceled")
        assert tell(channel).by_entity["digest"]["messages"] == 0

    def test_slack_s_own_failures_are_not_told_to_slack(self, channel: Channel) -> None:
        failing("No.", system="slack", entity="digest")
        assert tell(channel).by_entity["digest"]["messages"] == 0


class TestChecks:
    def test_a_failed_check_is_told_once_and_again_when_it_says_something_else(self, channel: Channel) -> None:
        def after(*failed: FailedCheck) -> int:
            synced = loaded(commitment())
            with database.direct() as connection:
                connection.execute(
                    "update ppm.sync_runs set dagster_run_id = run_id where run_id = %s", [synced.run_id]
                )
            result = tell(channel, checks=lambda ids: dict.fromkeys(ids, failed), notify="failures")
            alerts: int = result.by_entity["digest"]["alerts"]
            return alerts

        three = FailedCheck("commitments", "nothing_rejected", count=3)
        assert after(three) == 1
        assert channel.texts()[1].endswith("SAP, commitments: records are in quarantine (3)")
        assert "/admin/integrations/rejections?system=sap|Look at it>" in channel.said()
        assert after(three) == 0
        assert after(replace(three, count=4)) == 0, "another number is no other alert"
        assert after(replace(three, sentence="The source says 4, the Costbook 3.")) == 1
        assert after(replace(three, sentence="The source says 5, the Costbook 3.")) == 0
        assert after() == 0
        assert after(replace(three, count=4)) == 1

    def test_a_run_whose_checks_are_to_come_is_told_of_later(self, channel: Channel) -> None:
        synced = loaded(commitment())
        with database.direct() as connection:
            connection.execute("update ppm.sync_runs set dagster_run_id = 'd' where run_id = %s", [synced.run_id])
        tell(channel, checks=lambda _: {})
        failed = FailedCheck("actuals", "money_matches_source", count=2)
        assert tell(channel, checks=lambda _: {"d": [failed]}).by_entity["digest"]["alerts"] == 1

    def test_checks_that_never_come_are_not_waited_for(self, channel: Channel) -> None:
        """A run whose process was killed after its merge keeps nobody from being told of the others."""
        synced = loaded(commitment())
        with database.direct() as connection:
            connection.execute(
                "update ppm.sync_runs set dagster_run_id = 'd', ended_at = now() - interval '1 hour' where run_id = %s",
                [synced.run_id],
            )
        with closing(channel.notifier()) as notifier, database.owner() as connection:
            found = digest.look(connection, notifier, ORG, checks=lambda _: {})
        assert not found.waiting
        assert found.news.runs == 1

    def test_a_refused_load_is_told_once(self, channel: Channel) -> None:
        reason = "900 of 1,000 commitments would vanish."
        failing(reason)
        with database.direct() as connection:
            connection.execute("update ppm.sync_runs set dagster_run_id = 'd'")
        failed = FailedCheck("commitments", "mass_disappearance", reason)
        tell(channel, checks=lambda _: {"d": [failed]})
        assert channel.said().count(reason) == 1
        assert "too much would have vanished at once" in channel.said()


class TestSilence:
    def connect(self, hours: float = 0, **more: Any) -> None:
        schedule = {"cron": "0 * * * *", "time_zone": "UTC", "entity": "costs", "mode": "incremental"}
        with database.owner() as connection:
            connectors.save(
                connection, Vault.from_environment(), ORG, "sap",
                settings={"api_url": "https://sap.example"}, schedule=schedule, enabled=True, by="test", **more,
            )  # fmt: skip
        with database.direct() as own:
            own.execute("update ppm.connectors set updated_at = now() - make_interval(hours => %s)", [hours])

    def synced(self, hours: float, brought: int = 1) -> None:
        request = runs.RunRequest(ORG, "sap", "costs", requested_by="schedule")
        with database.owner() as connection:
            run_id = runs.claim(connection, request).run_id
            runs.settle(connection, run_id, "success", result={"inserted": brought, "updated": 0, "closed": 0})
        with database.direct() as own:
            own.execute(
                "update ppm.sync_runs set ended_at = now() - %s where run_id = %s", [timedelta(hours=hours), run_id]
            )

    def test_a_scheduled_system_that_was_not_read_for_a_day_is_told_once(self, channel: Channel) -> None:
        self.connect(hours=20)
        assert tell(channel).by_entity["digest"]["alerts"] == 0
        self.connect(hours=30)
        assert tell(channel).by_entity["digest"]["alerts"] == 1
        assert channel.texts()[1].endswith("SAP was not synced although it is scheduled\nIt never was.")
        assert tell(channel).by_entity["digest"]["alerts"] == 0

    def test_a_system_that_brings_nothing_for_unusually_long_is_told(self, channel: Channel) -> None:
        self.connect(hours=300)
        for hours in (160, 150, 140, 130, 120):
            self.synced(hours)
        self.synced(1, brought=0)
        assert tell(channel).by_entity["digest"]["alerts"] == 1
        assert "SAP has brought nothing new for unusually long\nThe last time: " in channel.said()
        self.synced(0.5, brought=0)
        assert tell(channel).by_entity["digest"]["alerts"] == 0
        self.synced(0.1)
        assert look(channel).alerts == []

    def test_a_system_that_has_brought_something_once_is_given_a_week(self, channel: Channel) -> None:
        self.connect(hours=3000)
        self.synced(6 * 24)
        self.synced(1, brought=0)
        assert look(channel).alerts == []
        with database.direct() as own:
            own.execute(
                "update ppm.sync_runs set ended_at = ended_at - interval '25 hours' where result->>'inserted' = '1'"
            )
        assert tell(channel).by_entity["digest"]["alerts"] == 1
        assert "SAP has brought nothing new for unusually long\nThe last time: " in channel.said()

    def test_a_system_that_never_brought_anything_is_told(self, channel: Channel) -> None:
        self.connect(hours=3000)
        self.synced(8 * 24, brought=0)
        self.synced(1, brought=0)
        assert tell(channel).by_entity["digest"]["alerts"] == 1
        assert "SAP has brought nothing new for unusually long\nIt has brought nothing so far." in channel.said()

    def test_pauses_that_are_usual_are_no_silence(self, channel: Channel) -> None:
        self.connect(hours=3000)
        for hours in (800, 700, 650, 500, 150):
            self.synced(hours)
        self.synced(1, brought=0)
        assert tell(channel).by_entity["digest"]["alerts"] == 0


class TestBrokenSlack:
    @pytest.mark.parametrize(
        ("kind", "problem", "sentence"),
        [
            ("no_service", "misconfigured", "Slack does not know this webhook any more"),
            ("channel_not_found", "misconfigured", "does not exist any more"),
            ("channel_is_archived", "misconfigured", "is archived"),
            ("action_prohibited", "credentials", "does not let this webhook post"),
            ("outage", "unavailable", "Slack has a fault of its own (500)"),
            ("redirect", "misconfigured", "Redirects are not followed"),
        ],
    )
    def test_what_did_not_arrive_is_a_failed_run_and_told_with_the_next(
        self, channel: Channel, kind: str, problem: str, sentence: str
    ) -> None:
        loaded(commitment())
        channel.fault(kind, 3)
        with pytest.raises(sync.Failed) as failed:
            tell(channel)
        row = row_of(failed.value.run_id)
        assert (row["status"], row["problem"]) == ("failed", problem)
        assert sentence in row["reason"]
        assert "sandboxkey" not in json.dumps(row, default=str)
        channel.fault("none")
        assert tell(channel).amounts["EUR"]["open"]["delta"] == "100.00"

    @pytest.mark.parametrize("kind", ["rollup_error", "http_429", "http_429_date", "invalid_blocks"])
    def test_what_passes_is_tried_again(self, channel: Channel, kind: str) -> None:
        loaded(commitment())
        channel.fault(kind, seconds=1)
        tell(channel)
        assert len(channel.messages()) == 1

    def test_blocks_that_slack_does_not_take_are_sent_as_text(self, channel: Channel) -> None:
        loaded(commitment())
        channel.fault("invalid_blocks")
        tell(channel)
        assert channel.messages()[0]["payload"].keys() == {"text"}
        assert "P-1" in channel.messages()[0]["text"]

    def test_nobody_waits_for_long(self, channel: Channel) -> None:
        loaded(commitment())
        channel.fault("http_429", seconds=3600)
        with pytest.raises(sync.Failed, match="takes no more messages"):
            tell(channel)
        assert channel.state()["received"] == 1


# Through Dagster


@pytest.fixture
def connected(database_url: str, channel: Channel, monkeypatch: pytest.MonkeyPatch) -> Channel:
    assert database_url  # before anything is saved, also where a class asks for this by itself
    monkeypatch.setenv("PPM_ALLOWED_HOSTS", channel.url)
    home.home.cache_clear()
    with database.owner() as connection:
        connectors.save(
            connection, Vault.from_environment(), ORG, "slack",
            settings=channel.settings(), schedule=None, enabled=True, by="test",
        )  # fmt: skip
    return channel


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        made.add_dynamic_partitions("organizations", [ORG])
        yield made


def executed(instance: dg.DagsterInstance, job: str, **tags: str) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance, partition_key=ORG, tags=tags, raise_on_error=False
    )


@pytest.mark.parametrize("entity", ["digest", "commitments"])
def test_a_run_of_the_job_sends_one_message(connected: Channel, instance: dg.DagsterInstance, entity: str) -> None:
    loaded(commitment())
    assert executed(instance, f"sync_slack_{entity}").success
    [message] = connected.messages()
    assert message["payload"]["blocks"]
    [event] = instance.fetch_materializations(dg.AssetKey(["slack", "digest"]), limit=10).records
    materialized = event.asset_materialization
    assert materialized is not None
    metadata = {name: value.value for name, value in materialized.metadata.items()}
    [(result,)] = rows("select result from ppm.sync_runs where system = 'slack'")
    assert {name: metadata[name] for name in (*load.COUNTS, "amounts", "synced_at")} == {
        name: result[name] for name in (*load.COUNTS, "amounts", "synced_at")
    }
    assert (result["entity"], metadata["messages"]) == (entity, 1)


def test_a_dead_webhook_fails_its_own_run_alone(connected: Channel, instance: dg.DagsterInstance) -> None:
    loaded(commitment())
    connected.fault("no_service")
    assert not executed(instance, "sync_slack_digest").success
    [(status, reason)] = rows("select status, reason from ppm.sync_runs where system = 'slack'")
    assert status == "failed"
    assert reason.startswith("Slack does not know this webhook any more")
    with database.owner() as connection:
        assert rows("select status from ppm.sync_runs where system = 'sap'") == [("success",)]
        assert costbook.project_figures(connection, ORG)[0]["open"] == "100.00"


class TestTheSensor:
    @pytest.fixture(autouse=True)
    def _connected(self, connected: Channel) -> None:
        self.channel = connected

    def ticked(self, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
        sensor = defs.get_repository_def().get_sensor_def("slack_follows")
        context = dg.build_sensor_context(instance=instance, cursor=cursor, definitions=defs)
        found = sensor(context)
        assert isinstance(found, dg.SensorResult)
        return found

    def test_a_sync_that_changed_something_is_followed_by_one_digest(self, instance: dg.DagsterInstance) -> None:
        loaded(commitment())
        first = self.ticked(instance)
        [request] = first.run_requests or []
        assert (request.partition_key, request.tags["ppm/requested_by"]) == (ORG, "sync")
        assert not self.ticked(instance, first.cursor).run_requests
        assert executed(instance, "sync_slack_digest", **request.tags).success
        loaded(commitment())
        assert not self.ticked(instance, first.cursor).run_requests

    def test_a_failure_is_followed_by_a_digest(self, instance: dg.DagsterInstance) -> None:
        failing()
        assert len(self.ticked(instance).run_requests or []) == 1

    def test_who_cannot_be_asked_fails_visibly(
        self, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PPM_ALLOWED_HOSTS", "https://elsewhere.example")
        home.home.cache_clear()
        assert worth_telling(instance, "slack", ORG)
        assert not executed(instance, "sync_slack_digest").success
        [(reason,)] = rows("select reason from ppm.sync_runs where system = 'slack'")
        assert "PPM_ALLOWED_HOSTS" in reason

    def test_it_runs_without_anybody_turning_it_on(self) -> None:
        sensor = defs.get_repository_def().get_sensor_def("slack_follows")
        assert sensor.default_status == dg.DefaultSensorStatus.RUNNING


def test_failed_checks_are_read_from_the_run_that_made_them(instance: dg.DagsterInstance) -> None:
    @dg.asset(key=["sap", "commitments"], check_specs=[dg.AssetCheckSpec("x", asset=["sap", "commitments"])])
    def made() -> dg.MaterializeResult:  # type: ignore[type-arg]
        failed = dg.AssetCheckResult(check_name="x", passed=False, metadata={"in_quarantine": 3, "reason": "Because."})
        return dg.MaterializeResult(check_results=[failed])

    run = dg.materialize([made], instance=instance)
    assert failed_checks(instance, [run.run_id, "gone"]) == {
        run.run_id: [FailedCheck("commitments", "x", "Because.", 3)],
        "gone": [],
    }


def test_money_is_written_as_people_write_it() -> None:
    assert money(Decimal("-1234567.5"), "EUR", "de") == "-1.234.567,50 EUR"
    assert money(Decimal("1234"), "JPY", "en") == "+1,234 JPY"
