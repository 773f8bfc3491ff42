"""The optional terms of the equities loss: formulas, what they pull at, and that no preset has them."""

from __future__ import annotations

from math import log
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from scipy import stats
from torch import Tensor
from torch.distributions import StudentT

from shared.errors import TrainingError
from shared.specs.equities import EQUITIES, EquitiesLoss, EquitiesSpec
from tests.workloads.equities_cases import equities_spec, inputs, small_model
from worker.workloads.equities.answers import unwrap
from worker.workloads.equities.losses import student_t, t4_quantile, variance_floor
from worker.workloads.equities.model.penalties import mean_gate, unevenness
from worker.workloads.equities.objective import loss

OPTIONAL = ("student_t", "variance_floor", "selection", "attention")
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


def step(spec: EquitiesSpec, days: int = 2) -> tuple[Any, Any, dict[str, Any]]:
    """A model, its outputs and a batch of random returns."""
    model, (x, listed, nodes, edges, usable) = small_model(spec), inputs(spec, days)
    outputs = model(x, listed, nodes, edges, usable)
    came = torch.randn(listed.shape, generator=torch.Generator().manual_seed(6))
    batch = {
        "listed": listed,
        "targets": dict.fromkeys(unwrap(outputs), came),
        "known": dict.fromkeys(unwrap(outputs), listed),
    }
    return model, outputs, batch


def reached(model: Any, term: Tensor) -> set[str]:
    parts = dict(model.named_parameters())
    pulls = torch.autograd.grad(term, list(parts.values()), allow_unused=True)
    return {name for name, pull in zip(parts, pulls, strict=True) if pull is not None and pull.any()}


@pytest.mark.parametrize("preset", EQUITIES.presets)
def test_no_preset_has_an_optional_term(preset: str) -> None:
    weights = EquitiesSpec.model_validate({**EQUITIES.presets[preset], "preset": preset}).loss
    assert [getattr(weights, name) for name in OPTIONAL] == [0.0] * 4
    assert "penalties" not in step(equities_spec())[1]


def test_every_optional_term_is_told_raw_and_weighed_into_the_total() -> None:
    weights = dict(zip(OPTIONAL, (0.2, 0.1, 0.01, 0.001), strict=True))
    terms = loss(equities_spec(loss=weights), *step(equities_spec(loss=weights))[1:])
    assert set(OPTIONAL) < set(terms.raw)
    assert {name: terms.weights[name] for name in OPTIONAL} == weights
    by_hand = sum(terms.weights[name] * value for name, value in terms.raw.items())
    torch.testing.assert_close(terms.total, by_hand)


def test_the_selection_penalty_pulls_at_the_gates_alone() -> None:
    spec = equities_spec(loss={"selection": 0.01})
    model, outputs, batch = step(spec)
    found = reached(model, loss(spec, outputs, batch).raw["selection"])
    assert found >= {"variables.gates.fc1.weight", "variables.gates.fc3.weight"}
    assert all(name.startswith("variables.gates.") for name in found)


def test_the_attention_penalty_pulls_at_what_attention_is_made_of() -> None:
    spec = equities_spec(loss={"attention": 0.001})
    model, outputs, batch = step(spec)
    found = reached(model, loss(spec, outputs, batch).raw["attention"])
    for layer in ("first", "second"):
        assert {f"graph.{layer}.attention.{part}" for part in ("source_HC", "edge_HC", "edge.weight")} < found
    assert not any(name.startswith(("heads.", "fusion.")) for name in found)


@pytest.mark.parametrize("term", ["student_t", "variance_floor"])
def test_terms_of_the_forecast_pull_at_it(term: str) -> None:
    spec = equities_spec(loss={term: 1.0})
    model, outputs, batch = step(spec)
    value = loss(spec, outputs, batch).raw[term]
    assert float(value.detach()) != 0 and "heads.shared.0.weight" in reached(model, value)


