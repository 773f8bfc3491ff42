"""The fleet: who is alive, and what it runs."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Depends

from api import queries
from api.deps import DatabaseDep, SettingsDep, no_query
from api.schemas.fleet import WorkerList

router = APIRouter(prefix="/workers", tags=["fleet"], dependencies=[Depends(no_query)])


@router.get("", response_model=WorkerList, summary="List workers")
def list_workers(database: DatabaseDep, settings: SettingsDep) -> WorkerList:
    """The living first."""
    with database.read() as session:
        since = database.now(session) - timedelta(seconds=settings.lease_seconds)
        return WorkerList(workers=queries.workers(session, since))
