"""Run as a script in a mount namespace of its own: trains on a small tmpfs that is full for a while.

`python -m tests.integration.small_volume FOLDER foreseen|met` prints what became of it as JSON.
"""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from shared.errors import CheckpointError
from shared.rundir import RunDir
from tests.integration.planted import checkpoint_ids, final_state, spec_of, told, write_order
from tests.integration.trainers import train
from worker.training.checkpoint import CheckpointStore
from worker.training.files import Files

SPEC = spec_of(checkpoint={"every_steps": 2, "keep_last": 2})
SIZE = 8 * 1024 * 1024
LEFT = 8192
"""Bytes a full volume still has: the first file of a checkpoint fits, the others do not."""


class Blind(Files):
    """Believes that there is space, so that the kernel has to say no."""

    def free_bytes(self, path: Path) -> int:
        return SIZE


def main(folder: Path, foresight: str) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "epochd", str(folder)]
    if subprocess.run(mount, check=False).returncode != 0:
        sys.exit("cannot mount")
    root = folder / "run"
    files = Files() if foresight == "foreseen" else Blind()
    first = attempt(root, 1, files, fill_after=3)
    survivors = [CheckpointStore(RunDir(root).checkpoints, Files()).verify(name).id for name in ids(root)]
    ballast(folder).unlink()
    second = attempt(root, 2, Files(), fill_after=None)
    sys.stdout.write(
        json.dumps(
            {
                "first": first,
                "second": second,
                "survivors": survivors,
                "steps": max(point["step"] for point in told(root, "points")),
                "failures": [message["why"] for message in told(root, "checkpoint_failed")],
                "tensors": final_state(root)["tensors"],
            },
            default=str,
        )
    )


def attempt(root: Path, number: int, files: Files, fill_after: int | None) -> str:
    """Train; the volume is full from that step on. The exit code, or the error that ended it."""

    def listen(kind: str, fields: dict[str, Any]) -> None:
        if kind == "points" and fields["step"] == fill_after and not ballast(root.parent).exists():
            fill(ballast(root.parent))

    order = write_order(root, number, SPEC)
    try:
        ended = train(order, files=files, listen=listen)
    except CheckpointError as error:
        return type(error).__name__
    return "killed" if ended is None else ended.name


def ids(root: Path) -> list[str]:
    return checkpoint_ids(root)


def ballast(folder: Path) -> Path:
    return folder / "ballast"


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        file.truncate(file.tell() - LEFT)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
