"""The `celestial` workload's contract: the 12.3 M parameter OHLC forecaster over ephemeris covariates.

Numbers and key names: seed 001_6e96324e042c1e3a, production configuration; reference/systems.md part B.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from shared.specs.contract import Contract
from shared.specs.footprint import Footprint
from shared.specs.parts import Part
from shared.specs.sky import SkyData, SkyModel, SkySpec, adjust


class CelestialData(SkyData):
    """Daily OHLC joined with ephemeris columns, cut into windows by time."""


class CelestialModel(SkyModel):
    """Sizes of the forecaster. `d_model` is raised to a multiple of lcm(13 bodies, heads)."""

    e_layers: int = Field(4, ge=1, le=32)
    """Graph attention layers."""
    d_layers: int = Field(2, ge=1, le=32)
    """Decoder layers."""
    fusion_layers: int = Field(4, ge=1, le=32)
    """Fusion layers of the graph combiner."""
    activation_checkpointing: Literal["none", "combiner", "all"] = "none"
    """Which activations the backward pass computes again instead of keeping them. `combiner` costs a
    twentieth of the time and `all` a quarter; at batch 16 and 250 days the peak is 2.3, 2.2 and 1.8 GB.
    `trainer.gradient_checkpointing` overrides it: true is `all`, false `none`."""


class CelestialLoss(Part):
    """What the forecaster minimises: the error in scaled target space."""

    name: Literal["mse"] = "mse"


class CelestialSpec(SkySpec):
    """A job of the celestial forecaster."""

    workload: Literal["celestial"] = "celestial"
    data: CelestialData = CelestialData()
    model: CelestialModel = CelestialModel()
    loss: CelestialLoss = CelestialLoss()


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
            "optimizer": {"name": "adam", "lr": 1e-3, "weight_decay": 1e-4, "fused": True},
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
        "smoke": Footprint(2_003_784, fixed_bytes=0, sample_bytes=5_277_998, other_bytes=312_360_372),
        "medium": Footprint(2_373_360, fixed_bytes=0, sample_bytes=28_288_836, other_bytes=309_505_812),
        "production": Footprint(12_286_912, fixed_bytes=0, sample_bytes=128_495_632, other_bytes=317_512_660),
    },
    default_preset="smoke",
    implementation="worker.workloads.celestial.workload:WORKLOAD",
    metrics=("train/loss", "val/loss", "train/lr"),
    gradient_checkpointing=True,
    adjust=adjust,
)
