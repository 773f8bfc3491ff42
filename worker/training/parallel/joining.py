"""Makes a process one of several: torch's process group, by the backend that the device asks for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist

from worker.training.parallel.group import Together
from worker.training.parallel.world import World
from worker.training.shutdown import StopFlag

BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
"""By device type. What processes agree on lies on the host also where they train on GPUs."""

kept: list[object] = []
"""The process group, for as long as its process lives. Dropping it waits for gloo's threads with the
interpreter's lock held; one of them may need that lock to let go of its last tensor: neither would end."""


@contextmanager
def joined(
    world: World, device: torch.device, stop: StopFlag, seconds: float, listener: int | None
) -> Iterator[Together]:
    """Be a part of the world while entered. No wait for the others takes longer than `seconds`.

    `listener` is a listening socket on which rank 0 is found; without one it opens its own.
    """
    patience = timedelta(seconds=seconds)
    store = dist.TCPStore(  # type: ignore[attr-defined]
        world.address, world.port, world.size, world.first, patience, master_listen_fd=listener
    )
    dist.init_process_group(
        BACKENDS[device.type], store=store, rank=world.rank, world_size=world.size, timeout=patience
    )
    kept.append(dist.group.WORLD)
    yield Together(world, stop)
    # Not after an error: the others may be gone, and this process soon is.
    dist.destroy_process_group()
