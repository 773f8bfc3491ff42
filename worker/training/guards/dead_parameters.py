"""Guard: parameters that no gradient reaches."""

from __future__ import annotations

from collections.abc import Mapping

from worker.training.guards.finding import Finding, failed, passed
from worker.training.guards.probe import Probe
from worker.training.guards.trial import LazyTrial

MORE_ROUNDS = 6
"""Rounds on other samples before a parameter counts as dead: some parts act for some samples only."""
SHOWN = 8
ADVICE = (
    "have the loss depend on them, leave them out of the model, or name them with the reason in the "
    "workload's GuardHints.without_gradient"
)


def check(trial: LazyTrial) -> Finding:
    """Every parameter has a gradient in some round, or stands on the workload's list of those without."""
    probe = trial().probe
    excused = probe.task.workload.guards.without_gradient
    for turn in range(MORE_ROUNDS):
        if not _dead(probe, excused):
            break
        probe.step_down(probe.look(_others(probe, turn)))
    dead = _dead(probe, excused)
    if dead:
        numbers = sum(probe.parameters[name].numel() for name in dead)
        shown = ", ".join(dead[:SHOWN]) + (f" and {len(dead) - SHOWN} more" if len(dead) > SHOWN else "")
        return failed(
            f"no gradient reaches {len(dead)} of {len(probe.parameters)} parameters, {numbers:,} numbers: "
            f"{shown}",
            ADVICE,
        )
    allowed = [f"{name} ({why})" for name, why in excused.items()]
    but = f"; allowed to have none: {', '.join(allowed)}" if allowed else ""
    return passed(f"a gradient reaches {len(probe.reached)} of {len(probe.parameters)} parameters{but}")


def _dead(probe: Probe, excused: Mapping[str, str]) -> list[str]:
    return [name for name in probe.parameters if name not in probe.reached and not _excused(name, excused)]


def _excused(name: str, excused: Mapping[str, str]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in excused)


def _others(probe: Probe, turn: int) -> list[int]:
    count = len(probe.task.splits.train)
    return [(2 * turn + 1) % count, (2 * turn + 2) % count][: min(2, count)]
