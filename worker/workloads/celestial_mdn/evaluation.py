"""The final evaluation on the test split: results, figures, a report page and the forecasts themselves."""

from __future__ import annotations

from typing import Any

from worker.workloads.celestial_mdn.model.forecaster import PUBLISHED_PARAMETERS
from worker.workloads.celestial_mdn.objective import point
from worker.workloads.interface import Evaluation
from worker.workloads.sky.figures import draw_figures
from worker.workloads.sky.forecasts import collect_forecasts, save_forecasts
from worker.workloads.sky.report_page import report_page
from worker.workloads.sky.results import build_results


def evaluate(run: Evaluation) -> dict[str, Any]:
    """Write figures/*.png, report.md and forecasts.npz beneath `run.folder`; answer the results."""
    forecasts = collect_forecasts(run, point)
    own = {"model": "celestial-mdn", "published_parameters": PUBLISHED_PARAMETERS}
    results = build_results(run, forecasts, point, own)
    figures = draw_figures(run, forecasts, results, run.spec.loss.name)
    page = report_page("Celestial mixture forecast", results, figures)
    (run.folder / "report.md").write_text(page, encoding="utf-8")
    save_forecasts(forecasts, run.folder / "forecasts.npz")
    return results
