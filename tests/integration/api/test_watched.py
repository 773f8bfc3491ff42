"""What the alerts watch in /metrics: stuck queues, and the worst of all running jobs."""

from __future__ import annotations

import math
from typing import Any

import pytest
from sqlalchemy import select

from api.scrape.standing import StandingTable
from shared import telemetry
from shared.jobs import store, transitions
from shared.jobs.status import Reason
from shared.models import Job
from tests.conftest import SetClock
from tests.factories import claim_job, fetch_job, running_job, submit_job
from tests.integration.api.conftest import Service
from tests.integration.api.planting import end, fail, plant_checkpoint, plant_points
from tests.integration.api.scraped import SLOT, change, plant_worker, report, scraped

ONE_GPU = {"gpus": 1, "cpus": 1}


def test_a_job_that_waits_for_its_turn_is_not_stuck_however_many_slots_are_free(service: Service) -> None:
    running_job(service.database, resources=ONE_GPU)
    submit_job(service.database, resources=ONE_GPU)
    service.clock.advance(2000)
    plant_worker(service, "worker-1", queues=["cpu", "gpu"], gpus=1)
    told = scraped(service)
    assert told['epochd_worker_slots{state="free"}'] == 3
    assert told['epochd_queue_oldest_seconds{queue="gpu"}'] == 2000
    assert told['epochd_queue_stuck_seconds{queue="gpu"}'] == 0


def test_a_job_that_no_worker_serves_or_is_large_enough_for_is_stuck(service: Service) -> None:
    submit_job(service.database, resources=ONE_GPU)
    service.clock.advance(500)
    submit_job(service.database, resources={"cpus": 5})
    service.clock.advance(1500)
    plant_worker(service, "worker-1", queues=["cpu"])
    plant_worker(service, "worker-2", silent_seconds=31, queues=["cpu", "gpu"], gpus=8, cpus=8.0)
    told = scraped(service)
    assert told['epochd_queue_stuck_seconds{queue="gpu"}'] == 2000
    assert told['epochd_queue_stuck_seconds{queue="cpu"}'] == 1500


def test_a_job_is_stuck_where_a_worker_has_room_and_starts_nothing(service: Service) -> None:
    plant_worker(service, "worker-1", silent_seconds=-3000)
    submit_job(service.database)
    service.clock.advance(1000)
    assert scraped(service)['epochd_queue_stuck_seconds{queue="cpu"}'] == 1000
    submit_job(service.database, priority=1)
    claim_job(service.database)
    service.clock.advance(10)
    assert scraped(service)['epochd_queue_stuck_seconds{queue="cpu"}'] == 10, "others have their turn"
    service.clock.advance(990)
    assert scraped(service)['epochd_queue_stuck_seconds{queue="cpu"}'] == 1000


def test_the_newest_failure_of_a_loss_is_told_by_its_time(service: Service) -> None:
    assert scraped(service)["epochd_loss_failed_timestamp_seconds"] == 0
    older, newer = running_job(service.database), running_job(service.database)
    for job in (older, newer):
        now = service.clock.advance(60)
        failed = transitions.fail(job.attempt, now, Reason.NON_FINITE_LOSS, "NaN")
        with service.database.write() as session:
            store.apply(session, job.id, failed, now)
    at = service.clock.now.timestamp()
    service.clock.advance(60)
    fail(service.database, running_job(service.database))
    assert scraped(service)["epochd_loss_failed_timestamp_seconds"] == at
    with service.database.write() as session:
        store.delete_job(session, older.id)
    assert scraped(service)["epochd_loss_failed_timestamp_seconds"] == at
    with service.database.write() as session:
        store.delete_job(session, newer.id)
    assert scraped(service)["epochd_loss_failed_timestamp_seconds"] == 0


def test_the_worst_of_all_running_jobs_is_told_though_it_has_no_slot(service: Service) -> None:
    seated = [running_job(service.database) for _ in range(telemetry.SLOTS)]
    assert scraped(service)["epochd_losses_not_finite"] == 0
    beyond = running_job(service.database)
    service.clock.advance(4000)
    for job in (*seated, beyond):
        report(service, job)
        plant_points(service.database, job, [None, 3.0], split="val")
    for job in seated:
        plant_checkpoint(service.database, job, 0)
    change(service, *seated, checkpoint_step=0)
    plant_points(service.database, beyond, [3.0, None])
    swap = {"swap_in_bytes_per_second": 7, "swap_out_bytes_per_second": 8, "rss_bytes": 1}
    change(service, beyond, memory={"latest": swap})
    told = scraped(service)
    assert not [name for name, value in told.items() if "epochd_running_loss" in name and math.isnan(value)]
    assert told[f"epochd_running_unsaved_seconds{SLOT}"] == 0
    assert told["epochd_losses_not_finite"] == told["epochd_running_beyond_slots"] == 1
    assert told["epochd_worst_unsaved_seconds"] == 4000
    assert told["epochd_worst_swap_bytes_per_second"] == 15
    end(service.database, beyond)
    told = scraped(service)
    assert told["epochd_losses_not_finite"] == told["epochd_worst_unsaved_seconds"] == 0
    assert told["epochd_worst_swap_bytes_per_second"] == 0


