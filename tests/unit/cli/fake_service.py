"""A service that answers with what a test wrote down, over real HTTP, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    query: Json
    body: Any
    headers: Json


@dataclass
class FakeService:
    """Answers by `METHOD path`; each answer is (status, body), bytes are sent as they are."""

    url: str = ""
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    date: str | None = None
    """What the answers say the time is, where it is not that of this machine."""

    def answer(self, asked: Asked) -> tuple[int, Any]:
        self.asked.append(asked)
        if asked.path.endswith("/events") and f"GET {asked.path}" not in self.answers:
            return 200, {"events": [], "next": "e0"}
        missing = {"detail": f"nothing is written down for {asked.method} {asked.path}", "code": "not_found"}
        return self.answers.get(f"{asked.method} {asked.path}", (404, missing))


@contextmanager
def serving() -> Iterator[FakeService]:
    """A fake service on a free port, for as long as the block lasts."""
    fake = FakeService()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(fake))
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def a_job(**changes: Any) -> Json:
    """A job as the API shows one."""
    job: Json = {
        "id": "019a3f5c2e10a1b2c3d4e5",
        "kind": "train",
        "workload": "celestial",
        "preset": "smoke",
        "name": "first try",
        "status": "running",
        "reason": None,
        "message": None,
        "attempt": 1,
        "cancel_requested_at": None,
        "progress": {
            "stage": "train",
            "epoch": 1,
            "epochs": 4,
            "step": 12,
            "steps": 48,
            "percent": 25.0,
            "eta_seconds": 100.0,
            "samples_per_second": 61.04,
        },
        "best": {"metric": "val/loss", "value": 0.41, "epoch": 1, "step": 10},
        "memory": {
            "latest": {"rss_bytes": 912_000_000, "swap_bytes": 0},
            "peak": {"rss_bytes": 912_000_000, "rss_peak_bytes": 1_200_000_000},
        },
        "adjustments": [],
        "attempts": [],
        "guards": [],
        "spec": {"trainer": {"epochs": 4}},
        "results": None,
        "created_at": "2026-11-21T09:20:48.125000Z",
        "updated_at": "2026-11-21T09:20:48.125000Z",
    }
    return {**job, **changes}


def a_point(
    epoch: int, value: float | None, split: str = "val", name: str = "loss", attempt: int = 1
) -> Json:
    """A metric point as the API shows one."""
    return {
        "attempt": attempt,
        "epoch": epoch,
        "step": epoch * 12,
        "split": split,
        "name": name,
        "value": value,
        "time": 1.0,
    }


def an_event(number: int, type_: str, **data: Any) -> Json:
    """A line of a job's history as the API shows one."""
    return {
        "id": number,
        "attempt": 1,
        "type": type_,
        "data": data,
        "time": "2026-11-21T09:20:48.125000Z",
    }


def a_worker(**changes: Any) -> Json:
    """A worker as the API shows one."""
    worker: Json = {
        "id": "box-1",
        "host": "box",
        "pid": 4242,
        "alive": True,
        "queues": ["cpu"],
        "busy": 1,
        "slots": 4,
        "running": ["019a3f5c2e10a1b2c3d4e5"],
        "cpus": 8.0,
        "memory_gib": 31.2,
        "gpus": 0,
        "used": {"cpus": 1.0, "memory_gib": 2.0, "gpus": 0},
        "pressure": {
            "memory_available_bytes": 21_000_000_000,
            "memory_total_bytes": 32_000_000_000,
            "swap_used_bytes": 696_463_360,
            "pressure_some_percent": 15.5,
            "load_1m": 3.5,
        },
        "started_at": "2026-11-21T09:20:40Z",
        "heartbeat_at": "2026-11-21T09:20:48Z",
    }
    return {**worker, **changes}


def _handler(fake: FakeService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            address = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            asked = Asked(
                self.command,
                address.path,
                query,
                json.loads(body) if body else None,
                dict(self.headers.items()),
            )
            status, answer = fake.answer(asked)
            sent = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return fake.date or super().date_time_string(timestamp)

        do_POST = do_GET  # noqa: N815
        do_DELETE = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            return None

    return Handler
