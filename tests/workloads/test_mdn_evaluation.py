"""The final evaluation of an untrained forecaster: the same for any batches, of every decoder and of none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from tests.workloads.celestial_series import LENGTHS, planted_splits
from tests.workloads.mdn_cases import only, small_model, small_spec
from worker.workloads.celestial_mdn.distributions import collect_distributions
from worker.workloads.celestial_mdn.evaluation import evaluate
from worker.workloads.celestial_mdn.judged import judge
from worker.workloads.interface import Dataset, Evaluation


def run_of(folder: Path, flag: str | None, batch: int = 4, **model: object) -> Evaluation:
    loss = {"name": "mixture_nll" if flag else "mse"}
    spec = small_spec({**only(flag), **model}, data={"path": "prices.csv", **LENGTHS}, loss=loss)

    def batches(dataset: Dataset) -> Iterable[Any]:
        return DataLoader(dataset, batch_size=batch)  # type: ignore[arg-type]

    return Evaluation(
        spec=spec,
        splits=planted_splits(folder),
        model=small_model(spec).eval(),
        device=torch.device("cpu"),
        history={},
        memory=[],
        facts={"seconds_trained": 0.0, "best_epoch": None, "adjustments": []},
        folder=folder,
        batches=batches,
    )


def judged(run: Evaluation) -> dict[str, Any]:
    return judge(collect_distributions(run), run.splits.fitted.target_scaler.scale)


@pytest.mark.parametrize(
    ("flag", "layout"),
    [
        ("use_mixture_decoder", "per_target"),
        ("use_mixture_decoder", "shared"),
        ("enable_mdn_decoder", "per_target"),
        ("enable_mdn_decoder", "shared"),
    ],
)
def test_p4_every_figure_is_the_same_for_batches_of_any_size(tmp_path: Path, flag: str, layout: str) -> None:
    one, many = (judged(run_of(tmp_path, flag, size, mdn_std_layout=layout)) for size in (1, 7))
    assert list(one) == list(many)
    for name, alone in one.items():
        for measure in ("crps", "nll", "joint_nll", "energy_score_log_price", "variance_log_price"):
            assert alone[measure] == pytest.approx(many[name][measure], rel=1e-4), (name, measure)


def test_a_model_that_tells_no_distribution_has_a_report_of_its_moves(tmp_path: Path) -> None:
    results = evaluate(run_of(tmp_path, None))
    assert "distributions" not in results and not (tmp_path / "distributions.npz").exists()
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "## Distributions" not in page and "## Moves from one asked day to the next" in page
    assert list(results["moves_rank_correlation"]["by_forecaster"]) == [
        "model", "persistence", "last_close", "linear",
    ]  # fmt: skip
