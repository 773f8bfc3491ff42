"""The celestial graph: columns to bodies, bodies to angles, angles and market to an adjacency a day."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.errors import DataError
from shared.specs.sky import BODIES
from tests.workloads.celestial_cases import inputs, small_model, small_spec, uneven_scaler
from worker.layers.symmetric_edges import SymmetricEdges, edge_pairs
from worker.workloads.celestial.model.graph_combiner import CelestialGraphCombiner
from worker.workloads.sky.columns import CELESTIAL, FEATURES, body_columns
from worker.workloads.sky.model.body_nodes import Aspects, astronomical_edges
from worker.workloads.sky.model.covariates import CovariateInteraction
from worker.workloads.sky.model.phase_differences import MEASURES, PhaseDifferences
from worker.workloads.sky.model.spatiotemporal import row_normalised

DOCUMENTED = {
    "sun": [*range(7), 80, 87, 88], "moon": [*range(7, 14), 81, 89, 90], "mars": [*range(14, 21), 82, 91, 92],
    "mercury": [*range(21, 28), 83, 93, 94], "jupiter": [*range(28, 35), 84, 95, 96],
    "venus": [*range(35, 42), 85, 97, 98], "saturn": [*range(42, 49), 86, 99, 100],
    "uranus": [*range(49, 56), 101, 102], "neptune": [*range(56, 63), 103, 104],
    "pluto": [*range(63, 70), 105, 106],
    "north_node": [*range(70, 75), 107, 108], "south_node": [*range(75, 80), 109, 110], "chiron": [111, 112],
}  # fmt: skip
"""Columns of each body among the 113, as reference/systems.md B.4 gives them."""


def test_p35_p36_every_body_gets_its_documented_columns() -> None:
    bodies = body_columns(FEATURES).bodies
    assert tuple(body.name for body in bodies) == BODIES
    assert {body.name: [at - 5 for at in body.columns] for body in bodies} == DOCUMENTED


def test_p36_columns_are_found_by_name_when_the_file_orders_them_otherwise() -> None:
    shuffled = list(FEATURES)
    random.Random(3).shuffle(shuffled)
    straight, found = body_columns(FEATURES), body_columns(shuffled)
    assert [shuffled[at] for at in found.targets] == ["log_Open", "log_High", "log_Low", "log_Close"]
    for one, other in zip(straight.bodies, found.bodies, strict=True):
        assert {FEATURES[at] for at in one.columns} == {shuffled[at] for at in other.columns}
        assert shuffled[other.longitude.cos] == FEATURES[one.longitude.cos]


def test_p35_strength_belongs_to_the_seven_bodies_that_have_it() -> None:
    strong = {body.name for body in body_columns(FEATURES).bodies if body.shadbala is not None}
    assert strong == {"sun", "moon", "mercury", "venus", "mars", "jupiter", "saturn"}


def test_documented_columns_are_113_and_no_name_comes_twice() -> None:
    assert len(CELESTIAL) == 113 and len(set(FEATURES)) == len(FEATURES) == 118


@pytest.mark.parametrize("gone", ["log_Close", "dyn_Moon_sin", "dyn_Mean Ketu_speed", "Ascendant_cos"])
def test_p34_missing_column_is_named(gone: str) -> None:
    with pytest.raises(DataError, match=f"'{gone}'"):
        body_columns([name for name in FEATURES if name != gone])


@pytest.mark.parametrize("name", ["longitude", "sign"])
def test_p34_phase_difference_is_the_difference_of_the_angles(name: str) -> None:
    angles = torch.linspace(-3.0, 9.0, 13 * 5).view(1, 5, 13)
    found = _differences(_sky(angles, name))[..., MEASURES.index(name)]
    for edge, (i, j) in enumerate(edge_pairs(13)):
        if name == "sign" and "chiron" in (BODIES[i], BODIES[j]):
            continue
        turn = (angles[..., i] - angles[..., j]).numpy()
        apart = np.arccos(np.cos(turn.astype(np.float64))) / math.pi
        np.testing.assert_allclose(found[..., edge], apart, atol=2e-4)


def test_p34_angle_of_a_slow_body_survives_the_scaling_of_its_columns() -> None:
    """A body seen over a few degrees has sines far from mean 0: scaled columns alone give a wrong angle."""
    angles = torch.zeros(1, 2, 13)
    angles[..., BODIES.index("pluto")] = torch.tensor([0.10, 0.15])
    found = _differences(_sky(angles, "longitude"))
    edge = edge_pairs(13).index((BODIES.index("sun"), BODIES.index("pluto")))
    torch.testing.assert_close(found[0, :, edge, 0], torch.tensor([0.10, 0.15]) / math.pi, atol=1e-5, rtol=0)


def test_p34_measure_a_body_does_not_have_makes_no_difference() -> None:
    difference = _differences(torch.randn(1, 3, len(FEATURES)))
    chiron = [edge for edge, pair in enumerate(edge_pairs(13)) if BODIES.index("chiron") in pair]
    assert not difference[..., chiron, MEASURES.index("speed")].any()
    sun_moon = edge_pairs(13).index((0, 1))
    assert difference[..., sun_moon, :].all()


def test_aspects_are_exact_at_their_angles() -> None:
    aspects = Aspects()(torch.tensor([[[0.0, 60.0, 90.0, 120.0, 180.0]]]) / 180)
    torch.testing.assert_close(aspects[0, 0].diagonal(), torch.ones(5))
    assert (aspects[0, 0] - torch.eye(5)).max() < 0.01


def test_astronomical_edges_hold_the_documented_pairs_either_way_round() -> None:
    matrix = SymmetricEdges(13).matrix(astronomical_edges())
    at = {name: index for index, name in enumerate(BODIES)}
    assert matrix[at["mars"], at["venus"]] == matrix[at["venus"], at["mars"]] == pytest.approx(0.4)
    assert matrix[at["sun"], at["saturn"]] == pytest.approx(-0.7)
    assert torch.equal(matrix.diagonal(), torch.ones(13))
    assert int((matrix != 0).sum()) == 13 + 2 * 12


def test_p37_adjacency_is_symmetric_and_each_samples_own() -> None:
    spec = small_spec()
    model, (x, *_) = small_model(spec).eval(), inputs(spec, 2)
    adjacency = _adjacency(model, x)
    assert adjacency.shape == (2, spec.data.seq_len, 13, 13)
    torch.testing.assert_close(adjacency, adjacency.transpose(2, 3))
    assert not torch.allclose(adjacency[0], adjacency[1])
    torch.testing.assert_close(_adjacency(model, x[1:]), adjacency[1:], rtol=1e-5, atol=1e-6)


def test_adjacency_changes_from_day_to_day_within_one_block() -> None:
    spec = small_spec({"graph_days": 7})
    adjacency = _adjacency(small_model(spec).eval(), inputs(spec, 1)[0])
    assert (adjacency[:, 1:7] - adjacency[:, :6]).abs().amax(dim=(0, 2, 3)).min() > 1e-4


def test_p8_batched_combiner_equals_one_call_for_every_time() -> None:
    torch.manual_seed(4)
    model = small_spec().model
    combiner = CelestialGraphCombiner(model, edges=91).eval()
    graphs, here = torch.randn(2, 6, 3, 91), torch.randn(2, 6, model.d_model)
    context, prior = torch.randn(2, 5, model.d_model), torch.randn(2, 3)
    together = combiner(graphs, here, context, prior)
    for time in range(6):
        now = slice(time, time + 1)
        for row in range(2):
            one = slice(row, row + 1)
            alone = combiner(graphs[one, now], here[one, now], context[one], prior[one])
            torch.testing.assert_close(alone, together[one, now], rtol=1e-5, atol=1e-6)


def test_combiner_listens_to_every_graph_and_to_the_market() -> None:
    torch.manual_seed(4)
    model = small_spec().model
    combiner = CelestialGraphCombiner(model, edges=91).eval()
    told = [torch.randn(1, 2, 3, 91), torch.randn(1, 2, 26), torch.randn(1, 5, 26), torch.randn(1, 3)]
    for value in told:
        value.requires_grad_()
    torch.autograd.backward(combiner(*told).square().sum())
    assert told[0].grad is not None and told[0].grad.abs().amax(dim=(0, 1, 3)).min() > 0
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in told[1:])


def test_negative_edges_leave_the_normalised_graph_bounded() -> None:
    """Plain row sums of this one are 0, and dividing by them is infinite."""
    adjacency = torch.tensor([[0.0, -1.0], [-1.0, 0.0]])
    torch.testing.assert_close(row_normalised(adjacency).abs().sum(dim=1), torch.ones(2))


def test_targets_hear_covariates_and_covariates_never_hear_targets() -> None:
    torch.manual_seed(4)
    layer, adjacency = CovariateInteraction(26, 13), torch.rand(1, 1, 13, 13) + 0.1
    x = torch.randn(1, 1, 26)
    changed_target, changed_covariate = x.clone(), x.clone()
    changed_target[..., -1] += 1
    changed_covariate[..., 0] += 1
    out = layer(x, adjacency).view(13, 2)
    moved_by_target = (layer(changed_target, adjacency).view(13, 2) - out).abs().sum(dim=1) > 1e-6
    moved_by_covariate = (layer(changed_covariate, adjacency).view(13, 2) - out).abs().sum(dim=1) > 1e-6
    assert moved_by_target.tolist() == [False] * 9 + [True] * 4
    assert moved_by_covariate.all()


def _sky(angles_BSN: Tensor, name: str) -> Tensor:
    """Scaled features whose sines and cosines are those of the given angles, and zero elsewhere."""
    x = torch.zeros(*angles_BSN.shape[:2], len(FEATURES))
    for at, body in enumerate(body_columns(FEATURES).bodies):
        phase = body.longitude if name == "longitude" else body.sign
        if phase is not None:
            x[..., phase.sin], x[..., phase.cos] = angles_BSN[..., at].sin(), angles_BSN[..., at].cos()
    return torch.from_numpy(uneven_scaler().transform(x.numpy())).float()


def _differences(x_BSF: Tensor) -> Tensor:
    difference: Tensor = PhaseDifferences(body_columns(FEATURES), uneven_scaler(), SymmetricEdges(13))(x_BSF)
    return difference


def _adjacency(model: torch.nn.Module, x_BSF: Tensor) -> Tensor:
    """The combined adjacency of sky x, with the market held at the same noise for every sample."""
    days = torch.linspace(-1, 1, x_BSF.shape[1] * 26).view(1, -1, 26).expand(len(x_BSF), -1, -1)
    phases = model.get_submodule("phases")(x_BSF)
    adjacency: Tensor = model.get_submodule("graph")(days, phases).adjacency_BSNN
    return adjacency
