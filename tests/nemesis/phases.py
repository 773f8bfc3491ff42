"""In which phase a job was at some moment, from what it left behind. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

QUEUED = "queued"
CLAIMING = "claiming"
STARTING = "starting"
STEP = "step"
CHECKPOINT = "checkpoint"
FINISHING = "finishing"
RETRY = "waiting for a retry"
PHASES = (QUEUED, CLAIMING, STARTING, STEP, CHECKPOINT, FINISHING, RETRY)
ENDED = "ended"
"""It had its final state already, and nothing was left to cancel."""


@dataclass(frozen=True)
class Traces:
    """What an attempt left behind. All times are Unix seconds."""

    queued: bool
    """Whether nobody held the job."""
    attempt: int
    ordered_at: float | None = None
    """When the order of the attempt was written."""
    said: Sequence[tuple[float, str]] = ()
    """Stage names and types of its messages."""
    saves: Sequence[tuple[float, float]] = ()
    """From and to; a save that was cut off goes on for ever."""


def phase_at(moment: float, traces: Traces) -> str:
    """The phase that the attempt was in."""
    if traces.queued:
        return RETRY if traces.attempt else QUEUED
    said = {what for time, what in traces.said if time <= moment}
    if "evaluate" in said:
        return FINISHING
    if any(begun <= moment <= ended for begun, ended in traces.saves):
        return CHECKPOINT
    if "train" in said:
        return STEP
    ordered = traces.ordered_at is not None and traces.ordered_at <= moment
    return STARTING if said or ordered else CLAIMING
