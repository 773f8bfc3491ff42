"""The `equities` workload's contract: the ATFT-GAT-FAN forecaster of stock returns over several horizons.

Numbers and key names: seed 004_2d334a6a46bbd7bf; reference/systems.md part D.4.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from shared.specs.contract import Contract
from shared.specs.footprint import Footprint
from shared.specs.job import JobSpec
from shared.specs.parts import Part

Horizon = Annotated[int, Field(ge=1, le=250)]
Level = Annotated[float, Field(gt=0, lt=1)]
Heads = Annotated[int, Field(ge=1, le=64)]
Weight = Annotated[float, Field(ge=0, le=1000)]

MEDIAN = 0.5


class EquitiesData(Part):
    """A panel of stocks by trading day. One sample is one day with all stocks of the panel."""

    path: Annotated[str, StringConstraints(min_length=1, max_length=400)] | None = None
    """Parquet or CSV beneath the data root with columns Date, Code, Close and, where there are any, Market,
    Sector; the built-in panel of twenty large US stocks from 1996 to 2022 where not given."""
    features: Literal["prices", "columns"] = "prices"
    """`prices` computes 83 features from past closes; `columns` takes every other numeric column of the
    file, which must say nothing of the future. Both become z-scores across the stocks of a day."""
    targets: Literal["prices", "columns"] = "prices"
    """`prices` computes the return from a day's close to that so many trading days later; `columns` takes
    the file's columns target_1d, target_5d and so on (or horizon_1, label_ret_1 and their like)."""
    relative_to: Literal["zero", "market"] = "zero"
    """What a return is measured against: nothing, or the mean of all stocks over the same days."""
    horizons: tuple[Horizon, ...] = Field((1, 5, 10, 20), min_length=1, max_length=16)
    """Trading days ahead, ascending."""
    seq_len: int = Field(20, ge=3, le=512)
    """Days of features the model sees of each stock."""
    days: int | None = Field(None, ge=60, le=1_000_000)
    """Use only the newest so many days of the panel."""
    folds: int = Field(5, ge=1, le=100)
    """Walk-forward folds. The days are cut into `folds` + 2 blocks; fold k trains on the first k, validates
    on the next and tests on the one after it."""
    fold: int | None = Field(None, ge=1, le=100)
    """The fold of this job, from 1; the last where not given, whose test days are the newest."""
    embargo_days: int = Field(20, ge=1, le=1000)
    """Days left out between two splits; at least the longest horizon, so that no target of one split reaches
    into the next."""
    neighbours: int = Field(20, ge=1, le=512)
    """Edges of each stock: to those whose returns were most correlated with its own, of either sign."""
    graph_days: int = Field(60, ge=10, le=1000)
    """Days of past returns that a correlation is taken over."""
    graph_every: int = Field(20, ge=1, le=1000)
    """Days from one graph to the next; between two the older one holds."""

    @model_validator(mode="after")
    def _days_fit(self) -> EquitiesData:
        if list(self.horizons) != sorted(set(self.horizons)):
            raise ValueError(f"horizons {list(self.horizons)} must ascend, each named once")
        if self.embargo_days < self.horizons[-1]:
            raise ValueError(
                f"embargo_days {self.embargo_days} must be at least the longest horizon, {self.horizons[-1]}"
            )
        if self.fold is not None and self.fold > self.folds:
            raise ValueError(f"fold {self.fold} must not exceed folds {self.folds}")
        return self


