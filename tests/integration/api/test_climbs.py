"""Hundreds of ways out of a folder, against every place where a path, a name or an id goes in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from api.tokens.scope import TokenScope
from shared.errors import DataError
from tests.factories import running_job
from tests.integration.api.climbs import climbs
from tests.integration.api.conftest import Service
from tests.integration.api.planting import ended_job, plant_artifact
from tests.integration.api.raw import Answer, Call, ask_all
from tests.integration.api.test_tokens import bearer, make
from worker.workloads.data_root import beneath

SECRET = "not for you"
CLIMBS = climbs()
SOME = CLIMBS[::5]
"""For places that cost more to ask."""

PLACES = (
    ("GET", "/{}"),
    ("GET", "/web/{}"),
    ("GET", "/web/vendor/{}"),
    ("GET", "/workloads/{}"),
    ("GET", "/jobs/{}"),
    ("DELETE", "/jobs/{}"),
    ("POST", "/jobs/{}/cancel"),
    ("GET", "/jobs/{}/logs"),
    ("GET", "/jobs/{}/events"),
    ("GET", "/jobs/{}/artifacts"),
    ("GET", "/jobs/{}/artifacts/ARTIFACT"),
    ("GET", "/jobs/JOB/artifacts/{}"),
    ("GET", "/jobs/JOB/{}"),
    ("DELETE", "/tokens/{}"),
)


@pytest.fixture
def planted(service: Service) -> tuple[str, str]:
    """A job's id and its artifact's; around them lie files that nobody may have."""
    job = running_job(service.database)
    artifact = plant_artifact(service.database, job, service.run_dir(job.id), "curve.png", b"a figure")
    runs = service.settings.resolved_runs_dir
    for folder in (runs, runs.parent, service.run_dir(job.id).path, service.run_dir(job.id).artifacts):
        (folder / "secret").write_text(SECRET)
    return job.id, artifact


def test_there_are_more_than_five_hundred_of_them() -> None:
    assert len(set(CLIMBS)) == len(CLIMBS) >= 500


@pytest.mark.parametrize(("method", "place"), PLACES)
def test_no_path_leads_out(service: Service, planted: tuple[str, str], method: str, place: str) -> None:
    template = place.replace("JOB", planted[0]).replace("ARTIFACT", planted[1])
    paths = [template.replace("{}", spelled) for climb in CLIMBS for spelled in _spellings(climb, place)]
    answers = ask_all(service.app, [Call(method, path) for path in paths])
    for path, answer in zip(paths, answers, strict=True):
        assert_told_nothing(path, answer)
        if not _is_a_call_of_ours(unquote(path)):
            assert answer.status in (404, 405), path


@pytest.mark.parametrize("field", ["data.path", "init_from.job", "init_from.checkpoint", "name", "workload"])
def test_no_field_of_a_spec_leads_out_or_breaks_the_service(service: Service, field: str) -> None:
    bodies = [_spec(field, value) for climb in SOME for value in {climb, unquote(climb)}]
    calls = [Call("POST", "/jobs", body=body, query="dry_run=true") for body in bodies]
    for call, answer in zip(calls, ask_all(service.app, calls), strict=True):
        assert answer.status in (200, 400, 404, 409, 422), (call, answer)
        assert_told_nothing(str(call.body), answer)


def test_no_checkpoint_to_resume_from_leads_out(service: Service) -> None:
    job = ended_job(service.database)
    values = [value for climb in SOME for value in {climb, unquote(climb)}]
    calls = [Call("POST", f"/jobs/{job.id}/resume", body={"from": value}) for value in values]
    answers = ask_all(service.app, calls)
    assert set(Counter(answer.status for answer in answers)) <= {400, 404, 409, 422}
    assert service.json(f"/jobs/{job.id}")["attempt"] == 1


def test_no_header_leads_out(service: Service, planted: tuple[str, str]) -> None:
    values = [value for climb in SOME if (value := climb.encode("ascii", "ignore").decode()).isprintable()]
    path = f"/jobs/{planted[0]}/artifacts/{planted[1]}"
    let_in = bearer(make(service.database, TokenScope.READ)[1])  # what a proxy hands on needs a token
    for name in ("Range", "If-Range", "If-None-Match", "Last-Event-ID", "Accept", "X-Forwarded-Path"):
        for answer in ask_all(service.app, [Call("GET", path, {**let_in, name: value}) for value in values]):
            assert answer.status in (200, 400, 416)
            assert SECRET.encode() not in answer.body


def test_no_data_path_leads_out_of_the_data_root(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (tmp_path / "secret").write_text(SECRET)
    (root / "link").symlink_to(tmp_path)
    found = [_found(root, path) for climb in [*CLIMBS, "link/secret"] for path in {climb, unquote(climb)}]
    assert found.count(None) > 50
    for path in found:
        assert path is None or (path.is_relative_to(root) and not path.is_file())


def assert_told_nothing(asked: str, answer: Answer) -> None:
    assert answer.status < 500, (asked, answer)
    for foreign in (SECRET.encode(), b"root:x:0:", b"SQLite format 3", b"from __future__", b"a figure"):
        assert foreign not in answer.body, (asked, foreign)
    assert answer.headers["x-content-type-options"] == "nosniff"


def _found(root: Path, path: str) -> Path | None:
    try:
        return beneath(root, path)
    except DataError:
        return None


def _spellings(climb: str, place: str) -> tuple[str, ...]:
    return (climb, quote(climb, safe="")) if place in ("/web/{}", "/jobs/JOB/artifacts/{}") else (climb,)


def _is_a_call_of_ours(path: str) -> bool:
    """Where nothing is left to climb from: `/jobs/JOB/` and the like never come out of a climb; `/` may."""
    return path == "/"


def _spec(field: str, value: str) -> dict[str, object]:
    body: dict[str, object] = {"workload": "celestial", "preset": "smoke"}
    whole, _, part = field.partition(".")
    init = {"job": "0" * 22, "checkpoint": "best"} if whole == "init_from" else {}
    return {**body, whole: {**init, part: value} if part else value}
