"""The bootstep: opens the bench before messages are taken, and closes it when the worker stops."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from celery import bootsteps
from celery.signals import setup_logging, worker_shutting_down
from kombu import Exchange, Queue

from shared.broker import QUEUES
from shared.log import configure_logging

QUIT_GRACE_SECONDS = 5.0
"""QUIT means haste; what could not checkpoint by then goes on from its last one."""


class BenchStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Part of the worker's own order of start and stop, whatever the broker does."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._bench = parent.app.bench
        setup_logging.connect(_set_up_logging)
        worker_shutting_down.connect(self._shutting_down)

    def start(self, parent: Any) -> None:
        if not type(parent.pool).__module__.endswith(".thread"):
            raise SystemExit("epochd supervises jobs in threads; start the worker with -P threads")
        consumed = parent.app.amqp.queues
        serves = tuple(name for name in QUEUES if name in consumed.consume_from)
        canary = f"canary.{parent.hostname}"
        consumed.select_add(Queue(canary, Exchange(""), routing_key=canary, auto_delete=True))
        self._bench.open(serves, parent.concurrency, canary)
        self._soften_quit()

    def stop(self, _parent: Any) -> None:
        self._bench.close()

    def terminate(self, _parent: Any) -> None:
        self._bench.close()

    def _shutting_down(self, **_told: Any) -> None:
        """In the signal handler: a warm shutdown would otherwise wait for the training to end by itself."""
        self._bench.request_stop()

    def _soften_quit(self) -> None:
        """Celery's QUIT waits for the tasks inside the signal handler, before anybody is told."""
        warm = signal.getsignal(signal.SIGTERM)

        def leave_soon(number: int, frame: FrameType | None) -> None:
            self._bench.request_stop(QUIT_GRACE_SECONDS)
            if callable(warm):
                warm(number, frame)

        signal.signal(signal.SIGQUIT, leave_soon)


def _set_up_logging(**_told: Any) -> None:
    configure_logging("worker")
