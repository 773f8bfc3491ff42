"""How often the kernel's out-of-memory killer struck: the counter that tells an OOM kill from another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class HostKills:
    """Reads `oom_kill` of the host and, where this process lives in one, of its memory cgroup."""

    root: Path = Path("/")

    def count(self) -> int:
        """Kills so far; the sum of what is readable."""
        return self._vmstat() + self._cgroup_v2() + self._cgroup_v1()

    def _vmstat(self) -> int:
        return _field(self.root / "proc/vmstat", "oom_kill")

    def _cgroup_v2(self) -> int:
        return _field(self.root / "sys/fs/cgroup/memory.events", "oom_kill")

    def _cgroup_v1(self) -> int:
        return _field(self.root / "sys/fs/cgroup/memory/memory.oom_control", "oom_kill")


def _field(path: Path, name: str) -> int:
    if not path.exists():
        return 0
    for line in path.read_text(encoding="ascii").splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0
