"""Tokens of the database: who gets in, with which scope, until when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from api.app import create_app
from api.tokens import store
from api.tokens.keyring import ANYONE, Keyring
from api.tokens.scope import TokenScope
from api.tokens.text import new_token
from shared.db import Database
from shared.models import Token
from shared.settings import Settings
from tests.conftest import SetClock
from tests.factories import submit_job
from tests.integration.api.conftest import Service, TestClient
from tests.integration.api.planting import assert_problem


class Seconds:
    """A clock of seconds that moves only when told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def make(database: Database, scope: TokenScope, days: int | None = None) -> tuple[str, str]:
    """A token of that scope: its id and its text."""
    with database.write() as session:
        token, text = store.create(session, f"a {scope} token", scope, database.now(session), days)
        return token.id, text.text


def revoke(database: Database, token_id: str) -> None:
    with database.write() as session:
        store.revoke(session, token_id, database.now(session))


def row(database: Database, token_id: str) -> Token:
    with database.read() as session:
        found = session.get(Token, token_id)
        assert found is not None
        return found


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def keyring(any_database: Database, seconds: Seconds) -> Keyring:
    return Keyring(any_database, None, always=False, clock=seconds)


@pytest.fixture
def fresh(service: Service) -> Iterator[TestClient]:
    """A client of a service that looks at the database for every request."""
    with TestClient(_forgetful(service), raise_server_exceptions=False) as client:
        yield client


def _forgetful(service: Service, settings: Settings | None = None) -> FastAPI:
    app = create_app(settings or service.settings, service.database)
    app.state.keyring._clock = iter(range(10**9)).__next__
    return app


def test_the_first_token_closes_the_service_and_the_last_revoked_opens_it(
    fresh: TestClient, service: Service
) -> None:
    assert fresh.get("/jobs").status_code == 200
    token_id, text = make(service.database, TokenScope.READ)
    assert_problem(fresh.get("/jobs"), 401, "unauthorized")
    assert fresh.get("/jobs", headers=bearer(text)).status_code == 200
    revoke(service.database, token_id)
    assert fresh.get("/jobs").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "192.0.2.7"},
        {"X-Forwarded-Proto": "https"},
        {"X-Real-IP": "192.0.2.7"},
        {"Forwarded": "for=192.0.2.7"},
        {"Via": "1.1 proxy"},
        {"Host": "train.example.org"},
    ],
)
def test_what_another_machine_may_have_sent_needs_a_token_while_there_is_none(
    service: Service, headers: dict[str, str]
) -> None:
    hosts = (*service.settings.allowed_hosts, "train.example.org")
    app = _forgetful(service, service.settings.model_copy(update={"allowed_hosts": hosts}))
    with TestClient(app) as client:
        for method in ("GET", "POST"):
            answer = client.request(method, "/jobs", headers=headers)
            assert_problem(answer, 401, "unauthorized")
            assert "python -m api.tokens create" in answer.json()["detail"]
        assert client.get("/jobs").status_code == client.get("/healthz", headers=headers).status_code == 200
        _, text = make(service.database, TokenScope.READ)
        assert client.get("/jobs", headers={**headers, **bearer(text)}).status_code == 200


@pytest.mark.parametrize("scope", TokenScope)
def test_a_token_may_do_what_its_scope_says(fresh: TestClient, service: Service, scope: TokenScope) -> None:
    headers = bearer(make(service.database, scope)[1])
    no_job = "/jobs/" + "0" * 22
    calls = {
        TokenScope.READ: [("GET", "/jobs"), ("GET", "/metrics"), ("GET", "/openapi.json"), ("GET", no_job)],
        TokenScope.SUBMIT: [("POST", "/jobs"), ("POST", no_job + "/cancel"), ("POST", no_job + "/resume")],
        TokenScope.ADMIN: [("DELETE", no_job)],
    }
    for needed, these in calls.items():
        for method, path in these:
            answer = fresh.request(method, path, headers=headers)
            if scope.covers(needed):
                assert answer.status_code not in (401, 403)
            else:
                assert_problem(answer, 403, "scope_too_weak")
                assert f"needs a token of scope {needed}" in answer.json()["detail"]
                assert answer.json()["detail"].endswith(f"has only {scope}")


def test_a_revoked_token_opens_nothing(fresh: TestClient, service: Service) -> None:
    make(service.database, TokenScope.READ)
    token_id, text = make(service.database, TokenScope.ADMIN)
    assert fresh.get("/jobs", headers=bearer(text)).status_code == 200
    revoke(service.database, token_id)
    assert_problem(fresh.get("/jobs", headers=bearer(text)), 401, "unauthorized")


def test_an_expired_token_opens_nothing_and_leaves_nothing_open(
    fresh: TestClient, service: Service, clock: SetClock
) -> None:
    _, text = make(service.database, TokenScope.ADMIN, days=1)
    clock.advance(86_399)
    assert fresh.get("/jobs", headers=bearer(text)).status_code == 200
    clock.advance(1)
    assert_problem(fresh.get("/jobs", headers=bearer(text)), 401, "token_expired")
    assert_problem(fresh.get("/jobs"), 401, "unauthorized")


def test_the_right_id_with_another_secret_opens_nothing(fresh: TestClient, service: Service) -> None:
    token_id, _ = make(service.database, TokenScope.ADMIN)
    characters = iter([*token_id, *"A" * 32])
    forged = new_token(lambda _: next(characters))
    assert forged.id == token_id
    assert_problem(fresh.get("/jobs", headers=bearer(forged.text)), 401, "unauthorized")


