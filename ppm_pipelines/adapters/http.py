"""Calling a source over HTTP: one guarded client with a deadline, bounded retries and errors as sentences.

Belongs here: connections, time, retries, status codes, authentication, safe answers. Does not belong here: which
hosts are allowed (``hosts``), what pages look like (``odata``), what rows mean (``sap``).

How a host is guarded: its text is checked before any request, and when a connection is made the name is resolved
here, every address is checked, and the connection goes to the checked address itself; no second look-up can lead
elsewhere. TLS still verifies the name. Redirects are never followed. Proxies of the environment are not used,
because behind them nobody could check the address.
"""

from __future__ import annotations

import email.utils
import json
import logging
import random
import re
import socket
import ssl
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar
from urllib.parse import quote

import httpcore
import httpx
import msgspec

from ppm_pipelines.adapters.base import Credentials, Misconfigured, Refused, SourceError, Unavailable
from ppm_pipelines.adapters.hosts import address_refused
from ppm_pipelines.adapters.hosts import host_refused as host_refused

T = TypeVar("T")
Resolve = Callable[[str, int], list[str]]
Explain = Callable[[bytes], str]
# What a refusal means, by its status, its body, and the beginning of a sentence that tells both; None: the usual.
Meaning = Callable[[int, bytes, str], SourceError | None]
# It logs the whole address of every request, and an address may be a secret.
logging.getLogger("httpx").setLevel(logging.WARNING)

_AGAIN = frozenset({408, 429, 502, 503, 504})
_ERROR_BYTES = 65_536
_TOLD = 400
# What a token address answers where it knows not who asks (RFC 6749, section 5.2); the second set is about what for.
_WHO = frozenset({"invalid_client", "unauthorized_client"})
_WHAT_FOR = frozenset({"invalid_scope", "invalid_resource", "invalid_target"})
_PASSING = frozenset({"temporarily_unavailable", "server_error"})
_SIGN_IN_WORDS = ("login", "logon", "signin", "saml", "sso", "oauth", "authenticat")
SECRET_AT_LEAST = 4
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one client; times in seconds."""

    attempts: int = 5
    connect: float = 10
    read: float = 120
    backoff: float = 0.5
    longest_backoff: float = 30
    page_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON answer: the address asked, the decoded body (numbers with a fraction are Decimal)."""

    url: str
    body: Any


@dataclass(frozen=True, slots=True)
class Kind:
    """What an answer has to be: what is asked for, content types, and how the body is decoded."""

    name: str
    accept: str
    types: tuple[str, ...]
    suffix: str
    decode: Callable[[bytes], Any]


JSON = Kind("JSON", "application/json", ("application/json",), "+json", _DECODER.decode)
XML = Kind("XML", "application/xml", ("application/xml", "text/xml"), "+xml", bytes.decode)
TEXT = Kind("text", "*/*", ("text/plain", "text/html", "application/json"), "+json", bytes.decode)


class _Transient(Exception):
    """Worth another attempt; ``error`` is what it becomes when attempts or time run out."""

    def __init__(self, error: SourceError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class Deadline:
    """A point in time that counts for everything, from the first request on."""

    def __init__(self, seconds: float, system: str) -> None:
        self.seconds = seconds
        self._system = system
        self._until: float | None = None

    def start(self) -> None:
        if self._until is None:
            self._until = time.monotonic() + self.seconds

    def left(self) -> float:
        return self.seconds if self._until is None else self._until - time.monotonic()

    def bound(self, timeout: float | None) -> float:
        """The timeout, cut to what is left; raises Unavailable when nothing is."""
        left = self.left()
        if left <= 0:
            raise Unavailable(
                f"{self._system} did not deliver everything within {self.seconds:g} seconds. Nothing was changed. "
                "Try again later, or allow more time (PPM_SYNC_TIMEOUT_SECONDS).",
                "deadline",
            )
        return left if timeout is None else min(timeout, left)


class _TimedStream(httpcore.NetworkStream):
    """A connection that also obeys the deadline: a slow drip passes every timeout per read."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.bound(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.bound(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._stream.start_tls(ssl_context, server_hostname, self._deadline.bound(timeout))
        return _TimedStream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def resolve(host: str, port: int) -> list[str]:
    """Every address of the name, in the resolver's order; raises OSError."""
    return list(dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))