@pytest.mark.parametrize("term", ["selection", "attention"])
def test_p4_a_penalty_of_three_days_is_the_mean_of_theirs_and_no_unlisted_stock_counts(term: str) -> None:
    spec = equities_spec(loss={term: 1.0})
    model, (x, listed, *rest) = small_model(spec).eval(), inputs(spec, 3)
    together = model(x, listed, *rest)["penalties"][term]
    alone = [model(*(part[at : at + 1] for part in (x, listed, *rest)))["penalties"][term] for at in range(3)]
    torch.testing.assert_close(together, torch.cat(alone))
    noisy = torch.where(listed[..., None, None], x, 4.0)
    torch.testing.assert_close(model(noisy, listed, *rest)["penalties"][term], together)


def test_the_mean_gate_is_that_of_listed_stocks_of_each_day() -> None:
    gates = torch.tensor([0.2, 0.4, 0.9])[:, None, None].expand(3, 2, 4)
    listed = torch.tensor([[True, False, True], [False, True, False]])
    torch.testing.assert_close(mean_gate(gates, listed), torch.tensor([0.3, 0.9]))


def test_unevenness_is_zero_of_even_attention_and_the_log_of_its_edges_of_one_alone() -> None:
    usable = torch.tensor([[[True, True, True, False], [True, True, False, False]]])
    even = torch.tensor([[1 / 3, 1 / 3, 1 / 3, 0], [0.5, 0.5, 0, 0]])[None, ..., None]
    alone = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0]])[None, ..., None]
    listed = torch.ones(1, 2, dtype=torch.bool)
    assert float(unevenness([even], usable, listed)) == pytest.approx(0, abs=1e-6)
    wanted = (log(3) + log(2)) / 2
    assert float(unevenness([alone], usable, listed)) == pytest.approx(wanted)
    assert float(unevenness([alone, even], usable, listed)) == pytest.approx(wanted / 2)


def test_student_t_is_minus_the_log_density_of_torchs() -> None:
    told = torch.tensor([[[-2.0, -0.5, 0.1, 0.6, 1.5], [-0.3, -0.1, 0.0, 0.1, 0.4]]])
    came = torch.tensor([[1.2, -0.7]])
    scale = (told[..., -1] - told[..., 0]) / float(stats.t.ppf(0.95, 4) - stats.t.ppf(0.05, 4))
    log_density: Any = StudentT(4.0, told[..., 2], scale).log_prob
    wanted = -log_density(came).mean(dim=1)
    torch.testing.assert_close(student_t(told, came, torch.ones(1, 2, dtype=torch.bool), LEVELS), wanted)


@pytest.mark.parametrize("level", [0.01, 0.05, 0.3, 0.5, 0.75, 0.999])
def test_the_closed_form_of_the_t_quantile_is_scipys(level: float) -> None:
    assert t4_quantile(level) == pytest.approx(float(stats.t.ppf(level, 4)), abs=1e-9)


def test_the_variance_floor_is_what_lacks_to_a_tenth() -> None:
    known = torch.tensor([[True, True, False], [True, True, True], [True, False, False]])
    told = torch.tensor([[0.03, -0.03, 9.0], [1.0, 0.0, -1.0], [0.0, 0.0, 0.0]])
    found = variance_floor(told, known)
    torch.testing.assert_close(found, torch.tensor([0.07, 0.0, 0.0]), atol=1e-4, rtol=0)


def test_a_penalty_that_the_model_does_not_tell_is_an_error_and_no_zero() -> None:
    _, outputs, batch = step(equities_spec())
    with pytest.raises(TrainingError, match="gives selection a weight"):
        loss(equities_spec(loss={"selection": 0.01}), outputs, batch)


def test_student_t_without_levels_on_both_sides_is_refused() -> None:
    assert EquitiesLoss(student_t=1.0).student_t == 1
    for levels in ([0.5], [0.5, 0.9]):
        with pytest.raises(ValidationError, match="on both sides"):
            equities_spec(loss={"student_t": 1.0}, model={"quantiles": levels})
