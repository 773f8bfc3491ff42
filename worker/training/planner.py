"""Which micro-batch is fastest without pressing on memory: candidates, what was seen, the choice. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from shared.specs.parts import TrainerSpec
from worker.training.estimate import gib

SWAP_BYTES_PER_SECOND = 1024**2
"""Swap traffic that counts as pressing."""
FULL_PERCENT = 10.0
"""The share of time in which every task waited for memory that counts as pressing."""
WORTH = 1.05
"""A larger micro-batch is taken only where it is faster than this times the smaller one."""
FAILED = "failed"
"""How a problem begins that is no lack of memory."""
HOPELESS = 0.5
"""Beyond a micro-batch at less than this part of the best speed none larger is tried."""


@dataclass(frozen=True)
class Trial:
    """A micro-batch that was tried for a few passes in a process of its own."""

    batch_size: int
    accumulate: int
    samples_per_second: float | None
    """Of whole optimizer steps; null where the trial did not come to its end."""
    seconds: float
    """Of all its passes."""
    passes: int
    peak_bytes: int
    swap_bytes_per_second: float
    full_percent: float
    some_percent: float
    major_faults: int
    problem: str = ""
    """Why it did not come to its end."""

    @property
    def presses(self) -> bool:
        """It swapped, or waited for memory."""
        return self.swap_bytes_per_second >= SWAP_BYTES_PER_SECOND or self.full_percent >= FULL_PERCENT

    @property
    def good(self) -> bool:
        return self.samples_per_second is not None and not self.presses


@dataclass(frozen=True)
class Cut:
    """How the samples of an optimizer step are cut into micro-batches, and why so."""

    batch_size: int
    accumulate: int
    why: str
    trials: list[dict[str, Any]] = field(default_factory=list)
    """What was seen of each micro-batch that was tried."""


def candidates(trainer: TrainerSpec) -> list[int]:
    """Micro-batches that give the same effective batch, from 1 up, each about twice the one before."""
    effective = trainer.batch_size * trainer.accumulate
    chosen = [1]
    for size in range(2, effective + 1):
        if effective % size == 0 and (size >= 2 * chosen[-1] or size == trainer.batch_size):
            chosen.append(size)
    return chosen


def go_on(trials: Sequence[Trial]) -> bool:
    """Whether a larger micro-batch than the last is worth a trial."""
    rates = [trial.samples_per_second for trial in trials if trial.samples_per_second is not None]
    last = trials[-1]
    if not rates and last.problem.startswith(FAILED):
        return True  # a batch norm cannot train on one sample
    return last.good and (last.samples_per_second or 0) >= HOPELESS * max(rates)


def choose(trials: Sequence[Trial], trainer: TrainerSpec) -> Cut:
    """The fastest that does not press; of about equal ones the smallest. As asked where all press."""
    good = [trial for trial in trials if trial.good]
    if not good:
        why = "every micro-batch that was tried presses on memory or failed, so the one asked for is kept"
        return Cut(trainer.batch_size, trainer.accumulate, why, table(trials))
    best = good[0]
    for trial in good[1:]:
        if (trial.samples_per_second or 0) > WORTH * (best.samples_per_second or 0):
            best = trial
    return Cut(best.batch_size, best.accumulate, _why(best, trials), table(trials))


def table(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The trials as a user reads them."""
    return [{**asdict(trial), "presses": trial.presses} for trial in trials]


def adjusted(trainer: TrainerSpec, cut: Cut) -> list[dict[str, Any]]:
    """The change as adjustments of the effective spec; none where it is as asked."""
    values = (
        ("batch_size", trainer.batch_size, cut.batch_size),
        ("accumulate", trainer.accumulate, cut.accumulate),
    )
    return [
        {"field": f"trainer.{name}", "asked": asked, "used": used, "why": cut.why}
        for name, asked, used in values
        if asked != used
    ]


def _why(best: Trial, trials: Sequence[Trial]) -> str:
    others = ", ".join(_seen(trial) for trial in trials if trial is not best)
    beside = f" ({others})" if others else ""
    return f"memory.plan measured {_seen(best)}, the fastest that does not press on memory{beside}"


def _seen(trial: Trial) -> str:
    name = f"{trial.batch_size} x {trial.accumulate}"
    if trial.problem:
        return f"{name}: {trial.problem}"
    seen = f"{name} at {trial.samples_per_second:.3g} samples/s and {gib(trial.peak_bytes)}"
    if trial.presses:
        seen += f", swapping {gib(int(trial.swap_bytes_per_second))}/s"
    return seen
