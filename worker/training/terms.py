"""Whether a total is the weighted sum of the terms it is told with. Pure."""

from __future__ import annotations

from collections.abc import Mapping

TOLERANCE = 1e-4
LOW_PRECISION_TOLERANCE = 2e-2
"""Shares of the largest number of the sum."""


def adds_up(total: float, weighted: Mapping[str, float], *, low_precision: bool) -> bool:
    """Whether the weighted terms sum to the total; without terms there is nothing to compare."""
    if not weighted:
        return True
    largest = max(abs(total), *(abs(part) for part in weighted.values()))
    share = LOW_PRECISION_TOLERANCE if low_precision else TOLERANCE
    # Not turned into <=: what is no number is for others to judge.
    return not abs(total - sum(weighted.values())) > share * largest
