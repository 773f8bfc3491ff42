"""Whether there is memory for a copy of the state beside training."""

from __future__ import annotations

from pathlib import Path

from worker.hostmem import read_cgroup, read_machine, read_reclaimable

SHARE = 0.7
"""Of the memory that is left, what a copy may take: a larger batch may still come."""


def no_room_because(wanted: int, root: Path = Path("/")) -> str:
    """Why a copy of so many bytes is not made; empty where it may be."""
    left, owner = read_machine(root).available_bytes, "the machine has"
    cgroup = read_cgroup(root=root)
    if cgroup is not None and cgroup.limit_bytes is not None:
        under_limit = max(0, cgroup.limit_bytes - cgroup.usage_bytes + read_reclaimable(root=root))
        if under_limit < left:
            left, owner = under_limit, "the memory limit leaves"
    if wanted <= SHARE * left:
        return ""
    return f"a copy needs {wanted:,} bytes beside training and {owner} {left:,}"
