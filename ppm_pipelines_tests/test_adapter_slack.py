"""Messages, settings, sending: pure functions, and the webhook of a simulated Slack. No database."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ppm_pipelines.adapters import ADAPTERS, SYSTEMS
from ppm_pipelines.adapters.base import Credentials, Misconfigured, SourceError, Unavailable
from ppm_pipelines.adapters.slack import Slack, meaning
from ppm_pipelines.adapters.slack_messages import WORDS, escaped, message, trial_message
from ppm_pipelines.adapters.slack_settings import Settings
from ppm_pipelines.news import Alert, Language, Moved, News, ProjectNews
from ppm_pipelines.sandbox.slack import block_kit
from ppm_pipelines_tests import channel as channels
from ppm_pipelines_tests.channel import Channel

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)
REAL = "https://hooks.slack.com/services/T0/B0/secret-of-the-webhook"


def news(**more: Any) -> News:
    return News(NOW, NOW, **more)


def project(name: str = "Halle 4", **more: Any) -> ProjectNews:
    whole: dict[str, Any] = {
        "lines": {("commitments", "new"): 3, ("actuals", "changed"): 1},
        "moved": [Moved("open", "EUR", Decimal("10.00"), Decimal("1234.50"))],
    }
    return ProjectNews("id", "P-1", name, "https://costbook.example/costbook?project=id", **whole | more)


def alert(sentence: str = "SAP answered 503.", **more: Any) -> Alert:
    return Alert(**{"kind": "failed", "system": "sap", "name": "SAP", "entity": "costs", "sentence": sentence} | more)


# Messages


def test_both_languages_have_the_same_words() -> None:
    assert WORDS["de"].keys() == WORDS["en"].keys()


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_message_is_one_that_slack_takes(language: Language) -> None:
    whole = message(news(alerts=[alert(link="https://x.example/?a=1&b=2")], projects=[project()], runs=2), language)
    block_kit.check(whole)
    block_kit.check(trial_message(language))
    assert whole["text"].startswith("Costbook: 1 ")
    assert (whole["unfurl_links"], whole["unfurl_media"]) == (False, False)
    assert not whole.keys() & {"channel", "username", "icon_emoji", "attachments"}


def test_money_stands_beside_what_moved() -> None:
    texts = [text for _, text in block_kit.texts(message(news(projects=[project()]), "de"))]
    assert "Offen +1.224,50 EUR" in texts
    assert "Commitments: 3 neu\nIst-Werte: 1 geändert" in texts


WILD = st.text(alphabet=st.sampled_from("&<>*_~`|@!# \n\tabcÄ🏗\u2028"), max_size=9000) | st.text(max_size=300)


@given(st.lists(WILD, max_size=4), WILD, st.integers(0, 60), st.sampled_from(["de", "en"]))
def test_whatever_names_and_reasons_say_slack_takes_it_and_nobody_is_notified(
    reasons: list[str], name: str, count: int, language: Language
) -> None:
    """Traps: over-long error text fails the whole message; unescaped <!channel> notifies people."""
    alerts = [alert(reason, name=name or "x", entity=name) for reason in reasons] * (count + 1)
    whole = message(news(alerts=alerts, projects=[project(name) for _ in range(count)]), language)
    block_kit.check(whole)
    assert block_kit.notified(whole) == []
    assert len(whole["text"]) <= 3000


def test_more_currencies_than_fields() -> None:
    moved = [Moved("open", f"X{n:02d}", Decimal(0), Decimal(n)) for n in range(1, 20)]
    whole = message(news(projects=[project(moved=moved)]), "en")
    block_kit.check(whole)
    assert "12 more currencies" in [text for _, text in block_kit.texts(whole)]


@pytest.mark.parametrize(
    ("text", "most", "told"),
    [
        ("a & <b> 'c' \"d\"", 100, "a &amp; &lt;b&gt; 'c' \"d\""),  # these three and no others
        ("&&&", 11, "&amp;&amp;…"),  # counted after escaping, never cut within an escape
        ("🏗🏗🏗", 5, "🏗🏗…"),
        ("&amp;", 100, "&amp;amp;"),
        ("", 10, ""),
    ],
)
def test_escapes(text: str, most: int, told: str) -> None:
    assert escaped(text, most) == told


# Settings


def settings(url: str = REAL, **more: Any) -> Settings:
    return Settings.model_validate({"webhook_url": url} | more)


def test_defaults() -> None:
    assert (settings().language, settings().notify) == ("en", "changes")


@pytest.mark.parametrize("url", [REAL, "https://hooks.slack-gov.com/services/T/B/X", "https://chat.example/hooks/x1y2"])
def test_webhooks_of_slack_and_of_what_speaks_like_it(url: str) -> None:
    assert settings(f" {url} ").webhook_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.slack.com/triggers/T0/1/secretsecret",
        "https://hooks.slack.com/workflows/T0/A/1/secretsecret",
        "https://hooks.slack.com/secretsecret",
        "https://hooks.slack.com/",
        "ftp://hooks.slack.com/services/T/B/secretsecret",
        "secretsecret",
        "https://[secretsecret",
        "",
    ],
)
def test_other_addresses_are_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as error:
        settings(url)
    assert all("secretsecret" not in one["msg"] for one in error.value.errors())


@pytest.mark.parametrize("more", [{"language": "fr"}, {"notify": "never"}, {"channel": "#general"}])
def test_other_settings_are_refused(more: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**more)


def test_the_url_is_a_secret() -> None:
    schema = Settings.model_json_schema()["properties"]["webhook_url"]
    assert schema["writeOnly"]
    assert "secret-of" not in repr(settings())


def test_every_field_is_explained_in_both_languages() -> None:
    for field in Settings.model_json_schema()["properties"].values():
        assert field["title"]
        assert field["description"]
        assert field["examples"]
        assert field["x-labels"]["de"].keys() == {"title", "description"}


def test_slack_is_a_system_and_brings_no_facts() -> None:
    assert "slack" not in ADAPTERS
    assert SYSTEMS["slack"].entities == ("digest",)
    assert {"costs", "commitments", "actuals", "projects", "digest"} == set(SYSTEMS["slack"].accepts())


# Sending


@pytest.fixture(scope="module")
def served() -> Iterator[Channel]:
    with channels.served() as found:
        yield found


@pytest.fixture
def channel(served: Channel) -> Channel:
    served.reset()
    return served


def sent(channel: Channel, url: str | None = None) -> None:
    with closing(channel.notifier(webhook_url=url or channel.webhook)) as notifier:
        notifier.send(news(projects=[project()]))


def test_a_message_arrives(channel: Channel) -> None:
    sent(channel)
    assert channel.texts()[0] == "Costbook: 1 project changed"


def test_the_connection_test_sends_a_message(channel: Channel) -> None:
    with closing(channel.notifier(language="de")) as notifier:
        [check] = notifier.test()
    assert (check.name, check.ok, check.detail) == ("message", True, "A test message is in the channel.")
    assert channel.texts()[0] == "Testnachricht vom Costbook"


@pytest.mark.parametrize("path", ["services/T/B/of-another", "services/T/B", "elsewhere/T/B/x1y2z3"])
def test_a_wrong_url_is_told_and_not_repeated(channel: Channel, path: str) -> None:
    with closing(channel.notifier(webhook_url=f"{channel.url}/slack/{path}")) as notifier:
        [check] = notifier.test()
    assert not check.ok
    assert "T/B" not in check.detail
    with pytest.raises(Misconfigured):
        sent(channel, f"{channel.url}/slack/{path}")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, b"no_service", Misconfigured),
        (404, b"channel_not_found", Misconfigured),
        (410, b"channel_is_archived", Misconfigured),
        (403, b"action_prohibited", Credentials),
        (403, b"invalid_token", Credentials),
        (403, b"team_disabled", Credentials),
        (403, b"posting_to_general_channel_denied", Credentials),
        (500, b"rollup_error", Unavailable),
        (503, b"<!DOCTYPE html>", Unavailable),
        (429, b"", Unavailable),
    ],
)
def test_what_slack_s_answers_mean(status: int, body: bytes, kind: type[SourceError]) -> None:
    assert type(meaning(status, body, "Slack said so")) is kind


def test_an_answer_that_nobody_knows_has_its_general_meaning() -> None:
    assert meaning(404, b"user_not_here", "Slack said so") is None


@pytest.mark.parametrize("kind", ["http_429", "http_429_date", "rollup_error", "outage"])
def test_what_passes_is_tried_again(channel: Channel, kind: str) -> None:
    channel.fault(kind, seconds=1)
    sent(channel)
    assert channel.state()["received"] == 2
    assert len(channel.messages()) == 1


@pytest.mark.parametrize("kind", ["no_service", "channel_not_found", "channel_is_archived", "action_prohibited"])
def test_what_does_not_pass_is_not_tried_again(channel: Channel, kind: str) -> None:
    channel.fault(kind, 5)
    with pytest.raises((Misconfigured, Credentials)):
        sent(channel)
    assert channel.state()["received"] == 1


def test_a_long_retry_after_is_not_waited_for(channel: Channel) -> None:
    channel.fault("http_429", 5, seconds=600)
    with pytest.raises(Unavailable):
        sent(channel)
    assert channel.state()["received"] == 1


def test_a_slack_that_does_not_answer_is_given_up_in_time(channel: Channel) -> None:
    channel.fault("timeout", 5, seconds=3)
    with closing(channel.notifier(timeout_seconds=0.5)) as notifier, pytest.raises(Unavailable):
        notifier.send(news(projects=[project()]))
    assert channel.state()["received"] == 1
    assert channel.messages() == []


def test_a_burst_that_is_too_long_is_slowed_down_and_loses_nothing(channel: Channel) -> None:
    for _ in range(22):
        sent(channel)
    assert len(channel.messages()) == 22


def test_blocks_that_are_refused_all_the_same_are_sent_as_text(channel: Channel) -> None:
    channel.fault("invalid_blocks")
    sent(channel)
    assert channel.messages()[0]["payload"] == {"text": "Costbook: 1 project changed · P-1"}


def test_the_url_is_in_no_log_and_no_error(channel: Channel, caplog: pytest.LogCaptureFixture) -> None:
    """Trap: an HTTP client logs the whole URL."""
    caplog.set_level(logging.DEBUG)
    errors = []
    for kind in ("none", "no_service", "outage", "redirect", "action_prohibited"):
        channel.fault(kind, 3)
        try:
            sent(channel)
        except SourceError as error:
            errors.append(f"{error!s} {error.__cause__!r}")
        channel.fault("none")
    assert len(errors) == 4
    assert "sandboxkey" not in caplog.text + json.dumps(errors)


def test_a_host_that_may_not_be_called_is_not(channel: Channel) -> None:
    with pytest.raises(Misconfigured, match="PPM_ALLOWED_HOSTS"):
        Slack(settings(channel.webhook), allowed_hosts="https://hooks.slack.com")


# What the simulation refuses


@pytest.mark.parametrize(
    "payload",
    [
        {"blocks": [{"type": "divider"}] * 51, "text": "x"},
        {"blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]},
        {"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}]},
        {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]},
        {"blocks": [{"type": "section", "text": {"type": "plain_text", "text": ""}}]},
        {"blocks": [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x"}] * 11}]},
        {"blocks": [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]}]},
        {"blocks": [{"type": "section"}]},
        {"blocks": [{"type": "context", "elements": []}]},
        {"blocks": [{"type": "divider", "block_id": "a"}] * 2},
        {"blocks": [{"type": "unheard_of"}]},
        {"blocks": "x"},
    ],
)
def test_broken_blocks_are_refused_as_a_whole(channel: Channel, payload: dict[str, Any]) -> None:
    answer = channel.control.post("/slack/services/T/B/sandboxkey", json=payload)
    assert (answer.status_code, answer.text) == (400, "invalid_blocks")
    assert channel.messages() == []


def test_forms_and_broken_json_are_refused(channel: Channel) -> None:
    """Trap: the old style with a form field ``payload``."""
    path = "/slack/services/T/B/sandboxkey"
    for more in ({"data": {"payload": '{"text": "x"}'}}, {"content": b'{"text": "x"}'}, {"json": ["x"]}):
        answer = channel.control.post(path, **more)
        assert (answer.status_code, answer.text) == (400, "invalid_payload")
    assert channel.control.post(path, json={}).text == "no_text"


def test_what_is_too_fast_is_told_to_wait(channel: Channel) -> None:
    answers = [channel.control.post("/slack/services/T/B/sandboxkey", json={"text": "x"}) for _ in range(25)]
    slow = [one for one in answers if one.status_code == 429]
    assert slow
    assert slow[0].headers["retry-after"] == "1"
