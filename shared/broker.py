"""The broker at its edge: how Celery is set up, and how a doorbell is rung. A message says a queue, no more.

Every value here has a measured failure behind it: a message that is acknowledged late is delivered twice or
lost, a result backend is a second truth, a publisher that retries hangs while the broker is down.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError

from shared.bell import BellFailed

QUEUES = ("cpu", "gpu")
WORK = "epochd.work"
CANARY = "epochd.canary"

PUBLISH_SECONDS = 1.0
"""How long a publisher waits for the broker; whoever listens for bells also looks for himself."""


def celery_settings(url: str) -> Mapping[str, Any]:
    """What workers and publishers share."""
    return {
        "broker_url": url,
        "result_backend": None,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "task_queues": [Queue(name, Exchange(""), routing_key=name) for name in QUEUES],
        "task_default_queue": QUEUES[0],
        "task_acks_late": False,
        "task_publish_retry": False,
        "worker_pool": "threads",
        "worker_prefetch_multiplier": 1,
        "worker_disable_prefetch": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_soft_shutdown_timeout": 0.0,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "broker_connection_retry": True,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "visibility_timeout": 3600,
            "health_check_interval": 15,
            "socket_keepalive": True,
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
        },
    }


def publisher_settings(url: str) -> Mapping[str, Any]:
    """Those of a process that only rings: short timeouts and no second try."""
    waits = {"socket_keepalive": True, "socket_timeout": PUBLISH_SECONDS}
    connects = {"socket_connect_timeout": PUBLISH_SECONDS, "max_retries": 0, "connect_retries_timeout": 1}
    return {
        **celery_settings(url),
        "broker_pool_limit": 2,
        "broker_transport_options": {**waits, **connects, "health_check_interval": 15},
    }


class Broker:
    """Rings doorbells. Threads may share it."""

    def __init__(self, url: str) -> None:
        self._app = Celery("epochd-bells", set_as_current=False)
        self._app.conf.update(publisher_settings(url))
        connection = self._app.connection_for_write()  # not opened: it knows which errors are the broker's
        self._errors: tuple[type[Exception], ...] = (
            *connection.connection_errors,
            *connection.channel_errors,
        )

    def ring(self, queue: str) -> None:
        """Say that there is work on a queue. Raises BellFailed."""
        self._publish(WORK, (queue,), queue)

    def chirp(self, queue: str) -> None:
        """Send a worker's canary to its private queue. Raises BellFailed."""
        self._publish(CANARY, (), queue)

    def answers(self) -> bool:
        """Whether the broker answers a PING."""
        try:
            with self._app.connection_for_write() as connection:
                return bool(connection.default_channel.client.ping())
        except (OperationalError, OSError, *self._errors):
            return False

    def close(self) -> None:
        """Close the pooled connections."""
        self._app.close()

    def _publish(self, task: str, arguments: tuple[str, ...], queue: str) -> None:
        try:
            self._app.send_task(
                task, arguments, exchange="", routing_key=queue, retry=False, ignore_result=True
            )
        except (OperationalError, OSError, *self._errors) as error:
            raise BellFailed(f"the broker does not answer: {type(error).__name__}") from error
