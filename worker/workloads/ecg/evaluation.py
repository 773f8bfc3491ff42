"""The final evaluation on the test split: results, figures, a report page and every answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from worker.workloads.ecg.answers import Answers, collect_answers
from worker.workloads.ecg.division import division
from worker.workloads.ecg.figures import draw_figures, shown_places
from worker.workloads.ecg.report_page import report_page
from worker.workloads.ecg.results import build_results
from worker.workloads.interface import Evaluation


def evaluate(run: Evaluation) -> dict[str, Any]:
    """Write figures, report, division, examples and predictions beneath `run.folder`; answer the results."""
    answers = collect_answers(run)
    results = build_results(run, answers)
    figures = draw_figures(run, answers, results)
    (run.folder / "report.md").write_text(report_page(results, figures), encoding="utf-8")
    parts = json.dumps(division(run.splits, answers.classes), indent=1)
    (run.folder / "splits.json").write_text(parts, encoding="ascii")
    save_predictions(answers, run.folder / "predictions.npz")
    (run.folder / "inference_examples.json").write_text(
        json.dumps(examples(answers), indent=1), encoding="ascii"
    )
    return results


def examples(answers: Answers) -> list[dict[str, Any]]:
    """The samples that a figure shows: what they are, what was said, and how sure."""
    classes, split = answers.classes, answers.split
    return [
        {
            "record": split.names[split.file[at]],
            "start": int(split.start[at]),
            "label": classes[answers.labels[at]],
            "said": classes[answers.said[at]],
            "probabilities": dict(zip(classes, answers.probabilities[at].tolist(), strict=True)),
        }
        for at in shown_places(answers)
    ]


def save_predictions(answers: Answers, path: Path) -> None:
    """Plain arrays, a row a sample: `record`, `start`, `label`, `said`, `probability` [N, K] of `classes`."""
    split = answers.split
    np.savez_compressed(
        path,
        record=np.array(split.names)[split.file],
        start=split.start,
        label=answers.labels,
        said=answers.said,
        probability=answers.probabilities.astype(np.float32),
        classes=np.array(answers.classes),
    )
