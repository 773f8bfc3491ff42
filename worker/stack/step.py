"""The bootstep: opens the bench before messages are taken, and closes it when the worker stops."""

from __future__ import annotations

import secrets
import signal
from types import FrameType
from typing import Any

from celery import bootsteps
from kombu import Exchange, Queue

from shared.broker import QUEUES
from worker.stack.again import start_again_at_exit

HASTY_GRACE_SECONDS = 5.0
"""QUIT and a second INT mean haste; what could not checkpoint by then goes on from its last one."""


class BenchStep(bootsteps.StartStopStep):  # type: ignore[misc]
    """Part of the worker's own order of start and stop, whatever the broker does."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self._bench = parent.app.bench
        self._leaving = False

    def start(self, parent: Any) -> None:
        if not type(parent.pool).__module__.endswith(".thread"):
            raise SystemExit("epochd supervises jobs in threads; start the worker with -P threads")
        consumed = parent.app.amqp.queues
        serves = tuple(name for name in QUEUES if name in consumed.consume_from)
        # Two workers of one name must not hear each other's canaries.
        canary = f"canary.{parent.hostname}.{secrets.token_hex(4)}"
        consumed.select_add(Queue(canary, Exchange(""), routing_key=canary, auto_delete=True))
        self._bench.open(serves, parent.offer, canary)
        self._listen()

    def stop(self, _parent: Any) -> None:
        self._bench.close()

    def terminate(self, _parent: Any) -> None:
        self._bench.close()

    def _listen(self) -> None:
        """Lead every signal to the warm shutdown, and only the first to Celery's own handler.

        That takes a lock; and Celery's cold shutdown waits for the tasks before anybody is told. After a HUP
        another worker takes this one's place by its own command line, which Celery would spoil. On a terminal
        it leaves HUP alone, and so do we.
        """
        warm = signal.getsignal(signal.SIGTERM)
        assert callable(warm)

        def leave(number: int, frame: FrameType | None) -> None:
            again, self._leaving = self._leaving, True
            if number == signal.SIGHUP and not again:
                start_again_at_exit()
            haste = number == signal.SIGQUIT or (again and number == signal.SIGINT)
            self._bench.request_stop(HASTY_GRACE_SECONDS if haste else None)
            if not again:
                warm(number, frame)

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
            if number != signal.SIGHUP or callable(signal.getsignal(number)):
                signal.signal(number, leave)
