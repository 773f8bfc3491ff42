"""The settings of Celery that matter, word for word, and a publisher that waits for nobody."""

from __future__ import annotations

import threading

import pytest

from shared.bell import BellFailed
from shared.broker import Broker, celery_settings, publisher_settings
from shared.ringer import MOST_WAITING, BackgroundRinger
from shared.settings import Settings
from tests.servers import free_port

URL = "redis://broker:6379/0"


def test_every_setting_that_a_measured_failure_stands_behind_is_as_it_must_be() -> None:
    settings = dict(celery_settings(URL))
    queues = settings.pop("task_queues")
    assert [(queue.name, queue.exchange.name) for queue in queues] == [("cpu", ""), ("gpu", "")]
    assert settings == {
        "broker_url": URL,
        "result_backend": None,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        "task_default_queue": "cpu",
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


def test_a_publisher_waits_a_second_at_most_and_never_tries_again() -> None:
    options = publisher_settings(URL)["broker_transport_options"]
    assert (options["socket_timeout"], options["socket_connect_timeout"], options["max_retries"]) == (1, 1, 0)


def test_a_bell_without_a_broker_fails_instead_of_hanging() -> None:
    broker = Broker(f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(BellFailed, match="the broker does not answer"):
        broker.ring("cpu")
    assert not broker.answers()
    broker.close()


def test_who_rings_goes_on_while_the_broker_hangs() -> None:
    hangs, heard = threading.Event(), list[str]()

    def ring(queue: str) -> None:
        assert hangs.wait(60)
        heard.append(queue)

    ringer = BackgroundRinger(ring)
    for _ in range(MOST_WAITING + 10):
        ringer("cpu")  # a caller that had to wait would never come back
    assert heard == []
    hangs.set()
    ringer.close(60)
    assert MOST_WAITING <= len(heard) <= MOST_WAITING + 1


def test_a_bell_that_fails_does_not_end_the_ringer() -> None:
    heard: list[str] = []

    def ring(queue: str) -> None:
        heard.append(queue)
        if len(heard) == 1:
            raise BellFailed("down")

    ringer = BackgroundRinger(ring)
    ringer("cpu")
    ringer("gpu")
    ringer.close(60)
    assert heard == ["cpu", "gpu"]


def test_the_password_of_the_broker_is_not_shown() -> None:
    settings = Settings.model_validate({"broker_url": "redis://:hunter2@broker:6379/0"})
    assert "hunter2" not in repr(settings)
