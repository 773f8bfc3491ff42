"""The losses of a small celestial training over planted prices, step by step."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.specs.celestial import CelestialSpec
from tests.workloads.celestial_cases import MODEL
from tests.workloads.celestial_series import LENGTHS, planted_ohlc, write_rows
from tests.workloads.core_runs import check_golden, losses_of, run_job


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three epochs through the real core."""
    root = tmp_path_factory.mktemp("celestial")
    write_rows(root / "prices.csv", planted_ohlc())
    spec = CelestialSpec.model_validate(
        {
            "preset": "smoke",
            "data": {"path": "prices.csv", **LENGTHS},
            "model": {**MODEL, "dropout": 0.0},
            "optimizer": {"name": "adam", "lr": 3e-3},
            "trainer": {"epochs": 3, "batch_size": 16, "clip_grad_norm": 1.0, "seed": 3, "device": "cpu"},
            "memory": {"sample_seconds": 3600},
            "resources": {"memory_gib": 64},
        }
    )
    run_job(root, spec, "celestial")
    return root


def test_the_loss_falls(run_dir: Path) -> None:
    trained = [loss for name, loss in losses_of(run_dir) if name.startswith("train")]
    assert trained[-1] < 0.5 * trained[0]


def test_no_change_moves_a_loss_unseen(run_dir: Path) -> None:
    check_golden(run_dir, "celestial")
