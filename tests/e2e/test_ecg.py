"""The ECG workload through the service, from submit to evaluation: nothing here is faked."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.exits import Exit
from tests.e2e.running import Running, epochd_up
from tests.workloads.test_ecg_beats import MITDB, real


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with epochd_up(tmp_path_factory.mktemp("ecg")) as service:
        yield service


def finished(running: Running, *flags: str) -> dict[str, Any]:
    """The job after its end, which must be a success."""
    watched = running.epochd("submit", "--workload", "ecg", "--preset", "smoke", *flags, "--watch")
    assert watched.returncode == Exit.OK, watched.stdout + watched.stderr
    job: dict[str, Any] = json.loads(running.epochd("show", watched.stdout.split()[0], "--json").stdout)
    return job


def test_the_smoke_preset_goes_from_submit_to_its_evaluation(running: Running) -> None:
    job = finished(running, "--set", "data.limit=60", "--set", "data.samples=1000")
    assert job["results"]["total_parameters"] == 17_749
    assert job["best"]["metric"] == "val/f1_macro"
    artifacts = json.loads(running.epochd("artifacts", job["id"], "--json").stdout)
    paths = {one["path"] for one in artifacts["artifacts"]}
    assert {
        "results.json",
        "report.md",
        "predictions.npz",
        "splits.json",
        "figures/confusion_matrix.png",
    } <= paths


def test_a_folder_that_is_not_there_fails_with_a_sentence(running: Running) -> None:
    watched = running.epochd("submit", "--workload", "ecg", "--set", "data.path=missing", "--watch")
    assert watched.returncode == Exit.JOB_FAILED
    job = json.loads(running.epochd("show", watched.stdout.split()[0], "--json").stdout)
    assert job["reason"] == "invalid_data"
    assert "data.path 'missing' is no folder" in job["message"]


@real
@pytest.mark.real_data
def test_real_beats_go_from_submit_to_results(running: Running) -> None:
    data = running.state_dir / "data"
    data.mkdir(exist_ok=True)
    shutil.copytree(Path(os.environ[MITDB]), data / "mitdb")
    beats = {"path": "mitdb", "mode": "beats", "split": "de_chazal", "sampling_rate": 90, "samples": 96}
    flags = [flag for key, value in beats.items() for flag in ("--set", f"data.{key}={value}")]
    results = finished(running, *flags, "--set", 'data.leads=["MLII"]')["results"]
    assert sum(row["support"] for row in results["per_class"].values()) == 51
    assert results["published"] is None, "a part of DS2 stands beside no published figures"
