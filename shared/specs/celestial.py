"""The `celestial` workload's contract: the 12.3 M parameter OHLC forecaster over ephemeris covariates.

Numbers and key names: seed 001_6e96324e042c1e3a, production configuration; reference/systems.md part B.
"""

from __future__ import annotations

from math import lcm
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from shared.errors import FieldProblem, InvalidSpec
from shared.specs.contract import Adjusted, Adjustment, Contract
from shared.specs.footprint import Footprint
from shared.specs.job import JobSpec
from shared.specs.parts import Part

BODIES = (
    "sun", "moon", "mercury", "venus", "mars", "jupiter", "saturn",
    "uranus", "neptune", "pluto", "north_node", "south_node", "chiron",
)  # fmt: skip


MOST_D_MODEL = 8192


class CelestialData(Part):
    """Daily OHLC joined with ephemeris columns, cut into windows by time."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=400)] | None = None
    """CSV beneath the data root, in the documented format; the built-in MSFT series where not given."""
    seq_len: int = Field(250, ge=8, le=4096)
    """Days the encoder sees."""
    label_len: int = Field(125, ge=0, le=4096)
    """Known days the decoder starts from."""
    pred_len: int = Field(10, ge=1, le=512)
    """Days forecast."""
    validation_length: int = Field(50, ge=1, le=100_000)
    """Rows of the validation split."""
    test_length: int = Field(50, ge=1, le=100_000)
    """Rows of the test split, the newest."""
    rows: int | None = Field(None, ge=32, le=10_000_000)
    """Use only the newest so many rows."""

    @model_validator(mode="after")
    def _lengths_fit(self) -> CelestialData:
        if self.label_len > self.seq_len:
            raise ValueError(f"label_len {self.label_len} must not exceed seq_len {self.seq_len}")
        for field in ("validation_length", "test_length"):
            if getattr(self, field) < self.pred_len:
                raise ValueError(f"{field} {getattr(self, field)} must be at least pred_len {self.pred_len}")
        return self


class CelestialModel(Part):
    """Sizes of the forecaster. `d_model` is raised to a multiple of lcm(13 bodies, heads)."""

    d_model: int = Field(208, ge=8, le=MOST_D_MODEL)
    n_heads: int = Field(8, ge=1, le=64)
    e_layers: int = Field(4, ge=1, le=32)
    """Graph attention layers."""
    d_layers: int = Field(2, ge=1, le=32)
    """Decoder layers."""
    celestial_dim: int = Field(32, ge=4, le=1024)
    """Channels of one body."""
    fusion_layers: int = Field(4, ge=1, le=32)
    """Fusion layers of the graph combiner."""
    graph_days: int = Field(5, ge=1, le=64)
    """Days from one evaluation of the graph's slow parts to the next, with interpolation between."""
    forecast: Literal["change", "level"] = "change"
    """Forecast the change since the last known day, or the level itself as the original did."""
    dropout: float = Field(0.1, ge=0, lt=1)
    activation_checkpointing: Literal["none", "combiner", "all"] = "combiner"
    """Which activations the backward pass computes again instead of keeping them. `combiner` costs a
    twentieth of the time and `all` a quarter; at batch 16 and 250 days the peak is 2.3, 2.2 and 1.8 GB.
    `trainer.gradient_checkpointing` overrides it: true is `all`, false `none`."""

    @model_validator(mode="after")
    def _heads_fit(self) -> CelestialModel:
        if self.celestial_dim % self.n_heads:
            raise ValueError(
                f"celestial_dim {self.celestial_dim} must be a multiple of n_heads {self.n_heads}"
            )
        return self


class CelestialLoss(Part):
    """What the forecaster minimises: the error in scaled target space."""

    name: Literal["mse"] = "mse"


class CelestialSpec(JobSpec):
    """A job of the celestial forecaster."""

    workload: Literal["celestial"] = "celestial"
    data: CelestialData = CelestialData()
    model: CelestialModel = CelestialModel()
    loss: CelestialLoss = CelestialLoss()


