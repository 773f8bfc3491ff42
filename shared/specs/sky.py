"""What the two forecasters over prices and sky share in their specs: the data, and the sizes of common parts.

Numbers and key names: reference/systems.md parts B and C.
"""

from __future__ import annotations

from math import lcm
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from shared.errors import FieldProblem, InvalidSpec
from shared.specs.contract import Adjusted, Adjustment
from shared.specs.job import JobSpec
from shared.specs.parts import Part

BODIES = (
    "sun", "moon", "mercury", "venus", "mars", "jupiter", "saturn",
    "uranus", "neptune", "pluto", "north_node", "south_node", "chiron",
)  # fmt: skip


MOST_D_MODEL = 8192


class SkyData(Part):
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
    def _lengths_fit(self) -> SkyData:
        if self.label_len > self.seq_len:
            raise ValueError(f"label_len {self.label_len} must not exceed seq_len {self.seq_len}")
        for field in ("validation_length", "test_length"):
            if getattr(self, field) < self.pred_len:
                raise ValueError(f"{field} {getattr(self, field)} must be at least pred_len {self.pred_len}")
        return self


class SkyModel(Part):
    """Sizes of the parts that both have. `d_model` is raised to a multiple of lcm(13 bodies, heads)."""

    d_model: int = Field(208, ge=8, le=MOST_D_MODEL)
    """Width of the forecaster."""
    n_heads: int = Field(8, ge=1, le=64)
    """Attention heads."""
    celestial_dim: int = Field(32, ge=4, le=1024)
    """Channels of one body."""
    graph_days: int = Field(5, ge=1, le=64)
    """Days from one evaluation of the graph's slow parts to the next, with interpolation between."""
    forecast: Literal["change", "level"] = "change"
    """Forecast the change since the last known day, or the level itself as the original did."""
    dropout: float = Field(0.1, ge=0, lt=1)
    """Share of activations left out while training."""
    activation_checkpointing: Literal["none", "combiner", "all"] = "none"

    @model_validator(mode="after")
    def _heads_fit(self) -> SkyModel:
        if self.celestial_dim % self.n_heads:
            raise ValueError(
                f"celestial_dim {self.celestial_dim} must be a multiple of n_heads {self.n_heads}"
            )
        return self


class SkySpec(JobSpec):
    """A job of one of the two."""

    data: SkyData
    model: SkyModel


def compatible_d_model(d_model: int, n_heads: int) -> int:
    """The least width not below `d_model` that bodies and heads both divide: 130 with 8 heads becomes 208."""
    step = lcm(len(BODIES), n_heads)
    return -(-d_model // step) * step


def adjust(spec: Any) -> Adjusted:
    """Widen d_model of a SkySpec where bodies or heads do not divide it, and say so."""
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
