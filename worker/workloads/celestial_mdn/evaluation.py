"""The final evaluation on the test split: results, figures, a report page and the forecasts themselves."""

from __future__ import annotations

from typing import Any

from worker.evaluation.report import json_clean
from worker.workloads.celestial_mdn.distributions import (
    Distributions,
    collect_distributions,
    save_distributions,
)
from worker.workloads.celestial_mdn.judged import judge
from worker.workloads.celestial_mdn.model.forecaster import PUBLISHED_PARAMETERS
from worker.workloads.celestial_mdn.moves import judge_order, judge_signs
from worker.workloads.celestial_mdn.objective import point
from worker.workloads.celestial_mdn.page import (
    distribution_sections,
    draw_distributions,
    move_sections,
)
from worker.workloads.celestial_mdn.together import RULES
from worker.workloads.interface import Evaluation
from worker.workloads.sky.figures import draw_figures
from worker.workloads.sky.forecasts import Forecasts, collect_forecasts, save_forecasts
from worker.workloads.sky.report_page import report_page
from worker.workloads.sky.results import build_results


def evaluate(run: Evaluation) -> dict[str, Any]:
    """Write figures, report.md, forecasts.npz and, of a mixture, distributions.npz; answer the results."""
    forecasts = collect_forecasts(run, point)
    distributions = collect_distributions(run) if run.spec.model.decoders else None
    results = mdn_results(run, forecasts, distributions)
    figures = draw_figures(run, forecasts, results, run.spec.loss.name)
    sections = move_sections(results)
    if distributions is not None:
        save_distributions(distributions, forecasts, run.folder / "distributions.npz")
        figures += draw_distributions(results["distributions"], run.folder / "figures")
        sections = distribution_sections(results) + sections
    page = report_page("Celestial mixture forecast", results, figures, sections)
    (run.folder / "report.md").write_text(page, encoding="utf-8")
    save_forecasts(forecasts, run.folder / "forecasts.npz")
    return results


def mdn_results(run: Evaluation, forecasts: Forecasts, distributions: Distributions | None) -> dict[str, Any]:
    """The results of the point forecasts, and of the distributions where the model tells them."""
    own = {
        "model": "celestial-mdn",
        "published_parameters": PUBLISHED_PARAMETERS,
        "mdn_components": run.spec.model.mdn_components,
        "decoder": next(iter(run.spec.model.decoders), None),
        "loss": run.spec.loss.name,
        "moves_directional_accuracy": json_clean(judge_signs(forecasts)),
        "moves_rank_correlation": json_clean(judge_order(forecasts)),
    }
    if distributions is not None:
        own["distributions"] = json_clean(judge(distributions, forecasts.series.target_scaler.scale))
        own["distribution_rules"] = dict(RULES)
    return build_results(run, forecasts, point, own)
