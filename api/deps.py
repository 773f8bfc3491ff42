"""What endpoints ask for: the database, the settings, the workloads, a job's id."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict

from api.maintenance.doorbell import Doorbell
from api.tokens.keyring import Caller, Keyring
from api.transact import Writer
from api.watch import Watcher
from shared.db import Database
from shared.errors import NotFound
from shared.settings import Settings
from shared.specs.contract import Contract

_ID = re.compile(r"[0-9a-z]{10,40}")


class QueryModel(BaseModel):
    """Query parameters; unknown ones are refused by name."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class NoQuery(QueryModel):
    """For calls that take no query parameters."""


async def no_query(_query: Annotated[NoQuery, Query()]) -> None:
    """Refuse every query parameter."""


async def get_database(request: Request) -> Database:
    """The database of this app."""
    database: Database = request.app.state.database
    return database


async def get_settings(request: Request) -> Settings:
    """The settings of this app."""
    settings: Settings = request.app.state.settings
    return settings


async def get_workloads(request: Request) -> Mapping[str, Contract]:
    """The workloads this app accepts, by name."""
    workloads: Mapping[str, Contract] = request.app.state.workloads
    return workloads


async def get_watcher(request: Request) -> Watcher:
    """Who waits for news on behalf of requests."""
    watcher: Watcher = request.app.state.watcher
    return watcher


async def job_id(job_id: Annotated[str, Path(description="A job's id.")]) -> str:
    """What has no form of an id names no job, and never reaches a query or a path."""
    if _ID.fullmatch(job_id) is None:
        raise NotFound(f"there is no job {job_id[:60]!r}")
    return job_id


async def get_writer(request: Request) -> Writer:
    """Who writes on behalf of requests."""
    writer: Writer = request.app.state.writer
    return writer


async def get_ring(request: Request) -> Callable[[str], None]:
    """Rings for a queue: there is work, or news of it."""
    ring: Callable[[str], None] = request.app.state.ring
    return ring


async def get_keyring(request: Request) -> Keyring:
    """The tokens as this process knows them."""
    keyring: Keyring = request.app.state.keyring
    return keyring


async def get_caller(request: Request) -> Caller:
    """Who asks, as the guard found."""
    caller: Caller = request.state.caller
    return caller


async def get_doorbell(request: Request) -> Doorbell | None:
    """The way to the broker; None in embedded mode."""
    doorbell: Doorbell | None = request.app.state.doorbell
    return doorbell


DatabaseDep = Annotated[Database, Depends(get_database)]
SettingsDep = Annotated[Settings, Depends(get_settings)]
WorkloadsDep = Annotated[Mapping[str, Contract], Depends(get_workloads)]
WriterDep = Annotated[Writer, Depends(get_writer)]
DoorbellDep = Annotated[Doorbell | None, Depends(get_doorbell)]
CallerDep = Annotated[Caller, Depends(get_caller)]
KeyringDep = Annotated[Keyring, Depends(get_keyring)]
RingDep = Annotated[Callable[[str], None], Depends(get_ring)]
WatcherDep = Annotated[Watcher, Depends(get_watcher)]
JobId = Annotated[str, Depends(job_id)]
