"""The image and caption model as published: batch norms, and a transformer that training never calls.

Numbers: seed 003_f09951d19e54d328; 108,708,035 parameters, of which the transformer's 16,816,128 get no
gradient. B batch, S pixels of a side, T tokens, Z latent, E width, V vocabulary.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.plain_form import Plain
from shared.specs.engraving import EngravingSpec
from shared.specs.job import JobSpec

CHANNELS = (64, 128, 256, 512, 512)
HIDDEN, LATENT, WIDTH = 512, 1024, 512
HEADS, LAYERS = 8, 4
VOCABULARY, LENGTH = 8000, 100
ALIGNMENT = 0.5


class PlainEngraving(nn.Module):
    """[B, 3, S, S] and [B, T] -> latent [B, Z], image [B, 3, S, S], logits [B, T, V]."""

    def __init__(self, image_size: int) -> None:
        super().__init__()
        self.encoder = encoder()
        self.decoder = decoder(image_size >> len(CHANNELS))
        self.project = nn.Sequential(nn.Linear(LATENT, 768), nn.ReLU(), nn.Linear(768, WIDTH))
        self.token = nn.Embedding(VOCABULARY, WIDTH)
        self.position = nn.Embedding(LENGTH, WIDTH)
        self.idle = nn.TransformerDecoder(nn.TransformerDecoderLayer(WIDTH, HEADS, 4 * WIDTH), LAYERS)
        self.out = nn.Linear(WIDTH, VOCABULARY)

    def forward(self, images_BCSS: Tensor, tokens_BT: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        latent = self.encoder(images_BCSS)
        inputs = torch.cat([self.project(latent)[:, None], self.token(tokens_BT[:, :-1])], dim=1)
        return latent, self.decoder(latent), self.out(inputs + self.position.weight)


def encoder() -> nn.Sequential:
    stages: list[nn.Module] = []
    for inner, outer in pairwise((3, *CHANNELS)):
        stages += [nn.Conv2d(inner, outer, 4, 2, 1), nn.BatchNorm2d(outer), nn.ReLU(inplace=True)]
    head = [nn.Linear(CHANNELS[-1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, LATENT)]
    return nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), *head)


def decoder(base: int) -> nn.Sequential:
    widths = CHANNELS[::-1]
    stages: list[nn.Module] = [
        nn.Linear(LATENT, HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, widths[0] * base * base),
        nn.Unflatten(1, (widths[0], base, base)),
    ]
    for inner, outer in pairwise(widths):
        stages += [nn.ConvTranspose2d(inner, outer, 4, 2, 1), nn.BatchNorm2d(outer), nn.ReLU(inplace=True)]
    return nn.Sequential(*stages, nn.ConvTranspose2d(widths[-1], 3, 4, 2, 1), nn.Tanh())


def build(spec: JobSpec, samples: int) -> Plain:
    """On random images and on captions of all 100 tokens, which the original always computes."""
    assert isinstance(spec, EngravingSpec)
    model = PlainEngraving(spec.data.image_size).train()
    images = torch.rand(samples, 3, spec.data.image_size, spec.data.image_size)
    tokens = torch.randint(4, VOCABULARY, (samples, LENGTH))

    def loss() -> Tensor:
        latent, drawn, logits = model(images, tokens)
        caption = functional.cross_entropy(logits.flatten(0, 1), tokens.flatten(), ignore_index=0)
        apart = latent.norm(dim=1).mean() - (1 - (drawn - images).abs().mean())
        total: Tensor = functional.mse_loss(drawn, images) + caption + ALIGNMENT * apart.abs()
        return total

    return Plain(model, loss)
