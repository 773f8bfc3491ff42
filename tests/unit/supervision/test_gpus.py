"""Which GPUs a worker offers: those named, else those nvidia-smi lists; a driver that fails is told."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from worker.supervision.gpus import list_gpus, list_gpus_if_any, offered_gpus

FOUR = ("GPU-a", "GPU-b", "GPU-c", "GPU-d")

TWO_LISTED = """GPU 0: NVIDIA H100 (UUID: GPU-5c0e)
  MIG 1g.10gb     Device  0: (UUID: MIG-77ab)
GPU 1: NVIDIA H100 (UUID: GPU-91d2)
"""


def free(_uuid: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("environ", "wanted", "offered"),
    [
        ({}, None, ("0", "1", "2", "3")),
        ({}, 2, ("0", "1")),
        ({}, 0, ()),
        ({"CUDA_VISIBLE_DEVICES": "2, GPU-ab"}, None, ("2", "GPU-ab")),
        ({"CUDA_VISIBLE_DEVICES": ""}, None, ()),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, None, ()),
    ],
)
def test_a_worker_offers_the_gpus_it_may_use(
    environ: dict[str, str], wanted: int | None, offered: tuple[str, ...]
) -> None:
    assert offered_gpus(environ, wanted, lambda: FOUR, free) == offered


def test_no_more_is_held_than_is_offered_and_nothing_that_is_named() -> None:
    asked: list[str] = []

    def hold(uuid: str) -> bool:
        asked.append(uuid)
        return uuid != "GPU-a"

    assert offered_gpus({}, 2, lambda: FOUR, hold) == ("1", "2")
    assert offered_gpus({"CUDA_VISIBLE_DEVICES": "0,1"}, None, lambda: FOUR, hold) == ("0", "1")
    assert asked == ["GPU-a", "GPU-b", "GPU-c"]


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
    assert list_gpus() == list_gpus_if_any() == ("GPU-5c0e", "GPU-91d2")


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
    assert "no GPU is offered: nvidia-smi -L" in caplog.text