class EquitiesModel(Part):
    """Sizes of the forecaster."""

    hidden: int = Field(256, ge=4, le=4096)
    """Channels of every part."""
    heads: int = Field(8, ge=1, le=64)
    """Of the attention over days; must divide `hidden`."""
    graph_heads: tuple[Heads, Heads] = (8, 4)
    """Of the two graph attention layers. The first joins its heads, the second takes their mean."""
    knots: Annotated[int, Field(ge=3, le=1025)] | None = 41
    """Points between -5 and 5 at which each feature's own network is evaluated, once a pass, with straight
    lines between them; null evaluates it at every value of every stock and day, at many times the cost."""
    adaptive_norm: Literal["rolling_fan_san", "layernorm", "paper_fan", "none"] = "rolling_fan_san"
    """What is done to the joined features before the heads: rolling z-scores and slice normalisation beside
    an identity, layer normalisation, the frequency-adaptive normalisation of Ye et al. 2024, or nothing."""
    quantiles: tuple[Level, ...] = Field((0.05, 0.25, 0.5, 0.75, 0.95), min_length=1, max_length=99)
    """Levels forecast for every horizon, ascending; 0.5 must be among them, as the point forecast."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of activations left out while training."""

    @model_validator(mode="after")
    def _parts_fit(self) -> EquitiesModel:
        if self.hidden % self.heads:
            raise ValueError(f"hidden {self.hidden} must be a multiple of heads {self.heads}")
        if self.hidden % 4:
            raise ValueError(f"hidden {self.hidden} must be a multiple of 4, as the heads halve it twice")
        if list(self.quantiles) != sorted(set(self.quantiles)):
            raise ValueError(f"quantiles {list(self.quantiles)} must ascend, each named once")
        if MEDIAN not in self.quantiles:
            raise ValueError(f"quantiles {list(self.quantiles)} must hold {MEDIAN}, the point forecast")
        return self


class EquitiesLoss(Part):
    """Terms, each a mean over days of a mean over stocks, weighted over horizons, and penalties of the model.

    Returns are in units of their deviation on the train days.
    """

    huber: Weight = 1.0
    """Of the point forecast's Huber loss."""
    huber_delta: float = Field(1.0, gt=0, le=1000)
    """Where Huber's loss turns from square to straight, in deviations."""
    pinball: Weight = 1.0
    """Of the quantile loss."""
    rank: Weight = 0.3
    """Of 1 minus the correlation between soft ranks of the forecasts and ranks of the returns of a day."""
    direction: Weight = 0.1
    """Of the logistic loss (binary cross-entropy) of the forecast's sign."""
    student_t: Weight = 0.0
    """Of minus the log density of Student's t with 4 degrees of freedom, at the median and as wide as the
    outermost quantiles say; it needs levels on both sides."""
    variance_floor: Weight = 0.0
    """Of how far the deviation of a day's forecasts is below 0.1; the original has 0.1. It keeps forecasts
    apart where nothing can be known, at the price of their error."""
    selection: Weight = 0.0
    """Of the mean gate of the variable selection, which closes those of idle features; the original has
    0.01."""
    attention: Weight = 0.0
    """Of how much less than even graph attention is over a stock's edges: the log of their number less the
    entropy, of which the original adds -0.001."""
    horizon_weights: tuple[Annotated[float, Field(gt=0, le=1000)], ...] = (1.0, 0.8, 0.5, 0.3)
    """One a horizon; divided by their sum. A horizon of no weight is left out of data.horizons."""

    @model_validator(mode="after")
    def _something_is_minimised(self) -> EquitiesLoss:
        if not (self.huber or self.pinball):
            raise ValueError("huber or pinball must be above 0, or forecasts would have no scale")
        return self


class EquitiesSpec(JobSpec):
    """A job of the multi-horizon stock forecaster."""

    workload: Literal["equities"] = "equities"
    data: EquitiesData = EquitiesData()
    model: EquitiesModel = EquitiesModel()
    loss: EquitiesLoss = EquitiesLoss()

    @model_validator(mode="after")
    def _every_horizon_has_a_weight(self) -> EquitiesSpec:
        weights, horizons = len(self.loss.horizon_weights), len(self.data.horizons)
        if weights != horizons:
            raise ValueError(
                f"loss.horizon_weights has {weights} values and data.horizons {horizons}; give one a horizon"
            )
        return self

    @model_validator(mode="after")
    def _a_density_has_a_width(self) -> EquitiesSpec:
        levels = self.model.quantiles
        if self.loss.student_t and not levels[0] < MEDIAN < levels[-1]:
            raise ValueError(
                f"loss.student_t takes its width from model.quantiles, which are {list(levels)}; give levels "
                f"on both sides of {MEDIAN}, or set loss.student_t to 0"
            )
        return self

    @model_validator(mode="after")
    def _every_quantile_is_taught(self) -> EquitiesSpec:
        if self.loss.pinball == 0 and len(self.model.quantiles) > 1:
            raise ValueError(
                "loss.pinball must be above 0, as no other term teaches the quantiles beside the median; "
                f"or set model.quantiles to [{MEDIAN}]"
            )
        return self


