"""`celery -A worker.app worker` with no flags or a few: what people expect of it, by a real process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from shared.jobs.status import JobStatus
from shared.models import Worker
from tests.e2e.embedded import wait_until
from tests.factories import submit_job
from tests.integration.stack.fleet import LONG, Fleet
from tests.servers import ValkeyServer

PLAIN = ("celery", "-A", "worker.app", "worker")


def test_without_flags_it_has_a_thread_per_slot_and_no_chatter(stack: Fleet, valkey: ValkeyServer) -> None:
    stack.worker(*PLAIN)
    stats = stack.inspect("stats")
    assert stats["pool"]["implementation"] == "celery.concurrency.thread:TaskPool"
    assert stats["pool"]["max-concurrency"] == row(stack).slots == stack.times["slots"]
    assert listens(stack) == {"cpu"}  # nobody offers a GPU here
    assert row(stack).queues == ["cpu"]
    assert stack.inspect("ping") == {"ok": "pong"}
    with valkey.client() as client:
        assert client.pubsub_numpat() == 1, "it listens to remote commands, and gossip would listen to events"
    assert "mingle" not in stack.log()


def test_its_flags_mean_what_they_say(stack: Fleet) -> None:
    stack.worker(*PLAIN, "-P", "threads", "-c", "3", "-Q", "cpu", "-n", "own@%h", "--loglevel=INFO")
    stats = stack.inspect("stats", name="own")
    assert stats["pool"]["max-concurrency"] == row(stack).slots == 3
    log = stack.log()
    assert '"level": "info"' in log and "mingle" not in log


def test_with_gpus_it_serves_both_queues_and_has_a_slot_for_each(stack: Fleet) -> None:
    del stack.times["slots"]
    stack.times["gpus"] = 6
    stack.environ_extra["CUDA_VISIBLE_DEVICES"] = "0,1,2,3,4,5"
    stack.worker(*PLAIN)
    assert listens(stack) == {"cpu", "gpu"}
    assert (row(stack).slots, row(stack).gpus) == (6, 6)
    assert stack.inspect("stats")["pool"]["max-concurrency"] == 6


def test_inspect_active_shows_the_job_that_runs(stack: Fleet) -> None:
    stack.control()
    stack.worker(*PLAIN)
    assert stack.inspect("active") == []
    job = submit_job(stack.database, **LONG, name="the long one")
    stack.await_status(job.id, JobStatus.RUNNING)
    (shown,) = stack.inspect("active")
    assert (shown["id"], shown["name"], shown["args"]) == (job.id, "epochd.work", ["cpu"])
    assert shown["job"] == {"name": "the long one", "workload": "noop", "attempt": 1, "gpus": []}


def test_a_job_the_claim_loop_found_is_shown_too(stack: Fleet) -> None:
    stack.times["fallback_poll_seconds"] = 0.5
    stack.worker(*PLAIN)
    job = submit_job(stack.database, **LONG)
    stack.await_status(job.id, JobStatus.RUNNING)
    assert [shown["id"] for shown in stack.inspect("active")] == [job.id]


@pytest.mark.parametrize(
    ("flags", "environ", "sentence"),
    [
        (("-Q", "gpu"), {}, "-Q names the queue 'gpu' and this worker offers no GPU"),
        (("-Q", "celery"), {}, "-Q names the queue 'celery'; there are cpu and gpu"),
        (("--autoscale", "4,1"), {}, "slots are fixed"),
        ((), {"FAILPOINTS": "claim.nowhere=kill9"}, "no failpoint is called 'claim.nowhere'"),
        ((), {"EPOCHD_GPUS": "2", "CUDA_VISIBLE_DEVICES": "0"}, "2 GPUs are to be offered and 1 can be seen"),
    ],
)
def test_what_cannot_be_followed_is_one_sentence(
    stack: Fleet, flags: tuple[str, ...], environ: dict[str, str], sentence: str
) -> None:
    argv = [sys.executable, "-m", *PLAIN, *flags]
    told = {**stack.environ, **environ}
    done = subprocess.run(argv, env=told, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert sentence in done.stderr and "Traceback" not in done.stderr


def test_failpoints_are_armed_once_at_its_start(stack: Fleet) -> None:
    stack.environ_extra["FAILPOINTS"] = "claim.after_commit=kill9@2"
    stack.times["fallback_poll_seconds"] = 0.2
    worker = stack.worker(*PLAIN)
    first = submit_job(stack.database, **LONG)
    stack.await_status(first.id, JobStatus.RUNNING)
    assert worker.poll() is None
    submit_job(stack.database, **LONG)
    wait_until(lambda: worker.poll() == -9, "the failpoint", 60)


def listens(stack: Fleet) -> set[str]:
    """The queues it hears, but for its canary's."""
    names = {queue["name"] for queue in stack.inspect("active_queues")}
    return {name for name in names if not name.startswith("canary.")}


def row(stack: Fleet) -> Worker:
    """What it told the database."""
    with stack.database.read() as session:
        (worker_id,) = stack.alive()
        return session.get_one(Worker, worker_id)
