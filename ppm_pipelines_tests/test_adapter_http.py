"""Calling a source: guarded hosts, retries, the deadline, broken answers. Over real HTTP against a scripted server.

Belongs here: what ``adapters/http`` and ``adapters/hosts`` promise. Does not belong here: SAP (``test_adapter_sap``).
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from api.sentences import told as in_german
from ppm_pipelines.adapters import odata
from ppm_pipelines.adapters.base import Credentials, Misconfigured, Refused, SourceError, Unavailable
from ppm_pipelines.adapters.hosts import address_refused, host_refused
from ppm_pipelines.adapters.http import ApiKey, Client, ClientCredentials, Limits

SECRET = "canary-3f9a"
QUICK = Limits(backoff=0.001)
Answering = Callable[[BaseHTTPRequestHandler], None]


def answer(
    body: bytes | str = b'{"value": []}', status: int = 200, kind: str = "application/json", **headers: str
) -> Answering:
    """A whole answer; header names are given with underscores."""
    data = body.encode() if isinstance(body, str) else body

    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", headers.pop("length", str(len(data))))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(data)
        request.close_connection = True

    return handle


def dripping(request: BaseHTTPRequestHandler) -> None:
    """An answer that never ends and never pauses long enough for a timeout per read."""
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.end_headers()
    with contextlib.suppress(OSError):
        while True:
            request.wfile.write(b" ")
            request.wfile.flush()
            time.sleep(0.02)
    request.close_connection = True


def dripping_headers(request: BaseHTTPRequestHandler) -> None:
    with contextlib.suppress(OSError):
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            request.wfile.write(b"x: y\r\n")
            request.wfile.flush()
            time.sleep(0.02)
    request.close_connection = True


class Script:
    """A server that gives the scripted answers in turn (the last again and again) and remembers the requests."""

    def __init__(self, *answers: Answering) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                script.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
                step = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
                step(self)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                self.do_GET()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@contextlib.contextmanager
def scripted(*answers: Answering) -> Iterator[Script]:
    script = Script(*answers)
    thread = threading.Thread(target=script.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield script
    finally:
        script.server.shutdown()
        script.server.server_close()
        thread.join(10)


@contextlib.contextmanager
def client(root: str, **changes: Any) -> Iterator[Client]:
    """A client that may call the script's server."""
    settings: dict[str, Any] = {
        "system": "SAP",
        "auth": ApiKey("APIKey", SECRET),
        "allowed_hosts": root,
        "timeout_seconds": 20,
        "secrets": [SECRET],
        "explain": odata.error_text,
        "limits": QUICK,
    }
    made = Client(root, **settings | changes)
    try:
        yield made
    finally:
        made.close()


def failure(script: Script, **changes: Any) -> SourceError:
    """The error that a GET of ``orders`` ends with; the secret is in no error."""
    with client(script.url, **changes) as source, pytest.raises(SourceError) as raised:
        source.get("orders", {"$filter": "x eq 'private'"})
    assert SECRET not in str(raised.value)
    assert "private" not in str(raised.value)
    return raised.value


# Hosts by their text

OPEN = None
NAMED = "*.s4hana.cloud.sap, 10.1.2.3:8443, http://127.0.0.1:8090"


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://my300000-api.s4hana.cloud.sap", OPEN),
        ("https://my300000-api.s4hana.cloud.sap/", NAMED),
        ("https://MY300000-API.s4hana.cloud.sap.:8443", NAMED),
        ("https://10.1.2.3:8443", NAMED),
        ("https://10.1.2.3", OPEN),
        ("http://127.0.0.1:8090/sap", NAMED),
        ("https://127.0.0.1:8090/sap", NAMED),
        ("https://[2001:db8::1]:8443", "[2001:DB8:0::1]:8443"),
        ("https://localhost:9000", "localhost"),
        ("https://sap.example.com", "*"),
    ],
)
def test_a_host_that_is_allowed_may_be_called(url: str, allowed: str | None) -> None:
    assert host_refused(url, allowed) is None


