"""The lease of one attempt: when to renew it, and when silence means it must be given up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.clock import Monotonic
from shared.errors import StaleAttempt
from shared.failpoints import reach
from shared.jobs.store import Lease

LEAVING_SECONDS = 10.0
"""How long a worker that is to end waits for a silent database; the reaper does the rest."""


@dataclass
class LeaseKeeper:
    """Renews every `heartbeat_seconds`, through an outage as well, until the lease is known to be lost.

    A database that does not answer says nothing about the lease, and the lock on the run directory keeps a
    second trainer out whoever holds it; so the training goes on. Only where `fence_seconds` is given, for
    volumes whose locks cannot be trusted, is silence for so long taken as the loss of the lease.
    """

    renew: Callable[[], Lease]
    """Writes the heartbeat. Raises StaleAttempt where the lease is lost, else what kept it from writing."""
    clock: Monotonic
    heartbeat_seconds: float
    fence_seconds: float | None
    leaving: Callable[[], bool] = lambda: False
    """Whether the worker is to end and the trainer has: then patience is short."""
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
        patience = LEAVING_SECONDS if self.leaving() else self.fence_seconds
        if patience is not None and now - self._renewed_at >= patience:
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
            # Whatever keeps the database from answering, training goes on.
            self.last_error = f"{type(error).__name__}: {error}"
        else:
            self._renewed_at, self.last_error = now, None
            reach("heartbeat.after")
