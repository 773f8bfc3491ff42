"""Whatever is sent: never a 5xx, always a problem document, and it names the field."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.factories import submit_job
from tests.integration.api import malformed
from tests.integration.api.conftest import Service
from tests.integration.api.planting import assert_problem

JSON = {"Content-Type": "application/json"}

SPECS = list(malformed.specs())
BODIES = list(malformed.bodies())


def test_there_are_two_hundred_and_more() -> None:
    assert len(SPECS) + len(BODIES) >= 200


def test_every_malformed_spec_is_refused_by_the_name_of_its_field(service: Service) -> None:
    for what, body, field in SPECS:
        answer = _send(service, body)
        assert answer.status_code == 422, (what, answer.text)
        named = [item["field"] for item in answer.json()["fields"]]
        assert field in named, (what, answer.text)
        assert answer.json()["detail"].count("\n") == 0
    assert service.json("/jobs")["jobs"] == []


@pytest.mark.parametrize("path", ["/jobs", "/jobs/{id}/cancel", "/jobs/{id}/resume"])
def test_every_malformed_body_is_refused_by_the_name_of_its_field(service: Service, path: str) -> None:
    job = submit_job(service.database)
    for what, body, field in BODIES:
        if not body and path != "/jobs":
            continue  # these two may be asked without a body
        answer = service.client.post(path.replace("{id}", job.id), content=body, headers=JSON)
        assert answer.status_code == 400, (what, answer.text)
        assert_problem(answer, 400, "malformed_body", field)
        assert answer.json()["detail"].startswith(field or "body"), what


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml",
     "application/json; charset=utf-16", "application/json; charset=latin-1", "application/jsonx"],
)  # fmt: skip
def test_a_body_of_another_type_is_refused(service: Service, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = service.client.post("/jobs", content=b'{"workload":"noop"}', headers=headers)
    assert_problem(answer, 415, "unsupported_media_type", "Content-Type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"']
)
def test_json_in_utf_8_is_taken_however_it_is_spelled(service: Service, content_type: str) -> None:
    answer = service.client.post(
        "/jobs", content=b'{"workload":"noop"}', headers={"Content-Type": content_type}
    )
    assert answer.status_code == 201


def test_a_compressed_body_is_refused(service: Service) -> None:
    headers = {**JSON, "Content-Encoding": "gzip"}
    answer = service.client.post("/jobs", content=b"\x1f\x8b", headers=headers)
    assert_problem(answer, 415, "unsupported_media_type", "Content-Encoding")


def test_a_body_that_announces_too_many_bytes_is_refused(service: Service) -> None:
    answer = _send(service, b" " * (service.settings.max_body_bytes + 1))
    assert_problem(answer, 413, "body_too_large")


def test_a_body_that_announces_nothing_is_cut_off_while_it_streams(service: Service) -> None:
    sent = 0

    def endless() -> Any:
        nonlocal sent
        while sent < 64 * service.settings.max_body_bytes:
            sent += 65_536
            yield b" " * 65_536

    answer = service.client.post("/jobs", content=endless(), headers=JSON)
    assert_problem(answer, 413, "body_too_large")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("cancel", {"grace_seconds": -1}, "grace_seconds"),
        ("cancel", {"grace_seconds": "1"}, "grace_seconds"),
        ("cancel", {"grace_seconds": 1e9}, "grace_seconds"),
        ("cancel", {"force": True}, "force"),
        ("resume", {"from": "../best"}, "from"),
        ("resume", {"from": None}, "from"),
        ("resume", {"from": "x" * 81}, "from"),
        ("resume", {"from_": "last"}, "from_"),
        ("resume", {"epochs": 0}, "epochs"),
        ("resume", {"epochs": 2.5}, "epochs"),
        ("resume", {"epochs": "9"}, "epochs"),
        ("resume", {"epochs": 10**18}, "epochs"),
        ("resume", {"trainer": {"epochs": 9}}, "trainer"),
    ],
)
def test_cancel_and_resume_name_the_bad_field(
    service: Service, path: str, body: dict[str, Any], field: str
) -> None:
    job = submit_job(service.database)
    assert_problem(service.post(f"/jobs/{job.id}/{path}", body), 422, "invalid_request", field)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/jobs?limit=0", "limit"),
        ("/jobs?limit=201", "limit"),
        ("/jobs?limit=many", "limit"),
        ("/jobs?limit=" + "9" * 400, "limit"),
        ("/jobs?status=done", "status.0"),
        ("/jobs?status=queued&status=", "status.1"),
        ("/jobs?kind=dance", "kind"),
        ("/jobs?cursor=nonsense", "cursor"),
        ("/jobs?cursor=ajowMTIz", "cursor"),
        ("/jobs?cursor=%00%ff", "cursor"),
        ("/jobs?tag=" + "x" * 65, "tag"),
        ("/jobs?order=asc", "order"),
        ("/jobs/{id}/metrics?after=17", "after"),
        ("/jobs/{id}/metrics?after=r17", "after"),
        ("/jobs/{id}/metrics?after=m-1", "after"),
        ("/jobs/{id}/metrics?after=m" + "9" * 30, "after"),
        ("/jobs/{id}/metrics?limit=10001", "limit"),
        ("/jobs/{id}/metrics?wait=31", "wait"),
        ("/jobs/{id}/metrics?wait=nan", "wait"),
        ("/jobs/{id}/metrics?wait=-1", "wait"),
        ("/jobs/{id}/metrics?max_points=1", "max_points"),
        ("/jobs/{id}/metrics?max_points=100&after=m0", "after"),
        ("/jobs/{id}/metrics?max_points=100&wait=1", "wait"),
        ("/jobs/{id}/metrics?name=" + "x" * 65, "name.0"),
        ("/jobs/{id}/memory?after=m1", "after"),
        ("/jobs/{id}/memory?name=rss", "name"),
        ("/jobs/{id}/events?after=m1", "after"),
        ("/jobs/{id}/events?limit=0", "limit"),
        ("/jobs/{id}/logs?offset=-1", "offset"),
        ("/jobs/{id}/logs?limit=1", "limit"),
        ("/jobs/{id}/logs?tail=3&offset=1", "offset"),
    ],
)
def test_bad_parameters_are_refused_by_name(service: Service, path: str, field: str) -> None:
    job = submit_job(service.database)
    answer = service.get(path.replace("{id}", job.id))
    assert answer.status_code == 422
    assert field in [item["field"] for item in answer.json()["fields"]], answer.text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
        max_leaves=12,
    ),
    st.sampled_from(
        ["", "workload", "preset", "trainer", "trainer.epochs", "tags", "data", "init_from", "x"]
    ),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_json_whatsoever_brings_the_service_down(service: Service, value: Any, field: str) -> None:
    nested: Any = value
    for part in reversed(field.split(".") if field else []):
        nested = {part: nested}
    body = {"workload": "noop", **nested} if field and isinstance(nested, dict) else nested
    answer = service.client.post("/jobs?dry_run=true", content=json.dumps(body).encode(), headers=JSON)
    assert answer.status_code < 500, answer.text
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["fields"]


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_whatsoever_bring_the_service_down(service: Service, body: bytes) -> None:
    answer = _send(service, body)
    assert answer.status_code in (400, 422)
    assert answer.json()["fields"]


def _send(service: Service, body: bytes) -> httpx.Response:
    answer: httpx.Response = service.client.post("/jobs", content=body, headers=JSON)
    return answer
