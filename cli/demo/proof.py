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

    cancelled: Json
    """The job after it was cancelled."""
    final: Json
    """The job after it was resumed and ended."""
    artifacts: list[Json]
    """What it left."""


def complaints(story: Story, run_dir: Path) -> Iterator[str]:
    """One sentence for each thing that should have happened and did not."""
    final = story.final
    if final["status"] != "succeeded":
        yield f"the resumed job {final['status']}: {final['message']}"
    yield from _about_the_resume(story.cancelled, final)
    yield from _about_the_files(story.artifacts, run_dir)


def _about_the_resume(cancelled: Json, final: Json) -> Iterator[str]:
    last = final["attempts"][-1]
    stopped_at, steps = cancelled["progress"]["step"], cancelled["progress"]["steps"]
    if stopped_at >= steps:
        yield "the job had done all its steps before it was cancelled"
    if len(final["attempts"]) < 2:
        yield "the job never had a second attempt"
    if last["resumed_step"] != stopped_at:
        yield f"the resume went on from step {last['resumed_step']}, the cancel was at step {stopped_at}"
    if final["progress"]["step"] != steps:
        yield f"the job ended at step {final['progress']['step']} of {steps}"


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
