"""What a horizon is called: many spellings, one canonical name, and no match that is passed over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from shared.errors import TrainingError

T = TypeVar("T")

_NAME = re.compile(
    r"(?:horizon_|point_horizon_|target_|returns?_|label_ret_|h)?(?P<days>[1-9]\d{0,2})(?:d|_days?)?",
    re.ASCII,
)


_OF_THE_FUTURE = ("horizon_", "point_horizon_", "target_", "label_ret_")


class NoMatchingHorizons(TrainingError):
    """Predictions and targets name different horizons, so there is nothing to learn from."""


def horizon_name(days: int) -> str:
    """`horizon_5` of 5 trading days."""
    return f"horizon_{days}"


def horizon_days(name: str) -> int | None:
    """Days of horizon_5, horizon_5d, point_horizon_5, target_5d, return_5d, label_ret_5, h5 or 5; else None.

    feat_ret_5d is none: it is a return of the past. Neither is label_ret_5_bps, which has another unit.
    """
    found = _NAME.fullmatch(name.strip().lower())
    return int(found["days"]) if found else None


def is_of_the_future(column: str) -> bool:
    """Whether a horizon's column says so itself; return_5, h5 or 5 may as well be of the past."""
    return column.strip().lower().startswith(_OF_THE_FUTURE)


def canonical(named: Mapping[str, T]) -> dict[str, T]:
    """The entries whose keys name a horizon, by canonical name. Raises NoMatchingHorizons for one twice."""
    found: dict[str, T] = {}
    for key, value in named.items():
        days = horizon_days(key)
        if days is None:
            continue
        if horizon_name(days) in found:
            raise NoMatchingHorizons(f"two of the keys {_list(named)} mean the horizon of {days} days")
        found[horizon_name(days)] = value
    return found


def matched(predictions: Mapping[str, T], targets: Mapping[str, T]) -> list[tuple[str, T, T]]:
    """(canonical name, prediction, target) of every horizon, nearest first.

    Raises NoMatchingHorizons, listing both key sets, unless both sides name the same horizons (P22).
    """
    told, came = canonical(predictions), canonical(targets)
    if not told or set(told) != set(came):
        raise NoMatchingHorizons(
            f"the predictions are {_list(predictions)} and the targets {_list(targets)}; both must name the "
            "same horizons"
        )
    return [(name, told[name], came[name]) for name in sorted(told, key=lambda name: horizon_days(name) or 0)]


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
