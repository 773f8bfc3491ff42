"""Latents to captions, token after token.

B batch, T tokens, Z latent, E width, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from worker.workloads.engraving.model.caption_layer import CaptionLayer


class TextDecoder(nn.Module):
    """Logits of every token of a caption, from the latent and the tokens before it.

    The latent is the first input and the memory of every layer. Input t is token t - 1, so that logits t
    predict token t from what came before it and nothing after (pitfall P61).
    """

    def __init__(
        self, latent_dim: int, width: int, layers: int, heads: int, dropout: float, tokens: int, length: int
    ) -> None:
        super().__init__()
        between = width + width // 2
        self.project = nn.Sequential(nn.Linear(latent_dim, between), nn.ReLU(), nn.Linear(between, width))
        self.token = nn.Embedding(tokens, width)
        self.position = nn.Parameter(torch.empty(length, width))
        nn.init.normal_(self.position, std=0.02)
        self.layers = nn.ModuleList(CaptionLayer(width, heads, dropout) for _ in range(layers))
        self.out = nn.Linear(width, tokens)

    def forward(self, memory_BE: Tensor, before_BT: Tensor) -> Tensor:
        """The projected latent and T tokens of a caption -> logits of T + 1 tokens [B, T + 1, V]."""
        memory_B1E = memory_BE[:, None]
        x_BTE = torch.cat([memory_B1E, self.token(before_BT)], dim=1)
        length = x_BTE.shape[1]
        x_BTE = x_BTE + self.position[:length]
        causal_TT = torch.ones(length, length, dtype=torch.bool, device=x_BTE.device).tril()
        for layer in self.layers:
            x_BTE = layer(x_BTE, memory_B1E, causal_TT)
        logits: Tensor = self.out(x_BTE)
        return logits

    def words(self, tokens_BT: Tensor, least: int) -> Tensor:
        """[B, E] the mean embedding of the tokens from number `least` on; zeros where there is none."""
        told = (tokens_BT >= least).to(self.token.weight.dtype)
        total = torch.einsum("bt,bte->be", told, self.token(tokens_BT))
        return total / told.sum(dim=1, keepdim=True).clamp(min=1.0)
