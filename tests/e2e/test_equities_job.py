"""The equities workload from submit to evaluation on real prices, through the API and real processes."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from cli.exits import Exit
from tests.e2e.running import epochd_up

SMALL = ("--workload", "equities", "--preset", "smoke", "--set", "data.days=520", "--set", "trainer.epochs=1")


@pytest.mark.real_data
def test_a_smoke_job_leaves_its_evaluation_of_twenty_real_stocks(tmp_path: Path) -> None:
    if find_spec("skfolio") is None:
        pytest.skip("the package skfolio, whose prices this trains on, is not installed")
    with epochd_up(tmp_path) as service:
        watched = service.epochd("submit", *SMALL, "--watch")
        assert watched.returncode == Exit.OK, watched.stdout + watched.stderr
        job: dict[str, Any] = json.loads(
            service.epochd("show", watched.stdout.splitlines()[0], "--json").stdout
        )
        fetched = service.epochd("artifacts", job["id"], "get", "--to", str(tmp_path / "kept"))
        assert fetched.returncode == Exit.OK, fetched.stderr
    results = json.loads((tmp_path / "kept" / "results.json").read_text(encoding="utf-8"))
    assert results["data"]["stocks"] == 20 and results["data"]["features"] == 83
    assert list(results["metrics_by_horizon"]) == ["horizon_1", "horizon_5", "horizon_10", "horizon_20"]
    assert set(results["baselines"]) == {"zero", "mean", "ridge", "momentum"}
    assert all(-1 < found["rank_ic"] < 1 for found in results["metrics_by_horizon"].values())
    assert sorted((tmp_path / "kept" / "figures").glob("*.png"))
