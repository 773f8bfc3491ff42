"""What the guards of a job said, kept through every resume. Stateful."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class GuardRecord:
    """Guard -> outcome and sentence. Holds no timings: equal runs have equal checkpoints."""

    def __init__(self) -> None:
        self.said: dict[str, dict[str, str]] = {}

    def add(self, name: str, outcome: str, sentence: str) -> None:
        self.said[name] = {"outcome": outcome, "sentence": sentence}

    def state_dict(self) -> dict[str, Any]:
        return {"said": {name: dict(one) for name, one in self.said.items()}}

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        self.said = {name: dict(one) for name, one in state["said"].items()}
