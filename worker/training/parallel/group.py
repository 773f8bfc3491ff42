"""What the processes of a training do together: agree, add up, meet. One alone does none of it.

Rank 0 decides and the others follow. What it decides at the edges of steps travels with the one small sum
that every step makes anyway, so each process saves, stops and ends at the same edge.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from shared.errors import TrainingError
from worker.training.parallel.generators import RankRng
from worker.training.parallel.split import everyone_has_some, share
from worker.training.parallel.world import ONE, World
from worker.training.rng import RngState
from worker.training.shutdown import StopFlag, StopRequested
from worker.workloads.interface import Batch, Outputs, Workload

log = logging.getLogger(__name__)

Value = TypeVar("Value")


class Savers(Protocol):
    """What a group asks of a saver."""

    def due(self, *, epoch_ended: bool = False, improved: bool = False) -> bool: ...

    def due_by_count(self) -> bool: ...


class Group(Protocol):
    """One process, or several, as the loop sees them."""

    world: World

    @property
    def rng(self) -> RngState:
        """This process's generators, as a part of the state that must survive."""
        ...

    def wrap(self, workload: Workload, model: nn.Module) -> None:
        """From here on gradients are those of all processes."""
        ...

    def own(self, total: int) -> int:
        """How many samples of a step of `total` are this process's."""
        ...

    def passing(self, total: int, /, *, last: bool) -> AbstractContextManager[Any]:
        """Around one pass of a step of `total` samples; after the `last` the gradients are those of all."""
        ...

    def forward(self, workload: Workload, model: nn.Module, batch: Batch, /) -> Outputs: ...

    def join_gradients(self, parameters: Sequence[nn.Parameter], total: int) -> None:
        """Add up the gradients of a step in which some process had no sample to pass."""
        ...

    def add_up(self, means: dict[str, float]) -> dict[str, float]:
        """The means of a step over all samples, of parts that count by their share."""
        ...

    def saves(self, saver: Savers) -> bool:
        """Whether all save at this edge between two steps."""
        ...

    def saves_after_epoch(self, saver: Savers, *, improved: bool) -> bool:
        """The same at the end of an epoch."""
        ...

    def check_stop(self, stop: StopFlag, *, between_epochs: bool = False) -> None:
        """Raise StopRequested in every process where the first was asked to stop."""
        ...

    def meet(self) -> None:
        """Have rank 0 know the generators of all, as a checkpoint needs them."""
        ...

    def from_first(self, make: Callable[[], Value]) -> Value:
        """What rank 0 makes, in every process."""
        ...

    def gather(self, value: Value) -> list[Value]:
        """The values of all by rank, on rank 0; elsewhere an empty list."""
        ...


class Alone:
    """One process: nothing to agree on, and nothing to pay for it."""

    def __init__(self) -> None:
        self.world = ONE
        self.rng = RngState()

    def wrap(self, workload: Workload, model: nn.Module) -> None:
        """Its gradients are those of all."""

    def own(self, total: int) -> int:
        return total

    def passing(self, _total: int, *, last: bool) -> AbstractContextManager[Any]:  # noqa: ARG002
        return nullcontext()

    def forward(self, workload: Workload, model: nn.Module, batch: Batch) -> Outputs:
        return workload.forward(model, batch)

    def join_gradients(self, parameters: Sequence[nn.Parameter], total: int) -> None:
        """They are joined."""

    def add_up(self, means: dict[str, float]) -> dict[str, float]:
        return means

    def saves(self, saver: Savers) -> bool:
        return saver.due()

    def saves_after_epoch(self, saver: Savers, *, improved: bool) -> bool:
        return saver.due(epoch_ended=True, improved=improved)

    def check_stop(self, stop: StopFlag, *, between_epochs: bool = False) -> None:  # noqa: ARG002
        stop.check()

    def meet(self) -> None:
        """Nobody else is there."""

    def from_first(self, make: Callable[[], Value]) -> Value:
        return make()

    def gather(self, value: Value) -> list[Value]:
        return [value]


