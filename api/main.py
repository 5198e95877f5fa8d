"""The application: its routers, its start and its end. Everything else has a file of its own."""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api import (
    configuration,
    costbook,
    health,
    integrations,
    lines,
    mapping,
    people,
    periods,
    problems,
    quarantine,
    runs,
    sessions,
    settings,
)
from api.events import watching
from api.turns import Turns
from ppm_pipelines.mapping import lexicon

# Of two threads that have work, one waits for so long until the other lets it on. While hundreds click, a reader's
# thread would wait for five milliseconds, Python's usual, after each answer of the database.
SECONDS_A_TURN = 0.0005


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings.require()
    sys.setswitchinterval(SECONDS_A_TURN)
    async with watching(app):
        # Whoever opens the first field mapping must not wait for half a second of reading.
        threading.Thread(target=lexicon.shipped, name="lexicon", daemon=True).start()
        yield


def create_app() -> FastAPI:
    app = FastAPI(
        title="Costbook",
        lifespan=lifespan,
        docs_url="/api/docs",
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    problems.install(app)
    app.add_middleware(Turns)
    for module in (
        quarantine,
        integrations,
        configuration,
        mapping,
        runs,
        costbook,
        lines,
        people,
        periods,
        sessions,
        health,
    ):
        app.include_router(module.router)
    return app


app = create_app()
