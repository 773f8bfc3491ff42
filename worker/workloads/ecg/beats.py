"""Beats of annotated records: their AAMI classes, the rhythm around each, de Chazal's division of MIT-BIH.

Sources: ANSI/AAMI EC57; de Chazal, O'Dwyer and Reilly, IEEE Trans. Biomed. Eng. 51 (7), 2004.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.specs.ecg import BEAT_CLASSES
from worker.workloads.ecg.reading import Marks

AAMI = {
    **dict.fromkeys("NLRBejn", "N"),
    **dict.fromkeys("AaJS", "S"),
    **dict.fromkeys("VrE", "V"),
    "F": "F",
    **dict.fromkeys("/fQ?", "Q"),
}
"""Annotation symbol -> class; other symbols mark no beat."""

DS1 = (
    "101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122",
    "124", "201", "203", "205", "207", "208", "209", "215", "220", "223", "230",
)  # fmt: skip
DS2 = (
    "100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210",
    "212", "213", "214", "219", "221", "222", "228", "231", "232", "233", "234",
)  # fmt: skip
PACED = ("102", "104", "107", "217")
SAME_PERSON = {"202": "201"}
"""Two records of MIT-BIH are of one person; de Chazal has one in DS1 and the other in DS2."""
MITDB = frozenset((*DS1, *DS2, *PACED))
EXTRACT = "x_"
"""What the extracts in the database's folder x_mitdb put before the name of the whole record."""

RHYTHM = ("before / mean", "after / mean", "before / recent mean", "recent mean [s]")
"""The rhythm features of a beat, each less what is usual (1, 1, 1 and 0.8) and in units of a fifth."""
USUAL, UNIT = np.array([1.0, 1.0, 1.0, 0.8]), 0.2
RECENT = 10
MOST = 5.0


@dataclass(frozen=True)
class Beats:
    """Those of one record, in order of time."""

    seconds: NDArray[np.float64]
    """[n] where each lies."""
    labels: NDArray[np.int64]
    """[n]"""
    rhythm: NDArray[np.float32]
    """[n, 4]"""


def beats_of(marks: Marks) -> Beats:
    """The beats among a record's annotations."""
    classes = [AAMI.get(symbol) for symbol in marks.symbols]
    is_beat = np.array([one is not None for one in classes], dtype=bool)
    labels = np.array([BEAT_CLASSES.index(one) for one in classes if one is not None], dtype=np.int64)
    seconds = marks.at[is_beat] / marks.rate
    return Beats(seconds, labels, rhythm_of(seconds))


def rhythm_of(seconds: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """[n, 4] RHYTHM of beats at those times; what the first and the last have no neighbour for is regular."""
    if len(seconds) < 2:
        return np.zeros((len(seconds), len(RHYTHM)), np.float32)
    intervals = np.diff(seconds)
    mean = max(float(intervals.mean()), 1e-3)
    before = np.concatenate([[mean], intervals])
    after = np.concatenate([intervals, [mean]])
    sums = np.concatenate([[0.0], np.cumsum(before)])
    places = np.arange(len(before))
    first = np.maximum(places + 1 - RECENT, 0)
    recent = np.maximum((sums[places + 1] - sums[first]) / (places + 1 - first), 1e-3)
    features = np.stack([before / mean, after / mean, before / recent, recent], axis=1)
    return np.asarray(np.clip((features - USUAL) / UNIT, -MOST, MOST), np.float32)


def person_of(record: str) -> str:
    """Whose record it is by its id: of two of one person in MIT-BIH the same, else each its own."""
    name = record.rsplit("/", 1)[-1]
    known = copied_from(name) or name
    return SAME_PERSON.get(known, known) if known in MITDB else record


def copied_from(name: str) -> str | None:
    """The record of MIT-BIH that one like `x_108` is an extract of."""
    original = name.removeprefix(EXTRACT)
    return original if original != name and original in MITDB else None
