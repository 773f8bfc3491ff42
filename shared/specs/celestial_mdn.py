"""The `celestial-mdn` workload's contract: the 235 M parameter forecaster that tells a distribution.

Numbers and key names: seed 000_f9b73625ba2988e9, configurations OPTIMIZED (`production`) and SAFE (`safe`);
reference/systems.md part C.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from shared.specs.contract import Contract
from shared.specs.footprint import Footprint
from shared.specs.parts import Part
from shared.specs.sky import SkyData, SkyModel, SkySpec, adjust

DECODERS = ("enable_mdn_decoder", "use_mixture_decoder", "use_sequential_mixture_decoder")
"""The flags of the decoder styles, of which at most one may be set."""

MIXTURE_LOSSES = ("hybrid_mdn_directional", "mixture_nll")
"""The losses that read a distribution; the others read one number a day and target."""


READ = {
    "hybrid_mdn_directional": (
        "nll_weight",
        "direction_weight",
        "trend_weight",
        "magnitude_weight",
        "smooth_tanh_scale",
        "direction_form",
        "correlation_type",
        "mdn_multivariate_mode",
    ),
    "mixture_nll": ("mdn_multivariate_mode",),
    "directional_trend": (
        "direction_weight",
        "trend_weight",
        "magnitude_weight",
        "smooth_tanh_scale",
        "direction_form",
        "correlation_type",
    ),
    "mse": (),
}
"""Which settings each loss reads; one of a single term weighs it by one."""


class MdnData(SkyData):
    """Daily OHLC joined with ephemeris columns, cut into windows by time."""

    seq_len: int = Field(500, ge=8, le=4096)
    """Days the encoder sees."""
    pred_len: int = Field(10, ge=2, le=512)
    """Days forecast; two at least, for the loss looks at the moves between them."""
    validation_length: int = Field(100, ge=1, le=100_000)
    """Rows of the validation split."""
    test_length: int = Field(100, ge=1, le=100_000)
    """Rows of the test split, the newest."""


class MdnModel(SkyModel):
    """Sizes and decoder of the forecaster. `d_model` is raised to a multiple of lcm(13 bodies, heads)."""

    d_model: int = Field(780, ge=8, le=8192)
    """Width of the forecaster."""
    n_heads: int = Field(20, ge=1, le=64)
    """Attention heads."""
    celestial_dim: int = Field(60, ge=4, le=1024)
    """Channels of one body."""
    graph_days: int = Field(10, ge=1, le=64)
    """Days of one token of the graph and of the encoder's deep layers, with interpolation between."""
    dropout: float = Field(0.15, ge=0, lt=1)
    """Share of activations left out while training."""
    e_layers: int = Field(8, ge=1, le=32)
    """Edge-conditioned attention layers."""
    d_layers: int = Field(4, ge=1, le=32)
    """Decoder layers."""
    calendar_embedding_dim: int = Field(195, ge=1, le=8192)
    """Channels of the calendar before it is fused with the rest."""
    num_message_passing_steps: int = Field(3, ge=1, le=16)
    """Rounds in which bodies pass messages along the graph."""
    edge_feature_dim: int = Field(24, ge=1, le=256)
    """Channels of an edge between two bodies."""
    enable_mdn_decoder: bool = False
    """Read a mixture off each asked day, with weights of its own for each target."""
    use_mixture_decoder: bool = True
    """Two causal layers over the asked days, then a mixture whose weights all targets share."""
    use_sequential_mixture_decoder: bool = False
    """The same decoder as `use_mixture_decoder`: the original built one class for both names."""
    mdn_components: int = Field(5, ge=1, le=64)
    """Gaussians of a mixture."""
    mdn_sigma_min: float = Field(1e-3, gt=0, le=10)
    """The least deviation, in scaled units."""
    mdn_sigma_max: float = Field(1.0, gt=0, le=100)
    """Bounds of every deviation, in scaled units. They are approached smoothly, so that no gradient ends."""
    mdn_std_layout: Literal["per_target", "shared"] = "per_target"
    """Deviations [B, T, C, K], one for each target, or [B, T, K], one for all four."""
    activation_checkpointing: Literal["none", "all"] = "none"
    """Whether the backward pass computes activations again instead of keeping them: at 500 days and batch 2
    the peak is 4.6 GB in place of 5.2, for a tenth to four tenths more processor time.
    `trainer.gradient_checkpointing` overrides it: true is `all`, false `none`."""

    @model_validator(mode="after")
    def _one_decoder(self) -> MdnModel:
        chosen = self.decoders
        if len(chosen) > 1:
            raise ValueError(f"{' and '.join(chosen)} exclude each other; set one of them, the others false")
        if self.mdn_sigma_min >= self.mdn_sigma_max:
            raise ValueError(
                f"mdn_sigma_min {self.mdn_sigma_min:g} must be below mdn_sigma_max {self.mdn_sigma_max:g}"
            )
        return self

    @property
    def decoders(self) -> tuple[str, ...]:
        """The flags that are set."""
        return tuple(flag for flag in DECODERS if getattr(self, flag))


