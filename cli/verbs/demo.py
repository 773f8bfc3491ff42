"""`epochd demo`: one real job through the REST API, from submit to plots, in a few minutes."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from cli import figures
from cli.client import Client
from cli.console import remark, say
from cli.demo.acts import play
from cli.demo.proof import complaints
from cli.demo.service import local_service
from cli.demo.summary import summary
from cli.exits import Exit
from cli.watching.screens import fitting_screen

DESCRIPTION = """\
Starts a service of its own, trains a forecaster on real daily prices through the REST API, cancels it half
way, resumes it, and prints what came out. Exits with 0 only if all of it really happened."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `demo`."""
    parser.add_argument("--state-dir", type=Path, help="where to keep everything (a new temporary folder)")


def run(arguments: argparse.Namespace) -> int:
    """Play the demo and judge it."""
    began = time.monotonic()
    state_dir = _state_dir(arguments.state_dir)
    say(f"epochd demo. Everything is kept in {state_dir}.\n")
    with local_service(state_dir) as url, Client(url) as client:
        story = play(client, fitting_screen(as_json=False), say)
    run_dir = state_dir / "runs" / story.final["id"]
    problems = list(complaints(story, run_dir))
    say()
    for line in summary(story, url, state_dir, run_dir):
        say(line)
    for problem in problems:
        remark(f"epochd: the demo did not work: {problem}")
    if problems:
        return Exit.SERVICE_ERROR
    say(f"\nAll of it happened, in {figures.duration(time.monotonic() - began)}.")
    return Exit.OK


def _state_dir(given: Path | None) -> Path:
    if given is None:
        return Path(tempfile.mkdtemp(prefix="epochd-demo-"))
    given.mkdir(parents=True, exist_ok=True)
    return given.resolve()
