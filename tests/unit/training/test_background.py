"""Work beside training: nothing is left out or done twice when another thread takes over."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from collections.abc import Iterator

import pytest
import torch

from tests.unit.training.saving_stage import refuse_threads
from worker.training.background import Background

PATIENCE = 60


class Work:
    """Steps that stop at a gate and note who took them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.takers: list[int] = []
        self.begun, self.go_on = threading.Event(), threading.Event()

    def steps(self) -> Iterator[None]:
        for _ in range(self.count):
            self.takers.append(threading.get_ident())
            self.begun.set()
            assert self.go_on.wait(PATIENCE)
            yield


def test_all_is_done_by_a_thread_of_lowest_priority() -> None:
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    priorities: list[int] = []

    def steps() -> Iterator[None]:
        priorities.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        yield

    work = Background(steps())
    work.start()
    for thread in threading.enumerate():
        if thread.name == "checkpoint":
            thread.join(PATIENCE)
    assert work.over
    work.finish()
    assert priorities == [19]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


def test_whoever_waits_does_the_rest() -> None:
    work = Work(5)
    beside = Background(work.steps())
    beside.start()
    assert work.begun.wait(PATIENCE)
    threading.Timer(0, work.go_on.set).start()
    beside.finish()
    assert beside.over
    assert len(work.takers) == 5
    assert work.takers[0] != threading.get_ident()


def test_a_hurried_work_goes_on_in_another_thread_without_a_step_twice() -> None:
    work = Work(4)
    beside = Background(work.steps())
    beside.start()
    assert work.begun.wait(PATIENCE)
    beside.hurry()
    beside.hurry()
    work.go_on.set()
    for thread in threading.enumerate():
        if thread.name == "checkpoint":
            thread.join(PATIENCE)
    beside.finish()
    assert len(work.takers) == 4
    assert len(set(work.takers)) == 2
    assert threading.get_ident() not in work.takers


def test_what_went_wrong_is_raised_where_it_is_finished() -> None:
    def steps() -> Iterator[None]:
        yield
        raise OSError(28, "No space left on device")

    work = Background(steps())
    work.start()
    with pytest.raises(OSError, match="No space left"):
        work.finish()


def test_what_failing_work_held_is_let_go_with_its_error() -> None:
    held: list[weakref.ref[torch.Tensor]] = []

    def steps() -> Iterator[None]:
        copy = torch.empty(1000)
        held.append(weakref.ref(copy))
        yield
        raise MemoryError(copy.shape)

    gc.disable()  # which would find it in the end: gigabytes cannot wait for that
    try:
        _finish_in_vain(Background(steps()))
        assert held[0]() is None
    finally:
        gc.enable()


def test_work_that_was_never_started_is_done_here() -> None:
    done: list[int] = []

    def steps() -> Iterator[None]:
        done.append(threading.get_ident())
        yield

    Background(steps()).finish()
    assert done == [threading.get_ident()]


def test_where_no_thread_can_be_had_all_is_left_to_whoever_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(3)
    work.go_on.set()
    beside = Background(work.steps())
    refuse_threads(monkeypatch)
    assert not beside.start()
    beside.hurry()
    assert not work.takers
    beside.finish()
    assert work.takers == [threading.get_ident()] * 3


def test_where_no_second_thread_can_be_had_the_first_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(4)
    beside = Background(work.steps())
    assert beside.start()
    assert work.begun.wait(PATIENCE)
    with monkeypatch.context() as refusing:
        refuse_threads(refusing)
        beside.hurry()
    work.go_on.set()
    for thread in threading.enumerate():
        if thread.name == "checkpoint":
            thread.join(PATIENCE)
    assert beside.over
    assert len(work.takers) == 4
    assert len(set(work.takers)) == 1


def _finish_in_vain(work: Background) -> None:
    try:
        work.finish()
    except MemoryError:
        return
    pytest.fail("the work did not fail")
