"""What a training will take, said before its first step, beside what there is to take. Sums and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.specs.footprint import state_bytes
from shared.specs.parts import OptimizerSpec, TrainerSpec

GIB = 1024**3


@dataclass(frozen=True)
class Pass:
    """One forward and backward pass over samples of the train split."""

    samples: int
    bytes: int
    """The most memory it took beyond what was held before, the gradients included."""
    kept_tensors: int
    """Tensors of it that the workload still held when all was let go."""
    kept_bytes: int
    kept_graph: bool
    """Among them some that a backward pass needs: the graph itself was kept."""


@dataclass(frozen=True)
class Room:
    """Memory that a process of a training may take, beside the copy that checkpoints are written from."""

    bytes: int
    what: str
    """Who has it, such as `the memory limit of the cgroup`."""
    remedy: str = ""
    """A field that would give more of it."""


@dataclass(frozen=True)
class Model:
    """The weights, counted."""

    parameters: int
    """That are trained."""
    bytes: int
    trained_bytes: int


@dataclass(frozen=True)
class Beside:
    """What a training holds beside model and passes, in bytes."""

    buckets: int = 0
    """From which several processes send their gradients to each other."""
    copy: int = 0
    """Of the state, from which checkpoints are written; one of the job, however many processes it has."""


@dataclass(frozen=True)
class Estimate:
    """A training in bytes. The activations are null where nothing was measured."""

    parameters: int
    parameter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int | None
    """Of one micro-batch, all that a pass takes beside the gradients."""
    activation_bytes_per_sample: int | None
    batch_size: int
    bucket_bytes: int
    """From which several processes send their gradients to each other."""
    copy_bytes: int
    """Of the state, from which checkpoints are written beside training; once of all processes, and only
    where machine and cgroup have room for it."""
    other_bytes: int
    """What the process holds besides the model: interpreter, libraries, data."""
    total_bytes: int
    """All parts, the copy too."""
    available_bytes: int
    """For all but the copy; what the job asked for has had that taken off."""
    available_in: str
    fits: bool
    """Whether all but the copy does."""
    method: str
    """How it was found: `measured with 2 and 4 samples`, or why not."""
    message: str
    """All of it in one sentence."""
    length_exponent: float | None = None
    """p where the activations grow as length ** p of a sample: 1 is a line. Only a preflight measures it."""


def estimate(
    model: Model,
    optimizer: OptimizerSpec,
    trainer: TrainerSpec,
    passes: Sequence[Pass],
    held_bytes: int,
    beside: Beside,
    room: Room,
    method: str,
) -> Estimate:
    """Put the parts together. `held_bytes` is what is held before the first step, optimizer aside."""
    state = state_bytes(optimizer, model.trained_bytes)
    growth = None if not passes else growth_per_sample(passes, model.trained_bytes)
    activations = None if growth is None else max(0, growth[0] + growth[1] * trainer.batch_size)
    needed = held_bytes + model.trained_bytes + state + (activations or 0) + beside.buckets
    fits = needed <= room.bytes
    return Estimate(
        parameters=model.parameters,
        parameter_bytes=model.bytes,
        gradient_bytes=model.trained_bytes,
        optimizer_bytes=state,
        activation_bytes=activations,
        activation_bytes_per_sample=None if growth is None else growth[1],
        batch_size=trainer.batch_size,
        bucket_bytes=beside.buckets,
        copy_bytes=beside.copy,
        other_bytes=max(0, held_bytes - model.bytes),
        total_bytes=needed + beside.copy,
        available_bytes=room.bytes,
        available_in=room.what,
        fits=fits,
        method=method,
        message=_sentence(needed, beside.copy, activations, growth, trainer, room, fits=fits),
    )


def growth_per_sample(passes: Sequence[Pass], gradient_bytes: int) -> tuple[int, int]:
    """(bytes that do not grow with the batch, bytes a sample), gradients aside.

    From one size alone all is taken to grow.
    """
    first, last = passes[0], passes[-1]
    if first.samples == last.samples:
        return 0, max(0, (last.bytes - gradient_bytes) // last.samples)
    slope = max(0, (last.bytes - first.bytes) // (last.samples - first.samples))
    return last.bytes - gradient_bytes - slope * last.samples, slope


def largest_batch(fixed: int, per_sample: int, free: int) -> int:
    """Samples of a micro-batch that fit."""
    return (free - fixed) // per_sample if per_sample > 0 and free > fixed else 0


def gib(number: int) -> str:
    """Bytes as people read them."""
    return f"{number / GIB:.2f} GiB" if number >= GIB / 10 else f"{number / 1024**2:.0f} MiB"


def _sentence(
    needed: int,
    copy: int,
    activations: int | None,
    growth: tuple[int, int] | None,
    trainer: TrainerSpec,
    room: Room,
    *,
    fits: bool,
) -> str:
    needs = f"training needs about {gib(needed)}"
    if growth is not None:
        needs += f" with trainer.batch_size {trainer.batch_size} ({gib(growth[1])} a sample)"
    if copy:
        needs += f" (and {gib(copy)} once for the copy that checkpoints are written from)"
    if fits:
        return f"{needs}; {room.what} has {gib(room.bytes)}"
    lacks = f"{needs} and {room.what} has {gib(room.bytes)}"
    fixed, per_sample = growth or (0, 0)
    most = largest_batch(fixed, per_sample, room.bytes - (needed - (activations or 0)))
    ways = [f"set {room.remedy}"] if room.remedy else []
    if 0 < most < trainer.batch_size:
        ways.insert(0, _smaller(trainer, most))
    return f"{lacks}; {' or '.join(ways) or 'use a smaller model or a larger machine'}"


def _smaller(trainer: TrainerSpec, most: int) -> str:
    size = next(size for size in range(most, 0, -1) if trainer.batch_size % size == 0)
    more = trainer.accumulate * trainer.batch_size // size
    return f"set trainer.batch_size to {size} and trainer.accumulate to {more}"
