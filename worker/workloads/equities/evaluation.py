"""The final evaluation on the test days: results, figures, a report page and the forecasts themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from worker.workloads.equities.figures import draw_figures
from worker.workloads.equities.forecasts import Forecasts, collect_forecasts
from worker.workloads.equities.report_page import report_page
from worker.workloads.equities.results import build_results
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
    """Plain arrays: `day` [D], `code` [N], `levels` [Q], and for each horizon its quantiles and its truth.

    Those of one day ahead are `horizon_1` [D, N, Q] and `horizon_1_return` [D, N], NaN where unknown.
    """
    panel = forecasts.test.market.panel
    arrays: dict[str, Any] = {}
    for name, quantiles in forecasts.quantiles.items():
        arrays[name] = quantiles.astype(np.float32)
        arrays[f"{name}_return"] = forecasts.truth[name].astype(np.float32)
    days = panel.days[forecasts.test.days].astype("U10")
    np.savez_compressed(
        path, day=days, code=np.array(panel.codes), levels=np.array(forecasts.levels), **arrays
    )
