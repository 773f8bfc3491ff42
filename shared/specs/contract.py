"""A workload's contract: all that the control plane knows of it. The torch side is named, never imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.specs.footprint import Footprint
from shared.specs.job import JobSpec


@dataclass(frozen=True)
class Adjustment:
    """A value that will run although another was asked for."""

    field: str
    """Dotted path, such as `model.d_model`."""
    asked: Any
    used: Any
    why: str


Adjusted = tuple[JobSpec, tuple[Adjustment, ...]]


def unadjusted(spec: JobSpec) -> Adjusted:
    """Run the spec as it was asked for."""
    return spec, ()


@dataclass(frozen=True)
class Contract:
    """A workload as the control plane sees it; plug-ins offer one as entry point `epochd.workloads`."""

    name: str
    summary: str
    spec_type: type[JobSpec]
    presets: Mapping[str, Mapping[str, Any]]
    """Preset name -> partial spec laid over the field defaults."""
    default_preset: str
    implementation: str
    """`package.module:ATTRIBUTE` of the `Workload` value, imported by trainers only."""
    metrics: tuple[str, ...] = ("train/loss", "val/loss")
    """What a chart shows first."""
    loss_terms: tuple[str, ...] = ()
    """Names of the loss's terms, the weightiest first: Prometheus shows the first few that are told."""
    gradient_checkpointing: bool = False
    """Whether the model offers it, so that a spec may ask for `trainer.gradient_checkpointing`."""
    sized_by: tuple[str, ...] = ("data", "model", "loss")
    """Dotted paths of the fields, beside the batch size, that decide what memory a pass takes."""
    lengths: tuple[str, ...] = ()
    """Those among them that set the length of a sample, the one that measures it first."""
    footprints: Mapping[str, Footprint] = field(default_factory=dict)
    """Preset name -> what it was measured to take; a dry run answers it until a job has measured better."""
    adjust: Callable[[Any], Adjusted] = field(default=unadjusted)
    """Makes a valid spec runnable and says what it changed; raises InvalidSpec where it cannot."""
