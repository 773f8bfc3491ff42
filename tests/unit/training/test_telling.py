"""What a trainer says: messages that are whole lines, measured pace, thinned memory."""

from __future__ import annotations

import errno
import itertools
import json
import os
from pathlib import Path

import pytest

from worker.training.finite import finite
from worker.training.memory import MemoryWatch, Thinned
from worker.training.memory_rates import paging_rates
from worker.training.pace import Pace, clock_text
from worker.training.reporter import Reporter


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines() if line]


def test_nan_is_told_as_null(tmp_path: Path) -> None:
    with Reporter(tmp_path / "e", lambda: 5.0) as report:
        report.emit(
            "points", values={"a": float("nan"), "b": float("-inf"), "c": 1.5}, list=(1, float("inf"))
        )
    assert lines(tmp_path / "e") == [
        {"type": "points", "time": 5.0, "values": {"a": None, "b": None, "c": 1.5}, "list": [1, None]}
    ]


def test_points_are_held_for_a_moment_and_come_out_in_order(tmp_path: Path) -> None:
    clock = Ticking()
    report = Reporter(tmp_path / "e", clock)
    report.emit("stage", name="train")
    for step in (1, 2):
        report.emit("points", step=step)
    assert len(lines(tmp_path / "e")) == 1
    clock.now += 0.3
    report.emit("points", step=3)
    assert [line.get("step") for line in lines(tmp_path / "e")] == [None, 1, 2, 3]
    report.emit("points", step=4)
    report.emit("best", step=5)
    assert [line.get("step") for line in lines(tmp_path / "e")] == [None, 1, 2, 3, 4, 5]
    clock.now -= 3600
    report.emit("points", step=6)
    assert len(lines(tmp_path / "e")) == 7, "a clock set back must not hold points for an hour"
    report.close()


def test_held_points_are_written_before_a_flush_returns(tmp_path: Path) -> None:
    report = Reporter(tmp_path / "e", lambda: 5.0)
    report.emit("points", step=1)
    report.emit("points", step=2)
    report.flush()
    assert len(lines(tmp_path / "e")) == 2
    report.close()


def test_a_message_is_on_the_disk_when_emit_returns(tmp_path: Path) -> None:
    report = Reporter(tmp_path / "e", lambda: 5.0)
    report.emit("stage", name="data")
    assert (tmp_path / "e").read_bytes() == b'{"type":"stage","time":5.0,"name":"data"}\n'
    report.close()


def test_a_torn_last_line_does_not_swallow_the_next_message(tmp_path: Path) -> None:
    (tmp_path / "e").write_bytes(b'{"type":"sta')
    with Reporter(tmp_path / "e", lambda: 5.0) as report:
        report.emit("stage", name="data")
    assert (tmp_path / "e").read_bytes().splitlines()[1] == b'{"type":"stage","time":5.0,"name":"data"}'


