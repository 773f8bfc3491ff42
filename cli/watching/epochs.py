"""A job's epochs over all its attempts: of those trained again, what an older attempt told is void. Pure."""

from __future__ import annotations

from collections.abc import Iterable
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

    def add(self, point: Json) -> None:
        """Take a point, unless it is of an epoch that a newer attempt has reached."""
        epoch, origin = point["epoch"], Origin(point["attempt"], point["step"])
        if any(one.attempt > origin.attempt for before, one in self.told.items() if before <= epoch):
            return
        self._drop(
            later for later, one in self.told.items() if later >= epoch and one.attempt < origin.attempt
        )
        self.told[epoch] = origin
        self._keep(epoch, point)

    def rewind(self, attempt: int, step: int) -> None:
        """An attempt went on from this step: what older ones told behind it is void."""
        self._drop(epoch for epoch, one in self.told.items() if one.step > step and one.attempt < attempt)

    def _keep(self, epoch: int, point: Json) -> None:
        name, value = point["name"], point["value"]
        if point["split"] == "train":
            self.train[epoch] = value
        elif name == "loss":
            self.val[epoch] = value
        elif name.startswith("loss_") and not name.endswith("_weighted"):
            self.components[name.removeprefix("loss_")] = value

    def _drop(self, epochs: Iterable[int]) -> None:
        for epoch in list(epochs):
            self.told.pop(epoch)
            self.train.pop(epoch, None)
            self.val.pop(epoch, None)
            self.components.clear()
