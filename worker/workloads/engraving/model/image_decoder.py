"""Latents to images.

B batch, Z latent, C colours, S pixels of a side, s pixels of a side where the drawing begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from worker.workloads.engraving.model.image_encoder import KERNEL, PADDING, STRIDE
from worker.workloads.engraving.model.rectifier import Rectifier


class ImageDecoder(nn.Module):
    """[B, Z] -> [B, C, S, S] between -1 and 1.

    Two linear layers to [B, channels[0], s, s], then transposed convolutions that double the image.
    """

    def __init__(
        self, latent_dim: int, hidden_dim: int, channels: Sequence[int], colors: int, image_size: int
    ) -> None:
        super().__init__()
        self.base = (channels[0], image_size >> len(channels), image_size >> len(channels))
        pixels = self.base[1] * self.base[2]
        self.head = nn.Sequential(
            nn.Linear(latent_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, channels[0] * pixels)
        )
        stages: list[nn.Module] = []
        for inner, outer in pairwise(channels):
            stages += [
                nn.ConvTranspose2d(inner, outer, KERNEL, STRIDE, PADDING),
                Rectifier(outer),
            ]
        stages += [nn.ConvTranspose2d(channels[-1], colors, KERNEL, STRIDE, PADDING), nn.Tanh()]
        self.stages = nn.Sequential(*stages)

    def forward(self, latent_BZ: Tensor) -> Tensor:
        image: Tensor = self.stages(self.head(latent_BZ).unflatten(1, self.base))
        return image
