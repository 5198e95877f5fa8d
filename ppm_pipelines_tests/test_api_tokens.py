"""What a token must be before anybody is let in: attacks on signatures, algorithms, claims and roles."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from api import deps
from api.problems import Problem
from ppm_pipelines import home

SECRET = "a-secret-of-the-tests-that-is-long-enough-for-hs256"
CLAIMS = {"sub": "u1", "email": "u1@example.org", "roles": ["viewer"], "organization_id": "default"}


def claims(**changes: Any) -> dict[str, Any]:
    whole = CLAIMS | {"exp": datetime.now(UTC) + timedelta(minutes=5)} | changes
    return {name: value for name, value in whole.items() if value is not None}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for name in ("PPM_JWT_SECRET", "PPM_JWKS_URL", "PPM_JWT_ISSUER", "PPM_JWT_AUDIENCE"):
        monkeypatch.delenv(name, raising=False)
    forget()
    yield monkeypatch
    forget()


def forget() -> None:
    """What is kept of the environment between calls."""
    for cached in (home.home, deps._keys):
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()


@pytest.fixture
def shared_secret(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("PPM_JWT_SECRET", SECRET)


RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def key_set() -> bytes:
    keys = [
        json.loads(RSAAlgorithm.to_jwk(RSA_KEY.public_key())) | {"kid": "rsa", "use": "sig"},
        json.loads(ECAlgorithm.to_jwk(EC_KEY.public_key())) | {"kid": "ec", "use": "sig"},
    ]
    return json.dumps({"keys": keys}).encode()


class KeyServer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = key_set()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def key_server(settings: pytest.MonkeyPatch) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), KeyServer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/jwks"
        settings.setenv("PPM_JWKS_URL", url)
        yield url
        server.shutdown()
        thread.join()


def refused(token: str) -> int:
    with pytest.raises(Problem) as caught:
        deps.caller_of(deps.claims_of(token))
    return caught.value.kind.status


def hs256(secret: str = SECRET, **changes: Any) -> str:
    return jwt.encode(claims(**changes), secret, algorithm="HS256")


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, default=str).encode()).decode().rstrip("=")


def signed_with_public_key() -> str:
    """A token signed with HMAC over the RSA public key, as PyJWT itself refuses to make it."""
    pem = RSA_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    whole = claims(exp=int((datetime.now(UTC) + timedelta(minutes=5)).timestamp()))
    text = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa'})}.{part(whole)}"
    signature = hmac.new(pem, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.mark.usefixtures("shared_secret")
class TestASharedSecret:
    def test_lets_in_a_sound_token(self) -> None:
        caller = deps.caller_of(deps.claims_of(hs256()))
        assert (caller.sub, caller.role, caller.organization_id) == ("u1", "viewer", "default")

    @pytest.mark.parametrize(
        "changes",
        [
            {"exp": None},
            {"exp": datetime.now(UTC) - timedelta(seconds=1)},
            {"exp": "tomorrow"},
            {"nbf": datetime.now(UTC) + timedelta(hours=1)},
            {"sub": None},
            {"organization_id": None},
            {"organization_id": ""},
            {"organization_id": ["default"]},
            {"email": {"a": 1}},
        ],
        ids=lambda changes: next(iter(changes)),
    )
    def test_refuses_unsound_claims(self, changes: dict[str, Any]) -> None:
        assert refused(hs256(**changes)) == 401

    def test_refuses_another_secret(self) -> None:
        assert refused(hs256("another-secret-that-is-also-long-enough-for-it")) == 401

    def test_refuses_no_algorithm(self) -> None:
        assert refused(jwt.encode(claims(), "", algorithm="none")) == 401
        assert refused(f"{part({'alg': 'nOnE'})}.{part(claims())}.") == 401

    def test_refuses_another_hmac_than_the_agreed_one(self) -> None:
        assert refused(jwt.encode(claims(), SECRET * 2, algorithm="HS512")) == 401

    def test_refuses_a_changed_payload(self) -> None:
        head, _, signature = hs256().split(".")
        whole = claims(roles=["admin"], exp=int((datetime.now(UTC) + timedelta(minutes=5)).timestamp()))
        assert refused(f"{head}.{part(whole)}.{signature}") == 401

    def test_refuses_keys_of_the_attacker_in_the_header(self) -> None:
        key = json.loads(RSAAlgorithm.to_jwk(RSA_KEY.public_key()))
        assert refused(jwt.encode(claims(), RSA_KEY, algorithm="RS256", headers={"jwk": key})) == 401

    @pytest.mark.parametrize("text", ["", "x", "a.b", "a.b.c", "Bearer", "é.é.é", "." * 50])
    def test_refuses_what_is_no_token(self, text: str) -> None:
        assert refused(text) == 401

    @pytest.mark.parametrize("roles", [None, [], "admin", ["nobody"], [1], {"admin": True}, [["admin"]]], ids=str)
    def test_missing_or_malformed_roles_are_forbidden_not_unauthenticated(self, roles: Any) -> None:
        assert refused(hs256(roles=roles)) == 403

    def test_the_highest_role_wins(self) -> None:
        caller = deps.caller_of(deps.claims_of(hs256(roles=["viewer", "admin", "controller"])))
        assert caller.role == "admin"

    def test_only_an_admin_is_the_operator_of_all(self) -> None:
        assert deps.caller_of(deps.claims_of(hs256(roles=["admin"], organization_id="*"))).operator
        assert refused(hs256(roles=["integration"], organization_id="*")) == 403


@pytest.mark.usefixtures("shared_secret")
class TestIssuerAndAudience:
    def test_are_checked_when_set(self, settings: pytest.MonkeyPatch) -> None:
        settings.setenv("PPM_JWT_ISSUER", "https://issuer.example")
        settings.setenv("PPM_JWT_AUDIENCE", "costbook")
        forget()
        right = {"iss": "https://issuer.example", "aud": "costbook"}
        assert deps.claims_of(hs256(**right))["sub"] == "u1"
        for wrong in ({}, right | {"aud": "other"}, right | {"iss": "https://evil.example"}, {"iss": right["iss"]}):
            assert refused(hs256(**wrong)) == 401

    def test_an_audience_nobody_asked_for_is_no_obstacle(self) -> None:
        assert deps.claims_of(hs256(aud="somebody"))["sub"] == "u1"


@pytest.mark.usefixtures("key_server")
class TestPublishedKeys:
    def test_let_in_rs256_and_es256(self) -> None:
        assert deps.claims_of(jwt.encode(claims(), RSA_KEY, "RS256", {"kid": "rsa"}))["sub"] == "u1"
        assert deps.claims_of(jwt.encode(claims(), EC_KEY, "ES256", {"kid": "ec"}))["sub"] == "u1"

    def test_are_never_taken_for_a_shared_secret(self) -> None:
        assert refused(signed_with_public_key()) == 401

    def test_are_never_taken_for_a_shared_secret_when_there_is_one_too(self, settings: pytest.MonkeyPatch) -> None:
        settings.setenv("PPM_JWT_SECRET", SECRET)
        forget()
        assert refused(signed_with_public_key()) == 401

    def test_refuse_a_token_signed_by_another_key(self) -> None:
        other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        assert refused(jwt.encode(claims(), other, "RS256", {"kid": "rsa"})) == 401

    def test_refuse_an_unknown_key_and_a_key_of_the_other_kind(self) -> None:
        assert refused(jwt.encode(claims(), RSA_KEY, "RS256", {"kid": "unknown"})) == 401
        assert refused(jwt.encode(claims(), RSA_KEY, "RS256", {"kid": "ec"})) == 401
        assert refused(jwt.encode(claims(), RSA_KEY, "PS256", {"kid": "rsa"})) == 401

    def test_without_a_shared_secret_refuse_hs256(self) -> None:
        assert refused(hs256()) == 401


def test_keys_that_cannot_be_read_are_our_trouble_not_the_callers(settings: pytest.MonkeyPatch) -> None:
    settings.setenv("PPM_JWKS_URL", "http://127.0.0.1:9/jwks")
    assert refused(jwt.encode(claims(), RSA_KEY, "RS256", {"kid": "rsa"})) == 503
