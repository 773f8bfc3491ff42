"""The mixture forecaster passes every guard, and the bugs of its original are seen when planted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.errors import GuardFailed
from shared.specs.celestial_mdn import CelestialMdnSpec
from shared.specs.guards import GUARDS
from tests.workloads.celestial_series import LENGTHS, planted_ohlc, write_rows
from tests.workloads.mdn_cases import MODEL, only
from tests.workloads.test_guards import outcomes, task_of
from worker.layers.mixture import Mixture
from worker.workloads.celestial_mdn.workload import WORKLOAD, shorter
from worker.workloads.interface import Splits, Workload


def spec_of(flag: str | None = "use_mixture_decoder", **over: Any) -> CelestialMdnSpec:
    data = {"path": "prices.csv", **LENGTHS}
    loss = {"name": "hybrid_mdn_directional" if flag else "directional_trend"}
    body = {"preset": "smoke", "data": data, "model": {**MODEL, **only(flag)}, "loss": loss, **over}
    return CelestialMdnSpec.model_validate(body)


@pytest.fixture
def splits(tmp_path: Path) -> Splits:
    write_rows(tmp_path / "prices.csv", planted_ohlc())
    return WORKLOAD.load_splits(spec_of(), tmp_path)


def one_guard(guard: str, workload: Workload, splits: Splits) -> str:
    skip = {name: "another test" for name in GUARDS if name != guard}
    return outcomes(task_of(workload, spec_of(guards={"skip": skip}), splits))[guard]


@pytest.mark.parametrize("flag", ["use_mixture_decoder", "enable_mdn_decoder", None])
def test_every_decoder_passes_every_guard(splits: Splits, flag: str | None) -> None:
    assert outcomes(task_of(WORKLOAD, spec_of(flag), splits)) == dict.fromkeys(GUARDS, "passed")


def test_p30_a_loss_that_takes_deviations_for_means_is_seen(splits: Splits) -> None:
    def swapped(spec: Any, outputs: Any, batch: Any) -> Any:
        told = outputs.mixture.expanded()
        wrong = Mixture(told.stds, told.means.exp(), told.log_weights)
        return WORKLOAD.loss(spec, outputs._replace(mixture=wrong), batch)

    with pytest.raises(GuardFailed, match="misread_outputs"):
        one_guard("misread_outputs", replace(WORKLOAD, loss=swapped), splits)


def test_p4_a_mixture_that_looks_at_the_whole_batch_is_seen(splits: Splits) -> None:
    def centred(model: Any, batch: Any) -> Any:
        outputs = WORKLOAD.forward(model, batch)
        means = outputs.mixture.means
        moved = outputs.mixture._replace(means=means - means.mean(dim=0, keepdim=True))
        return outputs._replace(mixture=moved)

    with pytest.raises(GuardFailed, match="mixed_samples"):
        one_guard("mixed_samples", replace(WORKLOAD, forward=centred), splits)


def test_shorter_halves_the_days_seen_and_nothing_else() -> None:
    spec = spec_of()
    half = shorter(spec)
    assert (half.data.seq_len, half.data.label_len) == (12, 6)
    back = half.data.model_copy(update={"seq_len": 24, "label_len": 12})
    assert half.model_copy(update={"data": back}) == spec
