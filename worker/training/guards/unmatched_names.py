"""Guard: predictions and targets that never meet because they are called by different names."""

from __future__ import annotations

from collections.abc import Iterable

from worker.training.guards.finding import Finding, failed, passed
from worker.training.guards.nest import tensors
from worker.training.guards.trial import LazyTrial, Trial


def check(trial: LazyTrial) -> Finding:
    """The names on both sides are the same, and the loss reads every prediction."""
    tried = trial()
    targets_of = tried.probe.task.workload.guards.targets
    if targets_of is None or not tried.first.predictions:
        return _by_what_is_read(tried)
    predictions, targets = set(tried.first.predictions), set(targets_of(tried.probe.batch(tried.probe.pair)))
    if predictions != targets:
        common = predictions & targets
        seen = f"only {_list(common)} match" if common else "no prediction matches a target"
        return failed(
            f"{seen} by name: the predictions are {_list(predictions)}, the targets {_list(targets)}",
            "call both sides by the same names",
        )
    unread = [name for name, pull in tried.first.predictions.items() if pull == 0]
    if unread:
        return failed(
            f"predictions and targets have the same names, and the loss does not read {_list(unread)}",
            "have the loss compare every prediction with its target",
        )
    return passed(f"every prediction has its target: {_list(predictions)}")


def _by_what_is_read(tried: Trial) -> Finding:
    """Without names to go by: at least one output must reach the loss."""
    look = tried.first
    read = {name for name, pull in look.pulls.items() if pull != 0}
    unread = set(look.outputs) - read
    if not read:
        batch = tensors(tried.probe.batch(tried.probe.pair))
        return failed(
            f"the loss reads none of the outputs {_list(unread)}; the batch has {_list(batch)}",
            "see that the loss looks for the names that forward returns",
        )
    also = f" and not {_list(unread)}" if unread else ""
    return passed(f"the loss reads {_list(read)}{also}")


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
