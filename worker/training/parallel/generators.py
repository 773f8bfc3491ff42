"""The generators of every process in one state: each draws its own numbers, and goes on with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from worker.training.parallel.world import World
from worker.training.rng import RngState, seed_everything
from worker.training.sampler import private_generator


class RankRng(RngState):
    """That of rank 0 also holds the states of the `others`, as they were when all met last."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._found = world.first
        self.others: list[dict[str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        own = super().state_dict()
        return {**own, "others": self.others} if self._world.first else {**own, "rank": self._world.rank}

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        """Take this process's own part; where there is none, the generators stay as they are."""
        ranks = [state, *state.get("others", ())]
        own = next((one for one in ranks if one.get("rank", 0) == self._world.rank), None)
        if own is not None:
            self._found = True
            super().load_state_dict(own)

    def begin(self, seed: int, step: int) -> None:
        """Seed a process that no checkpoint knew: processes that draw alike would drop the same units."""
        if not self._found:
            drawn = private_generator("rank", seed, self._world.rank, step)
            seed_everything(drawn.initial_seed())
            self._found = True
