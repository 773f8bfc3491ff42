"""What takes a wide panel a minute to compute, its features and graphs, is computed once and kept in a file.

The file lies beneath the data root and is named for all it is made of; it appears whole or not at all, and
two trainers that make it at once make the same.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.errors import DataError
from shared.specs.equities import EquitiesData
from worker.workloads.equities.cross_section import Floats, Floats32, z_scores
from worker.workloads.equities.features import daily_returns, feature_names, price_features
from worker.workloads.equities.graph import Graphs, correlation_graphs
from worker.workloads.equities.horizons import horizon_days
from worker.workloads.equities.panel import Panel

log = logging.getLogger(__name__)

FOLDER = "prepared"
VERSION = 2
"""One more where a formula changes, so that an older file is not taken for the new one."""
KEPT_FROM = 2_000_000
"""Closes of a panel from which on its file is kept; a smaller one is computed in seconds each time."""


@dataclass(frozen=True)
class Prepared:
    """The features and graphs of a panel."""

    names: tuple[str, ...]
    features: Floats32
    """[D, N, F]"""
    graphs: Graphs


def prepare(panel: Panel, data: EquitiesData, data_root: Path) -> Prepared:
    """Read or make them. Raises DataError, also where the file cannot be written."""
    if panel.close.size < KEPT_FROM:
        return _made(panel, data)
    path = data_root / FOLDER / f"equities-{_key(panel, data)}.npz"
    if (kept := _kept(path)) is not None:
        return kept
    log.info("preparing %s days of %s stocks", *panel.close.shape)
    made = _made(panel, data)
    _write(made, path)
    return made


def _kept(path: Path) -> Prepared | None:
    """What the file holds; None, and a warning, where a crash or a full disk left it torn."""
    if not path.exists():
        return None
    try:
        return _read(path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        log.warning("the prepared panel %s cannot be read (%s) and is made again", path.name, error)
        return None


def _made(panel: Panel, data: EquitiesData) -> Prepared:
    names, features = _columns(panel) if data.features == "columns" else _prices(panel.close)
    returns = daily_returns(panel.close)
    graphs = correlation_graphs(returns, data.neighbours, data.graph_days, data.graph_every)
    return Prepared(names, features, graphs)


def _prices(close: Floats) -> tuple[tuple[str, ...], Floats32]:
    return feature_names(), price_features(close)


def _columns(panel: Panel) -> tuple[tuple[str, ...], Floats32]:
    """Every numeric column of the file that is no target."""
    names = tuple(name for name in panel.columns if horizon_days(name) is None)
    if not names:
        raise DataError(
            f'{panel.source}: data.features is "columns" and the file has no feature column beside Date, '
            'Code, Close, Market, Sector and targets; add some or set data.features to "prices"'
        )
    return names, np.stack([z_scores(panel.columns[name]) for name in names], axis=2)


def _key(panel: Panel, data: EquitiesData) -> str:
    told = {
        "version": VERSION,
        "content": panel.sha256,
        "first": str(panel.days[0]),
        **data.model_dump(mode="json", include={"features", "neighbours", "graph_days", "graph_every"}),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:24]


def _write(prepared: Prepared, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(prepared, path)
    except OSError as error:
        sentence = f"the prepared panel cannot be written to {path.parent}: {error.strerror}"
        raise DataError(f"{sentence}; make the data root writable and see that it has room") from error


def _write_whole(prepared: Prepared, path: Path) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    graphs = prepared.graphs
    try:
        with draft.open("xb") as out:
            np.savez(
                out,
                names=np.array(prepared.names),
                features=prepared.features,
                made_on=graphs.made_on,
                nodes=graphs.nodes.astype(np.int32),
                correlation=graphs.correlation,
                usable=graphs.usable,
            )
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _read(path: Path) -> Prepared:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
        graphs = Graphs(kept["made_on"], kept["nodes"].astype(np.int64), kept["correlation"], kept["usable"])
        return Prepared(tuple(kept["names"].tolist()), kept["features"], graphs)
