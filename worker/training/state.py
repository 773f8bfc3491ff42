"""What must survive a trainer's death: every Stateful in one dict, captured and restored around the RNG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor

from shared.errors import InvalidSpec
from worker.training.tensors import tensor_bytes
from worker.training.tree import join, split


class Stateful(Protocol):
    """Something whose future depends on its past. Its state holds tensors and plain values only."""

    def state_dict(self) -> Mapping[str, Any]: ...

    def load_state_dict(self, state_dict: Any, /) -> Any: ...


AppState = dict[str, Stateful]
"""Everything that must survive, by name. `rng` is among them and is always restored last."""

RNG = "rng"
CAME_LATER = ("skips", "alarms", "ema")
"""Components that checkpoints once did not have. Where one is missing it stays as a new job has it."""


def nothing_to_wait_for() -> None:
    """The host's own memory is always there."""


@dataclass(frozen=True)
class Snapshot:
    """An AppState at one step edge.

    Host tensors are shared with the living state: write it before the next step, or copy it first.
    """

    trees: dict[str, Any]
    """Component -> plain JSON."""
    tensors: dict[str, dict[str, Tensor]]
    """Component -> its tensors by dotted name."""
    copies: Mapping[str, memoryview] = field(default_factory=dict)
    """Component -> its whole tensor file in memory of its own, from a block on; where it was copied."""
    settled: Callable[[], None] = nothing_to_wait_for
    """To be called before the tensors are read: a device may still be copying."""

    @property
    def bytes(self) -> int:
        return sum(tensor_bytes(tensors) for tensors in self.tensors.values())


def capture(state: AppState) -> Snapshot:
    """Read every component. Leaves the generators as they were, even where a state_dict draws from them."""
    before = state[RNG].state_dict()
    trees: dict[str, Any] = {}
    tensors: dict[str, dict[str, Tensor]] = {}
    for name, component in state.items():
        found: dict[str, Tensor] = {}
        trees[name] = split(before if name == RNG else component.state_dict(), found)
        tensors[name] = found
    state[RNG].load_state_dict(before)
    return Snapshot(trees, tensors)


def restore(state: AppState, names: Iterable[str], read: Callable[[str], Snapshot]) -> list[str]:
    """Put every component back, one in memory at a time, generators last; those of `CAME_LATER` it lacks.

    Raises InvalidSpec where the checkpoint's components `names`, or their shapes, are those of another job.
    """
    missing, unknown = set(state) - set(names), set(names) - set(state)
    if unknown or missing - set(CAME_LATER):
        raise InvalidSpec(
            f"the checkpoint does not fit this job: missing {sorted(missing)}, unknown {sorted(unknown)}"
        )
    for name in sorted(set(state) - missing, key=lambda name: name == RNG):
        load_component(state[name], name, read(name))
    return sorted(missing)


def load_component(component: Stateful, name: str, snapshot: Snapshot) -> None:
    """Put one component back. Raises InvalidSpec where its shape is another."""
    value = join(snapshot.trees[name], snapshot.tensors[name])
    try:
        component.load_state_dict(value)
    except (RuntimeError, ValueError, KeyError) as error:
        raise InvalidSpec(f"the checkpoint's {name} does not fit this job: {error}") from error
