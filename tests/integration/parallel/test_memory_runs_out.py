"""Memory runs out in rank 1 of two: the attempt ends by its name, and the policy decides what follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from shared.db import Database
from shared.jobs.status import JobStatus, Reason
from shared.jobs.submit import submit
from shared.models import Attempt, Job, JobEvent
from shared.rundir import run_dir
from shared.specs.contract import Contract
from shared.specs.resolve import resolve_spec
from tests.factories import NoKills, claim_job, fetch_job
from tests.integration.parallel.running import UNGUARDED, run, session_of, spec_for
from tests.integration.parallel.test_supervised import room_of
from tests.integration.planted import SPEC, PlantedSpec, metric_history, told
from worker.protocol import ExitCode
from worker.supervision.attempt import supervise
from worker.supervision.warm_launcher import WarmLauncher

PLANTED = Contract(
    name="planted",
    summary="the planted workload",
    spec_type=PlantedSpec,
    presets={"planted": {}},
    default_preset="planted",
    implementation="tests.integration.parallel.workload:QUIET",
)
WORKLOADS = {PLANTED.name: PLANTED}
TOLERANCE = 1e-5
"""Of a metric after three epochs: float32 sums taken in another order."""


History = dict[tuple[str, str, int, int], float | None]


class Kills(NoKills):
    """A kernel that has just killed what died."""

    def struck(self) -> bool:
        return True


def submitted(database: Database, **over: Any) -> Job:
    body = {
        "workload": "planted",
        **SPEC,
        "trainer": {**SPEC["trainer"], "threads": 1, **over.pop("trainer", {})},
        "checkpoint": {"every_steps": 1},
        "resources": {"processes": 2, "cpus": 2, "memory_gib": 1},
        "guards": UNGUARDED,
        "retry": {"backoff_seconds": 0},
        **over,
    }
    with database.write() as session:
        job, _ = submit(session, body, resolve_spec(body, WORKLOADS), database.now(session))
    return job


def attempted(
    database: Database, folder: Path, warm: WarmLauncher, fault: str = "-:-:-", kernel: Any = NoKills
) -> Job:
    """The job after its next attempt, of which no process is left."""
    claimed = claim_job(database)
    assert claimed is not None
    room, launcher = room_of(database, folder, warm, WORKLOADS, fault, kernel)
    supervise(room, claimed)
    assert launcher.trainer is not None
    assert session_of(launcher.trainer.pid) == []
    return fetch_job(database, claimed.id)


def folder_of(root: Path, job: Job) -> Path:
    return run_dir(root / "runs", job.id).path


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, warm: WarmLauncher) -> History:
    """What the job learns where memory never runs out."""
    root = tmp_path_factory.mktemp("straight")
    assert run(warm, root, 1, spec_for(2), "QUIET") == ExitCode.DONE
    return metric_history(root)


WAYS = {
    "an allocation is refused": (
        "1:4:starve",
        {},
        NoKills,
        Reason.HOST_OUT_OF_MEMORY,
        "the machine refused the trainer memory: rank 1: RuntimeError: ",
    ),
    "an allocation is refused before anything is saved": (
        "1:1:starve",
        {},
        NoKills,
        Reason.HOST_OUT_OF_MEMORY,
        "the machine refused the trainer memory: rank 1: RuntimeError: ",
    ),
    "an allocation is refused in an evaluation": (
        "1:eval:starve",
        {},
        NoKills,
        Reason.HOST_OUT_OF_MEMORY,
        "the machine refused the trainer memory: rank 1: RuntimeError: ",
    ),
    "the kernel kills it": (
        "1:4:kill",
        {},
        Kills,
        Reason.OOM_KILLED,
        "the kernel killed a process of the trainer because memory ran out: "
        "rank 1 was ended by SIGKILL from outside",
    ),
    "the kernel kills its loader worker": (
        "1:loader:kill",
        {"num_workers": 1},
        Kills,
        Reason.LOADER_OOM_KILLED,
        "the kernel killed a data loader worker because memory ran out: rank 1: RuntimeError: ",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_job_goes_on_with_smaller_micro_batches_and_learns_the_same(
    live_database: Database, tmp_path: Path, warm: WarmLauncher, straight: History, way: str
) -> None:
    fault, trainer, kernel, reason, sentence = WAYS[way]
    job = submitted(live_database, trainer=trainer)
    ended = attempted(live_database, tmp_path, warm, fault, kernel)
    assert (ended.status, ended.reason, ended.failures) == (JobStatus.QUEUED, reason, 0), ended.message
    assert str(ended.message).startswith(sentence)
    assert str(ended.message).endswith("the next attempt takes micro-batches of 1 x 6 instead of 2 x 3")
    ended = attempted(live_database, tmp_path, warm)
    assert ended.status == JobStatus.SUCCEEDED, ended.message
    with live_database.read() as session:
        tries = list(session.scalars(select(Attempt).where(Attempt.job_id == job.id)))
        events = select(JobEvent.data).where(JobEvent.job_id == job.id, JobEvent.type == "recovered")
        (recovered,) = session.scalars(events)
    assert [one.exact for one in tries] == [False, False]
    assert (recovered["cause"], recovered["in_process"]) == (reason.value, False)
    assert metric_history(folder_of(tmp_path, job)) == pytest.approx(straight, rel=TOLERANCE)


@pytest.mark.parametrize("way", WAYS)
def test_policy_stop_ends_the_job(
    live_database: Database, tmp_path: Path, warm: WarmLauncher, way: str
) -> None:
    fault, trainer, kernel, reason, sentence = WAYS[way]
    submitted(live_database, trainer=trainer, memory={"policy": "stop", "sample_seconds": 3600})
    ended = attempted(live_database, tmp_path, warm, fault, kernel)
    assert (ended.status, ended.reason) == (JobStatus.FAILED, reason)
    assert str(ended.message).startswith(sentence)
    assert str(ended.message).endswith("; memory.policy is stop")


def test_what_is_too_small_to_be_halved_ends_the_job_and_promises_no_other_try(
    live_database: Database, tmp_path: Path, warm: WarmLauncher
) -> None:
    """Of micro-batches of two, each of two processes takes one sample."""
    submitted(live_database, trainer={"batch_size": 2, "accumulate": 1, "eval_batch_size": 1})
    ended = attempted(live_database, tmp_path, warm, "1:4:starve")
    assert (ended.status, ended.reason) == (JobStatus.FAILED, Reason.HOST_OUT_OF_MEMORY)
    assert "; one of several processes does not take less than the others; " in str(ended.message)
    assert "each of 2 processes already takes 1 at once; what would help: a smaller model" in str(
        ended.message
    )


def test_a_killed_loader_worker_that_the_kernel_did_not_kill_is_a_retry(
    live_database: Database, tmp_path: Path, warm: WarmLauncher
) -> None:
    job = submitted(live_database, trainer={"num_workers": 1})
    ended = attempted(live_database, tmp_path, warm, "1:loader:kill")
    assert (ended.status, ended.reason) == (JobStatus.QUEUED, Reason.LOADER_KILLED)
    assert attempted(live_database, tmp_path, warm).status == JobStatus.SUCCEEDED
    assert told(folder_of(tmp_path, job), "resumed", 2)[0]["exact"] is True
