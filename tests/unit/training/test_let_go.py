"""Memory is given back before a trial pass: what nobody refers to first, then what is kept for later."""

from __future__ import annotations

import gc

import pytest
import torch

from worker.training import probe


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
