"""The client's sentences: what a user reads when a service is away, refuses or breaks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cli.client import Client, client_for, job_path
from cli.embedded.ground import usable_port
from cli.errors import Refused, ServiceFailed, Unreachable, WrongUsage
from tests.unit.cli.fake_service import FakeService


def test_a_refused_connection_says_how_to_start_the_service() -> None:
    url = f"http://127.0.0.1:{usable_port('127.0.0.1', 0)}"
    with Client(url) as client, pytest.raises(Unreachable, match="start the service with `epochd up`"):
        client.get("/jobs")


@pytest.mark.parametrize("url", ["ftp://x", "localhost:8642", "http://[::", ""])
def test_an_address_that_is_none_is_told_as_such(url: str) -> None:
    with pytest.raises(Unreachable, match="is no address"), Client(url) as client:
        client.get("/jobs")


def test_a_refusal_names_every_field_that_is_wrong(service: FakeService) -> None:
    service.answers["POST /jobs"] = (
        422,
        {
            "detail": "trainer.epochs: must be positive (and 1 more)",
            "code": "invalid_spec",
            "fields": [
                {"field": "trainer.epochs", "message": "must be positive"},
                {"field": "", "message": "is odd"},
            ],
        },
    )
    with client_for(None) as client, pytest.raises(Refused) as refused:
        client.post("/jobs", {})
    assert str(refused.value).splitlines() == [
        "trainer.epochs: must be positive (and 1 more)",
        "  body: is odd",
    ]


@pytest.mark.parametrize(
    ("detail", "lines"),
    [
        ("trainer.epochs: must be positive", []),
        ("must be positive", []),
        ("the request is not valid", ["  trainer.epochs: must be positive"]),
    ],
)
def test_what_is_wrong_with_a_field_is_said_once(detail: str, lines: list[str], service: FakeService) -> None:
    fields = [{"field": "trainer.epochs", "message": "must be positive"}]
    service.answers["POST /jobs"] = (422, {"detail": detail, "code": "invalid_spec", "fields": fields})
    with client_for(None) as client, pytest.raises(Refused) as refused:
        client.post("/jobs", {})
    assert str(refused.value).splitlines() == [detail, *lines]


def test_a_refusal_that_is_no_problem_document_is_still_told(service: FakeService) -> None:
    service.answers["GET /jobs"] = (400, b"Invalid host header")
    with client_for(None) as client, pytest.raises(Refused, match="Invalid host header"):
        client.get("/jobs")


def test_a_broken_service_is_no_refusal(service: FakeService) -> None:
    service.answers["GET /jobs"] = (503, {"detail": "the database is locked"})
    with (
        client_for(None) as client,
        pytest.raises(ServiceFailed, match="failed with 503: the database is locked"),
    ):
        client.get("/jobs")


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'"text"'])
def test_something_else_that_listens_there_is_not_taken_for_epochd(body: bytes, service: FakeService) -> None:
    service.answers["GET /jobs"] = (200, body)
    with client_for(None) as client, pytest.raises(ServiceFailed, match="is it epochd"):
        client.get("/jobs")


def test_the_token_of_the_environment_is_sent(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHD_TOKEN", "secret")
    service.answers["GET /jobs"] = (200, {})
    with client_for(None) as client:
        client.get("/jobs")
    assert service.asked[0].headers["Authorization"] == "Bearer secret"


@pytest.mark.parametrize("token", ["geheim-schlüssel-16", "secret\n", "sec\x00ret", "“secret”"])
def test_a_token_that_no_header_can_hold_is_refused_without_being_told(
    token: str, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.client.os.environ", {"EPOCHD_URL": service.url, "EPOCHD_TOKEN": token})
    with pytest.raises(WrongUsage, match="EPOCHD_TOKEN must be of") as refused:
        client_for(None)
    assert token not in str(refused.value)
    assert service.asked == []


def test_a_proxy_of_the_environment_does_not_swallow_requests_to_this_machine(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    service.answers["GET /jobs"] = (200, {"jobs": []})
    with client_for(None) as client:
        assert client.get("/jobs") == {"jobs": []}


def test_the_time_is_that_of_the_services_clock(service: FakeService) -> None:
    service.answers["GET /jobs"] = (200, {})
    service.date = "Sat, 21 Nov 2026 09:20:58 GMT"
    told = datetime(2026, 11, 21, 9, 20, 58, tzinfo=UTC)
    with client_for(None) as client:
        client.get("/jobs")
        assert abs(client.now() - told) < timedelta(hours=1)


def test_a_time_that_is_none_is_told(service: FakeService) -> None:
    service.answers["GET /jobs"] = (200, {})
    service.date = "yesterday"
    with client_for(None) as client, pytest.raises(ServiceFailed, match="'yesterday', which is none"):
        client.get("/jobs")


def test_a_job_id_cannot_lead_to_another_path() -> None:
    assert job_path("../workers?x#y", "logs") == "/jobs/..%2Fworkers%3Fx%23y/logs"
