"""The optimizer of a spec: what decays, and what torch can fuse."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from shared.errors import InvalidSpec
from shared.specs.parts import OptimizerSpec
from worker.training.optim import build_optimizer, groups_text, parameter_groups


class RowNorm(nn.Module):
    """A norm of one's own, whose weight is a matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2, 2))


class Text(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.inner = nn.Linear(4, 3)
        self.norm = nn.LayerNorm((3, 2))
        self.own = RowNorm()
        self.scale = nn.Parameter(torch.ones(()))


def test_matrices_alone_decay_and_every_parameter_is_in_one_group() -> None:
    model = Text()
    decayed, others = parameter_groups(OptimizerSpec(decay="matrices", weight_decay=0.1), model)
    assert [id(one) for one in decayed["params"]] == [id(model.inner.weight)]
    held = [*decayed["params"], *others["params"]]
    assert sorted(map(id, held)) == sorted(map(id, model.parameters()))


def test_what_does_not_decay_stays_where_it_is_without_a_gradient_of_its_own() -> None:
    model = Text()
    optimizer = build_optimizer(OptimizerSpec(decay="matrices", weight_decay=0.5, lr=0.1), model)
    before = {name: one.detach().clone() for name, one in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    moved = {name for name, one in model.named_parameters() if not torch.equal(one, before[name])}
    assert moved == {"inner.weight"}


def test_the_log_shows_how_many_parameters_each_group_has() -> None:
    optimizer = build_optimizer(OptimizerSpec(decay="matrices", weight_decay=0.01), Text())
    assert groups_text(optimizer) == (
        "weight decay 0.01 on 1 tensors of 12 numbers, 0 on 6 tensors of 40 numbers"
    )


def test_a_model_without_matrices_has_one_group() -> None:
    (group,) = parameter_groups(OptimizerSpec(decay="matrices"), nn.LayerNorm(3))
    assert group["weight_decay"] == 0


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_fused_optimizer_takes_the_same_step(name: str) -> None:
    moved = []
    for fused in (False, True):
        torch.manual_seed(0)
        model = nn.Linear(4, 3)
        spec = OptimizerSpec.model_validate({"name": name, "fused": fused, "lr": 0.1, "weight_decay": 0.1})
        optimizer = build_optimizer(spec, model)
        assert bool(optimizer.param_groups[0]["fused"]) == fused
        for _ in range(3):
            optimizer.zero_grad()
            model(torch.ones(2, 4)).square().sum().backward()
            optimizer.step()
        moved.append(model.weight.detach())
    torch.testing.assert_close(*moved)


def test_what_torch_cannot_fuse_is_refused_by_name() -> None:
    with pytest.raises(InvalidSpec, match=r"has no fused adamw for torch\.complex64"):
        build_optimizer(OptimizerSpec(fused=True), nn.Linear(2, 1, dtype=torch.complex64))


def test_adafactor_keeps_a_row_and_a_column_of_a_matrix_and_moves_it() -> None:
    matrix = nn.Linear(300, 200, bias=False)
    optimizer = build_optimizer(OptimizerSpec(name="adafactor", lr=0.01), matrix)
    before = matrix.weight.detach().clone()
    torch.autograd.backward(matrix(torch.ones(2, 300)).square().sum())
    optimizer.step()
    assert not torch.equal(matrix.weight, before)
    kept = [one for one in optimizer.state[matrix.weight].values() if isinstance(one, torch.Tensor)]
    assert sum(one.numel() for one in kept) <= 300 + 200 + 1


def test_adafactor_cannot_be_fused() -> None:
    with pytest.raises(ValidationError, match="fused is not there for adafactor"):
        OptimizerSpec(name="adafactor", fused=True)
