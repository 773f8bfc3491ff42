"""Fixtures of tests that run a trainer in this process."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.integration import planted


@pytest.fixture
def workload(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replaces functions of the planted workload."""

    def change(**functions: Any) -> None:
        monkeypatch.setattr(planted, "WORKLOAD", replace(planted.WORKLOAD, **functions))

    return change


@pytest.fixture(autouse=True)
def handlers_are_put_back() -> Iterator[None]:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    yield
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
