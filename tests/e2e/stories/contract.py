"""The `story` contract: two trainings that went wrong unseen, with the bug planted or mended. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from shared.specs.contract import Contract
from shared.specs.job import JobSpec
from shared.specs.parts import Part


class StoryLoss(Part):
    names: Literal["matched", "other"] = "matched"
    """`other` calls predictions horizon_1d where targets are horizon_1, and skips what does not match."""
    order: Literal["as_returned", "swapped"] = "as_returned"
    """`swapped` takes the decoder's (mean, log_std) for (log_std, mean)."""


class StorySpec(JobSpec):
    workload: Literal["story"] = "story"
    loss: StoryLoss = StoryLoss()


STORY = Contract(
    name="story",
    summary="Forecasts two horizons as normal distributions.",
    spec_type=StorySpec,
    presets={
        "smoke": {
            "trainer": {"epochs": 3, "batch_size": 8, "threads": 1},
            "optimizer": {"name": "adam", "lr": 0.02},
            "resources": {"cpus": 0.25, "memory_gib": 0.25},
        }
    },
    default_preset="smoke",
    implementation="tests.e2e.stories.workload:WORKLOAD",
)


def offer(folder: Path) -> None:
    """Make `folder` an import path that offers the workload the way a user's package would."""
    (folder / "tests").symlink_to(Path(__file__).parents[2])
    package = folder / "story-0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: story\nVersion: 0\n")
    (package / "entry_points.txt").write_text(
        "[epochd.workloads]\nstory = tests.e2e.stories.contract:STORY\n"
    )
