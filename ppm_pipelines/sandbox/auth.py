"""Who may read the tenant: an API key, a communication user, or a token of the OAuth client.

Belongs here: the credentials of the simulated tenant (no secrets: they open nothing else) and SAP's refusals.
Does not belong here: the control of the simulation, which asks for nothing and listens on loopback only.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

API_KEY = "sandbox-key"
USER, PASSWORD = "PPM_READER", "sandbox-password"
# Accounts that silently see less, with the same password: company codes per kind of data, see ``services.seen_by``.
NARROW: dict[str, dict[str, tuple[str, ...]]] = {
    "PPM_NARROW": {"orders": ("1010", "1710"), "invoices": ("1010", "1710")},
    "PPM_LOCAL": {"ledger": ("1010",), "documents": ("1010",)},
    "PPM_BLIND": {"orders": (), "projects": ()},
}
CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"
TOKEN_SECONDS = 600
SAP_CLIENT = "100"


class Doorkeeper:
    """Checks a request; keeps the tokens it has given out until they expire."""

    def __init__(self) -> None:
        self.tokens: dict[str, float] = {}

    def refusal(self, request: Request) -> Response | None:
        """None when the request may pass, else SAP's answer."""
        client = request.query_params.get("sap-client") or request.headers.get("sap-client") or SAP_CLIENT
        if client != SAP_CLIENT:
            return logon_failed(f"Client {client} is not available in this system", client)
        key = request.headers.get("apikey")
        if key is not None:
            return None if key == API_KEY else _invalid_key()
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            user, password = _basic(value)
            return None if password == PASSWORD and user in (USER, *NARROW) else logon_failed()
        if scheme.lower() == "bearer":
            return None if self.tokens.get(value, 0) > time.monotonic() else invalid_token()
        return logon_failed()

    @staticmethod
    def account(request: Request) -> str:
        """The account of a request that may pass, where it sees less than all; else an empty text."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        user = _basic(value)[0] if scheme.lower() == "basic" else ""
        return user if user in NARROW else ""

    async def token(self, request: Request) -> Response:
        """OAuth2 client credentials, the client as Basic or in the form."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        client = _basic(value) if scheme.lower() == "basic" else (form.get("client_id"), form.get("client_secret"))
        if client != (CLIENT_ID, CLIENT_SECRET):
            return _oauth_error("invalid_client", "Client authentication failed", 401)
        if form.get("grant_type") != "client_credentials":
            return _oauth_error("unsupported_grant_type", "Only client_credentials is supported", 400)
        now = time.monotonic()
        self.tokens = {token: end for token, end in self.tokens.items() if end > now}
        token = secrets.token_urlsafe(32)
        self.tokens[token] = now + TOKEN_SECONDS
        body = {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS, "scope": "API_READ"}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})


def _basic(value: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password


def _oauth_error(error: str, description: str, status: int) -> Response:
    return JSONResponse({"error": error, "error_description": description}, status)


def _invalid_key() -> Response:
    detail = {"errorcode": "oauth.v2.InvalidApiKey"}
    return JSONResponse({"fault": {"faultstring": "Invalid ApiKey", "detail": detail}}, 401)


def invalid_token() -> Response:
    described = 'Bearer error="invalid_token", error_description="The token is invalid or has expired"'
    return JSONResponse({"error": "invalid_token"}, 401, headers={"WWW-Authenticate": described})


def logon_failed(reason: str = "Client, name, or password is not correct", client: str = SAP_CLIENT) -> Response:
    page = (
        "<html><head><title>Logon Error Message</title></head><body><h1>Anmeldung fehlgeschlagen</h1>"
        f"<p>What has happened? Logon to system SBX, client {_plain(client)}, failed: {_plain(reason)}.</p>"
        "</body></html>"
    )
    realm = f'Basic realm="SAP NetWeaver Application Server [SBX/{SAP_CLIENT}]"'
    return HTMLResponse(page, 401, headers={"WWW-Authenticate": realm})


def _plain(shown: str) -> str:
    return "".join(sign for sign in shown[:80] if sign.isalnum() or sign in " ,.-")


def login_page() -> Response:
    """What a dialog user gets instead of data: a page to sign in, with status 200."""
    form = "<form method='post' action='/sap/saml2/idp/sso'><input name='j_username'/></form>"
    return HTMLResponse(f"<!DOCTYPE html><html><head><title>Logon</title></head><body>{form}</body></html>")
