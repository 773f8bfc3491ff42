"""What the guards look at: a few train samples, and a copy of the model that is trained on them a little.

The model, its optimizer and its gradients stay as they were. A part is made when a guard first asks for it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import default_collate

from worker.training.context import Task
from worker.training.guards.look import Look, greatest, length
from worker.training.guards.nest import changed, floats, tensors
from worker.training.loader import to_device
from worker.workloads.interface import Batch, LossTerms, Outputs

SAMPLES = 3
"""How many samples are tried together."""
PARTNERS = 8
"""So many samples are looked at for one whose targets differ from those of the first."""
SAME = 1e-6
"""Losses that differ by a smaller share are equal."""
FP16_SCALE = 256.0
"""Keeps small gradients of fp16 from becoming zero, and large ones from becoming infinite."""
DECREASE = 0.1
"""The share of the loss by which a small step along the gradient would lower it."""


class Probe:
    """One task as the guards see it."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.reached: set[str] = set()
        """Parameters that had a gradient other than zero in some round so far."""
        self._samples: dict[int, Any] = {}
        self._answers: dict[tuple[int, ...], Outputs] = {}

    @cached_property
    def model(self) -> nn.Module:
        """The copy.

        Its batch norms average all batches alike: after the few that the guards give them, a moving average
        would still be of before, and what they say in eval mode of nothing that was trained.
        """
        copied = copy.deepcopy(self.task.model)
        for module in copied.modules():
            if isinstance(module, _BatchNorm):
                module.momentum = None
        return copied

    @cached_property
    def parameters(self) -> dict[str, nn.Parameter]:
        """What asks for a gradient, taken before anything ran."""
        return {name: one for name, one in self.model.named_parameters() if one.requires_grad}

    def strangers(self) -> list[str]:
        """Parameters that were not there before something ran."""
        known = {id(parameter) for parameter in self.parameters.values()}
        named = self.model.named_parameters()
        return [name for name, one in named if one.requires_grad and id(one) not in known]

    def spread(self, most: int) -> list[int]:
        """Positions of train samples far apart; neighbours may be nearly equal."""
        count = len(self.task.splits.train)
        return sorted({index * (count - 1) // max(1, most - 1) for index in range(most)})

    @property
    def pair(self) -> list[int]:
        """Two samples whose targets differ, where two such are found; one sample where there is only one."""
        return self._different or self.spread(2)

    @property
    def targets_differ(self) -> bool:
        """Whether the loss cares which of the pair's targets an answer is compared with."""
        return self._different is not None

    def batch(self, positions: Sequence[int]) -> Batch:
        """Those train samples, without augmentation."""
        collate = self.task.splits.collate or default_collate
        return to_device(collate([self.sample(position) for position in positions]), self.task.device)

    def sample(self, position: int) -> Any:
        """A train sample, read once."""
        if position not in self._samples:
            self._samples[position] = self.task.splits.train[position]
        return self._samples[position]

    def answer(self, positions: Sequence[int]) -> Outputs:
        """The copy's outputs in eval mode and full precision; kept until the copy changes."""
        assert self.parameters
        asked = tuple(positions)
        if asked not in self._answers:
            self.model.eval()
            with torch.no_grad():
                self._answers[asked] = self.task.workload.forward(self.model, self.batch(positions))
        return self._answers[asked]

    def score(self, outputs: Outputs, batch: Batch) -> float:
        """The loss of outputs against a batch."""
        with torch.no_grad():
            return float(self.task.workload.loss(self.task.spec, outputs, batch).total)

    def contrast(self, pair: Sequence[int]) -> tuple[float, float]:
        """The loss of two samples against their own targets, and against each other's."""
        outputs = self.answer(pair)
        return self.score(outputs, self.batch(pair)), self.score(outputs, self.batch(pair[::-1]))

    def look(self, positions: Sequence[int]) -> Look:
        """A round of gradients in train mode, in chunks no larger than the job's own micro-batch."""
        assert self.parameters
        self._answers.clear()
        self.model.train()
        self.model.zero_grad(set_to_none=True)
        size = self.task.spec.trainer.batch_size
        loss = 0.0
        for start in range(0, len(positions), size):
            chunk = positions[start : start + size]
            batch, outputs, terms = self._backward(chunk, len(chunk) / len(positions))
            loss += float(terms.total.detach()) * len(chunk) / len(positions)
        gradients = self._gradients()
        self.reached |= {name for name, most in gradients.items() if most != 0}
        return Look(
            loss=loss,
            terms=terms,
            inputs=floats(batch),
            outputs={name: tensor.detach() for name, tensor in tensors(outputs).items()},
            pulls={name: greatest(tensor.grad) for name, tensor in floats(outputs).items()},
            predictions=self._predictions(outputs),
            gradients=gradients,
        )

    def step_down(self, look: Look) -> None:
        """Move the copy along the gradients of a round, by a length that suits any model and any units."""
        moving = [one for one in self.parameters.values() if one.grad is not None]
        steepness = length(one.grad for one in moving if one.grad is not None)
        if steepness == 0 or not math.isfinite(steepness):
            return
        self.move(moving, -DECREASE * max(abs(look.loss), 1e-3) / steepness**2)

    def move(self, parameters: Sequence[nn.Parameter], by: float) -> None:
        """Add to each parameter so many times its gradient."""
        self._answers.clear()
        with torch.no_grad():
            for parameter in parameters:
                assert parameter.grad is not None
                parameter.add_(parameter.grad, alpha=by)

    def put_back(self) -> None:
        """Give the copy's parameters the values of the job's own."""
        self._answers.clear()
        with torch.no_grad():
            own = dict(self.task.model.named_parameters())
            for name, parameter in self.parameters.items():
                parameter.copy_(own[name])

    def pairs(self) -> Iterator[list[int]]:
        """Every two samples of those looked at whose targets differ."""
        first, *others = self.spread(PARTNERS + 1)
        return (pair for pair in ([first, other] for other in reversed(others)) if self._differ(pair))

    @cached_property
    def _different(self) -> list[int] | None:
        return next(self.pairs(), None)

    def _differ(self, pair: list[int]) -> bool:
        """Tried with outputs that differ between the two in any case, as an untrained model's may not."""
        batch = self.batch(pair)
        generator = torch.Generator().manual_seed(0)

        def noisy(tensor: Tensor) -> Tensor:
            noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float32)
            return tensor + 0.1 * noise.to(tensor.device, tensor.dtype)

        outputs = changed(self.answer(pair), noisy)
        own, other = self.score(outputs, batch), self.score(outputs, self.batch(pair[::-1]))
        return not abs(own - other) <= SAME * max(abs(own), abs(other))

    def _backward(self, positions: Sequence[int], share: float) -> tuple[Batch, Outputs, LossTerms]:
        task, batch = self.task, self.batch(positions)
        with task.precision.autocast():
            outputs = task.workload.forward(self.model, batch)
            for tensor in floats(outputs).values():
                if tensor.requires_grad:
                    tensor.retain_grad()
            terms = task.workload.loss(task.spec, outputs, batch)
        if terms.total.requires_grad:
            torch.autograd.backward(terms.total * (share * self._scale))
        return batch, outputs, terms

    def _predictions(self, outputs: Outputs) -> dict[str, float | None]:
        """Prediction -> how the loss pulls at it; none of one that is no tensor of the outputs itself."""
        name_predictions = self.task.workload.guards.predictions
        if name_predictions is None:
            return {}
        own = {id(tensor) for tensor in floats(outputs).values()}
        return {
            name: greatest(tensor.grad) if id(tensor) in own else None
            for name, tensor in name_predictions(outputs).items()
        }

    def _gradients(self) -> dict[str, float]:
        """The greatest gradient of each parameter, after taking the scale out again."""
        for parameter in self.parameters.values():
            if parameter.grad is not None and self._scale != 1:
                parameter.grad.div_(self._scale)
        return {name: greatest(parameter.grad) for name, parameter in self.parameters.items()}

    @property
    def _scale(self) -> float:
        return FP16_SCALE if self.task.precision.scaler.is_enabled() else 1.0
