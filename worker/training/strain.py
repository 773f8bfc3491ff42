"""How hard memory was pressed on between two moments: swap traffic, stalls, faults, and the peak."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from worker.hostmem import read_paging, read_process

MICRO = 1e-6


class Strain:
    """Begins to look when it is made."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._time = time.monotonic()
        self._paging = read_paging(root)
        self._stalled = stalled_seconds(root)

    def since(self) -> dict[str, Any]:
        """What happened since then."""
        seconds = time.monotonic() - self._time
        paging, stalled = read_paging(self._root), stalled_seconds(self._root)
        before = self._paging
        swapped = paging.swapped_in_bytes - before.swapped_in_bytes
        swapped += paging.swapped_out_bytes - before.swapped_out_bytes
        return {
            "seconds": seconds,
            "swap_bytes": swapped,
            "major_faults": paging.major_faults - before.major_faults,
            "some_seconds": stalled["some"] - self._stalled["some"],
            "full_seconds": stalled["full"] - self._stalled["full"],
            "peak_bytes": read_process(root=self._root).rss_peak_bytes,
        }


def stalled_seconds(root: Path) -> dict[str, float]:
    """Seconds since boot in which some task, or every task, waited for memory; zero where nobody counts."""
    seconds = {"some": 0.0, "full": 0.0}
    try:
        text = (root / "proc" / "pressure" / "memory").read_text(encoding="ascii")
    except OSError:
        return seconds
    for line in text.splitlines():
        name, *fields = line.split()
        seconds[name] = MICRO * int(fields[-1].removeprefix("total="))
    return seconds
