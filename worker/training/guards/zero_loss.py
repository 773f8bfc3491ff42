"""Guard: a loss that is zero by accident, or that says nothing about the outputs."""

from __future__ import annotations

from worker.training.guards.finding import Finding, failed, passed
from worker.training.guards.trial import LazyTrial

ADVICE = (
    "see that the loss reads what forward returns, that names and masks select something, and that nothing "
    "on the way is detached or turned into a number"
)


def check(trial: LazyTrial) -> Finding:
    """An untrained model is never perfect: its loss must be other than zero and depend on what it put out."""
    look = trial().first
    if not look.terms.total.requires_grad:
        return failed(f"the loss is {look.loss:.6g} and carries no gradient", ADVICE)
    if look.loss == 0:
        return failed("the loss of an untrained model is exactly 0", ADVICE)
    if look.pulls and not any(look.pulls.values()):
        names = ", ".join(look.pulls)
        return failed(f"the loss is {look.loss:.6g} whatever the model puts out in {names}", ADVICE)
    return passed(f"the loss of the first samples is {look.loss:.6g} and depends on the outputs")
