"""What /metrics answers: every series of the table, its values, and never more than the table allows."""

from __future__ import annotations

import math
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, inspect, update

from api.scrape.collector import DatabaseCollector
from api.scrape.rows import running_rows
from api.scrape.slots import Slots
from api.scrape.words import workload_words
from shared import telemetry
from shared.db import Database
from shared.jobs import store, transitions
from shared.jobs.status import JobStatus, Reason
from shared.models import Attempt, Job
from shared.specs.catalogue import installed_workloads
from tests.factories import claim_job, fetch_job, running_job, submit_job
from tests.integration.api.conftest import Service
from tests.integration.api.planting import end, fail, plant_checkpoint, plant_points
from tests.integration.api.scraped import SLOT, change, plant_worker, report, scraped

HOSTILE = (
    'na"me\n',
    "{slot=}",
    "../../x",
    "a\\",
    "naïve\u2028",
    "epochd_jobs 1",
    "'; drop table jobs; --",
)
TABLE = {series.name: series for series in telemetry.ALL}


def test_the_table_allows_at_most_three_hundred_series() -> None:
    assert sum(series.most for series in telemetry.ALL) <= telemetry.SERIES == 300
    assert len(TABLE) == len(telemetry.ALL)


def test_jobs_queues_attempts_and_workers_are_counted(service: Service) -> None:
    plant_worker(service, "worker-1", memory_available_bytes=300, pressure_some_percent=2.0)
    plant_worker(service, "worker-2", memory_available_bytes=200, pressure_some_percent=None)
    plant_worker(service, "worker-3", silent_seconds=31, memory_available_bytes=1)
    done, failed = running_job(service.database), running_job(service.database)
    end(service.database, done)
    fail(service.database, failed)
    running = running_job(service.database, workload="celestial")
    _tell(service, running, "recovered", cause="swap_thrash")
    _tell(service, running, "recovered", cause="told by somebody else")
    _tell(service, running, "checkpoint_failed")
    submit_job(service.database)
    service.clock.advance(12)
    told = scraped(service)
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
    told = scraped(service)
    assert told['epochd_retries{reason="crashed"}'] == 2
    assert told['epochd_retries{reason="lease_expired"}'] == 1
    assert told['epochd_retries{reason="asked"}'] == 1


def test_a_running_job_is_shown_in_its_slot(service: Service) -> None:
    job = running_job(service.database, workload="celestial")
    report(service, job)
    plant_points(service.database, job, [3.0, 2.0, 1.5])
    plant_points(service.database, job, [0.9], split="val")
    told = scraped(service)
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
    assert math.isnan(scraped(service)['epochd_running_loss{part="total",slot="0",split="train"}'])


def test_the_first_terms_that_are_told_are_shown_and_no_more(service: Service) -> None:
    job = running_job(service.database, workload="equities")
    for name in ("pinball", "rank", "direction", "student_t", "attention", "of_somebody_else"):
        plant_points(service.database, job, [1.0], name=f"loss_{name}")
    shown = {name for name in scraped(service) if name.startswith("epochd_running_loss")}
    assert shown == {
        f'epochd_running_loss{{part="{part}",slot="0",split="train"}}'
        for part in ("pinball", "rank", "direction", "student_t")
    }


def test_checkpoints_tell_what_they_took_and_what_a_crash_would_cost(service: Service) -> None:
    both = [running_job(service.database, workload="celestial") for _ in range(2)]
    job, untold = sorted(both, key=lambda one: one.id)  # as slots are given; of one millisecond it is chance
    change(service, job, untold, progress={"stage": "train"})
    service.clock.advance(100)
    assert scraped(service)[f"epochd_running_unsaved_seconds{SLOT}"] == 100
    plant_checkpoint(service.database, job, 10, bytes=50, seconds=0.5)
    plant_checkpoint(service.database, job, 20, bytes=70, seconds=0.25)
    plant_checkpoint(service.database, untold, 20, bytes=90)
    change(service, job, untold, checkpoint_step=20)
    service.clock.advance(7)
    told = scraped(service)
    assert told[f"epochd_running_checkpoint_bytes{SLOT}"] == 70
    assert told[f"epochd_running_checkpoint_seconds{SLOT}"] == 0.25
    assert told[f"epochd_running_unsaved_seconds{SLOT}"] == 7
    assert told['epochd_running_checkpoint_bytes{slot="1"}'] == 90
    assert 'epochd_running_checkpoint_seconds{slot="1"}' not in told


def test_ten_thousand_hostile_jobs_and_full_slots_stay_within_the_table(service: Service) -> None:
    for _ in range(telemetry.SLOTS + 5):
        job = running_job(service.database, workload="equities", name=HOSTILE[0])
        report(service, job)
        for name in ("loss", "loss_huber", "loss_pinball", "loss_rank", "loss_direction", "loss_student_t"):
            plant_points(service.database, job, [1.0], name=name)
            plant_points(service.database, job, [1.0], name=name, split="val")
        plant_checkpoint(service.database, job, 0, seconds=1.0)
        change(service, job, checkpoint_step=0)
    plant_worker(service, "worker-1", **_PRESSURE)
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
    told = scraped(service)
    assert (told["epochd_running_beyond_slots"], told["epochd_losses_not_finite"]) == (5, 0)


def test_either_database_is_read_alike(any_database: Database, tmp_path: Path) -> None:
    job = running_job(any_database, workload="celestial")
    for cause in ("swap_thrash", "swap_thrash", "told by somebody else", None):
        with any_database.write() as session:
            store.record_event(session, job.id, 1, "recovered", {"cause": cause}, any_database.now(session))
    with any_database.write() as session:
        began = any_database.now(session) + timedelta(seconds=9)
        store.record_event(session, job.id, 1, "stage", {"name": "train"}, began)
        store.find(session, job.id).progress = {"stage": "train"}
    with any_database.read() as session:
        assert [row.trains_since for row in running_rows(session)] == [began]
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
    report(service, running_job(service.database))
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


def _samples(text: str) -> list[tuple[str, str]]:
    """(name of the family in the table, sample)."""
    found = []
    for family in text_string_to_metric_families(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found += [(name, str(sample)) for sample in family.samples]
    return found


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


def _named(contract: Any, name: str) -> Any:
    return type(contract)(**{**vars(contract), "name": name})
