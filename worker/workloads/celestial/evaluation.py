"""The final evaluation on the test split: results, figures, a report page and the forecasts themselves."""

from __future__ import annotations

from typing import Any

from worker.workloads.celestial.model.parameters import PUBLISHED_PARAMETERS
from worker.workloads.celestial.objective import forward
from worker.workloads.interface import Evaluation
from worker.workloads.sky.figures import draw_figures
from worker.workloads.sky.forecasts import Forecasts, collect_forecasts, save_forecasts
from worker.workloads.sky.report_page import report_page
from worker.workloads.sky.results import build_results


def evaluate(run: Evaluation) -> dict[str, Any]:
    """Write figures/*.png, report.md and forecasts.npz beneath `run.folder`; answer the results."""
    forecasts = collect_forecasts(run, forward)
    results = celestial_results(run, forecasts)
    figures = draw_figures(run, forecasts, results, "MSE, scaled prices")
    page = report_page("Celestial forecast", results, figures)
    (run.folder / "report.md").write_text(page, encoding="utf-8")
    save_forecasts(forecasts, run.folder / "forecasts.npz")
    return results


def celestial_results(run: Evaluation, forecasts: Forecasts) -> dict[str, Any]:
    """The results under this workload's name, with the count its original published."""
    own = {"model": "celestial", "published_parameters": PUBLISHED_PARAMETERS}
    return build_results(run, forecasts, forward, own)
