"""A training of a built-in workload through the real core, and its losses beside the golden ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.rundir import RunDir
from shared.specs.catalogue import find_workload, installed_workloads
from shared.specs.job import JobSpec
from tests.integration.planted import told
from worker.protocol import ExitCode, Order
from worker.training.main import run_order

GOLDEN = Path(__file__).parents[1] / "golden"


def run_job(root: Path, spec: JobSpec, workload: str) -> None:
    """One attempt to its end; `root` is run directory and data root in one."""
    order = RunDir(root).create(1).order
    Order(
        job_id=f"01{workload}",
        attempt=1,
        workload=workload,
        implementation=find_workload(workload, installed_workloads()).implementation,
        spec_type=f"{type(spec).__module__}:{type(spec).__qualname__}",
        spec=spec.model_dump(mode="json"),
        adjustments=[],
        run_dir=str(root),
        data_root=str(root),
    ).write(order)
    assert run_order(order) == ExitCode.DONE


def losses_of(root: Path) -> list[tuple[str, float]]:
    """Split and step -> loss, as they were told."""
    return [
        (f"{point['split']} {point['step']}", point["values"]["loss"])
        for point in told(root, "points")
        if "loss" in point["values"]
    ]


def check_golden(root: Path, name: str, until: int | None = None) -> None:
    """Every loss up to step `until` as in tests/golden/NAME_losses.txt, to a thousandth.

    Other processors sum in another order. What that moves (1e-7 at first) grows by a constant factor a step
    in a network that learns fast: `until` is where two processors were still within 2e-4 of each other.
    """
    text = (GOLDEN / f"{name}_losses.txt").read_text(encoding="ascii")
    golden, measured = dict(line.rsplit(" ", 1) for line in text.splitlines()), losses_of(root)
    assert [point for point, _ in measured] == list(golden)
    held = [
        (loss, float(golden[point]))
        for point, loss in measured
        if until is None or int(point.split()[1]) <= until
    ]
    assert [loss for loss, _ in held] == pytest.approx([expected for _, expected in held], rel=1e-3)
