"""The service over a real SQLite file, spoken to in process."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

from api.app import create_app
from shared.db import Database
from shared.rundir import RunDir, run_dir
from shared.settings import Settings
from tests.conftest import SetClock

BASE_URL = "http://localhost"

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette would like httpx2; httpx is what our command line ships
    from starlette import testclient


class TestClient(testclient.TestClient):
    """A client on this machine, which asks by a name that the service answers to."""

    __test__ = False  # pytest would take it for tests

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        super().__init__(app, base_url=BASE_URL, **options)


@dataclass(frozen=True)
class Service:
    """The app, a client of it, and what lies beneath."""

    app: FastAPI
    client: TestClient
    database: Database
    settings: Settings
    clock: SetClock

    def get(self, path: str, **options: Any) -> httpx.Response:
        answer: httpx.Response = self.client.get(path, **options)
        return answer

    def json(self, path: str, **options: Any) -> Any:
        answer = self.client.get(path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        answer: httpx.Response = self.client.post(path, **({} if body is None else {"json": body}), **options)
        return answer

    def run_dir(self, job_id: str) -> RunDir:
        return run_dir(self.settings.resolved_runs_dir, job_id)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path)


@pytest.fixture
def service(settings: Settings, database: Database, clock: SetClock) -> Iterator[Service]:
    app = create_app(settings, database)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Service(app, client, database, settings, clock)