class MdnLoss(Part):
    """What the forecaster minimises, in scaled target space."""

    name: Literal["hybrid_mdn_directional", "mixture_nll", "directional_trend", "mse"] = (
        "hybrid_mdn_directional"
    )
    """`hybrid_mdn_directional` adds up all four terms, `mixture_nll` is the first alone: both need a mixture
    decoder. `directional_trend` (the last three) and `mse` (the last) need none to be set."""
    nll_weight: float = Field(0.3, ge=0, le=1e4)
    """Negative log-likelihood of the truth."""
    direction_weight: float = Field(5.0, ge=0, le=1e4)
    """Moves from day to day that go another way than the truth's, as `direction_form` compares them."""
    trend_weight: float = Field(0.8, ge=0, le=1e4)
    """One less the correlation of these moves with the true ones, of each window and target."""
    magnitude_weight: float = Field(0.2, ge=0, le=1e4)
    """Mean squared error of the mixture's mean."""
    smooth_tanh_scale: float = Field(1.0, gt=0, le=1e4)
    """The s of `direction`: large values count signs, small ones weigh moves by their size. Prices move by a
    few hundredths of a scaled unit a day, so 1 weighs by size and about 100 counts signs."""
    direction_form: Literal["squared", "product"] = "squared"
    """`squared` is half the mean of (tanh(s move) - tanh(s true move))^2, from 0 to 2 and least at the truth.
    `product`, as published, is -mean tanh(s move) tanh(s true move), from -1 to 1: it goes on falling the
    further a right move goes, so that with the published weights a forecast that is unsure (deviation 1) of a
    move of 0.5 is best at 1.6. Take it with a `direction_weight` of 0.1 at most."""
    correlation_type: Literal["pearson", "spearman"] = "pearson"
    """Of `trend`: `pearson` of the moves, or `spearman` of their ranks. Ranks by sorting have no gradient, so
    those are soft: two moves half a deviation of a window's moves apart count as ordered by 73 %."""
    mdn_multivariate_mode: Literal["independent", "joint"] = "independent"
    """Of `nll`: `independent` takes each price by itself, a mean over the four; `joint` takes the four of a
    day together, a component at a time, and is their sum, about four times as large."""
    gate_entropy_weight: float = Field(0.01, ge=0, le=1e3)
    """Undecidedness of the gates through which targets listen to the bodies; part of every loss."""


class CelestialMdnSpec(SkySpec):
    """A job of the mixture forecaster."""

    workload: Literal["celestial-mdn"] = "celestial-mdn"
    data: MdnData = MdnData()
    model: MdnModel = MdnModel()
    loss: MdnLoss = MdnLoss()

    @model_validator(mode="after")
    def _graph_has_times(self) -> CelestialMdnSpec:
        days, seen = self.model.graph_days, self.data.seq_len
        if days >= seen:
            raise ValueError(f"model.graph_days {days} must be below data.seq_len {seen}")
        return self

    @model_validator(mode="after")
    def _joint_is_joint(self) -> CelestialMdnSpec:
        if self.loss.mdn_multivariate_mode == "joint" and self.model.enable_mdn_decoder:
            raise ValueError(
                "loss.mdn_multivariate_mode joint needs components that the prices share, and those of "
                "model.enable_mdn_decoder have weights of their own; take model.use_mixture_decoder"
            )
        return self

    @model_validator(mode="after")
    def _all_is_read(self) -> CelestialMdnSpec:
        loss, read = self.loss, READ[self.loss.name]
        for field in READ["hybrid_mdn_directional"]:
            if field not in read and getattr(loss, field) != MdnLoss.model_fields[field].default:
                raise ValueError(f"loss.{field} is not read by loss.name {loss.name}; leave it out")
        if loss.name == "hybrid_mdn_directional" and loss.nll_weight == 0:
            raise ValueError("loss.nll_weight must be above 0: no other term teaches the deviations")
        if loss.name == "directional_trend" and loss.magnitude_weight == 0:
            raise ValueError("loss.magnitude_weight must be above 0: no other term teaches the level")
        if not self.model.decoders:
            self._refuse_mixture_settings()
        return self

    def _refuse_mixture_settings(self) -> None:
        for field in ("mdn_components", "mdn_sigma_min", "mdn_sigma_max", "mdn_std_layout"):
            if getattr(self.model, field) != MdnModel.model_fields[field].default:
                raise ValueError(f"model.{field} is not read where no decoder is set; leave it out")

    @model_validator(mode="after")
    def _loss_fits_decoder(self) -> CelestialMdnSpec:
        loss, chosen = self.loss.name, self.model.decoders
        if loss in MIXTURE_LOSSES and not chosen:
            flags = ", ".join(f"model.{flag}" for flag in DECODERS)
            raise ValueError(f"loss.name {loss} needs a mixture; set one of {flags}")
        if loss not in MIXTURE_LOSSES and chosen:
            raise ValueError(
                f"loss.name {loss} never reads the mixture of model.{chosen[0]}; set it false, or take "
                f"{' or '.join(MIXTURE_LOSSES)}"
            )
        return self


