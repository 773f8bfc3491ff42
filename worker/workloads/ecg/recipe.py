"""How a job came to its classifier, in words: what it saw, how it learned, what chose its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.specs.ecg import EcgSpec

DE_CHAZAL = (
    "trained on de Chazal's DS1 but for record 201 and for whole patients of it that validate; tested on DS2"
)
RHYTHM_WORDS = (
    "logarithms of eight ratios: the intervals before and after the beat over the median of its whole record "
    "and of the 11 and 41 around it, the two further ones over that of the 11"
)

ELSEWHERE = "by another job, whose checkpoint this one evaluates"


def recipe(spec: EcgSpec, facts: Mapping[str, Any], best_epoch: int | None) -> dict[str, str]:
    """Part -> a sentence on it."""
    return {
        "split": _split(spec, facts),
        "signal": _signal(spec, facts),
        "rhythm": _rhythm(spec),
        "class weights": _weight(spec, facts),
        "training": _training(spec),
        "weights chosen": _chosen(spec, facts, best_epoch),
    }


def _split(spec: EcgSpec, facts: Mapping[str, Any]) -> str:
    if spec.data.split == "de_chazal":
        return DE_CHAZAL
    if facts["split"] == "patients":
        return f"whole patients; {facts['patients_by']}"
    shared = facts["patients_in_several_splits"]
    return f"each class in proportion; {shared:,} known patients have records in several splits"


def _signal(spec: EcgSpec, facts: Mapping[str, Any]) -> str:
    data = spec.data
    band = f", {data.band_hz[0]:g} to {data.band_hz[1]:g} Hz" if data.band_hz else ""
    leads = ", ".join(data.leads or ()) or f"all {facts['leads']} leads"
    middle = "around where an annotation puts the beat" if data.mode == "beats" else "from the beginning"
    return (
        f"{leads}: {data.samples / data.sampling_rate:.3g} s {middle} at {data.sampling_rate:g} Hz{band}; "
        "each lead less the mean and over the deviation of its whole record"
    )


def _rhythm(spec: EcgSpec) -> str:
    return RHYTHM_WORDS if spec.data.mode == "beats" and spec.data.rhythm else "none"


def _weight(spec: EcgSpec, facts: Mapping[str, Any]) -> str:
    weights = ", ".join(f"{name} {weight:.3g}" for name, weight in facts["class_weights"].items())
    return f"{weights}: rarity in the train split to the power {spec.loss.balance:g}"


def _training(spec: EcgSpec) -> str:
    if spec.kind == "eval":
        return ELSEWHERE
    trainer, optimizer = spec.trainer, spec.optimizer
    return (
        f"{optimizer.name}, rate {optimizer.lr:g}, {spec.schedule.name}; at most {trainer.epochs} epochs in "
        f"batches of {trainer.batch_size}, gradients clipped at {trainer.clip_grad_norm}; samples varied by "
        f"{spec.data.augment:g}, dropout {spec.model.dropout:g}, seed {trainer.seed}"
    )


def _chosen(spec: EcgSpec, facts: Mapping[str, Any], best_epoch: int | None) -> str:
    if spec.kind == "eval":
        return ELSEWHERE
    if best_epoch is None:
        return f"those of the last step: no epoch was measured by {spec.trainer.monitor}"
    validation = facts["splits"]["val"]
    return (
        f"epoch {best_epoch} by {spec.trainer.monitor} on the {validation['patients']:,} patients of the "
        "validation split; the test split is looked at once, after that"
    )
