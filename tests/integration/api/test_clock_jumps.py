"""Clocks that are set, shift for summer or sleep: no lease is stolen, nothing lasts less than no time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.maintenance.reaper import Reaper
from shared.jobs import store, transitions
from shared.jobs.status import JobStatus, Reason
from tests.factories import claim_job, fetch_job, submit_job
from tests.integration.api.conftest import Service
from worker.protocol import encode
from worker.supervision.ingest import open_tails

LEASE, GRACE, BEAT, ROUND = 30.0, 15.0, 5, 2
HOUR, DAY = 3600.0, 86_400.0

STEPS = [HOUR, -HOUR, DAY, -DAY, 0.9, -0.9, 40.0, -40.0, 180 * DAY, -180 * DAY]
SWITCHES = [datetime(2026, 3, 29, 0, 59, 40, tzinfo=UTC), datetime(2026, 10, 25, 0, 59, 40, tzinfo=UTC)]
"""Just before the clocks of central Europe go to summer time and back."""


class Machine:
    """A holder that beats and a reaper that looks; time passes for both, the database's clock is also set."""

    def __init__(self, service: Service) -> None:
        self.service, self.database = service, service.database
        self.passed = 1000.0
        self.reaper = Reaper(self.database, LEASE, GRACE, lambda: self.passed, None)
        self.expired = 0

    def run(self, seconds: int, holder: str | None) -> None:
        for second in range(seconds):
            self.sleep(1)
            if second % ROUND == 0:  # before the beat of the same second: the worst order
                self.expired += self.reaper.run_once()["leases expired"]
            if holder is not None and second % BEAT == 0:
                self.beat(holder)

    def beat(self, job_id: str) -> None:
        with self.database.write() as session:
            until = self.database.now(session) + timedelta(seconds=LEASE)
            store.heartbeat(session, job_id, 1, until)

    def sleep(self, seconds: float) -> None:
        self.passed += seconds
        self.service.clock.advance(seconds)


@pytest.fixture
def machine(service: Service) -> Machine:
    return Machine(service)


def start(machine: Machine) -> str:
    """A job that was claimed and has run for a minute."""
    job_id = submit_job(machine.database).id
    assert claim_job(machine.database, lease_seconds=LEASE) is not None
    machine.run(60, job_id)
    return job_id


@pytest.mark.parametrize("step", STEPS)
def test_a_database_clock_that_is_set_steals_no_lease_and_makes_no_wait_longer(
    machine: Machine, step: float
) -> None:
    job_id = start(machine)
    waiting, backing_off = submit_job(machine.database).id, submit_job(machine.database, priority=9).id
    crash(machine, backing_off, delay=60.0)
    machine.service.clock.advance(step)
    machine.run(120, job_id)
    assert machine.expired == 0
    job = fetch_job(machine.database, job_id)
    assert (job.status, job.attempt) == (JobStatus.RUNNING, 1)
    assert {claimed(machine), claimed(machine)} == {waiting, backing_off}
    finish(machine, job_id)
    assert_no_time_runs_backwards(machine.service)


@pytest.mark.parametrize("step", STEPS)
def test_a_holder_that_died_loses_its_lease_in_time_whatever_the_clock(machine: Machine, step: float) -> None:
    job_id = start(machine)
    machine.service.clock.advance(step)
    machine.run(int(2 * (LEASE + GRACE)) + 2 * ROUND, None)
    job = fetch_job(machine.database, job_id)
    assert (job.status, job.reason) == (JobStatus.QUEUED, Reason.LEASE_EXPIRED)
    assert_no_time_runs_backwards(machine.service)


@pytest.mark.parametrize("hours", [1, 8])
def test_a_machine_that_slept_with_all_its_processes_gives_nothing_away(machine: Machine, hours: int) -> None:
    job_id = start(machine)
    machine.sleep(hours * HOUR)
    machine.run(120, job_id)
    assert machine.expired == 0
    finish(machine, job_id)
    assert_no_time_runs_backwards(machine.service)


@pytest.mark.parametrize("before", SWITCHES)
def test_summer_time_is_nothing_to_us(machine: Machine, central_europe: None, before: datetime) -> None:
    machine.service.clock.now = before
    job_id = start(machine)
    machine.run(60, job_id)
    assert machine.expired == 0
    finish(machine, job_id)
    (attempt,) = machine.service.json(f"/jobs/{job_id}")["attempts"]
    assert lasted(attempt["started_at"], attempt["ended_at"]) == 120


@pytest.mark.parametrize("wrong", [HOUR, -HOUR, DAY, -DAY])
def test_a_trainer_whose_clock_is_wrong_moves_no_time_of_its_job(machine: Machine, wrong: float) -> None:
    job_id = start(machine)
    heard(machine, job_id, machine.service.clock.now.timestamp() + wrong)
    machine.run(60, job_id)
    finish(machine, job_id)
    job = machine.service.json(f"/jobs/{job_id}")
    assert job["progress"]["step"] == 1
    assert lasted(job["started_at"], job["finished_at"]) == 120
    assert_no_time_runs_backwards(machine.service)


@pytest.fixture
def central_europe(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process believes to be in central Europe."""
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def crash(machine: Machine, job_id: str, delay: float) -> None:
    """Its first attempt ended and it is to be tried again after the delay."""
    assert claimed(machine) == job_id
    with machine.database.write() as session:
        now = machine.database.now(session)
        due_at = now + timedelta(seconds=delay)
        store.apply(session, job_id, transitions.requeue(1, due_at, Reason.CRASHED, "boom", 1), now)


def claimed(machine: Machine) -> str | None:
    job = claim_job(machine.database, "another", LEASE)
    return None if job is None else job.id


def finish(machine: Machine, job_id: str) -> None:
    with machine.database.write() as session:
        now = machine.database.now(session)
        store.apply(session, job_id, transitions.succeed(1, now), now)


def heard(machine: Machine, job_id: str, wall: float) -> None:
    """Its trainer speaks, by a clock of its own."""
    events = machine.service.run_dir(job_id).create(1).events
    fields = {"epoch": 1, "epochs": 2, "step": 1, "steps": 2, "percent": 50.0}
    message = {"type": "progress", "time": wall, **fields, "eta_seconds": 1.0, "samples_per_second": 1.0}
    point = {"type": "points", "time": wall, "split": "train", "epoch": 1, "step": 1, "values": {"loss": 1}}
    events.write_bytes(encode(message) + encode(point))
    for tail in open_tails(machine.database, job_id, 1, {1: events}):
        tail.read_all()


def assert_no_time_runs_backwards(service: Service) -> None:
    """In no job, attempt or gauge of the service."""
    for summary in service.json("/jobs")["jobs"]:
        job = service.json(f"/jobs/{summary['id']}")
        for began, ended in spans(job):
            assert lasted(began, ended) >= 0, job
    for metric in text_string_to_metric_families(service.get("/metrics").text):
        assert all(sample.value >= 0 for sample in metric.samples), metric


def spans(job: dict[str, Any]) -> list[tuple[str, str]]:
    """(begin, end) of everything about a job that has both."""
    pairs = [(job["created_at"], job["started_at"]), (job["started_at"] or "", job["finished_at"])]
    pairs += [(attempt["started_at"], attempt["ended_at"]) for attempt in job["attempts"]]
    return [(began, ended) for began, ended in pairs if ended is not None]


def lasted(began: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds()
