"""The `engraving` workload's contract: images and captions through one latent space.

Numbers and key names: seed 003_f09951d19e54d328; reference/systems.md part D.3.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from shared.specs.contract import Contract
from shared.specs.footprint import Footprint
from shared.specs.job import JobSpec
from shared.specs.parts import Part

SPECIAL_TOKENS = 4
"""PAD, START, END and UNK."""

Path = Annotated[str, StringConstraints(min_length=1, max_length=400)]
Channels = Annotated[int, Field(le=4096)]


class EngravingData(Part):
    """A folder of images with a caption each."""

    path: Path | None = None
    """Folder beneath the data root; the drawings of OpenMoji with their Unicode names where not given."""
    metadata: Path = "metadata.json"
    """In that folder: a JSON list of objects with `id`, `filename` and `caption`."""
    images: Path = "."
    """In that folder: the folder that the filenames are in."""
    image_size: int = Field(512, ge=64, le=4096)
    """Pixels of a side. Other images are resized, and made square with white beside them."""
    colors: Literal["rgb", "grey"] = "rgb"
    """Three channels an image, or one."""
    vocab_size: int = Field(8000, ge=8, le=1_000_000)
    """Tokens at most, the four special ones among them: the most frequent words are known, others are UNK."""
    vocabulary: Literal["train", "all"] = "train"
    """Captions whose words are counted. `all`, as the original, also counts those held out; where that makes
    a difference the guard leaked_statistics objects until `guards.skip` says why it should not."""
    caption_length: int = Field(100, ge=4, le=2048)
    """Tokens of a caption with START and END; longer ones are cut and end with END all the same."""
    val_share: float = Field(0.1, gt=0, lt=0.9)
    """Of all pairs, rounded down, for validation."""
    test_share: float = Field(0.0, ge=0, lt=0.9)
    """Of all pairs, rounded down, for the test; at 0, as in the original, validation pairs are evaluated."""
    split_seed: int = Field(42, ge=0, lt=2**31)
    """Seed of the split into train, validation and test."""
    limit: int | None = Field(None, ge=10, le=100_000_000)
    """Use so many pairs, chosen by `split_seed`."""

    @model_validator(mode="after")
    def _shares_leave_something_to_train(self) -> EngravingData:
        if self.val_share + self.test_share > 0.9:
            raise ValueError("val_share and test_share together must not exceed 0.9; the rest trains")
        return self


class EngravingModel(Part):
    """Sizes of image encoder, image decoder and text decoder."""

    channels: Annotated[tuple[Channels, ...], Field(min_length=2, max_length=8)] = (64, 128, 256, 512, 512)
    """Of each convolution of the encoder, which halves the image; the decoder has them in reverse. Multiples
    of 4, for four at a time are normalised together."""
    latent_dim: int = Field(1024, ge=8, le=65_536)
    """Numbers that stand for an image and its caption."""
    hidden_dim: int = Field(512, ge=8, le=65_536)
    """Between the latent and the images' features."""
    embedding_dim: int = Field(512, ge=8, le=16_384)
    """Width of the text decoder."""
    text_layers: int = Field(4, ge=1, le=64)
    """Layers of the text decoder."""
    n_heads: int = Field(8, ge=1, le=64)
    """Attention heads of the text decoder."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Of the text decoder."""
    vocabulary_rows: Literal["vocab_size", "found"] = "vocab_size"
    """Rows of the token tables: as many as `data.vocab_size`, as published, or only as many as there are
    words in the data, so that every row learns."""

    @field_validator("channels")
    @classmethod
    def _channels_come_in_fours(cls, channels: tuple[int, ...]) -> tuple[int, ...]:
        """Here and not by the type, which would also count the refused one as missing."""
        for count in channels:
            if count < 4 or count % 4:
                below = max(4, count - count % 4)
                raise ValueError(
                    f"{count} must be a multiple of 4, for four channels at a time are normalised together; "
                    f"take {below} or {below + 4}"
                )
        return channels

    @model_validator(mode="after")
    def _heads_fit(self) -> EngravingModel:
        if self.embedding_dim % self.n_heads:
            raise ValueError(
                f"embedding_dim {self.embedding_dim} must be a multiple of n_heads {self.n_heads}"
            )
        return self


class EngravingLoss(Part):
    """The weighted sum of reconstruction, caption and alignment."""

    image_weight: float = Field(1.0, gt=0, le=1000)
    """Of the mean squared error of the reconstruction, black being -1 and white 1."""
    caption_weight: float = Field(1.0, gt=0, le=1000)
    """Of the cross-entropy of the caption's tokens in nats, each caption's mean."""
    alignment_weight: float = Field(0.5, ge=0, le=1000)
    """Of what draws the latents of image and caption together; 0 leaves it out."""
    alignment: Literal["latent_norm", "info_nce"] = "latent_norm"
    """`latent_norm`, the original's, draws the latent's length to one less the reconstruction's error.
    `info_nce` has image and caption of a pair find each other among the others of their micro-batch: a
    smaller micro-batch, also one halved where memory ran out or divided among processes, has fewer others to
    tell them from, and a single pair left over at the end of an epoch has none and adds 0. Others of equal
    caption are to be told from, too, which nobody can: where captions repeat, the term cannot reach 0."""
    temperature: float = Field(0.07, ge=0.001, le=10)
    """Of `info_nce`: similarities are divided by it."""


