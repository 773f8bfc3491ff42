"""The processes of a job added up, over recorded trees."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from worker.hostmem import Faults, PagingCounters
from worker.jobmem import Members, faults_between, read_job_pss, read_members
from worker.training.memory import MemoryWatch, job_fields
from worker.training.memory_rates import Counters, look_between, rates_between
from worker.training.reporter import Reporter

MIB = 1024**2


def put(root: Path, pid: int | str, children: str | None, mib: int = 0, faults: int = 0) -> None:
    """A process, with a name that looks like two fields."""
    folder = root / "proc" / str(pid)
    (folder / "task" / str(pid)).mkdir(parents=True, exist_ok=True)
    status = f"VmHWM: {2 * 1024 * mib} kB\nVmRSS: {1024 * mib} kB\nVmSwap: {512 * mib} kB\n"
    (folder / "status").write_text(status)
    (folder / "stat").write_text(f"{pid} (a) b) R 1 7 7 0 -1 4194304 9 0 {faults} 5 60 1\n")
    (folder / "cgroup").write_text("0::/\n")
    (folder / "smaps_rollup").write_text(f"Pss: {256 * mib} kB\n")
    if children is not None:
        (folder / "task" / str(pid) / "children").write_text(children)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A launcher, two ranks, a loader worker each, and a stranger."""
    put(tmp_path, 10, "11 12 ", 8)
    put(tmp_path, 11, "13 ", 100, faults=5)
    put(tmp_path, 12, "14 ", 200, faults=7)
    put(tmp_path, 13, "", 40, faults=1)
    put(tmp_path, 14, "", 60)
    put(tmp_path, 99, "", 5000)
    return tmp_path


def members_of(root: Path, head: int = 10) -> Members:
    members = read_members(head, root)
    assert members is not None
    return members


def test_a_job_is_the_head_and_all_that_came_from_it(root: Path) -> None:
    members = members_of(root)
    assert sorted(members) == [10, 11, 12, 13, 14]
    assert job_fields(members) == {
        "job_processes": 5,
        "job_rss_bytes": 408 * MIB,
        "job_swap_bytes": 204 * MIB,
    }
    assert read_job_pss(members, root) == 102 * MIB
    assert sorted(members_of(root, 12)) == [12, 14]


def test_a_process_that_ended_between_two_readings_holds_nothing(root: Path) -> None:
    before = members_of(root)
    (root / "proc/12/status").unlink()
    assert sorted(members_of(root)) == [10, 11, 13]
    (root / "proc/13/smaps_rollup").unlink()
    assert read_job_pss(before, root) == 92 * MIB


def test_what_the_kernel_does_not_list_is_none_not_zero(tmp_path: Path) -> None:
    put(tmp_path, 10, None, 8)
    assert read_members(10, tmp_path) is None
    assert job_fields(None) == {}
    assert faults_between(None, None) is None
    assert read_job_pss({}, tmp_path) is None


def test_only_processes_seen_twice_have_faults_between(root: Path) -> None:
    before = members_of(root)
    put(root, 12, "14 15 ", 200, faults=30)
    put(root, 15, "", 1, faults=1000)
    (root / "proc/11/status").unlink()
    assert faults_between(before, members_of(root)) == 23


def test_pressure_on_any_process_is_pressure_on_the_job(root: Path) -> None:
    """This process itself waited for nothing."""
    before = counters(1.0, members_of(root))
    put(root, 12, "14 ", 200, faults=407)
    after = counters(2.0, members_of(root), swapped=8_000_000)
    assert look_between(before, after).own_major_faults == 400
    assert look_between(before, after).presses
    rates = rates_between(before, after)
    assert rates["job_major_faults_per_second"] == 400
    assert rates["own_major_faults_per_second"] == 0


def counters(time: float, members: Members, swapped: int = 0) -> Counters:
    return Counters(time, 1, PagingCounters(swapped, 0, 0, 0), Faults(0, 0), None, members)


def test_a_sample_has_the_job_beside_the_process_that_takes_it(root: Path) -> None:
    put(root, "self", None, 100)
    (root / "proc/meminfo").write_text(
        "MemTotal: 9 kB\nMemAvailable: 9 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
    )
    (root / "proc/vmstat").write_text("pgmajfault 0\n")
    now = iter([1.0, 2.0, 2.0, 30.0, 62.0, 62.0])
    with Reporter(root / "events", time.time) as report:
        watch = MemoryWatch(report, 3600, lambda: 7, lambda: next(now), root, head=10)
        first = watch.sample()
        put(root, 14, "", 160)
        assert [first["rss_bytes"], first["job_rss_bytes"]] == [100 * MIB, 408 * MIB]
        assert [first["pss_bytes"], first["job_pss_bytes"]] == [25 * MIB, 102 * MIB]
        assert watch.sample()["job_pss_bytes"] == 102 * MIB, "once a minute"
        assert watch.sample()["job_pss_bytes"] == 127 * MIB
