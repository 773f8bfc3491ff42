"""Each guard stops a planted form of the failure it is named after, and lets the mended form pass."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from shared.clock import monotonic
from shared.errors import GuardFailed
from shared.specs.guards import GUARDS
from tests.integration.planted import Points, spec_of
from worker.training.context import Task
from worker.training.guards.nest import identity
from worker.training.guards.record import GuardRecord
from worker.training.guards.runner import run_guards
from worker.training.loader import Loading
from worker.training.optim import build_optimizer
from worker.training.precision import choose_precision
from worker.training.shutdown import StopFlag
from worker.workloads.interface import Batch, GuardHints, LossTerms, Splits, Workload

CPU = torch.device("cpu")
FEATURES = 6


class Silent:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def emit(self, kind: str, **fields: Any) -> None:
        self.told.append({"type": kind, **fields})


@dataclass
class Case:
    """A sound little training; a test replaces the part that goes wrong."""

    model: Callable[[], nn.Module] = lambda: nn.Linear(FEATURES, 1)
    forward: Callable[[nn.Module, Batch], Any] = lambda model, batch: model(batch["x"])
    loss: Callable[[Any, Any, Batch], LossTerms] = lambda _spec, outputs, batch: mse(outputs, batch["y"])
    train: Any = field(default_factory=lambda: Points(12, FEATURES, 1))
    held_out: Any = field(default_factory=lambda: Points(5, FEATURES, 2))
    hints: GuardHints = field(
        default_factory=lambda: GuardHints(
            predictions=lambda outputs: {"y": outputs},
            targets=lambda batch: {"y": batch["y"]},
            perfect=lambda _spec, batch: batch["y"],
            refit=lambda _spec, _splits: {"means": (torch.zeros(2), torch.zeros(2))},
        )
    )
    spec: Mapping[str, Any] = field(default_factory=dict)

    def task(self) -> Task:
        torch.manual_seed(3)
        splits = Splits(self.train, self.held_out, self.held_out)
        spec = spec_of(**self.spec)
        workload = Workload(
            "case", lambda *_: splits, lambda *_: self.model(), self.forward, self.loss, guards=self.hints
        )
        loading, precision = Loading(splits, spec.trainer, CPU), choose_precision(spec.trainer, CPU)
        return Task(workload, spec, splits, self.model(), CPU, precision, loading, StopFlag())

    def run(self, task: Task | None = None) -> dict[str, str]:
        """Guard -> outcome."""
        task, record = task or self.task(), GuardRecord()
        reporter: Any = Silent()
        run_guards(task, build_optimizer(task.spec.optimizer, task.model), record, reporter, monotonic)
        return {name: said["outcome"] for name, said in record.said.items()}

    def stopped(self, guard: str) -> str:
        """The sentence of the guard that must be the one to fail."""
        with pytest.raises(GuardFailed) as caught:
            self.run()
        message = str(caught.value)
        assert message.startswith(f"guard {guard}: ")
        assert f'{{"guards": {{"skip": {{"{guard}": "why"}}}}}}' in message
        return message


def mse(outputs: Tensor, y: Tensor) -> LossTerms:
    return LossTerms(nn.functional.mse_loss(outputs, y), len(y))


def test_a_sound_training_passes_every_guard() -> None:
    assert Case().run() == dict.fromkeys(GUARDS, "passed")


def test_hints_that_are_not_given_are_told_as_skipped() -> None:
    outcomes = Case(hints=GuardHints()).run()
    skipped = {name for name, outcome in outcomes.items() if outcome == "skipped"}
    assert skipped == {"misread_outputs", "constant_labels", "leaked_statistics"}


@pytest.mark.parametrize(
    ("case", "seen"),
    [
        (Case(train=[{"x": torch.full((FEATURES,), torch.nan), "y": torch.ones(1)}] * 3), "x"),
        (Case(forward=lambda model, batch: model(batch["x"]) / 0), "puts out"),
        (
            Case(loss=lambda _s, out, _b: LossTerms((out * 0 - 1).log().mean(), len(out))),
            "loss of the first",
        ),
        (Case(loss=lambda _s, out, batch: mse((out - out).abs().sqrt() + out, batch["y"])), "gradients of"),
    ],
)
def test_non_finite(case: Case, seen: str) -> None:
    assert seen in case.stopped("non_finite")


@pytest.mark.parametrize(
    ("loss", "seen"),
    [
        (lambda _s, out, _b: LossTerms(torch.zeros(()), len(out)), "is 0 and carries no gradient"),
        (lambda _s, out, _b: LossTerms(out.sum() * 0, len(out)), "exactly 0"),
        (lambda _s, out, _b: LossTerms(out.sum() * 0 + 2, len(out)), "is 2 whatever"),
        (lambda _s, out, batch: mse(out.detach(), batch["y"]), "carries no gradient"),
    ],
)
def test_zero_loss(loss: Callable[[Any, Any, Batch], LossTerms], seen: str) -> None:
    assert seen in Case(loss=loss).stopped("zero_loss")


def test_unmatched_names_of_the_workload() -> None:
    def two(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return {"horizon_1d": model(batch["x"]), "horizon_5": model(batch["x"])}

    hints = GuardHints(
        predictions=lambda outputs: outputs,
        targets=lambda batch: {"horizon_1": batch["y"], "horizon_5": batch["y"]},
    )
    loss: Callable[..., LossTerms] = lambda _s, out, batch: mse(out["horizon_5"], batch["y"])  # noqa: E731
    seen = Case(forward=two, loss=loss, hints=hints).stopped("unmatched_names")
    assert "only horizon_5 match" in seen and "horizon_1d, horizon_5" in seen
    mended = replace(hints, targets=lambda batch: {"horizon_1d": batch["y"], "horizon_5": batch["y"]})
    assert "does not read horizon_1d" in Case(forward=two, loss=loss, hints=mended).stopped("unmatched_names")


def test_wrong_total() -> None:
    def loss(_spec: Any, outputs: Tensor, batch: Batch) -> LossTerms:
        raw = {"mse": mse(outputs, batch["y"]).total, "size": outputs.square().mean()}
        return LossTerms(raw["mse"] + 1.0 * raw["size"], len(outputs), raw, {"mse": 1.0, "size": 0.5})

    assert "1 x mse + 0.5 x size" in Case(loss=loss).stopped("wrong_total")


class Lazy(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.outer = nn.Linear(FEATURES, 1)

    def forward(self, x: Tensor) -> Tensor:
        if not hasattr(self, "late"):
            self.late = nn.Linear(FEATURES, 1)
        return self.outer(x) + self.late(x)  # type: ignore[no-any-return]


def test_late_parameters() -> None:
    assert "late.weight, late.bias" in Case(model=Lazy).stopped("late_parameters")


def test_parameters_the_optimizer_does_not_hold() -> None:
    task, reporter = Case().task(), Silent()
    told: Any = reporter
    optimizer = build_optimizer(task.spec.optimizer, nn.Linear(2, 1))
    with pytest.raises(GuardFailed, match="does not hold weight, bias"):
        run_guards(task, optimizer, GuardRecord(), told, monotonic)


class Unused(nn.Module):
    """A branch whose states are thrown away, beside a head that starts at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(FEATURES, 4), nn.Linear(4, 1)
        self.dead = nn.Linear(FEATURES, 4)
        nn.init.zeros_(self.head.weight)

    def forward(self, x: Tensor) -> Tensor:
        self.dead(x)
        return self.head(self.inner(x))  # type: ignore[no-any-return]


