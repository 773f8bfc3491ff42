"""The manifest of a checkpoint: what was written, by whom, and how to know that it is whole. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from shared.errors import CheckpointError, CorruptCheckpoint
from worker.training.files import FileDigest

FORMAT = 2
"""1 did not tell the data."""
READ = (1, FORMAT)
MANIFEST_NAME = "manifest.json"
ID_PATTERN = re.compile(r"step-(\d{9,})\.a(\d{4,})")


@dataclass(frozen=True)
class BestSoFar:
    """The best epoch of the line of training that a checkpoint ends."""

    metric: str
    value: float
    epoch: int
    """Counted from 1."""
    step: int
    checkpoint: str | None
    """Its checkpoint, where one was written."""


@dataclass(frozen=True)
class Manifest:
    """Written last: a checkpoint without it is not one."""

    job_id: str
    attempt: int
    epoch: int
    """Whole epochs trained."""
    step: int
    """Optimizer steps taken."""
    samples: int
    """Samples of the epoch in work that were consumed; 0 between epochs."""
    time: float
    """Unix seconds."""
    spec_sha256: str
    epochs: int
    """Epochs the job was to train when this was written."""
    environment: Mapping[str, Any]
    exact: bool
    """Whether every resume before this one was bit for bit."""
    why: str
    is_best: bool
    best: BestSoFar | None
    files: Mapping[str, FileDigest]
    data: Mapping[str, Any] = field(default_factory=dict)
    """The identity of the data it was trained on; empty where that was not told."""

    @property
    def id(self) -> str:
        return checkpoint_id(self.step, self.attempt)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files.values())


def checkpoint_id(step: int, attempt: int) -> str:
    """The folder name of a checkpoint, such as `step-000000120.a0001`."""
    return f"step-{step:09d}.a{attempt:04d}"


def newest_first(ids: list[str]) -> list[str]:
    """Later attempts before earlier ones, whatever their step: a resume from an older checkpoint rewinds."""
    return sorted(ids, key=_attempt_and_step, reverse=True)


def encode_manifest(manifest: Manifest) -> bytes:
    """JSON whose last field is the SHA-256 of all before it."""
    body = {"format": FORMAT, **asdict(manifest)}
    return _dump({**body, "sha256": hashlib.sha256(_dump(body)).hexdigest()}) + b"\n"


def decode_manifest(raw: bytes) -> Manifest:
    """The inverse, byte for byte. Raises CorruptCheckpoint; CheckpointError where the format is unknown."""
    fields = _sealed_fields(raw)
    if fields.pop("format") not in READ:
        raise CheckpointError("the checkpoint was written by another version of epochd")
    best, files = fields.pop("best"), fields.pop("files")
    return Manifest(
        **fields,
        best=None if best is None else BestSoFar(**best),
        files={name: FileDigest(**file) for name, file in files.items()},
    )


def _sealed_fields(raw: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(raw)
        seal = fields.pop("sha256")
        body = _dump(fields)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptCheckpoint(f"{MANIFEST_NAME} does not parse") from error
    if hashlib.sha256(body).hexdigest() != seal or raw != _dump({**fields, "sha256": seal}) + b"\n":
        raise CorruptCheckpoint(f"{MANIFEST_NAME} does not match its own hash")
    return dict(fields)


def _dump(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, allow_nan=False, separators=(",", ":")).encode()


def _attempt_and_step(name: str) -> tuple[int, int]:
    match = ID_PATTERN.fullmatch(name)
    assert match is not None, name
    return int(match[2]), int(match[1])
