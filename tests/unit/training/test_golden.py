"""The losses of the planted workload, step by step: what is meant to change no number shows it here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.planted import told, write_order
from worker.training.main import run_order

GOLDEN = Path(__file__).parents[2] / "golden" / "planted_losses.txt"


def test_no_change_of_the_core_moves_a_loss_unseen(tmp_path: Path) -> None:
    run_order(write_order(tmp_path))
    measured = [
        (f"{point['split']} {point['step']}", point["values"]["loss"])
        for point in told(tmp_path, "points")
        if "loss" in point["values"]
    ]
    lines = [line.rsplit(" ", 1) for line in GOLDEN.read_text(encoding="ascii").splitlines()]
    assert [name for name, _ in measured] == [name for name, _ in lines]
    assert [loss for _, loss in measured] == pytest.approx([float(loss) for _, loss in lines], rel=1e-4)
