"""What /metrics answers: every series of the table, its values, and never more than the table allows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, inspect, select, update

from api.scrape.collector import DatabaseCollector
from api.scrape.slots import Slots
from api.scrape.standing import StandingTable
from api.scrape.words import workload_words
from shared import telemetry
from shared.db import Database
from shared.jobs import store, transitions
from shared.jobs.status import JobStatus, Reason
from shared.models import Attempt, Job, Worker
from shared.specs.catalogue import installed_workloads
from tests.conftest import SetClock
from tests.factories import claim_job, fetch_job, running_job, submit_job
from tests.integration.api.conftest import Service
from tests.integration.api.planting import end, fail, plant_checkpoint, plant_points

HOSTILE = (
    'na"me\n',
    "{slot=}",
    "../../x",
    "a\\",
    "naïve\u2028",
    "epochd_jobs 1",
    "'; drop table jobs; --",
)
ONE_GPU = {"gpus": 1, "cpus": 1}
SLOT = '{slot="0"}'
TABLE = {series.name: series for series in telemetry.ALL}


def test_the_table_allows_at_most_three_hundred_series() -> None:
    assert sum(series.most for series in telemetry.ALL) <= telemetry.SERIES == 300
    assert len(TABLE) == len(telemetry.ALL)


def test_jobs_queues_attempts_and_workers_are_counted(service: Service) -> None:
    _plant_worker(service, "worker-1", memory_available_bytes=300, pressure_some_percent=2.0)
    _plant_worker(service, "worker-2", memory_available_bytes=200, pressure_some_percent=None)
    _plant_worker(service, "worker-3", silent_seconds=31, memory_available_bytes=1)
    done, failed = running_job(service.database), running_job(service.database)
    end(service.database, done)
    fail(service.database, failed)
    running = running_job(service.database, workload="celestial")
    _tell(service, running, "recovered", cause="swap_thrash")
    _tell(service, running, "recovered", cause="told by somebody else")
    _tell(service, running, "checkpoint_failed")
    submit_job(service.database)
    service.clock.advance(12)
    told = _told(service)
    assert told['epochd_jobs{status="succeeded",workload="noop"}'] == 1
    assert told['epochd_jobs{status="running",workload="celestial"}'] == 1
    assert told['epochd_jobs{status="cancelled",workload="other"}'] == 0
    assert told['epochd_queue_depth{queue="cpu"}'] == 1
    assert told['epochd_queue_oldest_seconds{queue="cpu"}'] == 12
    assert told['epochd_queue_depth{queue="gpu"}'] == 0
    assert told['epochd_attempts{outcome="crashed"}'] == told['epochd_attempts{outcome="running"}'] == 1
    assert told['epochd_attempts{outcome="lease_expired"}'] == 0
    assert told['epochd_recoveries{cause="swap_thrash"}'] == told['epochd_recoveries{cause="other"}'] == 1
    assert told["epochd_checkpoint_failures"] == 1
    assert (told['epochd_workers{state="alive"}'], told['epochd_workers{state="silent"}']) == (2, 1)
    assert told['epochd_worker_slots{state="free"}'] == 7
    assert told["epochd_host_memory_available_bytes"] == 200
    assert told['epochd_host_memory_stalled_ratio{degree="some"}'] == pytest.approx(0.02)
    assert 0 < told["epochd_runs_free_bytes"] <= told["epochd_runs_size_bytes"]


def test_a_job_that_waits_for_its_turn_is_not_stuck_however_many_slots_are_free(service: Service) -> None:
    running_job(service.database, resources=ONE_GPU)
    submit_job(service.database, resources=ONE_GPU)
    service.clock.advance(2000)
    _plant_worker(service, "worker-1", queues=["cpu", "gpu"], gpus=1)
    told = _told(service)
    assert told['epochd_worker_slots{state="free"}'] == 3
    assert told['epochd_queue_oldest_seconds{queue="gpu"}'] == 2000
    assert told['epochd_queue_stuck_seconds{queue="gpu"}'] == 0


def test_a_job_that_no_worker_serves_or_is_large_enough_for_is_stuck(service: Service) -> None:
    submit_job(service.database, resources=ONE_GPU)
    service.clock.advance(500)
    submit_job(service.database, resources={"cpus": 5})
    service.clock.advance(1500)
    _plant_worker(service, "worker-1", queues=["cpu"])
    _plant_worker(service, "worker-2", silent_seconds=31, queues=["cpu", "gpu"], gpus=8, cpus=8.0)
    told = _told(service)
    assert told['epochd_queue_stuck_seconds{queue="gpu"}'] == 2000
    assert told['epochd_queue_stuck_seconds{queue="cpu"}'] == 1500


def test_a_job_is_stuck_where_a_worker_has_room_and_starts_nothing(service: Service) -> None:
    _plant_worker(service, "worker-1", silent_seconds=-3000)
    submit_job(service.database)
    service.clock.advance(1000)
    assert _told(service)['epochd_queue_stuck_seconds{queue="cpu"}'] == 1000
    submit_job(service.database, priority=1)
    claim_job(service.database)
    service.clock.advance(10)
    assert _told(service)['epochd_queue_stuck_seconds{queue="cpu"}'] == 10, "others have their turn"
    service.clock.advance(990)
    assert _told(service)['epochd_queue_stuck_seconds{queue="cpu"}'] == 1000


def test_the_newest_failure_of_a_loss_is_told_by_its_time(service: Service) -> None:
    assert _told(service)["epochd_loss_failed_timestamp_seconds"] == 0
    older, newer = running_job(service.database), running_job(service.database)
    for job in (older, newer):
        now = service.clock.advance(60)
        failed = transitions.fail(job.attempt, now, Reason.NON_FINITE_LOSS, "NaN")
        with service.database.write() as session:
            store.apply(session, job.id, failed, now)
    at = service.clock.now.timestamp()
    service.clock.advance(60)
    fail(service.database, running_job(service.database))
    assert _told(service)["epochd_loss_failed_timestamp_seconds"] == at
    with service.database.write() as session:
        store.delete_job(session, older.id)
    assert _told(service)["epochd_loss_failed_timestamp_seconds"] == at
    with service.database.write() as session:
        store.delete_job(session, newer.id)
    assert _told(service)["epochd_loss_failed_timestamp_seconds"] == 0


def test_retries_are_told_by_what_ended_the_attempt_before(service: Service) -> None:
    job = running_job(service.database)
    for reason in (Reason.CRASHED, Reason.LEASE_EXPIRED, Reason.CRASHED):
        job = fetch_job(service.database, job.id)
        with service.database.write() as session:
            now = service.clock.now
            store.apply(session, job.id, transitions.requeue(job.attempt, now, reason, "again", 1), now)
        claim_job(service.database)
    end(service.database, fetch_job(service.database, job.id))
    service.post(f"/jobs/{job.id}/resume", {"epochs": 9})
    claim_job(service.database)
    told = _told(service)
    assert told['epochd_retries{reason="crashed"}'] == 2
    assert told['epochd_retries{reason="lease_expired"}'] == 1
    assert told['epochd_retries{reason="asked"}'] == 1


def test_a_running_job_is_shown_in_its_slot(service: Service) -> None:
    job = running_job(service.database, workload="celestial")
    _report(service, job)
    plant_points(service.database, job, [3.0, 2.0, 1.5])
    plant_points(service.database, job, [0.9], split="val")
    told = _told(service)
    assert told['epochd_running_info{kind="train",slot="0",workload="celestial"}'] == 1
    assert told[f"epochd_running_progress_ratio{SLOT}"] == 0.25
    assert told[f"epochd_running_learning_rate{SLOT}"] == 0.001
    assert told[f"epochd_running_memory_bytes{SLOT}"] == 4096
    assert told['epochd_running_memory_stalled_ratio{degree="full",slot="0"}'] == 0.5
    assert told[f"epochd_running_cuda_allocated_bytes{SLOT}"] == 0
    assert told['epochd_running_loss{part="total",slot="0",split="train"}'] == 1.5
    assert told['epochd_running_loss{part="total",slot="0",split="val"}'] == 0.9
    assert told[f"epochd_running_metric_value{SLOT}"] == 0.9
    assert told[f"epochd_running_best_value{SLOT}"] == 0.5
    assert f"epochd_running_checkpoint_bytes{SLOT}" not in told
    assert f"epochd_running_eta_seconds{SLOT}" not in told
    assert service.json("/slots") == {"slots": [{"slot": 0, "job": job.id}]}


def test_a_loss_that_is_not_finite_is_told_as_such(service: Service) -> None:
    plant_points(service.database, running_job(service.database), [3.0, None])
    assert math.isnan(_told(service)['epochd_running_loss{part="total",slot="0",split="train"}'])


def test_the_first_terms_that_are_told_are_shown_and_no_more(service: Service) -> None:
    job = running_job(service.database, workload="equities")
    for name in ("pinball", "rank", "direction", "student_t", "attention", "of_somebody_else"):
        plant_points(service.database, job, [1.0], name=f"loss_{name}")
    shown = {name for name in _told(service) if name.startswith("epochd_running_loss")}
    assert shown == {
        f'epochd_running_loss{{part="{part}",slot="0",split="train"}}'
        for part in ("pinball", "rank", "direction", "student_t")
    }


def test_checkpoints_tell_what_they_took_and_what_a_crash_would_cost(service: Service) -> None:
    both = [running_job(service.database, workload="celestial") for _ in range(2)]
    job, untold = sorted(both, key=lambda one: one.id)  # as slots are given; of one millisecond it is chance
    _change(service, job, untold, progress={"stage": "train"})
    service.clock.advance(100)
    assert _told(service)[f"epochd_running_unsaved_seconds{SLOT}"] == 100
    plant_checkpoint(service.database, job, 10, bytes=50, seconds=0.5)
    plant_checkpoint(service.database, job, 20, bytes=70, seconds=0.25)
    plant_checkpoint(service.database, untold, 20, bytes=90)
    _change(service, job, untold, checkpoint_step=20)
    service.clock.advance(7)
    told = _told(service)
    assert told[f"epochd_running_checkpoint_bytes{SLOT}"] == 70
    assert told[f"epochd_running_checkpoint_seconds{SLOT}"] == 0.25
    assert told[f"epochd_running_unsaved_seconds{SLOT}"] == 7
    assert told['epochd_running_checkpoint_bytes{slot="1"}'] == 90
    assert 'epochd_running_checkpoint_seconds{slot="1"}' not in told


def test_the_worst_of_all_running_jobs_is_told_though_it_has_no_slot(service: Service) -> None:
    seated = [running_job(service.database) for _ in range(telemetry.SLOTS)]
    assert _told(service)["epochd_losses_not_finite"] == 0
    beyond = running_job(service.database)
    service.clock.advance(4000)
    for job in (*seated, beyond):
        _report(service, job)
        plant_points(service.database, job, [None, 3.0], split="val")
    for job in seated:
        plant_checkpoint(service.database, job, 0)
    _change(service, *seated, checkpoint_step=0)
    plant_points(service.database, beyond, [3.0, None])
    swap = {"swap_in_bytes_per_second": 7, "swap_out_bytes_per_second": 8, "rss_bytes": 1}
    _change(service, beyond, memory={"latest": swap})
    told = _told(service)
    assert not [name for name, value in told.items() if "epochd_running_loss" in name and math.isnan(value)]
    assert told[f"epochd_running_unsaved_seconds{SLOT}"] == 0
    assert told["epochd_losses_not_finite"] == told["epochd_running_beyond_slots"] == 1
    assert told["epochd_worst_unsaved_seconds"] == 4000
    assert told["epochd_worst_swap_bytes_per_second"] == 15
    end(service.database, beyond)
    told = _told(service)
    assert told["epochd_losses_not_finite"] == told["epochd_worst_unsaved_seconds"] == 0
    assert told["epochd_worst_swap_bytes_per_second"] == 0


def test_how_long_a_job_stands_is_told_of_all_that_train_until_they_evaluate_or_end(service: Service) -> None:
    hangs_at_start = [running_job(service.database) for _ in range(telemetry.SLOTS + 1)][-1]
    evaluates = running_job(service.database)
    _change(service, evaluates, kind="eval")
    assert _told(service)["epochd_worst_step_age_seconds"] == 0
    service.clock.advance(2000)
    told = _told(service)
    assert told["epochd_worst_step_age_seconds"] == 2000
    assert _steps(told) == {0}
    with service.database.read() as session:
        others = session.scalars(select(Job).where(Job.id.not_in([hangs_at_start.id, evaluates.id]))).all()
    for job in others:
        end(service.database, job)
    assert _told(service)["epochd_worst_step_age_seconds"] == 2000
    _change(service, hangs_at_start, progress={"stage": "train", "step": 1})
    assert _told(service)["epochd_worst_step_age_seconds"] == 0
    service.clock.advance(5)
    assert _told(service)["epochd_worst_step_age_seconds"] == 5
    _change(service, hangs_at_start, progress={"stage": "evaluate", "step": 1})
    told = _told(service)
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
    _report(service, job)
    _change(service, job, **columns)
    service.clock.advance(7200)
    told = _told(service)
    assert f"epochd_running_unsaved_seconds{SLOT}" not in told
    assert told["epochd_worst_unsaved_seconds"] == 0


def test_ten_thousand_hostile_jobs_and_full_slots_stay_within_the_table(service: Service) -> None:
    for _ in range(telemetry.SLOTS + 5):
        job = running_job(service.database, workload="equities", name=HOSTILE[0])
        _report(service, job)
        for name in ("loss", "loss_huber", "loss_pinball", "loss_rank", "loss_direction", "loss_student_t"):
            plant_points(service.database, job, [1.0], name=name)
            plant_points(service.database, job, [1.0], name=name, split="val")
        plant_checkpoint(service.database, job, 0, seconds=1.0)
        _change(service, job, checkpoint_step=0)
    _plant_worker(service, "worker-1", **_PRESSURE)
    _plant_ten_thousand(service)
    for word in HOSTILE:
        for method in ("GET", "POST", "DELETE", "BREW"):
            service.client.request(method, f"/{quote(word)}?{quote(word)}")
    text = service.get("/metrics").text
    assert not [word for word in HOSTILE if word in text]
    shown = Counter(name for name, _ in _samples(text))
    assert {name: count for name, count in shown.items() if count > TABLE[name].most} == {}
    assert set(TABLE) - set(shown) == set(), "the worst case must show every series"
    assert sum(shown.values()) <= telemetry.SERIES
    assert {name for name in shown if shown[name] < TABLE[name].most} <= _SELDOM_ALL
    told = _told(service)
    assert (told["epochd_running_beyond_slots"], told["epochd_losses_not_finite"]) == (5, 0)


def test_either_database_is_read_alike(any_database: Database, tmp_path: Path) -> None:
    job = running_job(any_database, workload="celestial")
    for cause in ("swap_thrash", "swap_thrash", "told by somebody else", None):
        with any_database.write() as session:
            store.record_event(session, job.id, 1, "recovered", {"cause": cause}, any_database.now(session))
    plant_points(any_database, job, [3.0, None])
    words = workload_words(installed_workloads())
    collector = DatabaseCollector(any_database, Slots(), words, 30.0, tmp_path)
    told = {family.name: family.samples for family in collector.collect()}
    assert {sample.labels["cause"]: sample.value for sample in told["epochd_recoveries"] if sample.value} == {
        "swap_thrash": 2,
        "other": 2,
    }
    [loss] = told["epochd_running_loss"]
    assert math.isnan(loss.value)
    assert sum(sample.value for sample in told["epochd_attempts"]) == 1
    assert sum(sample.value for sample in told["epochd_retries"]) == 0


_SELDOM_ALL = {"epochd_jobs"}
"""As many words as are installed, which here are fewer than there may be."""


def test_a_plug_in_too_many_is_shown_as_other() -> None:
    noop = installed_workloads()["noop"]
    words = workload_words({f"plug-in-{number}": _named(noop, f"plug-in-{number}") for number in range(20)})
    assert len(words.labels) == telemetry.WORKLOADS
    assert words.label("plug-in-0") == "plug-in-0"
    assert words.label("plug-in-19") == words.label("never installed") == telemetry.OTHER


def test_every_series_has_the_kind_the_labels_and_the_help_of_the_table(service: Service) -> None:
    _report(service, running_job(service.database))
    for family in text_string_to_metric_families(service.get("/metrics").text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        assert (TABLE[name].kind, TABLE[name].help) == (family.type, family.documentation)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(TABLE[name].labels), sample


_PRESSURE: dict[str, Any] = {
    "memory_available_bytes": 1,
    "swap_used_bytes": 0,
    "pressure_some_percent": 1.0,
    "pressure_full_percent": 0.5,
}


def _told(service: Service) -> dict[str, float]:
    """Sample as it is written -> its value."""
    lines = [line for line in service.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def _steps(told: dict[str, float]) -> set[float]:
    return {value for name, value in told.items() if name.startswith("epochd_running_step{")}


def _samples(text: str) -> list[tuple[str, str]]:
    """(name of the family in the table, sample)."""
    found = []
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found += [(name, str(sample)) for sample in family.samples]
    return found


def _report(service: Service, job: Job) -> None:
    with service.database.write() as session:
        row = store.find(session, job.id)
        row.progress = {
            "stage": "train", "percent": 25.0, "epoch": 1, "step": 3, "samples_per_second": 7.0,
            "learning_rate": 0.001,
        }  # fmt: skip
        row.memory = {
            "latest": {
                "rss_bytes": 1024, "job_rss_bytes": 4096, "swap_bytes": 0, "swap_in_bytes_per_second": 0,
                "swap_out_bytes_per_second": 0, "stalled_some_percent": 60, "stalled_full_percent": 50,
            }
        }  # fmt: skip
        row.best = {"metric": "val/loss", "value": 0.5, "epoch": 1, "step": 2}
        if job.workload == "equities":
            row.progress = {**row.progress, "eta_seconds": 60.0}


def _change(service: Service, *jobs: Job, **columns: Any) -> None:
    with service.database.write() as session:
        for job in jobs:
            session.execute(update(Job).where(Job.id == job.id).values(columns))


def _tell(service: Service, job: Job, type_: str, **data: Any) -> None:
    with service.database.write() as session:
        store.record_event(session, job.id, 1, type_, data, service.clock.now)


def _plant_ten_thousand(service: Service) -> None:
    """Jobs of every status, half with workloads nobody installed, with attempts that ended in every way."""
    pattern = submit_job(service.database, tags=["tag"])
    row = {column.key: getattr(pattern, column.key) for column in inspect(Job).columns}
    statuses, outcomes = [*JobStatus], [*Reason, "hostile {outcome}", None]
    jobs, attempts = [], []
    for number in range(10_000):
        name = HOSTILE[number % len(HOSTILE)] + str(number)
        status = statuses[number % len(statuses)]
        status = JobStatus.QUEUED if status is JobStatus.RUNNING else status
        job_id = f"{number:026d}"
        workload = name[:60] if number % 2 else "noop"
        jobs.append(
            {**row, "id": job_id, "name": name, "workload": workload, "preset": name, "status": status}
        )
        attempts += [
            {"job_id": job_id, "attempt": attempt, "worker_id": name, "started_at": service.clock.now,
             "outcome": outcomes[(number + attempt) % len(outcomes)], "start_step": -1, "ingest_offset": 0}
            for attempt in (1, 2)
        ]  # fmt: skip
    with service.database.write() as session:
        session.execute(insert(Job), jobs)
        session.execute(insert(Attempt), attempts)
        session.execute(update(Job).where(Job.id == pattern.id).values(priority=-1))


def _plant_worker(
    service: Service,
    worker_id: str,
    silent_seconds: float = 0,
    queues: Sequence[str] = ("cpu",),
    gpus: int = 0,
    cpus: float = 4.0,
    **pressure: Any,
) -> None:
    with service.database.write() as session:
        heard = service.clock.now - timedelta(seconds=silent_seconds)
        row = Worker(
            id=worker_id,
            host="box",
            pid=1,
            queues=list(queues),
            slots=4,
            cpus=cpus,
            memory_gib=8.0,
            gpus=gpus,
            pressure=pressure,
            started_at=heard,
            heartbeat_at=heard,
        )
        session.add(row)


def _named(contract: Any, name: str) -> Any:
    return type(contract)(**{**vars(contract), "name": name})
