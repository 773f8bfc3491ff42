"""Captions for the npm package openmoji: what they say, what is left out, and that they can be read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.errors import DataError
from tests.workloads.engraving_cases import pairs, small_spec
from worker.workloads.engraving.data import load_splits
from worker.workloads.engraving.openmoji_captions import caption_of, main, write_captions

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 72">{0}</svg>'
DRAWING = SVG.format('<rect x="{x}" y="9" width="9" height="30"/>')
LEFT_OUT: list[dict[str, Any]] = [
    {"hexcode": "1F44B-1F3FB", "skintone": 1},
    {"hexcode": "1F1E6-1F1E8", "group": "flags"},
    {"hexcode": "1F3FB", "group": "component"},
    {"hexcode": "1F9D4-200D-2642-FE0F"},
]


def entry(**over: Any) -> dict[str, Any]:
    """As the package has them."""
    said = {"annotation": "watch", "tags": "clock, time", "openmoji_tags": "", "skintone": "", "group": "o"}
    return {**said, **over}


def package(root: Path, entries: list[dict[str, Any]]) -> Path:
    """An unpacked package beneath a data root."""
    folder = root / "package"
    (folder / "data").mkdir(parents=True)
    (folder / "color" / "svg").mkdir(parents=True)
    (folder / "data" / "openmoji.json").write_text(json.dumps(entries), encoding="utf-8")
    for at, one in enumerate(entries):
        path = folder / "color" / "svg" / f"{one['hexcode']}.svg"
        path.write_text(DRAWING.format(x=at), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("said", "caption"),
    [
        ({"openmoji_tags": "wrist"}, "watch clock time wrist"),
        ({"tags": "clock, Watch, wrist watch, clock"}, "watch clock wrist"),
        ({"annotation": "man: beard", "tags": "beard, bearded, man"}, "man: beard bearded"),
        ({"tags": 24}, "watch 24"),
        ({"tags": "", "openmoji_tags": ""}, "watch"),
    ],
)
def test_a_caption_is_the_annotation_and_every_other_word_of_the_tags_once(
    said: dict[str, Any], caption: str
) -> None:
    assert caption_of(entry(**said)) == caption


def test_flags_skin_tones_and_joined_drawings_are_left_out(tmp_path: Path) -> None:
    rows = write_captions(package(tmp_path, [entry(hexcode="231A"), *(entry(**one) for one in LEFT_OUT)]))
    assert rows == [{"id": "231A", "filename": "231A.svg", "caption": "watch clock time"}]


def test_the_written_metadata_is_read_as_a_folder_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [entry(hexcode=f"{at:04X}", annotation=f"thing {at}") for at in range(20)]
    folder = package(tmp_path, entries)
    monkeypatch.setattr(sys, "argv", ["openmoji_captions", str(folder)])
    main()
    assert "20 captions of 4.0 words on average" in capsys.readouterr().out
    splits = load_splits(small_spec(data={"path": "package", "images": "color/svg"}), tmp_path)
    assert splits.facts["pairs"] == {"train": 16, "val": 2, "test": 2}
    assert all(caption.endswith("clock time") for caption in pairs(splits.train).captions)


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([], "has no drawing"),
        ([{"hexcode": "231A"}], "must be a list of objects with hexcode, group, annotation"),
        (None, "give the folder that npm's archive holds"),
    ],
)
def test_another_folder_is_refused(tmp_path: Path, entries: list[Any] | None, sentence: str) -> None:
    folder = tmp_path if entries is None else package(tmp_path, entries)
    with pytest.raises(DataError, match=sentence):
        write_captions(folder)
