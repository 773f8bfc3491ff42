"""Run as a script: kills trainers that save beside training at random moments, and looks at what is left.

`python -m tests.integration.kill_beside SEED ROOT KILLS` prints as JSON which attempts were killed, which of
them with a save in flight, and a sentence for whatever was not as it must be.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
import time
from functools import partial
from pathlib import Path

from shared.errors import CorruptCheckpoint
from shared.rundir import RunDir
from tests.integration.kill_many import run_and_kill
from tests.integration.planted import spec_of, write_order
from worker.protocol import decode
from worker.training.checkpoint import CheckpointStore
from worker.training.files import Files

SPEC = spec_of(
    trainer={"epochs": 80}, checkpoint={"every_steps": 1, "keep_last": 2, "background_from_mib": 0}
)
"""Over three hundred steps, and a save in flight at nearly all of them."""
LINES = (8, 40)
LATER_SECONDS = 0.02


def main(arguments: list[str]) -> None:
    importlib.import_module("torch._dynamo")  # an optimizer imports it; once here instead of once a fork
    randomness, root = random.Random(int(arguments[0])), Path(arguments[1])
    said: dict[str, list[str]] = {"killed": [], "in_flight": [], "wrong": []}
    for attempt in range(1, int(arguments[2]) + 1):
        order = write_order(root, attempt, SPEC)
        later = randomness.uniform(0, LATER_SECONDS)
        if not run_and_kill(order, randomness.randint(*LINES), partial(spin, later)):
            break
        said["killed"].append(order.parent.name)
        if any(RunDir(root).checkpoints.glob(".tmp-*")):
            said["in_flight"].append(order.parent.name)
        said["wrong"] += look(root, order.parent / "events.jsonl")
    sys.stdout.write(json.dumps(said))


def spin(seconds: float) -> None:
    """Let some time pass while the trainer runs."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def look(root: Path, events: Path) -> list[str]:
    """What is wrong with the checkpoints: each must be whole, and the last that was told must be there."""
    store = CheckpointStore(RunDir(root).checkpoints, Files())
    wrong = []
    for name in store.ids():
        try:
            store.verify(name)
        except CorruptCheckpoint as error:
            wrong.append(f"{events.parent.name}: {name} {error.message}")
    told = [decode(line) for line in events.read_bytes().split(b"\n")[:-1] if line]
    written = [message["id"] for message in told if message["type"] == "checkpoint"]
    if written and written[-1] not in store.ids():
        wrong.append(f"{events.parent.name}: {written[-1]} was told and is gone")
    return wrong


if __name__ == "__main__":
    main(sys.argv[1:])