def test_messages_wait_for_a_full_disk_and_come_out_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = Reporter(tmp_path / "e", lambda: 5.0)
    write = os.write

    def half(file: int, data: bytes) -> int:
        if len(data) < 10:
            raise OSError(errno.ENOSPC, "full")
        return write(file, data[: len(data) // 2])

    monkeypatch.setattr("worker.training.reporter.os.write", half)
    for number in range(3):
        report.emit("stage", name=str(number))
    monkeypatch.undo()
    report.close()
    assert [line["name"] for line in lines(tmp_path / "e")] == ["0", "1", "2"]


def test_a_disk_that_stays_full_is_an_error_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")

    report = Reporter(tmp_path / "e", lambda: 5.0)
    monkeypatch.setattr("worker.training.reporter.os.write", full)
    report.emit("stage", name="data")
    with pytest.raises(OSError, match="could not be written"):
        report.close()


def test_what_json_cannot_say_is_an_error_not_a_string() -> None:
    with pytest.raises(TypeError, match="Path"):
        finite({"a": Path("x")})


class Ticking:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_eta_counts_the_steps_and_the_time_between_epochs() -> None:
    clock = Ticking()
    pace = Pace(clock)
    assert pace.eta_seconds(10, 2) is None
    pace.begin_epoch()
    for _ in range(4):
        clock.now += 0.5
        pace.step(16)
    assert pace.samples_per_second == pytest.approx(32)
    assert pace.eta_seconds(10, 2) == pytest.approx(5)
    clock.now += 3
    pace.begin_epoch()
    assert pace.eta_seconds(10, 2) == pytest.approx(5 + 2 * 3)


def test_the_share_of_waiting_for_data_is_that_of_the_time_of_steps() -> None:
    clock = Ticking()
    pace = Pace(clock)
    assert pace.data_wait_share is None
    pace.begin_epoch()
    for _ in range(4):
        clock.now += 0.5
        pace.step(16, waited=0.125)
    clock.now += 3
    pace.begin_epoch()
    assert pace.data_wait_share == pytest.approx(0.25)


def test_the_pace_follows_a_training_that_became_slower() -> None:
    clock = Ticking()
    pace = Pace(clock)
    pace.begin_epoch()
    for seconds in [0.1] * 100 + [10.0] * 30:
        clock.now += seconds
        pace.step(10)
    assert pace.samples_per_second == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (59.6, "00:01:00"), (3661, "01:01:01"), (180_000, "2 d 02:00:00")]
)
def test_durations_read_well(seconds: float | None, text: str) -> None:
    assert clock_text(seconds) == text


def test_a_week_of_memory_samples_stays_small_and_covers_the_whole_week() -> None:
    thinned = Thinned(10)
    for second in range(1000):
        thinned.add({"second": second})
    seconds = [item["second"] for item in thinned.items]
    assert len(seconds) <= 20
    assert seconds[0] == 0
    assert seconds[-1] > 900
    assert len({after - before for before, after in itertools.pairwise(seconds)}) == 1


def test_two_readings_at_the_same_time_do_not_divide_by_zero(tmp_path: Path) -> None:
    with Reporter(tmp_path / "e", lambda: 5.0) as report:
        watch = MemoryWatch(report, 3600, lambda: 7, lambda: 1.0)
        sample = watch.sample()
    assert sample["swap_in_bytes_per_second"] == 0
    assert sample["rss_bytes"] > 1_000_000
    assert watch.latest == sample
    assert lines(tmp_path / "e")[0]["step"] == 7


def test_a_peak_that_the_kernel_was_told_to_forget_is_remembered(tmp_path: Path) -> None:
    status = tmp_path / "proc" / "self" / "status"
    status.parent.mkdir(parents=True)
    (tmp_path / "proc" / "meminfo").write_text(
        "MemTotal: 9 kB\nMemAvailable: 9 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
    )
    (tmp_path / "proc" / "vmstat").write_text("pgmajfault 0\n")
    (status.parent / "cgroup").write_text("0::/\n")
    (status.parent / "stat").write_text("7 (x) " + "0 " * 50)
    peaks = []
    with Reporter(tmp_path / "e", lambda: 5.0) as report:
        watch = MemoryWatch(report, 3600, lambda: 7, lambda: 1.0, tmp_path)
        for kib in (300, 200, 400):
            status.write_text(f"VmHWM: {kib} kB\nVmRSS: 100 kB\nVmSwap: 0 kB\n")
            peaks.append(watch.sample()["rss_peak_bytes"] / 1024)
    assert peaks == [300, 300, 400]


def test_swap_traffic_is_told_per_second() -> None:
    from worker.hostmem import PagingCounters

    rates = paging_rates(PagingCounters(0, 100, 5, 0), PagingCounters(4_000_000, 100, 7, 0), 2.0)
    assert rates == {
        "swap_in_bytes_per_second": 2_000_000,
        "swap_out_bytes_per_second": 0,
        "major_faults_per_second": 1,
        "faults_per_second": 0,
        "refaults_per_second": 0,
    }
