"""The order of a connection test: what is told of the address, the sign-in and the parts, and where it stops.

Belongs here: what every system's test shares. Does not belong here: what one system checks (its own tests).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ppm_pipelines.adapters.base import Adapter, Check
from ppm_pipelines.adapters.checks import Gap, checks
from ppm_pipelines.adapters.dynamics import Dynamics
from ppm_pipelines.adapters.http import Client
from ppm_pipelines.adapters.sap import Sap
from ppm_pipelines_tests.test_adapter_http import Script, answer, client, scripted

REFUSED = answer('{"error": "invalid_client"}', 401)
OAUTH = {"client_id": "me", "client_secret": "a-secret"}


def told(found: list[Check]) -> list[tuple[str, bool]]:
    return [(check.name, check.ok) for check in found]


def tried(source: Client) -> list[Check]:
    def shows_less() -> str:
        raise Gap("Something is missing.")

    parts = {"projects": lambda: "1 projects readable.", "actuals": shows_less}
    return list(checks(source, lambda: source.get("orders"), parts))


def test_address_then_sign_in_then_every_part_whatever_it_shows() -> None:
    with scripted(answer()) as script, client(script.url) as source:
        found = tried(source)
    assert told(found) == [("address", True), ("sign_in", True), ("projects", True), ("actuals", False)]
    assert [check.detail for check in found][:2] == ["127.0.0.1 answers.", "Signed in."]


def test_nothing_follows_a_sign_in_that_failed() -> None:
    with scripted(answer("{}", 401)) as script, client(script.url) as source:
        assert told(tried(source)) == [("address", True), ("sign_in", False)]


def test_nothing_follows_an_address_that_does_not_answer() -> None:
    with scripted(answer()) as script:
        url = script.url
    with client(url) as source:
        [found] = tried(source)
    assert (found.name, found.ok) == ("address", False)
    assert "accepts no connection" in found.detail


def sap(api: str, token: str) -> Adapter:
    settings = {"api_url": api, "auth": "oauth2", "token_url": token, **OAUTH}
    return Sap(Sap.Settings.model_validate(settings), allowed_hosts=f"{api},{token}")


def dynamics(api: str, token: str) -> Adapter:
    settings = {"base_url": api, "token_url": token, "tenant_id": "ours", **OAUTH}
    return Dynamics(Dynamics.Settings.model_validate(settings), allowed_hosts=f"{api},{token}")


@pytest.mark.parametrize("made", [sap, dynamics])
def test_a_token_address_that_refuses_blames_the_sign_in_alone(
    made: Callable[[str, str], Adapter],
) -> None:
    with scripted(REFUSED) as api, scripted(REFUSED) as tokens:
        with made(api.url, elsewhere(tokens)) as adapter:
            [found] = adapter.test()
        assert (found.name, found.ok) == ("sign_in", False)
        assert "The token address refused the client id or secret" in found.detail
        assert not api.seen


@pytest.mark.parametrize("made", [sap, dynamics])
def test_a_host_that_refuses_to_give_a_token_itself_answers(made: Callable[[str, str], Adapter]) -> None:
    with scripted(REFUSED) as script, made(script.url, script.url) as adapter:
        assert told(list(adapter.test())) == [("address", True), ("sign_in", False)]


def elsewhere(script: Script) -> str:
    """The same server by another name."""
    return script.url.replace("127.0.0.1", "localhost")


def test_sap_says_in_which_client_the_user_is_unknown() -> None:
    with scripted(answer("{}", 401)) as script:
        settings = {"api_url": script.url, "client": "100", "username": "me", "password": "a-secret"}
        with Sap(Sap.Settings.model_validate(settings), allowed_hosts=script.url) as adapter:
            found = list(adapter.test())
    assert "Check user, password or key in client 100; the account may be locked." in found[-1].detail
