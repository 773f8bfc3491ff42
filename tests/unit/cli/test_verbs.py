"""The verbs through main(): what is asked of the service, what is printed, and the exit code."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from cli.exits import Exit
from cli.main import VERBS, main
from tests.unit.cli.fake_service import FakeService, a_job, a_point

Json = dict[str, Any]
ID = a_job()["id"]
Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself_and_its_exit_codes(verb: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    assert ended.value.code == 0
    assert "130  interrupted with Ctrl-C" in capsys.readouterr().out


def test_no_verb_prints_the_help_and_an_unknown_one_is_wrong_usage(capsys: Capture) -> None:
    assert main([]) == Exit.OK
    assert "submit" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["sumbit"])
    assert ended.value.code == Exit.USAGE


def test_submit_sends_the_spec_and_prints_nothing_but_the_id_on_stdout(
    service: FakeService, capsys: Capture
) -> None:
    service.answers["POST /jobs"] = (201, a_job())
    flags = ["--workload", "celestial", "--preset", "smoke", "--set", "trainer.epochs=4", "--tag", "a"]
    assert main(["submit", *flags, "--name", "it's", "--idempotency-key", "k1"]) == Exit.OK
    spec = {
        "workload": "celestial",
        "preset": "smoke",
        "name": "it's",
        "tags": ["a"],
        "trainer": {"epochs": 4},
    }
    assert service.asked[0].body == spec
    assert service.asked[0].headers["Idempotency-Key"] == "k1"
    printed = capsys.readouterr()
    assert printed.out == f"{ID}\n"
    assert printed.err.startswith(f"curl -sS -X POST {service.url}/jobs")


def test_submit_lays_flags_over_the_file(service: FakeService, tmp_path: Path) -> None:
    service.answers["POST /jobs"] = (201, a_job())
    file = tmp_path / "spec.json"
    file.write_text('{"workload": "noop", "trainer": {"epochs": 1, "seed": 3}, "name": "old"}')
    main(["submit", "--file", str(file), "--name", "new", "--set", "trainer.epochs=2"])
    assert service.asked[0].body == {"workload": "noop", "trainer": {"epochs": 2, "seed": 3}, "name": "new"}


def test_submit_without_a_workload_is_refused_before_anything_is_sent(
    service: FakeService, capsys: Capture
) -> None:
    assert main(["submit", "--name", "x"]) == Exit.USAGE
    assert "name a workload" in capsys.readouterr().err
    assert service.asked == []


def test_a_dry_run_prints_the_effective_spec_and_what_was_adjusted(
    service: FakeService, capsys: Capture
) -> None:
    change = {"field": "model.d_model", "asked": 130, "used": 208, "why": "a multiple of 104"}
    estimate = {"message": "training needs about 2 GiB", "method": "measured by job 1"}
    dry = {"spec": {"model": {"d_model": 208}}, "adjustments": [change], "estimate": estimate}
    service.answers["POST /jobs"] = (200, dry)
    assert main(["submit", "--workload", "celestial", "--dry-run"]) == Exit.OK
    assert service.asked[0].query == {"dry_run": "true"}
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"model": {"d_model": 208}}
    assert "model.d_model: 130 becomes 208: a multiple of 104" in printed.err
    assert "memory: training needs about 2 GiB, measured by job 1" in printed.err


def test_a_refused_submit_has_its_own_exit_code_and_json_keeps_the_problem_whole(
    service: FakeService, capsys: Capture
) -> None:
    problem = {"detail": "trainer: odd", "code": "invalid_spec", "fields": []}
    service.answers["POST /jobs"] = (422, problem)
    assert main(["submit", "--workload", "noop", "--json"]) == Exit.REFUSED
    assert json.loads(capsys.readouterr().out) == problem


@pytest.mark.parametrize(
    ("status", "code"),
    [("succeeded", Exit.OK), ("failed", Exit.JOB_FAILED), ("cancelled", Exit.JOB_CANCELLED)],
)
def test_watch_ends_with_the_code_of_the_jobs_end(status: str, code: Exit, service: FakeService) -> None:
    service.answers[f"GET /jobs/{ID}"] = (200, a_job(status=status))
    service.answers[f"GET /jobs/{ID}/metrics"] = (200, {"points": [], "next": "m0", "done": True})
    assert main(["watch", ID]) == code


def test_watch_in_a_pipe_prints_one_line_an_epoch(service: FakeService, capsys: Capture) -> None:
    service.answers[f"GET /jobs/{ID}"] = (200, a_job(status="succeeded"))
    page = {"points": [a_point(1, 0.5), a_point(2, 0.4)], "next": "m2", "done": True}
    service.answers[f"GET /jobs/{ID}/metrics"] = (200, page)
    main(["watch", ID])
    assert [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()] == [
        "epoch 1/4",
        "epoch 2/4",
        "succeeded · attempt 1",
    ]


def test_ctrl_c_leaves_the_job_alone_and_says_how_to_go_on(
    service: FakeService, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.watching.watch.follow", interrupted)
    assert main(["watch", ID]) == Exit.INTERRUPTED
    assert f"epochd cancel {ID}" in capsys.readouterr().err
    assert service.asked == []


def test_list_prints_a_row_a_job_and_how_to_go_on(service: FakeService, capsys: Capture) -> None:
    service.answers["GET /jobs"] = (200, {"jobs": [a_job(), a_job(name="evil\x1b[2J")], "next": "c1"})
    assert main(["list", "--status", "running", "--limit", "2"]) == Exit.OK
    assert service.asked[0].query == {"status": "running", "limit": "2"}
    printed = capsys.readouterr()
    header, first, second = printed.out.splitlines()
    assert header.split()[:3] == ["ID", "STATUS", "WORKLOAD"]
    assert "25 %" in first and "1 min 40 s" in first
    assert "\x1b" not in second
    assert "--cursor c1" in printed.err


def test_show_tells_adjustments_attempts_checkpoints_and_results(
    service: FakeService, capsys: Capture
) -> None:
    attempt = {
        "attempt": 2,
        "worker_id": "box-1",
        "started_at": "2026-11-21T09:20:48Z",
        "ended_at": "2026-11-21T09:21:48Z",
        "outcome": "completed",
        "resumed_from": "step-000000012.a0001",
        "exact": True,
    }
    change = {"field": "model.d_model", "asked": 130, "used": 208, "why": "a multiple of 104"}
    results = {"mse": 0.25, "scenarios": {}}
    job = a_job(status="succeeded", attempts=[attempt], adjustments=[change], results=results)
    service.answers[f"GET /jobs/{ID}"] = (200, job)
    checkpoint = {"epoch": 1, "step": 12, "bytes": 48e6, "best": True}
    service.answers[f"GET /jobs/{ID}/checkpoints"] = (
        200,
        {
            "checkpoints": [
                {**checkpoint, "id": "kept", "state": "ready"},
                {**checkpoint, "id": "gone", "state": "deleted"},
            ]
        },
    )
    assert main(["show", ID]) == Exit.OK
    printed = capsys.readouterr().out
    assert "130 became 208" in printed
    assert "1 min 00 s" in printed and "exact" in printed
    assert "kept" in printed and "gone" not in printed
    assert "mse     0.25" in printed


def test_show_spec_prints_the_spec_alone(service: FakeService, capsys: Capture) -> None:
    service.answers[f"GET /jobs/{ID}"] = (200, a_job())
    main(["show", ID, "--spec"])
    assert json.loads(capsys.readouterr().out) == {"trainer": {"epochs": 4}}


def test_metrics_prints_a_row_an_epoch_and_a_dash_for_what_was_not_finite(
    service: FakeService, capsys: Capture
) -> None:
    points = [a_point(1, 0.5), a_point(1, 0.6, "train"), a_point(2, None)]
    service.answers[f"GET /jobs/{ID}/metrics"] = (200, {"points": points, "next": "m3", "done": True})
    assert main(["metrics", ID]) == Exit.OK
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["EPOCH", "train/loss", "val/loss"],
        ["1", "0.6", "0.5"],
        ["2", "-"],
    ]


def test_metrics_as_csv_has_every_point(service: FakeService, capsys: Capture) -> None:
    page = {"points": [a_point(1, 0.5), a_point(1, 0.6)], "next": "m2", "done": True}
    service.answers[f"GET /jobs/{ID}/metrics"] = (200, page)
    main(["metrics", ID, "--csv"])
    assert capsys.readouterr().out.splitlines() == [
        "attempt,epoch,step,split,name,value,time",
        "1,1,12,val,loss,0.5,1.0",
        "1,1,12,val,loss,0.6,1.0",
    ]


def test_logs_go_on_piece_by_piece_until_all_that_is_there_was_printed(
    service: FakeService, capsys: Capture
) -> None:
    pieces = {
        None: {"offset": 0, "next": 4, "size": 8, "text": "one\n", "done": False},
        "4": {"offset": 4, "next": 8, "size": 8, "text": "two\n", "done": False},
    }
    service.answer = lambda asked: (200, pieces[asked.query.get("offset")])  # type: ignore[method-assign]
    assert main(["logs", ID]) == Exit.OK
    assert capsys.readouterr().out == "one\ntwo\n"


@pytest.mark.parametrize(
    ("words", "path", "body"),
    [
        (["cancel", ID], "cancel", {}),
        (["cancel", ID, "--grace", "5"], "cancel", {"grace_seconds": 5.0}),
        (["resume", ID], "resume", {}),
        (["resume", ID, "--from", "best", "--epochs", "9"], "resume", {"from": "best", "epochs": 9}),
    ],
)
def test_cancel_and_resume_send_only_what_was_asked(
    words: list[str], path: str, body: Json, service: FakeService, capsys: Capture
) -> None:
    service.answers[f"POST /jobs/{ID}/{path}"] = (202, a_job())
    assert main(words) == Exit.OK
    assert service.asked[0].body == body
    assert ID in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "variable", "value", "sentence"),
    [
        (["--port", "99999"], "EPOCHD_SLOTS", "1", "--port: input should be less than or equal to 65535"),
        (["--slots", "0"], "EPOCHD_SLOTS", "1", "--slots: input should be greater"),
        ([], "EPOCHD_LEASE_SECONDS", "-1", "EPOCHD_LEASE_SECONDS: input should be greater than 0"),
        ([], "EPOCHD_ALLOWED_HOSTS", "[", "EPOCHD_ALLOWED_HOSTS: must be a JSON list of host names"),
    ],
)
def test_up_names_the_flag_or_the_variable_that_is_wrong(
    flags: list[str],
    variable: str,
    value: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    monkeypatch.setenv(variable, value)
    assert main(["up", *flags]) == Exit.USAGE
    assert sentence in capsys.readouterr().err


def test_submit_with_json_and_watch_prints_one_job_a_line(service: FakeService, capsys: Capture) -> None:
    service.answers["POST /jobs"] = (201, a_job(status="queued"))
    service.answers[f"GET /jobs/{ID}"] = (200, a_job(status="succeeded"))
    service.answers[f"GET /jobs/{ID}/metrics"] = (200, {"points": [], "next": "m0", "done": True})
    assert main(["submit", "--workload", "noop", "--json", "--watch"]) == Exit.OK
    assert [json.loads(line)["status"] for line in capsys.readouterr().out.splitlines()] == ["succeeded"]


def test_delete_needs_no_body_in_the_answer(service: FakeService, capsys: Capture) -> None:
    service.answers[f"DELETE /jobs/{ID}"] = (204, b"")
    assert main(["delete", ID, "--json"]) == Exit.OK
    assert json.loads(capsys.readouterr().out) == {"deleted": ID}


def artifact(path: str, content: bytes, **changes: Any) -> Json:
    promised = {
        "path": path,
        "bytes": len(content),
        "media_type": "application/json",
        "sha256": hashlib.sha256(content).hexdigest(),
        "href": f"/jobs/{ID}/artifacts/a1",
    }
    return {**promised, **changes}


def left(service: FakeService, artifact: Json, content: bytes) -> None:
    service.answers[f"GET /jobs/{ID}/artifacts"] = (200, {"artifacts": [artifact]})
    service.answers[f"GET /jobs/{ID}/artifacts/a1"] = (200, content)


def test_artifacts_are_saved_under_their_names(service: FakeService, tmp_path: Path) -> None:
    left(service, artifact("figures/a.json", b"{}"), b"{}")
    assert main(["artifacts", ID, "get", "--to", str(tmp_path)]) == Exit.OK
    assert (tmp_path / "figures" / "a.json").read_bytes() == b"{}"


def test_a_damaged_artifact_leaves_no_file(service: FakeService, tmp_path: Path) -> None:
    left(service, artifact("a.json", b"{}"), b"{x")
    assert main(["artifacts", ID, "get", "--to", str(tmp_path)]) == Exit.SERVICE_ERROR
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["../escaped", "/etc/escaped"])
def test_an_artifact_cannot_be_written_outside_the_folder(
    path: str, service: FakeService, tmp_path: Path
) -> None:
    left(service, artifact(path, b"{}"), b"{}")
    assert main(["artifacts", ID, "get", "--to", str(tmp_path / "in")]) == Exit.SERVICE_ERROR
    assert not (tmp_path / "escaped").exists()


def test_an_artifact_that_is_not_there_is_told_with_those_that_are(
    service: FakeService, tmp_path: Path, capsys: Capture
) -> None:
    left(service, artifact("results.json", b"{}"), b"{}")
    assert main(["artifacts", ID, "get", "result.json", "--to", str(tmp_path)]) == Exit.USAGE
    assert "it left results.json" in capsys.readouterr().err


def test_workloads_and_workers_are_tables(service: FakeService, capsys: Capture) -> None:
    noop = {"name": "noop", "summary": "One weight.", "presets": ["smoke", "big"], "default_preset": "smoke"}
    worker = {
        "id": "box-1",
        "alive": True,
        "queues": ["cpu"],
        "busy": 1,
        "slots": 4,
        "cpus": 8.0,
        "memory_gib": 31.2,
        "gpus": 0,
        "running": [ID],
        "heartbeat_at": "2026-11-21T09:20:48Z",
    }
    service.answers["GET /workloads"] = (200, {"workloads": [noop]})
    service.answers["GET /workers"] = (200, {"workers": [worker]})
    main(["workloads"])
    assert "noop  smoke (default), big  One weight." in capsys.readouterr().out
    main(["workers"])
    assert "box-1   alive  cpu     1/4" in capsys.readouterr().out


def test_json_prints_what_the_service_said(service: FakeService, capsys: Capture) -> None:
    service.answers["GET /workers"] = (200, {"workers": []})
    main(["workers", "--json"])
    assert json.loads(capsys.readouterr().out) == {"workers": []}
