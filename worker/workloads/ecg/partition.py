"""Who trains, validates and tests: by class, by whole patients, and never more than asked for.

n samples; a partition is [n] of TRAIN, VAL, TEST or LEFT_OUT.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError

LEFT_OUT, TRAIN, VAL, TEST = -1, 0, 1, 2
SPLITS = ("train", "val", "test")

Ints = NDArray[np.int64]


def stratified(labels: Ints, val: float, test: float, seed: int) -> Ints:
    """Every class in those shares; one with three samples or more has some in every split."""
    partition = np.full(len(labels), TRAIN, np.int64)
    rng = np.random.default_rng([seed, 1])
    for label in np.unique(labels):
        places = rng.permutation(np.flatnonzero(labels == label))
        least = 1 if len(places) >= 3 else 0
        in_val, in_test = (max(least, round(share * len(places))) for share in (val, test))
        partition[places[:in_val]] = VAL
        partition[places[in_val : in_val + in_test]] = TEST
    return partition


def by_patient(
    labels: Ints, patients: Sequence[str], shares: Sequence[float], seed: int, every_class: bool = False
) -> Ints:
    """Whole patients into as many splits as there are shares, each class as near to its share as they allow.

    The patients with most of a class go first, each to where it brings the classes nearest to their shares.
    With `every_class` one that as many patients have as there are splits gets some in each, unless they all
    have others too, whose last patients must go elsewhere.
    """
    names, patient = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    if len(names) < len(shares):
        raise DataError(
            f"{len(names)} patients cannot be divided into {len(shares)} splits; give more records"
        )
    held = np.zeros((len(names), int(labels.max()) + 1))
    np.add.at(held, (patient, labels), 1.0)
    held = held[:, held.sum(axis=0) > 0]
    held /= held.sum(axis=0)
    wanted = np.asarray(shares)[:, None] / np.sum(shares)
    have = np.zeros((len(shares), held.shape[1]))
    waiting = (held > 0).sum(axis=0)
    owed = waiting >= (len(shares) if every_class else np.inf)
    chosen = np.zeros(len(names), np.int64)
    order = np.random.default_rng([seed, 2]).permutation(len(names))
    for place, one in enumerate(order[np.argsort(-held[order].max(axis=1), kind="stable")]):
        costs = [
            float(np.square(have + _only(held[one], at, have) - wanted).sum()) for at in range(len(shares))
        ]
        left = len(names) - place
        empty = [at for at in range(len(shares)) if not (have[at] > 0).any()]
        last = (held[one] > 0) & owed & (waiting <= (have == 0).sum(axis=0))
        lacking = [at for at in range(len(shares)) if (have[at, last] == 0).any()]
        candidates = empty if left <= len(empty) else lacking or range(len(shares))
        at = min(candidates, key=lambda at: costs[at])
        have[at] += held[one]
        waiting -= held[one] > 0
        chosen[one] = at
    return chosen[patient]


def check_disjoint(partition: Ints, patients: Sequence[str]) -> None:
    """Refuse a partition in which somebody is in two splits."""
    seen: dict[str, int] = {}
    for split, patient in zip(partition.tolist(), patients, strict=True):
        if split != LEFT_OUT and seen.setdefault(patient, split) != split:
            both = f"{SPLITS[seen[patient]]} and {SPLITS[split]}"
            raise DataError(f"patient {patient[:80]!r} is in the splits {both}; give each patient one")


def limited(partition: Ints, labels: Ints, most: int | None, seed: int) -> Ints:
    """At most so many train samples, a fifth of it in each other split, each class in proportion."""
    if most is None:
        return partition
    kept = np.full_like(partition, LEFT_OUT)
    for split, count in ((TRAIN, most), (VAL, most // 5), (TEST, most // 5)):
        places = np.flatnonzero(partition == split)
        chosen = places[_in_proportion(labels[places], count, np.random.default_rng([seed, 3, split]))]
        kept[chosen] = split
    return kept


def spread_by_class(places: Ints, labels: Ints) -> Ints:
    """The same places with the classes spread evenly, and the first and last of different ones.

    Training shuffles them anyway; whoever looks at a few places far apart then sees more than one class.
    """
    ranks = np.empty(len(places))
    for label in np.unique(labels[places]):
        of_class = np.flatnonzero(labels[places] == label)
        ranks[of_class] = (np.arange(len(of_class)) + 0.5) / len(of_class)
    ordered = places[np.argsort(ranks, kind="stable")]
    others = np.flatnonzero(labels[ordered] != labels[ordered[0]]) if len(ordered) else ordered
    if len(others):
        last = others[-1]
        ordered = np.concatenate([np.delete(ordered, last), ordered[last : last + 1]])
    return ordered


def _only(values: NDArray[np.float64], row: int, like: NDArray[np.float64]) -> NDArray[np.float64]:
    added = np.zeros_like(like)
    added[row] = values
    return added


def _in_proportion(labels: Ints, count: int, rng: np.random.Generator) -> Ints:
    """Places of `count` labels, each class by its share and at least once where there is room."""
    if count >= len(labels):
        return np.arange(len(labels))
    classes, counts = np.unique(labels, return_counts=True)
    quota = np.minimum(np.maximum(count * counts // len(labels), 1), counts)
    while quota.sum() < count:
        quota[np.argmax(np.where(quota < counts, count * counts / len(labels) - quota, -np.inf))] += 1
    while quota.sum() > count:
        quota[np.argmax(quota)] -= 1
    picked = [
        rng.permutation(np.flatnonzero(labels == label))[:most]
        for label, most in zip(classes, quota, strict=True)
    ]
    return np.sort(np.concatenate(picked))
