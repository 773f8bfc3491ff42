"""The tensor parts the celestial forecaster is made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from worker.layers.attention import Attention
from worker.layers.coarse_time import block_means, interpolated
from worker.layers.embedding import CalendarEmbedding, sinusoids
from worker.layers.graph_attention import AdjacencyAwareGraphAttention
from worker.layers.grouped_linear import GroupedLinear
from worker.layers.recompute import recomputed
from worker.layers.symmetric_edges import SymmetricEdges, edge_pairs
from worker.workloads.sky.windows import calendar_marks


@pytest.mark.parametrize(("days", "length"), [(1, 6), (2, 6), (5, 12), (7, 7)])
def test_interpolation_keeps_a_straight_line_straight_between_block_middles(days: int, length: int) -> None:
    line = torch.arange(-(-length // days) * days, dtype=torch.float32).view(1, -1, 1)
    back = interpolated(block_means(line, days), days, length)[0, :, 0]
    middle = (days - 1) / 2
    expected = line[0, :length, 0].clamp(min=middle, max=line.shape[1] - 1 - middle)
    torch.testing.assert_close(back, expected)


def test_last_short_block_is_filled_with_its_last_day() -> None:
    means = block_means(torch.tensor([[1.0, 3.0, 5.0, 7.0, 10.0]]).unsqueeze(2), 3)
    torch.testing.assert_close(means[0, :, 0], torch.tensor([3.0, 9.0]))


def test_edges_carry_both_ends_and_become_a_symmetric_matrix() -> None:
    edges = SymmetricEdges(4)
    node, value = torch.randn(4, 2), torch.randn(edges.count)
    matrix = edges.matrix(value)
    for edge, (i, j) in enumerate(edge_pairs(4)):
        torch.testing.assert_close(edges.sums(node)[edge], node[i] + node[j])
        torch.testing.assert_close(edges.differences(node[:, 0])[edge], node[i, 0] - node[j, 0])
        assert matrix[i, j] == matrix[j, i] == value[edge]


def test_each_group_has_its_own_linear_map() -> None:
    layer, x = GroupedLinear(3, 4, 5), torch.randn(2, 6, 3, 4)
    for group in range(3):
        alone = nn.functional.linear(x[:, :, group], layer.weight[group].T, layer.bias[group])
        torch.testing.assert_close(layer(x)[:, :, group], alone)


def test_attention_equals_softmax_written_out() -> None:
    layer = Attention(8, 2)
    x, memory = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    query, key, value = layer.query(x), layer.key(memory), layer.value(memory)
    heads = []
    for head in (slice(0, 4), slice(4, 8)):
        share = (query[..., head] @ key[..., head].transpose(1, 2) / 2).softmax(dim=-1)
        heads.append(share @ value[..., head])
    torch.testing.assert_close(layer(x, memory), layer.out(torch.cat(heads, dim=-1)))


def test_attention_refuses_channels_that_heads_do_not_divide() -> None:
    with pytest.raises(ValueError, match="10 attention channels cannot be split over 4 heads"):
        Attention(10, 4)


def test_p37_graph_attention_uses_the_adjacency_of_each_sample_and_step() -> None:
    layer = AdjacencyAwareGraphAttention(width=26, nodes=13, heads=2, dropout=0.0)
    x, adjacency = torch.randn(2, 4, 26), torch.randn(2, 4, 13, 13)
    together = layer(x, adjacency)
    for row in range(2):
        for step in range(4):
            alone = layer(x[row : row + 1, step : step + 1], adjacency[row : row + 1, step : step + 1])
            torch.testing.assert_close(alone[0, 0], together[row, step])


def test_graph_attention_equals_softmax_over_neighbours_written_out() -> None:
    layer = AdjacencyAwareGraphAttention(width=8, nodes=2, heads=2, dropout=0.0)
    x, adjacency = torch.randn(1, 1, 8), torch.randn(1, 1, 2, 2)
    normed = layer.norm(x)[0, 0]
    query, key, value = (part(normed).view(2, 2, 2) for part in (layer.query, layer.key, layer.value))
    mixed = torch.zeros(2, 2, 2)
    for head in range(2):
        score = query[:, head] @ key[:, head].T / 2**0.5 + layer.gain_H[head] * adjacency[0, 0]
        mixed[:, head] = score.softmax(dim=1) @ value[:, head]
    expected = x[0, 0] + layer.out(mixed.flatten())
    expected = expected + layer.step(layer.step_norm(expected))
    torch.testing.assert_close(layer(x, adjacency)[0, 0], expected)


def test_p41_any_two_dates_of_a_year_have_different_embeddings() -> None:
    days = np.arange("2024-01-01", "2025-01-01", dtype="datetime64[D]")
    embedded = CalendarEmbedding(16)(calendar_marks(days)[None])[0]
    assert len(torch.unique(embedded, dim=0)) == 366


def test_p41_marks_scaled_to_fractions_are_refused() -> None:
    with pytest.raises(TypeError, match="calendar marks must be integers"):
        CalendarEmbedding(4)(torch.zeros(1, 2, 3))


@pytest.mark.parametrize("width", [4, 5])
def test_sinusoids_tell_every_position_apart(width: int) -> None:
    assert len(torch.unique(sinusoids(300, width), dim=0)) == 300


def test_recomputed_dropout_drops_the_same_channels_in_both_passes() -> None:
    calls: list[Tensor] = []

    def dropped(x: Tensor) -> Tensor:
        calls.append(nn.functional.dropout(x, 0.5))
        return calls[-1].square()

    torch.autograd.backward(recomputed(True, dropped, torch.ones(64, requires_grad=True)).sum())
    assert len(calls) == 2 and torch.equal(calls[0], calls[1])
