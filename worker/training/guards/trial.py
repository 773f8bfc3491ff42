"""A few small training steps on two samples: one experiment that several guards read their answers from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from worker.training.guards.look import Look
from worker.training.guards.probe import Probe
from worker.training.optim import build_optimizer

ROUNDS = 3
"""A zero among the initial weights hides other weights from the first round of gradients."""


@dataclass(frozen=True)
class Trial:
    """What the steps showed. The probe's copy stays as they left it, until a guard moves it on."""

    probe: Probe
    first: Look
    """The first round, before any weight moved."""
    still: list[str]
    """Parameters with a gradient that one step of the job's own kind of optimizer left where they were."""
    before: tuple[float, float]
    """The loss of the pair against its own targets and against each other's."""
    after: tuple[float, float]


LazyTrial = Callable[[], Trial]
"""The trial, made when first asked for."""


def run_trial(probe: Probe) -> Trial:
    """Never more memory than a step of the job: the same chunks, one optimizer at a time."""
    before = probe.contrast(probe.pair)
    first = probe.look(probe.pair)
    still = _unmoved(probe, first)
    probe.step_down(first)
    for _ in range(ROUNDS - 1):
        probe.step_down(probe.look(probe.pair))
    return Trial(probe, first, still, before, probe.contrast(probe.pair))


def _unmoved(probe: Probe, look: Look) -> list[str]:
    build_optimizer(probe.task.spec.optimizer, probe.model).step()
    own = dict(probe.task.model.named_parameters())
    still = [
        name
        for name, parameter in probe.parameters.items()
        if look.gradients[name] != 0 and torch.equal(parameter, own[name])
    ]
    probe.put_back()
    return still
