"""What a job leaves behind: checkpoints and artifacts."""

from __future__ import annotations

from datetime import datetime

from pydantic import ConfigDict

from api.schemas.shape import JOB_ID, TIME, View, example


class CheckpointView(View):
    """A checkpoint that was published."""

    id: str
    attempt: int
    epoch: int
    step: int
    bytes: int
    sha256: str
    """Of the manifest, which holds those of the files."""
    best: bool
    state: str
    """ready, deleted (retention) or corrupt (quarantined)."""
    created_at: datetime


class CheckpointList(View):
    """Checkpoints, newest first."""

    model_config = ConfigDict(
        json_schema_extra=example(
            checkpoints=[
                {
                    "id": "step-000000012.a0001",
                    "attempt": 1,
                    "epoch": 1,
                    "step": 12,
                    "bytes": 48_000_000,
                    "sha256": "9f" * 32,
                    "best": True,
                    "state": "ready",
                    "created_at": TIME,
                }
            ]
        )
    )

    checkpoints: list[CheckpointView]


class ArtifactView(View):
    """A file that a job left for its user."""

    id: str
    """Opaque."""
    attempt: int
    path: str
    """What its maker called it; for display only."""
    media_type: str
    bytes: int
    sha256: str
    created_at: datetime
    href: str
    """Where to download it; ranges are answered."""


class ArtifactList(View):
    """Artifacts by path."""

    model_config = ConfigDict(
        json_schema_extra=example(
            artifacts=[
                {
                    "id": "3c9d0f3a5b7e21c4d6f8",
                    "attempt": 1,
                    "path": "figures/curves.png",
                    "media_type": "image/png",
                    "bytes": 41_230,
                    "sha256": "9f" * 32,
                    "created_at": TIME,
                    "href": f"/jobs/{JOB_ID}/artifacts/3c9d0f3a5b7e21c4d6f8",
                }
            ]
        )
    )

    artifacts: list[ArtifactView]
