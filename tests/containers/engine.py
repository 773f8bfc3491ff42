"""The container engine, by its command line. Standard library alone: nothing need be installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STAND_INS = Path(__file__).resolve().parent / "standins"

SECONDS = 120.0
BUILD_SECONDS = 1800.0
PULL_SECONDS = 300.0


class EngineError(Exception):
    """A command of the engine failed; the message holds the end of what it said."""


class Unavailable(Exception):
    """There is no engine to prove anything in."""


def refuse_without_engine() -> None:
    """Raises Unavailable, with what to do."""
    for tool in ("docker", "curl"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} is not installed; install it and run this again")
    for command, what in (
        (("info",), "engine does not answer"),
        (("compose", "version"), "compose is not there"),
    ):
        try:
            docker(*command)
        except EngineError as error:
            raise Unavailable(f"docker's {what}: {error}") from None


def docker(*arguments: str, seconds: float = SECONDS, environ: Mapping[str, str] | None = None) -> str:
    """What the command wrote to standard output. Raises EngineError."""
    return run(("docker", *arguments), seconds, environ)


def run(
    command: Sequence[str], seconds: float, environ: Mapping[str, str] | None = None, given: str | None = None
) -> str:
    """Run a command with `given` as its input. Raises EngineError where it fails or takes too long."""
    name = " ".join(command[:4])
    try:
        ended = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **(environ or {})},
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"{name} took more than {seconds:.0f} s") from None
    if ended.returncode != 0:
        raise EngineError(
            f"{name} ended with {ended.returncode}: {(ended.stderr or ended.stdout)[-1500:].strip()}"
        )
    return ended.stdout


def has_image(image: str) -> bool:
    """Whether the engine holds it."""
    try:
        docker("image", "inspect", image)
    except EngineError:
        return False
    return True


def fetch_image(image: str) -> bool:
    """Whether a registry gave it."""
    try:
        docker("pull", "--quiet", image, seconds=PULL_SECONDS)
    except EngineError:
        return False
    return True


def image_megabytes(image: str) -> float:
    """Size on the disk, with its base."""
    return int(docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e6
