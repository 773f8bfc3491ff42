"""Walk-forward folds with an embargo between the splits.

The days are cut into folds + 2 blocks of L days, counted from the newest. Fold k trains on all days before
its validation block, validates on one block and tests on the next; the last `embargo` days before each of the
later two belong to no split, so that no target of an earlier split is made of a price of a later one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from shared.specs.equities import EquitiesData

Places = NDArray[np.int64]

FEWEST_DAYS = 10
"""Of a validation split, after its embargo."""


@dataclass(frozen=True)
class Fold:
    """The days of each split, as places in the panel, ascending."""

    train: Places
    val: Places
    test: Places


def cut_fold(days: Places, data: EquitiesData) -> Fold:
    """The fold a spec asks for, of the usable days. Raises DataError where they are too few."""
    block = len(days) // (data.folds + 2)
    needed = data.embargo_days + FEWEST_DAYS
    if block < needed:
        raise DataError(
            f"{len(days)} usable days cut into folds {data.folds} + 2 blocks give {block} days each; with "
            f"embargo_days {data.embargo_days} a block needs {needed}; give more days or ask for fewer folds"
        )
    newest = len(days) - (data.folds - (data.fold or data.folds)) * block
    test = days[newest - block : newest]
    val = days[newest - 2 * block : newest - block]
    train = days[: newest - 2 * block]
    return Fold(_before(train, val[0] - data.embargo_days), _before(val, test[0] - data.embargo_days), test)


def _before(days: Places, first: int) -> Places:
    return days[days < first]
