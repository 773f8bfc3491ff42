"""Guard: a total that is not the weighted sum of the terms it is told with."""

from __future__ import annotations

from worker.training.guards.finding import Finding, failed, passed
from worker.training.guards.trial import LazyTrial
from worker.training.terms import adds_up


def check(trial: LazyTrial) -> Finding:
    """Terms and weights have the same names, and their sum is the total."""
    terms = trial().first.terms
    if not terms.raw:
        return passed("the total is the only term")
    if set(terms.raw) != set(terms.weights):
        return failed(
            f"the terms are {', '.join(terms.raw)} and the weights for {', '.join(terms.weights) or 'none'}",
            "give LossTerms one weight for each raw term",
        )
    parts = {name: terms.weights[name] * float(terms.raw[name].detach()) for name in terms.raw}
    total, weighted = float(terms.total.detach()), sum(parts.values())
    low = trial().probe.task.precision.dtype is not None
    if not adds_up(total, parts, low_precision=low):
        told = " + ".join(f"{terms.weights[name]:g} x {name}" for name in terms.raw)
        return failed(
            f"the total is {total:.6g} and {told} is {weighted:.6g}",
            "see that every term is added once, with the weight it is told with",
        )
    return passed(f"the total {total:.6g} is the weighted sum of {', '.join(terms.raw)}")
