"""Requests exactly as they are spelled, many in one event loop: what no well-behaved client would send."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message


@dataclass(frozen=True)
class Call:
    """One request. The path is sent as it stands here; a server would hand on the unquoted form, as we do."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    query: str = ""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers.get("content-type") == "application/problem+json", self
        told: dict[str, Any] = json.loads(self.body)
        return told


def ask_all(app: ASGIApp, calls: Sequence[Call]) -> list[Answer]:
    """The answers, in order."""

    async def each() -> list[Answer]:
        return [await _ask(app, call) for call in calls]

    return asyncio.run(each())


async def _ask(app: ASGIApp, call: Call) -> Answer:
    status, headers, body = 0, dict[str, str](), b""
    sent = b"" if call.body is None else json.dumps(call.body).encode()
    given = {"host": "localhost", **({} if call.body is None else {"content-type": "application/json"})}

    began = False

    async def receive() -> Message:
        nonlocal began
        if began:  # who waits for more waits for a client that neither speaks nor leaves
            await asyncio.Event().wait()
        began = True
        return {"type": "http.request", "body": sent, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, headers, body
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
        body += message.get("body", b"")

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
        "method": call.method, "path": unquote(call.path), "raw_path": call.path.encode("utf-8", "replace"),
        "query_string": call.query.encode(), "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1"))
                    for name, value in {**given, **call.headers}.items()],
        "client": ("127.0.0.1", 1), "server": ("localhost", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    return Answer(status, headers, body)
