"""One record as it was recorded: WFDB with its header, or a MATLAB file. The only place that opens them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from shared.specs.ecg import EcgData
from worker.workloads.ecg.folder import HEADER, Record, check_beneath

SIGNAL_NAMES = ("val", "data", "sig", "ecg")
RATE_NAMES = ("fs", "Fs", "FS", "sampling_rate", "sampling_frequency")
MOST_LEADS = 64
RATES = (1, 100_000)
"""Hz."""
DIAGNOSES = ("dx", "reason for admission", "additional diagnoses")
"""Fields of a header's comments that hold a diagnosis, of PhysioNet's challenges and PTB Diagnostic."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Recording:
    """[L, N] in physical units, NaN where the recorder had no value."""

    signal: Floats
    rate: float
    leads: tuple[str, ...]


@dataclass(frozen=True)
class Marks:
    """Annotations of a record: where, in samples of the recording, and what."""

    at: NDArray[np.int64]
    symbols: tuple[str, ...]
    rate: float


def read_recording(record: Record, root: Path, mat_rate: float | None) -> Recording:
    """The leads of a record. Raises DataError."""
    with told(record):
        read = _wfdb(record, root) if record.path.suffix == HEADER else _matlab(record, mat_rate)
        _check_rate(read.rate)
        if not read.signal.size:
            raise ValueError(f"its signal is {list(read.signal.shape)}, which holds no sample")
        return read


def read_comments(record: Record) -> str:
    """The diagnosis in the header of a record, in words; nothing of a MATLAB file.

    Of comments `key: value` the values of DIAGNOSES, since names of fields say nothing of the patient, as in
    `Acute infarction (localization): no`; of others all.
    """
    if record.path.suffix != HEADER:
        return ""
    with told(record):
        lines = record.path.read_text(encoding="utf-8", errors="replace").splitlines()
    comments = [line.lstrip("# ").partition(":") for line in lines if line.startswith("#")]
    said = [
        value.strip() if colon else key.strip()
        for key, colon, value in comments
        if not colon or key.strip().casefold() in DIAGNOSES
    ]
    return "; ".join(filter(None, said))


def read_marks(record: Record, root: Path) -> Marks:
    """The beat annotations of a record (.atr). Raises DataError."""
    import wfdb

    path = record.beside(".atr")
    if record.path.suffix != HEADER or not path.is_file():
        raise DataError(f"record {record.id!r} has no annotations ({path.name}); mode beats needs them")
    check_beneath(path, root)
    with told(record):
        marks = wfdb.rdann(str(path.with_suffix("")), "atr")
        rate = float(marks.fs or wfdb.rdheader(str(path.with_suffix(""))).fs)
        _check_rate(rate)
    return Marks(np.asarray(marks.sample, np.int64), tuple(marks.symbol), rate)


def _wfdb(record: Record, root: Path) -> Recording:
    import wfdb

    name = str(record.path.with_suffix(""))
    header = wfdb.rdheader(name)
    if not isinstance(header, wfdb.Record):
        raise ValueError("it is made of several segments; join them into one")
    if not header.n_sig or not header.sig_len:
        raise ValueError("its header names no signal or no length")
    for file in header.file_name:
        check_beneath(record.path.parent / file, root)
    read = wfdb.rdrecord(name)
    return Recording(np.ascontiguousarray(read.p_signal.T), float(read.fs), tuple(map(str, read.sig_name)))


def _matlab(record: Record, rate: float | None) -> Recording:
    from scipy.io import loadmat

    try:
        held = loadmat(str(record.path))
    except NotImplementedError:
        raise ValueError("it is of MATLAB 7.3; save it with -v7") from None
    name = next((name for name in SIGNAL_NAMES if name in held), None)
    if name is None:
        raise ValueError(f"it holds none of the variables {', '.join(SIGNAL_NAMES)}")
    signal = leads_first(np.asarray(held[name], np.float64))
    own = next((float(np.ravel(held[one])[0]) for one in RATE_NAMES if one in held), rate)
    if own is None or not np.isfinite(own) or own <= 0:
        raise ValueError(f"it does not say its rate ({RATE_NAMES[0]}); set data.mat_sampling_rate")
    return Recording(signal, own, tuple(str(at + 1) for at in range(len(signal))))


def leads_first(signal: Floats) -> Floats:
    """[L, N] of a signal with its leads along either axis: there are fewer leads than samples."""
    if signal.ndim == 1:
        return signal[None, :]
    if signal.ndim != 2 or min(signal.shape) > MOST_LEADS or signal.shape[0] == signal.shape[1]:
        raise ValueError(f"its signal is {list(signal.shape)}; it must be leads x samples or samples x leads")
    return np.ascontiguousarray(signal if signal.shape[0] < signal.shape[1] else signal.T)


def _check_rate(rate: float) -> None:
    if not RATES[0] <= rate <= RATES[1]:
        raise ValueError(f"its rate is {rate:g} Hz; it must be {RATES[0]:,} to {RATES[1]:,}")


@contextmanager
def told(record: Record) -> Iterator[Any]:
    """Whatever a file can make its readers raise becomes a sentence with the record's name.

    Of any type: a damaged file makes scipy and wfdb raise zlib.error, UnboundLocalError and their own.
    """
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        why = str(error).strip().rstrip(".")[:300] or type(error).__name__
        raise DataError(f"record {record.id[:120]!r} cannot be read: {why}") from error


def why_left_out(error: DataError, data: EcgData) -> str:
    """Why a record is left out. Raises DataError where such are refused."""
    if data.unreadable == "refuse":
        raise DataError(f"{error.message}; mend or remove it, or set data.unreadable to leave_out") from error
    return error.message


def none_can_be_read(records: Sequence[Record], left_out: Mapping[str, str]) -> str:
    """The sentence where nothing is left."""
    return f"none of {len(records):,} records can be read; the first: {next(iter(left_out.values()))}"
