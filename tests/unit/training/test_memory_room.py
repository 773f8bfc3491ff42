"""The room of a training is the least of machine, cgroup and what the job asked for, its own share in it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from shared.specs.parts import ResourceSpec
from worker.training.memory_room import physical_room, room_for

MIB = 1024**2
GIB = 1024**3


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """10 GiB available; in a cgroup of 4 GiB that uses 3, half a GiB of it cache and 1 of it this process."""
    cgroup = tmp_path / "sys/fs/cgroup"
    (tmp_path / "proc/self").mkdir(parents=True)
    cgroup.mkdir(parents=True)
    (tmp_path / "proc/self/status").write_text("VmHWM: 2097152 kB\nVmRSS: 1048576 kB\nVmSwap: 0 kB\n")
    (tmp_path / "proc/self/cgroup").write_text("0::/\n")
    info = {"MemTotal": 16 * GIB, "MemAvailable": 10 * GIB, "SwapTotal": 0, "SwapFree": 0}
    (tmp_path / "proc/meminfo").write_text(
        "".join(f"{name}: {size // 1024} kB\n" for name, size in info.items())
    )
    (cgroup / "memory.current").write_text(str(3 * GIB))
    (cgroup / "memory.max").write_text(str(4 * GIB))
    (cgroup / "memory.events").write_text("oom_kill 0\n")
    (cgroup / "memory.stat").write_text(f"active_file {256 * MIB}\ninactive_file {256 * MIB}\n")
    return tmp_path


def test_a_cgroup_leaves_what_others_do_not_hold(root: Path) -> None:
    room = physical_room(root)
    assert (room.bytes, room.what) == (4 * GIB - 3 * GIB // 2, "the memory limit of the cgroup")


def test_without_a_limit_the_machine_is_the_room(root: Path) -> None:
    (root / "sys/fs/cgroup/memory.max").write_text("max\n")
    room = physical_room(root)
    assert (room.bytes, room.what) == (11 * GIB, "the machine")


def test_what_the_job_asked_for_counts_where_it_is_less(root: Path) -> None:
    cpu = torch.device("cpu")
    asked = room_for(cpu, ResourceSpec(memory_gib=2), root)
    assert asked.bytes == 2 * GIB
    assert asked.remedy == "resources.memory_gib higher"
    assert room_for(cpu, ResourceSpec(memory_gib=3), root).what == "the memory limit of the cgroup"


def test_no_room_of_machine_and_cgroup_is_set_aside_for_a_copy_that_is_made_only_where_it_fits(
    root: Path,
) -> None:
    room = room_for(torch.device("cpu"), ResourceSpec(memory_gib=16), root, copied=8 * GIB)
    assert (room.bytes, room.what) == (physical_room(root).bytes, "the memory limit of the cgroup")


def test_processes_of_one_training_divide_the_room(root: Path) -> None:
    cpu = torch.device("cpu")
    asked = room_for(cpu, ResourceSpec(memory_gib=2), root, processes=2)
    assert asked.bytes == GIB
    assert asked.what.startswith("for each of 2 processes resources.memory_gib (2.00 GiB for this job)")
    # The copy is one of the job, and what is left of the 2 GiB is divided.
    beside_copy = room_for(cpu, ResourceSpec(memory_gib=2), root, processes=2, copied=GIB)
    assert beside_copy.bytes == GIB // 2
    assert "(2.00 GiB for this job, less 1.00 GiB for the copy)" in beside_copy.what
    # Of the 1.5 GiB that are free each has half, and what it holds already.
    assert physical_room(root, processes=2).bytes == GIB + 3 * GIB // 4
