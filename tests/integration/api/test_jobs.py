"""Submit, list, show, cancel, resume, delete."""

from __future__ import annotations

from typing import Any

import pytest

from shared.bell import BellListener
from shared.jobs import store
from shared.models import Attempt
from tests.factories import claim_job, fetch_job, running_job, submit_job
from tests.integration.api.conftest import Service
from tests.integration.api.planting import (
    assert_problem,
    end,
    ended_job,
    fail,
    plant_checkpoint,
    write_log,
)

UNKNOWN = "0" * 22


def test_a_submitted_job_is_stored_with_its_effective_spec_and_location(service: Service) -> None:
    request = {"workload": "celestial", "name": "n", "tags": ["b", "a"], "model": {"d_model": 130}}
    answer = service.post("/jobs", request)
    assert answer.status_code == 201
    job = answer.json()
    assert answer.headers["location"] == job["links"]["self"] == f"/jobs/{job['id']}"
    assert (job["status"], job["attempt"], job["tags"]) == ("queued", 0, ["a", "b"])
    assert job["spec"]["model"]["d_model"] == 208
    assert [item["field"] for item in job["adjustments"]] == ["model.d_model"]
    told = "no live worker serves the cpu queue; start one with: epochd up"
    assert service.json(f"/jobs/{job['id']}") == {**job, "waiting": told}


def test_a_dry_run_answers_the_spec_and_stores_nothing(service: Service) -> None:
    answer = service.post("/jobs?dry_run=true", {"workload": "celestial", "model": {"d_model": 130}})
    assert answer.status_code == 200
    assert set(answer.json()) == {"spec", "adjustments", "estimate"}
    assert answer.json()["spec"]["model"]["d_model"] == 208
    assert answer.json()["estimate"] is None
    assert service.json("/jobs")["jobs"] == []


def test_submitting_rings_the_bell_and_a_dry_run_does_not(service: Service) -> None:
    ear = BellListener(service.settings.bells_dir)
    try:
        service.post("/jobs?dry_run=true", {"workload": "noop"})
        assert not ear.wait(0)
        service.post("/jobs", {"workload": "noop"})
        assert ear.wait(0)
    finally:
        ear.close()


def test_a_job_shows_its_attempts_and_that_one_resume_was_not_exact(service: Service) -> None:
    job = running_job(service.database)
    with service.database.write() as session:
        row = session.get(Attempt, (job.id, 1))
        assert row is not None
        row.exact, row.exact_why, row.resumed_from, row.resumed_step = False, "another torch", "c1", 5
    fail(service.database, job)
    service.post(f"/jobs/{job.id}/resume")
    claim_job(service.database)
    with service.database.write() as session:
        row = session.get(Attempt, (job.id, 2))
        assert row is not None
        row.exact, row.exact_why = True, "same machine"
    shown = service.json(f"/jobs/{job.id}")
    assert [item["attempt"] for item in shown["attempts"]] == [1, 2]
    assert (shown["exact"], shown["exact_why"]) == (False, "another torch")
    listed = service.json("/jobs")["jobs"][0]
    assert (listed["exact"], listed["exact_why"]) == (False, "another torch")
    assert "spec" not in listed and "attempts" not in listed


def test_a_job_that_was_never_resumed_says_nothing_about_exactness(service: Service) -> None:
    job = running_job(service.database)
    with service.database.write() as session:
        row = session.get(Attempt, (job.id, 1))
        assert row is not None
        row.exact, row.exact_why, row.resumed_step = True, "its first step is still to come", 0
    for shown in (service.json(f"/jobs/{job.id}"), service.json("/jobs")["jobs"][0]):
        assert (shown["exact"], shown["exact_why"]) == (None, None)


def test_pages_neither_skip_nor_repeat_when_newer_jobs_arrive(service: Service) -> None:
    ids = [_submit_later(service) for _ in range(7)]
    first = service.json("/jobs?limit=3")
    assert [job["id"] for job in first["jobs"]] == ids[:-4:-1]
    _submit_later(service)
    seen = [job["id"] for job in first["jobs"]]
    cursor = first["next"]
    while cursor:
        page = service.json("/jobs", params={"limit": 3, "cursor": cursor})
        seen += [job["id"] for job in page["jobs"]]
        cursor = page["next"]
    assert seen == ids[::-1]


