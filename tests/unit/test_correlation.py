"""Correlations beside those of another library, and what has none."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from scipy import stats

from worker.evaluation.correlation import average_ranks, correlation, rank_correlation


@pytest.mark.parametrize("count", [3, 4, 9, 40])
def test_both_are_scipys_with_ties_and_without(count: int) -> None:
    generator = np.random.default_rng(count)
    one, other = generator.standard_normal((2, count))
    for left, right in ((one, other), (np.round(one), other), (one, one**3)):
        if np.ptp(left):
            assert correlation(left, right) == pytest.approx(stats.pearsonr(left, right)[0])
            assert rank_correlation(left, right) == pytest.approx(stats.spearmanr(left, right)[0])


def test_ranks_that_tie_are_shared() -> None:
    values = np.array([2.0, 5.0, 2.0, 1.0, 5.0, 5.0])
    assert average_ranks(values).tolist() == stats.rankdata(values).tolist()


def test_ranks_go_up_together_however_far() -> None:
    rising = np.array([0.0, 1.0, 10.0, 1000.0])
    assert rank_correlation(rising, rising**3) == 1.0 and rank_correlation(rising, -rising) == -1.0
    assert correlation(rising, rising**3) < 1.0


def test_two_pairs_and_a_side_that_does_not_move_have_none() -> None:
    assert isnan(rank_correlation(np.array([1.0, 2.0]), np.array([1.0, 2.0])))
    assert isnan(rank_correlation(np.zeros(5), np.arange(5.0))) and isnan(correlation(np.ones(5), np.ones(5)))
