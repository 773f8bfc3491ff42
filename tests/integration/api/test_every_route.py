"""Nothing is open: every route there is, by every method, with every kind of credential that must not do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.app import create_app
from api.security import HEADERS
from api.tokens import store
from api.tokens.routes import ROUTES
from api.tokens.scope import TokenScope
from api.tokens.text import digest, new_token
from shared.db import Database
from shared.jobs.status import JobStatus
from tests.conftest import SetClock
from tests.factories import fetch_job, submit_job
from tests.integration.api.conftest import Service
from tests.integration.api.raw import Answer, Call, ask_all

METHODS = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "BREW",
)
UNKNOWN = (
    "/docs",
    "/redoc",
    "/docs/oauth2-redirect",
    "/nope",
    "/web",
    "/static/x",
    "/jobs/",
    "//",
    "/.env",
    "/admin",
)


@dataclass(frozen=True)
class Guarded:
    """A service that demands tokens, and one of each kind."""

    app: FastAPI
    job_id: str
    by_scope: dict[TokenScope, str]
    useless: dict[str, str]
    """What it is -> an Authorization header that opens nothing; empty for none."""

    def paths(self) -> list[tuple[str, str]]:
        """Template and a path of it, of every route the app has."""
        return [(template, self.fill(template)) for template in templates(self.app)]

    def fill(self, template: str) -> str:
        return (
            template.replace("{job_id}", self.job_id)
            .replace("{name:path}", "style.css")
            .replace("{name}", "noop")
            .replace("{artifact_id}", "0" * 20)
            .replace("{token_id}", "nobody00")
        )


def templates(app: FastAPI) -> list[str]:
    """The path of every route, however it came into the app."""
    return sorted({context.path for context in iter_route_contexts(app.routes) if context.path is not None})


@pytest.fixture
def guarded(service: Service, clock: SetClock) -> Iterator[Guarded]:
    database = service.database
    expired, revoked = make(database, TokenScope.ADMIN, days=1), make(database, TokenScope.ADMIN)
    with database.write() as session:
        store.revoke(session, revoked.split("_")[1], clock())
    clock.advance(86_400)
    by_scope = {scope: make(database, scope) for scope in TokenScope}
    admin = by_scope[TokenScope.ADMIN]
    useless = {
        "none": "",
        "expired": f"Bearer {expired}",
        "revoked": f"Bearer {revoked}",
        "of another service": f"Bearer {new_token().text}",
        "cut short": f"Bearer {admin[:-1]}",
        "its id alone": f"Bearer {admin.split('_')[1]}",
        "its hash": f"Bearer {digest(admin)}",
        "another scheme": f"Basic {admin}",
        "two": f"Bearer {admin}, Bearer {admin}",
        "nothing after it": "Bearer ",
        "null": "Bearer null",
    }
    job = submit_job(database)
    yield Guarded(create_app(service.settings, database), job.id, by_scope, useless)
    assert fetch_job(database, job.id).status == JobStatus.QUEUED  # none of it touched the job


def make(database: Database, scope: TokenScope, days: int | None = None) -> str:
    with database.write() as session:
        return store.create(session, f"a {scope} token", scope, database.now(session), days)[1].text


def test_every_route_declares_its_scope_and_nothing_else_does(guarded: Guarded) -> None:
    declared = {(path, method) for path, needs in ROUTES.items() for method in needs}
    found = {
        (context.path, method)
        for context in iter_route_contexts(guarded.app.routes)
        for method in context.methods or ("MOUNTED",)
        if method != "HEAD"
    }
    assert declared == found


def test_without_a_token_that_works_only_the_page_and_liveness_answer(guarded: Guarded) -> None:
    for what, header in guarded.useless.items():
        headers = {"Authorization": header} if header else {}
        for template, path in [*guarded.paths(), *((path, path) for path in UNKNOWN)]:
            calls = [Call(method, path, headers) for method in METHODS]
            for call, answer in zip(calls, ask_all(guarded.app, calls), strict=True):
                assert_headers(answer)
                if call.method in ("GET", "HEAD") and ROUTES.get(template, {}).get("GET", "") is None:
                    assert answer.status in (200, 405), (what, call)
                    continue
                assert answer.status == 401, (what, call, answer)
                code = "token_expired" if what == "expired" else "unauthorized"
                assert answer.problem["code"] == code, (what, call)
                assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scope", TokenScope)
def test_a_token_too_weak_is_told_which_scope_is_needed(guarded: Guarded, scope: TokenScope) -> None:
    headers = {"Authorization": f"Bearer {guarded.by_scope[scope]}"}
    refused = 0
    for template, needs in ROUTES.items():
        for method, needed in needs.items():
            if needed is None or scope.covers(needed):
                continue
            answer = ask_all(guarded.app, [Call(method, guarded.fill(template), headers)])[0]
            assert (answer.status, answer.problem["code"]) == (403, "scope_too_weak"), template
            assert f"needs a token of scope {needed}" in answer.problem["detail"]
            assert_headers(answer)
            refused += 1
    assert refused == {TokenScope.READ: 7, TokenScope.SUBMIT: 4, TokenScope.ADMIN: 0}[scope]


def test_a_method_nobody_declared_is_not_there_for_the_strongest_token(guarded: Guarded) -> None:
    headers = {"Authorization": f"Bearer {guarded.by_scope[TokenScope.ADMIN]}"}
    for template, path in guarded.paths():
        methods = [method for method in METHODS if method not in ROUTES[template] and method != "HEAD"]
        methods = [method for method in methods if not (path.startswith("/tokens/") and method == "DELETE")]
        for answer in ask_all(guarded.app, [Call(method, path, headers) for method in methods]):
            assert (answer.status, answer.problem["code"]) == (405, "method_not_allowed")
            assert answer.headers["allow"]
            assert_headers(answer)
    for answer in ask_all(guarded.app, [Call("GET", path, headers) for path in UNKNOWN]):
        assert (answer.status, answer.problem["code"]) == (404, "not_found")


def assert_headers(answer: Answer) -> None:
    for name, value in HEADERS.items():
        found = answer.headers[name.lower()]
        assert found == value or (
            name == "Content-Security-Policy" and found.startswith("default-src 'none'")
        )
