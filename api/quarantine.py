"""Records in quarantine over HTTP: listed, summed, as CSV, and taken up again after their cause is mended.

Belongs here: what may be asked of them, and starting a replay. Does not belong here: how a run is awaited and answered
(``integrations``), what a replay does (``ppm_pipelines.sync``).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict

from api.deps import EVERY, Caller, Controller, Db, Viewer
from api.events import Watch
from api.integrations import IdempotencyKey, Wait, Wanted, adapter_of, carried_out, connected
from api.pages import Limit, csv_answer, csv_line, cursor_of, parts_of, wants_csv
from api.people import Hidden
from api.problems import NOT_FOUND, Language, Problem
from api.sentences import told
from api.settings import PAGE_DEFAULT, WAIT_DEFAULT
from ppm_pipelines import costbook, database, people, quarantine, runs, tables
from ppm_pipelines.facts import REPLAYABLE
from ppm_pipelines.records import ZERO

router = APIRouter(prefix="/api/integrations/rejections", tags=["quarantine"])

# What a person can mend here: by saying which Costbook project the named project is.
LINKED = ("unknown_project", "unknown_wbs")
CSV = ("system", "entity", "key", "code", "field", "reason", "project_nr", "company_code", "currency", "amount",
       "open_amount", "run_id", "at")  # fmt: skip
CSV_BATCH = 1000


class Which(BaseModel):
    """Records by what they have in common; nothing given: all that the caller may see."""

    model_config = ConfigDict(extra="forbid")
    system: str | None = None
    entity: str | None = None
    code: str | None = None
    project_nr: str | None = None
    run_id: str | None = None

    def where(self, organization_id: str) -> list[sa.ColumnElement[bool]]:
        table = tables.rejections.c
        given = [table[name] == value for name, value in self.model_dump().items() if value is not None]
        return given if organization_id == EVERY else [*given, table.organization_id == organization_id]


class Replay(BaseModel):
    """The records by id, or by what they have in common."""

    model_config = ConfigDict(extra="forbid")
    system: str
    ids: list[int] | None = None
    entity: Literal["commitments", "actuals"] | None = None
    code: str | None = None
    project_nr: str | None = None


@router.get("", response_model=None)
def list_rejections(
    who: Viewer,
    connection: Db,
    request: Request,
    language: Language,
    hidden: Hidden,
    which: Annotated[Which, Depends()],
    limit: Limit = PAGE_DEFAULT,
    cursor: str | None = None,
) -> Any:
    """Quarantined records whole with their reason, the newest first, and per currency what they are worth."""
    if wants_csv(request):
        return csv_answer("quarantine", _as_csv(who, which, language))
    table, where = tables.rejections.c, which.where(who.organization_id)
    query = sa.select(tables.rejections).where(*where).order_by(table.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(table.id < parts_of(cursor, int)[0])
    rows = [dict(row) for row in connection.execute(query).mappings()]
    items = [_shown(row, language, hidden) for row in rows[:limit]]
    return {
        "items": items,
        "next_cursor": cursor_of(items[-1]["id"]) if len(rows) > limit else None,
        "total": connection.scalar(sa.select(sa.func.count()).select_from(tables.rejections).where(*where)),
        "sums": _sums(connection, where),
    }


def _sums(connection: sa.Connection, where: list[sa.ColumnElement[bool]]) -> dict[str, dict[str, str]]:
    """Per currency what was ordered or posted, and what is open; records that tell no currency are in no sum."""
    table = tables.rejections.c
    amounts = {"amount": table.amount, "open": sa.func.coalesce(table.open_amount, table.amount)}
    orders = table.entity == "commitments"
    sums = (sa.func.sum(amounts["amount"]).label("amount"), sa.func.sum(amounts["open"]).filter(orders).label("open"))
    query = sa.select(table.currency, *sums).where(*where, table.currency.is_not(None)).group_by(table.currency)
    return {
        row["currency"]: {name: costbook.money(row[name] or ZERO, row["currency"]) for name in amounts}
        for row in connection.execute(query).mappings()
    }


def _shown(row: dict[str, Any], language: str, hidden: Hidden) -> dict[str, Any]:
    names = ("id", "system", "entity", "code", "field", "raw", "project_nr", "company_code", "currency")
    currency, roles = row["currency"] or "", hidden.get(row["system"])
    open_amount = row["amount"] if row["entity"] == "commitments" and row["open_amount"] is None else row["open_amount"]
    money = {
        name: None if value is None else costbook.money(value, currency)
        for name, value in (("amount", row["amount"]), ("open_amount", open_amount))
    }
    return {
        **{name: row[name] for name in names},
        **money,
        **({"raw": people.without_people(row["raw"], row["system"], roles)} if roles is not None else {}),
        "reason": told(row["reason"], language),
        "key": row["source_key"],
        "run_id": row["run_id"],
        "at": row["rejected_at"],
        "replayable": bool(row["raw_key"]) and row["entity"] in REPLAYABLE,
        "link": _link(row),
        "cost_center": row["cost_center"],
    }


def _link(row: dict[str, Any]) -> dict[str, str] | None:
    if row["code"] not in LINKED or not row["project_nr"]:
        return None
    return {name: row[name] for name in ("system", "company_code", "project_nr")}


def _as_csv(who: Caller, which: Which, language: str) -> Iterator[str]:
    query = sa.select(tables.rejections).where(*which.where(who.organization_id)).order_by(tables.rejections.c.id)
    yield "\ufeff" + csv_line(list(CSV))
    with database.scoped(who.organization_id) as connection:
        result = connection.execution_options(yield_per=CSV_BATCH).execute(query)
        for batch in result.mappings().partitions():
            shown = (_shown(dict(row), language, {}) for row in batch)  # raw records are in none
            yield "".join(csv_line([one[name] for name in CSV]) for one in shown)


# replay ----------------------------------------------------------------------------------------------------------


@router.post("/replay")
async def replay(
    body: Replay,
    who: Controller,
    watch: Watch,
    language: Language,
    wait: Wait = WAIT_DEFAULT,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Makes the records again from what the source delivered, by the projects, links and settings of now."""
    wanted = Wanted(who.writes_to, body.model_dump(), partial(_requested, body, who), who.sub, idempotency_key)
    return await carried_out(wanted, who, watch, language, wait)


def _requested(body: Replay, who: Caller) -> runs.RunRequest:
    connected(adapter_of(body.system), who.writes_to)
    with database.scoped(who.writes_to) as connection:
        request = quarantine.replay(connection, who.writes_to, by=who.email, **body.model_dump())
    if request is None:
        raise Problem(NOT_FOUND, what="quarantined record that can be taken up again")
    return request
