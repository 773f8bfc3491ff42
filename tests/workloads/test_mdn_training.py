"""A whole job over a planted weekly wave: the loss falls, chance and Gaussians are beaten, all is told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from shared.specs.celestial_mdn import CelestialMdnSpec
from tests.integration.planted import told
from tests.workloads.celestial_series import LENGTHS, planted_ohlc, write_rows
from tests.workloads.core_runs import check_golden, run_job
from tests.workloads.mdn_cases import MODEL
from worker.evaluation.mixtures import LEVELS
from worker.evaluation.report import markdown_table

Json = dict[str, Any]

CHANCE, MARGIN = 0.5, 0.25
WEIGHTS = {"nll": 0.3, "direction": 5.0, "trend": 0.8, "magnitude": 0.2, "gate_entropy": 0.01}
"""The published ones."""
FIGURES = {
    "forecast", "horizon_error", "robustness", "training_curves", "memory", "reliability", "pit", "crps",
}  # fmt: skip


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few epochs of the planted prices through the real core."""
    root = tmp_path_factory.mktemp("mdn")
    write_rows(root / "prices.csv", planted_ohlc(rows=240))
    spec = CelestialMdnSpec.model_validate(
        {
            "preset": "smoke",
            "data": {"path": "prices.csv", **LENGTHS},
            "model": {**MODEL, "dropout": 0.0, "e_layers": 1, "num_message_passing_steps": 1},
            "optimizer": {"name": "adamw", "lr": 6e-3},
            "trainer": {"epochs": 5, "batch_size": 16, "clip_grad_norm": 1.0, "seed": 3, "device": "cpu"},
            "memory": {"sample_seconds": 3600},
            "resources": {"memory_gib": 4},
        }
    )
    run_job(root, spec, "celestial-mdn")
    return root


@pytest.fixture(scope="module")
def results(run_dir: Path) -> Json:
    found: Json = json.loads((run_dir / "artifacts" / "results.json").read_text(encoding="utf-8"))
    return found


def test_the_loss_falls_and_moves_are_told_beyond_chance(results: Json) -> None:
    assert results["train_losses"][-1] < results["train_losses"][0] - 0.5
    moves = results["moves_directional_accuracy"]["by_forecaster"]["model"]
    assert moves["accuracy"] > CHANCE + MARGIN and moves["counted"] > 100


def test_the_distribution_beats_the_gaussians_round_persistence(results: Json) -> None:
    judged = results["distributions"]
    assert list(judged) == ["model", "persistence", "persistence_recent", "last_close", "linear"]
    assert judged["model"]["crps"] < 0.6 * judged["persistence"]["crps"]
    rmse = results["metrics_by_unit"]["price"]["overall"]["rmse"]
    assert rmse < 0.6 * results["baselines"]["persistence"]["price"]["overall"]["rmse"]


def test_the_results_say_how_good_each_distribution_is(results: Json) -> None:
    for judged in results["distributions"].values():
        assert list(judged["coverage"]) == [f"{level:g}" for level in LEVELS]
        assert list(judged["coverage"].values()) == sorted(judged["coverage"].values())
        assert sum(judged["pit_histogram"]) == pytest.approx(1.0)
        assert np.mean(judged["crps_log_price_by_day"]) == pytest.approx(judged["crps_log_price"])
        assert 0 <= judged["calibration_error"] <= 1 and judged["width_90_log_price"] > 0
        apart = judged["variance_log_price"]
        assert apart["between_share"] == pytest.approx(
            apart["between"] / (apart["within"] + apart["between"]), abs=1e-12
        )
    assert results["model"] == "celestial-mdn" and results["published_parameters"] == 235_212_800
    assert (results["mdn_components"], results["decoder"]) == (5, "use_mixture_decoder")
    assert sum(results["parameters_by_part"].values()) == results["total_parameters"]


