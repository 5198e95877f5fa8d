"""Who is calling, what they may do, and the database as they may see it.

Belongs here: tokens, roles, organisations, the connection. Does not belong here: what a route does with them.
The right a route needs is a type in its signature: ``Viewer``, ``Controller``, ``Integrator``, ``Admin``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

import jwt
import sqlalchemy as sa
from anyio.to_thread import run_sync
from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.problems import FORBIDDEN, IDENTITY_UNAVAILABLE, NO_ROLE, NOT_FOUND, UNAUTHENTICATED, Problem
from ppm_pipelines import database, home, tables

EVERY = "*"  # the claim of the operator of all organisations
DEFAULT = "default"  # the organisation of a fresh installation, and the operator's when they name none
ROLES = ("viewer", "controller", "integration", "admin")  # rising: the highest wins
ASYMMETRIC = ("RS256", "ES256")

_bearer = HTTPBearer(auto_error=False, description="A signed JWT: sub, email, roles, organization_id, exp")


@dataclass(frozen=True, slots=True)
class Caller:
    """A person or program with a sound token and a role.

    ``organization_id`` is the one this request is about: the claim's, or the one an operator picked; ``"*"`` when an
    operator picked none (reads see all). ``writes_to`` is where a write goes.
    """

    sub: str
    email: str
    name: str
    role: str
    roles: tuple[str, ...]
    organization_id: str
    operator: bool = False

    @property
    def writes_to(self) -> str:
        return DEFAULT if self.organization_id == EVERY else self.organization_id

    def has(self, role: str) -> bool:
        return ROLES.index(self.role) >= ROLES.index(role)

    def organization(self, requested: str | None) -> str:
        """The organisation of a write whose body may name one; 404 when it is not the caller's or does not exist."""
        if requested is None:
            return self.writes_to
        if not self.operator and requested != self.organization_id:
            raise Problem(NOT_FOUND, what=f"organisation {requested}")
        if self.operator:
            _known_organization(requested)
        return requested


def _known_organization(organization_id: str) -> None:
    with database.scoped(EVERY) as connection:
        found = connection.scalar(
            sa.select(sa.literal(1)).where(tables.organizations.c.organization_id == organization_id)
        )
    if found is None:
        raise Problem(NOT_FOUND, what=f"organisation {organization_id}")


def unauthenticated(reason: str) -> Problem:
    return Problem(UNAUTHENTICATED, reason=reason, headers={"WWW-Authenticate": 'Bearer realm="costbook"'})


@cache
def _keys(url: str) -> jwt.PyJWKClient:
    return jwt.PyJWKClient(url, lifespan=300, timeout=5)


def _key_for(token: str) -> tuple[Any, str]:
    """The key and the one algorithm it is for. The header only chooses between what is configured here, so a public
    key can never be taken for a shared secret (algorithm confusion) and ``none`` never matches."""
    settings = home.home()
    algorithm = jwt.get_unverified_header(token).get("alg")
    if algorithm == "HS256" and settings.jwt_secret is not None:
        return settings.jwt_secret.get_secret_value(), "HS256"
    if algorithm in ASYMMETRIC and settings.jwks_url:
        return _keys(settings.jwks_url).get_signing_key_from_jwt(token).key, algorithm
    raise jwt.InvalidAlgorithmError


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a sound token; 401 otherwise, 503 when the keys that would tell cannot be read."""
    settings = home.home()
    try:
        key, algorithm = _key_for(token)
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
            options={
                "require": ["exp", "sub", "organization_id"],
                "verify_aud": settings.jwt_audience is not None,
                "verify_iss": settings.jwt_issuer is not None,
            },
        )
    except jwt.PyJWKClientConnectionError as error:
        raise Problem(IDENTITY_UNAVAILABLE) from error
    except jwt.ExpiredSignatureError as error:
        raise unauthenticated("the token has expired") from error
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise unauthenticated("the token is not valid here") from error


def caller_of(claims: dict[str, Any]) -> Caller:
    organization_id, email = claims["organization_id"], claims.get("email") or claims["sub"]
    if not (isinstance(organization_id, str) and organization_id and isinstance(email, str)):
        raise unauthenticated("its claims are not in the agreed form")
    given = claims.get("roles")
    if not isinstance(given, list) or not all(isinstance(role, str) for role in given):
        raise Problem(NO_ROLE)
    known = sorted((role for role in given if role in ROLES), key=ROLES.index)
    operator = organization_id == EVERY
    if not known or (operator and known[-1] != "admin"):
        raise Problem(NO_ROLE)
    name = claims.get("name")
    return Caller(
        claims["sub"],
        email,
        name if isinstance(name, str) else email,
        known[-1],
        tuple(known),
        organization_id,
        operator,
    )


Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
Organization = Annotated[str | None, Query(description="Must be the caller's own; an operator of all picks one")]


async def caller(credentials: Credentials, organization_id: Organization = None) -> Caller:
    if credentials is None:
        raise unauthenticated("there is none")
    who = caller_of(await _claims(credentials.credentials))
    if organization_id is None:
        return who
    picked = await run_sync(who.organization, organization_id)
    return Caller(who.sub, who.email, who.name, who.role, who.roles, picked, who.operator)


async def _claims(token: str) -> dict[str, Any]:
    """In a thread where keys may have to be fetched; else at once: a thread would cost more, and may have to be waited
    for."""
    return claims_of(token) if home.home().jwks_url is None else await run_sync(claims_of, token)


def _needs(role: str, right: str) -> Callable[[Caller], Awaitable[Caller]]:
    async def check(who: Annotated[Caller, Depends(caller)]) -> Caller:
        if not who.has(role):
            raise Problem(FORBIDDEN, role=who.role, right=right)
        return who

    return check


Viewer = Annotated[Caller, Depends(_needs("viewer", "viewer"))]
Controller = Annotated[Caller, Depends(_needs("controller", "controller"))]
Integrator = Annotated[Caller, Depends(_needs("integration", "integration"))]
Admin = Annotated[Caller, Depends(_needs("admin", "admin"))]


def db(who: Annotated[Caller, Depends(caller)], request: Request) -> Iterator[sa.Connection]:
    """One transaction under row level security, committed before the answer is sent; a GET reads one moment's truth.

    It ends with the route function: a streamed answer opens one itself, inside its generator.
    """
    transaction = database.one_moment if request.method in ("GET", "HEAD") else database.scoped
    with transaction(who.organization_id) as connection:
        yield connection


# scope="function": committed before the answer leaves, so that whoever reads it can read what they wrote.
Db = Annotated[sa.Connection, Depends(db, scope="function")]


def from_loopback(request: Request) -> bool:
    """Whether the call comes from this machine itself and not through a proxy on it."""
    forwarded = {"forwarded", "x-forwarded-for", "x-real-ip"} & set(request.headers)
    return not forwarded and request.client is not None and request.client.host in ("127.0.0.1", "::1")