def compatible_d_model(d_model: int, n_heads: int) -> int:
    """The least width not below `d_model` that bodies and heads both divide: 130 with 8 heads becomes 208."""
    step = lcm(len(BODIES), n_heads)
    return -(-d_model // step) * step


def adjust(spec: CelestialSpec) -> Adjusted:
    """Widen d_model where bodies or heads do not divide it, and say so."""
    asked, heads = spec.model.d_model, spec.model.n_heads
    used = compatible_d_model(asked, heads)
    if used == asked:
        return spec, ()
    if used > MOST_D_MODEL:
        sentence = (
            f"the next width that bodies and heads divide is {used}, above {MOST_D_MODEL}; use fewer heads"
        )
        raise InvalidSpec(f"model.d_model: {sentence}", (FieldProblem("model.d_model", sentence),))
    why = f"d_model must be a multiple of {lcm(len(BODIES), heads)} ({len(BODIES)} bodies, {heads} heads)"
    model = spec.model.model_copy(update={"d_model": used})
    return spec.model_copy(update={"model": model}), (Adjustment("model.d_model", asked, used, why),)


_TRAINING = {
    "optimizer": {"name": "adam", "lr": 1e-3, "weight_decay": 1e-4},
    "schedule": {"name": "warmup_cosine", "warmup_epochs": 5, "min_lr": 1e-6},
}

CELESTIAL = Contract(
    name="celestial",
    summary="Forecasts four OHLC prices ten days ahead from 250 days of prices and 113 ephemeris columns.",
    spec_type=CelestialSpec,
    presets={
        "smoke": {
            **_TRAINING,
            "data": {"seq_len": 24, "label_len": 12, "pred_len": 4, "rows": 320},
            "model": {
                "d_model": 104,
                "n_heads": 8,
                "e_layers": 1,
                "d_layers": 1,
                "fusion_layers": 1,
                "celestial_dim": 8,
            },
            "schedule": {"name": "warmup_cosine", "warmup_epochs": 1, "min_lr": 1e-6},
            "trainer": {"epochs": 2, "batch_size": 16, "accumulate": 2, "clip_grad_norm": 1.0, "seed": 2024},
            "resources": {"cpus": 1, "memory_gib": 1},
        },
        "medium": {
            **_TRAINING,
            "data": {"seq_len": 96, "label_len": 48, "pred_len": 10, "rows": 2000},
            "model": {
                "d_model": 104,
                "n_heads": 8,
                "e_layers": 2,
                "d_layers": 1,
                "fusion_layers": 2,
                "celestial_dim": 16,
            },
            "trainer": {
                "epochs": 10,
                "batch_size": 16,
                "accumulate": 2,
                "clip_grad_norm": 1.0,
                "seed": 2024,
                "drop_last": True,
            },
            "resources": {"cpus": 2, "memory_gib": 2},
        },
        "production": {
            **_TRAINING,
            "model": {"d_model": 130},
            "trainer": {
                "epochs": 50,
                "batch_size": 16,
                "accumulate": 2,
                "clip_grad_norm": 1.0,
                "seed": 2024,
                "drop_last": True,
            },
            "checkpoint": {"every_epochs": 1, "every_minutes": 10, "keep_every_epochs": 5},
            "resources": {"cpus": 2, "memory_gib": 4},
        },
    },
    sized_by=("data.seq_len", "data.label_len", "data.pred_len", "model", "loss"),
    lengths=("data.seq_len", "data.label_len"),
    footprints={
        "smoke": Footprint(2_003_784, fixed_bytes=12_198_624, sample_bytes=0, other_bytes=304_434_612),
        "medium": Footprint(
            2_373_360, fixed_bytes=42_034_240, sample_bytes=8_349_696, other_bytes=309_505_812
        ),
        "production": Footprint(12_286_912, fixed_bytes=0, sample_bytes=85_032_960, other_bytes=317_512_660),
    },
    default_preset="smoke",
    implementation="worker.workloads.celestial.workload:WORKLOAD",
    metrics=("train/loss", "val/loss", "train/lr"),
    gradient_checkpointing=True,
    adjust=adjust,
)
