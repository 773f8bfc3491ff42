"""The losses of a small celestial training over planted prices, step by step."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.rundir import RunDir
from shared.specs.celestial import CelestialSpec
from tests.integration.planted import told
from tests.workloads.celestial_cases import MODEL
from tests.workloads.celestial_series import LENGTHS, planted_ohlc, write_rows
from worker.protocol import Order
from worker.training.main import run_order

GOLDEN = Path(__file__).parents[1] / "golden" / "celestial_losses.txt"


@pytest.fixture(scope="module")
def losses(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, float]]:
    """Split and step -> loss, of three epochs through the real core."""
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
    folder = RunDir(root).create(1)
    order = Order(
        job_id="01celestial",
        attempt=1,
        workload="celestial",
        implementation="worker.workloads.celestial.workload:WORKLOAD",
        spec_type="shared.specs.celestial:CelestialSpec",
        spec=spec.model_dump(mode="json"),
        adjustments=[],
        run_dir=str(root),
        data_root=str(root),
    )
    order.write(folder.order)
    assert run_order(folder.order) == 0
    return [
        (f"{point['split']} {point['step']}", point["values"]["loss"])
        for point in told(root, "points")
        if "loss" in point["values"]
    ]


def test_the_loss_falls(losses: list[tuple[str, float]]) -> None:
    trained = [loss for name, loss in losses if name.startswith("train")]
    assert trained[-1] < 0.5 * trained[0]


def test_no_change_moves_a_loss_unseen(losses: list[tuple[str, float]]) -> None:
    lines = [line.rsplit(" ", 1) for line in GOLDEN.read_text(encoding="ascii").splitlines()]
    assert [name for name, _ in losses] == [name for name, _ in lines]
    assert [loss for _, loss in losses] == pytest.approx([float(loss) for _, loss in lines], rel=1e-3)
