"""Failpoints: what the variable may say, when a point acts, and that every listed point lies where said."""

from __future__ import annotations

import ast
import errno
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import failpoints
from shared.failpoints import NAMES, Injected, arm, reach

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    arm({})


def test_a_point_that_nobody_armed_does_nothing() -> None:
    arm({})
    for name in NAMES:
        reach(name)


def test_a_point_acts_at_its_passage_alone() -> None:
    arm({"FAILPOINTS": "finish.before=raise@2"})
    reach("finish.before")
    with pytest.raises(Injected):
        reach("finish.before")
    reach("finish.before")


def test_a_point_acts_at_the_first_passage_where_no_number_is_given() -> None:
    arm({"FAILPOINTS": " finish.before=raise ; "})
    with pytest.raises(Injected):
        reach("finish.before")


def test_points_count_apart_from_each_other() -> None:
    arm({"FAILPOINTS": "finish.before=raise@2;spawn.before=raise@1"})
    reach("finish.before")
    with pytest.raises(Injected):
        reach("spawn.before")


@pytest.mark.parametrize(("action", "number"), [("enospc", errno.ENOSPC), ("eio", errno.EIO)])
def test_a_disk_failure_has_the_errno_that_the_disk_would_give(action: str, number: int) -> None:
    arm({"FAILPOINTS": f"checkpoint.before_write={action}"})
    with pytest.raises(OSError, match="failpoint") as failure:
        reach("checkpoint.before_write")
    assert failure.value.errno == number


@pytest.mark.parametrize(("action", "code"), [("kill9", -signal.SIGKILL), ("exit", 1)])
def test_an_end_really_ends_the_process(action: str, code: int) -> None:
    assert passing(action).wait() == code


def test_a_stopped_process_goes_on_when_continued() -> None:
    process = passing("stop")
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    process.send_signal(signal.SIGCONT)
    assert process.wait() == 0


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("checkpoint.after_lunch=kill9", "no failpoint is called 'checkpoint.after_lunch'; there are claim."),
        ("finish.before=explode", "finish.before asks for 'explode'; actions are kill9, stop"),
        ("finish.before", "finish.before asks for ''"),
        ("finish.before=kill9@0", "names passage '0'; it must be a number from 1 on"),
        ("finish.before=kill9@soon", "names passage 'soon'"),
    ],
)
def test_a_misspelt_point_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match="FAILPOINTS: ") as refusal:
        arm({"FAILPOINTS": text})
    assert sentence in str(refusal.value)


@pytest.mark.parametrize("module", ["worker", "api"])
def test_a_process_with_a_misspelt_point_does_not_start(module: str, tmp_path: Path) -> None:
    environ = {"FAILPOINTS": "a.b=kill9", "EPOCHD_STATE_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-m", module], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "no failpoint is called 'a.b'" in done.stderr


def test_every_listed_point_is_reached_where_said_and_no_other_is() -> None:
    found = [
        (name, str(path.relative_to(ROOT)))
        for room in ("api", "cli", "shared", "worker")
        for path in sorted((ROOT / room).rglob("*.py"))
        for name in reached(path)
    ]
    assert sorted(found) == sorted(NAMES.items())
    assert max(Counter(name for name, _ in found).values()) == 1


def test_an_unset_variable_leaves_nothing_armed() -> None:
    arm({"FAILPOINTS": "finish.before=raise"})
    arm({})
    assert not failpoints._armed


def passing(action: str) -> subprocess.Popen[bytes]:
    code = (
        f"from shared.failpoints import *; arm({{VARIABLE: 'spawn.before={action}'}}); reach('spawn.before')"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)


def reached(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reach":
            argument = node.args[0]
            assert isinstance(argument, ast.Constant), f"{path} reaches a point whose name is no constant"
            yield str(argument.value)
