"""Learning rates by epoch; the numbers of the original's log (reference/systems.md B.5)."""

from __future__ import annotations

from typing import Any, Literal

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


PLATEAU = ScheduleSpec(name="plateau", patience=1, gamma=0.5, min_lr=0.2)


def plateau(mode: Literal["min", "max"] = "min") -> Schedule:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    return Schedule(PLATEAU, optimizer, 1.0, 50, mode)


def rates(schedule: Schedule, values: list[float]) -> list[float]:
    found = []
    for epoch, value in enumerate(values):
        schedule.begin(epoch)
        found.append(schedule.lr)
        schedule.judge(value)
    return found


def test_a_plateau_lowers_the_rate_down_to_the_least() -> None:
    values = [3.0, 2.0, 2.0, 2.0, 1.9, 1.9, 1.9, 1.9, 1.9, 1.9, 1.9]
    assert rates(plateau(), values) == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2]


def test_a_plateau_is_that_of_torch() -> None:
    values = [3.0, 2.0, 2.5, float("nan"), 1.99999, 2.1, 1.0, 1.0, 1.0, 0.99995, 0.9]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, min_lr=0.2)
    expected = []
    for value in values:
        expected.append(optimizer.param_groups[0]["lr"])
        theirs.step(value)
    assert rates(plateau(), values) == expected


def test_a_metric_that_should_grow_rests_where_it_does_not() -> None:
    assert rates(plateau("max"), [1.0, 2.0, 3.0, 3.0, 2.0, 3.0]) == [1, 1, 1, 1, 1, 0.5]


def test_a_plateau_goes_on_where_its_state_stood() -> None:
    values = [2.0] * 8
    first, second = plateau(), plateau()
    begun = rates(first, values[:4])
    second.load_state_dict(first.state_dict())
    assert begun + rates(second, values[4:]) == rates(plateau(), values)