class _GuardedBackend(httpcore.NetworkBackend):
    """Resolves, checks, and connects to the address it checked."""

    def __init__(self, allowed_hosts: str | None, deadline: Deadline, resolve: Resolve) -> None:
        self._allowed_hosts = allowed_hosts
        self._deadline = deadline
        self._resolve = resolve
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failed: Exception = httpcore.ConnectError("The name has no address.")
        for address in self._checked(host, port):
            try:
                bound = self._deadline.bound(timeout)
                stream = self._sockets.connect_tcp(address, port, bound, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failed

    def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = self._resolve(host, port)
        except socket.gaierror as error:
            if error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)):
                raise Misconfigured(f"There is no host {host}. Check the address.", "unknown_host") from None
            raise httpcore.ConnectError(f"The name {host} could not be looked up") from error
        except OSError as error:
            raise httpcore.ConnectError(f"The name {host} could not be looked up") from error
        for address in addresses:
            if reason := address_refused(host, address, self._allowed_hosts):
                raise Misconfigured(reason, "host_refused")
        return addresses


class _Transport(httpx.HTTPTransport):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        super().__init__(verify=trusted(), trust_env=False)
        # httpx has no public way to hand over a network backend; the pool is otherwise built as httpx builds it.
        self._pool = httpcore.ConnectionPool(
            ssl_context=trusted(), max_connections=4, keepalive_expiry=60, network_backend=backend
        )


@cache
def trusted() -> ssl.SSLContext:
    """The certificates that are trusted; reading them takes longer than most requests."""
    return httpx.create_ssl_context()


class ApiKey(httpx.Auth):
    """A key in a header of its own."""

    def __init__(self, header: str, key: str) -> None:
        self._header = header
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers[self._header] = self._key
        yield request


class ClientCredentials(httpx.Auth):
    """OAuth 2.0 client credentials: fetches a token when it needs one, and once anew after a 401.

    ``token_url`` was checked by ``host_refused`` before; its connection is guarded like every other. With a ``scope``
    the client goes into the form, as Microsoft Entra ID documents it, else into a header of its own.
    """

    def __init__(self, token_url: str, client_id: str, client_secret: str, scope: str = "") -> None:
        self._url = token_url
        self._secret = client_secret
        self._account: httpx.Auth = httpx.Auth() if scope else httpx.BasicAuth(client_id, client_secret)
        self._form = {"grant_type": "client_credentials"}
        if scope:
            self._form |= {"scope": scope, "client_id": client_id, "client_secret": client_secret}
        self._token = ""
        self._until = 0.0

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        for fresh in (False, True):
            if fresh or not self._token or time.monotonic() >= self._until:
                yield from self._fetch()
                fresh = True
            request.headers["Authorization"] = f"Bearer {self._token}"
            response = yield request
            if response.status_code != 401 or fresh:
                return

    def _fetch(self) -> Generator[httpx.Request, httpx.Response, None]:
        request = httpx.Request("POST", self._url, data=self._form, headers={"Accept": "application/json"})
        response = yield next(self._account.auth_flow(request))
        self._take(response, _bounded(response))

    def _take(self, response: httpx.Response, body: bytes) -> None:
        status, (word, told) = response.status_code, _oauth_error(body)
        if status in _AGAIN or status >= 500 or word in _PASSING:
            unavailable = Unavailable(f"The token address answered {status}. Try again later.", "token_unavailable")
            raise _Transient(unavailable, _retry_after(response))
        if status >= 400 and (word or status == 401):
            raise self._refused(status, word, scrubbed(told, [self._secret]))
        try:
            told = json.loads(body)
            self._token = str(told["access_token"])
            self._until = time.monotonic() + max(0.0, float(told.get("expires_in") or 300) - 30)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Misconfigured(
                f"The token address did not answer with a token ({status}). Check the token URL.", "token_url"
            ) from None

    def _refused(self, status: int, word: str, told: str) -> SourceError:
        """What a refusal means: only where it is about the client, another secret helps."""
        why = f": {told}" if told else ""
        if word in _WHO or (status == 401 and word in ("", "unauthorized")):
            return Credentials(
                f"The token address refused the client id or secret ({status}){why}. Enter both anew.", "token_refused"
            )
        if word in _WHAT_FOR:
            return Misconfigured(
                f"The token address knows the client, but gives no token for this system ({word}){why}. Check the "
                "address: the token is asked for it.",
                "token_scope",
            )
        return Misconfigured(
            f"The token address refused the request ({status} {word}){why}. Check the token URL.", "token_url"
        )


