"""The application, put together: state, guards, errors, routers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from api import errors, openapi, queries
from api.logs import log_size
from api.maintenance.doorbell import Doorbell
from api.observe import Observe, RequestTelemetry
from api.overview_cache import OverviewCache
from api.routers import (
    artifacts,
    events,
    exposition,
    health,
    jobs,
    logs,
    metrics,
    pages,
    slots,
    tokens,
    workers,
    workloads,
)
from api.scrape.collector import DatabaseCollector
from api.scrape.slots import Slots
from api.scrape.words import workload_words
from api.security import Guard, is_loopback
from api.tokens.keyring import Keyring
from api.transact import Writer
from api.warm import warm_up
from api.watch import Mark, Watcher
from shared import bell
from shared.db import Database
from shared.rundir import run_dir
from shared.settings import Settings
from shared.specs.catalogue import installed_workloads


def create_app(settings: Settings, database: Database, doorbell: Doorbell | None = None) -> FastAPI:
    """The service over a migrated database; without a doorbell it rings the workers of this machine."""
    app = FastAPI(
        title="epochd",
        version=version("epochd"),
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.openapi = partial(openapi.document, app)  # type: ignore[method-assign]
    app.state.settings = settings
    app.state.database = database
    app.state.writer = Writer(database)
    app.state.keyring = Keyring(database, settings.token_text, always=not is_loopback(settings.host))
    app.state.doorbell = doorbell
    app.state.ring = (lambda _queue: bell.ring(settings.bells_dir)) if doorbell is None else doorbell.soon
    app.state.workloads = installed_workloads()
    app.state.watcher = Watcher(partial(_look, database, settings.resolved_runs_dir))
    app.state.overviews = OverviewCache()
    app.state.registry = CollectorRegistry()
    app.state.slots = Slots()
    app.state.registry.register(
        DatabaseCollector(
            database,
            app.state.slots,
            workload_words(app.state.workloads),
            settings.lease_seconds,
            settings.resolved_runs_dir,
        )
    )
    errors.install(app)
    for module in (
        pages,  # first: a page is some sixty files at once, and each is sought in this order
        jobs,
        metrics,
        events,
        logs,
        artifacts,
        workloads,
        workers,
        slots,
        tokens,
        health,
        exposition,
    ):
        app.include_router(module.router)
    app.add_middleware(Observe, telemetry=RequestTelemetry(app.state.registry))
    app.add_middleware(Guard, allowed_hosts=settings.allowed_hosts, keyring=app.state.keyring)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.settings.resolved_runs_dir.mkdir(parents=True, exist_ok=True)
    await warm_up(app)
    yield
    app.state.watcher.close()


def _look(database: Database, runs_root: Path, job_ids: Collection[str]) -> Mapping[str, Mark]:
    sizes = {job_id: log_size(run_dir(runs_root, job_id).log) for job_id in job_ids}
    with database.read() as session:
        return queries.marks(session, job_ids, sizes)
