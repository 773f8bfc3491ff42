"""How the memory of celestial grows with the length of a sample, as a preflight measures it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.rundir import RunDir
from shared.specs.celestial import CelestialSpec
from shared.specs.guards import GUARDS
from tests.integration.planted import told
from tests.workloads.celestial_cases import MODEL
from tests.workloads.celestial_series import planted_ohlc, write_rows
from worker.protocol import ExitCode, Order
from worker.training.main import run_order
from worker.workloads.celestial.workload import WORKLOAD, shorter

LONG = {"seq_len": 128, "label_len": 64, "pred_len": 4, "validation_length": 20, "test_length": 20}


def spec_of(**data: int) -> CelestialSpec:
    body = {
        "preset": "smoke",
        "kind": "preflight",
        "data": {"path": "prices.csv", **LONG, **data},
        "model": {**MODEL, "d_model": 104, "celestial_dim": 8, "activation_checkpointing": "none"},
        "trainer": {"batch_size": 16, "threads": 1, "device": "cpu"},
        "memory": {"probe": "always"},
        "resources": {"memory_gib": 8},
        "guards": {"skip": dict.fromkeys(GUARDS, "another test")},
    }
    return CelestialSpec.model_validate(body)


def preflight(root: Path, spec: CelestialSpec) -> int:
    write_rows(root / "prices.csv", planted_ohlc(rows=400))
    folder = RunDir(root).create(1)
    Order(
        job_id="01celestial", attempt=1, workload="celestial",
        implementation="worker.workloads.celestial.workload:WORKLOAD",
        spec_type="shared.specs.celestial:CelestialSpec", spec=spec.model_dump(mode="json"),
        adjustments=[], run_dir=str(root), data_root=str(root),
    ).write(folder.order)  # fmt: skip
    return run_order(folder.order)


def test_a_preflight_measures_how_memory_grows_with_the_days(tmp_path: Path) -> None:
    assert preflight(tmp_path, spec_of()) == ExitCode.DONE
    assert told(tmp_path, "estimate")[-1]["length_exponent"] == pytest.approx(1, abs=0.4)


@pytest.mark.parametrize(
    ("seq_len", "label_len", "halves"), [(128, 64, (64, 32)), (9, 1, (4, 0)), (8, 8, (4, 4))]
)
def test_shorter_halves_the_days_seen_and_nothing_else(
    seq_len: int, label_len: int, halves: tuple[int, int]
) -> None:
    spec = spec_of(seq_len=seq_len, label_len=label_len)
    half = shorter(spec)
    assert (half.data.seq_len, half.data.label_len) == halves
    back = half.data.model_copy(update={"seq_len": seq_len, "label_len": label_len})
    assert half.model_copy(update={"data": back}) == spec
    assert WORKLOAD.shorter is shorter