def test_the_last_full_page_has_no_next(service: Service) -> None:
    for _ in range(2):
        _submit_later(service)
    assert service.json("/jobs?limit=2")["next"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("status=queued", {"a", "c"}),
        ("status=queued&status=running", {"a", "b", "c"}),
        ("workload=celestial", {"c"}),
        ("kind=eval", set()),
        ("tag=x", {"a", "b"}),
        ("tag=x&status=running", {"b"}),
        ("tag=nobody", set()),
        ("text=B", {"b"}),
        ("text=%25", set()),
        ("text=0", {"a", "b", "c"}),
    ],
)
def test_filters_show_the_jobs_they_name_and_no_others(
    service: Service, query: str, expected: set[str]
) -> None:
    submit_job(service.database, name="b", tags=["x"], priority=5)
    claim_job(service.database)
    submit_job(service.database, name="a", tags=["x", "y"])
    submit_job(service.database, name="c", workload="celestial")
    assert {job["name"] for job in service.json(f"/jobs?{query}")["jobs"]} == expected


def test_cancelling_a_queued_job_ends_it_at_once_and_twice_is_as_once(service: Service) -> None:
    job = submit_job(service.database)
    for _ in range(2):
        answer = service.post(f"/jobs/{job.id}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")


def test_cancelling_a_running_job_asks_it_with_the_grace_that_was_named(service: Service) -> None:
    job = running_job(service.database)
    answer = service.post(f"/jobs/{job.id}/cancel", {"grace_seconds": 7})
    assert answer.status_code == 202
    assert answer.json()["status"] == "running"
    assert answer.json()["cancel_requested_at"] is not None
    assert fetch_job(service.database, job.id).cancel_grace_seconds == 7


def test_a_job_that_has_ended_cannot_be_cancelled(service: Service) -> None:
    job = ended_job(service.database)
    assert_problem(service.post(f"/jobs/{job.id}/cancel"), 409, "conflict")


def test_a_resume_from_best_with_more_epochs_queues_the_extended_spec(service: Service) -> None:
    job = running_job(service.database, trainer={"epochs": 3})
    plant_checkpoint(service.database, job, 2, best=True)
    plant_checkpoint(service.database, job, 3)
    end(service.database, job)
    answer = service.post(f"/jobs/{job.id}/resume", {"from": "best", "epochs": 9})
    assert answer.status_code == 202
    assert (answer.json()["status"], answer.json()["spec"]["trainer"]["epochs"]) == ("queued", 9)
    assert fetch_job(service.database, job.id).resume_from == "best"


@pytest.mark.parametrize(("place", "epochs"), [("last", 2), ("best", 1)])
def test_epochs_below_those_already_done_are_refused(service: Service, place: str, epochs: int) -> None:
    job = running_job(service.database, trainer={"epochs": 3})
    plant_checkpoint(service.database, job, 2, best=True)
    plant_checkpoint(service.database, job, 3)
    end(service.database, job)
    answer = service.post(f"/jobs/{job.id}/resume", {"from": place, "epochs": epochs})
    assert_problem(answer, 422, "invalid_request", "epochs")
    assert fetch_job(service.database, job.id).status == "succeeded"


def test_a_resume_keeps_what_was_adjusted(service: Service) -> None:
    job = ended_job(service.database, workload="celestial", model={"d_model": 130})
    answer = service.post(f"/jobs/{job.id}/resume", {"epochs": 5})
    assert [item["asked"] for item in answer.json()["adjustments"]] == [130]


def test_resume_of_a_checkpoint_that_is_not_there_or_not_usable_is_not_found(service: Service) -> None:
    job = running_job(service.database)
    gone = plant_checkpoint(service.database, job, 1, state="deleted")
    end(service.database, job)
    for place in (gone, "step-000000009.a0001"):
        assert_problem(service.post(f"/jobs/{job.id}/resume", {"from": place}), 404, "not_found")
    assert_problem(service.post(f"/jobs/{job.id}/resume", {"from": "best", "epochs": 4}), 404, "not_found")


def test_a_job_that_has_not_ended_cannot_be_resumed(service: Service) -> None:
    job = submit_job(service.database)
    assert_problem(service.post(f"/jobs/{job.id}/resume", {"epochs": 4}), 409, "conflict")


