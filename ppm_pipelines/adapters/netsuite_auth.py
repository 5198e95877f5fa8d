"""Signing in to NetSuite: OAuth 2.0 client credentials with a signed JWT, and OAuth 1.0a with HMAC-SHA256 (TBA).

Belongs here: keys, assertions, signatures. Does not belong here: settings (``netsuite_settings``), tokens' life and
requests (``http``).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Generator
from dataclasses import dataclass
from urllib.parse import quote

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ppm_pipelines.adapters.base import Credentials, Misconfigured, SourceError
from ppm_pipelines.adapters.http import ClientCredentials

TOKEN_PATH = "services/rest/auth/oauth2/v1/token"  # noqa: S105 - an address
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 300  # Oracle allows less than 60 minutes
RSA_BITS = (3072, 4096)
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----(.*?)-----END \1-----", re.DOTALL)


class KeyRefused(ValueError):
    """A private key that NetSuite would not accept; the text is a sentence and tells nothing of the key."""


def signing_key(pem: str) -> tuple[EllipticCurvePrivateKey | RSAPrivateKey, str]:
    """The key and the algorithm that NetSuite accepts with it (PS256, ES256, ES384, ES512). Raises KeyRefused."""
    try:
        key = load_pem_private_key(_in_lines(pem).encode(), None)
    except (ValueError, TypeError):
        raise KeyRefused("This is no private key in PEM form without a passphrase.") from None
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return key, _CURVES[key.curve.name]
    if isinstance(key, RSAPrivateKey) and key.key_size in RSA_BITS:
        return key, "PS256"
    raise KeyRefused("NetSuite accepts RSA keys with 3072 or 4096 bits, and EC keys on P-256, P-384 or P-521.")


def _in_lines(pem: str) -> str:
    """A key as it was before a form field of one line, or an environment variable, took its line breaks."""
    found = _PEM.search(pem)
    body = re.sub(r"\\n|\s", "", found[2]) if found else ""
    lines = "\n".join(body[start : start + 64] for start in range(0, len(body), 64))
    return f"-----BEGIN {found[1]}-----\n{lines}\n-----END {found[1]}-----\n" if found else pem


class SignedCredentials(ClientCredentials):
    """OAuth 2.0 client credentials whose client proves itself by a signed assertion; every token has a new one."""

    def __init__(self, token_url: str, client_id: str, certificate_id: str, private_key: str) -> None:
        super().__init__(token_url, client_id, "")
        self._account = httpx.Auth()  # nothing but the assertion tells who asks
        self._client_id, self._certificate_id = client_id, certificate_id
        self._key, self._algorithm = signing_key(private_key)

    def _fetch(self) -> Generator[httpx.Request, httpx.Response, None]:
        self._form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION,
            "client_assertion": self.assertion(int(time.time())),
        }
        yield from super()._fetch()

    def assertion(self, now: int) -> str:
        """The JWT that asks for a token; ``now`` in seconds since 1970."""
        claims = {
            "iss": self._client_id,
            "scope": ["rest_webservices"],
            "aud": self._url,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        }
        return jwt.encode(claims, self._key, self._algorithm, {"kid": self._certificate_id})

    def _refused(self, status: int, word: str, told: str) -> SourceError:
        """Nothing but the assertion is sent, so whatever is wrong with the request is wrong with that."""
        why = f": {told}" if told else ""
        if word == "invalid_scope":
            return Misconfigured(
                f"NetSuite gives this client no token for REST web services ({status}){why}. Tick the scope REST Web "
                "Services in the integration record.",
                "token_scope",
            )
        return Credentials(
            f"NetSuite refused the signed request for a token ({status}){why}. Check client ID, "
            "certificate ID and private key, and that the mapping still exists: a sandbox refresh removes it.",
            "token_refused",
        )


@dataclass(frozen=True, slots=True)
class Token:
    """The four parts of a TBA sign-in, and the account in which it is one."""

    realm: str
    consumer_key: str
    consumer_secret: str
    token_id: str
    token_secret: str


class TokenBased(httpx.Auth):
    """OAuth 1.0a, HMAC-SHA256; every attempt is signed anew, because a nonce counts once."""

    def __init__(self, token: Token) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = authorization(
            self._token, request.method, str(request.url), secrets.token_hex(16), str(int(time.time()))
        )
        yield request


def authorization(token: Token, method: str, url: str, nonce: str, timestamp: str) -> str:
    """The header; the realm (upper case, ``_``) stands in it and is not signed, a JSON body neither."""
    oauth = {
        "oauth_consumer_key": token.consumer_key,
        "oauth_token": token.token_id,
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": timestamp,
        "oauth_nonce": nonce,
        "oauth_version": "1.0",
    }
    told = {"realm": token.realm, **oauth, "oauth_signature": signature(token, method, url, oauth)}
    return "OAuth " + ", ".join(f'{name}="{_encoded(value)}"' for name, value in told.items())


def signature(token: Token, method: str, url: str, oauth: dict[str, str]) -> str:
    """HMAC-SHA256 over method, address and all parameters, those of the query too (RFC 5849, section 3.4.1)."""
    address = httpx.URL(url)
    pairs = sorted((_encoded(name), _encoded(value)) for name, value in [*oauth.items(), *address.params.multi_items()])
    base = "&".join(
        _encoded(part)
        for part in (
            method.upper(),
            f"{address.scheme}://{address.netloc.decode('ascii').lower()}{address.raw_path.decode().partition('?')[0]}",
            "&".join(f"{name}={value}" for name, value in pairs),
        )
    )
    key = f"{_encoded(token.consumer_secret)}&{_encoded(token.token_secret)}"
    return base64.b64encode(hmac.new(key.encode(), base.encode(), hashlib.sha256).digest()).decode()


def _encoded(value: str) -> str:
    """RFC 3986: only letters, digits and ``-._~`` stay."""
    return quote(value, safe="-._~")
