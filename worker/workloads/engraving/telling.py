"""Every answer of the evaluated split: reconstructions measured, captions told, latents and features kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from worker.evaluation.arrays import to_numpy
from worker.workloads.engraving.data import Fitted
from worker.workloads.engraving.generation import tell
from worker.workloads.engraving.model.multimodal import Multimodal
from worker.workloads.engraving.objective import forward, reconstruction_error
from worker.workloads.engraving.pairs import Pairs
from worker.workloads.engraving.tokenizer import PAD
from worker.workloads.interface import Evaluation

Floats = NDArray[np.float64]
SHOWN = 8


@dataclass(frozen=True)
class Told:
    """The split and the model's answers to it, a row a pair."""

    split: Pairs
    captions: tuple[str, ...]
    """As the model tells them, from the image alone."""
    square: Floats
    """[N] mean squared error of the pixels, black being 0 and white 1."""
    nats: Floats
    """[N] of all tokens of the caption after START."""
    tokens: Floats
    """[N] how many those are."""
    latents: Tensor
    """[N, Z]"""
    features: Floats
    """[N, F] of the image, as the encoder's last stage has them."""
    drawn_features: Floats
    """[N, F] of its reconstruction."""
    image_side: Tensor
    """[N, E]"""
    caption_side: Tensor
    """[N, E]"""
    shown: Tensor
    """The first few reconstructions, between -1 and 1."""


@torch.no_grad()
def collect(run: Evaluation) -> Told:
    """Run the model over the evaluated split, once."""
    model, fitted = run.model, run.splits.fitted
    assert isinstance(model, Multimodal) and isinstance(fitted, Fitted)
    split = run.splits.test
    assert isinstance(split, Pairs)
    rows: list[dict[str, Any]] = []
    captions: list[str] = []
    shown: list[Tensor] = []
    for batch in run.batches(split):
        answers = forward(model, batch)
        said = tell(model, answers.latent, len(fitted.tokenizer), fitted.longest)
        captions += [fitted.tokenizer.decode(row) for row in said]
        nats, told = nats_of(answers.logits, batch["tokens"])
        error = reconstruction_error(answers, batch) / 2.0
        rows.append(
            {
                "square": to_numpy(error.square().flatten(1).mean(dim=1)),
                "nats": to_numpy(nats),
                "tokens": to_numpy(told.double()),
                "latents": answers.latent.float(),
                "features": to_numpy(model.encoder.features(batch["image"])),
                "drawn_features": to_numpy(model.encoder.features(answers.reconstruction)),
                "image_side": answers.image_features.float(),
                "caption_side": answers.caption_features.float(),
            }
        )
        if len(captions) < SHOWN + len(nats):
            shown.append(answers.reconstruction.float().cpu())
    answered = {name: _joined([row[name] for row in rows]) for name in rows[0]}
    return Told(split, tuple(captions), shown=torch.cat(shown)[:SHOWN], **answered)


def nats_of(logits_BTV: Tensor, tokens_BT: Tensor) -> tuple[Tensor, Tensor]:
    """[B] nats of each caption's tokens after START, and how many there are."""
    nats = functional.cross_entropy(
        logits_BTV[:, 1:].float().transpose(1, 2), tokens_BT[:, 1:], ignore_index=PAD, reduction="none"
    )
    return nats.sum(dim=1), (tokens_BT[:, 1:] != PAD).sum(dim=1)


def _joined(parts: list[Any]) -> Any:
    return torch.cat(parts) if isinstance(parts[0], Tensor) else np.concatenate(parts)
