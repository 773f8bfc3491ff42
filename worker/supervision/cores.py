"""How many cores a worker has: those it is bound to, and no more than the quota of its cgroup."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def count_cores(root: Path = Path("/")) -> float:
    """At least one, as every job asks for one where it names no number."""
    return max(1.0, min([float(len(os.sched_getaffinity(0))), *_quotas(root)]))


def _quotas(root: Path) -> Iterator[float]:
    """Cores by the CPU quota of this process's cgroup and of those above it, v2 and v1."""
    mounts = root / "sys" / "fs" / "cgroup"
    for line in (root / "proc" / "self" / "cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            for folder in _upwards(mounts, path):
                yield from _quota(folder / "cpu.max")
        elif "cpu" in controllers.split(","):
            for folder in _upwards(mounts / "cpu", path):
                yield from _quota(folder / "cpu.cfs_quota_us", folder / "cpu.cfs_period_us")


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    """The cgroup's folder and those above; in a container the path may be the host's and the mount ours."""
    inner = Path(path.lstrip("/"))
    return (mount / part for part in (inner, *inner.parents))


def _quota(*files: Path) -> Iterator[float]:
    """Quota over period: "200000 100000" is two cores; "max" and -1 are no quota, as is a missing file."""
    if not all(file.exists() for file in files):
        return
    quota, period = " ".join(file.read_text(encoding="ascii") for file in files).split()
    if quota not in ("max", "-1"):
        yield int(quota) / int(period)
