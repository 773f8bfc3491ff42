"""The table of where each promise is kept names files that exist and commands that are understood."""

from __future__ import annotations

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

from tests.nemesis.__main__ import _parse
from tests.simulation.__main__ import _parse as parse_simulation

ROOT = Path(__file__).parents[2]
README = ROOT / "tests/nemesis/README.md"
HEADING, RUNS = "## Where each promise is kept", "## What was run"


def rows() -> list[str]:
    """The rows of the table, without its head."""
    text = README.read_text(encoding="utf-8")
    section = text[text.index(HEADING) : text.index(RUNS)]
    return [line for line in section.splitlines() if line.startswith("| ")][1:]


def named() -> list[str]:
    """Every file and command of the table."""
    return [name for row in rows() for name in re.findall(r"`([^`]+)`", row)]


def test_every_file_of_the_table_exists() -> None:
    files = [name for name in named() if name.startswith("tests/")]
    assert len(files) >= 12
    assert [name for name in files if not (ROOT / name).is_file()] == []


def test_every_command_of_the_table_is_understood() -> None:
    commands = [shlex.split(name) for name in named() if not name.startswith("tests/")]
    assert len(commands) >= 8
    for command in commands:
        if command[:3] == ["./run", "nemesis", "simulate"]:
            parse_simulation(command[3:])
        elif command[:2] == ["./run", "nemesis"]:
            _parse(command[2:])
        else:
            assert command[:2] == ["python", "-m"] and find_spec(command[2]) is not None, command


def test_every_row_says_what_how_often_and_where() -> None:
    for row in rows():
        what, often, where = (cell.strip() for cell in row.strip("|").split("|"))
        assert what and re.search(r"[0-9]|once", often) and "`" in where, row


def test_the_file_ends_in_the_table_of_runs() -> None:
    text = README.read_text(encoding="utf-8")
    assert text.index(HEADING) < text.index(RUNS)
    assert all(line.startswith("|") for line in text[text.index(RUNS) :].splitlines()[2:])
