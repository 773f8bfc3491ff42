"""Overviews that were asked for lately, as JSON: a page opened again need not pass over a million points.

An overview is as good as the newest point it saw: ids only grow, and a rewind takes the newest points away,
so the same newest id means the same points.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock


class OverviewCache:
    """The last few overviews by what was asked, each with the newest point it saw."""

    def __init__(self, size: int = 16) -> None:
        self._size = size
        self._kept: OrderedDict[Hashable, tuple[int, bytes]] = OrderedDict()
        self._lock = Lock()

    def get(self, asked: Hashable, newest: int, make: Callable[[], bytes]) -> bytes:
        """The overview as of `newest`; made where it is not known."""
        with self._lock:
            known = self._kept.get(asked)
        if known is None or known[0] != newest:
            known = (newest, make())
        with self._lock:
            self._kept[asked] = known
            self._kept.move_to_end(asked)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return known[1]
