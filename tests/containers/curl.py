"""The API from outside, by curl: what a user without any client of ours would do."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from tests.containers.engine import EngineError, run

SECONDS = 20
BEAT = 0.25


class Curl:
    """One service, one token. The token goes in by standard input: no list of processes shows it."""

    def __init__(self, address: str, token: str | None = None) -> None:
        self.address = address
        self._config = "" if token is None else f'header = "Authorization: Bearer {token}"\n'

    def ask(self, path: str, body: object | None = None) -> Any:
        """The JSON answer; a body is posted. Raises EngineError for anything but success."""
        status, text = self.exchange(path, body)
        if not 200 <= status < 300:
            raise EngineError(f"{path} answered {status}: {text[:500]}")
        return json.loads(text)

    def status(self, path: str) -> int:
        return self.exchange(path)[0]

    def exchange(self, path: str, body: object | None = None) -> tuple[int, str]:
        """Status and text. Raises EngineError where nobody answers."""
        command = [
            "curl",
            "--silent",
            "--show-error",
            "--max-time",
            str(SECONDS),
            "--write-out",
            "\\n%{http_code}",
        ]
        if body is not None:
            command += ["--header", "Content-Type: application/json", "--data", json.dumps(body)]
        command += ["--config", "-", self.address + path]
        text, _, status = run(command, SECONDS + 5, given=self._config).rpartition("\n")
        return int(status), text


def wait(what: str, seconds: float, ask: Callable[[], Any]) -> Any:
    """The first answer that is not false or None; failures on the way are waited out. Raises EngineError."""
    deadline, last = time.monotonic() + seconds, "it was not so"
    while time.monotonic() < deadline:
        try:
            if answer := ask():
                return answer
        except EngineError as error:
            last = str(error)
        time.sleep(BEAT)
    raise EngineError(f"{what} did not come within {seconds:.0f} s: {last}")
