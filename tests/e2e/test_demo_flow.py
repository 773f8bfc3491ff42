"""The story of the demo in small, through the command and real processes: nothing here is faked."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cli.exits import Exit
from cli.main import main
from tests.e2e.embedded import wait_until
from tests.e2e.running import Running, epochd_up

Json = dict[str, Any]

SMALL = ("--workload", "celestial", "--preset", "smoke", "--set", "data.rows=200")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with epochd_up(tmp_path_factory.mktemp("flow")) as service:
        yield service


def job_of(running: Running, job_id: str) -> Json:
    job: Json = json.loads(running.epochd("show", job_id, "--json").stdout)
    return job


def submit(running: Running, *flags: str) -> str:
    return running.epochd("submit", *flags).stdout.strip()


def test_a_job_that_is_watched_ends_with_the_code_of_its_success(running: Running) -> None:
    watched = running.epochd("submit", "--workload", "noop", "--watch")
    assert watched.returncode == Exit.OK, watched.stderr
    job_id, *lines = watched.stdout.splitlines()
    assert lines[-1].startswith("succeeded")
    assert job_id in running.epochd("list", "--status", "succeeded").stdout


def test_a_job_over_data_that_is_not_there_fails_with_a_sentence_and_its_exit_code(running: Running) -> None:
    watched = running.epochd("submit", *SMALL, "--set", "data.path=missing.csv", "--watch")
    assert watched.returncode == Exit.JOB_FAILED
    job = job_of(running, watched.stdout.splitlines()[0])
    assert job["reason"] == "invalid_data"
    assert "missing.csv" in job["message"]


def test_a_cancelled_job_goes_on_exactly_where_it_stood_and_leaves_its_results(
    running: Running, tmp_path: Path
) -> None:
    job_id = submit(running, *SMALL, "--set", "trainer.epochs=12", "--set", "checkpoint.every_steps=2")
    wait_until(lambda: running.steps(job_id) >= 4, "the fourth step")
    assert running.epochd("cancel", job_id).returncode == Exit.OK
    assert running.epochd("watch", job_id).returncode == Exit.JOB_CANCELLED
    resumed = running.epochd("resume", job_id, "--watch")
    assert resumed.returncode == Exit.OK, resumed.stdout
    job = job_of(running, job_id)
    first, second = job["attempts"]
    assert first["outcome"] == "cancelled_by_user"
    assert second["exact"] is True, second["exact_why"]
    assert 4 <= second["resumed_step"] < job["progress"]["steps"]
    assert job["progress"]["step"] == job["progress"]["steps"]
    assert_every_epoch_once(running, job)
    assert_results(running, job, tmp_path)


def assert_every_epoch_once(running: Running, job: Json) -> None:
    """The history of a resumed job has each epoch's loss once, as that of a straight run."""
    points = json.loads(
        running.epochd("metrics", job["id"], "--split", "val", "--name", "loss", "--json").stdout
    )
    epochs = [point["epoch"] for point in points["points"]]
    assert epochs == list(range(1, job["progress"]["epochs"] + 1))


def assert_results(running: Running, job: Json, folder: Path) -> None:
    """What the job left can be downloaded and says what the job says."""
    fetched = running.epochd("artifacts", job["id"], "get", "--to", str(folder))
    assert fetched.returncode == Exit.OK, fetched.stderr
    results = json.loads((folder / "results.json").read_text())
    assert results["total_parameters"] == job["results"]["total_parameters"] > 0
    assert sorted((folder / "figures").glob("*.png"))
    on_disk = running.state_dir / "runs" / job["id"] / "artifacts" / "results.json"
    assert on_disk.read_bytes() == (folder / "results.json").read_bytes()


def test_what_the_service_refuses_is_told_field_by_field(running: Running) -> None:
    refused = running.epochd("submit", "--workload", "noop", "--set", "trainer.epoch=3")
    assert refused.returncode == Exit.REFUSED
    assert "trainer.epoch" in refused.stderr
    assert running.epochd("show", "nosuchjob").returncode == Exit.REFUSED


def test_a_second_service_on_the_same_state_is_refused(running: Running) -> None:
    command = [sys.executable, "-m", "cli", "up", "--port", "0", "--state-dir", str(running.state_dir)]
    second = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert second.returncode == Exit.USAGE
    assert f"(pid {running.process.pid})" in second.stderr


def test_a_worker_that_dies_is_replaced_and_runs_jobs_again(running: Running) -> None:
    running.named("worker")[0].kill()
    watched = running.epochd("submit", "--workload", "noop", "--watch")
    assert watched.returncode == Exit.OK, watched.stderr


def test_a_watcher_outlives_the_api_and_sees_the_job_end(running: Running) -> None:
    flags = ("--set", "data.step_seconds=0.1", "--set", "data.samples=16", "--set", "trainer.epochs=5")
    command = [sys.executable, "-m", "cli", "submit", "--workload", "noop", *flags, "--watch"]
    with subprocess.Popen([*command, "--url", running.url], stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        job_id = watching.stdout.readline().strip()
        wait_until(lambda: running.steps(job_id) >= 2, "the second step")
        running.named("--controller")[0].kill()
        told = watching.stdout.read()
        assert watching.wait(120) == Exit.OK, told
    assert "trying again in" in told
    assert told.splitlines()[-1].startswith("succeeded · attempt 1")


def test_sigterm_leaves_no_process_and_a_running_job_goes_on_at_the_next_start(tmp_path: Path) -> None:
    with epochd_up(tmp_path) as service:
        job_id = submit(service, "--workload", "noop", "--set", "data.step_seconds=0.05",
                        "--set", "data.samples=40", "--set", "trainer.epochs=3")  # fmt: skip
        wait_until(lambda: service.steps(job_id) >= 2, "the second step")
        family = service.family()
        assert len(family) >= 4
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(90) == Exit.OK
        # Whom the kernel ends with its parent, it ends a moment later.
        wait_until(lambda: all(_is_gone(process) for process in family), "the end of all", 10)
    with epochd_up(tmp_path) as again:
        assert again.epochd("watch", job_id).returncode == Exit.OK
        assert [attempt["outcome"] for attempt in job_of(again, job_id)["attempts"]] == [
            "worker_shutdown",
            "completed",
        ]


def test_the_demo_plays_to_its_end_and_judges_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo of the README over a smaller job; its own checks decide the exit code."""
    small = {"workload": "celestial", "data": {"rows": 200}, "trainer": {"epochs": 16}}
    monkeypatch.setattr("cli.demo.acts.SPEC", small)
    assert main(["demo", "--state-dir", str(tmp_path)]) == Exit.OK
    told = capsys.readouterr().out
    assert "exact resume: yes" in told
    assert "persistence" in told and "linear" in told


def _is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
