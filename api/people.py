"""People over HTTP: who may see them, and erasing one.

Belongs here: whose names a caller is not shown, as a dependency of routes. Does not belong here: what is hidden or
erased (``ppm_pipelines.people``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from api.deps import Admin, Db, Viewer
from api.problems import invalid
from ppm_pipelines import database, people

router = APIRouter(prefix="/api/people", tags=["people"])


def _hidden(who: Viewer, connection: Db) -> dict[str, Mapping[str, str]]:
    """By system the roles that stand for its people. Who may configure sees people: rates are entered for them."""
    return {} if who.has("integration") else people.hidden(connection, who.writes_to)


Hidden = Annotated[dict[str, Mapping[str, str]], Depends(_hidden)]


class Person(BaseModel):
    """In the body, because addresses are logged."""

    model_config = ConfigDict(extra="forbid")
    system: str
    person: str = Field(description="As the system names them: account id or key")


@router.post("/erase")
def erase(body: Person, who: Admin) -> dict[str, Any]:
    """Takes a person out of lines, history, raw records and quarantine for good; sums stay, and no sync brings them
    back. ``stands_for`` is what rates and roles may name instead."""
    try:
        with database.owner() as connection:
            return asdict(people.erase(connection, who.writes_to, body.system, body.person, who.email))
    except people.NotErased as error:
        raise invalid("person", str(error)) from None
