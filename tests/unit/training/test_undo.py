"""Whatever passes move is put back, in place or replaced; what moved unforeseen is refused."""

from __future__ import annotations

import random

import torch
from torch import Tensor, nn

from worker.training.undo import Undo


class Moving(nn.Module):
    replaced: Tensor
    written: Tensor
    still: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("replaced", "written", "still"):
            self.register_buffer(name, torch.zeros(3))

    def step(self) -> None:
        self.replaced = self.replaced + torch.rand(3)
        self.written.add_(random.random())

    def state(self) -> list[list[float]]:
        return [one.tolist() for one in self.buffers()]


def test_a_step_cut_short_is_taken_again_with_the_same_draws() -> None:
    model = Moving()
    undo = Undo(model)
    for _ in range(4):
        undo.mark()
        before = model.state()
        model.step()
        first = model.state()
        assert undo.undo()
        assert model.state() == before
        undo.mark()
        model.step()
        assert model.state() == first
        undo.mark()
        model.step()


def test_what_the_first_step_left_alone_is_not_copied_and_its_move_is_noticed() -> None:
    model = Moving()
    undo = Undo(model)
    for _ in range(3):
        undo.mark()
        model.step()
    model.still.add_(1)
    assert not undo.undo()


def test_between_two_epochs_anything_may_move() -> None:
    model = Moving()
    undo = Undo(model)
    for _ in range(3):
        undo.mark()
        model.step()
    model.still.add_(1)
    undo.begin()
    undo.mark()
    before = model.state()
    model.step()
    assert undo.undo()
    assert model.state() == before


def test_a_buffer_that_takes_another_shape() -> None:
    model = Moving()
    undo = Undo(model)
    for size in (3, 3, 5):
        model.replaced = torch.zeros(size)
        undo.mark()
        before = model.state()
        model.replaced = model.replaced + 1
        model.written.add_(1)
    assert undo.undo()
    assert model.state() == before


def test_running_means_are_put_back_though_batch_norm_counts_no_write() -> None:
    model = nn.BatchNorm1d(3)
    model.train()
    undo = Undo(model)
    for _ in range(3):
        undo.mark()
        before = {name: value.clone() for name, value in model.state_dict().items()}
        model(torch.randn(5, 3))
        assert not torch.equal(model.state_dict()["running_mean"], before["running_mean"])
        assert undo.undo()
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
        undo.mark()
        model(torch.randn(5, 3))
