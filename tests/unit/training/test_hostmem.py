"""Kernel files of several shapes, recorded under another root."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker.hostmem import (
    PAGE_BYTES,
    CgroupMemory,
    Faults,
    MachineMemory,
    Pressure,
    ProcessMemory,
    Stalls,
    read_cgroup,
    read_faults,
    read_machine,
    read_paging,
    read_pressure,
    read_process,
    read_pss,
    read_stalls,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path, "proc/7/status", "Name:\tx: 5\nVmHWM:\t  300 kB\nVmRSS:\t  200 kB\nVmSwap:\t   10 kB\n")
    meminfo = (
        "MemTotal: 1000 kB\nMemAvailable: 400 kB\nSwapTotal: 100 kB\nSwapFree: 70 kB\nHugePages_Free: 0\n"
    )
    put(tmp_path, "proc/meminfo", meminfo)
    put(tmp_path, "proc/vmstat", "pswpin 2\npswpout 3\npgmajfault 5\noom_kill 1\n")
    return tmp_path


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text, encoding="utf-8")


def test_kibibytes_become_bytes(root: Path) -> None:
    assert read_process(7, root) == ProcessMemory(200 * 1024, 300 * 1024, 10 * 1024)
    assert read_machine(root) == MachineMemory(1000 * 1024, 400 * 1024, 100 * 1024, 30 * 1024)


def test_pages_become_bytes(root: Path) -> None:
    paging = read_paging(root)
    assert (paging.swapped_in_bytes, paging.swapped_out_bytes) == (2 * PAGE_BYTES, 3 * PAGE_BYTES)
    assert (paging.major_faults, paging.oom_kills) == (5, 1)


def test_pressure_that_is_not_measured_is_none_not_zero(root: Path) -> None:
    assert read_pressure(root) is None
    put(
        root,
        "proc/pressure/memory",
        "some avg10=1.50 avg60=0 avg300=0 total=9\nfull avg10=0.25 avg60=0 avg300=0 total=9\n",
    )
    assert read_pressure(root) == Pressure(1.5, 0.25)


def test_cgroup_v2_with_and_without_a_limit(root: Path) -> None:
    put(root, "proc/7/cgroup", "0::/jobs/a\n")
    put(root, "sys/fs/cgroup/jobs/a/memory.current", "500\n")
    put(root, "sys/fs/cgroup/jobs/a/memory.max", "max\n")
    put(root, "sys/fs/cgroup/jobs/a/memory.events", "low 0\nhigh 0\nmax 4\noom 1\noom_kill 2\n")
    assert read_cgroup(7, root) == CgroupMemory(500, None, 2, None, 4)
    put(root, "sys/fs/cgroup/jobs/a/memory.max", "900\n")
    assert read_cgroup(7, root) == CgroupMemory(500, 900, 2, None, 4)
    put(root, "sys/fs/cgroup/jobs/a/memory.swap.current", "70\n")
    assert read_cgroup(7, root) == CgroupMemory(500, 900, 2, 70, 4)


def test_cgroup_v1_on_a_hybrid_machine_is_preferred_where_it_holds_memory(root: Path) -> None:
    put(root, "proc/7/cgroup", "4:cpu,memory:/a\n0::/\n")
    put(root, "sys/fs/cgroup/memory/a/memory.usage_in_bytes", "500\n")
    put(root, "sys/fs/cgroup/memory/a/memory.limit_in_bytes", f"{2**63 - 4096}\n")
    put(root, "sys/fs/cgroup/memory/a/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")
    assert read_cgroup(7, root) == CgroupMemory(500, None, 3)
    put(root, "sys/fs/cgroup/memory/a/memory.memsw.usage_in_bytes", "620\n")
    put(root, "sys/fs/cgroup/memory/a/memory.failcnt", "9\n")
    assert read_cgroup(7, root) == CgroupMemory(500, None, 3, 120, 9)


def test_inside_a_container_the_mount_itself_is_the_cgroup(root: Path) -> None:
    put(root, "proc/7/cgroup", "0::/docker/deadbeef\n")
    put(root, "sys/fs/cgroup/memory.current", "500\n")
    put(root, "sys/fs/cgroup/memory.max", "900\n")
    put(root, "sys/fs/cgroup/memory.events", "oom_kill 0\n")
    assert read_cgroup(7, root) == CgroupMemory(500, 900, 0)


def test_no_memory_cgroup_is_none_not_zero(root: Path) -> None:
    put(root, "proc/7/cgroup", "0::/\n")
    assert read_cgroup(7, root) is None


def test_the_living_machine_can_be_read() -> None:
    assert 0 < read_process().rss_bytes <= read_process().rss_peak_bytes
    assert 0 < read_machine().available_bytes <= read_machine().total_bytes
    read_paging()
    read_pressure()
    read_cgroup()


def test_faults_of_a_process_that_calls_itself_what_it_likes(root: Path) -> None:
    fields = "R 1 7 7 0 -1 4194304 121 900 5 60 1 2 0 0 20 0 1 0 99 4096 3"
    put(root, "proc/7/stat", f"7 (a ) R 9 (b) {fields}\n")
    assert read_faults(7, root) == Faults(121, 5)


def test_the_share_of_shared_pages_or_nothing(root: Path) -> None:
    assert read_pss(7, root) is None
    put(root, "proc/7/smaps_rollup", "5581-7ffc ---p 00000000 00:00 0 [rollup]\nRss: 900 kB\nPss: 412 kB\n")
    assert read_pss(7, root) == 412 * 1024


def test_stalls_are_the_cgroups_where_it_counts_them_else_the_machines(root: Path) -> None:
    put(root, "proc/7/cgroup", "0::/jobs/a\n")
    put(root, "sys/fs/cgroup/jobs/a/memory.current", "500\n")
    assert read_stalls(7, root) is None
    line = "{} avg10=0.00 avg60=0.00 avg300=0.00 total={}\n"
    put(root, "proc/pressure/memory", line.format("some", 2_000_000) + line.format("full", 1_000_000))
    assert read_stalls(7, root) == Stalls(2.0, 1.0)
    put(root, "sys/fs/cgroup/jobs/a/memory.pressure", line.format("some", 500_000))
    assert read_stalls(7, root) == Stalls(0.5, 0.0)
