"""Statuses of a job, and the reasons it came there."""

from __future__ import annotations

from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    """Waits to be claimed; submit, retry, interruption and resume bring it here."""
    RUNNING = "running"
    """An attempt holds its lease."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Final until a resume."""
        return self in FINAL


FINAL = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})


class Reason(StrEnum):
    """Why: the stable code beside a status or an attempt's end."""

    COMPLETED = "completed"
    CANCELLED_BY_USER = "cancelled_by_user"
    RESUMED_BY_USER = "resumed_by_user"

    INVALID_SPEC = "invalid_spec"
    INVALID_DATA = "invalid_data"
    NON_FINITE_LOSS = "non_finite_loss"
    GUARD_FAILED = "guard_failed"
    """A check before the first step found what would spoil the training."""
    NO_VALID_CHECKPOINT = "no_valid_checkpoint"
    TIME_LIMIT = "time_limit"
    REFUSED = "refused"

    CRASHED = "crashed"
    KILLED = "killed"
    STALLED = "stalled"
    CUDA_OUT_OF_MEMORY = "cuda_out_of_memory"
    """The GPU had no memory left for an allocation."""
    HOST_OUT_OF_MEMORY = "host_out_of_memory"
    """The machine, or a limit on the process, refused an allocation."""
    OOM_KILLED = "oom_killed"
    """The kernel killed the trainer because the machine, or its cgroup, had no memory left."""
    LOADER_OOM_KILLED = "loader_oom_killed"
    """The same of one of its data loader workers; the trainer noticed and gave up."""
    SWAP_THRASH = "swap_thrash"
    """Training spent its time swapping, and memory.policy is stop."""
    LOADER_KILLED = "loader_killed"
    """Somebody else killed one of its data loader workers."""
    LAUNCH_FAILED = "launch_failed"

    WORKER_SHUTDOWN = "worker_shutdown"
    LEASE_EXPIRED = "lease_expired"
    LAUNCHER_LOST = "launcher_lost"
    INTERRUPTED = "interrupted"
    BUSY = "run_directory_busy"


RETRYABLE = frozenset(
    {
        Reason.CRASHED,
        Reason.KILLED,
        Reason.STALLED,
        Reason.CUDA_OUT_OF_MEMORY,
        Reason.HOST_OUT_OF_MEMORY,
        Reason.OOM_KILLED,
        Reason.LOADER_OOM_KILLED,
        Reason.LOADER_KILLED,
        Reason.LAUNCH_FAILED,
    }
)
"""Count against retry.max_attempts unless the attempt left a newer checkpoint."""

INTERRUPTIONS = frozenset(
    {Reason.WORKER_SHUTDOWN, Reason.LEASE_EXPIRED, Reason.LAUNCHER_LOST, Reason.INTERRUPTED, Reason.BUSY}
)
"""Nobody's fault: the job goes back to the queue and nothing is counted."""
