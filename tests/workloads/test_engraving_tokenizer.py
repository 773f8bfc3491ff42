"""The tokenizer: special tokens, round trips, what is cut, what is saved and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from shared.errors import DataError
from worker.workloads.engraving.tokenizer import END, PAD, START, UNK, Tokenizer, check_rows, words_of

CAPTIONS = (
    "An engraving depicting a woman in a blue dress",
    'An engraving, depicting "a woman," reading.',
    "An engraving depicting a ship; a storm!",
    "a lighthouse",
)


@pytest.fixture
def tokenizer() -> Tokenizer:
    built = Tokenizer(vocab_size=8000, length=100)
    built.build(CAPTIONS)
    return built


def test_the_special_tokens_come_first_and_words_by_frequency(tokenizer: Tokenizer) -> None:
    assert (PAD, START, END, UNK) == (0, 1, 2, 3)
    assert tokenizer.words[:8] == ("<PAD>", "<START>", "<END>", "<UNK>", "a", "an", "depicting", "engraving")
    assert len(tokenizer) == 4 + len({word for caption in CAPTIONS for word in words_of(caption)})


def test_the_seeds_example_comes_back_in_lower_case(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode("An engraving depicting a woman in a blue dress")
    assert tokens.shape == (100,) and tokens.dtype == torch.int64
    assert tokens[0] == START and tokens[10] == END and not tokens[11:].any()
    assert tokenizer.decode(tokens) == "an engraving depicting a woman in a blue dress"


def test_p16_captions_differ_in_tokens_and_come_back(tokenizer: Tokenizer) -> None:
    encoded = tokenizer.batch_encode(CAPTIONS)
    assert encoded.shape == (4, 100)
    assert len({tuple(row.tolist()) for row in encoded}) == 4
    for caption, row in zip(CAPTIONS, encoded, strict=True):
        assert tokenizer.decode(row) == " ".join(words_of(caption))
        assert len(set(row.tolist())) > 3


def test_p17_an_unbuilt_tokenizer_refuses_everything(tmp_path: Path) -> None:
    unbuilt = Tokenizer()
    for attempt in (
        lambda: unbuilt.encode("a"),
        lambda: unbuilt.batch_encode(["a"]),
        lambda: unbuilt.decode([1, 2]),
        lambda: unbuilt.save(tmp_path / "tokenizer.json"),
        unbuilt.digest,
    ):
        with pytest.raises(RuntimeError, match="Tokenizer vocabulary not built"):
            attempt()
    assert not (tmp_path / "tokenizer.json").exists()


def test_p63_punctuation_is_cut_before_words_are_counted(tokenizer: Tokenizer) -> None:
    encoded = tokenizer.batch_encode(CAPTIONS)
    assert not (encoded == UNK).any(), "no training caption has an unknown word where the vocabulary suffices"
    assert "woman," not in tokenizer.words and '"a' not in tokenizer.words
    assert tokenizer.encode("WOMAN!!! ... woman").tolist()[:4] == [
        START,
        *tokenizer.encode("woman woman").tolist()[1:4],
    ]


def test_p64_a_long_caption_keeps_its_end() -> None:
    tokenizer = Tokenizer(length=5)
    tokenizer.build(["one two three four five six"])
    tokens = tokenizer.encode("one two three four five six")
    assert tokens.tolist()[0] == START and tokens.tolist()[-1] == END and len(tokens) == 5
    assert tokenizer.decode(tokens) == "one two three"


def test_p64_decoding_stops_at_the_first_end(tokenizer: Tokenizer) -> None:
    a = tokenizer.encode("a").tolist()[1]
    assert tokenizer.decode([START, a, END, a, a, END]) == "a"
    assert tokenizer.decode(torch.tensor([END, a])) == ""


def test_a_small_vocabulary_keeps_the_most_frequent_words_and_no_more() -> None:
    small = Tokenizer(vocab_size=6)
    small.build(CAPTIONS)
    assert small.words[4:] == ("a", "an")
    tokens = small.encode("a ship").tolist()
    assert tokens[:4] == [START, 4, UNK, END]
    assert small.decode(tokens) == "a <UNK>"


def test_words_that_are_rarer_than_asked_are_left_out() -> None:
    tokenizer = Tokenizer()
    tokenizer.build(CAPTIONS, least_count=3)
    assert tokenizer.words[4:] == ("a", "an", "depicting", "engraving")


def test_the_vocabulary_does_not_depend_on_the_order_of_captions(tokenizer: Tokenizer) -> None:
    other = Tokenizer(8000, 100)
    other.build(CAPTIONS[::-1])
    assert other.words == tokenizer.words and other.digest() == tokenizer.digest()
    other.build([*CAPTIONS, "another"])
    assert other.digest() != tokenizer.digest()


def test_a_saved_vocabulary_says_the_same_when_loaded(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    said = json.loads(path.read_text(encoding="utf-8"))
    assert {"word2idx", "idx2word", "vocab_size"} <= set(said)
    loaded = Tokenizer.load(path)
    assert loaded.words == tokenizer.words and loaded.length == 100 and loaded.vocab_size == 8000
    assert torch.equal(loaded.batch_encode(CAPTIONS), tokenizer.batch_encode(CAPTIONS))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"word2idx": {"<PAD>": 7}}, "word2idx and idx2word do not say the same"),
        ({"vocab_size": 5}, r"has \d+ tokens and says vocab_size 5"),
        ({"idx2word": {"0": "a"}}, "must begin with <PAD>, <START>, <END>, <UNK>"),
        ({"idx2word": {"1": "a"}}, "is no saved vocabulary"),
        ({"vocab_size": "many"}, "is no saved vocabulary"),
    ],
)
def test_a_saved_vocabulary_that_contradicts_itself_is_refused(
    tokenizer: Tokenizer, tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **change}), encoding="utf-8")
    with pytest.raises(DataError, match=sentence):
        Tokenizer.load(path)


def test_a_file_that_is_no_vocabulary_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("[1, 2", encoding="utf-8")
    with pytest.raises(DataError, match=r"tokenizer\.json is no saved vocabulary"):
        Tokenizer.load(tmp_path / "tokenizer.json")
    with pytest.raises(DataError, match="is no saved vocabulary"):
        Tokenizer.load(tmp_path / "nothing.json")


def test_p65_a_model_with_fewer_rows_than_tokens_is_refused_with_both_numbers(tokenizer: Tokenizer) -> None:
    check_rows(tokenizer, len(tokenizer))
    with pytest.raises(DataError, match=rf"the vocabulary has {len(tokenizer)} tokens and the model 10"):
        check_rows(tokenizer, 10)
