"""A copy of the state in host memory of its own, so that training goes on while it is written."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from worker.training.files import BLOCK
from worker.training.state import Snapshot, nothing_to_wait_for
from worker.training.tensors import layout, tensor_bytes

TOUCH = 16 * 1024 * 1024
"""Bytes touched at a time."""


@dataclass(frozen=True)
class _File:
    """One component's tensor file within the copy."""

    header: bytes
    contents: memoryview
    views: list[Tensor]
    """Where its tensors go, in the order of their bytes."""


class HostCopy:
    """Memory taken once, touched before it is needed, and used for one copy after another.

    Laid out as the files will be, so that each goes to the disk in large pieces.
    """

    def __init__(self) -> None:
        self._memory = torch.empty(0, dtype=torch.uint8)
        self._files: dict[str, _File] = {}

    @property
    def held_bytes(self) -> int:
        """What it holds of the machine's memory."""
        return self._memory.numel()

    def preparing(self, snapshot: Snapshot) -> Iterator[None]:
        """Take the memory for such a snapshot and touch all of it, in small steps."""
        wanted = copy_bytes(snapshot)
        if wanted <= self.held_bytes:
            return
        self._files, self._memory = {}, torch.empty(0, dtype=torch.uint8)
        if any(tensor.is_cuda for _, tensor in _all(snapshot)):
            self._memory = torch.empty(wanted, dtype=torch.uint8, pin_memory=True)
            return
        memory = _host_memory(wanted)
        for start in range(0, wanted, TOUCH):
            ctypes.memset(memory.data_ptr() + start, 0, min(TOUCH, wanted - start))
            yield
        self._memory = memory

    def take(self, snapshot: Snapshot) -> Snapshot:
        """Copy a snapshot; the copy before must have been written. CUDA copies beside what comes next."""
        for _ in self.preparing(snapshot):
            pass
        planned = {name: layout(tensors) for name, tensors in snapshot.tensors.items() if tensors}
        if {name: header for name, (header, _) in planned.items()} != self._headers():
            self._lay_out(planned)
        sources = [
            tensor.detach() for _, ordered in planned.values() for _, tensor in ordered if tensor.numel()
        ]
        settled = _copy([view for file in self._files.values() for view in file.views], sources)
        return replace(
            snapshot, copies={name: file.contents for name, file in self._files.items()}, settled=settled
        )

    def _headers(self) -> dict[str, bytes]:
        return {name: file.header for name, file in self._files.items()}

    def _lay_out(self, planned: Mapping[str, tuple[bytes, list[tuple[str, Tensor]]]]) -> None:
        self._files, end = {}, 0
        for name, (header, ordered) in planned.items():
            self._files[name] = file = self._place(header, ordered, end)
            end += _whole_blocks(file.contents.nbytes)

    def _place(self, header: bytes, ordered: list[tuple[str, Tensor]], start: int) -> _File:
        end = start + len(header)
        self._memory[start:end] = torch.frombuffer(bytearray(header), dtype=torch.uint8)
        views = []
        for _, tensor in ordered:
            if tensor.numel():
                begin, end = end, end + tensor.numel() * tensor.element_size()
                views.append(self._memory[begin:end].view(tensor.dtype).view(tensor.shape))
        return _File(header, self._memory[start:end].numpy().data, views)


def copy_bytes(snapshot: Snapshot) -> int:
    """The memory that a copy of a snapshot takes."""
    files = (tensors for tensors in snapshot.tensors.values() if tensors)
    return sum(_whole_blocks(len(layout(tensors)[0]) + tensor_bytes(tensors)) for tensors in files)


def _copy(targets: list[Tensor], sources: list[Tensor]) -> Callable[[], None]:
    """Copy now, or, from a CUDA device, have it copied; gives what waits for the last byte."""
    device = next((source.device for source in sources if source.is_cuda), None)
    if device is None:
        torch._foreach_copy_(targets, sources)
        return nothing_to_wait_for
    present, beside = torch.cuda.current_stream(device), torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    beside.wait_stream(present)
    with torch.cuda.stream(beside):
        torch._foreach_copy_(targets, sources, non_blocking=True)
        done = beside.record_event()
    # The next step is queued at once and starts on the device only when its weights have been copied.
    present.wait_event(done)
    settled: Callable[[], None] = done.synchronize
    return settled


def _host_memory(size: int) -> Tensor:
    """Untouched, in huge pages where the kernel has them.

    Not shared with forked loader workers: the kernel would copy every page anew at the next write.
    """
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_DONTFORK)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=torch.uint8)


def _all(snapshot: Snapshot) -> Iterator[tuple[str, Tensor]]:
    for tensors in snapshot.tensors.values():
        yield from tensors.items()


def _whole_blocks(size: int) -> int:
    return size + -size % BLOCK
