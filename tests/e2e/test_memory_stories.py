"""Trainings whose memory runs out go on with less at once, or end with a sentence that names the cause."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cli.exits import Exit
from tests.e2e.running import Running, epochd_up
from tests.e2e.stories.hoard_contract import offer_hoard


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    packages = tmp_path_factory.mktemp("packages")
    offer_hoard(packages)
    with epochd_up(tmp_path_factory.mktemp("stories"), path=packages) as service:
        yield service


def run_to_its_end(running: Running, *settings: str) -> tuple[int, dict[str, Any]]:
    flags = [word for setting in settings for word in ("--set", setting)]
    watched = running.epochd("submit", "--workload", "hoard", "--watch", *flags)
    assert watched.stdout, watched.stderr
    job: dict[str, Any] = json.loads(running.epochd("show", watched.stdout.split()[0], "--json").stdout)
    return watched.returncode, job


def used(job: dict[str, Any]) -> dict[str, Any]:
    return {change["field"]: change["used"] for change in job["adjustments"]}


def test_a_model_that_holds_every_batch_is_stopped_before_its_first_step(running: Running) -> None:
    code, job = run_to_its_end(running, "model.keeps=every_batch", "memory.probe=always")
    assert (code, job["attempt"], job["progress"]["step"]) == (Exit.JOB_FAILED, 1, None)
    assert job["message"].startswith("after a trial batch of 4 samples the workload still holds ")
    assert "let model and loss keep numbers or detached tensors only" in job["message"]


def test_where_nobody_probes_it_ends_after_three_recoveries_and_is_named(running: Running) -> None:
    code, job = run_to_its_end(running, "model.keeps=every_batch", "model.room_mib=1000")
    assert (code, job["reason"]) == (Exit.JOB_FAILED, "host_out_of_memory"), job["message"]
    assert "DefaultCPUAllocator: can't allocate memory" in job["message"]
    assert "with no batch in work the process still holds " in job["message"]
    assert "something keeps batches, outputs or losses alive" in job["message"]
    assert "fewer samples at once were tried 3 times already, now 2 x 8; what would help: " in job["message"]
    assert used(job) == {"trainer.batch_size": 2, "trainer.accumulate": 8}


def test_a_batch_that_does_not_fit_the_limit_is_cut_and_the_job_succeeds(running: Running) -> None:
    # 16 samples and their gradients take 1,536 MiB; 8 take 768, and the heap grows by 256 at a time.
    short = ("trainer.epochs=1", "trainer.max_steps_per_epoch=2")
    code, job = run_to_its_end(running, "model.room_mib=1200", "model.mib_per_sample=48", *short)
    assert (code, job["status"], job["attempt"]) == (Exit.OK, "succeeded", 1), job["message"]
    assert used(job)["trainer.batch_size"] * used(job)["trainer.accumulate"] == 16
    assert job["exact"] is False
    assert job["exact_why"].startswith(
        "the machine refused the trainer memory after step 0, so the micro-batch"
    )
    assert job["progress"]["step"] == 2


def test_a_gpu_without_room_is_answered_the_same_way(running: Running) -> None:
    code, job = run_to_its_end(running, "model.gpu_fits=4", "model.mib_per_sample=1")
    assert (code, job["status"], job["attempt"]) == (Exit.OK, "succeeded", 1), job["message"]
    assert used(job) == {"trainer.batch_size": 4, "trainer.accumulate": 4}
    assert (
        "the GPU had no memory left after step 0, so the micro-batch went from 8 x 2 to 4 x 4"
        in job["exact_why"]
    )


def test_one_sample_that_does_not_fit_says_what_would_help(running: Running) -> None:
    settings = ("model.gpu_fits=0", "model.mib_per_sample=1", "trainer.batch_size=1")
    code, job = run_to_its_end(running, *settings)
    assert (code, job["reason"], job["attempt"]) == (Exit.JOB_FAILED, "cuda_out_of_memory", 1)
    assert (
        "the micro-batch is already 1; what would help: a smaller model or shorter sequences"
        in job["message"]
    )


def test_the_mended_training_needs_none_of_this(running: Running) -> None:
    code, job = run_to_its_end(running, "model.room_mib=2000")
    assert (code, job["status"]) == (Exit.OK, "succeeded"), job["message"]
    assert (job["adjustments"], job["exact"]) == ([], None)
