"""The parameters of the equities forecaster: row by row beside the published ones, every gap explained."""

from __future__ import annotations

import re

import pytest
import torch

from benchmarks.plain.equities import PlainEquities
from shared.specs.equities import EQUITIES, EquitiesSpec
from worker.evaluation.parameters import count_parameters
from worker.workloads.equities.model.network import AtftGatFan
from worker.workloads.equities.results import PUBLISHED_PARAMETERS

D, T, F, EDGE = 256, 20, 83, 3
HEADS = 8 + 4
"""Of both graph layers."""

PUBLISHED = {
    "variables": 16_703_820,
    "entry": 66_304,
    "temporal": 1_973_760,
    "graph": 3_751_204 + 2 * D + 1,
    "fusion": 131_328,
    "norm": 2 * D,
    "heads": 101_672,
}
"""The graph's with the LayerNorm and the gate behind it."""

GAPS = {
    "temporal": {"keys have no bias": -D},
    "graph": {
        "no linear layer behind the second one's mean": -(D * D + D),
        "edges have channels and a vector a head, on both layers": HEADS * (EDGE * D + D),
        "where they had one number a head": -HEADS * EDGE,
        "GraphNorm learns its share of the mean": 8 * D + D,
    },
    "norm": {"blends of three windows": 3 * D, "weights of three slices": 3},
}


def our_counts() -> dict[str, int]:
    spec = EquitiesSpec.model_validate({**EQUITIES.presets["production"], "preset": "production"})
    with torch.device("meta"):
        return count_parameters(AtftGatFan(spec, F))


@pytest.mark.parametrize("part", PUBLISHED)
def test_a_part_has_its_published_count_but_for_what_is_told(part: str) -> None:
    assert our_counts()[part] == PUBLISHED[part] + sum(GAPS.get(part, {}).values())


def test_the_published_rows_add_up_to_the_published_count() -> None:
    assert sum(PUBLISHED.values()) == PUBLISHED_PARAMETERS
    assert list(our_counts()) == list(PUBLISHED)


def test_the_plain_form_that_benchmarks_time_is_the_published_model() -> None:
    with torch.device("meta"):
        counts = count_parameters(PlainEquities(T))
    graph = counts["graph"] + counts["graph_norm"] + counts["(its own)"]
    told = [counts["selection"], counts["entry"], counts["temporal"], graph, counts["fusion"], counts["norm"]]
    assert [*told, counts["shared"] + counts["heads"]] == list(PUBLISHED.values())


def test_the_table_in_the_models_docstring_is_true() -> None:
    rows = re.findall(r"\| ([\d,]+) \| ([\d,]+)", AtftGatFan.__doc__ or "")
    told = [tuple(int(number.replace(",", "")) for number in row) for row in rows]
    counts = our_counts()
    wanted = list(zip(counts.values(), PUBLISHED.values(), strict=True))
    assert told == [*wanted, (sum(counts.values()), PUBLISHED_PARAMETERS)]
