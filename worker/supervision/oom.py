"""Kills by the kernel's out-of-memory killer. It counts them per cgroup and names nobody; we tell whose."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Protocol

from shared.clock import Monotonic
from worker.hostmem import oom_counter, read_oom_kills

LOOK_SECONDS = 1.0
WINDOW_SECONDS = 10.0
"""How long after its kill a process may take to be gone: gigabytes are given back first."""
MOST_REMEMBERED = 1000


class OomWatch(Protocol):
    """Knows whether memory ran out where one trainer lives."""

    def tick(self) -> None:
        """Look where it is time to."""
        ...

    def look(self) -> None:
        """Look now: the trainer has just ended."""
        ...

    def struck(self) -> bool:
        """Whether a kill shortly before the last look was the trainer's, or its child's; to be asked once."""
        ...


class OomLedger:
    """The kills seen so far, of which each explains one death. Threads may share it."""

    def __init__(self, clock: Monotonic, root: Path = Path("/")) -> None:
        self.clock, self.root = clock, root
        self._counts: dict[Path, int] = {}
        self._kills: dict[Path, list[float]] = {}
        """When each kill that explains no death yet was first seen."""
        self._lock = threading.Lock()

    def watch(self, pid: int) -> CgroupWatch:
        """Begin to look at the cgroup of a process that was just started."""
        return CgroupWatch(self, pid)

    def look(self, counter: Path) -> None:
        """See what was counted since the last look; the first only learns where the counter stands."""
        with self._lock:
            count = read_oom_kills(counter)
            new = count - self._counts.get(counter, count)
            self._counts[counter] = count
            kills = self._kills.setdefault(counter, [])
            kills += [self.clock()] * new
            del kills[:-MOST_REMEMBERED]

    def claim(self, counter: Path, since: float, until: float) -> bool:
        """Whether a kill of that time explains a death; it then explains no other."""
        with self._lock:
            kills = self._kills.get(counter, [])
            fitting = [kill for kill in kills if since <= kill <= until]
            if fitting:
                kills.remove(fitting[0])
            return bool(fitting)


class CgroupWatch:
    """Looks at the counter of the cgroup a process was started in, or of the machine where it is in none."""

    def __init__(self, ledger: OomLedger, pid: int) -> None:
        self._ledger = ledger
        self._since = self._looked_at = ledger.clock()
        # Asked once: cgroup v1 shows a process that is about to end at the root.
        self._counter = _counter_of(pid, ledger.root)
        self.look()

    def tick(self) -> None:
        if self._ledger.clock() - self._looked_at >= LOOK_SECONDS:
            self.look()

    def look(self) -> None:
        if self._counter.exists():  # it may be removed once nobody is left in it
            self._ledger.look(self._counter)
        self._looked_at = self._ledger.clock()

    def struck(self) -> bool:
        since = max(self._since, self._looked_at - WINDOW_SECONDS)
        return self._ledger.claim(self._counter, since, self._looked_at)


def _counter_of(pid: int, root: Path) -> Path:
    try:
        return oom_counter(pid, root)
    except OSError:
        return oom_counter("self", root)  # it ended already; a child starts where its parent is
