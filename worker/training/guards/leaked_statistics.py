"""Guard: scalers and the like that were fitted on more than the train split."""

from __future__ import annotations

from worker.training.guards.finding import Finding, failed, passed, skipped
from worker.training.guards.probe import Probe

TOLERANCE = 1e-3


def check(probe: Probe) -> Finding:
    """What is in use equals what the train samples alone give."""
    refit = probe.task.workload.guards.refit
    if refit is None:
        return skipped("the workload does not say what it fitted (GuardHints.refit)")
    pairs = refit(probe.task.spec, probe.task.splits)
    for name, (used, again) in pairs.items():
        apart = (used.double() - again.double()).abs()
        if not bool((apart <= TOLERANCE * again.double().abs().clamp(min=1.0)).all()):
            return failed(
                f"{name} in use differ by up to {float(apart.max()):.4g} from those of the train split alone",
                "fit scalers, vocabularies and weights on the train split only, and use them for every split",
            )
    return passed(f"fitted on the train samples alone: {', '.join(pairs)}")
