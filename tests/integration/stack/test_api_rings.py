"""The API with a broker: it rings once for what it stored, and waits for nobody."""

from __future__ import annotations

import threading
from pathlib import Path

from api.app import create_app
from api.maintenance.doorbell import Doorbell, open_doorbell
from shared.db import Database
from shared.ringer import BackgroundRinger
from shared.settings import Settings
from tests.integration.api.conftest import TestClient
from tests.servers import ValkeyServer, held_port


def client_with(database: Database, folder: Path, doorbell: Doorbell) -> TestClient:
    return TestClient(create_app(Settings(state_dir=folder), database, doorbell))


def test_a_new_job_is_rung_for_once_and_a_replayed_one_not(database: Database, tmp_path: Path) -> None:
    heard: list[str] = []
    with client_with(database, tmp_path, Doorbell(heard.append, heard.append, lambda: True)) as client:
        for _ in range(2):
            answer = client.post("/jobs", json={"workload": "noop"}, headers={"Idempotency-Key": "k"})
            assert answer.status_code == 201
        assert heard == ["cpu"]
        assert client.get("/readyz").json()["checks"]["broker"] == "ok"


def test_a_broker_that_hangs_delays_no_request(database: Database, tmp_path: Path) -> None:
    hangs = threading.Event()

    def ring(_queue: str) -> None:
        assert hangs.wait(60)

    ringer = BackgroundRinger(ring)
    with client_with(database, tmp_path, Doorbell(ring, ringer, lambda: False)) as client:
        answers = [client.post("/jobs", json={"workload": "noop"}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [201] * 3
        ready = client.get("/readyz")
        assert ready.status_code == 200
        assert ready.json()["checks"]["broker"] == "does not answer; workers look for work themselves"
        assert not hangs.is_set()
    hangs.set()
    ringer.close(60)


def test_the_doorbell_says_whether_the_broker_answers(valkey: ValkeyServer, tmp_path: Path) -> None:
    with held_port() as port:
        for url, answers in ((valkey.url, True), (f"redis://127.0.0.1:{port}/0", False)):
            with open_doorbell(Settings.model_validate({"broker_url": url})) as doorbell:
                assert doorbell is not None and doorbell.answers() is answers
    with open_doorbell(Settings(state_dir=tmp_path)) as doorbell:
        assert doorbell is None


def test_a_broker_on_a_unix_socket_is_rung(valkey: ValkeyServer) -> None:
    with open_doorbell(Settings.model_validate({"broker_url": valkey.socket_url})) as doorbell:
        assert doorbell is not None and doorbell.answers()
        doorbell.now("cpu")
    with valkey.client() as client:
        client.select(1)
        assert client.llen("cpu") == 1
        client.flushdb()
