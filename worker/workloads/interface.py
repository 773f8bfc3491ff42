"""What a workload is to the training core: five functions over its spec. No family, no loop, no I/O here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

Batch = Any
"""A nest of dicts, lists, tuples and tensors, batch axis first; the core moves it to the device."""

Outputs = Any
"""What the model returns: a tensor, a dict or a named structure."""


class Dataset(Protocol):
    """Samples by position. Deterministic: the same index always gives the same sample."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


@dataclass(frozen=True)
class Splits:
    """A workload's data, ready to train on. Whatever was fitted (scalers, class weights) saw `train` only."""

    train: Dataset
    val: Dataset
    test: Dataset
    collate: Callable[[list[Any]], Batch] | None = None
    """Makes a batch of samples; torch's default where not given."""
    augment: Callable[[Any, torch.Generator], Any] | None = None
    """Changes one train sample; its generator depends on (seed, epoch, index) alone."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """JSON facts a user should see: rows, columns, dates, windows."""
    identity: Mapping[str, Any] = field(default_factory=dict)
    """What data these are, in a few JSON values that change with them and with nothing else: the hash of a
    file, its rows. Checkpoints keep it; none is gone on from with other data. Empty: they cannot change."""
    fitted: Any = None
    """Scalers, vocabularies and the like, for the workload's own functions."""


@dataclass(frozen=True)
class LossTerms:
    """The loss of one batch, a mean over its `count` samples, and the raw terms it is the weighted sum of."""

    total: Tensor
    """Scalar with gradient."""
    count: int
    """Samples in the batch."""
    raw: Mapping[str, Tensor] = field(default_factory=dict)
    """Unweighted terms by name, scalars; empty where the total is the only term."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of each raw term; `total == sum(weights[k] * raw[k])`."""
    measures: Mapping[str, Tensor] = field(default_factory=dict)
    """What else is told of each train epoch by its own name: means over the samples, no part of the loss."""


class Meter(Protocol):
    """Accumulates one split's metrics batch by batch."""

    def update(self, outputs: Outputs, batch: Batch) -> None: ...

    def compute(self) -> Mapping[str, float]: ...


@runtime_checkable
class Mergeable(Protocol):
    """A meter whose split several processes may divide. Without this each of them measures all of it."""

    def merge(self, other: Any, /) -> None:
        """Take in what a meter of the same kind has seen of other samples."""
        ...


@dataclass(frozen=True)
class GuardHints:
    """What a workload may tell the guards that run before the first step. Each hint lets them see more."""

    predictions: Callable[[Outputs], Mapping[str, Tensor]] | None = None
    """outputs -> every prediction the loss must compare, by name: tensors of the outputs as they are."""
    targets: Callable[[Batch], Mapping[str, Tensor]] | None = None
    """batch -> every target, batch axis first, by the name of the prediction it belongs to."""
    perfect: Callable[[Any, Batch], Outputs] | None = None
    """(spec, batch) -> what a model that knew the targets would put out. No loss may prefer anything else."""
    refit: Callable[[Any, Splits], Mapping[str, tuple[Tensor, Tensor]]] | None = None
    """(spec, splits) -> name -> (fitted numbers in use, the same from the samples of `train` alone), in units
    in which a difference of 0.001 does not matter."""
    without_gradient: Mapping[str, str] = field(default_factory=dict)
    """Name of a parameter, or of a module that holds some -> why no gradient reaches it."""
    excused: Mapping[str, str] = field(default_factory=dict)
    """Name of a guard -> why it does not fit this workload."""


@dataclass(frozen=True)
class Workload:
    """A model family. Every function takes the workload's own spec type."""

    name: str
    load_splits: Callable[[Any, Path], Splits]
    """(spec, data root) -> splits. Raises DataError with a sentence that says what to change."""
    build_model: Callable[[Any, Splits], nn.Module]
    """Called with every generator seeded; must create every parameter."""
    forward: Callable[[nn.Module, Batch], Outputs]
    loss: Callable[[Any, Outputs, Batch], LossTerms]
    """(spec, outputs, batch) -> loss terms. Nothing to compare is an error, never a zero."""
    meter: Callable[[Any, Splits], Meter] | None = None
    """A fresh meter for a validation or test pass; none where the loss says it all."""
    evaluate: Callable[[Evaluation], Mapping[str, Any]] | None = None
    """Runs at the end on the best weights; returns the JSON results and writes figures beneath `folder`."""
    gradient_checkpointing: Callable[[nn.Module, bool], None] | None = None
    """Has a model compute activations again in the backward pass, or keep them; the contract says the same.
    The second computation must draw the same random numbers. None where it is not offered."""
    shorter: Callable[[Any], Any] | None = None
    """(spec) -> the same with samples half as long: a preflight measures how memory grows with length."""
    published_parameters: int | None = None
    """The parameter count its original published, printed beside ours."""
    guards: GuardHints = GuardHints()


@dataclass(frozen=True)
class Evaluation:
    """All that a workload's final evaluation may use."""

    spec: Any
    splits: Splits
    model: nn.Module
    """On `device`, in eval mode, holding the best weights."""
    device: torch.device
    history: Mapping[str, list[tuple[int, float]]]
    """Metric `split/name` -> [(epoch, value)], one point an epoch, oldest first."""
    memory: list[Mapping[str, float]]
    """Memory samples of this attempt, oldest first."""
    facts: Mapping[str, Any]
    """Of the run: parameters, seconds trained, best epoch, adjustments, effective spec."""
    folder: Path
    """Where figures and arrays go; every file in it becomes an artifact."""
    batches: Callable[[Dataset], Iterable[Batch]]
    """Batches of a split in order, on `device`."""
