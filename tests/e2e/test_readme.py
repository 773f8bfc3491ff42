"""README and guides keep their word: curl lines run, tables are complete, the workload example trains."""

from __future__ import annotations

import ast
import json
import math
import os
import re
import shutil
import subprocess
from datetime import date, timedelta
from pathlib import Path

import pytest

from cli.exits import MEANING, Exit
from cli.main import VERBS
from shared.settings import Settings
from shared.specs.catalogue import BUILT_IN
from tests.e2e.running import epochd_up

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / "docs").glob("*.md"))
README = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *GUIDES))
"""The README, then every guide it leads to."""


@pytest.mark.timeout(900)
@pytest.mark.skipif(shutil.which("curl") is None, reason="the walk-through is made of curl lines")
def test_the_curl_lines_of_the_walk_through_do_what_the_text_says(tmp_path: Path) -> None:
    write_prices(tmp_path / "prices.csv")
    with epochd_up(tmp_path) as service:
        lines = walk_through().replace("http://127.0.0.1:8642", service.url)
        done = subprocess.run(
            ["sh", "-eu", "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=800
        )
        assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        ended = service.epochd("list", "--json").stdout
    jobs = {job["name"]: job for job in json.loads(ended)["jobs"]}
    assert {job["status"] for job in jobs.values()} == {"succeeded"}
    assert jobs["first try"]["attempt"] == 2
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["train_epochs"] == 12


def test_every_setting_is_in_the_table_with_its_default() -> None:
    rows = {cells[0]: cells[1] for cells in table_rows(r"EPOCHD_\w+")}
    assert set(rows) == {f"EPOCHD_{name.upper()}" for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        told = rows[f"EPOCHD_{name.upper()}"].strip("`")
        if isinstance(field.default, int | float | str | Path):
            assert told in (
                str(field.default),
                f"{field.default:g}" if isinstance(field.default, float) else "",
            )
        elif isinstance(field.default, tuple):
            assert json.loads(told) == list(field.default)


def test_every_guide_is_told_of_and_no_link_leads_nowhere() -> None:
    front = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not [page.name for page in GUIDES if f"(docs/{page.name})" not in front]
    for page in (ROOT / "README.md", *GUIDES):
        links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
        assert not [link for link in links if not (page.parent / link).exists()]


def test_every_exit_code_is_in_the_table() -> None:
    assert [int(cells[0]) for cells in table_rows(r"\d+")] == [code.value for code in Exit]
    assert set(MEANING) == set(Exit)


def test_every_workload_is_in_the_table_with_its_presets() -> None:
    rows = {cells[0]: re.findall(r"`(\w+)`", cells[2]) for cells in table_rows(r"[a-z\-]+", 3)}
    for contract in BUILT_IN:
        assert rows[contract.name] == list(contract.presets)


def test_every_line_of_the_command_in_the_readme_is_one_it_understands() -> None:
    verbs = set(re.findall(r"^\./run (\w+)", README, re.MULTILINE))
    assert verbs - {"test", "check"} <= set(VERBS)


def test_the_workload_of_the_readme_trains(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("")
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        name = re.match(r"# (mine/\w+\.py)", block)
        assert name, "each example says which file it is"
        ast.parse(block)
        (tmp_path / name[1]).write_text(block)
    dist = tmp_path / "mine-1.dist-info"
    dist.mkdir()
    (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    entry = re.search(r"^line = .*$", README, re.MULTILINE)
    assert entry
    (dist / "entry_points.txt").write_text(f"[epochd.workloads]\n{entry[0].replace(chr(34), '')}\n")
    with epochd_up(tmp_path, path=tmp_path) as service:
        watched = service.epochd("submit", "--workload", "line", "--watch")
    assert watched.returncode == Exit.OK, watched.stdout + watched.stderr
    losses = [float(loss) for loss in re.findall(r"val ([\d.e-]+)", watched.stdout)]
    assert len(losses) == 3
    assert losses[-1] < losses[0]


def test_the_launcher_is_a_valid_posix_script_and_explains_itself() -> None:
    run = ROOT / "run"
    subprocess.run(["sh", "-n", str(run)], check=True)
    told = subprocess.run([str(run)], capture_output=True, text=True, check=True, cwd="/").stdout
    assert "./run demo" in told and "./run test" in told


def test_the_ci_command_is_the_readmes_test_command() -> None:
    assert re.search(r"^exec \./run test$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def walk_through() -> str:
    """The marked blocks, in order, as one script."""
    blocks = re.findall(r"<!-- walkthrough -->\n```sh\n(.*?)```", README, re.DOTALL)
    assert len(blocks) >= 6
    return "".join(blocks)


def table_rows(first: str, columns: int | None = None) -> list[list[str]]:
    """Cells of the table rows whose first cell is such a thing."""
    found = re.findall(rf"^\| (`?{first}`?) \|(.*)\|$", README, re.MULTILINE)
    rows = [[name.strip("`"), *(cell.strip() for cell in rest.split("|"))] for name, rest in found]
    return [row for row in rows if columns is None or len(row) == columns]


def write_prices(path: Path) -> None:
    """Four hundred working days of prices that wander a little."""
    lines = ["date,Open,High,Low,Close"]
    day = date(2020, 1, 1)
    while len(lines) <= 400:
        if day.weekday() < 5:
            price = 100 + 5 * math.sin(len(lines) / 9)
            lines.append(f"{day},{price:.2f},{price + 1:.2f},{price - 1:.2f},{price + 0.3:.2f}")
        day += timedelta(days=1)
    path.write_text("\n".join(lines) + "\n")
