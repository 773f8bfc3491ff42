"""The guard ignored_targets and tiny models: sound ones pass whatever chance does, blind ones never."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.unit.training.test_guards import FEATURES, Case, mse
from worker.training.guards import ignored_targets
from worker.training.guards.probe import Probe
from worker.training.guards.trial import run_trial
from worker.workloads.interface import Batch, LossTerms


class Dropping(nn.Module):
    """So small, and with so much dropout, that most steps of a few teach it nothing, or the wrong thing."""

    def __init__(self, sees: float = 1.0) -> None:
        super().__init__()
        self.sees = sees
        self.net = nn.Sequential(nn.Linear(FEATURES, 2), nn.Tanh(), nn.Dropout(0.8), nn.Linear(2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(self.sees * x)  # type: ignore[no-any-return]


def soft_signs(_spec: Any, outputs: Tensor, batch: Batch) -> LossTerms:
    """Above 0 and below, so that no share of it is a length to trust."""
    return LossTerms(-(torch.tanh(outputs) * torch.tanh(batch["y"])).mean(), len(outputs))


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize(("sees", "outcome"), [(1.0, "passed"), (0.0, "failed"), (1e-9, "failed")])
def test_chance_has_no_say_in_ignored_targets(sees: float, outcome: str, batch_size: int) -> None:
    case = Case(loss=soft_signs, spec={"trainer": {"batch_size": batch_size}})
    for seed in range(20):
        task = case.task()
        torch.manual_seed(seed)
        task = replace(task, model=Dropping(sees))
        kept = [one.clone() for one in task.model.parameters()]
        found = ignored_targets.check(cache(partial(run_trial, Probe(task))))
        assert found.outcome == outcome, (seed, found.sentence)
        assert all(map(torch.equal, kept, task.model.parameters()))


class Shutting(nn.Module):
    """Two units that are shut for many a pair of samples, or after a step too long."""

    def __init__(self, sees: float) -> None:
        super().__init__()
        self.sees = sees
        self.net = nn.Sequential(nn.Linear(FEATURES, 2), nn.ReLU(), nn.Linear(2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(self.sees * x)  # type: ignore[no-any-return]


@pytest.mark.parametrize("floor", [0.0, 1000.0])
@pytest.mark.parametrize(("sees", "outcome"), [(1.0, "passed"), (0.0, "failed")])
def test_units_that_are_shut_for_two_samples_ignore_no_targets(
    floor: float, sees: float, outcome: str
) -> None:
    """The floor of the loss makes the steps of the trial too long, for they take a share of it away."""
    case = Case(loss=lambda _s, out, batch: LossTerms(mse(out, batch["y"]).total + floor, len(out)))
    for seed in range(20):
        task = case.task()
        torch.manual_seed(seed)
        task = replace(task, model=Shutting(sees))
        found = ignored_targets.check(cache(partial(run_trial, Probe(task))))
        assert found.outcome == outcome, (seed, found.sentence)
    if sees:
        assert case.run(task)["ignored_targets"] == "passed"


def test_steps_that_shut_every_unit_for_every_sample_have_no_say() -> None:
    """Far above the truth, a step that is to take a tenth of the loss away goes far below and stays there."""

    def loss(_spec: Any, outputs: Tensor, batch: Batch) -> LossTerms:
        return LossTerms(mse(outputs, batch["y"]).total + 1e4, len(outputs))

    task = Case(loss=loss).task()
    torch.manual_seed(0)
    task = replace(task, model=Shutting(sees=0.3))
    named = dict(task.model.named_parameters())
    nn.init.ones_(named["net.0.bias"])
    nn.init.constant_(named["net.2.weight"], 10.0)
    tried = run_trial(Probe(task))
    outputs = tried.probe.answer(list(range(12)))
    assert torch.equal(outputs, outputs[:1].expand_as(outputs))
    assert ignored_targets.check(lambda: tried).outcome == "passed"
