"""The final evaluation: scores by hand, generation from seeds, baselines, what is written and refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from shared.errors import DataError
from shared.specs.engraving import ENGRAVING, EngravingGeneration
from shared.specs.footprint import Footprint
from tests.workloads.engraving_cases import pairs, planted_splits, small_spec
from worker.evaluation.bleu import corpus_bleu
from worker.evaluation.frechet import frechet_distance
from worker.evaluation.retrieval import chance_at, recall_at
from worker.workloads.engraving import invention
from worker.workloads.engraving import memory_table as memory
from worker.workloads.engraving.baselines import baselines, spread
from worker.workloads.engraving.evaluation import evaluate
from worker.workloads.engraving.generation import fit_prior, generate, tell
from worker.workloads.engraving.matching import likelihoods
from worker.workloads.engraving.model.multimodal import Multimodal, build_multimodal
from worker.workloads.engraving.pairs import collate
from worker.workloads.engraving.rasters import pixels_of
from worker.workloads.engraving.results import HISTORY
from worker.workloads.engraving.telling import collect
from worker.workloads.engraving.tokenizer import END, PAD, START, UNK, Tokenizer
from worker.workloads.engraving.workload import WORKLOAD
from worker.workloads.interface import Dataset, Evaluation, Splits

CPU = torch.device("cpu")
FIGURES = {"reconstructions", "generated", "retrieval", "training_curves", "memory"}


def run_of(folder: Path, splits: Splits, batch: int = 4, seed: int = 1) -> Evaluation:
    def batches(dataset: Dataset) -> Iterable[Any]:
        return DataLoader(dataset, batch_size=batch, collate_fn=collate)  # type: ignore[arg-type]

    torch.manual_seed(seed)
    return Evaluation(
        spec=small_spec(),
        splits=splits,
        model=WORKLOAD.build_model(small_spec(), splits).eval(),
        device=CPU,
        history={name: [(1, 2.0), (2, 1.0)] for name in HISTORY.values()},
        memory=[{"time": 10.0, "rss_bytes": 3e8}, {"time": 20.0, "rss_bytes": 4e8}],
        facts={"seconds_trained": 60.0, "best_epoch": 2},
        folder=folder,
        batches=batches,
    )


@pytest.fixture(scope="module")
def splits(tmp_path_factory: pytest.TempPathFactory) -> Splits:
    return planted_splits(tmp_path_factory.mktemp("data"))


@pytest.fixture
def run(tmp_path: Path, splits: Splits) -> Evaluation:
    return run_of(tmp_path, splits)


def model_of(run: Evaluation) -> Multimodal:
    assert isinstance(run.model, Multimodal)
    return run.model


def test_bleu_of_the_papers_kind_by_hand() -> None:
    told, truth = ["the", "cat", "the", "cat", "on", "the", "mat"], ["the", "cat", "is", "on", "the", "mat"]
    scores = corpus_bleu([told], [truth])
    assert scores["bleu_1"] == pytest.approx(5 / 7)
    assert scores["bleu_2"] == pytest.approx(math.sqrt(5 / 7 * 3 / 6))
    assert scores["bleu_4"] == 0.0
    assert corpus_bleu([truth], [truth])["bleu_4"] == pytest.approx(1.0)


def test_bleu_counts_over_all_captions_and_punishes_brevity() -> None:
    told, truth = [["a", "ship"], ["a"]], [["a", "ship"], ["a", "red", "bar"]]
    assert corpus_bleu(told, truth)["bleu_1"] == pytest.approx(math.exp(1 - 5 / 3))
    assert corpus_bleu(told, truth)["bleu_3"] is None, "no caption told has three words"
    assert corpus_bleu([[]], [["a"]])["bleu_1"] is None


def test_frechet_distance_is_the_closed_form_for_gaussians() -> None:
    generator = np.random.default_rng(1)
    one = generator.normal(0.0, 1.0, (4000, 3))
    other = generator.normal(0.0, 1.0, (4000, 3)) * np.array([1.0, 2.0, 3.0]) + np.array([1.0, 0.0, 2.0])
    assert frechet_distance(one, other) == pytest.approx(5.0 + (2 - 1) ** 2 + (3 - 1) ** 2, rel=0.05)
    assert frechet_distance(one, one) == pytest.approx(0.0, abs=1e-9)
    few = one[:3]
    assert frechet_distance(few, few) == pytest.approx(0.0, abs=1e-6), "a covariance without full rank"
    with pytest.raises(ValueError, match="two rows"):
        frechet_distance(one[:1], one)


def test_recall_counts_ties_against_the_right_answer() -> None:
    scores = np.array([[3.0, 1.0, 2.0], [1.0, 1.0, 1.0], [0.0, 5.0, 4.0]])
    right = np.eye(3, dtype=bool)
    assert [recall_at(scores, right, first) for first in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert chance_at(right, 1) == pytest.approx(1 / 3) and chance_at(right, 3) == 1.0
    both = np.ones((2, 2), dtype=bool)
    assert recall_at(np.zeros((2, 2)), both, 1) == 1.0 == chance_at(both, 1)


def test_the_same_seed_makes_the_same_pair_in_any_company(run: Evaluation) -> None:
    model, fitted = model_of(run), run.splits.fitted
    prior = fit_prior(torch.randn(8, 16, generator=torch.Generator().manual_seed(3)))
    together = generate(model, prior, fitted.tokenizer, [4, 5, 6], 8)
    (alone,) = generate(model, prior, fitted.tokenizer, [5], 8)
    assert alone.caption == together[1].caption
    assert torch.allclose(alone.image, together[1].image, atol=1e-5)
    assert not torch.allclose(together[0].image, together[1].image, atol=1e-5)
    assert float(alone.image.min()) >= -1.0 and float(alone.image.max()) <= 1.0


def test_new_latents_have_mean_and_covariance_of_the_known() -> None:
    known = torch.randn(50, 4, generator=torch.Generator().manual_seed(1)) * torch.tensor(
        [1.0, 2.0, 0.5, 3.0]
    )
    prior = fit_prior(known + 5.0)
    drawn = torch.stack([prior.draw(seed) for seed in range(4000)])
    torch.testing.assert_close(drawn.mean(0), (known + 5.0).mean(0), rtol=0.05, atol=0.1)
    torch.testing.assert_close(drawn.T.cov(), known.T.cov(), rtol=0.1, atol=0.3)


def test_p64_telling_stops_at_end_and_never_says_pad_or_start(run: Evaluation) -> None:
    model = model_of(run)
    with torch.no_grad():
        model.text_decoder.out.bias[[PAD, START, UNK]] += 50.0
        tokens = tell(model, torch.randn(5, 16), 12, longest=9)
        assert tokens.shape[1] <= 9 and (tokens[:, 0] == START).all()
        for row in tokens.tolist():
            told = row[1 : row.index(END)] if END in row else row[1:]
            assert PAD not in told and START not in told and UNK not in told
            assert END not in row or not any(row[row.index(END) + 1 :])
        model.text_decoder.out.bias[END] += 100.0
        assert tell(model, torch.randn(2, 16), 12, longest=9).tolist() == [[START, END]] * 2


def test_rows_that_stand_for_no_word_are_never_told(run: Evaluation) -> None:
    model = model_of(run)
    with torch.no_grad():
        model.text_decoder.out.bias[12:] += 50.0
    assert int(tell(model, torch.randn(5, 16), 12, longest=9).max()) < 12 < len(model.text_decoder.out.bias)


def test_p4_telling_a_latent_alone_says_what_it_says_among_others(run: Evaluation) -> None:
    latents = torch.randn(4, 16, generator=torch.Generator().manual_seed(2))
    together = tell(model_of(run), latents, 12, 8)
    for row in range(4):
        alone = tell(model_of(run), latents[row : row + 1], 12, 8)[0]
        assert alone.tolist() == together[row, : len(alone)].tolist()


@pytest.mark.parametrize("size", [1, 4])
def test_p4_answers_are_the_same_for_any_batch_size(tmp_path: Path, splits: Splits, size: int) -> None:
    one, other = (collect(run_of(tmp_path, splits, batch=batch)) for batch in (size, 6))
    assert one.captions == other.captions and len(one.captions) == len(pairs(splits.test))
    for name in ("square", "nats", "features", "drawn_features"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-4, atol=1e-6)
    assert one.shown.shape == (6, 3, 64, 64)


def test_likelihoods_are_those_of_the_decoder_less_their_mean(run: Evaluation) -> None:
    told = collect(run)
    scores = likelihoods(model_of(run), told.latents, told.split.tokens)
    assert scores.shape == (6, 6)
    np.testing.assert_allclose(scores.mean(axis=0), 0.0, atol=1e-5)
    own = scores + (-told.nats - scores.diagonal())[None, :]
    np.testing.assert_allclose(own.diagonal(), -told.nats, rtol=1e-5)


def test_baselines_measure_what_they_say(run: Evaluation) -> None:
    train, test = pairs(run.splits.train), pairs(run.splits.test)
    told = baselines(run)
    known = torch.stack([train[at]["image"] for at in range(len(train))])
    asked = torch.stack([test[at]["image"] for at in range(len(test))])
    expected = float((((asked - known.mean(0)) / 2) ** 2).mean())
    assert told["mean_image"]["mse"] == pytest.approx(expected, rel=1e-4)
    assert told["nearest_image"]["mse"] < 2 * expected
    end = float((test.tokens == END).sum() / (test.tokens >= END).sum())
    assert 0.0 < told["commonest_token"]["token_accuracy"] <= 3 * end
    unknown = replace(train, tokens=torch.where(train.tokens > UNK, UNK, train.tokens))
    blind = replace(run, splits=replace(run.splits, train=unknown))
    assert baselines(blind)["commonest_token"]["token_accuracy"] == pytest.approx(end), "UNK is no word"
    assert spread(train, 5).captions == tuple(train.captions[at * len(train) // 5] for at in range(5))


def test_every_frechet_distance_is_between_as_many_images(
    run: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def counted(one: Any, other: Any) -> float:
        seen.append((len(one), len(other)))
        return 1.0

    monkeypatch.setattr(invention, "frechet_distance", counted)
    told = collect(run)
    assert len(pairs(run.splits.train)) > len(told.features) == 6
    distances = invention.invent(run, told).distances
    assert seen == [(6, 6)] * 3 and distances["images"] == 6


def test_an_evaluation_leaves_results_report_figures_and_the_vocabulary(run: Evaluation) -> None:
    results = evaluate(run)
    assert json.loads(json.dumps(results)) == results, "plain JSON"
    assert {path.stem for path in (run.folder / "figures").glob("*.png")} == FIGURES
    loaded = Tokenizer.load(run.folder / "tokenizer.json")
    assert loaded.words == run.splits.fitted.tokenizer.words
    lines = (run.folder / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["caption"] for line in lines] == list(pairs(run.splits.test).captions)
    assert len(list((run.folder / "generated").glob("*.png"))) == 8
    assert results["frechet_encoder_distance"]["generated"] > 0
    assert results["retrieval"]["chance"]["recall_at_1"] > 0
    assert results["published_parameters"] == 108_708_035 != results["total_parameters"]
    assert sum(results["parameters_by_part"].values()) == results["total_parameters"]
    assert results["history"]["val_loss_caption"] == [2.0, 1.0]
    page = (run.folder / "report.md").read_text(encoding="utf-8")
    assert results["memory_by_batch_size"] is None and "There is no estimate: model and data are not" in page
    assert "108,708,035" in page and "held out to the end" in page and "figures/generated.png" in page


def test_the_seeds_of_a_spec_are_made_each_the_same_in_any_company(run: Evaluation, tmp_path: Path) -> None:
    made = {}
    for name, seeds in (("alone", (5,)), ("among", (2**40, *range(9, 0, -1)))):
        spec = run.spec.model_copy(update={"generation": EngravingGeneration(seeds=seeds)})
        results = evaluate(replace(run, spec=spec, folder=tmp_path / name))
        assert [one["seed"] for one in results["generated"]] == list(seeds)
        assert {path.stem for path in (tmp_path / name / "generated").glob("*.png")} == set(map(str, seeds))
        made[name] = pixels_of((tmp_path / name / "generated" / "5.png").read_bytes())
    assert float((made["alone"] - made["among"]).abs().max()) < 0.01  # one of 256 levels


def test_validation_pairs_that_are_evaluated_are_called_so(tmp_path: Path) -> None:
    run = run_of(tmp_path, planted_splits(tmp_path, test_share=0.0))
    assert evaluate(run)["evaluated_split"] == "validation"
    assert "chosen on these very pairs" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_p65_weights_of_another_vocabulary_are_refused_before_they_are_loaded(run: Evaluation) -> None:
    state = run.model.state_dict()
    assert bytes(state["vocabulary"].tolist()) == run.splits.fitted.tokenizer.digest()
    other = Tokenizer(24, 10)
    other.build(["other words"])
    model = build_multimodal(run.spec, run.splits.fitted.rows, other.digest())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(DataError, match="trained with another vocabulary"):
        model.load_state_dict(state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_p67_weights_are_plain_tensors_that_load_as_such(run: Evaluation, tmp_path: Path) -> None:
    torch.save(run.model.state_dict(), tmp_path / "best.pt")
    other = model_of(run_of(tmp_path, run.splits, seed=2))
    other.load_state_dict(torch.load(tmp_path / "best.pt", weights_only=True))
    latents = torch.randn(1, 16)
    assert torch.equal(other.eval().image_decoder(latents), model_of(run).image_decoder(latents))


def test_the_memory_table_grows_with_the_batch_by_what_a_sample_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    footprint = Footprint(1_000_000, fixed_bytes=5, sample_bytes=1_000_000, other_bytes=7)
    monkeypatch.setitem(ENGRAVING.footprints, "smoke", footprint)
    spec = memory._preset("smoke")
    table = memory.memory_table(spec)
    assert table is not None and [row["batch_size"] for row in table] == [8, 16, 32, 64]
    assert table[0]["estimated_gb"] == pytest.approx((16e6 + 12 + 8e6) / 1e9)
    assert table[3]["estimated_gb"] - table[0]["estimated_gb"] == pytest.approx(56e6 / 1e9)
    larger = spec.model_copy(update={"data": spec.data.model_copy(update={"image_size": 128})})
    assert memory.memory_table(larger) is None


@pytest.mark.parametrize("preset", ENGRAVING.presets)
def test_every_preset_has_a_memory_table(preset: str) -> None:
    table = memory.memory_table(memory._preset(preset))
    assert table is not None and len(table) == 4
    assert 0.3 < table[0]["estimated_gb"] < table[3]["estimated_gb"]


def test_the_memory_table_of_the_guide_is_the_estimators() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "workloads.md").read_text(encoding="utf-8")
    told = [
        line.split("|")[2:-1]
        for line in guide.splitlines()
        if line.startswith(
            ("| `production`, batch size", "| GB of host memory, estimated", "| GB of GPU memory, as")
        )
    ]
    sizes, estimated, published = ([float(cell) for cell in row] for row in told)
    table = memory.memory_table(memory._preset("production"))
    assert table is not None
    assert sizes == [row["batch_size"] for row in table]
    assert estimated == [round(row["estimated_gb"], 1) for row in table]
    assert published == [row["published_gpu_gb"] for row in table]
