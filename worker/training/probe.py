"""Tries a few samples before the first step to see what memory they take, and leaves nothing behind.

A probe is a forward and backward pass. Weights, gradients, buffers and generators are put back as they were;
what the workload still holds of it afterwards is found and told: such a model runs out of memory one day.
"""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from worker.hostmem import PAGE_BYTES, forget_peak, read_process
from worker.training.allocator import release_freed
from worker.training.context import Task
from worker.training.estimate import Pass
from worker.training.loader import Loading, train_batches
from worker.training.parallel.world import ONE
from worker.training.rng import RngState
from worker.training.sampler import EpochPlan

LOOK_SECONDS = 0.001
"""Time between two looks at the resident memory while a pass runs."""


def probe_sizes(batch_size: int) -> tuple[int, ...]:
    """Two sizes that cost no more than a micro-batch of three and more; one where there is no second."""
    if batch_size == 1:
        return (1,)
    small = -(-batch_size // 8)
    return small, max(small + 1, -(-batch_size // 4))


def probe(task: Task, sizes: Sequence[int], *, accumulates: bool = False) -> tuple[Pass, ...]:
    """Measure passes of so many samples of the train split. Whatever a step would raise is raised here.

    The very first pass loads what libraries load once, and is not measured: it would flatten the growth.
    Where a training accumulates, each size passes twice: between the gradients that the first leaves, what
    is freed is not all of use to the second.
    """
    before = _Before(task.model)
    traces = []
    passed = []
    let_go(task.device)
    try:
        task.model.train()
        for number, size in enumerate((sizes[0], *sizes)):
            trace = _Trace(task.model)
            taken = _measured_passes(task, size, trace, 2 if accumulates and number else 1)
            task.model.zero_grad(set_to_none=True)
            let_go(task.device)
            if number:
                traces.append(trace)
                passed.append(taken)
    finally:
        before.restore()
    return tuple(
        Pass(size, taken, *trace.kept()) for size, taken, trace in zip(sizes, passed, traces, strict=True)
    )


def let_go(device: torch.device) -> None:
    """Collect what nobody refers to, then give it back: to CUDA's owner, or to the system."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    else:
        release_freed()


def _measured_passes(task: Task, size: int, trace: _Trace, times: int) -> int:
    peak = _CudaPeak(task.device) if task.device.type == "cuda" else _HostPeak()
    with peak, trace.graph():
        for _ in range(times):
            for batch in _batches(task, size):
                with task.precision.autocast():
                    outputs = task.workload.forward(task.model, batch)
                    terms = task.workload.loss(task.spec, outputs, batch)
                trace.follow(outputs)
                trace.follow([terms.total, *terms.raw.values()])
                torch.autograd.backward(terms.total)
    return peak.bytes


def _batches(task: Task, size: int) -> Iterator[Any]:
    """One batch, made as every batch of the training is; `size` is already this process's share."""
    loading: Loading = replace(task.loading, world=ONE)
    return train_batches(loading, EpochPlan(min(size, len(task.splits.train)), size, 1), 0, 0)


class _Before:
    """Everything a pass may move, to be put back."""

    def __init__(self, model: nn.Module) -> None:
        self._rng = RngState()
        self._generators = self._rng.state_dict()
        self._gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
        self._modes = [(module, module.training) for module in model.modules()]
        self._buffers = [
            (module, name, buffer, buffer.detach().clone())
            for module in model.modules()
            for name, buffer in module._buffers.items()
            if buffer is not None
        ]
        for parameter, _ in self._gradients:
            parameter.grad = None

    def restore(self) -> None:
        with torch.no_grad():
            for module, name, buffer, value in self._buffers:
                buffer.copy_(value)
                module._buffers[name] = buffer
        for parameter, gradient in self._gradients:
            parameter.grad = gradient
        for module, mode in self._modes:
            module.training = mode
        self._rng.load_state_dict(self._generators)


class _Saved:
    """Stands in the graph for a tensor that its backward pass needs, and dies with it.

    Detached: where an operation saves its own output, the output would hold the graph that holds it.
    """

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor.detach()


class _Trace:
    """Weak references to what a pass made, to see what of it lives on."""

    def __init__(self, model: nn.Module) -> None:
        self._ours = {_storage(tensor) for tensor in (*model.parameters(), *model.buffers())}
        self._made: list[weakref.ref[Tensor]] = []
        self._saved: list[weakref.ref[_Saved]] = []

    def graph(self) -> saved_tensors_hooks:
        return saved_tensors_hooks(self._pack, lambda saved: saved.tensor)

    def follow(self, nest: Any) -> None:
        self._made += [weakref.ref(tensor) for tensor in _tensors(nest) if _storage(tensor) not in self._ours]

    def kept(self) -> tuple[int, int, bool]:
        """How many tensors still live, their bytes, and whether the graph does."""
        graph = [saved.tensor for saved in (reference() for reference in self._saved) if saved is not None]
        made = [tensor for tensor in (reference() for reference in self._made) if tensor is not None]
        sizes = {
            _storage(tensor): tensor.untyped_storage().nbytes()
            for tensor in (*graph, *made)
            if _storage(tensor) not in self._ours
        }
        return len(graph) + len(made), sum(sizes.values()), bool(graph) or any(x.grad_fn for x in made)

    def _pack(self, tensor: Tensor) -> _Saved:
        saved = _Saved(tensor)
        self._saved.append(weakref.ref(saved))
        return saved


def _tensors(nest: Any) -> Iterator[Tensor]:
    if isinstance(nest, Tensor):
        yield nest
    elif isinstance(nest, Mapping):
        for value in nest.values():
            yield from _tensors(value)
    elif isinstance(nest, (list, tuple)):
        for value in nest:
            yield from _tensors(value)
    elif hasattr(nest, "__dict__") and not isinstance(nest, type):
        yield from _tensors(vars(nest))


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class _CudaPeak:
    """The most that torch's allocator held of the device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.bytes = 0

    def __enter__(self) -> Self:
        torch.cuda.synchronize(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        self._held = torch.cuda.memory_allocated(self._device)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bytes = torch.cuda.max_memory_allocated(self._device) - self._held


class _HostPeak:
    """The most memory that was resident: the kernel's record, or what a thread saw that looks often."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="probe", daemon=True)
        self.bytes = 0

    def __enter__(self) -> Self:
        self._recorded = forget_peak(self._root)
        self._before = self._most = self._resident()
        if not self._recorded:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._recorded:
            self._most = read_process(root=self._root).rss_peak_bytes
        else:
            self._ended.set()
            self._thread.join()
        self.bytes = max(self._most, self._resident()) - self._before

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self._most = max(self._most, self._resident())

    def _resident(self) -> int:
        text = (self._root / "proc" / "self" / "statm").read_text(encoding="ascii")
        return int(text.split()[1]) * PAGE_BYTES
