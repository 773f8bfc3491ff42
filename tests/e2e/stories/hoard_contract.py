"""The `hoard` contract: trainings whose memory runs out, with the cause planted or mended. No torch."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from shared.specs.contract import Contract
from shared.specs.job import JobSpec
from shared.specs.parts import Part


class HoardModel(Part):
    mib_per_sample: int = 8
    """Of activations that a backward pass needs."""
    keeps: Literal["nothing", "every_batch"] = "nothing"
    """`every_batch` keeps a statistic of each pass with its graph, as a probe forgotten in a model does."""
    room_mib: int | None = None
    """Address space the trainer may take beyond what it has when its model is built."""
    gpu_fits: int | None = None
    """More samples at once are refused as a GPU refuses them; there need not be one."""


class HoardSpec(JobSpec):
    workload: Literal["hoard"] = "hoard"
    model: HoardModel = HoardModel()


HOARD = Contract(
    name="hoard",
    summary="Takes memory for each sample.",
    spec_type=HoardSpec,
    presets={
        "smoke": {
            "trainer": {"epochs": 2, "batch_size": 16, "eval_batch_size": 2, "threads": 1},
            "memory": {"probe": "never"},
            "resources": {"cpus": 0.25, "memory_gib": 4},
        }
    },
    default_preset="smoke",
    implementation="tests.e2e.stories.hoard_workload:WORKLOAD",
)


def offer_hoard(folder: Path) -> None:
    """Make `folder` an import path that offers the workload the way a user's package would."""
    (folder / "tests").symlink_to(Path(__file__).parents[2])
    package = folder / "hoard-0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: hoard\nVersion: 0\n")
    (package / "entry_points.txt").write_text(
        "[epochd.workloads]\nhoard = tests.e2e.stories.hoard_contract:HOARD\n"
    )
