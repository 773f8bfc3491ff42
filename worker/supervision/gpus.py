"""Which GPUs a worker offers, named as CUDA_VISIBLE_DEVICES names them. Asks the driver's tool, not torch."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence

VISIBLE = "CUDA_VISIBLE_DEVICES"

LIST_SECONDS = 20.0
"""A driver that was not loaded yet takes seconds to answer."""

log = logging.getLogger(__name__)


def offered_gpus(
    environ: Mapping[str, str], wanted: int | None, list_them: Callable[[], Sequence[str]]
) -> tuple[str, ...]:
    """Those this process may use: what the environment names, else all there are; the first `wanted` of them.

    Raises ValueError where more are wanted than there are.
    """
    if wanted == 0:
        return ()
    named = environ.get(VISIBLE)
    if named is None:
        devices = tuple(str(index) for index in range(len(list_them())))
    else:
        devices = tuple(name.strip() for name in named.split(",") if name.strip() not in ("", "-1"))
    if wanted is not None and wanted > len(devices):
        raise ValueError(f"{wanted} GPUs are to be offered and {len(devices)} can be seen; set fewer")
    return devices[:wanted]


def list_gpus() -> tuple[str, ...]:
    """UUIDs of the GPUs, in the order of nvidia-smi; none where it is not installed.

    Raises ValueError where it is and finds none: a broken driver is no machine without GPUs.
    """
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    code, told = _ask([tool, "-L"])
    found = re.findall(r"^GPU \d+: .*\(UUID: (\S+)\)", told, re.MULTILINE)
    if code != 0 or not found:
        why = " ".join(told.split())[:200].rstrip(".") or f"it ended with {code}"
        raise ValueError(
            f"nvidia-smi -L lists no GPUs to rely on: {why}; see to the driver, or set EPOCHD_GPUS to 0 for "
            "a worker without GPUs"
        )
    return tuple(found)


def list_gpus_if_any() -> tuple[str, ...]:
    """For embedded mode, which starts on a laptop with a broken driver as well, and says so."""
    try:
        return list_gpus()
    except ValueError as error:
        log.warning("no GPU is offered: %s", error)
        return ()


def _ask(command: Sequence[str]) -> tuple[int, str]:
    """Exit code and everything that was said."""
    try:
        ended = subprocess.run(  # noqa: S603  a fixed command line
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LIST_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return 1, f"no answer within {LIST_SECONDS:.0f} s"
    return ended.returncode, ended.stdout