_OPTIMIZER = {"name": "adamw", "lr": 1e-4, "weight_decay": 0.01}
_LARGE_OPTIMIZER = {**_OPTIMIZER, "fused": True}
"""Moves 61 M weights in 0.08 s of processor time where the plain one takes 0.37."""
_NO_COPY = {"background_from_mib": 8192}
"""A copy of the state to write beside training would take 2.8 GB more; a save that stops it takes seconds."""
_SMALL = {
    "d_model": 104,
    "n_heads": 8,
    "celestial_dim": 8,
    "calendar_embedding_dim": 26,
    "e_layers": 1,
    "d_layers": 1,
    "num_message_passing_steps": 1,
    "edge_feature_dim": 8,
    "graph_days": 5,
}

CELESTIAL_MDN = Contract(
    name="celestial-mdn",
    summary="Forecasts a distribution of four OHLC prices ten days ahead from 500 days of prices and sky.",
    spec_type=CelestialMdnSpec,
    presets={
        "smoke": {
            "optimizer": {**_OPTIMIZER, "lr": 1e-3},
            "schedule": {"name": "warmup_cosine", "warmup_epochs": 1, "min_lr": 1e-6},
            "data": {
                "seq_len": 24,
                "label_len": 12,
                "pred_len": 4,
                "validation_length": 50,
                "test_length": 50,
                "rows": 320,
            },
            "model": _SMALL,
            "trainer": {"epochs": 2, "batch_size": 16, "clip_grad_norm": 1.0},
            "resources": {"cpus": 1, "memory_gib": 1},
        },
        "safe": {
            "optimizer": _LARGE_OPTIMIZER,
            "schedule": {"name": "warmup_cosine", "warmup_epochs": 1, "min_lr": 5e-9},
            "data": {"seq_len": 50, "label_len": 25},
            "trainer": {"epochs": 2, "batch_size": 1, "accumulate": 3, "clip_grad_norm": 1.0},
            "checkpoint": _NO_COPY,
            "resources": {"cpus": 2, "memory_gib": 6},
        },
        "production": {
            "optimizer": _LARGE_OPTIMIZER,
            "schedule": {"name": "warmup_cosine", "warmup_epochs": 8, "min_lr": 5e-9},
            "trainer": {
                "epochs": 60,
                "batch_size": 1,
                "clip_grad_norm": 1.0,
                "early_stopping": {"patience": 30, "min_delta": 1e-6},
            },
            "checkpoint": {"every_epochs": 1, "keep_every_epochs": 3, **_NO_COPY},
            "resources": {"cpus": 2, "memory_gib": 6},
        },
    },
    sized_by=("data.seq_len", "data.label_len", "data.pred_len", "model", "loss.name"),
    lengths=("data.seq_len", "data.label_len"),
    footprints={
        "smoke": Footprint(2_907_444, fixed_bytes=0, sample_bytes=5_578_752, other_bytes=370_062_888),
        "safe": Footprint(234_753_549, fixed_bytes=0, sample_bytes=197_461_964, other_bytes=331_633_348),
        "production": Footprint(
            235_104_549, fixed_bytes=0, sample_bytes=455_625_580, other_bytes=394_675_812
        ),
    },
    default_preset="smoke",
    implementation="worker.workloads.celestial_mdn.workload:WORKLOAD",
    metrics=("train/loss", "val/loss", "val/crps", "train/lr"),
    loss_terms=("direction", "trend", "nll", "magnitude", "gate_entropy"),
    gradient_checkpointing=True,
    adjust=adjust,
)
