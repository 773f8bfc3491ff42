"""Training on a planted signal by the real core: the loss falls, captions are told far above chance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from shared.rundir import RunDir
from tests.integration.planted import told
from tests.workloads.core_runs import check_golden, run_job
from tests.workloads.engraving_cases import batch_of, gradients, small_model, small_spec, write_planted
from worker.workloads.engraving.objective import forward, loss

PAIRS = 90
TRAINER: dict[str, Any] = {
    "epochs": 24,
    "batch_size": 8,
    "eval_batch_size": 4,
    "seed": 42,
    "threads": 1,
    "log_every_steps": 1,
}
MODEL = {"channels": (4, 8, 16, 32), "embedding_dim": 32, "latent_dim": 32, "hidden_dim": 32}
CHANCE, MARGIN = 1 / 9, 0.4
"""Of a caption that names one of three colours and one of three shapes, and how far above it must be."""


def trained(root: Path, **parts: Any) -> dict[str, Any]:
    """The results of a job over the planted drawings."""
    write_planted(root, PAIRS)
    optimizer = {"name": "adamw", "lr": 3e-3, "weight_decay": 1e-4}
    loss = {"alignment": "info_nce"}
    spec = small_spec(**{"trainer": TRAINER, "optimizer": optimizer, "model": MODEL, "loss": loss, **parts})
    run_job(root, spec, "engraving")
    results: dict[str, Any] = json.loads((RunDir(root).artifacts / "results.json").read_text())
    return results


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("run")
    return root, trained(root)


def test_a_planted_signal_is_learned_far_above_chance(run: tuple[Path, dict[str, Any]]) -> None:
    _, results = run
    losses = results["history"]["train_loss"]
    assert losses[-1] < 0.5 * losses[0]
    assert results["caption"]["exact_match"] > CHANCE + MARGIN


def test_every_list_of_the_history_has_every_epoch(run: tuple[Path, dict[str, Any]]) -> None:
    _, results = run
    assert {name: len(values) for name, values in results["history"].items()} == dict.fromkeys(
        results["history"], TRAINER["epochs"]
    )


def test_the_terms_of_every_epoch_add_up_to_its_loss(run: tuple[Path, dict[str, Any]]) -> None:
    root, _ = run
    epochs = [point["values"] for point in told(root, "points") if "loss_alignment" in point["values"]]
    assert len(epochs) == 2 * TRAINER["epochs"], "of training and of validation"
    for values in epochs:
        weighted = [value for name, value in values.items() if name.endswith("_weighted")]
        total = values.get("loss", values.get("loss_epoch"))
        assert len(weighted) == 3 and total == pytest.approx(sum(weighted), rel=1e-5)
        assert values["loss_alignment_weighted"] == pytest.approx(0.5 * values["loss_alignment"])


def test_no_change_moves_a_loss_unseen(run: tuple[Path, dict[str, Any]]) -> None:
    root, _ = run
    check_golden(root, "engraving", until=36)


def test_micro_batches_and_their_remainder_are_one_big_batch() -> None:
    """In train mode; without dropout, which draws other masks for other sizes."""
    spec = small_spec(model={"dropout": 0.0})
    model, batch = small_model(spec).train(), batch_of(5)
    found = []
    for size in (5, 2, 1):
        model.zero_grad()
        for start in range(0, 5, size):
            part = {name: tensor[start : start + size] for name, tensor in batch.items()}
            terms = loss(spec, forward(model, part), part)
            torch.autograd.backward(terms.total * (terms.count / 5))
        assert all(gradients(model).values())
        found.append([parameter.grad for parameter in model.parameters()])
    for others in found[1:]:
        for whole, parts in zip(found[0], others, strict=True):
            torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-6)
