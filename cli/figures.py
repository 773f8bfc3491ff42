"""Numbers as people read them: durations, sizes, ages, values, bars and sparklines. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

_BARS = "▁▂▃▄▅▆▇█"
_UNITS = ("B", "kB", "MB", "GB", "TB")
UNKNOWN = "-"


def duration(seconds: float | None) -> str:
    """Such as 4 s, 3 min 20 s, 2 h 05 min, 3 d 4 h; a dash where it is not known."""
    if seconds is None:
        return UNKNOWN
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def size(count: float | None) -> str:
    """Bytes in decimal units, such as 812 MB."""
    if count is None:
        return UNKNOWN
    for unit in _UNITS[:-1]:
        if abs(count) < 999.5:
            return f"{count:.0f} {unit}" if abs(count) >= 99.5 or unit == "B" else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} {_UNITS[-1]}"


def of_job(sample: Mapping[str, Any], name: str) -> Any:
    """A figure of a memory sample: of all the job's processes where that is told, else of its trainer."""
    together = sample.get(f"job_{name}")
    return sample.get(name) if together is None else together


def value(number: float | None) -> str:
    """Whole numbers whole, others to four significant digits; a dash for what was not a finite number."""
    if number is None:
        return UNKNOWN
    if isinstance(number, int):
        return f"{number:,}"
    return f"{number:.4g}"


def age(moment: str | None, now: datetime) -> str:
    """How long ago an ISO 8601 time was."""
    if moment is None:
        return UNKNOWN
    return duration((now - parsed(moment)).total_seconds())


def parsed(moment: str) -> datetime:
    """An ISO 8601 time, taken as UTC where it names no zone."""
    found = datetime.fromisoformat(moment)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def bar(percent: float | None, width: int = 24) -> str:
    """A bar such as ████░░░░ 50 %."""
    if percent is None:
        return "░" * width
    full = round(min(100.0, max(0.0, percent)) / 100 * width)
    return "█" * full + "░" * (width - full) + f" {percent:.0f} %"


def sparkline(numbers: Sequence[float], width: int = 32) -> str:
    """The course of a series in one line; each column is the mean of what falls into it."""
    if not numbers:
        return ""
    columns = _columns(numbers, width)
    low, high = min(columns), max(columns)
    reach = high - low
    if reach == 0:
        return _BARS[0] * len(columns)
    return "".join(_BARS[round((number - low) / reach * (len(_BARS) - 1))] for number in columns)


def _columns(numbers: Sequence[float], width: int) -> list[float]:
    count = len(numbers)
    if count <= width:
        return list(numbers)
    edges = [index * count // width for index in range(width + 1)]
    return [sum(numbers[start:end]) / (end - start) for start, end in pairwise(edges)]
