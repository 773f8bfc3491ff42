"""What frameworks put off until the first request, done as the service starts: nobody waits for it then."""

from __future__ import annotations

from anyio import to_thread
from fastapi import FastAPI
from sqlalchemy.orm import configure_mappers


async def warm_up(app: FastAPI) -> None:
    """Mappers are configured, routes built and the ground of worker threads imported by whoever is first."""
    configure_mappers()
    for route in app.routes:
        route.matches({"type": "http", "method": "GET", "path": "/"})
    await to_thread.run_sync(_nothing)


def _nothing() -> None:
    """What the first thread has to do."""
