"""The samples of a split: images between -1 and 1 with the tokens of their captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from worker.workloads.engraving.prepare import Picture, Prepared
from worker.workloads.engraving.rasters import pixels_of
from worker.workloads.engraving.tokenizer import PAD

Sample = dict[str, Tensor]


@dataclass(frozen=True)
class Pairs:
    """`image` [C, S, S] and `tokens` [L], the same at every reading."""

    prepared: Prepared
    pictures: tuple[Picture, ...]
    tokens: Tensor
    """[N, L]"""

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int, /) -> Sample:
        image = pixels_of(self.prepared.png(self.pictures[index]))
        return {"image": image, "tokens": self.tokens[index]}

    @property
    def captions(self) -> tuple[str, ...]:
        """As written, in order."""
        return tuple(picture.caption for picture in self.pictures)


def collate(samples: Sequence[Sample]) -> Sample:
    """A batch: image [B, C, S, S] and tokens [B, T], without the columns that are PAD in all."""
    tokens = torch.stack([sample["tokens"] for sample in samples])
    longest = int((tokens != PAD).sum(dim=1).max())
    return {"image": torch.stack([sample["image"] for sample in samples]), "tokens": tokens[:, :longest]}
