"""What trainer and supervisor say to each other through files: the order, the messages, the exit codes.

One message is one JSON line of the attempt's `events.jsonl`, ended by a newline; a line without one is not
yet said. Every message carries `type` and `time` (Unix seconds). The fields of each type:

    started     pid, device, parameters, published_parameters, threads, environment, allocator
    resumed     checkpoint, epoch, step, exact, why        (step 0 where there was no checkpoint)
    trial       batch_size, accumulate, samples_per_second, presses, ...       one micro-batch that was tried
    plan        batch_size, accumulate, exact, why, trials, adjustments       the micro-batch that was chosen
    estimate    parameters, *_bytes, batch_size, fits, method, message, ...      what training will take
    stage       name                                       plan | data | model | train | evaluate | done
    progress    epoch, epochs, step, steps, percent, eta_seconds, samples_per_second, learning_rate,
                data_wait_share
    points      split, epoch, step, values {name: number | null}      null is a value that is not finite
    best        metric, value, epoch, step                 also after a resume, which may have gone back
    memory      step, sample {field: number}
    checkpoint  id, epoch, step, bytes, sha256, exact, best, seconds     seconds from the copy to the disk
    checkpoint_found   the same and attempt: resumed from, lest its writer died before it could tell
    checkpoint_gone    id, why                              retention
    checkpoint_bad     id, why                              quarantined
    checkpoint_failed  why, step                            training went on
    checkpoint_way     background, copy_bytes, why          of a large state: copied, or why it is not
    checkpoint_interval  seconds, cost_seconds, lost_seconds       by the clock, moved by what saves cost
    artifact    id, path, bytes, sha256, media_type        path beneath the artifacts folder
    recovered   cause, part, step, before, batch_size, accumulate, eval_batch_size, recoveries, exact, why,
                adjustments, in_process               memory ran out; from here on fewer samples at once
    guard       name, outcome, seconds, sentence            passed | failed | skipped; before the first step
    warning     code, message                              among them step_skipped, plateau, divergence
    failed      code, message                               the last line of a trainer that gives up
    finished    results                                     the last line of a trainer that is done

`epoch` counts from 1 in progress, points and best, and is the number of whole epochs trained in resumed and
checkpoint; `step` is the number of optimizer steps taken. A resume voids the points after its step.
`memory` is said by a thread of its own: it shows that the process lives, not that training goes on.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal

Message = dict[str, Any]


class ExitCode(IntEnum):
    """How a trainer ends. Anything else, and every signal, is a crash."""

    DONE = 0
    REFUSED = 65
    """Spec or data cannot work; another try would end the same."""
    CRASHED = 70
    """An exception nobody expected; told in the last message."""
    BUSY = 73
    """Another trainer holds the run directory."""
    INTERRUPTED = 75
    """Asked to stop; a checkpoint holds everything."""
    CUDA_OUT_OF_MEMORY = 77
    """The GPU had none left for an allocation."""
    HOST_OUT_OF_MEMORY = 78
    """The machine, or a limit on the process, refused an allocation."""
    LOADER_KILLED = 79
    """A data loader worker was killed; who did it, the supervisor finds out."""
    RANK_KILLED = 80
    """One of several training processes was killed; who did it, the supervisor finds out."""
    GPU_UNUSABLE = 81
    """The machine cannot use the GPU that was given; another may."""


@dataclass(frozen=True)
class Order:
    """What a supervisor asks of a trainer."""

    job_id: str
    attempt: int
    workload: str
    implementation: str
    """`package.module:ATTRIBUTE` of the Workload."""
    spec_type: str
    """`package.module:CLASS` of the spec."""
    spec: dict[str, Any]
    """The effective spec."""
    adjustments: list[dict[str, Any]]
    run_dir: str
    data_root: str
    resume: Literal["last", "best"] | str = "last"
    """Which checkpoint to go on from: the newest that verifies, the best, or one by its id."""
    has_checkpoints: bool = False
    """The job is known to have written one: where none is found the run directory is not the job's."""
    pieces: dict[str, Any] | None = None
    """How many samples to take at once since memory ran out, fields of worker.recovery.Pieces; None where it
    never did."""
    init_checkpoint: str | None = None
    """Folder of the foreign checkpoint whose weights a job without checkpoints starts from."""

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), allow_nan=False), encoding="utf-8")


def read_order(path: Path) -> Order:
    """The order as it was written."""
    return Order(**json.loads(path.read_text(encoding="utf-8")))


_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
"""Made once: a fast loop tells a point at every step."""


def encode(message: Message) -> bytes:
    """One line. NaN and infinity must have been turned into null before."""
    return _ENCODER.encode(message).encode() + b"\n"


def decode(line: bytes) -> Message:
    """The message of one line. Raises ValueError where the line is no JSON object with a type and a time."""
    message = json.loads(line)
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ValueError("not a message")
    if not isinstance(message.get("time"), (int, float)):
        raise ValueError("a message without its time")
    return message
