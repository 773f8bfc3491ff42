"""A whole job over a planted signal: the loss falls, stocks are put in order, all of it is written down."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.integration.planted import told
from tests.workloads.core_runs import check_golden, run_job
from tests.workloads.equities_cases import equities_spec, planted_rows, write_csv

Json = dict[str, Any]

MARGIN = 0.4
"""Of rank IC above the 0 of chance, whose deviation over 74 days of 9 stocks is about 0.04."""


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three epochs of the planted panel through the real core."""
    root = tmp_path_factory.mktemp("equities")
    write_csv(root / "panel.csv", planted_rows())
    spec = equities_spec(
        optimizer={"name": "adamw", "lr": 5e-3},
        trainer={"epochs": 3, "batch_size": 8, "clip_grad_norm": 1.0, "seed": 3},
        memory={"sample_seconds": 3600},
    )
    run_job(root, spec, "equities")
    return root


@pytest.fixture(scope="module")
def results(run_dir: Path) -> Json:
    found: Json = json.loads((run_dir / "artifacts" / "results.json").read_text(encoding="utf-8"))
    return found


def test_the_loss_falls_and_the_order_of_stocks_is_found(results: Json) -> None:
    assert results["train_losses"][-1] < 0.95 * results["train_losses"][0]
    nearest = results["metrics_by_horizon"]["horizon_1"]
    assert nearest["rank_ic"] > MARGIN and nearest["ic"] > MARGIN
    assert nearest["hit_rate"] > 0.55 and nearest["sharpe"] > 3 and nearest["r2"] > 0.05
    assert results["averages"]["rank_ic"] > MARGIN


def test_baselines_stand_beside_the_model(results: Json) -> None:
    baselines = results["baselines"]
    assert list(baselines) == ["zero", "mean", "ridge", "momentum"]
    assert baselines["ridge"]["metrics_by_horizon"]["horizon_1"]["rank_ic"] > MARGIN
    assert baselines["zero"]["averages"]["rank_ic"] is None
    assert baselines["zero"]["metrics_by_horizon"]["horizon_1"]["r2"] <= 0
    assert baselines["momentum"]["averages"]["r2"] is None
    assert all(one["description"] for one in baselines.values())


def test_quantiles_are_calibrated_about_as_they_say(results: Json) -> None:
    for shares in results["calibration"].values():
        assert list(shares) == ["0.05", "0.25", "0.5", "0.75", "0.95"]
        assert list(shares.values()) == sorted(shares.values())
        assert shares["0.25"] < 0.5 < shares["0.75"]


def test_quantiles_stand_beside_those_that_never_change(run_dir: Path, results: Json) -> None:
    with np.load(run_dir / "artifacts" / "forecasts.npz", allow_pickle=False) as kept:
        came, levels = kept["horizon_1_return"].astype(np.float64), kept["levels"]
        under = came[..., None] - kept["horizon_1"].astype(np.float64)
    by_hand = np.where(under > 0, levels * under, (levels - 1) * under)[np.isfinite(came)].mean()
    losses = results["quantile_loss"]["horizon_1"]
    assert losses["model"] == pytest.approx(by_hand, rel=1e-4)
    assert losses["model"] < 0.95 * losses["same_quantiles"]


def test_the_signal_is_what_variable_selection_lets_through(results: Json) -> None:
    assert set(results["feature_shares"]) == {"signal", "noise", "haze"}
    assert list(results["feature_shares"].values()) == sorted(
        results["feature_shares"].values(), reverse=True
    )


def test_the_report_tells_the_strategy_the_parameters_and_shows_every_figure(
    run_dir: Path, results: Json
) -> None:
    page = (run_dir / "artifacts" / "report.md").read_text(encoding="utf-8")
    assert results["strategy"] in page and f"{results['total_parameters']:,}" in page
    error = (252 / results["data"]["days"]["test"]) ** 0.5
    assert f"a standard error of about {error:.2f}" in page
    linked = set(re.findall(r"\(figures/(\w+)\.png\)", page))
    drawn = {path.stem for path in (run_dir / "artifacts" / "figures").glob("*.png")}
    assert linked == drawn >= {"rank_ic", "sharpe", "gains", "calibration", "features", "training_curves"}
    for path in (run_dir / "artifacts" / "figures").glob("*.png"):
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" and path.stat().st_size > 5000


def test_forecasts_are_kept_with_their_truth(run_dir: Path, results: Json) -> None:
    with np.load(run_dir / "artifacts" / "forecasts.npz", allow_pickle=False) as kept:
        days, stocks = len(kept["day"]), len(kept["code"])
        assert (days, stocks) == (results["data"]["days"]["test"], 10)
        assert kept["horizon_5"].shape == (days, stocks, 5)
        known = np.isfinite(kept["horizon_5_return"])
        assert 0 < known.sum() < known.size
        error = (kept["horizon_5"][..., 2] - kept["horizon_5_return"])[known]
    assert np.abs(error).mean() == pytest.approx(results["metrics_by_horizon"]["horizon_5"]["mae"], rel=1e-4)


def test_validation_tells_every_term_raw_and_weighted_and_every_measure(run_dir: Path) -> None:
    values = [point["values"] for point in told(run_dir, "points") if point["split"] == "val"][-1]
    for term, weight in {"huber": 1.0, "pinball": 1.0, "rank": 0.3, "direction": 0.1}.items():
        assert values[f"loss_{term}_weighted"] == pytest.approx(weight * values[f"loss_{term}"])
    for measure in ("ic", "rank_ic", "hit_rate", "r2", "sharpe"):
        assert values[measure] == pytest.approx(
            (values[f"{measure}.horizon_1"] + values[f"{measure}.horizon_5"]) / 2
        )


def test_no_change_moves_a_loss_unseen(run_dir: Path) -> None:
    check_golden(run_dir, "equities", until=6)
