"""What a results file says of the training that came before: epochs, losses, hours."""

from __future__ import annotations

from typing import Any

from worker.workloads.interface import Evaluation

TRAIN_LOSS, VAL_LOSS = "train/loss_epoch", "val/loss"
"""The loss of an epoch: the mean over its training steps, and of the validation split after them."""


def training_facts(run: Evaluation) -> dict[str, Any]:
    """The keys that the originals of the forecasters published; null where a thing is not known."""
    train, val = ([value for _, value in run.history.get(name, [])] for name in (TRAIN_LOSS, VAL_LOSS))
    seconds = run.facts.get("seconds_trained")
    return {
        "train_epochs": run.spec.trainer.epochs,
        "best_epoch": run.facts.get("best_epoch"),
        "training_time_hours": None if seconds is None else seconds / 3600.0,
        "train_losses": train,
        "val_losses": val,
        "best_val_loss": min((value for value in val if value == value), default=None),
        "adjustments": run.facts.get("adjustments"),
    }
