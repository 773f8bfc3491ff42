"""The guards that run before the first step: what each keeps from happening, and which a spec leaves out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from shared.specs.parts import Part

GUARDS: Mapping[str, str] = {
    "non_finite": "inputs, outputs, a loss or gradients that are NaN or infinite",
    "zero_loss": "a loss that is zero, or that the model's outputs do not change",
    "unmatched_names": "predictions and targets whose names do not match, so that they are never compared",
    "wrong_total": "a total that is not the weighted sum of its terms",
    "late_parameters": "parameters the optimizer does not know, as those made within forward",
    "dead_parameters": "parameters that no gradient reaches, so that they never learn",
    "unmoved_parameters": "parameters that an optimizer step leaves as they are",
    "ignored_targets": "training that does not tell the targets of one sample from those of another",
    "misread_outputs": "a loss that reads the outputs wrongly, so that a perfect answer scores badly",
    "mixed_samples": "an answer for one sample that depends on the others of its batch",
    "constant_labels": "targets that are the same for every sample",
    "leaked_samples": "training samples that are also in the validation or test split",
    "leaked_statistics": "scalers and the like that were fitted on more than the train split",
}
"""Name of each guard -> the failure it prevents, in the order they run."""


class GuardSpec(Part):
    """Checks of data, model and loss before the first step."""

    skip: dict[str, Annotated[str, StringConstraints(max_length=300)]] = Field({}, max_length=100)
    """Guard to leave out -> why. The names are those of docs/training.md; a reason must be given."""

    @field_validator("skip")
    @classmethod
    def _names_are_known_and_reasons_given(cls, skip: dict[str, str]) -> dict[str, str]:
        for name, why in skip.items():
            if name not in GUARDS:
                known = ", ".join(GUARDS)
                raise PydanticCustomError(
                    "unknown_guard",
                    "no guard is called {name}; there are {known}",
                    {"name": repr(name[:60]), "known": known},
                )
            if not why.strip():
                raise PydanticCustomError(
                    "no_reason", "say why the guard {name} is left out; its reason is empty", {"name": name}
                )
        return skip
