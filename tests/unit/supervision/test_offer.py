"""What a worker offers: a slot for each GPU, no GPU of another's, no more than its container may use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.settings import Settings
from worker.stack.program import offer_for, refuse_autoscale, served_queues
from worker.supervision.cores import count_cores
from worker.supervision.gpu_locks import hold_gpu
from worker.supervision.gpus import Gpu
from worker.supervision.offer import GIB, Offer, make_offer

MEMINFO = f"MemTotal: {64 * 1024**2} kB\nMemAvailable: 1 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"


def listed(count: int) -> list[Gpu]:
    return [Gpu(f"GPU-{number}", "H100") for number in range(count)]


def no_one_is_asked() -> list[Gpu]:
    raise AssertionError("no GPU is offered")


@pytest.mark.parametrize(("gpus", "slots"), [(0, 4), (1, 4), (4, 4), (8, 8)])
def test_every_gpu_has_a_slot(gpus: int, slots: int, tmp_path: Path) -> None:
    settings = Settings(cpus=2, memory_gib=3, runs_dir=tmp_path)
    offer = make_offer(settings, {}, lambda: listed(gpus))
    assert offer == Offer(slots, tuple(f"GPU-{index}" for index in range(gpus)), 2, 3)


@pytest.mark.parametrize("slots", [1, 2, 9])
def test_a_number_of_slots_that_was_set_stands(slots: int, tmp_path: Path) -> None:
    assert make_offer(Settings(slots=slots, runs_dir=tmp_path), {}, lambda: listed(8)).slots == slots


def test_the_gpus_offered_count_and_not_those_that_are_there(tmp_path: Path) -> None:
    settings = Settings(gpus=5, runs_dir=tmp_path)
    offer = make_offer(settings, {"CUDA_VISIBLE_DEVICES": "7,6,5,4,3,2,1,0"}, lambda: listed(8))
    assert (offer.slots, offer.gpus) == (5, ("GPU-7", "GPU-6", "GPU-5", "GPU-4", "GPU-3"))


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


def test_two_workers_over_the_same_run_directories_share_no_gpu(tmp_path: Path) -> None:
    def offered(gpus: int | None, runs: Path = tmp_path) -> tuple[str, ...]:
        return make_offer(Settings(gpus=gpus, runs_dir=runs), {}, lambda: listed(4)).gpus

    assert offered(1) == ("GPU-0",)
    assert offered(1) == ("GPU-1",)
    assert offered(None) == ("GPU-2", "GPU-3")
    with pytest.raises(ValueError, match="all but 0 of the 4 GPUs"):
        offered(None)
    assert offered(0) == ()
    assert offered(2, tmp_path / "another service") == ("GPU-0", "GPU-1")


def test_a_worker_of_the_cpu_queue_leaves_every_gpu_to_others(tmp_path: Path) -> None:
    settings = Settings(runs_dir=tmp_path, gpus=2)
    assert offer_for(["cpu"], settings, {}, no_one_is_asked).gpus == ()
    assert offer_for(["cpu"], settings, {"CUDA_VISIBLE_DEVICES": "0,1"}, no_one_is_asked).gpus == ()
    assert len(offer_for(["gpu"], settings, {}, lambda: listed(2)).gpus) == 2


def test_a_worker_that_is_gone_leaves_its_gpus(tmp_path: Path) -> None:
    script = "import sys, pathlib; from worker.supervision.gpu_locks import hold_gpu; "
    script += "sys.exit(not hold_gpu(pathlib.Path(sys.argv[1]), 'GPU-0'))"
    command = [sys.executable, "-c", script, str(tmp_path)]
    assert subprocess.run(command).returncode == 0
    assert hold_gpu(tmp_path, "GPU-0") is True
    assert subprocess.run(command).returncode == 1


def test_where_no_file_can_be_locked_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()
    with pytest.raises(ValueError, match=r"a GPU cannot be locked in .*runs/\.gpus: .*working file locks"):
        hold_gpu(tmp_path / "runs", "GPU-0")


def plant(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2.0),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "150000 100000\n"}, 1.5),
        (
            {
                "proc/self/cgroup": "0::/docker/deadbeef\n",
                "sys/fs/cgroup/cpu.max": "300000 100000\n",
                "sys/fs/cgroup/docker/cpu.max": "max 100000\n",
            },
            3.0,
        ),
        (
            {
                "proc/self/cgroup": "5:cpuacct,cpu:/docker/deadbeef\n4:cpuset:/\n0::/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "250000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            2.5,
        ),
        (
            {
                "proc/self/cgroup": "5:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            8.0,
        ),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, 8.0),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1.0),
    ],
)
def test_a_worker_offers_no_more_cores_than_its_quota(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], cores: float
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    plant(tmp_path, files)
    assert count_cores(tmp_path) == cores
    plant(tmp_path, {"proc/meminfo": MEMINFO})
    settings = Settings(gpus=0, memory_gib=1)
    assert make_offer(settings, {}, root=tmp_path).cpus == cores
    assert make_offer(settings.model_copy(update={"cpus": 6.0}), {}, root=tmp_path).cpus == 6


@pytest.mark.parametrize(("limit", "gib"), [("max", 64), (str(8 * GIB), 8), (str(512 * GIB), 64)])
def test_a_worker_in_a_container_offers_no_more_than_its_limit(
    tmp_path: Path, limit: str, gib: float
) -> None:
    planted = {
        "proc/meminfo": MEMINFO,
        "proc/self/cgroup": "0::/docker/deadbeef\n",
        "sys/fs/cgroup/memory.current": "500\n",
        "sys/fs/cgroup/memory.max": f"{limit}\n",
        "sys/fs/cgroup/memory.events": "oom_kill 0\n",
    }
    plant(tmp_path, planted)
    assert make_offer(Settings(gpus=0), {}, root=tmp_path).memory_gib == gib
    assert make_offer(Settings(gpus=0, memory_gib=3), {}, root=tmp_path).memory_gib == 3
