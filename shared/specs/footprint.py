"""The memory a training takes, reckoned from few measured numbers: parameters, and what a sample adds."""

from __future__ import annotations

from dataclasses import dataclass

from shared.specs.parts import CheckpointSpec, OptimizerSpec, TrainerSpec

BYTES_EACH = 4
"""Of a parameter, its gradient and each value the optimizer keeps for it: all are fp32."""
MIB = 1024**2


@dataclass(frozen=True)
class Footprint:
    """What a preset took on a CPU in fp32, as a `preflight` job with `memory.probe: always` measures it."""

    parameters: int
    """That are trained."""
    fixed_bytes: int
    """Of a pass, however many samples it has."""
    sample_bytes: int
    """That every further sample of a micro-batch takes."""
    other_bytes: int
    """Interpreter, libraries and data."""


def state_bytes(optimizer: OptimizerSpec, trained_bytes: int) -> int:
    """Adam and AdamW keep two values for a parameter, SGD one where it has momentum.

    Adafactor keeps a row and a column of a matrix: for wide ones less than a hundredth of it, taken as that.
    """
    if optimizer.name == "sgd":
        return trained_bytes if optimizer.momentum else 0
    if optimizer.name == "adafactor":
        return trained_bytes // 100
    return 2 * trained_bytes


def copy_bytes(
    optimizer: OptimizerSpec,
    trainer: TrainerSpec,
    checkpoint: CheckpointSpec,
    model_bytes: int,
    trained_bytes: int,
) -> int:
    """The copy of the state that checkpoints are written from; a small state is written without one.

    The state is weights, averages of them where the job has any, and what the optimizer keeps.
    """
    averages = trained_bytes if trainer.ema is not None else 0
    state = model_bytes + averages + state_bytes(optimizer, trained_bytes)
    return state if state >= checkpoint.background_from_mib * MIB else 0
