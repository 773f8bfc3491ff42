"""Trainings that went wrong unseen for days end before their first step, with a sentence to act on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from cli.exits import Exit
from shared.specs.guards import GUARDS
from tests.e2e.running import Running, epochd_up
from tests.e2e.stories.contract import offer


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    packages = tmp_path_factory.mktemp("packages")
    offer(packages)
    with epochd_up(tmp_path_factory.mktemp("stories"), path=packages) as service:
        yield service


def run_to_its_end(running: Running, *settings: str) -> tuple[int, dict[str, Any]]:
    flags = [word for setting in settings for word in ("--set", setting)]
    watched = running.epochd("submit", "--workload", "story", "--watch", *flags)
    assert watched.stdout, watched.stderr
    job: dict[str, Any] = json.loads(running.epochd("show", watched.stdout.split()[0], "--json").stdout)
    return watched.returncode, job


def test_a_loss_that_is_zero_because_no_name_matches_is_stopped(running: Running) -> None:
    code, job = run_to_its_end(running, "loss.names=other")
    assert (code, job["reason"], job["attempt"]) == (Exit.JOB_FAILED, "guard_failed", 1)
    assert job["message"].startswith("guard zero_loss: the loss of an untrained model is exactly 0; see that")
    assert '{"guards": {"skip": {"zero_loss": "why"}}}' in job["message"]
    assert job["progress"]["step"] is None


def test_without_that_guard_the_names_are_told(running: Running) -> None:
    code, job = run_to_its_end(running, "loss.names=other", "guards.skip.zero_loss=tried")
    assert (code, job["reason"]) == (Exit.JOB_FAILED, "guard_failed")
    assert job["message"].startswith(
        "guard unmatched_names: no prediction matches a target by name: the predictions are "
        "horizon_1d, horizon_5d, the targets horizon_1, horizon_5; call both sides by the same names"
    )
    assert [one["outcome"] for one in job["guards"]] == ["passed", "skipped", "failed"]
    assert job["guards"][1]["sentence"] == "left out by the spec: tried"


def test_a_decoder_whose_tuple_is_read_in_the_wrong_order_is_stopped(running: Running) -> None:
    code, job = run_to_its_end(running, "loss.order=swapped")
    assert (code, job["reason"], job["attempt"]) == (Exit.JOB_FAILED, "guard_failed", 1)
    assert job["message"].startswith("guard misread_outputs: a perfect answer scores ")
    assert "in the order and by the names that forward returns them" in job["message"]


def test_the_mended_training_learns_and_its_guards_are_in_the_job_and_in_its_results(
    running: Running,
) -> None:
    code, job = run_to_its_end(running)
    assert (code, job["status"]) == (Exit.OK, "succeeded"), job["message"]
    assert [one["name"] for one in job["guards"]] == list(GUARDS)
    assert {one["outcome"] for one in job["guards"]} == {"passed", "skipped"}
    assert list(job["results"]["run"]["guards"]) == list(GUARDS)
    shown = running.epochd("show", job["id"]).stdout
    assert "zero_loss" in shown and "misread_outputs" in shown


def test_an_unknown_guard_and_an_empty_reason_are_refused_at_submission(running: Running) -> None:
    refused = running.epochd("submit", "--workload", "story", "--set", "guards.skip.zero=because")
    assert refused.returncode == Exit.REFUSED
    assert "no guard is called 'zero'; there are non_finite, zero_loss" in refused.stderr
    silent = running.epochd("submit", "--workload", "story", "--set", 'guards.skip.zero_loss=" "')
    assert silent.returncode == Exit.REFUSED
    assert "say why the guard zero_loss is left out" in silent.stderr
