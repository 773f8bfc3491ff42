"""Training on planted beats, and the deeper network on planted records, by the real core.

A ventricular beat differs in its shape, a supraventricular one only in coming early: its rhythm tells it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.rundir import RunDir
from tests.workloads.core_runs import check_golden, run_job
from tests.workloads.ecg_cases import RATE, ecg_spec, planted_records
from worker.workloads.ecg.wfdb_files import write_marks, write_record

RECORDS, BEATS = 12, 48
SYMBOLS = "NNNNVNNNNA"
WIDTH = {"N": 3.0, "A": 3.0, "V": 9.0}
"""Samples; a ventricular beat points down."""
DATA = {
    "mode": "beats", "split": "patients", "leads": ["MLII"], "samples": 48, "limit": None,
    "val_share": 0.25, "test_share": 0.25,
}  # fmt: skip
XRESNET = {"name": "xresnet", "width": 8, "stages": [1, 1], "dropout": 0.0}
TRAINER = {"epochs": 6, "batch_size": 16, "threads": 1, "log_every_steps": 4}
OPTIMIZER = {"lr": 1e-2}
DRAW = "worker.workloads.ecg.evaluation.draw_figures"


def planted_beats(folder: Path) -> None:
    """Twelve records of a person each; hearts differ in rate and height, beats of a kind in neither."""
    folder.mkdir(parents=True)
    for number in range(RECORDS):
        rng = np.random.default_rng([3, number])
        symbols = [SYMBOLS[(number + at) % len(SYMBOLS)] for at in range(BEATS)]
        early = np.array([0.65 if symbol == "A" else 1.0 for symbol in symbols])
        rest = np.roll(np.array([1.35 if symbol == "A" else 1.0 for symbol in symbols]), 1)
        every = rng.uniform(0.6, 1.0) * RATE
        at = np.round(np.cumsum(every * early * rest)).astype(np.int64)
        signal = 0.1 * rng.standard_normal((1, at[-1] + RATE)) + beat_waves(
            at, symbols, rng.uniform(0.7, 1.4)
        )
        write_record(folder, f"{900 + number}", signal, RATE, ["MLII"])
        write_marks(folder, f"{900 + number}", at, symbols)


def beat_waves(at: Any, symbols: list[str], height: float) -> Any:
    """[N] in mV."""
    time = np.arange(at[-1] + RATE)
    heights = [-height if symbol == "V" else height for symbol in symbols]
    waves = [
        one * np.exp(-0.5 * ((time - place) / WIDTH[symbol]) ** 2)
        for one, place, symbol in zip(heights, at.tolist(), symbols, strict=True)
    ]
    return np.sum(waves, axis=0)


def trained(root: Path, **parts: Any) -> dict[str, Any]:
    run_job(root, ecg_spec(**{"trainer": TRAINER, "optimizer": OPTIMIZER, "model": XRESNET, **parts}), "ecg")
    results: dict[str, Any] = json.loads((RunDir(root).artifacts / "results.json").read_text())
    return results


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("beats")
    planted_beats(root / "set")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DRAW, lambda *_: [])
        return root, trained(root, data=DATA)


def test_beats_of_people_not_seen_are_told_by_shape_and_by_rhythm(beats: tuple[Path, dict[str, Any]]) -> None:
    _, results = beats
    losses = results["history"]["train_loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert results["data"]["patients_in_several_splits"] == 0
    assert results["data"]["splits"]["test"]["patients"] == 3
    assert results["f1_macro"] > 0.9
    assert results["per_class"]["S"]["recall"] > 0.8
    assert len(results["by_record"]["records"]) == results["by_record"]["classes"]["S"]["records"] == 3


def test_without_its_rhythm_an_early_beat_of_usual_shape_is_not_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DRAW, lambda *_: [])
    planted_beats(tmp_path / "set")
    results = trained(tmp_path, data={**DATA, "rhythm": False, "samples": 24})
    assert results["per_class"]["V"]["f1"] > 0.9
    assert results["per_class"]["S"]["f1"] < 0.5


def test_no_change_moves_a_loss_of_beats_unseen(beats: tuple[Path, dict[str, Any]]) -> None:
    check_golden(beats[0], "ecg_beats")


def test_the_deeper_network_learns_records_and_its_losses_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DRAW, lambda *_: [])
    planted_records(tmp_path / "set", 100)
    trainer = {**TRAINER, "epochs": 14, "batch_size": 8}
    results = trained(tmp_path, data={"split": "stratified"}, trainer=trainer)
    losses = results["history"]["train_loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert results["f1_macro"] > 0.2 + 0.4
    check_golden(tmp_path, "ecg_xresnet")
