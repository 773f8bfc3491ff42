"""Tells glibc's malloc to keep what is freed, so that a step does not fault its memory in anew every time.

Said to the running process, not through its environment: a trainer forked from the warm parent began before.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Allocator = Literal["keep", "default"]

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
KEEP = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, 256 * 1024**2))
"""Nothing is mapped on its own, the heap never shrinks and grows in large pieces; `man 3 mallopt`."""

OWN_SETTINGS = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")
"""Where the worker's environment says how to allocate, that holds."""


@dataclass(frozen=True)
class Choice:
    """How this process allocates host memory."""

    used: str
    """keep, default, or `environment` where that decided."""
    problem: str | None = None
    """Why `keep` could not be had."""


def use_allocator(wanted: Allocator, device: str, environ: Mapping[str, str] = os.environ) -> Choice:
    """Set the process up once, before anything large is allocated. A CUDA trainer keeps the default."""
    own = sorted(name for name in environ if name.startswith(OWN_SETTINGS))
    if own:
        return Choice("environment")
    if wanted == "default" or device != "cpu":
        return Choice("default")
    mallopt = _glibc("mallopt")
    if mallopt is None:
        return Choice("default", "memory.allocator: keep needs glibc; freed memory goes back to the system")
    refused = [option for option, value in KEEP if mallopt(option, value) != 1]
    if refused:
        return Choice("default", f"memory.allocator: glibc refused the settings {refused}")
    return Choice("keep")


def release_freed() -> None:
    """Give what is freed back to the system now; does nothing where there is no glibc."""
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _glibc(name: str) -> ctypes._NamedFuncPointer | None:
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return None
    return getattr(library, name, None)