class Together:
    """One of several processes, whose process group of torch exists."""

    def __init__(self, world: World, stop: StopFlag) -> None:
        self.world = world
        self.rng = RankRng(world)
        self._stop = stop
        self._ddp: DistributedDataParallel | None = None
        self._model: nn.Module | None = None
        self._names: tuple[str, ...] | None = None
        self._versions: tuple[tuple[int, int], ...] = ()
        self._wants_save = self._save_agreed = self._stop_agreed = False

    def wrap(self, workload: Workload, model: nn.Module) -> None:
        """Its buckets keep their order only where unused parameters are looked for.

        torch sorts them anew after the first step otherwise, and a resumed training of three or more
        processes would then add the same numbers in another order than one that was left alone.
        """
        log.info("torch looks for parameters without use in every step, and warns where it finds none")
        self._model = model
        self._ddp = DistributedDataParallel(
            _Whole(workload, model), forward_sync_buffers=False, find_unused_parameters=True
        )
        self._versions = _versions(model)

    def own(self, total: int) -> int:
        return len(share(total, self.world.rank, self.world.size))

    def passing(self, total: int, *, last: bool) -> AbstractContextManager[Any]:
        if last and everyone_has_some(total, self.world.size):
            return nullcontext()
        return self._wrapped().no_sync()

    def forward(self, _workload: Workload, _model: nn.Module, batch: Batch) -> Outputs:
        return self._wrapped()(batch)

    def join_gradients(self, parameters: Sequence[nn.Parameter], total: int) -> None:
        if everyone_has_some(total, self.world.size):
            return
        reached = torch.tensor([parameter.grad is not None for parameter in parameters], dtype=torch.uint8)
        dist.all_reduce(reached, dist.ReduceOp.MAX)
        for parameter, somewhere in zip(parameters, reached.tolist(), strict=True):
            if somewhere:
                gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                dist.all_reduce(gradient)
                parameter.grad = gradient.div_(self.world.size)

    def add_up(self, means: dict[str, float]) -> dict[str, float]:
        names = self._agreed_names(means)
        model = self._wrapped_model()
        asked = self.world.first and self._stop.requested
        moved = _versions(model) != self._versions
        told = [float(asked), float(self._wants_save), float(moved)]
        numbers = torch.tensor([*told, *(means.get(name, 0.0) for name in names)], dtype=torch.float64)
        dist.all_reduce(numbers)
        stop, save, moved_somewhere, *sums = numbers.tolist()
        self._stop_agreed, self._save_agreed = stop > 0, save > 0
        if moved_somewhere:
            _take_from_first(list(model.buffers()))
            self._versions = _versions(model)
        return dict(zip(names, sums, strict=True))

    def saves(self, saver: Savers) -> bool:
        """What every process can count is done at once; what rank 0's clock says, one step later."""
        due, counted = saver.due(), saver.due_by_count()
        saves = counted or self._save_agreed
        self._wants_save = self.world.first and due and not saves
        if saves:
            self.meet()
        return saves

    def saves_after_epoch(self, saver: Savers, *, improved: bool) -> bool:
        saves = self.from_first(lambda: saver.due(epoch_ended=True, improved=improved))
        if saves:
            self._wants_save = False
            self.meet()
        return saves

    def check_stop(self, stop: StopFlag, *, between_epochs: bool = False) -> None:
        asked = self.from_first(lambda: stop.requested) if between_epochs else self._stop_agreed
        if asked:
            self.meet()
            raise StopRequested

    def meet(self) -> None:
        states = self.gather(self.rng.state_dict())
        self.rng.others = states[1:]

    def from_first(self, make: Callable[[], Value]) -> Value:
        box: list[Any] = [make() if self.world.first else None]
        dist.broadcast_object_list(box, 0)
        value: Value = box[0]
        return value

    def gather(self, value: Value) -> list[Value]:
        values: list[Any] = [None] * self.world.size
        dist.gather_object(value, values if self.world.first else None)
        return values if self.world.first else []

    def _agreed_names(self, means: Mapping[str, float]) -> tuple[str, ...]:
        """Rank 0 always has a sample, so it knows the terms of the loss; a process without any does not."""
        if self._names is None:
            self._names = self.from_first(lambda: tuple(means))
        unknown = sorted(set(means) - set(self._names))
        if unknown:
            raise TrainingError(
                f"the workload's loss has terms that it did not have before ({', '.join(unknown)}); "
                "several processes need the same terms in every step"
            )
        return self._names

    def _wrapped(self) -> DistributedDataParallel:
        assert self._ddp is not None
        return self._ddp

    def _wrapped_model(self) -> nn.Module:
        assert self._model is not None
        return self._model


class _Whole(nn.Module):
    """Model and forward function as one module: a forward may use any part of its model."""

    def __init__(self, workload: Workload, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._workload = workload

    def forward(self, batch: Batch) -> Outputs:
        return self._workload.forward(self.model, batch)


def _versions(model: nn.Module) -> tuple[tuple[int, int], ...]:
    """Changes when a buffer was written to, or replaced by another tensor."""
    return tuple((id(buffer), buffer._version) for buffer in model.buffers())


def _take_from_first(buffers: Sequence[Tensor]) -> None:
    """Every process goes on with the buffers of rank 0, whose checkpoint holds no others."""
    for dtype in sorted({buffer.dtype for buffer in buffers}, key=str):
        alike = [buffer for buffer in buffers if buffer.dtype == dtype]
        flat = torch.cat([buffer.detach().reshape(-1) for buffer in alike])
        dist.broadcast(flat, 0)
        for buffer, values in zip(alike, torch.split(flat, [one.numel() for one in alike]), strict=True):
            buffer.detach().copy_(values.view_as(buffer))
