"""Everything process-wide that makes two runs equal: device, threads, deterministic algorithms."""

from __future__ import annotations

import os

import torch

from shared.errors import GpuUnusable, InvalidSpec
from shared.specs.job import JobSpec


def choose_device(spec: JobSpec, number: int = 0) -> torch.device:
    """The device of a spec, of GPUs that of this `number`; `auto` takes CUDA where the job asks for a GPU.

    Raises InvalidSpec where there is no CUDA, GpuUnusable where the GPU that was given cannot be used.
    """
    wanted, gpus = spec.trainer.device, spec.resources.gpus
    if wanted == "cpu" or (wanted == "auto" and gpus == 0):
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda", number)
    if gpus == 0:
        raise InvalidSpec('trainer.device "cuda": this machine has no CUDA device; use "cpu" or "auto"')
    raise GpuUnusable(
        f"resources.gpus is {gpus} and torch can use no GPU where it runs: {_why_no_gpu()}; see that "
        "torch is a CUDA build and the NVIDIA driver is new enough for it (docs/containers.md), or set "
        'trainer.device to "cpu"'
    )


def _why_no_gpu() -> str:
    """What torch says when it is made to use one."""
    try:
        torch.cuda.current_device()
    except (AssertionError, RuntimeError) as error:
        return str(error).partition("\n")[0].rstrip(".")
    return "it finds none"


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