@pytest.mark.parametrize(
    ("url", "allowed", "said"),
    [
        ("http://sap.example.com", OPEN, "Only https"),
        ("http://my300000-api.s4hana.cloud.sap", NAMED, "https only"),
        ("https://s4hana.cloud.sap.evil.example", NAMED, "PPM_ALLOWED_HOSTS"),
        ("https://s4hana.cloud.sap", NAMED, "PPM_ALLOWED_HOSTS"),
        ("https://evils4hana.cloud.sap", NAMED, "PPM_ALLOWED_HOSTS"),
        ("https://10.1.2.3", NAMED, "PPM_ALLOWED_HOSTS"),
        ("http://127.0.0.1:8091", NAMED, "PPM_ALLOWED_HOSTS"),
        ("https://127.0.0.1", OPEN, "this machine"),
        ("https://127.9.9.9", "*", "this machine"),
        ("https://localhost", OPEN, "this machine"),
        ("https://LOCALHOST.", "*", "this machine"),
        ("https://api.localhost", OPEN, "this machine"),
        ("https://[::1]", OPEN, "this machine"),
        ("https://[::ffff:127.0.0.1]", OPEN, "this machine"),
        ("https://169.254.169.254/latest", OPEN, "never"),
        ("https://169.254.169.254", "169.254.169.254", "never"),
        ("https://[fe80::1]", OPEN, "never"),
        ("https://[::ffff:169.254.169.254]", OPEN, "never"),
        ("https://[64:ff9b::a9fe:a9fe]", OPEN, "never"),
        ("https://[2002:a9fe:a9fe::1]", OPEN, "never"),
        ("https://[fd00:ec2::254]", OPEN, "never"),
        ("https://0.0.0.0", OPEN, "never"),
        ("https://0.1.2.3", OPEN, "never"),
        ("https://[::]", OPEN, "never"),
        ("https://224.0.0.1", OPEN, "never"),
        ("https://255.255.255.255", OPEN, "never"),
        ("https://100.100.100.200", OPEN, "never"),
        ("https://metadata.google.internal", OPEN, "never"),
        ("https://2852039166", OPEN, "unusual"),
        ("https://0xa9fea9fe", OPEN, "unusual"),
        ("https://0251.0376.0251.0376", OPEN, "no address"),
        ("https://127.1", OPEN, "unusual"),
        ("https://user:pass@sap.example.com", OPEN, "user or password"),
        ("https://sap.example.com\\@169.254.169.254", OPEN, "backslash"),
        ("https://sap.example.com\n", OPEN, "control character"),
        ("https://exa%6dple.com", OPEN, "host name"),
        ("https://①②⑦.⓪.⓪.①", OPEN, "address"),
        ("https://", OPEN, "https://"),
        ("ftp://sap.example.com", OPEN, "https://"),
        ("file:///etc/passwd", OPEN, "https://"),
        ("sap.example.com", OPEN, "https://"),
        ("https://sap.example.com:99999", OPEN, "no port"),
    ],
)
def test_a_host_that_is_not_allowed_is_refused_with_a_sentence(url: str, allowed: str | None, said: str) -> None:
    refusal = host_refused(url, allowed)
    assert refusal is not None
    assert said in refusal


# Hosts by what they resolve to


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1%eth0", "::ffff:169.254.169.254", "100.100.100.200"])
def test_a_name_that_leads_to_a_metadata_address_is_refused_even_if_allowed(address: str) -> None:
    assert "never" in str(address_refused("sap.example.com", address, "sap.example.com"))


def test_a_name_that_leads_to_this_machine_needs_an_entry_of_its_own() -> None:
    assert address_refused("sap.example.com", "127.0.0.1", None)
    assert address_refused("sap.example.com", "::1", "*.example.com")
    assert address_refused("sap.example.com", "127.0.0.1", "sap.example.com") is None


