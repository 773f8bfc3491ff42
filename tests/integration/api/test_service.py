"""Health, Prometheus, fleet, workloads, the OpenAPI document, and errors nobody foresaw."""

from __future__ import annotations

import logging
import re
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from api import queries
from shared.models import Worker
from tests.factories import running_job, submit_job
from tests.integration.api.conftest import Service
from tests.integration.api.planting import assert_problem

CALLS = [
    "DELETE /jobs/{job_id}",
    "DELETE /tokens/{token_id}",
    "GET /",
    "GET /healthz",
    "GET /jobs",
    "GET /jobs/{job_id}",
    "GET /jobs/{job_id}/artifacts",
    "GET /jobs/{job_id}/artifacts/{artifact_id}",
    "GET /jobs/{job_id}/checkpoints",
    "GET /jobs/{job_id}/events",
    "GET /jobs/{job_id}/logs",
    "GET /jobs/{job_id}/memory",
    "GET /jobs/{job_id}/metrics",
    "GET /metrics",
    "GET /readyz",
    "GET /slots",
    "GET /tokens",
    "GET /tokens/me",
    "GET /workers",
    "GET /workloads",
    "GET /workloads/{name}",
    "POST /jobs",
    "POST /jobs/{job_id}/cancel",
    "POST /jobs/{job_id}/resume",
    "POST /tokens",
]


def test_the_document_lists_the_calls_that_are_fixed(service: Service) -> None:
    document = service.json("/openapi.json")
    found = [f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item]
    assert sorted(found) == CALLS


def test_every_call_is_documented_with_its_errors_as_problems(service: Service) -> None:
    document = service.json("/openapi.json")
    for path, item in document["paths"].items():
        for method, operation in item.items():
            what = f"{method} {path}"
            assert operation["summary"] and operation["tags"], what
            errors = {
                int(status): answer for status, answer in operation["responses"].items() if status >= "4"
            }
            assert {421, 422, 500} <= set(errors), what
            assert ("{" in path) == (404 in errors), what
            for status, answer in errors.items():
                assert list(answer["content"]) == ["application/problem+json"], (what, status)
    text = service.get("/openapi.json").text
    assert "HTTPValidationError" not in text
    names = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert names <= set(document["components"]["schemas"])


def test_unknown_parameters_are_refused_by_name_on_every_call(service: Service) -> None:
    job = submit_job(service.database)
    for call in CALLS:
        method, path = call.split(" ")
        where = path.replace("{job_id}", job.id).replace("{name}", "noop").replace("{artifact_id}", "x")
        answer = service.client.request(method, f"{where}?surprise=1")
        if call in ("POST /jobs", "POST /tokens"):
            assert answer.status_code in (415, 422)
        else:
            assert_problem(answer, 422, "invalid_request", "surprise")


def test_liveness_does_not_need_the_database(service: Service) -> None:
    service.database.close()
    assert service.json("/healthz") == {"status": "ok"}


def test_readiness_says_which_part_fails(service: Service) -> None:
    assert service.json("/readyz") == {"ready": True, "checks": {"database": "ok", "runs": "ok"}}
    service.settings.resolved_runs_dir.rmdir()
    answer = service.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "checks": {"database": "ok", "runs": "is not there"}}


def test_readiness_names_a_database_without_its_tables(service: Service, tmp_path: Path) -> None:
    _wreck(tmp_path)
    answer = service.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"].startswith("does not answer")


def test_a_database_that_does_not_answer_is_a_503_to_retry(service: Service, tmp_path: Path) -> None:
    _wreck(tmp_path)
    for answer in (service.get("/jobs"), service.post("/jobs", {"workload": "noop"})):
        assert_problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "1"


def test_an_error_nobody_foresaw_tells_the_client_nothing_and_the_log_all(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(*_: object) -> None:
        raise RuntimeError("the secret sauce")

    monkeypatch.setattr(queries, "list_jobs", explode)
    with caplog.at_level(logging.ERROR):
        answer = service.get("/jobs")
    assert_problem(answer, 500, "internal_error")
    assert "secret sauce" not in answer.text
    number = answer.json()["detail"].split()[-1]
    assert number in caplog.text and "the secret sauce" in caplog.text
    assert _value(service, "epochd_unexpected_errors_total") == 1


def test_paths_and_methods_that_are_not_there_are_problems(service: Service) -> None:
    for path in ("/nope", "/jobs/", "/jobs/1/2/3", "/docs", "/redoc"):
        assert_problem(service.get(path), 404, "not_found")
    for method, path in (("PUT", "/jobs"), ("PATCH", "/jobs/x"), ("DELETE", "/jobs"), ("POST", "/metrics")):
        answer = service.client.request(method, path)
        assert_problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"]


def test_every_call_on_a_job_that_is_not_there_is_not_found(service: Service) -> None:
    for call in CALLS:
        method, path = call.split(" ")
        if "{job_id}" in path:
            for missing in ("0" * 22, "x", "ABC", "%00"):
                where = path.replace("{job_id}", missing).replace("{artifact_id}", "x")
                assert_problem(service.client.request(method, where), 404, "not_found")


def test_workloads_show_schema_and_presets(service: Service) -> None:
    listed = {item["name"]: item for item in service.json("/workloads")["workloads"]}
    assert listed["celestial"]["presets"] == ["smoke", "medium", "production"]
    shown = service.json("/workloads/celestial")
    assert shown["presets"]["production"]["model"] == {"d_model": 130}
    assert {"data", "model", "trainer"} <= set(shown["schema"]["properties"])
    assert shown["metrics"][0] == "train/loss"
    assert_problem(service.get("/workloads/nobody"), 404, "not_found")


def test_workers_show_what_they_run_and_who_is_silent(service: Service) -> None:
    _plant_worker(service, "worker-1", 0)
    _plant_worker(service, "worker-0", 31)
    job = running_job(service.database)
    alive, silent = service.json("/workers")["workers"]
    assert (alive["id"], alive["alive"], alive["busy"], alive["running"]) == ("worker-1", True, 1, [job.id])
    spec = service.json(f"/jobs/{job.id}")["spec"]["resources"]
    assert alive["used"] == {name: spec[name] for name in ("cpus", "memory_gib", "gpus")}
    assert silent["used"] == {"cpus": 0, "memory_gib": 0, "gpus": 0}
    assert (silent["id"], silent["alive"], silent["busy"]) == ("worker-0", False, 0)


def _value(service: Service, name: str) -> float:
    for line in service.get("/metrics").text.splitlines():
        if line.startswith(f"{name} "):
            return float(line.rsplit(" ", 1)[1])
    raise AssertionError(f"no series {name}")


def _plant_worker(service: Service, worker_id: str, silent_seconds: float) -> None:
    with service.database.write() as session:
        row = Worker(
            id=worker_id,
            host="box",
            pid=1,
            queues=["cpu"],
            slots=4,
            cpus=4.0,
            memory_gib=8.0,
            gpus=0,
            pressure={},
            started_at=service.clock.now,
            heartbeat_at=service.clock.now - timedelta(seconds=silent_seconds),
        )
        session.add(row)


def _wreck(folder: Path) -> None:
    with sqlite3.connect(folder / "epochd.db") as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("ALTER TABLE jobs RENAME TO lost")
    connection.close()
