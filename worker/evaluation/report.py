"""Results as plain JSON values and as a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np


def json_clean(value: Any) -> Any:
    """The same value in JSON's own types, null where it is not finite. Raises TypeError for anything else."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if isfinite(value) else None
        case np.generic():
            return json_clean(value.item())
        case np.ndarray():
            return json_clean(value.tolist())
        case Mapping():
            return {str(key): json_clean(item) for key, item in value.items()}
        case list() | tuple():
            return [json_clean(item) for item in value]
        case date():
            return value.isoformat()
        case Path():
            return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a results file")


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table; numbers at four significant digits, none as a dash."""
    lines = [header, ["---"] + ["---:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case float():
            return f"{value:.4g}" if isfinite(value) else "-"
    return str(value).replace("|", "\\|")
