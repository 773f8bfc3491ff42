"""Answers without a network: the mean image, the nearest train image with its caption, the commonest word."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from worker.evaluation.bleu import corpus_bleu
from worker.workloads.engraving.pairs import Pairs
from worker.workloads.engraving.tokenizer import END, UNK, words_of
from worker.workloads.interface import Evaluation

MOST_TRAIN = 2000
"""Train images looked at, far apart."""
THUMBNAIL = 16
"""Pixels of a side that images are compared in."""

MEAN = "every image is the mean of {count} train images"
NEAREST = (
    "the image and the caption of the nearest of {count} train images, compared in {side} x {side} pixels"
)
COMMONEST = "every token is the commonest of the train captions"


@torch.no_grad()
def baselines(run: Evaluation) -> dict[str, Any]:
    """Each with what it is, and what it measures of what the model is measured by."""
    train, split = run.splits.train, run.splits.test
    assert isinstance(train, Pairs) and isinstance(split, Pairs)
    known = spread(train, MOST_TRAIN)
    mean, thumbnails = _seen(run, known)
    square, nearest, near_square = [], [], []
    for batch in run.batches(split):
        images = batch["image"]
        square.append((((images - mean) / 2.0) ** 2).flatten(1).mean(dim=1))
        chosen = torch.cdist(_thumbnails(images), thumbnails).argmin(dim=1).tolist()
        nearest += chosen
        found = torch.stack([known[at]["image"] for at in chosen]).to(images)
        near_square.append((((images - found) / 2.0) ** 2).flatten(1).mean(dim=1))
    told = [words_of(known.captions[at]) for at in nearest]
    truth = [words_of(caption) for caption in split.captions]
    return {
        "mean_image": {"description": MEAN.format(count=len(known)), "mse": _mean(square)},
        "nearest_image": {
            "description": NEAREST.format(count=len(known), side=THUMBNAIL),
            "mse": _mean(near_square),
            "exact_match": float(np.mean([one == other for one, other in zip(told, truth, strict=True)])),
            **corpus_bleu(told, truth),
        },
        "commonest_token": {"description": COMMONEST, "token_accuracy": _commonest(train, split)},
    }


def spread(split: Pairs, most: int) -> Pairs:
    """At most so many pairs of a split, evenly apart."""
    count = min(len(split), most)
    places = [at * len(split) // count for at in range(count)]
    return replace(split, pictures=tuple(split.pictures[at] for at in places), tokens=split.tokens[places])


def _seen(run: Evaluation, known: Pairs) -> tuple[Tensor, Tensor]:
    """The mean image [C, S, S] and the thumbnails [N, ...] of some pairs."""
    total: Tensor | None = None
    thumbnails = []
    for batch in run.batches(known):
        summed = batch["image"].double().sum(dim=0)
        total = summed if total is None else total + summed
        thumbnails.append(_thumbnails(batch["image"]))
    assert total is not None
    return (total / len(known)).float(), torch.cat(thumbnails)


def _thumbnails(images_BCSS: Tensor) -> Tensor:
    return functional.adaptive_avg_pool2d(images_BCSS, THUMBNAIL).flatten(1)


def _mean(parts: list[Tensor]) -> float:
    return float(torch.cat(parts).double().mean())


def _commonest(train: Pairs, split: Pairs) -> float:
    """Of words and END, as the meter counts them: UNK is asked for and never right."""
    known = train.tokens[(train.tokens >= END) & (train.tokens != UNK)].tolist()
    asked = split.tokens[split.tokens >= END]
    return float((asked == Counter(known).most_common(1)[0][0]).double().mean())
