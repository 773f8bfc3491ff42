"""Learning rates by epoch; the numbers of the original's log (reference/systems.md B.5)."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from shared.specs.parts import ScheduleSpec
from worker.training.schedule import Schedule, learning_rate

WARMUP_COSINE = ScheduleSpec(name="warmup_cosine", warmup_epochs=5, min_lr=1e-6)


@pytest.mark.parametrize(
    ("epoch", "expected"), [(1, 2.0e-4), (5, 1e-3), (6, 1e-3), (26, 5.8724e-4), (50, 2.22e-6)]
)
def test_warmup_cosine_gives_the_rates_of_the_original_log(epoch: int, expected: float) -> None:
    assert learning_rate(WARMUP_COSINE, 1e-3, 50, epoch - 1) == pytest.approx(expected, rel=2e-3)


def test_as_many_epochs_as_warm_up_do_not_divide_by_zero() -> None:
    rates = [learning_rate(WARMUP_COSINE, 1e-3, 5, epoch) for epoch in range(5)]
    assert rates == pytest.approx([2e-4, 4e-4, 6e-4, 8e-4, 1e-3])


@pytest.mark.parametrize(
    ("spec", "rates"),
    [
        ({"name": "constant"}, [1.0, 1.0, 1.0, 1.0]),
        ({"name": "step", "step_epochs": 2, "gamma": 0.1}, [1.0, 1.0, 0.1, 0.1]),
        ({"name": "cosine"}, [1.0, 0.853553, 0.5, 0.146447]),
        ({"name": "cosine", "warmup_epochs": 3}, [1.0, 0.853553, 0.5, 0.146447]),
    ],
)
def test_each_schedule_follows_its_formula(spec: dict[str, Any], rates: list[float]) -> None:
    parsed = ScheduleSpec.model_validate(spec)
    assert [learning_rate(parsed, 1.0, 4, epoch) for epoch in range(4)] == pytest.approx(rates, rel=1e-5)


def test_every_parameter_group_is_set_before_the_epoch() -> None:
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(2)]
    optimizer = torch.optim.SGD(groups, lr=1e-3)
    Schedule(WARMUP_COSINE, optimizer, 1e-3, 50).begin(0)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([2e-4, 2e-4])
