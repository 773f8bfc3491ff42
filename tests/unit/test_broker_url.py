"""Addresses of the broker: whole ones pass, and what a raw password tears apart does not, untold."""

from __future__ import annotations

import pytest

from shared.broker_url import check_broker_url


@pytest.mark.parametrize(
    "url",
    [
        "redis://broker",
        "redis://broker:6379/",
        "redis://broker:6379/0",
        "redis://[::1]:6379/0",
        "redis://:p%2Fw%23@broker:6379/0",
        "redis://user:a:b@c@broker/15",
        "rediss://:word@broker:6380/0?ssl_cert_reqs=required",
        "redis+socket:///run/redis.sock",
        "redis+socket://:p%2Fw@/run/redis.sock?virtual_host=3",
    ],
)
def test_an_address_of_redis_passes(url: str) -> None:
    check_broker_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:canary/9x@broker:6379/0",
        "redis://:canary#9x@broker:6379/0",
        "redis://:canary?9x@broker:6379/0",
        "redis://:canary;9x@broker:6379/0",
        "redis://:canary[9x@broker:6379/0",
        "redis://user:12/canary@broker:6379/0",
        "redis://user:12#canary@broker:6379/0",
        "redis://user:12?canary@broker:6379/0",
        "redis://broker:99999/0",
        "redis://broker/canary",
        "redis:///0",
        "redis+socket://",
        "redis+socket:///",
        "redis+socket://run/redis.sock",
        "redis+socket://:canary/9x@/run/redis.sock",
        "redis+socket://:12/canary@/run/redis.sock",
        "redis+socket://:canary?9x@/run/redis.sock",
        "redis+socket://:canary#9x@/run/redis.sock",
        "redis+socket:///run/redis.sock;canary",
        "amqp://broker",
        "broker:6379",
        "",
    ],
)
def test_any_other_is_refused_and_not_told(url: str) -> None:
    with pytest.raises(ValueError, match="percent-encoded") as told:
        check_broker_url(url)
    assert "canary" not in str(told.value) and "broker:" not in str(told.value)
    assert told.value.__context__ is None  # a traceback would tell it
