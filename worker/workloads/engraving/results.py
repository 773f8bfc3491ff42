"""The results of an engraving job: the figures its original published, and what was measured beside them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import exp, log10
from typing import Any

import numpy as np

from worker.evaluation.bleu import corpus_bleu
from worker.evaluation.parameters import count_parameters
from worker.evaluation.report import json_clean
from worker.workloads.engraving.baselines import baselines
from worker.workloads.engraving.invention import Invention
from worker.workloads.engraving.matching import retrieval
from worker.workloads.engraving.memory_table import memory_table
from worker.workloads.engraving.model.multimodal import Multimodal
from worker.workloads.engraving.model.parameters import PUBLISHED_PARAMETERS
from worker.workloads.engraving.objective import similarities
from worker.workloads.engraving.telling import Told
from worker.workloads.engraving.tokenizer import words_of
from worker.workloads.interface import Evaluation

TERMS = ("loss_image", "loss_caption", "loss_alignment")
HISTORY = {
    "train_loss": "train/loss_epoch",
    **{f"train_{term}": f"train/{term}" for term in TERMS},
    "val_loss": "val/loss",
    **{f"val_{term}": f"val/{term}" for term in TERMS},
    "learning_rates": "train/lr",
}
"""Names of the results -> those of the metrics; the terms are unweighted."""

SAMPLES = 20


def build_results(run: Evaluation, told: Told, invention: Invention) -> dict[str, Any]:
    """JSON values of the evaluated split."""
    model = run.model
    assert isinstance(model, Multimodal)
    results: dict[str, Any] = json_clean(
        {
            "model": "engraving",
            "task": "image_caption",
            "config": run.spec.preset,
            "total_parameters": sum(parameter.numel() for parameter in model.parameters()),
            "parameters_by_part": count_parameters(model),
            "published_parameters": PUBLISHED_PARAMETERS,
            "evaluated_split": run.splits.fitted.tested,
            "image": _image(told),
            "caption": _caption(told),
            "alignment": _alignment(told),
            "retrieval": retrieval(model, told),
            "frechet_encoder_distance": invention.distances,
            "baselines": baselines(run),
            "samples": _samples(told),
            "generated": [{"seed": one.seed, "caption": one.caption} for one in invention.wished],
            "memory_by_batch_size": memory_table(run.spec),
            "history": {ours: _series(run, theirs) for ours, theirs in HISTORY.items()},
            "train_epochs": run.spec.trainer.epochs,
            "best_epoch": run.facts.get("best_epoch"),
            "seconds_trained": run.facts.get("seconds_trained"),
            "data": dict(run.splits.facts),
            "config_dict": run.spec.model_dump(mode="json"),
            "timestamp": datetime.now(UTC).isoformat(),
        }
    )
    return results


def _image(told: Told) -> dict[str, Any]:
    mse = float(told.square.mean())
    return {
        "mse": mse,
        "psnr_db": -10.0 * log10(mse) if mse > 0 else None,
        "units": "pixels between 0 and 1; in the loss, where black is -1, the square is four times this",
    }


def _caption(told: Told) -> dict[str, Any]:
    truth = [words_of(caption) for caption in told.split.captions]
    said = [words_of(caption) for caption in told.captions]
    nats = float(told.nats.sum() / told.tokens.sum())
    return {
        "exact_match": float(np.mean([one == other for one, other in zip(said, truth, strict=True)])),
        **corpus_bleu(said, truth),
        "nats_per_token": nats,
        "perplexity": exp(min(nats, 700.0)),
        "how": "told greedily from the image alone, words compared in lower case without punctuation",
    }


def _alignment(told: Told) -> dict[str, float | None]:
    """The cosine of image and caption of a pair, and of pairs that do not belong together."""
    scores = similarities(told.image_side, told.caption_side)
    count = len(scores)
    own = float(scores.diagonal().mean())
    others = float((scores.sum() - scores.diagonal().sum()) / (count * (count - 1))) if count > 1 else None
    return {"cosine_of_pairs": own, "cosine_of_others": others}


def _samples(told: Told) -> list[Mapping[str, str]]:
    pictures = told.split.pictures[:SAMPLES]
    return [
        {"id": picture.id, "caption": picture.caption, "told": said}
        for picture, said in zip(pictures, told.captions, strict=False)
    ]


def _series(run: Evaluation, name: str) -> list[float]:
    return [value for _, value in run.history.get(name, [])]
