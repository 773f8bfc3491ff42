"""Watches memory from a thread of its own: host and CUDA, sampled off the loop, told and kept thinned out."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch

from worker.hostmem import (
    oom_counter,
    read_cgroup,
    read_machine,
    read_oom_kills,
    read_pressure,
    read_process,
    read_pss,
)
from worker.jobmem import Members, read_job_pss, read_members
from worker.training.memory_rates import Counters, look_between, rates_between, read_counters
from worker.training.reporter import Reporter
from worker.training.rng import cuda_in_use
from worker.training.thrash_watch import ThrashWatch

Sample = dict[str, float]

KEPT_SAMPLES = 2_000
"""Samples kept for the figures of the evaluation; beyond twice that every second one is dropped."""

PSS_SECONDS = 60.0
PSS_SHARE = 0.001
"""PSS is read at most once a minute and for at most this share of the time, of all the job's processes: the
kernel walks all pages for it, tens of milliseconds for some gigabytes, and none can map memory meanwhile."""


class MemoryWatch:
    """While entered, a `memory` message every so many seconds, and the `latest` sample for whoever asks."""

    def __init__(
        self,
        report: Reporter,
        seconds: float,
        step: Callable[[], int],
        clock: Callable[[], float],
        root: Path = Path("/"),
        head: int | None = None,
    ) -> None:
        """`head` is the process that all of the job's come from; this one where none is given."""
        self._report = report
        self._seconds = seconds
        self._step = step
        self._clock = clock
        self._root = root
        self._head = os.getpid() if head is None else head
        self._kept = Thinned(KEPT_SAMPLES)
        self._ended = threading.Event()
        self._before = self._counters()
        self._pss_due = self._before.time
        self._pss: Sample = {}
        self.thrash = ThrashWatch(report)
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self._peak = 0.0
        self.latest: Sample = {}

    def samples(self) -> list[Sample]:
        """Samples of this attempt, the oldest first, evenly thinned out where there are many."""
        return list(self._kept.items)

    def sample(self) -> Sample:
        """Measure now, tell and keep."""
        sample = self._measure()
        step = self._step()
        self._report.emit("memory", step=step, sample=sample)
        self._kept.add({"time": self._before.time, "step": step, **sample})
        self.latest = sample
        return sample

    def __enter__(self) -> Self:
        self.sample()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(self._seconds):
            self.sample()

    def _measure(self) -> Sample:
        before, now = self._before, self._counters()
        self._before = now
        self.thrash.see(look_between(before, now))
        host = read_host(self._root)
        # A probe has the kernel begin a new record.
        self._peak = host["rss_peak_bytes"] = max(self._peak, host["rss_peak_bytes"])
        pss = self._latest_pss(now.time, now.members)
        return {**host, **job_fields(now.members), **rates_between(before, now), **pss, **read_cuda()}

    def _counters(self) -> Counters:
        members = read_members(self._head, self._root)
        return read_counters(self._clock(), self._step(), self._root, members)

    def _latest_pss(self, now: float, members: Members | None) -> Sample:
        """As last read, which may have been a while ago."""
        if now >= self._pss_due:
            pss = read_pss(root=self._root)
            job = None if members is None else read_job_pss(members, self._root)
            read = {"pss_bytes": pss, "job_pss_bytes": job}
            self._pss = {name: value for name, value in read.items() if value is not None}
            self._pss_due = now + max(PSS_SECONDS, (self._clock() - now) / PSS_SHARE)
        return self._pss


def job_fields(members: Members | None) -> Sample:
    """All processes of the job added up; resident pages that some share are counted for each of them."""
    if members is None:
        return {}
    return {
        "job_processes": len(members),
        "job_rss_bytes": sum(member.memory.rss_bytes for member in members.values()),
        "job_swap_bytes": sum(member.memory.swap_bytes for member in members.values()),
    }


def read_host(root: Path = Path("/")) -> Sample:
    """Process, machine, pressure and cgroup; fields the kernel does not offer are left out."""
    process, machine = read_process(root=root), read_machine(root)
    sample: Sample = {
        **asdict(process),
        "available_bytes": machine.available_bytes,
        "swap_used_bytes": machine.swap_used_bytes,
    }
    pressure, cgroup = read_pressure(root), read_cgroup(root=root)
    if pressure is not None:
        sample["pressure_some_percent"] = pressure.some_percent
        sample["pressure_full_percent"] = pressure.full_percent
    if cgroup is not None:
        sample["cgroup_usage_bytes"] = cgroup.usage_bytes
        sample["cgroup_limit_hits"] = cgroup.limit_hits
        if cgroup.limit_bytes is not None:
            sample["cgroup_limit_bytes"] = cgroup.limit_bytes
        if cgroup.swap_bytes is not None:
            sample["cgroup_swap_bytes"] = cgroup.swap_bytes
    sample["oom_kills"] = read_oom_kills(oom_counter(root=root)) if cgroup is None else cgroup.oom_kills
    return sample


def read_cuda() -> Sample:
    """What torch's allocator holds on its device; nothing where CUDA was never touched."""
    if not cuda_in_use():
        return {}
    # One call for all: each of torch's short forms makes and flattens the whole nest anew.
    stats: dict[str, Any] = torch.cuda.memory_stats_as_nested_dict()
    allocated, reserved = stats["allocated_bytes"]["all"], stats["reserved_bytes"]["all"]
    return {
        "cuda_allocated_bytes": allocated["current"],
        "cuda_peak_bytes": allocated["peak"],
        "cuda_reserved_bytes": reserved["current"],
        "cuda_reserved_peak_bytes": reserved["peak"],
        "cuda_alloc_retries": stats["num_alloc_retries"],
        "cuda_ooms": stats["num_ooms"],
    }


class Thinned:
    """A list that keeps at most twice `size` items however many are added, evenly spread."""

    def __init__(self, size: int) -> None:
        self.items: list[Sample] = []
        self._size = size
        self._stride = 1
        self._seen = 0

    def add(self, item: Sample) -> None:
        if self._seen % self._stride == 0:
            self.items.append(item)
        self._seen += 1
        if len(self.items) > 2 * self._size:
            self.items = self.items[::2]
            self._stride *= 2
