"""What processes saw of a split, put together into the metrics of all of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from worker.workloads.interface import Mergeable, Meter


@dataclass(frozen=True)
class Seen:
    """One process's part of a measured split."""

    sums: Mapping[str, float]
    """The loss and its terms, each times its samples."""
    count: int
    meter: Meter | None


def metrics_of(parts: Sequence[Seen]) -> dict[str, float]:
    """Means over all samples, and what the meter makes of all. The first part has seen some."""
    first, count = parts[0], sum(part.count for part in parts)
    means = {name: sum(part.sums.get(name, 0.0) for part in parts) / count for name in first.sums}
    meter: Any = first.meter
    for other in parts[1:]:
        if isinstance(meter, Mergeable):
            meter.merge(other.meter)
    metrics = {} if meter is None else {name: float(value) for name, value in meter.compute().items()}
    return {**metrics, **means}
