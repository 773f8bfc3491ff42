"""Slots: capacity is counted once, however many threads claim; each GPU has one trainer."""

from __future__ import annotations

import threading
from collections import Counter

from shared.jobs.store import Capacity
from shared.models import Job
from worker.protocol import ExitCode
from worker.supervision.prepare import trainer_env
from worker.supervision.slots import Placed, Slots


def job(number: int, gpus: int = 0, cpus: float = 1.0) -> Job:
    return Job(id=f"job-{number}", attempt=1, need_gpus=gpus, need_cpus=cpus, need_memory_gib=1.0)


def no_one(placed: Placed) -> None:
    """Nobody is told."""


def test_threads_that_claim_at_once_never_exceed_the_slots_or_the_cores() -> None:
    slots = Slots(8, Capacity(0, 3.0, 64.0), run=no_one, freed=no_one)
    start = threading.Barrier(16)
    taken: list[Placed] = []

    def claim(free: Capacity) -> Job | None:
        return job(len(taken)) if free.cpus >= 1 else None

    def work() -> None:
        start.wait()
        placed = slots.take(claim)
        if placed is not None:
            taken.append(placed)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 3


def test_no_two_running_jobs_share_a_gpu_and_a_freed_one_is_given_again() -> None:
    slots = Slots(4, Capacity(3, 64.0, 64.0), run=no_one, freed=no_one, devices=("0", "1", "2"))
    first = slots.take(lambda _: job(1, gpus=2))
    second = slots.take(lambda _: job(2, gpus=1))
    assert first is not None and second is not None
    assert (first.gpus, second.gpus) == (("0", "1"), ("2",))
    free = slots.free()
    assert free is not None and free.gpus == 0
    slots.occupy(first)
    third = slots.take(lambda _: job(3, gpus=1))
    assert third is not None and third.gpus == ("0",)
    assert Counter(second.gpus + third.gpus).most_common(1)[0][1] == 1


def test_a_worker_that_cannot_use_its_gpus_takes_no_more_jobs_for_them() -> None:
    ends = {"job-1": ExitCode.CRASHED, "job-2": ExitCode.GPU_UNUSABLE}
    slots = Slots(
        4, Capacity(2, 4.0, 64.0), run=lambda placed: ends[placed.job.id], freed=no_one, devices=("0", "1")
    )
    beside = slots.take(lambda _: job(9, gpus=1))
    for number, offered, free in ((1, 2, 1), (2, 0, 0)):
        placed = slots.take(lambda _, number=number: job(number, gpus=1))  # type: ignore[misc]
        assert placed is not None
        slots.occupy(placed)
        left = slots.free()
        assert left is not None and (slots.offered_gpus(), left.gpus) == (offered, free)
    assert beside in slots.running() and slots.take(lambda _: job(3)) is not None, "CPU jobs go on"


def test_a_supervisor_that_dies_frees_its_slot() -> None:
    told: list[Placed] = []

    def die(placed: Placed) -> None:
        raise RuntimeError("a bug")

    slots = Slots(1, Capacity(0, 1.0, 1.0), run=die, freed=told.append)
    placed = slots.take(lambda _: job(1))
    assert placed is not None and slots.free() is None
    slots.occupy(placed)
    assert slots.free() is not None and told == [placed]
    slots.join()


def test_a_trainer_sees_its_own_gpus_and_no_other() -> None:
    environ = {"CUDA_VISIBLE_DEVICES": "0,1,2,3"}
    assert trainer_env(environ, ("2", "3"))["CUDA_VISIBLE_DEVICES"] == "2,3"
    assert trainer_env(environ, ())["CUDA_VISIBLE_DEVICES"] == ""
    assert trainer_env(environ)["CUDA_VISIBLE_DEVICES"] == "0,1,2,3"
