"""The three losses: what they are of, what they add up to, and what they prefer."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from shared.errors import TrainingError
from tests.workloads.engraving_cases import batch_of, small_model, small_spec
from worker.workloads.engraving.hints import perfect
from worker.workloads.engraving.meter import EngravingMeter
from worker.workloads.engraving.objective import (
    caption_loss,
    forward,
    info_nce,
    latent_norm,
    loss,
    similarities,
)
from worker.workloads.engraving.tokenizer import END, PAD, START, UNK


def number(scalar: torch.Tensor) -> float:
    return scalar.detach().item()


@pytest.mark.parametrize("alignment", ["latent_norm", "info_nce"])
@pytest.mark.parametrize("weights", [(1.0, 1.0, 0.5), (2.0, 0.5, 0.5), (0.5, 2.0, 3.0)])
def test_the_total_is_the_weighted_sum_of_the_raw_terms(
    alignment: str, weights: tuple[float, float, float]
) -> None:
    names = ("image", "caption", "alignment")
    asked = {f"{name}_weight": weight for name, weight in zip(names, weights, strict=True)}
    spec = small_spec(loss={**asked, "alignment": alignment})
    batch = batch_of(3)
    terms = loss(spec, forward(small_model(spec), batch), batch)
    assert terms.count == 3 and dict(terms.weights) == dict(zip(names, weights, strict=True))
    summed = sum(terms.weights[name] * number(terms.raw[name]) for name in names)
    assert number(terms.total) == pytest.approx(summed, rel=1e-6)


def test_the_weights_of_the_seed_are_the_defaults() -> None:
    spec = small_spec()
    assert (spec.loss.image_weight, spec.loss.caption_weight, spec.loss.alignment_weight) == (1.0, 1.0, 0.5)


def test_p4_the_loss_of_a_batch_is_the_mean_of_its_samples() -> None:
    """So accumulated micro-batches have the gradient of the whole; a contrastive term cannot promise that."""
    spec = small_spec()
    model = small_model(spec).eval()
    batch = batch_of(3)
    whole = loss(spec, forward(model, batch), batch).total
    parts = []
    for row in range(3):
        one = {name: tensor[row : row + 1] for name, tensor in batch.items()}
        parts.append(loss(spec, forward(model, one), one).total)
    assert number(whole) == pytest.approx(number(torch.stack(parts).mean()), rel=1e-5)


def test_caption_loss_is_the_cross_entropy_of_what_is_not_padding() -> None:
    logits = torch.randn(1, 5, 24, generator=torch.Generator().manual_seed(1))
    tokens = torch.tensor([[START, 7, END, PAD, PAD]])
    answers = replace(forward(small_model(), batch_of(1, length=5)), logits=logits)
    expected = functional.cross_entropy(logits[0, :3], tokens[0, :3])
    assert number(caption_loss(answers, {"tokens": tokens})) == pytest.approx(number(expected))
    other = answers.logits.clone()
    other[0, 3:] = 100.0
    same = caption_loss(replace(answers, logits=other), {"tokens": tokens})
    assert number(same) == pytest.approx(number(expected))


def test_latent_norm_is_the_originals_formula_sample_by_sample() -> None:
    latent = torch.tensor([[3.0, 4.0], [0.0, 0.5]])
    error = torch.tensor([0.25, -0.5])[:, None, None, None].expand(2, 3, 4, 4)
    assert number(latent_norm(latent, error)) == pytest.approx((abs(5 - 0.75) + abs(0.5 - 0.5)) / 2)


def test_p66_contrastive_alignment_prefers_the_matching_caption() -> None:
    generator = torch.Generator().manual_seed(3)
    features = torch.randn(6, 16, generator=generator)
    near = features + 0.1 * torch.randn(6, 16, generator=generator)
    matched = number(info_nce(features, near, 0.07))
    shuffled = number(info_nce(features, near.roll(1, dims=0), 0.07))
    assert matched < 0.1 < math.log(6) < shuffled


def test_contrastive_alignment_at_chance_is_the_logarithm_of_the_batch() -> None:
    assert number(info_nce(torch.ones(8, 4), torch.ones(8, 4), 0.07)) == pytest.approx(math.log(8), rel=1e-5)
    assert number(info_nce(torch.randn(1, 4), torch.randn(1, 4), 0.07)) == 0.0


def test_contrastive_alignment_is_the_same_where_the_model_is_in_half_precision() -> None:
    images, noise = torch.randn(2, 16, 512, generator=torch.Generator().manual_seed(1))
    captions = images + 0.3 * noise
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert similarities(images, captions).dtype == torch.float32
        lowered = info_nce(images, captions, 0.07)
    assert torch.equal(lowered, info_nce(images, captions, 0.07))


def test_p66_contrastive_alignment_teaches_image_and_words() -> None:
    spec = small_spec(loss={"alignment": "info_nce"})
    model = small_model(spec)
    batch = batch_of(4)
    loss(spec, forward(model, batch), batch).raw["alignment"].backward()  # type: ignore[no-untyped-call]
    for parameter in (*model.encoder.head.parameters(), model.text_decoder.token.weight):
        assert parameter.grad is not None and number(parameter.grad.abs().max()) > 0


@pytest.mark.parametrize("alignment", ["latent_norm", "info_nce"])
def test_p62_a_perfect_answer_costs_nothing(alignment: str) -> None:
    spec = small_spec(loss={"alignment": alignment})
    batch = batch_of(3)
    assert number(loss(spec, perfect(spec, batch), batch).total) == pytest.approx(0.0, abs=1e-5)


def test_answers_of_another_shape_are_refused() -> None:
    spec = small_spec()
    batch = batch_of(2)
    answers = forward(small_model(spec), batch)
    for wrong in (
        replace(answers, reconstruction=answers.reconstruction[:1]),
        replace(answers, logits=answers.logits[:, :-1]),
    ):
        with pytest.raises(TrainingError, match=r"the model (draws|tells)"):
            loss(spec, wrong, batch)
        with pytest.raises(TrainingError):
            EngravingMeter().update(wrong, batch)


@torch.no_grad()
@pytest.mark.parametrize("size", [1, 2, 3])
def test_p4_the_meter_gives_the_same_metrics_for_any_batch_size(size: int) -> None:
    model = small_model().eval()
    batch = batch_of(6)
    whole, parts, other = EngravingMeter(), EngravingMeter(), EngravingMeter()
    whole.update(forward(model, batch), batch)
    for start in range(0, 6, size):
        part = {name: tensor[start : start + size] for name, tensor in batch.items()}
        (parts if start % 2 else other).update(forward(model, part), part)
    parts.merge(other)
    assert parts.compute() == pytest.approx(whole.compute(), rel=1e-5)


def test_the_meter_measures_pixels_between_zero_and_one_and_tokens_after_start() -> None:
    spec = small_spec()
    batch = batch_of(2)
    answers = perfect(spec, batch)
    meter = EngravingMeter()
    meter.update(replace(answers, reconstruction=batch["image"] + 0.5), batch)
    assert meter.compute() == pytest.approx({"mse": 0.0625, "mae": 0.25, "token_accuracy": 1.0}, rel=1e-4)
    wrong = EngravingMeter()
    wrong.update(replace(answers, logits=answers.logits.roll(1, dims=2)), batch)
    assert wrong.compute()["token_accuracy"] == 0.0


def test_an_unknown_word_is_never_told_right() -> None:
    batch = batch_of(2)
    batch["tokens"][:, 1] = UNK
    meter = EngravingMeter()
    meter.update(perfect(small_spec(), batch), batch)
    asked = int((batch["tokens"] >= END).sum())
    assert meter.compute()["token_accuracy"] == pytest.approx((asked - 2) / asked)
