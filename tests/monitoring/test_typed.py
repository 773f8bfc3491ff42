"""The dashboards are values of Grafana's own types, down to the options of each panel."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.monitoring.dashboards import Dashboard, dashboards
from tests.monitoring.typescript import FLAGS, PACKAGES, program

pytestmark = pytest.mark.nemesis

INSTALL_SECONDS = 240


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With Grafana's schema and a compiler."""
    if shutil.which("npm") is None:
        pytest.skip("needs npm, which is not installed")
    folder = tmp_path_factory.mktemp("typed")
    (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
    done = _run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES], folder)
    if done.returncode != 0:
        pytest.skip(f"needs {' and '.join(PACKAGES)}, which npm could not get: {done.stderr[-300:]}")
    return folder


def test_the_dashboards_have_the_types_of_grafana(folder: Path) -> None:
    assert _complaints(folder, dashboards()) == ""


def test_the_types_notice_what_is_wrong(folder: Path) -> None:
    board = dashboards()[0]
    del board.panels[0]["gridPos"]["w"]
    board.panels[1]["options"]["colorMode"] = "loud"
    told = _complaints(folder, [board])
    assert "Property 'w' is missing" in told and '"loud"' in told


def _complaints(folder: Path, boards: Sequence[Dashboard]) -> str:
    for board in boards:
        (folder / f"{board.name}.ts").write_text(program(board), encoding="utf-8")
    files = [f"{board.name}.ts" for board in boards]
    return _run(["node", "node_modules/typescript/bin/tsc", *FLAGS, *files], folder).stdout


def _run(command: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
    )