class EngravingGeneration(Part):
    """The pairs that an evaluation makes up and keeps."""

    seeds: Annotated[tuple[Annotated[int, Field(ge=0, lt=2**63)], ...], Field(max_length=256)] = tuple(
        range(8)
    )
    """Each gives one image and its caption, the same with the same weights whatever others are asked for."""


class EngravingSpec(JobSpec):
    """A job of the image and caption model."""

    workload: Literal["engraving"] = "engraving"
    data: EngravingData = EngravingData()
    model: EngravingModel = EngravingModel()
    loss: EngravingLoss = EngravingLoss()
    generation: EngravingGeneration = EngravingGeneration()

    @model_validator(mode="after")
    def _image_can_be_halved(self) -> EngravingSpec:
        stages = len(self.model.channels)
        step = 2**stages
        if self.data.image_size % step or self.data.image_size < 2 * step:
            raise ValueError(
                f"data.image_size {self.data.image_size} must be a multiple of {step}, {2 * step} or more: "
                f"the {stages} stages of model.channels halve it {stages} times, to two pixels at the least"
            )
        return self

    @model_validator(mode="after")
    def _pairs_have_others_beside_them(self) -> EngravingSpec:
        """Alone, a pair has nothing to be told from: the term would be 0 whatever the model answers."""
        if self.loss.alignment != "info_nce":
            return self
        why = "loss.alignment info_nce tells the pairs of a micro-batch apart"
        trainer = self.trainer
        for field, size in (("batch_size", trainer.batch_size), ("eval_batch_size", trainer.eval_batch_size)):
            if size is not None and size < 2:
                raise ValueError(f"{why}; trainer.{field} must be 2 or more")
        processes = self.resources.processes or self.resources.gpus or 1
        samples = trainer.batch_size * trainer.accumulate
        if samples < 2 * processes:
            raise ValueError(
                f"{why}; {processes} processes divide the {samples} samples of a step, which must leave 2 or "
                "more to each: take fewer processes or a larger trainer.batch_size"
            )
        return self


_TRAINER = {"batch_size": 16, "eval_batch_size": 8, "clip_grad_norm": 1.0, "seed": 42}
_TRAINING: dict[str, Any] = {
    "optimizer": {"name": "adamw", "lr": 1e-3, "weight_decay": 1e-4, "fused": True},
    "schedule": {"name": "cosine", "min_lr": 1e-6},
}

ENGRAVING = Contract(
    name="engraving",
    summary="Learns images and their captions together: reconstructs one, tells the other, makes up both.",
    spec_type=EngravingSpec,
    presets={
        "smoke": {
            **_TRAINING,
            "data": {
                "image_size": 64,
                "vocab_size": 1000,
                "caption_length": 16,
                "limit": 256,
                "test_share": 0.1,
            },
            "model": {
                "channels": (8, 16, 32, 64, 64),
                "latent_dim": 64,
                "hidden_dim": 64,
                "embedding_dim": 32,
                "text_layers": 1,
                "n_heads": 4,
            },
            "trainer": {**_TRAINER, "epochs": 2},
            "resources": {"cpus": 1, "memory_gib": 1},
        },
        "medium": {
            **_TRAINING,
            "data": {"image_size": 128, "vocab_size": 2000, "caption_length": 16, "test_share": 0.1},
            "model": {
                "channels": (16, 32, 64, 128, 128),
                "latent_dim": 256,
                "hidden_dim": 256,
                "embedding_dim": 128,
                "text_layers": 2,
                "n_heads": 4,
                "vocabulary_rows": "found",
            },
            "trainer": {**_TRAINER, "epochs": 20, "monitor": "val/token_accuracy", "monitor_mode": "max"},
            "resources": {"cpus": 2, "memory_gib": 2},
        },
        "production": {
            **_TRAINING,
            "trainer": {**_TRAINER, "epochs": 100, "drop_last": True, "log_every_steps": 10},
            "checkpoint": {"every_epochs": 1, "every_minutes": 10, "keep_every_epochs": 5},
            "resources": {"cpus": 2, "memory_gib": 8},
        },
    },
    default_preset="smoke",
    implementation="worker.workloads.engraving.workload:WORKLOAD",
    metrics=("train/loss", "val/loss", "val/loss_image", "val/loss_caption"),
    loss_terms=("image", "caption", "alignment"),
    footprints={
        "smoke": Footprint(335_083, fixed_bytes=0, sample_bytes=1_591_296, other_bytes=364_745_324),
        "medium": Footprint(2_492_241, fixed_bytes=0, sample_bytes=5_273_600, other_bytes=368_594_772),
        "production": Footprint(
            108_708_035, fixed_bytes=0, sample_bytes=255_606_784, other_bytes=389_599_372
        ),
    },
    sized_by=("data.image_size", "data.colors", "data.vocab_size", "data.caption_length", "model", "loss"),
)
