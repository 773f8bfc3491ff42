"""Which GPUs a worker offers: those named, else those nvidia-smi lists; a driver that fails is told."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NoReturn

import pytest

from worker.supervision.gpus import Gpu, list_gpus, list_gpus_if_any, offered_gpus

FOUR = tuple(Gpu(f"GPU-{letter}", "H100") for letter in "abcd")
UNLIKE = (Gpu("GPU-slow", "T4"), Gpu("GPU-fast", "H100"))

TWO_LISTED = """GPU 0: NVIDIA H100 (UUID: GPU-5c0e)
  MIG 1g.10gb     Device  0: (UUID: MIG-77ab)
GPU 1: NVIDIA H100 (UUID: GPU-91d2)
"""


def free(_uuid: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("environ", "wanted", "offered"),
    [
        ({}, None, ("GPU-a", "GPU-b", "GPU-c", "GPU-d")),
        ({}, 2, ("GPU-a", "GPU-b")),
        ({}, 0, ()),
        ({"CUDA_VISIBLE_DEVICES": "2, GPU-ab, MIG-7, 9"}, None, ("GPU-c", "GPU-ab", "MIG-7", "9")),
        ({"CUDA_VISIBLE_DEVICES": ""}, None, ()),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, None, ()),
    ],
)
def test_a_worker_offers_the_gpus_it_may_use(
    environ: dict[str, str], wanted: int | None, offered: tuple[str, ...]
) -> None:
    assert offered_gpus(environ, wanted, lambda: FOUR, free) == offered


def test_no_more_is_held_than_is_offered() -> None:
    asked: list[str] = []

    def hold(uuid: str) -> bool:
        asked.append(uuid)
        return uuid != "GPU-a"

    assert offered_gpus({}, 2, lambda: FOUR, hold) == ("GPU-b", "GPU-c")
    assert asked == ["GPU-a", "GPU-b", "GPU-c"]


@pytest.mark.parametrize("named", ["0,1", "GPU-a,GPU-b"])
def test_gpus_that_are_named_are_held_too(named: str) -> None:
    taken: set[str] = set()

    def hold(uuid: str) -> bool:
        return uuid not in taken and not taken.add(uuid)  # type: ignore[func-returns-value]

    assert offered_gpus({"CUDA_VISIBLE_DEVICES": named}, None, lambda: FOUR, hold) == ("GPU-a", "GPU-b")
    with pytest.raises(ValueError, match="all but 0 of the 2 GPUs"):
        offered_gpus({"CUDA_VISIBLE_DEVICES": named}, None, lambda: FOUR, hold)
    assert offered_gpus({}, None, lambda: FOUR, hold) == ("GPU-c", "GPU-d")


def test_a_number_is_a_place_in_the_list_only_where_cuda_counts_like_it() -> None:
    number = {"CUDA_VISIBLE_DEVICES": "0"}
    assert offered_gpus(number, None, lambda: UNLIKE, lambda _: False) == ("0",), "the fastest, unknown which"
    by_bus = {**number, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert offered_gpus(by_bus, None, lambda: UNLIKE, free) == ("GPU-slow",)
    assert offered_gpus({"CUDA_VISIBLE_DEVICES": "GPU-f"}, None, lambda: UNLIKE, free) == ("GPU-fast",)


def test_what_is_named_is_offered_where_nothing_can_be_listed_or_locked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: str) -> NoReturn:
        raise ValueError("no locks available")

    assert offered_gpus({"CUDA_VISIBLE_DEVICES": "GPU-a,1"}, None, fail, fail) == ("GPU-a", "1")
    assert "GPU-a is offered without a lock" in caplog.text
    with pytest.raises(ValueError, match="no locks"):
        offered_gpus({}, None, lambda: FOUR, fail)


@pytest.mark.parametrize(("wanted", "sentence"), [(None, "what is left"), (2, "2")])
def test_gpus_that_another_worker_offers_are_one_sentence(wanted: int | None, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"all but 0 of the 4 GPUs and this one is to offer {sentence};"):
        offered_gpus({}, wanted, lambda: FOUR, lambda _: False)


def test_a_worker_of_a_machine_without_gpus_has_no_other_to_blame() -> None:
    assert offered_gpus({}, None, tuple, free) == ()


def test_more_gpus_than_there_are_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="5 GPUs are to be offered and 4 can be seen"):
        offered_gpus({}, 5, lambda: FOUR, free)


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where an nvidia-smi of the test's is found, and no other."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "nvidia-smi"


def says(tool: Path, text: str, code: int) -> None:
    tool.write_text(f"#!/bin/sh\necho '{text}'\nexit {code}\n")
    tool.chmod(0o755)


def test_the_gpus_are_told_by_their_uuids_and_none_without_the_tool(tool: Path) -> None:
    assert list_gpus() == ()
    says(tool, TWO_LISTED, 0)
    assert (
        list_gpus() == list_gpus_if_any() == (Gpu("GPU-5c0e", "NVIDIA H100"), Gpu("GPU-91d2", "NVIDIA H100"))
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Failed to initialize NVML: Driver/library version mismatch", 18),
        (TWO_LISTED + "Unable to determine the device handle: GPU is lost", 15),
        ("No devices found.", 0),
    ],
)
def test_a_driver_that_fails_is_one_sentence(
    tool: Path, text: str, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    says(tool, text, code)
    with pytest.raises(ValueError, match=r"nvidia-smi -L lists no GPUs to rely on: \w.*set EPOCHD_GPUS to 0"):
        list_gpus()
    with caplog.at_level(logging.WARNING):
        assert list_gpus_if_any() == ()
    assert "no GPU is found: nvidia-smi -L" in caplog.text
