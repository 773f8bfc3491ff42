"""Written records with a planted signal, and specs, splits and models over them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from shared.specs.ecg import ECG, EcgModel, EcgSpec
from shared.specs.resolve import resolve_spec
from worker.workloads.ecg.beats import DS1, DS2, PACED
from worker.workloads.ecg.cuts import Cuts
from worker.workloads.ecg.data import load_splits
from worker.workloads.ecg.folder import Record
from worker.workloads.ecg.model.build import build_network
from worker.workloads.ecg.wfdb_files import write_marks, write_record
from worker.workloads.interface import Splits

RATE = 100
CLASSES = ("MI", "AF", "BBB", "NORM", "OTHER")
TURNS = dict(zip(CLASSES, (2.0, 5.0, 9.0, 14.0, 20.0), strict=True))
"""Hz of the wave that is planted into each class."""
DATA = {"path": "set", "sampling_rate": 50.0, "samples": 128}


def planted_signal(label: str, rng: np.random.Generator, leads: int = 2, seconds: float = 3.0) -> Any:
    """[L, N] noise with a wave of the class's frequency, of opposite sign in every second lead."""
    time = np.arange(int(seconds * RATE)) / RATE
    wave = np.sin(2 * np.pi * (TURNS[label] * time + rng.random()))
    signs = np.where(np.arange(leads) % 2, -1.0, 1.0)[:, None]
    return signs * wave + 1.8 * rng.standard_normal((leads, len(time)))


def planted_records(folder: Path, count: int = 60, leads: int = 2) -> list[tuple[str, str, str]]:
    """Write records r000 and on, classes in turn and two records a patient; the rows of their labels."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    rows = []
    for number in range(count):
        name, label = f"r{number:03d}", CLASSES[number % len(CLASSES)]
        names = [f"L{lead}" for lead in range(leads)]
        write_record(folder, name, planted_signal(label, rng, leads), RATE, names, [f"Dx: {label}"])
        rows.append((name, label, f"p{number // 10}-{number % 5}"))
    write_labels(folder, rows)
    return rows


def write_labels(
    folder: Path,
    rows: Sequence[Sequence[str]],
    header: Sequence[str] = ("record_id", "mapped_label", "patient_id"),
) -> None:
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([header, *rows])


def write_beats(folder: Path, name: str, symbols: str, every: float = 0.8) -> None:
    """A record of one lead called MLII and one called V1, with those beats at equal distances."""
    folder.mkdir(parents=True, exist_ok=True)
    at = np.round((np.arange(len(symbols)) + 1) * every * RATE).astype(np.int64)
    time = np.arange(int((len(symbols) + 2) * every * RATE))
    bumps = np.exp(-0.5 * ((time[None] - at[:, None]) / (3 + 2 * np.arange(len(symbols)) % 7)[:, None]) ** 2)
    noise = np.random.default_rng(int(name)).standard_normal((2, len(time)))
    write_record(folder, name, bumps.sum(axis=0) + 0.05 * noise, RATE, ["MLII", "V1"])
    write_marks(folder, name, at, symbols)


def tiny_mitdb(folder: Path) -> None:
    """All 48 names of the MIT-BIH database, a few beats each."""
    for number, name in enumerate((*DS1, *DS2, *PACED)):
        write_beats(folder, name, "/N/N" if name in PACED else ("NAVNLR", "NNVFNA", "NNQANV")[number % 3])


def ecg_spec(**parts: Any) -> EcgSpec:
    """The smoke preset over the planted set with parts laid over it."""
    over = {**parts, "data": {**DATA, **parts.get("data", {})}}
    spec = resolve_spec({"workload": "ecg", "preset": "smoke", **over}, {"ecg": ECG}).spec
    assert isinstance(spec, EcgSpec)
    return spec


def planted_splits(root: Path, count: int = 60, **parts: Any) -> Splits:
    planted_records(root / "set", count)
    return load_splits(ecg_spec(**parts), root)


def cuts(dataset: object) -> Cuts:
    assert isinstance(dataset, Cuts)
    return dataset


def ids(split: object) -> list[str]:
    """The record of every sample."""
    found = cuts(split)
    return [found.names[at] for at in found.file]


def record_at(folder: Path, name: str, ending: str = ".hea") -> Record:
    return Record(name, folder / f"{name}{ending}")


def network(name: str = "small_resnet", leads: int = 2, rhythm: int = 0, **model: Any) -> nn.Module:
    torch.manual_seed(1)
    spec = EcgModel.model_validate({"name": name, **model})
    return build_network(spec, leads, rhythm, len(CLASSES))


def inputs(batch: int, leads: int = 2, rhythm: int = 0, samples: int = 150) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    signal = torch.randn(batch, leads, samples, generator=generator)
    return signal, torch.randn(batch, rhythm, generator=generator)


def probabilities_for(said: Sequence[int], classes: int) -> NDArray[np.float64]:
    """Rows whose likeliest class is the one said."""
    found = np.full((len(said), classes), 0.1 / max(classes - 1, 1))
    found[np.arange(len(said)), list(said)] = 0.9
    return found
