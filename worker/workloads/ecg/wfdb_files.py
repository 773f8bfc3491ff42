"""Writes small WFDB records: a header, 16-bit signals and beat annotations, as a recorder leaves them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

CODES = {"N": 1, "L": 2, "R": 3, "V": 5, "F": 6, "A": 8, "/": 12, "Q": 13}
"""Annotation symbols that are written -> their number in an annotation file."""
GAIN = 1000
"""Units of the converter for one millivolt."""
MOST_APART = 1023
"""Samples between two annotations, more than which would need another form."""


def write_record(
    folder: Path,
    name: str,
    signal: NDArray[np.float64],
    rate: float,
    leads: Sequence[str],
    comments: Sequence[str] = (),
) -> None:
    """[L, N] in millivolts as NAME.hea and NAME.dat."""
    raw = np.round(np.clip(signal * GAIN, -32767, 32767)).astype("<i2")
    lines = [f"{name} {len(leads)} {rate:g} {raw.shape[1]}"]
    for at, lead in enumerate(leads):
        checksum = int(raw[at].astype(np.int64).sum()) & 0xFFFF
        signed = checksum - 0x10000 if checksum > 0x7FFF else checksum
        lines.append(f"{name}.dat 16 {GAIN}(0)/mV 16 0 {raw[at, 0]} {signed} 0 {lead}")
    lines += [f"# {comment}" for comment in comments]
    (folder / f"{name}.dat").write_bytes(np.ascontiguousarray(raw.T).tobytes())
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n", encoding="ascii")


def write_marks(folder: Path, name: str, at: NDArray[np.int64], symbols: Sequence[str]) -> None:
    """Beat annotations at those samples as NAME.atr. Raises ValueError where two lie too far apart."""
    apart = np.diff(at, prepend=0)
    if (apart < 0).any() or (apart > MOST_APART).any():
        raise ValueError(f"annotations must be in order and at most {MOST_APART} samples apart")
    words = (np.array([CODES[symbol] for symbol in symbols], np.int64) << 10) | apart
    (folder / f"{name}.atr").write_bytes(np.append(words, 0).astype("<u2").tobytes())
