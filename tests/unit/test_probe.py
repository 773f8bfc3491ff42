"""The probe of a HEALTHCHECK: content with a service that answers, and with nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from api.probe import main


@contextmanager
def answering(status: int) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *arguments: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (421, 0), (503, 1), (404, 1)])
def test_only_an_answer_of_a_service_that_works_is_health(status: int, code: int) -> None:
    with answering(status) as port:
        assert main([str(port)]) == code


def test_nobody_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with answering(200) as port:
        pass
    assert main([str(port)]) == 1
    assert "does not answer" in capsys.readouterr().err
