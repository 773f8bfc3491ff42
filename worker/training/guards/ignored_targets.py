"""Guard: training that does not tell the targets of one sample from those of another."""

from __future__ import annotations

from worker.training.guards.finding import Finding, failed, passed, skipped
from worker.training.guards.probe import PARTNERS, SAME, Probe
from worker.training.guards.pull import Contrast, pulled
from worker.training.guards.trial import LazyTrial


def check(trial: LazyTrial) -> Finding:
    """After a few steps on two samples their own targets fit better than each other's, or have gained.

    Where the steps had it otherwise, some small move of the weights must: see `_moved`.
    """
    tried = trial()
    probe = tried.probe
    if len(probe.pair) < 2:
        return skipped("the train split has one sample only")
    if not probe.targets_differ:
        return failed(
            f"the loss is the same whichever of {PARTNERS + 1} samples' targets it compares the outputs with",
            "see that the loss compares the outputs with the batch's targets, and that these differ",
        )
    told = tried.after if _fits(tried.before, tried.after) else _moved(probe)
    if told is None:
        own, other = tried.after
        return failed(
            f"after a few steps on two samples the loss is {own:.6g} against their own targets and "
            f"{other:.6g} against each other's, no better told apart than before",
            "see that outputs depend on inputs, and that the inputs and targets of a batch belong together",
        )
    return passed(
        f"after a few steps the loss is {told[0]:.6g} with its own targets, {told[1]:.6g} with shuffled ones"
    )


def _moved(probe: Probe) -> Contrast | None:
    """The losses after the first small move that tells two samples apart, the steps' own two before others.

    In few steps chance decides where dropout is much, and a step too long shuts all units of a tiny model; so
    the job's own weights are tried too, with other samples, for some may lie where every unit is shut.
    """
    found = pulled(probe, probe.pair, SAME)
    if found is not None:
        return found
    probe.put_back()
    return next((found for pair in probe.pairs() if (found := pulled(probe, pair, SAME))), None)


def _fits(before: tuple[float, float], after: tuple[float, float]) -> bool:
    own, other = after
    gained = (other - own) - (before[1] - before[0])
    least = SAME * max(abs(own), abs(other))
    return other - own > least or gained > least
