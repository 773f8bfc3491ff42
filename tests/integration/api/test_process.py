"""`python -m api` as a process: it comes up, says where, answers, and goes when asked."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.probe import main as probe
from api.tokens.text import new_token
from cli.embedded.readiness import is_ready
from tests.e2e.embedded import wait_until


@contextmanager
def start(folder: Path, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The process; killed where a test fails, which would otherwise wait for its end."""
    with subprocess.Popen(
        [sys.executable, "-m", "api", "--port", "0", *arguments],
        env={**os.environ, "EPOCHD_STATE_DIR": str(folder), **environment},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def port_of(process: subprocess.Popen[str]) -> int:
    """Where it listens, as soon as it says so."""
    assert process.stderr is not None
    found = None
    while found is None:
        line = process.stderr.readline()
        assert line, "it ended before it listened"
        found = re.search(r"epochd listens on http://[0-9.]+:(\d+)", line)
    return int(found[1])


@pytest.mark.parametrize("controller", [(), ("--controller",)])
def test_it_serves_and_ends_cleanly_though_a_stream_is_open(
    tmp_path: Path, controller: tuple[str, ...]
) -> None:
    with start(tmp_path / "state", *controller) as process:
        connection = http.client.HTTPConnection("127.0.0.1", port_of(process), timeout=60)
        connection.request("POST", "/jobs", '{"workload":"noop"}', {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 201
        location = answer.headers["Location"]
        connection.request("GET", f"{location}/events", headers={"Accept": "text/event-stream"})
        stream = connection.getresponse()
        assert stream.readline() == b"retry: 1000\n"
        process.send_signal(signal.SIGTERM)
        stream.read()
        assert process.wait(60) == 0
        connection.close()


@pytest.mark.parametrize("exported", [{}, {"EPOCHD_TOKEN": new_token().text}], ids=["none", "a client's"])
def test_it_does_not_listen_to_others_without_a_token(tmp_path: Path, exported: dict[str, str]) -> None:
    with start(tmp_path, "--host", "0.0.0.0", **exported) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "without a token" in said and "Traceback" not in said


def test_a_token_of_the_database_lets_it_listen_to_others(tmp_path: Path) -> None:
    environment = {**os.environ, "EPOCHD_STATE_DIR": str(tmp_path)}
    words = ("create", "--name", "ada", "--scope", "read")
    made = subprocess.run(
        [sys.executable, "-m", "api.tokens", *words],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    with start(tmp_path, "--host", "0.0.0.0") as process:
        connection = http.client.HTTPConnection("127.0.0.1", port_of(process), timeout=60)
        statuses = []
        for headers in ({}, {"Authorization": f"Bearer {made.stdout.strip()}"}):
            connection.request("GET", "/jobs", headers=headers)
            answer = connection.getresponse()
            answer.read()
            statuses.append(answer.status)
        connection.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert statuses == [401, 200]


def test_it_is_alive_and_ready_though_127_0_0_1_is_no_name_it_answers_to(tmp_path: Path) -> None:
    with start(tmp_path, EPOCHD_ALLOWED_HOSTS='["train.example.org","api"]') as process:
        port = port_of(process)
        code = probe([str(port)])
        wait_until(lambda: is_ready(f"http://127.0.0.1:{port}"), "readiness", 60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert code == 0


def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start(tmp_path, "--port", str(port)) as process:
            _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in said and "Traceback" not in said


def test_a_token_of_another_service_is_warned_of_and_locks_nobody_out(tmp_path: Path) -> None:
    foreign = new_token().text
    with start(tmp_path, EPOCHD_TOKEN=foreign) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        connection = http.client.HTTPConnection("127.0.0.1", port_of(process), timeout=60)
        connection.request("GET", "/jobs", headers={"Authorization": f"Bearer {foreign}"})
        assert connection.getresponse().status == 200
        connection.close()
        process.terminate()
        assert process.wait(60) == 0
    assert "EPOCHD_TOKEN is a token of another service" in said and foreign not in said


def test_a_token_of_its_own_database_is_not_warned_of(tmp_path: Path) -> None:
    words = ("create", "--name", "ada", "--scope", "admin")
    made = subprocess.run(
        [sys.executable, "-m", "api.tokens", *words],
        env={**os.environ, "EPOCHD_STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    with start(tmp_path, EPOCHD_TOKEN=made.stdout.strip()) as process:
        assert process.stderr is not None
        assert "epochd listens on" in process.stderr.readline()
        process.terminate()
        assert process.wait(60) == 0
