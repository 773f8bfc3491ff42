"""Guard: a loss that reads the outputs wrongly, as a tuple whose parts it takes in another order."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from worker.training.guards.finding import Finding, failed, passed, skipped
from worker.training.guards.nest import changed
from worker.training.guards.probe import SAME, SAMPLES, Probe
from worker.workloads.interface import Outputs

NOISES = (0.1, 1.0)
"""Deviation of the noise that spoils a perfect answer, in units of the answer's own."""


def check(probe: Probe) -> Finding:
    """A perfect answer scores better than any other that is tried."""
    perfect = probe.task.workload.guards.perfect
    if perfect is None:
        return skipped("the workload does not say what a perfect answer is (GuardHints.perfect)")
    positions = probe.spread(SAMPLES)
    batch = probe.batch(positions)
    outputs = perfect(probe.task.spec, batch)
    score = probe.score(outputs, batch)
    for what, rival in _rivals(probe, positions, outputs):
        other = probe.score(rival, batch)
        if not math.isfinite(score) or other < score - SAME * abs(score):
            return failed(
                f"a perfect answer scores {score:,.6g} and {what} {other:,.6g}, where less is better",
                "see that the loss takes the outputs in the order and by the names that forward returns them",
            )
    return passed(f"a perfect answer scores {score:,.6g}, better than the model's own and than noise")


def _rivals(probe: Probe, positions: list[int], outputs: Outputs) -> Iterator[tuple[str, Outputs]]:
    yield "the untrained model's answer", probe.answer(positions)
    generator = torch.Generator().manual_seed(0)
    for scale in NOISES:

        def noisy(tensor: Tensor, scale: float = scale) -> Tensor:
            spread = float(tensor.std(correction=0)) or 1.0
            noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float32)
            return tensor + scale * spread * noise.to(tensor.device, tensor.dtype)

        yield f"the same with noise of {scale:g} deviations", changed(outputs, noisy)
    perfect = probe.task.workload.guards.perfect
    if len(positions) > 1 and perfect is not None:
        others = probe.batch([*positions[1:], positions[0]])
        yield "the perfect answer for other samples", perfect(probe.task.spec, others)
