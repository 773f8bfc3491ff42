"""Everything process-wide that makes two runs equal: device, threads, deterministic algorithms."""

from __future__ import annotations

import os

import torch

from shared.errors import InvalidSpec
from shared.specs.job import JobSpec


def choose_device(spec: JobSpec, number: int = 0) -> torch.device:
    """The device of a spec, of GPUs that of this `number`; `auto` takes CUDA where the job asks for a GPU.

    Raises InvalidSpec.
    """
    wanted = spec.trainer.device
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InvalidSpec('trainer.device "cuda": this machine has no CUDA device; use "cpu" or "auto"')
    if wanted == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    on_gpu = wanted == "cuda" or spec.resources.gpus > 0
    return torch.device("cuda", number) if on_gpu else torch.device("cpu")


def choose_threads(spec: JobSpec, processes: int = 1) -> int:
    """CPU threads of each process: as asked, else its part of the job's share of the cores, at least one."""
    cores = len(os.sched_getaffinity(0))
    return spec.trainer.threads or max(1, int(min(cores, spec.resources.cpus) / processes))


def make_deterministic(device: torch.device, threads: int) -> None:
    """Set the process up so that the same seed gives the same bits on the same machine.

    CUDA only warns of an operation without a deterministic form; https://docs.pytorch.org/docs/stable/notes/randomness.html
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
    # Filling every new tensor with NaN finds reads of memory nobody wrote, and costs every step.
    setattr(torch.utils.deterministic, "fill_uninitialized_memory", False)  # noqa: B010 - not in torch's stubs
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
