"""Guard: targets that are the same for every sample."""

from __future__ import annotations

from worker.training.guards.finding import Finding, failed, passed, skipped
from worker.training.guards.nest import identity
from worker.training.guards.probe import Probe

READ = 64


def check(probe: Probe) -> Finding:
    """Of each named target there are two different values among some train samples far apart."""
    targets_of = probe.task.workload.guards.targets
    if targets_of is None:
        return skipped("the workload does not name its targets (GuardHints.targets)")
    positions = probe.spread(READ)
    if len(positions) < 2:
        return skipped("the train split has one sample only")
    values: dict[str, set[bytes]] = {}
    for position in positions:
        for name, target in targets_of(probe.batch([position])).items():
            values.setdefault(name, set()).add(identity(target))
        if all(len(found) > 1 for found in values.values()):
            return passed(f"the targets differ between samples: {', '.join(values)}")
    constant = ", ".join(name for name, found in values.items() if len(found) == 1)
    return failed(
        f"{len(positions)} train samples far apart have one and the same target {constant}",
        "look at how labels are read and mapped; a model would learn to say the same of everything",
    )
