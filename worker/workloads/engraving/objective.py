"""What the model is asked, and what it minimises: reconstruction, caption and alignment.

B batch, C colours, S pixels of a side, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.errors import TrainingError
from shared.specs.engraving import EngravingLoss, EngravingSpec
from worker.workloads.engraving.model.multimodal import Answers
from worker.workloads.engraving.tokenizer import PAD
from worker.workloads.interface import LossTerms

Batch = Mapping[str, Tensor]


def forward(model: nn.Module, batch: Batch) -> Answers:
    """The model's answers to images [B, C, S, S] and the tokens of their captions [B, T]."""
    answers = model(batch["image"], batch["tokens"])
    assert isinstance(answers, Answers)
    return answers


def loss(spec: EngravingSpec, answers: Answers, batch: Batch) -> LossTerms:
    """The weighted sum of three terms, each a mean over the samples. Raises TrainingError on other shapes."""
    check_shapes(answers, batch)
    error = reconstruction_error(answers, batch)
    raw = {
        "image": error.square().flatten(1).mean(dim=1).mean(),
        "caption": caption_loss(answers, batch).mean(),
        "alignment": alignment(spec.loss, answers, error),
    }
    weights = {
        "image": spec.loss.image_weight,
        "caption": spec.loss.caption_weight,
        "alignment": spec.loss.alignment_weight,
    }
    total = torch.stack([weights[name] * raw[name] for name in raw]).sum()
    return LossTerms(total, len(batch["image"]), raw, weights)


def reconstruction_error(answers: Answers, batch: Batch) -> Tensor:
    """[B, C, S, S] what was drawn less what was to be drawn, both between -1 and 1 (pitfall P62)."""
    return answers.reconstruction.float() - batch["image"]


def caption_loss(answers: Answers, batch: Batch) -> Tensor:
    """[B] nats a token of each caption, START and END among them and PAD not.

    Every caption counts alike, so that a batch in parts has the gradient of the whole.
    """
    tokens = batch["tokens"]
    nats = functional.cross_entropy(
        answers.logits.float().transpose(1, 2), tokens, ignore_index=PAD, reduction="none"
    )
    told: Tensor = nats.sum(dim=1) / (tokens != PAD).sum(dim=1)
    return told


def alignment(terms: EngravingLoss, answers: Answers, error_BCSS: Tensor) -> Tensor:
    """The term that a spec asks for."""
    if terms.alignment == "info_nce":
        return info_nce(answers.image_features, answers.caption_features, terms.temperature)
    return latent_norm(answers.latent, error_BCSS)


def latent_norm(latent_BZ: Tensor, error_BCSS: Tensor) -> Tensor:
    """Mean over samples of | |z| - (1 - mean absolute error) |: the original's, sample by sample."""
    length = latent_BZ.float().norm(dim=1)
    apart: Tensor = length - (1.0 - error_BCSS.abs().flatten(1).mean(dim=1))
    return apart.abs().mean()


def info_nce(images_BE: Tensor, captions_BE: Tensor, temperature: float) -> Tensor:
    """Symmetric cross-entropy of finding the caption of an image and the image of a caption in the batch.

    Alone in a batch a pair has nothing to be told from and adds 0.
    """
    scores_BB = similarities(images_BE, captions_BE) / temperature
    own = torch.arange(len(scores_BB), device=scores_BB.device)
    return 0.5 * (functional.cross_entropy(scores_BB, own) + functional.cross_entropy(scores_BB.T, own))


def similarities(images_BE: Tensor, captions_BE: Tensor) -> Tensor:
    """[B, B] cosine of every image's features with every caption's, in fp32.

    Autocast would lower the product to bf16, and a temperature of 0.07 makes its rounding 14 times as large.
    """
    with torch.autocast(images_BE.device.type, enabled=False):
        images_BE = functional.normalize(images_BE.float(), dim=1)
        return images_BE @ functional.normalize(captions_BE.float(), dim=1).T


def check_shapes(answers: Answers, batch: Batch) -> None:
    """Raises TrainingError where an answer would be compared with something else by broadcasting."""
    image, tokens = batch["image"], batch["tokens"]
    if answers.reconstruction.shape != image.shape:
        raise TrainingError(
            f"the model draws {list(answers.reconstruction.shape)} where images are {list(image.shape)}"
        )
    if answers.logits.shape[:2] != tokens.shape:
        raise TrainingError(
            f"the model tells {list(answers.logits.shape[:2])} tokens where there are {list(tokens.shape)}"
        )
