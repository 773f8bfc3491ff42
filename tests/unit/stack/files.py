"""The files of the stack as values: what the compose file and the Dockerfiles say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILES = ("Dockerfile.api", "Dockerfile.gpu")
OURS = {"secrets", "migrate", "api", "controller", "worker-cpu", "worker-gpu"}


@cache
def compose() -> dict[str, Any]:
    """The compose file, with its merges done and its variables as they stand."""
    document: dict[str, Any] = yaml.safe_load(read("docker-compose.yml"))
    return document


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


@dataclass(frozen=True)
class Mount:
    """What of outside a container sees where."""

    source: str
    target: str
    read_only: bool


def mounts(service: dict[str, Any]) -> list[Mount]:
    """Both ways of writing a volume. A variable stands for its default."""
    found = []
    for volume in service.get("volumes", ()):
        if isinstance(volume, str):
            source, target, *mode = default(volume).split(":")
            found.append(Mount(source, target, mode == ["ro"]))
        else:
            found.append(Mount(volume["source"], volume["target"], volume.get("read_only", False)))
    return found


def default(text: str) -> str:
    """A text of the compose file where no variable is set."""
    return re.sub(r"\$\{\w+:-(.*?)\}", r"\1", text)


def command(service: dict[str, Any]) -> list[str]:
    return [str(word) for word in service.get("command", ())]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Word and arguments of every instruction, continued lines joined, comments left out."""
    lines = [line for line in read(dockerfile).splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [
        (line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()
    ]


def last_stage(dockerfile: str) -> list[tuple[str, str]]:
    """What the image consists of; the stages before it leave only what is copied."""
    told = instructions(dockerfile)
    start = max(index for index, (word, _) in enumerate(told) if word == "FROM")
    return told[start:]
