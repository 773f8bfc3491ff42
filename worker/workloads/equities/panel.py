"""A panel: the closes of N stocks on D trading days, and what a file tells beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from worker.workloads.equities.cross_section import Floats

Days = NDArray[np.datetime64]


@dataclass(frozen=True)
class Panel:
    """Days ascend, codes are sorted; NaN where a stock has no row."""

    days: Days
    """[D] datetime64[D]"""
    codes: tuple[str, ...]
    """[N]"""
    close: Floats
    """[D, N]"""
    markets: tuple[str, ...]
    """[N]; empty text where none is told."""
    sectors: tuple[str, ...]
    columns: Mapping[str, Floats]
    """Further numeric columns by name, each [D, N]."""
    ignored: tuple[str, ...]
    """Columns of the file that were not asked for."""
    source: str
    sha256: str
    dropped: tuple[str, ...] = ()
    """Stray days of the file that are no day of the panel."""

    def newest(self, days: int | None) -> Panel:
        """The last so many days."""
        if days is None or days >= len(self.days):
            return self
        cut = {name: values[-days:] for name, values in self.columns.items()}
        return replace(self, days=self.days[-days:], close=self.close[-days:], columns=cut)
