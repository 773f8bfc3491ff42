"""Around every request: how long it took, how it was answered, and the answer to an error nobody foresaw."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import unexpected
from shared.clock import Monotonic, monotonic
from shared.telemetry import CALLS, REQUEST_SECONDS, RESPONSES, STATUS_CLASSES, UNEXPECTED_ERRORS

_SUBMIT, _CHANGE, _READ = CALLS


class RequestTelemetry:
    """The request series, kept in one process's memory."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # When this process began to count is of no use, and would be a series more for each.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        seconds = REQUEST_SECONDS
        self.seconds = Histogram(
            seconds.name, seconds.help, seconds.labels, buckets=seconds.buckets, registry=registry
        )
        self.responses = Counter(RESPONSES.name, RESPONSES.help, RESPONSES.labels, registry=registry)
        self.errors = Counter(UNEXPECTED_ERRORS.name, UNEXPECTED_ERRORS.help, registry=registry)
        for call in CALLS:
            self.seconds.labels(call)
        for status in STATUS_CLASSES:
            self.responses.labels(status)


class Observe:
    """Within the guard: measures what it lets in; no exception leaves before an answer began."""

    def __init__(self, app: ASGIApp, telemetry: RequestTelemetry, clock: Monotonic = monotonic) -> None:
        self._app = app
        self._telemetry = telemetry
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock()
        answered = False

        async def send_observed(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                self._count(scope, message["status"], self._clock() - began)
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        except ClientDisconnect:
            return  # nobody is left to answer
        except Exception as error:
            if answered:
                raise  # half an answer is out: only cutting the connection tells the client
            self._telemetry.errors.inc()
            await unexpected(error, scope["path"])(scope, receive, send_observed)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        waited = scope.get("state", {}).get("waited_seconds", 0.0)
        self._telemetry.seconds.labels(_call(scope)).observe(max(0.0, seconds - waited))
        self._telemetry.responses.labels(f"{status // 100}xx").inc()


def _call(scope: Scope) -> str:
    if scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return _READ
    return _SUBMIT if scope["method"] == "POST" and scope["path"] == "/jobs" else _CHANGE
