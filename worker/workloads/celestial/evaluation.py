"""The final evaluation on the test split: results, figures, a report page and the forecasts themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from worker.workloads.celestial.figures import draw_figures
from worker.workloads.celestial.forecasts import Forecasts, collect_forecasts
from worker.workloads.celestial.report_page import report_page
from worker.workloads.celestial.results import build_results
from worker.workloads.interface import Evaluation


def evaluate(run: Evaluation) -> dict[str, Any]:
    """Write figures/*.png, report.md and forecasts.npz beneath `run.folder`; answer the results."""
    forecasts = collect_forecasts(run)
    results = build_results(run, forecasts)
    figures = draw_figures(run, forecasts, results)
    (run.folder / "report.md").write_text(report_page(results, figures), encoding="utf-8")
    save_forecasts(forecasts, run.folder / "forecasts.npz")
    return results


def save_forecasts(forecasts: Forecasts, path: Path) -> None:
    """Plain arrays: `day` [N, P] and, in price units, `actual`, `model` and each baseline [N, P, 4]."""
    every = {"actual": forecasts.truth, "model": forecasts.model, **forecasts.baselines}
    arrays: dict[str, Any] = {name: forecasts.to("price", scaled) for name, scaled in every.items()}
    np.savez_compressed(path, day=forecasts.days().astype("U10"), **arrays)
