"""The engraving workload passes every guard, and its hints see bugs of its family that are planted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from shared.errors import GuardFailed
from shared.specs.guards import GUARDS
from tests.workloads.engraving_cases import planted_splits, small_spec
from tests.workloads.test_guards import outcomes, task_of
from worker.workloads.engraving.data import load_splits
from worker.workloads.engraving.model.multimodal import Answers
from worker.workloads.engraving.workload import WORKLOAD
from worker.workloads.interface import Splits


@pytest.fixture
def splits(tmp_path: Path) -> Splits:
    return planted_splits(tmp_path)


def only(*guards: str) -> dict[str, Any]:
    """The fields of a spec with those guards alone."""
    return {"guards": {"skip": {name: "another test" for name in GUARDS if name not in guards}}}


@pytest.mark.parametrize("alignment", ["latent_norm", "info_nce"])
def test_engraving_passes_every_guard(splits: Splits, alignment: str) -> None:
    task = task_of(WORKLOAD, small_spec(loss={"alignment": alignment}), splits)
    assert outcomes(task) == dict.fromkeys(GUARDS, "passed")


def test_p61_a_transformer_that_is_left_out_is_seen(splits: Splits) -> None:
    """The original's: logits straight from the embeddings."""

    def forward(model: Any, batch: Any) -> Answers:
        answers: Answers = WORKLOAD.forward(model, batch)
        decoder = model.text_decoder
        tokens = torch.cat([answers.image_features[:, None], decoder.token(batch["tokens"][:, :-1])], dim=1)
        return replace(answers, logits=decoder.out(tokens + decoder.position[: tokens.shape[1]]))

    task = task_of(replace(WORKLOAD, forward=forward), small_spec(**only("dead_parameters")), splits)
    with pytest.raises(GuardFailed, match=r"text_decoder\.layers"):
        outcomes(task)


def test_logits_read_one_token_late_are_seen(splits: Splits) -> None:
    """A loss that takes logits t for those of token t + 1, as a decoder without the latent first would."""

    def loss(spec: Any, answers: Answers, batch: Any) -> Any:
        return WORKLOAD.loss(spec, replace(answers, logits=answers.logits.roll(1, dims=1)), batch)

    task = task_of(replace(WORKLOAD, loss=loss), small_spec(**only("misread_outputs")), splits)
    with pytest.raises(GuardFailed, match="a perfect answer scores"):
        outcomes(task)


def test_a_vocabulary_of_held_out_captions_is_seen(tmp_path: Path) -> None:
    planted_splits(tmp_path)
    metadata = tmp_path / "drawings" / "metadata.json"
    text = metadata.read_text(encoding="utf-8")
    for at in range(60):
        text = text.replace('"An engraving', f'"One{at} engraving', 1)
    metadata.write_text(text, encoding="utf-8")
    spec = small_spec(data={"vocabulary": "all", "vocab_size": 100}, **only("leaked_statistics"))
    with pytest.raises(GuardFailed, match="the words of the vocabulary in use differ"):
        outcomes(task_of(WORKLOAD, spec, load_splits(spec, tmp_path)))
