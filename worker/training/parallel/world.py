"""Which of how many processes this one is, and where they meet: one small value from the environment.

The names are those of torch's own launchers, so that whoever starts the processes, on this machine or on
several, tells them the same way.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class World:
    """The processes of one training, as one of them sees them."""

    rank: int = 0
    """Counted over all machines; rank 0 decides, reports and saves."""
    size: int = 1
    local_rank: int = 0
    """Counted on this machine; the number of its GPU."""
    address: str = ""
    port: int = 0
    """Where rank 0 lets the others find it."""

    @property
    def first(self) -> bool:
        return self.rank == 0

    @property
    def head(self) -> int:
        """The process that all of the training's on this machine come from: their launcher, or this one."""
        return os.getpid() if self.size == 1 else os.getppid()

    @property
    def environ(self) -> dict[str, str]:
        """What a launcher puts into the environment of this process."""
        return {
            "RANK": str(self.rank),
            "WORLD_SIZE": str(self.size),
            "LOCAL_RANK": str(self.local_rank),
            "MASTER_ADDR": self.address,
            "MASTER_PORT": str(self.port),
        }


ONE = World()
"""A process that trains alone."""


def world_of(environ: Mapping[str, str]) -> World:
    """The world that a launcher wrote into the environment. Raises KeyError where none did."""
    return World(
        rank=int(environ["RANK"]),
        size=int(environ["WORLD_SIZE"]),
        local_rank=int(environ["LOCAL_RANK"]),
        address=environ["MASTER_ADDR"],
        port=int(environ["MASTER_PORT"]),
    )
