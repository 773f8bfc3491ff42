"""Guard: an answer for one sample that depends on the others of its batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from worker.training.guards.finding import Finding, failed, passed, skipped
from worker.training.guards.nest import floats
from worker.training.guards.probe import SAMPLES, Probe
from worker.training.guards.trial import LazyTrial
from worker.training.outofmemory import memory_exit

CPU_TOLERANCE = 1e-4
GPU_TOLERANCE = 5e-3
"""Shares of the greatest output; a GPU may choose another algorithm for another batch size."""
ADVICE = (
    "look for attention, normalisation or a reshape that runs over the batch axis, for a squeeze that drops "
    "it at size one, and for what is taken from the first sample and used for all"
)


def check(trial: LazyTrial) -> Finding:
    """In eval mode a sample gets the same answer alone, among others, and in another place of the batch."""
    probe = trial().probe  # trained a little: untrained, many a model answers all samples alike
    positions = probe.spread(SAMPLES)
    together = _answers(probe, positions)
    together = {name: one for name, one in together.items() if one.dim() and len(one) == len(positions)}
    if len(positions) < 2:
        return skipped("the train split has one sample only")
    if not together:
        return failed(
            f"no output of the model has the batch axis of {len(positions)} samples first",
            "return tensors with the batch axis first",
        )
    moved = _answers(probe, [*positions[1:], positions[0]])
    order = [len(positions) - 1, *range(len(positions) - 1)]
    for name, expected in together.items():
        for place in range(len(positions)):
            if (share := _apart(probe, expected[place], moved[name][order[place]])) is not None:
                return _depends(name, "in another place of the batch", share)
    return _alone(probe, positions, together)


def _alone(probe: Probe, positions: Sequence[int], together: Mapping[str, Tensor]) -> Finding:
    for place, position in enumerate(positions):
        try:
            alone = _answers(probe, [position])
        except Exception as error:
            if memory_exit(error) is not None:
                raise
            seen = f"a batch of {len(positions)} has an answer and a batch of one fails with {error!r}"
            return failed(seen[:400], ADVICE)
        for name, expected in together.items():
            if len(alone[name].shape) != expected.dim():
                return failed(f"{name} loses an axis in a batch of one: {list(alone[name].shape)}", ADVICE)
            if (share := _apart(probe, expected[place], alone[name][0])) is not None:
                return _depends(name, f"alone as among {len(positions)}", share)
    return passed(f"each sample has the same answer alone, among {len(positions)} and in another place")


def _answers(probe: Probe, positions: Sequence[int]) -> dict[str, Tensor]:
    return floats(probe.answer(positions))


def _apart(probe: Probe, one: Tensor, other: Tensor) -> float | None:
    """How far apart two answers are as a share of the greatest, where that is too far. Padding is cut off."""
    common = tuple(slice(0, min(a, b)) for a, b in zip(one.shape, other.shape, strict=True))
    one, other = one[common].double(), other[common].double()
    greatest = max(float(one.abs().max()), float(other.abs().max())) if one.numel() else 0.0
    if greatest == 0:
        return None
    share = float((one - other).abs().max()) / greatest
    tolerance = CPU_TOLERANCE if probe.task.device.type == "cpu" else GPU_TOLERANCE
    return None if share <= tolerance else share


def _depends(name: str, how: str, share: float) -> Finding:
    return failed(f"a sample's answer in {name} is not the same {how}: it differs by {share:.2%}", ADVICE)
