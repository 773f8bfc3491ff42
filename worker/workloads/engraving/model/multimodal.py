"""The whole model: an image to its latent, the latent to the image and to its caption.

B batch, C colours, S pixels of a side, T tokens, Z latent, E width of the text decoder, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from shared.errors import DataError
from shared.specs.engraving import EngravingSpec
from worker.layers.initialisation import initialise
from worker.workloads.engraving.model.image_decoder import ImageDecoder
from worker.workloads.engraving.model.image_encoder import ImageEncoder
from worker.workloads.engraving.model.text_decoder import TextDecoder
from worker.workloads.engraving.tokenizer import UNK


@dataclass(frozen=True)
class Answers:
    """What the model says of a batch."""

    latent: Tensor
    """[B, Z]"""
    reconstruction: Tensor
    """[B, C, S, S] between -1 and 1."""
    logits: Tensor
    """[B, T, V], number t of token t."""
    image_features: Tensor
    """[B, E] the latent as the text decoder reads it."""
    caption_features: Tensor
    """[B, E] the mean embedding of the caption's words. The decoder's states would not do to compare with
    images: they have seen the latent."""


class Multimodal(nn.Module):
    """Images [B, C, S, S] and tokens [B, T] -> Answers."""

    vocabulary: Tensor

    def __init__(
        self,
        encoder: ImageEncoder,
        image_decoder: ImageDecoder,
        text_decoder: TextDecoder,
        vocabulary: bytes,
    ) -> None:
        super().__init__()
        # In every checkpoint, so that weights are never read with other words than they were trained with.
        self.register_buffer("vocabulary", torch.tensor(list(vocabulary), dtype=torch.uint8))
        self.register_load_state_dict_pre_hook(_check_vocabulary)  # type: ignore[no-untyped-call]
        self.encoder = encoder
        self.image_decoder = image_decoder
        self.text_decoder = text_decoder

    def forward(self, images_BCSS: Tensor, tokens_BT: Tensor) -> Answers:
        latent = self.encoder(images_BCSS)
        memory = self.text_decoder.project(latent)
        return Answers(
            latent=latent,
            reconstruction=self.image_decoder(latent),
            logits=self.text_decoder(memory, tokens_BT[:, :-1]),
            image_features=memory,
            caption_features=self.text_decoder.words(tokens_BT, least=UNK),
        )


def _check_vocabulary(model: nn.Module, state: Mapping[str, Tensor], prefix: str, *_: object) -> None:
    """Rows of token tables mean words. Raises DataError where weights mean others (pitfall P65)."""
    assert isinstance(model, Multimodal)
    theirs = state.get(f"{prefix}vocabulary")
    if theirs is None or bytes(theirs.tolist()) == bytes(model.vocabulary.tolist()):
        return
    raise DataError(
        "the weights were trained with another vocabulary than that of this data; use them with the same "
        "captions, data.vocab_size, data.vocabulary and data.split_seed"
    )


def build_multimodal(spec: EngravingSpec, rows: int, vocabulary: bytes) -> Multimodal:
    """The model a spec describes, with so many rows in its token tables, of the vocabulary of that digest."""
    data, model = spec.data, spec.model
    colors = 3 if data.colors == "rgb" else 1
    built = Multimodal(
        ImageEncoder(colors, model.channels, model.hidden_dim, model.latent_dim),
        ImageDecoder(model.latent_dim, model.hidden_dim, model.channels[::-1], colors, data.image_size),
        TextDecoder(
            model.latent_dim,
            model.embedding_dim,
            model.text_layers,
            model.n_heads,
            model.dropout,
            rows,
            data.caption_length,
        ),
        vocabulary,
    )
    initialise(built)
    return built
