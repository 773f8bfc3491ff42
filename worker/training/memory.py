"""Watches memory from a thread of its own: host and CUDA, sampled off the loop, told and kept thinned out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

import torch

from worker.hostmem import PagingCounters, read_cgroup, read_machine, read_paging, read_pressure, read_process
from worker.training.reporter import Reporter
from worker.training.rng import cuda_in_use

Sample = dict[str, float]

KEPT_SAMPLES = 2_000
"""Samples kept for the figures of the evaluation; beyond twice that every second one is dropped."""


class MemoryWatch:
    """While entered, a `memory` message every so many seconds, and the `latest` sample for whoever asks."""

    def __init__(
        self,
        report: Reporter,
        seconds: float,
        step: Callable[[], int],
        clock: Callable[[], float],
        root: Path = Path("/"),
    ) -> None:
        self._report = report
        self._seconds = seconds
        self._step = step
        self._clock = clock
        self._root = root
        self._kept = Thinned(KEPT_SAMPLES)
        self._ended = threading.Event()
        self._before = (clock(), read_paging(root))
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self.latest: Sample = {}

    def samples(self) -> list[Sample]:
        """Samples of this attempt, the oldest first, evenly thinned out where there are many."""
        return list(self._kept.items)

    def sample(self) -> Sample:
        """Measure now, tell and keep."""
        sample = self._measure()
        step = self._step()
        self._report.emit("memory", step=step, sample=sample)
        self._kept.add({"time": self._before[0], "step": step, **sample})
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
        now, paging = self._clock(), read_paging(self._root)
        then, before = self._before
        self._before = (now, paging)
        return {**read_host(self._root), **paging_rates(before, paging, now - then), **read_cuda()}


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
        if cgroup.limit_bytes is not None:
            sample["cgroup_limit_bytes"] = cgroup.limit_bytes
    return sample


def paging_rates(before: PagingCounters, after: PagingCounters, seconds: float) -> Sample:
    """Swap traffic and major faults of the machine per second between two readings."""
    per_second = 1 / seconds if seconds > 0 else 0.0
    return {
        "swap_in_bytes_per_second": (after.swapped_in_bytes - before.swapped_in_bytes) * per_second,
        "swap_out_bytes_per_second": (after.swapped_out_bytes - before.swapped_out_bytes) * per_second,
        "major_faults_per_second": (after.major_faults - before.major_faults) * per_second,
    }


def read_cuda() -> Sample:
    """What torch's allocator holds on its device; nothing where CUDA was never touched."""
    if not cuda_in_use():
        return {}
    return {
        "cuda_allocated_bytes": torch.cuda.memory_allocated(),
        "cuda_reserved_bytes": torch.cuda.memory_reserved(),
        "cuda_peak_bytes": torch.cuda.max_memory_allocated(),
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