def test_how_long_a_job_stands_is_told_of_all_that_train_until_they_evaluate_or_end(service: Service) -> None:
    hangs_at_start = [running_job(service.database) for _ in range(telemetry.SLOTS + 1)][-1]
    evaluates = running_job(service.database)
    change(service, evaluates, kind="eval")
    assert scraped(service)["epochd_worst_step_age_seconds"] == 0
    service.clock.advance(2000)
    told = scraped(service)
    assert told["epochd_worst_step_age_seconds"] == 2000
    assert _steps(told) == {0}
    with service.database.read() as session:
        others = session.scalars(select(Job).where(Job.id.not_in([hangs_at_start.id, evaluates.id]))).all()
    for job in others:
        end(service.database, job)
    assert scraped(service)["epochd_worst_step_age_seconds"] == 2000
    change(service, hangs_at_start, progress={"stage": "train", "step": 1})
    assert scraped(service)["epochd_worst_step_age_seconds"] == 0
    service.clock.advance(5)
    assert scraped(service)["epochd_worst_step_age_seconds"] == 5
    change(service, hangs_at_start, progress={"stage": "evaluate", "step": 1})
    told = scraped(service)
    assert told["epochd_worst_step_age_seconds"] == 0
    assert _steps(told) == {1}, "an evaluation has no steps to tell"


def test_an_attempt_that_begins_anew_at_the_step_of_the_last_stands_from_its_beginning() -> None:
    table, clock = StandingTable(), SetClock()
    assert table.longest({"a": (1, 7), "b": (1, 0)}, clock.now) == 0
    assert table.longest({"a": (1, 7), "b": (1, 1)}, clock.advance(60)) == 60
    assert table.longest({"a": (2, 7), "b": (1, 1)}, clock.advance(30)) == 30
    assert table.longest({"a": (2, 7)}, clock.advance(-90)) == 0, "a clock that went back"
    assert table.longest({}, clock.advance(500)) == 0


@pytest.mark.parametrize(
    "columns",
    [
        {"kind": "eval"},
        {"progress": {"stage": "evaluate"}},
        {"progress": {"stage": "data"}},
        {"progress": {}},
    ],
)
def test_a_job_with_nothing_to_save_would_lose_nothing(service: Service, columns: dict[str, Any]) -> None:
    job = running_job(service.database)
    report(service, job)
    change(service, job, **columns)
    service.clock.advance(7200)
    told = scraped(service)
    assert f"epochd_running_unsaved_seconds{SLOT}" not in told
    assert told["epochd_worst_unsaved_seconds"] == 0


def test_the_time_that_preparing_took_is_no_work_that_a_crash_would_cost(service: Service) -> None:
    job = running_job(service.database)
    _enter(service, job, "data")
    service.clock.advance(70 * 60)
    assert scraped(service)["epochd_worst_unsaved_seconds"] == 0
    _enter(service, job, "train")
    assert scraped(service)["epochd_worst_unsaved_seconds"] == 0
    service.clock.advance(90)
    told = scraped(service)
    assert told["epochd_worst_unsaved_seconds"] == told[f"epochd_running_unsaved_seconds{SLOT}"] == 90
    plant_checkpoint(service.database, job, 3)
    change(service, job, checkpoint_step=3)
    service.clock.advance(5)
    assert scraped(service)["epochd_worst_unsaved_seconds"] == 5


def test_an_attempt_that_prepares_anew_counts_from_its_own_training(service: Service) -> None:
    first = running_job(service.database)
    _enter(service, first, "train")
    plant_checkpoint(service.database, first, 3)
    change(service, first, checkpoint_step=3)
    service.clock.advance(1000)
    with service.database.write() as session:
        now = service.clock.now
        again = transitions.requeue(first.attempt, now, Reason.CRASHED, "again", 1)
        store.apply(session, first.id, again, now)
    claim_job(service.database)
    second = fetch_job(service.database, first.id)
    assert second.attempt == first.attempt + 1
    _enter(service, second, "data")
    service.clock.advance(4000)
    _enter(service, second, "train")
    service.clock.advance(20)
    assert scraped(service)["epochd_worst_unsaved_seconds"] == 20


def _enter(service: Service, job: Job, stage: str) -> None:
    with service.database.write() as session:
        data = {"name": stage}
        store.record_event(session, job.id, job.attempt, "stage", data, service.clock.now)
    change(service, job, progress={"stage": stage})


def _steps(told: dict[str, float]) -> set[float]:
    return {value for name, value in told.items() if name.startswith("epochd_running_step{")}