def test_private_networks_may_be_called() -> None:
    assert address_refused("sap.example.com", "10.1.2.3", None) is None


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    with scripted(answer('{"value": [1]}')) as script:
        port = script.server.server_address[1]
        root = f"http://sap.example.com:{port}"
        with client(root, resolve=lambda _host, _port: ["127.0.0.1"]) as source:
            assert source.get("orders").body == {"value": [1]}
        assert script.seen[0][2]["host"] == f"sap.example.com:{port}"


def test_a_name_that_is_rebound_to_a_metadata_address_is_never_connected() -> None:
    with scripted(answer()) as script:
        root = f"http://sap.example.com:{script.server.server_address[1]}"
        rebound = iter([["127.0.0.1"], ["169.254.169.254"]])
        with client(root, resolve=lambda _host, _port: next(rebound)) as source:
            source.get("orders")
            with pytest.raises(Misconfigured, match="never call"):
                source.get("orders")
        assert len(script.seen) == 1


def test_a_host_outside_the_list_is_refused_before_anything_is_sent() -> None:
    with scripted(answer()) as script:
        with pytest.raises(Misconfigured, match="PPM_ALLOWED_HOSTS"):
            Client(script.url, system="SAP", auth=httpx.Auth(), allowed_hosts="*.example.com", timeout_seconds=5)
        assert not script.seen


# Answers


def test_fractions_are_read_exactly() -> None:
    with scripted(answer('{"value": [0.1, 12345678901234567.89, 7]}')) as script, client(script.url) as source:
        assert source.get("orders").body["value"] == [Decimal("0.1"), Decimal("12345678901234567.89"), 7]


@pytest.mark.parametrize("status", [408, 429, 502, 503, 504])
def test_a_passing_trouble_is_asked_again(status: int) -> None:
    with scripted(answer("{}", status), answer()) as script, client(script.url) as source:
        assert source.get("orders").body == {"value": []}
        assert len(script.seen) == 2


def test_retries_end() -> None:
    with scripted(answer("down", 503, "text/plain")) as script:
        error = failure(script)
        assert isinstance(error, Unavailable)
        assert "503" in str(error)
        assert len(script.seen) == QUICK.attempts


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_what_will_not_pass_is_asked_once(status: int) -> None:
    with scripted(answer("{}", status)) as script:
        failure(script)
        assert len(script.seen) == 1


