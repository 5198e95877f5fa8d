"""Judges that were not written here: what adapters ask and simulations answer, held against others' code and documents.

Belongs here: Atlassian's OpenAPI document through openapi-core, oauthlib's server side, a NetSuite client of somebody
else's, Slack's own models. Does not belong here: what the answers mean (``test_contract``).
"""

# ruff: noqa: ARG002 - what oauthlib hands over is its own affair
from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from netsuite_oauth import NetsuiteOauth
from oauthlib.oauth1 import SIGNATURE_HMAC_SHA256, RequestValidator, ResourceEndpoint
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from slack_sdk.models.blocks import Block
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ppm_pipelines.adapters.slack_messages import message, trial_message
from ppm_pipelines.news import Language
from ppm_pipelines.records import Project
from ppm_pipelines.sandbox.app import create
from ppm_pipelines.sandbox.netsuite import auth
from ppm_pipelines_tests.serving import serving
from ppm_pipelines_tests.simulated import World, named, standing
from ppm_pipelines_tests.test_adapter_slack import alert, news, project

# As the document's own examples write moments: the zone without a colon, which its "date-time" does not allow.
ZONED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)")
ATLASSIAN = json.loads((Path(__file__).parent / "jira_openapi.json").read_text())


def zoned(value: Any) -> bool:
    return bool(ZONED.fullmatch(str(value)))


