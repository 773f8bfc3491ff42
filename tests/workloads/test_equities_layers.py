"""The tensor parts the equities forecaster is made of, against their formulas written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from worker.layers.gated_residual import GatedResidual, GroupedGatedResidual
from worker.layers.graph_norm import GraphNorm
from worker.layers.neighbour_attention import NeighbourAttention, Neighbours
from worker.layers.weighted_rows import weighted_rows


def test_weighted_rows_are_those_of_a_gather_with_the_same_gradients() -> None:
    generator = torch.Generator().manual_seed(1)
    table = torch.randn(9, 4, generator=generator, requires_grad=True)
    weights = torch.randn(2, 3, 5, generator=generator, requires_grad=True)
    rows = torch.randint(0, 9, (2, 3, 5), generator=generator)
    pulls = []
    for summed in (weighted_rows(table, rows, weights), (table[rows] * weights[..., None]).sum(dim=2)):
        assert summed.shape == (2, 3, 4)
        pulls.append((summed, *torch.autograd.grad(summed.square().sum(), (table, weights))))
    for one, other in zip(*pulls, strict=True):
        torch.testing.assert_close(one, other)


def test_every_group_is_a_network_of_its_own() -> None:
    torch.manual_seed(1)
    grouped = GroupedGatedResidual(3, 8)
    x = torch.randn(5, 3, 1)
    together = grouped(x)
    for at in range(3):
        single = GatedResidual(1, 8, 8)
        with torch.no_grad():
            for name in ("fc1", "fc2", "fc3", "gate1", "gate2", "skip"):
                layer, own = getattr(grouped, name), getattr(single, name)
                own.weight.copy_(layer.weight[at].T)
                own.bias.copy_(layer.bias[at])
        torch.testing.assert_close(together[:, at], single(x[:, at]))


def test_a_network_of_one_value_is_no_step_at_zero() -> None:
    torch.manual_seed(1)
    grouped = GroupedGatedResidual(4, 16)
    below, above = (grouped(torch.full((1, 4, 1), value)) for value in (-1e-3, 1e-3))
    assert float((above - below).abs().max().detach()) < 0.05


def test_a_residual_of_equal_width_has_no_skip_of_its_own() -> None:
    part = GatedResidual(6, 8, 6)
    assert not list(part.skip.parameters())
    assert part(torch.randn(2, 3, 6)).shape == (2, 3, 6)


def test_graph_norm_is_that_of_each_graphs_present_nodes() -> None:
    torch.manual_seed(1)
    norm = GraphNorm(4)
    torch.nn.init.uniform_(norm.mean_share, 0.2, 0.8)
    x, present = torch.randn(2, 5, 4), torch.tensor([[True] * 5, [True, True, False, True, False]])
    normed = norm(x, present)
    for graph in range(2):
        nodes = x[graph, present[graph]]
        centred = nodes - norm.mean_share * nodes.mean(dim=0)
        wanted = centred / (centred.square().mean(dim=0) + 1e-5).sqrt()
        torch.testing.assert_close(normed[graph, present[graph]], wanted)


def written_out(part: NeighbourAttention, x: Tensor, neighbours: Neighbours) -> Tensor:
    """One node, head and edge after the other."""
    graphs, nodes, edges = neighbours.nodes_BNK.shape
    heads, channels = part.source_HC.shape
    value = part.value(x).view(graphs, nodes, heads, channels)
    out = torch.zeros(graphs, nodes, heads, channels)
    for b in range(graphs):
        for i in range(nodes):
            for h in range(heads):
                scores = torch.full((edges,), -torch.inf)
                for k in range(edges):
                    if neighbours.usable_BNK[b, i, k]:
                        j = int(neighbours.nodes_BNK[b, i, k])
                        edge = part.edge(neighbours.edges_BNKE[b, i, k]).view(heads, channels)[h]
                        score = part.source_HC[h] @ value[b, j, h] + part.target_HC[h] @ value[b, i, h]
                        scores[k] = functional.leaky_relu(score + part.edge_HC[h] @ edge, 0.2)
                share = scores.softmax(dim=0)
                out[b, i, h] = sum(
                    share[k] * value[b, neighbours.nodes_BNK[b, i, k], h] for k in range(edges)
                )
    return (out.flatten(2) if part.join else out.mean(dim=2)) + part.bias


@pytest.mark.parametrize("join", [True, False])
def test_neighbour_attention_is_its_formula(join: bool) -> None:
    torch.manual_seed(3)
    part = NeighbourAttention(5, 4, 3, 2, join)
    torch.nn.init.normal_(part.bias)
    nodes = torch.randint(0, 6, (2, 6, 4))
    nodes[..., 0] = torch.arange(6)
    usable = torch.rand(2, 6, 4) > 0.4
    usable[..., 0] = True
    neighbours = Neighbours(nodes, torch.randn(2, 6, 4, 2), usable)
    x = torch.randn(2, 6, 5)
    with torch.no_grad():
        mixed, shares = part(x, neighbours)
        torch.testing.assert_close(mixed, written_out(part, x, neighbours))
    torch.testing.assert_close(shares.sum(dim=2), torch.ones(2, 6, 3))
