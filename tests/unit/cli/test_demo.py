"""The demo judges itself: each thing that did not happen is a complaint, and the summary tells what did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cli.demo.acts import is_half_done
from cli.demo.proof import Story, complaints
from cli.demo.service import _environment
from cli.demo.summary import summary
from tests.unit.cli.fake_service import a_job

Json = dict[str, Any]


def progress(step: int) -> Json:
    return {**a_job()["progress"], "step": step, "steps": 48, "percent": step / 48 * 100}


def an_attempt(number: int, **changes: Any) -> Json:
    attempt = {
        "attempt": number,
        "resumed_step": None,
        "resumed_from": None,
        "exact": None,
        "exact_why": None,
    }
    return {**attempt, **changes}


def final_job(**changes: Any) -> Json:
    resumed = an_attempt(2, resumed_step=24, resumed_from="step-000000024.a0001", exact=True)
    job = a_job(status="succeeded", progress=progress(48), attempts=[an_attempt(1), resumed])
    measured = {unit: {"overall": {"mae": 0.02, "rmse": 0.03}} for unit in ("log_price", "price")}
    results = {
        "pred_len": 10,
        "total_parameters": 123_456,
        "metrics_by_unit": measured,
        "baselines": {"persistence": measured},
    }
    return {**job, "results": results, **changes}


def crashed_once() -> Json:
    """The attempt after the cancel crashed, a third one ended the job."""
    resumed = {"resumed_step": 24, "resumed_from": "step-000000024.a0001", "exact": True}
    crashed = an_attempt(2, outcome="trainer_crashed", message="KeyError: 'x'", **resumed)
    return final_job(attempts=[an_attempt(1), crashed, an_attempt(3, resumed_from="step-000000048.a0002")])


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    (tmp_path / "artifacts").mkdir()
    for name in ("results.json", "curves.png"):
        (tmp_path / "artifacts" / name).write_bytes(b"12")
    return tmp_path


def artifacts(*names: str, size: int = 2) -> list[Json]:
    return [{"path": name, "bytes": size} for name in names]


def a_story(final: Json | None = None, stopped_at: int = 24, left: list[Json] | None = None) -> Story:
    checkpoint = {"id": f"step-{stopped_at:09d}.a0001", "step": stopped_at}
    return Story(checkpoint, final or final_job(), left or artifacts("results.json", "curves.png"))


def test_a_demo_in_which_everything_happened_has_no_complaints(run_dir: Path) -> None:
    assert list(complaints(a_story(), run_dir)) == []


@pytest.mark.parametrize(
    ("story", "sentence"),
    [
        (a_story(final_job(status="failed", message="no disk")), "the resumed job failed: no disk"),
        (a_story(stopped_at=48), "cancelled at step 48 of 48, which is not half way"),
        (a_story(final_job(attempts=[an_attempt(1)])), "never had a second attempt"),
        (
            a_story(stopped_at=20),
            "went on from step-000000024.a0001, the newest checkpoint was step-000000020.a0001",
        ),
        (a_story(final_job(progress=progress(40))), "ended at step 40 of 48"),
        (a_story(left=artifacts("curves.png")), "no results.json"),
        (a_story(left=artifacts("results.json")), "no figure"),
        (a_story(left=artifacts("results.json", "curves.png", "lost.png")), "lost.png is not the file"),
        (
            a_story(left=artifacts("results.json", "curves.png", size=3)),
            "is not the file that was registered",
        ),
    ],
)
def test_each_thing_that_did_not_happen_is_a_complaint(story: Story, sentence: str, run_dir: Path) -> None:
    assert sentence in "\n".join(complaints(story, run_dir))


def test_the_summary_tells_errors_beside_the_baselines_and_how_to_do_it_with_curl(run_dir: Path) -> None:
    text = "\n".join(summary(a_story(), "http://127.0.0.1:8642", Path("/state"), run_dir))
    assert "exact resume: yes, bit for bit" in text
    assert ["persistence", "0.02", "0.03", "0.02"] in [line.split() for line in text.splitlines()]
    assert "parameters: 123,456" in text
    assert "-X POST http://127.0.0.1:8642/jobs/" in text


def test_an_inexact_resume_is_told_with_its_reason(run_dir: Path) -> None:
    attempts = [an_attempt(1), an_attempt(2, resumed_step=24, exact=False, exact_why="torch changed")]
    text = summary(a_story(final_job(attempts=attempts)), "http://x:1", Path("/state"), run_dir)
    assert "  exact resume: no (torch changed)" in text


def test_the_cancel_waits_for_the_training_stage() -> None:
    assert not is_half_done(a_job(progress={**progress(24), "stage": "evaluate"}))
    assert not is_half_done(a_job(progress={**progress(0), "percent": None}))
    assert not is_half_done(a_job(progress=progress(12)))
    assert is_half_done(a_job(progress=progress(24)))


def test_settings_of_another_service_do_not_reach_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPOCHD_DATABASE_URL", "postgresql://elsewhere")
    assert "EPOCHD_DATABASE_URL" not in _environment()


def test_a_crash_after_the_resume_is_the_one_complaint(run_dir: Path) -> None:
    assert list(complaints(a_story(crashed_once()), run_dir)) == [
        "attempt 2 ended with trainer_crashed: KeyError: 'x'"
    ]
