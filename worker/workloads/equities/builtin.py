"""The built-in panel: twenty large US stocks, daily adjusted closes, out of the package skfolio (BSD-3).

The package's code is not imported. Prices there are rounded to 0.001, which is coarse for the split-adjusted
ones of the early nineties, so the panel starts in 1996.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from shared.errors import DataError
from worker.workloads.equities.panel import Panel

SOURCE = "the built-in panel of twenty US stocks, chosen by what they had become by 2022"
FIRST_DAY = np.datetime64("1996-01-01")

GROUPS: dict[str, tuple[str, str]] = {
    "AAPL": ("Nasdaq", "Information Technology"),
    "AMD": ("Nasdaq", "Information Technology"),
    "BAC": ("NYSE", "Financials"),
    "BBY": ("NYSE", "Consumer Discretionary"),
    "CVX": ("NYSE", "Energy"),
    "GE": ("NYSE", "Industrials"),
    "HD": ("NYSE", "Consumer Discretionary"),
    "JNJ": ("NYSE", "Health Care"),
    "JPM": ("NYSE", "Financials"),
    "KO": ("NYSE", "Consumer Staples"),
    "LLY": ("NYSE", "Health Care"),
    "MRK": ("NYSE", "Health Care"),
    "MSFT": ("Nasdaq", "Information Technology"),
    "PEP": ("Nasdaq", "Consumer Staples"),
    "PFE": ("NYSE", "Health Care"),
    "PG": ("NYSE", "Consumer Staples"),
    "RRC": ("NYSE", "Energy"),
    "UNH": ("NYSE", "Health Care"),
    "WMT": ("NYSE", "Consumer Staples"),
    "XOM": ("NYSE", "Energy"),
}
"""Exchange and GICS sector at the end of 2022. The companies were chosen by what they had become by then."""


def builtin_panel() -> Panel:
    """Raises DataError where the package is not installed."""
    raw = _packaged()
    rows = list(csv.reader(io.StringIO(raw.decode("ascii"))))
    days = np.array([row[0] for row in rows[1:]], dtype="datetime64[D]")
    close = np.array([row[1:] for row in rows[1:]], dtype=np.float64)
    kept = days >= FIRST_DAY
    codes = tuple(rows[0][1:])
    return Panel(
        days=days[kept],
        codes=codes,
        close=close[kept],
        markets=tuple(GROUPS[code][0] for code in codes),
        sectors=tuple(GROUPS[code][1] for code in codes),
        columns={},
        ignored=(),
        source=SOURCE,
        sha256=hashlib.sha256(raw).hexdigest(),
    )


def _packaged() -> bytes:
    spec = find_spec("skfolio")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"{SOURCE}, comes out of the package skfolio, which is not installed; run "
            "`pip install --no-deps skfolio` or name your own panel in data.path"
        )
    path = Path(spec.submodule_search_locations[0]) / "datasets" / "data" / "sp500_dataset.csv.gz"
    try:
        return gzip.decompress(path.read_bytes())
    except OSError as error:
        raise DataError(f"the installed skfolio has no readable {path.name}: {error}") from error