_ADAMW = {"name": "adamw", "lr": 5e-4, "weight_decay": 1e-4}

EQUITIES = Contract(
    name="equities",
    summary="Forecasts the returns of a panel of stocks 1, 5, 10 and 20 days ahead, as quantiles.",
    spec_type=EquitiesSpec,
    presets={
        "smoke": {
            "data": {"days": 700, "folds": 2, "seq_len": 10, "neighbours": 5},
            "model": {"hidden": 16, "heads": 2, "graph_heads": (2, 2), "knots": 17},
            "optimizer": {"name": "adamw", "lr": 2e-3, "weight_decay": 1e-4},
            "trainer": {"epochs": 2, "batch_size": 16, "clip_grad_norm": 1.0},
            "resources": {"cpus": 1, "memory_gib": 1},
        },
        "mini": {
            "data": {"neighbours": 10},
            "model": {"hidden": 64, "heads": 4, "graph_heads": (4, 2)},
            "optimizer": {"name": "adamw", "lr": 2e-4, "weight_decay": 1e-4},
            "trainer": {"epochs": 3, "batch_size": 16, "clip_grad_norm": 1.0},
            "resources": {"cpus": 2, "memory_gib": 2},
        },
        "v1": {
            "data": {"neighbours": 10},
            "model": {"hidden": 64, "heads": 4, "graph_heads": (4, 2)},
            "optimizer": _ADAMW,
            "schedule": {"name": "warmup_cosine", "warmup_epochs": 1, "min_lr": 1e-6},
            "trainer": {
                "epochs": 20,
                "batch_size": 16,
                "clip_grad_norm": 1.0,
                "early_stopping": {"patience": 6},
            },
            "resources": {"cpus": 2, "memory_gib": 2},
        },
        "production": {
            "optimizer": {**_ADAMW, "fused": True},
            "schedule": {"name": "warmup_cosine", "warmup_epochs": 5, "min_lr": 1e-6},
            "trainer": {
                "epochs": 120,
                "batch_size": 16,
                "accumulate": 2,
                "clip_grad_norm": 1.0,
                "early_stopping": {"patience": 15},
            },
            "checkpoint": {"every_epochs": 1, "every_minutes": 10, "keep_every_epochs": 10},
            "resources": {"cpus": 2, "memory_gib": 4},
        },
    },
    sized_by=(
        "data.path",
        "data.features",
        "data.horizons",
        "data.seq_len",
        "data.neighbours",
        "model",
        "loss",
    ),
    lengths=("data.seq_len",),
    footprints={
        "smoke": Footprint(97_208, fixed_bytes=90_400, sample_bytes=4_370_432, other_bytes=365_624_364),
        "mini": Footprint(1_334_776, fixed_bytes=4_417_568, sample_bytes=15_212_544, other_bytes=413_582_524),
        "v1": Footprint(1_334_776, fixed_bytes=0, sample_bytes=17_784_450, other_bytes=413_054_140),
        "production": Footprint(
            22_678_392, fixed_bytes=114_434_592, sample_bytes=49_244_160, other_bytes=423_349_948
        ),
    },
    default_preset="smoke",
    implementation="worker.workloads.equities.workload:WORKLOAD",
    metrics=("train/loss", "val/loss", "val/rank_ic", "val/ic", "train/lr"),
    loss_terms=(
        "huber",
        "pinball",
        "rank",
        "direction",
        "student_t",
        "variance_floor",
        "selection",
        "attention",
    ),
    gradient_checkpointing=True,
)
