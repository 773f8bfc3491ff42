"""Beats of annotated records: their AAMI classes, de Chazal's division of MIT-BIH.

Sources: ANSI/AAMI EC57; de Chazal, O'Dwyer and Reilly, IEEE Trans. Biomed. Eng. 51 (7), 2004.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.specs.ecg import BEAT_CLASSES
from worker.workloads.ecg.reading import Marks
from worker.workloads.ecg.rhythm import rhythm_of

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


@dataclass(frozen=True)
class Beats:
    """Those of one record, in order of time."""

    seconds: NDArray[np.float64]
    """[n] where each lies."""
    labels: NDArray[np.int64]
    """[n]"""
    rhythm: NDArray[np.float32]
    """[n, 8]"""


def beats_of(marks: Marks) -> Beats:
    """The beats among a record's annotations."""
    classes = [AAMI.get(symbol) for symbol in marks.symbols]
    is_beat = np.array([one is not None for one in classes], dtype=bool)
    labels = np.array([BEAT_CLASSES.index(one) for one in classes if one is not None], dtype=np.int64)
    seconds = marks.at[is_beat] / marks.rate
    return Beats(seconds, labels, rhythm_of(seconds))


def person_of(record: str) -> str:
    """Whose record it is by its id: of two of one person in MIT-BIH the same, else each its own."""
    name = record.rsplit("/", 1)[-1]
    known = copied_from(name) or name
    return SAME_PERSON.get(known, known) if known in MITDB else record


def copied_from(name: str) -> str | None:
    """The record of MIT-BIH that one like `x_108` is an extract of."""
    original = name.removeprefix(EXTRACT)
    return original if original != name and original in MITDB else None
