"""What a worker offers: as many slots as GPUs at least, unless a number was set."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.settings import Settings
from worker.stack.program import refuse_autoscale, served_queues
from worker.supervision.offer import GIB, Offer, make_offer


def no_one_is_asked() -> list[str]:
    raise AssertionError("the environment names the GPUs")


@pytest.mark.parametrize(("gpus", "slots"), [(0, 4), (1, 4), (4, 4), (8, 8)])
def test_every_gpu_has_a_slot(gpus: int, slots: int) -> None:
    offer = make_offer(Settings(cpus=2, memory_gib=3), {}, lambda: [f"GPU-{index}" for index in range(gpus)])
    assert offer == Offer(slots, tuple(str(index) for index in range(gpus)), 2, 3)


@pytest.mark.parametrize("slots", [1, 2, 9])
def test_a_number_of_slots_that_was_set_stands(slots: int) -> None:
    assert make_offer(Settings(slots=slots), {}, lambda: ["GPU-a"] * 8).slots == slots


def test_the_gpus_offered_count_and_not_those_that_are_there() -> None:
    offer = make_offer(Settings(gpus=5), {"CUDA_VISIBLE_DEVICES": "7,6,5,4,3,2,1,0"}, no_one_is_asked)
    assert (offer.slots, offer.gpus) == (5, ("7", "6", "5", "4", "3"))


def test_what_is_not_set_is_all_of_the_machine() -> None:
    offer = make_offer(Settings(gpus=0), {})
    assert offer.cpus >= 1 and offer.memory_gib > 0


@pytest.mark.parametrize(
    ("asked", "has_gpus", "served"),
    [
        (None, True, ["cpu", "gpu"]),
        (None, False, ["cpu"]),
        (["cpu", "gpu"], False, ["cpu"]),
        (["gpu"], True, ["gpu"]),
    ],
)
def test_the_queue_gpu_is_served_only_where_there_is_one(
    asked: list[str] | None, has_gpus: bool, served: list[str]
) -> None:
    assert served_queues(asked, has_gpus=has_gpus) == served


def test_a_queue_that_cannot_be_served_is_a_sentence() -> None:
    with pytest.raises(ValueError, match="names the queue 'gpu' and this worker offers no GPU"):
        served_queues(["gpu"], has_gpus=False)
    with pytest.raises(ValueError, match="names the queue 'celery'; there are cpu and gpu"):
        served_queues(["celery"], has_gpus=True)
    with pytest.raises(ValueError, match="slots are fixed; give their number as -c"):
        refuse_autoscale((4, 1))


@pytest.mark.parametrize(("limit", "gib"), [("max", 64), (str(8 * GIB), 8), (str(512 * GIB), 64)])
def test_a_worker_in_a_container_offers_no_more_than_its_limit(
    tmp_path: Path, limit: str, gib: float
) -> None:
    planted = {
        "proc/meminfo": f"MemTotal: {64 * 1024**2} kB\nMemAvailable: 1 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
        "proc/self/cgroup": "0::/docker/deadbeef\n",
        "sys/fs/cgroup/memory.current": "500\n",
        "sys/fs/cgroup/memory.max": f"{limit}\n",
        "sys/fs/cgroup/memory.events": "oom_kill 0\n",
    }
    for name, text in planted.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert make_offer(Settings(gpus=0), {}, root=tmp_path).memory_gib == gib
    assert make_offer(Settings(gpus=0, memory_gib=3), {}, root=tmp_path).memory_gib == 3
