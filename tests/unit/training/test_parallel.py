"""The parts of a training in several processes that need only one: whose end counts, what is put together."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch

from worker.protocol import ExitCode
from worker.training.failure import Failure, failure_of
from worker.training.parallel.ending import Ended, cause, is_settled, somebody_fell
from worker.training.parallel.generators import RankRng
from worker.training.parallel.measured import Seen, metrics_of
from worker.training.parallel.world import World

LOST = Failure("crashed", "RuntimeError: [gloo/transport] closed", ExitCode.CRASHED, lost_others=True)
OWN = Failure("crashed", "RuntimeError: planted", ExitCode.CRASHED)
REFUSED = Failure("invalid_data", "no rows", ExitCode.REFUSED)


@pytest.mark.parametrize(
    ("ends", "code", "message"),
    [
        ([Ended(0, 0), Ended(1, 0)], ExitCode.DONE, None),
        ([Ended(0, 0)], ExitCode.DONE, None),
        ([Ended(0, 75), Ended(1, 70, LOST)], ExitCode.INTERRUPTED, None),
        ([Ended(0, 65, REFUSED), Ended(1, 65, REFUSED)], ExitCode.REFUSED, None),
        ([Ended(0, 70, LOST), Ended(1, 65, REFUSED)], ExitCode.REFUSED, "rank 1: no rows"),
        ([Ended(0, 70, LOST), Ended(2, 70, OWN)], ExitCode.CRASHED, "rank 2: RuntimeError: planted"),
        (
            [Ended(0, 70, LOST), Ended(1, -9)],
            ExitCode.RANK_KILLED,
            "rank 1 was ended by SIGKILL from outside",
        ),
        ([Ended(0, -11)], ExitCode.CRASHED, "rank 0 was ended by SIGSEGV from outside"),
        ([Ended(1, 3)], ExitCode.CRASHED, "rank 1 ended with exit code 3 and no last word"),
    ],
)
def test_the_end_that_was_the_cause_is_told(ends: list[Ended], code: ExitCode, message: str | None) -> None:
    exit_code, failure = cause(ends)
    assert (exit_code, failure and failure.message) == (code, message)


def test_who_only_lost_the_others_is_believed_last() -> None:
    assert not is_settled([Ended(0, 70, LOST)], 2)
    assert not is_settled([Ended(1, 70, OWN)], 2)  # rank 0 may be about to say the same
    assert not is_settled([Ended(1, 0)], 2)  # and trains no more, while rank 0 evaluates
    assert not is_settled([Ended(1, 75)], 2)
    assert is_settled([Ended(1, -9)], 2)
    assert is_settled([Ended(0, 70, OWN)], 2)
    assert is_settled([Ended(0, 0)], 2)
    exit_code, failure = cause([Ended(0, 70, LOST)])
    assert failure is not None
    assert exit_code == ExitCode.CRASHED
    assert failure.message.startswith("rank 0 lost the other processes, or waited too long for them")


def test_rank_0_has_all_the_time_it_needs_to_save_while_nobody_fell() -> None:
    assert not somebody_fell([])
    assert not somebody_fell([Ended(1, 0), Ended(2, 75)])
    assert somebody_fell([Ended(1, 0), Ended(2, 70, LOST)])
    assert somebody_fell([Ended(1, -9)])


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[third_party/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer [::1]:40"),
        RuntimeError("Application timeout caused pair closure"),
        RuntimeError("Timed out waiting 2000ms for recv operation to complete"),
        torch.distributed.DistBackendError("NCCL communicator was aborted on rank 0"),
    ],
)
def test_an_error_of_a_collective_is_no_cause(error: Exception) -> None:
    assert failure_of(error).lost_others


def test_other_errors_are_causes() -> None:
    assert not failure_of(RuntimeError("mat1 and mat2 shapes cannot be multiplied")).lost_others
    assert failure_of(MemoryError()).exit_code == ExitCode.HOST_OUT_OF_MEMORY


class Counter:
    def __init__(self, *seen: int) -> None:
        self.seen = list(seen)

    def update(self, outputs: Any, batch: Any) -> None:
        raise NotImplementedError

    def compute(self) -> dict[str, float]:
        return {"largest": float(max(self.seen))}

    def merge(self, other: Counter) -> None:
        self.seen += other.seen


def test_means_are_over_samples_and_not_over_processes() -> None:
    parts = [
        Seen({"loss": 6.0}, 3, Counter(1, 2)),
        Seen({"loss": 10.0}, 1, Counter(5)),
        Seen({}, 0, Counter()),
    ]
    assert metrics_of(parts) == {"loss": 4.0, "largest": 5.0}


def test_every_process_takes_its_own_generators_from_a_checkpoint_and_new_ones_draw_apart() -> None:
    ranks = [RankRng(World(rank, 2)) for rank in range(2)]
    states = []
    for seed, rng in enumerate(ranks):
        torch.manual_seed(seed)
        random.seed(seed)
        states.append(rng.state_dict())
    saved = {**states[0], "others": [states[1]]}
    drawn = []
    for rank in range(3):
        rng = RankRng(World(rank, 3))
        torch.manual_seed(99)
        rng.load_state_dict(saved)
        rng.begin(7, 4)
        drawn.append((float(torch.rand(())), random.random()))
    for seed in range(2):
        torch.manual_seed(seed)
        random.seed(seed)
        assert drawn[seed] == (float(torch.rand(())), random.random())
    assert len(set(drawn)) == 3
