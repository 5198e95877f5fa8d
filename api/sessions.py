"""Who am I, and the sandbox's sign-in. Elsewhere nothing is issued here: sign-in is the identity provider's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import jwt
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from api.deps import DEFAULT, Viewer
from api.problems import NOT_FOUND, Problem
from ppm_pipelines import home

router = APIRouter(prefix="/api", tags=["sessions"])

SANDBOX_HOURS = 12
SANDBOX_NAMES = {"admin": "Ada Admin", "controller": "Conny Controller", "viewer": "Viktor Viewer"}


class SandboxSignIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    role: Literal["admin", "controller", "viewer"]


@router.post("/sessions/sandbox")
def sign_in_to_sandbox(body: SandboxSignIn) -> dict[str, Any]:
    """A token for one of the three sandbox users; 404 outside the sandbox profile."""
    settings = home.home()
    if not settings.sandbox or settings.jwt_secret is None:
        raise Problem(NOT_FOUND, what="/api/sessions/sandbox")
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=SANDBOX_HOURS)
    user = {"name": SANDBOX_NAMES[body.role], "email": f"{body.role}@sandbox.example", "role": body.role}
    claims = {
        "sub": f"sandbox-{body.role}",
        "email": user["email"],
        "name": user["name"],
        "roles": [body.role],
        "organization_id": DEFAULT,
        "exp": expires,
    }
    claims |= {"iss": settings.jwt_issuer} if settings.jwt_issuer else {}
    claims |= {"aud": settings.jwt_audience} if settings.jwt_audience else {}
    token = jwt.encode(claims, settings.jwt_secret.get_secret_value(), algorithm="HS256")
    return {"token": token, "expires_at": expires, "user": user}


@router.get("/me")
def me(who: Viewer) -> dict[str, Any]:
    """The caller as the product sees them; the pages show and hide by ``rights``, the API enforces them anyway."""
    return {
        "sub": who.sub,
        "email": who.email,
        "name": who.name,
        "role": who.role,
        "organization_id": who.organization_id,
        "rights": {"configure": who.has("integration"), "sync": who.has("controller")},
    }
