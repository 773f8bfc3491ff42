"""What happened to memory between two samples: the kernel's counters, read twice, as rates. Host only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from worker.hostmem import Faults, PagingCounters, Stalls, read_faults, read_paging, read_stalls
from worker.jobmem import Members, faults_between
from worker.training.thrash import Look

Rates = dict[str, float]


@dataclass(frozen=True)
class Counters:
    """All that only ever grows, at one moment."""

    time: float
    step: int
    paging: PagingCounters
    faults: Faults
    stalls: Stalls | None
    members: Members | None = None
    """The processes of the job, where the kernel lists them."""


def read_counters(time: float, step: int, root: Path = Path("/"), members: Members | None = None) -> Counters:
    """Where they stand now."""
    return Counters(time, step, read_paging(root), read_faults(root=root), read_stalls(root=root), members)


def look_between(before: Counters, after: Counters) -> Look:
    """The same as the thrash rule sees it: every process of the job waits where one does."""
    stalled, faults = _stalled(before, after), faults_between(before.members, after.members)
    return Look(
        seconds=after.time - before.time,
        steps=after.step - before.step,
        some_seconds=None if stalled is None else stalled.some,
        full_seconds=None if stalled is None else stalled.full,
        swapped_in_bytes=after.paging.swapped_in_bytes - before.paging.swapped_in_bytes,
        own_major_faults=after.faults.major - before.faults.major if faults is None else faults,
    )


def rates_between(before: Counters, after: Counters) -> Rates:
    """Per second; stalls as a share of the time. Swapping is the machine's, own faults are this process's."""
    seconds = after.time - before.time
    per_second = 1 / seconds if seconds > 0 else 0.0
    rates = paging_rates(before.paging, after.paging, seconds)
    rates["own_minor_faults_per_second"] = (after.faults.minor - before.faults.minor) * per_second
    rates["own_major_faults_per_second"] = (after.faults.major - before.faults.major) * per_second
    faults = faults_between(before.members, after.members)
    if faults is not None:
        rates["job_major_faults_per_second"] = faults * per_second
    stalled = _stalled(before, after)
    if stalled is not None:
        rates["stalled_some_percent"] = 100 * stalled.some * per_second
        rates["stalled_full_percent"] = 100 * stalled.full * per_second
    return rates


def _stalled(before: Counters, after: Counters) -> Stalls | None:
    if before.stalls is None or after.stalls is None:
        return None
    return Stalls(after.stalls.some - before.stalls.some, after.stalls.full - before.stalls.full)


def paging_rates(before: PagingCounters, after: PagingCounters, seconds: float) -> Rates:
    """Swap traffic and faults of the machine per second between two readings."""
    per_second = 1 / seconds if seconds > 0 else 0.0
    return {
        "swap_in_bytes_per_second": (after.swapped_in_bytes - before.swapped_in_bytes) * per_second,
        "swap_out_bytes_per_second": (after.swapped_out_bytes - before.swapped_out_bytes) * per_second,
        "major_faults_per_second": (after.major_faults - before.major_faults) * per_second,
        "faults_per_second": (after.faults - before.faults) * per_second,
        "refaults_per_second": (after.refaults - before.refaults) * per_second,
    }
