"""PostgreSQL that dies around a COMMIT: what was answered 201 is kept, and a key tells of the rest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, Engine, create_engine, select, text

from api.app import create_app
from shared.db import Database, open_database
from shared.models import Job
from shared.settings import Settings
from tests.integration.api.conftest import TestClient
from tests.servers import PostgresServer, postgres_server

ROUNDS = 4
"""Of each of the five faults: twenty deaths."""
CLIENTS = 6

Fault = Callable[["Site"], None]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One of our own: it is stopped, and others must not notice."""
    with postgres_server() as started:
        yield started


class Site:
    """The service over a server that can be killed, and a look behind its back."""

    def __init__(self, server: PostgresServer, folder: Path) -> None:
        self.server = server
        self.database: Database = open_database(server.create_database())
        app = create_app(Settings(state_dir=folder), self.database)
        self.client = TestClient(app, raise_server_exceptions=False)
        self._behind: Engine = create_engine(self.database.engine.url, isolation_level="AUTOCOMMIT")
        self.answered: list[tuple[str, httpx.Response]] = []

    def post(self, key: str) -> httpx.Response:
        body = {"workload": "noop", "name": key}
        answer: httpx.Response = self.client.post("/jobs", json=body, headers={"Idempotency-Key": key})
        self.answered.append((key, answer))
        return answer

    def jobs(self) -> dict[str, str]:
        """Name -> id of every job; a name that comes twice fails."""
        with self.database.read() as session:
            rows = session.execute(select(Job.name, Job.id)).all()
        assert len(rows) == len({row.name for row in rows})
        return {row.name: row.id for row in rows}

    @contextmanager
    def behind(self) -> Iterator[Connection]:
        with self._behind.connect() as connection:
            yield connection

    def set_commits_waiting(self, waiting: bool) -> None:
        """Have each COMMIT wait, after it is on disk, for a standby that does not exist."""
        with self.behind() as connection:
            connection.execute(
                text(f"ALTER SYSTEM SET synchronous_standby_names = '{'nobody' if waiting else ''}'")
            )
            connection.execute(text("SELECT pg_reload_conf()"))
            wanted = text("SELECT 1 WHERE current_setting('synchronous_standby_names') = :name")
            until(lambda: connection.execute(wanted, {"name": "nobody" if waiting else ""}).first())

    def await_backend(self, event: str) -> None:
        with self.behind() as connection:
            query = text(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = :event"
            )
            until(lambda: connection.execute(query, {"event": event}).first())

    def terminate(self, event: str) -> int:
        """pg_terminate_backend for all that wait for that; how many."""
        with self.behind() as connection:
            query = text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND wait_event = :event AND pid <> pg_backend_pid()"
            )
            return int(connection.execute(query, {"event": event}).scalar_one())

    def restart(self, mode: str) -> None:
        self._behind.dispose()
        self.server.stop(mode)
        self.server.start()

    def close(self) -> None:
        self.client.close()
        self.database.close()
        self._behind.dispose()


@pytest.fixture
def site(server: PostgresServer, tmp_path: Path) -> Iterator[Site]:
    opened = Site(server, tmp_path)
    with opened.client:
        yield opened
    opened.close()


def terminated_in_commit(site: Site) -> None:
    site.await_backend("SyncRep")
    assert site.terminate("SyncRep") >= 1


def stopped_fast_in_commit(site: Site) -> None:
    site.await_backend("SyncRep")
    site.restart("fast")


def crashed_in_commit(site: Site) -> None:
    site.await_backend("SyncRep")
    site.restart("immediate")


@pytest.mark.parametrize("strike", [terminated_in_commit, stopped_fast_in_commit, crashed_in_commit])
def test_a_death_in_the_middle_of_a_commit_is_a_503_and_the_key_finds_the_job(
    site: Site, strike: Fault
) -> None:
    for number in range(ROUNDS):
        keys = [f"{strike.__name__}-{number}-{client}" for client in range(CLIENTS)]
        site.set_commits_waiting(True)
        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = [pool.submit(site.post, key) for key in keys]
            strike(site)
            site.set_commits_waiting(False)
            said = [answer.result() for answer in answers]
        unknown = [key for key, answer in zip(keys, said, strict=True) if answer.status_code == 503]
        assert unknown, "the commit that was struck was answered"
        assert set(unknown) & set(site.jobs()), "the commit that was struck is not on disk"
        assert_resolved(site, keys)


@pytest.mark.parametrize("mode", ["terminate", "immediate"])
def test_a_death_before_a_commit_loses_nothing_but_the_request(site: Site, mode: str) -> None:
    for number in range(ROUNDS):
        keys = [f"before-{mode}-{number}-{client}" for client in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            with held_table(site) as release:
                answers = [pool.submit(site.post, key) for key in keys]
                site.await_backend("relation")
                if mode == "terminate":
                    assert site.terminate("relation") >= 1
                else:
                    site.restart(mode)
                release.set()
            said = [answer.result() for answer in answers]
        assert any(answer.status_code == 503 for answer in said)
        assert_resolved(site, keys)


@contextmanager
def held_table(site: Site) -> Iterator[threading.Event]:
    """Nobody else writes jobs until the event is set; the lock may die with the server."""
    release, held = threading.Event(), threading.Event()

    def hold() -> None:
        engine = create_engine(site.database.engine.url)
        connection = engine.connect()
        connection.execute(text("LOCK TABLE jobs IN EXCLUSIVE MODE"))
        held.set()
        release.wait()
        connection.invalidate()
        engine.dispose()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(30)
    try:
        yield release
    finally:
        release.set()
        thread.join()


def assert_resolved(site: Site, keys: list[str]) -> None:
    """Each answer was 201 or 503; asked again each key gives one job, that of an earlier 201 if any."""
    for _, answer in site.answered:
        assert answer.status_code in (201, 503), answer.text
        if answer.status_code == 503:
            assert answer.headers["retry-after"] and answer.json()["code"] == "unavailable"
    before = site.jobs()
    for key in keys:
        again = site.post(key)
        assert again.status_code == 201
        assert ("idempotency-replayed" in again.headers) is (key in before)
    after = site.jobs()
    for key, answer in site.answered:
        if answer.status_code == 201:
            assert after[key] == answer.json()["id"]
    assert {key: before[key] for key in before} == {key: after[key] for key in before}


def until(true: Callable[[], object]) -> None:
    """Ask until it holds."""
    pause = threading.Event()
    for _ in range(3000):
        if true():
            return
        pause.wait(0.01)
    raise AssertionError("what was waited for did not come")
