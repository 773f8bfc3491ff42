"""Whose an out-of-memory kill was: told by cgroup and time, each kill explaining one death; v1 and v2."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from worker.supervision.oom import LOOK_SECONDS, WINDOW_SECONDS, CgroupWatch, OomLedger

GIB = 1024**3


@dataclass
class Kernel:
    """The kernel's files under another root; every process is in the cgroup it was put into."""

    root: Path
    version: str
    now: float = 100.0
    killed: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ledger = OomLedger(lambda: self.now, self.root)
        self._put("proc/vmstat", "pswpin 0\noom_kill 3\n")
        self.place("self", "worker")

    def place(self, pid: int | str, cgroup: str) -> None:
        line = {"v1": f"4:memory:/{cgroup}\n0::/\n", "v2": f"0::/{cgroup}\n", "none": "0::/\n"}
        self._put(f"proc/{pid}/cgroup", line[self.version])
        self.kill(cgroup, 0)

    def start(self, pid: int, cgroup: str) -> CgroupWatch:
        self.place(pid, cgroup)
        return self.ledger.watch(pid)

    def kill(self, cgroup: str, times: int = 1) -> None:
        """The kernel kills somebody there, and says no more."""
        count = self.killed[cgroup] = self.killed.get(cgroup, 0) + times
        if self.version == "v1":
            self._put(f"sys/fs/cgroup/memory/{cgroup}/memory.usage_in_bytes", f"{GIB}\n")
            text = f"oom_kill_disable 0\nunder_oom 0\noom_kill {count}\n"
            self._put(f"sys/fs/cgroup/memory/{cgroup}/memory.oom_control", text)
        elif self.version == "v2":
            self._put(f"sys/fs/cgroup/{cgroup}/memory.current", f"{GIB}\n")
            self._put(f"sys/fs/cgroup/{cgroup}/memory.events", f"low 0\nmax 9\noom 2\noom_kill {count}\n")
        else:
            self._put("proc/vmstat", f"pswpin 0\noom_kill {3 + sum(self.killed.values())}\n")

    def _put(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)


@pytest.fixture(params=["v1", "v2", "none"])
def kernel(tmp_path: Path, request: pytest.FixtureRequest) -> Kernel:
    return Kernel(tmp_path, request.param)


def test_a_kill_just_before_its_end_is_the_trainers(kernel: Kernel) -> None:
    watch = kernel.start(7, "worker")
    kernel.now += 500
    watch.tick()
    kernel.kill("worker")
    watch.look()
    assert watch.struck()
    assert not watch.struck(), "a kill explains one death"


def test_a_death_without_a_kill_is_not(kernel: Kernel) -> None:
    kernel.kill("worker", 4)
    watch = kernel.start(7, "worker")
    kernel.now += 5
    watch.look()
    assert not watch.struck(), "what was counted before its start was another's"


def test_a_kill_long_before_its_end_was_anothers(kernel: Kernel) -> None:
    watch = kernel.start(7, "worker")
    kernel.kill("worker")
    kernel.now += LOOK_SECONDS
    watch.tick()
    kernel.now += WINDOW_SECONDS + 0.1
    watch.look()
    assert not watch.struck()


def test_a_trainer_that_takes_seconds_to_be_gone_is_still_known(kernel: Kernel) -> None:
    watch = kernel.start(7, "worker")
    kernel.now += 50
    kernel.kill("worker")
    for _ in range(8):
        kernel.now += 1
        watch.tick()
    watch.look()
    kernel.now += 3600  # the database was away, and the verdict late
    assert watch.struck()


def test_of_two_that_die_side_by_side_the_kernel_killed_one(kernel: Kernel) -> None:
    ours, other = kernel.start(7, "worker"), kernel.start(8, "worker")
    kernel.kill("worker")
    ours.look()
    assert ours.struck()
    kernel.now += 2
    other.look()  # somebody killed it by hand
    assert not other.struck()
    kernel.kill("worker", 2)
    for watch in (ours, other):
        watch.look()
        assert watch.struck()


def test_a_kill_in_another_cgroup_is_not_ours(tmp_path: Path) -> None:
    for version in ("v1", "v2"):
        kernel = Kernel(tmp_path / version, version)
        watch = kernel.start(7, "worker")
        kernel.place(8, "other")
        kernel.kill("other")
        watch.look()
        assert not watch.struck(), version


def test_a_process_that_is_gone_before_it_was_found_was_where_its_parent_is(kernel: Kernel) -> None:
    watch = kernel.ledger.watch(404)
    kernel.kill("worker")
    watch.look()
    assert watch.struck()


def test_a_cgroup_that_is_removed_leaves_what_was_seen(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path, "v2")
    watch = kernel.start(7, "jobs/7")
    kernel.kill("jobs/7")
    kernel.now += LOOK_SECONDS
    watch.tick()
    for name in ("memory.current", "memory.events"):
        (tmp_path / "sys/fs/cgroup/jobs/7" / name).unlink()
    kernel.now += 1
    watch.look()
    assert watch.struck()
