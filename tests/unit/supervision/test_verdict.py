"""Every way a trainer can end has one name, and one consequence."""

from __future__ import annotations

import signal
from datetime import UTC, datetime, timedelta

import pytest

from shared.jobs.status import JobStatus, Reason
from shared.specs.parts import RetrySpec
from worker.protocol import ExitCode
from worker.supervision.stop import StopCause
from worker.supervision.verdict import BUSY_DELAY_SECONDS, Ending, Verdict, decide, is_unexplained, judge

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KILLED = -signal.SIGKILL

ENDINGS = [
    (Ending(0, finished=True), Reason.COMPLETED),
    (Ending(0, finished=True, stop=StopCause.CANCEL), Reason.COMPLETED),
    (Ending(0), Reason.CRASHED),
    (Ending(ExitCode.INTERRUPTED, stop=StopCause.CANCEL), Reason.CANCELLED_BY_USER),
    (Ending(KILLED, stop=StopCause.CANCEL), Reason.CANCELLED_BY_USER),
    (Ending(KILLED, stop=StopCause.TIME_LIMIT, time_limit_seconds=5), Reason.TIME_LIMIT),
    (Ending(ExitCode.INTERRUPTED, stop=StopCause.SHUTDOWN), Reason.WORKER_SHUTDOWN),
    (Ending(KILLED, stop=StopCause.STALL, stall_limit_seconds=9), Reason.STALLED),
    (Ending(ExitCode.BUSY), Reason.BUSY),
    (Ending(ExitCode.INTERRUPTED), Reason.INTERRUPTED),
    (Ending(KILLED, launcher_lost=True), Reason.LAUNCHER_LOST),
    (Ending(ExitCode.REFUSED, failure=("invalid_data", "no rows")), Reason.INVALID_DATA),
    (Ending(ExitCode.REFUSED, failure=("non_finite_loss", "NaN at step 3")), Reason.NON_FINITE_LOSS),
    (Ending(ExitCode.REFUSED, failure=("something_new", "why")), Reason.REFUSED),
    (Ending(ExitCode.REFUSED), Reason.REFUSED),
    (Ending(ExitCode.CUDA_OUT_OF_MEMORY), Reason.CUDA_OUT_OF_MEMORY),
    (Ending(ExitCode.HOST_OUT_OF_MEMORY), Reason.HOST_OUT_OF_MEMORY),
    (Ending(ExitCode.LOADER_KILLED, oom_killed=True), Reason.LOADER_OOM_KILLED),
    (Ending(ExitCode.LOADER_KILLED), Reason.LOADER_KILLED),
    (Ending(ExitCode.RANK_KILLED, oom_killed=True), Reason.OOM_KILLED),
    (Ending(ExitCode.RANK_KILLED, failure=("rank_killed", "rank 1 was")), Reason.KILLED),
    (Ending(ExitCode.GPU_UNUSABLE, failure=("gpu_unusable", "driver too old")), Reason.CRASHED),
    (Ending(KILLED, oom_killed=True), Reason.OOM_KILLED),
    (Ending(KILLED, oom_killed=True, stop=StopCause.CANCEL), Reason.CANCELLED_BY_USER),
    (Ending(KILLED), Reason.KILLED),
    (Ending(-signal.SIGSEGV, oom_killed=True), Reason.KILLED),
    (Ending(ExitCode.CRASHED, failure=("crashed", "ValueError: x")), Reason.CRASHED),
    (Ending(1), Reason.CRASHED),
]


@pytest.mark.parametrize(("ending", "reason"), ENDINGS)
def test_every_ending_has_its_reason(ending: Ending, reason: Reason) -> None:
    verdict = judge(ending)
    assert verdict.reason is reason
    assert verdict.message


@pytest.mark.parametrize(
    ("ending", "asks"),
    [
        (Ending(KILLED), True),
        (Ending(ExitCode.LOADER_KILLED), True),
        (Ending(ExitCode.RANK_KILLED), True),
        (Ending(KILLED, stop=StopCause.CANCEL), False),
        (Ending(KILLED, launcher_lost=True), False),
        (Ending(ExitCode.CRASHED), False),
        (Ending(-signal.SIGSEGV), False),
        (Ending(0, finished=True), False),
    ],
)
def test_only_a_kill_that_was_not_ours_is_looked_up_with_the_kernel(ending: Ending, asks: bool) -> None:
    assert is_unexplained(ending) is asks