@pytest.mark.parametrize("in_seconds", [True, False])
def test_retry_after_is_obeyed_in_seconds_and_as_a_date(in_seconds: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("ppm_pipelines.adapters.http.time.sleep", waits.append)
    after = "7" if in_seconds else email.utils.formatdate(time.time() + 7, usegmt=True)
    with scripted(answer("{}", 429, Retry_After=after), answer()) as script, client(script.url) as source:
        source.get("orders")
    assert [wait for wait in waits if wait > 5] == [pytest.approx(7, abs=1.5)]


def test_a_wait_beyond_the_deadline_is_not_waited() -> None:
    with scripted(answer("{}", 429, Retry_After="3600")) as script:
        error = failure(script)
        assert isinstance(error, Unavailable)
        assert "3600 seconds" in str(error)
        assert len(script.seen) == 1


def test_a_nonsensical_retry_after_falls_back_to_the_usual_pause() -> None:
    with scripted(answer("{}", 429, Retry_After="soon"), answer()) as script, client(script.url) as source:
        assert source.get("orders").body == {"value": []}


@pytest.mark.parametrize("drip", [dripping, dripping_headers])
def test_a_slow_drip_ends_at_the_deadline(drip: Answering) -> None:
    with scripted(drip) as script:
        error = failure(script, timeout_seconds=0.5)
        assert error.code == "deadline"
        assert "0.5 seconds" in str(error)


def test_the_deadline_counts_for_all_requests_together() -> None:
    def slow(request: BaseHTTPRequestHandler) -> None:
        time.sleep(0.2)
        answer()(request)

    with scripted(slow) as script, client(script.url, timeout_seconds=0.7) as source:
        with pytest.raises(Unavailable) as raised:
            [source.get("orders") for _ in range(20)]
        assert raised.value.code == "deadline"
        assert len(script.seen) < 20


def test_a_sign_in_page_with_status_200_is_no_data() -> None:
    with scripted(answer("<html>Logon</html>", kind="text/html; charset=utf-8")) as script:
        error = failure(script)
        assert isinstance(error, Credentials)
        assert "sign-in page instead of data" in str(error)
        assert len(script.seen) == 1


def test_a_redirect_to_a_login_is_not_followed() -> None:
    with scripted(answer("", 302, Location="https://accounts.example.com/saml2/idp/sso")) as script:
        assert isinstance(failure(script), Credentials)
        assert len(script.seen) == 1


def test_any_other_redirect_is_not_followed() -> None:
    with scripted(answer("", 301, Location="http://169.254.169.254/latest/meta-data")) as script:
        error = failure(script)
        assert isinstance(error, Misconfigured)
        assert "Redirects are not followed" in str(error)


def test_a_long_question_is_asked_by_post_and_asked_again_like_any_other() -> None:
    with scripted(answer(status=503), answer('{"value": [1.50]}')) as script, client(script.url) as source:
        assert source.post("search", {"ids": [1, 2]}).body == {"value": [Decimal("1.50")]}
    assert [(method, headers["content-type"]) for method, _, headers in script.seen] == [
        ("POST", "application/json")
    ] * 2
    with scripted(answer(status=404)) as script, client(script.url) as source, pytest.raises(Misconfigured) as raised:
        source.post("search", {})
    assert "(POST /search)" in str(raised.value)


def test_truncated_json_is_asked_again() -> None:
    with scripted(answer('{"value": [1, 2'), answer('{"value": [1, 2]}')) as script, client(script.url) as source:
        assert source.get("orders").body == {"value": [1, 2]}


def test_json_that_stays_truncated_is_an_error() -> None:
    with scripted(answer('{"value": [1, 2')) as script:
        error = failure(script)
        assert isinstance(error, Unavailable)
        assert error.code == "broken_json"


def test_a_body_shorter_than_announced_is_asked_again() -> None:
    with scripted(answer('{"value"', length="99"), answer()) as script, client(script.url) as source:
        assert source.get("orders").body == {"value": []}


def test_another_content_type_is_refused() -> None:
    with scripted(answer("<feed/>", kind="application/atom+xml")) as script:
        assert failure(script).code == "content_type"


def test_a_page_beyond_all_measure_is_refused() -> None:
    with scripted(answer(b"[" + b" " * 3_000_000 + b"]")) as script:
        error = failure(script, limits=Limits(page_bytes=1024 * 1024))
        assert isinstance(error, Refused)
        assert "1 MB" in str(error)


def test_an_error_tells_status_path_and_the_source_s_own_words() -> None:
    said = (
        '{"error": {"code": "X/1", "message": {"lang": "en", "value": "No authorisation for '
        + SECRET
        + '"}, "innererror": {"transactionid": "ABC123"}}}'
    )
    with scripted(answer(said, 403)) as script:
        error = failure(script)
        assert isinstance(error, Credentials)
        assert "403" in str(error)
        assert "GET /orders" in str(error)
        assert "No authorisation" in str(error)
        assert "ABC123" in str(error)


def test_the_text_of_a_v4_error_is_told() -> None:
    with scripted(answer('{"error": {"code": "1", "message": "Property Foo not found"}}', 400)) as script:
        assert "Property Foo not found" in str(failure(script))


def test_nobody_listening_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        root = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with client(root) as source, pytest.raises(Unavailable, match="accepts no connection"):
            source.get("orders")


# Pages


def paged(script: Script, **changes: Any) -> list[Any]:
    with client(script.url, **changes) as source:
        return [row for page in odata.pages(source, odata.V4(), "orders", {"$top": "9"}) for row in page]


def test_pages_are_followed_to_the_end_and_not_to_the_first_short_one() -> None:
    pages = (
        answer('{"value": [1, 2], "@odata.nextLink": "orders?$skiptoken=a"}'),
        answer('{"value": [], "@odata.nextLink": "/orders?$skiptoken=b&sap-client=100"}'),
        answer('{"value": [3]}'),
    )
    with scripted(*pages) as script:
        assert paged(script, fixed_params={"sap-client": "100"}) == [1, 2, 3]
        assert all("sap-client=100" in path for _, path, _ in script.seen)
        assert script.seen[2][1].count("sap-client") == 1


def test_v2_pages_are_followed() -> None:
    pages = (answer('{"d": {"results": [1], "__next": "orders?$skiptoken=1"}}'), answer('{"d": {"results": [2]}}'))
    with scripted(*pages) as script, client(script.url) as source:
        found: list[Any] = list(odata.pages(source, odata.V2(), "orders", {}))
        assert found == [[1], [2]]


@pytest.mark.parametrize(
    "link",
    ["http://169.254.169.254/latest", "http://127.0.0.1:1/orders", "//evil.example/orders", "https://127.0.0.1/orders"],
)
def test_a_next_page_on_another_origin_gets_no_credentials(link: str) -> None:
    with scripted(answer(f'{{"value": [1], "@odata.nextLink": "{link}"}}')) as script:
        with pytest.raises(Refused, match="another host"):
            paged(script)
        assert len(script.seen) == 1


def test_a_next_page_that_comes_round_again_is_an_error() -> None:
    with scripted(answer('{"value": [1], "@odata.nextLink": "orders?$skiptoken=a"}')) as script:
        with pytest.raises(Unavailable, match="twice"):
            paged(script)


def test_json_that_is_no_odata_is_an_error() -> None:
    with scripted(answer('{"hello": "world"}')) as script, pytest.raises(Unavailable, match="no OData page"):
        paged(script)


# OAuth 2.0

TOKEN = '{"access_token": "t1", "expires_in": 3600}'


def oauth(script: Script) -> ClientCredentials:
    return ClientCredentials(f"{script.url}/token", "me", SECRET)


def test_a_token_is_fetched_once_and_used_again() -> None:
    with scripted(answer(TOKEN), answer()) as script, client(script.url, auth=oauth(script)) as source:
        source.get("orders")
        source.get("orders")
        assert [method for method, _, _ in script.seen] == ["POST", "GET", "GET"]
        assert script.seen[2][2]["authorization"] == "Bearer t1"


def test_a_token_that_expired_early_is_fetched_anew_once() -> None:
    steps = (answer(TOKEN), answer(), answer("{}", 401), answer(TOKEN), answer())
    with scripted(*steps) as script, client(script.url, auth=oauth(script)) as source:
        source.get("orders")
        source.get("orders")
        assert [method for method, _, _ in script.seen] == ["POST", "GET", "GET", "POST", "GET"]


def test_a_fresh_token_that_is_refused_is_a_matter_of_credentials() -> None:
    with scripted(answer(TOKEN), answer("{}", 401)) as script:
        assert isinstance(failure(script, auth=oauth(script)), Credentials)
        assert len(script.seen) == 2


EXPIRED = "AADSTS7000222: The provided client secret keys are expired. Visit the portal.\r\nTrace ID: 1"


@pytest.mark.parametrize(
    ("status", "word", "kind", "said"),
    [
        (401, "invalid_client", Credentials, f"secret (401): {EXPIRED.partition('. ')[0]}. Enter both anew."),
        (400, "unauthorized_client", Credentials, "refused the client id or secret (400)"),
        (401, "", Credentials, "refused the client id or secret (401)"),
        (400, "invalid_scope", Misconfigured, "knows the client, but gives no token for this system (invalid_scope)"),
        (400, "invalid_resource", Misconfigured, "Check the address"),
        (400, "invalid_request", Misconfigured, "refused the request (400 invalid_request)"),
        (404, "", Misconfigured, "did not answer with a token (404)"),
        (403, "", Misconfigured, "did not answer with a token (403)"),
        (400, "temporarily_unavailable", Unavailable, "Try again later"),
        (503, "", Unavailable, "answered 503"),
    ],
)
def test_only_a_token_refused_for_the_client_blames_the_secret(
    status: int, word: str, kind: type[SourceError], said: str
) -> None:
    told = json.dumps({"error": word, "error_description": EXPIRED} if word else {})
    with scripted(answer(told, status)) as script:
        error = failure(script, auth=oauth(script))
    assert type(error) is kind
    assert said in str(error)
    assert "Trace ID" not in str(error)


def test_a_token_address_repeats_no_secret() -> None:
    told = json.dumps({"error": "invalid_client", "error_description": f"The secret {SECRET} is wrong."})
    with scripted(answer(told, 401)) as script:
        assert "The secret ••• is wrong" in str(failure(script, auth=oauth(script), secrets=[]))


def test_a_token_address_that_cannot_be_reached_is_named_and_not_the_system() -> None:
    with socket.socket() as unused, scripted(answer()) as script:
        unused.bind(("127.0.0.1", 0))
        dead = f"http://localhost:{unused.getsockname()[1]}"
        auth = ClientCredentials(f"{dead}/token", "me", SECRET)
        error = failure(script, auth=auth, allowed_hosts=f"{script.url},{dead}")
    assert str(error).startswith(f"The token address cannot be reached: {dead.removeprefix('http://')} accepts no")
    assert in_german(str(error), "de").startswith("Die Token-Adresse ist nicht erreichbar: localhost:")


def test_a_token_address_that_gives_no_token_is_misconfigured() -> None:
    with scripted(answer("<html/>", kind="text/html")) as script:
        error = failure(script, auth=oauth(script))
        assert isinstance(error, Misconfigured)
        assert "token URL" in str(error)


# Descriptions of services, and pages by key


def test_a_service_s_description_is_xml_and_goes_the_guarded_way_too() -> None:
    with scripted(answer("busy", 503), answer("<edmx/>", kind="application/xml")) as script, client(script.url) as ours:
        assert ours.document("service/$metadata") == "<edmx/>"
        (_, path, headers) = script.seen[-1]
        assert (path, headers["accept"], headers["apikey"]) == ("/service/$metadata", "application/xml", SECRET)


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        (answer("<html/>", kind="text/html"), Credentials, "sign-in page"),
        (answer("{}"), Misconfigured, "instead of XML"),
        (answer("{}", 404), Misconfigured, "404"),
        (answer(b"\xff\xfe", kind="application/xml"), Unavailable, "cut-off XML"),
    ],
)
def test_a_description_that_is_none_is_an_error(given: Answering, error: type[SourceError], said: str) -> None:
    with scripted(given) as script, client(script.url, limits=QUICK) as ours, pytest.raises(error, match=said):
        ours.document("service/$metadata")


def test_pages_by_key_ask_for_what_comes_after_until_nothing_does() -> None:
    pages = [b'{"value": [{"K": "1"}, {"K": "2"}]}', b'{"value": [{"K": "3"}]}', b'{"value": []}']
    with scripted(*(answer(page) for page in pages)) as script, client(script.url) as ours:
        asked = odata.pages_by_key(ours, odata.V4(), "Things", {"$filter": "A eq 1 or B eq 2"}, "K", 2)
        assert [row["K"] for page in asked for row in page] == ["1", "2", "3"]
        filters = [httpx.URL(path).params["$filter"] for _, path, _ in script.seen]
    assert filters == ["(A eq 1 or B eq 2)", "(A eq 1 or B eq 2) and K gt '2'", "(A eq 1 or B eq 2) and K gt '3'"]
