"""When training spends its time swapping: a rule over what happened between memory samples. Pure.

Step times alone do not tell: a noisy neighbour slows steps too. Pressure alone does not either: it may be
another process that waits. Both together, and page faults of this very process, do.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from statistics import median

FULL_SHARE = 0.10
"""Of the time in which every task waited for memory, that presses."""
SOME_SHARE = 0.20
"""Of the time in which some task waited, that presses where pages came back from swap too."""
SWAP_IN_BYTES_PER_SECOND = 1024**2
OWN_FAULTS_PER_SECOND = 256
"""So much came back from swap, as in the planner's trials, and the trainer waited for as many pages of 4 KiB:
that presses whatever pressure says. In tests/integration/memory/test_swap_story.py 50 MB/s came back
and the trainer waited for 2,000 pages a second, a step took a minute, and pressure showed 2 to 10 %."""
SLOWER = 2.0
"""Times the median of the steps before."""
MEDIAN_OF = 20
EARLY_SLOWER = 1.3
"""Times the first, among the first EARLY: nothing is slower than a first step but one that waits."""
EARLY = 10
IN_A_ROW = 3
"""Slow stretches under pressure that make thrashing of a slow moment."""
SUSTAINED_SECONDS = 30.0
SUSTAINED_SHARE = 0.5
"""Pressure for this share of so long is thrashing whatever the steps were before: a batch that swaps from its
first step on has no better ones to compare with. The duration is systemd-oomd's (its pull request 15206)."""


@dataclass(frozen=True)
class Look:
    """What happened between two samples."""

    seconds: float
    steps: int
    """That ended."""
    some_seconds: float | None
    """In which some task waited for memory; None where the kernel does not measure it."""
    full_seconds: float | None
    swapped_in_bytes: int
    """Of the machine."""
    own_major_faults: int
    """Of the job, or of this process where the kernel lists no others: it, and no neighbour, waited for a
    disk."""

    @property
    def presses(self) -> bool:
        if self.own_major_faults <= 0 or self.seconds <= 0:
            return False
        if self._swaps:
            return True
        if self.some_seconds is None or self.full_seconds is None:
            return False
        if self.full_seconds >= FULL_SHARE * self.seconds:
            return True
        return self.swapped_in_bytes > 0 and self.some_seconds >= SOME_SHARE * self.seconds

    @property
    def _swaps(self) -> bool:
        return (
            self.swapped_in_bytes >= SWAP_IN_BYTES_PER_SECOND * self.seconds
            and self.own_major_faults >= OWN_FAULTS_PER_SECOND * self.seconds
        )


@dataclass(frozen=True)
class Finding:
    """A slow moment under pressure, or thrashing."""

    thrashing: bool
    sentence: str


class ThrashRule:
    """Sees every look of one attempt; told to begin anew where the micro-batch changed.

    Looks are joined into stretches that end with a step, as steps may be longer or shorter than a look.
    """

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Nothing is known of the steps to come."""
        self._stretch: list[Look] = []
        self._first: float | None = None
        self._last: deque[float] = deque(maxlen=MEDIAN_OF)
        self._seen = self._slow = 0
        self._window: deque[Look] = deque()
        """The looks of the last SUSTAINED_SECONDS."""
        self._warm = False

    def see(self, look: Look) -> Finding | None:
        self._remember(look)
        slow = self._see_stretch(look) if self._warm else None
        self._warm = self._warm or look.steps > 0  # what ends here began before training did
        if look.presses and self._sustained():
            return Finding(True, f"for {SUSTAINED_SECONDS:.0f} s and more {_waits(look)}")
        if slow is None:
            return None
        thrashing = self._slow >= IN_A_ROW
        return Finding(thrashing, f"{self._slow} times in a row {slow}" if thrashing else slow)

    def _remember(self, look: Look) -> None:
        self._window.append(look)
        while sum(one.seconds for one in self._window) - self._window[0].seconds >= SUSTAINED_SECONDS:
            self._window.popleft()

    def _sustained(self) -> bool:
        pressed = sum(one.seconds for one in self._window if one.presses)
        total = sum(one.seconds for one in self._window)
        return total >= SUSTAINED_SECONDS and pressed >= SUSTAINED_SHARE * total

    def _see_stretch(self, look: Look) -> str | None:
        """In what way the steps that ended were slow; None where they were not, or none ended."""
        self._stretch.append(look)
        if look.steps <= 0:
            return None
        stretch, self._stretch = _joined(self._stretch), []
        one, pressed = stretch.seconds / stretch.steps, stretch.presses
        slower = self._slower(one)
        self._seen += 1
        self._first = one if self._first is None else self._first
        self._last.append(one)
        self._slow = self._slow + 1 if slower and pressed else 0
        return f"{slower}, and {_waits(stretch)}" if slower and pressed else None

    def _slower(self, one: float) -> str | None:
        if self._first is None:
            return None
        if self._seen < EARLY and one > EARLY_SLOWER * self._first:
            return f"a step took {one:.3g} s, the first {self._first:.3g} s"
        usual = median(self._last)
        return f"a step took {one:.3g} s, usually {usual:.3g} s" if one > SLOWER * usual else None


def _joined(looks: list[Look]) -> Look:
    """As if nobody had looked between."""
    measured = [look for look in looks if look.some_seconds is not None and look.full_seconds is not None]
    return Look(
        sum(look.seconds for look in looks),
        sum(look.steps for look in looks),
        sum(look.some_seconds or 0.0 for look in measured) if measured else None,
        sum(look.full_seconds or 0.0 for look in measured) if measured else None,
        sum(look.swapped_in_bytes for look in looks),
        sum(look.own_major_faults for look in looks),
    )


def _waits(look: Look) -> str:
    swapped = f"{look.swapped_in_bytes / look.seconds / 1e6:.1f} MB/s came back from swap"
    faults = f"{look.own_major_faults / look.seconds:.0f} times a second the trainer waited for a page"
    if look.full_seconds is None:
        return f"{faults}; {swapped}"
    return f"{faults}, {100 * look.full_seconds / look.seconds:.0f} % of the time all of it; {swapped}"
