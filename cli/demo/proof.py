"""Whether the demo really happened: complaints about what was seen of the job, and about its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """What was seen of the job."""

    checkpoint: Json
    """The newest it had when it was cancelled."""
    final: Json
    """The job after it was resumed and ended."""
    artifacts: list[Json]
    """What it left."""


def complaints(story: Story, run_dir: Path) -> Iterator[str]:
    """One sentence for each thing that should have happened and did not."""
    final = story.final
    if final["status"] != "succeeded":
        yield f"the resumed job {final['status']}: {final['message']}"
    yield from _about_the_resume(story.checkpoint, final)
    yield from _about_the_files(story.artifacts, run_dir)


def _about_the_resume(checkpoint: Json, final: Json) -> Iterator[str]:
    steps = final["progress"]["steps"]
    if not 0 < checkpoint["step"] < steps:
        yield f"the job was cancelled at step {checkpoint['step']} of {steps}, which is not half way"
    yield from _about_the_attempts(checkpoint["id"], final["attempts"])
    if final["progress"]["step"] != steps:
        yield f"the job ended at step {final['progress']['step']} of {steps}"


def _about_the_attempts(newest: str, attempts: list[Json]) -> Iterator[str]:
    """One before the cancel, one after it."""
    if len(attempts) < 2:
        yield "the job never had a second attempt"
        return
    resumed_from = attempts[1]["resumed_from"]
    if resumed_from != newest:
        yield f"the resume went on from {resumed_from}, the newest checkpoint was {newest}"
    for attempt in attempts[1:-1]:
        yield f"attempt {attempt['attempt']} ended with {attempt['outcome']}: {attempt['message']}"


def _about_the_files(artifacts: list[Json], run_dir: Path) -> Iterator[str]:
    paths = [artifact["path"] for artifact in artifacts]
    if not any(path.endswith("results.json") for path in paths):
        yield "there is no results.json among the artifacts"
    if not any(path.endswith(".png") for path in paths):
        yield "there is no figure among the artifacts"
    for artifact in artifacts:
        file = run_dir / "artifacts" / artifact["path"]
        if not file.is_file() or file.stat().st_size != artifact["bytes"]:
            yield f"{file} is not the file that was registered"
