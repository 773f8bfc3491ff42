"""The pieces a training takes its samples in, halved where memory ran out, and kept for later attempts."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, replace

import torch
from torch import nn
from torch.optim import Optimizer

from shared.rundir import RunDir
from shared.specs.job import JobSpec
from worker.hostmem import read_process
from worker.protocol import Order
from worker.recovery import (
    Cause,
    Part,
    Pieces,
    asked_pieces,
    because,
    kept_pieces,
    recovered_fields,
    smaller,
)
from worker.training.estimate import gib
from worker.training.keeping import keep_json, kept_json
from worker.training.planner import Cut
from worker.training.reporter import Reporter
from worker.training.thrash_watch import ThrashWatch
from worker.training.undo import Undo

NAME = "recovery.json"
"""Beneath the run directory: a supervisor that died may not have heard of the recovery."""
HELD_SHARE = 0.25
HELD_BYTES = 64 * 1024**2
"""A process that holds so much more than before its first step, without a batch, is told of."""

log = logging.getLogger(__name__)


def pieces_to_use(order: Order, spec: JobSpec, cut: Cut | None, directory: RunDir) -> Pieces:
    """What earlier attempts came down to; where memory never ran out, the plan or the spec."""
    found = (order.pieces, kept_json(directory.path / NAME))
    known = [kept_pieces(one) for one in found if one is not None]
    if known:
        return max(known, key=lambda one: one.recoveries)
    pieces = asked_pieces(spec.trainer)
    if cut is None:
        return pieces
    evaluated = spec.trainer.eval_batch_size or cut.batch_size
    return replace(pieces, batch_size=cut.batch_size, accumulate=cut.accumulate, eval_batch_size=evaluated)


class Recovery:
    """Halves what is taken at once. Decides nothing of the step that was cut short."""

    def __init__(
        self,
        spec: JobSpec,
        pieces: Pieces,
        directory: RunDir,
        report: Reporter,
        model: nn.Module,
        thrash: ThrashWatch,
    ) -> None:
        self.pieces = pieces
        self.thrash = thrash
        self.undo = Undo(model)
        self._spec = spec
        self._path = directory.path / NAME
        self._report = report
        self._held_before: int | None = None

    @property
    def wanted(self) -> bool:
        return self._spec.memory.policy == "recover"

    def smaller(self, part: Part) -> Pieces | None:
        return smaller(self._spec.trainer, self.pieces, part)

    def halve(self, cause: Cause, part: Part, after: Pieces, step: int) -> str:
        """Take fewer samples at once from here on, durably, and say so; why the job is not exact any more."""
        before = self.pieces
        self.pieces = after = replace(after, why=because(cause, before, after, step))
        try:
            keep_json(self._path, asdict(after))
        except OSError as error:
            log.warning("a later attempt must learn of the micro-batch from the database: %s", error)
        fields = recovered_fields(self._spec.trainer, cause, before, after, step, part)
        self._report.emit("recovered", in_process=True, **fields)
        log.warning("%s", after.why)
        self.thrash.begin()
        return after.why

    def note_held(self, device: torch.device) -> None:
        """Before the first step of this attempt: what is held without any batch."""
        if self._held_before is None:
            self._held_before = held_bytes(device)

    def still_held(self, device: torch.device, optimizer: Optimizer) -> str:
        """A sentence where more is held than explains itself, although nothing is in work; else nothing."""
        if self._held_before is None:
            return ""
        now = held_bytes(device)
        more = now - self._held_before - tensor_bytes(optimizer)
        if more < max(HELD_BYTES, HELD_SHARE * now):
            return ""
        return (
            f"with no batch in work the process still holds {gib(now)}, {gib(more)} more than before its "
            "first step: something keeps batches, outputs or losses alive; let model and loss keep numbers "
            "or detached tensors only"
        )


def held_bytes(device: torch.device) -> int:
    """What the process holds: of the GPU, or of the host."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    return read_process().rss_bytes


def tensor_bytes(optimizer: Optimizer) -> int:
    """What an optimizer keeps of its own."""
    return sum(one.numel() * one.element_size() for one in _tensors(optimizer))


def _tensors(optimizer: Optimizer) -> Iterable[torch.Tensor]:
    values = (value for state in optimizer.state.values() for value in state.values())
    return (value for value in values if isinstance(value, torch.Tensor))
