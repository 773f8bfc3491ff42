"""Images and captions that find each other among those of the evaluated split."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from worker.evaluation.arrays import to_numpy
from worker.evaluation.retrieval import chance_at, recall_at
from worker.workloads.engraving.model.multimodal import Multimodal
from worker.workloads.engraving.objective import similarities
from worker.workloads.engraving.telling import Told, nats_of
from worker.workloads.engraving.tokenizer import PAD, words_of

GALLERY = 100
"""So many pairs, the first of the split: each image is tried with every caption."""
FIRST = (1, 5)

WAYS = {
    "likelihood": "nats by which the text decoder finds a caption likelier than it does on the average image",
    "cosine": "cosine of the projected latent and the mean embedding of the words, which info_nce trains",
}


def retrieval(model: Multimodal, told: Told) -> dict[str, Any]:
    """Recall at 1 and 5 both ways, by either score, beside chance. Pairs of one caption are each other's."""
    size = min(GALLERY, len(told.captions))
    captions = [tuple(words_of(caption)) for caption in told.split.captions[:size]]
    right = np.array([[one == other for other in captions] for one in captions])
    tokens = told.split.tokens[:size].to(told.latents.device)
    scores = {
        "likelihood": likelihoods(model, told.latents[:size], tokens),
        "cosine": to_numpy(similarities(told.image_side[:size], told.caption_side[:size])),
    }
    return {
        "pairs": size,
        "chance": {f"recall_at_{first}": chance_at(right, first) for first in FIRST},
        **{name: {"score": WAYS[name], **_recalls(score, right)} for name, score in scores.items()},
    }


@torch.no_grad()
def likelihoods(model: Multimodal, latents_NZ: Tensor, tokens_ML: Tensor) -> NDArray[np.float64]:
    """[N, M] log-likelihood of every caption given every image, less its mean over the images."""
    memory = model.text_decoder.project(latents_NZ)
    tokens = tokens_ML[:, : int((tokens_ML != PAD).sum(dim=1).max())]
    rows = []
    for one in memory:
        logits = model.text_decoder(one.expand(len(tokens), -1), tokens[:, :-1])
        rows.append(-nats_of(logits, tokens)[0])
    scores = torch.stack(rows)
    return to_numpy(scores - scores.mean(dim=0))


def _recalls(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> dict[str, dict[str, float]]:
    return {
        "image_to_caption": {f"recall_at_{first}": recall_at(scores, right, first) for first in FIRST},
        "caption_to_image": {f"recall_at_{first}": recall_at(scores.T, right.T, first) for first in FIRST},
    }
