"""The logic of a job's curves, run by Node: JavaScript without a page."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent


def test_curves_are_rewound_refined_and_placed_on_their_axis(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node on this machine; on Debian: apt install nodejs")
    place = tmp_path / "tests" / "unit" / "web"
    place.mkdir(parents=True)
    shutil.copy(HERE / "series.test.mjs", place)
    (tmp_path / "api" / "web").mkdir(parents=True)
    shutil.copy(ROOT / "api" / "web" / "series.js", tmp_path / "api" / "web")
    (tmp_path / "package.json").write_text(json.dumps({"type": "module"}))
    command = [node, "--test", "--test-reporter=tap", str(place / "series.test.mjs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 8" in done.stdout
