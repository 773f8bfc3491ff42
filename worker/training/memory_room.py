"""The memory a training may take: of the GPU, or the least of machine, cgroup and what the job asked for.

The copy that checkpoints are written from is made only where machine and cgroup have room for it, so of that
room none is set aside for it. Of what the job asked for it takes its part once, not in each process.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from shared.specs.parts import ResourceSpec
from worker.hostmem import read_cgroup, read_machine, read_process, read_reclaimable
from worker.training.estimate import GIB, Room, gib


def room_for(
    device: torch.device, resources: ResourceSpec, root: Path = Path("/"), processes: int = 1, copied: int = 0
) -> Room:
    """The tightest room that this process has; what it holds already counts as free to it.

    Host memory is divided among the processes of a training; a GPU is one's own.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return Room(free + torch.cuda.memory_reserved(device), "the GPU")
    # Where both are equally tight, the limit that cannot be raised by a field is told first.
    tightest = min(
        [physical_room(root, processes), asked_room(resources, processes, copied)],
        key=lambda room: room.bytes,
    )
    if processes == 1:
        return tightest
    return replace(tightest, what=f"for each of {processes} processes {tightest.what}")


def physical_room(root: Path = Path("/"), processes: int = 1) -> Room:
    """What machine and cgroup could give this process, one of so many alike, its own share included."""
    held = read_process(root=root).rss_bytes
    rooms = [Room(read_machine(root).available_bytes // processes + held, "the machine")]
    cgroup = read_cgroup(root=root)
    if cgroup is not None and cgroup.limit_bytes is not None:
        # What the cgroup uses counts file cache, which makes way for a training.
        others = max(0, cgroup.usage_bytes - held - read_reclaimable(root=root))
        left = cgroup.limit_bytes - others - held
        rooms.append(Room(left // processes + held, "the memory limit of the cgroup"))
    return min(rooms, key=lambda room: room.bytes)


def asked_room(resources: ResourceSpec, processes: int = 1, copied: int = 0) -> Room:
    """What the job said it would need, less the copy; other jobs may hold the rest of the machine."""
    asked = int(resources.memory_gib * GIB)
    told = f"{gib(asked)} for this job" + (f", less {gib(copied)} for the copy" if copied else "")
    left = max(0, asked - copied)
    return Room(left // processes, f"resources.memory_gib ({told})", "resources.memory_gib higher")
