"""Which GPUs a worker offers, named as CUDA_VISIBLE_DEVICES names them. Asks the driver's tool, not torch."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping

VISIBLE = "CUDA_VISIBLE_DEVICES"

LIST_SECONDS = 20.0
"""A driver that was not loaded yet takes seconds to answer."""


def offered_gpus(environ: Mapping[str, str], wanted: int | None, count: Callable[[], int]) -> tuple[str, ...]:
    """Those this process may use: what the environment names, else all there are; the first `wanted` of them.

    Raises ValueError where more are wanted than there are.
    """
    if wanted == 0:
        return ()
    named = environ.get(VISIBLE)
    if named is None:
        devices = tuple(str(index) for index in range(count()))
    else:
        devices = tuple(name.strip() for name in named.split(",") if name.strip() not in ("", "-1"))
    if wanted is not None and wanted > len(devices):
        raise ValueError(f"{wanted} GPUs are to be offered and {len(devices)} can be seen; set fewer")
    return devices[:wanted]


def count_gpus() -> int:
    """How many GPUs nvidia-smi lists; none where it is not installed or finds no driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    listed = subprocess.run(  # noqa: S603  a fixed command line
        [tool, "-L"], capture_output=True, text=True, check=False, timeout=LIST_SECONDS
    )
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