def test_the_token_of_the_settings_stays_beside_those_of_the_database(service: Service) -> None:
    _, text = make(service.database, TokenScope.READ)
    settings = service.settings.model_copy(update={"token": SecretStr("of-the-environment")})
    with TestClient(create_app(settings, service.database)) as client:
        assert client.get("/jobs", headers=bearer("of-the-environment")).status_code == 200
        assert client.get("/jobs", headers=bearer(text)).status_code == 200
        assert client.get("/jobs").status_code == 401


def test_a_token_of_the_database_in_the_settings_gains_nothing_and_ends_as_it_should(
    service: Service,
) -> None:
    token_id, text = make(service.database, TokenScope.READ)
    job = submit_job(service.database)
    told = service.settings.model_copy(update={"token": SecretStr(text)})
    app = _forgetful(service, told)
    with TestClient(app) as client:
        assert client.get("/jobs", headers=bearer(text)).status_code == 200
        answer = client.delete(f"/jobs/{job.id}", headers=bearer(text))
        assert_problem(answer, 403, "scope_too_weak")
        revoke(service.database, token_id)
        for headers in (bearer(text), {}):
            assert_problem(client.get("/jobs", headers=headers), 401, "unauthorized")


def test_a_token_of_another_service_in_the_settings_locks_nobody_out_of_one_that_has_none(
    service: Service,
) -> None:
    foreign = new_token().text
    told = service.settings.model_copy(update={"token": SecretStr(foreign)})
    with TestClient(_forgetful(service, told)) as client:
        for headers in ({}, bearer(foreign)):
            assert client.get("/jobs", headers=headers).status_code == 200
        assert_problem(client.get("/jobs", headers={"Via": "1.1 proxy"}), 401, "unauthorized")
        token_id, text = make(service.database, TokenScope.READ)
        for headers in ({}, bearer(foreign)):
            assert_problem(client.get("/jobs", headers=headers), 401, "unauthorized")
        assert client.get("/jobs", headers=bearer(text)).status_code == 200
        revoke(service.database, token_id)
        assert_problem(client.get("/jobs"), 401, "unauthorized")


def test_beyond_loopback_a_token_of_another_service_opens_nothing(service: Service) -> None:
    foreign = new_token().text
    told = service.settings.model_copy(update={"token": SecretStr(foreign), "host": "0.0.0.0"})
    with TestClient(create_app(told, service.database)) as client:
        for headers in ({}, bearer(foreign)):
            assert client.get("/jobs", headers=headers).status_code == 401


def test_beyond_loopback_a_token_is_demanded_though_the_last_was_revoked(service: Service) -> None:
    settings = service.settings.model_copy(update={"host": "0.0.0.0"})
    with TestClient(create_app(settings, service.database)) as client:
        assert client.get("/jobs").status_code == 401
        assert client.get("/healthz").status_code == 200


def test_what_is_not_declared_is_refused_though_the_app_had_it(service: Service) -> None:
    service.app.add_api_route("/undeclared", lambda: "secret", methods=["GET"])
    assert_problem(service.get("/undeclared"), 404, "not_found")
    answer = service.client.request("PUT", "/jobs")
    assert_problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"


@pytest.mark.anyio
async def test_a_look_holds_for_a_second_or_until_it_is_forgotten(
    keyring: Keyring, any_database: Database, seconds: Seconds
) -> None:
    assert await keyring.caller("") == ANYONE
    token_id, text = make(any_database, TokenScope.SUBMIT)
    seconds.now += 0.9
    assert await keyring.caller("") == ANYONE
    seconds.now += 0.1
    assert (await keyring.caller(f"Bearer {text}")).token_id == token_id
    revoke(any_database, token_id)
    assert (await keyring.caller(f"Bearer {text}")).scope is TokenScope.SUBMIT
    keyring.forget()
    assert await keyring.caller(f"Bearer {text}") == ANYONE


@pytest.mark.anyio
async def test_its_last_use_is_told_in_steps_of_minutes(
    keyring: Keyring, any_database: Database, seconds: Seconds, clock: SetClock
) -> None:
    token_id, text = make(any_database, TokenScope.READ)
    for _ in range(2):
        await keyring.caller(f"Bearer {text}")
        seconds.now += 1
    await keyring.caller(f"Bearer {text}")
    first = clock()
    assert row(any_database, token_id).last_used_at == first
    for wait, told in ((299, first), (1, first + timedelta(minutes=5))):
        clock.advance(wait)
        seconds.now += 1
        await keyring.caller(f"Bearer {text}")
        seconds.now += 1
        await keyring.caller(f"Bearer {text}")
        assert row(any_database, token_id).last_used_at == told


def test_a_database_holds_so_many_tokens_and_no_more(database: Database, clock: SetClock) -> None:
    with database.write() as session:
        for _ in range(store.MOST):
            session.add(_planted(new_token().id, clock))
    with database.write() as session, pytest.raises(store.TooManyTokens, match="revoke"):
        store.create(session, "one more", TokenScope.READ, clock())


def test_a_token_revoked_long_ago_is_forgotten_when_the_next_is_made(
    database: Database, clock: SetClock
) -> None:
    token_id, _ = make(database, TokenScope.READ)
    revoke(database, token_id)
    clock.advance(store.KEPT_DAYS * 86_400)
    make(database, TokenScope.READ)
    assert row(database, token_id).revoked_at is not None
    clock.advance(1)
    kept, _ = make(database, TokenScope.READ)
    with database.read() as session:
        assert token_id not in {token.id for token in store.every(session)}
        assert kept == store.every(session)[0].id


def _planted(token_id: str, clock: SetClock) -> Token:
    return Token(id=token_id, name="", scope="read", sha256="0" * 64, created_at=clock())


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