def _oauth_error(body: bytes) -> tuple[str, str]:
    """The word for programs and the first sentence for people; empty where the answer is no error of OAuth."""
    try:
        found = json.loads(body)
        word, described = str(found.get("error") or ""), str(found.get("error_description") or "")
    except (ValueError, AttributeError):
        return "", ""
    first = re.split(r"\.\s|[\r\n]", described.strip(), maxsplit=1)[0]
    return word[:40], first.rstrip(".")[:_TOLD]


def _bounded(response: httpx.Response) -> bytes:
    """The body of a token's answer, never long; httpx reads it once more when the flow goes on."""
    raw = bytearray()
    for chunk in response.iter_raw():
        raw += chunk
        if len(raw) > _ERROR_BYTES:
            raise Misconfigured("The token address answered at great length. Check the token URL.", "token_url")
    response.stream, response.is_stream_consumed, response.is_closed = httpx.ByteStream(bytes(raw)), False, False
    return response.read()


def scrubbed(told: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, cut to a length for people."""
    for secret in secrets:
        if len(secret) < SECRET_AT_LEAST:  # a letter taken out everywhere would tell which letter it is
            continue
        told = told.replace(secret, "•••").replace(quote(secret, safe=""), "•••")
    return told[:_TOLD]


def chunks(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """So many at once as one request may name."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def origin(url: str | httpx.URL) -> tuple[str, str, int]:
    """Scheme, host and port: what must be equal before credentials are sent."""
    parsed = httpx.URL(url)
    return parsed.scheme, parsed.host.lower(), parsed.port or (443 if parsed.scheme == "https" else 80)


def query(params: Mapping[str, str]) -> str:
    """A query string with %20 for spaces, as OData servers expect, and the signs of OData left readable."""
    return "&".join(quote(name, safe="$") + "=" + quote(value, safe="$,()':;/*") for name, value in params.items())


class Client:
    """Answers from one origin, JSON unless said otherwise, by GET or by POST. Not for several threads.

    ``meaning`` says what a refusal means in this system's own words, before the general meaning of its status; what it
    calls Unavailable is tried again.
    """

    def __init__(
        self,
        root: str,
        *,
        system: str,
        auth: httpx.Auth,
        allowed_hosts: str | None,
        timeout_seconds: float,
        fixed_params: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
        explain: Explain | None = None,
        meaning: Meaning | None = None,
        limits: Limits | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        self.root = root.rstrip("/")
        self.limits = limits or Limits()
        self.server_time: datetime | None = None
        self.requests = 0
        self.answered: set[str] = set()  # hosts that ever did, by a refusal too; a token address as well
        self._system = system
        self._fixed = dict(fixed_params or {})
        self._secrets = [secret for secret in secrets if secret]
        self._explain = explain or (lambda _body: "")
        self._own_meaning = meaning or (lambda _status, _body, _said: None)
        self._deadline = Deadline(timeout_seconds, system)
        if reason := host_refused(self.root, allowed_hosts):
            raise Misconfigured(reason, "host_refused")
        self._http = httpx.Client(
            transport=_Transport(_GuardedBackend(allowed_hosts, self._deadline, resolve)),
            auth=auth,
            timeout=httpx.Timeout(self.limits.read, connect=self.limits.connect),
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": "ppm-costbook"},
            event_hooks={"response": [lambda response: self.answered.add(response.url.host)]},
        )

    @property
    def host(self) -> str:
        return httpx.URL(self.root).host

    def close(self) -> None:
        self._http.close()

    def get(
        self, path: str, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """``path`` is relative to the root. Raises SourceError."""
        return self._ask(self._url(path, params), headers)

    def post(
        self,
        path: str,
        body: Any,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        kind: Kind = JSON,
    ) -> Answer:
        """A JSON body, for an answer of this kind. Raises SourceError.

        What is tried again may have arrived before: only for questions, and for what may come twice.
        """
        sent = {"Content-Type": "application/json", **(headers or {})}
        return self._ask(self._url(path, params), sent, kind, msgspec.json.encode(body))

    def _url(self, path: str, params: Mapping[str, str] | None) -> str:
        asked = query({**(params or {}), **self._fixed})
        return f"{self.root}/{path}?{asked}" if asked else f"{self.root}/{path}"

    def document(self, path: str) -> str:
        """A document that is no JSON: a service's description of itself. Raises SourceError."""
        return str(self._ask(self._url(path, None), None, XML).body)

    def follow(self, answer: Answer, link: str, headers: Mapping[str, str] | None = None) -> Answer:
        """The next page that an answer names. A link to another origin is refused before anything is sent."""
        target = self.next_url(answer.url, link)
        if origin(target) != origin(self.root):
            raise Refused(
                f"{self._system} named a next page on another host ({httpx.URL(target).host}). It was not called, "
                "because the credentials would go there. Check the address and any proxy in front of it.",
                "foreign_next_link",
            )
        return self._ask(target, headers)

    def next_url(self, asked: str, link: str) -> str:
        """The link made absolute, with the fixed parameters added where it lost them."""
        try:
            target = httpx.URL(asked).join(link)
        except httpx.InvalidURL:
            raise Refused(f"{self._system} named a next page that is no address.", "foreign_next_link") from None
        missing = {name: value for name, value in self._fixed.items() if name not in target.params}
        return str(target) if not missing else f"{target}{'&' if target.query else '?'}{query(missing)}"

    def _ask(
        self, url: str, headers: Mapping[str, str] | None, kind: Kind = JSON, content: bytes | None = None
    ) -> Answer:
        self._deadline.start()
        for attempt in range(1, self.limits.attempts + 1):
            self._deadline.bound(None)
            try:
                return self._attempt(url, {"Accept": kind.accept, **(headers or {})}, kind, content)
            except _Transient as transient:
                if attempt == self.limits.attempts:
                    raise transient.error from transient.__cause__
                self._wait(transient, attempt)
        raise AssertionError("unreachable")

    def _wait(self, transient: _Transient, attempt: int) -> None:
        backoff = min(self.limits.longest_backoff, self.limits.backoff * 2 ** (attempt - 1))
        jittered = backoff * random.uniform(0.5, 1)  # noqa: S311
        wait = jittered if transient.wait is None else transient.wait
        if wait >= self._deadline.left():
            raise transient.error from transient.__cause__
        time.sleep(wait)

    def _attempt(self, url: str, headers: Mapping[str, str], kind: Kind, content: bytes | None) -> Answer:
        self.requests += 1
        method = "GET" if content is None else "POST"
        try:
            with self._http.stream(method, url, headers=headers, content=content) as response:
                self._note_time(response)
                self._refuse_redirect(response)
                body = self._body(response)
        except httpx.RequestError as error:
            self._deadline.bound(None)  # a read that was cut short by the deadline is no fault of the line
            raise self._failed(error) from error
        self._judge(response, body, kind)
        try:
            return Answer(url, kind.decode(body))
        except (msgspec.DecodeError, ArithmeticError, UnicodeDecodeError) as error:
            sentence = f"{self._called(response)} answered with broken or cut-off {kind.name}, also when asked again."
            raise _Transient(Unavailable(f"{sentence} Try again later.", "broken_json")) from error

    def _note_time(self, response: httpx.Response) -> None:
        if self.server_time is None and response.is_success:
            self.server_time = _http_date(response.headers.get("date", ""))

    def _refuse_redirect(self, response: httpx.Response) -> None:
        if not 300 <= response.status_code < 400:
            return
        where = response.headers.get("location", "")
        if any(word in where.lower() for word in _SIGN_IN_WORDS):
            raise self._sign_in_page(response)
        host = httpx.URL(where).host if "://" in where else ""
        raise Misconfigured(
            f"{self._called(response)} answered {response.status_code} and pointed elsewhere"
            f"{f' ({host})' if host else ''}. Redirects are not followed. Enter the address that answers itself.",
            "redirect",
        )

    def _sign_in_page(self, response: httpx.Response) -> SourceError:
        path = self._scrubbed(response.url.path)
        return Credentials(
            f"{self._system} answered with a sign-in page instead of data (GET {path}). Use a "
            "technical user (not a person's), check its password or key, and the address of the API host.",
            "sign_in_page",
        )

    def _body(self, response: httpx.Response) -> bytes:
        """The whole body, or the beginning of an error's; the deadline is watched while it arrives."""
        limit = self.limits.page_bytes if response.is_success else _ERROR_BYTES
        body = bytearray()
        for chunk in response.iter_bytes():
            self._deadline.bound(None)
            body += chunk
            if len(body) > limit and not response.is_success:
                break
            if len(body) > limit:
                raise Refused(
                    f"{self._called(response)} answered with more than {limit // 1024 // 1024} MB in one page. "
                    "Restrict in the settings what is read, or lower the page size of the service.",
                    "page_too_large",
                )
        return bytes(body)

    def _failed(self, error: httpx.RequestError) -> SourceError | _Transient:
        """``error`` knows what was asked: the system itself, or the token address of another host."""
        host = error.request.url.netloc.decode("ascii")
        whom = self._system if error.request.url.host == self.host else "The token address"
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return Misconfigured(
                f"The certificate of {host} is not trusted ({self._scrubbed(str(error))}). Check the address; for an "
                "in-house certificate authority set SSL_CERT_FILE.",
                "certificate",
            )
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            sentence = f"{whom} cannot be reached: {host} accepts no connection"
        elif isinstance(error, httpx.TimeoutException):
            sentence = f"{whom} did not answer in time ({host})"
        else:
            sentence = f"{whom} broke the connection off ({host})"
        detail = f" ({self._scrubbed(str(error))})" if str(error) else ""
        return _Transient(Unavailable(f"{sentence}{detail}. Check the address, or try again later.", "unreachable"))

    def _judge(self, response: httpx.Response, body: bytes, wanted: Kind) -> None:
        """Raises what a status or a content type means; returns for the wanted kind with a status of success."""
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if response.is_success:
            if kind == "text/html" and kind not in wanted.types:
                raise self._sign_in_page(response)
            if kind not in wanted.types and not kind.endswith(wanted.suffix):
                raise Misconfigured(
                    f"{self._called(response)} answered with {kind or 'no content type'} instead of {wanted.name}. "
                    "Check the address: it is the root of the tenant's API host.",
                    "content_type",
                )
            return
        status = response.status_code
        told = self._scrubbed(self._explain(body) if "json" in kind or "xml" in kind else "")
        said = f"{self._called(response)} answered {status}{f': {told}' if told else ''}".rstrip(".")
        if (own := self._own_meaning(status, body, said)) is not None:
            raise _Transient(own, _retry_after(response)) if isinstance(own, Unavailable) else own
        raise self._meaning(response, status, said)

    def _meaning(self, response: httpx.Response, status: int, said: str) -> SourceError | _Transient:
        if status in _AGAIN:
            wait = _retry_after(response)
            asked = f" It asks to wait {wait:.0f} seconds." if wait else ""
            return _Transient(Unavailable(f"{said}.{asked} Try again later.", f"http_{status}"), wait)
        if status == 401:
            return Credentials(f"{said}. Check user, password or key; the account may be locked.", "sign_in")
        if status == 403:
            return Credentials(f"{said}. The account may sign in, but not read this; grant it the right.", "forbidden")
        if status == 404:
            return Misconfigured(f"{said}. Check the address, and that the service is activated.", "not_found")
        if status >= 500:
            return Unavailable(f"{said}. The cause is in {self._system}; its administrator finds it there.", "fault")
        return Misconfigured(f"{said}. This release may lack a field, or the address is wrong.", "bad_request")

    def _called(self, response: httpx.Response) -> str:
        """System, method and path; never the query, which may carry what is nobody's business."""
        return f"{self._system} ({response.request.method} {self._scrubbed(response.url.path)})"

    def _scrubbed(self, text: str) -> str:
        return scrubbed(text, self._secrets)


def _http_date(text: str) -> datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait, from seconds or from a date by the server's own clock; None where it says nothing usable."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    when = _http_date(text) if text else None
    now = _http_date(response.headers.get("date", "")) or datetime.now(UTC)
    return max(0.0, (when - now).total_seconds()) if when else None
