"""New images with captions from a seed, and captions of given latents.

B batch, T tokens, Z latent, S pixels of a side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from worker.workloads.engraving.model.multimodal import Multimodal
from worker.workloads.engraving.tokenizer import END, PAD, START, UNK, Tokenizer


@dataclass(frozen=True)
class LatentPrior:
    """A Gaussian with the mean and the covariance of known latents: where new ones are drawn."""

    mean: Tensor
    """[Z]"""
    apart: Tensor
    """[N, Z] each known latent less the mean, over sqrt(N - 1): their weighted sums have the covariance."""

    def draw(self, seed: int) -> Tensor:
        """[Z] the latent of a seed, the same whatever was drawn before."""
        weights = torch.randn(len(self.apart), generator=torch.Generator().manual_seed(seed))
        return self.mean + weights.to(self.apart) @ self.apart


@dataclass(frozen=True)
class Generated:
    """A made-up image with its caption."""

    seed: int
    image: Tensor
    """[C, S, S] between -1 and 1."""
    caption: str


def fit_prior(latents_NZ: Tensor) -> LatentPrior:
    """From the latents of some train images, two or more."""
    mean = latents_NZ.mean(dim=0)
    return LatentPrior(mean, (latents_NZ - mean) / (len(latents_NZ) - 1) ** 0.5)


@torch.no_grad()
def generate(
    model: Multimodal, prior: LatentPrior, tokenizer: Tokenizer, seeds: Sequence[int], longest: int
) -> list[Generated]:
    """An image and a caption for every seed, each the same in whatever company. The model is in eval mode."""
    latents = torch.stack([prior.draw(seed) for seed in seeds])
    images = model.image_decoder(latents)
    captions = [tokenizer.decode(tokens) for tokens in tell(model, latents, len(tokenizer), longest)]
    return [Generated(*made) for made in zip(seeds, images, captions, strict=True)]


@torch.no_grad()
def tell(model: Multimodal, latents_BZ: Tensor, known: int, longest: int) -> Tensor:
    """[B, T] the likeliest token after token, from START to END, then PAD; at most `longest` tokens.

    Only the first `known` rows of the token tables stand for words; the others are never told, nor is UNK.
    """
    memory = model.text_decoder.project(latents_BZ)
    tokens = torch.full((len(latents_BZ), 1), START, device=latents_BZ.device)
    ended = torch.zeros(len(latents_BZ), dtype=torch.bool, device=latents_BZ.device)
    while tokens.shape[1] < longest and not bool(ended.all()):
        logits = model.text_decoder(memory, tokens)[:, -1]
        logits[:, [PAD, START, UNK]] = -torch.inf
        following = logits[:, :known].argmax(dim=1).masked_fill(ended, PAD)
        ended = ended | (following == END)
        tokens = torch.cat([tokens, following[:, None]], dim=1)
    return tokens
