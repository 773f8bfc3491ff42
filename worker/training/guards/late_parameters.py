"""Guard: parameters that the optimizer never sees, as those made when forward first runs."""

from __future__ import annotations

from torch.optim import Optimizer

from worker.training.guards.finding import Finding, failed, passed
from worker.training.guards.trial import LazyTrial

ADVICE = "create every parameter in build_model, and none in forward"


def check(trial: LazyTrial, optimizer: Optimizer) -> Finding:
    """The optimizer holds every parameter there is, before forward and after."""
    probe = trial().probe
    held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    own = [(name, one) for name, one in probe.task.model.named_parameters() if one.requires_grad]
    unheld = [name for name, parameter in own if id(parameter) not in held]
    if unheld:
        return failed(f"the optimizer does not hold {', '.join(unheld)}", ADVICE)
    made = probe.strangers()
    if made:
        return failed(f"forward made parameters that the optimizer never sees: {', '.join(made)}", ADVICE)
    return passed(f"the optimizer holds all {len(own)} parameters, and forward makes no other")
