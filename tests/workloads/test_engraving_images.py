"""Image files of every kind to pixels: what drawings may refer to, depths of grey, files that are broken."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared.errors import DataError
from tests.workloads.engraving_cases import small_spec, write_planted
from worker.workloads.engraving.data import load_splits
from worker.workloads.engraving.entries import Entry
from worker.workloads.engraving.rasters import read_image

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'width="64" height="64">{}</svg>'
)
IMAGE = '<image {}="{}" width="64" height="64"/>'


def values_of(path: Path, colors: str = "rgb") -> np.ndarray:
    return np.array(read_image(Entry("1", path.name, "a line", path), 64, colors))


def drawn(folder: Path, text: str) -> np.ndarray:
    (folder / "x.svg").write_text(text, encoding="utf-8")
    return values_of(folder / "x.svg")


def red_png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (20, 20), "red").save(out, format="PNG")
    return out.getvalue()


@pytest.mark.parametrize("href", ["{}", "file://{}", "../elsewhere/secret.png"])
@pytest.mark.parametrize("attribute", ["href", "xlink:href"])
def test_nothing_outside_the_data_root_is_read_by_a_drawing(
    tmp_path: Path, href: str, attribute: str
) -> None:
    root, secret = tmp_path / "root", tmp_path / "elsewhere" / "secret.png"
    write_planted(root)
    secret.parent.mkdir()
    secret.write_bytes(red_png())
    metadata = root / "drawings" / "metadata.json"
    metadata.write_text(metadata.read_text().replace('"0.png"', '"0.svg"'))
    drawing = root / "drawings" / "0.svg"
    drawing.write_text(SVG.format(IMAGE.format(attribute, href.format(secret))))
    with pytest.raises(DataError, match=r"the drawing '0\.svg' refers to .*; embed"):
        load_splits(small_spec(), root)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('<!DOCTYPE svg [<!ENTITY a "/x.png">]>' + SVG.format(IMAGE.format("href", "&a;")), "DOCTYPE"),
        (SVG.format('<filter id="f"><feImage href="/x.png"/></filter>'), r"refers to '/x\.png'"),
        (SVG.format('<use href="other.svg#part"/>'), r"refers to 'other\.svg#part'"),
        (SVG.format("<rect style=\"fill: url( '/x.svg#a')\"/>"), r"refers to"),
        (SVG.format("<style>rect { mask: url(/x.svg#a) }</style>"), r"refers to '/x\.svg#a'"),
        (SVG.format("<style><![CDATA[@import '/x.css';]]></style>"), "refers to"),
        (SVG.format(IMAGE.format("href", "data:image/svg+xml;base64,PHN2Zy8+")), "refers to 'data:image/svg"),
        (SVG.format("<g>" * 1000 + "</g>" * 1000), "nested more than 64 deep"),
        ("<svg", "cannot be read as XML"),
        ("", "cannot be read as XML"),
    ],
)
def test_a_drawing_that_refers_elsewhere_or_is_none_is_refused(
    tmp_path: Path, text: str, sentence: str
) -> None:
    with pytest.raises(DataError, match=f"the drawing 'x.svg' .*{sentence}"):
        drawn(tmp_path, text)


def test_a_drawing_may_refer_to_its_own_parts_and_show_what_is_embedded(tmp_path: Path) -> None:
    embedded = "data:image/png;base64," + base64.b64encode(red_png()).decode()
    assert drawn(tmp_path, SVG.format(IMAGE.format("xlink:href", embedded)))[32, 32].tolist() == [255, 0, 0]
    gradient = '<linearGradient id="g"><stop stop-color="blue"/></linearGradient>'
    filled = SVG.format(
        f'{gradient}<rect id="r" width="32" height="64" fill="url(#g)"/><use href="#r" x="32"/>'
    )
    assert (drawn(tmp_path, filled) == [0, 0, 255]).all()


@pytest.mark.parametrize("name", ["x.png", "x.tif"])
def test_scans_of_16_bits_keep_their_greys(tmp_path: Path, name: str) -> None:
    ramp = np.repeat(np.linspace(0, 65535, 64)[None].round().astype(np.uint16), 64, axis=0)
    Image.fromarray(ramp).save(tmp_path / name)
    values = values_of(tmp_path / name, "grey")[0].astype(int)
    assert np.abs(values - np.linspace(0, 255, 64)).max() <= 1


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_numbers_without_black_and_white_are_refused(tmp_path: Path, kind: type) -> None:
    Image.fromarray(np.ones((64, 64), kind)).save(tmp_path / "x.tif")
    with pytest.raises(DataError, match=r"the image 'x\.tif' has numbers of 32 bits .* 8 or 16 bits"):
        values_of(tmp_path / "x.tif")


def test_a_photograph_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    image = Image.new("L", (64, 32), "white")
    image.paste(0, (0, 0, 16, 32))
    exif = Image.Exif()
    exif[0x112] = 6  # turn a quarter to the right: what was left is above
    image.save(tmp_path / "x.png", exif=exif)
    values = values_of(tmp_path / "x.png", "grey")
    assert (values[:15, 20:44] == 0).all() and (values[17:] == 255).all()


def test_a_small_file_of_many_pixels_is_refused(tmp_path: Path) -> None:
    Image.new("1", (14000, 14000)).save(tmp_path / "x.png")
    with pytest.raises(DataError, match=r"the image 'x\.png' has far too many pixels, more than 120,000,000"):
        values_of(tmp_path / "x.png")
