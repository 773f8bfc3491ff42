"""Undoes what the forward passes of a failed step moved: generators and buffers; weights have not moved."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from worker.training.rng import cuda_in_use


class Movable(Protocol):
    """Something that a forward pass may move. Copied when it is made, and when it is told to."""

    def copy(self) -> None: ...

    def moved(self) -> bool:
        """Since the last copy."""
        ...

    def restore(self) -> None: ...


class Undo:
    """Marks the moment before each step, in microseconds.

    The first step shows what a step moves; from then on that alone is copied, and the rest is watched.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self.begin()

    def begin(self) -> None:
        """Know nothing: what lies between two epochs may have moved anything."""
        self._copied: list[Movable] | None = None
        """None before the first step."""
        self._watched: list[Movable] | None = None
        """None until the first step has shown what it moves."""

    def mark(self) -> None:
        """A step is about to begin."""
        if self._copied is None:
            self._copied = list(_movables(self._model))
            return
        if self._watched is None:
            self._watched = [one for one in self._copied if not one.moved()]
            moved = [one for one in self._copied if one not in self._watched]
            buffers = [one for one in moved if isinstance(one, Buffer)]
            self._copied = [one for one in moved if not isinstance(one, Buffer)]
            self._copied += [Buffers(buffers)] if buffers else []
        for one in self._copied:
            one.copy()

    def undo(self) -> bool:
        """Put everything back; false where something moved that the first step left alone, and is lost."""
        if any(one.moved() for one in self._watched or ()):
            return False
        for one in self._copied or ():
            one.restore()
        self.begin()
        return True


def _movables(model: nn.Module) -> Iterator[Movable]:
    yield Generator(torch.get_rng_state, torch.set_rng_state)
    yield Generator(random.getstate, random.setstate)
    if "numpy" in sys.modules:
        numpy_random = sys.modules["numpy"].random
        yield Generator(numpy_random.get_state, numpy_random.set_state)
    if cuda_in_use():
        yield Generator(torch.cuda.get_rng_state, torch.cuda.set_rng_state)
    for module in model.modules():
        yield from (Buffer(module, name) for name, one in module._buffers.items() if one is not None)


class Generator:
    """A random number generator."""

    def __init__(self, read: Callable[[], Any], write: Callable[[Any], Any]) -> None:
        self._read, self._write = read, write
        self._state = read()

    def copy(self) -> None:
        self._state = self._read()

    def moved(self) -> bool:
        return bool(_plain(self._read()) != _plain(self._state))

    def restore(self) -> None:
        self._write(self._state)


class Buffer:
    """A tensor of the model that is no parameter, whether it is written to or replaced."""

    def __init__(self, module: nn.Module, name: str) -> None:
        self._module, self._name = module, name
        self._tensor = self._now
        self._copy = self._tensor.detach().clone()

    @property
    def _now(self) -> Tensor:
        tensor = self._module._buffers[self._name]
        assert tensor is not None
        return tensor

    def begin_copy(self) -> tuple[Tensor, Tensor]:
        """Where to copy to, and from."""
        self._tensor = self._now
        if self._copy.shape != self._tensor.shape:
            self._copy = self._tensor.detach().clone()
        return self._copy, self._tensor

    def copy(self) -> None:
        target, source = self.begin_copy()
        with torch.no_grad():
            target.copy_(source)

    def moved(self) -> bool:
        """By value: batch norm writes to its running means without counting it as a write."""
        return self._now is not self._tensor or not torch.equal(self._tensor, self._copy)

    def restore(self) -> None:
        with torch.no_grad():
            self._tensor.copy_(self._copy)
        self._module._buffers[self._name] = self._tensor


class Buffers:
    """Buffers that every step moves, copied at once: one by one they would cost three times as much."""

    def __init__(self, buffers: list[Buffer]) -> None:
        self._buffers = buffers

    def copy(self) -> None:
        pairs = [buffer.begin_copy() for buffer in self._buffers]
        with torch.no_grad():
            torch._foreach_copy_([target for target, _ in pairs], [source for _, source in pairs])

    def moved(self) -> bool:
        return any(buffer.moved() for buffer in self._buffers)

    def restore(self) -> None:
        for buffer in self._buffers:
            buffer.restore()


def _plain(state: Any) -> Any:
    """A state that can be compared."""
    if isinstance(state, Tensor):
        return state.numpy().tobytes()
    if isinstance(state, tuple):
        return tuple(_plain(part) for part in state)
    return state.tobytes() if hasattr(state, "tobytes") else state
