"""Guard: parameters that an optimizer step leaves where they are."""

from __future__ import annotations

from worker.training.guards.finding import Finding, failed, passed
from worker.training.guards.trial import LazyTrial


def check(trial: LazyTrial) -> Finding:
    """One step at the base learning rate changes every parameter that has a gradient."""
    still, optimizer = trial().still, trial().probe.task.spec.optimizer
    if still:
        return failed(
            f"one step of {optimizer.name} at lr {optimizer.lr:g} does not move {len(still)} parameters that "
            f"have a gradient: {', '.join(still[:8])}",
            "raise optimizer.lr, or bring the loss to a scale at which its gradients count",
        )
    return passed(f"one step of {optimizer.name} moves every parameter that has a gradient")
