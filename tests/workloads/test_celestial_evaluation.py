"""Objective, meter and the final evaluation, over planted prices and a model of a few weights."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from shared.errors import TrainingError
from shared.specs.celestial import CELESTIAL, CelestialModel
from tests.workloads.celestial_series import celestial_spec, planted_ohlc, planted_splits, windows
from worker.evaluation.metrics import MEASURES
from worker.workloads.celestial.evaluation import celestial_results, evaluate
from worker.workloads.celestial.meter import celestial_meter
from worker.workloads.celestial.objective import forward, loss
from worker.workloads.interface import Dataset, Evaluation, Splits, Workload
from worker.workloads.sky.baselines import last_close, linear, persistence
from worker.workloads.sky.figures import forecast_panels
from worker.workloads.sky.forecasts import collect_forecasts, run_model
from worker.workloads.sky.report_page import report_page
from worker.workloads.sky.targets import TARGET_NAMES

SEED_KEYS = {
    "model", "task", "config", "num_targets", "seq_len", "pred_len", "total_parameters",
    "training_time_hours", "overall_metrics", "per_target_metrics", "adversarial_diagnostics",
    "train_losses", "val_losses",
    "best_val_loss", "config_dict", "timestamp",
}  # fmt: skip
UPSTREAM_KEYS = {"d_model", "n_heads", "e_layers", "d_layers", "train_epochs", "best_epoch"}
FIGURES = {"forecast", "horizon_error", "robustness", "training_curves", "memory"}


class LastDayPlus(nn.Module):
    """Forecasts the last known value plus one weight a day ahead; looks at every input it is given."""

    def __init__(self, days: int, step: float) -> None:
        super().__init__()
        self.days = days
        self.step = nn.Parameter(torch.tensor(step))

    def forward(self, x: Tensor, marks: Tensor, decoder: Tensor, decoder_marks: Tensor) -> Tensor:
        assert marks.shape[:2] == x.shape[:2] and decoder_marks.shape[:2] == decoder.shape[:2]
        ahead = torch.arange(1, self.days + 1, device=x.device) * self.step
        return x[:, -1:, :4] + ahead[None, :, None]


def _run(folder: Path, splits: Splits | None = None, step: float = 0.01, batch: int = 4) -> Evaluation:
    splits = splits or planted_splits(folder)

    def batches(dataset: Dataset) -> Iterable[Any]:
        return DataLoader(dataset, batch_size=batch)  # type: ignore[arg-type]

    return Evaluation(
        spec=celestial_spec(),
        splits=splits,
        model=LastDayPlus(4, step).eval(),
        device=torch.device("cpu"),
        history={
            "train/loss_epoch": [(1, 0.5), (2, 0.25)],
            "val/loss": [(1, 0.75), (2, float("nan"))],
            "train/lr": [(1, 1e-3), (2, 5e-4)],
        },
        memory=[{"time": 10.0, "rss_bytes": 3e8}, {"time": 20.0, "rss_bytes": 4e8}],
        facts={"seconds_trained": 7200.0, "best_epoch": 1, "adjustments": []},
        folder=folder,
        batches=batches,
    )


@pytest.fixture
def run(tmp_path: Path) -> Evaluation:
    return _run(tmp_path)


def _results(run: Evaluation) -> dict[str, Any]:
    return celestial_results(run, collect_forecasts(run, forward))


def _batch(splits: Splits, size: int = 3) -> dict[str, Tensor]:
    batch: dict[str, Tensor] = next(iter(DataLoader(splits.test, batch_size=size)))  # type: ignore[arg-type]
    return batch


def test_loss_is_the_mean_square_in_scaled_target_space(run: Evaluation) -> None:
    batch = _batch(run.splits)
    model = run.model
    assert isinstance(model, LastDayPlus)
    outputs = forward(model, batch)
    terms = loss(run.spec, outputs, batch)
    assert terms.count == 3 and terms.total.item() == pytest.approx(
        ((outputs - batch["y"]) ** 2).mean().item()
    )
    assert loss(run.spec, batch["y"], batch).total.item() == 0.0
    terms.total.backward()  # type: ignore[no-untyped-call]
    assert model.step.grad is not None and model.step.grad.abs().item() > 0.0


@pytest.mark.parametrize("shape", [(3, 4, 1), (1, 4, 4), (3, 5, 4), (3, 4), (12, 4)])
def test_outputs_of_another_shape_are_refused_where_broadcasting_would_compare_them(
    run: Evaluation, shape: tuple[int, ...]
) -> None:
    batch = _batch(run.splits)
    with pytest.raises(TrainingError, match=r"the model forecasts \[.*\] where the truth is \[3, 4, 4\]"):
        loss(run.spec, torch.zeros(shape), batch)
    with pytest.raises(TrainingError):
        celestial_meter(run.spec, run.splits).update(torch.zeros(shape), batch)


def test_half_precision_outputs_are_compared_in_single(run: Evaluation) -> None:
    batch = _batch(run.splits)
    terms = loss(run.spec, batch["y"].bfloat16() * 0.0 + 300.0, batch)
    assert terms.total.dtype == torch.float32
    celestial_meter(run.spec, run.splits).update(batch["y"].bfloat16(), batch)


@pytest.mark.parametrize("size", [1, 2, 3, 17])
def test_the_meter_gives_the_same_metrics_for_any_batch_size(run: Evaluation, size: int) -> None:
    meter = celestial_meter(run.spec, run.splits)
    for batch in DataLoader(run.splits.test, batch_size=size):  # type: ignore[arg-type]
        meter.update(forward(run.model, batch), batch)
    metrics = meter.compute()
    forecast, truth, _ = run_model(run, forward)
    assert metrics["rmse"] == pytest.approx(np.sqrt(((forecast - truth) ** 2).mean()))
    assert metrics["mae.close"] == pytest.approx(np.abs(forecast - truth)[..., 3].mean())
    assert set(metrics) == {*MEASURES, *(f"{m}.{name.lower()}" for m in MEASURES for name in TARGET_NAMES)}


def test_persistence_is_the_price_of_the_day_before_each_window(run: Evaluation) -> None:
    test = windows(run.splits.test)
    series = test.series
    closes = np.array([float(row[4]) for row in planted_ohlc()[1:]])
    told = np.exp(series.target_scaler.inverse(persistence(test)))[..., 3]
    assert np.allclose(told, closes[test.origins() - 1][:, None], rtol=1e-5)


def test_last_close_is_the_last_close_moved_as_train_windows_moved_on_average(run: Evaluation) -> None:
    train, test = windows(run.splits.train), windows(run.splits.test)
    logs = np.log(np.array([[float(cell) for cell in row[1:5]] for row in planted_ohlc()[1:]]))
    moved = np.array([logs[at + 2] - logs[at - 1, 3] for at in train.origins()]).mean(axis=0)
    told = test.series.target_scaler.inverse(last_close(train, test))[:, 2]
    assert np.allclose(told, logs[test.origins() - 1, 3][:, None] + moved, atol=1e-5)


def test_signs_that_follow_from_the_last_close_are_no_merit_of_a_model(tmp_path: Path) -> None:
    """Closes of a random walk, opens at the close before: the next open is told without a forecast."""
    chance = np.random.default_rng(5)
    header, *rows = planted_ohlc(rows=400)
    closes = 100 * np.exp(np.cumsum(0.01 * chance.standard_normal(len(rows))))
    for at, row in enumerate(rows):
        first, last = closes[max(0, at - 1)], closes[at]
        row[1:5] = [f"{value:.4f}" for value in (first, max(first, last), min(first, last), last)]
    run = _run(tmp_path, planted_splits(tmp_path, [header, *rows]))
    forecasts = collect_forecasts(run, forward)
    last = forecasts.last_known()[:, 0]
    told, came = forecasts.baselines["last_close"][:, 0, 0] - last, forecasts.truth[:, 0, 0] - last
    assert (np.sign(told) == np.sign(came)).mean() > 0.8
    results = celestial_results(run, forecasts)
    page = report_page("Celestial forecast", results, [])
    section = page.split("## Right signs since the last known day, per target")[1].split("##")[0]
    assert [line.split(" |")[0] for line in section.splitlines() if line.startswith("| ")][1:] == [
        "| ---", "| model", "| persistence", "| last_close", "| linear",
    ]  # fmt: skip


def test_the_linear_model_sees_train_rows_only(tmp_path: Path) -> None:
    plain = planted_splits(tmp_path)
    rows = planted_ohlc()
    for row in rows[-40:]:
        row[1:] = [f"{float(cell) * 3.0:.4f}" for cell in row[1:]]
    changed = planted_splits(tmp_path, rows)
    before, _ = linear(windows(plain.train), windows(plain.train))
    after, _ = linear(windows(changed.train), windows(changed.train))
    assert (before == after).all()


def test_the_linear_model_learns_the_planted_wave_that_persistence_cannot(run: Evaluation) -> None:
    results = _results(run)
    rmse = {
        name: results["baselines"][name]["price"]["overall"]["rmse"] for name in ("persistence", "linear")
    }
    assert rmse["linear"] < 0.5 * rmse["persistence"]
    assert "fitted on 73 of 73 train windows" in results["baselines"]["linear"]["description"]


def test_a_model_that_forecasts_the_last_value_scores_exactly_as_persistence(tmp_path: Path) -> None:
    results = _results(_run(tmp_path, step=0.0))
    for unit, name in (("price", "Close"), ("log_price", "Open")):
        mine = results["metrics_by_unit"][unit]["per_target"][name]
        assert results["baselines"]["persistence"][unit]["per_target"][name] == pytest.approx(mine)
    assert results["directional_accuracy"]["overall"]["accuracy"] is None
    assert results["horizon_mae_price"]["model"] == pytest.approx(results["horizon_mae_price"]["persistence"])


def test_a_perfect_forecast_has_no_error_in_any_unit(run: Evaluation) -> None:
    class Perfect(nn.Module):
        def forward(self, x: Tensor, marks: Tensor, decoder: Tensor, decoder_marks: Tensor) -> Tensor:
            series = run.splits.fitted
            rows = (series.features[None] == x[:, -1:]).all(-1).float().argmax(-1)
            return torch.stack([series.targets[row + 1 : row + 5] for row in rows])

    results = _results(replace(run, model=Perfect()))
    for unit in ("scaled", "log_price", "price"):
        assert results["metrics_by_unit"][unit]["overall"]["rmse"] == 0.0
    assert results["directional_accuracy"]["overall"]["accuracy"] == 1.0
    assert results["overall_metrics"]["mae"] == 0.0


def test_prices_are_measured_in_prices(run: Evaluation) -> None:
    results = _results(run)
    forecasts = collect_forecasts(run, forward)
    closes = np.array([float(row[4]) for row in planted_ohlc()[1:]])
    rows = forecasts.windows.origins()[:, None] + np.arange(4)
    told = forecasts.to("price", forecasts.model)[..., 3]
    expected = np.abs(told - closes[rows]).mean()
    assert results["metrics_by_unit"]["price"]["per_target"]["Close"]["mae"] == pytest.approx(
        expected, rel=1e-4
    )
    assert results["overall_metrics"] == results["metrics_by_unit"]["log_price"]["overall"]
    scale = run.splits.fitted.target_scaler.scale[3]
    scaled = results["metrics_by_unit"]["scaled"]["per_target"]["Close"]["rmse"]
    assert results["per_target_metrics"]["Close"]["rmse"] == pytest.approx(scaled * scale, rel=1e-6)


def test_results_are_json_with_every_key_of_the_original(run: Evaluation) -> None:
    results = _results(run)
    assert json.loads(json.dumps(results, allow_nan=False)) == results
    assert SEED_KEYS | UPSTREAM_KEYS | {"published_parameters", "baselines", "units"} <= set(results)
    assert (results["total_parameters"], results["published_parameters"]) == (1, 12_310_208)
    assert sum(results["parameters_by_part"].values()) == results["total_parameters"]
    assert results["training_time_hours"] == 2.0 and results["best_epoch"] == 1
    assert results["train_losses"] == [0.5, 0.25] and results["val_losses"] == [0.75, None]
    assert results["best_val_loss"] == 0.75
    assert results["config_dict"]["data"]["seq_len"] == 24 and set(results["per_target_metrics"]) == set(
        TARGET_NAMES
    )


def test_the_five_scenarios_cover_the_whole_split_and_come_out_the_same_twice(run: Evaluation) -> None:
    first, second = _results(run)["adversarial_diagnostics"], _results(run)["adversarial_diagnostics"]
    assert first == second
    assert [entry["name"] for entry in first] == [
        "gaussian_noise", "zero_inputs", "scale_spike", "time_reverse", "feature_dropout",
    ]  # fmt: skip
    for entry in first:
        assert set(entry) == {"name", "processed_batches", "overall", "per_target", "description"}
        assert entry["processed_batches"] == 5 and entry["overall"]["values"] == 17 * 4 * 4
    other = replace(
        run, spec=run.spec.model_copy(update={"trainer": run.spec.trainer.model_copy(update={"seed": 7})})
    )
    assert _results(other)["adversarial_diagnostics"][0] != first[0]


def test_a_forecast_that_is_not_finite_is_null_in_the_results_and_no_crash(run: Evaluation) -> None:
    results = _results(replace(run, model=LastDayPlus(4, float("nan"))))
    assert results["overall_metrics"]["rmse"] is None
    assert results["baselines"]["persistence"]["price"]["overall"]["rmse"] > 0.0


def test_figures_report_and_forecasts_are_written(run: Evaluation) -> None:
    results = evaluate(run)
    figures = list((run.folder / "figures").iterdir())
    assert {path.name for path in figures} == {f"{name}.png" for name in FIGURES}
    assert all(path.read_bytes()[:4] == b"\x89PNG" and path.stat().st_size > 5_000 for path in figures)
    page = (run.folder / "report.md").read_text()
    assert all(f"(figures/{name}.png)" in page for name in FIGURES)
    assert f"{results['overall_metrics']['rmse']:.4g}" in page and "12,310,208" in page
    with np.load(run.folder / "forecasts.npz") as arrays:
        assert arrays["model"].shape == (17, 4, 4) and str(arrays["day"][-1, -1]) == "2001-07-13"
        assert arrays["actual"][-1, -1, 3] == pytest.approx(float(planted_ohlc()[-1][4]), rel=1e-5)


def test_an_evaluation_without_training_behind_it_leaves_training_figures_out(run: Evaluation) -> None:
    results = evaluate(replace(run, history={}, memory=[], facts={}))
    assert {path.stem for path in (run.folder / "figures").iterdir()} == FIGURES - {
        "training_curves",
        "memory",
    }
    assert results["training_time_hours"] is None and results["train_losses"] == []
    assert "training_curves" not in (run.folder / "report.md").read_text()


def test_no_test_batch_is_an_error_and_not_an_empty_success(run: Evaluation) -> None:
    with pytest.raises(TrainingError, match="no batch to evaluate"):
        _results(replace(run, batches=lambda _: []))


def test_shown_forecasts_start_where_their_truth_is_known(run: Evaluation) -> None:
    forecasts = collect_forecasts(run, forward)
    panel = forecast_panels(forecasts)[3]
    last = panel.starts[-1]
    assert last + 4 == len(panel.days) - 1 and np.diff(panel.starts).tolist() == [4] * (len(panel.starts) - 1)
    closes = np.array([float(row[4]) for row in planted_ohlc()[1:]])
    assert np.allclose(panel.truth, closes[-len(panel.truth) :], rtol=1e-5)
    step = run.splits.fitted.target_scaler.scale[3] * 0.01
    assert np.log(panel.forecasts[-1][0] / panel.truth[last]) == pytest.approx(step, rel=1e-3)


def test_the_contract_names_a_workload_whose_own_model_fits_its_data_and_objective(tmp_path: Path) -> None:
    module, attribute = CELESTIAL.implementation.split(":")
    workload: Workload = getattr(import_module(module), attribute)
    assert workload.name == CELESTIAL.name and workload.published_parameters == 12_310_208
    assert workload.meter is not None and workload.evaluate is not None
    planted_splits(tmp_path)
    sizes = {"d_model": 104, "e_layers": 1, "d_layers": 1, "fusion_layers": 1, "celestial_dim": 8}
    spec = celestial_spec().model_copy(update={"model": CelestialModel.model_validate(sizes)})
    splits = workload.load_splits(spec, tmp_path)
    model, batch = workload.build_model(spec, splits), _batch(splits)
    outputs = workload.forward(model, batch)
    assert outputs.shape == (3, 4, 4) and workload.loss(spec, outputs, batch).total.item() > 0.0
    workload.meter(spec, splits).update(outputs, batch)
