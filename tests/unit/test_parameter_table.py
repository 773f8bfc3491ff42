"""The parameter table counts every number once and stands beside the published count."""

from __future__ import annotations

import torch
from torch import nn

from worker.evaluation.parameters import OWN, count_parameters, parameter_table


class Small(nn.Module):
    """A body, a head that shares the body's weight, and one number of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.body = nn.Linear(3, 3)
        self.head = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
        self.head[0].weight = self.body.weight


def test_every_number_counts_once_in_the_part_that_holds_it_first() -> None:
    counts = count_parameters(Small())
    assert counts == {OWN: 1, "body": 12, "head": 3 + 8}
    assert sum(counts.values()) == sum(parameter.numel() for parameter in Small().parameters())


def test_the_published_count_stands_beneath_with_the_difference() -> None:
    table = parameter_table({"body": 990, "head": 20}, published=1000).splitlines()
    assert table[2:] == [
        "| body | 990 |",
        "| head | 20 |",
        "| all | 1,010 |",
        "| published | 1,000 (+1.00 %) |",
    ]
    assert "published" not in parameter_table({"body": 990}, published=None)
