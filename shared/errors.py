"""The error tree. An error knows its stable code and its sentence, and nothing of HTTP or exit codes.

EpochdError
├── InvalidRequest              bad input, told field by field
│   ├── InvalidSpec             a job spec that does not validate
│   ├── InvalidCursor           a cursor this service did not give
│   └── UnknownWorkload         no workload of that name is installed
├── NotFound                    no such job, checkpoint, artifact, workload
├── Conflict                    the request does not fit the job's present state
│   ├── InvalidTransition       the job is not in a status this change starts from
│   ├── StaleAttempt            a newer attempt holds the job; this write is refused
│   └── IdempotencyMismatch     the key was used before with another body
├── DataError                   training data that cannot be read or is too short
├── CheckpointError             a checkpoint that cannot be written or trusted
│   ├── CorruptCheckpoint       manifest or hash does not match
│   └── NoValidCheckpoint       checkpoints exist and none verifies
├── TrainingError               training cannot go on
│   ├── GuardFailed             a guard found what would spoil the training
│   └── NonFiniteLoss           loss or gradient is NaN or infinite
├── GpuUnusable                 a GPU was given and this machine cannot use it
└── RunDirectoryBusy            another trainer holds the run directory
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field of a request, and what would be right."""

    field: str
    """Dotted path from the body's root, such as `trainer.epochs`; empty for the body itself."""
    message: str


class EpochdError(Exception):
    """Something went wrong in epochd."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())

    @property
    def message(self) -> str:
        return str(self)


class InvalidRequest(EpochdError):
    """The request is not valid."""

    code = "invalid_request"

    def __init__(self, message: str | None = None, fields: tuple[FieldProblem, ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class InvalidSpec(InvalidRequest):
    """The job spec is not valid."""

    code = "invalid_spec"


class InvalidCursor(InvalidRequest):
    """The cursor was not given out by this service; leave it out to start from the beginning."""

    code = "invalid_cursor"


class UnknownWorkload(InvalidRequest):
    """No workload of that name is installed."""

    code = "unknown_workload"


class NotFound(EpochdError):
    """There is no such thing."""

    code = "not_found"


class Conflict(EpochdError):
    """The request does not fit the present state."""

    code = "conflict"


class InvalidTransition(Conflict):
    """The job is not in a status this change can start from."""

    code = "invalid_transition"


class StaleAttempt(Conflict):
    """A newer attempt holds the job; this write is refused."""

    code = "stale_attempt"


class IdempotencyMismatch(Conflict):
    """This Idempotency-Key was used before with another body."""

    code = "idempotency_mismatch"


class DataError(EpochdError):
    """The training data cannot be used."""

    code = "invalid_data"


class CheckpointError(EpochdError):
    """A checkpoint could not be written or read."""

    code = "checkpoint_error"


class CorruptCheckpoint(CheckpointError):
    """A checkpoint does not match its manifest."""

    code = "corrupt_checkpoint"


class NoValidCheckpoint(CheckpointError):
    """Checkpoints exist and none of them verifies."""

    code = "no_valid_checkpoint"


class TrainingError(EpochdError):
    """Training cannot go on."""

    code = "training_error"


class GuardFailed(TrainingError):
    """A guard found what would spoil the training."""

    code = "guard_failed"


class SwapThrash(TrainingError):
    """Training spends its time swapping."""

    code = "swap_thrash"


class NonFiniteLoss(TrainingError):
    """The loss or a gradient is NaN or infinite."""

    code = "non_finite_loss"


class GpuUnusable(EpochdError):
    """This machine cannot use the GPU that was given; another may."""

    code = "gpu_unusable"


class RunDirectoryBusy(EpochdError):
    """Another trainer holds the run directory."""

    code = "run_directory_busy"
