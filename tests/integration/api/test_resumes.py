"""Jobs that are cancelled, fail, are killed or succeed, and go on: the same bits at the end, or a refusal."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.app import create_app
from shared.db import Database, open_database
from shared.errors import TrainingError
from shared.jobs.status import JobStatus
from shared.rundir import run_dir
from shared.settings import Settings
from shared.specs.contract import Contract
from tests.factories import claim_job, fetch_job
from tests.integration.api.conftest import TestClient
from tests.integration.api.planting import assert_problem
from tests.integration.planted import SPEC, PlantedSpec, final_state, metric_history, spec_of, write_order
from tests.integration.supervision.scripted import scripted_room
from tests.integration.trainers import train
from worker.protocol import ExitCode, encode
from worker.supervision.attempt import supervise
from worker.supervision.trainer import TrainerProcess

EPOCHS, LONGER = 2, 3
SMALL: dict[str, Any] = {"data": {"samples": 11}, "schedule": {"name": "constant"}}
"""Two steps an epoch, at a rate that does not depend on how many epochs there will be."""
RETRY = {"max_attempts": 1, "backoff_seconds": 0}
PLANTED = Contract(
    "planted", "Everything that makes a resume hard.", PlantedSpec, {"planted": SPEC}, "planted",
    "tests.integration.planted:WORKLOAD",
)  # fmt: skip

Life = tuple[str, int]
LIVES = st.tuples(st.sampled_from(["cancelled", "failed", "killed", "finished"]), st.integers(1, 6))


class InProcess:
    """Runs each trainer here, to its end, while its supervisor waits for it to start."""

    def __init__(self) -> None:
        self.run: Callable[[Path], int] = lambda _order: 0

    def ready(self, _seconds: float) -> bool:
        return True

    def launch(self, order: Path, _log: Path, _env: Mapping[str, str]) -> TrainerProcess:
        trainer = TrainerProcess(0, lambda _number, _group: None)
        trainer.note_exit(self.run(order))
        return trainer

    def close(self) -> None:
        """Nothing is held."""


class Desk:
    """The service, a worker that trains in this process, and what may happen to a job."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.launcher = database, InProcess()
        self.room, _ = scripted_room(database, folder, "")
        object.__setattr__(self.room, "launcher", self.launcher)
        object.__setattr__(self.room, "workloads", {"planted": PLANTED})
        app = create_app(Settings(state_dir=folder), database)
        app.state.workloads = {"planted": PLANTED}
        self.client = TestClient(app, raise_server_exceptions=False)
        self._asks = itertools.cycle(({}, {"from": "best"}, {"epochs": LONGER}))

    def submit(self) -> str:
        body = {"workload": "planted", **SMALL, "trainer": {"epochs": EPOCHS}, "retry": RETRY}
        answer = self.client.post("/jobs", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def live(self, job_id: str, life: Life) -> None:
        """One attempt; on its way a resume is asked for, which a running job refuses."""
        job = claim_job(self.database)
        assert job is not None and job.id == job_id
        self.launcher.run = lambda order: self._train(order, job_id, life)
        supervise(self.room, job)

    def resume(self, job_id: str, **body: Any) -> None:
        """Twice: only the first is accepted."""
        assert self.client.post(f"/jobs/{job_id}/resume", json=body).status_code == 202
        self.refuse_resume(job_id)

    def refuse_resume(self, job_id: str) -> None:
        assert_problem(self.client.post(f"/jobs/{job_id}/resume", json=next(self._asks)), 409, "conflict")

    def root(self, job_id: str) -> Path:
        return run_dir(self.room.settings.resolved_runs_dir, job_id).path

    def status(self, job_id: str) -> str:
        return fetch_job(self.database, job_id).status

    def _train(self, order: Path, job_id: str, life: Life) -> int:
        self.refuse_resume(job_id)
        how, step = life

        def listen(kind: str, fields: dict[str, Any]) -> None:
            if kind != "points" or fields["step"] != step or "grad_norm" not in fields["values"]:
                return
            if how == "cancelled":
                assert self.client.post(f"/jobs/{job_id}/cancel").status_code == 202
            if how == "failed":
                raise TrainingError("planted")

        try:
            ended = train(
                order,
                stop_at=step if how == "cancelled" else None,
                kill_at=step if how == "killed" else None,
                listen=listen,
            )
        except TrainingError as error:
            with order.with_name("events.jsonl").open("ab") as events:
                events.write(
                    encode({"type": "failed", "time": 0.0, "code": error.code, "message": str(error)})
                )
            return ExitCode.REFUSED
        return -9 if ended is None else ended


@pytest.fixture(scope="module")
def desk(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    shutil.copy(migrated_file, folder / "epochd.db")
    database = open_database(f"sqlite:///{folder / 'epochd.db'}")
    opened = Desk(database, folder)
    with opened.client:
        yield opened
    database.close()


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Any, Any]]:
    """Epochs -> the end of a run that nobody disturbed."""
    ends = {}
    for epochs in (EPOCHS, LONGER):
        root = tmp_path_factory.mktemp("straight")
        spec = spec_of(**SMALL, trainer={"epochs": epochs})
        assert train(write_order(root, 1, spec)) is ExitCode.DONE
        ends[epochs] = (final_state(root), metric_history(root))
    return ends


@pytest.mark.parametrize(
    "examples", [30, pytest.param(400, marks=[pytest.mark.nemesis, pytest.mark.timeout(900)])]
)
def test_every_way_to_end_and_go_on_ends_in_the_same_bits(
    desk: Desk, straight: dict[int, tuple[Any, Any]], examples: int
) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(lives=st.lists(LIVES, min_size=1, max_size=2), epochs=st.sampled_from([EPOCHS, LONGER]))
    def attempt(lives: list[Life], epochs: int) -> None:
        live_through(desk, straight, lives, epochs)

    attempt()


def live_through(desk: Desk, straight: dict[int, tuple[Any, Any]], lives: list[Life], epochs: int) -> None:
    job_id = desk.submit()
    for life in [*lives, ("finished", 0)]:
        if JobStatus(desk.status(job_id)).is_final:
            desk.resume(job_id)
        desk.live(job_id, life)
    assert desk.status(job_id) == "succeeded"
    desk.resume(job_id, **({"epochs": epochs} if epochs != EPOCHS else {}))
    desk.live(job_id, ("finished", 0))
    assert desk.status(job_id) == "succeeded"
    job = desk.client.get(f"/jobs/{job_id}").json()
    assert job["exact"] is True, job["exact_why"]
    root = desk.root(job_id)
    assert (final_state(root), metric_history(root)) == straight[epochs]
    shutil.rmtree(root)