def test_a_deleted_job_takes_its_rows_and_files_along_and_no_others(service: Service) -> None:
    job, other = ended_job(service.database), ended_job(service.database)
    plant_checkpoint(service.database, job, 1)
    for each in (job, other):
        write_log(service.run_dir(each.id), b"text")
    assert service.client.delete(f"/jobs/{job.id}").status_code == 204
    assert_problem(service.get(f"/jobs/{job.id}"), 404, "not_found")
    assert [path.name for path in service.settings.resolved_runs_dir.iterdir()] == [other.id]
    assert service.json(f"/jobs/{other.id}/logs")["text"] == "text"


def test_a_living_job_cannot_be_deleted(service: Service) -> None:
    job = running_job(service.database)
    write_log(service.run_dir(job.id), b"text")
    assert_problem(service.client.delete(f"/jobs/{job.id}"), 409, "conflict")
    assert service.run_dir(job.id).log.exists()


def test_a_deletion_that_broke_off_after_the_rename_is_finished_by_the_next(service: Service) -> None:
    job = ended_job(service.database)
    trash = service.settings.resolved_runs_dir / f".deleted-{job.id}"
    trash.mkdir()
    assert service.client.delete(f"/jobs/{job.id}").status_code == 204
    assert not trash.exists()


def test_an_evaluation_is_pinned_to_the_checkpoint_that_best_means_now(service: Service) -> None:
    job = running_job(service.database)
    best = plant_checkpoint(service.database, job, 1, best=True)
    last = plant_checkpoint(service.database, job, 2)
    for asked, meant in (("best", best), ("last", last), (last, last)):
        request = {"workload": "noop", "kind": "eval", "init_from": {"job": job.id, "checkpoint": asked}}
        made = service.post("/jobs", request).json()
        assert made["spec"]["init_from"]["checkpoint"] == meant
        assert [item["field"] for item in made["adjustments"]] == (
            ["init_from.checkpoint"] if asked != meant else []
        )


def test_an_evaluation_has_data_and_model_of_its_source_but_for_what_it_says(service: Service) -> None:
    trained = {"preset": "medium", "data": {"label_len": 40, "rows": 600}, "model": {"d_model": 130}}
    job = running_job(service.database, workload="celestial", **trained)
    plant_checkpoint(service.database, job, 1, best=True)
    request = {"workload": "celestial", "kind": "eval", "init_from": {"job": job.id}}
    made = service.post("/jobs", request).json()
    shown = service.json(f"/jobs/{job.id}")["spec"]
    assert [made["spec"][part] for part in ("preset", "data", "model", "loss")] == [
        shown[part] for part in ("preset", "data", "model", "loss")
    ]
    assert made["request"] == request
    other = {**request, "preset": "smoke", "data": {"test_length": 44}}
    tried = service.post("/jobs?dry_run=true", other).json()["spec"]
    assert tried["data"] == {**shown["data"], "test_length": 44} and tried["model"] == shown["model"]


@pytest.mark.parametrize(
    ("source", "field"),
    [
        (None, "init_from.job"),
        ({"job": UNKNOWN}, "init_from.job"),
        ({"job": "other"}, "init_from.job"),
        ({"job": "empty"}, "init_from.job"),
        ({"job": "full", "checkpoint": "step-000000099.a0001"}, "init_from.checkpoint"),
    ],
)
@pytest.mark.parametrize("path", ["/jobs", "/jobs?dry_run=true"])
def test_an_evaluation_without_a_usable_source_names_the_field(
    service: Service, source: dict[str, Any] | None, field: str, path: str
) -> None:
    named = {"full": running_job(service.database), "empty": running_job(service.database)}
    named["other"] = running_job(service.database, workload="celestial")
    plant_checkpoint(service.database, named["full"], 1, best=True)
    request: dict[str, Any] = {"workload": "noop", "kind": "eval"}
    if source is not None:
        job = named.get(source["job"])
        request["init_from"] = {**source, "job": source["job"] if job is None else job.id}
    assert_problem(service.post(path, request), 422, "invalid_request", field)


def test_what_is_asked_of_a_running_job_reaches_its_supervisor(service: Service) -> None:
    job = running_job(service.database)
    service.post(f"/jobs/{job.id}/cancel", {"grace_seconds": 0})
    with service.database.write() as session:
        lease = store.heartbeat(session, job.id, job.attempt, service.clock.now)
    assert lease.cancel_requested and lease.cancel_grace_seconds == 0


def _submit_later(service: Service) -> str:
    service.clock.advance(1)
    made: str = service.post("/jobs", {"workload": "noop"}).json()["id"]
    return made
