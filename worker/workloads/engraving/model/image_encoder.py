"""Images to latents.

B batch, C colours, S pixels of a side, Z latent.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from worker.workloads.engraving.model.rectifier import Rectifier

KERNEL, STRIDE, PADDING = 4, 2, 1
"""Of every convolution: each halves the image."""


class ImageEncoder(nn.Module):
    """[B, C, S, S] -> [B, Z]: convolutions that halve the image, their mean over it, two linear layers."""

    def __init__(self, colors: int, channels: Sequence[int], hidden_dim: int, latent_dim: int) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        for inner, outer in zip((colors, *channels[:-1]), channels, strict=True):
            stages += [nn.Conv2d(inner, outer, KERNEL, STRIDE, PADDING), Rectifier(outer)]
        self.stages = nn.Sequential(*stages)
        self.head = nn.Sequential(
            nn.Linear(channels[-1], hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, latent_dim)
        )

    def forward(self, images_BCSS: Tensor) -> Tensor:
        latent: Tensor = self.head(self.features(images_BCSS))
        return latent

    def features(self, images_BCSS: Tensor) -> Tensor:
        """[B, channels[-1]] the last stage, its mean over the image."""
        mean: Tensor = self.stages(images_BCSS).mean(dim=(2, 3))
        return mean