def test_a_memory_verdict_is_one_sentence_with_the_trainers_own_words() -> None:
    ending = Ending(ExitCode.CUDA_OUT_OF_MEMORY, failure=("cuda_out_of_memory", "OutOfMemoryError: 2 GiB"))
    assert judge(ending).message == "the GPU had no memory left: OutOfMemoryError: 2 GiB"


def test_the_end_of_a_lost_lease_is_not_ours_to_judge() -> None:
    with pytest.raises(ValueError, match="lease is lost"):
        judge(Ending(0, finished=True, stop=StopCause.LEASE_LOST))


@pytest.mark.parametrize(
    ("reason", "target"),
    [
        (Reason.COMPLETED, JobStatus.SUCCEEDED),
        (Reason.CANCELLED_BY_USER, JobStatus.CANCELLED),
        (Reason.WORKER_SHUTDOWN, JobStatus.QUEUED),
        (Reason.INVALID_DATA, JobStatus.FAILED),
        (Reason.TIME_LIMIT, JobStatus.FAILED),
        (Reason.CRASHED, JobStatus.QUEUED),
        (Reason.CUDA_OUT_OF_MEMORY, JobStatus.QUEUED),
        (Reason.HOST_OUT_OF_MEMORY, JobStatus.QUEUED),
        (Reason.OOM_KILLED, JobStatus.QUEUED),
        (Reason.LOADER_OOM_KILLED, JobStatus.QUEUED),
        (Reason.LOADER_KILLED, JobStatus.QUEUED),
    ],
)
def test_every_reason_has_its_consequence(reason: Reason, target: JobStatus) -> None:
    transition = decide(Verdict(reason, "told"), Ending(1), 4, NOW, RetrySpec(), 0, made_progress=False)
    assert transition.target is target
    assert transition.attempt == 4


def test_a_gpu_that_cannot_be_used_counts_as_a_crash_with_its_driver_named() -> None:
    verdict = judge(Ending(ExitCode.GPU_UNUSABLE, failure=("gpu_unusable", "the NVIDIA driver is too old")))
    assert verdict.message == "the NVIDIA driver is too old"
    ending, policy = Ending(ExitCode.GPU_UNUSABLE), RetrySpec(max_attempts=2)
    again = decide(verdict, ending, 1, NOW, policy, 0, made_progress=False)
    assert again.values["failures"] == 1 and again.values["due_at"] > NOW
    assert decide(verdict, ending, 2, NOW, policy, 1, made_progress=False).target is JobStatus.FAILED


def test_an_interruption_is_not_counted() -> None:
    verdict = Verdict(Reason.WORKER_SHUTDOWN, "shut down")
    transition = decide(verdict, Ending(75), 1, NOW, RetrySpec(max_attempts=1), 0, made_progress=False)
    assert transition.target is JobStatus.QUEUED
    assert transition.values["failures"] == 0
    assert transition.values["due_at"] == NOW


def test_a_busy_run_directory_is_left_alone_for_a_while() -> None:
    transition = decide(Verdict(Reason.BUSY, "busy"), Ending(73), 1, NOW, RetrySpec(), 0, made_progress=False)
    assert transition.values["due_at"] == NOW + timedelta(seconds=BUSY_DELAY_SECONDS)


def test_crashes_wait_longer_each_time_and_then_give_up() -> None:
    policy = RetrySpec(max_attempts=3, backoff_seconds=2.0)
    verdict = Verdict(Reason.CRASHED, "boom")
    waits = []
    for failures in range(2):
        transition = decide(verdict, Ending(1), 1, NOW, policy, failures, made_progress=False)
        waits.append((transition.values["due_at"] - NOW).total_seconds())
        assert transition.values["failures"] == failures + 1
    last = decide(verdict, Ending(1), 1, NOW, policy, 2, made_progress=False)
    assert waits == [2.0, 4.0]
    assert last.target is JobStatus.FAILED
    assert last.message is not None and "gave up after 3 attempts" in last.message


def test_a_crash_after_a_newer_checkpoint_starts_the_count_anew() -> None:
    verdict = Verdict(Reason.KILLED, "killed")
    transition = decide(verdict, Ending(-9), 9, NOW, RetrySpec(max_attempts=3), 2, made_progress=True)
    assert transition.target is JobStatus.QUEUED
    assert transition.values["failures"] == 0
