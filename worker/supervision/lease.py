"""The lease of one attempt: when to renew it, and when silence means it must be given up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.clock import Monotonic
from shared.errors import StaleAttempt
from shared.failpoints import reach
from shared.jobs.store import Lease


@dataclass
class LeaseKeeper:
    """Renews every `heartbeat_seconds`; after `fence_seconds` of failures the holder must kill its trainer.

    The fence is shorter than the lease and the lease shorter than the reaper's patience, so no two trainers
    of a job can overlap while clocks run.
    """

    renew: Callable[[], Lease]
    """Writes the heartbeat. Raises StaleAttempt where the lease is lost, else what kept it from writing."""
    clock: Monotonic
    heartbeat_seconds: float
    fence_seconds: float
    lost: bool = False
    """Another attempt holds the job, or nobody answered for too long."""
    latest: Lease | None = None
    last_error: str | None = None
    _renewed_at: float = field(init=False)
    _tried_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._renewed_at = self._tried_at = self.clock()

    def tick(self) -> None:
        """Renew where it is time to."""
        if self.lost:
            return
        now = self.clock()
        if now - self._renewed_at >= self.fence_seconds:
            self.lost = True
        elif now - self._tried_at >= self.heartbeat_seconds:
            self._try(now)

    def note(self, latest: Lease) -> None:
        """Take what was read without renewing."""
        self.latest = latest

    def give_up(self, why: str) -> None:
        """The job belongs to another attempt."""
        self.lost, self.last_error = True, why

    def _try(self, now: float) -> None:
        self._tried_at = now
        try:
            self.latest = self.renew()
        except StaleAttempt as error:
            self.give_up(error.message)
        except Exception as error:
            # Whatever keeps the database from answering, training goes on until the fence.
            self.last_error = f"{type(error).__name__}: {error}"
        else:
            self._renewed_at, self.last_error = now, None
            reach("heartbeat.after")
