"""How several processes ended, and which of their ends was the cause. Pure."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass

from worker.protocol import ExitCode
from worker.training.failure import Failure

WITHOUT_FAILURE = (ExitCode.DONE, ExitCode.INTERRUPTED)


@dataclass(frozen=True)
class Ended:
    """The end of one process."""

    rank: int
    exit_code: int
    """Negative: the signal that ended it."""
    failure: Failure | None = None
    """Its last word."""

    @property
    def is_cause(self) -> bool:
        """Whether it fell by itself, rather than with another."""
        if self.exit_code in WITHOUT_FAILURE:
            return False
        return self.failure is None or not self.failure.lost_others

    @property
    def was_killed(self) -> bool:
        return self.exit_code < 0


def somebody_fell(ends: Sequence[Ended]) -> bool:
    """Whether the others will not go on for long. Who stops as asked leaves rank 0 the time to save."""
    return any(end.exit_code not in WITHOUT_FAILURE for end in ends)


def is_settled(ends: Sequence[Ended], size: int) -> bool:
    """Whether nothing that may still end could change the cause."""
    first = next((end for end in ends if end.rank == 0), None)
    if first is not None and (first.exit_code in WITHOUT_FAILURE or first.is_cause):
        return True
    return len(ends) == size or any(end.was_killed for end in ends)


def cause(ends: Sequence[Ended]) -> tuple[int, Failure | None]:
    """The exit code of the whole, and its failure where rank 0 has not told it itself."""
    first = next((end for end in ends if end.rank == 0), None)
    if first is not None and first.exit_code in WITHOUT_FAILURE:
        return first.exit_code, None
    if first is not None and first.is_cause and not first.was_killed and first.failure is not None:
        return first.exit_code, None
    causes = sorted((end for end in ends if end.is_cause), key=lambda end: (not end.was_killed, end.rank))
    if causes:
        failure = _named(causes[0])
        return failure.exit_code, failure
    return ExitCode.CRASHED, _named(ends[0])


def _named(end: Ended) -> Failure:
    """The failure of a process, with the number it has."""
    if end.was_killed:
        name = signal.Signals(-end.exit_code).name
        message = f"rank {end.rank} was ended by {name} from outside"
        # Only this signal is also the kernel's when memory runs out.
        if end.exit_code == -signal.SIGKILL:
            return Failure("rank_killed", message, ExitCode.RANK_KILLED)
        return Failure("crashed", message, ExitCode.CRASHED)
    if end.failure is None:
        message = f"rank {end.rank} ended with exit code {end.exit_code} and no last word"
        return Failure("crashed", message, ExitCode.CRASHED)
    if end.failure.lost_others:
        message = (
            f"rank {end.rank} lost the other processes, or waited too long for them: {end.failure.message}"
        )
        return Failure("crashed", message, ExitCode.CRASHED)
    return Failure(end.failure.code, f"rank {end.rank}: {end.failure.message}", end.failure.exit_code)