def test_dead_parameters_but_not_those_behind_a_head_that_starts_at_zero() -> None:
    case = Case(model=Unused)
    seen = case.stopped("dead_parameters")
    assert "2 of 6 parameters, 28 numbers: dead.weight, dead.bias;" in seen
    allowed = replace(case.hints, without_gradient={"dead": "kept for old checkpoints"})
    assert Case(model=Unused, hints=allowed).run()["dead_parameters"] == "passed"


def test_unmoved_parameters() -> None:
    seen = Case(spec={"optimizer": {"name": "sgd", "lr": 1e-30, "weight_decay": 0}})
    assert "weight, bias" in seen.stopped("unmoved_parameters")


@pytest.mark.parametrize(
    ("case", "seen"),
    [
        (Case(loss=lambda _s, out, _b: LossTerms(out.square().mean(), len(out))), "is the same whichever"),
        (Case(forward=lambda model, batch: model(torch.zeros_like(batch["x"]))), "no better told apart"),
    ],
)
def test_ignored_targets(case: Case, seen: str) -> None:
    case.hints = replace(
        case.hints, predictions=None, perfect=None, without_gradient={"weight": "zeros go in"}
    )
    assert seen in case.stopped("ignored_targets")


class Normal(NamedTuple):
    mean: Tensor
    log_std: Tensor


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mean, self.log_std = nn.Linear(FEATURES, 1), nn.Linear(FEATURES, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.mean(x), self.log_std(x)


def likelihood(mean: Tensor, log_std: Tensor, y: Tensor) -> LossTerms:
    loss = (0.5 * ((y - mean) / log_std.exp()).square() + log_std).mean()
    return LossTerms(loss, len(y))


def test_misread_outputs() -> None:
    hints = GuardHints(perfect=lambda _s, batch: (batch["y"], torch.full_like(batch["y"], -3.0)))
    sound = Case(
        model=Decoder, loss=lambda _s, out, batch: likelihood(out[0], out[1], batch["y"]), hints=hints
    )
    assert sound.run()["misread_outputs"] == "passed"
    swapped = replace(sound, loss=lambda _s, out, batch: likelihood(out[1], out[0], batch["y"]))
    assert "a perfect answer scores" in swapped.stopped("misread_outputs")


class Mixing(nn.Module):
    """Centres over the batch, in eval mode too."""

    def __init__(self) -> None:
        super().__init__()
        self.outer = nn.Linear(FEATURES, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(x - 0.1 * x.mean(dim=0))  # type: ignore[no-any-return]


def squeezed(model: nn.Module, batch: Batch) -> Tensor:
    return model(batch["x"]).squeeze()  # type: ignore[no-any-return]


def first_for_all(model: nn.Module, batch: Batch) -> Tensor:
    return model(batch["x"]) + batch["x"][:1, :1]  # type: ignore[no-any-return]


def only_many(model: nn.Module, batch: Batch) -> Tensor:
    return model(batch["x"]) + 0 * batch["x"][1, 0]  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("case", "seen"),
    [
        (Case(model=Mixing), "alone as among 3"),
        (Case(forward=first_for_all), "another place of the batch"),
        (Case(forward=only_many), "a batch of one fails with IndexError"),
        (
            Case(forward=squeezed, loss=lambda _s, out, batch: mse(out, batch["y"].squeeze())),
            "loses an axis in a batch of one",
        ),
    ],
)
def test_mixed_samples(case: Case, seen: str) -> None:
    case.hints = GuardHints()
    case.spec = {"trainer": {"batch_size": 4}}
    assert seen in case.stopped("mixed_samples")


def test_constant_labels() -> None:
    points = Points(12, FEATURES, 1)
    points.y = torch.ones(12, 1)
    case = Case(train=points, spec={"guards": {"skip": {"ignored_targets": "planted"}}})
    assert "one and the same target y" in case.stopped("constant_labels")


def test_leaked_samples() -> None:
    train, held_out = Points(3000, FEATURES, 1), Points(700, FEATURES, 2)
    assert Case(train=train, held_out=held_out).run()["leaked_samples"] == "passed"
    held_out.x[0], held_out.y[0] = train.x[2999], train.y[2999]
    seen = Case(train=train, held_out=held_out).stopped("leaked_samples")
    assert "train sample 2999 is validation sample 0" in seen


def test_leaked_statistics() -> None:
    hints = replace(Case().hints, refit=lambda *_: {"means": (torch.tensor([0.2]), torch.tensor([0.3]))})
    assert "means in use differ by up to 0.1" in Case(hints=hints).stopped("leaked_statistics")


def test_a_guard_left_out_is_told_with_its_reason_and_nothing_of_it_runs() -> None:
    def forward(*_: Any) -> Any:
        raise AssertionError("the model ran")

    task = Case(forward=forward, spec={"guards": {"skip": dict.fromkeys(GUARDS, "tried before")}}).task()
    reporter: Any = Silent()
    run_guards(task, build_optimizer(task.spec.optimizer, task.model), GuardRecord(), reporter, monotonic)
    assert {one["sentence"] for one in reporter.told} == {"left out by the spec: tried before"}
    assert [one["name"] for one in reporter.told] == list(GUARDS)
    excused = replace(Case().hints, excused={"mixed_samples": "stocks of a day attend to each other"})
    assert Case(model=Mixing, hints=excused).run()["mixed_samples"] == "skipped"


def test_nothing_of_the_job_moves() -> None:
    case = Case(
        model=lambda: nn.Sequential(nn.BatchNorm1d(FEATURES), nn.Dropout(0.5), nn.Linear(FEATURES, 1))
    )
    task = case.task()
    optimizer = build_optimizer(task.spec.optimizer, task.model)
    before = {name: tensor.clone() for name, tensor in task.model.state_dict().items()}
    groups = [dict(group) for group in optimizer.param_groups]
    drawn = (torch.get_rng_state(), random.getstate())
    reporter: Any = Silent()
    run_guards(task, optimizer, GuardRecord(), reporter, monotonic)
    assert torch.equal(torch.get_rng_state(), drawn[0]) and random.getstate() == drawn[1]
    assert all(torch.equal(tensor, before[name]) for name, tensor in task.model.state_dict().items())
    assert all(parameter.grad is None for parameter in task.model.parameters())
    assert task.model.training and not optimizer.state
    assert [dict(group) for group in optimizer.param_groups] == groups


def test_a_split_of_one_sample_is_no_failure() -> None:
    outcomes = Case(train=Points(1, FEATURES, 1)).run()
    assert "failed" not in outcomes.values()
    assert outcomes["mixed_samples"] == "skipped"


def test_a_sample_may_hold_an_empty_tensor() -> None:
    empty = {"x": torch.ones(2), "none": torch.zeros(0)}
    assert identity(empty) == identity({"x": torch.ones(2), "none": torch.zeros(0)})
    assert identity(empty) != identity({"x": torch.ones(2), "none": torch.zeros(0, 3)})
