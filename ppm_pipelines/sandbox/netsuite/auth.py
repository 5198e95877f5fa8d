"""Who may read the account: a token that a signed JWT asked for, or a request signed with OAuth 1.0a.

Belongs here: the account's credentials (no secrets: they open nothing else), and the judgement of signatures, from RFC
7523 and RFC 5849. Does not belong here: how an adapter signs. The private key is derived, so that nobody keeps one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

ACCOUNT, REALM = "td-sandbox", "TD_SANDBOX"
CLIENT_ID, CERTIFICATE_ID = "sandbox-client", "custcertificate_sandbox"
CONSUMER_KEY, CONSUMER_SECRET = "sandbox-consumer", "sandbox consumer&secret"
TOKEN_ID, TOKEN_SECRET = "sandbox-token", "sandbox+token/secret"
TOKEN_SECONDS = 3600
CLOCK_SECONDS = 300
ALGORITHMS = ["PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def _derived() -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(hashlib.sha256(b"the simulated NetSuite account").digest(), "big")
    return ec.derive_private_key(number % (_ORDER_OF_P256 - 1) + 1, ec.SECP256R1())


def private_key() -> str:
    """The key of the account's certificate, as PEM: what goes into a connector's settings."""
    return _derived().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Doorkeeper:
    """Checks a request; keeps tokens until they expire, and nonces for as long as their time is accepted."""

    def __init__(self) -> None:
        self.tokens: dict[str, float] = {}
        self.nonces: dict[str, float] = {}
        self.assertions: set[str] = set()
        self.certificates: dict[str, Any] = {CERTIFICATE_ID: _derived().public_key()}

    def admits(self, request: Request) -> bool:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self.tokens.get(value, 0) > time.monotonic()
        return scheme.lower() == "oauth" and self._signed(request, value)

    # OAuth 2.0

    async def token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if form.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type", 400)
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            return _refused("invalid_request", 400)
        if not self._proven(form.get("client_assertion", ""), str(request.url)):
            return _refused("invalid_client", 401)
        token = secrets.token_urlsafe(32)
        self.tokens[token] = time.monotonic() + TOKEN_SECONDS
        return JSONResponse({"access_token": token, "expires_in": str(TOKEN_SECONDS), "token_type": "Bearer"})

    def _proven(self, assertion: str, address: str) -> bool:
        try:
            head = jwt.get_unverified_header(assertion)
            key = self.certificates[head["kid"]]
            needed = ["iss", "scope", "aud", "iat", "exp"]
            told = jwt.decode(assertion, key, ALGORITHMS, audience=address, options={"require": needed})
        except (jwt.PyJWTError, KeyError, ValueError):
            return False
        scope = told["scope"] if isinstance(told["scope"], list) else str(told["scope"]).split()
        short = 0 < told["exp"] - told["iat"] <= 3600
        return head.get("typ") == "JWT" and told["iss"] == CLIENT_ID and "rest_webservices" in scope and short

    # OAuth 1.0a

    def _signed(self, request: Request, value: str) -> bool:
        told = {name: unquote(quoted) for name, quoted in re.findall(r'([a-z_]+)="([^"]*)"', value)}
        known = (told.get("oauth_consumer_key"), told.get("oauth_token"), told.get("realm"))
        stamp = told.get("oauth_timestamp", "")
        if known != (CONSUMER_KEY, TOKEN_ID, REALM) or told.get("oauth_signature_method") != "HMAC-SHA256":
            return False
        if not stamp.isdigit() or abs(time.time() - int(stamp)) > CLOCK_SECONDS or not self._fresh(told):
            return False
        expected = signature(request.method, str(request.url), told, CONSUMER_SECRET, TOKEN_SECRET)
        return hmac.compare_digest(expected, told.get("oauth_signature", ""))

    def _fresh(self, told: dict[str, str]) -> bool:
        """A nonce counts once."""
        now = time.monotonic()
        self.nonces = {nonce: until for nonce, until in self.nonces.items() if until > now}
        nonce = f"{told.get('oauth_nonce')}/{told.get('oauth_timestamp')}"
        if not told.get("oauth_nonce") or nonce in self.nonces:
            return False
        self.nonces[nonce] = now + 2 * CLOCK_SECONDS
        return True


def signature(method: str, address: str, oauth: dict[str, str], consumer_secret: str, token_secret: str) -> str:
    """RFC 5849, 3.4: base string from method, address and sorted parameters, without realm and signature."""
    parts = urlsplit(address)
    named = [(name, value) for name, value in oauth.items() if name not in ("realm", "oauth_signature")]
    named += parse_qsl(parts.query, keep_blank_values=True)
    normal = "&".join(f"{name}={value}" for name, value in sorted((escaped(n), escaped(v)) for n, v in named))
    port = f":{parts.port}" if parts.port and parts.port not in (80, 443) else ""
    root = f"{parts.scheme.lower()}://{(parts.hostname or '').lower()}{port}{parts.path}"
    base = f"{method.upper()}&{escaped(root)}&{escaped(normal)}".encode()
    key = f"{escaped(consumer_secret)}&{escaped(token_secret)}".encode()
    return base64.b64encode(hmac.new(key, base, hashlib.sha256).digest()).decode()


def escaped(value: str) -> str:
    """RFC 5849, 3.6: everything but the unreserved characters, in capital hex."""
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in value.encode())


def _refused(error: str, status: int) -> Response:
    return JSONResponse({"error": error}, status)
