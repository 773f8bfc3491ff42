"""Host names, other sites' pages, the token, the headers: over every route there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from api.app import create_app
from shared.settings import Settings
from tests.integration.api.conftest import Service, TestClient
from tests.integration.api.planting import assert_problem

TOKEN = "correct-horse-battery-staple"

UNSAFE = [
    ("POST", "/jobs"),
    ("POST", "/jobs/{id}/cancel"),
    ("POST", "/jobs/{id}/resume"),
    ("DELETE", "/jobs/{id}"),
    ("POST", "/tokens"),
    ("DELETE", "/tokens/{id}"),
]


def test_the_unsafe_calls_are_all_that_there_are(service: Service) -> None:
    found = {(method, path) for method, path in _calls(service) if method != "GET"}
    assert found == {
        (method, path.replace("{id}", f"{{{path.split('/')[1][:-1]}_id}}")) for method, path in UNSAFE
    }


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8642", "127.0.0.1", "127.0.0.1:8642", "[::1]:8642", "[::1]"],
)
def test_our_own_host_names_are_answered(service: Service, host: str) -> None:
    assert service.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "evil.example:8642", "127.0.0.1.nip.io", "localhost@evil", "",
     "::1", "127.0.0.2", "localhost:8642:evil", "localhost:", "[::1", "0.0.0.0", "localhost.",
     "testserver", " "],
)  # fmt: skip
def test_other_host_names_are_refused_on_every_route(service: Service, host: str) -> None:
    for method, path in _calls(service):
        answer = service.client.request(method, path, headers={"Host": host})
        assert_problem(answer, 421, "host_not_allowed")


@pytest.mark.parametrize(("method", "path"), UNSAFE)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:81"},
        {"Origin": "file://localhost"},
        {"Origin": "http://evil@localhost"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
)
def test_a_page_of_another_site_changes_nothing(
    service: Service, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = service.client.request(method, path.replace("{id}", "0" * 22), headers=headers)
    assert_problem(answer, 403, "cross_site_request")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Origin": "https://LocalHost"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_our_own_page_and_programs_may_submit(service: Service, headers: dict[str, str]) -> None:
    assert service.post("/jobs", {"workload": "noop"}, headers=headers).status_code == 201


def test_reading_needs_no_origin_and_gives_no_other_site_leave(service: Service) -> None:
    answer = service.get("/jobs", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_every_answer_carries_the_headers_that_keep_it_harmless(service: Service) -> None:
    for path in ("/", "/jobs", "/nope", "/web/main.js", "/metrics", "/jobs?x=1"):
        headers = service.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]


def test_without_the_token_only_liveness_and_the_page_are_answered(
    guarded: TestClient, service: Service
) -> None:
    for method, path in _calls(service):
        answer = guarded.request(method, path)
        if path in ("/", "/healthz"):
            assert answer.status_code == 200
        else:
            assert_problem(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
    for path in ("/openapi.json", "/nope", "/docs", "/healthz/", "/HEALTHZ", "/web"):
        assert guarded.get(path).status_code == 401
    assert guarded.get("/web/style.css").status_code == 200
    assert guarded.get("/web/nope").status_code == 404


@pytest.mark.parametrize(
    "given",
    ["", "Bearer", "Bearer ", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}",
     f"Bearer {TOKEN.upper()}", f"Bearer {TOKEN}, Bearer x"],
)  # fmt: skip
def test_what_is_not_the_token_does_not_open(guarded: TestClient, given: str) -> None:
    assert_problem(guarded.get("/jobs", headers={"Authorization": given}), 401, "unauthorized")


def test_the_token_opens(guarded: TestClient) -> None:
    for scheme in ("Bearer", "bearer"):
        assert guarded.get("/jobs", headers={"Authorization": f"{scheme} {TOKEN}"}).status_code == 200


def test_the_token_is_nowhere_to_be_read(service: Service) -> None:
    assert TOKEN not in repr(Settings(token=SecretStr(TOKEN)))


@pytest.fixture
def guarded(service: Service) -> Iterator[TestClient]:
    settings = service.settings.model_copy(update={"token": SecretStr(TOKEN)})
    with TestClient(create_app(settings, service.database), raise_server_exceptions=False) as client:
        yield client


def _calls(service: Service) -> list[tuple[str, str]]:
    document: dict[str, Any] = httpx.Response(200, content=service.get("/openapi.json").content).json()
    return [(method.upper(), path) for path, item in document["paths"].items() for method in item]
