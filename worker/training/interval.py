"""How often checkpoints are written by the clock: from what one costs and what may be lost. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from shared.specs.parts import CheckpointSpec

FORGETTING = 0.5
"""Weight of a new measurement beside those before it."""
TELLING = 0.2
"""An interval that moved by this share of itself is worth telling."""


@dataclass(frozen=True)
class SaveCost:
    """Seconds of one save."""

    blocked: float
    """The loop stood still."""
    slowed: float
    """Steps beside the writing took longer, in all."""
    durable: float
    """From the copy until it was on the disk."""


class Interval:
    """Measures steps and saves; says when the next save by the clock is due."""

    def __init__(self, spec: CheckpointSpec) -> None:
        self._lost = None if spec.lost_work_minutes is None else 60 * spec.lost_work_minutes
        self._share = spec.stall_percent / 100
        self._quiet: float | None = None
        self._slowed = 0.0
        self._cost = self._durable = 0.0
        self._saves = 0
        self._told = self.seconds

    @property
    def seconds(self) -> float | None:
        """From one save to the next; None where no work lost is too much."""
        if self._lost is None:
            return None
        # What is being written is not safe yet, so the next save begins so much earlier.
        return max(self._lost - self._durable, self._cost / self._share)

    @property
    def cost_seconds(self) -> float:
        """What a save costs the loop, blocked and slowed."""
        return self._cost

    @property
    def lost_seconds(self) -> float | None:
        """The most work that a death can cost."""
        return None if self.seconds is None else self.seconds + self._durable

    def stepped(self, seconds: float, *, beside_a_save: bool) -> None:
        """A step took so long."""
        if beside_a_save:
            self._slowed += 0.0 if self._quiet is None else seconds - self._quiet
        else:
            self._quiet = _blend(self._quiet, seconds, 0.1)

    def saved(self, blocked: float, durable: float) -> SaveCost:
        """A save was written; what it cost with the steps that ran beside it."""
        cost = SaveCost(blocked, max(0.0, self._slowed), durable)
        self._slowed = 0.0
        before = (self._cost, self._durable) if self._saves else (None, None)
        self._cost = _blend(before[0], cost.blocked + cost.slowed, FORGETTING)
        self._durable = _blend(before[1], durable, FORGETTING)
        self._saves += 1
        return cost

    def failed(self) -> None:
        """A save was not written. What that took says nothing of what the next one costs."""
        self._slowed = 0.0

    def moved(self) -> bool:
        """Whether it is another than was last told; then this counts as telling it."""
        now, told = self.seconds, self._told
        if now is None or told is None or abs(now - told) <= TELLING * told:
            return False
        self._told = now
        return True


def _blend(before: float | None, now: float, weight: float) -> float:
    return now if before is None else before + weight * (now - before)
