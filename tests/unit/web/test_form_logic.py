"""The logic of the submit form, run by Node: JavaScript without a page."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent


def test_the_form_turns_a_schema_into_fields_and_changes_into_a_request(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node on this machine; on Debian: apt install nodejs")
    place = tmp_path / "tests" / "unit" / "web"
    place.mkdir(parents=True)
    shutil.copy(HERE / "form.test.mjs", place)
    shutil.copytree(ROOT / "api" / "web" / "form", tmp_path / "api" / "web" / "form")
    (tmp_path / "package.json").write_text(json.dumps({"type": "module"}))
    command = [node, "--test", "--test-reporter=tap", str(place / "form.test.mjs")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 14" in done.stdout
