"""The application: its routers, its start and its end. Everything else has a file of its own."""

from __future__ import annotations

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
from ppm_pipelines.mapping import lexicon


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings.require()
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
