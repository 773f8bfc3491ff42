"""What of the page is pure logic, run by Node: JavaScript without a page."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent


def test_the_logic_of_the_page_holds_without_a_page(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no Node on this machine; on Debian: apt install nodejs")
    place = tmp_path / "tests" / "unit" / "web"
    place.mkdir(parents=True)
    copies = [Path(shutil.copy(script, place)) for script in sorted(HERE.glob("*.mjs"))]
    scripts = [script for script in copies if script.name.endswith(".test.mjs")]
    shutil.copytree(ROOT / "api" / "web", tmp_path / "api" / "web")
    (tmp_path / "package.json").write_text(json.dumps({"type": "module"}))
    command = [node, "--test", "--test-reporter=tap", *map(str, scripts)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    promised = sum(len(re.findall(r"^test\(", script.read_text(), re.MULTILINE)) for script in scripts)
    assert f"# pass {promised}" in done.stdout
