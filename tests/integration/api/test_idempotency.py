"""Idempotency-Key: one key, one body, one job, whoever asks at the same time."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import func, select

from shared.jobs import store
from shared.models import Job
from tests.factories import running_job
from tests.integration.api.conftest import Service
from tests.integration.api.planting import assert_problem, end, plant_checkpoint

BODY = {"workload": "noop", "name": "once"}


def test_the_same_key_and_body_give_the_same_job_and_say_so(service: Service) -> None:
    first, second = (_submit(service, "k1") for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.json()["id"] == second.json()["id"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["location"] == first.headers["location"]


def test_the_same_body_with_its_keys_in_another_order_is_the_same_body(service: Service) -> None:
    first = _submit(service, "k1")
    turned = service.post("/jobs", dict(reversed(BODY.items())), headers={"Idempotency-Key": "k1"})
    assert turned.json()["id"] == first.json()["id"]


def test_another_body_under_a_used_key_is_refused(service: Service) -> None:
    _submit(service, "k1")
    answer = service.post("/jobs", {**BODY, "name": "twice"}, headers={"Idempotency-Key": "k1"})
    assert_problem(answer, 422, "idempotency_mismatch")


def test_fifty_at_once_with_one_key_make_one_job(service: Service) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: _submit(service, "race"), range(50)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
    assert _count(service) == 1


def test_fifty_keys_fifty_times_each_in_any_order_make_fifty_jobs(service: Service) -> None:
    keys = [f"key-{number}" for number in range(50)] * 50
    random.Random(50).shuffle(keys)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda key: (key, _submit(service, key)), keys))
    assert {answer.status_code for _, answer in answers} == {201}
    assert len({(key, answer.json()["id"]) for key, answer in answers}) == 50
    assert sum("idempotency-replayed" not in answer.headers for _, answer in answers) == 50
    assert _count(service) == 50


def test_sixty_at_once_with_their_own_keys_make_sixty_jobs(service: Service) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: _submit(service, f"k{number}"), range(60)))
    assert len({answer.json()["id"] for answer in answers}) == _count(service) == 60


def test_a_replay_does_not_need_the_source_checkpoint_any_more(service: Service) -> None:
    source = running_job(service.database)
    plant_checkpoint(service.database, source, 1, best=True)
    end(service.database, source)
    body = {"workload": "noop", "kind": "eval", "init_from": {"job": source.id}}
    first = service.post("/jobs", body, headers={"Idempotency-Key": "k1"})
    with service.database.write() as session:
        store.delete_job(session, source.id)
    again = service.post("/jobs", body, headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])


@pytest.mark.parametrize("key", ["", "with space", "x" * 201, "tab\t", "umlaut-\xfc".encode("latin-1")])
def test_a_key_that_is_no_key_is_refused_by_name(service: Service, key: str | bytes) -> None:
    answer = service.post("/jobs", BODY, headers=[(b"Idempotency-Key", key)])
    assert_problem(answer, 422, "invalid_request", "idempotency-key")


def _submit(service: Service, key: str) -> httpx.Response:
    return service.post("/jobs", BODY, headers={"Idempotency-Key": key})


def _count(service: Service) -> int:
    with service.database.read() as session:
        return session.scalar(select(func.count()).select_from(Job)) or 0
