"""Logs, checkpoints, artifacts: what is read, and what must never be."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from urllib.parse import quote

import pytest

from shared.models import Job
from tests.factories import running_job, submit_job
from tests.integration.api.conftest import Service
from tests.integration.api.planting import (
    ask_raw,
    assert_problem,
    end,
    plant_artifact,
    plant_checkpoint,
    write_log,
)

TEXT = "step 1 ä\nstep 2 €\nstep 3 😀\n".encode()

CLIMBS = [
    "..", "../", "../..", "../../etc/passwd", "..\\..\\windows", "/etc/passwd", "//etc/passwd",
    "C:\\boot.ini", "....//....//", "..;/", ".%2e/", "%2e%2e/", "%252e%252e%252f", "..%c0%af", "..%ef%bc%8f",
    "file:///etc/passwd", "epochd.db", "../epochd.db", "../secret", "..#", "..?", "..\0", "\0", "~root",
    "$HOME", "`id`", ";id", "|id", "*", ".", "", "con", "nul", "a" * 5000, "\u202e", "\U0001f600", "'", '"',
    "<script>", "' OR 1=1 --",
]  # fmt: skip


def test_the_log_is_read_by_bytes_and_goes_on_where_it_ended(service: Service) -> None:
    job = _logged(service)
    first = service.json(f"/jobs/{job.id}/logs?limit=10")
    assert (first["offset"], first["text"], first["size"]) == (0, "step 1 ä\n", len(TEXT))
    second = service.json(f"/jobs/{job.id}/logs?offset={first['next']}")
    assert first["text"] + second["text"] == TEXT.decode()
    assert second["next"] == len(TEXT)


@pytest.mark.parametrize("limit", range(4, 14))
def test_no_limit_ever_cuts_a_character_in_two(service: Service, limit: int) -> None:
    job = _logged(service)
    text, offset = "", 0
    for _ in range(len(TEXT)):
        page = service.json(f"/jobs/{job.id}/logs?offset={offset}&limit={limit}")
        text, offset = text + page["text"], page["next"]
    assert text == TEXT.decode()


def test_an_offset_inside_a_character_moves_to_the_next(service: Service) -> None:
    job = _logged(service)
    page = service.json(f"/jobs/{job.id}/logs?offset=8&limit=4")
    assert (page["offset"], page["text"]) == (9, "\nst")


def test_a_character_that_is_half_written_waits_for_its_rest_unless_none_comes(service: Service) -> None:
    job = running_job(service.database)
    write_log(service.run_dir(job.id), b"ok \xe2\x82")
    page = service.json(f"/jobs/{job.id}/logs")
    assert (page["text"], page["next"], page["done"]) == ("ok ", 3, False)
    end(service.database, job)
    page = service.json(f"/jobs/{job.id}/logs")
    assert (page["text"], page["next"], page["done"]) == ("ok \N{REPLACEMENT CHARACTER}", 5, True)


@pytest.mark.parametrize(
    ("tail", "expected"),
    [(0, ""), (1, "step 3 😀\n"), (2, "step 2 €\nstep 3 😀\n"), (3, TEXT.decode()), (99, TEXT.decode())],
)
def test_a_tail_is_the_last_lines(service: Service, tail: int, expected: str) -> None:
    assert service.json(f"/jobs/{_logged(service).id}/logs?tail={tail}")["text"] == expected


def test_the_tail_of_a_long_log_is_found_from_its_end(service: Service) -> None:
    job = running_job(service.database)
    write_log(service.run_dir(job.id), b"".join(b"line %06d\n" % number for number in range(30_000)) + b"end")
    page = service.json(f"/jobs/{job.id}/logs?tail=10000&limit=1048576")
    assert page["text"].splitlines() == [f"line {number:06d}" for number in range(20_001, 30_000)] + ["end"]


def test_a_job_without_a_log_has_an_empty_one(service: Service) -> None:
    job = submit_job(service.database)
    for query in ("", "?tail=5"):
        page = service.json(f"/jobs/{job.id}/logs{query}")
        assert page == {"offset": 0, "next": 0, "size": 0, "text": "", "done": False}


def test_checkpoints_are_listed_newest_first_with_their_state(service: Service) -> None:
    job = running_job(service.database)
    plant_checkpoint(service.database, job, 1, state="deleted")
    plant_checkpoint(service.database, job, 2, best=True)
    found = service.json(f"/jobs/{job.id}/checkpoints")["checkpoints"]
    assert [(item["step"], item["state"], item["best"]) for item in found] == [
        (2, "ready", True),
        (1, "deleted", False),
    ]


def test_an_artifact_is_downloaded_by_its_opaque_id(service: Service) -> None:
    job, artifact = _with_artifact(service, b"0123456789")
    listed = service.json(f"/jobs/{job.id}/artifacts")["artifacts"]
    assert [(item["id"], item["path"], item["bytes"]) for item in listed] == [
        (artifact, "figures/curve.png", 10)
    ]
    answer = service.get(listed[0]["href"])
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers["content-disposition"] == 'attachment; filename="curve.png"'
    assert answer.headers["content-type"] == "image/png"
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("asked", "status", "content"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-3", 206, b"789"),
        ("bytes=0-99", 206, b"0123456789"),
        ("bytes=0-1,4-5", 206, None),
    ],
)
def test_ranges_of_an_artifact(service: Service, asked: str, status: int, content: bytes | None) -> None:
    job, artifact = _with_artifact(service, b"0123456789")
    answer = service.get(f"/jobs/{job.id}/artifacts/{artifact}", headers={"Range": asked})
    assert answer.status_code == status
    if content is not None:
        assert answer.content == content


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ("bytes=10-12", 416, "range_not_satisfiable"),
        ("bytes=5-2", 400, "malformed_range"),
        ("lines=1-2", 400, "malformed_range"),
        ("bytes=x", 400, "malformed_range"),
    ],
)
def test_a_range_that_cannot_be_given_is_a_problem(
    service: Service, asked: str, status: int, code: str
) -> None:
    job, artifact = _with_artifact(service, b"0123456789")
    answer = service.get(f"/jobs/{job.id}/artifacts/{artifact}", headers={"Range": asked})
    assert_problem(answer, status, code)
    assert answer.headers.get("content-range") == ("bytes */10" if status == 416 else None)


def test_downloads_leave_no_descriptor_open(service: Service) -> None:
    job, artifact = _with_artifact(service, b"0123456789")
    path = f"/jobs/{job.id}/artifacts/{artifact}"
    service.get(path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for asked in ("bytes=0-1", "bytes=99-", "bytes=x"):
        for _ in range(5):
            service.get(path, headers={"Range": asked})
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


@pytest.mark.parametrize("trap", ["link to a file", "link to a folder", "folder", "pipe", "missing"])
def test_what_is_no_plain_file_beneath_the_artifacts_is_not_served(
    service: Service, tmp_path: Path, trap: str
) -> None:
    job = running_job(service.database)
    folder = service.run_dir(job.id)
    artifact = plant_artifact(service.database, job, folder, "figures/x.png", None)
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "x.png").write_text("secret")
    folder.artifacts.mkdir(parents=True)
    figures = folder.artifacts / "figures"
    if trap == "link to a folder":
        figures.symlink_to(secret)
    else:
        figures.mkdir()
    if trap == "link to a file":
        (figures / "x.png").symlink_to(secret / "x.png")
    elif trap == "folder":
        (figures / "x.png").mkdir()
    elif trap == "pipe":
        os.mkfifo(figures / "x.png")
    assert_problem(service.get(f"/jobs/{job.id}/artifacts/{artifact}"), 404, "not_found")


@pytest.mark.parametrize("path", ["../log.txt", "/etc/passwd", "a/../../log.txt", "", "."])
def test_even_a_stored_path_cannot_climb_out(service: Service, path: str) -> None:
    job = _logged(service)
    service.run_dir(job.id).artifacts.mkdir()
    artifact = plant_artifact(service.database, job, service.run_dir(job.id), path, None)
    assert_problem(service.get(f"/jobs/{job.id}/artifacts/{artifact}"), 404, "not_found")


def test_no_id_that_climbs_is_ever_followed(service: Service) -> None:
    job, artifact = _with_artifact(service, b"0123456789")
    (service.settings.resolved_runs_dir / "secret").write_text("not for you")
    templates = (
        "/jobs/{}", "/jobs/{}/logs", "/jobs/{}/metrics", "/jobs/{}/events", "/jobs/{}/artifacts",
        "/jobs/{}/artifacts/" + artifact, f"/jobs/{job.id}/artifacts/{{}}", "/workloads/{}", "/web/{}",
    )  # fmt: skip
    for template, climb in itertools.product(templates, CLIMBS):
        for spelled in (quote(climb, safe=""), quote(climb), climb):
            status, body = ask_raw(service.app, "GET", template.format(spelled))
            assert status == 404, (template, climb, status)
            assert b"not for you" not in body, (template, climb)
    for method, action in (("DELETE", ""), ("POST", "/cancel"), ("POST", "/resume")):
        for climb in CLIMBS:
            status, _ = ask_raw(service.app, method, f"/jobs/{quote(climb, safe='')}{action}")
            assert status in (404, 405), (climb, status)
    assert service.run_dir(job.id).artifacts.is_dir()


def _logged(service: Service) -> Job:
    job = running_job(service.database)
    write_log(service.run_dir(job.id), TEXT)
    return job


def _with_artifact(service: Service, content: bytes) -> tuple[Job, str]:
    job = running_job(service.database)
    return job, plant_artifact(service.database, job, service.run_dir(job.id), "figures/curve.png", content)
