"""Around every request: how long it took, by route template, and the answer to an error nobody foresaw."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import unexpected
from shared.clock import Monotonic, monotonic
from shared.telemetry import REQUEST_SECONDS, UNEXPECTED_ERRORS

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestTelemetry:
    """The request series, kept in one process's memory."""

    def __init__(self, registry: CollectorRegistry) -> None:
        seconds, errors = REQUEST_SECONDS, UNEXPECTED_ERRORS
        self.seconds = Histogram(
            seconds.name, seconds.help, seconds.labels, buckets=seconds.buckets, registry=registry
        )
        self.errors = Counter(errors.name, errors.help, registry=registry)


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
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = getattr(scope.get("route"), "path", "none")
        waited = scope.get("state", {}).get("waited_seconds", 0.0)
        self._telemetry.seconds.labels(method, route, str(status)).observe(max(0.0, seconds - waited))
