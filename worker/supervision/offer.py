"""What a worker offers: slots, GPUs, cores and memory; what is set, else all of the machine or cgroup."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shared.settings import Settings
from worker.hostmem import read_cgroup, read_machine
from worker.supervision.cores import count_cores
from worker.supervision.gpu_locks import hold_gpu
from worker.supervision.gpus import Gpu, list_gpus, offered_gpus

FEWEST_SLOTS = 4
GIB = 1024**3


@dataclass(frozen=True)
class Offer:
    """What the jobs of one worker share."""

    slots: int
    gpus: tuple[str, ...]
    """As CUDA_VISIBLE_DEVICES names them: UUIDs, where they are known."""
    cpus: float
    memory_gib: float


def make_offer(
    settings: Settings,
    environ: Mapping[str, str],
    list_them: Callable[[], Sequence[Gpu]] = list_gpus,
    root: Path = Path("/"),
) -> Offer:
    """What is offered here from now on: its GPUs are held until this process ends.

    Raises ValueError where more GPUs are to be offered than are free, or the driver fails.
    """
    hold = partial(hold_gpu, settings.resolved_runs_dir)
    gpus = offered_gpus(environ, settings.gpus, list_them, hold)
    # A GPU without a slot would stand idle.
    slots = settings.slots or max(FEWEST_SLOTS, len(gpus))
    cpus, memory_gib = settings.cpus or count_cores(root), settings.memory_gib or _all_memory(root) / GIB
    return Offer(slots, gpus, cpus, memory_gib)


def _all_memory(root: Path) -> int:
    """Bytes of the machine, or what the cgroup of this process leaves of them: a container's limit."""
    machine, cgroup = read_machine(root).total_bytes, read_cgroup(root=root)
    return machine if cgroup is None or cgroup.limit_bytes is None else min(machine, cgroup.limit_bytes)
