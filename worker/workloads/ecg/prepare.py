"""Prepared signals on disk: each record read, resampled and scaled once, one at a time, and found again.

`prepared/ecg/` beneath the data root holds one .npy file [L, N] for each record and form, named by the
record's id, its files' sizes and times, and the form. A file is written beside its place and renamed, so that
a trainer that dies leaves none half, the next goes on where it stopped, and two at once do no harm.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from shutil import disk_usage
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from shared.specs.ecg import ANY_LEAD, EcgData
from worker.workloads.ecg.folder import HEADER, SIGNALS, Record
from worker.workloads.ecg.headers import named_by
from worker.workloads.ecg.reading import none_can_be_read, read_recording, told, why_left_out
from worker.workloads.ecg.signals import Form, form_of, in_form

FOLDER = Path("prepared") / "ecg"
VERSION = 1
"""A new number where the way of preparing changes, so that older files are not taken for new ones."""


@dataclass(frozen=True)
class Prepared:
    """A record's signal on disk."""

    record: Record
    path: Path
    leads: int
    samples: int


@dataclass(frozen=True)
class Preparation:
    """The records that could be prepared, in order, and why the others could not."""

    prepared: tuple[Prepared, ...]
    left_out: dict[str, str]


def prepare_records(records: Sequence[Record], data: EcgData, root: Path) -> Preparation:
    """Every record in the form a spec asks for. Raises DataError, unless unreadable ones are left out."""
    done, left_out = [], {}
    waiting = _missing(records, data, root)
    for record in records:
        try:
            done.append(prepare_record(record, data, root))
        except DataError as error:
            left_out[record.id] = why_left_out(error, data)
        else:
            if record.id in waiting:
                _check_room(done[-1], len(waiting) - 1, root)
                waiting = frozenset()
    if not done:
        raise DataError(none_can_be_read(records, left_out))
    _check_leads(done, data)
    return Preparation(tuple(done), left_out)


def prepare_record(record: Record, data: EcgData, root: Path) -> Prepared:
    """One record's signal, made where it is not there yet."""
    form = form_of(data)
    path = root / FOLDER / prepared_name(record, form, data.mat_sampling_rate)
    if not path.exists():
        recording = read_recording(record, root, data.mat_sampling_rate)
        with told(record):
            signal = in_form(recording, form, record.id)
        _write(path, signal)
    leads, samples = _shape(path)
    return Prepared(record, path, leads, samples)


def prepared_name(record: Record, form: Form, mat_rate: float | None) -> Path:
    """Where a record in some form is kept. Raises DataError where its files cannot be looked at."""
    places = [record.path]
    if record.path.suffix == HEADER:
        places = list(dict.fromkeys([*places, *map(record.beside, SIGNALS), *named_by(record).files]))
    with told(record):
        files = [path for path in places if path.exists()]
        said = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    text = json.dumps([VERSION, str(record.path.parent.resolve()), said, asdict(form), mat_rate])
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return Path(digest[:2]) / f"{digest[2:]}.npy"


def write_manifest(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    """One JSON line a record, each once, replaced as a whole."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    _replace(path, lambda out: out.write(text.encode()))


def _write(path: Path, signal: NDArray[np.float32]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, lambda out: np.save(out, signal, allow_pickle=False))
    except OSError as error:
        raise OSError(
            error.errno, f"prepared signals cannot be written beneath the data root: {error.strerror}"
        ) from error


def _replace(path: Path, write: Any) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with draft.open("xb") as out:
            write(out)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _shape(path: Path) -> tuple[int, int]:
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        (leads, samples), _, _ = np.lib.format.read_array_header_1_0(file)
    return leads, samples


def _missing(records: Sequence[Record], data: EcgData, root: Path) -> frozenset[str]:
    """The records that are still to be prepared, but for those that cannot be looked at."""
    form = form_of(data)
    missing = []
    for record in records:
        # What cannot be looked at is told, or left out, when its turn to be prepared comes.
        with suppress(DataError):
            if not (root / FOLDER / prepared_name(record, form, data.mat_sampling_rate)).exists():
                missing.append(record.id)
    return frozenset(missing)


def _check_room(first: Prepared, waiting: int, root: Path) -> None:
    """Refuse at once what the disk cannot hold, going by the first record that was prepared."""
    needed, free = first.path.stat().st_size * waiting, disk_usage(root).free
    if needed > free:
        raise DataError(
            f"{waiting:,} records to be prepared take about {needed / 1e9:.1f} GB and the data root has "
            f"{free / 1e9:.1f} GB free; make room, or set data.limit"
        )


def _check_leads(done: Sequence[Prepared], data: EcgData) -> None:
    """All records must have as many leads as the first, and the same where no names choose them."""
    first = done[0]
    for other in done:
        if other.leads != first.leads:
            raise DataError(
                f"record {first.record.id[:80]!r} has {first.leads} leads and {other.record.id[:80]!r} has "
                f"{other.leads}; name in data.leads those that every record has"
            )
    named = [(one.record.id, named_by(one.record).leads) for one in done] if data.leads is None else []
    known = [(name, leads) for name, leads in named if leads and all(leads)]
    for name, leads in known:
        if list(map(str.casefold, leads)) != list(map(str.casefold, known[0][1])):
            raise DataError(
                f"record {known[0][0][:80]!r} has the leads {', '.join(known[0][1])} and {name[:80]!r} "
                f"{', '.join(leads)}; name in data.leads those to use, in order, and {ANY_LEAD} for any"
            )
