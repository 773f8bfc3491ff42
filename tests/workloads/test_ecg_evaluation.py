"""What an ECG job leaves: measures against a count by hand, absent classes, figures, results and answers."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from shared.errors import TrainingError
from tests.workloads.ecg_cases import (
    CLASSES,
    RATE,
    cuts,
    ecg_spec,
    ids,
    planted_records,
    planted_splits,
    probabilities_for,
    tiny_mitdb,
)
from worker.evaluation.classification import classification_metrics, said_metrics
from worker.evaluation.classification_plots import (
    confusion_figure,
    per_class_figure,
    precision_recall_figure,
    progress_figure,
    roc_figure,
)
from worker.evaluation.plots import save_figure
from worker.training.loader import Loading, eval_batches
from worker.workloads.ecg.baselines import baselines
from worker.workloads.ecg.data import load_splits
from worker.workloads.ecg.evaluation import evaluate
from worker.workloads.ecg.meter import EcgMeter
from worker.workloads.ecg.objective import loss
from worker.workloads.ecg.results import published_beside
from worker.workloads.ecg.wfdb_files import write_record
from worker.workloads.ecg.workload import WORKLOAD
from worker.workloads.interface import Evaluation, Splits

ABC = ("a", "b", "c")
BEATS = {"mode": "beats", "split": "de_chazal", "leads": ["MLII"], "limit": None, "samples": 32}
LABELS = np.array([0, 0, 0, 1, 1, 0], np.int64)
SAID = [0, 0, 1, 1, 0, 2]


def test_the_measures_are_those_counted_by_hand() -> None:
    found = classification_metrics(LABELS, probabilities_for(SAID, 3), ABC)
    assert found["confusion_matrix"] == [[2, 1, 1], [1, 1, 0], [0, 0, 0]]
    assert found["accuracy"] == pytest.approx(3 / 6)
    a, b = found["per_class"]["a"], found["per_class"]["b"]
    assert (a["precision"], a["recall"], a["support"]) == (pytest.approx(2 / 3), pytest.approx(2 / 4), 4)
    assert (b["precision"], b["recall"], b["f1"]) == (0.5, 0.5, 0.5)
    assert found["f1_macro"] == pytest.approx((a["f1"] + b["f1"]) / 2)
    assert found["f1_weighted"] == pytest.approx((4 * a["f1"] + 2 * b["f1"]) / 6)
    assert said_metrics(LABELS, np.array(SAID), ABC)["f1_macro"] == pytest.approx(found["f1_macro"])


def test_p55_an_absent_class_keeps_its_row_and_moves_no_other() -> None:
    found = classification_metrics(LABELS, probabilities_for(SAID, 3), ABC)
    absent = found["per_class"]["c"]
    assert absent == {
        "precision": 0.0, "recall": None, "f1": None, "support": 0, "auroc": None, "average_precision": None,
    }  # fmt: skip
    middle = classification_metrics(
        2 * LABELS, probabilities_for([2 * one for one in SAID[:5]] + [1], 3), ABC
    )
    assert list(middle["per_class"]) == list(ABC) and middle["per_class"]["b"]["support"] == 0
    assert middle["per_class"]["c"] == found["per_class"]["b"]


def test_p55_areas_are_those_of_a_ranking_and_figures_say_which_class_is_absent(tmp_path: Path) -> None:
    labels = np.array([0, 0, 1, 1], np.int64)
    scores = np.array([[0.9, 0.1, 0], [0.4, 0.6, 0], [0.5, 0.5, 0], [0.2, 0.8, 0]])
    found = classification_metrics(labels, scores, ABC)
    assert found["per_class"]["a"]["auroc"] == pytest.approx(3 / 4)
    assert found["auroc_macro"] == pytest.approx(3 / 4)
    for draw in (roc_figure, precision_recall_figure):
        figure = draw("title", labels, scores, ABC)
        legend = figure.axes[0].get_legend()
        assert legend is not None
        assert "c: none in this split" in [text.get_text() for text in legend.get_texts()]
        assert save_figure(figure, tmp_path / "curve.png").stat().st_size > 5000
    per_class = per_class_figure("title", found["per_class"])
    counts = np.array(found["confusion_matrix"])
    assert save_figure(per_class, tmp_path / "bars.png").stat().st_size > 5000
    confusion = confusion_figure("title", counts, ABC)
    assert [text.get_text() for text in confusion.axes[0].texts][-3:] == ["-"] * 3
    assert save_figure(confusion, tmp_path / "confusion.png").stat().st_size > 5000


def test_progress_has_a_panel_for_each_kind_and_the_rate_on_a_logarithm() -> None:
    panels = {"loss": {"train": [(1, 2.0), (2, 1.0)]}, "learning rate": {"rate": [(1, 1e-3), (2, 1e-4)]}}
    figure = progress_figure("title", panels, best_epoch=2)
    assert [axis.get_title() for axis in figure.axes] == ["loss", "learning rate"]
    assert figure.axes[1].get_yscale() == "log"


def test_probabilities_that_do_not_fit_the_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        classification_metrics(LABELS, np.ones((6, 2)), ABC)


def test_p4_the_loss_and_the_meter_are_the_same_for_any_batch_size(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path)
    spec = ecg_spec()
    torch.manual_seed(1)
    model = WORKLOAD.build_model(spec, splits).eval()
    found = []
    for size in (1, 2, 3, 6):
        meter, parts = EcgMeter(CLASSES), EcgMeter(CLASSES)
        total = 0.0
        trainer = spec.trainer.model_copy(update={"batch_size": size})
        for turn, batch in enumerate(
            eval_batches(Loading(splits, trainer, torch.device("cpu")), splits.test)
        ):
            with torch.no_grad():
                outputs = WORKLOAD.forward(model, batch)
            terms = loss(spec, outputs, batch)
            total += float(terms.total) * terms.count / len(splits.test)
            (meter if turn % 2 else parts).update(outputs, batch)
        parts.merge(meter)
        found.append({"loss": total, **parts.compute()})
    for other in found[1:]:
        assert other == pytest.approx(found[0], rel=1e-5)
    with pytest.raises(TrainingError, match="the model answers"):
        loss(spec, outputs[:1], batch | {"label": torch.zeros(2, dtype=torch.int64)})


def evaluated(root: Path, splits: Splits, history: dict[str, Any] | None = None) -> dict[str, Any]:
    spec = ecg_spec()
    torch.manual_seed(1)
    model = WORKLOAD.build_model(spec, splits).eval()
    loading = Loading(splits, spec.trainer, torch.device("cpu"))
    folder = root / "artifacts"
    folder.mkdir()
    facts = {"best_epoch": 1, "seconds_trained": 1.0}
    run = Evaluation(
        spec, splits, model, torch.device("cpu"), history or {}, [], facts, folder,
        lambda dataset: eval_batches(loading, dataset),
    )  # fmt: skip
    return evaluate(run)


def test_p54_results_are_json_and_every_answer_is_beside_them(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path)
    history = {"train/loss_epoch": [(1, 1.5)], "val/loss": [(1, 1.4)], "val/f1_macro": [(1, 0.3)]}
    results = evaluated(tmp_path, splits, history)
    text = json.dumps(results, allow_nan=False)
    assert json.loads(text) == results and len(text) < 100_000
    assert {"accuracy", "f1_macro", "f1_weighted", "per_class", "confusion_matrix"} <= set(results)
    assert results["history"]["val_f1_macro"] == [0.3]
    assert sum(map(sum, results["confusion_matrix"])) == len(splits.test)
    assert results["published"] is None
    held = np.load(tmp_path / "artifacts" / "predictions.npz", allow_pickle=False)
    assert held["probability"].shape == (len(splits.test), 5)
    assert (held["label"] == held["said"]).mean() == pytest.approx(results["accuracy"])
    shown = json.loads((tmp_path / "artifacts" / "inference_examples.json").read_text())
    assert [one["label"] for one in shown][: len(CLASSES)] == list(CLASSES)
    assert all(sum(one["probabilities"].values()) == pytest.approx(1) for one in shown)
    figures = {path.stem for path in (tmp_path / "artifacts" / "figures").glob("*.png")}
    assert figures == {
        "confusion_matrix", "per_class_metrics", "precision_recall_curves", "prediction_samples",
        "roc_curves", "training_curves",
    }  # fmt: skip
    page = (tmp_path / "artifacts" / "report.md").read_text()
    assert "| published | 17,573 (+1.00 %) |" in page and "| majority |" in page


def test_p56_the_division_beside_the_results_is_the_one_that_was_trained_on(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path)
    results = evaluated(tmp_path, splits)
    assert results["data"]["patients_in_several_splits"] == 0
    told = json.loads((tmp_path / "artifacts" / "splits.json").read_text())
    assert told["split"] == "patients" and told["patients_by"] == "patient_id of labels.csv"
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    for name, part in parts.items():
        rows = [row for row in told["records"] if row["split"] == name]
        assert sorted(row["record"] for row in rows) == sorted(ids(part))
    known = {row["record"]: (row["patient"], row["label"], row["samples"]) for row in told["records"]}
    assert known == {f"r{at:03d}": (f"p{at // 10}-{at % 5}", CLASSES[at % 5], 1) for at in range(60)}
    of_patient: dict[str, set[str]] = {}
    for row in told["records"]:
        of_patient.setdefault(row["patient"], set()).add(row["split"])
    assert all(len(of_one) == 1 for of_one in of_patient.values())


def test_the_logistic_baseline_knows_more_than_the_commonest_class(tmp_path: Path) -> None:
    """Each class is loud in its own fifth of the record, which the deviations of segments show."""
    rows = planted_records(tmp_path / "set")
    rng = np.random.default_rng(3)
    for name, label, _ in rows:
        signal = rng.standard_normal((2, 250))
        at = 50 * CLASSES.index(label)
        signal[:, at : at + 50] *= 6
        write_record(tmp_path / "set", name, signal, RATE, ["L0", "L1"])
    splits = load_splits(ecg_spec(data={"test_share": 0.3, "samples": 125}), tmp_path)
    found = baselines(cuts(splits.train), cuts(splits.test), CLASSES)
    assert found["majority"]["accuracy"] == pytest.approx(0.2, abs=0.05)
    assert found["logistic"]["accuracy"] > 0.8


@pytest.mark.parametrize("missing", ["limit", "record", None])
def test_published_figures_stand_only_beside_all_of_ds2(tmp_path: Path, missing: str | None) -> None:
    tiny_mitdb(tmp_path / "set")
    if missing == "record":
        (tmp_path / "set" / "100.atr").unlink()
    limit = 100 if missing == "limit" else None
    spec = ecg_spec(data={**BEATS, "limit": limit, "unreadable": "leave_out"})
    run = SimpleNamespace(spec=spec, splits=load_splits(spec, tmp_path))
    measured = {"per_class": {name: {"recall": 1.0} for name in "NSVF"}}
    shown = published_beside(cast(Evaluation, run), measured)
    assert (shown is not None) == (missing is None)
