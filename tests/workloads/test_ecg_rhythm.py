"""The rhythm about a beat: what shows an early one, and that it is the same in every patient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.workloads.ecg_cases import cuts, ecg_spec, tiny_mitdb
from worker.workloads.ecg.data import load_splits
from worker.workloads.ecg.rhythm import ABOUT, RHYTHM, rhythm_of, running_median

REGULAR = np.arange(1, 60) * 0.8
BEATS = {"mode": "beats", "split": "de_chazal", "leads": ["MLII", "*"], "limit": None, "samples": 64}


def with_early(number: int) -> NDArray[np.floating[Any]]:
    early = REGULAR.copy()
    early[number] -= 0.3
    return early


def test_regular_beats_have_no_rhythm_to_tell() -> None:
    assert rhythm_of(REGULAR) == pytest.approx(0, abs=1e-5)


def test_an_early_beat_is_short_before_and_long_after() -> None:
    early = dict(zip(RHYTHM, rhythm_of(with_early(30))[30], strict=True))
    short, long = np.log(0.5 / 0.8) / 0.2, np.log(1.1 / 0.8) / 0.2
    assert [early[f"before / {one}"] for one in ("record", "near", "about")] == pytest.approx([short] * 3)
    assert [early[f"after / {one}"] for one in ("record", "near", "about")] == pytest.approx([long] * 3)
    assert early["before that / near"] == pytest.approx(0, abs=1e-5)
    assert early["after that / near"] == pytest.approx(0, abs=1e-5)
    next_one = dict(zip(RHYTHM, rhythm_of(with_early(30))[31], strict=True))
    assert next_one["before that / near"] == pytest.approx(short)


def test_the_same_rhythm_of_a_slower_heart_is_the_same() -> None:
    np.testing.assert_allclose(rhythm_of(1.7 * with_early(30)), rhythm_of(with_early(30)), atol=1e-5)


def test_a_rate_that_changes_within_the_record_shows_against_the_record_only() -> None:
    seconds = np.cumsum(np.concatenate([np.full(100, 0.6), np.full(101, 0.9)]))
    late = dict(zip(RHYTHM, rhythm_of(seconds)[20], strict=True))
    assert late["before / record"] < -1
    assert [late["before / near"], late["before / about"]] == pytest.approx([0, 0], abs=1e-5)


def test_few_beats_and_beats_at_one_time_have_finite_features() -> None:
    assert rhythm_of(np.array([1.0])).tolist() == [[0.0] * len(RHYTHM)]
    assert rhythm_of(np.array([])).shape == (0, len(RHYTHM))
    for seconds in ([1.0, 2.0], [1.0, 1.0, 1.0], [1.0, 1.0, 9.0]):
        assert np.isfinite(rhythm_of(np.array(seconds))).all()


def test_running_medians_are_of_what_lies_around() -> None:
    values = np.array([5.0, 1.0, 4.0, 2.0, 3.0])
    assert running_median(values, 1).tolist() == [3.0, 4.0, 2.0, 3.0, 2.5]
    assert running_median(values, ABOUT).tolist() == [3.0] * 5


def test_the_rhythm_can_be_left_out(tmp_path: Path) -> None:
    tiny_mitdb(tmp_path / "set")
    with_it, without = (
        load_splits(ecg_spec(data={**BEATS, "rhythm": rhythm}), tmp_path) for rhythm in (True, False)
    )
    assert cuts(with_it.train)[0]["rhythm"].shape == (8,) and with_it.fitted.rhythm == 8
    assert cuts(without.train)[0]["rhythm"].shape == (0,) and without.fitted.rhythm == 0
