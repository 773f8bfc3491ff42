"""Tells running out of memory from other errors."""

from __future__ import annotations

import torch

CPU_ALLOCATOR_TEXTS = ("DefaultCPUAllocator: can't allocate memory", "DefaultCPUAllocator: not enough memory")
"""torch has no type of its own for a failed host allocation."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that the host or a device had no memory left."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in CPU_ALLOCATOR_TEXTS)
