"""What the model makes up, and how near it comes to real images in the eyes of its own encoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from worker.evaluation.arrays import to_numpy
from worker.evaluation.frechet import frechet_distance
from worker.workloads.engraving.baselines import spread
from worker.workloads.engraving.data import Fitted
from worker.workloads.engraving.generation import Generated, fit_prior, generate
from worker.workloads.engraving.model.multimodal import Multimodal
from worker.workloads.engraving.pairs import Pairs
from worker.workloads.engraving.telling import Floats, Told
from worker.workloads.interface import Evaluation

MOST_KNOWN = 256
"""Train images whose latents new ones are drawn like."""
MOST_MADE = 96
AT_ONCE = 8

DISTANCE = (
    "Frechet distance of the features of this model's own encoder, its last stage averaged over the image; "
    "it is no FID, and comparable only between images that the same weights have seen"
)


@dataclass(frozen=True)
class Invention:
    """Made-up pairs, and the distances."""

    made: tuple[Generated, ...]
    """From the seeds 0, 1, ..., for the distances."""
    wished: tuple[Generated, ...]
    """From the seeds that the spec asks for."""
    distances: dict[str, Any]


@torch.no_grad()
def invent(run: Evaluation, told: Told) -> Invention:
    """Pairs from the seeds 0, 1, ..., as many as the split has and at most 96; and those wished for."""
    model, fitted, train = run.model, run.splits.fitted, run.splits.train
    assert isinstance(model, Multimodal) and isinstance(fitted, Fitted) and isinstance(train, Pairs)
    latents, known = _known(run, model, spread(train, MOST_KNOWN))
    prior = fit_prior(latents)
    made: list[Generated] = []
    features = []
    for seeds in batched(range(min(len(told.captions), MOST_MADE))):
        new = generate(model, prior, fitted.tokenizer, seeds, fitted.longest)
        features.append(to_numpy(model.encoder.features(torch.stack([one.image for one in new]))))
        made += new
    wished = [
        one
        for seeds in batched(run.spec.generation.seeds)
        for one in generate(model, prior, fitted.tokenizer, seeds, fitted.longest)
    ]
    return Invention(tuple(made), tuple(wished), _distances(told, known, np.concatenate(features)))


def batched(seeds: Sequence[int]) -> Iterator[Sequence[int]]:
    """So many as are made at once."""
    return (seeds[start : start + AT_ONCE] for start in range(0, len(seeds), AT_ONCE))


def _known(run: Evaluation, model: Multimodal, pairs: Pairs) -> tuple[Tensor, Floats]:
    """The latents [N, Z] and the features [N, F] of some train images."""
    features = [model.encoder.features(batch["image"]) for batch in run.batches(pairs)]
    rows = torch.cat(features)
    return model.encoder.head(rows).float(), to_numpy(rows)


def _distances(told: Told, known: Floats, made: Floats) -> dict[str, Any]:
    """From the first images of the evaluated split to as many others: fewer would make a distance larger."""
    count = min(len(told.features), len(known), len(made))
    others = {"train_images": known, "reconstructions": told.drawn_features, "generated": made}
    distances = {
        name: frechet_distance(told.features[:count], features[:count]) if count >= 2 else None
        for name, features in others.items()
    }
    return {"of": DISTANCE, "images": count, **distances}