@dataclass
class Exchange:
    """A request as it arrived, and its answer."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""
    status: int = 0
    answer_type: str = ""
    answer: bytes = b""


@dataclass
class Overheard:
    """An application, and everything that was said to it and by it."""

    app: ASGIApp
    heard: list[Exchange] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        one = Exchange(scope["method"], scope["path"], scope["query_string"].decode(), headers)
        self.heard.append(one)

        async def received() -> Message:
            message = await receive()
            one.body += message.get("body", b"")
            return message

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                one.status = message["status"]
                one.answer_type = dict(message["headers"]).get(b"content-type", b"").decode()
            one.answer += message.get("body", b"")
            await send(message)

        await self.app(scope, received, sent)


@contextmanager
def overheard(system: str) -> Iterator[tuple[World, list[Exchange]]]:
    """A simulation, and what is said below its own addresses."""
    listener = Overheard(create(seed=7, orders=1, size=0.6))
    with serving(listener) as url, standing(named(system), url) as world:
        listener.heard.clear()
        yield world, listener.heard


# Jira


@pytest.mark.usefixtures("database_url")
def test_what_is_asked_of_jira_and_what_the_simulated_site_answers_is_as_atlassian_documents_it() -> None:
    with overheard("jira-cloud") as (site, heard):
        here = {"servers": [{"url": f"{site.url}/jira"}]}
        formats: dict[str, Callable[[Any], bool]] = {"date-time": zoned}
        judge = OpenAPI.from_dict(ATLASSIAN | here, Config(extra_format_validators=formats))
        site.sync()
        site.advance(60)  # among them a worklog that changes without its issue, which is then asked for
        site.sync()
        exchanges = [one for one in heard if one.path.startswith("/jira/rest/")]
        for one in exchanges:
            asked, answered = _for_openapi(site.url, one)
            judge.validate_request(asked)
            judge.validate_response(asked, answered)
    # Nothing of the document lies idle: what it judges is what is asked.
    asked_for = {(one.method.lower(), one.path.removeprefix("/jira")) for one in exchanges}
    told = {(method, path) for path, methods in ATLASSIAN["paths"].items() for method in methods}
    assert {(method, path) for method, path in told if "{" not in path} <= asked_for


def _for_openapi(url: str, one: Exchange) -> tuple[MockRequest, MockResponse]:
    kind = one.headers.get("content-type", "application/json").partition(";")[0]
    args = dict(parse_qsl(one.query))
    asked = MockRequest(
        url, one.method.lower(), one.path, args=args, headers=one.headers, data=one.body or None, content_type=kind
    )
    answered = MockResponse(one.answer, one.status, content_type=one.answer_type.partition(";")[0])
    return asked, answered


# NetSuite


class Judge(RequestValidator):  # type: ignore[misc]
    """What oauthlib asks of a server: who is known, and with which secrets."""

    enforce_ssl = False
    allowed_signature_methods = (SIGNATURE_HMAC_SHA256,)
    safe_characters = RequestValidator.safe_characters.fget(None) | set("-+/=_. ")
    client_key_length = access_token_length = nonce_length = (8, 64)
    dummy_client = dummy_access_token = "nobody"

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[str, str]] = set()

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        return client_key == auth.CONSUMER_KEY

    def validate_access_token(self, client_key: str, token: str, request: Any) -> bool:
        return token == auth.TOKEN_ID

    def get_client_secret(self, client_key: str, request: Any) -> str:
        return auth.CONSUMER_SECRET

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        return auth.TOKEN_SECRET

    def validate_realms(self, *_: Any, **__: Any) -> bool:
        return True

    def validate_timestamp_and_nonce(self, client_key: str, timestamp: str, nonce: str, request: Any, **_: Any) -> bool:
        fresh = (timestamp, nonce) not in self.seen
        self.seen.add((timestamp, nonce))
        return fresh


def test_every_signed_request_to_netsuite_passes_oauthlib_s_server_side_once() -> None:
    with overheard("netsuite-tba") as (account, heard):
        with account.adapter() as adapter:
            assert list(adapter.read("projects", None))
        endpoint = ResourceEndpoint(Judge())
        signed = [one for one in heard if one.path.startswith("/netsuite/")]
        assert len(signed) > 1
        for one in signed:
            assert one.headers["authorization"].startswith(f'OAuth realm="{auth.REALM}"')
            address = f"{account.url}{one.path}?{one.query}"
            assert _verified(endpoint, address, one), "the signature"
            assert not _verified(endpoint, address, one), "a nonce counts once"
            assert not _verified(ResourceEndpoint(Judge()), address.replace("limit=", "limit=1"), one), (
                "another address"
            )


def _verified(endpoint: ResourceEndpoint, address: str, one: Exchange) -> bool:
    headers = {"Authorization": one.headers["authorization"], "Content-Type": "application/json"}
    valid, _ = endpoint.validate_protected_resource_request(address, one.method, one.body.decode(), headers)
    return bool(valid)


def test_somebody_else_s_netsuite_client_reads_the_simulated_account() -> None:
    with overheard("netsuite-tba") as (account, _):

        def page(offset: int) -> list[dict[str, Any]]:
            """The client takes no session, and its address is the whole address."""
            url = f"{account.url}/netsuite/services/rest/query/v1/suiteql?limit=20&offset={offset}"
            theirs = NetsuiteOauth(
                url, auth.CONSUMER_KEY, auth.CONSUMER_SECRET, auth.TOKEN_ID, auth.TOKEN_SECRET, auth.REALM
            )
            query = {"q": "SELECT j.id, j.entityid FROM job j ORDER BY j.id"}
            items: list[dict[str, Any]] = theirs.post(query, headers={"Prefer": "transient"}).json()["items"]
            return items

        theirs = [row["entityid"] for offset in (0, 20) for row in page(offset)]
        with account.adapter() as adapter:
            ours = [one for found in adapter.read("projects", None) for one in found.outcomes]
    assert sorted(theirs) == sorted(one.project_nr for one in ours if isinstance(one, Project))
    assert len(theirs) == 40


# Slack


@pytest.mark.parametrize("language", ["de", "en"])
def test_slack_s_own_models_take_every_message(language: Language) -> None:
    wild = alert("“Ö” & <b> " + "x" * 4000, link="https://x.example/?a=1&b=2")
    messages = [
        message(news(), language),
        message(news(alerts=[wild] * 70, projects=[project("Halle 4 🏗")] * 70, runs=2), language),
        trial_message(language),
    ]
    for whole in messages:
        blocks = Block.parse_all(whole["blocks"])
        assert len(blocks) == len(whole["blocks"]) > 0
        for block, sent in zip(blocks, whole["blocks"], strict=True):
            block.validate_json()
            assert block.to_dict() == sent
