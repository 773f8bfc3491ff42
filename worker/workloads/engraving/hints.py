"""What the engraving workload tells the guards: its answers, its truth, and what its vocabulary promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import torch
from torch import Tensor
from torch.nn import functional

from shared.specs.engraving import EngravingSpec
from worker.workloads.engraving.data import Fitted
from worker.workloads.engraving.model.multimodal import Answers
from worker.workloads.engraving.pairs import Pairs
from worker.workloads.engraving.tokenizer import Tokenizer
from worker.workloads.interface import GuardHints, Splits

SURE = 40.0
"""A logit so far above the others that its token is certain."""


def perfect(spec: EngravingSpec, batch: Mapping[str, Tensor]) -> Answers:
    """The image itself, its tokens for certain, a latent of length 1, features like no other pair's."""
    image, tokens = batch["image"], batch["tokens"]
    own = torch.eye(len(image), device=image.device)
    latent = functional.pad(torch.ones_like(own[:, :1]), (0, spec.model.latent_dim - 1))
    return Answers(
        latent=latent,
        reconstruction=image,
        logits=SURE * functional.one_hot(tokens, spec.data.vocab_size).float(),
        image_features=own,
        caption_features=own,
    )


def refit(_spec: Any, splits: Splits) -> Mapping[str, tuple[Tensor, Tensor]]:
    """The vocabulary in use, and one built from the train captions alone."""
    fitted: Fitted = splits.fitted
    train = splits.train
    assert isinstance(train, Pairs)
    again = Tokenizer(fitted.tokenizer.vocab_size, fitted.tokenizer.length)
    again.build(train.captions)
    size = max(len(fitted.tokenizer), len(again))
    return {"the words of the vocabulary": (_marks(fitted.tokenizer, size), _marks(again, size))}


def _marks(tokenizer: Tokenizer, size: int) -> Tensor:
    """[size] one number a word, zeros behind the last."""
    marks = [crc32(word.encode()) / 1000.0 for word in tokenizer.words]
    return torch.tensor(marks + [0.0] * (size - len(marks)), dtype=torch.float64)


GUARD_HINTS = GuardHints(
    predictions=lambda answers: {"image": answers.reconstruction, "caption": answers.logits},
    targets=lambda batch: {"image": batch["image"], "caption": batch["tokens"]},
    perfect=perfect,
    refit=refit,
)
