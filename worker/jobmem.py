"""The memory of a whole job: of one process and all that came from it, ranks and loader workers. No torch.

As in worker/hostmem.py the root of /proc is an argument, and what a kernel does not offer is None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.hostmem import ProcessMemory, read_faults, read_process, read_pss


@dataclass(frozen=True)
class Member:
    """One process of a job."""

    memory: ProcessMemory
    major_faults: int
    """Since its start."""


Members = Mapping[int, Member]
"""The processes of a job by their ids."""


def read_members(head: int, root: Path = Path("/")) -> Members | None:
    """`head` and its living descendants; None where the kernel does not list children.

    Source: proc(5), /proc/PID/task/TID/children. Only main threads are asked: they fork ranks and loaders.
    """
    if not _children_file(head, root).exists():
        return None
    return dict(_read(head, root))


def read_job_pss(members: Members, root: Path = Path("/")) -> int | None:
    """Resident bytes with shared pages counted once among those who share them; None where nobody counts.

    As dear as the job is large: the kernel walks every page.
    """
    shares = [share for pid in members if (share := read_pss(pid, root)) is not None]
    return sum(shares) if shares else None


def faults_between(before: Members | None, after: Members | None) -> int | None:
    """Major faults of the processes that were there at both moments; None where they are not known."""
    if before is None or after is None:
        return None
    both = before.keys() & after.keys()
    return sum(after[pid].major_faults - before[pid].major_faults for pid in both)


def _read(pid: int, root: Path) -> Iterator[tuple[int, Member]]:
    try:
        children = _children_file(pid, root).read_text(encoding="ascii").split()
        member = Member(read_process(pid, root), read_faults(pid, root).major)
    except (FileNotFoundError, ProcessLookupError):
        return  # it ended a moment ago, and holds nothing
    yield pid, member
    for child in children:
        yield from _read(int(child), root)


def _children_file(pid: int, root: Path) -> Path:
    return root / "proc" / str(pid) / "task" / str(pid) / "children"
