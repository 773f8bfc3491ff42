"""Training on a planted signal by the real core: the loss falls, the metric beats chance, nothing moves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from shared.rundir import RunDir
from tests.integration.planted import told
from tests.workloads.core_runs import check_golden, run_job
from tests.workloads.ecg_cases import ecg_spec, inputs, network, planted_records
from worker.workloads.ecg.objective import forward, loss

TRAINER = {"epochs": 8, "batch_size": 8, "threads": 1, "log_every_steps": 1}
CHANCE, MARGIN = 0.2, 0.5


def trained(root: Path, **parts: Any) -> dict[str, Any]:
    """The results of a job over the planted set."""
    planted_records(root / "set", 100)
    spec = ecg_spec(**{"trainer": TRAINER, "data": {"split": "stratified"}, **parts})
    run_job(root, spec, "ecg")
    results: dict[str, Any] = json.loads((RunDir(root).artifacts / "results.json").read_text())
    return results


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("run")
    return root, trained(root, optimizer={"lr": 5e-3})


def test_a_planted_signal_is_learned_far_above_chance(run: tuple[Path, dict[str, Any]]) -> None:
    _, results = run
    losses = results["history"]["train_loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert results["accuracy"] > CHANCE + MARGIN
    assert results["f1_macro"] > CHANCE + MARGIN
    assert results["auroc_macro"] > 0.9


def test_p51_every_list_of_the_history_has_every_epoch(run: tuple[Path, dict[str, Any]]) -> None:
    _, results = run
    assert {name: len(values) for name, values in results["history"].items()} == dict.fromkeys(
        results["history"], TRAINER["epochs"]
    )


def test_p52_the_best_epoch_is_that_of_the_greatest_macro_f1(run: tuple[Path, dict[str, Any]]) -> None:
    root, results = run
    macro = results["history"]["val_f1_macro"]
    assert results["run"]["best_metric"] == "val/f1_macro"
    assert results["run"]["best_value"] == max(macro)
    assert results["best_epoch"] == macro.index(max(macro)) + 1
    (best,) = told(root, "best")[-1:]
    assert best["value"] == max(macro)


def test_no_change_moves_a_loss_unseen(run: tuple[Path, dict[str, Any]]) -> None:
    root, _ = run
    check_golden(root, "ecg")


def test_p58_a_dry_run_divides_by_the_samples_it_saw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.workloads.ecg.evaluation.draw_figures", lambda *_: [])
    dry = {**TRAINER, "epochs": 1, "max_steps_per_epoch": 2}
    results = trained(tmp_path, trainer=dry, model={"dropout": 0.0})
    steps = [point["values"]["loss"] for point in told(tmp_path, "points") if "loss" in point["values"]][:2]
    assert results["history"]["train_loss"] == [pytest.approx(sum(steps) / 2)]


def test_p48_p53_micro_batches_and_their_remainder_are_one_big_batch() -> None:
    """The weighted loss is a mean over samples, so each part counts by its samples."""
    model, (signal, rhythm) = network(dropout=0.0), inputs(7)
    batch = {
        "signal": signal,
        "rhythm": rhythm,
        "label": torch.arange(7) % 5,
        "weight": torch.arange(7) + 0.5,
    }
    gradients = []
    for size in (7, 3):
        model.zero_grad()
        for start in range(0, 7, size):
            part = {name: one[start : start + size] for name, one in batch.items()}
            terms = loss(ecg_spec(), forward(model, part), part)
            torch.autograd.backward(terms.total * (terms.count / 7))
        gradients.append([parameter.grad for parameter in model.parameters()])
    for whole, parts in zip(*gradients, strict=True):
        torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-6)
