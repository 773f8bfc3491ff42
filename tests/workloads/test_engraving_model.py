"""The image and caption model: its counts, its shapes, what depends on what."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from shared.specs.engraving import EngravingSpec
from tests.workloads.engraving_cases import batch_of, gradients, small_model, small_spec
from worker.workloads.engraving.model.multimodal import Answers, Multimodal, build_multimodal
from worker.workloads.engraving.model.parameters import PUBLISHED_PARAMETERS
from worker.workloads.engraving.objective import forward, loss
from worker.workloads.engraving.tokenizer import END, START

PUBLISHED_PARTS = {"encoder": 7_742_272, "image_decoder": 74_717_507, "text_decoder": 26_248_256}


def published(rows: int = 8000, **model: Any) -> Multimodal:
    """At full size and without memory."""
    with torch.device("meta"):
        return build_multimodal(
            EngravingSpec.model_validate({"preset": "production", "model": model}), rows, bytes(32)
        )


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def trained_a_little(model: Multimodal, spec: EngravingSpec, steps: int = 2) -> Multimodal:
    batch = batch_of(4, seed=9)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(spec, forward(model.train(), batch), batch).total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model


def test_the_published_configuration_has_the_published_parameters() -> None:
    model = published()
    assert count(model) == PUBLISHED_PARAMETERS == 108_708_035
    assert {name: count(part) for name, part in model.named_children()} == PUBLISHED_PARTS


def test_half_the_latent_saves_less_than_a_hundredth() -> None:
    assert count(published(latent_dim=512)) == 107_790_019


@pytest.mark.parametrize("rows", [1266, 4000])
def test_every_token_costs_1025_parameters(rows: int) -> None:
    assert count(published(rows)) == 100_508_035 + 1025 * rows


@pytest.mark.parametrize("size", [1, 2, 3])
def test_p4_shapes_hold_for_any_batch(size: int) -> None:
    answers = forward(small_model().eval(), batch_of(size))
    assert answers.latent.shape == (size, 16)
    assert answers.reconstruction.shape == (size, 3, 64, 64)
    assert answers.logits.shape == (size, 7, 24)
    assert answers.image_features.shape == answers.caption_features.shape == (size, 16)


@pytest.mark.parametrize("image_size", [64, 96, 128])
def test_every_size_that_can_be_halved_is_drawn_at_that_size(image_size: int) -> None:
    spec = small_spec(data={"image_size": image_size})
    images = batch_of(1, image_size=image_size)
    assert forward(small_model(spec).eval(), images).reconstruction.shape == images["image"].shape


def test_grey_images_are_drawn_grey() -> None:
    model = small_model(small_spec(data={"colors": "grey"})).eval()
    batch = batch_of(2)
    grey = {**batch, "image": batch["image"][:, :1]}
    assert forward(model, grey).reconstruction.shape == (2, 1, 64, 64)


def test_p4_a_sample_alone_gets_what_it_gets_among_others() -> None:
    spec = small_spec()
    model = trained_a_little(small_model(spec), spec).eval()
    batch = batch_of(3)
    together = forward(model, batch)
    for row in range(3):
        alone = forward(model, {name: tensor[row : row + 1] for name, tensor in batch.items()})
        for name in ("latent", "reconstruction", "logits", "image_features", "caption_features"):
            one, other = getattr(alone, name)[0], getattr(together, name)[row]
            assert torch.allclose(one, other, atol=1e-5), name


def test_p42_forward_makes_no_parameter() -> None:
    model = small_model()
    before = {name: id(parameter) for name, parameter in model.named_parameters()}
    forward(model, batch_of(2))
    assert {name: id(parameter) for name, parameter in model.named_parameters()} == before


@pytest.mark.parametrize("alignment", ["latent_norm", "info_nce"])
def test_p44_p61_every_parameter_has_a_gradient_after_two_steps(alignment: str) -> None:
    spec = small_spec(loss={"alignment": alignment})
    model = trained_a_little(small_model(spec), spec)
    found = gradients(model)
    assert all(most > 0 for most in found.values()), [name for name, most in found.items() if not most]
    assert sum(name.startswith("text_decoder.layers.") for name in found) == 2 * 26


def test_p44_gradients_are_no_rounding_errors() -> None:
    """In double precision a part that acts keeps its gradient; one that is cancelled falls to 1e-17."""
    spec = small_spec()
    model = trained_a_little(small_model(spec), spec).double().train()
    batch = batch_of(4, seed=9)
    model.zero_grad()
    answers = forward(model, {**batch, "image": batch["image"].double()})
    total = answers.reconstruction.square().mean() + answers.logits.logsumexp(2).mean()
    total = total - answers.logits.gather(2, batch["tokens"][:, :, None]).mean()
    total.backward()  # type: ignore[no-untyped-call]
    found = gradients(model)
    assert all(most > 1e-9 for most in found.values()), {n: most for n, most in found.items() if most <= 1e-9}


@pytest.mark.parametrize("place", [1, 2, 4])
def test_p61_a_token_changes_the_logits_behind_it_and_no_others(place: int) -> None:
    model = small_model().eval()
    batch = batch_of(1, length=8)
    batch["tokens"] = torch.tensor([[START, 5, 6, 7, 8, 9, 10, END]])
    other = {**batch, "tokens": batch["tokens"].clone()}
    other["tokens"][0, place] = 20
    apart = forward(model, batch).logits.detach() - forward(model, other).logits.detach()
    changed = apart.abs().amax(dim=2)[0]
    assert float(changed[: place + 1].max()) < 1e-6
    assert float(changed[place + 1 :].min()) > 1e-6, "also beyond the next token, so the layers act"


def test_p61_the_latent_acts_on_every_token() -> None:
    model = small_model().eval()
    tokens = torch.tensor([[START, 5, 6, 7, END]])
    one, other = (model(batch_of(1, seed=seed)["image"], tokens).logits for seed in (3, 4))
    assert float((one - other).detach().abs().amax(dim=2).min()) > 0


def test_p61_cross_attention_weighs_the_latent_against_nothing() -> None:
    """With one key and no other the softmax would be 1 whatever is asked."""
    layer = small_model().text_decoder.layers[0]
    memory = torch.randn(2, 1, 16, generator=torch.Generator().manual_seed(1))
    asked = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(2))
    attention = layer.get_submodule("cross_attention")
    mixed: Tensor = attention(asked, memory)
    assert float((mixed[:, 0] - mixed[:, 1]).detach().abs().max()) > 1e-5


def test_p62_what_is_drawn_has_the_range_of_the_images() -> None:
    model = small_model().eval()
    drawn = model.image_decoder(torch.randn(4, 16) * 1e5).detach()
    assert -1.0 <= float(drawn.min()) < -0.5 and 0.5 < float(drawn.max()) <= 1.0


def test_caption_features_are_the_words_and_not_the_punctuation_of_tokens() -> None:
    model = small_model().eval()
    padded = model.text_decoder.words(torch.tensor([[START, 5, 6, END, 0, 0]]), least=3)
    bare = model.text_decoder.words(torch.tensor([[5, 6]]), least=3)
    assert torch.allclose(padded, bare)
    assert torch.equal(model.text_decoder.words(torch.tensor([[START, END]]), least=3), torch.zeros(1, 16))


def test_p43_an_error_in_any_part_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for part in ("encoder.stages", "image_decoder.stages", "text_decoder.layers.1", "text_decoder.project"):
        model = small_model().eval()

        def broken(*_: Any, part: str = part) -> Tensor:
            raise RuntimeError(f"broken {part}")

        monkeypatch.setattr(model.get_submodule(part), "forward", broken)
        with pytest.raises(RuntimeError, match=part):
            forward(model, batch_of(1))


def test_answers_hold_what_their_names_say() -> None:
    model = small_model().eval()
    batch = batch_of(2)
    answers = model(batch["image"], batch["tokens"])
    assert isinstance(answers, Answers)
    assert torch.equal(answers.latent, model.encoder(batch["image"]))
    assert torch.equal(answers.image_features, model.text_decoder.project(answers.latent))
