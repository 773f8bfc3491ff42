"""The mixture forecaster from submit to evaluation on real prices, through the API and real processes."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from cli.exits import Exit
from tests.e2e.running import epochd_up

SMALL = (
    "--workload",
    "celestial-mdn",
    "--preset",
    "smoke",
    "--set",
    "data.rows=200",
    "--set",
    "trainer.epochs=1",
)


@pytest.mark.real_data
def test_a_smoke_job_leaves_its_evaluation_and_two_decoders_are_refused(tmp_path: Path) -> None:
    if find_spec("pmdarima") is None:
        pytest.skip("the package pmdarima, whose prices this trains on, is not installed")
    with epochd_up(tmp_path) as service:
        refused = service.epochd("submit", *SMALL, "--set", "model.enable_mdn_decoder=true")
        assert refused.returncode == Exit.REFUSED
        assert "enable_mdn_decoder and use_mixture_decoder exclude each other" in refused.stderr
        watched = service.epochd("submit", *SMALL, "--watch")
        assert watched.returncode == Exit.OK, watched.stdout + watched.stderr
        job: dict[str, Any] = json.loads(
            service.epochd("show", watched.stdout.splitlines()[0], "--json").stdout
        )
        fetched = service.epochd("artifacts", job["id"], "get", "--to", str(tmp_path / "kept"))
        assert fetched.returncode == Exit.OK, fetched.stderr
    results = json.loads((tmp_path / "kept" / "results.json").read_text(encoding="utf-8"))
    assert results["mdn_components"] == 5 and results["published_parameters"] == 235_212_800
    assert set(results["baselines"]) == {"persistence", "last_close", "linear"}
    assert set(results["distributions"]) == {
        "model",
        "persistence",
        "persistence_recent",
        "last_close",
        "linear",
    }
    assert all(judged["crps"] > 0 for judged in results["distributions"].values())
    assert sorted((tmp_path / "kept" / "figures").glob("*.png"))