def test_all_prices_and_days_together_are_scored_as_the_kept_arrays_say(run_dir: Path, results: Json) -> None:
    """By another way: densities of torch, and draws of numpy whose components the prices of a day share."""
    with np.load(run_dir / "artifacts" / "distributions.npz", allow_pickle=False) as kept:
        means, stds, weights = (np.moveaxis(kept[name], -1, 0) for name in ("means", "stds", "weights"))
    with np.load(run_dir / "artifacts" / "forecasts.npz", allow_pickle=False) as kept:
        y = np.log(kept["actual"])
    judged = results["distributions"]["model"]
    density = logsumexp(np.log(weights[..., 0]) + norm.logpdf(y, means, stds).sum(axis=-1), axis=0)
    train = np.log(np.array([row[1:] for row in planted_ohlc(rows=240)[1:201]], dtype=float))
    scale = train.std(axis=0)
    assert judged["joint_nll"] == pytest.approx(-density.mean() - np.log(scale).sum(), rel=1e-4)
    generator = np.random.default_rng(1)
    pick = (generator.random((400, *y.shape[:2])) > weights[..., 0].cumsum(axis=0)[:, None]).sum(axis=0)
    at = np.minimum(pick, 4)[None, ..., None].repeat(4, axis=-1)
    mean, std = (np.take_along_axis(one[:, None], at, axis=0)[0] for one in (means, stds))
    draws = (mean + std * generator.standard_normal(mean.shape)).reshape(400, len(y), -1)
    off = np.linalg.norm(draws - y.reshape(len(y), -1), axis=-1).mean()
    apart = np.linalg.norm(draws[:200] - draws[200:], axis=-1).mean()
    assert judged["energy_score_log_price"] == pytest.approx(off - apart / 2, rel=0.05)
    variance = (weights * (stds**2 + means**2)).sum(axis=0) - (weights * means).sum(axis=0) ** 2
    parts = judged["variance_log_price"]
    assert parts["within"] + parts["between"] == pytest.approx(variance.mean(), rel=1e-3)


def test_simple_forecasts_have_the_same_figures_where_they_make_sense(results: Json) -> None:
    judged, order = results["distributions"], results["moves_rank_correlation"]["by_forecaster"]
    assert judged["model"]["energy_score_log_price"] < 0.6 * judged["persistence"]["energy_score_log_price"]
    assert judged["persistence"]["joint_nll"] == pytest.approx(4 * judged["persistence"]["nll"])
    assert all(one["variance_log_price"]["between"] == 0 for one in list(judged.values())[1:])
    assert order["model"]["rank_correlation"] > MARGIN and order["model"]["counted"] == 17 * 4
    assert order["linear"]["counted"] == order["model"]["counted"]
    assert order["persistence"]["rank_correlation"] is None and order["persistence"]["counted"] == 0


def test_the_distributions_are_kept_and_their_means_are_the_forecasts(run_dir: Path) -> None:
    with np.load(run_dir / "artifacts" / "distributions.npz", allow_pickle=False) as kept:
        means, stds, weights = kept["means"], kept["stds"], kept["weights"]
    assert means.shape == stds.shape == weights.shape and means.shape[-1] == 5
    assert weights.sum(axis=-1) == pytest.approx(1.0) and (stds > 0).all()
    with np.load(run_dir / "artifacts" / "forecasts.npz", allow_pickle=False) as kept:
        assert np.exp((weights * means).sum(axis=-1)) == pytest.approx(kept["model"], rel=1e-4)


def test_validation_tells_every_term_raw_and_weighted_and_the_meter_of_the_distribution(
    run_dir: Path,
) -> None:
    values = [point["values"] for point in told(run_dir, "points") if point["split"] == "val"][-1]
    for term, weight in WEIGHTS.items():
        assert values[f"loss_{term}_weighted"] == pytest.approx(weight * values[f"loss_{term}"])
    weighted = sum(values[f"loss_{term}_weighted"] for term in WEIGHTS)
    assert values["loss"] == pytest.approx(weighted, rel=1e-4)
    assert values["nll"] == pytest.approx(values["loss_nll"], rel=1e-4)
    assert values["rank_correlation"] > MARGIN and values["joint_nll"] < 4 * values["nll"] + 1
    assert values["variance_within"] > 0 and values["variance_between"] > 0
    assert 0 < values["crps"] < values["mae"] and 0 <= values["coverage_90"] <= 1
    assert values["direction"] > CHANCE + MARGIN


def test_the_report_links_every_figure_and_has_the_parameter_table(run_dir: Path, results: Json) -> None:
    page = (run_dir / "artifacts" / "report.md").read_text(encoding="utf-8")
    drawn = {path.stem for path in (run_dir / "artifacts" / "figures").glob("*.png")}
    assert set(re.findall(r"\(figures/(\w+)\.png\)", page)) == drawn == FIGURES
    for path in (run_dir / "artifacts" / "figures").glob("*.png"):
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 5000
    assert f"{results['total_parameters']:,}" in page and "235,212,800" in page
    assert results["moves_directional_accuracy"]["rule"].capitalize() in page
    assert results["moves_rank_correlation"]["rule"] in page and "300 draws a window, seed 42" in page
    for name, judged in results["distributions"].items():
        row = (judged["joint_nll"], judged["energy_score_log_price"], *judged["variance_log_price"].values())
        assert markdown_table((), [(name, *row)]).splitlines()[-1] in page


def test_no_change_moves_a_loss_unseen(run_dir: Path) -> None:
    check_golden(run_dir, "mdn", until=6)
