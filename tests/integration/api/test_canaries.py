"""Secrets of settings and environment come out nowhere: in no log, error, event, metric, repr or page."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from api.app import create_app
from api.maintenance.doorbell import open_doorbell
from api.tokens import store
from api.tokens.keyring import Keyring
from api.tokens.scope import TokenScope
from api.tokens.text import digest
from shared.bell import BellFailed
from shared.db import Database, open_database
from shared.settings import Settings
from tests.factories import submit_job
from tests.integration.api.conftest import Service, TestClient

CANARIES = {
    "EPOCHD_TOKEN": "canary-token-of-the-environment",
    "EPOCHD_DATABASE_URL": "postgresql+psycopg://epochd:canary-database-password@127.0.0.1:1/epochd",
    "EPOCHD_BROKER_URL": "redis://:canary-broker-password@127.0.0.1:1/0",
    "AWS_SECRET_ACCESS_KEY": "canary-storage-secret",
}
BIRD = "canary-"

PATHS = (
    "/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/jobs", "/jobs/{id}", "/jobs/{id}/events",
    "/jobs/{id}/logs", "/jobs/{id}/metrics", "/jobs/{id}/memory", "/jobs/{id}/artifacts",
    "/jobs/{id}/checkpoints", "/slots",
    "/workers", "/workloads", "/workloads/noop", "/tokens", "/tokens/me", "/nope", "/jobs?x=1",
    "/jobs?limit=x",
)  # fmt: skip


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    return Settings(state_dir=tmp_path)


@pytest.fixture
def client(secret: Settings, service: Service) -> Iterator[TestClient]:
    """Over a database that answers and a broker that does not, with every secret in the settings."""
    with (
        open_doorbell(secret) as doorbell,
        TestClient(create_app(secret, service.database, doorbell), raise_server_exceptions=False) as client,
    ):
        yield client


def test_no_answer_and_no_log_line_holds_a_secret(
    client: TestClient, service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    job = submit_job(service.database)
    with service.database.write() as session:
        _, text = store.create(session, "one", TokenScope.READ, service.database.now(session))
    said = []
    for header in (f"Bearer {CANARIES['EPOCHD_TOKEN']}", f"Bearer {text.text}", f"Bearer {text.text}x", ""):
        for path in PATHS:
            answer = client.get(path.replace("{id}", job.id), headers={"Authorization": header})
            said += [answer.text, str(answer.headers)]
        for body in (b"{", b'{"workload":"noop"}'):
            headers = {"Authorization": header, "Content-Type": "application/json"}
            said.append(client.post("/jobs", content=body, headers=headers).text)
    for where in (*said, caplog.text):
        assert BIRD not in where and text.text not in where and digest(text.text) not in where


def test_a_bell_that_fails_tells_no_secret(secret: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with open_doorbell(secret) as doorbell:
        assert doorbell is not None and not doorbell.answers()
        with pytest.raises(BellFailed) as told:
            doorbell.now("cpu")
        doorbell.soon("cpu")
    assert "no doorbell could be rung" in caplog.text
    assert BIRD not in caplog.text + str(told.value)


@pytest.mark.parametrize("character", "/#?;[")
def test_a_password_that_no_address_holds_is_refused_at_the_start_and_not_told(
    secret: Settings, monkeypatch: pytest.MonkeyPatch, character: str
) -> None:
    monkeypatch.setenv("EPOCHD_BROKER_URL", f"redis://:canary-{character}9x@127.0.0.1:1/0")
    with pytest.raises(ValueError, match=r"(?s)broker_url.*percent-encoded") as told:
        Settings()
    assert BIRD not in str(told.value)


def test_an_error_nobody_foresaw_tells_no_secret(
    client: TestClient, service: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("it broke")

    monkeypatch.setattr("api.queries.workers", fail)
    answer = client.get("/workers", headers={"Authorization": f"Bearer {CANARIES['EPOCHD_TOKEN']}"})
    assert answer.status_code == 500
    assert BIRD not in answer.text + caplog.text and "it broke" in caplog.text


def test_a_database_that_does_not_answer_is_told_without_its_password(
    secret: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    database = open_database(secret.resolved_database_url)
    with TestClient(create_app(secret, database), raise_server_exceptions=False) as client:
        for header in (f"Bearer {CANARIES['EPOCHD_TOKEN']}", "Bearer x"):
            for path in ("/jobs", "/readyz"):
                answer = client.get(path, headers={"Authorization": header})
                assert answer.status_code == 503
                assert BIRD not in answer.text
    assert BIRD not in caplog.text and BIRD not in repr(database.engine)
    database.close()


def test_nothing_that_is_printed_by_mistake_shows_a_secret(secret: Settings, database: Database) -> None:
    keyring = Keyring(database, secret.token_text, always=True)
    with database.write() as session:
        token, text = store.create(session, "one", TokenScope.READ, database.now(session))
    for thing in (secret, keyring, vars(keyring), token, text, create_app(secret, database).state._state):
        assert BIRD not in repr(thing) and text.text not in repr(thing)
    assert text.text not in repr(vars(token))


def test_a_bad_secret_is_refused_without_being_told(secret: Settings) -> None:
    with pytest.raises(ValidationError) as told:
        Settings(token=SecretStr("canary-x"))
    assert BIRD not in str(told.value)
