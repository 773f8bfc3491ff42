"""Memory is given back before a trial pass: what nobody refers to first, then what is kept for later."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.integration.planted import write_order
from worker.training import attempt, probe
from worker.training.main import run_order


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    order: list[str] = []
    monkeypatch.setattr(gc, "collect", lambda: order.append("collect"))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: order.append("empty"))
    monkeypatch.setattr(probe, "release_freed", lambda: order.append("release"))
    return order


def test_p21_on_a_gpu_cycles_are_collected_before_the_cache_is_emptied(called: list[str]) -> None:
    probe.let_go(torch.device("cuda"))
    assert called == ["collect", "empty"]


def test_p21_on_a_cpu_no_cache_is_emptied(called: list[str]) -> None:
    probe.let_go(torch.device("cpu"))
    assert called == ["collect", "release"]


def test_p21_training_begins_without_what_guards_left_on_a_gpu(called: list[str]) -> None:
    attempt.let_go_of_trials(torch.device("cpu"))
    assert called == []
    attempt.let_go_of_trials(torch.device("cuda"))
    assert called == ["collect", "empty"]


def test_p21_it_is_let_go_after_the_guards_and_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    for name in ("run_guards", "let_go_of_trials", "fit"):
        real = getattr(attempt, name)

        def told(*given: Any, _name: str = name, _real: Callable[..., Any] = real) -> Any:
            order.append(_name)
            return _real(*given)

        monkeypatch.setattr(attempt, name, told)
    run_order(write_order(tmp_path))
    assert order == ["run_guards", "let_go_of_trials", "fit"]
