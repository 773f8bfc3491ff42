"""The networks of the ECG classifier: their size and shapes, and that samples and leads stay apart."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from shared.specs.ecg import ECG, EcgSpec
from shared.specs.resolve import resolve_spec
from tests.workloads.ecg_cases import CLASSES, inputs, network
from worker.layers.recompute import set_recompute
from worker.workloads.ecg.model.build import build_network
from worker.workloads.ecg.workload import WORKLOAD

NETWORKS = ("small_resnet", "xresnet")
SMALL: dict[str, dict[str, Any]] = {"xresnet": {"width": 8, "stages": [1, 1]}, "small_resnet": {"width": 16}}


@pytest.mark.parametrize(("leads", "count"), [(1, 17_573), (2, 17_749), (12, 19_509)])
def test_the_small_network_has_the_parameters_of_the_original(leads: int, count: int) -> None:
    model = network(leads=leads)
    assert sum(parameter.numel() for parameter in model.parameters()) == count
    parts = {name: sum(one.numel() for one in part.parameters()) for name, part in model.named_children()}
    assert parts == {
        "stem": 4_928 + 176 * (leads - 1),
        "residual": 12_480,
        "dropout": 0,
        "rhythm": 0,
        "head": 165,
    }
    assert WORKLOAD.published_parameters == 17_573


def test_the_footprints_are_of_the_networks_that_the_presets_build() -> None:
    """Of two leads, as the generated set has, and of one lead and its rhythm for beats."""
    for preset, footprint in ECG.footprints.items():
        spec = resolve_spec({"workload": "ecg", "preset": preset}, {"ecg": ECG}).spec
        assert isinstance(spec, EcgSpec)
        leads, rhythm = (1, 8) if spec.data.mode == "beats" else (2, 0)
        model = build_network(spec.model, leads, rhythm, len(spec.data.class_names))
        assert sum(parameter.numel() for parameter in model.parameters()) == footprint.parameters


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("samples", [5000, 151, 16])
def test_p4_there_is_one_row_a_sample_and_one_number_a_class(name: str, batch: int, samples: int) -> None:
    logits = network(name, rhythm=4)(*inputs(batch, rhythm=4, samples=samples))
    assert logits.shape == (batch, len(CLASSES))
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("training", [False, True])
def test_p4_a_sample_alone_gets_what_it_gets_among_others(name: str, training: bool) -> None:
    model = network(name, dropout=0.0, **SMALL[name]).train(training)
    signal, rhythm = inputs(3)
    together = model(signal, rhythm)
    for row in range(3):
        alone = model(signal[row : row + 1], rhythm[row : row + 1])
        torch.testing.assert_close(alone[0], together[row], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_p42_p44_every_parameter_has_a_gradient_after_two_steps_and_forward_makes_none(name: str) -> None:
    model = network(name, rhythm=4, **SMALL[name])
    before = [key for key, _ in model.named_parameters()]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    reached: set[str] = set()
    for _ in range(3):
        optimizer.zero_grad()
        logits = model(*inputs(3, rhythm=4))
        torch.autograd.backward(nn.functional.cross_entropy(logits, torch.tensor([0, 1, 4])))
        reached |= {
            key for key, one in model.named_parameters() if one.grad is not None and one.grad.norm() > 1e-6
        }
        optimizer.step()
    assert reached == set(before)
    assert [key for key, _ in model.named_parameters()] == before


@pytest.mark.parametrize("name", NETWORKS)
def test_p59_opposite_deflections_of_two_leads_do_not_cancel(name: str) -> None:
    """Their mean is zero in both samples; only a model with the leads apart can tell the two."""
    model = network(name).eval()
    if name == "xresnet":
        for module in model.modules():
            if isinstance(module, nn.GroupNorm):
                nn.init.ones_(module.weight)
    wave = torch.sin(torch.linspace(0, 60, 400))
    slow = torch.sin(torch.linspace(0, 9, 400))
    signal = torch.stack([torch.stack([wave, -wave]), torch.stack([slow, -slow])])
    one, other = model(signal, torch.zeros(2, 0))
    assert (one - other).abs().max() > 1e-3


@pytest.mark.parametrize("name", NETWORKS)
def test_the_rhythm_reaches_the_answer(name: str) -> None:
    model = network(name, rhythm=4, **SMALL[name]).eval()
    signal, rhythm = inputs(1, rhythm=4)
    assert not torch.allclose(model(signal, rhythm), model(signal, rhythm + 1))


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_the_same_with_and_without_recomputation(name: str) -> None:
    found = []
    for on in (False, True):
        model = network(name, **SMALL[name])
        set_recompute(model, on)
        torch.manual_seed(3)
        torch.autograd.backward(model(*inputs(2)).square().sum())
        found.append([parameter.grad for parameter in model.parameters()])
    for plain, again in zip(*found, strict=True):
        torch.testing.assert_close(plain, again)
