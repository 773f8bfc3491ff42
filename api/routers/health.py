"""Whether the process lives, and whether it can do its work."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import APIRouter, Depends, Response
from sqlalchemy import text

from api.deps import DatabaseDep, DoorbellDep, SettingsDep, no_query
from api.errors import DATABASE_ERRORS
from api.schemas.fleet import Health, Readiness
from shared.db import Database

router = APIRouter(tags=["service"], dependencies=[Depends(no_query)])


@router.get("/healthz", response_model=Health, summary="Liveness")
async def healthz() -> Health:
    """The process answers."""
    return Health()


@router.get(
    "/readyz",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Something cannot be reached."}},
    summary="Readiness",
)
def readyz(
    database: DatabaseDep, settings: SettingsDep, doorbell: DoorbellDep, response: Response
) -> Readiness:
    """The database answers, and the volume of run directories can be written.

    A broker that is away is told, and keeps nobody from working: jobs then start some seconds later.
    """
    checks = {"database": _database(database), "runs": _runs(settings.resolved_runs_dir)}
    ready = all(check == "ok" for check in checks.values())
    if doorbell is not None:
        checks["broker"] = "ok" if doorbell.answers() else "does not answer; workers look for work themselves"
    if not ready:
        response.status_code = 503
        response.headers["Retry-After"] = "1"
    return Readiness(ready=ready, checks=checks)


def _database(database: Database) -> str:
    try:
        with database.read() as session:
            session.execute(text("SELECT 1 FROM jobs LIMIT 1"))
    except DATABASE_ERRORS as error:
        return f"does not answer: {type(error).__name__}"
    return "ok"


def _runs(folder: Path) -> str:
    if not folder.is_dir():
        return "is not there"
    return "ok" if os.access(folder, os.W_OK | os.X_OK) else "cannot be written"
