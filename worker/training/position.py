"""Where training stands: the position in the data and the sums of the epoch in work, both Stateful."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from shared.errors import NonFiniteLoss


@dataclass
class Progress:
    """Position at a step edge. Nothing else is needed to know which sample comes next."""

    epoch: int = 0
    """Whole epochs trained; also the index of the epoch in work."""
    step: int = 0
    """Optimizer steps taken since the job began."""
    samples: int = 0
    """Samples of the epoch in work that were consumed."""

    def advance(self, samples: int) -> None:
        self.step += 1
        self.samples += samples

    def end_epoch(self) -> None:
        self.epoch += 1
        self.samples = 0

    def state_dict(self) -> dict[str, Any]:
        return asdict(self)

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        self.epoch, self.step, self.samples = state["epoch"], state["step"], state["samples"]


@dataclass
class EpochSums:
    """Sample-weighted sums of the train losses of the epoch in work."""

    samples: int = 0
    sums: dict[str, float] = field(default_factory=dict)

    def add(self, means: Mapping[str, float], samples: int) -> None:
        self.samples += samples
        for name, mean in means.items():
            self.sums[name] = self.sums.get(name, 0.0) + mean * samples

    def means(self) -> dict[str, float]:
        """Divided by the samples seen, never by those planned. Raises NonFiniteLoss where none was."""
        if self.samples == 0:
            raise NonFiniteLoss("every step of the epoch was left out, so nothing was learned in it")
        return {name: total / self.samples for name, total in self.sums.items()}

    def clear(self) -> None:
        self.samples, self.sums = 0, {}

    def state_dict(self) -> dict[str, Any]:
        return {"samples": self.samples, "sums": dict(self.sums)}

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        self.samples, self.sums = state["samples"], dict(state["sums"])


@dataclass
class Elapsed:
    """Seconds trained over all attempts. The only part of the state that two equal runs need not share."""

    seconds: float = 0.0

    def state_dict(self) -> dict[str, Any]:
        return {"seconds": self.seconds}

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        self.seconds = state["seconds"]
