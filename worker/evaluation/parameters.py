"""The parameter table of a model: how many numbers each of its parts holds, beside the published count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from worker.evaluation.report import markdown_table

OWN = "(its own)"
"""Parameters that stand on the model itself and in no part of it."""


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Part -> parameters, in the order of the model; one that several parts share counts in the first."""
    counts: dict[str, int] = {}
    for name, parameter in model.named_parameters():
        part = name.split(".")[0] if "." in name else OWN
        counts[part] = counts.get(part, 0) + parameter.numel()
    return counts


def parameter_table(counts: Mapping[str, int], published: int | None) -> str:
    """Markdown, the sum beneath, and the published count with the difference in percent."""
    total = sum(counts.values())
    rows: list[tuple[Any, ...]] = [(part, f"{count:,}") for part, count in counts.items()]
    rows.append(("all", f"{total:,}"))
    if published is not None:
        rows.append(("published", f"{published:,} ({100 * (total / published - 1):+.2f} %)"))
    return markdown_table(("part", "parameters"), rows)
