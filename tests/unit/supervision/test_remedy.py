"""A trainer that died of memory is followed by one that takes less, three times at most, by its policy."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.jobs.status import JobStatus, Reason
from shared.specs.parts import TrainerSpec
from worker.protocol import ExitCode
from worker.recovery import Cause, Part, Pieces, recovered_fields
from worker.supervision.remedy import Sufferer, remedy
from worker.supervision.verdict import Ending, Verdict, judge

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TRAINER = TrainerSpec(batch_size=8, accumulate=2)
JOB = Sufferer(4, "train", "recover", TRAINER, (), (), "train", 17, 1)
KILLED = Ending(-signal.SIGKILL, oom_killed=True)
MEMORY = [
    Reason.CUDA_OUT_OF_MEMORY, Reason.HOST_OUT_OF_MEMORY, Reason.OOM_KILLED, Reason.LOADER_OOM_KILLED,
]  # fmt: skip


@pytest.mark.parametrize("reason", MEMORY)
def test_the_next_attempt_takes_half_at_once_and_nothing_is_counted(reason: Reason) -> None:
    found = remedy(Verdict(reason, "told"), KILLED, JOB, NOW)
    assert found is not None and found.event is not None
    assert (found.transition.target, found.transition.reason) == (JobStatus.QUEUED, reason)
    assert found.transition.message == "told; the next attempt takes micro-batches of 4 x 4 instead of 8 x 2"
    assert (found.transition.values["failures"], found.transition.values["due_at"]) == (1, NOW)
    used = {change["field"]: change["used"] for change in found.transition.values["adjustments"]}
    assert used == {"trainer.batch_size": 4, "trainer.accumulate": 4}
    assert (found.event["cause"], found.event["recoveries"]) == (reason.value, 1)
    assert (found.event["step"], found.event["in_process"], found.event["exact"]) == (17, False, False)


@pytest.mark.parametrize("reason", [Reason.KILLED, Reason.CRASHED, Reason.LOADER_KILLED, Reason.COMPLETED])
def test_other_ends_are_none_of_its_business(reason: Reason) -> None:
    assert remedy(Verdict(reason, "told"), Ending(1), JOB, NOW) is None


def test_a_fourth_time_the_job_fails_and_says_what_would_help() -> None:
    third = recovered_fields(
        TRAINER, Cause.OOM_KILLED, Pieces(2, 8, 2, 2), Pieces(1, 16, 1, 3, "x"), 9, Part.UNKNOWN
    )
    found = remedy(Verdict(Reason.OOM_KILLED, "told"), KILLED, replace(JOB, recovered=[third]), NOW)
    assert found is not None and found.event is None
    assert (found.transition.target, found.transition.reason) == (JobStatus.FAILED, Reason.OOM_KILLED)
    assert found.transition.message is not None
    assert found.transition.message.startswith("told; fewer samples at once were tried 3 times already")


def test_a_micro_batch_of_one_fails_at_once() -> None:
    job = replace(JOB, trainer=TrainerSpec(batch_size=1))
    found = remedy(Verdict(Reason.CUDA_OUT_OF_MEMORY, "told"), Ending(77), job, NOW)
    assert found is not None and found.transition.target is JobStatus.FAILED
    assert "the micro-batch is already 1; what would help: " in str(found.transition.message)


def test_a_kill_in_the_evaluation_leaves_the_training_alone() -> None:
    found = remedy(Verdict(Reason.OOM_KILLED, "told"), KILLED, replace(JOB, stage="evaluate"), NOW)
    assert found is not None and found.event is not None
    assert (found.event["batch_size"], found.event["eval_batch_size"]) == (8, 4)
    assert found.transition.message == "told; the next attempt evaluates 4 samples at once, not 8"


def test_warn_counts_a_crash_and_stop_ends_the_job() -> None:
    verdict = Verdict(Reason.OOM_KILLED, "told")
    assert remedy(verdict, KILLED, replace(JOB, policy="warn"), NOW) is None
    stopped = remedy(verdict, KILLED, replace(JOB, policy="stop"), NOW)
    assert stopped is not None and stopped.transition.target is JobStatus.FAILED
    assert stopped.transition.message == "told; memory.policy is stop"


def test_a_plan_is_what_is_halved() -> None:
    plan = [
        {"field": "trainer.batch_size", "asked": 8, "used": 4, "why": "measured"},
        {"field": "trainer.accumulate", "asked": 2, "used": 4, "why": "measured"},
        {"field": "model.d_model", "asked": 130, "used": 208, "why": "heads"},
    ]
    found = remedy(Verdict(Reason.OOM_KILLED, "told"), KILLED, replace(JOB, adjustments=plan), NOW)
    assert found is not None
    used = {change["field"]: change["used"] for change in found.transition.values["adjustments"]}
    assert used == {"trainer.batch_size": 2, "trainer.accumulate": 8, "model.d_model": 208}


def test_of_several_processes_the_evaluation_is_cut_too_since_none_sees_to_its_own() -> None:
    ending = Ending(ExitCode.CUDA_OUT_OF_MEMORY, failure=("cuda_out_of_memory", "no room"))
    trainer = TrainerSpec(batch_size=8, eval_batch_size=512)
    found = remedy(judge(ending), ending, replace(JOB, trainer=trainer, processes=2), NOW)
    assert found is not None and found.event is not None
    assert found.event["eval_batch_size"] == 256
