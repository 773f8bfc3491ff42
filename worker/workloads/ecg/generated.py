"""A generated set of records in the documented format, to try the whole way without data. No real hearts.

Every class differs from the others in what its diagnosis differs in, so that it can be learned: an infarction
has a deep Q and a raised ST segment, fibrillation no P wave and an irregular rhythm, a bundle branch block a
wide QRS; OTHER has early wide beats among normal ones. Beats are annotated, so both modes run.
"""

from __future__ import annotations

import csv
import secrets
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from shared.specs.ecg import RECORD_CLASSES
from worker.workloads.ecg.wfdb_files import write_marks, write_record

NAME = "ecg-generated-1"
RECORDS = 360
PATIENTS = 120
RATE, SECONDS = 100, 10
LEADS = {"I": 0.7, "II": 1.0}
SEED = 7

Floats = NDArray[np.float64]
Wave = tuple[tuple[float, float, float], ...]
"""(height [mV], seconds from R, width [s]) of each bump of a beat."""

NORMAL: Wave = (
    (0.15, -0.18, 0.025),
    (-0.1, -0.03, 0.01),
    (1.0, 0.0, 0.012),
    (-0.2, 0.03, 0.01),
    (0.3, 0.25, 0.05),
)
WIDE: Wave = ((-1.1, 0.0, 0.045), (0.5, 0.06, 0.04), (0.4, 0.30, 0.06))
WAVES: dict[str, Wave] = {
    "NORM": NORMAL,
    "OTHER": NORMAL,
    "MI": (NORMAL[0], (-0.45, -0.035, 0.015), (0.7, 0.0, 0.012), (0.35, 0.12, 0.06), (0.2, 0.25, 0.05)),
    "AF": NORMAL[1:],
    "BBB": (NORMAL[0], (0.8, -0.025, 0.02), (0.7, 0.04, 0.025), (-0.25, 0.25, 0.05)),
}


def generated_set(folder: Path) -> Path:
    """The set in that folder, made on first use; safe to call from many processes at once."""
    path = folder / NAME
    if path.is_dir():
        return path
    draft = folder / f".{NAME}.{secrets.token_hex(8)}"
    try:
        draft.mkdir(parents=True)
        _write(draft)
        if not path.is_dir():
            draft.rename(path)
    except OSError as error:
        if not path.is_dir():
            raise DataError(
                f"the generated set cannot be written to {folder}: {error.strerror}; make the data root "
                "writable or name a folder in data.path"
            ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return path


def _write(folder: Path) -> None:
    rng = np.random.default_rng(SEED)
    rows = []
    for number in range(RECORDS):
        name, label = f"g{number:04d}", RECORD_CLASSES[number % len(RECORD_CLASSES)]
        signal, at, symbols = _record(label, rng)
        write_record(folder, name, signal, RATE, list(LEADS), ["generated"])
        write_marks(folder, name, at, symbols)
        rows.append((name, label, f"p{number // len(RECORD_CLASSES) % (PATIENTS // 5)}-{label}"))
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([("record_id", "mapped_label", "patient_id"), *rows])


def _record(label: str, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64], list[str]]:
    """[L, N] in mV, and where its beats are and of what kind."""
    time = np.arange(RATE * SECONDS) / RATE
    peaks, kinds = _rhythm(label, rng)
    wave = np.zeros_like(time)
    for peak, kind in zip(peaks, kinds, strict=True):
        wave += _beat(time - peak, WIDE if kind == "V" else WAVES[label])
    gains = np.array(list(LEADS.values()))[:, None] * np.exp(0.2 * rng.standard_normal())
    drift = 0.1 * np.sin(2 * np.pi * (0.2 * time + rng.random()))
    signal = gains * wave + drift + 0.04 * rng.standard_normal((len(LEADS), len(time)))
    return signal, np.round(np.array(peaks) * RATE).astype(np.int64), kinds


def _rhythm(label: str, rng: np.random.Generator) -> tuple[list[float], list[str]]:
    """When each R peak comes, and its annotation."""
    mean = rng.uniform(0.65, 1.0)
    peaks: list[float] = []
    kinds: list[str] = []
    at = rng.uniform(0.3, 0.8)
    while at < SECONDS - 0.5:
        early = label == "OTHER" and len(peaks) % 3 == 2
        peaks.append(float(at))
        kinds.append("V" if early else "L" if label == "BBB" else "N")
        at += mean * (1.3 if early else 0.6 if label == "OTHER" and len(peaks) % 3 == 2 else 1.0)
        at += mean * rng.normal(0, 0.2 if label == "AF" else 0.02)
        at = max(at, peaks[-1] + 0.3)
    return peaks, kinds


def _beat(time: Floats, wave: Wave) -> Floats:
    bumps = [height * np.exp(-0.5 * ((time - at) / width) ** 2) for height, at, width in wave]
    return np.sum(bumps, axis=0)  # type: ignore[no-any-return]
