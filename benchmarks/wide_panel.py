"""Writes a panel of generated prices, as wide as asked for, in the format of the equities workload.

    python -m benchmarks.wide_panel ROOT --stocks 256
    OMP_WAIT_POLICY=PASSIVE python -m benchmarks.workload_step equities --preset production --batch 1 \
        --rows 256 --data-root ROOT --set data.path=wide-256.parquet --set data.folds=1

The original's batch is a number of stocks; a sample of ours is a day with all of them, so a batch of one day
of 256 stocks stands beside its batch of 256.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

DAYS = 430
"""Enough for the longest feature and three blocks of the least length."""
SECTORS = 11


def main() -> None:
    options = parsed()
    print(write_panel(options.root, options.stocks, options.days))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--stocks", type=int, required=True)
    parser.add_argument("--days", type=int, default=DAYS)
    return parser.parse_args()


def write_panel(root: Path, stocks: int, days: int) -> Path:
    """Random walks with a common part, every stock listed on every day."""
    import pyarrow
    from pyarrow import parquet

    generator = np.random.default_rng(7)
    moves = 0.01 * generator.standard_normal((days, 1)) + 0.02 * generator.standard_normal((days, stocks))
    calendar = np.datetime64("2015-01-01") + np.arange(days)
    codes = np.array([f"S{number:05d}" for number in range(stocks)])
    columns = {
        "Date": np.repeat(calendar, stocks),
        "Code": np.tile(codes, days),
        "Close": 100 * np.exp(np.cumsum(moves, axis=0)).reshape(-1),
        "Sector": np.tile(np.char.add("sector ", (np.arange(stocks) % SECTORS).astype(str)), days),
    }
    path = root / f"wide-{stocks}.parquet"
    root.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.table(columns), path)
    return path


if __name__ == "__main__":
    main()
