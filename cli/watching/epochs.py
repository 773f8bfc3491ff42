"""A job's epochs over all its attempts: of those trained again, what an older attempt told is void. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Origin:
    """Who told of an epoch, and at which step."""

    attempt: int
    step: int


@dataclass
class Epochs:
    """The loss curves, by epoch counted from 1. None stands for a loss that was not finite."""

    told: dict[int, Origin] = field(default_factory=dict)
    """Every epoch of which there is a point."""
    train: dict[int, float | None] = field(default_factory=dict)
    """Mean training loss."""
    val: dict[int, float | None] = field(default_factory=dict)
    """Validation loss."""
    components: dict[str, float | None] = field(default_factory=dict)
    """Newest value of each component of the validation loss."""
    _order: list[int] = field(default_factory=list, init=False, repr=False, compare=False)
    """The told epochs, ascending. Their attempts never descend, so that neighbours say all about a point."""

    def add(self, point: Json) -> None:
        """Take a point, unless it is of an epoch that a newer attempt has reached."""
        epoch, origin = point["epoch"], Origin(point["attempt"], point["step"])
        behind = bisect_right(self._order, epoch)
        if behind and self.told[self._order[behind - 1]].attempt > origin.attempt:
            return
        self._drop(self._older_from(epoch, origin.attempt))
        if epoch not in self.told:
            insort(self._order, epoch)
        self.told[epoch] = origin
        self._keep(epoch, point)

    def rewind(self, attempt: int, step: int) -> None:
        """An attempt went on from this step: what older ones told behind it is void."""
        void = [epoch for epoch, one in self.told.items() if one.step > step and one.attempt < attempt]
        self._drop(void)

    def _keep(self, epoch: int, point: Json) -> None:
        name, value = point["name"], point["value"]
        if point["split"] == "train":
            self.train[epoch] = value
        elif name == "loss":
            self.val[epoch] = value
        elif name.startswith("loss_") and not name.endswith("_weighted"):
            self.components[name.removeprefix("loss_")] = value

    def _older_from(self, epoch: int, attempt: int) -> Sequence[int]:
        """The told epochs from this one on that are of an older attempt."""
        first = end = bisect_left(self._order, epoch)
        while end < len(self._order) and self.told[self._order[end]].attempt < attempt:
            end += 1
        return self._order[first:end]

    def _drop(self, epochs: Sequence[int]) -> None:
        if not epochs:
            return
        for epoch in epochs:
            self.told.pop(epoch)
            self.train.pop(epoch, None)
            self.val.pop(epoch, None)
        self._order = sorted(self.told)
        self.components.clear()
