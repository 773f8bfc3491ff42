"""Where memory ran out: fewer samples at once, the same effective batch. Pure.

Known to trainers, which recover in process, and to supervisors, which do so for one that died.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum, StrEnum
from typing import Any

from shared.specs.parts import TrainerSpec

MOST_RECOVERIES = 3
"""Of one job. Memory that runs out a fourth time is not a matter of the batch."""


class Cause(StrEnum):
    """What ran out; the reason code of a job that ends by it."""

    CUDA_OUT_OF_MEMORY = "cuda_out_of_memory"
    HOST_OUT_OF_MEMORY = "host_out_of_memory"
    OOM_KILLED = "oom_killed"
    LOADER_OOM_KILLED = "loader_oom_killed"
    SWAP_THRASH = "swap_thrash"


class Part(Enum):
    """The part of a job in which memory ran out."""

    TRAINING = "training"
    EVALUATION = "evaluation"
    UNKNOWN = "unknown"
    """A trainer that was killed in training, or in the validation between two epochs."""


@dataclass(frozen=True)
class Pieces:
    """How many samples are taken at once."""

    batch_size: int
    accumulate: int
    eval_batch_size: int
    recoveries: int = 0
    """How often memory ran out so far."""
    why: str = ""

    @property
    def words(self) -> str:
        return f"{self.batch_size} x {self.accumulate}"


def asked_pieces(trainer: TrainerSpec) -> Pieces:
    """As the spec says."""
    evaluated = trainer.eval_batch_size or trainer.batch_size
    return Pieces(trainer.batch_size, trainer.accumulate, evaluated)


def pieces_in_use(
    trainer: TrainerSpec, adjustments: Sequence[Mapping[str, Any]], recovered: Sequence[Mapping[str, Any]]
) -> Pieces:
    """What the newest recovery left; where there was none, what a plan chose, or the spec."""
    if recovered:
        return kept_pieces(max(recovered, key=lambda one: int(one["recoveries"])))
    used = {one["field"]: one["used"] for one in adjustments}
    planned = trainer.model_copy(
        update={
            "batch_size": used.get("trainer.batch_size", trainer.batch_size),
            "accumulate": used.get("trainer.accumulate", trainer.accumulate),
        }
    )
    return asked_pieces(planned)


def kept_pieces(fields: Mapping[str, Any]) -> Pieces:
    """The pieces that a message, an order or a file holds among other fields."""
    names = ("batch_size", "accumulate", "eval_batch_size", "recoveries", "why")
    return Pieces(**{name: fields[name] for name in names})


def smaller(trainer: TrainerSpec, pieces: Pieces, part: Part, processes: int = 1) -> Pieces | None:
    """Half the samples at once; None where there are none to spare, or it was done often enough.

    A micro-batch divides the effective batch, so that the steps of an epoch stay the same. One of several
    processes may take less than a micro-batch at once, and it is that which is halved.
    """
    if pieces.recoveries >= MOST_RECOVERIES:
        return None
    less = pieces
    if part is not Part.EVALUATION:
        less = _smaller_training(trainer, less, processes)
    if part is not Part.TRAINING:
        less = replace(less, eval_batch_size=min(less.eval_batch_size, max(1, pieces.eval_batch_size // 2)))
    return None if less == pieces else replace(less, recoveries=pieces.recoveries + 1)


def adjustments_of(trainer: TrainerSpec, pieces: Pieces) -> list[dict[str, Any]]:
    """The pieces as adjustments of the effective spec; what is as asked is left out."""
    followed = trainer.eval_batch_size or pieces.batch_size
    values = (
        ("batch_size", trainer.batch_size, pieces.batch_size),
        ("accumulate", trainer.accumulate, pieces.accumulate),
        ("eval_batch_size", trainer.eval_batch_size, pieces.eval_batch_size),
    )
    return [
        {"field": f"trainer.{name}", "asked": asked, "used": used, "why": pieces.why}
        for name, asked, used in values
        if used != (followed if name == "eval_batch_size" else asked)
    ]


def recovered_fields(
    trainer: TrainerSpec, cause: Cause, before: Pieces, after: Pieces, step: int, part: Part
) -> dict[str, Any]:
    """All that a `recovered` message says."""
    return {
        "cause": cause.value,
        "part": part.value,
        "step": step,
        "before": {key: value for key, value in asdict(before).items() if key not in ("recoveries", "why")},
        **asdict(after),
        "exact": False,
        "adjustments": adjustments_of(trainer, after),
    }


def because(cause: Cause, before: Pieces, after: Pieces, step: int) -> str:
    """Why a job is no longer bit for bit what was asked for."""
    changes = []
    if before.batch_size != after.batch_size:
        changes.append(f"the micro-batch went from {before.words} to {after.words}")
    if before.eval_batch_size != after.eval_batch_size:
        changes.append(
            f"evaluation takes {after.eval_batch_size} samples at once, not {before.eval_batch_size}"
        )
    return (
        f"{WHAT_RAN_OUT[cause]} after step {step}, so {' and '.join(changes)}: the same samples in every "
        "step, but sums and dropout differ in bits"
    )


def no_more(cause: Cause, pieces: Pieces, processes: int = 1) -> str:
    """Why nothing smaller is tried, and what would help."""
    if pieces.recoveries >= MOST_RECOVERIES:
        tried = f"fewer samples at once were tried {pieces.recoveries} times already, now {pieces.words}"
    elif processes > 1:
        tried = f"each of {processes} processes already takes {_at_once(pieces, processes)} at once"
    else:
        tried = f"the micro-batch is already {pieces.batch_size}"
    return f"{tried}; what would help: {_HELP[cause]}"


WHAT_RAN_OUT: Mapping[Cause, str] = {
    Cause.CUDA_OUT_OF_MEMORY: "the GPU had no memory left",
    Cause.HOST_OUT_OF_MEMORY: "the machine refused the trainer memory",
    Cause.OOM_KILLED: "the kernel killed the trainer because memory ran out",
    Cause.LOADER_OOM_KILLED: "the kernel killed a data loader worker because memory ran out",
    Cause.SWAP_THRASH: "training spent its time swapping",
}

_HELP: Mapping[Cause, str] = {
    Cause.CUDA_OUT_OF_MEMORY: (
        'a smaller model or shorter sequences, trainer.precision "bf16", or a GPU with more free memory'
    ),
    Cause.HOST_OUT_OF_MEMORY: "a smaller model or shorter sequences, or a machine or limit with more memory",
    Cause.OOM_KILLED: (
        "a smaller model or shorter sequences, fewer jobs beside it, or a machine or limit with more memory"
    ),
    Cause.LOADER_OOM_KILLED: "fewer trainer.num_workers, smaller samples, or a machine with more memory",
    Cause.SWAP_THRASH: "a smaller model, fewer jobs beside it, or a machine or limit with more memory",
}


def _at_once(pieces: Pieces, processes: int) -> int:
    """Samples of the largest pass of any process: its share of a step may be less than a micro-batch."""
    return min(pieces.batch_size, -(-pieces.batch_size * pieces.accumulate // processes))


def _smaller_training(trainer: TrainerSpec, pieces: Pieces, processes: int) -> Pieces:
    effective = pieces.batch_size * pieces.accumulate
    sizes = (size for size in range(_at_once(pieces, processes) // 2, 0, -1) if effective % size == 0)
    size = next(sizes, pieces.batch_size)
    # An evaluation never takes more at once than training does, unless the spec says so.
    evaluated = pieces.eval_batch_size if trainer.eval_batch_size else min(pieces.eval_batch_size, size)
    return replace(pieces, batch_size=size, accumulate=effective // size, eval_batch_size=evaluated)
